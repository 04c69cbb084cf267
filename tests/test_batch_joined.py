"""A recording of several files is one film of a batch: its chunks are shared, its results are those of analyze."""

import json
import sys
from fractions import Fraction

import pytest
from fleet import FakeEncoder, FleetWorker, Run, two_nodes
from ray_nodes import IGNORED

from vtn_stream.analysis import Analyzer
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream_pipelines.messages import FilmDone, FilmsApart, RecordingFound

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)
CHAPTERS = ("GH010001.MP4", "GH020001.MP4", "GH030001.MP4")


@pytest.fixture(scope="module")
def cluster(ray_head):
    with two_nodes(ray_head, sys.modules[__name__]) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def card(film_maker, tmp_path_factory):
    """Three chapters of two chunks each, a chapter without its first, and two films with numbers."""
    folder = tmp_path_factory.mktemp("card")
    scenes = {CHAPTERS[0]: 0, CHAPTERS[1]: 1, CHAPTERS[2]: 2, "GH020002.MP4": 3, "IMG_0001.MP4": 4, "IMG_0002.MP4": 5}
    for name, seed in scenes.items():
        film_maker(folder / name, [(40, seed), (30, seed + 6)], fps=Fraction(1))
    return folder


class Watching(FleetWorker):
    def look(self, path):
        self.note(f"looked {path}")
        return super().look(path)


@pytest.fixture(scope="module")
def joined(cluster, card, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joined")
    return Run(folder, Watching, card, join=True), folder


def test_every_film_is_done_once_alone_or_in_its_recording(joined):
    run, folder = joined
    assert run.failed == {}
    assert run.done == {"GH010001", "GH020002.MP4", "IMG_0001.MP4", "IMG_0002.MP4"}
    assert set(run.timelines) == run.done
    assert (folder / "out" / "card0" / "GH010001.timeline.json").exists()
    (found,) = run.of_kind(RecordingFound)
    assert [name.rpartition("/")[2] for name in found.files] == [*CHAPTERS]
    assert [event.why for event in run.of_kind(FilmsApart)] == [
        "only their names go on, and a number alone does not say that the recording does"
    ]
    assert len(run.stored) == 12  # six of them are of the recording
    assert set(run.stored.values()) == {1}
    looked = [line for line in (folder / "notes").read_text().splitlines() if line.startswith("looked")]
    assert len(looked) == len(set(looked)) == 5  # not the chapter that is alone


def test_results_are_byte_for_byte_those_of_analyze(joined, card, tmp_path):
    run, _ = joined
    results = ResultOptions(output=tmp_path / "results", formats=("json", "csv"))
    with Analyzer(Settings(fps=1, store=tmp_path / "store"), encoder=FakeEncoder()) as analyzer:
        plan = analyzer.plan([card / name for name in CHAPTERS], name="GH010001")
        made = analyzer.analyze(plan)
        files = results.files(plan.video.path, plan.video.identity, store=tmp_path / "store")
        files.save(made.timeline, made.scores, made.index, made.labels)
    assert run.timelines["GH010001"] == files.timelines["json"].read_bytes()
    assert [part["path"] for part in json.loads(run.timelines["GH010001"])["video"]["parts"]] == [*CHAPTERS]


def test_what_is_done_is_skipped_also_a_recording(joined, card):
    _, folder = joined
    again = Run(folder, Watching, card, join=True)
    assert (again.summary.counts.num_skipped, again.stored) == (4, {})
    assert all(event.skipped for event in again.of_kind(FilmDone))


def test_a_file_that_is_gone_fails_its_recording_and_nothing_else(cluster, film_maker, tmp_path):
    card = tmp_path / "card"
    card.mkdir()
    for i in (1, 2):
        film_maker(card / f"match_part{i}.mp4", [(20, i)], fps=Fraction(1))
    film_maker(card / "other.mp4", [(20, 3)], fps=Fraction(1))

    def look(event):
        if isinstance(event, RecordingFound):
            (card / "match_part2.mp4").unlink()

    run = Run(tmp_path, Watching, card, look=look, join=True)
    assert run.done == {"other.mp4"}
    assert list(run.failed) == ["match"]
    assert "match_part2.mp4" in run.failed["match"]
    assert "nothing of match was analyzed" in run.failed["match"]
