"""The two kinds of EDL: one track of cuts, and Resolve's markers, read back by us."""

import io
import re
from itertools import pairwise

import pycmx
import pytest
from edl_timelines import COUNTED, NTSC, read, segment, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import cmx3600, resolve_markers

BREAKS = "\n\r\v\f\x00\x1b\x85\u2028"
HALF_DAY_S = 12 * 3600

lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map(str.strip)
spans = st.lists(st.integers(0, HALF_DAY_S * 20), min_size=2, max_size=8, unique=True).map(sorted)


def back(module, text, **options):
    (after,) = read(module, text, **options).timelines
    return [(s.start_s, s.end_s, s.label) for s in after.segments]


def test_an_edl_is_what_editors_expect():
    text, warnings = written(
        cmx3600, segment(1.0, 2.5, "walk & run"), start="01:00:00:00", video_path="below/my film.mp4"
    )
    assert warnings == ()
    assert text == (
        "TITLE: my film.mp4\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  AX       V     C        01:00:01:00 01:00:02:12 01:00:01:00 01:00:02:12\n"
        "* FROM CLIP NAME: my film.mp4\n"
        "* LOC: 01:00:01:00 BLUE    walk & run\n"
        "* COMMENT: walk & run\n"
    )


def test_a_marker_edl_is_what_resolve_expects():
    text, warnings = written(resolve_markers, segment(1, 2.6), segment(2, 2, "b"), start="01:00:00;00", rate=NTSC)
    assert text == (
        "TITLE: film.mp4\n"
        "FCM: DROP FRAME\n"
        "\n"
        "001  001      V     C        01:00:01;00 01:00:01;01 01:00:01;00 01:00:01;01\n"
        " |C:ResolveColorBlue |M:a |D:48\n"
        "\n"
        "002  001      V     C        01:00:02;00 01:00:02;01 01:00:02;00 01:00:02;01\n"
        " |C:ResolveColorCyan |M:b |D:1\n"
        "\n"
    )
    assert warnings == ("1 segment shorter than a frame: written as a whole one",)


@given(st.sampled_from(COUNTED), spans, st.lists(lines, min_size=7, max_size=7))
def test_cuts_come_back_frame_by_frame(counted, frames, labels):
    rate, start = counted
    seconds = [frame * rate.denominator / rate.numerator for frame in frames]
    before = [segment(a, b, label) for a, b, label in zip(seconds, seconds[1:], labels, strict=False)]
    text, warnings = written(cmx3600, *before, rate=rate, start=start)
    assert all("24:00:00:00" in warning for warning in warnings)
    assert back(cmx3600, text, rate=rate, start=start) == [(s.start_s, s.end_s, s.label) for s in before]


@given(st.sampled_from(COUNTED), spans, st.data())
def test_markers_come_back_frame_by_frame(counted, frames, data):
    """Ends where it likes: markers overlap."""
    rate, start = counted
    before = []
    for frame in frames:
        end = frame + data.draw(st.integers(1, 10_000))
        label = data.draw(lines).replace("|", "")
        at = [n * rate.denominator / rate.numerator for n in (frame, end)]
        before.append(segment(*at, label.strip()))
    text, warnings = written(resolve_markers, *before, rate=rate, start=start)
    assert all("24:00:00:00" in warning for warning in warnings)
    assert back(resolve_markers, text, rate=rate, start=start) == [(s.start_s, s.end_s, s.label) for s in before]


@given(st.sampled_from(COUNTED), st.lists(st.floats(0, HALF_DAY_S), min_size=2, max_size=9, unique=True).map(sorted))
def test_times_off_the_frames_are_half_a_frame_away_at_most(counted, times):
    rate, start = counted
    before = [s for a, b in pairwise(times) if (s := segment(a, b)).duration_s > 1 / rate]
    text, _ = written(cmx3600, *before, rate=rate, start=start)
    after = back(cmx3600, text, rate=rate, start=start)
    assert len(after) == len(before)
    for s, (start_s, end_s, _) in zip(before, after, strict=True):
        assert max(abs(s.start_s - start_s), abs(s.end_s - end_s)) <= 0.5000001 / rate


@given(st.text(max_size=30), st.booleans())
def test_no_label_breaks_a_line_or_adds_an_event(label, cut):
    module = cmx3600 if cut else resolve_markers
    hostile = label + BREAKS + "002  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00"
    text, warnings = written(module, segment(1, 2, hostile))
    (found,) = back(module, text)
    assert found[:2] == (1.0, 2.0)
    assert found[2] == cmx3600.one_line(hostile).replace("|", "|" if cut else "/")
    assert len(text.splitlines()) == len(text.split("\n")) - 1
    assert any("line breaks" in warning for warning in warnings)
    assert len(list(pycmx.parse_cmx3600(io.StringIO(text)).events)) == 1


@pytest.mark.parametrize(
    ("label", "edl", "markers"),
    [
        ("two\nlines", "two lines", "two lines"),
        (" ends ", "ends", "ends"),
        ("a|b", "a|b", "a/b"),
        ("a\udcffb", "a\ufffdb", "a\ufffdb"),
        ("nul\0", "nul", "nul"),
        ("", "", ""),
        ("שלום 🎬", "שלום 🎬", "שלום 🎬"),
        ("x" * 1000, "x" * 1000, "x" * 1000),
        ("* COMMENT: no", "* COMMENT: no", "* COMMENT: no"),
        ("FROM CLIP NAME: no", "FROM CLIP NAME: no", "FROM CLIP NAME: no"),
    ],
)
def test_a_label_is_one_line(label, edl, markers):
    for module, told in ((cmx3600, edl), (resolve_markers, markers)):
        text, warnings = written(module, segment(1, 2, label))
        assert back(module, text) == [(1.0, 2.0, told)]
        assert bool(warnings) == (told != label)


