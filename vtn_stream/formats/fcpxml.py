"""FCPXML 1.10: Final Cut Pro's project with the film as its one clip and a marker a segment. Resolve reads it too.

All times are multiples of a frame, "1001/30000s". The film's own timecode goes on: asset, sequence and clip begin at
the start timecode, and so markers stand at start timecode + time. A marker's value is the label, its note the score,
"score 0.8765". An instant has no duration. The film is named by its bare name: editors ask once where it is. Of a
recording each file is a clip, with gaps where none has the time; a segment that goes on in the next file is a marker in
both, with a warning.

Resolution: a frame; scores four decimals.
Loses attributes, gaps, curves, clip labels, provenance.
Escapes: XML's own; control characters, which XML does not have, become U+FFFD.
Read: the sequence of each project, as a timeline of its own; without projects the clips of the events: markers, chapter
markers and keywords (a segment for each of them) of all clips, where the clips show them; if there are none, the clips
themselves, if these are more than the film from 0 on: where they stand says fcpxml_story.py. A note that is no score
is the attribute "note". Retiming is not applied, markers inside compound and multicam clips are not read, both with a
warning.
Domain: segments from frame to frame, labels of characters that XML has.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.sax.saxutils import quoteattr

from vtn_stream.formats.fcpxml_story import Placed, Story, marks_outside, seconds_of
from vtn_stream.formats.media_files import MediaFile, in_files, media_files
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, refuse, timeline_of, told, xml_root
from vtn_stream.formats.timecode import Clock, can_count, film_clock, has_drop_frame, timecode_rate
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["claims", "read", "write"]

_SCORE = re.compile(r"score (-?\d{1,300}(?:\.\d{1,17})?)", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    if changed := sum(xml_text(s.label)[1] for s in timeline.segments):
        warnings += (f"{num(changed, 'label')} with characters that XML does not have: U+FFFD is written instead",)
    name = quoteattr(xml_text(PurePosixPath(timeline.video_path).name)[0])
    start, length = _time(clock.start, clock), _time(clock.frame(timeline.duration_s), clock)
    files = media_files(timeline, clock)
    timeline, cut = in_files(timeline, files)
    warnings += cut
    assets = "".join(_asset(number, file, clock) for number, file in enumerate(files, 2))
    clips = "".join(_clips(timeline.segments, files, clock))
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10">
  <resources>
    <format id="r1" frameDuration="{clock.rate.denominator}/{clock.rate.numerator}s"/>
{assets}  </resources>
  <library>
    <event name={name}>
      <project name={name}>
        <sequence format="r1" duration="{length}" tcStart="{start}" tcFormat="{"DF" if clock.drop else "NDF"}">
          <spine>
{clips}          </spine>
        </sequence>
      </project>
    </event>
  </library>
</fcpxml>
"""
    return Written(content=text.encode(), warnings=warnings)


def _asset(number: int, file: MediaFile, clock: Clock) -> str:
    film = xml_text(PurePosixPath(file.path).name)[0]
    start, length = _time(file.start, clock), _time(file.end - file.first, clock)
    name, url = quoteattr(film), quoteattr(quote(film))
    return f"""\
    <asset id="r{number}" name={name} start="{start}" duration="{length}" hasVideo="1" videoSources="1" format="r1">
      <media-rep kind="original-media" src={url}/>
    </asset>
"""


def _clips(segments: Sequence[Segment], files: Sequence[MediaFile], clock: Clock) -> Iterator[str]:
    """Each file where the sequence shows it, with the markers that begin in it; before it a gap, if there is one."""
    at, marked = 0, 0
    for number, file in enumerate(files, 2):
        if at < file.first:
            offset, lasts = _time(clock.start + at, clock), _time(file.first - at, clock)
            yield f'            <gap name="Gap" offset="{offset}" start="0s" duration="{lasts}"/>\n'
        until = bisect_left(segments, file.end_s, key=lambda s: s.start_s) if number - 1 < len(files) else len(segments)
        markers = "".join(f"              {_marker(s, file, clock)}\n" for s in segments[marked:until])
        name = quoteattr(xml_text(PurePosixPath(file.path).name)[0])
        offset, start = _time(clock.start + file.first, clock), _time(file.start, clock)
        length = _time(file.end - file.first, clock)
        yield (
            f'            <asset-clip ref="r{number}" name={name} offset="{offset}" start="{start}" '
            f'duration="{length}" format="r1">\n{markers}            </asset-clip>\n'
        )
        at, marked = file.end, until


def claims(head: str, suffix: str) -> bool:
    return head.lstrip().startswith("<") and re.search(r"<fcpxml[\s>]", head) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    root = xml_root(data, name)
    if root.tag != "fcpxml":
        refuse(name, "it is not FCPXML")
    projects: list[Element | None] = [*root.iterfind(".//project[sequence]")]
    timelines, warnings = [], dict[str, None]()
    for project in projects or [None]:
        title = (project.get("name") or "") if project is not None and len(projects) > 1 else ""
        sequence = None if project is None else project.find("sequence")
        timeline, doubts = _timeline(root, sequence, title, name, options)
        timelines.append(timeline)
        warnings |= dict.fromkeys(doubts)
        if sum(len(timeline.segments) for timeline in timelines) > MAX_SEGMENTS:
            refuse(name, f"it has more than {MAX_SEGMENTS} markers and clips")
    if projects:
        beside = told({"marker{0} or keyword{0} of clips beside the projects not read": marks_outside(root, "project")})
        warnings |= dict.fromkeys(beside)
    return ReadResult(timelines=tuple(timelines), warnings=tuple(warnings))


