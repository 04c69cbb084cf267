"""A folder with a file for each film: how films are named, which of two files counts, and what leads to `convert`."""

import dataclasses
import hashlib
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from training_material import material, process, store  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, UnknownFormat
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.training.footage import find_films

TIMELINE = Timeline(
    video_identity="c0ffee",
    video_path="a.mp4",
    duration_s=20.0,
    span_s=(0.0, 20.0),
    segments=(Segment(start_s=1, end_s=2, label="run", score=0.5), Segment(start_s=3, end_s=4, label="jump")),
)


def content(format):
    return FORMATS[format].write([TIMELINE], Options()).content


@pytest.fixture
def folder(tmp_path):
    """folder({"a.csv": ...}) -> a folder of such files."""

    def write(files):
        for name, text in files.items():
            file = tmp_path / "ann" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "ann"

    return write


def read(path):
    found = read_annotations(path)
    segments = {name: [(s.start_s, s.end_s, s.label) for s in film.segments] for name, film in found.videos.items()}
    return segments, [text for _, text in found.warnings]


@pytest.mark.parametrize("format", [name for name in FORMATS if name not in ("json", "csv", "tsv", "xlsx")])
def test_what_export_made_of_a_timeline_beside_it_says_nothing_more(folder, format):
    by_hand = tuple(dataclasses.replace(s, origin="manual") for s in TIMELINE.segments)
    corrected = dataclasses.replace(TIMELINE, segments=by_hand)
    made = FORMATS[format].write([corrected], Options()).content
    files = {"a.timeline.json": timeline_json.dumps(corrected), f"a.timeline{FORMATS[format].suffix}": made}
    assert read(folder(files)) == ({"a.mp4": [(1, 2, "run"), (3, 4, "jump")]}, [])


def test_a_table_without_a_film_tells_of_the_film_that_it_is_called_as(folder):
    bare = "start_s,end_s,label\n1,2,goal\n"
    named = "video,start_s,end_s,label\nc.mp4,1,2,goal\n"
    losslesscut = "1.5,2.5,goal\n3,4,corner\n"
    found, warnings = read(
        folder({"a.csv": bare, "b.tsv": bare.replace(",", "\t"), "x.csv": named, "d.csv": losslesscut})
    )
    assert found == {
        "a": [(1, 2, "goal")],
        "b": [(1, 2, "goal")],
        "c.mp4": [(1, 2, "goal")],
        "d": [(1.5, 2.5, "goal"), (3, 4, "corner")],
    }
    assert "in 2 of 4 files no column names the film, so the file does: a.csv is about a" in warnings
    assert sum("read as start and end in seconds" in warning for warning in warnings) == 1


def test_what_is_wrong_is_told_with_its_file_and_what_is_passed_over_is_named(folder):
    path = folder({"a.csv": "start_s,end_s,label\n1,2,goal\n5,x,goal\n", "notes.srt": "1\n", "b.csv": "1.5,2.5,goal\n"})
    with pytest.raises(AnnotationError) as error:
        read(path)
    assert [text for _, text in error.value.problems] == ["a.csv: a: its end is x, not a number of seconds"]
    (path / "a.csv").unlink()
    assert "notes.srt ignored: in no format that is read here" in read(path)[1]


def written(**digests):
    """A timeline and its table, as an analysis writes them."""
    table = content("csv")
    timeline = timeline_json.dumps(TIMELINE, {"timeline.csv": (hashlib.sha256(table).hexdigest(),)})
    return {"films/a.mp4.timeline.json": timeline, "films/a.mp4.timeline.csv": table, "index.html": "<html>"}


BY_EDITOR = "changed in a text editor: it counts as the annotation of its whole film"


def test_of_a_timeline_and_its_table_the_one_that_was_changed_counts(folder):
    path = folder(files := written())
    with pytest.raises(
        AnnotationError, match=r"nobody corrected films/a\.mp4\.timeline\.json; it says what was predict"
    ):
        read(path)
    table, timeline = path / "films/a.mp4.timeline.csv", path / "films/a.mp4.timeline.json"
    table.write_bytes(table.read_bytes().replace(b"jump", b"leap"))
    assert read(path) == ({"a.mp4": [(1, 2, "run"), (3, 4, "leap")]}, [])
    timeline.write_bytes(timeline.read_bytes().replace(b'"jump"', b'"hop"'))
    with pytest.raises(AnnotationError, match=r"it was changed, and so was a\.mp4\.timeline\.csv"):
        read(path)
    table.write_bytes(files["films/a.mp4.timeline.csv"])
    assert read(path) == ({"a.mp4": [(1, 2, "run"), (3, 4, "hop")]}, [f"films/a.mp4.timeline.json: {BY_EDITOR}"])
    assert read(timeline)[0] == read(path)[0]


