"""Reads a film's clock and shape: every packet read, one frame decoded. Runs in the decoding process."""

import hashlib
import json
import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.container
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.film import NO_PTS
from vtn_stream.video.clock import Clock, distinct, last_duration, leaps, one_clock, usual_step
from vtn_stream.video.container import films_in, open_video, packets_of
from vtn_stream.video.first_frame import first_frame, no_frame
from vtn_stream.video.kinds import first_bytes, says_encrypted
from vtn_stream.video.limits import MAX_DAYS, MAX_FRAMES_PER_S, MAX_PACKETS
from vtn_stream.video.packets import WITH_DECODE_TIMES, WRAPPING, PacketWatch
from vtn_stream.video.promise import another_follows, ends_early, ends_in_zeros, promised_end
from vtn_stream.video.recorded import created_at, sound_of, start_timecode

__all__ = ["Probed", "check_number", "identifying", "nominal_rate", "read_info", "start_of", "stated_facts"]

# How many times longer than what is there a promise may be to be believed: nobody keeps less of a download.
_MAX_PROMISE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found: `VideoInfo.facts`, and the arrays beside them."""

    facts: dict[str, Any]
    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    packet_pts: NDArray[np.int64] | None


@dataclass(slots=True)
class _Packets:
    """What the packets of a stream say, in the file's order. problems: why reading ended, if not at the end."""

    times: "array[int]" = field(default_factory=lambda: array("q"))  # NO_PTS where there is none
    decode_times: "array[int]" = field(default_factory=lambda: array("q"))
    durations: "array[int]" = field(default_factory=lambda: array("q"))
    keyframes: "array[int]" = field(default_factory=lambda: array("q"))  # numbers of packets, as are these
    hidden: "array[int]" = field(default_factory=lambda: array("q"))
    problems: list[str] = field(default_factory=list)
    last_pos: int = 0


def read_info(
    path: str,
    stream_index: int | None,
    alive: Callable[[], None],
    see: Callable[[bytes], None] = lambda content: None,
) -> Probed:
    """Every packet read, one frame decoded.

    alive() is called for every packet, as proof of progress; see() gets what is in each. Raises VideoError.
    """
    name = os.path.basename(path)
    container, stream = open_video(path, stream_index)
    with container:
        formats = set(container.format.name.split(","))
        watch = PacketWatch(stream.codec_context.name, bytes(stream.codec_context.extradata or b""))
        packets = _read_packets(container, stream, watch, name, alive, see)
        times = np.frombuffer(packets.times, np.int64)
        is_frame = np.ones(len(times), np.bool_)
        is_frame[np.frombuffer(packets.hidden, np.int64)] = False
        num_untimed = int(np.count_nonzero(is_frame & (times == NO_PTS)))
        shown = is_frame & (times != NO_PTS)
        if not shown.any():
            fact = f"{name} has {num_untimed} frames without timestamps" if num_untimed else f"{name} has no frames"
            raise VideoError(fact, "no timeline can be drawn", "remux or re-encode it into an MP4 or MKV file")
        _check_extremes(times[shown], name)
        clock = _clock_of(packets, times, shown, stream, formats, name)
        shown &= clock.times != NO_PTS
        pts, _ = distinct(clock.times[shown])
        is_repaired = not np.array_equal(clock.times, times)

        time_base, usual = Fraction(stream.time_base) / clock.division, usual_step(pts)
        last = np.flatnonzero(shown)[np.argmax(clock.times[shown])]
        stated = packets.durations[int(last)] * clock.division
        end_pts = int(pts[-1]) + last_duration(pts, stated, stream.average_rate, time_base)
        dark = [(int(pts[k]) + usual, int(pts[k + 1]), "leap") for k in leaps(pts, time_base)]
        start = start_of(container, stream, int(pts[0]), time_base)
        is_whole = 0 < stream.frames <= len(times)  # whatever else the file says
        is_cut = bool(packets.problems) or (not is_whole and ends_early(path, formats))
        if not clock.restarts and (is_cut or (not is_whole and ends_in_zeros(path))):
            promised = promised_end(path, container, stream, int(pts[0]), usual, start, time_base)
            there, least = end_pts - int(pts[0]), usual // 2 if is_cut else 1 / time_base  # sound may last longer
            if promised is not None and there + least < promised - int(pts[0]) <= _MAX_PROMISE * there:
                dark.append((end_pts, promised, "cut off"))
                end_pts, is_cut = promised, True
        facts = stated_facts(container, stream, time_base, start, end_pts) | {
            "num_untimed": num_untimed,
            "num_hidden": len(packets.hidden),
            "temporal_layers": watch.temporal_layers,
        }
        _check_clock(facts, pts, name)
        picture = first_frame(*open_video(path, stream.index), name)
        if picture is None:
            raise no_frame(name, lambda: says_encrypted(first_bytes(path)))
        facts |= picture
        digest = identifying(watch, facts, stream)
        facts |= {
            "field_pictures": watch.has_fields,
            "num_encrypted": watch.num_encrypted,
            "restarts": list(clock.restarts),
            "num_spread": clock.num_spread,
            "num_merged": clock.num_merged,
            "dark": dark,
            "is_cut": is_cut,
            "is_followed": another_follows(path, formats, packets.last_pos),
            "num_promised": stream.frames if is_cut and 0 < stream.frames <= MAX_PACKETS else 0,
        }
        if is_repaired or dark:
            digest.update(json.dumps(facts, sort_keys=True).encode() + clock.times.tobytes())
        facts["identity"] = digest.hexdigest()
        facts["nominal_rate"] = nominal_rate(stream, usual * time_base)
        facts["video_streams"] = [s.index for s in films_in(container)]
        facts["created"], facts["sound"] = created_at(container, stream), sound_of(container)
        keyframes = clock.times[np.frombuffer(packets.keyframes, np.int64)]
        return Probed(
            facts=facts,
            pts=pts,
            keyframes=np.unique(keyframes[keyframes != NO_PTS]),
            packet_pts=clock.times if is_repaired else None,
        )


