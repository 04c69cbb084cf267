"""Writes the runs of a clip into a container: when each packet is shown and decoded, and the sound beside the pictures.
Runs in the decoding process.
"""

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.container
import av.video.stream

from vtn_stream.film import NO_PTS
from vtn_stream.video.caption import Caption
from vtn_stream.video.clip_encoder import configure, encoder_of, pictures, prepared
from vtn_stream.video.clip_film import ClipFilm, NotCopyable
from vtn_stream.video.clip_runs import PiecePlan, Run
from vtn_stream.video.clip_sink import Sink
from vtn_stream.video.h264_joint import joint_head, prefixed
from vtn_stream.video.holding import kind_of, sounds_in
from vtn_stream.video.nals import length_size

__all__ = ["ClipWriter", "Joint"]

# As many B-frames as an encoder of ours puts in front of a later frame.
_ENCODED_DEPTH = 2
# Before the first picture is shown, those that it needs are decoded a step apart.
_LONGEST_STEP_S = 1
# Sound that comes so long after its time in the file will not come.
_SOUND_PATIENCE_S = 3
# Of sound before the first picture, so much is kept where a container can hide it: decoders need it to begin cleanly.
_LEAD_S = Fraction(1, 20)
_FORMATS = {"mp4": "mp4", "mkv": "matroska"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """How H.264 of two encoders becomes one stream. size: of the lengths in the film's packets; 0: start codes."""

    set_id: int
    profile: str
    extradata: bytes

    @property
    def size(self) -> int:
        return length_size("h264", self.extradata)


@dataclass(slots=True, kw_only=True)
class Made:
    """What became of a piece. at: where it begins in the clip, seconds."""

    at: Fraction
    num_frames: int = 0
    num_lost: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class _Sound:
    """A track of sound in the clip, and the last time in it, in its own units."""

    stream: Any
    likeness: tuple[Any, ...]
    last: int = -(2**62)
    is_used: bool = False


class ClipWriter:
    """One clip in the making. with_sound: False where the container refused the film's."""

    def __init__(
        self,
        plans: Sequence[PiecePlan],
        sink: Sink,
        suffix: str,
        num_threads: int,
        alive: Callable[[], None],
        *,
        joint: Joint | None = None,
        with_sound: bool = True,
    ) -> None:
        self._plans, self._sink, self._alive, self._joint = plans, sink, alive, joint
        self._num_threads = num_threads
        self._suffix = suffix
        bases = {plan.film.source.time_base for plan in plans}
        self._time_base = bases.pop() if len(bases) == 1 else Fraction(1, 90000)
        self._unit_s = float(self._time_base)
        self._out = av.open(
            sink,
            "w",
            format=_FORMATS[suffix],
            # bitexact: no date, no random number. Negative times are those of packets that are decoded only.
            container_options={"fflags": "+bitexact", "avoid_negative_ts": "disabled", "strict": "experimental"},
        )
        self._sounds: list[_Sound] = []
        self._notes: list[str] = []
        self.missing = ""  # characters of labels that no font has
        self._due: list[int] = []  # times of packets that went out, for when they are decoded
        self._num_out, self._step = 0, 1
        self._depth = max(run.depth if run.num_packets else _ENCODED_DEPTH for plan in plans for run in plan.runs)
        self._last_decoded = -(2**62)
        self._first_film, self._first_stream = plans[0].film.open("facts")
        self._video = self._video_stream()
        if with_sound:
            self._add_sounds()
        self._out.start_encoding()

    def close(self) -> None:
        self._sink.closed = True  # else what is left of the container would be written when it is collected

    @property
    def num_sounds(self) -> int:
        return sum(sound.is_used for sound in self._sounds)

    @property
    def notes(self) -> list[str]:
        return self._notes

    def write(self) -> tuple[list[Made], Fraction]:
        """Everything; what was made of each piece, and how long the clip is."""
        made: list[Made] = []
        at = 0
        whole = (
            None if self._joint or all(plan.is_copied for plan in self._plans) else _Encoding(self._video.codec_context)
        )
        for number, plan in enumerate(self._plans):
            scale = plan.film.source.time_base / self._time_base
            made.append(Made(at=at * self._time_base))
            sound = self._sound_of(plan, at * self._time_base, is_first=number == 0)
            waiting = next(sound, None)
            for packet in self._packets_of(plan, at, scale, made[-1], whole, is_last=plan is self._plans[-1]):
                until = self._mux(packet)
                while waiting is not None and waiting[0] <= until:
                    self._mux_sound(*waiting[1:])
                    waiting = next(sound, None)
            while waiting is not None:
                self._mux_sound(*waiting[1:])
                waiting = next(sound, None)
            at += round(plan.place(plan.end_pts) * scale)
        self._out.close()
        self._sink.done_s = float(at * self._time_base)
        self._sink.flush()
        return made, at * self._time_base

    # -- pictures

    def _video_stream(self) -> Any:
        film, template = self._plans[0].film, self._first_stream
        if self._joint is None and not all(plan.is_copied for plan in self._plans):
            name, pixels = encoder_of(template)
            if "420" in pixels and {"422", "444"} & set(re.findall(r"\d{3}", template.codec_context.pix_fmt or "")):
                self._notes.append("its colours were encoded at half the resolution, which every player shows")
            stream = self._out.add_stream(name, film.rate or Fraction(25))
            stream.pix_fmt = pixels
            configure(stream.codec_context, film, template, self._time_base, self._num_threads)
            stream.time_base = self._time_base
            if film.source.rotation or film.source.mirrored:
                stream.set_display_matrix(_matrix(film.source.rotation, mirrored=film.source.mirrored))
            return stream
        try:
            stream = self._out.add_stream_from_template(template, opaque=True)
        except ValueError as error:
            raise NotCopyable(f"the container does not hold {kind_of(template)} video") from error
        stream.time_base = self._time_base
        stream.sample_aspect_ratio = film.source.sample_aspect_ratio  # some stand in the container only
        if self._joint is not None:
            encoder = self._edge_encoder(film)
            encoder.open()
            stream.codec_context.extradata = joint_head(self._joint.extradata, bytes(encoder.extradata or b""))
        if kind_of(template) == "hevc" and self._suffix == "mp4":
            stream.codec_context.codec_tag = "hvc1"  # the name under which all players know it
        return stream

    def _edge_encoder(self, film: ClipFilm) -> Any:
        assert self._joint is not None
        encoder: Any = av.CodecContext.create("libx264", "w")
        _, encoder.pix_fmt = encoder_of(self._first_stream)
        params = {"sps-id": str(self._joint.set_id)}
        configure(encoder, film, self._first_stream, self._time_base, self._num_threads, params)
        encoder.options |= {"profile": self._joint.profile}
        encoder.flags |= av.codec.context.Flags.global_header
        return encoder

    def _packets_of(
        self, plan: PiecePlan, at: int, scale: Fraction, made: Made, whole: "_Encoding | None", *, is_last: bool
    ) -> Iterator[av.Packet]:
        """The packets of a piece in the order of decoding, with pts and duration in the clip's time base."""

        def place(pts: int) -> int:
            return at + round(plan.place(pts) * scale)

        for number, run in enumerate(plan.runs):
            if run.num_packets:
                yield from self._copied(plan, run, place)
                made.num_frames += run.stop - run.first
            else:
                encoding = whole or _Encoding(self._edge_encoder(plan.film))
                caption = None
                if plan.label is not None:
                    stream = self._first_stream.codec_context
                    caption = Caption(plan.label, plan.film.source, stream.width, stream.height)
                    self.missing += caption.missing
                yield from self._encoded(plan, run, place, encoding, caption, made)
                if whole is None or (is_last and number + 1 == len(plan.runs)):
                    yield from self._ours(encoding.end())

    def _copied(self, plan: PiecePlan, run: Run, place: Callable[[int], int]) -> Iterator[av.Packet]:
        left = run.num_packets
        film = plan.film
        for packet, time in film.packets(run.first, self._alive):
            frame = run.first + int(film.pts[run.first :].searchsorted(time)) if time != NO_PTS else -1
            if frame < 0 or frame >= len(film.pts) or film.pts[frame] != time:
                raise NotCopyable("the file holds frames there that are not to be seen")
            if self._joint is not None and self._joint.size != 4:
                packet = _with_content(packet, prefixed(bytes(packet), self._joint.size))
            begin = max(time, plan.start_pts)
            packet.pts = place(begin)
            packet.duration = max(1, place(self._until(plan, frame)) - packet.pts)
            yield packet
            left -= 1
            if not left:
                return
        raise NotCopyable("some of its packets are missing")

    def _until(self, plan: PiecePlan, frame: int) -> int:
        """Where a frame stops being shown in this piece, in the film's time base."""
        return min(int(plan.film.pts[frame]) + plan.film.lasts(frame), max(plan.end_pts, int(plan.film.pts[frame]) + 1))

    def _encoded(
        self,
        plan: PiecePlan,
        run: Run,
        place: Callable[[int], int],
        encoding: "_Encoding",
        caption: Caption | None,
        made: Made,
    ) -> Iterator[av.Packet]:
        """A picture goes to the encoder when it is known how long it is shown: until the next that is not lost."""
        codec = encoding.codec
        held: av.VideoFrame | None = None
        begin = place(max(int(plan.film.pts[run.first]), plan.start_pts))
        for frame, picture in pictures(plan.film, run.first, run.stop, self._num_threads, self._alive):
            if picture is None:
                made.num_lost += 1
                continue
            now = place(max(int(plan.film.pts[frame]), plan.start_pts))
            if held is not None:
                yield from self._ours(encoding.give(held, begin, now))
                made.num_frames += 1
                begin = now
            is_first = held is None
            held = prepared(picture, codec, caption, is_first=is_first)
        if held is None:
            raise NotCopyable("not one frame of a clip could be decoded")
        yield from self._ours(encoding.give(held, begin, place(self._until(plan, run.stop - 1))))
        made.num_frames += 1

    def _ours(self, packets: Sequence[av.Packet]) -> Iterator[av.Packet]:
        self._alive()
        for packet in packets:
            if self._joint is not None:
                yield _with_content(packet, prefixed(bytes(packet), 0))
            else:
                yield packet

    def _mux(self, packet: av.Packet) -> float:
        """Writes a packet of the picture; when it is decoded, seconds, which is the place for sound beside it."""
        assert packet.pts is not None
        heapq.heappush(self._due, packet.pts)
        if self._num_out == 0:
            self._step = min(packet.duration, max(1, int(_LONGEST_STEP_S / self._time_base)))
        early = self._num_out - self._depth
        decoded = early * self._step if early < 0 else heapq.heappop(self._due)
        self._num_out += 1
        packet.dts = self._last_decoded = max(self._last_decoded + 1, decoded)
        packet.time_base = self._time_base
        packet.stream = self._video
        self._out.mux(packet)
        self._sink.done_s = max(self._sink.done_s, packet.pts * self._unit_s)
        self._sink.tell_news()
        return decoded * self._unit_s

    # -- sound

    def _add_sounds(self) -> None:
        for template in sounds_in(self._first_film):
            try:
                stream: Any = self._out.add_stream_from_template(template, opaque=True)
            except ValueError:
                self._notes.append(f"its {kind_of(template)} sound was left out, which the container does not hold")
                continue
            stream.metadata.update((name, value) for name, value in template.metadata.items() if name == "language")
            self._sounds.append(_Sound(stream=stream, likeness=_likeness(template)))

    def _sound_of(
        self, plan: PiecePlan, at_s: Fraction, *, is_first: bool
    ) -> Iterator[tuple[float, _Sound, av.Packet, int]]:
        """The packets of sound of a piece: (when in the clip, where to, the packet, when)."""
        if not self._sounds:
            return
        film = plan.film
        if len(film.source.restarts):
            self._notes.append("the sound was left out, since the film's clock steps back, and the sound's with it")
            return
        tracks: dict[int, _Sound] = {}
        container, _ = film.open("facts")
        for template, sound in zip(sounds_in(container), self._sounds, strict=False):
            if _likeness(template) == sound.likeness:
                tracks[template.index] = sound
        if len(tracks) < len(self._sounds):
            self._notes.append("some sound was left out, which is coded otherwise in the other files")
        if tracks:
            yield from self._placed(plan, at_s, tracks, lead_s=_LEAD_S if is_first and self._suffix == "mp4" else 0)

    def _placed(
        self, plan: PiecePlan, at_s: Fraction, tracks: dict[int, _Sound], *, lead_s: Fraction | int
    ) -> Iterator[tuple[float, _Sound, av.Packet, int]]:
        """Whole numbers throughout: a packet of sound stands at pts * p / q on the film's clock, in its time base."""
        film, waiting = plan.film, set(tracks)
        time_base = film.source.time_base
        unit_s = float(time_base)
        scales: dict[int, tuple[int, int, int, int]] = {}  # of each track: p, q, the lead, where the piece begins
        for packet in film.sound(plan.start_pts * time_base, self._alive, list(tracks)):
            assert packet.pts is not None
            index = packet.stream_index
            if index not in scales:
                p, q = (Fraction(packet.time_base) / time_base).as_integer_ratio()
                scales[index] = p, q, int(lead_s / time_base * q), round(at_s / time_base * q)
            p, q, lead, at = scales[index]
            when, lasts = packet.pts * p, (packet.duration or 0) * p
            start, end = plan.start_pts * q, plan.end_pts * q
            if when >= end:
                waiting.discard(index)
                if not waiting or (when - end) * unit_s > _SOUND_PATIENCE_S * q:
                    return
            if 2 * when + lasts >= 2 * end or when < start - lead:
                continue
            if any(begin * q <= when < until * q for begin, until in film.dark):
                continue
            place = at + (when - start if when < start else plan.place(when // q) * q + when % q)
            yield place * unit_s / q, tracks[index], packet, (2 * place + p) // (2 * p)

    def _mux_sound(self, sound: _Sound, packet: av.Packet, pts: int) -> None:
        if pts <= sound.last:
            return  # a piece begins with the packet that the last one ended with
        sound.last, sound.is_used = pts, True
        packet.pts = packet.dts = pts
        packet.stream = sound.stream
        self._out.mux(packet)


class _Encoding:
    """An encoder at work, and for how long each of its pictures is shown."""

    def __init__(self, codec: Any) -> None:
        self.codec = codec
        self._lasts: dict[int, int] = {}

    def give(self, picture: av.VideoFrame, begin: int, end: int) -> list[av.Packet]:
        picture.pts, picture.time_base = begin, self.codec.time_base
        self._lasts[begin] = max(1, end - begin)
        return self._timed(self.codec.encode(picture))

    def end(self) -> list[av.Packet]:
        return self._timed(self.codec.encode(None))

    def _timed(self, packets: list[av.Packet]) -> list[av.Packet]:
        for packet in packets:
            packet.duration = self._lasts.pop(packet.pts)
        return packets


def _likeness(stream: Any) -> tuple[Any, ...]:
    """What tracks of sound must have in common to follow each other in one."""
    codec = stream.codec_context
    return kind_of(stream), codec.sample_rate, codec.layout.name, bytes(codec.extradata or b"")


def _with_content(packet: av.Packet, content: bytes) -> av.Packet:
    changed = av.Packet(content)
    changed.pts, changed.duration, changed.is_keyframe = packet.pts, packet.duration, packet.is_keyframe
    return changed


def _matrix(rotation: int, *, mirrored: bool) -> list[int]:
    """The display matrix of a picture that is turned clockwise, and mirrored before: ISO/IEC 14496-12, 6.2.2."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation]
    flip = -1 if mirrored else 1
    one = 1 << 16
    return [flip * cos * one, flip * sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30]
