"""How far two annotators agree on the films that both coded: over time, event by event, and in what they count.

Over time, a moment agrees where both say the same set of labels, or nothing; each label is also compared by itself: it,
or not it. Events are paired by label and time (`metrics/pairing.py`).
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from vtn_stream.corrections import joined
from vtn_stream.evaluation.agreement_figures import Agreement, FilmAgreement, LabelAgreement
from vtn_stream.evaluation.codes import Codes, codes_of
from vtn_stream.evaluation.coding import CodedFilm, Coding
from vtn_stream.evaluation.shared_films import SharedFilms, shared_films
from vtn_stream.formats.writing import num
from vtn_stream.known import Known, Spans, shared
from vtn_stream.metrics.agreement import Piece, Placed, pieces, shared_time
from vtn_stream.metrics.pairing import paired_by_ends, paired_by_overlap
from vtn_stream.timeline import Segment

__all__ = ["TIOU", "TOLERANCES_S", "agreement"]

TOLERANCES_S = (0.5, 1.0, 2.0)  # how far the ends of one event may lie apart
TIOU = 0.5  # from which two segments are one event

EVERYTHING = Known(rest=((-math.inf, math.inf),))


def agreement(
    a: Coding,
    b: Coding,
    *,
    tolerances_s: Sequence[float] = TOLERANCES_S,
    background: Collection[str] = (),
) -> Agreement:
    """How far two annotators agree.

    tolerances_s  how far both ends of one event may lie apart; one or more
    background    labels that say that nothing happens
    Raises InputError where they share no film, or a film has too many events at one time.
    """
    if not tolerances_s or not all(math.isfinite(each) and each >= 0 for each in tolerances_s):
        raise ValueError(f"tolerances_s are one or more numbers from 0, got {tolerances_s}")
    tolerances = tuple(sorted(set(map(float, tolerances_s))))
    films = shared_films(a, b)
    codes = codes_of(films.pairs, background)
    compared = tuple(_compared(name, *codes.films[name], pair, codes, tolerances) for name, pair in films.pairs.items())
    return Agreement(
        a=a.name,
        b=b.name,
        tolerances_s=tolerances,
        films=compared,
        shared=films,
        notes=(*films.told, *codes.told, *_of_time(compared, films)),
    )


def _compared(
    name: str,
    a: tuple[Segment, ...],
    b: tuple[Segment, ...],
    pair: tuple[CodedFilm, CodedFilm],
    codes: Codes,
    tolerances_s: tuple[float, ...],
) -> FilmAgreement:
    duration_s = max(0.0, codes.lengths_s[name])
    of_a, of_b = ((film.known or EVERYTHING).within(duration_s) for film in pair)
    if codes.exclusive:  # where one label holds, it is known that no other does
        every = [
            known.of_one_label(codes.labels.values(), film.segments)
            for known, film in zip((of_a, of_b), pair, strict=True)
        ]
    else:
        every = [known.every(codes.labels.values()) for known in (of_a, of_b)]
    within = shared(shared(*every), ((0.0, duration_s),) if duration_s else ())
    labels: dict[str, LabelAgreement] = {}
    only: tuple[list[Placed], list[Placed]] = ([], [])
    moments: list[Piece] = []
    of_code = (_by_code(a), _by_code(b))
    for code, label in codes.labels.items():
        mine, others = (each.get(code, []) for each in of_code)
        time, alone = _by_label(mine, others, shared(of_a.spans(label), of_b.spans(label)))
        both = (_counting(each, label, of_a, of_b) for each in (mine, others))
        labels[code], unpaired = _with_events(time, *both, tolerances_s=tolerances_s)
        for which, spans in enumerate(alone):
            only[which].extend((*span, code) for span in spans)
            said = ((code,), ()) if which == 0 else ((), (code,))
            moments += [Piece(at_s, at_s, *said) for at_s in unpaired[which]]
    everywhere = joined((start_s, end_s) for start_s, end_s, _ in (*only[0], *only[1]))
    return FilmAgreement(
        name=name,
        duration_s=duration_s,
        compared=within,
        time=shared_time(pieces(_placed(a), _placed(b), within)),
        labels=labels,
        differing=tuple(sorted((*pieces(*only, everywhere), *moments))),
        a=a,
        b=b,
    )


def _placed(segments: Iterable[Segment]) -> list[Placed]:
    return [(s.start_s, s.end_s, s.label) for s in segments]


def _counting(segments: Iterable[Segment], label: str, a: Known, b: Known) -> list[tuple[float, float]]:
    """The events of one label in time that both know."""
    named = (s if s.label == label else replace(s, label=label) for s in segments)
    return [(s.start_s, s.end_s) for s in named if a.counts(s) and b.counts(s)]


def _by_code(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    by_code: dict[str, list[Segment]] = {}
    for s in segments:
        by_code.setdefault(s.label, []).append(s)
    return by_code


def _by_label(
    mine: Sequence[Segment], others: Sequence[Segment], known: Spans
) -> tuple[LabelAgreement, tuple[Spans, Spans]]:
    """The time of a label, by who says it; and the spans in which A alone does, and B alone."""
    alone: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    sides = ((True, True), (True, False), (False, True), (False, False))
    lengths: dict[tuple[bool, bool], list[float]] = {who: [] for who in sides}
    for piece in pieces(_placed(mine), _placed(others), known):
        who = bool(piece.a), bool(piece.b)
        lengths[who].append(piece.end_s - piece.start_s)
        if who[0] != who[1]:
            alone[who[1]].append((piece.start_s, piece.end_s))
    both, only_a, only_b, neither = (math.fsum(lengths[who]) for who in sides)
    time = LabelAgreement(both_s=both, only_a_s=only_a, only_b_s=only_b, neither_s=neither)
    return time, (tuple(joined(alone[0])), tuple(joined(alone[1])))


def _with_events(
    time: LabelAgreement,
    a: Sequence[tuple[float, float]],
    b: Sequence[tuple[float, float]],
    *,
    tolerances_s: tuple[float, ...],
) -> tuple[LabelAgreement, tuple[list[float], list[float]]]:
    """The figures of a label with those of its events; and when the instants are that are in no pair, of each side."""
    near = paired_by_ends(a, b, tolerances_s[-1])
    lasting_a, lasting_b = ([each for each in events if each[0] < each[1]] for events in (a, b))
    over = paired_by_overlap(lasting_a, lasting_b, TIOU)
    pairs = [(lasting_a[pair.a], lasting_b[pair.b]) for pair in over]
    if not (lasting_a or lasting_b):
        pairs = [(a[pair.a], b[pair.b]) for pair in near]
    taken_a, taken_b = {pair.a for pair in near}, {pair.b for pair in near}
    figures = replace(
        time,
        num_a=len(a),
        num_b=len(b),
        matched=tuple(sum(pair.away <= tolerance_s + 1e-9 for pair in near) for tolerance_s in tolerances_s),
        lasting_a=len(lasting_a),
        lasting_b=len(lasting_b),
        overlapping=len(over),
        starts_s=tuple(other[0] - one[0] for one, other in pairs),
        ends_s=tuple(other[1] - one[1] for one, other in pairs),
    )
    unpaired_a = [start for i, (start, end) in enumerate(a) if start == end and i not in taken_a]
    unpaired_b = [start for i, (start, end) in enumerate(b) if start == end and i not in taken_b]
    return figures, (unpaired_a, unpaired_b)


def _of_time(films: Sequence[FilmAgreement], shared_: SharedFilms) -> list[str]:
    told = []
    partly = [film for film in films if any(of.known is not None for of in shared_.pairs[film.name])]
    if partly:
        seen_s, total_s = (
            math.fsum(each) for each in zip(*((f.compared_s, f.duration_s) for f in partly), strict=True)
        )
        told.append(
            f"Of {num(len(partly), 'film')}, both say what happens in {seen_s:.1f} of {total_s:.1f} s: only that time "
            "counts. In a page, mark as reviewed what was looked at from end to end."
        )
    return told
