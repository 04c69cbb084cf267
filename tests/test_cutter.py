"""Clips out of films: by copying packets, exact to the frame, and with labels; sound in step; whole files or none."""

import errno
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from counted_films import film, process  # noqa: F401
from counting import FILMS, number_shown, write_film
from sounding import pulses, write_sounding

from vtn_stream.errors import VideoError
from vtn_stream.video import cutter, probe
from vtn_stream.video.cutter import CuttingProcess, Piece, exact_span

B_FRAMES = {"tune": "fastdecode", "x264-params": "bframes=3:b-adapt=0:b-pyramid=normal:keyint=40"}


@pytest.fixture(scope="module")
def cutting():
    with CuttingProcess(num_threads=1) as process:
        yield process


def shown(path: Path) -> list[tuple[float, int]]:
    """(seconds, number) of every frame, by a plain decode of the clip alone."""
    with av.open(str(path)) as clip:
        found = []
        for frame in clip.decode(video=0):
            grey = frame.reformat(format="gray").to_ndarray()
            turned = np.rot90(grey, frame.rotation // 90)
            found.append((float(frame.pts * frame.time_base), number_shown(np.stack([turned] * 3, -1))))
        return found


def check(video, truth, receipt, clip: Path) -> None:
    """Every frame of the clip is the right one, and comes when it should."""
    wanted = []
    for piece in receipt.pieces:
        frames = np.flatnonzero((video.times_s > piece.start_s - 1e-6) & (video.times_s < piece.end_s - 1e-6))
        assert piece.num_frames == len(frames)
        wanted += [(piece.at_s + video.times_s[k] - piece.start_s, int(k)) for k in frames]
    found = shown(clip)
    assert [number for _, number in found] == [number for _, number in wanted]
    assert np.allclose([time for time, _ in found], [time for time, _ in wanted], atol=0.0011)  # Matroska counts ms
    assert receipt.num_bytes == clip.stat().st_size


def some(names, usual):
    """The usual ones always; the others before a release."""
    return [pytest.param(name, marks=() if name in usual else pytest.mark.release) for name in names]


@pytest.mark.parametrize("name", some(FILMS, ("variable rate, B-frames", "open GOP in a transport stream")))
def test_a_clip_has_the_frames_that_it_says_and_no_other(film, cutting, tmp_path, name):
    made = film(name)
    video, length = made.video, made.video.duration_s
    for accurate in (False, True):
        start_s, end_s = 0.33 * length + 0.013, 0.61 * length + 0.02
        container = cutting.container([video], accurate=accurate)
        clip = tmp_path / f"{accurate}.{container.suffix}"
        receipt = cutting.cut([Piece(video=video, start_s=start_s, end_s=end_s)], clip, accurate=accurate)
        check(video, made.truth, receipt, clip)
        (piece,) = receipt.pieces
        span = exact_span(video, start_s, end_s)
        if accurate:
            assert (piece.start_s, piece.end_s) == (span.start_s, span.end_s)
        else:
            assert piece.method == "copied"
            assert piece.start_s <= span.start_s
            assert piece.end_s >= span.end_s
            assert round(piece.start_s / float(video.time_base)) * video.time_base in [
                Fraction(int(key) * video.time_base) - video.start for key in video.keyframes
            ]


def test_between_the_edges_of_an_exact_clip_packets_are_copied(film, cutting, tmp_path):
    video = film("B-frames").video
    receipt = cutting.cut([Piece(video=video, start_s=10, end_s=100)], tmp_path / "clip.mp4", accurate=True)
    assert receipt.pieces[0].method == "edges"
    with av.open(str(video.path)) as source, av.open(str(tmp_path / "clip.mp4")) as clip:
        packets = {bytes(packet) for packet in source.demux(video=0) if packet.size}
        copied = sum(bytes(packet) in packets for packet in clip.demux(video=0) if packet.size)
    assert copied > receipt.pieces[0].num_frames / 2


SOUNDS = {
    "AAC in MP4": ("a.mp4", {"options": B_FRAMES}, "mp4"),
    "AAC at 16 kHz, two tracks": ("b.mp4", {"sample_rate": 16000, "tracks": 2}, "mp4"),
    "Opus in Matroska": ("c.mkv", {"sound": "libopus", "options": B_FRAMES}, "mp4"),
    "MP3 in AVI": ("d.avi", {"sound": "libmp3lame", "codec": "mpeg4"}, "mp4"),
    "PCM in MOV": ("e.mov", {"sound": "pcm_s16le"}, "mkv"),
    "PCM in AVI, half a second a packet": ("f.avi", {"sound": "pcm_s16le", "codec": "mpeg4", "samples": 24000}, "mkv"),
    "AC-3 in a transport stream": ("g.ts", {"sound": "ac3", "options": B_FRAMES}, "mp4"),
    "AAC in a transport stream": ("h.ts", {"first": 250}, "mp4"),
    "MP2 in MPEG-2": ("i.mpg", {"sound": "mp2", "codec": "mpeg2video"}, "mkv"),
    "VP9": ("j.mkv", {"sound": "libopus", "codec": "libvpx-vp9"}, "mp4"),
    "HEVC": ("k.mp4", {"codec": "libx265"}, "mp4"),
}


@pytest.mark.parametrize("name", some(SOUNDS, ("AAC in MP4", "AC-3 in a transport stream")))
def test_sound_comes_along_in_step_through_a_reel(cutting, tmp_path, name):
    file, made, suffix = SOUNDS[name]
    path = write_sounding(tmp_path / file, 300, **made)
    video = probe(path)
    source = [time - float(video.start) for time in pulses(path)]
    for accurate in (False, True):
        container = cutting.container([video], accurate=accurate)
        assert container.suffix == suffix or accurate
        assert bool(container.why) == (container.suffix == "mkv")
        clip = tmp_path / f"{accurate}.{container.suffix}"
        spans = [(2.113, 4.4), (5.0, 5.6), (7.777, 10.3)]
        pieces = [Piece(video=video, start_s=start_s, end_s=end_s) for start_s, end_s in spans]
        receipt = cutting.cut(pieces, clip, accurate=accurate)
        check(video, None, receipt, clip)
        assert receipt.num_sounds == made.get("tracks", 1)
        for track in range(receipt.num_sounds):
            heard = np.array(pulses(clip, track))
            for piece in receipt.pieces:
                for time in source:
                    if piece.start_s + 0.03 <= time < piece.end_s - 0.1:
                        assert np.abs(heard - (time - piece.start_s + piece.at_s)).min() < 0.02


def test_a_reel_of_several_files_is_one_clip(cutting, tmp_path):
    """Files of one camera are copied; others are encoded, and it is said."""
    parts = [write_sounding(tmp_path / f"{k}.mp4", 100, options=B_FRAMES) for k in range(2)]
    other = write_sounding(tmp_path / "other.mkv", 100, codec="libvpx-vp9", sound="libopus")
    for paths, method in ((parts, "copied"), ([parts[0], other], "encoded")):
        videos = [probe(path) for path in paths]
        pieces = [Piece(video=video, start_s=0, end_s=2) for video in videos]
        receipt = cutting.cut(pieces, tmp_path / "clip.mp4")
        assert [piece.method for piece in receipt.pieces] == [method] * 2
        assert [piece.at_s for piece in receipt.pieces] == [0, receipt.duration_s / 2]
        numbers = [number for _, number in shown(tmp_path / "clip.mp4")]
        assert numbers == 2 * list(range(receipt.pieces[0].num_frames))
        assert bool(receipt.notes) == (method == "encoded")


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_a_film_says_of_itself_does_not_come_along(cutting, tmp_path, suffix):
    film = write_sounding(tmp_path / "film.mp4", 50, title="Erika Mustermann")
    assert b"Mustermann" in film.read_bytes()
    for accurate in (False, True):
        receipt = cutting.cut(
            [Piece(video=probe(film), start_s=0.3, end_s=1.2)], tmp_path / f"clip.{suffix}", accurate=accurate
        )
        assert receipt.num_sounds == 1
        assert b"Mustermann" not in (tmp_path / f"clip.{suffix}").read_bytes()


def test_pieces_of_different_sizes_cannot_be_in_one_file(cutting, tmp_path):
    videos = [probe(write_film(tmp_path / f"{width}.mp4", 10, size=(width, 96)).path) for width in (160, 320)]
    with pytest.raises(
        VideoError, match=r"160\.mp4 and 320\.mp4 have pictures of different sizes or shapes; .*; cut each"
    ):
        cutting.cut([Piece(video=video, start_s=0, end_s=1) for video in videos], tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize("rotation", some((0, 90, 180, 270), (90,)))
def test_a_label_is_drawn_below_on_the_left_upright_and_the_rest_stays(cutting, tmp_path, rotation):
    film = write_film(tmp_path / "film.mp4", 20, rotation=rotation, size=(640, 384))
    video = probe(film.path)
    receipt = cutting.cut([Piece(video=video, start_s=0, end_s=1, label="walk")], tmp_path / "clip.mp4")
    assert receipt.pieces[0].method == "encoded"
    assert receipt.pieces[0].num_frames == 20
    before, after = (first_picture(path) for path in (film.path, tmp_path / "clip.mp4"))
    height, width = before.shape
    changed = np.abs(before.astype(int) - after) > 60
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert rows.min() > 0.8 * height
    assert columns.max() < 0.5 * width
    assert changed.sum() > 200
    box = after[rows.min() : rows.max(), columns.min() : columns.max()]
    assert box.max() > 200  # white letters
    assert np.median(box) < 130  # on a dark ground


def first_picture(path: Path) -> np.ndarray:
    """Grey, upright."""
    with av.open(str(path)) as film:
        frame = next(film.decode(video=0))
        return np.rot90(frame.reformat(format="gray").to_ndarray(), frame.rotation // 90)


def test_characters_that_no_font_has_are_told(cutting, tmp_path):
    video = probe(write_film(tmp_path / "film.mp4", 5).path)
    piece = Piece(video=video, start_s=0, end_s=1, label="go \U000e0041\U0001f9ff\x1b[31m \u0418\u0434\u0438")
    receipt = cutting.cut([piece], tmp_path / "clip.mp4")
    assert any(note.startswith("no font here draws") for note in receipt.notes) or not receipt.notes
    assert not any("\u0418" in note or "\x1b" in note for note in receipt.notes)


def test_time_in_which_a_film_shows_nothing_is_left_out(cutting, tmp_path):
    steps = [1] * 100
    steps[59] = 3000
    film = write_film(tmp_path / "film.mp4", 100, steps=steps)
    video = probe(film.path)
    assert [dark.why for dark in video.dark] == ["leap"]
    for accurate in (False, True):
        receipt = cutting.cut([Piece(video=video, start_s=1, end_s=123)], tmp_path / "clip.mp4", accurate=accurate)
        (piece,) = receipt.pieces
        assert piece.gap_s == pytest.approx(3000 / 25 - 1 / 25)
        assert receipt.duration_s == pytest.approx(piece.end_s - piece.start_s - piece.gap_s)
        found = shown(tmp_path / "clip.mp4")
        assert np.allclose(np.diff([time for time, _ in found]), 0.04)
        first = 0 if not accurate else 25
        assert [number for _, number in found] == list(range(first, first + piece.num_frames))


def test_spans_past_the_ends_are_cut_to_the_film(cutting, tmp_path):
    video = probe(write_film(tmp_path / "film.mp4", 20).path)
    receipt = cutting.cut([Piece(video=video, start_s=-5, end_s=99)], tmp_path / "clip.mp4", accurate=True)
    assert (receipt.pieces[0].start_s, receipt.pieces[0].end_s) == (0, 0.8)
    for start_s, end_s in ((5, 6), (0.4, 0.4), (0.5, 0.3), (-2, -1)):
        with pytest.raises(
            VideoError, match=r"film\.mp4 shows no frame from .*; there is nothing to cut; choose times"
        ):
            cutting.cut([Piece(video=video, start_s=start_s, end_s=end_s)], tmp_path / "none.mp4")
    assert not (tmp_path / "none.mp4").exists()


def test_a_film_that_changed_is_not_cut(cutting, tmp_path):
    path = write_film(tmp_path / "film.mp4", 20).path
    video = probe(path)
    os.utime(path, (1, 1))
    with pytest.raises(VideoError, match=r"film\.mp4 was replaced or written to"):
        cutting.cut([Piece(video=video, start_s=0, end_s=1)], tmp_path / "clip.mp4")
    assert sorted(os.listdir(tmp_path)) == ["film.mp4"]


def test_a_full_disk_leaves_no_half_file(cutting, tmp_path, monkeypatch):
    video = probe(write_film(tmp_path / "film.mp4", 100).path)
    (tmp_path / "clip.mp4").write_bytes(b"the last one")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("vtn_stream.video.cutter.CuttingProcess._put", full)
        with pytest.raises(OSError, match="No space left"):
            cutting.cut([Piece(video=video, start_s=0, end_s=4)], tmp_path / "clip.mp4")
    assert sorted(os.listdir(tmp_path)) == ["clip.mp4", "film.mp4"]
    assert (tmp_path / "clip.mp4").read_bytes() == b"the last one"
    cutting.cut([Piece(video=video, start_s=0, end_s=4)], tmp_path / "clip.mp4")  # the process goes on
    assert len(shown(tmp_path / "clip.mp4")) == 100


def test_a_killed_process_leaves_no_half_file(tmp_path):
    video = probe(write_film(tmp_path / "film.mp4", 300).path)
    with CuttingProcess(num_threads=1) as cutting:

        def kill(_: float) -> None:
            os.kill(cutting.pid, 9)

        with pytest.raises(VideoError, match=r"film\.mp4 died \(signal 9\); the clip was not written"):
            cutting.cut(
                [Piece(video=video, start_s=0, end_s=9)], tmp_path / "clip.mp4", accurate=True, on_progress=kill
            )
        assert sorted(os.listdir(tmp_path)) == ["film.mp4"]
        cutting.cut([Piece(video=video, start_s=0, end_s=9)], tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").exists()


def test_equal_input_gives_equal_bytes(cutting, tmp_path):
    video = probe(write_sounding(tmp_path / "film.mp4", 100))
    for suffix in ("mp4", "mkv"):
        for label in (None, "walk"):
            clips = [tmp_path / f"{k}.{suffix}" for k in range(2)]
            for clip in clips:
                cutting.cut([Piece(video=video, start_s=1, end_s=3, label=label)], clip)
            assert clips[0].read_bytes() == clips[1].read_bytes()


def test_progress_tells_seconds_of_the_clip(cutting, tmp_path):
    video = probe(write_film(tmp_path / "film.mp4", 100).path)
    told: list[float] = []
    receipt = cutting.cut([Piece(video=video, start_s=0, end_s=4)], tmp_path / "clip.mp4", on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == receipt.duration_s == 4


HONEST = {
    "duration_s": 1.0,
    "num_sounds": 1,
    "notes": ["left out: 1 data track"],
    "pieces": [{"start_pts": 0, "end_pts": 25, "at_s": 0.0, "num_frames": 25, "num_lost": 0, "method": "copied"}],
}
LIES = [
    {"duration_s": -1.0},
    {"duration_s": float("nan")},
    {"num_sounds": 10**9},
    {"notes": "text"},
    {"pieces": []},
    {"pieces": [HONEST["pieces"][0] | {"method": "invented"}]},
    {"pieces": [HONEST["pieces"][0] | {"end_pts": 0}]},
    {"pieces": [HONEST["pieces"][0] | {"num_frames": "25"}]},
    {"pieces": [{}]},
]


def test_what_the_process_says_of_a_clip_is_checked(tmp_path):
    video = probe(write_film(tmp_path / "film.mp4", 25).path)
    pieces = [Piece(video=video, start_s=0, end_s=1)]
    assert cutter._receipt(HONEST, 10, pieces).num_bytes == 10
    for lie in LIES:
        with pytest.raises(ValueError, match=r"\w"):
            cutter._receipt(HONEST | lie, 10, pieces)


def test_an_encrypted_film_is_not_cut(film, cutting, tmp_path):
    video = replace(film("one keyframe").video, num_encrypted=3)
    with pytest.raises(VideoError, match="are encrypted; nothing was cut from it; decrypt it first"):
        cutting.cut([Piece(video=video, start_s=0, end_s=1)], tmp_path / "clip.mp4")
