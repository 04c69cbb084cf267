"""A film of which a model says much that is right and some that is wrong, and what a person should make of it.

The film is divided into cases, one after the other. Of each it is known what the model says and what is true; what the
corrected timeline should hold follows from that alone, without the page. All times are multiples of STEP_S.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from vtn_stream.timeline import Reviewed, Segment, Timeline

__all__ = ["DURATION_S", "KINDS", "STEP_S", "Case", "cases", "corrected", "said_by_model"]

STEP_S = 0.25
LABELS = ("run", "jump", "fall", "throw", "wait", "talk")
KINDS = {"label": 7, "borders": 8, "missing": 4, "extra": 4, "split": 4, "joined": 3}  # how many of 30 errors
DURATION_S = 262.144  # after five steps of zoom, a thousand pixels of lanes are 25 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """kind: "right", or what is wrong: the label; the borders; one missing; one that is extra; one that the model
    split into two; two that it joined to one.
    """

    kind: str
    model: tuple[Segment, ...]
    true: tuple[tuple[float, float, str], ...]

    @property
    def start_s(self) -> float:
        return min([s.start_s for s in self.model] + [start_s for start_s, _, _ in self.true])


def cases(num_right: int, errors: dict[str, int]) -> list[Case]:
    """In time order. The first and the last are right."""
    pick = random.Random(1)
    kinds = ["right"] * (num_right - 2) + [kind for kind, num in errors.items() for _ in range(num)]
    pick.shuffle(kinds)
    made, at_s, before = [], 1.0, ""
    for number, kind in enumerate(["right", *kinds, "right"]):
        label, other = pick.sample([each for each in LABELS if each != before], 2)
        lasts_s = pick.randrange(5, 8) * STEP_S
        end_s = at_s + lasts_s
        said = Segment(
            start_s=at_s,
            end_s=end_s,
            label=label,
            score=pick.randrange(500, 1000) / 1000,
            attributes={"camera": "left"} if number % 7 == 0 else {},
            origin="model",
        )
        true = ((at_s, end_s, label),)
        match kind:
            case "right":
                model = (said,)
            case "label":
                model = (replace(said, label=other),)
            case "borders":
                by_s = [(STEP_S, 0), (2 * STEP_S, -STEP_S), (0, -2 * STEP_S), (-STEP_S, STEP_S)][number % 4]
                model = (replace(said, start_s=at_s + by_s[0], end_s=end_s + by_s[1]),)
            case "missing":
                model = ()
            case "extra":
                model, true = (said,), ()
            case "split":
                model = (replace(said, end_s=at_s + 2 * STEP_S), replace(said, start_s=at_s + 3 * STEP_S, score=0.25))
            case "joined":
                model, second = (
                    (replace(said, end_s=end_s + 2.5),),
                    (end_s + 1, end_s + 2.5, (label, other)[number % 2]),
                )
                true = (*true, second)
                end_s += 2.5
        made.append(Case(kind=kind, model=model, true=true))
        at_s, before = end_s + pick.randrange(3, 5) * STEP_S, label
    assert at_s < DURATION_S
    return made


def said_by_model(all_cases: Sequence[Case]) -> Timeline:
    return Timeline(
        video_identity="xxh3:planted",
        video_path="film.webm",
        duration_s=DURATION_S,
        span_s=(0, DURATION_S),
        nominal_rate=Fraction(4),
        segments=tuple(s for case in all_cases for s in case.model),
        provenance={"recipe": {"fps": "4"}},
    )


def corrected(all_cases: Sequence[Case], *, reviewed: bool = False) -> Timeline:
    """What should be saved. reviewed: whether it was said of the whole film that nothing else happens."""
    return replace(
        said_by_model(all_cases),
        segments=tuple(s for case in all_cases for s in _standing(case)),
        rejected=tuple(s for case in all_cases if case.kind == "extra" for s in case.model),
        reviewed=(Reviewed(start_s=0, end_s=DURATION_S),) if reviewed else (),
    )


def _standing(case: Case) -> Iterator[Segment]:
    for start_s, end_s, label in case.true:
        if case.kind == "missing":
            yield Segment(start_s=start_s, end_s=end_s, label=label, origin="manual")
            continue
        said = replace(case.model[0], origin=None)
        score = said.score if label == said.label else None
        stands = replace(said, start_s=start_s, end_s=end_s, label=label, score=score, origin="curated")
        yield stands if case.kind == "right" else replace(stands, was=said)
