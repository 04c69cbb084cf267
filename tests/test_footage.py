"""From annotations and a folder to films: which file is which film, what is found, what is told."""

import json
import shutil
from fractions import Fraction

import pytest
from boris_projects import observation, text
from recorded import recording
from training_material import material, process, row, store, table  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.film_folder import FilmFolder
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.timeline import Part, Segment
from vtn_stream.training.events import TrainingStage
from vtn_stream.training.footage import NOT_COUNTED, find_films
from vtn_stream.video import DecodingProcess, probe


@pytest.fixture
def folder(material, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(material, tmp_path / "films")


# ---- which file is which film


def made(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return FilmFolder(root)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("x.mp4", ["x.mp4"]),  # this very path, though x.mkv and deep/x.mp4 are there
        ("x", ["x.mp4", "x.mkv", "deep/x.mp4"]),
        ("deep/x", ["deep/x.mp4"]),
        ("deep\\x.mp4", ["deep/x.mp4"]),
        ("x.avi", ["x.mp4", "x.mkv", "deep/x.mp4"]),  # whatever its suffix
        ("y", ["deep/y.mp4"]),  # and not the notes on it
        ("y.mp4", ["deep/y.mp4"]),
        ("other/y.mp4", []),
        ("P01.02", ["P01.02.mp4"]),
        ("odd", ["odd.mxf2"]),
        ("z", []),
        ("odd_000001_000011", ["odd.mxf2"]),  # a clip of Kinetics
        ("deep/y_000001_000011.mp4", ["deep/y.mp4"]),
        ("_000001_000011", []),
        ("hidden", []),
        ("café", ["cafe\u0301.mp4"]),  # as macOS spells it
    ],
)
def test_an_id_is_a_path_or_the_end_of_one_whatever_its_suffix(tmp_path, name, found):
    films = made(
        tmp_path,
        *("x.mp4", "x.mkv", "deep/x.mp4", "deep/y.mp4", "y.txt", "P01.02.mp4", "odd.mxf2"),
        *(".hidden.mp4", ".git/hidden.mp4", "cafe\u0301.mp4"),
    )
    assert sorted(films.find(name)) == sorted(found)


def test_of_films_of_one_name_those_in_a_folder_called_like_the_label_count(tmp_path):
    films = made(tmp_path, "big_run/x.mp4", "sit/x.mp4", "x/sit/x.mkv", "jump/y.mp4")
    assert films.find("x.mp4", "big run") == ["big_run/x.mp4"]
    assert films.find("x", "sit") == ["sit/x.mp4", "x/sit/x.mkv"]
    assert films.find("x.mp4", "jump") == ["big_run/x.mp4", "sit/x.mp4"]
    assert films.find("y", "sit") == ["jump/y.mp4"]


def test_links_are_followed_inside_the_folder_only(tmp_path):
    made(tmp_path / "elsewhere", "far.mp4", "deep/far2.mp4")
    root = tmp_path / "films"
    made(root, "near.mp4")
    (root / "again.mp4").symlink_to("near.mp4")
    (root / "out.mp4").symlink_to(tmp_path / "elsewhere" / "far.mp4")
    (root / "deep").symlink_to(tmp_path / "elsewhere" / "deep")
    (root / "nowhere.mp4").symlink_to("nothing.mp4")
    films = FilmFolder(root)
    assert films.files == ["again.mp4", "near.mp4"]
    assert films.passed == ["deep"]
    assert [films.leads_out(name) for name in ("out", "near", "nowhere", "far2")] == [True, False, False, False]


def test_a_folder_that_is_none_is_told(tmp_path):
    with pytest.raises(InputError, match="the folder nothing cannot be read"):
        FilmFolder(tmp_path / "nothing")


# ---- found


def test_films_are_found_and_their_durations_are_true(material, store, process, table):
    file = table(row("a.mp4"), row("b", 2, 20.3), row("c", subset="test"), row("gone", subset="test"), row("d"))
    events = []
    footage = find_films(file, material, store, process, on_event=events.append)
    assert {name: video.path.name for name, video in footage.videos.items()} == {
        "a.mp4": "a.mp4",
        "b": "b.mkv",
        "d": "d.mp4",
    }
    videos = footage.annotations.videos
    assert [videos[name].duration_s for name in ("a.mp4", "b", "d")] == pytest.approx([20, 20, 20])
    assert videos["b"].segments[0].end_s == pytest.approx(20)
    assert len(footage.notes) == 1
    assert "1 segment ends up to 0.3 s past the end" in footage.notes[0]
    assert [event.message for event in events if isinstance(event, TrainingStage)] == ["a.mp4", "b.mkv", "d.mp4"]


