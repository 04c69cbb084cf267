"""H.264 films coded as fields, which no encoder here makes: macroblocks without prediction (I_PCM), all of one grey.

ITU-T H.264, 7.3.2.1 (sequence parameter set), 7.3.2.2 (picture parameter set), 7.3.3 (slice header), 7.3.5 (I_PCM).
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

__all__ = ["grey_of", "write_fields"]

COLUMNS, ROWS = 2, 2  # macroblocks of a field: frames of 32 x 64
GOP = 5


class Bits:
    def __init__(self) -> None:
        self._bits = ""

    def u(self, size: int, value: int) -> "Bits":
        self._bits += f"{value:0{size}b}"
        return self

    def ue(self, *values: int) -> "Bits":
        for value in values:
            self._bits += f"{value + 1:b}".zfill(2 * len(f"{value + 1:b}") - 1)
        return self

    def aligned(self) -> "Bits":
        self._bits += "0" * (-len(self._bits) % 8)
        return self

    def nal(self, header: int) -> bytes:
        bits = f"{self._bits}1"
        bits += "0" * (-len(bits) % 8)
        return b"\0\0\0\1" + bytes([header]) + int(bits, 2).to_bytes(len(bits) // 8, "big")


SPS = (
    Bits().u(8, 77).u(8, 0).u(8, 30).ue(0, 0, 0, 4, 1).u(1, 0).ue(COLUMNS - 1, ROWS - 1).u(1, 0).u(1, 0).u(1, 1).u(1, 0)
).u(1, 0)
PPS = Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0)


def grey_of(number: int) -> int:
    return 16 + 5 * (number % 44)


def field(number: int, *, is_bottom: bool) -> bytes:
    """The first field of a group is an IDR picture; emulation prevention is not needed: no two zero bytes meet."""
    within, is_idr = number % GOP, number % GOP == 0 and not is_bottom
    header = Bits().ue(0, 7, 0).u(4, within).u(1, 1).u(1, is_bottom)
    if is_idr:
        header.ue(number // GOP)
    header.u(8, 2 * within + is_bottom).u(2 if is_idr else 1, 0).ue(0)
    for _ in range(COLUMNS * ROWS):
        header.ue(25).aligned()
        for value, count in ((grey_of(number), 256), (128, 128)):
            header.u(8 * count, int.from_bytes(bytes([value]) * count, "big"))
    return header.nal(0x65 if is_idr else 0x61)


def fields(num_frames: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(num_frames):
        sets = SPS.nal(0x67) + PPS.nal(0x68) if number % GOP == 0 else b""
        delimiter = b"\0\0\0\1\x09\xf0"
        yield delimiter + sets + field(number, is_bottom=False), delimiter + field(number, is_bottom=True)


def write_fields(path: Path, num_frames: int, *, timed_apart: bool) -> Path:
    """25 frames a second. timed_apart: each field has a timestamp of its own."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 16 * COLUMNS, 32 * ROWS, "yuv420p"
        for number, pair in enumerate(fields(num_frames)):
            for i, content in enumerate(pair if timed_apart else [b"".join(pair)]):
                packet = av.Packet(content)
                packet.stream, packet.time_base = stream, Fraction(1, 50)
                packet.pts = packet.dts = 2 * number + i
                packet.duration, packet.is_keyframe = 2 - timed_apart, number % GOP == 0 and i == 0
                out.mux(packet)
    return path
