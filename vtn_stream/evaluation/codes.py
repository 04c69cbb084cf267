"""What two annotators' labels are compared as: by label, or by subject and label where both say whom they watched."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.coding import CodedFilm
from vtn_stream.film import one_form
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import shown
from vtn_stream.timeline import Segment

__all__ = ["Codes", "codes_of"]

LENGTH_TOLERANCE_S = 0.5  # containers and programs disagree by some frames about where a film ends
MAX_TIME_S = 1e9  # 30 years: what lies farther off is no film's time
MAX_HINTS = 20  # labels for which a nearest one is looked for
SUBJECT, MODIFIER = "subject", "modifier"  # attributes of segments, as readers call them

Films = Mapping[str, tuple[CodedFilm, CodedFilm]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What is compared.

    labels     sorted: each code, and the label that it stands for: "rat 1: walk" and "walk"
    films      the segments of A and of B in each film, labelled by their codes
    lengths_s  how long each film is: the longer of what both say, else until the last segment ends
    exclusive  whether neither of them ever says two at one moment
    told       sentences that a reader of the figures must know
    """

    labels: Mapping[str, str] = field(hash=False)
    films: Mapping[str, tuple[tuple[Segment, ...], tuple[Segment, ...]]] = field(hash=False)
    lengths_s: Mapping[str, float] = field(hash=False)
    exclusive: bool
    told: tuple[str, ...] = ()


def codes_of(films: Films, background: Collection[str] = ()) -> Codes:
    """What is compared in these films. background: labels that say that nothing happens, in any form of Unicode.

    Raises InputError for times that no film has.
    """
    for name, pair in films.items():
        _check_times(name, pair)
    silent = {one_form(label) for label in background}
    told: list[str] = []
    whole = bool(films) and all(film.clip_label is not None for pair in films.values() for film in pair)
    if whole:
        told.append("Both label whole films: each film counts alike, as 1 s.")
    lengths_s = {name: 1.0 if whole else _length_s(pair) for name, pair in films.items()}
    sides = [[_segments(film, lengths_s[name]) for film in pair] for name, pair in films.items()]
    kept = [[tuple(s for s in side if one_form(s.label) not in silent) for side in pair] for pair in sides]
    by_subject = _by_subject(kept, told)
    spelled: dict[str, str] = {}  # labels that differ in the form of Unicode alone are one, as it was first spelled
    labels: dict[str, str] = {}

    def coded(s: Segment) -> Segment:
        code, label = _code(s, by_subject=by_subject), spelled.setdefault(one_form(s.label), s.label)
        code = spelled.setdefault(one_form(code), code)
        labels[code] = label
        return s if s.label == code else replace(s, label=code)

    coded_films = {
        name: (tuple(map(coded, pair[0])), tuple(map(coded, pair[1]))) for name, pair in zip(films, kept, strict=True)
    }
    if any(s.attributes.get(MODIFIER) for pair in kept for side in pair for s in side):
        told.append("Modifiers are not compared: two events of one label are alike whatever theirs are.")
    told += _of_labels(coded_films.values())
    told += [] if whole else _of_lengths(films)
    return Codes(
        labels=dict(sorted(labels.items())),
        films=coded_films,
        lengths_s=lengths_s,
        exclusive=not any(_overlap(side) for pair in coded_films.values() for side in pair),
        told=tuple(told),
    )


def _check_times(name: str, pair: tuple[CodedFilm, CodedFilm]) -> None:
    for who, film in zip("AB", pair, strict=True):
        times = (film.duration_s or 0.0, *(time_s for s in film.segments for time_s in (s.start_s, s.end_s)))
        farthest = max(times, key=abs)
        if abs(farthest) > MAX_TIME_S:
            raise InputError(
                f"{who} has the time {farthest:g} s in {shown(name)}", "nothing was compared", "fix that time"
            )


def _length_s(pair: tuple[CodedFilm, CodedFilm]) -> float:
    said = [film.duration_s for film in pair if film.duration_s is not None]
    return max(0.0, *said) if said else max((s.end_s for film in pair for s in film.segments), default=0.0)


