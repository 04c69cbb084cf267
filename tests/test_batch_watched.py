"""Films that arrive in a folder while a Ray cluster of two nodes works."""

import os
import shutil
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from fleet import FleetWorker, Run, analyzed_alone, two_nodes
from ray_nodes import IGNORED

from vtn_stream_pipelines.messages import ChunksDone, FilmDone, FilmSurveyed, FilmTaken
from vtn_stream_pipelines.watched import Watched

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)


@pytest.fixture(scope="module")
def cluster(ray_head):
    with two_nodes(ray_head, sys.modules[__name__]) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def made(film_maker, tmp_path_factory) -> Path:
    """Films of one picture every 10 s: 5 chunks, and 2."""
    folder = tmp_path_factory.mktemp("made")
    for name, num in [("long.mp4", 15), ("short.mp4", 6), ("other.mp4", 5)]:
        film_maker(folder / name, [(20, (i + num) % 5) for i in range(num)], fps=Fraction(1, 10))
    return folder


def arrive(made: Path, name: str, folder: Path, called: str = "") -> None:
    """As a program does that copies a film, and renames it when it is complete."""
    shutil.copy(made / name, folder / "on its way.part")
    os.replace(folder / "on its way.part", folder / (called or name))


def watched(folder: Path) -> Watched:
    folder.mkdir(exist_ok=True)
    return Watched([folder], at_rest_s=0.2, until_idle_s=1)


class Holding(FleetWorker):
    def at(self, moment):
        if moment == "embed" and self.film == "long.mp4" and self.once("held"):  # the other one goes on
            self.wait_for("short.mp4 is done")


@pytest.mark.release
def test_films_are_taken_while_others_are_in_work(cluster, made, tmp_path):
    folder = tmp_path / "films"

    def look(event):
        if isinstance(event, FilmSurveyed) and Path(event.film.path).name == "long.mp4":
            arrive(made, "short.mp4", folder)
        if isinstance(event, FilmDone):
            (tmp_path / f"{Path(event.film.path).name} is done").touch()

    films = watched(folder)
    arrive(made, "long.mp4", folder)
    run = Run(tmp_path, Holding, films, look=look)
    assert [Path(event.film.path).name for event in run.of_kind(FilmDone)] == ["short.mp4", "long.mp4"]
    assert (run.failed, run.summary.counts.num_done) == ({}, 2)
    assert run.timelines == analyzed_alone(folder, tmp_path / "alone")
    assert set(run.stored.values()) == {1}


@pytest.mark.release
@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_film_that_changed_is_analyzed_again_also_while_nobody_watched(cluster, made, tmp_path, is_stopped):
    folder, changes = tmp_path / "films", iter([] if is_stopped else ["other.mp4"])

    def look(event):
        if isinstance(event, FilmDone) and (name := next(changes, None)):
            arrive(made, name, folder, "a.mp4")

    films = watched(folder)
    arrive(made, "short.mp4", folder, "a.mp4")
    run = Run(tmp_path, FleetWorker, films, look=look)
    if is_stopped:
        arrive(made, "other.mp4", folder, "a.mp4")
        run = Run(tmp_path, FleetWorker, watched(folder))
        assert (run.failed, run.summary.counts.num_done) == ({}, 1)
    else:
        assert [event.is_again for event in run.of_kind(FilmTaken)] == [False, True]
        assert (run.failed, run.summary.counts.num_done) == ({}, 2)
    assert run.timelines == analyzed_alone(folder, tmp_path / "alone")


@pytest.mark.release
def test_results_of_another_file_of_this_name_are_never_replaced(cluster, made, tmp_path):
    for day, name in (("day1", "short.mp4"), ("day2", "other.mp4")):
        folder = tmp_path / day / "films"
        folder.parent.mkdir()
        films = watched(folder)
        arrive(made, name, folder, "a.mp4")
        run = Run(tmp_path, FleetWorker, films)
    assert list(run.failed) == ["a.mp4"]
    assert "is not this film's" in run.failed["a.mp4"]
    assert run.timelines == analyzed_alone(tmp_path / "day1" / "films", tmp_path / "alone")


class Stopped(Exception):
    pass


def test_a_stop_loses_nothing_and_does_nothing_twice(cluster, made, tmp_path):
    folder, done = tmp_path / "films", Counter()
    folder.mkdir()
    arrive(made, "long.mp4", folder)

    def stop(event):
        if isinstance(event, ChunksDone):
            raise Stopped

    with pytest.raises(Stopped):
        Run(tmp_path, FleetWorker, watched(folder), look=stop)
    arrive(made, "short.mp4", folder)
    for _ in range(2):
        run = Run(tmp_path, FleetWorker, watched(folder))
        done += Counter(Path(event.film.path).name for event in run.of_kind(FilmDone) if not event.skipped)
        assert run.failed == {}
    assert done == {"long.mp4": 1, "short.mp4": 1}
    notes = (tmp_path / "notes").read_text().splitlines()
    stored = [line for line in notes if line.startswith("stored")]
    assert len(stored) == len(set(stored)) == 5 + 2
    assert run.timelines == analyzed_alone(folder, tmp_path / "alone")
