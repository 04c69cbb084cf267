"""Films to learn from are embedded, and whatever is wrong with them is told before."""

import os
from fractions import Fraction

import numpy as np
import pytest
from training_material import MODEL, material, process, row, store, table  # noqa: F401  (fixtures among them)

from vtn_stream.embedding import ChunkReady, FramesEmbedded, Warned
from vtn_stream.errors import InputError, VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.training import films as films_module
from vtn_stream.training.events import Prepared
from vtn_stream.training.films import embed_films, work_to_do
from vtn_stream.training.footage import find_films
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.prepare import prepare
from vtn_stream.video import DecodingProcess


def two(name, **facts):
    """Two segments of each of two labels."""
    return [row(name, 4 * n, 4 * n + 3, "run" if n % 2 else "jump", **facts) for n in range(4)]


# ---- embedded


@pytest.fixture
def footage(material, store, process, table):
    return find_films(table(*two("a"), *two("b", source="s"), *two("c")), material, store, process)


PLAN = SamplingPlan(Fraction(2))


def test_films_become_tracks_with_their_clocks(footage, encoder, store, process):
    events = []
    films = embed_films(footage, ["b", "a"], PLAN, encoder, store, process, on_event=events.append)
    assert list(films) == ["b", "a"]
    for name, film in films.items():
        assert film.values.shape == (40, encoder.num_features)
        assert film.values.any(1).all()
        assert film.index.grid_s.tolist() == [k / 2 for k in range(40)]
        assert film.index.valid.all()
        assert film.segments == footage.annotations.videos[name].segments
    assert films["a"].group != films["b"].group
    assert sum(event.num_frames for event in events if isinstance(event, FramesEmbedded)) == 80

    events.clear()
    again = embed_films(footage, ["a"], PLAN, encoder, store, process, on_event=events.append)
    assert [event.source for event in events if isinstance(event, ChunkReady)] == ["store"]
    assert np.array_equal(again["a"].values, films["a"].values)


def test_through_two_inputs_films_have_the_columns_of_both_and_only_what_is_missing_is_embedded(
    footage, encoder, store, process
):
    inputs, events = ("picture", "change-1/2"), []
    alone = embed_films(footage, ["a"], PLAN, encoder, store, process)["a"]
    recipe = encoder.recipe(PLAN.fps)
    assert work_to_do(footage, ["a", "b"], recipe, store, inputs=inputs).num_missing == 80
    films = embed_films(footage, ["a", "b"], PLAN, encoder, store, process, inputs=inputs, on_event=events.append)
    pictures, changes = np.split(films["a"].values, 2, axis=1)
    assert np.array_equal(pictures, alone.values)
    assert changes[1:].any(1).all()
    assert sum(event.num_frames for event in events if isinstance(event, FramesEmbedded)) == 80
    work = work_to_do(footage, ["a", "b"], recipe, store, inputs=inputs)
    assert (work.num_missing, work.num_films_elsewhere) == (0, 0)
    only = embed_films(footage, ["b"], PLAN, encoder, store, process, inputs=inputs[1:])["b"]
    assert np.array_equal(only.values, films["b"].values[:, encoder.num_features :])


def test_the_work_is_known_without_reading_what_is_stored(footage, encoder, store, process):
    names, recipe = ["a", "b", "c"], encoder.recipe(PLAN.fps)

    def work(rate):
        work = work_to_do(footage, names, encoder.recipe(Fraction(rate)), store)
        return work.num_positions, work.num_missing, work.num_films_elsewhere

    assert work(2) == (120, 120, 0)
    embed_films(footage, ["a"], PLAN, encoder, store, process)
    assert work(2) == (120, 80, 0)
    assert work(1) == (60, 60, 1)
    assert recipe.digest in str(next(store.films()).folder)


