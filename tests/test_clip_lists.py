"""Lists of clips to learn from: which films, their classes and subsets, and every mistake at once."""

import gzip
import os
import pickle
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.training.clip_lists import read_clip_lists


@pytest.fixture
def films(tmp_path):
    root = tmp_path / "films"
    for name in ("run/1.mp4", "run/2.mp4", "sit/3.mp4", "sit/4.mp4", "sit/down/5.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def read(films):
    """read(list, validation=..., names=...): the clips of such files."""

    def read_(text, **options):
        given = {"list": text} | {key: options.pop(key) for key in ("validation", "names") if key in options}
        paths = {key: films.parent / f"{key}.txt" for key in given}
        for key, path in paths.items():
            path.write_bytes(given[key] if isinstance(given[key], bytes) else given[key].encode())
        return read_clip_lists(paths.pop("list"), films, **paths, **options)

    return read_


def drawn(lists):
    """(file, label, t or v) of each clip."""
    root = lists.clips.root
    return [(c.path.relative_to(root).as_posix(), lists.labels[c.label], c.subset[0]) for c in lists.clips]


def problems(caught):
    return [text if line is None else f"{line}: {text}" for line, text in caught.value.problems]


TWO = "run/1.mp4 run\nsit/3.mp4 sit\n"
CLIPS = [("run/1.mp4", "run", "t"), ("sit/3.mp4", "sit", "t")]


def test_clips_have_a_file_a_class_and_a_subset(read, films):
    lists = read(TWO, validation="sit/4.mp4 sit\n")
    assert lists.labels == ("run", "sit")
    assert list(lists.clips) == [
        (films / "run/1.mp4", 0, "training"),
        (films / "sit/3.mp4", 1, "training"),
        (films / "sit/4.mp4", 1, "validation"),
    ]
    assert [list(lists.clips.of(subset)) for subset in ("training", "validation")] == [
        list(lists.clips[:2]),
        list(lists.clips[2:]),
    ]
    assert lists.clips[-1] == lists.clips[2]
    assert lists.notes == ()
    with pytest.raises(IndexError):
        lists.clips[3]


# ---- forms of lists

FORMS = {
    "lines": "run/1.mp4 run\nsit/3.mp4 sit\n",
    "commas": "./run//1.mp4,run\nsit/3.mp4,sit\n",
    "votes": "run/1.mp4,run,3,1\nsit/3.mp4,sit,4,0\n",
    "table": "label,path\nrun,run/1.mp4\nsit,sit/3.mp4\n",
    "spreadsheet": 'sep=;\nlabel;path\nrun;"run/1.mp4"\nsit;sit/3.mp4\n',
    "names alone": "1 run\n3 sit\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_list_says_the_same_in_every_form(read, form):
    assert drawn(read(FORMS[form])) == CLIPS
    assert drawn(read(gzip.compress(FORMS[form].encode()))) == CLIPS
    assert read(FORMS[form]).digest == read(FORMS["lines"]).digest


def test_absolute_paths_may_lead_into_the_folder_of_the_films(read, films, tmp_path):
    assert drawn(read(f"{films}/run/1.mp4 run\n{films}/sit/../sit/3.mp4 sit\n")) == CLIPS
    link = tmp_path / "link"
    link.symlink_to(films)
    (tmp_path / "list.txt").write_text(f"{films}/run/1.mp4 run\n{link}/sit/3.mp4 sit\n")
    lists = read_clip_lists(tmp_path / "list.txt", link)
    assert drawn(lists) == CLIPS
    assert lists.clips[0].path == link / "run/1.mp4"


KINETICS = """\
label,youtube_id,time_start,time_end,split
big run,abcdefghi-0,95,105,train
big run,abcdefghi_1,0,10,validate
sit,-bcdefghi_2,7,17,train
sit,_bcdefghi_3,7,17,test
"""


@pytest.mark.parametrize(
    "layout",
    [
        ["train/big run/{}.mp4", "val/big run/{}.mp4", "train/sit/{}.mp4"],
        ["big_run/{}.mp4", "big_run/{}.mkv", "sit/{}.webm"],
        ["{}.mp4", "{}.mp4", "{}.mp4"],
    ],
)
def test_clips_of_kinetics_are_found_by_their_seconds(read, films, layout):
    names = ["abcdefghi-0_000095_000105", "abcdefghi_1_000000_000010", "-bcdefghi_2_000007_000017"]
    files = [path.format(name) for path, name in zip(layout, names, strict=True)]
    for file in files:
        (films / file).parent.mkdir(parents=True, exist_ok=True)
        (films / file).touch()
    lists = read(KINETICS)
    assert drawn(lists) == [(files[0], "big run", "t"), (files[2], "sit", "t"), (files[1], "big run", "v")]
    assert lists.notes == ("1 clip of the subset test is not used",)


def test_a_clip_of_kinetics_may_be_named_by_its_film_which_is_told(read, films):
    for name in ("abcdefghi-0", "abcdefghi_1", "-bcdefghi_2"):
        (films / f"{name}.mp4").touch()
    lists = read(KINETICS)
    assert [path for path, *_ in drawn(lists)] == ["abcdefghi-0.mp4", "-bcdefghi_2.mp4", "abcdefghi_1.mp4"]
    told = "3 films are named by the id alone, without seconds: each is taken for the clip, cut out"
    assert lists.notes == (told, "1 clip of the subset test is not used")


def test_of_a_clip_in_several_folders_that_of_its_class_counts(read, films):
    for folder in ("big_run", "sit"):
        (films / folder).mkdir(exist_ok=True)
        (films / folder / "abcdefghi-0_000095_000105.mp4").touch()
    table = "label,youtube_id,time_start,time_end\nbig run,abcdefghi-0,95,105\n"
    with pytest.raises(AnnotationError) as caught:
        read(KINETICS)
    assert problems(caught) == [
        "2 clips are not in films: abcdefghi_1_000000_000010 and -bcdefghi_2_000007_000017",
    ]
    with pytest.raises(InputError, match=r"all clips to learn from in list\.txt are of one label, big run"):
        read(table)


def test_folders_of_classes_are_a_list(films):
    lists = read_clip_lists(films, films)
    assert drawn(lists) == [
        *(("run/1.mp4", "run", "t"), ("run/2.mp4", "run", "t")),
        *(("sit/3.mp4", "sit", "t"), ("sit/4.mp4", "sit", "t")),
    ]


def test_folders_of_subsets_may_be_one_list_or_two(films):
    root = films / "k"
    for name in ("train/run/1.mp4", "train/sit/2.mp4", "val/sit/1.mp4", "test/run/9.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    one = read_clip_lists(root, films)
    assert drawn(one) == [
        ("k/train/run/1.mp4", "run", "t"),
        ("k/train/sit/2.mp4", "sit", "t"),
        ("k/val/sit/1.mp4", "sit", "v"),
    ]
    two = read_clip_lists(root / "train", films, validation=root / "val")
    assert drawn(two) == drawn(one)
    with pytest.raises(InputError, match="the folder train is not inside run, the folder of the films"):
        read_clip_lists(root / "train", films / "run")


# ---- labels


def test_labels_are_sorted_and_numbers_by_size(read):
    lists = read("run/1.mp4 10\nrun/2.mp4 9\nsit/3.mp4 100\n")
    assert (lists.labels, lists.clips.labels.tolist()) == (("9", "10", "100"), [1, 0, 2])
    assert lists.notes == ("the labels are numbers; a file that names them goes after --labels",)


@pytest.mark.parametrize(
    "text", ["run/1.mp4 1\nsit/3.mp4 0\n", "run/1.mp4 big run\nsit/3.mp4 sit\n", "run/1.mp4,big_run,3\nsit/3.mp4,0\n"]
)
def test_a_file_of_labels_names_numbers_and_orders_labels(read, text):
    lists = read(text, names="sit\nbig run\njump\n")
    assert lists.labels == ("sit", "big run", "jump")
    assert lists.clips.labels.tolist() == [1, 0]
    assert "1 label has no clip to learn from: jump" in lists.notes


def test_labels_that_no_line_names_are_problems(read):
    with pytest.raises(AnnotationError) as caught:
        read("run/1.mp4 1\nrun/2.mp4 3\nsit/3.mp4 sitt\nsit/4.mp4 3\n", names="sit\nrun\njump\n")
    assert problems(caught) == [
        "2 clips are of number 3, which has no label in names.txt (its numbers go from 0 to 2): "
        "run/2.mp4 and sit/4.mp4",
        "3: 1 clip is of sitt, which is not in names.txt (did you mean sit?): sit/3.mp4",
    ]


def test_labels_for_validation_only_are_refused(read):
    validation = "sit/4.mp4 jump\nrun/2.mp4 run\n"
    with pytest.raises(InputError) as caught:
        read(TWO, validation=validation)
    assert str(caught.value) == (
        "1 clip for validation of labels that no clip to learn from has: jump; what no clip teaches is never "
        "predicted; add clips of these labels to learn from, or leave out those for validation (--skip-bad)"
    )
    lists = read(TWO, validation=validation, skip_bad=True)
    assert drawn(lists) == [*CLIPS, ("run/2.mp4", "run", "v")]
    assert lists.notes == ("left out: 1 clip for validation of labels that no clip to learn from has: jump",)


def test_a_label_that_looks_like_another_is_told(read):
    text = "run/1.mp4 running\nrun/2.mp4 running\nsit/3.mp4 runing\nsit/4.mp4 sit\n"
    assert read(text).notes == ("the label runing looks like running, misspelt (1 against 2)",)


def test_a_source_on_both_sides_is_told(read):
    table = "path,label,subset,source\nrun/1.mp4,run,train,a\nsit/3.mp4,sit,train,b\nsit/4.mp4,sit,val,b\n"
    told = "1 source has clips to learn from and for validation, so figures are too good: b"
    assert read(table).notes == (told,)
    learnt = table.replace("sit/4.mp4,sit,val,b\n", "")
    assert read(learnt, validation="path,label,source\nsit/4.mp4,sit,b\n").notes == (told,)
    assert read(learnt, validation="path,label,source\nsit/4.mp4,sit,c\n").notes == ()


# ---- what is wrong


def test_every_problem_is_told_at_once_and_those_of_many_clips_once(read, films, tmp_path):
    (tmp_path / "far.mp4").touch()
    (films / "out.mp4").symlink_to(tmp_path / "far.mp4")
    text = (
        "run/1.mp4 run\nrun/2.mp4 run\nsit/3.mp4 sit\ngone.mp4 sit\n/a/b.mp4 run\n../b.mp4 run\n/a/c/d.mp4 run\n"
        "run/1.mp4 sit\nrun/2.mp4 run\nwhat\nx\0.mp4 run\nout.mp4 run\nsit/4.mp4 " + "x" * 9000 + "\n"
    )
    with pytest.raises(
        AnnotationError, match=r"^list\.txt has 8 problems; nothing was trained; fix the list, or"
    ) as caught:
        read(text)
    assert problems(caught) == [
        "3 clips are outside of films: /a/b.mp4, ../b.mp4 and /a/c/d.mp4 (absolute paths begin with /a: "
        "there is no such folder: shorten them)",
        "4: 1 clip is not in films: gone.mp4",
        "8: run/1.mp4 is listed on line 1 already, as run, so neither counts",
        "9: run/2.mp4 is listed on line 2 already",
        "10: not a path and a label: what",
        r"11: the path x\x00.mp4 holds control characters, or broken ones",
        "12: 1 clip is behind a link out of films, which is not allowed: out.mp4",
        "13: its 9010 characters are too many for a path and a label",
    ]
    lists = (
        read(text + "run/deep/../2.mp4 run\n", skip_bad=True)
        if False
        else read(text + "sit/4.mp4 run\n", skip_bad=True)
    )
    assert drawn(lists) == [("run/2.mp4", "run", "t"), ("sit/3.mp4", "sit", "t"), ("sit/4.mp4", "run", "t")]
    assert [note.split(":")[0] for note in lists.notes] == ["left out"] * 8


def test_absolute_paths_elsewhere_name_the_folder_to_give(read, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "run").mkdir(parents=True)
    with pytest.raises(AnnotationError) as caught:
        read(f"{elsewhere}/run/1.mp4 run\n{elsewhere}/sit/1.mp4 sit\n")
    (text,) = problems(caught)
    assert text.endswith(f"(absolute paths begin with {elsewhere}: name it with --videos)")


def test_a_folder_without_any_of_the_films_says_what_it_holds(read):
    with pytest.raises(AnnotationError, match=r"20 clips are not in films: .* 10 more \(it holds run/1\.mp4, "):
        read("".join(f"x/{n}.mp4 {n % 2}\n" for n in range(20)))


def test_folders_behind_links_are_named_where_films_are_missing(read, films, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (films / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AnnotationError, match=r"gone\.mp4 \(not looked into, behind links or not readable: more\)"):
        read(TWO + "more/gone.mp4 run\n")


def test_a_clip_in_both_lists_is_named(read):
    with pytest.raises(AnnotationError) as caught:
        read(TWO, validation="sit/3.mp4 sit\nx.mp4 sit\n")
    assert problems(caught) == [
        "2: list.txt: 1 clip is in validation.txt too, and would measure what was learnt: sit/3.mp4",
        "2: validation.txt: 1 clip is not in films: x.mp4",
    ]
    lists = read(TWO + "sit/4.mp4 sit\n", validation="sit/3.mp4 sit\n", skip_bad=True)
    assert drawn(lists) == [("run/1.mp4", "run", "t"), ("sit/4.mp4", "sit", "t"), ("sit/3.mp4", "sit", "v")]


def test_a_name_that_several_films_have_is_told(read, films):
    (films / "sit/down/1.mp4").touch()
    with pytest.raises(AnnotationError) as caught:
        read("1.mp4 walk\nsit/3.mp4 sit\n")
    assert problems(caught) == [
        "1: 1 clip is in several places: write a path, or remove the others: 1.mp4 (run/1.mp4 and sit/down/1.mp4)"
    ]


def test_a_subset_is_one_of_three(read):
    table = "path,label,subset\nrun/1.mp4,run,train\nsit/3.mp4,sit,\nrun/2.mp4,run,VAL\nsit/4.mp4,sit,trian\n"
    with pytest.raises(AnnotationError) as caught:
        read(table)
    assert problems(caught) == ["5: 1 clip is of the subset trian, not of training, validation or test: sit/4.mp4"]
    assert drawn(read(table.replace("trian", "test"))) == [*CLIPS, ("run/2.mp4", "run", "v")]


def test_clips_for_validation_come_from_one_place(read):
    with pytest.raises(InputError, match=r"names 1 clip of the subset validation, and validation\.txt names others"):
        read("path,label,subset\nrun/1.mp4,run,val\nsit/3.mp4,sit,train\n", validation=TWO)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "list.txt names no clip to learn from"),
        ("# nothing\n\n", "list.txt names no clip to learn from"),
        ("run/1.mp4 run\nrun/2.mp4 run\n", "all clips to learn from in list.txt are of one label, run"),
        ("path,label,subset\nrun/1.mp4,run,test\n", "all clips of list.txt have the subset test"),
        ("path,label,subset\nrun/1.mp4,run,val\n", "list.txt names no clip to learn from"),
    ],
)
def test_a_list_that_teaches_nothing_is_told(read, text, told):
    with pytest.raises(InputError, match=told):
        read(text)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("video,start_s,end_s,label\na,1,2,x\n", "it contains times, so it is not a list of whole clips"),
        ("youtube_id,time_start,time_end\nabcdefghi-0,1,11\n", "there is no column label, so it teaches nothing"),
        ('{"a.mp4": "run"}', "it is not a list of whole clips"),
        (pickle.dumps(["a"]), "is a pickle"),
        (b"\xff\xfe\x00", "is not text in UTF-8 or UTF-16"),
        (b"BZh9", "is packed"),
        ('path,label\n"a.mp4,run\n', "unexpected end of data"),
    ],
)
def test_what_is_no_list_is_told(read, content, told):
    with pytest.raises(AnnotationError, match=told):
        read(content)


