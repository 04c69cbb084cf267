"""analyze(path) -> Timeline: the whole program, and what it promises of its result."""

import getpass
import json
import math
import os
import re
import shutil
import socket
from fractions import Fraction
from pathlib import Path

import pytest

import vtn_stream
from vtn_stream.analysis import Analyzer, ChunkReady, FramesEmbedded, Provisional, Warned
from vtn_stream.errors import InputError, StoreError, VideoError
from vtn_stream.formats import timeline_json
from vtn_stream.results import ResultFiles
from vtn_stream.settings import Settings
from vtn_stream.store import read_scores

pytestmark = pytest.mark.usefixtures("warm_decoders")


def json_of(timeline):
    return timeline_json.dumps(timeline)


def sources(events):
    return [(e.chunk.number, e.source) for e in events if isinstance(e, ChunkReady)]


def tiles(timeline):
    """Segments and gaps, in order, leave nothing of the span out and share nothing."""
    spans = sorted((s.start_s, s.end_s) for s in (*timeline.segments, *timeline.gaps))
    ends = [timeline.span_s[0], *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), timeline.span_s[1]]
    return starts == ends


@pytest.fixture
def filled(analyzed, tmp_path):
    return shutil.copytree(analyzed.store, tmp_path / "filled")


# ---- what comes out


def test_the_scenes_of_the_film_come_out_with_the_one_that_returns(analyzed, changes_s):
    timeline = analyzed.analysis.timeline
    assert [s.label[-1] for s in timeline.segments] == list("ABCAD")
    assert [s.end_s for s in timeline.segments] == pytest.approx(changes_s, abs=1e-9)
    assert timeline.labels == analyzed.analysis.labels == ("scene A", "scene B", "scene C", "scene D")
    assert all(0 < s.score <= 1 for s in timeline.segments)
    assert timeline.complete
    assert timeline.gaps == ()
    assert tiles(timeline)
    assert timeline.duration_s == pytest.approx(130)
    assert timeline.curves["change"].step_s == 1
    assert timeline.provenance["positions"] == {"total": 130, "embedded": 130, "damaged": 0, "lost": 0}


def test_the_default_network_sees_the_same_scenes(film, tmp_path):
    timeline = vtn_stream.analyze(film, fps=1, device="cpu", store=tmp_path)
    assert [s.label[-1] for s in timeline.segments] == list("ABCAD")
    assert timeline.provenance["recipe"]["backbone"] == "tf_efficientnet_lite0"


def test_an_analysis_of_frames_from_the_store_gives_equal_bytes(analyzed, filled, open_analyzer):
    events = []
    with open_analyzer(filled) as analyzer:
        again = analyzer.analyze(analyzer.plan(analyzed.film), on_event=events.append)
    assert sources(events) == [(0, "store"), (1, "store"), (2, "store")]
    assert {type(e) for e in events} == {ChunkReady}
    assert json_of(again.timeline) == json_of(analyzed.analysis.timeline)


def test_equal_input_gives_equal_bytes_wherever_it_lies(analyzed, open_analyzer, tmp_path):
    """Another folder, another store, another time of the file; every result file."""
    copy = tmp_path / "elsewhere" / analyzed.film.name
    copy.parent.mkdir()
    shutil.copyfile(analyzed.film, copy)
    with open_analyzer(tmp_path / "store") as analyzer:
        again = analyzer.analyze(analyzer.plan(copy))
    contents = []
    for name, a in (("a", again), ("b", analyzed.analysis)):
        files = ResultFiles(tmp_path / name, copy, ["json", "csv"])
        files.claim(a.timeline.video_identity)
        files.save(a.timeline, a.scores, a.index, a.labels)
        contents.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert len(contents[0]) == 3
    assert contents[0] == contents[1]


def test_a_timeline_tells_nothing_of_whose_it_is(analyzed):
    text = json_of(analyzed.analysis.timeline).decode()
    words = re.split(r"[^\w.-]+", text)
    assert socket.gethostname() not in words
    assert getpass.getuser() not in words
    for folder in (analyzed.film.parent, analyzed.store, Path.home(), Path.cwd(), "/tmp"):
        assert str(folder) not in text
    assert not re.search(r'"/', text)
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", text)


