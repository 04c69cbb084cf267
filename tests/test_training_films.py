"""From annotations and a folder to films to learn from: what is found, what is told, what is embedded."""

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vtn_stream.embedding import ChunkReady, FramesEmbedded, Warned
from vtn_stream.errors import AnnotationError, InputError, VideoError
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.training import films as films_module
from vtn_stream.training.check import check_enough, check_head, natural_head
from vtn_stream.training.events import Prepared, TrainingStage
from vtn_stream.training.films import embed_films, work_to_do
from vtn_stream.training.folder import FilmFolder
from vtn_stream.training.footage import find_films
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.prepare import prepare
from vtn_stream.training.rate import grid_rate, natural_rate
from vtn_stream.training.split import Sides
from vtn_stream.video import DecodingProcess

HEADER = "video,start_s,end_s,label,subset,source\n"


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "store")


@pytest.fixture(scope="module")
def material(film_maker, tmp_path_factory):
    """Films of 20 s at 5 frames a second; b lies deeper."""
    folder = tmp_path_factory.mktemp("material") / "films"
    (folder / "deep").mkdir(parents=True)
    for n, name in enumerate(["a.mp4", "deep/b.mkv", "c.mp4", "d.mp4"]):
        film_maker(folder / name, [(10, n), (10, n + 1)])
    return folder


