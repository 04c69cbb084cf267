"""Final Cut Pro 7 XML (xmeml 5), which Premiere and Resolve read: a sequence with the film and a marker a segment.

A marker has the label as its name and the score in its comment, "score 0.8765". An instant has out = -1, as Premiere
writes it. The film is the sequence's one clip, by its bare name: editors ask once where it is; of a recording each file
is one.

Resolution: a frame; scores four decimals.
Loses attributes, gaps, curves, clip labels, provenance.
Escapes: XML's own; control characters, which XML does not have, become U+FFFD.
Read: each sequence that is not inside another, as a timeline of its own: its markers and those of its clips, where
these show them; if there are none, the clips of the video tracks, if these are more than the film from 0 on: where they
stand says xmeml_items.py. Several clips that are different files, each whole, are those of a recording. A comment that
is no score is the attribute "comment". Retiming is not applied, and markers of nested sequences are not read, both with
a warning.
Domain: segments from frame to frame, labels of characters that XML has.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from vtn_stream.formats.media_files import MediaFile, media_files
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, refuse, timeline_of, told, xml_root
from vtn_stream.formats.timecode import Clock, film_clock, has_drop_frame, is_timecode, reading_clock
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.formats.xmeml_items import Placed, SequenceItems, number_of, rate_of
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
    name = _escaped(PurePosixPath(timeline.video_path).name)
    length = clock.frame(timeline.duration_s)
    ntsc = "FALSE" if clock.rate == clock.base else "TRUE"
    rate = f"<rate><timebase>{clock.base}</timebase><ntsc>{ntsc}</ntsc></rate>"
    clips = "".join(_clip(number, file, rate, clock) for number, file in enumerate(media_files(timeline, clock), 1))
    markers = "".join(f"    {_marker(s, clock)}\n" for s in timeline.segments)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="5">
  <sequence id="sequence-1">
    <name>{name}</name>
    <duration>{length}</duration>
    {rate}
    {_timecode(rate, clock)}
    <media>
      <video>
        <format><samplecharacteristics>{rate}</samplecharacteristics></format>
        <track>
{clips}        </track>
      </video>
    </media>
{markers}  </sequence>
</xmeml>
"""
    return Written(content=text.encode(), warnings=warnings)


def _clip(number: int, file: MediaFile, rate: str, clock: Clock) -> str:
    """A file, from its first frame to its last, where the sequence shows it."""
    film = PurePosixPath(file.path).name
    name, url = _escaped(film), _escaped(quote(xml_text(film)[0]))
    length = file.end - file.first
    return f"""\
          <clipitem id="clipitem-{number}">
            <name>{name}</name>
            <duration>{length}</duration>
            {rate}
            <start>{file.first}</start><end>{file.end}</end><in>0</in><out>{length}</out>
            <file id="file-{number}">
              <name>{name}</name>
              <pathurl>{url}</pathurl>
              {rate}
              <duration>{length}</duration>
              {_timecode(rate, replace(clock, start=file.start))}
              <media><video/></media>
            </file>
          </clipitem>
"""


def _timecode(rate: str, clock: Clock) -> str:
    return (
        f"<timecode>{rate}<string>{clock.timecode(0)}</string><frame>{clock.start}</frame>"
        f"<displayformat>{'DF' if clock.drop else 'NDF'}</displayformat></timecode>"
    )


def claims(head: str, suffix: str) -> bool:
    return head.lstrip().startswith("<") and re.search(r"<xmeml[\s>]", head) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    root = xml_root(data, name)
    if root.tag != "xmeml":
        refuse(name, "it is not xmeml")
    beside: list[str] = []
    sequences = list(_sequences(root, beside))
    if not sequences:
        refuse(name, "it has no sequence", cure="let the editor export the sequence, not its clips")
    timelines, warnings = [], dict[str, None]()
    for sequence in sequences:
        title = (sequence.findtext("name") or "") if len(sequences) > 1 else ""
        timeline, doubts = _timeline(sequence, title, name, options)
        timelines.append(timeline)
        warnings |= dict.fromkeys(doubts)
        if sum(len(timeline.segments) for timeline in timelines) > MAX_SEGMENTS:
            refuse(name, f"it has more than {MAX_SEGMENTS} markers")
    warnings |= dict.fromkeys(told({"marker{} of clips beside the sequences not read": beside}))
    return ReadResult(timelines=tuple(timelines), warnings=tuple(warnings))


