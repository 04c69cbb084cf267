"""Corrected timelines as annotations: what people said counts, and the rest is unknown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_material import material, process, store  # noqa: F401  (fixtures among them)

from vtn_stream.corrections import joined
from vtn_stream.errors import AnnotationError
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.known import Known, known_of, seconds
from vtn_stream.timeline import Reviewed, Segment, Timeline
from vtn_stream.training.footage import find_films

FILES = {"timeline.csv": ("0" * 64,)}  # as an analysis names them


def segment(start_s, end_s, label="run", origin="model", was=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, origin=origin, was=was)


def rejected(start_s, end_s, label="run"):
    return Segment(start_s=start_s, end_s=end_s, label=label)


def timeline(*segments, name="a.mp4", reviewed=(), rejected=(), identity="c0ffee"):
    return Timeline(
        video_identity=identity,
        video_path=name,
        duration_s=20.0,
        span_s=(0.0, 20.0),
        segments=segments,
        reviewed=reviewed,
        rejected=rejected,
    )


def looked(start_s, end_s, *labels):
    return Reviewed(start_s=start_s, end_s=end_s, labels=labels or None)


@pytest.fixture
def folder(tmp_path):
    """folder(timeline, ...) -> a folder of them as pages and analyses write them, by the films' names."""

    def write(*timelines, files=FILES):
        for one in timelines:
            (tmp_path / f"{one.video_path}.timeline.json").write_bytes(timeline_json.dumps(one, files))
        return tmp_path

    return write


def said(video):
    return [(s.start_s, s.end_s, s.label) for s in video.segments]


# ---- what is known


def test_what_people_said_is_known_and_the_rest_is_not():
    known = known_of(
        timeline(
            segment(0, 2),
            segment(3, 5, origin="curated"),
            segment(6, 8, "jump", "manual"),
            rejected=[rejected(9, 10)],
            reviewed=[looked(12, 15), looked(16, 18, "jump")],
        )
    )
    assert known.spans("run") == ((3, 5), (9, 10), (12, 15))
    assert known.spans("jump") == ((6, 8), (12, 15), (16, 18))
    assert known.spans("a label that nobody named") == ((12, 15),)
    assert known.every(["run", "jump"]) == ((12, 15),)


def test_what_a_label_was_before_is_known_to_be_wrong():
    was = rejected(2, 6)
    known = known_of(timeline(segment(3, 7, "jump", "curated", was)))
    assert (known.spans("run"), known.spans("jump")) == (((2, 6),), ((3, 7),))
    assert known_of(timeline(segment(3, 7, "run", "curated", was))).spans("run") == ((2, 7),)


def test_a_segment_of_the_model_that_reaches_out_of_reviewed_time_stays_unknown():
    known = known_of(timeline(segment(4, 6), reviewed=[looked(5, 10)]))
    assert (known.spans("run"), known.spans("jump")) == (((6, 10),), ((5, 10),))


def test_what_is_predicted_counts_where_half_of_it_is_known():
    known = Known(own={"run": ((0, 2), (3, 4))}, rest=((0, 10),))
    assert [known.counts(rejected(*span)) for span in [(0, 4), (1, 7), (2, 3), (2, 4), (5, 6)]] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert known.counts(rejected(5, 6, "jump"))
    assert [known.counts(rejected(at, at)) for at in (0, 1.9, 2, 3)] == [True, True, False, True]


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=6)


@given(SPANS, SPANS, SPANS)
def test_known_time_is_what_its_parts_say_at_every_second(looked_at, by_hand, drawn):
    known = known_of(
        timeline(
            *(segment(*span, origin="manual") for span in by_hand if span[0] < span[1]),
            *(segment(*span) for span in drawn if span[0] < span[1]),
            reviewed=[looked(*span) for span in looked_at],
        )
    )
    assert all(a[1] < b[0] for a, b in zip(known.spans("run"), known.spans("run")[1:], strict=False))
    for second in range(20):

        def there(spans, at=second + 0.5):
            return any(start <= at < end for start, end in spans)

        wanted = there(by_hand) or (there(looked_at) and not there(drawn))
        assert there(known.spans("run")) == wanted
        assert there(known.every(["run", "jump"])) == (wanted and there(looked_at))
    assert seconds(joined(looked_at)) == seconds(known.spans("jump"))