def _timeline(
    root: "Element", sequence: "Element | None", title: str, name: str, options: ReadingOptions
) -> tuple[Timeline, tuple[str, ...]]:
    """The timeline of a sequence, else of the whole file. title: the project's, if there are several."""
    try:
        format_id = None if sequence is None else sequence.get("format")
        shape = next((f for f in root.iterfind("resources/format") if f.get("id") == format_id), None)
        if shape is None:
            shape = root.find("resources/format")
        frame = None if shape is None or shape.get("frameDuration") is None else seconds_of(shape, "frameDuration")
        if frame is not None and not Fraction(1, 10**6) <= frame <= 100:
            raise ValueError(f"a frame of {float(frame):.6g} s")
        rate = None if frame is None else 1 / frame
        story = Story(root, root if sequence is None else sequence)
        length = None if sequence is None or sequence.get("duration") is None else seconds_of(sequence, "duration")
        start = None
        if sequence is not None and rate is not None and sequence.get("tcStart") is not None:
            start = _start_timecode(sequence, rate, options.duration_s if length is None else float(length))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        refuse(name, str(error))
    clips = story.clips
    are_files = _are_files(root, [clip.element for clip in clips])
    if are_files or (len(clips) == 1 and (story.markers or not clips[0].start)):
        clips = []  # the film itself
    beside = told({"clip{} not read, beside markers": [clip.label for clip in clips if story.markers]})
    timeline = timeline_of(
        [_segment(placed) for placed in story.markers or clips],
        name,
        options,
        format="FCPXML",
        video=(_title(root, sequence) if are_files else _film(root, sequence)) or title,
        duration_s=None if length is None else float(length),
        rate=rate,
        start_timecode=start,
        notes=[f"Of several projects this is {title!r}."] if title else (),
    )
    return timeline, story.warnings + beside


def _start_timecode(sequence: "Element", rate: Fraction, duration_s: float | None) -> str:
    asked = sequence.get("tcFormat") == "DF"
    if not can_count(rate):
        rate = timecode_rate(rate, duration_s=math.inf if duration_s is None else duration_s, drop=asked)
    return Clock(rate=rate, drop=asked and has_drop_frame(rate)).timecode(round(seconds_of(sequence, "tcStart") * rate))


def _are_files(root: "Element", clips: Sequence["Element"]) -> bool:
    """Whether several clips are the files of a recording, as they are written here: each whole, and another one."""
    assets = {asset.get("id"): asset for asset in root.iterfind("resources/asset")}
    of = [assets.get(clip.get("ref")) for clip in clips]
    return len(clips) == len({clip.get("ref") for clip in clips}) > 1 and all(
        asset is not None and all(clip.get(name) == asset.get(name) is not None for name in ("start", "duration"))
        for clip, asset in zip(clips, of, strict=True)
    )


def _title(root: "Element", sequence: "Element | None") -> str | None:
    project = next((each for each in root.iterfind(".//project") if each.find("sequence") is sequence), None)
    return None if project is None else project.get("name")


def _film(root: "Element", sequence: "Element | None") -> str | None:
    """The name of the first asset that the sequence shows, else of the file's first one."""
    assets = root.findall("resources/asset")
    if not assets:
        return None
    by_id = {asset.get("id"): asset for asset in reversed(assets)}
    shown = (by_id.get(clip.get("ref")) for clip in (() if sequence is None else sequence.iter()) if clip.get("ref"))
    asset = next((found for found in shown if found is not None), assets[0])
    rep = asset.find("media-rep")
    source = asset.get("src") or ("" if rep is None else rep.get("src") or "")
    return asset.get("name") or unquote(source).rpartition("/")[2]


def _marker(segment: Segment, file: MediaFile, clock: Clock) -> str:
    first, end = clock.span(segment)
    lasts = f' duration="{_time(end - first, clock)}"' if first < end else ""
    note = "" if segment.score is None else f' note="score {segment.score:.4f}"'
    start = _time(file.own(first), clock)
    return f'<marker start="{start}"{lasts} value={quoteattr(xml_text(segment.label)[0])}{note}/>'


def _time(frames: int, clock: Clock) -> str:
    seconds = frames / clock.rate
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"


def _segment(placed: Placed) -> Segment:
    note = placed.element.get("note") or ""
    score = _SCORE.fullmatch(note.strip())
    return Segment(
        start_s=float(placed.start),
        end_s=float(placed.end),
        label=placed.label,
        score=None if score is None else float(score[1]),
        attributes={"note": note} if note.strip() and score is None else {},
    )
