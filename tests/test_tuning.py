"""Settings for an image network that learns from films follow from those with which the rest has learnt."""

from types import SimpleNamespace

import numpy as np
import pytest

from vtn_stream.backbone import last_blocks, passes_over, trainable
from vtn_stream.model import ClassificationConfig, EncoderConfig
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.tuning import tuning


def tuned(name, *, blocks, labels=("wave", "clap")):
    settings = Hyperparameters(
        encoder=EncoderConfig(
            input_width=8, width=8, num_heads=1, feedforward_width=8, attention_windows=(2,), positions="none"
        ),
        head=ClassificationConfig(num_classes=len(labels)),
        crop_positions=16,
        batch_size=8,
        num_epochs=10,
    )
    films = [SimpleNamespace(values=np.zeros((16, 8), np.float16))]
    return tuning(settings, films, labels, blocks, names_clips=True, seed=0, passes_over=passes_over(name)).backbone


@pytest.mark.parametrize(("name", "drop_path"), [("test_vit", 0.1), ("ghostnet_050", 0.0)])
def test_any_network_can_learn_from_films_even_one_without_blocks_to_pass_over(name, drop_path):
    learning = tuned(name, blocks=last_blocks(name))
    assert learning.drop_path == drop_path
    assert learning.piece  # memory does not grow with the crop
    backbone = trainable(name, None, size=64, blocks=learning.blocks, drop_path=learning.drop_path, random=True)
    assert any(parameter.requires_grad for parameter in backbone.parameters())


def test_clips_whose_labels_name_a_side_are_not_mirrored():
    assert tuned("test_vit", blocks="all").augmentation.flip > 0
    assert tuned("test_vit", blocks="all", labels=("turn left", "turn right")).augmentation.flip == 0
