"""Whatever is given for a film: a good one works under any name, a bad one is told in one line, and nothing hangs."""

import os
import shutil
import struct
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from counting import Counting, number_shown, sequential, silence, write_film

from vtn_stream.errors import VideoError
from vtn_stream.video import DecodingProcess, film_file, probe

SIZE = (48, 80)
LIMIT_S = 60.0  # for anything that must happen


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Counting:
    return write_film(tmp_path_factory.mktemp("films") / "good.mp4", 50)


def refusal(path, process=None) -> VideoError:
    """The error of a probe, before the deadline: one line, fact; consequence; cure."""
    before = time.monotonic()
    with pytest.raises(VideoError) as raised:
        probe(path, process)
    assert time.monotonic() - before < LIMIT_S
    error = raised.value
    assert "no progress" not in str(error)
    assert str(error).isprintable()
    assert len(str(error).splitlines()) == 1
    assert str(error).count("; ") >= 2
    assert all((error.fact, error.consequence, error.cure))
    return error


def decoded(process, video):
    """(numbers shown by frame, frames that are lost)."""
    shown, lost = {}, []
    for batch in process.frames(video, video.pts, SIZE):
        shown |= {item: number_shown(frame) for item, frame in zip(batch.items, batch.frames, strict=True)}
        lost += batch.lost
    return shown, lost


# What is no file, or cannot hold a film: told without a decoder


def fifo(at: Path) -> Path:
    os.mkfifo(at / "pipe.mp4")
    return at / "pipe.mp4"


def empty(at: Path) -> Path:
    (at / "empty.mp4").touch()
    return at / "empty.mp4"


def folder(at: Path) -> Path:
    (at / "folder.mp4").mkdir()
    return at / "folder.mp4"


def dangling(at: Path) -> Path:
    (at / "link.mp4").symlink_to(at / "gone.mp4")
    return at / "link.mp4"


def loop(at: Path) -> Path:
    (at / "loop.mp4").symlink_to(at / "loop.mp4")
    return at / "loop.mp4"


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda at: at / "missing.mp4", "missing.mp4 cannot be opened (no such file or directory)"),
        (lambda at: at / "no folder" / "film.mp4", "film.mp4 cannot be opened (no such file or directory)"),
        (folder, "folder.mp4 is a folder"),
        (fifo, "pipe.mp4 is not a regular file"),
        (lambda _: Path("/dev/zero"), "zero is not a regular file"),
        (empty, "empty.mp4 is empty"),
        (dangling, "link.mp4 cannot be opened (no such file or directory)"),
        (loop, "loop.mp4 cannot be opened (too many levels of symbolic links)"),
        (lambda at: at / ("long" * 100), "cannot be opened (file name too long)"),
        (lambda at: f"{at}/nul\0.mp4", "cannot be opened (not a path)"),
    ],
)
def test_what_cannot_hold_a_film_is_named_with_the_reason(tmp_path, make, fact):
    path = make(tmp_path)
    error = refusal(path)
    assert fact in str(error)
    with pytest.raises(VideoError, match=r"cannot be opened|is a folder|not a regular|is empty"):
        film_file(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_film_that_may_not_be_read_is_named(tmp_path, good):
    path = Path(shutil.copy(good.path, tmp_path / "secret.mp4"))
    path.chmod(0)
    assert "secret.mp4 cannot be read (permission denied)" in str(refusal(path))


@pytest.mark.parametrize(
    "name", ["concat:a.mp4|b.mp4", "http://localhost:1/a.mp4", "file:a.mp4", "pipe:0", "subfile,,start,0,end,9,,:a.mp4"]
)
def test_an_address_of_ffmpeg_is_just_a_missing_path(tmp_path, monkeypatch, good, name):
    monkeypatch.chdir(tmp_path)
    for film in ("a.mp4", "b.mp4"):
        shutil.copy(good.path, film)
    assert "cannot be opened (no such file or directory)" in str(refusal(name))


# Files that are no films: told by the decoding process


def text(at: Path) -> Path:
    (at / "text.mp4").write_text("It was a dark and stormy night.\n" * 100)
    return at / "text.mp4"


def noise(at: Path) -> Path:
    (at / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(100_000))
    return at / "noise.mp4"


def zeros(at: Path) -> Path:
    (at / "zeros.mp4").write_bytes(bytes(100_000))
    return at / "zeros.mp4"


def picture(at: Path) -> Path:
    """A PNG, of a family that FFmpeg reads as numbered files."""
    with av.open(str(at / "picture.png"), "w", format="image2", options={"update": "1"}) as out:
        stream = out.add_stream("png", 1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        out.mux(stream.encode(None))
    return at / "picture.png"


def sound(at: Path) -> Path:
    with av.open(str(at / "sound.mp4"), "w") as out:
        silence(out, out.add_stream("aac", 16000, layout="mono"), 1)
    return at / "sound.mp4"


def song(at: Path) -> Path:
    """A sound with a cover picture: a video stream of one frame, which is no film."""
    with av.open(str(at / "song.m4a"), "w", format="mp4") as out:
        voice = out.add_stream("aac", 16000, layout="mono")
        cover = out.add_stream("mjpeg", 25)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in [*cover.encode(av.VideoFrame(64, 48, "yuvj420p")), *cover.encode(None)]:
            packet.pts = packet.dts = 0
            out.mux(packet)
        silence(out, voice, 1)
    return at / "song.m4a"


def only_a_header(at: Path) -> Path:
    """The beginning of a fragmented film, up to its first fragment."""
    data = write_film(at / "whole.mp4", 10, mux={"movflags": "frag_keyframe+empty_moov"}).path.read_bytes()
    (at / "header.mp4").write_bytes(data[: data.index(b"moof") - 4])
    return at / "header.mp4"


def without_its_index(at: Path) -> Path:
    """A camera that lost power: the index at the end was never written."""
    data = write_film(at / "whole.mp4", 50).path.read_bytes()
    (at / "power loss.mp4").write_bytes(data[: data.rindex(b"moov") - 4])
    return at / "power loss.mp4"


def of_zeroed_frames(at: Path) -> Path:
    data = bytearray(write_film(at / "whole.mp4", 50).path.read_bytes())
    start = data.index(b"mdat") + 4
    (size,) = struct.unpack(">I", data[start - 8 : start - 4])
    data[start : start + size - 8] = bytes(size - 8)
    (at / "zeroed.mp4").write_bytes(data)
    return at / "zeroed.mp4"


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (text, "text.mp4 cannot be read as a film"),
        (noise, "noise.mp4 cannot be read as a film"),
        (zeros, "zeros.mp4 cannot be read as a film"),
        (picture, "picture.png cannot be read as a film"),
        (sound, "sound.mp4 has no video stream; its streams: audio"),
        (song, "song.m4a has no video stream (a cover picture only); its streams: audio, video"),
        (only_a_header, "header.mp4 has no frames"),
        (without_its_index, "power loss.mp4 cannot be read as a film"),
        (of_zeroed_frames, "not one frame of zeroed.mp4 could be decoded"),
    ],
)
def test_what_is_no_film_is_named_with_the_reason(tmp_path, process, make, fact):
    assert str(refusal(make(tmp_path), process)).startswith(fact)


