"""What clips are called: safe on every system, and sorted by time. Opens no file.

    walk/001_00-12-34.500_walk      a clip: its label's folder, its number, when its segment begins, its label
    reel_walk, without_pause        a reel of a label; the film without a label

Characters that some system does not allow become "_". Where that, or the size of letters, would give two labels one
name, all but one get a digest; so does a name that is cut since it is too long.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from vtn_stream.errors import printable
from vtn_stream.film import shareable_name
from vtn_stream.results.names import tagged

__all__ = ["CONTACT_SHEET", "MANIFEST", "PAGE", "clip_name", "film_folder", "label_names", "reel_name", "without_name"]

PAGE = "index.html"
MANIFEST = "cut.json"
CONTACT_SHEET = "contact_sheet"
MAX_BYTES = 100  # of a label in a name: it is there twice, and some systems allow 260 characters for a whole path
_DIGEST_BYTES = 13  # of a tag
_NOT_ALLOWED = re.compile(r'[<>:"/\\|?*]')
# Devices of Windows, with any suffix; and what else lies in the folder.
_TAKEN = re.compile(
    rf"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?|{re.escape(PAGE)}|{re.escape(MANIFEST)}|{CONTACT_SHEET}.*",
    re.IGNORECASE,
)


def label_names(labels: Iterable[str]) -> dict[str, str]:
    """A name for each label, different for each of them also where the size of letters does not count."""
    labels = sorted(set(labels))
    plain = {label: _plain(label) for label in labels}
    # Of labels with one name, one that is called just so keeps it.
    names, taken = dict[str, str](), set[str]()
    for label in sorted(labels, key=lambda label: (plain[label] != label, label)):
        name = plain[label]
        if _key(name) in taken:
            name = tagged(_cut(name, MAX_BYTES - _DIGEST_BYTES), label)
        names[label] = name
        taken.add(_key(name))
    return names


def film_folder(film: str, taken: Sequence[str], source: str) -> str:
    """The folder of a film's clips, where there are several films. taken: those of others; source: tells films of one
    name apart.
    """
    name = _plain(film)
    return tagged(_cut(name, MAX_BYTES - _DIGEST_BYTES), source) if _key(name) in map(_key, taken) else name


def clip_name(number: int, of: int, start_s: float, label: str) -> str:
    """The name of the clip with this number. of: how many there are; label: as `label_names` calls it."""
    width = max(3, len(str(of)))
    return f"{label}/{number:0{width}d}_{_clock(start_s)}_{label}"


def reel_name(label: str) -> str:
    """label: as `label_names` calls it."""
    return f"reel_{label}"


def without_name(labels: Sequence[str]) -> str:
    """labels: as `label_names` calls them."""
    name = "without_" + "_".join(labels)
    return name if len(name.encode()) <= 2 * MAX_BYTES else tagged(_cut(name, MAX_BYTES), name)


def _clock(time_s: float) -> str:
    ms = max(0, round(1000 * time_s))
    return f"{ms // 3_600_000:02d}-{ms // 60_000 % 60:02d}-{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _plain(text: str) -> str:
    shown = shareable_name(unicodedata.normalize("NFC", text))
    shown = "".join(c if printable(c) == c else "_" for c in shown)
    name = _NOT_ALLOWED.sub("_", shown).rstrip(". ").lstrip(" ")  # what Windows drops
    name = re.sub(r"^\.", "_", name) or "unnamed"  # what begins with a dot is hidden
    if _TAKEN.fullmatch(name):
        name = f"{name}_" if "." not in name else name.replace(".", "_", 1) + "_"
    return name if len(name.encode()) <= MAX_BYTES else tagged(_cut(name, MAX_BYTES - _DIGEST_BYTES), text)


def _cut(name: str, most: int) -> str:
    """The name in at most so many bytes; never half a character, nor a blank or a dot at its end."""
    return name.encode()[:most].decode("utf-8", "ignore").rstrip(". ")


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
