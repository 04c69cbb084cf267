"""The first bytes of a film: what is no film, or cannot be read in order, is refused at once."""

import io
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from feeding import by_now
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.following.feed import PIECE_BYTES, NewStretch, Nothing
from vtn_stream.following.head import checked


def mp4(movflags=""):
    """A film of 50 frames."""
    with tempfile.TemporaryDirectory() as folder:
        _write(f"{folder}/film.mp4", movflags)
        return Path(folder, "film.mp4").read_bytes()


def _write(path, movflags):
    with av.open(path, "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 12
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def packets(data):
    with av.open(io.BytesIO(data)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]


class Pipe(io.RawIOBase):
    """Gives the bytes in order, and cannot go back."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self._file.read(size)


def read_in_order(data):
    with av.open(Pipe(data)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]


def seen(*pieces, source="file"):
    return by_now(checked(iter(pieces), "film", source))


def refusal(data, source="file"):
    with pytest.raises(VideoError) as raised:
        seen(data, source=source)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("movflags", ["frag_keyframe+empty_moov", "faststart"])
def test_an_mp4_whose_index_comes_first_is_read_as_it_is(movflags):
    data = mp4(movflags)
    assert seen(data) == [data]
    assert read_in_order(data) == packets(data)


def test_a_closed_mp4_whose_index_comes_last_is_for_analyze():
    line = "film is a closed MP4 whose index is at its end; it cannot be read in order; it was not followed; use `vtn-"
    assert refusal(mp4()).startswith(line)


def test_an_mp4_that_is_being_recorded_cannot_be_read():
    data = mp4()
    start = data.index(b"mdat") - 4
    being_written = data[:start] + bytes(4) + data[start + 4 : start + 1000]
    line = refusal(being_written)
    assert line.startswith("film is an MP4 whose index is written when it is closed; it cannot be read before")
    assert "record to MKV, MPEG-TS, fragmented MP4 or hybrid MP4" in line


def test_an_mp4_from_a_pipe_cannot_be_read_either():
    assert "film is an MP4 whose index comes at its end; it cannot be read in order" in refusal(mp4(), "pipe")


def test_a_closed_hybrid_mp4_has_the_packets_that_it_had_while_it_was_written():
    closed = mp4("hybrid_fragmented")
    assert closed[40:48].endswith(b"mdat")
    (data,) = seen(closed)
    assert len(data) == len(closed)
    assert read_in_order(data) == packets(closed)


@pytest.mark.parametrize("header", [8, 16])
def test_a_closed_hybrid_mp4_as_obs_writes_it(header):
    fragmented = mp4("frag_keyframe+empty_moov")
    start = fragmented.index(b"moov") - 4
    ftyp, rest = fragmented[:start], fragmented[start:]
    size = 16 + len(rest)
    mdat = size.to_bytes(4) + b"mdat" + bytes(8) if header == 8 else b"\0\0\0\1mdat" + size.to_bytes(8)
    index = mp4()[mp4().rindex(b"moov") - 4 :]
    assert seen(ftyp + mdat + rest + index) == [ftyp + b"\0\0\0\x10free" + bytes(8) + rest + index]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            b"#EXTM3U\n#EXTINF:6,\na.ts\n",
            "film is a playlist; it was not followed; give it a name that ends with .m3u8",
        ),
        (b"ID3" + bytes(5000), "film is sound: MP3"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "film is a picture: PNG"),
        (b"<!DOCTYPE html><html>", "film is a web page"),
        (b"00:00 goal\n" * 1000, "film is text"),
        (("00:00 Größe\n" * 1000).encode()[:4097], "film is text"),
        (b"x", "film is text"),
    ],
)
def test_what_is_no_film(data, line):
    assert line in refusal(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfb" + bytes(160) + (b"G" + bytes(187)) * 30,  # MPEG-TS from the middle of a packet
        b"BM" + bytes(100) + (b"G" + bytes(203)) * 30,
        b"\xff\xd8\xff\xe0" + bytes(5000),  # pictures, one after the other
        b"YUV4MPEG2 W64 H48 F25:1\nFRAME\n" + b"a" * 5000,
        b"\x00\x00\x00\x01" + os.urandom(100),  # H.264 without a container; fewer bytes than are looked at
        b"\x00\x00\x00\x08free\x00\x00\x00\x02skip",  # boxes that are none
    ],
)
def test_what_may_be_a_film_is_given_as_it_is(data):
    assert seen(data) == [data]


@given(st.binary(max_size=9000), st.lists(st.integers(1, 4500), max_size=8), st.integers(0, 8))
def test_pieces_of_any_size_come_out_whole_or_are_refused(data, sizes, stretch):
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    pieces = [piece for piece in [*pieces, data] if piece]
    pieces.insert(stretch, NewStretch(why="new"))
    expected = by_now(iter(pieces))
    with suppress(VideoError):
        assert by_now(checked(iter(pieces), "film", "file")) == expected


def test_waiting_is_told_while_the_head_is_incomplete():
    told = list(checked(iter([b"\x00\x01", Nothing(waited_s=1), b"\x02"]), "film", "pipe"))
    assert told == [Nothing(waited_s=1), b"\x00\x01\x02"]


def test_long_pieces_are_cut():
    sizes = [len(piece) for piece in checked(iter([bytes(PIECE_BYTES + 5)]), "film", "file")]
    assert sizes == [PIECE_BYTES, 5]