def test_the_result_says_how_it_was_made(analyzed, encoder):
    provenance = json.loads(json_of(analyzed.analysis.timeline))["provenance"]
    assert provenance["vtn_stream"] == vtn_stream.__version__
    assert provenance["recipe"] == json.loads(encoder.recipe(Fraction(1)).to_json())
    (execution,) = provenance["executions"]
    assert (execution["device"], execution["dtype"]) == ("cpu", str(encoder._ready._dtype).removeprefix("torch."))
    assert provenance["weights"] == "file"


# ---- as it goes


def test_provisional_timelines_are_drafts_that_can_be_read(analyzed):
    drafts = [e.timeline for e in analyzed.events if isinstance(e, Provisional)]
    assert drafts
    for draft in drafts:
        assert not draft.complete
        back = timeline_json.loads(json_of(draft))
        assert back == draft
        assert not back.complete
        assert tiles(draft)
        assert {s.origin for s in draft.segments} == {"model"}
    first = drafts[0]
    assert [(g.start_s, g.end_s, g.reason) for g in first.gaps] == [(59.5, first.duration_s, "not analyzed yet")]
    assert first.segments[0].start_s == 0


def test_a_chunk_is_told_before_the_timeline_that_holds_it(analyzed):
    kinds = [type(e) for e in analyzed.events if not isinstance(e, FramesEmbedded)]
    assert kinds[:2] == [ChunkReady, Provisional]
    assert Warned not in kinds


# ---- windows


def test_a_window_is_the_whole_cropped_where_it_shows_the_same_chunks(analyzed, filled, open_analyzer):
    with open_analyzer(filled) as analyzer:
        window = analyzer.analyze(analyzer.plan(analyzed.film, start_s=10, end_s=125)).timeline
    assert json_of(window) == json_of(analyzed.analysis.timeline.crop(10, 125))


def test_a_window_names_its_scenes_in_the_order_in_which_it_shows_them(analyzed, filled, open_analyzer):
    """The whole shows A B C A D; of two windows one holds all its chunks, the other the last two."""
    whole = analyzed.analysis.timeline
    for start_s in (whole.segments[1].start_s + 1, whole.segments[3].start_s + 1):
        with open_analyzer(filled) as analyzer:
            analysis = analyzer.analyze(analyzer.plan(analyzed.film, start_s=start_s, end_s=125))
        shown = [s.label for s in analysis.timeline.segments]
        assert shown == [f"scene {name}" for name in {4: "ABCD", 2: "AB"}[len(shown)]]
        parts = whole.crop(start_s, 125).segments
        assert [s.start_s for s in analysis.timeline.segments] == [s.start_s for s in parts]
        at_s = analysis.index.grid_s
        for s in analysis.timeline.segments:
            inside = (at_s >= s.start_s) & (at_s < s.end_s)
            best = analysis.scores.frame[inside].argmax(axis=1)
            assert {analysis.labels[column] for column in best} == {s.label}
        assert sorted(analysis.labels) == [f"scene {'ABCD'[i]}" for i in range(len(analysis.labels))]


def test_a_window_needs_its_own_chunks_only_and_covers_its_span(analyzed, open_analyzer, tmp_path):
    events = []
    with open_analyzer(tmp_path / "store") as analyzer:
        timeline = analyzer.analyze(
            analyzer.plan(analyzed.film, start_s=70.25, end_s=999), on_event=events.append
        ).timeline
    assert sources(events) == [(1, "film"), (2, "film")]
    assert timeline.span_s == (70.25, timeline.duration_s)
    assert timeline.complete
    assert tiles(timeline)


def test_the_end_of_a_window_may_lie_on_the_border_of_a_chunk(analyzed, filled, open_analyzer):
    with open_analyzer(filled) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(analyzed.film, start_s=0, end_s=60)).timeline
    assert timeline.span_s == (0, 60)
    assert tiles(timeline)


@pytest.mark.parametrize(
    ("window", "complaint"),
    [
        ((5, 3), "begins at 5 s and ends at 3 s"),
        ((5, 5), "nothing to analyze"),
        ((-1, 5), "begins at -1 s"),
        ((math.nan, 5), "begins at nan"),
        ((131, math.inf), "lasts 130.000 s, and --start is 131 s"),
    ],
)
def test_a_window_that_holds_nothing_is_an_input_error(analyzed, filled, open_analyzer, window, complaint):
    with open_analyzer(filled) as analyzer, pytest.raises(InputError, match=complaint):
        analyzer.analyze(analyzer.plan(analyzed.film, start_s=window[0], end_s=window[1]))


@pytest.mark.parametrize("fps", [0, -1, "x", "1/0", "nan", "inf", "", "1e-300"])
def test_a_rate_that_is_none_is_an_input_error(fps):
    with pytest.raises(InputError):
        Settings(fps=fps)


