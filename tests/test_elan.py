"""ELAN's documents as annotations: tiers, times, slots without a time."""

import pympi
import pytest
from annotation_reading import drawn, problems, read, unaligned  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import read_annotations


def elan(path, *tiers, media=None, **origin):
    document = pympi.Eaf()
    document.remove_tier("default")
    if media:
        document.add_linked_file(media, relpath=media, mimetype="video/mp4", **origin)
    for name, annotations in tiers:
        document.add_tier(name)
        for start, end, value in annotations:
            document.add_annotation(name, start, end, value)
    document.to_file(path)
    return document


def test_elan_as_pympi_writes_it(tmp_path):
    path = tmp_path / "session.eaf"
    elan(path, ("left", [(0, 1500, "hold"), (1500, 1501, "stroke")]), ("right", [(500, 2500, "hold")]))
    annotations = read_annotations(path)
    assert (annotations.format, annotations.labels) == ("ELAN", ("hold", "stroke"))
    assert [(s.label, s.start_s, s.end_s, s.attributes) for s in annotations.videos["session"].segments] == [
        ("hold", 0.0, 1.5, {"tier": "left"}),
        ("hold", 0.5, 2.5, {"tier": "right"}),  # two hands, no overlap of one
        ("stroke", 1.5, 1.501, {"tier": "left"}),
    ]


def test_elan_is_about_its_film_from_where_that_begins(tmp_path):
    path = tmp_path / "coder 2.eaf"
    elan(path, ("t", [(0, 1000, "hold")]), media="file:///C:/Users/somebody/my%20film.mp4", time_origin=2500)
    assert drawn(read_annotations(path)) == {"my film": "hold 2.5-3.5"}


def test_an_elan_tier_of_empty_values_is_a_label(tmp_path):
    elan(tmp_path / "a.eaf", ("grooming", [(0, 1000, ""), (2000, 3000, "")]))
    assert drawn(read_annotations(tmp_path / "a.eaf")) == {"a": "grooming 0-1, grooming 2-3"}


def test_elan_annotations_of_a_linked_tier_have_the_times_of_those_they_refer_to(tmp_path):
    document = elan(tmp_path / "a.eaf", ("t", [(0, 1000, "hold")]))
    document.add_linguistic_type("words", constraints="Symbolic_Association")
    document.add_tier("gloss", ling="words", parent="t")
    document.add_ref_annotation("gloss", "t", 500, "HOLD")
    (tmp_path / "b").mkdir()
    document.to_file(tmp_path / "b" / "a.eaf")
    annotations = read_annotations(tmp_path / "b")
    assert drawn(annotations) == {"a": "HOLD 0-1, hold 0-1"}
    assert {s.label: s.attributes["tier"] for s in annotations.videos["a"].segments} == {"hold": "t", "HOLD": "gloss"}
    assert annotations.warnings[0] == (1, "a.eaf: 1 annotation with the times of those they refer to")


REF = (
    '<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{}" ANNOTATION_REF="{}" {}>'
    "<ANNOTATION_VALUE>{}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
)


def linked(*refs):
    """A document with `p` from 1 to 4 s, and a tier linked to it: (id, what it refers to, the one before it)."""
    rows = "".join(REF.format(name, ref, f'PREVIOUS_ANNOTATION="{b}"' if b else "", name) for name, ref, b in refs)
    return (
        '<ANNOTATION_DOCUMENT><HEADER/><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1000"/>'
        f'<TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="4000"/></TIME_ORDER><TIER TIER_ID="words">{rows}</TIER>'
        '<TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="p" TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">'
        "<ANNOTATION_VALUE>p</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
    )


def test_several_linked_annotations_share_the_time_and_others_may_refer_to_them(read):
    document = linked(("w3", "p", "w2"), ("w1", "p", ""), ("w2", "p", "w1"), ("s2", "w2", ""))
    assert drawn(read(document, "f.eaf")) == {"f": "w1 1-2, p 1-4, s2 2-3, w2 2-3, w3 3-4"}


def test_linked_annotations_that_lead_nowhere_are_told(problems):
    document = linked(("x", "y", ""), ("y", "x", ""), ("z", "none", ""), ("c1", "p", "c2"), ("c2", "p", "c1"))
    assert [text for _, text in problems(document, "f.eaf")] == [
        f"f: it refers to {ref}, which has no time" for ref in ("y", "x", "none", "p", "p")
    ]


def test_unaligned_elan_slots_are_spread_evenly_along_their_annotations(read):
    # other tiers' slots stand between them in the file, and do not matter
    times = {"a": "1000", "b": "", "x": "1100", "c": "", "y": "1200", "d": "4000"}
    annotations = read(unaligned(times, [("b", "c"), ("a", "b"), ("c", "d"), ("x", "y")]), "f.eaf")
    assert drawn(annotations) == {"f": "ab 1-2, xy 1.1-1.2, bc 2-3, cd 3-4"}
    assert annotations.warnings == ((1, "2 time slots without a time spread evenly"),)


def test_elan_slots_that_lead_nowhere_are_told(problems):
    times = {"a": "1000", "b": "", "c": "2000", "d": "soon"}
    pairs = [("a", "c"), ("a", "b"), ("z", "c"), ("c", "d")]
    assert problems(unaligned(times, pairs), "f.eaf") == [
        (3, "the time of slot d is soon, not milliseconds"),
        (6, "f: its time slot b is not aligned"),
        (7, "f: its time slot z does not exist"),
        (8, "f: its time slot d is not aligned"),
    ]


def test_two_elan_documents_of_one_film_are_told(tmp_path):
    for name in ("coder 1.eaf", "coder 2.eaf"):
        elan(tmp_path / name, ("t", [(0, 1000, "hold")]), media="film.mp4")
    with pytest.raises(AnnotationError) as caught:
        read_annotations(tmp_path)
    assert caught.value.problems == ((1, "coder 2.eaf: the film film has another document already"),)
