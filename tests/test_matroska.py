"""Timelines as chapters of Matroska, read back by us and by lxml."""

import re
from fractions import Fraction

import pytest
from chapter_timelines import any_label, clean, film, overlapping, read, segment, unscored, written
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from vtn_stream.errors import TimelineError
from vtn_stream.formats import matroska
from vtn_stream.formats.reading import ReadingOptions


@given(overlapping(clean | st.text("\r\n\t<>&']", max_size=5)))
def test_chapters_come_back_from_matroska(segments):
    content, warnings = written(matroska, *segments)
    assert warnings == []
    assert read(matroska, content).segments == film(*unscored(segments)).segments


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


def atom(name, start, inside=""):
    return (
        f"<ChapterAtom><ChapterTimeStart>00:00:{start:02d}</ChapterTimeStart>"
        f"<ChapterTimeEnd>00:00:{start + 1:02d}</ChapterTimeEnd>"
        f"<ChapterDisplay><ChapterString>{name}</ChapterString></ChapterDisplay>{inside}</ChapterAtom>"
    )


@pytest.mark.parametrize(
    "flag", ["<ChapterFlagEnabled> 0 </ChapterFlagEnabled>", "<ChapterFlagHidden>1</ChapterFlagHidden>"]
)
def test_chapters_that_are_switched_off_or_hidden_are_not_read_nor_what_is_in_them(flag):
    chapters = (
        atom("a", 1, "<ChapterFlagEnabled>1</ChapterFlagEnabled>") + atom("b", 2, flag + atom("c", 2)) + atom("d", 3)
    )
    content = f"<Chapters><EditionEntry>{chapters}</EditionEntry></Chapters>"
    result = matroska.read(content.encode(), "a.xml", ReadingOptions())
    assert [s.label for s in result.timelines[0].segments] == ["a", "d"]
    assert result.warnings == ("2 chapters switched off or hidden, not read (b and c)",)
    hidden = content.replace("<EditionEntry>", "<EditionEntry><EditionFlagHidden>1</EditionFlagHidden>")
    assert matroska.read(hidden.encode(), "a.xml", ReadingOptions()).timelines[0].segments == ()


def test_chapters_in_chapters_are_read_however_deep():
    content = "<Chapters><EditionEntry>" + "<ChapterAtom>" * 20_000 + "</ChapterAtom>" * 20_000
    result = matroska.read(f"{content}</EditionEntry></Chapters>".encode(), "a.xml", ReadingOptions())
    assert len(result.timelines[0].segments) == 20_000
