"""The timeline as JSON: our own schema (docs/timeline.md), the one format that loses nothing.

Resolution: float64 seconds. Escapes: JSON's own; lone surrogates, which UTF-8 cannot hold, become U+FFFD.
Read: what this module wrote, and nothing else. Equal timelines give equal bytes. The file carries its own digest, and
those of the files that were written with it, so that it shows what a person changed since.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NoReturn

from vtn_stream.corrections import is_corrected
from vtn_stream.errors import InputError, TimelineError
from vtn_stream.formats.json_places import place_at, place_of
from vtn_stream.formats.json_values import (
    Broken,
    by_name,
    each,
    flag,
    get,
    is_object,
    made,
    number,
    optional,
    shown,
    text,
)
from vtn_stream.formats.reading import MAX_BYTES, ReadingOptions, ReadResult, refuse
from vtn_stream.formats.writing import Options, Written
from vtn_stream.region import Region
from vtn_stream.seal import is_digest, is_intact, sealed
from vtn_stream.timeline import ORIGINS, Curve, Gap, Origin, Part, Reviewed, Segment, Timeline

__all__ = [
    "ANNOTATION",
    "OWN",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Document",
    "claims",
    "dumps",
    "from_dict",
    "loads",
    "read",
    "read_document",
    "to_dict",
    "write",
]

SCHEMA = "vtn-stream/timeline"
SCHEMA_VERSION = 3
READ_VERSIONS = (1, 2, 3)  # 2 added origin, was, reviewed and rejected: what people said of it; 3 parts and region
ANNOTATION = "annotation"  # in the provenance of a timeline that people began, in a film that nobody analyzed
OWN = "timeline.json"  # the name under which a file keeps its own digest, beside those of the other files

_CURE = f'its "schema" must be "{SCHEMA}": files of other programs become timelines with vtn-stream convert'
_RATE = re.compile(r"[1-9]\d{0,29}(/[1-9]\d{0,29})?", re.ASCII)
_END = re.compile(r"[a-z0-9]+(\.[a-z0-9]+)+", re.ASCII)  # of a file's name: timeline.csv
_PLACE = b'"files": {\n  "timeline.json": "'  # of the digest, as `dumps` lays it out


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file with a timeline, and what it says of itself.

    origin  ours: as it was written; edited: changed since; old: it carries no digests, as those of version 0.1.0;
            damaged: its digests are none
    files   digests of the files written with it, by the ends of their names; in the timeline of an analysis that does
            not stand yet, all that are known
    """

    timeline: Timeline
    origin: Literal["ours", "edited", "old", "damaged"]
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether an analysis must not replace it: it was changed, or it is none of an analysis, which always writes
        scores, but an export or a conversion, which hold what a person chose or did. A blank one holds nothing.
        """
        is_blank = ANNOTATION in self.timeline.provenance and not self.timeline.segments
        chosen = self.origin == "ours" and not self.files and not self.is_corrected and not is_blank
        return chosen or self.origin in ("edited", "damaged")

    @property
    def is_corrected(self) -> bool:
        """Whether people corrected it in a page: an analysis draws the rest of it anew, around their work."""
        made = self.timeline.provenance.keys() & {"selections", "converted_from"}
        return self.origin == "ours" and is_corrected(self.timeline) and (bool(self.files) or not made)


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


def dumps(timeline: Timeline, files: Mapping[str, Sequence[str]] = {}) -> bytes:
    """The file. files: digests of what is written with it, by the ends of the files' names; its own is added."""
    fields = to_dict(timeline)
    head = {name: fields.pop(name) for name in ("schema", "version")}
    digests = {OWN: ""} | {end: known[0] if len(known := files[end]) == 1 else known for end in sorted(files)}
    written = json.dumps(head | {"files": digests} | fields, indent=1, ensure_ascii=False, allow_nan=False)
    return sealed(written.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode() + b"\n", _PLACE)


def loads(data: bytes) -> Timeline:
    """Raises TimelineError on anything that `dumps` did not write, or of which that is not left."""
    return read_document(data).timeline


