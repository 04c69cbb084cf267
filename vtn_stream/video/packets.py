"""What a stream's packets say, one after the other: what a probe of a whole file and of a growing one have in common.
Runs in the decoding process.
"""

import hashlib
from typing import NamedTuple

import av

from vtn_stream.film import NO_PTS
from vtn_stream.video.fields import FieldWatch
from vtn_stream.video.references import TemporalLayers

__all__ = ["WITH_DECODE_TIMES", "WRAPPING", "PacketWatch", "Seen"]

# Formats that say when a frame is decoded; elsewhere FFmpeg guesses, and not well where the clock steps back.
WITH_DECODE_TIMES = frozenset(("mpegts", "mpeg", "flv", "live_flv", "mov", "mp4", "avi", "nut", "mxf", "gxf"))
# Formats whose clock has 33 bits.
WRAPPING = frozenset(("mpegts", "mpeg", "wtv"))


class Seen(NamedTuple):
    """Of one packet. time: when its frame is shown, or at least decoded; NO_PTS where a time is not stated.
    is_keyframe: and stands on the clock; is_hidden: its frame is not shown.
    """

    time: int
    decode_time: int
    duration: int
    is_keyframe: bool
    is_hidden: bool
    content: bytes


class PacketWatch:
    """Is given every packet of a stream, in order.

    digest         of every byte of the video and when it is shown, so far: not a sample, since a copy with a hole in it
                   must not pass for the whole film, nor the whole film for the copy
    num_encrypted  packets that are
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        self.digest = hashlib.blake2b(digest_size=16)
        self.num_encrypted = 0
        self._codec = codec
        self._layers, self._fields = TemporalLayers(codec, extradata), FieldWatch(codec, extradata)

    @property
    def temporal_layers(self) -> int:
        return self._layers.count

    @property
    def has_fields(self) -> bool:
        return self._fields.found

    def see(self, packet: av.Packet) -> Seen:
        content = bytes(packet)
        self.digest.update(f"{packet.pts} {packet.dts} {packet.duration} {packet.size} ".encode())
        self.digest.update(content)
        self._layers.watch(content, has_new_extradata=packet.has_sidedata("new_extradata"))
        self.num_encrypted += packet.has_sidedata("encryption_info")
        time = packet.dts if packet.pts is None else packet.pts
        # Where there are temporal layers there are no fields.
        is_second = self._layers.count == 0 and self._fields.is_second(content)
        is_timed = time is not None and not is_second
        return Seen(
            time=NO_PTS if time is None else time,
            decode_time=NO_PTS if packet.dts is None else packet.dts,
            duration=packet.duration or 0,
            is_keyframe=is_timed and packet.is_keyframe,
            # An edit list or the codec can hide it.
            is_hidden=is_second or (is_timed and (packet.is_discard or not _is_shown(self._codec, content))),
            content=content,
        )


def _is_shown(codec: str, data: bytes) -> bool:
    """False for a VP8 or VP9 frame that others refer to but that is not shown; some files give it a packet of its own.

    RFC 6386, 9.1: show_frame. VP9 bitstream specification, 6.2: show_frame; annex B: a superframe holds a shown one.
    """
    if codec == "vp8":
        return bool(data[0] & 0b0001_0000)
    if codec != "vp9" or data[-1] & 0b1110_0000 == 0b1100_0000:
        return True
    header = data[0] if data[0] & 0b0011_0000 != 0b0011_0000 else data[0] << 1  # profile 3 has one bit more
    return bool(header & 0b0000_1000 or header & 0b0000_0010)  # shows an earlier frame, or itself
