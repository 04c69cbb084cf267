"""What people should know of figures before they use them: whose work they are, and what was taken for granted."""

from collections import Counter
from collections.abc import Iterable, Sequence

from vtn_stream.budget.figures import joined
from vtn_stream.budget.films import Film
from vtn_stream.corrections import is_corrected, reviewed_share
from vtn_stream.errors import listed
from vtn_stream.exchange.films import notes_of
from vtn_stream.formats.annotations.spelling import look_alikes
from vtn_stream.formats.reading import ENDS_WITH_LAST
from vtn_stream.formats.writing import num
from vtn_stream.results.blank import is_blank

__all__ = ["notices_of"]


def notices_of(films: Sequence[Film], *, by_subject: bool) -> list[str]:
    """A line for each thing of which films should be known, with the fact, the consequence and the cure."""
    return [line for line in (*_of_lengths(films), *_of_work(films), *_of_segments(films, by_subject)) if line]


def _of_lengths(films: Sequence[Film]) -> Iterable[str]:
    ends_with_last = [film.name for film in films if ENDS_WITH_LAST in notes_of(film.timeline)]
    if ends_with_last:
        yield (
            f"the length of {_films(ends_with_last)} is not known: taken to end with the last segment, so that shares "
            "and rates may be too high; put the films beside the file, or give --duration"
        )
    empty = [film.name for film in films if not film.segments]
    if empty:
        of_whole = [film.name for film in films if not film.segments and film.timeline.clip_labels]
        said = f" ({listed(of_whole)}: a label of the whole film, without times)" if of_whole else ""
        yield (
            f"there is no segment in {_films(empty)}{said}: counted as films in which nothing happens; leave out those "
            "that nobody annotated"
        )
    unobserved = [film.name for film in films if not len(film.observed)]
    if unobserved:
        yield f"{_films(unobserved)} without any observed time: they have no shares and no rates; leave them out"


def _of_work(films: Sequence[Film]) -> Iterable[str]:
    incomplete = [film.name for film in films if not film.timeline.complete]
    if incomplete:
        yield (
            f"the analysis of {_films(incomplete)} did not finish: in what it had not reached nothing counts as "
            "happening; run it again"
        )
    unreviewed = [
        film.name
        for film in films
        if not is_corrected(film.timeline) and any(s.origin == "model" for s in film.timeline.segments)
    ]
    if unreviewed:
        yield (
            f"nobody reviewed what a model drew in {_films(unreviewed)}: the figures are the model's; correct the "
            "films in their pages, or measure the model with evaluate"
        )
    shares = {film.name: reviewed_share(film.timeline) for film in films if is_blank(film.timeline)}
    partly = [f"{name} ({100 * share:.0f} %)" for name, share in shares.items() if 0 < share < 0.999]
    if partly:
        yield (
            f"people looked for everything in a part of the film only: {listed(partly)}; the rest counts as if nothing "
            "else happened there; review the rest in the page"
        )


def _of_segments(films: Sequence[Film], by_subject: bool) -> Iterable[str]:
    overlapping = [film.name for film in films if any(_overlaps(part) for part in _parts(film, by_subject))]
    if overlapping:
        subjects = any("subject" in s.attributes for film in films for s in film.segments)
        cure = "--by subject counts each subject apart" if subjects and not by_subject else "look at the annotations"
        yield (
            f"segments of one label overlap in {_films(overlapping)}: total_s counts both, share counts the time once; "
            f"{cure}"
        )
    if by_subject:
        nameless = sum("subject" not in s.attributes for film in films for s in film.segments)
        if nameless:
            yield f"{num(nameless, 'segment')} without a subject: counted as one without a name; add the subject there"
    counts = Counter(s.label for film in films for s in film.segments)
    alike = [f"{one} and {other}" for one, other in look_alikes(counts)]
    if alike:
        yield f"labels that look alike are counted apart: {listed(alike)}; rename one where both mean the same"


def _parts(film: Film, by_subject: bool) -> list[Film]:
    return film.by_subject() if by_subject else [film]


def _overlaps(film: Film) -> bool:
    for spans in film.spans().values():
        long = spans[spans[:, 1] > spans[:, 0]]
        if (long[:, 1] - long[:, 0]).sum() - (joined(long) @ [-1, 1]).sum() > 1e-6:
            return True
    return False


def _films(names: Sequence[str]) -> str:
    return f"{num(len(names), 'film')} ({listed(names)})"
