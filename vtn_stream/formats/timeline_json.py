"""The timeline as JSON: our own schema (docs/timeline.md), the one format that loses nothing.

Resolution: float64 seconds. Escapes: JSON's own; lone surrogates, which UTF-8 cannot hold, become U+FFFD.
Read: what this module wrote, and nothing else. Equal timelines give equal bytes.
"""

import json
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NoReturn, TypeVar

from vtn_stream.errors import TimelineError
from vtn_stream.formats.reading import MAX_BYTES, ReadingOptions, ReadResult, refuse
from vtn_stream.formats.writing import Options, Written
from vtn_stream.timeline import Curve, Gap, Segment, Timeline

__all__ = ["SCHEMA", "SCHEMA_VERSION", "claims", "dumps", "from_dict", "loads", "read", "to_dict", "write"]

SCHEMA = "vtn-stream/timeline"
SCHEMA_VERSION = 1

_T = TypeVar("_T")
_RATE = re.compile(r"[1-9]\d{0,29}(/[1-9]\d{0,29})?", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    return Written(content=dumps(timeline))


def claims(head: str, suffix: str) -> bool:
    """Recognizes the schema; if keys were sorted, which puts it behind the segments, the first segment."""
    if not head.lstrip().startswith("{"):
        return False
    keys_sorted = re.match(r'\s*\{\s*"clip_labels"\s*:\s*\[', head) and re.search(
        r'"complete"\s*:\s*(true|false)', head
    )
    return bool(keys_sorted or re.search(r'"schema"\s*:\s*"vtn-stream/timeline"', head))


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    """The file says all that the options could."""
    if len(data) > MAX_BYTES:
        refuse(name, f"it is larger than {MAX_BYTES // 2**20} MiB")
    return ReadResult(timelines=(loads(data),))


def dumps(timeline: Timeline) -> bytes:
    text = json.dumps(to_dict(timeline), indent=1, ensure_ascii=False, allow_nan=False)
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
    return from_dict(fields)


def to_dict(timeline: Timeline) -> dict[str, Any]:
    """JSON values; the schema is docs/timeline.md."""
    return {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "complete": timeline.complete,
        "video": {
            "path": timeline.video_path,
            "identity": timeline.video_identity,
            "duration_s": timeline.duration_s,
            "nominal_rate": None if timeline.nominal_rate is None else str(timeline.nominal_rate),
            "variable_rate": timeline.variable_rate,
            "start_timecode": timeline.start_timecode,
        },
        "span_s": list(timeline.span_s),
        "segments": [
            {"start_s": s.start_s, "end_s": s.end_s, "label": s.label, "score": s.score}
            | ({"attributes": dict(s.attributes)} if s.attributes else {})
            for s in timeline.segments
        ],
        "clip_labels": [{"label": label, "score": score} for label, score in timeline.clip_labels],
        "gaps": [{"start_s": g.start_s, "end_s": g.end_s, "reason": g.reason} for g in timeline.gaps],
        "curves": {
            name: {"start_s": c.start_s, "step_s": c.step_s, "values": list(c.values)}
            for name, c in timeline.curves.items()
        },
        "provenance": dict(timeline.provenance),
    }


def from_dict(data: Any) -> Timeline:
    """The timeline that `to_dict` wrote. Raises TimelineError on anything else."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise TimelineError("this is not a vtn-stream timeline", "nothing was read", f'its "schema" must be "{SCHEMA}"')
    if type(data.get("version")) is not int or data["version"] != SCHEMA_VERSION:
        raise TimelineError(
            f"the timeline has schema version {_shown(data.get('version'))}",
            f"this release reads version {SCHEMA_VERSION} only",
            "read it with the release that wrote it",
        )
    try:
        video = _is(data["video"], dict)
        start_s, end_s = _is(data["span_s"], list)
        rate, timecode = video["nominal_rate"], video["start_timecode"]
        return Timeline(
            video_identity=_is(video["identity"], str),
            video_path=_is(video["path"], str),
            duration_s=_number(video["duration_s"]),
            span_s=(_number(start_s), _number(end_s)),
            nominal_rate=None if rate is None else _rate(rate),
            variable_rate=_is(video["variable_rate"], bool),
            start_timecode=None if timecode is None else _is(timecode, str),
            segments=tuple(
                Segment(
                    start_s=_number(s["start_s"]),
                    end_s=_number(s["end_s"]),
                    label=_is(s["label"], str),
                    score=None if s["score"] is None else _number(s["score"]),
                    attributes={
                        _is(name, str): _is(value, str) for name, value in _is(s.get("attributes", {}), dict).items()
                    },
                )
                for s in _is(data["segments"], list)
            ),
            clip_labels=tuple((_is(c["label"], str), _number(c["score"])) for c in _is(data["clip_labels"], list)),
            gaps=tuple(
                Gap(start_s=_number(g["start_s"]), end_s=_number(g["end_s"]), reason=_is(g["reason"], str))
                for g in _is(data["gaps"], list)
            ),
            curves={
                name: Curve(
                    start_s=_number(c["start_s"]),
                    step_s=_number(c["step_s"]),
                    values=tuple(_number(value) for value in _is(c["values"], list)),
                )
                for name, c in _is(data["curves"], dict).items()
            },
            provenance=_is(data["provenance"], dict),
            complete=_is(data["complete"], bool),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)[:300]
        raise TimelineError(
            f"the timeline breaks its schema ({reason})",
            "nothing was read",
            "write it again with vtn-stream analyze; the schema is docs/timeline.md",
        ) from error


def _is(value: Any, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, got {_shown(value)}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {_shown(value)}")
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return float(value)


def _rate(value: Any) -> Fraction:
    if not _RATE.fullmatch(_is(value, str)):  # matched first: Fraction("1e9999999") would take minutes
        raise ValueError(f"expected a rate such as 30000/1001, got {_shown(value)}")
    return Fraction(value)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= 100 else text[:100] + "..."


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")
