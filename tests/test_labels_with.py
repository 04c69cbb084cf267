"""Labels that say an attribute too, and what was said of them by hand."""

from vtn_stream.exchange.labels import label_with, without_attribute
from vtn_stream.exchange.selection import Selection
from vtn_stream.timeline import Reviewed, Segment, Timeline


def walk(start_s, subject="", label="walk", **fields):
    attributes = {"subject": subject} if subject else {}
    return Segment(start_s=start_s, end_s=start_s + 1, label=label, attributes=attributes | {"modifier": "x"}, **fields)


def film(*segments, **fields):
    known = {"video_identity": "", "video_path": "a.mp4", "duration_s": 99.0, "span_s": (0.0, 99.0)}
    return Timeline(**known, segments=segments, **fields)


def test_an_attribute_becomes_a_part_of_the_label_once():
    before = film(walk(1, "hen"), walk(2), walk(3, "cock", "call"))
    after = label_with(before, "subject")
    assert [(s.label, s.attributes) for s in after.segments] == [
        ("hen: walk", {"modifier": "x"}),
        ("walk", {"modifier": "x"}),
        ("cock: call", {"modifier": "x"}),
    ]
    assert label_with(after, "subject") == after
    assert label_with(before, "tier") == before


def test_what_people_said_is_said_of_the_new_labels():
    was = Segment(start_s=0, end_s=1, label="run")
    spans = (Reviewed(start_s=0, end_s=9, labels=("walk", "call")), Reviewed(start_s=0, end_s=5))
    before = film(walk(1, "hen", origin="curated", was=was), rejected=(walk(3, "cock"),), reviewed=spans)
    after = label_with(before, "subject")
    (kept,) = after.segments
    assert (kept.origin, kept.was.label, after.rejected[0].label) == ("curated", "hen: run", "cock: walk")
    assert [r.labels for r in after.reviewed] == [None, ("call", "cock: walk", "hen: walk", "walk")]


def test_a_label_is_chosen_and_renamed_before_and_joined_after():
    given = film(walk(1, "hen"), walk(2.5, "hen"), walk(3, "cock"), walk(9, "hen", "call"))
    how = Selection(labels=("walk",), names={"walk": "go"}, label_with="subject", merge_gap_s=1)
    chosen = how.apply(given, lambda: None)
    assert [(s.label, s.start_s, s.end_s) for s in chosen.segments] == [("hen: go", 1, 3.5), ("cock: go", 3, 4)]


def test_an_attribute_that_nothing_has_is_told():
    assert without_attribute([film(walk(1))], "subject") == (
        "no segment has the attribute subject, so the labels stay; there are: modifier",
    )
    assert without_attribute([film(walk(1))], None) == without_attribute([film()], "x") == ()
