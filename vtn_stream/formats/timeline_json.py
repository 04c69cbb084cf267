"""The timeline as JSON: our own schema (docs/timeline.md), the one format that loses nothing.

Resolution: float64 seconds. Escapes: JSON's own; lone surrogates, which UTF-8 cannot hold, become U+FFFD.
Read: what this module wrote, and nothing else. Equal timelines give equal bytes.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from vtn_stream.errors import TimelineError
from vtn_stream.formats.reading import MAX_BYTES, Read, ReadingOptions, refuse
from vtn_stream.formats.writing import Options, Written
from vtn_stream.timeline import Timeline

__all__ = ["claims", "dumps", "loads", "read", "write"]


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    return Written(content=dumps(timeline))


def claims(head: str, suffix: str) -> bool:
    """By its schema; where keys were sorted, which puts it behind the segments, by the first of them."""
    if not head.lstrip().startswith("{"):
        return False
    keys_sorted = re.match(r'\s*\{\s*"clip_labels"\s*:\s*\[', head) and re.search(
        r'"complete"\s*:\s*(true|false)', head
    )
    return bool(keys_sorted or re.search(r'"schema"\s*:\s*"vtn-stream/timeline"', head))


def read(data: bytes, name: str, options: ReadingOptions) -> Read:
    """The file says all that the options could."""
    if len(data) > MAX_BYTES:
        refuse(name, f"it is larger than {MAX_BYTES // 2**20} MiB")
    return Read(timelines=(loads(data),))


def dumps(timeline: Timeline) -> bytes:
    text = json.dumps(timeline.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode() + b"\n"


def loads(data: bytes) -> Timeline:
    """Raises TimelineError on anything that `dumps` did not write."""
    try:
        fields: Any = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        # A codec's words are no help: what is no text is some other file.
        reason = "it is no text" if isinstance(error, UnicodeError) else str(error)[:200]
        raise TimelineError(
            f"this is not JSON ({reason})", "nothing was read", "give a .timeline.json file of vtn-stream"
        ) from error
    return Timeline.from_dict(fields)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")