@pytest.fixture
def folder(material, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(material, tmp_path / "films")


@pytest.fixture
def table(tmp_path):
    """table("a,0,5,run,,", ...) -> a file of annotations."""

    def write(*rows, header=HEADER, name="actions.csv"):
        (tmp_path / name).write_text(header + "".join(f"{row}\n" for row in rows))
        return tmp_path / name

    return write


def row(name, start_s=1, end_s=6, label="run", subset="", source=""):
    return f"{name},{start_s},{end_s},{label},{subset},{source}"


def two(name, **facts):
    """Two segments of each of two labels."""
    return [row(name, 4 * n, 4 * n + 3, "run" if n % 2 else "jump", **facts) for n in range(4)]


def annotated(*segments, duration_s=60.0, **facts):
    """annotated((0, 5, "run"), ...)"""
    given = tuple(Segment(start_s=start_s, end_s=end_s, label=label) for start_s, end_s, label in segments)
    return AnnotatedVideo(segments=given, duration_s=duration_s, **facts)


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


def test_events_without_a_length_are_learnt_as_a_second(material, store, process, tmp_path):
    film = {"video": "a", "num_frames": 100, "fps": 5, "events": [{"frame": 25, "label": "jump"}]}
    (tmp_path / "spots.json").write_text(json.dumps([film]))
    footage = find_films(tmp_path / "spots.json", material, store, process)
    (jump,) = footage.annotations.videos["a"].segments
    assert (jump.start_s, jump.end_s) == (4.5, 5.5)
    assert "1 event without a length counts as the 1 s around" in footage.notes


def test_a_film_is_probed_once(material, store, process, table, monkeypatch):
    file = table(row("a"), row("b"))
    find_films(file, material, store, process)
    monkeypatch.setattr(DecodingProcess, "probe", None)
    assert len(find_films(file, material, store, process).videos) == 2


def test_annotations_of_other_films_are_told_with_some_of_both(material, store, process, table):
    with pytest.raises(InputError) as told:
        find_films(table(row("x"), row("y"), row("z"), row("w"), row("v")), material, store, process)
    assert told.value.fact == (
        "no film of actions.csv is in films: it names x, y, z and 2 more, there are a.mp4, c.mp4, d.mp4 and 1 more"
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
        "  d may be d.mp4 and deep/d.mkv: write its path, or take the others away",
        "  far is a link that leads out of the folder, which is not followed",
        "  c.mp4 is c.mp4, and so is c",
        lines[7],
    ]
    assert lines[7].startswith("  text.mp4 cannot be read as a film")

    footage = find_films(table(*rows, row("b")), folder, store, process, skip_bad=True)
    assert sorted(footage.videos) == ["a", "b"]
    assert sum(note.startswith("left out: ") for note in footage.notes) == 7
    with pytest.raises(AnnotationError, match="have 1 problem; nothing was trained; get the films anew"):
        find_films(table(row("text")), folder, store, process, skip_bad=True)


def test_films_that_cannot_be_read_are_told_where_the_annotations_are_right(folder, store, process, table):
    (folder / "c.mp4").write_bytes(b"")
    with pytest.raises(AnnotationError) as told:
        find_films(table(row("a"), row("c", 1, 1000)), folder, store, process)
    assert told.value.problems == ((None, "c.mp4 is empty; it was not analyzed; fetch it again"),)


def test_a_film_of_which_all_annotations_are_wrong_is_not_said_to_be_missing(material, store, process, table):
    with pytest.raises(AnnotationError) as told:
        find_films(table(row("a"), row("c", 5, 4)), material, store, process)
    assert [text for _, text in told.value.problems] == ["c: it ends at 4 s, before it starts at 5 s"]


def test_films_without_annotations_are_told(material, store, process, table):
    (note,) = find_films(table(row("a"), row("d")), material, store, process).notes
    assert note == "2 films without annotations: c and b"


def test_frames_without_a_rate_are_frames_of_the_films(material, store, process, tmp_path):
    (tmp_path / "groundTruth").mkdir()
    (tmp_path / "mapping.txt").write_text("0 background\n1 run\n")
    (tmp_path / "groundTruth" / "a.txt").write_text("background\n" * 25 + "run\n" * 75)
    footage = find_films(tmp_path, material, store, process)
    first, second = footage.annotations.videos["a"].segments
    assert (first.start_s, first.end_s, second.end_s) == pytest.approx((0, 5, 20))
    assert footage.annotations.labels == ("background", "run")


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
    with pytest.raises(InputError, match=r"all films of actions\.csv are of the subset test"):
        find_films(table(row("a", subset="test")), material, store, process)


# ---- how often they are looked at


@pytest.mark.parametrize(
    ("durations_s", "slowest", "rate"),
    [
        ([2.0], 25, 3),  # 6 positions in 2 s
        ([1.0] + [60.0] * 9, 25, 1),  # of ten, 5 % are shorter than 27.55 s
        ([1.0] * 2 + [60.0] * 8, 25, 6),
        ([0.5], 25, 8),  # at most
        ([0.5], 5, 5),  # no more than there are frames
        ([0.5], 5.0001, 5),
        ([0.5], 7.5, 6),
        ([600.0], 25, 1),  # at least
        ([0.5], 0.1, 1),  # a show of slides does not slow down the others
        ([1.4], 25, 5),
    ],
)
def test_the_rate_shows_short_segments_in_six_positions(durations_s, slowest, rate):
    videos = {str(n): annotated((0, duration_s, "run")) for n, duration_s in enumerate(durations_s)}
    assert natural_rate(videos, slowest) == rate


@pytest.mark.parametrize(
    ("duration_s", "slowest", "rate"), [(4, 25, 8), (10, 25, 8), (9, 5, 5), (30, 25, 3), (600, 25, 1)]
)
def test_clips_are_seen_at_80_positions(duration_s, slowest, rate):
    videos = {"a": annotated((0, duration_s, "run"), clip_label="run", duration_s=duration_s)}
    assert natural_rate(videos, slowest) == rate


def test_a_rate_that_is_asked_for_is_taken_and_its_doubts_are_told(material, store, process, table):
    footage = find_films(table(row("a"), row("c", 5, 5.5)), material, store, process)
    videos = footage.annotations.videos
    assert grid_rate(videos, footage.videos) == (SamplingPlan(Fraction(5)), ())
    plan, notes = grid_rate(videos, footage.videos, SamplingPlan(Fraction(30000, 1001)))
    assert plan.fps == Fraction(30000, 1001)
    assert notes == ("a.mp4 has 5 frames a second, and 29.97 are looked at: some twice",)
    plan, notes = grid_rate(videos, footage.videos, SamplingPlan(Fraction(2)))
    assert "1 of 2 segments are shorter than 2 positions at 2 a second" in notes[0]


@pytest.mark.parametrize("wrong", ["soon", "1e9999", 0, -1, "1/0", float("nan")])
def test_what_is_no_rate_is_told(wrong):
    with pytest.raises(InputError, match=r"is not a rate|positions per second"):
        TrainingOptions(annotations=Path(), videos=Path(), output=MODEL, fps=wrong)


# ---- what they can teach


def test_the_head_goes_by_the_annotations():
    phases = annotated((0, 30, "first"), (30, 58, "second"))
    assert natural_head({"a": phases}) == "dense"
    assert natural_head({"a": phases, "b": annotated()}) == "localization"  # nothing happens in half of it
    assert natural_head({"a": annotated((0, 30, "x"), (25, 60, "y"))}) == "localization"  # both at once, for 5 s
    assert natural_head({"a": annotated((0, 30.2, "x"), (30, 60, "y"))}) == "dense"
    assert natural_head({"a": annotated((0, 53, "x"))}) == "localization"
    assert natural_head({"a": annotated((0, 60, "x"), clip_label="x")}) == "classification"
    assert natural_head({"a": AnnotatedVideo(segments=phases.segments)}) == "dense"  # of unknown duration


@pytest.mark.parametrize(
    ("video", "head", "complaint"),
    [
        (annotated((0, 5, "x")), "classification", "segments are annotated in a;"),
        (annotated((0, 60, "x"), clip_label="x"), "localization", "of a only the label of the whole is known"),
        (annotated((0, 60, "x"), clip_label="x"), "dense", "of a only the label of the whole is known"),
        (annotated((0, 30, "x"), (20, 60, "y")), "dense", "segments overlap for 10 s of 60 s"),
    ],
)
def test_a_head_that_cannot_say_what_is_annotated_is_refused(video, head, complaint):
    with pytest.raises(InputError, match=complaint):
        check_head({"a": video}, head)
    check_head({"a": video}, natural_head({"a": video}))


def test_a_head_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"there is no seg head; .*; take classification, dense, localization"):
        check_head({"a": annotated((0, 5, "x"))}, "seg")


