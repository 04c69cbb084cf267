"""Annotations of strangers: whatever they hold, an AnnotationError or annotations that keep their promises come out."""

import json
import math
import os
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, printable
from vtn_stream.formats.annotations import Annotations, checks, findings, read_annotations, text
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.formats.annotations.spelling import look_alikes

EAF = """\
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT VERSION="3.0"><HEADER TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///x/film.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="40"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/></TIME_ORDER>
<TIER TIER_ID="t" LINGUISTIC_TYPE_REF="l">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>hold</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>stroke &amp; go</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER><TIER TIER_ID="u"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>x</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>
"""
WALK = {"label": "walk", "segment": [1.5, 20]}
THUMOS = {"label": "Dive", "segment": [3, 4.5], "segment(frames)": [90, 135], "label_id": 7}
FILES = {
    "activitynet": json.dumps({"database": {"v1": {"duration": 30, "subset": "training", "annotations": [WALK]}}}),
    "thumos": json.dumps({"database": {"v1": {"duration": 30, "fps": 30.0, "annotations": [THUMOS]}}}, indent=1),
    "csv": 'video,start_s,end_s,label,subset,source\na,0.5,2,walk,train,lab\n"b",0:00:02.5,0:01:03,"say ""hi""",val,\n',
    "phases": "Frame\tPhase\n" + "".join(f"{i}\t{PHASES[i // 3]}\n" for i in range(9)),
    "derived": "".join(f"{25 * i}\t{i // 3}\n" for i in range(9)),
    "elan": EAF,
    "clips": "# clips\na/b.mp4 run fast\n./c.mp4,sit\nd.mkv\t12\n",
    "clip table": "path,label,source\na.mp4,run,s1\nb.mp4,sit,s2\n",
}
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
    else:
        promises_kept(annotations)
        return
    assert shown.encode()
    assert len(shown.splitlines()) == 1 + min(len(problems), 100) + (len(problems) > 100)
    assert all(line is None or line > 0 for line, _ in problems)


def problems_of(path):
    try:
        return read_annotations(path, skip_bad=True).skipped
    except AnnotationError as error:
        return error


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
@settings(max_examples=120, deadline=None)
@given(edits, st.booleans(), st.sampled_from([None, {"v1": 30.0, "a": 5.0, "film": 3.0, "given": 60.0}]))
def test_an_edited_file_is_read_or_refused(tmp_path_factory, name, changes, skip_bad, videos):
    path = tmp_path_factory.getbasetemp() / "given"
    path.write_bytes(edited(FILES[name], changes))
    read_or_refuse(path, skip_bad=skip_bad, videos=videos, fps=25)


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=100, deadline=None)
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


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["v1", "v2", "../x"]), json_values), st.booleans())
def test_json_of_wrong_types_is_read_or_refused(tmp_path_factory, database, skip_bad):
    path = tmp_path_factory.getbasetemp() / "types"
    path.write_text(json.dumps({"database": database}))
    read_or_refuse(path, skip_bad=skip_bad)


# ---- XML

ATTACKS = {
    "entities that grow": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
    "a file of the machine": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "a DTD elsewhere": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]>',
    "an empty DTD": "<!DOCTYPE ANNOTATION_DOCUMENT>",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_xml_with_a_dtd_is_not_read(tmp_path, attack):
    path = tmp_path / "a.eaf"
    head, root, rest = EAF.partition("<ANNOTATION_DOCUMENT")
    path.write_text(head + ATTACKS[attack] + root + rest.replace("hold", "&b;" if "&b" in attack else "&a;"))
    with pytest.raises(AnnotationError, match=r"a\.eaf cannot be read \(line \d: XML with a DTD or entities"):
        read_annotations(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("</TIER>", "", "line 12: damaged XML"),
        ("hold", "&b;", "line 8: damaged XML"),
        ('encoding="UTF-8"', 'encoding="klingon"', "damaged XML"),
        ('encoding="UTF-8"', 'encoding="UTF-16"', "damaged XML"),
        ("milliseconds", "NTSC-frames", "its times are NTSC-frames, not milliseconds"),
    ],
)
def test_damaged_xml_is_told(tmp_path, old, new, told):
    path = tmp_path / "a.eaf"
    path.write_text(EAF.replace(old, new, 1))
    with pytest.raises(AnnotationError, match=told):
        read_annotations(path)


def test_every_damaged_file_of_a_folder_is_told(tmp_path):
    (tmp_path / "good.eaf").write_text(EAF)
    (tmp_path / "cut.eaf").write_text(EAF[:-200])
    (tmp_path / "dtd.eaf").write_text(EAF.replace("<ANN", "<!DOCTYPE x><ANN", 1))
    with pytest.raises(AnnotationError) as caught:
        read_annotations(tmp_path)
    assert [text.partition(":")[0] for _, text in caught.value.problems] == ["cut.eaf", "dtd.eaf"]
    annotations = read_annotations(tmp_path, skip_bad=True)
    assert list(annotations.videos) == ["film"]
    assert annotations.skipped == caught.value.problems


def test_a_file_of_phases_that_is_no_text_is_told_among_others(tmp_path):
    for i in range(3):
        (tmp_path / f"v{i}-phase.txt").write_bytes(FILES["phases"].encode() + b"\xff" * (i != 1))
    with pytest.raises(AnnotationError) as caught:
        read_annotations(tmp_path)
    assert caught.value.problems == tuple((None, f"v{i}-phase.txt: is no text in UTF-8 (line 11)") for i in (0, 2))


