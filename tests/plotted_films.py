"""A film whose timeline is plotted, and what a picture of it says."""

import xml.etree.ElementTree as ElementTree

from vtn_stream.timeline import Segment, Timeline

SVG = "{http://www.w3.org/2000/svg}"


def seg(start_s, end_s, label, score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def film(*segments, name="film.mp4", duration_s=100.0, **fields):
    fields = {"span_s": (0.0, duration_s)} | fields
    return Timeline(video_identity="f", video_path=name, duration_s=duration_s, segments=segments, **fields)


WALKS = film(seg(0, 40, "walk"), seg(40, 60, "sit"), seg(70, 90, "walk"))


def words(svg):
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
