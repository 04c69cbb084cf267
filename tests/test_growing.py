"""A film that is still written, as its finished file: frames, clock, pixels. In a real decoding process."""

import resource
import sys
from math import inf
from pathlib import Path

import numpy as np
import psutil
import pytest
from counting import number_shown
from growing_films import SUFFIXES, Growing, hls, record

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.video import DecodingProcess, GrowingFilm, Window, probe

WINDOW = Window((48, 80))


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as process:
        yield process


def frames(source, video, pts, window=WINDOW):
    """(pictures by pts, lost pts)"""
    pictures, lost = {}, []
    for (batch,) in source.windows(video, pts, [window]):
        pictures |= {int(pts[i]): frame.copy() for i, frame in zip(batch.items, batch.frames, strict=True)}
        lost += [int(pts[i]) for i in batch.lost]
    return pictures, lost


def follow(film: GrowingFilm, data: bytes, piece: int = 5000):
    """Every frame as soon as it is settled."""
    pictures: dict[int, np.ndarray] = {}
    lost: list[int] = []
    for start in range(0, len(data) + piece, piece):
        if start < len(data):
            film.feed(data[start : start + piece])
        else:
            film.end()
        if film.video is not None:
            new = film.video.pts[len(pictures) + len(lost) :]
            got, missed = frames(film, film.video, new)
            pictures, lost = pictures | got, lost + missed
    return pictures, lost


@pytest.mark.parametrize("kind", ["ts", "hybrid"])  # the others without a process: test_growing_kinds
def test_what_is_known_at_the_end_is_what_a_probe_says_of_the_finished_file(kind, process, tmp_path):
    recorded = record(kind, 100, b_frames=3, sound=True)
    path = tmp_path / f"film{SUFFIXES[kind]}"
    path.write_bytes(recorded.finished)
    expected = probe(path, process)
    with GrowingFilm(path.name) as film:
        pictures, lost = follow(film, recorded.data)
        video = film.video
        assert video is not None
        assert [number_shown(pictures[p]) for p in video.pts.tolist()] == recorded.numbers
        assert film.finished_identity() == expected.identity
        finished, same_s = film.finished(path)
    assert (finished.identity, same_s, lost) == (expected.identity, inf, [])
    assert np.array_equal(video.pts, expected.pts)
    assert np.array_equal(video.keyframes, expected.keyframes)
    assert video.facts() | {"identity": ""} == expected.facts() | {"identity": ""}
    assert str(video.path) == path.name
    exact, _ = frames(process, expected, expected.pts)
    assert all(np.array_equal(pictures[p], exact[p]) for p in exact)


@pytest.mark.parametrize("fragmented", [False, True])
def test_segments_of_a_playlist_are_one_film(fragmented, process, tmp_path):
    parts, init = hls(tmp_path, 100, fragmented=fragmented, b_frames=2, sound=True)
    with GrowingFilm("live") as film:
        shown = 0
        for part in ([init] if init else []) + [part.data for part in parts]:
            film.feed(part)
            if film.video is not None:
                pictures, lost = frames(film, film.video, film.video.pts[shown:])
                assert [number_shown(pictures[p]) for p in sorted(pictures)] == [*range(shown, film.video.num_frames)]
                assert not lost
                shown = film.video.num_frames
        film.end()
        assert film.video is not None
        assert (shown > 60, film.video.num_frames) == (True, 100)


@pytest.fixture(scope="module")
def small() -> Growing:
    return record("ts", 60, b_frames=2)


def test_settled_means_that_nothing_changes(small):
    """Each snapshot is the beginning of the next one, and ends where it is settled."""
    with GrowingFilm("a.ts") as film:
        assert (film.video, film.settled_s, film.digest_at(0)) == (None, -inf, None)
        before = np.zeros(0, np.int64)
        for start in range(0, len(small.data), 3000):
            film.feed(small.data[start : start + 3000])
            if (video := film.video) is not None:
                assert np.array_equal(video.pts[: len(before)], before)
                assert video.duration_s == film.settled_s
                before = video.pts
        film.end()
        assert film.settled_s == inf
        assert film.video is not None
        assert film.digest_at(1e6) == film.video.identity


