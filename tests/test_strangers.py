"""Films from strangers that refer to other files, lie behind links or change while they are read."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import av
import pytest
from counting import number_shown, write_film
from strange_films import (  # noqa: F401  (fixtures among them)
    SIZE,
    boxes,
    good,
    grown,
    huge_y4m,
    patched,
    process,
    refusal,
    shown,
)

from vtn_stream.errors import DecodingLost, TimelineError, VideoError
from vtn_stream.results import ResultFiles
from vtn_stream.video import check_unchanged, film_file, probe

# References to other files


DREF = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"]


def referring(film: Path, target: Path) -> bytes:
    """The film, its media said to be in another file: QuickTime's alias data reference with an absolute path."""
    name = os.fsencode(target)
    name += b"\0" * (len(name) % 2)
    alias = bytes(4 + 10)  # version and flags 0 (elsewhere), an alias record's head
    alias += bytes([0]) + bytes(27) + bytes(12) + bytes([0]) + bytes(63) + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16) + struct.pack(">HH", 2, len(name)) + name + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I", len(alias) + 8) + b"alis" + alias
    data = film.read_bytes()
    at = boxes(data, data.index(b"moov") - 4, DREF)[-1] + 16
    (size,) = struct.unpack_from(">I", data, at)
    return grown(data, DREF, at, size, entry)


def test_media_said_to_be_in_another_file_are_not_fetched(tmp_path, good, process):
    secret = write_film(tmp_path / "secret.mp4", 50).path
    lure = patched(tmp_path / "lure.mp4", referring(good, secret))
    # It would work: with both options on, FFmpeg reads the other file.
    with av.open(str(lure), container_options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert len(list(container.decode(video=0))) == 50
    assert refusal(lure, process).startswith("lure.mp4 has no frames; ")


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile '{}'\n", "#EXTM3U\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"])
@pytest.mark.parametrize("name", ["movie.mp4", "movie.m3u8", "movie.ffconcat"])
def test_a_list_of_films_is_told_and_not_followed(tmp_path, good, process, text, name):
    (tmp_path / name).write_text(text.format(good))
    line = refusal(tmp_path / name, process)
    assert line.startswith(f"{name} cannot be read as a film (it is a ")
    assert line.endswith("names in a text file are not opened")


@pytest.mark.parametrize(
    "name", ["http://localhost:1/a.mp4", "https://a.b/c", "concat:a.mp4|b.mp4", "rtmp://a/b", "data:,x"]
)
def test_an_address_is_not_followed(name):
    with pytest.raises(VideoError) as raised:
        film_file(name)
    assert str(raised.value).startswith(f"{name} cannot be opened")
    assert "addresses are not opened" in str(raised.value)


def test_standard_input_is_not_read(tmp_path, monkeypatch, good):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError, match="standard input cannot be read twice"):
        film_file("-")
    shutil.copy(good, "-")
    assert film_file("-") == Path("-"), "a file of that name is a file"


# Links


def test_a_linked_film_is_followed_and_the_results_carry_the_links_name(tmp_path, good, process):
    """The user named it; what lies behind it is nobody's business."""
    (tmp_path / "link.mp4").symlink_to(good)
    video = probe(tmp_path / "link.mp4", process)
    assert video.path.name == "link.mp4"
    assert video.identity == probe(good, process).identity
    assert ResultFiles(tmp_path, video.path).timelines["json"].name == "link.mp4.timeline.json"


def test_a_link_in_the_place_of_a_result_is_replaced_and_its_target_kept(tmp_path, analyzed):
    a = analyzed.analysis
    precious = tmp_path / "precious"
    precious.write_text("kept")
    folder = tmp_path / "results"
    folder.mkdir()
    files = ResultFiles(folder, analyzed.film, ["json", "csv"])
    places = [*files.timelines.values(), files.scores, files.partial]
    for place in places:
        place.symlink_to(precious)
    with pytest.raises(TimelineError, match="exists already"):
        files.claim(a.timeline.video_identity)
    files.claim(a.timeline.video_identity, discard_edits=True)  # what is no timeline may have been one
    files.save_partial(a.timeline)
    files.save(a.timeline, a.scores, a.index, a.labels)
    assert precious.read_text() == "kept"
    assert [place.is_symlink() for place in places] == [False] * 4
    assert not files.partial.exists()
    assert all(place.stat().st_size > 20 for place in places[:3])


def test_a_link_to_nowhere_in_the_place_of_a_result_makes_no_file_there(tmp_path, analyzed):
    a = analyzed.analysis
    folder = tmp_path / "results"
    folder.mkdir()
    files = ResultFiles(folder, analyzed.film, ["json"])
    files.timelines["json"].symlink_to(tmp_path / "made")
    files.claim(a.timeline.video_identity)
    files.save(a.timeline, a.scores, a.index, a.labels)
    assert not (tmp_path / "made").exists()
    assert files.timelines["json"].is_file()


# A file that changes under our hands


def test_a_film_that_shrinks_while_it_is_decoded_gives_true_frames_only(tmp_path, process):
    path = write_film(tmp_path / "shrinks.mp4", 300, mux={"movflags": "faststart"}).path
    video = probe(path, process)
    frames = process.frames(video, video.pts, SIZE)
    first = next(frames)
    numbers = {i: number_shown(frame) for i, frame in zip(first.items, first.frames, strict=True)}
    os.truncate(path, path.stat().st_size // 3)
    try:
        for batch in frames:
            numbers |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
    except (VideoError, DecodingLost) as error:
        assert "shrinks.mp4" in str(error)  # noqa: PT017
    assert all(i == number for i, number in numbers.items())
    with pytest.raises(VideoError, match="replaced or written to"):
        check_unchanged(video)


def test_a_film_that_grows_after_it_was_probed_is_told(tmp_path, good, process):
    path = Path(shutil.copy(good, tmp_path / "grows.mp4"))
    video = probe(path, process)
    with path.open("ab") as file:
        file.write(b"more")
    assert shown(process, video) == ({i: i for i in range(50)}, [])
    with pytest.raises(VideoError, match="replaced or written to"):
        check_unchanged(video)


def test_strange_films_are_exit_code_1_and_one_line_each(tmp_path, good):
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{good}'\n")
    films = [tmp_path / "list.mp4", huge_y4m(tmp_path), patched(tmp_path / "lure.mp4", referring(good, good))]
    script = Path(sys.executable).with_name("vtn-stream")
    command = [
        script,
        "analyze",
        "-o",
        tmp_path / "results",
        "--store",
        tmp_path / "store",
        *films,
        "-",
        "http://a.b/c",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("vtn-stream: ") and line.count("; ") >= 2 for line in lines[:5])
    assert lines[5] == "5 of 5 films failed"
    assert not (tmp_path / "results").exists()
