"""The Python API as people use it: the page about it, run as it stands; and what each name does at its borders."""

import re
import subprocess
import sys
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_timelines import drawn, seg, timeline
from stored_chunks import CHUNK, EXECUTION, OTHER, RECIPE, content

import vtn_stream
from vtn_stream.errors import DamagedFile, InputError, StoreError, TimelineError, VtnStreamWarning
from vtn_stream.film import VideoInfo, file_stamp

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/python.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SLOW = "# slow: trains\n"
pytestmark = pytest.mark.filterwarnings("default::vtn_stream.VtnStreamWarning")

# ---- the page


def run(blocks, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VTN_STREAM_STORE", str(folder / "store"))
    names = {}
    with warnings.catch_warnings():
        for block in blocks:
            exec(compile(block, "docs/python.md", "exec"), names)
    return names


def test_the_code_of_the_page_runs(film_maker, tmp_path, monkeypatch, capsys):
    film_maker(tmp_path / "movie.mp4", [(3, 0), (3, 1)])
    film_maker(tmp_path / "other.mp4", [(3, 1), (3, 0)])
    film_maker(tmp_path / "recording.ts", [(6, 1), (6, 0)])
    (tmp_path / "true.csv").write_text("video,start_s,end_s,label\nmovie.mp4,0,3,scene A\nmovie.mp4,3,6,scene B\n")
    (tmp_path / "groups.csv").write_text("video,group\nmovie.mp4,old\nother.mp4,new\n")
    names = run([block for block in BLOCKS if SLOW not in block], tmp_path, monkeypatch)
    assert len(names["timeline"]) == 2
    assert names["followed"].complete
    assert names["rows"].dtype == np.float16
    assert names["rows"].shape[0] == 12
    assert [len(each) for each in names["timelines"]] == [2, 2]
    assert set(names["table"]["group"]) == {"old", "new"}
    assert "no such file.json cannot be read" in capsys.readouterr().out


@pytest.mark.release
def test_the_slow_code_of_the_page_runs(film_maker, tmp_path, monkeypatch):
    videos, rows = tmp_path / "videos", ["video,start_s,end_s,label"]
    videos.mkdir()
    for number in range(6):
        at = 0
        scenes = [(5 + number, 0), (6, 1), (4, 0), (5, 2), (4, 0), (4, 1 + number % 2)]
        film_maker(videos / f"{number}.mp4", scenes)
        for seconds, texture in scenes:
            if texture and number < 4:
                rows.append(f"{number}.mp4,{at},{at + seconds},{('run', 'jump')[texture - 1]}")
            at += seconds
    (tmp_path / "actions.csv").write_text("\n".join(rows) + "\n")
    names = run(["import vtn_stream\n", *(block for block in BLOCKS if SLOW in block)], tmp_path, monkeypatch)
    assert all({s.label for s in each} <= {"run", "jump"} for each in names["timelines"])
    assert any(names["timelines"])


def test_the_page_shows_every_public_name_and_no_other():
    shown = set(re.findall(r"vtn_stream\.(\w+)", PAGE)) | set(re.findall(r"`(\w+)`s?", PAGE))
    assert set(vtn_stream.__all__) <= shown
    for name in re.findall(r"vtn_stream\.(\w+)", PAGE):
        assert hasattr(vtn_stream, name), name


def test_public_names_are_found_and_listed():
    for name in vtn_stream.__all__:
        assert getattr(vtn_stream, name) is not None
        assert name in dir(vtn_stream)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = vtn_stream.no_such_name
    code = "import vtn_stream, sys; vtn_stream.Timeline; vtn_stream.errors; assert not {'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- a timeline as a sequence, a picture, a table


def test_a_timeline_is_a_sequence_of_its_segments():
    two = drawn("AA..BB......")
    assert len(two) == 2
    assert list(two) == list(two.segments)
    assert seg(4, 6, "B") in two
    assert timeline()  # one in which nothing happens is there all the same
    assert repr(two) == "<Timeline of 'film.mp4': 2 segments, 2 labels, 12 s>"
    assert repr(replace(two, complete=False)).endswith("12 s, not complete>")


def test_its_picture_is_a_safe_one():
    from xml.etree.ElementTree import fromstring

    picture = timeline(seg(1, 2, "<script>alert(1)</script> & co"))._repr_svg_()
    assert picture == timeline(seg(1, 2, "<script>alert(1)</script> & co"))._repr_svg_()
    root = fromstring(picture[picture.index("<svg") :])
    assert not [node for node in root.iter() if node.tag.endswith("script")]


def test_a_table_has_a_row_a_segment_and_a_column_an_attribute():
    film = timeline(
        seg(0, 2, "A", score=0.5, attributes={"subject": "Ann", "label": "x", "attribute_label": "y"}),
        seg(3, 3, "B", origin="manual", attributes={"modifier": "a|b"}),
    )
    table = film.to_pandas()
    assert list(table.columns) == [
        *("video", "start_s", "end_s", "duration_s", "label", "score", "origin"),
        *("subject", "attribute_label", "attribute_attribute_label", "modifier"),
    ]
    assert table["start_s"].tolist() == [0, 3]
    assert table["duration_s"].tolist() == [2, 0]
    assert table["score"].tolist()[0] == 0.5
    assert table["score"].isna().tolist() == [False, True]
    assert table["subject"].tolist() == ["Ann", None]
    assert table["attribute_label"].tolist() == ["x", None]
    assert table["origin"].tolist() == [None, "manual"]


def test_the_table_of_an_empty_timeline_has_its_columns_and_can_be_put_to_others():
    empty, full = timeline().to_pandas(), drawn("AA..........").to_pandas()
    assert empty.dtypes.equals(full.dtypes)
    assert len(pd.concat([empty, full, full])) == 2


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'vtn-stream\[pandas\]'"):
        drawn("AA..........").to_pandas()


# ---- files


def test_what_is_saved_as_json_is_read_back_the_same(tmp_path):
    film = replace(timeline(seg(-1, 2, score=0.3, attributes={"subject": "Ann"})), nominal_rate=Fraction(30000, 1001))
    for path in (tmp_path / "a.json", str(tmp_path / "b.json")):
        assert film.save(path) == Path(path)
        assert vtn_stream.Timeline.read(path) == film
        film.save(path)  # the same once more


def test_the_format_is_that_of_the_suffix_or_named(tmp_path):
    film = drawn("AA..BB......")
    assert film.save(tmp_path / "a.srt").read_bytes() == film.save(tmp_path / "b.txt", "srt").read_bytes()
    assert list(vtn_stream.Timeline.read(tmp_path / "b.txt")) == list(film)
    with pytest.raises(InputError, match="may be of several formats"):
        film.save(tmp_path / "a.txt")
    with pytest.raises(InputError, match="is not a format of timelines"):
        film.save(tmp_path / "a.txt", "no such")


def test_a_file_with_other_content_is_kept_unless_it_may_be_replaced(tmp_path):
    first, second = drawn("AA.........."), drawn("BB..........")
    path = first.save(tmp_path / "a.csv")
    before = path.read_bytes()
    with pytest.raises(TimelineError, match="exists already"):
        second.save(path)
    assert path.read_bytes() == before
    second.save(path, overwrite=True)
    assert path.read_bytes() != before


def test_what_a_format_cannot_hold_is_a_warning_where_save_was_called(tmp_path):
    with pytest.warns(VtnStreamWarning, match=r"a\.vtt: 1 segment outside the film") as told:
        timeline(seg(-1, 2)).save(tmp_path / "a.vtt")
    assert told[0].filename == __file__
    timeline(seg(1, 2), nominal_rate=Fraction(30)).save(tmp_path / "a.edl")
    with pytest.warns(VtnStreamWarning, match=r"a\.edl: .*25") as told:
        vtn_stream.Timeline.read(tmp_path / "a.edl")
    assert told[0].filename == __file__


def test_a_file_about_several_films_is_a_list(tmp_path):
    table = tmp_path / "actions.csv"
    table.write_text("video,start_s,end_s,label\na.mp4,1,2,A\nb.mp4,3,4,B\n")
    found = vtn_stream.read_timelines(str(table), duration_s=10)
    assert [(each.video_path, each.duration_s, len(each)) for each in found] == [("a.mp4", 10, 1), ("b.mp4", 10, 1)]
    with pytest.raises(InputError, match=r"actions\.csv is about 2 films: a\.mp4 and b\.mp4; .*read_timelines"):
        vtn_stream.Timeline.read(table)


def test_a_folder_of_results_is_a_list(tmp_path):
    films = [replace(drawn("AA.........."), video_path=f"{name}.mp4") for name in "ab"]
    for number, film in enumerate(films):
        (tmp_path / str(number)).mkdir()
        film.save(tmp_path / str(number) / f"{film.video_path}.timeline.json")
    assert vtn_stream.read_timelines(tmp_path) == films


def test_of_a_project_some_observations_are_read(tmp_path):
    table = tmp_path / "coded.csv"
    table.write_text("video,start_s,end_s,label\na.mp4,1,2,A\nb.mp4,3,4,B\n")
    vtn_stream.convert(table, tmp_path / "coded.boris")
    every, one = (vtn_stream.read_timelines(tmp_path / "coded.boris", observations=of) for of in ((), ["b*"]))
    assert [each.video_path for each in every] == ["a.mp4", "b.mp4"]
    assert [each.video_path for each in one] == ["b.mp4"]
    scores = vtn_stream.evaluate(one, tmp_path / "coded.boris", observations=["b*"])
    assert [film.name for film in scores.films] == ["b.mp4"]


def test_convert_takes_texts(tmp_path):
    drawn("AA..........").save(tmp_path / "a.csv")
    vtn_stream.convert(str(tmp_path / "a.csv"), str(tmp_path / "a.srt"))
    assert len(vtn_stream.Timeline.read(tmp_path / "a.srt")) == 1


# ---- evaluation and training


def test_timelines_in_memory_score_as_their_files_do(tmp_path):
    truth = tmp_path / "true.csv"
    truth.write_text("video,start_s,end_s,label\nfilm.mp4,0,3,A\nfilm.mp4,5,7,B\n")
    film = drawn("AAA..B......")
    film.save(tmp_path / "film.mp4.timeline.json")
    scores = vtn_stream.evaluate(film, truth)
    assert scores.to_dict() == vtn_stream.evaluate(str(tmp_path / "film.mp4.timeline.json"), str(truth)).to_dict()
    assert scores.segmentation.scores.f1[0] == 100
    surer = timeline(*(replace(s, score=0.5) for s in film))
    assert vtn_stream.evaluate([surer], truth, tious=[0.7]).detection.ranked.thresholds == (0.7,)
    with pytest.raises(InputError, match=r"two timelines are of film\.mp4"):
        vtn_stream.evaluate([film, film], truth)
    with pytest.raises(InputError, match="there are no predictions"):
        vtn_stream.evaluate([], truth)


def learnt(film, role):
    analysis = {"kind": "action localization", "model": "c0ffee", "training": {}}
    return replace(film, provenance={"analysis": analysis, "film_in_training": role})


def test_films_that_taught_the_model_are_left_out_and_named_in_the_notes(tmp_path):
    truth = tmp_path / "true.csv"
    truth.write_text("video,start_s,end_s,label\na.mp4,0,3,A\nb.mp4,0,3,A\n")
    old = learnt(replace(drawn("AAA........."), video_path="a.mp4"), "learnt")
    new = learnt(replace(drawn("AAA........."), video_path="b.mp4"), "new")
    scores = vtn_stream.evaluate([old, new], truth)
    assert [film.name for film in scores.films] == ["b.mp4"]
    assert scores.notes[0] == "Of 2 films, 1 taught the model or validated its training: they are left out."
    scores = vtn_stream.evaluate([old, new], truth, include_learnt=True)
    assert len(scores.films) == 2
    assert "too good" in scores.notes[0]
    with pytest.raises(InputError, match="include_learnt=True"):
        vtn_stream.evaluate([old, learnt(new, "validated")], truth)


def test_train_takes_texts_and_tells_what_is_wrong_before_anything_is_loaded(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.safetensors"):
        vtn_stream.train("actions.csv", "videos", "model.bin")
    with pytest.raises(InputError, match="leave out fps"):
        vtn_stream.train("actions.csv", "videos", "model.safetensors", model="old", fps=2)
    with pytest.raises(InputError, match="nothing was trained"):
        vtn_stream.train("actions.csv", "videos", "model.safetensors", annotation_fps="no rate")


# ---- the embeddings of a film

FIRST = replace(CHUNK, number=0, start=0, stop=6)


@pytest.fixture
def store(tmp_path):
    return vtn_stream.EmbeddingStore(str(tmp_path / "store"))


def put(store, chunk, *, recipe=RECIPE, execution=EXECUTION, seed=0, whole=0):
    """A chunk; and if it is one of a whole film, the manifest of that many."""
    values, index, thumbnails = content(seed=seed)
    grid_s = chunk.start * 10.0 + np.arange(6) * 10.0
    store.write(chunk, recipe, execution, values, replace(index, grid_s=grid_s), thumbnails)
    if whole:
        video = VideoInfo(
            path=Path("film.mp4"), identity="c0ffee", stream=0, codec="h264", width=4, height=4,
            time_base=Fraction(1), start=Fraction(0), pts=np.arange(9), end_pts=9, keyframes=np.arange(1), stamp=(1, 2),
        )  # fmt: skip
        store.finish(video, [FIRST, CHUNK][:whole], recipe, execution)
    return values


def test_a_track_is_all_chunks_in_order_with_their_clock(store):
    first, second = put(store, FIRST, seed=1), put(store, CHUNK, seed=2, whole=2)
    for film in (timeline(), "film.mp4", Path("anywhere/film.mp4")):
        track = store.track(film)
        assert track.values.tobytes() == np.concatenate([first, second]).tobytes()
        assert track.times_s.tolist() == [10.0 * i for i in range(12)]
        assert track.valid.tolist() == ([True] * 2 + [False] + [True] * 3) * 2
        assert (track.recipe, track.video_identity, track.is_whole, len(track)) == (RECIPE, "c0ffee", True, 12)


def test_a_track_of_a_part_says_so(store):
    put(store, CHUNK)
    track = store.track(timeline())
    assert (len(track), track.is_whole, track.times_s[0]) == (6, False, 60.0)


def test_a_chunk_that_two_machines_computed_is_taken_once_from_the_fuller(store):
    put(store, CHUNK, execution=OTHER, seed=1)
    full = [put(store, FIRST, seed=2), put(store, CHUNK, seed=3)]
    assert store.track(timeline()).values.tobytes() == np.concatenate(full).tobytes()


def test_of_several_kinds_one_is_asked_for(store):
    change, finer = replace(RECIPE, input="change-1/2"), replace(RECIPE, fps=Fraction(2))
    for recipe in (RECIPE, change):
        put(store, CHUNK, recipe=recipe)
    assert store.track(timeline()).recipe == RECIPE
    assert store.track(timeline(), input="change-1/2").recipe == change
    put(store, CHUNK, recipe=finer)
    with pytest.raises(InputError) as caught:
        store.track(timeline())
    assert "the store has several kinds of embeddings of film.mp4: backbone='resnet18', fps='" in str(caught.value)
    assert "fps='1/10', input='picture' (4x4, network)" in str(caught.value)
    assert store.track(timeline(), fps=2).recipe == finer
    assert store.track(timeline(), recipe=finer).recipe == finer
    assert store.track(timeline(), fps="1/10").recipe == RECIPE
    drawn_from = {"recipe": {"weights": finer.weights, "fps": "2"}}
    assert store.track(timeline(provenance=drawn_from)).recipe == finer
    with pytest.raises(InputError, match="only other embeddings"):
        store.track(timeline(), backbone="vit")


def test_a_film_that_the_store_does_not_know_is_an_error(store, tmp_path):
    with pytest.raises(StoreError, match="no embeddings of film"):
        store.track(timeline())
    with pytest.raises(StoreError, match=r"knows no film called other\.mp4"):
        store.track("other.mp4")
    put(store, FIRST, whole=1)
    changed = tmp_path / "film.mp4"
    changed.write_bytes(b"another film")
    with pytest.raises(StoreError, match="under this name, and the file has changed since"):
        store.track(changed)
    twin = replace(FIRST, video_identity="beef")
    put(store, twin)
    folder = next(path for path in store.root.rglob("manifest.json"))
    other = next((store.root / "films" / "beef").glob("*/*")) / "manifest.json"
    other.write_text(folder.read_text().replace("c0ffee", "beef"))
    with pytest.raises(InputError, match=r"2 films called film\.mp4"):
        store.track("film.mp4")


def test_the_very_file_finds_its_film_under_any_name(store, tmp_path):
    path = tmp_path / "renamed.mp4"
    path.write_bytes(b"film")
    put(store, FIRST)
    pts = np.arange(9)
    video = VideoInfo(
        path=path, identity="c0ffee", stream=0, codec="h264", width=4, height=4, time_base=Fraction(1),
        start=Fraction(0), pts=pts, end_pts=9, keyframes=pts[:1], stamp=file_stamp(path),
    )  # fmt: skip
    store.remember(video)
    assert store.track(path).video_identity == "c0ffee"


def test_a_damaged_chunk_is_an_error(store):
    put(store, CHUNK)
    (file,) = store.root.rglob("*.arrow")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DamagedFile):
        store.track(timeline())