def _sequences(root: "Element", beside: list[str]) -> Iterator["Element"]:
    """The sequences in the file's order, without those inside others; one that is only named has no content. The names
    of markers outside of them are added to `beside`.
    """
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag == "marker":
            beside.append(element.findtext("name") or "")
        elif element.tag != "sequence":
            waiting.extend(reversed(element))
        elif len(element):
            yield element


def _timeline(sequence: "Element", title: str, name: str, options: ReadingOptions) -> tuple[Timeline, tuple[str, ...]]:
    """title: the sequence's, if there are several."""
    try:
        drop = (sequence.findtext("timecode/displayformat") or "").strip() == "DF"
        rate = rate_of(sequence)
        clock, warnings = reading_clock(
            replace(options, start_timecode=None), rate=rate, drop=drop and (rate is None or has_drop_frame(rate))
        )
        items = SequenceItems(sequence, clock.rate)
        length = number_of(sequence, "duration")
        start = _start(sequence, clock)
    except ValueError as error:
        refuse(name, str(error))
    clips = items.clips
    are_files = _are_files([clip.element for clip in clips])
    if are_files or (len(clips) == 1 and (items.markers or not clips[0].start)):
        clips = []  # the film itself
    beside = {"clip{} not read, beside markers": [clip.name for clip in clips]}
    if not items.markers:
        beside = {"clip{} of audio tracks not read": items.heard if clips else []}
    warnings += items.warnings + told(beside)
    film = next(sequence.iterfind("media/video/track/clipitem/file"), None)
    path = None if film is None else film.findtext("name") or unquote(film.findtext("pathurl") or "").rpartition("/")[2]
    path = sequence.findtext("name") if are_files else path
    timeline = timeline_of(
        [_segment(placed) for placed in items.markers or clips],
        name,
        options,
        format="Final Cut Pro 7 XML",
        video=path or title,
        duration_s=None if length is None else clock.seconds(length),
        rate=clock.rate,
        start_timecode=start,
        notes=[f"Of several sequences this is {title!r}."] if title else (),
    )
    return timeline, warnings


def _are_files(clips: Sequence["Element"]) -> bool:
    """Whether several clips are the files of a recording, as they are written here: each whole, and another one."""
    names = {clip.findtext("file/name") for clip in clips}
    return len(clips) == len(names) > 1 and all(
        number_of(clip, "in") == 0 and number_of(clip, "out") == number_of(clip, "file/duration") for clip in clips
    )


def _marker(segment: Segment, clock: Clock) -> str:
    first, end = clock.span(segment)
    comment = "" if segment.score is None else f"score {segment.score:.4f}"
    return (
        f"<marker><name>{_escaped(segment.label)}</name><comment>{comment}</comment>"
        f"<in>{first}</in><out>{end if first < end else -1}</out></marker>"
    )


def _escaped(text: str) -> str:
    return escape(xml_text(text)[0], {"\r": "&#13;"})  # parsers read a bare one as a line feed


def _start(sequence: "Element", clock: Clock) -> str | None:
    frame = number_of(sequence, "timecode/frame")
    if frame is None:
        timecode = (sequence.findtext("timecode/string") or "").strip()
        return timecode if is_timecode(timecode) else None
    return clock.timecode(frame)


def _segment(placed: Placed) -> Segment:
    comment = placed.element.findtext("comment") or ""
    score = _SCORE.fullmatch(comment.strip())
    return Segment(
        start_s=float(placed.start),
        end_s=float(placed.end),
        label=placed.name,
        score=None if score is None else float(score[1]),
        attributes={"comment": comment} if comment.strip() and score is None else {},
    )