# ---- files


def test_of_a_corrected_timeline_only_what_people_said_is_read(folder):
    one = timeline(segment(0, 2), segment(3, 5, origin="curated"), rejected=[rejected(9, 10)])
    found = read_annotations(folder(one))
    (video,) = found.videos.values()
    assert (said(video), video.known, video.identity) == ([(3, 5, "run")], known_of(one), "c0ffee")
    assert found.warnings == ()


def test_timelines_that_nobody_corrected_are_left_out_by_name(folder):
    corrected = timeline(segment(3, 5, origin="manual"))
    path = folder(corrected, timeline(segment(0, 2), name="b.mp4"), timeline(segment(0, 2), name="c.mp4"))
    found = read_annotations(path)
    assert list(found.videos) == ["a.mp4"]
    assert [text for _, text in found.warnings] == [
        "left out: 2 timelines that nobody corrected: b.mp4.timeline.json and c.mp4.timeline.json"
    ]
    (path / "a.mp4.timeline.json").unlink()
    with pytest.raises(AnnotationError, match="nobody corrected any of the 2 timelines"):
        read_annotations(path)


def test_what_was_converted_or_changed_in_an_editor_counts_for_its_whole_film(folder):
    converted = read_annotations(folder(timeline(segment(0, 2, origin=None)), files={}))
    assert [(said(video), video.known) for video in converted.videos.values()] == [([(0, 2, "run")], None)]
    file = folder(timeline(segment(0, 2))) / "a.mp4.timeline.json"
    file.write_bytes(file.read_bytes().replace(b'"run"', b'"leap"'))
    edited = read_annotations(file)
    assert [(said(video), video.known) for video in edited.videos.values()] == [([(0, 2, "leap")], None)]
    assert "it counts as the annotation of its whole film" in edited.warnings[0].text


def test_what_a_page_saved_before_anything_was_said_is_not_a_film_in_which_nothing_happens(folder):
    blank = replace(timeline(), provenance={"annotation": {"labels": ["run"]}})
    exported = timeline(segment(0, 2), name="b.mp4")
    path = folder(blank, exported, files={})
    with pytest.raises(AnnotationError, match="nobody corrected any of the 2 timelines"):
        read_annotations(path)
    folder(replace(blank, segments=(segment(3, 5, origin="manual"),)), files={})
    assert [said(video) for video in read_annotations(path).videos.values()] == [[(3, 5, "run")]]


def test_films_and_pages_beside_timelines_are_nothing_to_tell(folder):
    path = folder(timeline(segment(3, 5, origin="manual")))
    for name in ("a.mp4", "suggestions.html", "notes.srt"):
        (path / name).write_bytes(b"1")
    assert [text for _, text in read_annotations(path).warnings] == [
        "notes.srt ignored: in no format that is read here"
    ]


def test_a_film_in_which_nothing_happens_is_one_with_reviewed_time(folder):
    (video,) = read_annotations(folder(timeline(reviewed=[looked(0, 8)]))).videos.values()
    assert (said(video), video.known.spans("run")) == ([], ((0, 8),))


def test_marks_outside_of_the_film_are_a_problem(folder):
    one = timeline(segment(3, 5, origin="manual"), rejected=[rejected(19, 21)], reviewed=[looked(0, 30)])
    with pytest.raises(AnnotationError) as error:
        read_annotations(folder(one))
    assert [text for _, text in error.value.problems] == [
        "a.mp4.timeline.json: what is reviewed from 0 s to 30 s is outside of its film of 20 s",
        "a.mp4.timeline.json: what is rejected from 19 s to 21 s is outside of its film of 20 s",
    ]