def test_events_without_a_length_are_learnt_as_instants(material, store, process, tmp_path):
    film = {"video": "a", "num_frames": 100, "fps": 5, "events": [{"frame": 25, "label": "jump"}]}
    (tmp_path / "spots.json").write_text(json.dumps([film]))
    footage = find_films(tmp_path / "spots.json", material, store, process)
    (jump,) = footage.annotations.videos["a"].segments
    assert (jump.start_s, jump.end_s) == (5.0, 5.0)
    assert "1 event without a length is learnt as instants: jump" in footage.notes


def test_a_film_is_probed_once(material, store, process, table, monkeypatch):
    file = table(row("a"), row("b"))
    find_films(file, material, store, process)
    monkeypatch.setattr(DecodingProcess, "probe", None)
    assert len(find_films(file, material, store, process).videos) == 2


def test_annotations_of_other_films_are_told_with_some_of_both(material, store, process, table):
    with pytest.raises(InputError) as told:
        find_films(table(row("x"), row("y"), row("z"), row("w"), row("v")), material, store, process)
    assert told.value.fact == (
        "no film of actions.csv is in films: it names x, y, z and 2 more, "
        "the folder holds a.mp4, c.mp4, d.mp4 and 1 more"
    )
    assert str(material) not in str(told.value)


def test_every_problem_comes_in_one_report(folder, store, process, table, film_maker, tmp_path):
    (folder / "text.mp4").write_text("this is not a film\n" * 100)
    (folder / "deep" / "d.mkv").touch()
    shutil.copy(folder / "a.mp4", tmp_path / "far.mp4")
    (folder / "far.mp4").symlink_to(tmp_path / "far.mp4")
    rows = [
        row("a", 5, 4),  # line 2
        row("bb"),
        row("c", 19, 30),
        row("d"),
        row("text"),
        row("far"),
        row("c.mp4"),
        row("a", 1, 2),
    ]
    with pytest.raises(AnnotationError) as told:
        find_films(table(*rows), folder, store, process)
    lines = str(told.value).splitlines()
    assert lines[0].startswith("actions.csv and its films have 7 problems; nothing was trained; ")
    assert "--skip-bad" in lines[0]
    assert lines[1:] == [
        "  line 2: a: it ends at 4 s, before it starts at 5 s",
        "  line 3: there is no film bb (did you mean b?)",
        "  line 4: c: it ends at 30 s, past the end of the film at 20 s",
        "  d may be d.mp4 and deep/d.mkv: write its path, or remove the others",
        "  far is a link that leads out of the folder, which is not allowed",
        "  c.mp4 is c.mp4, and so is c",
        lines[7],
    ]
    assert lines[7].startswith("  text.mp4 cannot be read as a film")

    footage = find_films(table(*rows, row("b")), folder, store, process, skip_bad=True)
    assert sorted(footage.videos) == ["a", "b"]
    assert sum(note.startswith("left out: ") for note in footage.notes) == 7
    with pytest.raises(AnnotationError, match="have 1 problem; nothing was trained; copy or download the films again"):
        find_films(table(row("text")), folder, store, process, skip_bad=True)


def test_films_that_cannot_be_read_are_told_where_the_annotations_are_right(folder, store, process, table):
    (folder / "c.mp4").write_bytes(b"")
    with pytest.raises(AnnotationError) as told:
        find_films(table(row("a"), row("c", 1, 1000)), folder, store, process)
    assert told.value.problems == ((None, "c.mp4 is empty; it was not analyzed; download or copy it again"),)


def test_a_film_of_which_all_annotations_are_wrong_is_not_said_to_be_missing(material, store, process, table):
    with pytest.raises(AnnotationError) as told:
        find_films(table(row("a"), row("c", 5, 4)), material, store, process)
    assert [text for _, text in told.value.problems] == ["c: it ends at 4 s, before it starts at 5 s"]


