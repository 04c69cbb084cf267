"""Formats of plug-ins: a module, or any object, of another package, checked and guarded. Knows none of them.

It has `title` and `suffix`, and `write`, `read`, or both, as our own modules have them:

    write(timelines, options) -> Written
    read(data, name, options) -> ReadResult
    claims(head, suffix) -> bool            with `read`: whether a file is one of these; else only its suffix says so

and if it wants `holds_many`, `keeps` and `says`, which mean what they mean for a `Format`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vtn_stream.errors import PluginError, VtnStreamError
from vtn_stream.film import is_film_name
from vtn_stream.formats.format import KEPT, Format
from vtn_stream.formats.reading import ReadingOptions, ReadResult
from vtn_stream.formats.writing import SAID, Options, Written
from vtn_stream.plugins import Plugin, failure, prints_apart
from vtn_stream.timeline import Timeline

__all__ = ["RESERVED", "PluggedFormat", "plugged"]

RESERVED = ("html", "all")  # a page, and on the command line all formats
MAX_TITLE = 60
_SUFFIX = re.compile(r"(\.[a-z0-9][a-z0-9_-]{0,15}){1,3}")
_CONSEQUENCES = {"write": "nothing was written", "read": "nothing was read", "claims": "it was passed over"}
# Of files that lie beside a timeline, and of what is not one format's alone.
_OTHERS = (".html", ".partial.json", ".scores.arrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluggedFormat(Format):
    """A format of a plug-in. Whatever its code raises becomes one line; timelines that it reads name the plug-in."""

    plugin: Plugin
    code: Any = field(repr=False)

    def read(self, data: bytes, name: str, options: ReadingOptions) -> ReadResult:
        result = self._called("read", data, name, options)
        if not isinstance(result, ReadResult) or not all(isinstance(t, Timeline) for t in result.timelines):
            raise self._failed("read", "it gave no ReadResult of timelines")
        if not _lines(result.warnings):
            raise self._failed("read", "its warnings are not texts")
        version = {self.plugin.package: self.plugin.version}
        timelines = (replace(t, provenance={**t.provenance, "plugins": version}) for t in result.timelines)
        return replace(result, timelines=tuple(timelines))

    def claims(self, head: str, suffix: str) -> bool:
        return hasattr(self.code, "claims") and bool(self._called("claims", head, suffix))

    def _written(self, timelines: Sequence[Timeline], options: Options) -> Written:
        if not self.writes:
            raise PluginError(
                f"the format {self.plugin.name} of {self.plugin} can only be read",
                "nothing was written",
                "name another format",
            )
        written = self._called("write", timelines, options)
        if not isinstance(written, Written) or not isinstance(written.content, bytes):
            raise self._failed("write", "it gave no Written with bytes")
        if not _lines(written.warnings):
            raise self._failed("write", "its warnings are not texts")
        return written

    def _called(self, what: str, *given: Any) -> Any:
        try:
            with prints_apart():
                return getattr(self.code, what)(*given)
        except (VtnStreamError, KeyboardInterrupt):
            raise
        except BaseException as error:  # it is a stranger's code
            raise self._failed(what, failure(error)) from error

    def _failed(self, what: str, reason: str) -> PluginError:
        return PluginError(
            f"the format {self.plugin.name} of {self.plugin} failed ({reason})",
            _CONSEQUENCES[what],
            f"update or uninstall {self.plugin.package}, or name another format",
        )


def plugged(code: Any, plugin: Plugin, *, taken: Mapping[str, str]) -> PluggedFormat:
    """The format that a plug-in holds. taken: the suffixes of ours, and whose each is. Raises ValueError that says what
    is wrong with it.
    """
    title, suffix = getattr(code, "title", None), getattr(code, "suffix", None)
    if not isinstance(title, str) or not 0 < len(title.strip()) <= MAX_TITLE:
        raise ValueError("it has no title, a short text")
    if not isinstance(suffix, str) or not _SUFFIX.fullmatch(suffix):
        raise ValueError("it has no suffix such as .tally.txt, in small letters")
    if suffix in taken or suffix in _OTHERS or is_film_name(f"film{suffix}"):
        raise ValueError(f"its suffix {suffix} is that of {taken.get(suffix, 'other files')}")
    reads, writes = (callable(getattr(code, name, None)) for name in ("read", "write"))
    if not reads and not writes:
        raise ValueError("it has neither write nor read")
    holds_many = getattr(code, "holds_many", False)
    if type(holds_many) is not bool:
        raise ValueError("its holds_many is neither True nor False")
    return PluggedFormat(
        title=title.strip(),
        suffix=suffix,
        module="",
        writes=writes,
        reads="itself" if reads else None,
        holds_many=holds_many,
        keeps=_known(code, "keeps", KEPT),
        says=_known(code, "says", SAID),
        plugin=plugin,
        code=code,
    )


def _known(code: Any, name: str, words: Collection[str]) -> frozenset[str]:
    given = frozenset(getattr(code, name, ()))
    if strange := given - set(words):
        raise ValueError(f"its {name} has {min(map(str, strange))[:40]!r}, not one of {', '.join(words)}")
    return given


def _lines(warnings: object) -> bool:
    return isinstance(warnings, tuple | list) and all(isinstance(line, str) for line in warnings)