def read_document(data: bytes) -> Document:
    """The timeline, and what the file knows of itself and of those beside it. Raises TimelineError as `loads` does."""
    try:
        fields: Any = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        # A codec's words are no help: what is no text is some other file.
        reason = "it is not text" if isinstance(error, UnicodeError) else str(error)[:200]
        if isinstance(error, json.JSONDecodeError):
            reason = place_at(error.doc, error.pos) + error.msg
        elif isinstance(error, _NoNumber):
            source = _decoded(data)
            found = re.search(rf"[:,\[]\s*{re.escape(error.literal)}", source)
            reason = place_at(source, found.end() if found else 0) + reason
        raise TimelineError(
            f"this is not JSON ({reason})", "nothing was read", "give a .timeline.json file of vtn-stream"
        ) from error
    timeline = from_dict(fields, data)
    if "files" not in fields:
        return Document(timeline=timeline, origin="old")
    files = _digests(fields["files"])
    if files is None:
        return Document(timeline=timeline, origin="damaged")
    return Document(timeline=timeline, origin="ours" if is_intact(data, _PLACE) else "edited", files=files)


def to_dict(timeline: Timeline) -> dict[str, Any]:
    """JSON values; the schema is docs/timeline.md."""
    return {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION if timeline.parts or timeline.region else 2,  # earlier releases read 2
        "complete": timeline.complete,
        "video": {
            "path": timeline.video_path,
            "identity": timeline.video_identity,
            "duration_s": timeline.duration_s,
            "nominal_rate": None if timeline.nominal_rate is None else str(timeline.nominal_rate),
            "variable_rate": timeline.variable_rate,
            "start_timecode": timeline.start_timecode,
            **({"parts": [_of_part(part) for part in timeline.parts]} if timeline.parts else {}),
            **({} if timeline.region is None else {"region": _of_region(timeline.region)}),
        },
        "span_s": list(timeline.span_s),
        "segments": [_of_segment(s) for s in timeline.segments],
        "reviewed": [
            {"start_s": r.start_s, "end_s": r.end_s, "labels": None if r.labels is None else list(r.labels)}
            for r in timeline.reviewed
        ],
        "rejected": [_of_segment(s) for s in timeline.rejected],
        "clip_labels": [{"label": label, "score": score} for label, score in timeline.clip_labels],
        "gaps": [{"start_s": g.start_s, "end_s": g.end_s, "reason": g.reason} for g in timeline.gaps],
        "curves": {
            name: {"start_s": c.start_s, "step_s": c.step_s, "values": list(c.values)}
            for name, c in timeline.curves.items()
        },
        "provenance": dict(timeline.provenance),
    }


def _of_part(part: Part) -> dict[str, Any]:
    return {
        "path": part.video_path,
        "identity": part.video_identity,
        "start_s": part.start_s,
        "duration_s": part.duration_s,
        "nominal_rate": None if part.nominal_rate is None else str(part.nominal_rate),
        "variable_rate": part.variable_rate,
        "start_timecode": part.start_timecode,
    }


def _of_region(region: Region) -> dict[str, str]:
    return {"name": region.name, "place": region.text}


def _of_segment(s: Segment) -> dict[str, Any]:
    fields: dict[str, Any] = {"start_s": s.start_s, "end_s": s.end_s, "label": s.label, "score": s.score}
    if s.attributes:
        fields["attributes"] = dict(s.attributes)
    if s.origin is not None:
        fields["origin"] = s.origin
    if s.was is not None:
        fields["was"] = _of_segment(s.was)
    return fields


