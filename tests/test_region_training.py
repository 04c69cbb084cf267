"""Timelines of regions of a film as what is learnt from and scored against: each with its own part of the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_windows import write_two

from vtn_stream.checkpoints.training_regions import REGIONS, regions_of
from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.evaluation.evaluate import evaluate
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.region import TRIMMED, Region
from vtn_stream.sampling import SamplingPlan
from vtn_stream.segments import Reviewed, Segment
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Timeline
from vtn_stream.track import WHOLE
from vtn_stream.training.films import embed_films, work_to_do
from vtn_stream.training.footage import find_films
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.regions import looked_at, of_model, recipe_of
from vtn_stream.video import DecodingProcess

LEFT, RIGHT = "0%,0%,50%,100%", "160,0,160,96 of 320x96"
NAMES = ["both.mp4, left", "both.mp4, right"]


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory, process):
    return process.probe(write_two(tmp_path_factory.mktemp("cages") / "both.mp4"))


def of_cage(film, region, label, score=None):
    """What people said of one cage."""
    return Timeline(
        video_path="both.mp4",
        span_s=(0.0, film.duration_s),
        video_identity=film.identity,
        duration_s=film.duration_s,
        region=None if region is None else Region.parse(region),
        segments=(Segment(start_s=0.2, end_s=0.8, label=label, score=score, origin="manual"),),
        reviewed=(Reviewed(start_s=0.0, end_s=film.duration_s),),
        provenance={"analysis": {"kind": "annotations"}},
    )


@pytest.fixture
def said(film, tmp_path):
    """A folder with what people said of both cages."""
    folder = tmp_path / "said"
    folder.mkdir()
    for name, place, label in (("left", LEFT, "drink"), ("right", RIGHT, "sleep")):
        text = timeline_json.dumps(of_cage(film, f"{name}={place}", label))
        (folder / f"both.mp4.{name}.timeline.json").write_bytes(text)
    return folder


def wanted(said, film, **more):
    return TrainingOptions(annotations=said, videos=film.path.parent, output=Path("m.safetensors"), **more)


def test_each_region_is_an_example_of_its_own_and_embedded_alone(said, film, process, tmp_path, encoder):
    store = EmbeddingStore(tmp_path / "store")
    footage = find_films(said, film.path.parent, store, process)
    assert list(footage.videos) == NAMES
    assert f"{NAMES[0]} and {NAMES[1]} are regions of one film: they are kept on one side" in footage.notes
    footage, regions = looked_at(footage, wanted(said, film), None)
    assert regions == dict(zip(NAMES, (LEFT, RIGHT), strict=True))
    plan = SamplingPlan(5)
    films = embed_films(footage, NAMES, plan, encoder, store, process, regions=regions)
    assert [of.region for of in films.values()] == [LEFT, RIGHT]
    assert [[s.label for s in of.segments] for of in films.values()] == [["drink"], ["sleep"]]
    assert not np.array_equal(*(of.values for of in films.values()))
    work = work_to_do(footage, NAMES, encoder.recipe(plan.fps), store, regions=regions)
    assert (work.num_missing, work.num_films_elsewhere) == (0, 0)


def test_timelines_of_another_region_than_is_asked_for_are_left_out_by_name(said, film, process, tmp_path):
    footage = find_films(said, film.path.parent, EmbeddingStore(tmp_path / "store"), process)
    kept, regions = looked_at(footage, wanted(said, film, region="50%,0%,50%,100%"), None)
    assert regions == {NAMES[1]: "50%,0%,50%,100%"}  # the same pixels
    assert list(kept.annotations.videos) == NAMES[1:]
    told = "left out: both.mp4, left: the timelines are about another region of the picture than is asked for"
    assert kept.notes[-1] == told
    with pytest.raises(InputError, match=r"another region .* leave out --region"):
        looked_at(footage, wanted(said, film, trim_borders=True), None)


def test_a_model_of_several_regions_names_none_and_says_which(encoder):
    recipe = encoder.recipe(SamplingPlan(5).fps)
    assert recipe_of(recipe, [LEFT, LEFT]).region == LEFT
    assert recipe_of(recipe, [LEFT, RIGHT]).region == WHOLE
    assert of_model([LEFT, LEFT], None) == {}
    training = of_model([LEFT, RIGHT, TRIMMED], None)
    assert regions_of(training, recipe) == {LEFT, RIGHT, TRIMMED}
    for unknown in ({}, {REGIONS: "all"}, {REGIONS: [1]}, {REGIONS: ["1,2"]}):
        assert regions_of(unknown, replace(recipe, region=LEFT)) == {LEFT}


def test_predictions_of_regions_are_scored_against_the_same_regions(said, film):
    predicted = [of_cage(film, f"left={LEFT}", "drink", 1.0), of_cage(film, f"right={RIGHT}", "sleep", 1.0)]
    asked = {"metrics": ("detection",), "tious": (0.5,)}
    assert evaluate(predicted, said, **asked).to_dict()["detection"]["average_map"] == 1
    other = [replace(predicted[0], region=predicted[1].region), replace(predicted[1], region=predicted[0].region)]
    assert evaluate(other, said, **asked).to_dict()["detection"]["average_map"] == 0


def test_the_only_region_is_scored_against_annotations_that_name_its_film(film, tmp_path):
    (tmp_path / "truth.csv").write_text("video,start_s,end_s,label\nboth.mp4,0.2,0.8,drink\n")
    scores = evaluate(of_cage(film, f"left={LEFT}", "drink", 1.0), tmp_path / "truth.csv", metrics=("detection",))
    assert scores.to_dict()["detection"]["average_map"] == 1
    assert "both.mp4, left is scored against the annotations of both.mp4, which name no region of it." in (scores.notes)


def test_a_changed_table_of_a_region_is_refused(said):
    (said / "both.mp4.left.timeline.csv").write_text("video,start_s,end_s,label\nboth.mp4,0.2,0.8,eat\n")
    with pytest.raises(AnnotationError) as caught:
        read_annotations(said)
    assert "a table does not say that it is about" in str(caught.value.problems)
