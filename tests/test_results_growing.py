"""The results of a film while it is written: readable at any moment, its own over every run, and around hand work."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from following_events import RUN, WALK, Clock, timeline

from vtn_stream.errors import InUse, TimelineError
from vtn_stream.film import FrameIndex
from vtn_stream.results import ResultFiles, ResultOptions, is_hand_work, load_timeline
from vtn_stream.results.growing import PAGE_EVERY_S, GrowingResults
from vtn_stream.timeline import Reviewed, Segment
from vtn_stream.track import GridScores

INDEX = FrameIndex(grid_s=np.arange(2.0), frame=np.arange(2), pts_s=np.arange(2.0), valid=np.ones(2, bool))
SCORES = GridScores(frame=np.ones((2, 2), np.float16))
BEGINS, MODEL, OTHER_MODEL = "beef", "a model", "another model"
RUNNING = timeline(WALK, RUN, provenance={"followed": {"final_until_s": 5.0}})
FINISHED = replace(RUNNING, video_identity="c0ffee", complete=True)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def growing(tmp_path, clock):
    """growing(...) -> the results of a.ts in the folder."""

    def opened(*, begins=BEGINS, settings=MODEL, formats=("csv", "html"), **more):
        options = ResultOptions(output=tmp_path, formats=formats, thumbnails=False, **more)
        store = tmp_path / "store"
        return GrowingResults(Path("a.ts"), options, begins=begins, settings=settings, store=store, clock=clock)

    return opened


def end(results, finished=FINISHED):
    return results.save(finished, SCORES, INDEX, ("walk", RUN.label))


def data_of(page):
    return json.loads(page.read_text("utf-8").partition('id="data">')[2].partition("</script>")[0])


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "store")


def test_while_it_grows_there_are_lines_a_partial_timeline_and_a_page(growing, tmp_path):
    with growing() as results:
        results.add([WALK], 5.0)
        results.show(RUNNING)
        assert names(tmp_path) == ["a.ts.follow.jsonl", "a.ts.timeline.html", "a.ts.timeline.partial.json"]
        assert load_timeline(tmp_path / "a.ts.timeline.partial.json") == RUNNING
        page = data_of(tmp_path / "a.ts.timeline.html")
        assert (page["complete"], len(page["segments"]["labels"])) == (False, 2)
        assert not is_hand_work(tmp_path / "a.ts.timeline.html")


def test_at_its_end_they_are_those_of_an_analysis(growing, tmp_path):
    analyzed = tmp_path / "analyzed"
    ResultFiles(analyzed, Path("a.ts"), ("csv", "html"), thumbnails=False).save(
        FINISHED, SCORES, INDEX, ("walk", RUN.label)
    )
    with growing() as results:
        results.show(RUNNING)
        saved = end(results)
    assert not saved.told
    assert {path.name: path.read_bytes() for path in analyzed.iterdir()} == {
        path.name: path.read_bytes()
        for path in tmp_path.iterdir()
        if path.is_file() and not path.name.endswith(".jsonl")
    }


def test_the_page_is_written_now_and_then(growing, tmp_path, clock):
    page = tmp_path / "a.ts.timeline.html"
    with growing() as results:
        results.show(RUNNING)
        shown = []
        for _ in range(3 * 60):
            clock.now_s += PAGE_EVERY_S / 60
            page.unlink(missing_ok=True)
            results.show(RUNNING)
            shown.append(page.exists())
    assert sum(shown) == 3


def test_a_page_that_takes_long_is_written_seldom(growing, tmp_path, clock, monkeypatch):
    def slow(self, *_, **__):
        clock.now_s += 10.0
        calls.append(clock.now_s)

    calls = []
    monkeypatch.setattr(ResultFiles, "save_partial", slow)
    with growing() as results:
        for _ in range(1000):
            clock.now_s += 1.0
            results.show(RUNNING)
    assert len(calls) <= 3


def test_a_run_that_was_killed_goes_on_with_its_files(growing, tmp_path):
    with growing() as results:
        results.add([WALK], 5.0)
        results.show(RUNNING)
    with growing() as results:
        assert (results.segments, results.until_s, results.aside) == ((WALK,), 5.0, None)
        assert results.add([WALK, RUN], 11.0) == (RUN,)
        end(results)
    assert load_timeline(tmp_path / "a.ts.timeline.json") == FINISHED
    assert not (tmp_path / "a.ts.timeline.partial.json").exists()


@pytest.mark.parametrize("settings", [MODEL, OTHER_MODEL])
def test_a_film_that_ended_and_goes_on_is_the_same_film(growing, tmp_path, settings):
    with growing() as results:
        end(results)
    for identity in ("decaf", "facade"):  # each longer than the one before
        for _ in range(2):  # one run is killed
            with growing(settings=settings) as results:
                results.show(RUNNING)
        with growing(settings=settings) as results:
            end(results, replace(FINISHED, video_identity=identity))
        assert load_timeline(tmp_path / "a.ts.timeline.json").video_identity == identity


def test_lines_of_another_model_are_put_aside(growing, tmp_path):
    with growing() as results:
        results.add([WALK], 5.0)
    with growing(settings=OTHER_MODEL) as results:
        assert (results.segments, results.aside) == ((), "a.ts.follow.jsonl.earlier-1")


def test_files_of_another_film_are_kept_unless_they_are_to_be_overwritten(growing, tmp_path):
    with growing() as results:
        results.add([WALK], 5.0)
        end(results)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(TimelineError, match=r"exists already and is not this film's; it was kept .*--overwrite$"):
        growing(begins="f00d")
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with growing(begins="f00d", overwrite=True) as results:
        assert results.segments == ()
        end(results, replace(FINISHED, video_identity="f11d"))
    assert (tmp_path / "a.ts.follow.jsonl.earlier-1").read_bytes() == before["a.ts.follow.jsonl"]


def test_two_runs_do_not_write_one_film(growing):
    with growing(), pytest.raises(InUse):
        growing()


def test_a_timeline_that_was_edited_is_kept_and_nothing_is_followed(growing, tmp_path):
    with growing() as results:
        end(results)
    file = tmp_path / "a.ts.timeline.json"
    file.write_bytes(file.read_bytes().replace(b"walk", b"talk"))
    with pytest.raises(TimelineError, match=r"^a\.ts\.timeline\.json is hand work, changed .*; .*; .*--discard-edits"):
        growing()
    with growing(discard_edits=True) as results:
        end(results)
    assert (tmp_path / "a.ts.timeline.json.edited-1").exists()


def test_what_people_say_while_the_film_goes_on_stays(growing, tmp_path):
    by_hand = Segment(start_s=1, end_s=3, label="sit", origin="manual")
    with growing() as results:
        results.show(RUNNING)
        said = replace(RUNNING, segments=(WALK, by_hand), reviewed=(Reviewed(start_s=4, end_s=6),))
        said.save(tmp_path / "a.ts.timeline.json")  # as the page saves it
        clock_moved = replace(RUNNING, segments=(WALK, RUN))
        results.show(clock_moved)
        saved = end(results)
    assert by_hand in saved.timeline.segments
    assert saved.timeline.video_identity == "c0ffee"
    assert "1 segment by hand" in saved.told[0]
    assert load_timeline(tmp_path / "a.ts.timeline.json") == saved.timeline


def test_a_page_that_was_changed_by_hand_is_left_alone(growing, tmp_path, clock):
    page = tmp_path / "a.ts.timeline.html"
    with growing() as results:
        results.show(RUNNING)
        page.write_bytes(page.read_bytes().replace(b"<title>", b"<title>my "))
        edited = page.read_bytes()
        clock.now_s += 100
        results.show(RUNNING)
        assert page.read_bytes() == edited