def test_labels_of_marks_are_checked_as_those_of_segments_are(folder):
    marks = [looked(0, 5, "Fre\u0301d\u0301eric")]
    named = timeline(segment(6, 7, "Fr\u00e9d\u0301eric", "manual"), reviewed=marks)
    (video,) = read_annotations(folder(named)).videos.values()
    assert len(video.known.own) == 1
    with pytest.raises(AnnotationError, match="has 1 problem"):
        read_annotations(folder(replace(named, reviewed=[looked(0, 5, "a\x1bb")])))


@pytest.mark.parametrize("name", ["csv", "tsv", "xlsx"])
def test_a_corrected_timeline_and_a_changed_table_of_its_film_are_a_problem(folder, name):
    path = folder(timeline(segment(3, 5, origin="manual")))
    table, write = path / f"a.mp4.timeline.{name}", FORMATS[name].write
    table.write_bytes(write([timeline(segment(1, 2))], Options()).content)
    with pytest.raises(AnnotationError) as error:
        read_annotations(path)
    assert f"it was changed, and so was a.mp4.timeline.{name}" in str(error.value.problems[0])
    same = write([timeline(segment(3, 5, origin="manual"))], Options())  # the page saves it too
    table.write_bytes(same.content)
    assert [(s.start_s, s.end_s) for s in read_annotations(path).videos["a.mp4"].segments] == [(3, 5)]


def test_two_changed_tables_of_one_film_are_a_problem(folder):
    path = folder(timeline(segment(3, 5)), files={f"timeline.{name}": ("0" * 64,) for name in ("csv", "xlsx")})
    for name in ("csv", "xlsx"):
        table = FORMATS[name].write([timeline(segment(1, 2))], Options()).content
        (path / f"a.mp4.timeline.{name}").write_bytes(table)
    with pytest.raises(AnnotationError) as error:
        read_annotations(path)
    assert "a.mp4.timeline.csv and a.mp4.timeline.xlsx were both changed" in str(error.value.problems[0])
    (path / "a.mp4.timeline.csv").unlink()
    assert [(s.start_s, s.end_s) for s in read_annotations(path).videos["a.mp4"].segments] == [(1, 2)]


def test_two_corrections_of_one_film_are_never_merged(folder):
    """As browsers name a second download."""
    path = folder(timeline(segment(3, 5, origin="manual")))
    first = path / "a.mp4.timeline.json"
    (path / "a.mp4.timeline (1).json").write_bytes(first.read_bytes())
    with pytest.raises(AnnotationError) as error:
        read_annotations(path)
    assert "another file is about a.mp4 too: keep one of them" in str(error.value.problems[0])


# ---- their films


def test_a_corrected_timeline_of_another_version_of_the_film_is_refused(folder, material, store, process):
    path = folder(timeline(segment(3, 5, origin="manual")), timeline(segment(3, 5, origin="manual"), name="c.mp4"))
    with pytest.raises(AnnotationError) as error:
        find_films(path, material, store, process)
    assert len(error.value.problems) == 2
    assert "a.mp4 is another film than the one that was corrected, or another version of it" in str(
        error.value.problems[0]
    )
    right = find_films(folder_of_films(folder, path, material, store, process), material, store, process)
    assert not any("left out" in note for note in right.notes)
    (path / "a.mp4.timeline.json").write_bytes(timeline_json.dumps(timeline(segment(3, 5, origin="manual")), FILES))
    rest = find_films(path, material, store, process, skip_bad=True)
    assert list(rest.videos) == ["c.mp4"]
    assert any(note.startswith("left out: a.mp4 is another film") for note in rest.notes)


def folder_of_films(folder, path, material, store, process):
    """The same corrections, of the films that are there."""
    from vtn_stream.embedding import probe

    for name in ("a.mp4", "c.mp4"):
        identity = probe(material / name, store, process).identity
        folder(timeline(segment(3, 5, origin="manual"), name=name, identity=identity))
    return path