def test_films_without_annotations_are_told(material, store, process, table):
    (note,) = find_films(table(row("a"), row("d")), material, store, process).notes
    assert note == "2 films without annotations: c and b"


def test_files_of_an_annotated_recording_are_not_said_to_be_without_annotations(material, store, process, tmp_path):
    videos = [probe(material / f"{name}.mp4", process) for name in "ac"]
    parts, start_s = [], 0.0
    for video in videos:
        named = {"video_path": video.path.name, "video_identity": video.identity}
        parts.append(Part(**named, start_s=start_s, duration_s=video.duration_s))
        start_s += video.duration_s
    said = (Segment(start_s=0, end_s=1, label="x"), Segment(start_s=start_s - 1, end_s=start_s, label="x"))
    whole = recording(*said, parts=tuple(parts), duration_s=start_s, span_s=(0, start_s))
    path = tmp_path / "match.timeline.json"
    path.write_bytes(timeline_json.dumps(whole))
    footage = find_films(path, material, store, process)
    assert sorted(footage.videos) == ["a.mp4", "c.mp4"]
    silent = [note for note in footage.notes if "without annotations" in note]
    assert not any("a.mp4" in note or "c.mp4" in note for note in silent)


def test_frames_without_a_rate_are_frames_of_the_films(material, store, process, tmp_path):
    (tmp_path / "groundTruth").mkdir()
    (tmp_path / "mapping.txt").write_text("0 background\n1 run\n")
    (tmp_path / "groundTruth" / "a.txt").write_text("background\n" * 25 + "run\n" * 75)
    footage = find_films(tmp_path, material, store, process)
    first, second = footage.annotations.videos["a"].segments
    assert (first.start_s, first.end_s, second.end_s) == pytest.approx((0, 5, 20))
    assert footage.annotations.labels == ("background", "run")