def stated_facts(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    time_base: Fraction,
    start: Fraction,
    end_pts: int,
) -> dict[str, Any]:
    """What a container says of its video, as far as it belongs to a film's identity."""
    mean_rate = stream.average_rate or stream.guessed_rate
    return {
        "stream": stream.index,
        "codec": stream.codec_context.name,
        "time_base": str(time_base),
        "start": str(start),
        "end_pts": end_pts,
        "nominal_rate": str(mean_rate) if mean_rate and mean_rate > 0 else None,
        "start_timecode": start_timecode(container, stream),
    }


def identifying(watch: PacketWatch, facts: dict[str, Any], stream: av.video.stream.VideoStream) -> "hashlib.blake2b":
    """The digest of all packets and of what is known of them: a film's identity, where its clock is as it says."""
    digest = watch.digest.copy()
    digest.update(json.dumps(facts, sort_keys=True).encode() + bytes(stream.codec_context.extradata or b""))
    return digest


def _read_packets(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    watch: PacketWatch,
    name: str,
    alive: Callable[[], None],
    see: Callable[[bytes], None],
) -> _Packets:
    found = _Packets()
    for number, packet in enumerate(packets_of(container, stream, problems=found.problems)):
        alive()
        if packet is None:
            break
        check_number(number, name)
        seen = watch.see(packet)
        see(seen.content)
        found.times.append(seen.time)
        found.decode_times.append(seen.decode_time)
        found.durations.append(seen.duration)
        found.last_pos = max(found.last_pos, packet.pos or 0)
        if seen.is_keyframe:
            found.keyframes.append(number)
        if seen.is_hidden:
            found.hidden.append(number)
    return found


def check_number(number: int, name: str) -> None:
    """Raises VideoError for the packet of this number, from 0, if no film has so many."""
    if number >= MAX_PACKETS:
        raise VideoError(
            f"{name} has more than {MAX_PACKETS} frames",
            "it was not analyzed",
            "cut it into parts, or check that it is a film",
        )


def _clock_of(
    packets: _Packets,
    times: NDArray[np.int64],
    shown: NDArray[np.bool_],
    stream: av.video.stream.VideoStream,
    formats: set[str],
    name: str,
) -> Clock:
    decode_times = np.frombuffer(packets.decode_times, np.int64)
    if not formats & WITH_DECODE_TIMES:
        decode_times = np.full_like(decode_times, NO_PTS)
    rate, time_base = stream.average_rate, Fraction(stream.time_base)
    step = max(1, round(1 / (rate * time_base))) if rate else 1
    keys = np.zeros(len(times), np.bool_)
    keys[np.frombuffer(packets.keyframes, np.int64)] = True
    try:
        if formats & WRAPPING:
            return one_clock(times, decode_times, shown, time_base, step, wraps_at=2**33, keys=keys)
        return one_clock(times, decode_times, shown, time_base, step, keys=keys)
    except ValueError as error:
        raise VideoError(
            f"{name} cannot be put in order: {error}",
            "it was not analyzed",
            "remux it to get new timestamps: ffmpeg -i FILE -c copy NEW.mkv",
        ) from error


def _check_extremes(times: NDArray[np.int64], name: str) -> None:
    if max(abs(int(times.min())), abs(int(times.max()))) > 2**61:
        raise VideoError(f"{name} has impossible timestamps", "they cannot be used", "remux it to get new timestamps")


def _check_clock(facts: dict[str, Any], pts: NDArray[np.int64], name: str) -> None:
    """Raises VideoError if the timestamps cannot be those of a film."""
    time_base, start, end = Fraction(facts["time_base"]), Fraction(facts["start"]), facts["end_pts"]
    lasts_s, starts_s = end * time_base - start, start - int(pts[0]) * time_base
    if max(lasts_s, starts_s) > MAX_DAYS * 86400 or lasts_s <= 0:
        raise VideoError(
            f"{name} lasts {float(lasts_s):.0f} s by its timestamps",
            f"this cannot be right: a film lasts at most {MAX_DAYS} days",
            "remux it to get new timestamps",
        )
    shown_s = (end - int(pts[0])) * time_base
    if len(pts) > 1 and len(pts) > MAX_FRAMES_PER_S * shown_s:
        raise VideoError(
            f"{name} has {len(pts)} frames in {float(shown_s):.2g} s by its timestamps",
            f"this cannot be right: a film has at most {MAX_FRAMES_PER_S} frames a second",
            "remux it at its true rate, such as 25: ffmpeg -r 25 -i FILE -c copy NEW.mkv",
        )


def nominal_rate(stream: av.video.stream.VideoStream, step_s: Fraction) -> str | None:
    """Frames a second: as the file states them, where its frames come so; else their mean number.

    A last frame that is shown for less makes a mean of what is no rate; what some files state is that of fields.
    """
    mean = stream.average_rate or stream.guessed_rate
    for stated in (stream.base_rate, stream.guessed_rate):
        for rate in (stated, stated / 2) if stated and stated > 0 else ():
            if abs(rate * step_s - 1) < Fraction(1, 50):
                return str(rate)
    return str(mean) if mean and mean > 0 else None


def start_of(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, first: int, time_base: Fraction
) -> Fraction:
    """The container's start in seconds; the first frame's time if the container states no start."""
    if container.start_time is None:
        return first * time_base
    return Fraction(container.start_time, av.time_base)
