"""Labels that are instants, in a checkpoint's file and in what a timeline says of its model."""

from dataclasses import replace

import pytest
import torch
from test_checkpoint_file import forge
from tiny_checkpoints import LABELS, backbone, metadata, model, saved, tiny_checkpoint  # noqa: F401  (fixtures)

from vtn_stream.checkpoints import load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.described import describe_file
from vtn_stream.errors import CheckpointError
from vtn_stream.model import VTN, LocalizationConfig
from vtn_stream.scorers.model import model_provenance


@pytest.fixture
def spotter(model):
    head = LocalizationConfig(num_classes=3, num_levels=2, tower_width=8)
    config = replace(model.config, head=head)
    torch.manual_seed(0)
    return replace(model, config=config, tensors=VTN(config).state_dict(), instants=LABELS[1:])


@pytest.fixture
def file(spotter, tmp_path):
    path = tmp_path / "spotter.safetensors"
    save_checkpoint(spotter, path)
    return path


def test_instants_come_back_and_without_them_a_file_is_of_version_1(file, saved):
    assert load_checkpoint(file).instants == describe_file(file).instants == LABELS[1:]
    assert (metadata(file)["format"], metadata(saved)["format"]) == (2, 1)
    assert "instants" not in metadata(saved)
    assert load_checkpoint(saved).instants == ()


@pytest.mark.parametrize("wrong", [None, "walk", [1], ["unknown"], [LABELS[0], LABELS[0]]])
def test_instants_that_are_not_labels_are_refused(file, wrong):
    forge(file, {**metadata(file), "instants": wrong})
    with pytest.raises(CheckpointError, match="instant") as caught:
        load_checkpoint(file)
    assert "checksum" not in str(caught.value)


def test_heads_whose_segments_last_have_no_instants(model):
    with pytest.raises(ValueError, match="what the head finds has a length, but some labels are instants"):
        replace(model, instants=LABELS[:1])


def test_a_timeline_names_them(spotter, model):
    assert model_provenance(spotter)["instants"] == list(LABELS[1:])
    assert "instants" not in model_provenance(model)
