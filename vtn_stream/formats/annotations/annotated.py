"""What a file of annotations says, in any format: films, what happens in them and when, and what is doubtful."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from vtn_stream.errors import listed
from vtn_stream.known import Known
from vtn_stream.timeline import Part, Segment

__all__ = ["END_TOLERANCE_S", "SUBSETS", "AnnotatedVideo", "Annotations", "Problem", "Subset"]
__all__ += ["in_files", "per_file", "subset_named"]

SPOT_S = 1.0  # around an event without a length, whose label has others with a length
END_TOLERANCE_S = 0.5  # containers and annotators disagree by some frames about where a film ends: cut, with a warning

Subset = Literal["training", "validation", "test"]

# As formats write them, in small letters.
SUBSETS: Mapping[str, Subset | None] = {
    "": None,
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validate": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def subset_named(name: str) -> Subset | None:
    return SUBSETS.get(name.strip().lower())


class Problem(NamedTuple):
    """line: from 1, in the file that `text` names if there are several; None for a problem without a line."""

    line: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.line is None else f"line {self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedVideo:
    """What is known about one film.

    segments     seconds, sorted; () also for a film in which nothing happens. Instants only of formats that have spots
    clip_label   the one label of the whole film; its segment [0, duration_s) exists as soon as the duration is known
    source       what films that share a scene share: they belong on the same side of a split
    rate         frames a second, where the format counts frames and says how many
    num_labels   how many labels it has, in formats with a label for each frame
    unfindable   labels of true segments without a length, in formats where nothing else has none (`published`): an
                 evaluation counts them among the true ones, and no prediction finds them
    known        in which time it is known what happens, where people looked at a part only; None: everything is known
    identity     of the film that was corrected: another one, or another version of it, has other times
    at_least_s   that the film lasts, where its length is not known: so far people looked
    parts        the files of a recording, where the annotations say them
    film         the film's name, where this is about one region of several of its picture, and named so
    region       of the picture that was looked at, as a recipe names it; None: all of it, or nobody says it
    """

    segments: tuple[Segment, ...] = ()
    clip_label: str | None = None
    duration_s: float | None = None
    subset: Subset | None = None
    source: str | None = None
    rate: Fraction | None = None
    num_labels: int | None = None
    unfindable: tuple[str, ...] = ()
    known: Known | None = None
    identity: str | None = None
    at_least_s: float = 0.0
    parts: tuple[Part, ...] = ()
    film: str | None = None
    region: str | None = None

    def film_of(self, name: str) -> str:
        """The film's name, where this is called `name`."""
        return name if self.film is None else self.film


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """The films of one file, or of one folder, by their ids.

    labels     the order of the classes: the format's own where it has one, else sorted
    warnings   what was read although it looks wrong, and what was changed
    skipped    what was left out because it is wrong
    uses_fps   whether frames were counted whose rate only the caller can tell
    """

    format: str
    labels: tuple[str, ...]
    videos: Mapping[str, AnnotatedVideo] = field(hash=False)
    warnings: tuple[Problem, ...] = ()
    skipped: tuple[Problem, ...] = ()
    uses_fps: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "videos", dict(self.videos))

    @property
    def num_segments(self) -> int:
        return sum(len(video.segments) for video in self.videos.values())

    @property
    def instants(self) -> tuple[str, ...]:
        """The labels, sorted, whose events all have no length."""
        lasting, without = self._kinds()
        return tuple(sorted(without.keys() - lasting.keys()))

    def of_one_kind(self) -> "Annotations":
        """The annotations as they are learnt: every label is one of instants or one of segments.

        A label that has both is one of segments: its events without a length get one of SPOT_S around their time. A
        warning says this, another one which labels are learnt as instants.
        """
        lasting, without = self._kinds()
        both = sorted(without.keys() & lasting.keys())
        warnings = []
        if instants := self.instants:
            num = sum(without[label] for label in instants)
            events = "1 event without a length is" if num == 1 else f"{num} events without a length are"
            warnings.append(f"{events} learnt as instants: {listed(instants)}")
        if both:
            which = listed(f"{label} ({without[label]} of {without[label] + lasting[label]})" for label in both)
            warnings.append(
                f"some events have no length, and others of the same label have one: {which}; those without are learnt "
                f"as the {SPOT_S:g} s around, and timelines show segments"
            )
        if not warnings:
            return self
        return replace(
            self,
            videos={name: _lengthened(video, both) for name, video in self.videos.items()},
            warnings=(*self.warnings, *(Problem(None, text) for text in warnings)),
        )

    def _kinds(self) -> tuple[Counter[str], Counter[str]]:
        """How many events with a length, and how many without one, each label has."""
        lasting, without = Counter[str](), Counter[str]()
        for video in self.videos.values():
            for s in video.segments:
                (lasting if s.start_s < s.end_s else without)[s.label] += 1
            if video.clip_label is not None:
                lasting[video.clip_label] += 1
        return lasting, without

    def with_durations(self, durations_s: Mapping[str, float]) -> "Annotations":
        """Fills in durations that were unknown, and the segments of whole clips."""
        return replace(
            self,
            videos={
                name: video if video.duration_s is not None or name not in durations_s else _lasting(video, duration_s)
                for name, video in self.videos.items()
                for duration_s in (durations_s.get(name, 0.0),)
            },
        )