@pytest.mark.parametrize("fps", ["1e400", "1e9"])
def test_a_rate_beyond_reason_is_an_input_error(analyzed, filled, open_analyzer, fps):
    with pytest.raises(InputError, match="positions"), open_analyzer(filled, fps=fps) as analyzer:
        analyzer.analyze(analyzer.plan(analyzed.film))


@pytest.mark.parametrize("fps", ["1e-5", "1/7200"])
def test_a_rate_of_one_position_a_film_is_served(analyzed, open_analyzer, tmp_path, fps):
    with open_analyzer(tmp_path, fps=fps) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(analyzed.film)).timeline
    assert [(s.start_s, s.end_s) for s in timeline.segments] == [(0, timeline.duration_s)]


# ---- gaps


def test_time_before_the_first_frame_is_a_gap(film_maker, open_analyzer, tmp_path):
    late = film_maker(tmp_path / "late.mkv", [(6, 0), (6, 1)], late_s=4)
    with open_analyzer(tmp_path / "store") as analyzer:
        timeline = analyzer.analyze(analyzer.plan(late)).timeline
    assert [(g.start_s, g.end_s, g.reason) for g in timeline.gaps] == [(0, 4, "no frame is shown")]
    assert tiles(timeline)
    assert timeline.provenance["positions"]["embedded"] == 12


def test_a_gap_for_what_is_not_in_the_file_begins_where_its_last_frame_ends(film_maker, open_analyzer, tmp_path):
    cut = film_maker(tmp_path / "cut.mkv", [(6, 0), (6, 1)])
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    with open_analyzer(tmp_path / "store") as analyzer:
        plan = analyzer.plan(cut)
        timeline = analyzer.analyze(plan).timeline
    there_s = plan.video.num_frames / 5
    assert there_s % 1 != 0.5  # midway between two positions
    assert [(g.start_s, g.end_s, g.reason) for g in timeline.gaps] == [(there_s, 12, "the file ends earlier")]
    assert tiles(timeline)


def test_lost_chunks_are_gaps_and_the_analysis_is_complete_all_the_same(slides, open_analyzer, tmp_path, monkeypatch):
    from vtn_stream.video import requests as room

    monkeypatch.setattr(room.DecodingProcess, "windows", _always_lost)
    with open_analyzer(tmp_path / "store", fps="0.1") as analyzer:
        timeline = analyzer.analyze(analyzer.plan(slides)).timeline
    assert [(g.start_s, g.end_s, g.reason[:15]) for g in timeline.gaps] == [(0, timeline.duration_s, "decoding failed")]
    assert timeline.segments == ()
    assert timeline.complete
    assert timeline.provenance["executions"] == []
    assert timeline.provenance["positions"] == {"total": 30, "embedded": 0, "damaged": 0, "lost": 30}
    monkeypatch.undo()
    with open_analyzer(tmp_path / "store", fps="0.1") as analyzer:
        assert analyzer.analyze(analyzer.plan(slides)).timeline.gaps == ()


def _always_lost(self, video, *rest):
    from vtn_stream.errors import DecodingLost

    raise DecodingLost("the process died", "frames are missing", "run again")
    yield


def test_a_grid_finer_than_the_film_says_so(slides, open_analyzer, tmp_path):
    with open_analyzer(tmp_path / "store", fps="0.1") as analyzer:
        notes = analyzer.analyze(analyzer.plan(slides)).timeline.provenance["notes"]
    assert notes[1:] == ["The grid is finer than the film: 20 positions repeat a frame."]


def test_a_film_of_one_frame_is_one_scene(film_maker, open_analyzer, tmp_path):
    still = film_maker(tmp_path / "still.mp4", [(1, 0)], fps=1)
    with open_analyzer(tmp_path / "store") as analyzer:
        timeline = analyzer.analyze(analyzer.plan(still)).timeline
    assert [(s.start_s, s.end_s) for s in timeline.segments] == [(0, timeline.duration_s)]
    assert timeline.curves == {}


# ---- the store


