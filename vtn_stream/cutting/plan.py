"""What is cut of a film: which clips, of which frames, under which names. Opens no file.

A clip for each segment; or a reel, which has all segments of a label in one file; or the film without a label's time.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from vtn_stream.cutting.names import clip_name, label_names, reel_name, without_name
from vtn_stream.cutting.pieces import Piece, PlacedFilm, Span, complement, joined_copies, pieces_in, union
from vtn_stream.errors import InputError, listed, printable
from vtn_stream.film import CLOCK_TOLERANCE_S, one_form
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.writing import num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["Clip", "How", "Kind", "Plan", "check_labels", "film_called", "plan"]

INSTANT_S = 2.0  # shown before an instant, and after it: enough to see what happened
BEYOND_S = 0.1  # by so much a segment ends behind the film where a player's length was written down

Kind = Literal["clip", "reel", "without"]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What is cut, and how.

    reels    labels; each gets one file with all of its segments
    without  labels; one file has the film without their time. With one of the two, only these files are written
    accurate  to the frame: the edges are encoded again. Else packets are copied, and clips begin early, at a keyframe
    burn_in   the label is drawn into the picture, for which all of it is encoded again
    """

    reels: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    accurate: bool = False
    burn_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """One file. name: its path below the folder, without suffix; start_s, end_s: from the first moment that was asked
    for to the last, on the timeline's clock; text: what is drawn into the picture.
    """

    name: str
    kind: Kind
    label: str
    start_s: float
    end_s: float
    score: float | None = None
    pieces: tuple[Piece, ...]
    accurate: bool
    text: str | None

    @property
    def copies(self) -> bool:
        """Whether it begins at a keyframe."""
        return not self.accurate and self.text is None

    @property
    def early_s(self) -> float:
        """By how much it begins early."""
        return self.pieces[0].early_s if self.copies else 0.0

    @property
    def duration_s(self) -> float:
        """About how long it lasts."""
        frames = [piece.copied if self.copies else piece.exact for piece in self.pieces]
        return sum(each.end_s - each.start_s for each in frames)

    @property
    def num_bytes(self) -> int:
        """About how large it becomes: what as much time of the film has on average."""
        total = 0.0
        for piece in self.pieces:
            video, frames = piece.film.video, piece.copied if self.copies else piece.exact
            size = video.stamp[2] if len(video.stamp) > 2 else 0
            total += size * (frames.end_s - frames.start_s) / max(video.duration_s, CLOCK_TOLERANCE_S)
        return round(total)

    @property
    def digest(self) -> str:
        """Equal for clips of the same time of the same films, in the same form."""
        pieces = [
            [p.film.video.identity, p.film.video.stream, round(p.start_s, 6), round(p.end_s, 6)] for p in self.pieces
        ]
        says = {"pieces": pieces, "accurate": self.accurate, "text": self.text}
        return hashlib.blake2b(json.dumps(says).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The clips of a film, in order. film: its name; told: what was changed, joined or left out."""

    film: str
    clips: tuple[Clip, ...]
    told: tuple[str, ...] = ()


def plan(timeline: Timeline, films: Sequence[PlacedFilm], how: How = How(), *, folder: str = "") -> Plan:
    """The clips of a timeline. films: the files of its film, in order; folder: goes before all names.

    Raises InputError where nothing is left to be cut.
    """
    planner = _Planner(timeline, films, how)
    clips = [*planner.reels(), *planner.without()] if how.reels or how.without else planner.clips()
    if not clips:
        why = "".join(f" ({line})" for line in planner.told)
        raise InputError(
            f"of {printable(PurePosixPath(timeline.video_path).name)} nothing is left to be cut{why}",
            "nothing was written",
            "choose other segments, or a lower --threshold",
        )
    if over := sum(map(planner.has_gap, clips)):
        planner.told.append(
            f"{num(over, 'file')} with time of a gap: the film could not be read, or shows nothing then"
        )
    if folder:
        clips = [replace(clip, name=f"{folder}/{clip.name}") for clip in clips]
    return Plan(film=film_called(timeline), clips=tuple(clips), told=tuple(planner.told))


def film_called(timeline: Timeline) -> str:
    """What the film is called beside others: if a timeline is about a region that has a name, with that."""
    name, region = PurePosixPath(timeline.video_path).name, timeline.region
    return f"{name}, {region.name}" if region is not None and region.name else name


def check_labels(timelines: Iterable[Timeline], how: How) -> None:
    """Raises InputError for a label of a reel, or one to leave out, that no segment has."""
    there = dict.fromkeys(label for timeline in timelines for label in timeline.labels)
    known = {*map(one_form, there)}
    for label in (*how.reels, *how.without):
        if one_form(label) not in known:
            near = nearest(label, list(there))
            raise InputError(
                f"no segment is called {printable(label)}",
                "nothing was written",
                (f"did you mean {printable(near)}? " if near else "")
                + f"There are: {listed(there, 10) if there else 'no segments at all'}",
            )


class _Planner:
    """The clips of one timeline. told: lines on what was changed, joined or left out."""

    def __init__(self, timeline: Timeline, films: Sequence[PlacedFilm], how: How) -> None:
        self.timeline, self.films, self.how = timeline, films, how
        self.end_s = max(film.end_s for film in films)
        self.names = label_names((*timeline.labels, *how.reels, *how.without))
        self.told: list[str] = []

    def clips(self) -> list[Clip]:
        """One for each segment; numbers follow time through all labels."""
        clips, num_short, segments = list[Clip](), 0, self.timeline.segments
        for segment in segments:
            pieces = pieces_in(self.films, self._span(segment))
            if pieces:
                span = self._inside(segment)
                name = clip_name(len(clips) + 1, len(segments), span[0], self.names[segment.label])
                clips.append(self._clip(name, "clip", segment.label, span, pieces, segment.score))
                shown_s = pieces[0].exact.end_s - pieces[0].exact.start_s
                num_short += 0 < segment.duration_s < shown_s / pieces[0].exact.num_frames - CLOCK_TOLERANCE_S
        self._tell_instants(segments)
        if num_short:
            self.told.append(f"{num(num_short, 'segment')} shorter than a frame: the clip has the frame shown then")
        self._tell_beyond(segments)
        self._tell_unseen(len(segments) - len(clips))
        return clips

    def reels(self) -> list[Clip]:
        """All segments of each label, one after the other."""
        clips = []
        for label in dict.fromkeys(self.how.reels):
            segments = self._called([label])
            spans = union(map(self._span, segments))
            shown = [pieces_in(self.films, span) for span in spans]
            self._tell_instants(segments)
            self._tell_beyond(segments)
            self._tell_unseen(shown.count(()))
            if len(spans) < len(segments):
                self.told.append(f"{printable(label)}: segments that overlap or touch are one piece of the reel")
            if pieces := [piece for of_span in shown for piece in of_span]:
                name, span = reel_name(self.names[label]), (spans[0][0], spans[-1][1])
                clips.append(self._clip(name, "reel", label, span, self._one_after_other(name, "reel", pieces)))
        return clips

    def without(self) -> list[Clip]:
        """The film without the time of some labels."""
        labels = list(dict.fromkeys(self.how.without))
        segments = self._called(labels)
        if not segments:
            self.told += ["nothing would be left out"] if labels else []
            return []
        lost = [(s.start_s, s.end_s) for s in segments if s.start_s < s.end_s]
        if len(lost) < len(segments):
            number = num(len(segments) - len(lost), "instant")
            self.told.append(f"{number} took no time out of the film (--lead and --lag give instants a length)")
        if self.timeline.span_s[0] > 0 or self.timeline.span_s[1] < self.end_s - 1:
            self.told.append("only a part of the film was analyzed; all of the rest stays in")
        spans = complement(lost, (0.0, self.end_s))
        pieces = [piece for span in spans for piece in pieces_in(self.films, span)]
        if not lost or not pieces:
            self.told.append("all of the film would be left out" if lost else "nothing would be left out")
            return []
        name = without_name([self.names[label] for label in labels])
        span = (spans[0][0], spans[-1][1])
        return [self._clip(name, "without", ", ".join(labels), span, self._one_after_other(name, "without", pieces))]

    def has_gap(self, clip: Clip) -> bool:
        """Whether something in it is a gap of the timeline, or of the film's own clock."""
        for piece in clip.pieces:
            start_s, end_s = (piece.film.start_s + at_s for at_s in (piece.exact.start_s, piece.exact.end_s))
            if piece.unseen_s > CLOCK_TOLERANCE_S:
                return True
            if any(
                g.start_s < end_s - CLOCK_TOLERANCE_S and start_s + CLOCK_TOLERANCE_S < g.end_s
                for g in self.timeline.gaps
            ):
                return True
        return False

    def _clip(
        self, name: str, kind: Kind, label: str, span: Span, pieces: Sequence[Piece], score: float | None = None
    ) -> Clip:
        return Clip(
            name=name,
            kind=kind,
            label=label,
            start_s=span[0],
            end_s=span[1],
            score=score,
            pieces=tuple(pieces),
            accurate=self.how.accurate,
            text=self._text(kind, label),
        )

    def _text(self, kind: Kind, label: str) -> str | None:
        """What is drawn into the picture."""
        return label if self.how.burn_in and kind != "without" else None

    def _one_after_other(self, name: str, kind: Kind, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """The pieces of one file; where they are copied, none shows again what the one before showed."""
        if self.how.accurate or self._text(kind, name) is not None:
            return pieces
        joined = joined_copies(pieces)
        if fewer := len(pieces) - len(joined):
            self.told.append(
                f"{printable(name)}: {num(fewer, 'piece')} joined with the one before, since no keyframe lies in "
                "between: the time in between is shown too (--accurate leaves it out)"
            )
        return joined

    def _called(self, labels: Iterable[str]) -> list[Segment]:
        wanted = {*map(one_form, labels)}
        return [s for s in self.timeline.segments if one_form(s.label) in wanted]

    def _span(self, segment: Segment) -> Span:
        """What is shown for it; empty where it lies beyond the film."""
        start_s, end_s = self._inside(segment)
        if segment.start_s < segment.end_s or self._is_beyond(segment):
            return (start_s, end_s)
        return (max(start_s - INSTANT_S, 0.0), min(end_s + INSTANT_S, self.end_s))

    def _inside(self, segment: Segment) -> Span:
        """From when to when it lies in the film."""
        return (min(max(segment.start_s, 0.0), self.end_s), min(max(segment.end_s, 0.0), self.end_s))

    def _is_beyond(self, segment: Segment) -> bool:
        """Whether a part of it lies before the film or after it, by more than a frame or two."""
        return segment.start_s < -BEYOND_S or segment.end_s > self.end_s + BEYOND_S

    def _tell_beyond(self, segments: Iterable[Segment]) -> None:
        insides = (self._inside(segment) for segment in segments if self._is_beyond(segment))
        if number := sum(start_s < end_s for start_s, end_s in insides):
            self.told.append(
                f"{num(number, 'segment')} not wholly in the film, which lasts {self.end_s:.3f} s: only what lies in "
                "it is shown"
            )

    def _tell_instants(self, segments: Iterable[Segment]) -> None:
        if number := sum(s.start_s == s.end_s for s in segments):
            self.told.append(
                f"{num(number, 'instant')} shown with {INSTANT_S:g} s before and after (--lead and --lag say otherwise)"
            )

    def _tell_unseen(self, number: int) -> None:
        if number:
            self.told.append(f"{num(number, 'segment')} left out: the film shows no frame then")
