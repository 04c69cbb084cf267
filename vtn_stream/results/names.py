"""What the results of a film are called, and where they are if an earlier command gave them another name.

The files are called as the film, with our suffixes behind its whole name: x.mp4 gets x.mp4.timeline.json. Raw and
converted films (x.mkv, x.mp4) often lie side by side, and neither could be called x for good. `analyze` puts them into
its output folder; `batch` puts them below it as the films lie in its sources. Each goes on with what the other wrote:

place in the output        written by
FOLDERS/NAME.EXT           batch
NAME.EXT                   analyze
NAME                       analyze of version 0.1.0

A part of a path that cannot be kept as it is (no UTF-8, control characters, too long) ends in ~ and a digest of what it
was; so does a part that looks as if it did, and a folder that is called like a result.
"""

import hashlib
import os
import re
from pathlib import Path, PurePath

from vtn_stream.errors import printable
from vtn_stream.film import shareable_name
from vtn_stream.results.blank import blank_in_page
from vtn_stream.results.hand_work import Beside
from vtn_stream.store import scores_identity

__all__ = [
    "MAX_STEM_BYTES",
    "has_results",
    "is_result_name",
    "place_of",
    "plain_name",
    "plain_path",
    "result_stem",
    "tagged",
    "with_region",
]

MAX_STEM_BYTES = 200  # of a part: a file name holds 255, our suffixes included
_TAG_DIGITS = 12  # 48 bits: among 20,000 films that all need one, two are the same once in a million listings
_TAGGED = re.compile(rf"~[0-9a-f]{{{_TAG_DIGITS}}}$")
_LIKE_RESULT = re.compile(r"\.(?:timeline|scores\.arrow|follow\.jsonl)\b")
_RESULT = re.compile(r"\.(?:timeline\.\w+|timeline\.partial\.json|scores\.arrow|follow\.jsonl)$")


def is_result_name(name: str) -> bool:
    """Whether `batch`, `analyze` or `follow` writes files with such a name."""
    return _RESULT.search(name) is not None


def result_stem(name: str) -> str | None:
    """What the name of a result begins with: that of its film. Also of one that was put aside, or that a browser or a
    person called a little otherwise. None if it is no result's.
    """
    found = _LIKE_RESULT.search(name)
    return None if found is None else name[: found.start()]


def has_results(place: Path) -> bool:
    """Whether results lie at a place, which is a path without our suffixes."""
    return any(file.exists() for file in _files(place))


def plain_path(path: str) -> str:
    """A relative path that every disk accepts and that cannot lead out of a folder. Different for different paths."""
    *folders, name = [part for part in path.split("/") if part] or ["film"]
    return "/".join([*(_plain(part, is_folder=True) for part in folders), plain_name(name)])


def plain_name(name: str) -> str:
    """The name of a film's results without our suffixes, for the film's name."""
    return _plain(name or "film")


def with_region(stem: str, region: str) -> str:
    """What the names of results begin with that are of one named part of the picture."""
    if not region:
        return stem
    both = f"{stem}.{region}"
    return both if len(both.encode()) <= MAX_STEM_BYTES else _with_tag(both, both)


def tagged(plain: str, what: str) -> str:
    """The plain path, its last part with a digest of `what`."""
    head, slash, name = plain.rpartition("/")
    return head + slash + _with_tag(name, what)


def place_of(output: Path, film: Path, identity: str, *, in_batch: str | None, inside: Path) -> str:
    """Where the results of a film are, or are to be, below the output and without our suffixes.

    The place by the rule of this command, unless nothing is there and this film's results are in another place.

    identity  of the film: what lies in another place is this film's only if it says so
    in_batch  the place by the rule of `batch`; None: by the rule of `analyze`
    inside    the person's current folder: what lies straight in the output belongs to the films in it first
    """
    own = plain_name(film.name) if in_batch is None else in_batch
    if has_results(output / own):
        return own
    others = _places_in_batches(film) if in_batch is None else _places_of_analyze(film, inside)
    return next((other for other in others if identity in _owners(output / other)), own)


def _places_in_batches(film: Path) -> list[str]:
    """Where a batch may have put the results: it knows the film by one or more of the folders that it lies in."""
    parts = Path(os.path.abspath(film)).parts[1:]
    return [*(plain_path("/".join(parts[-num:])) for num in range(2, len(parts) + 1)), _stem_before(film)]


def _places_of_analyze(film: Path, inside: Path) -> list[str]:
    namesake = inside / film.name
    try:
        taken = namesake.exists() and not namesake.samefile(film)
    except OSError:
        taken = True
    return [] if taken else [plain_name(film.name), _stem_before(film)]


def _stem_before(film: Path) -> str:
    """What `analyze` of version 0.1.0 called the results of a film."""
    stem = PurePath(shareable_name(film.name)).stem
    return stem.encode()[:MAX_STEM_BYTES].decode("utf-8", "ignore") or "film"


def _files(place: Path) -> tuple[Path, Path, Path, Path]:
    """The files that say whose results lie at a place: the timeline, the partial one, the scores; and the page, where
    people may say what happens in a film that nobody analyzed.
    """
    ends = ("timeline.json", "timeline.partial.json", "scores.arrow", "timeline.html")
    timeline, partial, scores, page = (place.with_name(f"{place.name}.{end}") for end in ends)
    return timeline, partial, scores, page


def _owners(place: Path) -> set[str | None]:
    """The identities of the films whose results lie there; empty if they do not say it, or there are none."""
    if not has_results(place):
        return set()
    beside = Beside.of(place.parent, place.name)
    documents = [document for document in (beside.timeline, beside.partial) if document is not None]
    timelines = [*(document.timeline for document in documents), blank_in_page(_files(place)[3])]
    known = (timeline.video_identity for timeline in timelines if timeline is not None)
    return {*known, scores_identity(_files(place)[2])} - {None}


def _plain(part: str, *, is_folder: bool = False) -> str:
    text = shareable_name(part)
    if printable(text) != text:
        text = "".join(c if printable(c) == c else "_" for c in text)
    kept = text == part and len(text.encode()) <= MAX_STEM_BYTES and text not in (".", "..")
    if kept and not _TAGGED.search(text) and not (is_folder and is_result_name(text)):
        return text
    return _with_tag(text, part)


def _with_tag(text: str, what: str) -> str:
    given = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", what)  # no file has these, a stranger's words may
    tag = hashlib.blake2b(os.fsencode(given)).hexdigest()[:_TAG_DIGITS]
    return f"{text.encode()[: MAX_STEM_BYTES - 1 - _TAG_DIGITS].decode('utf-8', 'ignore')}~{tag}"