def from_dict(data: Any, source: bytes | None = None) -> Timeline:
    """The timeline that `to_dict` wrote. Raises TimelineError on anything else.

    source: the text of the data, if they are from one: the error names the line then
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise TimelineError("this is not a vtn-stream timeline", "nothing was read", _CURE)
    if type(data.get("version")) is not int or data["version"] not in READ_VERSIONS:
        raise TimelineError(
            f"the timeline has schema version {shown(data.get('version'))}",
            f"this release reads versions {min(READ_VERSIONS)} to {max(READ_VERSIONS)} only",
            "read it with the release that wrote it",
        )
    try:
        return _timeline(data)
    except Broken as error:
        place = place_of(error.way, None if source is None else _decoded(source))
        raise TimelineError(
            f"the timeline breaks its schema ({place}{error})",
            "nothing was read",
            "fix it there, or write it again with vtn-stream analyze; the schema is docs/timeline.md",
        ) from error


def _decoded(source: bytes) -> str:
    return source.decode(json.detect_encoding(source), "surrogatepass")


class _NoNumber(ValueError):
    def __init__(self, literal: str) -> None:
        super().__init__(f"{literal[:100]} is not a number")
        self.literal = literal


def _timeline(data: dict[str, Any]) -> Timeline:
    said = data if data["version"] > 1 else {"reviewed": [], "rejected": []}
    return made(
        Timeline,
        **get(data, "video", _video),
        span_s=get(data, "span_s", _span),
        segments=get(data, "segments", each(_segment)),
        reviewed=get(said, "reviewed", each(_reviewed)),
        rejected=get(said, "rejected", each(_segment)),
        clip_labels=get(data, "clip_labels", each(_clip_label)),
        gaps=get(data, "gaps", each(_gap)),
        curves=get(data, "curves", by_name(_curve)),
        provenance=get(data, "provenance", is_object),
        complete=get(data, "complete", flag),
    )


def _video(data: Any) -> dict[str, Any]:
    fields = {
        "video_identity": get(data, "identity", text),
        "video_path": get(data, "path", text),
        "duration_s": get(data, "duration_s", number),
        "nominal_rate": get(data, "nominal_rate", optional(_rate)),
        "variable_rate": get(data, "variable_rate", flag),
        "start_timecode": get(data, "start_timecode", optional(text)),
        "parts": get(data, "parts", each(_part)) if "parts" in data else (),
        "region": get(data, "region", _region) if "region" in data else None,
    }
    made(Timeline, span_s=(0.0, 0.0), **fields)  # what it refuses of them stands here
    return fields


def _part(data: Any) -> Part:
    return made(
        Part,
        video_path=get(data, "path", text),
        video_identity=get(data, "identity", text),
        start_s=get(data, "start_s", number),
        duration_s=get(data, "duration_s", number),
        nominal_rate=get(data, "nominal_rate", optional(_rate)),
        variable_rate=get(data, "variable_rate", flag),
        start_timecode=get(data, "start_timecode", optional(text)),
    )


def _region(data: Any) -> Region:
    name, place = get(data, "name", text), get(data, "place", text)
    try:
        return Region.parse(f"{name}={place}" if name else place)
    except InputError as error:
        raise ValueError(error.fact) from error


def _span(data: Any) -> tuple[float, float]:
    bounds = each(number)(data)
    if len(bounds) != 2:
        raise ValueError(f"expected a start and an end, got {len(bounds)} numbers")
    made(Gap, start_s=bounds[0], end_s=bounds[1], reason="")
    return bounds[0], bounds[1]


def _segment(data: Any) -> Segment:
    return made(
        Segment,
        start_s=get(data, "start_s", number),
        end_s=get(data, "end_s", number),
        label=get(data, "label", text),
        score=get(data, "score", optional(number)),
        attributes=get(data, "attributes", by_name(text)) if "attributes" in data else {},
        origin=get(data, "origin", _origin) if "origin" in data else None,
        was=get(data, "was", _was) if "was" in data else None,
    )


def _was(data: Any) -> Segment:
    if isinstance(data, dict) and data.keys() & {"origin", "was"}:
        raise ValueError("what the model had said has no origin and was nothing else before")
    return _segment(data)


def _origin(value: Any) -> Origin:
    if value not in ORIGINS:
        raise ValueError(f"expected one of {', '.join(ORIGINS)}, got {shown(value)}")
    return value


def _reviewed(data: Any) -> Reviewed:
    return made(
        Reviewed,
        start_s=get(data, "start_s", number),
        end_s=get(data, "end_s", number),
        labels=get(data, "labels", optional(lambda labels: tuple(each(text)(labels)))),
    )


def _clip_label(data: Any) -> tuple[str, float]:
    return get(data, "label", text), get(data, "score", number)


def _gap(data: Any) -> Gap:
    return made(
        Gap,
        start_s=get(data, "start_s", number),
        end_s=get(data, "end_s", number),
        reason=get(data, "reason", text),
    )


def _curve(data: Any) -> Curve:
    return made(
        Curve,
        start_s=get(data, "start_s", number),
        step_s=get(data, "step_s", number),
        values=get(data, "values", each(number)),
    )


def _digests(files: Any) -> dict[str, tuple[str, ...]] | None:
    """Those of a file, without its own; None where they are none."""
    try:
        found = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in files.items()}
        digests = [digest for digests in found.values() for digest in digests]
        if len(found[OWN]) == 1 and all(map(is_digest, digests)) and all(map(_END.fullmatch, found)):
            return {name: digests for name, digests in found.items() if name != OWN}
    except (AttributeError, TypeError, KeyError):
        pass
    return None


def _rate(value: Any) -> Fraction:
    if not _RATE.fullmatch(text(value)):  # matched first: Fraction("1e9999999") would take minutes
        raise ValueError(f"expected a rate such as 30000/1001, got {shown(value)}")
    return Fraction(value)


def _finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _refuse(literal)


def _refuse(literal: str) -> NoReturn:
    raise _NoNumber(literal)
