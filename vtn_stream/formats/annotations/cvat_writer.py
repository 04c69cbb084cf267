"""CVAT's XML as it is written: "CVAT for video 1.1", a track for each segment.

Resolution: frames of the film, from 0, at the rate of the options or the film's own, which stands in "fps": CVAT passes
that over. CVAT has no segments of time and does not take tags from a file for video: a segment is a track with a small
box in a corner, to be seen from its first frame on, and outside from the one after its last. Labels of one row share a
box's height, so that those of a moment lie below each other. Attributes are attributes of the shapes; the score is one
called "score". CVAT takes a file whose labels its task has, and of attributes those that the labels have there.
Loses the film's folder, gaps, curves, provenance. Escapes: XML's own; characters that XML does not have become U+FFFD,
an empty label "(no label)". Domain: segments of whole frames inside the film and at least one, at a rate that is a
fraction of numbers up to 1001, which do not overlap others of their label; labels as annotations have them (no control
characters, no space around them, at most 1000 characters); attributes of characters that XML has, without space around
them, not empty, none called "score" or "track".
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from xml.sax.saxutils import escape, quoteattr

from vtn_stream.formats.annotations.frames import first_and_last, num_short, short_warnings
from vtn_stream.formats.writing import Options, Written, counting_rate, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["SCORE", "write"]

SCORE = "score"
UNLABELLED = "(no label)"
ROWS, HEIGHT, WIDTH = 6, 32, 96  # of boxes, in pixels: all lie in a picture of 240 lines


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    rate, doubts = counting_rate(timeline, options)
    broken = sum(any(xml_text(text)[1] for text in _texts(s)) for s in timeline.segments)
    unnamed = sum(not s.label.strip() for s in timeline.segments)
    warnings = [*doubts, *short_warnings(num_short(timeline.segments, rate))]
    if unnamed:
        warnings.append(f"{num(unnamed, 'label')} empty: written as {UNLABELLED}")
    if broken:
        text = "with characters that XML does not have: written with U+FFFD in their place"
        warnings.append(f"{num(broken, 'segment')} {text}")
    return Written(content="".join(f"{line}\n" for line in _lines(timeline, rate)).encode(), warnings=tuple(warnings))


def _texts(segment: Segment) -> Iterator[str]:
    yield segment.label
    for name, value in segment.attributes.items():
        yield from (name, value)


def _lines(timeline: Timeline, rate: Fraction) -> Iterator[str]:
    num_frames = max(round(Fraction(timeline.duration_s) * rate), 1)
    film = _text(timeline.video_path.rpartition("/")[2])
    rows = {label: row for row, label in enumerate(dict.fromkeys(map(_label, timeline.labels)))}
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield "<annotations>"
    yield "  <version>1.1</version>"
    yield "  <meta>"
    yield "    <task>"
    yield f"      <name>{film}</name>"
    yield f"      <size>{num_frames}</size>"
    yield "      <mode>interpolation</mode>"
    yield "      <start_frame>0</start_frame>"
    yield f"      <stop_frame>{num_frames - 1}</stop_frame>"
    yield "      <frame_filter></frame_filter>"
    yield "      <labels>"
    for label in rows:
        yield f"        <label><name>{_text(label)}</name><type>rectangle</type><attributes></attributes></label>"
    yield "      </labels>"
    yield f"      <source>{film}</source>"
    yield f"      <fps>{rate}</fps>"
    yield "    </task>"
    yield "  </meta>"
    for number, s in enumerate(timeline.segments):
        label = _label(s.label)
        first, last = first_and_last(s, rate, timeline.duration_s)
        top = rows[label] % ROWS * (HEIGHT + 4)
        box = f'xtl="0.00" ytl="{top}.00" xbr="{WIDTH}.00" ybr="{top + HEIGHT}.00" z_order="0"'
        attributes = "".join(_attributes(s))
        yield f'  <track id="{number}" label={quoteattr(label)} source="file">'
        yield f'    <box frame="{first - 1}" keyframe="1" outside="0" occluded="0" {box}>{attributes}</box>'
        if last < num_frames:
            yield f'    <box frame="{last}" keyframe="1" outside="1" occluded="0" {box}>{attributes}</box>'
        elif last > first:  # there is no frame behind it
            yield f'    <box frame="{last - 1}" keyframe="1" outside="0" occluded="0" {box}>{attributes}</box>'
        yield "  </track>"
    yield "</annotations>"


def _label(label: str) -> str:
    return xml_text(label)[0] if label.strip() else UNLABELLED


def _attributes(segment: Segment) -> Iterator[str]:
    score = {} if segment.score is None else {SCORE: format(Decimal(repr(segment.score + 0.0)), "f")}
    for name, value in (score | dict(segment.attributes)).items():
        yield f"<attribute name={quoteattr(xml_text(name)[0])}>{_text(value)}</attribute>"


def _text(text: str) -> str:
    return escape(xml_text(text)[0], {"\r": "&#13;"})
