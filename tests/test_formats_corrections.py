"""What people said of a timeline, in each format: it comes back, or one line says what is left out."""

import io
from dataclasses import replace

import pytest
from drawn_timelines import seg, timeline
from hypothesis import given
from hypothesis import strategies as st
from table_timelines import READING, film

from vtn_stream.errors import TimelineError
from vtn_stream.formats import FORMATS, SAID, otio, parquet, timeline_csv, timeline_json, timeline_tsv
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Reviewed

KEPT, MOVED, FOUND = (
    seg(1, 2, "=a", score=0.25, origin="curated"),
    seg(3, 5, "b, c", score=0.5, origin="curated", was=seg(3.5, 6, "-b", score=0.75)),
    seg(7, 8, "d", origin="manual"),
)
OF_MODEL = seg(9, 10, "a", score=0.125, origin="model")
CORRECTED = timeline(
    KEPT,
    MOVED,
    FOUND,
    OF_MODEL,
    nominal_rate=25,
    reviewed=(Reviewed(start_s=0, end_s=5), Reviewed(start_s=7, end_s=8, labels=("d",))),
    rejected=(seg(6, 7, "a", score=0.5, origin="model"),),
)
HOLDS_ORIGIN = [name for name, format in FORMATS.items() if "origin" in format.says]

milliseconds = st.integers(0, 100_000).map(lambda ms: ms / 1000)
plain = st.builds(
    lambda times, label, score: seg(*sorted(times), label, score=score),
    st.tuples(milliseconds, milliseconds),
    st.sampled_from(["a", "=b", "c, d", "'", 'e"f']),
    st.none() | st.integers(0, 10_000).map(lambda n: n / 10_000),
)
told = st.builds(
    lambda s, origin, was: replace(s, origin=origin, was=was if origin == "curated" else None),
    plain,
    st.sampled_from([None, "model", "curated", "manual"]),
    st.none() | plain,
)


def back(name, *films):
    content = FORMATS[name].write(films, Options()).content
    return FORMATS[name].read(content, "file", READING).timelines


@pytest.mark.parametrize("name", HOLDS_ORIGIN)
@given(st.lists(told, min_size=1, max_size=4))
def test_origins_and_what_the_model_had_said_come_back_where_a_segment_is_by_hand(name, segments):
    before = film(*segments)
    (after,) = back(name, before)
    is_said = name in ("json", "otio") or any(s.by_hand for s in segments)
    expected = before.segments if is_said else tuple(replace(s, origin=None) for s in before.segments)
    assert sorted(after.segments, key=lambda s: s.sort_key) == sorted(expected, key=lambda s: s.sort_key)


@pytest.mark.parametrize("name", ["csv", "tsv", "parquet"])
def test_a_table_without_segments_by_hand_is_as_it_always_was(name):
    film_of_model, unnoted = film(OF_MODEL), film(replace(OF_MODEL, origin=None))
    assert FORMATS[name].write([film_of_model], Options()).content == FORMATS[name].write([unnoted], Options()).content


def test_a_csv_has_columns_for_what_people_said_after_all_others():
    subset = replace(CORRECTED, provenance={"subset": "training"})
    assert timeline_csv.write([subset], Options()).content.decode() == (
        "video,start_s,end_s,duration_s,start,end,label,score,subset,origin,was_start_s,was_end_s,was_label,was_score\r\n"
        "film.mp4,1.000,2.000,1.000,00:00:01.000,00:00:02.000,'=a,0.2500,training,curated,,,,\r\n"
        'film.mp4,3.000,5.000,2.000,00:00:03.000,00:00:05.000,"b, c",0.5000,training,'
        "curated,3.500,6.000,'-b,0.7500\r\n"
        "film.mp4,7.000,8.000,1.000,00:00:07.000,00:00:08.000,d,,training,manual,,,,\r\n"
        "film.mp4,9.000,10.000,1.000,00:00:09.000,00:00:10.000,a,0.1250,training,model,,,,\r\n"
    )
    only_kept = timeline_csv.write([film(KEPT), film(name="b.mp4")], Options()).content.decode().splitlines()
    assert only_kept[0].endswith(",score,origin")
    assert only_kept[2] == "b.mp4,,,,,,,,"


