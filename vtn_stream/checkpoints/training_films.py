"""The films of a model's training, as digests in its checkpoint: whoever has a film can ask whether it is one of them.
Knows no file.

In the JSON of a checkpoint's training:

    film_digests    {salt, learnt: [digest, ...], validated: [digest, ...]}, each list sorted

A digest is BLAKE2b-128, with the model's own salt, of a film's identity (`VideoInfo.identity`), all in hexadecimal. It
names no film, and nobody can guess it who has neither the film nor a timeline of it: an identity is a digest of every
byte of the video. Every model has another salt, so that nobody else sees that two models share a film; one that goes on
from another keeps that one's digests, and so its salt.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

__all__ = ["FILM_DIGESTS", "FILM_ROLES", "FilmRole", "TrainingFilms", "film_role"]

FILM_DIGESTS = "film_digests"  # the key in a checkpoint's training
_HEX = re.compile(r"[0-9a-f]{32}")

FilmRole = Literal["learnt", "validated", "new", "unknown"]
"""What a film was to a model. learnt: the network learnt from it. validated: it did not, but epoch, thresholds or rules
were chosen on it, as in releases before 0.2.0. new: neither. unknown: the model does not say."""
FILM_ROLES: tuple[FilmRole, ...] = get_args(FilmRole)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFilms:
    """learnt: digests of the films that were learnt from. validated: of those that were not, but on which something was
    chosen. Films that only measure the finished model are in neither. salt: 32 hex digits.
    """

    salt: str
    learnt: frozenset[str]
    validated: frozenset[str]

    @classmethod
    def of_identities(cls, learnt: Iterable[str], validated: Iterable[str], salt: str) -> Self:
        """Those of films by their identities."""
        return cls(
            salt=salt,
            learnt=frozenset(_digest(identity, salt) for identity in learnt),
            validated=frozenset(_digest(identity, salt) for identity in validated),
        )

    def and_learnt(self, identities: Iterable[str]) -> Self:
        """These, and more films that were learnt from."""
        more = frozenset(_digest(identity, self.salt) for identity in identities)
        return replace(self, learnt=self.learnt | more)

    @classmethod
    def of_training(cls, training: Mapping[str, Any]) -> Self | None:
        """Those that a checkpoint's training tells; None where it tells none, or what cannot be understood: anybody may
        have written it.
        """
        given = training.get(FILM_DIGESTS)
        if not isinstance(given, Mapping) or not _is_digest(given.get("salt")):
            return None
        sides = [given.get(side) for side in ("learnt", "validated")]
        if not all(isinstance(side, list) and all(map(_is_digest, side)) for side in sides):
            return None
        learnt, validated = (frozenset(side) for side in sides if side is not None)
        return cls(salt=str(given["salt"]), learnt=learnt, validated=validated)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; equal films and salt, equal text."""
        return {"salt": self.salt, "learnt": sorted(self.learnt), "validated": sorted(self.validated)}

    def role(self, identity: str) -> FilmRole:
        """What the film of this identity was to the model. A film on both sides was learnt from."""
        digest = _digest(identity, self.salt)
        return "learnt" if digest in self.learnt else "validated" if digest in self.validated else "new"


def film_role(training: Mapping[str, Any], *identities: str) -> FilmRole:
    """What the film of this identity was to a model, by the training in its checkpoint. Of a recording, with those of
    its files: what the model knows most of.
    """
    films = TrainingFilms.of_training(training)
    if films is None:
        return "unknown"
    return min(map(films.role, identities), key=FILM_ROLES.index)


def _digest(identity: str, salt: str) -> str:
    content = identity.encode("utf-8", "surrogatepass")  # a stranger's timeline may hold any text
    return hashlib.blake2b(content, digest_size=16, salt=bytes.fromhex(salt)).hexdigest()


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None
