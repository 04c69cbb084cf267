"""What FFmpeg writes as HLS, while it writes it: all bytes of all segments, once, in order."""

import io

import av
import pytest
from feeding import by_now, quick  # noqa: F401  (a fixture)
from growing_films import record

from vtn_stream.following.open_feed import open_feed

pytestmark = pytest.mark.usefixtures("quick")

NUM_FRAMES = 150  # 6 s


@pytest.fixture(scope="module")
def film():
    return record("mkv", NUM_FRAMES, gop=25).finished


def written(film, folder, **options):
    """Writes the film as segments of 1 s, and stops after each frame."""
    names = {"hls_time": "1", "hls_list_size": "0", "hls_segment_filename": str(folder / "part%d.ts")} | options
    with av.open(io.BytesIO(film)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        with av.open(str(folder / "live.m3u8"), "w", format="hls", container_options=names) as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            for packet in packets:
                packet.stream = stream
                out.mux(packet)
                yield


def numbered(folder, first, stop, suffix="ts"):
    return b"".join((folder / f"part{number}.{suffix}").read_bytes() for number in range(first, stop))


def read_along(pieces, frames):
    told = []
    for _ in frames:
        told += by_now(pieces)
    for _ in range(3):
        told += by_now(pieces)
    return [part for part in told if isinstance(part, str)], b"".join(part for part in told if isinstance(part, bytes))


def packets_in(data):
    with av.open(io.BytesIO(data)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


@pytest.mark.parametrize("is_folder", [False, True])
def test_segments_of_mpegts(tmp_path, film, is_folder):
    feed = open_feed(str(tmp_path if is_folder else tmp_path / "live.m3u8"), until_idle_s=None)
    news, data = read_along(feed.pieces(), written(film, tmp_path))
    assert data == numbered(tmp_path, 0, 6)
    assert packets_in(data) == NUM_FRAMES
    assert (news, feed.ended) == ([], "end")


def test_segments_of_mp4(tmp_path, film):
    options = {"hls_segment_type": "fmp4", "hls_segment_filename": str(tmp_path / "part%d.m4s")}
    pieces = open_feed(str(tmp_path), until_idle_s=None).pieces()
    news, data = read_along(pieces, written(film, tmp_path, **options))
    assert data == (tmp_path / "init.mp4").read_bytes() + numbered(tmp_path, 0, 6, "m4s")
    assert packets_in(data) == NUM_FRAMES
    assert news == []


def test_one_file_of_many_segments(tmp_path, film):
    pieces = open_feed(str(tmp_path / "live.m3u8"), until_idle_s=None).pieces()
    _, data = read_along(
        pieces, written(film, tmp_path, hls_flags="single_file", hls_segment_filename=str(tmp_path / "live.ts"))
    )
    assert data == (tmp_path / "live.ts").read_bytes()


def test_a_window_that_slides(tmp_path, film):
    options = {"hls_list_size": "2", "hls_flags": "delete_segments", "hls_delete_threshold": "1"}
    pieces = open_feed(str(tmp_path / "live.m3u8"), until_idle_s=None).pieces()
    news, data = read_along(pieces, written(film, tmp_path, **options))
    assert not (tmp_path / "part0.ts").exists()
    assert packets_in(data) == NUM_FRAMES
    assert news == []


@pytest.mark.parametrize("num_frames", [60, 140])
def test_a_recorder_that_dies_and_begins_again(tmp_path, film, num_frames):
    """Its playlist counts from 0 again, and its segments replace the first ones."""
    pieces = open_feed(str(tmp_path / "live.m3u8"), until_idle_s=None).pieces()
    first = written(film, tmp_path)
    for _ in range(num_frames):
        next(first)
    news, data = read_along(pieces, [])
    assert data == numbered(tmp_path, 0, num_frames // 25 - (num_frames % 25 == 0))
    told = []
    other = record("mkv", NUM_FRAMES, gop=25, first_number=500).finished
    for number, _ in enumerate(written(other, tmp_path)):
        if number > 100:  # until then it is not looked at
            told += by_now(pieces)
    for _ in range(3):
        told += by_now(pieces)
    assert news == []
    assert told[0] == "live.m3u8 begins again: the recorder was started again"
    assert b"".join(told[1:]) == numbered(tmp_path, 0, 6)