@pytest.mark.parametrize("line", ["a " * 500_000, "a" * 1_000_000, "a," * 500_000, "a.mp4 " * 200_000, '"' * 1_000_001])
def test_a_line_that_is_too_long_takes_no_time(read, line):
    start = time.process_time()
    with pytest.raises((AnnotationError, InputError)) as caught:
        read(line)
    assert time.process_time() - start < 2
    assert len(str(caught.value)) < 500


def test_more_films_than_are_read_are_refused(read, monkeypatch):
    monkeypatch.setattr("vtn_stream.formats.annotations.clip_list.MAX_ENTRIES", 3)
    with pytest.raises(AnnotationError, match=r"line 4: it has more than 3 films, split it"):
        read("run/1.mp4 run\n" * 4)


def test_the_digest_tells_lists_apart(read):
    digest = read(TWO, validation="sit/4.mp4 sit").digest
    assert read("# a comment\n" + TWO, validation="sit/4.mp4,sit\n").digest == digest
    others = [
        read(TWO),
        read(TWO + "sit/4.mp4 sit\n"),
        read("sit/3.mp4 sit\nrun/1.mp4 run\n", validation="sit/4.mp4 sit"),
        read("run/1.mp4 run\nsit/3.mp4 sat\n", validation="sit/4.mp4 sat"),
        read("run/1.mp4 sit\nsit/3.mp4 run\n", validation="sit/4.mp4 sit"),
    ]
    assert len({digest, *(lists.digest for lists in others)}) == 6


