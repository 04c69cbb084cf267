"""Whatever happens to workers, nodes and the one who asked, a batch ends: every healthy film has its timeline, the same
as without the accident, and what was stored is not computed again.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest
from fleet import FleetWorker, Run, analyzed_alone, full_disk, two_nodes
from ray_nodes import IGNORED, LIMIT_S

from vtn_stream.errors import ClusterError, StoreError
from vtn_stream.store import EmbeddingStore
from vtn_stream_pipelines import retries
from vtn_stream_pipelines.messages import FilmDone
from vtn_stream_pipelines.retries import MAX_ATTEMPTS
from vtn_stream_pipelines.work import WorkerLost, WorkerStarted

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)
NUM_CHUNKS = {"long.mp4": 12, "short.mp4": 2, "other.mp4": 3}


@pytest.fixture(scope="module")
def cluster(ray_head):
    with two_nodes(ray_head, sys.modules[__name__]) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def films(film_maker, tmp_path_factory) -> Path:
    """Three films of one picture every 10 s: 12, 3 and 2 chunks that cost almost nothing."""
    folder = tmp_path_factory.mktemp("films")
    for number, (name, num_chunks) in enumerate(NUM_CHUNKS.items()):
        scenes = [(20, number + i % 5) for i in range(3 * num_chunks)]
        film_maker(folder / name, scenes, fps=Fraction(1, 10))
    return folder


@pytest.fixture(scope="module")
def alone(films, tmp_path_factory) -> dict[str, bytes]:
    return analyzed_alone(films, tmp_path_factory.mktemp("alone"))


def num_chunks() -> int:
    return sum(NUM_CHUNKS.values())


@pytest.mark.release
def test_nothing_goes_wrong(cluster, films, alone, tmp_path):
    run = Run(tmp_path, FleetWorker, films)
    assert run.timelines == alone
    assert set(run.stored.values()) == {1}
    assert run.stored.total() == num_chunks() == run.summary.counts.num_chunks_done
    again = Run(tmp_path, FleetWorker, films)
    assert (again.summary.counts.num_skipped, again.stored) == (3, {})


@pytest.mark.parametrize("moments", [("survey", "embedding", "results"), ("decoding", "writing", "predict")])
def test_a_worker_that_is_killed_costs_what_it_was_at(cluster, films, alone, tmp_path, moments):
    class Dies(FleetWorker):
        def at(self, moment):
            if moment in moments and self.film == "long.mp4" and self.once(moment):
                self.die()

    run = Run(tmp_path, Dies, films)
    assert run.timelines == alone
    assert (run.failed, run.done) == ({}, {*NUM_CHUNKS})
    assert [event.failure.kind for event in run.of_kind(WorkerLost)] == ["worker died"] * 3
    assert run.stored.total() == num_chunks()  # what it was at was not stored yet
    assert run.summary.num_duplicates == 0
    assert list(tmp_path.glob("store/leases/*")) == []


@pytest.mark.release
def test_a_film_that_kills_every_worker_is_named_and_left_out(cluster, films, alone, tmp_path):
    class Poisoned(FleetWorker):
        def at(self, moment):
            if moment == "embed" and self.film == "long.mp4" and 5 in self.numbers:
                self.die()

    run = Run(tmp_path, Poisoned, films)
    assert run.failed == {"long.mp4": "decoding killed its worker 3 times"}
    assert run.timelines == {name: alone[name] for name in ("short.mp4", "other.mp4")}
    assert len(run.of_kind(WorkerLost)) == MAX_ATTEMPTS + 1  # in a run of several, then alone
    assert set(run.stored.values()) == {1}


@pytest.mark.release
def test_a_film_that_hangs_is_ended_at_its_deadline(cluster, films, alone, tmp_path, monkeypatch):
    monkeypatch.setattr(retries, "EMBED_PER_CHUNK_S", 0.5)

    class Hangs(FleetWorker):
        def at(self, moment):
            if moment == "decoding" and self.film == "short.mp4":
                time.sleep(LIMIT_S)

    run = Run(tmp_path, Hangs, films)
    assert run.failed == {"short.mp4": "decoding took too long 3 times"}
    assert run.timelines == {name: alone[name] for name in ("long.mp4", "other.mp4")}


@pytest.mark.release
def test_memory_that_is_short_for_a_moment_costs_an_attempt(cluster, films, alone, tmp_path):
    class Full(FleetWorker):
        def at(self, moment):
            if moment == "embedding" and self.film != "short.mp4" and self.once(self.film):
                raise MemoryError("cannot allocate 8 GB")

    run = Run(tmp_path, Full, films)
    assert (run.failed, run.timelines) == ({}, alone)
    assert run.of_kind(WorkerLost) == []
    assert set(run.stored.values()) == {1}


@pytest.mark.release
def test_a_full_disk_ends_the_batch_with_one_line(cluster, films, tmp_path):
    class Full(FleetWorker):
        def at(self, moment):
            if moment == "writing" and not self.once("room"):
                full_disk()

    with pytest.raises(StoreError, match=r"^the disk is full; .*everything stored before is kept; free some space"):
        Run(tmp_path, Full, films)
    run = Run(tmp_path, FleetWorker, films)
    assert run.failed == {}
    assert run.stored.total() == num_chunks() - 1


@pytest.mark.release
def test_workers_that_die_of_every_film_end_the_batch(cluster, films, tmp_path, monkeypatch):
    monkeypatch.setattr(retries, "MAX_FAILED_FILMS_IN_A_ROW", 2)

    class Sick(FleetWorker):
        def at(self, moment):
            if moment == "predict":
                self.die()

    with pytest.raises(
        ClusterError, match=r"^2 films in a row failed, at last .*\.mp4: predicting killed its worker 3"
    ):
        Run(tmp_path, Sick, films)


def test_a_node_that_goes_takes_only_what_was_done_there(cluster, films, alone, tmp_path):
    nodes = [cluster.add_node(num_cpus=1)]

    class Held(FleetWorker):
        def at(self, moment):
            if moment == "embedding" and self.once(f"met {os.getpid()}"):
                Path(self.folder, f"at {ray.get_runtime_context().get_node_id()}").touch()
                self.wait_for("go")

    def leave():
        wait_until((tmp_path / f"at {nodes[0].node_id}").exists)
        cluster.remove_node(nodes[0])
        (tmp_path / "go").touch()

    thread = threading.Thread(target=leave)
    thread.start()
    run = Run(tmp_path, Held, films)
    thread.join()
    assert (run.failed, run.timelines) == ({}, alone)
    assert run.stored.total() == num_chunks()
    assert len(run.of_kind(WorkerLost)) == 1


@pytest.mark.release
def test_a_node_that_comes_gets_work(cluster, films, alone, tmp_path):
    class Held(FleetWorker):
        def at(self, moment):
            if moment == "embedding":
                self.meet("embeds", 3)

    nodes = []

    def look(event):
        if isinstance(event, WorkerStarted) and event.counts.num_ready == 2 and not nodes:
            nodes.append(cluster.add_node(num_cpus=1))

    run = Run(tmp_path, Held, films, look=look)
    cluster.remove_node(nodes[0])
    assert (run.failed, run.timelines) == ({}, alone)
    assert len(run.embedders) == 3
    assert run.summary.num_workers == 3
    assert set(run.stored.values()) == {1}


DRIVER = """
import sys, ray
from pathlib import Path
sys.path.insert(0, {tests!r})
import fleet, test_batch_faults
for module in (fleet, test_batch_faults):
    ray.cloudpickle.register_pickle_by_value(module)
