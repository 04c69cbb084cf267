"""Timeline files, one module a format: reading and writing side by side. Knows the timeline only.

Every module states its resolution, what it loses and how it escapes. docs/formats.md shows them side by side.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vtn_stream.formats.reading import TimelineReader
from vtn_stream.formats.writing import SAID, Options, Writer, Written, unsaid
from vtn_stream.timeline import Timeline

__all__ = ["FORMATS", "KEPT", "SAID", "Format", "Options", "Written"]

# What a timeline may hold beside its segments' times and labels, and not every format.
KEPT = ("scores", "attributes", "clip labels", "subset", "source", "duration", "rate")
_ORIGIN = frozenset({"origin"})
_SCORES = frozenset({"scores"})
_TABLE = _SCORES | {"subset", "source"}
_CLOCK = _SCORES | {"duration", "rate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format by its name on the command line.

    title       as people call it
    suffix      what its files end with
    module      below vtn_stream.formats, imported when it is needed; it has `write`, `read`, or both
    reads       how it is read: by the module's own `read`, or as annotations (`read_annotations`)
    holds_many  one file may hold the timelines of many films
    keeps       which of KEPT is written and comes back; the rate also where frames are counted at it without saying so
    says        which of SAID is written and comes back; a warning tells of the others
    """

    title: str
    suffix: str
    module: str
    reads: Literal["itself", "annotations"] = "itself"
    holds_many: bool = False
    keeps: frozenset[str] = frozenset()
    says: frozenset[str] = frozenset()

    @property
    def write(self) -> Writer:
        module = importlib.import_module(f"vtn_stream.formats.{self.module}")

        def write(timelines: Sequence[Timeline], options: Options) -> Written:
            written: Written = module.write(timelines, options)
            return replace(written, warnings=(*written.warnings, *unsaid(timelines, self.says)))

        return write

    @property
    def read(self) -> TimelineReader:
        """The module's reader; only for formats that can be read."""
        return importlib.import_module(f"vtn_stream.formats.{self.module}").read

    def claims(self, head: str, suffix: str) -> bool:
        """Whether a file has this format. head: its beginning, of most files all of it. Takes linear time."""
        return importlib.import_module(f"vtn_stream.formats.{self.module}").claims(head, suffix)


FORMATS = {
    "json": Format(
        title="vtn-stream timeline", suffix=".json", module="timeline_json", keeps=frozenset(KEPT), says=frozenset(SAID)
    ),
    "csv": Format(title="CSV", suffix=".csv", module="timeline_csv", holds_many=True, keeps=_TABLE, says=_ORIGIN),
    "tsv": Format(title="TSV", suffix=".tsv", module="timeline_tsv", holds_many=True, keeps=_TABLE, says=_ORIGIN),
    "parquet": Format(
        title="Parquet",
        suffix=".parquet",
        module="parquet",
        holds_many=True,
        keeps=_SCORES | {"duration"},
        says=_ORIGIN,
    ),
    "vtt": Format(title="WebVTT", suffix=".vtt", module="webvtt"),
    "srt": Format(title="SubRip", suffix=".srt", module="srt"),
    "edl": Format(title="CMX 3600 EDL", suffix=".edl", module="cmx3600", keeps=frozenset({"rate"})),
    "resolve": Format(
        title="DaVinci Resolve marker EDL", suffix=".markers.edl", module="resolve_markers", keeps=frozenset({"rate"})
    ),
    "xmeml": Format(title="Final Cut Pro 7 XML", suffix=".xml", module="xmeml", keeps=_CLOCK),
    "fcpxml": Format(title="FCPXML", suffix=".fcpxml", module="fcpxml", keeps=_CLOCK),
    "otio": Format(title="OpenTimelineIO", suffix=".otio", module="otio", keeps=_CLOCK | {"attributes"}, says=_ORIGIN),
    "youtube": Format(title="YouTube chapters", suffix=".youtube.txt", module="youtube"),
    "ffmetadata": Format(title="ffmpeg metadata chapters", suffix=".ffmetadata", module="ffmetadata"),
    "matroska": Format(title="Matroska chapters", suffix=".chapters.xml", module="matroska"),
    "sportscode": Format(
        title="Sportscode XML", suffix=".sportscode.xml", module="sportscode", keeps=_SCORES | {"attributes"}
    ),
    "audacity": Format(title="Audacity labels", suffix=".audacity.txt", module="audacity"),
    "activitynet": Format(
        title="ActivityNet results",
        suffix=".activitynet.json",
        module="activitynet_results",
        holds_many=True,
        keeps=_SCORES,
    ),
    "fiftyone": Format(
        title="FiftyOne temporal detections", suffix=".fiftyone.json", module="fiftyone", keeps=_CLOCK | {"attributes"}
    ),
    "labelstudio": Format(
        title="Label Studio",
        suffix=".labelstudio.json",
        module="annotations.label_studio",
        reads="annotations",
        holds_many=True,
        keeps=_SCORES | {"rate"},
    ),
    "soccernet": Format(
        title="SoccerNet", suffix=".soccernet.json", module="annotations.soccernet", reads="annotations", keeps=_SCORES
    ),
    "boris": Format(
        title="BORIS project",
        suffix=".boris",
        module="annotations.boris",
        reads="annotations",
        holds_many=True,
        keeps=frozenset({"attributes", "duration", "rate"}),
    ),
    "elan": Format(
        title="ELAN", suffix=".eaf", module="annotations.elan", reads="annotations", keeps=frozenset({"attributes"})
    ),
}
