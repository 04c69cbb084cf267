"""Which films are one recording, decided as they become known, so that others need not wait. Pure.

    joining = Joining(paths)          by their names: joining.alone go with no other, joining.waiting are to be probed
    joining.know(path, traits)        each of these, in any order; gives what is settled now

Chapters and parts are joined all or not at all: a missing one leaves all of them apart. Times and numbers make chains,
which end wherever two neighbours do not go together.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from vtn_stream.film import shareable_name, without_suffix
from vtn_stream.joining.clocks import MEANINGS, Traits
from vtn_stream.joining.linking import FULL_FILES, Verdict, is_full, judge, length
from vtn_stream.joining.names import Link, Named, candidates

__all__ = ["Apart", "JoinedFiles", "Joining", "Settled", "join_files"]

# Of parts that no clock joins: more of them are a list of clips, or lectures of a year.
MAX_BY_NAMES = 9
_EQUAL_LENGTHS = 0.02
_NO_MEANING = "their creation times do not agree with their lengths"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedFiles:
    """A recording that was found. starts: on its clock; None if each begins where the one before ends.

    reasons  why, a short text each
    """

    name: str
    paths: tuple[str, ...]
    starts: tuple[Fraction, ...] | None
    duration_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """Films whose names go together, and which are not joined; in order."""

    paths: tuple[str, ...]
    why: str


@dataclass(slots=True, kw_only=True)
class Settled:
    """What is certain now: each film is in one recording or alone."""

    recordings: list[JoinedFiles] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class _Row:
    """Films that go together as far as is known. num_open: ends here of links that nobody has judged yet."""

    paths: set[str]
    num_open: int
    joins: list[Verdict] = field(default_factory=list)


class Joining:
    """Decides which of some films are one recording. Paths are opaque but for their folders and names."""

    def __init__(self, paths: Iterable[str]) -> None:
        found = candidates(paths)
        self.alone = tuple(found.alone)
        self._groups = {name.path: group for group in found.groups for name in group}
        self._links: dict[str, list[Link]] = defaultdict(list)
        for link in found.links:
            for name in (link.before, link.after):
                self._links[name.path].append(link)
        self.waiting = tuple(dict.fromkeys([*self._groups, *self._links]))
        self._known: dict[str, Traits | None] = {}
        self._rows = {path: _Row(paths={path}, num_open=len(links)) for path, links in self._links.items()}
        self._open = set(self.waiting)

    @property
    def is_settled(self) -> bool:
        return not self._open

    def know(self, path: str, traits: Traits | None) -> Settled:
        """What is settled now that this film was probed. None: it cannot be read, so that it is joined with no other.

        Every film of `waiting` comes once.
        """
        self._known[path] = traits
        settled = Settled()
        if path in self._groups:
            group = self._groups[path]
            if all(name.path in self._known for name in group):
                self._decide_group(group, settled)
        else:
            for link in self._links[path]:
                self._decide_link(link, settled)
        return settled

    # Chapters and parts

    def _decide_group(self, group: Sequence[Named], settled: Settled) -> None:
        why = _incomplete(group) or self._unread(group)
        verdicts: list[Verdict] = []
        if not why:
            verdicts = [self._judged(Link(before=a, after=b)) for a, b in pairwise(group)]
            why = next((verdict.against for verdict in verdicts if verdict.against), "") or self._twice(group)
        if not why and not MEANINGS.intersection(*(v.meanings for v in verdicts if v.meanings is not None)):
            why = _NO_MEANING
        if not why and group[0].kind == "part" and len(group) > MAX_BY_NAMES and not all(v.by for v in verdicts):
            why = f"there are {len(group)} of them, and no clock says that they are one recording"
        self._open.difference_update(name.path for name in group)
        if why:
            settled.apart.append(Apart(paths=tuple(name.path for name in group), why=why))
            settled.alone += [name.path for name in group]
        else:
            settled.recordings.append(self._recording(group, verdicts))

    def _unread(self, group: Sequence[Named]) -> str:
        bad = next((name.file for name in group if self._known[name.path] is None), None)
        return "" if bad is None else f"{bad} cannot be read"

    def _twice(self, group: Sequence[Named]) -> str:
        seen: dict[str, str] = {}
        for name in group:
            identity = self._traits(name).identity
            if identity in seen:
                return f"{seen[identity]} and {name.file} are the same film"
            seen[identity] = name.file
        return ""

    # Times and numbers

    def _decide_link(self, link: Link, settled: Settled) -> None:
        ends = [link.before.path, link.after.path]
        if any(path not in self._known for path in ends):
            return
        if any(self._known[path] is None for path in ends):
            verdict = Verdict(link=link, against="one of them cannot be read")
        else:
            verdict = self._judged(link)
        rows = [self._rows[path] for path in ends]
        for row in rows:
            row.num_open -= 1
        if verdict.against:
            settled.apart.append(Apart(paths=(ends[0], ends[1]), why=verdict.against))
        else:
            rows = [self._merged(*rows)]
            rows[0].joins.append(verdict)
        for row in rows:
            if row.num_open == 0:
                self._open -= row.paths
                self._settle_chains(row.paths, row.joins, settled)

    def _merged(self, one: "_Row", other: "_Row") -> "_Row":
        if one is other:
            return one
        large, small = (one, other) if len(one.paths) >= len(other.paths) else (other, one)
        large.paths |= small.paths
        large.joins += small.joins
        large.num_open += small.num_open
        self._rows.update(dict.fromkeys(small.paths, large))
        return large

    def _settle_chains(self, paths: set[str], joins: Sequence[Verdict], settled: Settled) -> None:
        after: dict[str, list[Verdict]] = defaultdict(list)
        before: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in joins:
            after[verdict.link.before.path].append(verdict)
            before[verdict.link.after.path].append(verdict)
        follows: dict[str, Verdict] = {}
        for verdict in joins:
            a, b = verdict.link.before, verdict.link.after
            if len(after[a.path]) == len(before[b.path]) == 1:
                follows[a.path] = verdict
            else:
                settled.apart.append(Apart(paths=(a.path, b.path), why="several films may be the next one"))
        followed = {verdict.link.after.path for verdict in follows.values()}
        for first in sorted(paths - followed):
            chain: list[Verdict] = []
            meanings, here = MEANINGS, first
            while here in follows:
                verdict = follows[here]
                agreed = meanings if verdict.meanings is None else meanings & verdict.meanings
                if agreed:
                    chain.append(verdict)
                else:
                    pair = (here, verdict.link.after.path)
                    settled.apart.append(Apart(paths=pair, why=_NO_MEANING))
                    self._settle_chain(here, chain, settled)
                    chain, agreed = [], MEANINGS
                meanings, here = agreed, verdict.link.after.path
            self._settle_chain(here, chain, settled)

    def _settle_chain(self, last: str, chain: Sequence[Verdict], settled: Settled) -> None:
        if not chain:
            settled.alone.append(last)
        else:
            names = [chain[0].link.before, *(verdict.link.after for verdict in chain)]
            settled.recordings.append(self._recording(names, chain))

    # Both

    def _traits(self, name: Named) -> Traits:
        traits = self._known[name.path]
        assert traits is not None, "it was read"
        return traits

    def _judged(self, link: Link) -> Verdict:
        return judge(link, self._traits(link.before), self._traits(link.after))

    def _recording(self, names: Sequence[Named], verdicts: Sequence[Verdict]) -> JoinedFiles:
        traits = [self._traits(name) for name in names]
        starts = [Fraction(0)]
        for verdict, one in zip(verdicts, traits, strict=False):
            starts.append(starts[-1] + one.duration + Fraction(verdict.gap_s).limit_denominator(1000))
        has_gaps = any(verdict.gap_s for verdict in verdicts)
        first = names[0]
        return JoinedFiles(
            name=shareable_name(first.base or without_suffix(first.file)),
            paths=tuple(name.path for name in names),
            starts=tuple(starts) if has_gaps else None,
            duration_s=float(starts[-1] + traits[-1].duration),
            reasons=tuple(_reasons(names, verdicts, traits)),
        )


def join_files(known: Mapping[str, Traits | None]) -> Settled:
    """All at once, of films that are known."""
    joining = Joining(known)
    settled = Settled(alone=list(joining.alone))
    for path in joining.waiting:
        now = joining.know(path, known[path])
        settled.recordings += now.recordings
        settled.alone += now.alone
        settled.apart += now.apart
    return settled


def _incomplete(group: Sequence[Named]) -> str:
    """Which chapter or part is missing, or there twice; empty if none is."""
    word, expected = group[0].kind, 1
    for name in group:
        if name.number < expected:
            return f"there are two files of {word} {name.number}"
        if name.number > expected:
            return f"{word} {expected} is missing"
        expected += 1
    if group[0].of and expected <= group[0].of:
        return f"{word} {expected} is missing"
    return ""


def _reasons(names: Sequence[Named], verdicts: Sequence[Verdict], traits: Sequence[Traits]) -> list[str]:
    first = names[0]
    if first.kind == "chapter":
        reasons = [f"their names are those of chapters ({first.group[2]})"]
    else:
        reasons = [{"part": "their names say parts", "time": "their names have times"}.get(first.kind, "their numbers")]
        reasons[0] += "" if first.kind != "number" else " follow one another"
    clocks = dict.fromkeys(by for verdict in verdicts for by in verdict.by)
    for by in clocks:
        if by == FULL_FILES:
            everywhere = all(is_full(one.num_bytes) for one in traits[:-1])
            reasons.append("each file is full before the next begins" if everywhere else "a file is full (4 GB)")
        elif all(by in verdict.by for verdict in verdicts):
            reasons.append(f"the {by} go on")
        else:
            reasons.append(f"some {by} go on")
    if gaps := [length(verdict.gap_s) for verdict in verdicts if verdict.gap_s]:
        reasons.append(f"by their clocks {' and '.join(gaps)} between them, which no file has")
    if any(verdict.is_vague for verdict in verdicts):
        reasons.append("by their clocks time is missing between them; they do not agree on how much, so it is left out")
    lengths = [one.duration_s for one in traits[:-1]]
    if len(lengths) > 1 and max(lengths) - min(lengths) <= _EQUAL_LENGTHS * max(lengths):
        reasons.append(f"all but the last are {length(max(lengths))} long")
    one = traits[0]
    reasons.append(f"all are {one.codec}, {one.size}, {one.rate} frames a second")
    return reasons
