"""Timelines as documents of ELAN, read back by us and by pympi."""

import pympi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from research_timelines import annotations_in, back, plain, segment, timeline  # noqa: F401  (fixtures among them)

from vtn_stream.formats import Options
from vtn_stream.formats.annotations import elan


def tiers_of(path):
    document = pympi.Eaf(str(path))
    return {
        name: [
            (start, end, value)
            for start, end, value in sorted(entry[:3] for entry in document.get_annotation_data_for_tier(name))
        ]
        for name in document.get_tier_names()
    }


attributes = st.sampled_from(["subject", "modifier", "comment", "team"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


@st.composite
def in_tiers(draw):
    found = []
    for tier in draw(st.lists(plain, unique=True, max_size=3)):
        num = draw(st.integers(1, 4))
        bounds = sorted(draw(st.sets(st.integers(0, 43_200_000), min_size=2 * num, max_size=2 * num)))
        for a, b in zip(bounds[::2], bounds[1::2], strict=True):
            others = draw(st.dictionaries(attributes, texts, max_size=2))
            found.append(segment(a / 1000, b / 1000, draw(plain), attributes={"tier": tier} | others))
    return timeline(*found)


def linked_of(path):
    """{tier: {(start, end): value}} of the tiers that are linked to another, as pympi reads them"""
    document = pympi.Eaf(str(path))
    return {
        name: {entry[:2]: entry[2] for entry in document.get_ref_annotation_data_for_tier(name)}
        for name in document.get_tier_names()
        if "PARENT_REF" in document.get_parameters_for_tier(name)
    }


@given(in_tiers())
def test_elan_gives_back_what_pympi_reads_as_well(tmp_path_factory, back, before):
    written = elan.write([before], Options())
    assert written.warnings == ()
    (after,) = back("elan", written.content, duration_s=43_200.0)
    assert after.segments == before.segments
    assert after.video_path == "film"
    path = tmp_path_factory.getbasetemp() / "pympi.eaf"
    path.write_bytes(written.content)
    by_tier = {}
    for s in before.segments:
        entry = (round(s.start_s * 1000), round(s.end_s * 1000), s.label)
        by_tier.setdefault(s.attributes["tier"], []).append(entry)
    written_tiers = {name: entries for name, entries in tiers_of(path).items() if name in by_tier or not by_tier}
    assert written_tiers == (by_tier or {"actions": []})


def test_attributes_are_tiers_below_their_own_and_a_common_subject_is_its_participant(tmp_path, back):
    hens = [segment(n, n + 1, "walk", attributes={"tier": "left", "subject": "hen"} | of) for n, of in enumerate(MORE)]
    hawk = segment(9, 10, "fly", attributes={"tier": "both", "subject": "hawk"})
    nobody = segment(11, 12, "rain", attributes={"tier": "both"})
    before = timeline(*hens, hawk, nobody)
    content = elan.write([before], Options()).content
    (after,) = back("elan", content)
    assert after.segments == before.segments
    (tmp_path / "x.eaf").write_bytes(content)
    assert linked_of(tmp_path / "x.eaf") == {
        "left@comment": {(1000, 2000): " two\nlines "},
        "left@modifier": {(0, 1000): "fast|far"},
        "both@subject": {(9000, 10_000): "hawk"},
    }
    document = pympi.Eaf(str(tmp_path / "x.eaf"))
    assert document.get_parameters_for_tier("left")["PARTICIPANT"] == "hen"
    assert document.get_parameters_for_linguistic_type("attribute")["CONSTRAINTS"] == "Symbolic_Association"
    root = etree.fromstring(content)
    ids = [a.get("ANNOTATION_ID") for a in root.iter("ALIGNABLE_ANNOTATION", "REF_ANNOTATION")]
    assert sorted(ids) == sorted({f"a{n}" for n in range(1, 9)})
    assert root.findtext("HEADER/PROPERTY") == "8"


MORE = ({"modifier": "fast|far"}, {"comment": " two\nlines "}, {})


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.integers(0, 9),
            st.sampled_from(["a", "a (2)", "actions"]),
            st.sampled_from(["", "a"]),
        ),
        max_size=12,
    )
)
def test_annotations_of_an_elan_tier_never_overlap_and_none_is_lost(given_spans):
    segments = [
        segment(start / 1000, (start + length) / 1000, label, attributes={"tier": tier} if tier else {})
        for start, length, label, tier in given_spans
    ]
    root = etree.fromstring(elan.write([timeline(*segments)], Options()).content)
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    assert list(slots) == [f"ts{n + 1}" for n in range(2 * len(segments))]
    names = [tier.get("TIER_ID") for tier in root.iter("TIER")]
    assert len(set(names)) == len(names)
    found = []
    for tier in root.iter("TIER"):
        last = 0
        for a in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = slots[a.get("TIME_SLOT_REF1")], slots[a.get("TIME_SLOT_REF2")]
            assert last <= start < end
            last = end
            found.append((start, end, a.findtext("ANNOTATION_VALUE")))
    assert sorted(found) == sorted((a, a + max(length, 1), label) for a, length, label, _ in given_spans)


@pytest.mark.parametrize(
    ("segments", "tiers"),
    [
        ([(0, 1, "a"), (1, 2, "b"), (3, 4, "a")], {"actions": "a b a"}),
        ([(0, 2, "a"), (1, 3, "b"), (3, 4, "a")], {"a": "a a", "b": "b"}),
        ([(0, 2, "a"), (1, 3, "a"), (3, 4, "b")], {"a": "a", "a (2)": "a", "b": "b"}),
    ],
)
def test_elan_has_one_tier_where_nothing_overlaps(tmp_path, segments, tiers):
    (tmp_path / "x.eaf").write_bytes(elan.write([timeline(*(segment(*s) for s in segments))], Options()).content)
    found = tiers_of(tmp_path / "x.eaf")
    assert {name: " ".join(value for *_, value in entries) for name, entries in found.items()} == tiers


def test_what_elan_cannot_hold_is_told():
    segments = [segment(1, 1), segment(2, 2.0002), segment(3, 4, ""), segment(4, 5, "a\0b")]
    written = elan.write([timeline(*segments)], Options())
    assert written.warnings == (
        "2 segments shorter than a millisecond, the least that an annotation has: written as one",
        "1 label empty, which means the tier's name: written as (no label)",
        "1 label with characters that XML does not have: written with U+FFFD in their place",
    )
    assert b"<ANNOTATION_VALUE>(no label)<" in written.content
    assert "<ANNOTATION_VALUE>a\ufffdb<".encode() in written.content


def test_elan_names_the_film_and_no_machine_person_or_day():
    root = etree.fromstring(elan.write([timeline(segment(), video_path="below/ü 1.mp4")], Options()).content)
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media.get("RELATIVE_MEDIA_URL") == media.get("MEDIA_URL") == "./below/%C3%BC%201.mp4"
    assert (root.get("AUTHOR"), root.get("DATE"), root.get("VERSION")) == ("", "1970-01-01T00:00:00+00:00", "3.0")
    assert root.find("HEADER").get("TIME_UNITS") == "milliseconds"
