"""The names of films in a batch's messages and results: safe, and different for all films.

The results of a film lie in OUTPUT/LABEL/FOLDERS BELOW THE SOURCE/NAME, with our suffixes behind the film's whole name:
films/a/x.mp4 gets films/a/x.mp4.timeline.json. What they are called depends on the film's path and on nothing else in
the listing, so that a run with more films finds the results of the run before:

- The whole name, and what is done with names that cannot be kept as they are: `vtn_stream/results/names.py`.
- The source's own folder is a part of it, as with `cp -r films OUTPUT`, since several sources often hold the same
  paths (day1/cam.mp4, day2/cam.mp4).

What is left are names that differ in case or in how an accent is coded, which are one on some disks, and sources of the
same name. There the listing decides: the first keeps its name, the others get a digest. Knows neither disks nor Ray.
"""

import os
import unicodedata

from vtn_stream.errors import printable
from vtn_stream.film import shareable_name

__all__ = ["folded", "label_of", "shown_path"]


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


def folded(plain: str) -> str:
    """Equal for paths that are the same on a disk that ignores case, or how accents are coded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", plain).casefold())