def sides(training, validation=""):
    return Sides(training=tuple(training), validation=tuple(validation))


X, Y = (0, 5, "x"), (10, 15, "y")


@pytest.mark.parametrize(
    ("videos", "given", "complaint"),
    [
        (
            {"a": annotated(X)},
            sides("a"),
            "there is 1 segment in all, x has one training segment, no film can be spared",
        ),
        ({"a": annotated(X, Y), "b": annotated(X)}, sides("a", "b"), "are 3 segments in all, x and y have one .* each"),
        ({"a": annotated(X, (6, 9, "x")), "b": annotated()}, sides("a", "b"), "no validation segment is there"),
    ],
)
def test_too_little_is_refused_unless_asked_for(videos, given, complaint):
    with pytest.raises(InputError, match=f"this is too little to learn from: .*{complaint}.*--anyway"):
        check_enough(videos, ["x", "y"], given, "localization")
    _, notes = check_enough(videos, ["x", "y"], given, "localization", anyway=True)
    assert any(note.startswith("too little to learn from: ") for note in notes)


@pytest.mark.parametrize("anyway", [False, True])
def test_nothing_to_learn_is_refused_however_it_is_asked_for(anyway):
    with pytest.raises(InputError, match="no training film has a segment"):
        check_enough({"a": annotated(), "b": annotated(X)}, ["x"], sides("a", "b"), "localization", anyway=anyway)
    with pytest.raises(InputError, match="there is no training film"):
        check_enough({"b": annotated(X)}, ["x"], sides("", "b"), "localization", anyway=anyway)
    clips = {name: annotated((0, 60, "x"), clip_label="x") for name in "abcde"}
    with pytest.raises(InputError, match="every clip is labelled x; there is nothing to tell it from"):
        check_enough(clips, ["x"], sides("abcd", "e"), "classification", anyway=anyway)


def test_labels_of_one_side_are_named():
    videos = {"a": annotated(X, (6, 9, "x"), Y, (16, 19, "y")), "b": annotated(X, (20, 25, "z"))}
    learnt, notes = check_enough(videos, ["z", "y", "x", "w"], sides("a", "b"), "localization")
    assert learnt == ("y", "x")
    assert notes == (
        "z: in validation films only, so not learnt and not in the figures",
        "y: in training films only, so without a figure and a threshold of its own",
        "w: without a segment in these films, so not learnt",
    )


def test_one_label_is_told_from_everything_else():
    videos = {"a": annotated(X, (6, 9, "x"), (20, 30, "x")), "b": annotated(X)}
    learnt, notes = check_enough(videos, ["x"], sides("a", "b"), "localization")
    assert (learnt, notes) == (("x",), ("there is one label: x will be told from everything else in the films",))


