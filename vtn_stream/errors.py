"""Every error this library raises on purpose. Each message says the fact, the consequence, the cure.

VtnStreamError
├── InputError        an argument that cannot be served
├── AnnotationError   a file of annotations that cannot be read, or with mistakes in it: it tells all of them
│   ├── UnknownFormat  it is of no format that is known
│   └── NoRate         it counts frames, and says nothing of how many a second
├── VideoError        a file that cannot be read as a film
│   └── DecodingLost  the decoding process died, hung or ran out of memory
├── CheckpointError   a file that is no checkpoint, or one that does not fit what it is used for
├── BackboneError     an unknown network, weights that are missing or do not fit
├── StoreError        the embedding store cannot be read or written
│   ├── DamagedFile   one file of it is not what was written
│   └── InUse         another run works on this very film
├── TimelineError     a file that is not a timeline of ours, or one that must not be replaced
├── ClusterError      a cluster that cannot be reached, has no room for the work, or is not fit for it
├── TrainingError     what is learnt cannot be learnt or kept
└── PluginError       what another package adds cannot be loaded, or failed
"""

import sys
import unicodedata
import warnings
from collections.abc import Iterable

__all__ = [
    "AnnotationError",
    "BackboneError",
    "CheckpointError",
    "ClusterError",
    "DamagedFile",
    "DecodingLost",
    "InUse",
    "InputError",
    "NoRate",
    "PluginError",
    "StoreError",
    "TimelineError",
    "TrainingError",
    "UnknownFormat",
    "VideoError",
    "VtnStreamError",
    "VtnStreamWarning",
    "listed",
    "printable",
    "warn",
]

MAX_NAME = 100  # characters of a name in a list of them

# Marks that reorder the text around them: a file name could show as another one.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """The text with control characters, line breaks, bidi marks and lone surrogates written as escapes.

    File names are untrusted: shown raw, one could move the cursor or forge a second line.
    """
    if text.isprintable():  # nearly all are, and it is known at once
        return text
    return "".join(
        c.encode("unicode_escape").decode() if c in _BIDI or unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c
        for c in text
    )


def listed(names: Iterable[str], most: int = 3) -> str:
    """a, b and c; a, b, c and 5 more. Each printable, and not longer than MAX_NAME."""
    names = list(names)
    parts = [text if len(text := printable(name)) <= MAX_NAME else f"{text[:MAX_NAME]}..." for name in names[:most]]
    if len(names) > most:
        parts.append(f"{len(names) - most} more")
    *first, last = parts or [""]
    return f"{', '.join(first)} and {last}" if first else last


class VtnStreamError(Exception):
    """One line for a person: the fact, the consequence, the cure."""

    def __init__(self, fact: str, consequence: str, cure: str) -> None:
        super().__init__(fact, consequence, cure)  # as args: the error pickles
        self.fact = fact
        self.consequence = consequence
        self.cure = cure

    def __str__(self) -> str:
        return printable(f"{self.fact}; {self.consequence}; {self.cure}")


class InputError(VtnStreamError):
    """An argument cannot be served: a path, a rate, a span."""


class AnnotationError(VtnStreamError):
    """A file of annotations cannot be read, or has mistakes.

    problems: every mistake, as (line, text); no line where the mistake is in none. Each is a line of the message, after
    the usual one; the message stops at MAX_TOLD of them, `problems` does not.
    """

    MAX_TOLD = 100

    def __init__(self, fact: str, consequence: str, cure: str, problems: Iterable[tuple[int | None, str]] = ()) -> None:
        super().__init__(fact, consequence, cure)
        self.problems = tuple((line, text) for line, text in problems)  # kept by a pickle with the rest of __dict__

    def __str__(self) -> str:
        lines = [
            f"  {printable(text)}" if line is None else f"  line {line}: {printable(text)}"
            for line, text in self.problems[: self.MAX_TOLD]
            if len(self.problems) > 1 or text not in self.fact
        ]
        if (more := len(self.problems) - self.MAX_TOLD) > 0:
            lines.append(f"  and {more} more")
        return "\n".join([super().__str__(), *lines])


class UnknownFormat(AnnotationError):
    """A file or folder is in no known format of annotations."""


class NoRate(AnnotationError):
    """Annotations count frames whose rate only the caller can tell. film: whose they are, as far as the file says."""

    def __init__(
        self, fact: str, consequence: str, cure: str, problems: Iterable[tuple[int | None, str]] = (), *, film: str = ""
    ) -> None:
        super().__init__(fact, consequence, cure, problems)
        self.film = film


class VideoError(VtnStreamError):
    """A file cannot be read as a film."""


class DecodingLost(VideoError):
    """The decoding process died, made no progress before its deadline, or ran out of memory."""


class CheckpointError(VtnStreamError):
    """A file is not a checkpoint, is damaged, or does not fit its use; or one could not be fetched."""


class BackboneError(VtnStreamError):
    """A network is unknown, or its weights are missing or do not fit."""


class StoreError(VtnStreamError):
    """The embedding store cannot be read or written."""


class DamagedFile(StoreError):
    """A file of the store is truncated, altered or foreign."""


class InUse(StoreError):
    """Another run is working on this film, in a way that cannot be shared."""


class TimelineError(VtnStreamError):
    """A file is not a timeline of ours, or one that must not be replaced."""


class ClusterError(VtnStreamError):
    """A cluster cannot be reached, has no room for the workers, or they cannot start or live there."""


class TrainingError(VtnStreamError):
    """A model cannot be trained as asked, or the trained model cannot be saved."""


class PluginError(VtnStreamError):
    """What an installed package adds cannot be loaded, or failed."""


class VtnStreamWarning(UserWarning):
    """Something was read or written otherwise than it stood there; one line says what. Of Python's `warnings`."""


def warn(lines: Iterable[str]) -> None:
    """Gives each line once as a VtnStreamWarning, at the place outside of this package from which it was called."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "vtn_stream":
        level, frame = level + 1, frame.f_back
    for line in dict.fromkeys(lines):
        warnings.warn(printable(line), VtnStreamWarning, stacklevel=level)