def test_a_corrected_csv_is_still_a_table_of_annotations(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(timeline_csv.write([film(KEPT, MOVED, FOUND)], Options()).content)
    (video,) = read_annotations(path).videos.values()
    assert [(s.start_s, s.end_s) for s in video.segments] == [(1, 2), (3, 5), (7, 8)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("curated,3.500", "nobody,3.500", "its origin is none of model, curated, manual"),
        ("curated,3.500", "manual,3.500", "only a curated segment was another one"),
        ("curated,3.500", "curated,", "was_times are not numbers"),
        ("curated,3.500", "curated,7.000", "a span needs"),
        (",0.7500", ",high", "was_score is not a number"),
    ],
)
def test_a_row_that_says_what_cannot_be_is_refused_with_its_line(old, new, fault):
    content = timeline_csv.write([CORRECTED], Options()).content.decode()
    assert old in content
    with pytest.raises(TimelineError, match=f"line 3: .*{fault}"):
        timeline_csv.read(content.replace(old, new).encode(), "a.csv", READING)


def test_a_column_of_origins_that_stands_twice_is_refused():
    content = timeline_csv.write([CORRECTED], Options()).content.replace(b"was_label", b"origin")
    with pytest.raises(TimelineError, match="names origin twice"):
        timeline_csv.read(content, "a.csv", READING)


@pytest.mark.parametrize("cells", [{"origin": ["nobody"]}, {"was_start_s": [1.0]}, {"origin": [3]}])
def test_parquet_that_says_what_cannot_be_is_refused(cells):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"video": ["a"], "start_s": [0.0], "end_s": [1.0], "label": ["x"]} | cells), file)
    with pytest.raises(TimelineError, match="row 1"):
        parquet.read(file.getvalue(), "a.parquet", READING)


@pytest.mark.parametrize("change", [('"label": "b, c"', '"label": "z"'), ('"start_s": 3.0', '"start_s": 2.0')])
def test_a_clip_that_an_editor_moved_or_renamed_is_nobodys(change):
    content = otio.write([CORRECTED], Options()).content.decode()
    old, new = change
    assert old in content
    (after,) = otio.read(content.replace(old, new).encode(), "a.otio", READING).timelines
    assert [s.origin for s in after.segments] == ["curated", None, "manual", "model"]


@pytest.mark.parametrize("was", ['"nobody"', "[]", '{"start_s": 1}', '{"start_s": 2, "end_s": 1, "label": "a"}'])
def test_a_clip_whose_metadata_say_what_cannot_be_is_refused(was):
    content = otio.write([timeline(KEPT, nominal_rate=25)], Options()).content.decode()
    broken = content.replace('"origin": "curated"', f'"origin": "curated", "was": {was}')
    assert broken != content
    with pytest.raises(TimelineError, match="damaged OpenTimelineIO"):
        otio.read(broken.encode(), "a.otio", READING)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_cannot_say_of_corrections_is_told_in_one_line(name):
    warnings = FORMATS[name].write([CORRECTED], Options()).warnings
    lines = [line for line in warnings if line.startswith("left out")]
    missing = {
        "origin": "the origin of 3 segments by hand",
        "rejected": "1 rejected segment",
        "reviewed": "2 reviewed spans",
    }
    left = [text for what, text in missing.items() if what not in FORMATS[name].says]
    assert [line.replace(", ", " and ") for line in lines] == ["left out: " + " and ".join(left)] * bool(left)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_told_of_a_timeline_that_nobody_corrected(name):
    unnoted = timeline(seg(2, 3, "a", score=0.5), nominal_rate=25)
    of_model = timeline(seg(2, 3, "a", score=0.5, origin="model"), nominal_rate=25)
    assert FORMATS[name].write([of_model], Options()).warnings == FORMATS[name].write([unnoted], Options()).warnings


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_is_said_to_say_comes_back(name):
    if FORMATS[name].reads == "annotations":
        assert not FORMATS[name].says
        return
    (after,) = back(name, CORRECTED)
    said = (any(s.by_hand for s in after.segments), bool(after.rejected), bool(after.reviewed))
    assert {what for what, there in zip(SAID, said, strict=True) if there} == FORMATS[name].says
    assert "json" not in name or after == CORRECTED


def test_the_json_of_a_corrected_timeline_says_all():
    assert timeline_json.loads(timeline_json.dumps(CORRECTED)) == CORRECTED
    assert timeline_tsv.write([CORRECTED], Options()).content.count(b"curated") == 2