def test_for_a_timeline_that_overlaps_itself_the_command_is_named_that_joins_it(folder, here):
    twice = (*TIMELINE.segments, Segment(start_s=1.5, end_s=2.5, label="run"))
    written = timeline_json.dumps(dataclasses.replace(TIMELINE, segments=twice))
    file = folder({"a.mp4.timeline.json": written}) / "a.mp4.timeline.json"
    with pytest.raises(AnnotationError, match="has 1 problem;") as error:
        read(file)
    command = re.search(r"vtn-stream (export .*)", error.value.cure)[1]
    joined = file.parent / "joined"
    words = command.replace("FILM.timeline.json", str(file)).replace("FOLDER", str(joined)).split()
    assert here(*words)[0] == 0
    assert read(joined / file.name)[0] == {"a.mp4": [(1, 2.5, "run"), (3, 4, "jump")]}


def test_two_timelines_of_one_film_are_a_problem(folder):
    path = folder({f"{day}/a.mp4.timeline.json": timeline_json.dumps(TIMELINE) for day in ("one", "two")})
    with pytest.raises(AnnotationError, match=r"two/a.mp4.timeline.json: another file is about a.mp4 too"):
        read(path)


# ---- files that only convert reads


@pytest.mark.parametrize("format", [name for name, format in FORMATS.items() if format.reads == "itself"])
def test_the_command_that_is_named_makes_annotations(folder, format, material, store, process, here):
    path = folder({f"a b{FORMATS[format].suffix}": content(format)}) / f"a b{FORMATS[format].suffix}"
    try:
        read_annotations(path, fps=25)
    except UnknownFormat:
        with pytest.raises(UnknownFormat) as error:
            find_films(path, material, store, process)
        assert "which is not read as annotations; nothing was trained; convert it" in str(error.value)
        command = shlex.split(error.value.cure.partition(": ")[2])
        assert here(*command[1:])[0] == 0
        labels = [s[2] for segments in read(Path(command[3]))[0].values() for s in segments]
        assert labels == (["run"] if format == "youtube" else ["run", "jump"])  # its chapters last 10 s at least


def test_the_command_leaves_a_timeline_that_is_there(folder, material, store, process, here):
    path = folder({"a.mp4.timeline.srt": content("srt"), "a.mp4.timeline.json": content("json")})
    with pytest.raises(UnknownFormat) as error:
        find_films(path / "a.mp4.timeline.srt", material, store, process)
    assert here(*shlex.split(error.value.cure.partition("result: ")[2])[1:])[0] == 0
    made = path / "a.mp4.annotations.timeline.json"
    assert read(made)[0] == {"a.mp4": [(1, 2, "run"), (3, 4, "jump")]}


def test_the_command_for_a_folder_is_a_loop(folder, material, store, process, here, tmp_path):
    path = folder({"a.srt": content("srt"), "c d.srt": content("srt")})
    with pytest.raises(UnknownFormat, match=r"ann holds SubRip .*\(2 files such as a\.srt\)") as error:
        find_films(path, material, store, process)
    command = error.value.cure.partition("result: ")[2]
    said = tmp_path / "vtn-stream"  # what the shell makes of the loop, called here
    said.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"; printf '\\n'\n")
    said.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    calls = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True, env=environment).stdout
    assert [here(*call.split("\0")[:-1])[0] for call in calls.splitlines()] == [0, 0]
    assert [*read(path)[0]] == ["a", "c d"]


def test_a_film_that_is_there_is_named_for_its_rate(folder, material, store, process):
    with pytest.raises(UnknownFormat, match=r"--film \S*films/a\.mp4$"):
        find_films(folder({"a.srt": content("srt")}) / "a.srt", material, store, process)


def test_what_convert_does_not_read_either_is_told_as_before(folder, material, store, process):
    with pytest.raises(UnknownFormat, match=r"x\.bin holds no annotations of a known format.*give one of"):
        find_films(folder({"x.bin": b"\0\1\2"}) / "x.bin", material, store, process)
