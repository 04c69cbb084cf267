"""Models of several inputs: their files, and the timelines that they draw."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fleet import FakeEncoder
from input_models import BOTH, input_checkpoint, write_input_model
from tiny_checkpoints import metadata, rewrite, tiny_checkpoint

from vtn_stream.analysis import Analyzer, ChunkReady
from vtn_stream.checkpoints import describe_file, load_checkpoint, save_checkpoint
from vtn_stream.errors import CheckpointError, VideoError
from vtn_stream.report.provenance import how_made
from vtn_stream.settings import Settings
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import shown_words

# ---- files


def test_the_inputs_come_back_from_the_file(tmp_path):
    path = write_input_model(tmp_path / "model.safetensors")
    assert metadata(path)["format"] == 2
    assert metadata(path)["inputs"] == list(BOTH)
    assert load_checkpoint(path).inputs == describe_file(path).inputs == BOTH


def test_a_model_of_pictures_is_written_as_it_always_was(tmp_path, tiny):
    path = tmp_path / "model.safetensors"
    save_checkpoint(tiny_checkpoint(tiny), path)
    assert metadata(path)["format"] == 1
    assert "inputs" not in metadata(path)
    assert "input" not in metadata(path)["recipe"]
    assert load_checkpoint(path).inputs == describe_file(path).inputs == ("picture",)
    # As 0.1.0 wrote it: of this digest.
    assert load_checkpoint(path).digest == metadata(path)["digest"]


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        (["picture", "flow"], "this release does not know the input 'flow'"),
        (["picture", "picture"], "two inputs are the same"),
        ([], "there is no input"),
        ("picture", ""),
        ([1], ""),
        (["change-0/3", "picture"], "does not know the input"),
    ],
)
def test_inputs_that_this_release_does_not_know_are_refused_in_one_line(tmp_path, inputs, why):
    path = write_input_model(tmp_path / "model.safetensors")
    rewrite(path, {**metadata(path), "inputs": inputs})
    for read in (load_checkpoint, describe_file):
        with pytest.raises(CheckpointError, match="its inputs cannot be used") as refused:
            read(path)
        assert why in str(refused.value)
        assert "update vtn-stream" in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_file_of_the_first_version_has_no_inputs(tmp_path):
    path = write_input_model(tmp_path / "model.safetensors")
    rewrite(path, {**metadata(path), "format": 1})
    with pytest.raises(CheckpointError, match="unknown: inputs"):
        load_checkpoint(path)


def test_a_model_whose_columns_are_not_those_of_its_inputs_is_refused():
    checkpoint = input_checkpoint()
    with pytest.raises(ValueError, match="96 columns are not those of 5 inputs"):
        replace(checkpoint, inputs=("picture", *(f"change-{n}" for n in range(1, 5))))
    with pytest.raises(ValueError, match="not that of the picture"):
        replace(checkpoint, recipe=replace(checkpoint.recipe, input="change-1"))


# ---- timelines


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_input_model(tmp_path_factory.mktemp("models") / "moves.safetensors")


def analyzed(film, store, model, encoder=None):
    with Analyzer(Settings(model=model, store=store), encoder=encoder or FakeEncoder()) as analyzer:
        return analyzer.analyze(analyzer.plan(film))


class CountingEncoder(FakeEncoder):
    def __init__(self):
        super().__init__()
        self.num_frames = 0

    def __call__(self, frames):
        self.num_frames += len(frames)
        return super().__call__(frames)


def test_the_timeline_names_the_inputs_of_its_model(film, model, tmp_path):
    made = analyzed(film, tmp_path / "store", model)
    assert made.timeline.provenance["inputs"] == list(BOTH)
    assert "input" not in made.timeline.provenance["recipe"]
    assert ("It is shown", "the picture of each frame, and its change in 1/2 s.") in how_made(
        made.timeline, has_curves=True
    )


def test_what_is_stored_of_one_input_is_used_and_the_other_is_added(film, model, tmp_path):
    whole = analyzed(film, tmp_path / "whole", model)
    with Analyzer(Settings(fps=1, store=tmp_path / "store"), encoder=FakeEncoder()) as scenes:
        scenes.analyze(scenes.plan(film))  # as it was before there were inputs
    encoder = CountingEncoder()
    with Analyzer(Settings(model=model, store=tmp_path / "store"), encoder=encoder) as analyzer:
        plan = analyzer.plan(film)
        assert [chunk.number for chunk in analyzer.missing(plan)] == [0, 1, 2]
        added = analyzer.analyze(plan)
        assert analyzer.missing(plan) == ()
        assert encoder.num_frames == len(added.index)
    assert added.timeline == whole.timeline
    assert np.array_equal(added.scores.frame, whole.scores.frame)


@pytest.mark.parametrize(("fps", "num_notes"), [(1, 1), (8, 0), (25, 0)])
def test_a_film_with_too_few_frames_for_a_change_says_so(film_maker, tmp_path, fps, num_notes):
    film = film_maker(tmp_path / "film.mp4", [(3, 0), (3, 90)], fps=fps)
    made = analyzed(film, tmp_path / "store", write_input_model(tmp_path / "moves.safetensors"))
    notes = [note for note in made.timeline.provenance["notes"] if "to show its change in" in note]
    assert len(notes) == num_notes
    assert all("5 of 6 frames" in note for note in notes)  # the first has no earlier one


def test_scenes_are_found_in_pictures_alone(film, tmp_path):
    with Analyzer(Settings(fps=1, store=tmp_path), encoder=FakeEncoder()) as analyzer:
        made = analyzer.analyze(analyzer.plan(film))
        assert analyzer.inputs == ("picture",)
    assert "inputs" not in made.timeline.provenance
    assert len({path.parts[-2] for path in tmp_path.glob("films/*/*/*")}) == 1


def test_a_model_of_changes_alone_reads_no_picture(film, tmp_path):
    model = write_input_model(tmp_path / "changes.safetensors", ("change-10",))
    made = analyzed(film, tmp_path / "store", model)
    assert made.index.valid.all()
    assert made.timeline.provenance["inputs"] == ["change-10"]
    recipes = {film.manifest["recipe"].get("input") for film in EmbeddingStore(tmp_path / "store").films()}
    assert recipes == {"change-10"}


def test_a_model_is_refused_where_the_network_makes_other_embeddings(film, model, tmp_path):
    class Wide(FakeEncoder):
        num_features = 96

    with pytest.raises(CheckpointError, match=r"width 96, and squares makes 96 for each of 2 inputs"):
        analyzed(film, tmp_path, model, Wide())


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["picture"], "the picture of each frame"),
        (["picture", "change-1/8"], "the picture of each frame, and its change in 1/8 s"),
        (["change-1/8", "change-1/2"], "the change of each frame in 1/8 s and in 1/2 s, and not the picture"),
    ],
)
def test_inputs_are_said_in_words(inputs, words):
    assert shown_words(inputs) == words


# ---- a film that is gone


def test_of_a_film_that_is_gone_the_error_says_which_input_is_missing(film_maker, model, tmp_path):
    film, store = film_maker(tmp_path / "gone.mp4", [(10, 0)]), tmp_path / "store"
    with Analyzer(Settings(fps=1, store=store), encoder=FakeEncoder()) as scenes:
        scenes.analyze(scenes.plan(film))
    film.unlink()
    for _ in range(2):
        with pytest.raises(VideoError, match=r"has its embeddings of picture, not of change-1/2; .* put the film back"):
            analyzed(film, store, model)
    with Analyzer(Settings(fps=1, store=store), encoder=FakeEncoder()) as scenes:
        with pytest.raises(VideoError, match="no such file"):  # it is all there: the plain error says what is wrong
            scenes.plan(film)
        with pytest.raises(VideoError, match="no such file"):
            scenes.plan(tmp_path / "never.mp4")


def test_of_a_film_that_goes_during_the_run_as_well(film_maker, model, tmp_path):
    film, store = film_maker(tmp_path / "gone.mp4", [(10, 0)]), tmp_path / "store"
    with Analyzer(Settings(fps=1, store=store), encoder=FakeEncoder()) as scenes:
        scenes.analyze(scenes.plan(film))
    with Analyzer(Settings(model=model, store=store), encoder=FakeEncoder()) as analyzer:
        plan = analyzer.plan(film)
        film.unlink()
        with pytest.raises(VideoError, match=r"gone\.mp4 is not there any more, .* not of change-1/2"):
            analyzer.analyze(plan)


def test_a_grid_as_fine_as_the_change_decodes_no_frame_twice(film, tmp_path):
    """At 2 positions a second the frame half a second before is the neighbour's."""
    model = write_input_model(tmp_path / "model.safetensors", fps=Fraction(2))
    encoder = CountingEncoder()
    with Analyzer(Settings(model=model, store=tmp_path / "store"), encoder=encoder) as analyzer:
        plan = analyzer.plan(film)
        chunks = [event.chunk for event in analyzer.embed(plan.video, plan.chunks) if isinstance(event, ChunkReady)]
    assert encoder.num_frames == 2 * sum(map(len, chunks))
    assert json.loads(FakeEncoder().recipe(Fraction(2)).to_json())["fps"] == "2"