def of_frames(folder, *names, num=100):
    """Annotations with a label for each frame of some films."""
    (folder / "groundTruth").mkdir(parents=True)
    (folder / "mapping.txt").write_text("0 background\n1 run\n")
    for name in names:
        labels = "background\n" * (num // 4) + "run\n" * (num - num // 4)
        (folder / "groundTruth" / f"{name}.txt").write_text(labels)
    return folder


def test_the_rate_of_the_labels_may_be_given(material, store, process, tmp_path):
    truth = of_frames(tmp_path / "truth", "a", "c", num=500)
    footage = find_films(truth, material, store, process, annotation_fps=Fraction(25))
    first, second = footage.annotations.videos["a"].segments
    assert (first.end_s, second.end_s) == pytest.approx((5, 20))
    assert not any("--annotation-fps" in note for note in footage.notes)


@pytest.mark.parametrize(("fps", "lasts"), [(1, "500 s at 1 a second"), (100, "5 s at 100 a second"), (None, None)])
def test_labels_at_25_a_second_that_are_read_at_another_rate_are_not_learnt(
    material, store, process, tmp_path, fps, lasts
):
    truth = of_frames(tmp_path / "truth", "a", "c", num=500)  # films of 20 s at 5 frames a second
    with pytest.raises(AnnotationError) as caught:
        find_films(truth, material, store, process, annotation_fps=fps and Fraction(fps))
    lasts = lasts or "100 s at 5 a second"
    assert caught.value.fact == f"the 500 labels of a last {lasts}, and the film lasts 20 s"
    assert caught.value.cure == "name the rate of the labels: --annotation-fps 25"


def test_a_rate_that_changes_nothing_is_reported(material, store, process, table):
    notes = find_films(table(row("a")), material, store, process, annotation_fps=Fraction(25)).notes
    assert NOT_COUNTED in notes


def test_published_films_are_cut_at_their_ends_and_found_with_v(material, store, process, tmp_path):
    pairs = [[1, 6], [4, 9], [4, 9], [15, 23]]
    film = {"duration": 22, "annotations": [{"label": "run", "segment": pair} for pair in pairs]}
    (tmp_path / "anet.json").write_text(json.dumps({"database": {"v_a": film}}))
    footage = find_films(tmp_path / "anet.json", material, store, process)
    segments = footage.annotations.videos["v_a"].segments
    assert [(s.start_s, s.end_s) for s in segments] == [(1, 6), (4, 9), (15, 20)]
    told = (
        "of 4 segments 1 overlaps another of its label (kept), 1 is a copy of another (left out), "
        "1 ends up to 3 s after the film (cut there)"
    )
    assert told in footage.notes


def test_frames_of_films_with_different_rates_have_no_seconds(folder, store, process, film_maker, tmp_path):
    film_maker(folder / "fast.mp4", [(4, 0)], fps=25)
    (tmp_path / "truth" / "groundTruth").mkdir(parents=True)
    (tmp_path / "truth" / "mapping.txt").write_text("0 run\n")
    for name in ("a", "fast"):
        (tmp_path / "truth" / "groundTruth" / f"{name}.txt").write_text("run\n" * 100)
    with pytest.raises(InputError, match=r"a\.mp4 has 5 a second, fast\.mp4 25"):
        find_films(tmp_path / "truth", folder, store, process)


def test_copies_of_a_film_share_a_source(folder, store, process, table):
    shutil.copy(folder / "a.mp4", folder / "copy.mp4")
    footage = find_films(table(row("a"), row("copy"), row("c")), folder, store, process)
    assert {name: video.source for name, video in footage.annotations.videos.items()} == {
        "a": "a",
        "copy": "a",
        "c": None,
    }
    assert "a and copy are copies of one film" in footage.notes[-1]


def test_test_films_alone_teach_nothing(material, store, process, table):
    with pytest.raises(InputError, match=r"all films of actions\.csv have the subset test"):
        find_films(table(row("a", subset="test")), material, store, process)


def test_of_a_boris_project_the_chosen_observation_teaches(material, tmp_path, store, process):
    film = sorted(material.glob("*.mp4"))[0].name
    coded = [observation((start, "walk"), (start + 0.5, "walk"), films=[(f"/x/{film}", None)]) for start in (0.1, 0.3)]
    project = tmp_path / "coded.boris"
    project.write_text(text(ann=coded[0], bob=coded[1]))
    with pytest.raises(AnnotationError, match="choose with --observation"):
        find_films(project, material, store, process)
    footage = find_films(project, material, store, process, coding=CodingOptions(observations=("bob",)))
    (walk,) = footage.annotations.videos[film].segments
    assert (walk.start_s, walk.end_s) == (0.3, 0.8)


# ---- lists of clips


def test_clips_of_kinetics_are_found_by_their_seconds_or_by_their_id(folder, store, process, tmp_path):
    (folder / "a.mp4").rename(folder / "abcdefghi-0_000095_000105.mp4")
    (folder / "deep/b.mkv").rename(folder / "deep/abcdefghi-1.mkv")
    rows = "run,abcdefghi-0,95,105,train\nsit,abcdefghi-1,0,10,validate\n,abcdefghi-2,0,10,test\n"
    (tmp_path / "k.csv").write_text("label,youtube_id,time_start,time_end,split\n" + rows)
    footage = find_films(tmp_path / "k.csv", folder, store, process)
    assert {name: (v.clip_label, v.subset) for name, v in footage.annotations.videos.items()} == {
        "abcdefghi-0_000095_000105": ("run", "training"),
        "abcdefghi-1_000000_000010": ("sit", "validation"),
    }
    assert [video.path.name for video in footage.videos.values()] == [
        "abcdefghi-0_000095_000105.mp4",
        "abcdefghi-1.mkv",
    ]
    assert footage.notes[-1] == "1 film is named by the id alone, without seconds: it is taken for the clip, cut out"


def test_a_list_with_absolute_paths_and_numbers_gets_films_and_names(material, store, process, tmp_path):
    (tmp_path / "list.txt").write_text(f"{material}/a.mp4 2\n{material}/c.mp4 1\n")
    names = LabelNames("names.txt", {1: "sit", 2: "run"})
    footage = find_films(tmp_path / "list.txt", material, store, process, label_names=names)
    assert footage.annotations.labels == ("sit", "run")
    assert [(name, v.clip_label) for name, v in footage.annotations.videos.items()] == [
        ("a.mp4", "run"),
        ("c.mp4", "sit"),
    ]
