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


# ---- who, which film, and vocabularies


def document_of(tiers, types="", media="", header=""):
    return (
        f"<ANNOTATION_DOCUMENT><HEADER {header}>{media}</HEADER><TIME_ORDER>"
        '<TIME_SLOT TIME_SLOT_ID="s" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="e" TIME_VALUE="1000"/>'
        f"</TIME_ORDER>{tiers}{types}</ANNOTATION_DOCUMENT>"
    )


def tier(name, value="hold", more="", entry=""):
    ref = f'CVE_REF="{entry}"' if entry else ""
    return (
        f'<TIER TIER_ID="{name}" {more}><ANNOTATION>'
        f'<ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}1" {ref} TIME_SLOT_REF1="s" TIME_SLOT_REF2="e">'
        f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
    )


def test_the_participant_of_a_tier_is_the_subject(read):
    (video,) = read(document_of(tier("t", more='PARTICIPANT="Anna"')), "f.eaf").videos.values()
    assert [s.attributes for s in video.segments] == [{"tier": "t", "subject": "Anna"}]


TYPES = '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="l" CONSTRAINTS="{}"/>'
NOTE = '<TIER TIER_ID="t@{}" PARENT_REF="t" LINGUISTIC_TYPE_REF="l">{}</TIER>'


@pytest.mark.parametrize("kind", ["Symbolic_Association", "Symbolic_Subdivision"])
def test_a_tier_called_after_an_attribute_holds_it_if_it_is_associated(read, kind):
    notes = NOTE.format("comment", REF.format("r1", "t1", "", "twice"))
    (video,) = read(document_of(tier("t") + notes, TYPES.format(kind)), "f.eaf").videos.values()
    found = [(s.label, s.attributes) for s in video.segments]
    if kind == "Symbolic_Association":
        assert found == [("hold", {"tier": "t", "comment": "twice"})]
    else:
        assert found == [("hold", {"tier": "t"}), ("twice", {"tier": "t@comment"})]


def test_attributes_that_say_two_things_or_belong_to_nothing_are_told(problems):
    refs = [REF.format("r1", "t1", "", "one"), REF.format("r2", "t1", "", "two"), REF.format("r3", "x", "", "three")]
    text = document_of(tier("t") + NOTE.format("comment", "".join(refs)), TYPES.format("Symbolic_Association"))
    assert [text for _, text in problems(text, "f.eaf")] == [
        "f: it refers to x, which has no time",
        "f: t1, to which it refers, has another comment already",
    ]


VOCABULARY = (
    '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="l" CONTROLLED_VOCABULARY_REF="{}"/><CONTROLLED_VOCABULARY CV_ID="v">'
    '<CV_ENTRY_ML CVE_ID="c1"><CVE_VALUE LANG_REF="eng">grip</CVE_VALUE><CVE_VALUE LANG_REF="deu">Griff</CVE_VALUE>'
    "</CV_ENTRY_ML></CONTROLLED_VOCABULARY>"
)


def test_an_empty_value_is_that_of_the_entry_of_the_vocabulary(read):
    of_type = 'LINGUISTIC_TYPE_REF="l"'
    known = document_of(tier("t", "", of_type, "c1"), VOCABULARY.format("v"))
    assert drawn(read(known, "f.eaf")) == {"f": "grip 0-1"}
    kept = document_of(tier("t", "hold", of_type, "c1"), VOCABULARY.format("v"))
    assert drawn(read(kept, "f.eaf")) == {"f": "hold 0-1"}


def test_a_vocabulary_in_another_file_is_told(problems):
    text = document_of(tier("t", "", 'LINGUISTIC_TYPE_REF="l"', "c1"), VOCABULARY.format("other"))
    assert problems(text, "f.eaf") == [(1, "f: its value is the entry c1 of a vocabulary that is not there")]


def test_of_several_films_the_first_counts_and_the_sound_is_none(read):
    def media(url, kind):
        return f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///{url}" MIME_TYPE="{kind}"/>'

    both = media("s.wav", "audio/x-wav") + media("a.mp4", "video/mp4")
    assert not read(document_of(tier("t"), media=both), "f.eaf").warnings
    annotations = read(document_of(tier("t"), media=both + media("b.mp4", "video/mp4")), "f.eaf")
    assert drawn(annotations) == {"a": "hold 0-1"}
    assert annotations.warnings == ((1, "2 films (a and b): its times are those of the first, a"),)


def test_documents_of_old_versions_name_their_film_in_the_header(read):
    text = document_of(tier("t"), header='MEDIA_FILE="file:///D:/films/old.mpg"')
    assert drawn(read(text, "f.eaf")) == {"old": "hold 0-1"}
