"""Recordings are found while a batch runs: every film is looked at once at most, and nobody waits for all of them."""

import pytest
from compared_films import NOON, film

from vtn_stream.errors import StoreError, VideoError
from vtn_stream_pipelines.film_list import FilmEntry, RecordingFiles
from vtn_stream_pipelines.joiner import Joiner
from vtn_stream_pipelines.messages import FilmsApart, Outcome, RecordingFound, Survey
from vtn_stream_pipelines.retries import MAX_ATTEMPTS
from vtn_stream_pipelines.schedule import Schedule
from vtn_stream_pipelines.work import Failure


def entries(*names):
    return [
        FilmEntry(number=i, path=f"/a/{n}", name=f"a/{n}", num_bytes=10, results=f"a/{n}") for i, n in enumerate(names)
    ]


def play(films, known, *, num_workers=1, fail=lambda task: None):
    """The tasks (method, first argument) in their order, and the events."""
    events, tasks = [], []
    joiner = Joiner(films, events.append)
    schedule = Schedule(joiner.alone(), on_event=events.append)
    source = joiner.before(schedule)
    for turn in range(10_000):
        if source.finished():
            return tasks, events
        worker = turn % num_workers
        task = source.next(worker)
        if task is None:
            continue
        tasks.append((task.method, task.args[0]))
        if (failure := fail(task)) is not None:
            source.failed(task, failure, worker)
        elif task.method == "look":
            source.done(task, known[task.args[0].removeprefix("/a/")], worker, 1.0)
        elif task.method == "survey":
            survey = Survey(identity=str(task.args[0]), duration_s=60.0, num_chunks=1, missing=(), finished=False)
            source.done(task, survey, worker, 1.0)
        else:
            source.done(task, Outcome(num_segments=1, num_gaps=0), worker, 1.0)
    raise AssertionError("it does not end")


def chapters(num):
    return {f"GH0{i}0001.MP4": film(created_s=NOON) for i in range(1, num + 1)}


@pytest.mark.parametrize("num_workers", [1, 3])
def test_only_candidates_are_looked_at_and_a_recording_is_one_film(num_workers):
    known = chapters(3)
    films = entries("other.mp4", *known, "IMG_0001.MOV")
    tasks, events = play(films, known, num_workers=num_workers)
    assert sorted(path for method, path in tasks if method == "look") == [f"/a/{name}" for name in known]
    recording = RecordingFiles(name="GH010001", paths=tuple(f"/a/{name}" for name in known), starts=None)
    assert sorted(str(source) for method, source in tasks if method == "predict") == sorted(
        ["/a/other.mp4", "/a/IMG_0001.MOV", str(recording)]
    )
    (found,) = [event for event in events if isinstance(event, RecordingFound)]
    assert (found.film.name, found.film.results, found.film.num_bytes) == ("a/GH010001", "a/GH010001", 30)
    assert found.files == tuple(f"a/{name}" for name in known)


def test_other_films_and_settled_ones_do_not_wait_for_the_rest():
    known = {f"clip_{i:03d}.mp4": film() for i in range(100)}
    tasks, events = play(entries("other.mp4", *known), known)
    first_survey = [method for method, _ in tasks].index("survey")
    last_look = max(i for i, (method, _) in enumerate(tasks) if method == "look")
    assert first_survey < 3 < 100 < last_look  # looks and work take turns
    assert len([path for method, path in tasks if method == "predict"]) == 101
    assert len([event for event in events if isinstance(event, FilmsApart)]) == 99


def test_a_film_that_cannot_be_read_is_not_joined_and_its_survey_tells():
    known = chapters(2)
    bad = Failure(kind="raised", reason="bad", error=VideoError("it is bad", "no", "no"))
    tasks, events = play(entries(*known), known, fail=lambda t: bad if t.args[0] == "/a/GH020001.MP4" else None)
    assert [method for method, path in tasks if path == "/a/GH020001.MP4"] == ["look", "survey"]
    (apart,) = [event for event in events if isinstance(event, FilmsApart)]
    assert (apart.files, apart.why) == (("a/GH010001.MP4", "a/GH020001.MP4"), "GH020001.MP4 cannot be read")


def test_a_look_that_lost_its_worker_is_tried_again():
    known, tries = chapters(2), []

    def fail(task):
        if task.method == "look" and len(tries) < MAX_ATTEMPTS - 1:
            tries.append(task)
            return Failure(kind="worker died", reason="gone")
        return None

    _, events = play(entries(*known), known, fail=fail)
    assert any(isinstance(event, RecordingFound) for event in events)


def test_a_full_disk_ends_the_run():
    full = Failure(kind="raised", reason="full", error=StoreError("full", "no", "no"))
    with pytest.raises(StoreError):
        play(entries(*chapters(2)), {}, fail=lambda task: full)


def test_results_of_a_recording_are_never_those_of_a_film():
    known = {"match.mp4 part1.avi": film(), "match.mp4 part2.avi": film()}
    films = entries(*known, "match.mp4")
    _, events = play(films, known)
    (found,) = [event for event in events if isinstance(event, RecordingFound)]
    assert found.film.results != "a/match.mp4"
    assert found.film.results.startswith("a/match.mp4~")