def test_films_that_cannot_be_decoded_are_named_and_the_others_stored(footage, encoder, store, process, monkeypatch):
    decode = DecodingProcess.windows

    def windows(self, video, *rest):
        if video.path.name != "a.mp4":
            raise VideoError(f"{video.path.name} is broken", "so", "do")
        return decode(self, video, *rest)

    monkeypatch.setattr(DecodingProcess, "windows", windows)
    with pytest.raises(VideoError) as told:
        embed_films(footage, ["b", "a", "c"], PLAN, encoder, store, process)
    assert told.value.fact == "2 of 3 films cannot be used (b.mkv is broken and c.mp4 is broken)"
    assert work_to_do(footage, ["a"], encoder.recipe(PLAN.fps), store).num_missing == 0

    events = []
    films = embed_films(footage, ["b", "a"], PLAN, encoder, store, process, skip_bad=True, on_event=events.append)
    assert list(films) == ["a"]
    assert [event.message[:28] for event in events if isinstance(event, Warned)] == ["left out: b.mkv is broken; s"]
    with pytest.raises(VideoError):
        embed_films(footage, ["b"], PLAN, encoder, store, process, skip_bad=True)


def test_positions_that_cannot_be_decoded_are_told(footage, encoder, store, process, monkeypatch):
    decode = DecodingProcess.windows

    def windows(self, video, *rest):
        for (batch,) in decode(self, video, *rest):
            batch.lost.extend(batch.items[lost:])
            yield [type(batch)(frames=batch.frames[:lost], items=batch.items[:lost], lost=batch.lost, thumbnails={})]

    monkeypatch.setattr(DecodingProcess, "windows", windows)
    events, lost = [], 30
    film = embed_films(footage, ["a"], PLAN, encoder, store, process, on_event=events.append)["a"]
    assert int(film.index.valid.sum()) == 30
    assert not film.values[~film.index.valid].any()
    (warning,) = [event.message for event in events if isinstance(event, Warned)]
    assert warning == "a.mp4: 10 of 40 positions cannot be decoded and are not used"
    lost = 0
    with pytest.raises(VideoError, match=r"no frame of b\.mkv can be decoded"):
        embed_films(footage, ["b"], PLAN, encoder, store, process)


def test_more_than_fits_into_memory_is_refused_at_once(footage, encoder, store, process, monkeypatch):
    monkeypatch.setattr(films_module, "MAX_BYTES", 120 * encoder.num_features * 2 - 1)
    events = []
    with pytest.raises(InputError, match="the 120 positions of the films would take"):
        embed_films(footage, ["a", "b", "c"], PLAN, encoder, store, process, on_event=events.append)
    assert events == []
    assert len(embed_films(footage, ["a"], PLAN, encoder, store, process)) == 1


# ---- all of it


@pytest.fixture
def prepared(material, encoder, store, process):
    """prepared(file) -> (what is learnt from, what was told)"""

    def call(file, folder=material, **options):
        events = []
        asked = TrainingOptions(**({"annotations": file, "videos": folder, "output": MODEL, "fps": 1} | options))
        return prepare(asked, lambda: encoder, store, process, on_event=events.append), events

    return call


def test_what_is_prepared_is_told_before_it_is_embedded(prepared, table, store):
    rows = [*two("a", subset="training"), *two("b", subset="validation"), row("c", subset="test")]
    lesson, events = prepared(table(*rows))
    assert [film.name for film in lesson.films] == ["a", "b"]
    assert lesson.folds == (1, 0)  # what the annotations name validation is a fold of its own
    assert lesson.held_out == ()
    assert lesson.labels == ("jump", "run")
    kinds = [type(event) for event in events]
    (told,) = [event for event in events if isinstance(event, Prepared)]
    assert kinds.index(Prepared) < kinds.index(FramesEmbedded)
    assert (told.num_films, told.num_folds, told.num_held_out, told.num_segments) == (2, 2, 0, 8)
    assert (told.head, told.fps, told.num_positions, told.num_missing) == ("localization", 1, 40, 40)
    assert told.hours == pytest.approx(40 / 3600)
    assert told.notes == lesson.notes
    _, events = prepared(table(*rows), fps=2)
    assert any("2 films stored at another rate" in event.notes[-1] for event in events if isinstance(event, Prepared))