def test_xml_as_deep_as_it_likes_is_no_problem(tmp_path):
    path = tmp_path / "a.eaf"
    path.write_text(EAF.replace("</HEADER>", "<p>" * 100_000 + "</p>" * 100_000 + "</HEADER>"))
    assert read_annotations(path).num_segments == 2


# ---- JSON


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000, "-" + "9" * 5000])
def test_numbers_that_are_none_are_told_with_their_line(tmp_path, number):
    path = tmp_path / "a.json"
    path.write_text('{"database": {"v": {"annotations": [\n{"label": "a", "segment": [0, ' + number + "]}]}}}")
    with pytest.raises(AnnotationError) as caught:
        read_annotations(path)
    assert caught.value.problems == ((2, "v.annotations[0]: its end is not finite"),)


@pytest.mark.parametrize("opener", ["[", '{"a":'])
def test_json_too_deep_is_damaged(tmp_path, opener):
    path = tmp_path / "a.json"
    path.write_text('{"database": ' + opener * 200_000)
    with pytest.raises(AnnotationError, match="damaged JSON"):
        read_annotations(path)


@pytest.mark.parametrize("label", [r"\ud800", r"a\u0000b", r"a\nb", r"a\u001b[2J", r"\u202ea"])
def test_labels_that_no_file_can_hold_are_told(tmp_path, label):
    path = tmp_path / "a.json"
    path.write_text('{"database": {"v": {"annotations": [{"label": "' + label + '", "segment": [0, 1]}]}}}')
    with pytest.raises(AnnotationError, match="holds control characters, or broken ones"):
        read_annotations(path)


# ---- sizes


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.touch()
    os.truncate(path, 10 * 2**40)  # sparse
    with pytest.raises(AnnotationError, match="larger than 64 MiB"):
        read_annotations(path)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,{0},{1},x\n", "line 102: it has more than 100 segments"),
        ("v{0},,,\n", "line 102: it has more than 100 films"),
        ("a\n", "line 102: too many problems"),
    ],
)
def test_too_much_is_refused(tmp_path, monkeypatch, row, told):
    monkeypatch.setattr(findings, "MAX_ENTRIES", 100)
    path = tmp_path / "a.csv"
    rows = [row.format(i, i + 1) for i in range(200)]
    path.write_text("video,start_s,end_s,label\n" + "".join(rows[:100]))
    assert "it has more" not in str(problems_of(path))
    path.write_text("video,start_s,end_s,label\n" + "".join(rows))
    assert told in str(problems_of(path))


def test_a_million_of_json_brackets_costs_no_memory(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"database": {"v": [' + "[]," * 4_100_000 + "[]]}}")
    with pytest.raises(AnnotationError, match="too many entries"):
        read_annotations(path)


def test_too_many_labels_are_no_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "MAX_LABELS", 10)
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{i}.mp4 {i}\n" for i in range(20)))
    with pytest.raises(AnnotationError, match="more than 10 labels"):
        read_annotations(path)


def test_a_cell_without_end_is_told_where_it_begins(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('video,start_s,end_s,label\na,1,2,x\na,3,4,"y\n' + "a,5,6,x\n" * 1000)
    with pytest.raises(AnnotationError, match=r"a\.csv cannot be read \(line 3: "):
        read_annotations(path)


def timed(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def test_labels_made_to_be_compared_take_a_moment():
    many = [f"{a}{b}{c}zzzzzzzz" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij"]
    many += [" ".join([word] * 8) for word in many]
    assert timed(lambda: list(look_alikes(dict.fromkeys(many, 5)))) < 20


def test_chains_of_unaligned_slots_are_walked_once(tmp_path):
    num = 20_000
    slots = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="u{i}"/><TIME_SLOT TIME_SLOT_ID="a{i}" TIME_VALUE="{i}"/>' for i in range(num)
    )
    pairs = [(f"a{i}", "u0") for i in range(num)] + [(f"u{i}", f"u{(i + 1) % num}") for i in range(num)]
    lines = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="{a}" TIME_SLOT_REF2="{b}"/></ANNOTATION>' for a, b in pairs
    )
    path = tmp_path / "a.eaf"
    path.write_text(
        f'<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER><TIER TIER_ID="t">{lines}</TIER></ANNOTATION_DOCUMENT>'
    )

    def read():
        with pytest.raises(AnnotationError, match=f"{2 * num} problems"):
            read_annotations(path)

    assert timed(read) < 20


# ---- files that are none


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(AnnotationError, match="not a regular file"):
        read_annotations(tmp_path / "a.csv")


def test_an_id_outside_of_utf8_is_told(tmp_path):
    name = os.fsdecode(b"caf\xe9.mp4")
    (tmp_path / "run").mkdir()
    try:
        (tmp_path / "run" / name).touch()
    except OSError:
        pytest.skip("this disk has no such names")
    (tmp_path / "run" / "ok.mp4").touch()
    annotations = read_annotations(tmp_path, skip_bad=True)
    assert list(annotations.videos) == ["run/ok.mp4"]
    assert len(annotations.skipped) == 1


def test_no_folder_is_left_by_a_link_that_turns_in_a_circle(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.mp4").touch()
    (tmp_path / "run" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert list(read_annotations(tmp_path).videos) == ["run/a.mp4"]


def test_reading_needs_no_torch(tmp_path):
    assert text.MAX_BYTES == 64 * 2**20
    path = tmp_path / "a.csv"
    path.write_text(FILES["csv"])
    code = "import sys, pathlib; from vtn_stream.formats.annotations import read_annotations as r; "
    code += "r(pathlib.Path(sys.argv[1])); assert not {'torch', 'av', 'pyarrow'} & set(sys.modules)"
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", code, os.fspath(path)) == 0
