"""Lists of labelled clips: what a line means, and every mistake told at once."""

import pytest

from vtn_stream.clip_list import read_clips
from vtn_stream.errors import InputError

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
    with pytest.raises(InputError, match=r"there is no file deep/f\.mp4"):
        listed(elsewhere, "deep/f.mp4 0")


def test_every_problem_is_told_at_once_and_where(folder):
    lines = [
        "a.mp4 fight",
        "b c.mp4 fihgt",
        "b c.mp4 7",
        "no.mp4 0",
        "./a.mp4 talk",
        "a.mp4",
        f"{folder}/a.mp4 0",
        "../x.mp4 0",
        "deep/../../x.mp4 0",
        "a.mp4,",
        "deep 0",
        "deep/f.mp4 -1",
        "b c.mp4,quilting",
    ]
    with pytest.raises(InputError) as caught:
        listed(folder, "\n".join(lines))
    assert caught.value.fact.removeprefix("list.txt has 12 problems: ").split(", line ") == [
        "line 2: there is no label fihgt (did you mean fight?)",
        "3: there is no class 7, only 0 to 6",
        "4: there is no file no.mp4",
        "5: a.mp4 is on line 1 already",
        "6: not a path and a label",
        f"7: {folder}/a.mp4 leads out of the folder",
        "8: ../x.mp4 leads out of the folder",
        "9: ../x.mp4 leads out of the folder",
        "10: not a path and a label",
        "11: there is no file deep",
        "12: there is no class -1, only 0 to 6",
        "13: there is no label quilting",
    ]


def test_of_many_problems_the_first_are_told(folder):
    with pytest.raises(InputError, match=r"has 500 problems: line 1: .* line 20: .*, and 480 more;") as caught:
        listed(folder, "a.mp4 nothing\n" * 500)
    assert "line 21" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n# nothing\n"])
def test_a_list_without_clips_is_told(folder, text):
    with pytest.raises(InputError, match=r"list\.txt names no clips"):
        listed(folder, text)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", None])
def test_what_is_no_text_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"list\.txt cannot be read as a list"):
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
    with pytest.raises(InputError, match=r"folder fihgt: there is no label fihgt \(did you mean fight\?\)"):
        read_clips(tmp_path, LABELS)