FOLLOWS_NAMES = {
    "ffconcat": "ffconcat version 1.0\nfile {film}\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{film}\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={film}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" mimeType="video/mp4"><BaseURL>{film}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("language", FOLLOWS_NAMES)
def test_a_text_that_names_another_film_is_refused_and_the_other_is_not_opened(tmp_path, good, process, language):
    inner = Path(shutil.copy(good.path, tmp_path / "inner.mp4"))
    os.utime(inner, (1, 1))
    (tmp_path / "movie.mp4").write_text(FOLLOWS_NAMES[language].format(film="inner.mp4"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert str(refusal("movie.mp4", process)).startswith("movie.mp4 cannot be read as a film")
    assert inner.stat().st_atime == 1


# Names

NAMES = [
    "Żółw été.mp4",
    "東京の映画.mp4",
    "🎬.mp4",
    "two  spaces .mp4",
    "[bold]final 100%d.mp4",
    "-i.mp4",
    "concat:film.mp4",
    "a|b;c&d$e`f.mp4",
    "quote'\"s.mp4",
    "red\x1b[31m.mp4",
    "two\nlines.mp4",
    "tab\t.mp4",
    "gpj\u202e4pm.mp4",
    "film",
    "film.txt",
    os.fsdecode(b"caf\xe9.mp4"),  # Latin-1 on a UTF-8 disk
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_good_film_works_under_any_name(tmp_path, good, process, name):
    video = probe(shutil.copy(good.path, tmp_path / name), process)
    assert (video.path.name, video.num_frames) == (name, 50)
    assert decoded(process, video) == ({i: i for i in range(50)}, [])


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_bad_film_is_named_in_one_safe_line_under_any_name(tmp_path, process, name):
    (tmp_path / name).write_text("no film")
    line = str(refusal(tmp_path / name, process))
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    assert line.startswith(f"{shown} cannot be read as a film")


def test_a_folder_named_final_is_no_markup(tmp_path, good, process):
    (tmp_path / "[").mkdir()
    (tmp_path / "[" / "final] cut.mp4").write_text("no film")
    assert "final] cut.mp4 cannot be read as a film" in str(refusal(tmp_path / "[/final] cut.mp4", process))
    shutil.copy(good.path, tmp_path / "[/final] cut.mp4")
    assert probe(tmp_path / "[/final] cut.mp4", process).num_frames == 50


# Films with damage: what came before it counts


def cut_at(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def test_a_film_cut_short_gives_the_frames_before_the_cut_and_reports_the_others(tmp_path, process):
    """The index lies in front: it promises 300 frames, and 60 % of the bytes are there."""
    film = write_film(tmp_path / "cut.mp4", 300, mux={"movflags": "faststart"})
    video = probe(cut_at(film.path, 0.6), process)
    shown, lost = decoded(process, video)
    assert all(frame == number for frame, number in shown.items())
    assert sorted([*shown, *lost]) == list(range(video.num_frames))
    assert sorted(shown) == list(range(len(shown)))
    assert len(shown) >= 0.45 * 300


@pytest.mark.parametrize(
    ("name", "lasts_s"),
    # A fragment has 40 frames.
    [
        ("cut.mkv", 12),
        ("cut.avi", 12),
        ("cut.flv", 12),
        ("cut.asf", 12),
        ("cut-fragments.mp4", 8),
        ("cut.mxf", 12),
        ("cut.ts", None),
    ],
)
def test_a_film_that_is_cut_lasts_as_long_as_it_promises_and_shows_what_is_there(tmp_path, process, name, lasts_s):
    codec = {"avi": "mpeg4", "asf": "mpeg4", "mxf": "mpeg2video"}.get(name[-3:], "libx264")
    mux = {"movflags": "frag_keyframe+empty_moov"} if "fragments" in name else {}
    film = write_film(tmp_path / name, 300, codec=codec, mux=mux)
    assert not probe(film.path, process).is_cut
    video = probe(cut_at(film.path, 0.6), process)
    assert 100 < video.num_frames < 300
    there_s = pytest.approx(video.num_frames / 25, abs=0.05)
    assert video.is_cut == (lasts_s is not None)
    assert video.duration_s == (there_s if lasts_s is None else pytest.approx(lasts_s, abs=0.05))
    assert [video.seconds(span.start) for span in video.dark] == ([there_s] if video.is_cut else [])
    shown, lost = decoded(process, video)
    assert all(frame == number for frame, number in shown.items())
    assert len(lost) <= 2
    assert len(shown) + len(lost) == video.num_frames


@pytest.mark.parametrize("suffix", ["mkv", "avi", "flv", "mxf"])
def test_a_file_that_was_made_as_large_as_its_film_and_not_filled_is_cut(tmp_path, process, suffix):
    codec = {"avi": "mpeg4", "mxf": "mpeg2video"}.get(suffix, "libx264")
    film = write_film(tmp_path / f"film.{suffix}", 300, codec=codec)
    whole = film.path.read_bytes()
    film.path.write_bytes(whole + bytes(9000))
    video = probe(film.path, process)
    assert (video.num_frames, video.is_cut, video.dark) == (300, False, ())
    film.path.write_bytes(whole[: len(whole) * 6 // 10] + bytes(len(whole) * 4 // 10 + 9000))
    video = probe(film.path, process)
    assert video.is_cut
    assert video.duration_s == pytest.approx(12, abs=0.05)
    assert video.seconds(video.dark[0].start) == pytest.approx(video.num_frames / 25, abs=0.05)


def test_a_cut_film_is_read_as_far_as_a_plain_decoder_reads_it(tmp_path, process):
    film = write_film(tmp_path / "cut.mkv", 300, rate=Fraction(25), options={"tune": "fastdecode", "bf": "3"})
    shown, _ = decoded(process, probe(cut_at(film.path, 0.7), process))
    assert [shown[i] for i in sorted(shown)] == [number for _, number in sequential(film.path)]


def test_a_hole_costs_the_frames_in_it_and_no_other(tmp_path, process):
    """Every frame stands for itself, and three lie in the hole."""
    film = write_film(tmp_path / "hole.mp4", 100, options={"g": "1"})
    with av.open(str(film.path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(film.path.read_bytes())
    for pos, size in places[40:43]:
        data[pos : pos + size] = b"\xff" * size
    film.path.write_bytes(data)
    shown, lost = decoded(process, probe(film.path, process))
    assert lost == [40, 41, 42]
    assert shown == {i: i for i in range(100) if i not in lost}
