"""Lists of labelled clips: what a line means, and every mistake told at once."""

import difflib
import gzip
import os
import tempfile
import time
from pathlib import Path

import pytest

from vtn_stream.errors import AnnotationError
from vtn_stream.evaluation.clip_classes import MAX_SUGGESTIONS, read_clips
from vtn_stream.formats.annotations import read_annotations

LABELS = ("air drumming", "drumming", "fight", "juggling balls", "other", "pool", "talk")


@pytest.fixture
def folder(tmp_path):
    for name in ("a.mp4", "b c.mp4", "d, e.mp4", "deep/f.mp4", "drumming"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def listed(folder, text, **options):
    (folder / "list.txt").write_text(text, "utf-8")
    return [(c.name, c.truth) for c in read_clips(folder / "list.txt", LABELS, **options)]


@pytest.mark.parametrize(
    ("line", "clip"),
    [
        ("a.mp4 2", ("a.mp4", 2)),
        ("a.mp4 fight", ("a.mp4", 2)),
        ("a.mp4,fight", ("a.mp4", 2)),
        ("a.mp4 , fight", ("a.mp4", 2)),
        ("a.mp4\t6", ("a.mp4", 6)),
        ("  a.mp4   talk  ", ("a.mp4", 6)),
        ("a.mp4 air drumming", ("a.mp4", 0)),  # the longest label
        ("a.mp4,air drumming", ("a.mp4", 0)),
        ("b c.mp4 0", ("b c.mp4", 0)),
        ("b c.mp4,juggling balls", ("b c.mp4", 3)),
        ("d, e.mp4 4", ("d, e.mp4", 4)),
        ("d, e.mp4,other", ("d, e.mp4", 4)),
        ("./deep/../deep//f.mp4 1", ("deep/f.mp4", 1)),
        ("drumming drumming", ("drumming", 1)),
    ],
)
def test_a_line_is_a_path_and_a_label(folder, line, clip):
    assert listed(folder, line) == [clip]
    assert listed(folder, f"\ufeff# clips\n\n{line}\r\n  # the end\n") == [clip]


def test_a_label_that_is_a_number_is_a_name_first(folder):
    (folder / "list.txt").write_text("a.mp4 1\nb c.mp4 0\n")
    assert [c.truth for c in read_clips(folder / "list.txt", ("1", "2"))] == [0, 0]


def test_paths_lead_from_where_the_videos_are(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists")
    assert listed(elsewhere, "deep/f.mp4 0", videos=folder) == [("deep/f.mp4", 0)]
    with pytest.raises(AnnotationError, match=r"there is no file deep/f\.mp4"):
        listed(elsewhere, "deep/f.mp4 0")


def test_an_absolute_path_may_lead_into_the_folder_and_is_shown_from_there_on(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists")
    assert listed(elsewhere, f"{folder}/deep/../deep/f.mp4 0\n{folder}/a.mp4 1", videos=folder) == [
        ("deep/f.mp4", 0),
        ("a.mp4", 1),
    ]
    link = elsewhere / "link"
    link.symlink_to(folder)
    assert listed(elsewhere, f"{folder}/a.mp4 1", videos=link) == [("a.mp4", 1)]
    for outside in (folder.parent, f"{folder}x/a.mp4", f"{folder}/../a.mp4"):
        with pytest.raises(AnnotationError, match=r"lies outside of the folder"):
            listed(elsewhere, f"{outside} 0", videos=folder)


def test_the_votes_of_moments_in_time_are_no_label(folder):
    assert listed(folder, "deep/f.mp4,drumming,4\na.mp4,talk,3,0") == [("deep/f.mp4", 1), ("a.mp4", 6)]


def test_every_problem_is_told_at_once_and_where(folder):
    lines = [
        "a.mp4 fight",
        "b c.mp4 fihgt",
        "b c.mp4 7",
        "no.mp4 0",
        "./a.mp4 talk",
        "a.mp4",
        "/a.mp4 0",
        "../x.mp4 0",
        "deep/../../x.mp4 0",
        "a.mp4,",
        "deep 0",
        "deep/f.mp4 -1",
        "b c.mp4,quilting",
    ]
    with pytest.raises(AnnotationError, match=r"^list\.txt has 12 problems; nothing was measured") as caught:
        listed(folder, "\n".join(lines))
    assert caught.value.problems == (
        (2, "there is no label fihgt (did you mean fight?)"),
        (3, "there is no class 7, only 0 to 6"),
        (4, "there is no file no.mp4"),
        (5, "a.mp4 is listed on line 1 already"),
        (6, "not a path and a label: a.mp4"),
        (7, f"/a.mp4 lies outside of the folder {folder.name}"),
        (8, f"../x.mp4 lies outside of the folder {folder.name}"),
        (9, f"../x.mp4 lies outside of the folder {folder.name}"),
        (10, "not a path and a label: a.mp4,"),
        (11, "there is no file deep"),
        (12, "there is no class -1, only 0 to 6"),
        (13, "there is no label quilting"),
    )


def test_of_many_problems_the_first_are_told(folder):
    with pytest.raises(
        AnnotationError, match=r"(?s)has 500 problems; .*\n  line 1: .*\n  line 100: .*\n  and 400 more$"
    ) as caught:
        listed(folder, "a.mp4 nothing\n" * 500)
    assert "line 101" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n# nothing\n"])
def test_a_list_without_clips_is_told(folder, text):
    with pytest.raises(AnnotationError, match=r"list\.txt names no clips"):
        listed(folder, text)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80a", None])
def test_what_is_no_text_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"list\.txt (cannot be read|is not text in UTF-8)"):
        read_clips(tmp_path / "list.txt", LABELS)


def test_a_folder_of_folders_is_a_list(tmp_path):
    for name in ("fight/2.mp4", "fight/1.mp4", "talk/1.mp4", "air drumming/x.avi", "fight/.hidden", ".git/x", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    clips = read_clips(tmp_path, LABELS)
    assert [(c.name, c.truth) for c in clips] == [
        ("air drumming/x.avi", 0),
        ("fight/1.mp4", 2),
        ("fight/2.mp4", 2),
        ("talk/1.mp4", 6),
    ]
    assert all(c.path == tmp_path / c.name for c in clips)
    (tmp_path / "fihgt").mkdir()
    with pytest.raises(AnnotationError, match=r"fihgt: there is no label fihgt \(did you mean fight\?\)"):
        read_clips(tmp_path, LABELS)


# ---- what a file system cannot, and what would take long


@pytest.fixture
def forbidden():
    """A list of folders, one of which cannot be looked into: by root neither, who is nobody meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path in ("fight/1.mp4", "talk/1.mp4"):
            (root / path).parent.mkdir()
            (root / path).touch()
        root.chmod(0o755)
        (root / "talk").chmod(0o000)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(65534)
        try:
            yield root
        finally:
            if was_root:
                os.seteuid(0)
            root.chmod(0o755)
            (root / "talk").chmod(0o755)


def test_a_folder_that_cannot_be_read_is_a_problem(forbidden):
    with pytest.raises(
        AnnotationError, match=r"(?s)has 1 problem;.*\n  talk: it cannot be read \(Permission denied\)$"
    ):
        read_clips(forbidden, LABELS)
    with pytest.raises(AnnotationError, match=r"^talk cannot be read \(Permission denied\)"):
        read_clips(forbidden / "talk", LABELS)


def test_a_film_in_a_folder_that_cannot_be_read_is_a_problem(forbidden, tmp_path_factory):
    list_ = forbidden / "fight" / "1.mp4"  # empty as a list
    with pytest.raises(AnnotationError, match="names no clips"):
        read_clips(list_, LABELS, forbidden)
    os.seteuid(os.getuid())
    list_.write_text("talk/1.mp4 0")
    if os.geteuid() == 0:
        os.seteuid(65534)
    with pytest.raises(AnnotationError, match=r"line 1: talk/1\.mp4 cannot be read \(Permission denied\)"):
        read_clips(list_, LABELS, forbidden)


def test_a_path_that_no_system_takes_is_a_problem(folder):
    with pytest.raises(
        AnnotationError, match=r"line 1: x{100}\.\.\. cannot be read \(File name too long\)\n  line 2: there is no file"
    ):
        listed(folder, f"{'x' * 300} 0\n\0.mp4 0")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_clips(folder / ("x" * 300), LABELS)


def test_a_path_of_the_greatest_length_is_taken(folder):
    longest = "./" * 2044 + "a.mp4"
    assert len(longest) < 4096
    assert listed(folder, f"{longest} juggling balls") == [("a.mp4", 3)]


@pytest.mark.parametrize("line", ["a " * 100_000, "a" * 200_000, "a," * 100_000, " " * 200_000 + "x"])
def test_a_line_that_is_too_long_is_told_at_once(folder, line):
    start = time.process_time()
    with pytest.raises(
        AnnotationError, match=r"(?s)has 1 problem;.*\n  line 1: (its .* characters are too many|not a path)"
    ) as caught:
        listed(folder, line)
    assert time.process_time() - start < 1  # it takes a millisecond, and took 3 s
    assert len(str(caught.value)) < 300


def test_a_list_of_another_data_set_is_told_at_once(folder, monkeypatch):
    """With a hint for every line it would take half a minute and more."""
    hints, nearest = [], difflib.get_close_matches
    monkeypatch.setattr(difflib, "get_close_matches", lambda *a, **more: hints.append(a) or nearest(*a, **more))
    labels = [f"label number {k} of these" for k in range(400)]
    (folder / "list.txt").write_text("".join(f"a.mp4,lebal numbre {k % 400} of those\n" for k in range(20_000)))
    with pytest.raises(
        AnnotationError,
        match=r"(?s)20000 problems;.*\n  line 1: there is no label .* \(did you mean .*\n  and 19900 more",
    ):
        read_clips(folder / "list.txt", labels)
    assert len(hints) == MAX_SUGGESTIONS


# ---- one reader: what `train` reads `evaluate` reads, and what `evaluate` reads `train` reads

LISTS = [
    ("path,label\na.mp4,fight\n./deep//f.mp4,talk\n", [("a.mp4", "fight"), ("deep/f.mp4", "talk")]),
    ("label;video;source;note\nfight;a.mp4;s1;x\n", [("a.mp4", "fight")]),  # columns in any order, some unknown
    ('sep=;\npath;label\n"d, e.mp4";other\n', [("d, e.mp4", "other")]),
    ("path,label,subset\na.mp4,fight,training\nb c.mp4,talk,validation\n", [("a.mp4", "fight"), ("b c.mp4", "talk")]),
    ("a.mp4,fight,5,1\nb c.mp4, talk, 3, 0.5\n", [("a.mp4", "fight"), ("b c.mp4", "talk")]),  # votes
    ("a.mp4;fight\ndeep/f.mp4\tair drumming\n", [("a.mp4", "fight"), ("deep/f.mp4", "air drumming")]),
    ("# clips\n\na.mp4 juggling balls\n  # the end\n", [("a.mp4", "juggling balls")]),
    ("# a comment\n" * 30 + "a.mp4 fight\n", [("a.mp4", "fight")]),
    ("d, e.mp4,air drumming\nb c.mp4 pool\n", [("d, e.mp4", "air drumming"), ("b c.mp4", "pool")]),
    ("a.mp4 b c.mp4 fight\n", [("a.mp4 b c.mp4", "fight")]),  # the last suffix ends the path
    ("\ufeffdeep/f.mp4,pool\r\na.mp4,talk\r\n", [("deep/f.mp4", "pool"), ("a.mp4", "talk")]),
]


@pytest.mark.parametrize(("text", "clips"), LISTS)
def test_training_and_evaluating_read_one_list_alike(folder, text, clips):
    (folder / "a.mp4 b c.mp4").write_bytes(b"x")
    assert [(name, LABELS[truth]) for name, truth in listed(folder, text)] == clips
    annotations = read_annotations(folder / "list.txt")
    assert [(name, video.clip_label) for name, video in annotations.videos.items()] == clips


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("path,label\na.mp4,fight\nb c.mp4\n", [(3, "it has 1 cells, the header 2")]),
        ("path,label,path\na.mp4,fight,x\n", [(1, "the header names path twice")]),
        ("a.mp4,fight\nfight\n", [(2, "not a path and a label: fight")]),
    ],
)
def test_both_name_what_is_wrong_with_a_list_by_its_line(folder, text, problems):
    for read in (lambda: listed(folder, text), lambda: read_annotations(folder / "list.txt")):
        (folder / "list.txt").write_text(text)
        with pytest.raises(AnnotationError) as caught:
            read()
        assert list(caught.value.problems) == problems


def test_a_path_without_suffix_may_hold_what_labels_hold_where_these_are_known(folder):
    (folder / "my, clip").write_bytes(b"x")
    text = "deep/f.mp4 2\nmy, clip,juggling balls\n"
    assert listed(folder, text) == [("deep/f.mp4", 2), ("my, clip", 3)]
    with pytest.raises(AnnotationError) as caught:
        read_annotations(folder / "list.txt")
    assert caught.value.problems == ((2, "not a path and a label: my, clip,juggling balls"),)


def test_a_clip_and_its_label_are_found_in_any_form_of_unicode(tmp_path):
    (tmp_path / "u\u0308.mp4").touch()
    (tmp_path / "list.txt").write_text("\u00fc.mp4 e\u0301\n", "utf-8")
    (clip,) = read_clips(tmp_path / "list.txt", ["a", "\u00e9"])
    assert (clip.path.name, clip.truth) == ("u\u0308.mp4", 1)


def test_a_file_says_which_label_a_number_of_the_list_is(folder):
    (folder / "names.txt").write_text("1 fight\n2 talk\n3 quilting\n")
    assert listed(folder, "a.mp4 2\nb c.mp4 1\ndeep/f.mp4 talk\n", names=folder / "names.txt") == [
        ("a.mp4", 6),
        ("b c.mp4", 2),
        ("deep/f.mp4", 6),
    ]
    with pytest.raises(AnnotationError) as caught:
        listed(folder, "a.mp4 0\nb c.mp4 3\n", names=folder / "names.txt")
    assert caught.value.problems == (
        (1, "there is no label 0 in names.txt"),
        (2, "there is no label quilting"),
    )


def test_clips_of_kinetics_are_found_anywhere_in_the_folder(folder):
    for name in ("val/air_drumming/abcdefghi-0_000095_000105.mp4", "x/bbcdefghi_1.mkv", "talk/c.mp4", "pool/c.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    table = "label,youtube_id,time_start,time_end,split\nair drumming,abcdefghi-0,95,105,validate\n"
    assert listed(folder, table + "pool,c,7,17,validate\nfight,bbcdefghi_1,0,10,test\n") == [
        ("val/air_drumming/abcdefghi-0_000095_000105.mp4", 0),
        ("pool/c.mp4", 5),
        ("x/bbcdefghi_1.mkv", 2),
    ]
    with pytest.raises(AnnotationError) as caught:
        listed(folder, table + "fight,c,7,17,validate\nfight,d,7,17,validate\n,e,7,17,validate\n")
    assert caught.value.problems == (
        (3, "c_000007_000017 may be pool/c.mp4 and talk/c.mp4: remove the others"),
        (4, f"there is no film d_000007_000017 in {folder.name}"),
        (5, f"there is no film e_000007_000017 in {folder.name}"),
    )


def test_a_list_may_be_packed(folder):
    (folder / "list.txt.gz").write_bytes(gzip.compress(b"a.mp4 fight\n"))
    assert [clip.name for clip in read_clips(folder / "list.txt.gz", LABELS)] == ["a.mp4"]


def test_folders_may_have_underscores_for_spaces_and_subsets_are_given_one_by_one(tmp_path):
    for name in ("train/air_drumming/1.mp4", "val/juggling_balls/2.mp4", "val/talk/3.mp4"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert [(c.name, c.truth) for c in read_clips(tmp_path / "val", LABELS)] == [
        ("juggling_balls/2.mp4", 3),
        ("talk/3.mp4", 6),
    ]
    with pytest.raises(
        AnnotationError, match=f"it holds folders of subsets, train and val.*give one of them: {tmp_path.name}/"
    ):
        read_clips(tmp_path, LABELS)


@pytest.mark.parametrize("text", ["video,start_s,end_s,label\na.mp4,1,2,fight\n", "a.mp4 0.5 2.5 fight\n"])
def test_what_holds_times_is_no_list_of_clips(tmp_path, text):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(AnnotationError, match="it contains times, so it is not a list of whole clips"):
        listed(tmp_path, text)
