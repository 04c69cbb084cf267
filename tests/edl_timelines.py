"""Timelines for the two kinds of EDL, and what comes back of them."""

from fractions import Fraction

from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)
COUNTED = [  # rate and start timecode
    (Fraction(24000, 1001), "00:00:00:00"),
    (Fraction(25), "10:00:00:00"),
    (NTSC, "01:00:00:00"),
    (NTSC, "01:00:00;00"),
    (NTSC, "20:00:00;00"),
    (NTSC_60, "23:59:59;59"),
    (Fraction(100), "00:00:00:00"),
]


def timeline(*segments, rate=Fraction(25), **fields):
    known = {"video_identity": "", "video_path": "film.mp4", "duration_s": 5e4, "span_s": (0.0, 5e4)}
    return Timeline(**(known | {"segments": segments, "nominal_rate": rate} | fields))


def segment(start_s, end_s, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def written(module, *segments, rate=Fraction(25), start=None, **fields):
    result = module.write([timeline(*segments, rate=rate, **fields)], Options(start_timecode=start))
    return result.content.decode("utf-8"), result.warnings


def read(module, text, rate=Fraction(25), start=None):
    return module.read(text.encode(), "list.edl", ReadingOptions(rate=rate, start_timecode=start))
