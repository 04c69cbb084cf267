"""What a card and a checkpoint say of a training: the same figures, and no name of a film in the checkpoint."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from planted import LABELS, clips, films

from vtn_stream.sampling import SamplingPlan
from vtn_stream.track import Recipe
from vtn_stream.training import learn as learning
from vtn_stream.training.describe import card_facts, provenance
from vtn_stream.training.prepare import Material
from vtn_stream.training.ways import ways_of
from vtn_stream.training.write import write

RECIPE = Recipe(backbone="b", weights="w", fps=Fraction(4), size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)


def taught(head, some, held_out=()):
    """A material, and what a model learns of it in an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "ways_of", lambda inputs, head: ways_of(inputs, head)[:1])
        material = Material(
            films=tuple(some),
            folds=tuple(n % 2 for n in range(len(some))),
            held_out=tuple(held_out),
            labels=LABELS,
            head=head,
            plan=SamplingPlan(Fraction(4)),
            notes=("one note",),
        )
        return material, learning.learn(material, seed=0, epochs=1, backbone="b")


@pytest.fixture(scope="module")
def dense():
    return taught("dense", films(range(4)), films([8, 9]))


def test_the_checkpoint_has_the_figures_out_of_fold_with_their_intervals(dense):
    material, learnt = dense
    said = provenance(material, learnt)
    assert said["figures"] == {name: round(share, 4) for name, share in learnt.exam.figures.items()}
    assert set(said["intervals"]) <= set(said["figures"])
    low, high = said["intervals"]["frame accuracy"]
    assert 0 <= low <= said["figures"]["frame accuracy"] <= high <= 1
    assert said["measured"] | {"five_new_films": None} == {
        "how": "out of fold",
        "folds": 2,
        "films": 4,
        "sources": 4,
        "five_new_films": None,
    }
    of_five = said["measured"]["five_new_films"]["frame accuracy"]
    assert of_five[0] <= low
    assert high <= of_five[1]
    assert said["training"]["num_films"] == 4
    assert "validation" not in said
    assert 0 <= said["baselines"]["most frequent label"]["frame accuracy"] <= 1
    assert sum(said["calibration"]["counts"]) == sum(film.index.valid.sum() for film in material.films)


def test_films_that_were_held_out_have_figures_of_their_own(dense):
    material, learnt = dense
    said = provenance(material, learnt)["held_out"]
    assert (said["num_films"], said["films"]) == (2, 2)
    assert said["figures"]["frame accuracy"] == pytest.approx(learnt.held_out.figures["frame accuracy"], abs=1e-4)
    facts = card_facts(material, learnt, RECIPE, Path("m.safetensors"), ())
    assert (facts.held_out.num_films, facts.held_out.num_folds) == (2, 0)
    assert [split.name for split in facts.splits] == ["training", "held out"]


def test_a_checkpoint_names_no_film_and_the_card_does(dense):
    material, learnt = dense
    text = json.dumps(provenance(material, learnt), allow_nan=False)
    names = [film.name for film in material.films]
    assert not any(name in text for name in names)
    facts = card_facts(material, learnt, RECIPE, Path("m.safetensors"), ())
    assert sorted(film.name for film in facts.measured.films) == sorted(names)


def test_the_learning_curve_ends_with_the_figure_of_the_card(dense):
    material, learnt = dense
    assert learnt.curve.figures[-1] == learnt.exam.figures["frame accuracy"]
    assert learnt.curve.num_films[-1] == 2  # of four films in two folds
    assert provenance(material, learnt)["learning_curve"]["films"] == list(learnt.curve.num_films)


def test_pictures_are_written_and_named_in_the_card(dense, tmp_path):
    material, learnt = dense
    pictures = write(material, learnt, RECIPE, tmp_path / "m.safetensors")
    names = {file.name for file in pictures}
    assert {"reliability.svg", "learning-curve.svg", "timelines.svg", "confusion-of-frames.svg"} <= names
    card = (tmp_path / "m.md").read_text()
    assert all(f"](m.plots/{name})" in card for name in names)


def test_of_one_film_nothing_is_measured_and_the_card_says_so():
    material, learnt = taught("classification", clips([0, 1])[:1])
    assert provenance(material, learnt)["figures"] == {}
    assert "intervals" not in provenance(material, learnt)
    assert card_facts(material, learnt, RECIPE, Path("m.safetensors"), ()).measured is None
