"""The timeline as JSON: our own schema (docs/timeline.md), the one format that loses nothing.

Resolution: float64 seconds. Escapes: JSON's own; lone surrogates, which UTF-8 cannot hold, become U+FFFD.
Equal timelines give equal bytes.
"""

import json
import math
from typing import Any, NoReturn

from vtn_stream.errors import TimelineError
from vtn_stream.timeline import Timeline

__all__ = ["dumps", "loads"]


def dumps(timeline: Timeline) -> bytes:
    text = json.dumps(timeline.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode() + b"\n"


def loads(data: bytes) -> Timeline:
    """Raises TimelineError on anything that `dumps` did not write."""
    try:
        fields: Any = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise TimelineError(
            f"this is not JSON ({error})", "nothing was read", "give a .timeline.json file of vtn-stream"
        ) from error
    return Timeline.from_dict(fields)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")
