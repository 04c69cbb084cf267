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
        ("60000", None, "00:00:48:18", "1/60s"),  # 07: two frames of DV
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
        assert timeline.start_timecode == (start or "00:00:00:00")


def seconds(*frames, rate):
    return [(first / rate, end / rate, label) for first, end, label in frames]


ROWS = [  # file, how it is read, what is right, and what is told
    (
        "08-edl-frames/framenums.edl",
        ReadingOptions(rate=Fraction(24)),
        seconds((0, 60, "CLPQ"), (60, 90, "CLPR"), (90, 270, "CLPR"), rate=24),
        [],
    ),
    (
        "09-edl-marks/locs.edl",
        ReadingOptions(rate=Fraction(24)),
        seconds(
            (86400, 86602, "CAMA.MOV"),
            (86449, 86449, "FIRST MARK"),
            (86506, 86506, "SECOND MARK"),
            (86539, 86539, "THIRD MARK"),
            (86602, 86688, "CAMB.MOV"),
            (86617, 86617, "RED"),
            (86688, 86736, "CAMC.MOV"),
            (86713, 86713, "goal scored"),
            rate=24,
        ),
        ["(--start-timecode)"],
    ),
    ("10-disabled/disabled.otio", ReadingOptions(), [(2, 4, "b")], ["1 clip switched off, not read (a)"]),
    (
        "11-audition/offs.fcpxml",
        ReadingOptions(),
        [
            (start, start + 1001 / 30000, label)
            for start, label in [(5, "goal"), (19, "end of part"), (22, "a"), (34, "in gap")]
        ],
        ["1 alternative of an audition not picked", "1 marker outside what its clip shows", "3 clips not read"],
    ),
    (
        "12-clip-rate/pr_mixed.xml",
        ReadingOptions(),
        [(5, 6, "hit")],
        ["1 marker counted at the rate of a clip, where editors disagree (hit)"],
    ),
    (
        "13-spine-offset/ae.fcpxml",
        ReadingOptions(),
        [(0, 1300 / 2999, "A009_C11"), (1300 / 2999, 6300 / 2999, "A009_C11")],
        ["the first clip is 75761.3 s from the beginning of its sequence"],
    ),
    (
        "19-edl-midnight/wrap24.edl",
        ReadingOptions(rate=Fraction(25)),
        [(86390, 86398, "AX"), (86398, 86404, "AX"), (86404, 86410, "AX")],
        ["the first event is at 23:59:50:00 and no start timecode is given"],
    ),
    (
        "19-edl-midnight/wrap24.edl",
        ReadingOptions(rate=Fraction(25), start_timecode="23:59:50:00"),
        [(0, 8, "AX"), (8, 14, "AX"), (14, 20, "AX")],
        [],
    ),
    ("21-edl-nonl/nofinalnewline.edl", ReadingOptions(rate=Fraction(25)), [(0, 1, "AX")], []),
    ("24-otio-audio/av.otio", ReadingOptions(), [(0, 2, "a"), (2, 4, "b")], ["4 clips of audio tracks not read"]),
]


@pytest.mark.parametrize(("file", "options", "right", "told"), ROWS)
def test_a_reported_file_is_read_right_or_its_trouble_is_told(reported, file, options, right, told):
    result = read_any(reported / file, options)
    (timeline,) = result.timelines
    assert [(s.start_s, s.end_s, s.label) for s in timeline.segments] == [
        (pytest.approx(start), pytest.approx(end), label) for start, end, label in right
    ]
    assert len(result.warnings) == len(told)
    assert all(part in warning for part, warning in zip(told, result.warnings, strict=True))
