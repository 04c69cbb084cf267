"""Timelines for projects of editors, and what comes back of them."""

from fractions import Fraction

from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

NTSC_FILM, NTSC, NTSC_60 = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
COUNTED = [  # rate and start timecode
    (NTSC_FILM, "00:00:00:00"),
    (Fraction(25), "10:00:00:00"),
    (NTSC, "01:00:00:00"),
    (NTSC, "01:00:00;00"),
    (NTSC_60, "20:00:00;00"),
    (Fraction(100), "00:00:00:00"),
]


def timeline(*segments, rate=Fraction(25), **fields):
    known = {"video_identity": "", "video_path": "film.mp4", "duration_s": 1000.0, "span_s": (0.0, 1000.0)}
    return Timeline(**(known | {"segments": segments, "nominal_rate": rate} | fields))


def segment(start_s=1.0, end_s=2.0, label="a", score=None, **attributes):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score, attributes=attributes)


def written(module, *segments, start=None, **fields):
    result = module.write([timeline(*segments, **fields)], Options(start_timecode=start))
    return result.content, result.warnings


def read(module, content):
    content = content.encode() if isinstance(content, str) else content
    return module.read(content, "project", ReadingOptions())


def back(module, content):
    (after,) = read(module, content).timelines
    return after.segments


def spans(module, content):
    return [(s.start_s, s.end_s, s.label) for s in back(module, content)]