def _segments(film: CodedFilm, length_s: float) -> tuple[Segment, ...]:
    """The segments of a film; the label of a whole film lasts as long as the film."""
    if film.clip_label is None or not length_s:
        return film.segments
    return (Segment(start_s=0.0, end_s=length_s, label=film.clip_label),)


def _code(s: Segment, *, by_subject: bool) -> str:
    subject = s.attributes.get(SUBJECT, "") if by_subject else ""
    return f"{subject}: {s.label}" if subject else s.label


def _by_subject(kept: Iterable[Sequence[Sequence[Segment]]], told: list[str]) -> bool:
    """Whether subjects are told apart: where both name them, and one of them names several."""
    named: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for pair in kept:
        for of, side in zip(named, pair, strict=True):
            of.update(s.attributes.get(SUBJECT, "") for s in side)
    subjects = [{subject for subject in of if subject} for of in named]
    if not any(subjects):
        return False
    if not all(subjects):
        who, other = ("A", "B") if subjects[0] else ("B", "A")
        told.append(f"Only {who} says whom it watched: subjects are not compared, as {other} names none of them.")
        return False
    if max(map(len, subjects)) == 1 and not named[0][""] and not named[1][""]:
        if subjects[0] != subjects[1]:
            told.append(
                f"A watched {listed(subjects[0])} and B {listed(subjects[1])}: these were taken for one subject."
            )
        return False
    return True


def _overlap(segments: Iterable[Segment]) -> bool:
    until_s = float("-inf")
    for s in sorted(segments, key=lambda s: (s.start_s, s.end_s)):
        if s.start_s < s.end_s:
            if s.start_s < until_s:
                return True
            until_s = s.end_s
    return False


def _of_labels(films: Iterable[tuple[Sequence[Segment], Sequence[Segment]]]) -> list[str]:
    """What is said of labels that only one of them uses."""
    used: tuple[set[str], set[str]] = (set(), set())
    instants: tuple[set[str], set[str]] = (set(), set())
    lasting: tuple[set[str], set[str]] = (set(), set())
    for pair in films:
        for which, side in enumerate(pair):
            for s in side:
                used[which].add(s.label)
                (lasting if s.start_s < s.end_s else instants)[which].add(s.label)
    told = []
    if used[0] and used[1] and not used[0] & used[1]:
        told.append("A and B have no label in common: unless they saw different things, they call them differently.")
    for which, who, other in ((0, "A", "B"), (1, "B", "A")):
        if alone := sorted(used[which] - used[1 - which]):
            others = used[1 - which] - used[which]
            hints = [(label, nearest(label, others)) for label in alone[:MAX_HINTS]]
            meant = [f"{shown(label)} is perhaps {other}'s {shown(near)}" for label, near in hints if near]
            told.append(
                f"Only {who} uses {listed(alone)}, so nothing of it agrees."
                + f" Is it one label? {listed(meant)}." * bool(meant)
            )
    mixed = sorted(
        (instants[0] - lasting[0]) & (lasting[1] - instants[1])
        | (instants[1] - lasting[1]) & (lasting[0] - instants[0])
    )
    if mixed:
        told.append(f"One of them gives {listed(mixed)} no length, and the other does: over time they cannot agree.")
    return told


def _of_lengths(films: Films) -> list[str]:
    told = []
    differing, unknown = [], []
    for name, pair in films.items():
        said = [film.duration_s for film in pair if film.duration_s is not None]
        if not said:
            unknown.append(name)
        elif max(said) - min(said) > LENGTH_TOLERANCE_S:
            differing.append(f"{name} ({said[0]:.1f} and {said[1]:.1f} s)")
    if differing:
        told.append(f"A and B give different lengths of {listed(differing)}; the longer one counts. Is it one film?")
    if unknown:
        told.append(
            f"Taken to end with the last segment, as nothing says how long they are: {listed(unknown)}. With --videos, "
            "the films say it."
        )
    return told