# ---- size


def test_many_clips_take_little_time_and_room(read, films, monkeypatch):
    """3,000 here. Of 240,000 it was measured once: 4 to 8 s, and 125 MB above what the program needs anyhow."""
    num = 3_000
    for k in range(20):
        (films / f"class {k}").mkdir()
    for n in range(num):
        os.mknod(films / f"class {n % 20}" / f"{n:011}_000000_000010.mp4")
    text = "".join(f"class {n % 20}/{n:011}_000000_000010.mp4 {n % 20}\n" for n in range(num))
    monkeypatch.setattr("vtn_stream.formats.annotations.text.MAX_BYTES", 2**21)  # a buffer of so much is asked for
    tracemalloc.start()
    try:
        start = time.process_time()
        lists = read(text)
        assert time.process_time() - start < 10
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(lists.clips) == num
    assert peak / num < 1000  # bytes a clip, with 400 for what any list takes


# ---- property: a list is read as it was written, in each form

NAMES = st.text("abcäé._-1 ", min_size=1, max_size=6).map(lambda name: f"f{name}x")
LABELS = st.text("abcäé_", min_size=1, max_size=5).map(lambda word: f"l {word}")


@given(
    clips=st.dictionaries(st.tuples(NAMES, NAMES).map("/".join), LABELS, min_size=2, max_size=8),
    form=st.sampled_from(["line", "comma", "tab", "votes", "table", "absolute", "number"]),
)
def test_a_list_is_read_as_it_was_written(tmp_path_factory, clips, form):
    folder = tmp_path_factory.mktemp("written")
    root, labels = folder / "films", sorted(set(clips.values()))
    for name in clips:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.mp4").touch()
    rows = [(f"{name}.mp4", label) for name, label in clips.items()]
    lines = {
        "line": [f"{path} {label}" for path, label in rows],
        "comma": [f"{path},{label}" for path, label in rows],
        "tab": [f"{path}\t{label}" for path, label in rows],
        "votes": [f"{path},{label},3,0" for path, label in rows],
        "table": ["path,label", *(f"{path},{label}" for path, label in rows)],
        "absolute": [f"{root}/{path} {label}" for path, label in rows],
        "number": [f"{path} {labels.index(label)}" for path, label in rows],
    }[form]
    (folder / "list").write_text("\n".join(lines), "utf-8")
    (folder / "names").write_text("\n".join(labels), "utf-8")
    if len(labels) < 2:
        with pytest.raises(InputError, match="of one label"):
            read_clip_lists(folder / "list", root, names=folder / "names")
        return
    assert [
        (path, label) for path, label, _ in drawn(read_clip_lists(folder / "list", root, names=folder / "names"))
    ] == rows
