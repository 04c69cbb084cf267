"""A recording in several files, and what happens in it."""

from fractions import Fraction

from vtn_stream.timeline import Part, Segment, Timeline

__all__ = ["PARTS", "RATE", "part", "recording", "segment"]

RATE = Fraction(25)


def part(name, start_s, duration_s, **given):
    defaults = {"video_identity": f"xxh3:{name}", "nominal_rate": RATE}
    return Part(video_path=name, start_s=start_s, duration_s=duration_s, **(defaults | given))


# 60 s and 30 s without a pause; then nobody filmed for 10 s; then 60 s.
PARTS = (
    part("one.mp4", 0, 60, start_timecode="10:00:00:00"),
    part("two.mp4", 60, 30, start_timecode="10:01:00:00"),
    part("three.mp4", 100, 60),
)


def segment(start_s, end_s, label, **given):
    return Segment(start_s=start_s, end_s=end_s, label=label, **given)


MATCH = (
    segment(1, 2, "run", score=0.75),
    segment(50, 70, "fall", score=0.5),  # through the first join
    segment(62, 62, "whistle"),
    segment(110, 112, "run", score=0.25),
)


def recording(*segments, **given):
    defaults = {
        "video_identity": "xxh3:all",
        "video_path": "match",
        "duration_s": 160,
        "span_s": (0, 160),
        "nominal_rate": RATE,
        "start_timecode": "10:00:00:00",
        "parts": PARTS,
    }
    return Timeline(segments=segments or MATCH, **(defaults | given))
