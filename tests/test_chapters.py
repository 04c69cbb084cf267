"""Timelines as chapters and labels: what is true of YouTube, ffmpeg, Matroska and Audacity alike."""

import contextlib

import pytest
from chapter_timelines import READING, again, any_label, film, overlapping, read, segment, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import audacity, ffmetadata, matroska, youtube
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options

MODULES = [youtube, ffmetadata, matroska, audacity]


@pytest.mark.parametrize("module", MODULES)
@given(overlapping(any_label, st.floats(0, 43_200)))
def test_whatever_is_written_can_be_read_and_then_stays(module, segments):
    content = module.write([film(*segments)], Options()).content.decode()
    options = ReadingOptions(duration_s=43_200.0)
    once = read(module, content, options)
    assert content == "" or module.claims(content[:4096], "")
    if module is not youtube:
        assert len(once.segments) == len(
            film(*segments).without_overlaps().segments if module is ffmetadata else segments
        )
    twice = module.write([once], Options())
    assert read(module, twice.content.decode(), options).segments == once.segments or twice.warnings


@pytest.mark.parametrize("module", MODULES)
def test_a_film_without_segments_is_a_list_without_chapters(module):
    assert again(module) == ()


@pytest.mark.parametrize("module", MODULES)
def test_times_before_the_film_are_its_start(module):
    assert again(module, segment(-5, 20))[0].start_s == 0.0


@pytest.mark.parametrize("module", MODULES)
def test_equal_timelines_give_equal_bytes(module):
    assert written(module, segment(30, 40), segment()) == written(module, segment(), segment(30, 40))


@pytest.mark.parametrize("module", MODULES)
@given(st.text(max_size=40) | st.text(";FMETADAT1[CHPR]=\\#\n0123456789:,.\t-/ ", max_size=60))
def test_any_text_is_read_or_a_timeline_error(module, content):
    for start in ("", ";FFMETADATA1\n[CHAPTER]\n", "<Chapters><EditionEntry>", "0:00 a\n", "1\t2\ta\n"):
        with contextlib.suppress(TimelineError):
            module.read((start + content).encode("utf-8", "replace"), "a", READING)


def test_each_claims_its_own():
    heads = {module: written(module, *[segment(i * 20, i * 20 + 20) for i in range(500)])[0] for module in MODULES}
    others = [
        *(
            "",
            "\n",
            "a\n",
            "{}",
            "0\t1\n25\t1\n",
            "Frame\tPhase\n0\tPreparation\n",
            "WEBVTT\n",
            "<ChaptersX/>",
            "<file/>",
        ),
        *("1\n00:00:01,000 --> 00:00:02,000\nx\n", "video\tstart_s\n", "0.0 1.0\n", "TITLE: x\n", "path/a.mp4 walk\n"),
    ]
    for module in MODULES:
        assert [other for other in MODULES if other.claims(heads[module][:4096], "")] == [module]
        assert not any(module.claims(head, ".txt") for head in others)
    assert youtube.claims("0:00 a\n1:02:03 - b", "")
    assert audacity.claims("0,5\t1,5\ta\n\\\t100\t200", "")
    assert matroska.claims('<?xml version="1.0"?>\n<!-- <!DOCTYPE Chapters SYSTEM "x.dtd"> -->\n<Chapters>', "")
    assert matroska.claims('\ufeff<?xml version="1.0"?>\n<!DOCTYPE Chapters SYSTEM "x.dtd">\n<Chapters>', "")


PROSE = "Subscribe!\n\n0:00 Intro\n1:30 Goal\n12:00 End\n\nLinks: https://example.org\n"


@pytest.mark.parametrize(
    ("head", "suffix", "claimed"),
    [
        (PROSE, ".txt", True),
        (PROSE, "", True),
        (PROSE * 1000, ".txt", True),
        (PROSE, ".md", False),
        (PROSE.replace("12:00 End", "the end"), ".txt", False),
        (PROSE.replace("0:00 Intro", "0:10 Intro"), ".txt", False),
        (PROSE.replace(" Intro", ""), ".txt", False),
    ],
)
def test_a_description_among_prose_is_told_by_a_list_that_youtube_would_take(head, suffix, claimed):
    assert youtube.claims(head, suffix) == claimed


def test_a_head_of_many_comments_is_told_in_no_time():
    assert not matroska.claims("<!---->" * 585, "")
