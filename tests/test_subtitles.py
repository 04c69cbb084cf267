"""Timelines as subtitles: what is true of WebVTT and SubRip alike."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_timelines import READING, again, any_label, film, in_cue, plain_block, read, segment, segments_of, text

from vtn_stream.errors import TimelineError
from vtn_stream.formats import srt, webvtt
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options

MODULES = [webvtt, srt]


@given(segments_of(in_cue))
def test_segments_come_back_from_webvtt(segments):
    written = webvtt.write([film(*segments)], Options())
    assert written.warnings == ()
    assert read(webvtt, written.content.decode()).segments == segments


@given(segments_of(plain_block))
def test_segments_come_back_from_subrip(segments):
    written = srt.write([film(*segments)], Options())
    assert written.warnings == ()
    assert read(srt, written.content.decode()).segments == segments


@pytest.mark.parametrize("module", MODULES)
@given(segments_of(any_label))
def test_no_label_adds_a_cue_or_takes_one(module, segments):
    def times(segments):
        return sorted((s.start_s, s.end_s) for s in segments)

    assert times(again(module, *segments)) == times(segments)


@pytest.mark.parametrize("module", MODULES)
@given(any_label)
def test_a_label_that_is_changed_is_told_and_then_stays(module, label):
    written = module.write([film(segment(label=label))], Options())
    ((back,),) = [read(module, written.content.decode()).segments]
    if back.label != label:
        assert written.warnings
    rewritten = module.write([film(back)], Options())
    if rewritten.warnings == ():
        assert read(module, rewritten.content.decode()).segments == (back,)


@pytest.mark.parametrize("module", MODULES)
def test_overlapping_segments_become_simultaneous_cues(module):
    segments = (segment(1, 9, "long"), segment(2, 3, "short"), segment(2, 3, "too"))
    assert again(module, *segments) == segments


@pytest.mark.parametrize("module", MODULES)
def test_an_instant_lasts_a_millisecond_and_that_is_told(module):
    written = module.write([film(segment(5, 5), segment(6, 6.0002), segment(7, 7.001))], Options())
    (warning,) = written.warnings
    assert warning.startswith("2 segments shorter than 1 ms")
    times = [(s.start_s, s.end_s) for s in read(module, written.content.decode()).segments]
    assert times == [(5, 5.001), (6, 6.001), (7, 7.001)]


@pytest.mark.parametrize("module", MODULES)
def test_segments_that_touch_still_touch(module):
    segments = again(module, segment(1, 4 / 3), segment(4 / 3, 5 / 3), segment(5 / 3, 2))
    assert [s.end_s for s in segments[:-1]] == [s.start_s for s in segments[1:]]


@pytest.mark.parametrize("module", MODULES)
def test_times_before_the_film_are_its_start(module):
    assert [(s.start_s, s.end_s) for s in again(module, segment(-2, 1), segment(-2, -1))] == [(0, 0.001), (0, 1)]


@pytest.mark.parametrize("module", MODULES)
def test_the_film_ends_where_the_user_says_else_with_the_last_cue(module):
    content = text(module, segment(1, 9), segment(2, 3))
    assert read(module, content).duration_s == 9.0
    assert read(module, content, ReadingOptions(duration_s=60.0)).duration_s == 60.0


@pytest.mark.parametrize("module", MODULES)
def test_a_film_without_segments_is_a_file_without_cues(module):
    assert again(module) == ()


@pytest.mark.parametrize("module", MODULES)
@given(st.text("WEBVT0123456789:.,-> \n<&;", max_size=60) | st.binary(max_size=30).map(lambda b: b.decode("latin-1")))
def test_any_text_is_read_or_a_timeline_error(module, content):
    for start in ("", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n"):
        with contextlib.suppress(TimelineError):
            module.read((start + content).encode("latin-1"), "a", READING)


def test_each_claims_its_own():
    heads = {module: text(module, segment()) for module in MODULES}
    for module in MODULES:
        assert [other for other in MODULES if other.claims(heads[module], "")] == [module]
        for head in ("", "1\n2\n", "0\t1\n25\t1\n", "0:00 Intro\n", "WEBVTTX\n", "{}"):
            assert not module.claims(head, ".vtt")
    assert srt.claims("\n\n12 \n00:00:01.000 --> 00:00:02.000 X1:4\n", "")
    assert webvtt.claims("WEBVTT - a title", "")
