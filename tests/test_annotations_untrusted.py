"""Annotations of strangers, made to do harm: XML, JSON, sizes and files that are none are told in time."""

import os
import sys
import time

import pytest
from good_annotations import EAF, FILES

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import checks, findings, read_annotations, text
from vtn_stream.formats.annotations.spelling import look_alikes


def problems_of(path):
    try:
        return read_annotations(path, skip_bad=True).skipped
    except AnnotationError as error:
        return error


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
    told = "is not text in UTF-8 or UTF-16 (line 11)"
    assert caught.value.problems == tuple((None, f"v{i}-phase.txt: {told}") for i in (0, 2))


def test_xml_as_deep_as_it_likes_is_no_problem(tmp_path):
    path = tmp_path / "a.eaf"
    path.write_text(EAF.replace("</HEADER>", "<p>" * 100_000 + "</p>" * 100_000 + "</HEADER>"))
    assert read_annotations(path).num_segments == 3


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
