"""The films of BORIS's observations: their names, and which observation of a film is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.writing import exact_rate

__all__ = ["MAX_S", "Film", "chosen_film", "last_part", "rate_of"]

MAX_S = 2_147_483_647  # of a time in BORIS: a date in seconds since 1970 is one
MIN_RATE, MAX_RATE = 0.001, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A media file of an observation. name: None for one that is left out; created_s: taken off its times too."""

    name: str | None
    duration_s: float | None = None
    rate: Fraction | None = None
    created_s: float = 0.0


def chosen_film(
    findings: Findings, at: At, film: Film, observation: str, observations: Sequence[str], source: str | None = None
) -> str | None:
    """The checked name of a film, after its facts were noted; None if it is left out.

    observations  of the film: what several people coded is read together only where the caller chose them
    source        what films that were coded in one go share
    """
    first = observation == observations[0]
    if len(observations) > 1 and not findings.coding.observations:
        if first and (lost := findings.film(film.name, at)) is not None:
            text = f"{shown(lost)} has {len(observations)} observations, {listed(observations)}"
            findings.lost(lost, at, f"{text}: choose with --observation; several that are chosen are joined")
        return None
    if len(observations) > 1 and first:
        findings.warn(at, f"{shown(film.name)}: the observations {listed(observations)} are joined")
    name = findings.film(film.name, at, duration_s=film.duration_s, rate=film.rate, source=source)
    if name is not None:
        findings.films[name].observation = observation
    return name


def last_part(path: str) -> str:
    """A path without its folders, of any system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def rate_of(fps: float | None) -> Fraction | None:
    """Frames a second, where a number can be that: of sound alone it is 0."""
    return exact_rate(fps) if fps is not None and MIN_RATE <= fps <= MAX_RATE else None
