"""In which formats results can be written: timelines, by the names and suffixes of their formats, and pages."""

from collections.abc import Iterable

from vtn_stream.errors import InputError, printable
from vtn_stream.formats import FORMATS

__all__ = ["FORMAT_NAMES", "PAGE", "check_written", "suffix_of", "suffixes"]

PAGE = "html"  # a page needs the store and the film's place: it is no format that knows the timeline only
# What can be written, by the names that people give: ours, those of plug-ins (which are not loaded here), and pages.
FORMAT_NAMES = (*(name for name, of in FORMATS.ours.items() if of.writes), *FORMATS.added, PAGE)


def suffix_of(format: str) -> str:
    """How files of this format end."""
    return ".html" if format == PAGE else FORMATS[format].suffix


def suffixes(faults: list[str] | None = None) -> dict[str, str]:
    """How the files of each format end that can be written. Plug-ins are loaded; faults: gets a line for each that is
    broken.
    """
    usable = FORMATS.usable(faults)
    return {name: of.suffix for name, of in usable.items() if of.writes} | {PAGE: suffix_of(PAGE)}


def check_written(formats: Iterable[str], consequence: str) -> None:
    """Raises InputError unless all of these can be written, each as a file of its own; PluginError for a broken one."""
    of: dict[str, str] = {}
    for name in dict.fromkeys(formats):
        if name != PAGE and name not in FORMATS:
            raise InputError(
                f"{printable(name)[:40]} is not a format of timelines that can be written",
                consequence,
                f"give one of {', '.join(FORMAT_NAMES)}",
            )
        if name != PAGE and not FORMATS[name].writes:
            raise InputError(f"files of the format {name} can only be read", consequence, "name another format")
        if (other := of.setdefault(suffix_of(name), name)) != name:
            raise InputError(
                f"files of the formats {other} and {name} have one name", consequence, f"leave out {other} or {name}"
            )
