"""vtn-stream batch --join auto, with a batch that only tells: what is shown of recordings, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from told_batch import events_of, faked, films, here, rows  # noqa: F401  (fixtures among them)

from vtn_stream.joining import JoinedFiles
from vtn_stream_pipelines.messages import FilmsApart, RecordingFound


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


@pytest.fixture
def found(faked):
    """The batch finds that the first two films are a recording, and that the others are not."""

    def events(listed):
        films = [*listed]
        paths = (films[0].path, films[1].path)
        joined = JoinedFiles(
            name="match", paths=paths, starts=None, duration_s=150.0, reasons=("their names say parts",)
        )
        recording = replace(films[0], name="films/match", results="films/match", parts=paths)
        yield RecordingFound(film=recording, files=(films[0].name, films[1].name), found=joined)
        yield FilmsApart(files=(films[2].name, films[3].name), why="chapter 2 is missing")
        for film in (recording, *films[2:]):
            yield from events_of(film)

    faked.events = events
    return faked


def test_recordings_are_shown_with_the_reasons_and_counted_as_one_film(here, films, found):
    code, out, err = here("batch", "films", "-o", "out", "--join", "auto")
    assert (code, found.arguments["join"]) == (0, True)
    assert "films/match = 0.mp4 + 1.mp4, 2 min\n  because their names say parts\n" in out
    assert "not joined: films/2.mp4 + films/3.mp4: chapter 2 is missing" in err
    assert (rows(out)["films done"], json.loads(Path("out/run.json").read_text())["films"]["listed"]) == ("3", 3)


def test_json_lines_tell_of_them(here, films, found):
    code, out, err = here("batch", "films", "-o", "out", "--join", "auto", "--json-log")
    lines = {line["event"]: line for line in map(json.loads, out.splitlines())}
    assert (code, "joined" in err) == (0, False)
    assert lines["recording_found"]["files"] == ["films/0.mp4", "films/1.mp4"]
    assert lines["films_apart"] == {
        "event": "films_apart",
        "films": ["films/2.mp4", "films/3.mp4"],
        "reason": "chapter 2 is missing",
    }


def test_without_the_option_nothing_is_joined(here, films, faked):
    assert here("batch", "films", "-o", "out")[0] == 0
    assert faked.arguments["join"] is False


@pytest.mark.parametrize("other", [["--limit", "3"], ["--retry-failed"], ["--anonymous"]])
def test_what_would_cut_recordings_apart_is_refused(here, films, faked, other):
    code, _, err = here("batch", "films", "-o", "out", "--join", "auto", *other)
    assert (code, faked.films) == (2, None)
    assert f"--join does not go with {other[0]}" in err