def test_overlaps_are_cut_with_a_warning():
    text, warnings = written(cmx3600, segment(0, 4, "weak", 0.5), segment(1, 2, "strong", 0.9))
    assert back(cmx3600, text) == [(0, 1, "weak"), (1, 2, "strong"), (2, 4, "weak")]
    assert warnings == ("there is one track: 1 segment cut or left out where a stronger one holds",)


@pytest.mark.parametrize(
    ("segments", "after", "num_warnings"),
    [
        ([segment(1, 1)], [(1, 1.04)], 1),
        ([segment(1, 1.001), segment(1.001, 2)], [(1, 2)], 2),
        ([segment(0, 1), segment(1, 1.001), segment(1.6, 2)], [(0, 1), (1, 1.04), (1.6, 2)], 1),
        ([segment(1, 1.001), segment(1.002, 1.003), segment(1.004, 1.005)], [(1, 1.04)], 2),
        ([segment(-5, -4)], [(0, 0.04)], 1),
    ],
)
def test_an_event_lasts_a_frame_and_no_frame_is_two_events(segments, after, num_warnings):
    text, warnings = written(cmx3600, *segments)
    assert [found[:2] for found in back(cmx3600, text)] == after
    assert len(warnings) == num_warnings


def test_of_markers_at_one_frame_the_later_ones_are_moved_with_a_warning():
    text, warnings = written(resolve_markers, segment(0, 1, "a"), segment(0, 2, "b"), segment(0.04, 3, "c"))
    assert back(resolve_markers, text) == [(0, 1, "a"), (0.04, 2, "b"), (0.08, 3, "c")]
    (warning,) = warnings
    assert warning.startswith("2 segments beginning at a frame that has a marker")


def test_a_label_keeps_its_colour_and_colours_come_again_after_sixteen():
    text, _ = written(resolve_markers, *(segment(i, i + 1, f"label {i % 17}") for i in range(18)))
    colours = re.findall(r"\|C:ResolveColor(\w+)", text)
    assert colours[:16] == list(resolve_markers.COLOURS)
    assert len(set(resolve_markers.COLOURS)) == 16
    assert colours[16:] == ["Blue", "Blue"]


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_past_999_the_numbers_have_four_digits_and_a_warning(module):
    text, (warning,) = written(module, *(segment(i, i + 1) for i in range(1001)))
    assert "\n1001  " in text
    assert "999" in warning
    assert len(back(module, text)) == 1001
    events = list(pycmx.parse_cmx3600(io.StringIO(text)).events)
    assert [event.number for event in events] == list(range(1, 1002))


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_a_second_day_has_the_timecodes_of_the_first_and_a_warning(module):
    text, (warning,) = written(module, segment(86400, 86401))
    assert " 00:00:00:00 00:00:01:00 " in text or " 00:00:00:00 00:00:00:01 " in text
    assert warning == "1 segment up to or past 24:00:00:00, where timecode begins again at 00:00:00:00"


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_midnight_is_told_of_the_timecode_not_of_the_film(module):
    content = [segment(0, 4), segment(5, 15), segment(20, 30)]
    _, (warning,) = written(module, *content, start="23:59:50:00")
    assert warning.startswith("2 segments up to or past 24:00:00:00")
    assert written(module, *content, start="23:59:00:00")[1] == ()


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_what_is_before_the_start_timecode_is_before_the_film(module):
    text, _ = written(module, segment(0, 2), segment(3599, 3602), segment(3600, 3601, "b"), start="09:00:00:00")
    shifted = [(a - 3600, b - 3600) for a, b, _ in back(module, text, start="09:00:00:00")]
    assert shifted[0] == (-3600, -3598)
    assert [span[:2] for span in back(module, text, start="10:00:00:00")] == shifted


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
@pytest.mark.parametrize(("start", "hours"), [("10:00:00:00", "10"), ("01:30:00:00", "1.5"), ("00:59:59:00", None)])
def test_events_an_hour_in_are_told_where_no_start_is_given(module, start, hours):
    text, _ = written(module, segment(0, 2), segment(3, 4), start=start)
    result = read(module, text)
    told = (
        f"the first event is at {start} and no start timecode is given: it is taken as {hours} h into the film "
        "(--start-timecode)",
    )
    assert result.warnings == (() if hours is None else told)
    assert result.timelines[0].start_timecode is None
    assert read(module, text, start=start).warnings == ()


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_a_start_timecode_is_kept_as_the_file_counts(module):
    text, _ = written(module, segment(0, 2), start="01:00:00:00")
    result = read(module, text, start="01:00:00;00")
    assert result.timelines[0].start_timecode == "01:00:00:00"
    assert result.timelines[0].segments[0].start_s == 0
    assert [warning[:32] for warning in result.warnings] == ["the start timecode 01:00:00;00 i"]


@pytest.mark.parametrize("label", ["a |C: b", "|C:x |M:y", "a |C:ResolveColorBlue |M:b |D:1"])
def test_a_label_like_a_marker_does_not_make_cuts_markers(label):
    text, _ = written(cmx3600, segment(1, 2, label))
    assert cmx3600.claims(text, ".edl")
    assert not resolve_markers.claims(text, ".edl")
    assert back(cmx3600, text) == [(1, 2, label)]
    with pytest.raises(TimelineError, match="no marker lines"):
        read(resolve_markers, text)


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_an_empty_timeline_is_an_empty_edl(module):
    text, warnings = written(module)
    assert warnings == ()
    assert back(module, text) == []
