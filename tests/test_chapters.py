"""Timelines as chapters and labels: YouTube, ffmpeg, Matroska, Audacity. Read back by us, by libavformat and lxml."""

import contextlib
import io
import re
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from vtn_stream.errors import TimelineError
from vtn_stream.formats import audacity, ffmetadata, matroska, youtube
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

MODULES = [youtube, ffmetadata, matroska, audacity]
READING = ReadingOptions()


def segment(start_s=0.0, end_s=20.0, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def film(*segments, duration_s=43_200.0, identity="c0ffee"):
    return Timeline(
        video_identity=identity,
        video_path="film.mp4",
        duration_s=duration_s,
        span_s=(0.0, duration_s),
        segments=segments,
    )


def written(module, *segments, **fields):
    content, warnings = (w := module.write([film(*segments, **fields)], Options())).content.decode(), w.warnings
    return content, list(warnings)


def read(module, content, options=READING):
    (timeline,) = module.read(content.encode(), "film.txt", options).timelines
    return timeline


def again(module, *segments, options=READING, **fields):
    return read(module, written(module, *segments, **fields)[0], options).segments


any_label = (
    st.text(max_size=8)
    | st.text("\\=;#\n\r[]<>&-:\t ", max_size=6)
    | st.sampled_from(
        ["", "a\\", "\\\n", "[CHAPTER]\nSTART=1", "]]>", "&amp;", "0:00 a", "-", "\0", "\udcff", "x" * 1000]
    )
    | st.sampled_from(["🎬 \u202eabc", "\u2028", "\x85", "\ufffe"])
)
clean = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Zl", "Zp"]), max_size=8)
milliseconds = st.integers(0, 43_200_000).map(lambda ms: ms / 1000)


def overlapping(labels, instants=milliseconds):
    spans = st.builds(
        lambda times, label, score: segment(*sorted(times), label, score),
        st.tuples(instants, instants),
        labels,
        st.none() | st.floats(0, 1),
    )
    return st.lists(spans, max_size=6)


def in_a_row(labels):
    """Segments one after another, some of which touch, some of which last no time."""
    return st.lists(st.tuples(labels, st.integers(0, 3), st.integers(0, 5_000)), max_size=6).map(
        lambda content: [
            segment((i * 5_000 + late) / 1000, (i * 5_000 + max(late, length)) / 1000, label)
            for i, (label, late, length) in enumerate(content)
        ]
    )


def unscored(segments):
    return tuple(segment(s.start_s, s.end_s, s.label) for s in segments)


# ---- all


@pytest.mark.parametrize("module", MODULES)
@settings(deadline=None, max_examples=50)
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
@settings(deadline=None, max_examples=50)
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


# ---- YouTube


def valid(content):
    """The rules of YouTube for a list of chapters."""
    starts = []
    for line in content.splitlines():
        time, _, title = line.partition(" ")
        hours, minutes, seconds = ("0:" * (2 - time.count(":")) + time).split(":")
        starts.append((int(hours) * 60 + int(minutes)) * 60 + int(seconds))
        assert title.strip()
        assert not set("<>") & set(title)
    assert all(b - a >= 10 for a, b in pairwise([*starts, 43_200]))
    return starts[:1] == [0] and len(starts) >= 3


@settings(deadline=None, max_examples=100)
@given(overlapping(any_label, st.floats(0, 43_200)) | in_a_row(any_label) | in_a_row(any_label).map(lambda s: s[1:]))
def test_a_list_is_valid_or_a_warning_says_that_it_will_be_ignored(segments):
    content, warnings = written(youtube, *segments)
    assert valid(content) == (not any("YouTube will ignore" in warning for warning in warnings))


words = st.text("ab<é🎬", min_size=1).map(lambda word: word.replace("<", "c"))
whole = st.lists(st.tuples(st.integers(10, 4000), st.lists(words, max_size=3).map(" ".join)), min_size=3, max_size=9)


@settings(deadline=None, max_examples=50)
@given(whole)
def test_chapters_that_cover_a_film_come_back_from_youtube(content):
    segments, end = [], 0
    for length, label in content:
        segments.append(segment(end, end := end + length, label))
    assert written(youtube, *segments, duration_s=end)[1] == []
    assert again(youtube, *segments, duration_s=end, options=ReadingOptions(duration_s=end)) == tuple(segments)


def listed(*segments, duration_s=43_200.0):
    content, warnings = written(youtube, *segments, duration_s=duration_s)
    return content.splitlines(), [w for w in warnings if "YouTube will ignore" not in w]


def test_an_event_is_a_chapter_until_the_next():
    lines, warnings = listed(segment(0, 5, "kick-off"), segment(600.9, 605, "goal"), segment(3661, 3662, "goal"))
    assert lines == ["0:00 kick-off", "10:00 goal", "1:01:01 goal"]
    assert warnings == []


def test_before_a_late_first_chapter_stands_another():
    lines, (warning,) = listed(segment(10, 20, "a"), segment(50, 60, "b"))
    assert lines == ["0:00 Start", "0:10 a", "0:50 b"]
    assert warning == "1 chapter named Start put before the first: a list must begin at 0:00"


def test_an_early_first_chapter_begins_with_the_film():
    lines, (warning,) = listed(segment(9.9, 20, "a"), segment(20, 60, "b"), segment(70, 90, "c"))
    assert lines[0] == "0:00 a"
    assert warning.startswith("1 chapter moved to 0:00")


def test_short_chapters_are_joined_and_the_longest_names_them():
    lines, warnings = listed(
        segment(0, 60, "a"), segment(60, 63, "b"), segment(63, 120, "c"), segment(120, 121, "d"), segment(122, 123, "e")
    )
    assert lines == ["0:00 a", "1:00 c", "2:00 d"]
    assert warnings == ["2 chapters joined with a neighbour: one must last 10 s"]
    assert listed(segment(0, 60, "a"), segment(60, 65, "b"), duration_s=65)[0] == ["0:00 a"]


def test_of_overlapping_segments_the_strongest_is_the_chapter():
    lines, (warning,) = listed(segment(0, 90, "a", 0.5), segment(30, 60, "b", 0.9), segment(30, 60, "c", 0.1))
    assert lines == ["0:00 a", "0:30 b", "1:00 a"]
    assert warning.startswith("2 segments under stronger ones")


@pytest.mark.parametrize(
    ("label", "title", "warning"),
    [
        (" two\r\nlines\tof  it ", "two lines of it", "1 label with line breaks, tabs or spare spaces"),
        ("a <b> -->", "a ‹b› --›", "1 label with < or >, which YouTube does not allow"),
        ("a\0\udcff", "a\ufffd\ufffd", "1 label with controls or broken characters"),
        ("", "-", None),
        ("a & b: 1:23", "a & b: 1:23", None),
    ],
)
def test_a_title_is_one_line_without_angles(label, title, warning):
    lines, warnings = listed(segment(0, 30, label))
    assert lines == [f"0:00 {title}"]
    assert [w[: len(warning or "")] for w in warnings] == ([] if warning is None else [warning])


def test_a_list_too_short_and_one_too_long_are_written_with_a_warning():
    assert written(youtube, segment(0, 30))[1] == ["1 chapter, fewer than 3: YouTube will ignore the list"]
    content, (warning,) = written(youtube, *[segment(i * 10, i * 10 + 10, "x" * 100) for i in range(100)])
    assert len(content.splitlines()) == 100
    assert warning.startswith(f"{len(content)} characters, but a description holds 5000")


def test_a_description_of_a_person_is_read():
    content = (
        "\ufeffMy film!\r\n\r\n00:00 Intro\r\n(1:30) - Goal - the first\r\n01:02:03 – End\r\n[75:00]\r\n0:45 <i>\r\n"
    )
    result = youtube.read(content.encode(), "film.txt", ReadingOptions(duration_s=5000.0))
    assert [(s.start_s, s.end_s, s.label) for s in result.timelines[0].segments] == [
        (0, 45, "Intro"),
        (45, 90, "<i>"),
        (90, 3723, "Goal - the first"),
        (3723, 4500, "End"),
        (4500, 5000, ""),
    ]
    assert result.warnings == ("1 line without a time at the start: passed over",)
    assert read(youtube, "0:00 a\n1:00 b\n").segments == (segment(0, 60, "a"), segment(60, 60, "b"))
    with pytest.raises(TimelineError, match="no line begins with a time"):
        read(youtube, "My film!\n")


# ---- ffmpeg


def chapters(content):
    """As libavformat reads them."""
    with av.open(io.BytesIO(content.encode()), format="ffmetadata") as container:
        return [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
            for c in container.chapters()
        ]


@settings(deadline=None, max_examples=50)
@given(
    in_a_row(clean | st.text("\\=;#\n[]a", max_size=6)).filter(lambda all: not any(s.label.endswith("\\") for s in all))
)
def test_chapters_come_back_from_ffmetadata(segments):
    content, warnings = written(ffmetadata, *segments)
    assert warnings == []
    assert read(ffmetadata, content).segments == film(*segments).segments


@settings(deadline=None, max_examples=100)
@given(overlapping(any_label))
def test_libavformat_reads_the_chapters_that_we_read(segments):
    content, _ = written(ffmetadata, *segments)
    assert [(float(start), float(end), title) for start, end, title in chapters(content)] == [
        (s.start_s, s.end_s, s.label) for s in read(ffmetadata, content).segments
    ]


def test_ffmetadata_is_written_so():
    content, warnings = written(ffmetadata, segment(1, 36_000.0004, "a=b;c#d\\e\nf"), segment(36_000.0004, 36_001))
    assert content == (
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=36000000\ntitle=a\\=b\\;c\\#d\\\\e\\\nf\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=36000000\nEND=36001000\ntitle=a\n"
    )
    assert warnings == []


@pytest.mark.parametrize(
    ("label", "back", "warning"),
    [
        ("a\r\nb\rc", "a\nb\nc", "1 label with carriage returns"),
        ("a\\", "a\\ ", "1 label with a backslash at the end, which ffmpeg misreads"),
        ("\0a", "\ufffda", "1 label with controls or broken characters"),
    ],
)
def test_what_ffmetadata_cannot_hold_is_replaced_and_told(label, back, warning):
    content, warnings = written(ffmetadata, segment(0, 1, label), segment(1, 2, "next"))
    assert [w[: len(warning)] for w in warnings] == [warning]
    assert chapters(content) == [(0, 1, back), (1, 2, "next")]


def test_of_overlapping_chapters_the_strongest_stays():
    content, warnings = written(ffmetadata, segment(0, 9, "a", 0.1), segment(3, 4, "b", 0.9), segment(5, 5, "c"))
    assert chapters(content) == [(0, 3, "a"), (3, 4, "b"), (4, 9, "a")]
    assert warnings == ["2 segments under stronger ones: cut or left out, since chapters cannot overlap"]


def test_ffmetadata_of_ffmpeg_is_read():
    content = (
        ";FFMETADATA1\r\ntitle=bike\\\\shed\r\n;this is a comment\r\nartist=x\\\r\ny\r\n\r\n[STREAM]\r\ntitle=no\r\n"
        "[CHAPTER]\r\nTIMEBASE=1001/30000\r\nSTART=30\r\nEND=60\r\ntitle=chapter \\#1\r\nlanguage=eng\r\n"
        "[CHAPTER]\r\nSTART=3000000000\r\n# no end\r\ntitle=b\r\n[CHAPTER]\r\nTIMEBASE=1/1\r\nSTART=5\r\n"
    )
    assert read(ffmetadata, content, ReadingOptions(duration_s=9.0)).segments == (
        segment(1.001, 2.002, "chapter #1"),
        segment(3, 5, "b"),
        segment(5, 9, ""),
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: it does not begin with ;FFMETADATA1"),
        (";FFMETADATA1\n[CHAPTER]\ntitle=a\n", "a chapter has no START"),
        (";FFMETADATA1\n[CHAPTER]\nSTART=1.5\n", "a chapter has no START"),
        (";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/0\nSTART=1\n", "a chapter has no START"),
        (";FFMETADATA1\n[CHAPTER]\nSTART=2\nEND=1\n", "chapter 1 ends before it begins"),
        (";FFMETADATA1\n[CHAPTER]\nSTART=2\nEND=" + "9" * 5000, "a chapter has no END"),
    ],
)
def test_damaged_ffmetadata_is_refused(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(ffmetadata, content)


def test_a_line_that_never_ends_is_read_in_no_time():
    assert read(ffmetadata, ";FFMETADATA1\n" + "a" * 1_000_000 + "\\").segments == ()


# ---- Matroska


@settings(deadline=None, max_examples=50)
@given(overlapping(clean | st.text("\r\n\t<>&']", max_size=5)))
def test_chapters_come_back_from_matroska(segments):
    content, warnings = written(matroska, *segments)
    assert warnings == []
    assert read(matroska, content).segments == film(*unscored(segments)).segments


@settings(deadline=None, max_examples=50)
@given(overlapping(any_label, st.integers(0, 10**13).map(lambda ns: ns / 10**9)))
def test_lxml_reads_our_chapters(segments):
    content, _ = written(matroska, *segments)
    root = etree.fromstring(content.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    assert root.tag == "Chapters"
    assert len(root.findall("EditionEntry")) == (1 if segments else 0)
    atoms = root.findall("EditionEntry/ChapterAtom")
    uids = [int(atom.findtext("ChapterUID")) for atom in atoms]
    assert len(set(uids)) == len(uids)
    assert all(0 < uid < 2**63 for uid in uids)
    found = []
    for atom in atoms:
        times = [atom.findtext(tag) for tag in ("ChapterTimeStart", "ChapterTimeEnd")]
        assert all(re.fullmatch(r"\d\d+:[0-5]\d:[0-5]\d\.\d{9}", time) for time in times)
        start_s, end_s = (_seconds(time) for time in times)
        (display,) = atom.findall("ChapterDisplay")
        assert [(e.tag, e.text) for e in display[1:]] == [("ChapterLanguage", "und"), ("ChapLanguageIETF", "und")]
        found.append((start_s, end_s, display[0].text or ""))
    assert sorted(found) == sorted((s.start_s, s.end_s, s.label) for s in read(matroska, content).segments)
    assert [start_s for start_s, _, _ in found] == [s.start_s for s in film(*segments).segments]


def _seconds(time):
    hours, minutes, seconds = time.split(":")
    return float(Fraction(seconds) + 60 * int(minutes) + 3600 * int(hours))


def test_characters_that_xml_does_not_have_are_told():
    content, warnings = written(matroska, segment(label="a\0\udcff\ufffe"), segment(label="b"))
    assert warnings == ["1 label with characters that XML does not have: these are written as U+FFFD"]
    assert [s.label for s in read(matroska, content).segments] == ["a\ufffd\ufffd\ufffd", "b"]


def test_films_have_chapters_of_other_numbers():
    one, other = (written(matroska, segment(), identity=identity)[0] for identity in ("c0ffee", "decade"))
    assert one != other


def test_chapters_of_other_programs_are_read():
    content = """<?xml version="1.0"?>
        <!DOCTYPE Chapters SYSTEM "matroskachapters.dtd">
        <Chapters><EditionEntry><EditionUID>7</EditionUID>
          <ChapterAtom><ChapterTimeStart>00:00:01.5</ChapterTimeStart>
            <ChapterDisplay><ChapterString>eins</ChapterString><ChapterLanguage>ger</ChapterLanguage></ChapterDisplay>
            <ChapterDisplay><ChapterString>one</ChapterString><ChapterLanguage>eng</ChapterLanguage></ChapterDisplay>
            <ChapterAtom><ChapterTimeStart>00:00:02</ChapterTimeStart><ChapterTimeEnd>00:00:03</ChapterTimeEnd></ChapterAtom>
          </ChapterAtom>
          <ChapterAtom><ChapterTimeStart>100:00:00.000000001</ChapterTimeStart></ChapterAtom>
        </EditionEntry><EditionEntry/></Chapters>"""
    result = matroska.read(content.encode(), "a.xml", ReadingOptions(duration_s=400_000.0))
    assert result.timelines[0].segments == (
        segment(1.5, 360_000.000000001, "eins"),
        segment(2, 3, ""),
        segment(360_000.000000001, 400_000, ""),
    )
    assert result.warnings == ("2 editions in the file: the first is read",)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "damaged XML"),
        ("<Chapters>", "damaged XML"),
        ("<Tags/>", "its root is not Chapters"),
        ('<!DOCTYPE Chapters [<!ENTITY a "b">]><Chapters>&a;</Chapters>', "XML with entities"),
        (
            "<Chapters><EditionEntry><ChapterAtom><ChapterTimeStart>soon</ChapterTimeStart></ChapterAtom></EditionEntry></Chapters>",
            "ChapterTimeStart is not HH:MM:SS.nnnnnnnnn",
        ),
        (
            "<Chapters><EditionEntry><ChapterAtom><ChapterTimeStart>0:0:2</ChapterTimeStart>"
            "<ChapterTimeEnd>0:0:1</ChapterTimeEnd></ChapterAtom></EditionEntry></Chapters>",
            "chapter 1 ends before it begins",
        ),
    ],
)
def test_damaged_matroska_chapters_are_refused(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(matroska, content)


# ---- Audacity


@settings(deadline=None, max_examples=50)
@given(overlapping(clean, st.integers(0, 43_200_000_000).map(lambda us: us / 10**6)))
def test_labels_come_back_from_audacity(segments):
    content, warnings = written(audacity, *segments)
    assert warnings == []
    assert read(audacity, content).segments == film(*unscored(segments)).segments


def test_audacity_is_written_so():
    content, warnings = written(
        audacity, segment(1 / 3, 36_000, "a b"), segment(2, 2, ""), segment(3, 4, "a\tb\r\nc\u2028d")
    )
    assert content == "0.333333\t36000.000000\ta b\n2.000000\t2.000000\t\n3.000000\t4.000000\ta b c d\n"
    assert warnings == ["1 label with tabs or line breaks, which end a label: these are written as spaces"]


def test_labels_of_other_programs_are_read():
    content = "\ufeff0,5\t1,5\ta\tb\r\n\\\t100.0\t2000.0\r\n2\t2\t\r\n"
    assert read(audacity, content).segments == (segment(0.5, 1.5, "a\tb"), segment(2, 2, ""))


def test_labels_whose_trailing_tab_was_taken_away_are_read():
    content = "0.500000\t1.500000\n2.000000\t3.000000\ta\n"
    assert audacity.claims(content, ".txt")
    assert audacity.claims("0,500000\t1,500000", ".txt")
    assert not audacity.claims("0.5\t1.5\n", ".txt")  # any table of two numbers
    assert read(audacity, content).segments == (segment(0.5, 1.5, ""), segment(2, 3, "a"))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("0\t1\ta\nb\n", "line 2: it is no start, tab, end, tab and label"),
        ("0\tnan\ta\n", "line 1: it is no start"),
        ("2\t1\ta\n", "line 1: it ends before it starts"),
    ],
)
def test_damaged_labels_are_refused_with_their_line(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(audacity, content)