def in_files(annotations: Annotations, is_film: Callable[[str], bool]) -> tuple[Annotations, list[str]]:
    """Of recordings that are no film by their own name, but whose files are, each file, in its own time; and lines on
    them. Of files with annotations of their own these count.
    """
    videos, told = dict[str, AnnotatedVideo](), list[str]()
    for name, video in annotations.videos.items():
        files = dict[str, AnnotatedVideo]()
        if not is_film(video.film_of(name)):
            files = {n: of for n, of in per_file(name, video).items() if is_film(of.film_of(n))}
        if not files:
            videos[name] = video
            continue
        known = [file for file in files if file in annotations.videos]
        new = {file: of for file, of in files.items() if file not in known}
        videos |= new
        told.append(
            f"{name} is a recording in {len(video.parts)} files: {listed(new) or 'none'} of them are films here"
        )
        if known:
            told.append(f"{listed(known)}: what {name} says of it is not used, as it has annotations of its own")
        if lost := len(video.parts) - len(files):
            told.append(f"{name}: {lost} of its files {'is' if lost == 1 else 'are'} not here, and left out")
    return replace(annotations, videos=videos), told


def per_file(name: str, video: AnnotatedVideo) -> dict[str, AnnotatedVideo]:
    """What is known about each file of a recording of this name, in its own time: by the names of the films that they
    are. They belong on the same side of a split.
    """
    film = video.film_of(name)
    folder, files = PurePosixPath(film).parent, dict[str, AnnotatedVideo]()
    for part in video.parts:
        pieces = (s.cropped(part.start_s, part.end_s) for s in video.segments)
        file = (folder / part.video_path).as_posix()
        files[file + name.removeprefix(film)] = AnnotatedVideo(
            segments=tuple(piece.shift(-part.start_s) for piece in pieces if piece is not None),
            duration_s=part.duration_s,
            subset=video.subset,
            source=video.source or film,
            rate=part.nominal_rate,
            known=None if video.known is None else video.known.cropped(part.start_s, part.end_s),
            identity=part.video_identity or None,
            film=None if video.film is None else file,
            region=video.region,
        )
    return files


def _lengthened(video: AnnotatedVideo, labels: Collection[str]) -> AnnotatedVideo:
    end_s = math.inf if video.duration_s is None else video.duration_s
    segments = []
    for s in video.segments:
        if s.start_s == s.end_s and s.label in labels:
            s = replace(s, start_s=max(0.0, s.start_s - SPOT_S / 2), end_s=min(s.end_s + SPOT_S / 2, end_s))
        segments.append(s)
    return replace(video, segments=tuple(sorted(segments, key=lambda s: s.sort_key)))


def _lasting(video: AnnotatedVideo, duration_s: float) -> AnnotatedVideo:
    if video.clip_label is None:
        return replace(video, duration_s=duration_s)
    whole = Segment(start_s=0.0, end_s=duration_s, label=video.clip_label)
    return replace(video, duration_s=duration_s, segments=(whole,))
