"""The names of films in a batch's messages and results: safe, and different for all films.

The results of a film lie in OUTPUT/LABEL/FOLDERS BELOW THE SOURCE/NAME, with our suffixes behind the film's whole name:
films/a/x.mp4 gets films/a/x.mp4.timeline.json. What they are called depends on the film's path and on nothing else in
the listing, so that a run with more films finds the results of the run before:

- The whole name, since raw and converted films (x.mkv, x.mp4) lie side by side, and neither could be called x for good.
- The source's own folder is a part of it, as with `cp -r films OUTPUT`, since several sources often hold the same
  paths (day1/cam.mp4, day2/cam.mp4).
- A part that cannot be kept as it is (no UTF-8, control characters, too long) ends in ~ and a digest of what it was; so
  does a part that looks as if it did, and a folder that is called like a result.

What is left are names that differ in case or in how an accent is coded, which are one on some disks, and sources of the
same name. There the listing decides: the first keeps its name, the others get a digest. Knows neither disks nor Ray.
"""

import hashlib
import os
import re
import unicodedata

from vtn_stream.errors import printable
from vtn_stream.film import shareable_name

__all__ = ["folded", "is_result_name", "label_of", "plain_path", "shown_path", "tagged"]

_MAX_BYTES = 200  # of a part: a file name holds 255, our suffixes included
_TAG_DIGITS = 12  # 48 bits: among 20,000 films that all need one, two are the same once in a million listings
_TAGGED = re.compile(rf"~[0-9a-f]{{{_TAG_DIGITS}}}$")
_RESULT = re.compile(r"\.(?:timeline\.\w+|timeline\.partial\.json|scores\.arrow)$")


def is_result_name(name: str) -> bool:
    """Whether a batch or `analyze` writes files with such a name."""
    return _RESULT.search(name) is not None


def label_of(folder: str) -> str:
    """The name of a source's folder in film names: as it was given, or only its last part if it lies elsewhere.

    The current folder is called nothing, so that its results lie straight in OUTPUT.
    """
    given = os.path.normpath(folder or ".")
    if not os.path.isabs(given) and given.split("/")[0] != "..":
        return "" if given == "." else given
    where = os.path.normpath(os.path.join(os.getcwd(), folder))
    # Results are shared, and a home folder is called like its user.
    return "home" if where == os.path.expanduser("~") else os.path.basename(where)


def shown_path(path: str) -> str:
    """The path for people to read: in UTF-8, with nothing that moves the cursor."""
    return printable("/".join(shareable_name(part) for part in path.split("/")))


def plain_path(path: str) -> str:
    """A relative path that every disk accepts and that cannot lead out of a folder. Different for different paths."""
    *folders, name = [part for part in path.split("/") if part] or ["film"]
    return "/".join([*(_plain(part, is_folder=True) for part in folders), _plain(name)])


def tagged(plain: str, what: str) -> str:
    """The plain path, its last part with a digest of `what`."""
    head, slash, name = plain.rpartition("/")
    return head + slash + _with_tag(name, what)


def folded(plain: str) -> str:
    """Equal for paths that are the same on a disk that ignores case, or how accents are coded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", plain).casefold())


def _plain(part: str, *, is_folder: bool = False) -> str:
    text = shareable_name(part)
    if printable(text) != text:
        text = "".join(c if printable(c) == c else "_" for c in text)
    kept = text == part and len(text.encode()) <= _MAX_BYTES and text not in (".", "..")
    if kept and not _TAGGED.search(text) and not (is_folder and is_result_name(text)):
        return text
    return _with_tag(text, part)


def _with_tag(text: str, what: str) -> str:
    tag = hashlib.blake2b(os.fsencode(what)).hexdigest()[:_TAG_DIGITS]
    return f"{text.encode()[: _MAX_BYTES - 1 - _TAG_DIGITS].decode('utf-8', 'ignore')}~{tag}"