def test_embeddings_of_another_execution_are_named_in_the_result(analyzed, filled, open_analyzer, encoder, monkeypatch):
    for path in sorted(filled.rglob("0*-*.arrow"))[:1]:
        path.unlink()
    monkeypatch.setattr(encoder._ready, "_batch_size", encoder._ready._batch_size * 2)
    with open_analyzer(filled) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(analyzed.film)).timeline
    assert len(timeline.provenance["executions"]) == 2
    assert "Stored embeddings of 2 executions were combined." in timeline.provenance["notes"]
    events = []
    with open_analyzer(filled, exact=True) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(analyzed.film), on_event=events.append).timeline
    assert sources(events) == [(0, "store"), (1, "film"), (2, "film")]
    assert len(timeline.provenance["executions"]) == 1


def test_the_plan_counts_what_is_missing(analyzed, filled, open_analyzer):
    sorted(filled.rglob("0*-*.arrow"))[1].unlink()
    with open_analyzer(filled) as analyzer:
        plan = analyzer.plan(analyzed.film)
        assert [c.number for c in plan.chunks] == [0, 1, 2]
        missing = analyzer.missing(plan)
        assert [c.number for c in missing] == [1]
        assert analyzer.estimate_s(plan.video, missing) > 0
        plan = analyzer.plan(analyzed.film, start_s=120)
        assert analyzer.missing(plan) == ()
        assert analyzer.estimate_s(plan.video, ()) == 0


def test_a_renamed_film_is_found_in_the_store(analyzed, filled, open_analyzer, tmp_path):
    copy = shutil.copyfile(analyzed.film, tmp_path / "renamed.mkv")
    with open_analyzer(filled) as analyzer:
        assert analyzer.missing(analyzer.plan(copy)) == ()


def test_a_store_that_cannot_be_written_ends_the_analysis_with_a_store_error(analyzed, open_analyzer, tmp_path):
    (tmp_path / "store").touch()
    with open_analyzer(tmp_path / "store") as analyzer, pytest.raises(StoreError, match="cannot be written"):
        analyzer.analyze(analyzer.plan(analyzed.film))


def test_what_is_no_film_is_told_before_the_network_loads(tmp_path):
    (tmp_path / "empty.mp4").touch()
    with Analyzer(Settings(backbone="no such network", store=tmp_path / "store")) as analyzer:
        for name in ("missing.mp4", "empty.mp4", "."):
            with pytest.raises(VideoError):
                analyzer.analyze(analyzer.plan(tmp_path / name))
    assert os.listdir(tmp_path) == ["empty.mp4"]


@pytest.mark.parametrize(
    "name", ["C:", "two\\\\bars.mp4", "up\\..\\down.mp4", "end\\", "new\nline.mp4", "a\udcff.mp4", "..."]
)
def test_a_film_may_have_any_name_that_the_system_allows(analyzed, filled, open_analyzer, tmp_path, name):
    film = shutil.copyfile(analyzed.film, tmp_path / name)
    with open_analyzer(filled) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(film)).timeline
    assert timeline_json.loads(json_of(timeline)) == timeline
    assert timeline.segments == analyzed.analysis.timeline.segments


def test_the_scores_lie_beside_the_timeline_with_its_names(analyzed, tmp_path):
    a = analyzed.analysis
    files = ResultFiles(tmp_path, analyzed.film)
    files.save(a.timeline, a.scores, a.index, a.labels)
    scores, index, labels = read_scores(files.scores)
    assert labels == a.labels
    assert index.grid_s.tolist() == a.index.grid_s.tolist()
    assert scores.frame.tobytes() == a.scores.frame.tobytes()


def test_a_grid_finer_than_the_film_finds_the_same_scenes(film, open_analyzer, tmp_path):
    found = []
    for fps in (5, 15):  # the film has 5 frames a second
        with open_analyzer(tmp_path, fps=fps) as analyzer:
            segments = analyzer.analyze(analyzer.plan(film, end_s=60)).timeline.segments
        found.append([(round(s.start_s), round(s.end_s), s.label) for s in segments])
    assert found[0] == found[1]
    assert len(found[0]) == 3


def test_a_part_without_a_position_is_an_input_error(film, open_analyzer, tmp_path):
    with open_analyzer(tmp_path, fps="0.005") as analyzer, pytest.raises(InputError, match="has no position at"):
        analyzer.analyze(analyzer.plan(film, start_s=60))


def test_a_complete_store_need_not_be_writable(analyzed, open_analyzer, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vtn_stream.store.arrow_file.write_whole", refuse)
    monkeypatch.setattr("vtn_stream.store.embeddings.write_whole", refuse)
    with open_analyzer(analyzed.store) as analyzer:
        assert analyzer.analyze(analyzer.plan(analyzed.film)).timeline == analyzed.analysis.timeline