def test_a_frame_can_be_asked_for_again_while_it_is_kept(small):
    with GrowingFilm("a.ts", keep_s=0.5) as film:
        film.feed(small.data)
        film.end()
        video = film.video
        assert video is not None
        film.keep(Window((24, 40)), 1.0)
        frames(film, video, video.pts[:50])  # to 1.96 s
        kept, lost = frames(film, video, video.pts[30:50])
        assert [number_shown(kept[p]) for p in sorted(kept)] == [*range(36, 50)]  # 36 is shown at 1.46 s
        assert lost == video.pts[30:36].tolist()
        little, lost = frames(film, video, video.pts[:50], Window((24, 40)))
        assert [number_shown(little[p]) for p in sorted(little)] == [*range(24, 50)]
        assert len(lost) == 24


def test_what_nobody_wants_is_not_decoded(small):
    data = record("ts", 400, gop=25).data
    with GrowingFilm("a.ts") as film:
        film.feed(data)
        film.end()
        video, before = film.video, film.num_queued_bytes
        assert video is not None
        film.drop(int(video.pts[260]))
        assert film.num_queued_bytes < before / 2
        pictures, lost = frames(film, video, video.pts[[100, 255, 390]])
        assert {number_shown(picture) for picture in pictures.values()} == {255, 390}  # 250 is a keyframe
        assert lost == [int(video.pts[100])]


def test_who_leaves_the_loop_early_can_go_on(small):
    with GrowingFilm("a.ts") as film:
        film.feed(small.data)
        film.end()
        assert film.video is not None
        for _ in film.windows(film.video, film.video.pts[:30], [WINDOW] * 40):
            break
        pictures, lost = frames(film, film.video, film.video.pts[30:])
        assert (len(pictures), lost) == (30, [])
        assert film.num_queued_bytes < len(small.data) / 2  # from the last keyframe on


def test_a_process_that_is_lost_is_not_begun_again(small):
    with GrowingFilm("a.ts") as film:
        film.feed(small.data[:20_000])
        film.kill()
        with pytest.raises(DecodingLost, match=r"a\.ts"):
            film.feed(small.data[20_000:])
        with pytest.raises(DecodingLost, match=r"decoding a\.ts is gone; .* begin again with the film's first byte"):
            film.feed(b"more")


def test_a_frozen_process_is_noticed(small, monkeypatch):
    with GrowingFilm("a.ts") as film:
        film.feed(small.data[:20_000])
        psutil.Process(film.pid).suspend()
        monkeypatch.setattr(film._process, "_deadline_s", 0.5)
        with pytest.raises(DecodingLost, match=r"made no progress for 0\.5 s"):
            film.feed(small.data[20_000:])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no film at all\n" * 100, "cannot be read as a film"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n" * 100, "it is a playlist"),
        (b"", "cannot be read as a film"),
        (record("ts", 25).data[:376], "cannot be read as a film|has no video stream"),
    ],
)
def test_what_is_no_film_is_refused_at_its_end(data, reason):
    with GrowingFilm("a.ts") as film:
        film.feed(data)
        with pytest.raises(VideoError, match=reason):
            film.end()
        assert (film.video, film.finished_identity()) == (None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set by prlimit")
def test_no_file_and_no_connection_is_opened_for_it(small, tmp_path):
    """Once it runs, the process cannot open anything but a map of its frames, and needs nothing else."""
    with GrowingFilm("a.ts") as film:
        film.feed(small.data[:20_000])
        assert film.video is not None
        frames(film, film.video, film.video.pts[:1])
        open_files = [int(fd.name) for fd in Path(f"/proc/{film.pid}/fd").iterdir()]
        lowest_free = next(fd for fd in range(64) if fd not in open_files)
        resource.prlimit(film.pid, resource.RLIMIT_NOFILE, (lowest_free + 1, lowest_free + 1))
        film.feed(small.data[20_000:])
        film.end()
        pictures, lost = frames(film, film.video, film.video.pts[1:])
        assert (len(pictures), lost) == (59, [])
        (path := tmp_path / "a.ts").write_bytes(small.data)
        resource.prlimit(film.pid, resource.RLIMIT_NOFILE, (0, 0))  # the map may be gone by now
        with pytest.raises(VideoError, match="cannot be read"):  # so the limit is one
            film.finished(path)


@pytest.mark.parametrize("kind", ["ts", "mkv"])
def test_a_second_has_its_digest_once_its_frames_can_be_asked_for(kind):
    data, seconds = record(kind, 100, b_frames=3).data, 0
    with GrowingFilm("film", num_threads=4) as film:
        for start in range(0, len(data), 700):
            film.feed(data[start : start + 700])
            while film.digest_at(seconds + 1) is not None:
                seconds += 1
            assert film.settled_s >= seconds or seconds == 0
    assert seconds >= 2
