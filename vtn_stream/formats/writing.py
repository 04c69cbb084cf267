"""What writers of timeline files share: their options and results, and how to count frames. Knows no format.

A format states what kinds of things it loses (gaps, curves, provenance) once, in its module. What it changes of the
segments of this very timeline is reported in a warning, once for all of them: what cannot be held, and what was done.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isclose

from vtn_stream.errors import listed, printable
from vtn_stream.timeline import Timeline

__all__ = ["DEFAULT_RATE", "SAID", "Options", "Writer", "Written", "counting_rate", "exact_rate", "num", "unsaid"]
__all__ += ["cell", "protected", "unprotected", "xml_text"]

# What people said of a timeline: who says that a segment is there and what it was before, what they rejected, and where
# they looked for everything.
SAID = ("origin", "rejected", "reviewed")

_RUNS = re.compile("'*[=+\\-@\t\r\n]")  # how formulas begin, and texts that `protected` may have written

DEFAULT_RATE = Fraction(25)  # where neither the film nor the user names one; always with a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to write; a format uses the options that mean something to it.

    rate            frames a second to count in; None: the film's own
    start_timecode  of the film's first frame, HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame; None: the film's own, else 0
    bom             begin tables with the mark by which spreadsheets know UTF-8
    """

    rate: Fraction | None = None
    start_timecode: str | None = None
    bom: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file's content. warnings: what this format could not hold of these segments, and what was done."""

    content: bytes
    warnings: tuple[str, ...] = ()


# Several timelines only for formats that hold many (`Format.holds_many`).
Writer = Callable[[Sequence[Timeline], Options], Written]


def counting_rate(timeline: Timeline, options: Options) -> tuple[Fraction, tuple[str, ...]]:
    """Frames a second of a format that counts frames, and a warning where that is not the film's own, constant rate."""
    if options.rate is not None:
        return _meant(options.rate), ()
    if timeline.nominal_rate is None:
        return DEFAULT_RATE, (f"the film states no frame rate: frames are counted at {DEFAULT_RATE} a second (--rate)",)
    rate = _meant(timeline.nominal_rate)
    if timeline.variable_rate:
        return rate, (
            f"the film's frame rate varies: frames are counted at {_decimal(rate)} a second, its mean or nominal rate, "
            "and are not those of the file",
        )
    return rate, ()


def exact_rate(rate: float) -> Fraction:
    """The rate that files mean by a number: 23.976, 23.98 and 23.976023976 are 24000/1001."""
    whole, ntsc = round(rate), round(rate * 1.001)
    if whole > 0 and isclose(rate, whole, abs_tol=1e-6):
        return Fraction(whole)
    if ntsc > 0 and isclose(rate, ntsc / 1.001, abs_tol=5e-3):
        return Fraction(ntsc * 1000, 1001)
    return Fraction(rate).limit_denominator(1001)


def cell(text: str) -> str:
    """A name in a table that no spreadsheet takes for a formula."""
    return protected(printable(text))


def protected(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would run it as a formula."""
    return "'" + text if _RUNS.match(text) else text


def unprotected(text: str) -> str:
    """What `protected` was given: the one apostrophe is taken off that it puts before a text."""
    return text[1:] if text.startswith("'") and _RUNS.match(text) else text


def xml_text(text: str) -> tuple[str, bool]:
    """The text with characters that XML 1.0 does not have as U+FFFD; whether there were any."""
    clean = re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    return clean, clean != text


def num(count: int, thing: str, things: str | None = None) -> str:
    """1 label, 2 labels."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"


def unsaid(timelines: Sequence[Timeline], says: Collection[str]) -> tuple[str, ...]:
    """What people said of these timelines and is not in a file that `says` so much of SAID: a warning, or none."""
    num_by_hand = sum(s.by_hand for timeline in timelines for s in timeline.segments)
    num_rejected = sum(len(timeline.rejected) for timeline in timelines)
    num_reviewed = sum(len(timeline.reviewed) for timeline in timelines)
    things = {
        "origin": f"the origin of {num(num_by_hand, 'segment')} by hand" if num_by_hand else "",
        "rejected": num(num_rejected, "rejected segment") if num_rejected else "",
        "reviewed": num(num_reviewed, "reviewed span") if num_reviewed else "",
    }
    missing = [text for name, text in things.items() if text and name not in says]
    return (f"left out: {listed(missing)}",) if missing else ()


def _meant(rate: Fraction) -> Fraction:
    """The exact rate: 29.97 and 23.976, as containers round them, are 30000/1001 and 24000/1001; others stay."""
    exact = exact_rate(float(rate))
    return exact if any(round(exact, digits) == rate for digits in range(2, 7)) else rate


def _decimal(rate: Fraction) -> str:
    return f"{float(rate):.6g}"
