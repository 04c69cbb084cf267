"""Editors' files, and rates of films, that were read or counted wrongly: a table of inputs and what is right."""

from fractions import Fraction

import pytest

from vtn_stream.exchange import convert, export
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.timeline import Segment, Timeline


@pytest.fixture(scope="module")
def reported(data):
    return data / "reported"


def stored(folder, rate, start=None, *, duration_s=60.0):
    """A timeline as an earlier version may have stored it, with an action from 48.3 s to 50 s."""
    film = Timeline(
        video_identity="",
        video_path="film.mov",
        duration_s=duration_s,
        span_s=(0.0, duration_s),
        nominal_rate=Fraction(rate),
        start_timecode=start,
        segments=(Segment(start_s=48.3, end_s=50.0, label="a"),),
    )
    path = folder / "film.timeline.json"
    path.write_bytes(timeline_json.dumps(film))
    return path


def test_long_film_at_12_5_frames_a_second(reported, tmp_path):
    made = convert(reported / "05-rate-12.5" / "long.csv", tmp_path / "o.edl", options=Options(rate=Fraction(25, 2)))
    assert "01:30:00:00 24:00:00:12" not in (text := (tmp_path / "o.edl").read_text())
    assert " 00:00:00:00 01:30:00:00 " in text
    assert " 01:30:00:00 00:00:00:12 " in text
    assert any("12.5 frames a second: they are counted at 25" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    ("rate", "start", "at", "frame"),
    [
        ("1/10", None, "00:00:48:07", "1/24s"),  # 04: a screen recording, a frame each 10 s
        ("2700000/89923", "01:00:00;00", "01:00:48;08", "1001/30000s"),  # 06: the mean of a second
        ("60000", None, "00:00:48:036", "1/120s"),  # 07: two frames of DV
    ],
)
def test_stored_timelines_at_rates_that_timecode_does_not_have(tmp_path, rate, start, at, frame):
    made = export(stored(tmp_path, rate, start), ["edl", "resolve", "fcpxml", "xmeml", "otio"])
    assert sum("frames a second" in warning for warning in made.warnings) == 1
    assert f" {at} " in (tmp_path / "film.timeline.edl").read_text()
    assert f" {at} " in (tmp_path / "film.timeline.markers.edl").read_text()
    assert f'frameDuration="{frame}"' in (tmp_path / "film.timeline.fcpxml").read_text()
    for name in ("fcpxml", "xmeml", "otio"):
        (timeline,) = read_any(tmp_path / f"film.timeline{FORMATS[name].suffix}", ReadingOptions()).timelines
        assert timeline.segments[0].start_s == pytest.approx(48.3, abs=0.021)
        assert timeline.start_timecode == (start or ("00:00:00:000" if rate == "60000" else "00:00:00:00"))
