"""Annotations edited at random: an AnnotationError or annotations that keep their promises come out."""

import json
import math
import os

import pytest
from good_annotations import FILES
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, printable
from vtn_stream.formats.annotations import Annotations, read_annotations

NASTY = [
    *("\x00", "\ud800", "\u202e", "\x1b[2J", '"', "'", "\\", "\\ud800", "<", ">", "&", "]]>", "{", "}", "[", "]", ","),
    *("\n", "\r", "\t", "\u2028", "\x0c", "\ufeff", "é", "-", "-1", "1e999", "1e-999", "NaN", "Infinity", "-Infinity"),
    *("9" * 400, "9" * 5000, "0x1", "1_000", "٣", "null", "true", "../", "/", "C:\\", "~", "=1+1", "a" * 2000),
    *('"database"', '"annotations"', '"segment(frames)"', "[" * 3000, '{"a":' * 3000, "<a>" * 3000, "<!DOCTYPE a>"),
]


def promises_kept(annotations: Annotations) -> None:
    assert annotations.videos
    assert len(set(annotations.labels)) == len(annotations.labels)
    for name, video in annotations.videos.items():
        assert name == printable(name) != ""
        assert ".." not in name.replace("\\", "/").split("/")
        assert not os.path.isabs(name)
        assert video.duration_s is None or 0 < video.duration_s < math.inf
        for s in video.segments:
            assert 0 <= s.start_s < s.end_s < math.inf
            assert video.duration_s is None or s.end_s <= video.duration_s
            assert s.label in annotations.labels
            assert s.label == printable(s.label).strip() != ""
    for _, told in (*annotations.warnings, *annotations.skipped):
        assert told == printable(told)


def read_or_refuse(path, **options):
    """What comes out is annotations that keep their promises, or the one error, that any terminal can show."""
    try:
        annotations = read_annotations(path, **options)
    except AnnotationError as error:
        shown, problems = str(error), error.problems
        said = len(problems) == 1 and problems[0][1] in error.fact
    else:
        promises_kept(annotations)
        return
    assert shown.encode()
    assert len(shown.splitlines()) == 1 + min(len(problems), 100) + (len(problems) > 100) - said
    assert all(line is None or line > 0 for line, _ in problems)


edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(NASTY) | st.just("") | st.binary(max_size=3)),
    min_size=1,
    max_size=4,
)


def edited(content: str, changes) -> bytes:
    """Each change puts something where it finds some bytes."""
    data = content.encode()
    for where, num, put in changes:
        at = int(where * len(data))
        put = put.encode("utf-8", "surrogatepass") if isinstance(put, str) else put
        data = data[:at] + put + data[at + num :]
    return data


@pytest.mark.parametrize("name", FILES)
@given(edits, st.booleans(), st.sampled_from([None, {"v1": 30.0, "a": 5.0, "film": 3.0, "given": 60.0}]))
def test_an_edited_file_is_read_or_refused(tmp_path_factory, name, changes, skip_bad, videos):
    path = tmp_path_factory.getbasetemp() / "given"
    path.write_bytes(edited(FILES[name], changes))
    read_or_refuse(path, skip_bad=skip_bad, videos=videos, fps=25)


@given(edits, edits, st.booleans())
def test_an_edited_mstcn_folder_is_read_or_refused(tmp_path_factory, of_mapping, of_truth, skip_bad):
    folder = tmp_path_factory.getbasetemp() / "mstcn"
    (folder / "groundTruth").mkdir(parents=True, exist_ok=True)
    (folder / "mapping.txt").write_bytes(edited("0 background\n1 take\n", of_mapping[:1]))
    (folder / "groundTruth" / "a.txt").write_bytes(edited("background\ntake\ntake\n", of_truth))
    (folder / "groundTruth" / "b.txt").write_text("background\n")
    for path in (folder, folder / "groundTruth" / "a.txt"):
        read_or_refuse(path, skip_bad=skip_bad, fps=25)


def test_the_files_that_are_edited_are_good_ones(tmp_path):
    path = tmp_path / "given"
    for name, content in FILES.items():
        path.write_text(content)
        annotations = read_annotations(path)
        assert annotations.videos, name
        assert annotations.skipped == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(data)
    read_or_refuse(path)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=5)
    | st.sampled_from(["walk", 1, 10**400, "training"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["duration", "subset", "annotations", "label", "segment", "label_id"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["v1", "v2", "../x"]), json_values), st.booleans())
def test_json_of_wrong_types_is_read_or_refused(tmp_path_factory, database, skip_bad):
    path = tmp_path_factory.getbasetemp() / "types"
    path.write_text(json.dumps({"database": database}))
    read_or_refuse(path, skip_bad=skip_bad)
