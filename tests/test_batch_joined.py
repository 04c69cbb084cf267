"""A recording of several files is one film of a batch on a Ray cluster: its chunks are shared by two nodes."""

import sys

import pytest
from fleet import FleetWorker, Run, two_nodes
from ray_nodes import IGNORED
from recorded_cards import CHAPTERS, card  # noqa: F401  (a fixture)

from vtn_stream_pipelines.messages import FilmsApart, RecordingFound

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)


@pytest.fixture(scope="module")
def cluster(ray_head):
    with two_nodes(ray_head, sys.modules[__name__]) as nodes:
        yield nodes


class Watching(FleetWorker):
    def look(self, path):
        self.note(f"looked {path}")
        return super().look(path)


@pytest.mark.release
def test_every_film_is_done_once_alone_or_in_its_recording(cluster, card, tmp_path):
    folder = tmp_path
    run = Run(folder, Watching, card, join=True)
    assert run.failed == {}
    assert run.done == {"GH010001", "GH020002.MP4", "IMG_0001.MP4", "IMG_0002.MP4"}
    assert set(run.timelines) == run.done
    assert (folder / "out" / "card" / "GH010001.timeline.json").exists()
    (found,) = run.of_kind(RecordingFound)
    assert [name.rpartition("/")[2] for name in found.files] == [*CHAPTERS]
    assert [event.why for event in run.of_kind(FilmsApart)] == [
        "only their names go on, and a number alone does not say that the recording does"
    ]
    assert len(run.stored) == 12  # six of them are of the recording
    assert set(run.stored.values()) == {1}
    looked = [line for line in (folder / "notes").read_text().splitlines() if line.startswith("looked")]
    assert len(looked) == len(set(looked)) == 5  # not the chapter that is alone
