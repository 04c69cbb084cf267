"""Films made to mislead, and what becomes of them."""

import struct
import time
from pathlib import Path

import pytest
from counting import number_shown, write_film

from vtn_stream.errors import VideoError
from vtn_stream.video import DecodingProcess, probe

SIZE = (48, 80)
LIMIT_S = 60.0  # for anything that must happen


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("films") / "good.mp4", 50).path


def refusal(path, process) -> str:
    before = time.monotonic()
    with pytest.raises(VideoError) as raised:
        probe(path, process)
    assert time.monotonic() - before < LIMIT_S
    error = raised.value
    assert "no progress" not in str(error)  # the deadline was not waited for
    assert len(str(error).splitlines()) == 1
    assert str(error).isprintable()
    assert all((error.fact, error.consequence, error.cure))
    return str(error)


def shown(process, video):
    """(number by frame, frames that are lost)."""
    numbers, lost = {}, []
    for batch in process.frames(video, video.pts, SIZE):
        numbers |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
        lost += batch.lost
    return numbers, lost


def boxes(data: bytes, start: int, path: list[bytes]) -> list[int]:
    """Where the boxes of this path begin, each in the one before."""
    at = data.index(path[0], start) - 4
    return [at, *(boxes(data, at + 8, path[1:]) if path[1:] else [])]


def grown(data: bytes, path: list[bytes], at: int, removed: int, inserted: bytes) -> bytes:
    """Bytes inside the innermost box replaced; the sizes of all boxes around them follow."""
    content = bytearray(data)
    for box in boxes(data, data.index(path[0]) - 4, path):
        (size,) = struct.unpack_from(">I", content, box)
        struct.pack_into(">I", content, box, size + len(inserted) - removed)
    content[at : at + removed] = inserted
    return bytes(content)


def patched(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def huge_y4m(at: Path) -> Path:
    (at / "huge.y4m").write_bytes(b"YUV4MPEG2 W20000 H8 F25:1 C420jpeg\nFRAME\n" + bytes(300_000))
    return at / "huge.y4m"