# ---- embedded


@pytest.fixture
def footage(material, store, process, table):
    return find_films(table(*two("a"), *two("b", source="s"), *two("c")), material, store, process)


PLAN = SamplingPlan(Fraction(2))
MODEL = Path("m.safetensors")


def test_films_become_tracks_with_their_clocks(footage, encoder, store, process):
    events = []
    films = embed_films(footage, ["b", "a"], PLAN, encoder, store, process, on_event=events.append)
    assert list(films) == ["b", "a"]
    for name, film in films.items():
        assert film.values.shape == (40, encoder.num_features)
        assert film.values.any(1).all()
        assert film.index.grid_s.tolist() == [k / 2 for k in range(40)]
        assert film.index.valid.all()
        assert film.segments == footage.annotations.videos[name].segments
    assert films["a"].group != films["b"].group
    assert sum(event.num_frames for event in events if isinstance(event, FramesEmbedded)) == 80

    events.clear()
    again = embed_films(footage, ["a"], PLAN, encoder, store, process, on_event=events.append)
    assert [event.source for event in events if isinstance(event, ChunkReady)] == ["store"]
    assert np.array_equal(again["a"].values, films["a"].values)


def test_the_work_is_known_without_reading_what_is_stored(footage, encoder, store, process):
    names, recipe = ["a", "b", "c"], encoder.recipe(PLAN.fps)

    def work(rate):
        work = work_to_do(footage, names, encoder.recipe(Fraction(rate)), store)
        return work.num_positions, work.num_missing, work.num_films_elsewhere

    assert work(2) == (120, 120, 0)
    embed_films(footage, ["a"], PLAN, encoder, store, process)
    assert work(2) == (120, 80, 0)
    assert work(1) == (60, 60, 1)
    assert recipe.digest in str(next(store.films()).folder)


def test_films_that_cannot_be_decoded_are_named_and_the_others_stored(footage, encoder, store, process, monkeypatch):
    decode = DecodingProcess.frames

    def frames(self, video, *rest):
        if video.path.name != "a.mp4":
            raise VideoError(f"{video.path.name} is broken", "so", "do")
        return decode(self, video, *rest)

    monkeypatch.setattr(DecodingProcess, "frames", frames)
    with pytest.raises(VideoError) as told:
        embed_films(footage, ["b", "a", "c"], PLAN, encoder, store, process)
    assert told.value.fact == "2 of 3 films cannot be used (b.mkv is broken and c.mp4 is broken)"
    assert work_to_do(footage, ["a"], encoder.recipe(PLAN.fps), store).num_missing == 0

    events = []
    films = embed_films(footage, ["b", "a"], PLAN, encoder, store, process, skip_bad=True, on_event=events.append)
    assert list(films) == ["a"]
    assert [event.message[:28] for event in events if isinstance(event, Warned)] == ["left out: b.mkv is broken; s"]
    with pytest.raises(VideoError):
        embed_films(footage, ["b"], PLAN, encoder, store, process, skip_bad=True)


def test_positions_that_cannot_be_decoded_are_told(footage, encoder, store, process, monkeypatch):
    decode = DecodingProcess.frames

    def frames(self, video, *rest):
        for batch in decode(self, video, *rest):
            batch.lost.extend(batch.items[lost:])
            yield type(batch)(frames=batch.frames[:lost], items=batch.items[:lost], lost=batch.lost, thumbnails={})

    monkeypatch.setattr(DecodingProcess, "frames", frames)
    events, lost = [], 30
    film = embed_films(footage, ["a"], PLAN, encoder, store, process, on_event=events.append)["a"]
    assert int(film.index.valid.sum()) == 30
    assert not film.values[~film.index.valid].any()
    (warning,) = [event.message for event in events if isinstance(event, Warned)]
    assert warning == "a.mp4: 10 of 40 positions cannot be decoded and teach nothing"
    lost = 0
    with pytest.raises(VideoError, match=r"no frame of b\.mkv can be decoded"):
        embed_films(footage, ["b"], PLAN, encoder, store, process)