ray.init(address={address!r}, log_to_driver=False)
fleet.Run(Path({folder!r}), test_batch_faults.{worker}, Path({films!r}), num_workers={num_workers})
"""


def driver(cluster, folder: Path, worker: str, films: Path, num_workers=None) -> subprocess.Popen:
    code = DRIVER.format(
        tests=str(Path(__file__).parent),
        address=cluster.address,
        folder=str(folder),
        worker=worker,
        films=str(films),
        num_workers=num_workers,
    )
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stderr=subprocess.PIPE)


def wait_until(condition, process=None) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        assert process is None or process.poll() is None, process.stderr.read().decode()
        time.sleep(0.05)


class StopsAfterFour(FleetWorker):
    def at(self, moment):
        if moment == "writing" and Path(self.folder, "notes").read_text().count("stored") >= 4:
            self.note(f"waits {os.getpid()}")
            self.wait_for("for ever")


class Impatient(FleetWorker):
    lease_s = 2.0


def test_a_driver_that_was_killed_is_started_again_and_goes_on(cluster, films, alone, tmp_path):
    notes = tmp_path / "notes"
    with driver(cluster, tmp_path, "StopsAfterFour", films) as process:
        wait_until(lambda: notes.exists() and notes.read_text().count("waits") == 2, process)
        process.send_signal(signal.SIGKILL)
    before = notes.read_text().count("stored")
    assert 4 <= before <= 5
    run = Run(tmp_path, Impatient, films)
    assert (run.failed, run.timelines) == ({}, alone)
    assert run.stored.total() == num_chunks() - before


class Meets(FleetWorker):
    def at(self, moment):
        if moment == "embed" and self.once(f"met {os.getpid()}"):
            self.meet("embeds", 2)


@pytest.mark.release
def test_two_batches_over_one_store_share_the_work(cluster, films, alone, tmp_path):
    other = shutil.copytree(films, tmp_path / "films")  # in another place, the same content
    with driver(cluster, tmp_path, "Meets", films, num_workers=1) as process:
        run = Run(tmp_path, Meets, other, num_workers=1)
        assert process.wait(LIMIT_S) == 0, process.stderr.read().decode()
    assert run.failed == {}
    notes = [line for line in (tmp_path / "notes").read_text().splitlines() if line.startswith("stored")]
    assert len(notes) == len(set(notes)) == num_chunks()
    assert {path.name: path.read_bytes() for path in run.output.rglob("*.timeline.json")} == {
        f"{name}.timeline.json": content for name, content in alone.items()
    }


def test_an_interrupt_leaves_the_rest_for_the_next_run(cluster, films, alone, tmp_path):
    def interrupt(event):
        if isinstance(event, FilmDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Run(tmp_path, FleetWorker, films, look=interrupt)
    assert list(tmp_path.glob("store/leases/*.lease")) == []
    num_stored = sum(len(film.chunk_files) for film in EmbeddingStore(tmp_path / "store").films())
    run = Run(tmp_path, FleetWorker, films)
    assert run.stored.total() == num_chunks() - num_stored
    assert run.timelines == alone
