"""Timeline files, one module a format: reading and writing side by side. Knows the timeline only.

Every module states its resolution, what it loses and how it escapes. docs/formats.md shows them side by side.
FORMATS holds them all by their names, and behind ours those that plug-ins add.
"""

from vtn_stream.formats.format import KEPT, Format
from vtn_stream.formats.plugged import RESERVED, PluggedFormat, plugged
from vtn_stream.formats.reading import ReadingOptions, ReadResult
from vtn_stream.formats.writing import SAID, Options, Written
from vtn_stream.plugins import FORMATS_GROUP, WithPlugins

__all__ = ["FORMATS", "KEPT", "SAID", "Format", "Options", "PluggedFormat", "ReadResult", "ReadingOptions", "Written"]

_ORIGIN = frozenset({"origin"})
_SCORES = frozenset({"scores"})
_TABLE = _SCORES | {"subset", "source"}
_CLOCK = _SCORES | {"duration", "rate"}


_OURS = {
    "json": Format(
        title="vtn-stream timeline", suffix=".json", module="timeline_json", keeps=frozenset(KEPT), says=frozenset(SAID)
    ),
    "csv": Format(title="CSV", suffix=".csv", module="timeline_csv", holds_many=True, keeps=_TABLE, says=_ORIGIN),
    "xlsx": Format(title="Excel", suffix=".xlsx", module="timeline_xlsx", holds_many=True, keeps=_TABLE, says=_ORIGIN),
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
    "llc": Format(
        title="LosslessCut project", suffix=".llc", module="llc", names_file=True, keeps=frozenset({"attributes"})
    ),
    "losslesscut": Format(title="LosslessCut CSV", suffix=".losslesscut.csv", module="losslesscut"),
    "premiere": Format(
        title="Premiere marker table",
        suffix=".premiere.csv",
        module="premiere",
        keeps=frozenset({"rate"}),
        attributes=frozenset({"comment", "type"}),
    ),
    "avid": Format(
        title="Avid locator EDL",
        suffix=".avid.edl",
        module="avid",
        names_file=True,
        keeps=frozenset({"duration", "rate"}),
        attributes=frozenset({"colour"}),
    ),
    "avidmarkers": Format(
        title="Avid marker list",
        suffix=".avid.txt",
        module="avid_markers",
        keeps=frozenset({"rate"}),
        attributes=frozenset({"colour", "track", "user"}),
    ),
    "scenes": Format(title="PySceneDetect scene list", suffix=".scenes.csv", module="scenes"),
    "audacity": Format(title="Audacity labels", suffix=".audacity.txt", module="audacity"),
    "activitynet": Format(
        title="ActivityNet results",
        suffix=".activitynet.json",
        module="activitynet_results",
        holds_many=True,
        keeps=_SCORES,
    ),
    "fiftyone": Format(
        title="FiftyOne temporal detections",
        suffix=".fiftyone.json",
        module="fiftyone",
        names_file=True,
        keeps=_CLOCK | {"attributes"},
    ),
    "labelstudio": Format(
        title="Label Studio",
        suffix=".labelstudio.json",
        module="annotations.label_studio",
        names_file=True,
        reads="annotations",
        holds_many=True,
        keeps=_SCORES | {"rate"},
    ),
    "soccernet": Format(
        title="SoccerNet",
        suffix=".soccernet.json",
        module="annotations.soccernet",
        names_file=True,
        reads="annotations",
        keeps=_SCORES,
        attributes=frozenset({"team", "visibility"}),
    ),
    "boris": Format(
        title="BORIS project",
        suffix=".boris",
        module="annotations.boris",
        reads="annotations",
        holds_many=True,
        keeps=frozenset({"duration", "rate"}),
        attributes=frozenset({"comment", "modifier", "subject"}),
    ),
    "cvat": Format(
        title="CVAT for video",
        suffix=".cvat.xml",
        module="annotations.cvat",
        names_file=True,
        reads="annotations",
        keeps=_CLOCK | {"attributes"},
    ),
    "frames": Format(
        title="frame columns",
        suffix=".frames.csv",
        module="annotations.frame_columns",
        reads="annotations",
        keeps=frozenset({"duration"}),
    ),
    "elan": Format(
        title="ELAN",
        suffix=".eaf",
        module="annotations.elan",
        reads="annotations",
        names_file=True,
        keeps=frozenset({"attributes"}),
    ),
}

FORMATS = WithPlugins[Format](
    _OURS,
    group=FORMATS_GROUP,
    thing="format",
    fitted=lambda code, plugin: plugged(code, plugin, taken={of.suffix: name for name, of in _OURS.items()}),
    reserved=RESERVED,
)