def test_more_than_fits_into_memory_is_refused_at_once(footage, encoder, store, process, monkeypatch):
    monkeypatch.setattr(films_module, "MAX_BYTES", 120 * encoder.num_features * 2 - 1)
    events = []
    with pytest.raises(InputError, match="the 120 positions of the films would take"):
        embed_films(footage, ["a", "b", "c"], PLAN, encoder, store, process, on_event=events.append)
    assert events == []
    assert len(embed_films(footage, ["a"], PLAN, encoder, store, process)) == 1


# ---- all of it


@pytest.fixture
def prepared(material, encoder, store, process):
    """prepared(file) -> (what is learnt from, what was told)"""

    def call(file, folder=material, **options):
        events = []
        asked = TrainingOptions(**({"annotations": file, "videos": folder, "output": MODEL, "fps": 1} | options))
        return prepare(asked, lambda: encoder, store, process, on_event=events.append), events

    return call


def test_what_is_prepared_is_told_before_it_is_embedded(prepared, table, store):
    rows = [*two("a", subset="training"), *two("b", subset="validation"), row("b", 17, 19, "sit", "validation")]
    lesson, events = prepared(table(*rows, row("c", subset="test")))
    assert [film.name for film in lesson.training] == ["a"]
    assert [film.name for film in lesson.validation] == ["b"]
    assert lesson.labels == ("jump", "run")
    assert {segment.label for segment in lesson.validation[0].segments} == {"jump", "run"}
    kinds = [type(event) for event in events]
    (told,) = [event for event in events if isinstance(event, Prepared)]
    assert kinds.index(Prepared) < kinds.index(FramesEmbedded)
    assert (told.num_training, told.num_validation, told.num_segments) == (1, 1, 9)
    assert (told.head, told.fps, told.num_positions, told.num_missing) == ("localization", 1, 40, 40)
    assert told.hours == pytest.approx(40 / 3600)
    assert told.notes == lesson.notes
    assert any(note.startswith("sit: in validation films only") for note in told.notes)
    _, events = prepared(table(*rows), fps=2)
    assert any("2 films stored at another rate" in event.notes[-1] for event in events if isinstance(event, Prepared))


def test_clips_are_learnt_whole(prepared, table):
    lines = ["a.mp4,x", "deep/b.mkv,x", "c.mp4,y", "d.mp4,y"]
    file = table(*lines, header="path,label\n", name="clips.csv")
    with pytest.raises(InputError, match=r"[xy] has one training clip"):
        prepared(file)
    lesson, _ = prepared(file, anyway=True)
    assert lesson.head == "classification"
    assert {film.clip_label for film in lesson.training} == {"x", "y"}
    for film in lesson.training + lesson.validation:
        (whole,) = film.segments
        assert (whole.label, whole.start_s, whole.end_s) == (film.clip_label, 0, film.duration_s)


def test_validation_clips_of_a_label_that_is_not_learnt_are_left_out(prepared, table):
    lines = ["a.mp4,x,training", "deep/b.mkv,y,training", "c.mp4,x,validation", "d.mp4,z,validation"]
    lesson, _ = prepared(table(*lines, header="path,label,subset\n", name="clips.csv"), anyway=True)
    assert [film.name for film in lesson.validation] == ["c.mp4"]


def test_what_is_left_without_the_films_that_fail_is_checked_again(prepared, table, monkeypatch):
    decode = DecodingProcess.frames

    def frames(self, video, *rest):
        if video.path.name == "b.mkv":
            raise VideoError(f"{video.path.name} is broken", "so", "do")
        return decode(self, video, *rest)

    monkeypatch.setattr(DecodingProcess, "frames", frames)
    file = table(*two("a", subset="training"), *two("b", subset="validation"))
    with pytest.raises(InputError, match="no film can be spared to validate on"):
        prepared(file, skip_bad=True)
    lesson, _ = prepared(file, skip_bad=True, anyway=True)
    assert ([film.name for film in lesson.training], lesson.validation) == (["a"], ())


def test_what_is_wrong_is_told_before_a_network_is_loaded(material, store, process, table):
    def load():
        raise AssertionError("too early")

    with pytest.raises(InputError, match="too little to learn from"):
        prepare(TrainingOptions(annotations=table(row("a")), videos=material, output=MODEL), load, store, process)
    assert os.listdir(store.root) == ["probes"]
