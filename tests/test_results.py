"""Where results go: side by side, and never over another film's."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vtn_stream.errors import DamagedFile, TimelineError
from vtn_stream.film import FrameIndex
from vtn_stream.results import ResultFiles, load_timeline
from vtn_stream.store import read_scores, write_scores
from vtn_stream.store.arrow_file import write_batch
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores, Spans

TIMELINE = Timeline(
    video_identity="c0ffee",
    video_path="film.mp4",
    duration_s=2.0,
    span_s=(0.0, 2.0),
    segments=(Segment(start_s=0, end_s=2, label="A", score=1.0),),
)
OTHER = replace(TIMELINE, video_identity="decaf")
INDEX = FrameIndex(grid_s=np.arange(2.0), frame=np.arange(2), pts_s=np.arange(2.0), valid=np.ones(2, bool))
SCORES = GridScores(frame=np.ones((2, 1), np.float16))


def files_of(folder, film="film.mp4", formats=("json", "csv")):
    return ResultFiles(folder, Path(film), formats)


def save(files, timeline=TIMELINE):
    files.save(timeline, SCORES, INDEX, ("A",))


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_results_lie_side_by_side(tmp_path):
    files = files_of(tmp_path / "made" / "for it")
    files.claim("c0ffee")
    assert os.listdir(tmp_path / "made" / "for it") == []  # claiming leaves nothing
    files.save_partial(replace(TIMELINE, complete=False))
    assert not load_timeline(files.partial).complete
    save(files)
    names = ["film.mp4.scores.arrow", "film.mp4.timeline.csv", "film.mp4.timeline.json"]
    assert sorted(os.listdir(tmp_path / "made" / "for it")) == names
    assert load_timeline(files.timelines["json"]) == TIMELINE
    assert read_scores(files.scores)[2] == ("A",)


def test_json_is_always_written_and_every_format_once(tmp_path):
    assert [*files_of(tmp_path, formats=[]).timelines] == ["json"]
    assert [*files_of(tmp_path, formats=["csv", "csv", "json"]).timelines] == ["json", "csv"]


def test_the_same_film_may_replace_its_own_results(tmp_path):
    files = files_of(tmp_path)
    for _ in range(2):
        files.claim("c0ffee")
        files.save_partial(TIMELINE)
        save(files)
    files.claim("c0ffee")


@pytest.mark.parametrize("before", ["all", "partial", "csv", "scores"])
def test_results_of_another_film_are_kept_unless_they_are_to_be_overwritten(tmp_path, before):
    files = files_of(tmp_path)
    if before == "partial":
        files.save_partial(OTHER)
    else:
        save(files, OTHER)
    if before in {"csv", "scores"}:
        files.timelines["json"].unlink()
        (files.scores if before == "csv" else files.timelines["csv"]).unlink()
    kept = contents(tmp_path)
    with pytest.raises(TimelineError, match="exists already and is not this film's"):
        files.claim("c0ffee")
    assert contents(tmp_path) == kept
    files.claim("c0ffee", overwrite=True)
    save(files)
    assert load_timeline(files.timelines["json"]) == TIMELINE


@pytest.mark.parametrize("text", ["", "mine", "{}", "[" * 100_000])
def test_a_file_that_is_not_ours_is_kept(tmp_path, text):
    files = files_of(tmp_path)
    files.timelines["json"].write_text(text)
    with pytest.raises(TimelineError, match=r"film\.mp4\.timeline\.json exists already"):
        files.claim("c0ffee")
    assert files.timelines["json"].read_text() == text


def test_two_films_of_one_name_do_not_mix(tmp_path):
    save(files_of(tmp_path, "a/clip.mp4"))
    with pytest.raises(TimelineError, match="is not this film's"):
        files_of(tmp_path, "b/clip.mp4").claim("decaf")
    files_of(tmp_path, "a/clip.mkv").claim("decaf")
    files_of(tmp_path, "copy of a/clip.mp4").claim("c0ffee")


def test_claiming_touches_no_file_of_anybody(tmp_path):
    (tmp_path / ".film.mp4.timeline.partial.json").write_text("mine")
    files_of(tmp_path).claim("c0ffee")
    assert contents(tmp_path) == {".film.mp4.timeline.partial.json": b"mine"}


def test_a_folder_that_is_a_file_is_a_timeline_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(TimelineError, match="nothing can be written to"):
            files_of(folder).claim("c0ffee")
    assert contents(tmp_path) == {"file": b"mine"}


def test_a_folder_that_cannot_be_written_is_told_before_the_work(read_only_folder):
    for folder in (read_only_folder, read_only_folder / "below"):
        with pytest.raises(TimelineError, match=r"nothing can be written to .* \(Permission denied\)"):
            files_of(folder).claim("c0ffee")


def test_a_folder_in_the_place_of_a_file_is_a_timeline_error(tmp_path):
    files = files_of(tmp_path)
    files.timelines["csv"].mkdir()
    with pytest.raises(TimelineError, match=r"film\.mp4\.timeline\.csv exists already"):
        save(files)


@pytest.mark.parametrize(
    ("film", "stem"),
    [  # what cannot be kept ends in ~ and 12 digits; 200 bytes in all
        ("film.mp4", "film.mp4"),
        ("archive.tar.mp4", "archive.tar.mp4"),
        ("no suffix", "no suffix"),
        (".hidden", ".hidden"),
        ("[/final] cut.mp4", "final] cut.mp4"),
        ("two\nlines.mp4", "two_lines.mp4~"),
        ("\x1b[31mred.mp4", "_[31mred.mp4~"),
        ("-rf.mp4", "-rf.mp4"),
        ("🎬.mp4", "🎬.mp4"),
        ("a\udcff.mp4", "a\ufffd.mp4~"),
        ("a\0b.mp4", "a\ufffdb.mp4~"),
        ("a\ud800b.mp4", "a\ufffdb.mp4~"),
        ("", "film"),
        ("n" * 251 + ".mp4", "n" * 187 + "~"),
        ("é" * 125 + ".mp4", "é" * 93 + "~"),
        ("🎬" * 62 + ".mp4", "🎬" * 46 + "~"),
        ("n" * 199 + "é.mp4", "n" * 187 + "~"),
        ("\udcff" * 250 + ".mp4", "\ufffd" * 62 + "~"),
    ],
)
def test_any_film_name_gives_files_that_can_be_written(tmp_path, film, stem):
    files = files_of(tmp_path, film)
    files.claim("c0ffee")
    files.save_partial(TIMELINE)
    save(files)
    name = files.timelines["json"].name
    assert re.fullmatch(re.escape(stem) + "[0-9a-f]{12}" * stem.endswith("~") + re.escape(".timeline.json"), name)
    assert len(os.listdir(tmp_path)) == 3
    assert load_timeline(files.timelines["json"]) == TIMELINE


def test_a_batch_says_what_its_results_are_called(tmp_path):
    files = ResultFiles(tmp_path, Path("film.mp4"), stem="film.mp4~0123456789ab")
    assert files.timelines["json"].name == "film.mp4~0123456789ab.timeline.json"
    assert files.scores.name == "film.mp4~0123456789ab.scores.arrow"


# ---- reading


@pytest.mark.parametrize("what", ["missing", "folder", "text", "binary", "other json"])
def test_what_is_no_timeline_is_a_timeline_error_that_names_it(tmp_path, what):
    path = tmp_path / "x.timeline.json"
    if what == "folder":
        path.mkdir()
    elif what != "missing":
        path.write_bytes({"text": b"hello", "binary": b"\xff\0", "other json": b'{"a": 1}'}[what])
    with pytest.raises(TimelineError, match=r"x\.timeline\.json"):
        load_timeline(path)


def test_a_file_too_large_for_a_timeline_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("vtn_stream.results.timelines.MAX_TIMELINE_BYTES", 1000)
    (tmp_path / "x.json").write_bytes(b" " * 1001)
    with pytest.raises(TimelineError, match="too large"):
        load_timeline(tmp_path / "x.json")


def test_a_run_that_was_killed_while_it_saved_is_not_in_its_own_way(tmp_path):
    files = files_of(tmp_path)
    save(files)
    files.timelines["json"].unlink()  # the last one to be written
    files_of(tmp_path).claim(TIMELINE.video_identity)


def test_another_run_that_came_first_is_not_overwritten(tmp_path):
    one, other = files_of(tmp_path), files_of(tmp_path)
    one.claim(TIMELINE.video_identity)
    other.claim("another film")  # nothing is there yet
    save(one)
    with pytest.raises(TimelineError, match="is not this film's"):
        other.save_partial(replace(TIMELINE, video_identity="another film"))
    assert load_timeline(one.timelines["json"]) == TIMELINE


def test_no_film_has_a_timeline_where_another_has_its_partial_one(tmp_path):
    partial = ResultFiles(tmp_path, Path("x.mp4")).partial
    for name in ("x.partial.mp4", "x.timeline.mp4", "x.timeline.partial.mp4", "x.timeline.partial.json"):
        assert partial not in ResultFiles(tmp_path, Path(name)).timelines.values()


# ---- what a stranger's file of scores may hold


@pytest.mark.parametrize("num", [0, 1, 500])
def test_spans_come_back_as_they_were_written(tmp_path, num):
    rng = np.random.default_rng(0)
    start = rng.uniform(-9, 1e6, num)
    spans = Spans(
        bounds=np.stack([start, start + rng.uniform(0, 99, num)], 1),
        classes=rng.integers(0, 2, num),
        scores=np.sort(rng.uniform(0.001, 1, num))[::-1],
    )
    path = tmp_path / "s.arrow"
    write_scores(path, replace(SCORES, spans=spans), INDEX, ("A", "B"), "c0ffee")
    back, _, _ = read_scores(path)
    np.testing.assert_allclose(back.spans.bounds, spans.bounds, rtol=0, atol=6e-4)
    np.testing.assert_allclose(back.spans.scores, spans.scores, rtol=0, atol=6e-6)
    assert back.spans.classes.tolist() == spans.classes.tolist()
    write_scores(tmp_path / "again.arrow", back, INDEX, ("A", "B"), "c0ffee")
    assert (tmp_path / "again.arrow").read_bytes() == path.read_bytes()


def written(path, fields=None, columns=None):
    """A file of scores whose checksum is right, whatever it holds."""
    rows = {"grid_s": pa.array([0.0, 1.0]), "valid": pa.array([True, True])} | (columns or {})
    metadata = {"video": "c0ffee", "labels": ["A", "B"], "clip": None, "spans": None} | (fields or {})
    write_batch(path, "scores", pa.record_batch({k: v for k, v in rows.items() if v is not None}), metadata)
    return path


def test_a_file_without_spans_has_none(tmp_path):
    assert read_scores(written(tmp_path / "s.arrow"))[0].spans is None


def one_span(**fields):
    return {"spans": {"bounds": [[0, 1]], "classes": [0], "scores": [0.5]} | fields}


@pytest.mark.parametrize(
    "fields",
    [
        one_span(bounds=[[1, 0]]),
        one_span(bounds=[[0, float("nan")]]),
        one_span(bounds=[[0, float("inf")]]),
        one_span(bounds=[[0, 10**400]]),
        one_span(bounds=[[0, 1, 2]]),
        one_span(bounds=[["0", "1"]]),
        one_span(bounds=[[0, True]]),
        one_span(bounds=[0, 1]),
        one_span(bounds=[[0, 1], [0, 1]]),
        one_span(bounds=None),
        one_span(classes=[2]),
        one_span(classes=[-1]),
        one_span(classes=[0.5]),
        one_span(classes=[True]),
        one_span(scores=[1.5]),
        one_span(scores=[-0.5]),
        one_span(scores=[None]),
        {"spans": {"bounds": [[0, 1], [0, 1]], "classes": [0, 0], "scores": [0.25, 0.5]}},
        {"spans": [1, 2]},
        {"spans": {}},
        {"labels": None},
        {"labels": "AB"},
        {"labels": [1, 2]},
        {"clip": ["much"]},
        {"clip": {"A": 1}},
    ],
    ids=repr,
)
def test_nonsense_in_a_stranger_s_scores_is_damage(tmp_path, fields):
    assert read_scores(written(tmp_path / "s.arrow", one_span()))[0].spans.bounds.tolist() == [[0, 1]]
    with pytest.raises(DamagedFile, match=r"s\.arrow does not hold scores") as told:
        read_scores(written(tmp_path / "s.arrow", fields))
    assert str(tmp_path) not in str(told.value)


@pytest.mark.parametrize(
    "columns",
    [
        {"grid_s": None},
        {"valid": None},
        {"grid_s": pa.array(["0", "1"])},
        {"grid_s": pa.array([0.0, None])},
        {"valid": pa.array([True, None])},
        {"valid": pa.array([1.0, 1.0])},
        {"saliency": pa.array([0.5, 0.5])},
        {"saliency": pa.array(["a", "b"])},
        {"frame": pa.array([0.5, 0.5])},
        {"frame": pa.array([[0.5], [0.5]])},
        {"frame": pa.array([[0.5], [0.5]], pa.list_(pa.float64(), 1))},
        {"frame": pa.array([[np.float16(0.5)], None], pa.list_(pa.float16(), 1))},
    ],
    ids=lambda columns: " ".join(f"{name} {getattr(column, 'type', None)}" for name, column in columns.items()),
)
def test_columns_of_another_kind_are_damage(tmp_path, columns):
    with pytest.raises(DamagedFile, match=r"s\.arrow does not hold scores"):
        read_scores(written(tmp_path / "s.arrow", columns=columns))


def test_where_the_timeline_is_the_other_files_are(tmp_path, monkeypatch):
    """It is written last: a run that dies meanwhile is no finished one."""
    files = files_of(tmp_path, formats=("csv", "vtt"))
    written = []

    def notes(path, content):
        written.append(path.name)

    monkeypatch.setattr("vtn_stream.results.files.write", notes)
    save(files)
    first, *others, last = written
    assert (first, last) == ("film.mp4.timeline.partial.json", "film.mp4.timeline.json")
    assert sorted(others) == ["film.mp4.scores.arrow", "film.mp4.timeline.csv", "film.mp4.timeline.vtt"]
