"""What a reader has found so far, and what is wrong with each part of it. Knows no format.

Readers put down films, segments and clips as they come, with the place of each; whatever is wrong is noted and left
out, and reported all at once in the end (`checks.finish`), or where nothing more can be read (`Findings.stop`).
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NoReturn, TypeVar

from vtn_stream.errors import AnnotationError, printable
from vtn_stream.film import one_form
from vtn_stream.film_folder import path_below
from vtn_stream.formats.annotations.annotated import SUBSETS, Problem
from vtn_stream.formats.annotations.found import FoundFilm, FoundSegment
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.annotations.text import repeated_keys
from vtn_stream.formats.annotations.words import At, dotted, id_fault, in_s, number, shown, text_fault
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.known import Known
from vtn_stream.times import is_clock, seconds_of

__all__ = ["MAX_ENTRIES", "Findings", "Unreadable"]

_T = TypeVar("_T")

MAX_ENTRIES = 1_000_000  # films, segments and problems, of each


def no_length(time_s: float) -> str:
    return f"it has no length: it starts and ends at {in_s(time_s)}"


class Unreadable(Exception):
    """The rest of this file cannot be read."""

    def __init__(self, at: At, text: str, cure: str = "fix the file") -> None:
        super().__init__(at, text, cure)
        self.at = at
        self.text = text
        self.cure = cure


class Findings:
    """name: the file's, for messages. The reader sets what follows.

    labels     the order that the format gives them
    locate     of each JSON file ("" if there is one) the line of a path in it
    uses_fps   frames were counted whose rate only the caller can tell
    published  segments count as they are written: overlaps of one label, times outside of the film, ends before starts
               are no faults in a data set on which papers are compared (`published.settle`)

    And the caller what `rate_of` knows, how absolute paths of films may begin (`homes_of`), and the labels' names.
    """

    def __init__(
        self,
        name: str,
        *,
        fps: float | Fraction | None = None,
        film_rate: Callable[[str], float | Fraction | None] | None = None,
        start_timecode: str | None = None,
        coding: CodingOptions = CodingOptions(),
        homes: Sequence[str] = (),
        label_names: LabelNames | None = None,
        is_part: bool = False,
    ) -> None:
        self._asked: Any = {
            "fps": fps,
            "film_rate": film_rate,
            "start_timecode": start_timecode,
            "coding": coding,
            "homes": homes,
            "label_names": label_names,
        }
        self.name = name
        self.homes, self.label_names = homes, label_names
        self.fps, self.start_timecode, self.coding, self.is_part = fps, start_timecode, coding, is_part
        self._film_rate = film_rate
        self._spelled: dict[str, str] = {}  # a film's name in one form of Unicode -> as it came first
        self._spelled_labels: dict[str, str] = {}
        self.labels: Sequence[str] = ()
        self.locate: dict[str, Callable[[tuple[str | int, ...]], int | None]] = {}
        self.uses_fps = False
        self.published = False
        self.films: dict[str, FoundFilm] = {}
        self.problems: list[tuple[At, str]] = []
        self.warnings: list[tuple[At, str]] = []
        self._num_segments = 0

    def part(self, name: str) -> "Findings":
        """Findings of one file of several, under the same conditions."""
        return Findings(name, is_part=True, **self._asked)

    def problem(self, at: At, text: str) -> None:
        self.problems.append((at, text))
        if len(self.problems) > MAX_ENTRIES:
            self.refuse(at, "too many problems")

    def warn(self, at: At, text: str) -> None:
        self.warnings.append((at, text))

    def refuse(self, at: At, text: str, cure: str = "fix the file") -> NoReturn:
        """Raises AnnotationError with all problems found so far: the rest cannot be read."""
        (last,) = self.in_order([(at, text)])
        raise AnnotationError(
            f"{self.name} cannot be read ({last})",
            "no annotations were read",
            cure,
            self.in_order([*self.problems, (at, text)]),
        )

    def report_repeated(self, at: At, entry: object) -> None:
        """Reports the keys that occur twice in an object of `parsed_json`."""
        for key in repeated_keys(entry):
            self.problem(at._replace(path=(*at.path, key)), "this key occurs twice; the first would be read")

    def loaded(self, file: str, load: Callable[[], _T]) -> _T | None:
        """The result of `load` for one file of several; if it fails, that is one more problem."""
        try:
            return load()
        except AnnotationError as error:
            self.problem(At(file=file), error.fact.removeprefix(f"{PurePath(file).name} "))
            return None

    def film(
        self,
        name: object,
        at: At,
        *,
        duration_s: object = None,
        subset: object = None,
        source: object = None,
        rate: Fraction | None = None,
    ) -> str | None:
        """The checked id; None for one that no film can have. Facts given twice for one film must agree."""
        if not isinstance(name, str):
            self.problem(at, f"the film's id is {shown(name)}, not text")
            return None
        name = path_below(name, self.homes)
        if fault := id_fault(name):
            self.problem(at, f"the film's id {shown(name)} {fault}")
            return None
        name = self._spelled.setdefault(one_form(name), name)
        if name not in self.films:
            if len(self.films) >= MAX_ENTRIES:
                self.refuse(at, f"it has more than {MAX_ENTRIES} films, split it")
            self.films[name] = FoundFilm(at)
        film = self.films[name]
        facts: dict[str, Any] = {"duration_s": None, "subset": None, "source": None, "rate": rate}
        if duration_s is not None:
            if (length := number(duration_s)) is None or not 0 < length < math.inf:
                self.problem(at, f"{self.of(name, at)}its duration is {shown(duration_s)}, not seconds above 0")
            else:
                facts["duration_s"] = length
        if subset is not None:
            if isinstance(subset, str) and (key := subset.strip().lower()) in SUBSETS:
                facts["subset"] = SUBSETS[key]
            else:
                text = f"its subset is {shown(subset)}, not training, validation or test"
                self.problem(at, self.of(name, at) + text)
        if source is not None:
            if isinstance(source, str) and not (fault := text_fault(source.strip())):
                facts["source"] = source.strip()
            elif source != "":
                self.problem(at, f"{self.of(name, at)}its source is {shown(source)}, not a name")
        for fact, value in facts.items():
            if value is not None and film.facts.setdefault(fact, value) != value:
                given, before = (float(v) if fact == "rate" else v for v in (value, film.facts[fact]))
                text = f"its {fact.removesuffix('_s')} is {shown(given)} here, {shown(before)} before"
                self.problem(at, self.of(name, at) + text)
        return name

    def knows(self, name: str) -> bool:
        return self._spelled.get(one_form(name), name) in self.films

    def rate_of(self, film: str | None) -> Fraction | None:
        """Frames a second of a film, or of all, as only the caller can tell."""
        self.uses_fps = True
        rate = self.fps
        if rate is None and self._film_rate is not None and film is not None:
            rate = self._film_rate(film)
        return None if rate is None else Fraction(rate)

    def segment(
        self,
        name: str,
        at: At,
        start_s: object,
        end_s: object,
        label: object,
        attributes: tuple[tuple[str, str], ...] = (),
        score: object = None,
    ) -> None:
        """Adds a segment of a film that `film` knows, and reports every fault of it."""
        self._count(at)
        faults = list[str]()
        start, end = _time("start", start_s, faults), _time("end", end_s, faults)
        is_doubtful = start is not None and start == end and not self.published
        if start is not None and end is not None and not self.published:
            faults += self.faults_of_times(start, end, is_instant=is_doubtful)
        self._keep(name, at, start, end, label, attributes, score, faults, is_doubtful=is_doubtful)

    @staticmethod
    def faults_of_times(start_s: float, end_s: float, *, is_instant: bool = False) -> list[str]:
        faults = list[str]()
        if start_s < 0:
            faults.append(f"it starts before the film, at {in_s(start_s)}")
        if end_s < start_s:
            faults.append(f"it ends at {in_s(end_s)}, before it starts at {in_s(start_s)}")
        elif end_s == start_s and not is_instant:
            faults.append(no_length(start_s))
        return faults

    def spot(
        self,
        name: str,
        at: At,
        time_s: object,
        label: object,
        attributes: tuple[tuple[str, str], ...] = (),
        score: object = None,
    ) -> None:
        """Adds an instant, in formats whose annotations have no length."""
        self._count(at)
        faults = list[str]()
        time = _time("time", time_s, faults)
        if time is not None and time < 0:
            faults.append(f"it is before the start of the film, at {in_s(time)}")
        self._keep(name, at, time, time, label, attributes, score, faults)

    def _keep(
        self,
        name: str,
        at: At,
        start: float | None,
        end: float | None,
        label: object,
        attributes: tuple[tuple[str, str], ...],
        score: object,
        faults: list[str],
        *,
        is_doubtful: bool = False,
    ) -> None:
        kept, value = self._label(label, faults), number(score)
        if score is not None and (value is None or not math.isfinite(value)):
            faults.append(f"its score is {shown(score)}, not a number")
        for fault in faults:
            self.problem(at, self.of(name, at) + fault)
        self.films[name].lost |= bool(faults)
        if not faults and start is not None and end is not None and kept is not None:
            self.films[name].segments.append(
                FoundSegment(start + 0.0, end + 0.0, kept, attributes, at, value, is_doubtful)
            )

    def clip(self, name: str, at: At, label: object) -> None:
        """Sets the one label of a whole film."""
        self._count(at)
        film, faults = self.films[name], list[str]()
        kept = self._label(label, faults)
        if film.clip_label is not None:
            same = kept == film.clip_label
            film.has_two_labels |= not same
            before = "" if same else f", as {shown(film.clip_label)}, so neither counts"
            faults.append(f"it is listed{self.where(film.at)} already{before}")
        for fault in faults:
            self.problem(at, self.of(name, at) + fault)
        film.lost |= bool(faults)
        if not faults:
            film.clip_label = kept

    def looked_at(self, name: str, known: Known, identity: str | None = None) -> None:
        """Says that people looked at a part of a film only. identity: of the film that they corrected."""
        self.films[name].known, self.films[name].identity = known, identity

    def label(self, at: At, label: str) -> str:
        """The label of a mark, as it was spelled first; reports it if no label can be called so."""
        faults: list[str] = []
        kept = self._label(label, faults)
        for fault in faults:
            self.problem(at, fault)
        return label if kept is None else kept

    def lost(self, name: str, at: At, text: str) -> None:
        """Reports something of a film that cannot be read. If nothing else is left of the film, it does not count as a
        film in which nothing happens.
        """
        self.films[name].lost = True
        self.problem(at, self.of(name, at) + text)

    def _label(self, label: object, faults: list[str]) -> str | None:
        if not isinstance(label, str):
            faults.append(f"its label is {shown(label)}, not text")
        elif fault := text_fault(label.strip()):
            faults.append(f"its label {shown(label)} {fault}" if label.strip() else "it has no label")
        elif self.label_names is not None:
            if (kept := self.label_names.label_of(label.strip())) is not None:
                return kept
            faults.append(f"its label {shown(label)} is not in {self.label_names.name}")
        else:
            return self._spelled_labels.setdefault(one_form(label.strip()), label.strip())
        return None

    def _count(self, at: At) -> None:
        self._num_segments += 1
        if self._num_segments > MAX_ENTRIES:
            self.refuse(at, f"it has more than {MAX_ENTRIES} segments, split it")

    def of(self, name: str, at: At) -> str:
        """How a message about a film begins: empty if the file or the path says which film it is."""
        return "" if at.file or at.path else f"{shown(name)}: "

    def line(self, at: At) -> int | None:
        locate = self.locate.get(at.file)
        return locate(at.path) if at.path and locate is not None else at.line

    def where(self, at: At) -> str:
        line = self.line(at)
        place = f" on line {line}" if line is not None else ""
        return place + (f" of {at.file}" if at.file else "")

    def in_order(self, notes: list[tuple[At, str]]) -> tuple[Problem, ...]:
        """The problems in the order of the file."""
        problems = []
        for at, text in notes:
            where, line = at.file or dotted(at.path), self.line(at)
            problems.append((at.file, line or 0, Problem(line, printable(f"{where}: {text}" if where else text))))
        return tuple(problem for *_, problem in sorted(problems, key=lambda entry: entry[:2]))


def _time(word: str, given: object, faults: list[str]) -> float | None:
    if isinstance(given, str) and is_clock(given):
        given = seconds_of(given)
    time = number(given)
    if time is None:
        faults.append(f"its {word} is {shown(given)}, not a number of seconds")
    elif not math.isfinite(time):
        faults.append(f"its {word} is not finite")
        return None
    return time
