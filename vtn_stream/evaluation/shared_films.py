"""The films that two annotators share, found by their names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.coding import CodedFilm, Coding
from vtn_stream.evaluation.predictions import assign, folders_differ
from vtn_stream.evaluation.recordings import codings_in_files
from vtn_stream.film import bare_name
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import shown

__all__ = ["SharedFilms", "shared_films"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFilms:
    """The films of two annotators, by the names that the first gives them.

    only_a, only_b  films that only one of them has; differing: those of which each has another film, or another version
    told            sentences that a reader of the figures must know
    """

    pairs: Mapping[str, tuple[CodedFilm, CodedFilm]] = field(hash=False)
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def shared_films(a: Coding, b: Coding) -> SharedFilms:
    """The films that both coded, by their names: without suffix, and without folders that only one of them names. A
    recording that one coded as a whole and the other by file is compared by file.

    Two files about a single film each are about one film where one of them does not name it. Raises InputError where
    there is no such film, or where a film may be one of several.
    """
    a, b, told = codings_in_files(a, b)
    assigned, only_b = assign(b.films, a.films, of="codings")
    if not assigned and len(a.films) == len(b.films) == 1 and (a.is_unnamed or b.is_unnamed):
        (ours,), (theirs,) = a.films, b.films
        assigned, only_b = {ours: theirs}, []
        told.append(f"A is about {shown(ours)} and B about {shown(theirs)}: these were taken for one film.")
    if not assigned:
        raise _none_shared(a, b)
    if loose := [f"{theirs} as {ours}" for ours, theirs in assigned.items() if folders_differ(theirs, ours)]:
        told.append(f"Matched with the film of the same name in another folder: {listed(loose)}.")
    pairs = {ours: (a.films[ours], b.films[theirs]) for ours, theirs in assigned.items()}
    differing = {
        film
        for film, (one, other) in pairs.items()
        if one.identity != other.identity and one.identity and other.identity
    }
    if differing == {*pairs}:
        raise InputError(
            f"A and B are of different films called {listed(sorted(differing))}, or of different versions of them",
            "nothing was compared: the times would be wrong",
            "code one and the same file",
        )
    return SharedFilms(
        pairs={film: pairs[film] for film in sorted(pairs, key=bare_name) if film not in differing},
        only_a=tuple(sorted(a.films.keys() - assigned.keys())),
        only_b=tuple(only_b),
        differing=tuple(sorted(differing)),
        told=tuple(told),
    )


def _none_shared(a: Coding, b: Coding) -> InputError:
    for coding in (a, b):
        if not coding.films:
            why = f": nobody coded {listed(coding.uncoded)} yet" if coding.uncoded else ""
            return InputError(
                f"{coding.name} has no film{why}", "nothing was compared", "check that it is the right file"
            )
    near = next((near for film in b.films if (near := nearest(bare_name(film), [*map(bare_name, a.films)]))), None)
    hint = f" (is one of them {shown(near)}?)" if near else ""
    return InputError(
        f"A and B have no film in common: A has {listed(sorted(a.films))}, B has {listed(sorted(b.films))}{hint}",
        "nothing was compared",
        "give the films the same names in both",
    )