def test_films_that_are_held_out_are_embedded_and_not_learnt(prepared, table):
    rows = [*two("a", subset="training"), *two("c", subset="training"), *two("b", subset="validation")]
    lesson, events = prepared(table(*rows, row("b", 17, 19, "sit", "validation")), hold_out=True)
    assert [film.name for film in lesson.films] == ["a", "c"]
    assert [film.name for film in lesson.held_out] == ["b"]
    assert sorted(lesson.folds) == [0, 1]
    assert {segment.label for segment in lesson.held_out[0].segments} == {"jump", "run"}
    (told,) = [event for event in events if isinstance(event, Prepared)]
    assert (told.num_films, told.num_folds, told.num_held_out) == (2, 2, 1)
    assert any(note.startswith("sit: only in films that are held out") for note in told.notes)
    with pytest.raises(InputError, match="no film can be held out"):
        prepared(table(*two("a"), *two("c")), hold_out=True)


def test_clips_are_learnt_whole(prepared, table):
    lines = ["a.mp4,x", "deep/b.mkv,x", "c.mp4,y", "d.mp4,y"]
    file = table(*lines, header="path,label\n", name="clips.csv")
    lesson, _ = prepared(file)
    assert lesson.head == "classification"
    assert [film.clip_label for film in lesson.films] == ["x", "y", "y", "x"]
    assert len(set(lesson.folds)) == 4
    for film in lesson.films:
        (whole,) = film.segments
        assert (whole.label, whole.start_s, whole.end_s) == (film.clip_label, 0, film.duration_s)


def test_held_out_clips_of_a_label_that_is_not_learnt_are_left_out(prepared, table):
    lines = ["a.mp4,x,training", "deep/b.mkv,y,training", "c.mp4,x,validation", "d.mp4,z,validation"]
    file = table(*lines, header="path,label,subset\n", name="clips.csv")
    lesson, _ = prepared(file, anyway=True, hold_out=True)
    assert [film.name for film in lesson.held_out] == ["c.mp4"]


def test_what_is_left_without_the_films_that_fail_is_checked_again(prepared, table, monkeypatch):
    decode = DecodingProcess.windows

    def windows(self, video, *rest):
        if video.path.name == "b.mkv":
            raise VideoError(f"{video.path.name} is broken", "so", "do")
        return decode(self, video, *rest)

    monkeypatch.setattr(DecodingProcess, "windows", windows)
    file = table(*two("a", subset="training"), *two("b", subset="validation"))
    with pytest.raises(InputError, match="there is one film, so nothing can be chosen"):
        prepared(file, skip_bad=True)
    lesson, _ = prepared(file, skip_bad=True, anyway=True)
    assert ([film.name for film in lesson.films], lesson.folds, lesson.held_out) == (["a"], (0,), ())


def test_a_misspelt_label_is_reported_before_too_little_is(material, store, process, table):
    rows = [row(name, start_s, start_s + 1, "goal") for name in "ab" for start_s in (1, 4, 7)]
    options = TrainingOptions(annotations=table(*rows, row("a", 10, 11, "gaol")), videos=material, output=MODEL)
    events = []
    with pytest.raises(InputError, match="too little data to learn from"):
        prepare(options, lambda: None, store, process, on_event=events.append)
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert any("the label gaol looks like goal, misspelt (1 against 6)" in line for line in warnings), warnings


def test_what_is_wrong_is_told_before_a_network_is_loaded(material, store, process, table):
    def load():
        raise AssertionError("too early")

    with pytest.raises(InputError, match="too little data to learn from"):
        prepare(TrainingOptions(annotations=table(row("a")), videos=material, output=MODEL), load, store, process)
    assert os.listdir(store.root) == ["probes"]
