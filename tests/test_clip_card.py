"""The card of a model that was trained on clips end to end."""

import pytest

from vtn_stream.report.clip_card import ClipCardFacts, LabelFacts, clip_model_card


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ("all", "2021): the image network r, the encoder with attention over time and the head learnt together"),
        (2, "the image network r, its last 2 blocks, the encoder"),
        ("norms", "the image network r, of which only the norms learnt, the encoder"),
        (0, "the head learnt, from pixels; the image network r stayed as it was."),
    ],
)
def test_it_says_which_parts_learnt(blocks, said):
    facts = ClipCardFacts(
        name="m.safetensors",
        recipe="paper",
        network="r",
        backbone="r",
        source="file",
        num_frames=16,
        seconds=5.12,
        fps=3.125,
        size=224,
        labels=(LabelFacts(label="a", num_clips=3), LabelFacts(label="b", num_clips=4)),
        num_clips=7,
        settings={"backbone.blocks": blocks},
    )
    assert said in clip_model_card(facts)
