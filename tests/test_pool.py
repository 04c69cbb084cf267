"""A pool of Ray actors does every task, whatever happens to its workers and nodes. All of it on real Ray processes."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from pathlib import Path

import pytest
from ray_nodes import IGNORED, LIMIT_S, connected_nodes

from vtn_stream.errors import BackboneError, ClusterError
from vtn_stream_pipelines import retries
from vtn_stream_pipelines.actor import worker_failure
from vtn_stream_pipelines.pool import Pool
from vtn_stream_pipelines.work import (
    Failure,
    NoRoom,
    Resources,
    Task,
    WorkerLost,
    WorkerSpec,
    WorkerStarted,
)

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)


@pytest.fixture(scope="module")
def cluster(ray_head):
    node = {"num_cpus": 2, "num_gpus": 2}  # pretended
    with connected_nodes(ray_head, node, modules=(sys.modules[__name__],)) as nodes:
        yield nodes


class Worker:
    """What the tasks of these tests need."""

    def __init__(self, error=None):
        if error:
            raise error

    def echo(self, value):
        return value

    def pid(self):
        return os.getpid()

    def fail(self):
        raise ValueError("no frame in /home/somebody/films/match.mp4\nand more")

    def fail_oddly(self):
        class Odd(Exception):
            def __init__(self, a, b):
                super().__init__(f"{a} and {b}")

        raise Odd("this", "that")

    def unpicklable(self):
        return (x for x in "abc")

    def die(self, when=None):
        self.hold(when=when)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(LIMIT_S)

    def hang(self):
        time.sleep(10 * LIMIT_S)

    def hold(self, began=None, when=None):
        """Say where it runs, and run until a file is there."""
        gpus = "+".join(map(str, ray.get_gpu_ids()))
        if began:
            Path(began, f"{os.getpid()} {ray.get_runtime_context().get_node_id()} {gpus}").touch()
        while when and not Path(when).exists():
            time.sleep(0.02)
        return os.getpid()


def task(name, method="echo", *args, deadline_s=LIMIT_S):
    return Task(name=name, method=method, args=args, deadline_s=deadline_s)


def spec(*, arguments=None, max_workers=2, **resources):
    return WorkerSpec(
        factory=Worker, arguments=arguments or {}, max_workers=max_workers, resources=Resources(**resources)
    )


class Bag:
    """Tasks in any order, each offered again until it has had its attempts; `look` is called all the time."""

    def __init__(self, *tasks, attempts=1, look=None):
        self.todo = deque(tasks)
        self.num_left = len(tasks)
        self.attempts = attempts
        self.look = look
        self.values, self.workers, self.failures, self.returns = {}, {}, [], []
        self.until = time.monotonic() + LIMIT_S

    def next(self, worker):
        return self.todo.popleft() if self.todo else None

    def done(self, task, value, worker, seconds):
        assert task.name not in self.values
        assert seconds >= 0
        self.values[task.name], self.workers[task.name] = value, worker
        self.num_left -= 1

    def failed(self, task, failure, worker):
        self.failures.append((task.name, failure.kind))
        self.workers[task.name], self.failure = worker, failure
        if [name for name, _ in self.failures].count(task.name) < self.attempts:
            self.todo.append(task)
        else:
            self.num_left -= 1

    def returned(self, task):
        self.returns.append(task.name)
        self.todo.appendleft(task)

    def finished(self):
        assert time.monotonic() < self.until, (self.todo, self.failures, self.num_left)
        if self.look:
            self.look()
        return not self.num_left


def is_gone(pid):
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition):
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def events():
    return []


@pytest.fixture(scope="module")
def pair(cluster, events):
    """Two workers that most of the tests share: starting one takes seconds."""
    with Pool(spec(num_cpus=0), on_event=events.append) as pool:
        yield pool


def test_the_module_does_not_load_ray():
    code = "import sys, vtn_stream_pipelines.pool; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_tasks_are_done_once_by_two_workers(pair, events, tmp_path):
    went = [task(f"at once {i}", "hold", str(tmp_path), str(tmp_path / "go")) for i in range(2)]

    def look():
        if len(list(tmp_path.iterdir())) == 2:
            (tmp_path / "go").touch()

    bag = Bag(*went, *(task(f"t{i}", "echo", i) for i in range(20)), task("big", "echo", b"0" * 2_000_000), look=look)
    pair.run(bag)
    assert len({bag.values.pop(one.name) for one in went}) == 2
    assert bag.values == {f"t{i}": i for i in range(20)} | {"big": b"0" * 2_000_000}
    assert (bag.failures, bag.returns) == ([], [])
    assert [(type(event), event.counts.num_ready) for event in events] == [(WorkerStarted, 1), (WorkerStarted, 2)]


def test_1000_tasks_pass(pair):
    bag = Bag(*(task(f"t{i}", "echo", i) for i in range(1000)))
    began = time.monotonic()
    pair.run(bag)
    print(f"\n{1000 / (time.monotonic() - began):.0f} tasks/s")
    assert bag.values == {f"t{i}": i for i in range(1000)}


def test_a_method_that_raises_fails_its_task_and_keeps_its_worker(cluster):
    with Pool(spec(max_workers=1)) as pool:
        bag = Bag(task("before", "pid"), task("bad", "fail"), task("after", "pid"))
        pool.run(bag)
        assert bag.failures == [("bad", "raised")]
        assert bag.failure.reason == "ValueError: no frame in match.mp4"
        assert isinstance(bag.failure.error, ValueError)
        assert bag.values["before"] == bag.values["after"]

        odd = Bag(task("odd", "fail_oddly"), task("lazy", "unpicklable"), task("none", "missing"), task("after", "pid"))
        pool.run(odd)
        assert odd.failures == [("odd", "raised"), ("lazy", "raised"), ("none", "raised")]
        assert odd.values == {"after": bag.values["after"]}


def test_a_dead_worker_is_replaced_and_only_its_running_task_failed(cluster, tmp_path):
    told = []
    go = tmp_path / "go"

    class Killed(Bag):
        def next(self, worker):
            task = super().next(worker)
            if task and task.name == "behind":
                go.touch()
            return task

    with Pool(spec(max_workers=1), on_event=told.append) as pool:
        bag = Killed(task("quick", "pid"), task("deadly", "die", str(go)), task("behind", "pid"))
        pool.run(bag)
    assert bag.failures == [("deadly", "worker died")]
    assert bag.returns == ["behind"]
    assert bag.values["quick"] != bag.values["behind"]
    assert [type(event) for event in told] == [WorkerStarted, WorkerLost, WorkerStarted]
    last = told[-1].counts
    assert (last.num_ready, last.num_started, last.num_lost, last.num_replaced) == (1, 2, 1, 1)


def test_a_task_that_hangs_is_ended_at_its_deadline(pair):
    bag = Bag(task("hangs", "hang", deadline_s=0.5), *(task(f"t{i}", "pid") for i in range(20)), attempts=2)
    pair.run(bag)
    assert bag.failures == [("hangs", "deadline")] * 2
    assert len(bag.values) == 20


def test_a_worker_that_died_idle_fails_no_task(cluster):
    with Pool(spec(max_workers=1)) as pool:
        bag = Bag(task("first", "pid"))
        pool.run(bag)
        os.kill(bag.values["first"], signal.SIGKILL)
        wait_until(lambda: is_gone(bag.values["first"]))
        time.sleep(retries.TRUSTED_S)
        bag = Bag(task("second", "pid"))
        pool.run(bag)
    assert bag.failures == []
    assert bag.returns == ["second"]


def test_a_node_out_of_memory_is_told_as_such(cluster):
    # Simulated: filling the memory of the machine would end other processes as well.
    assert worker_failure(ray.exceptions.OutOfMemoryError("killed"), "") == Failure(
        kind="out of memory", reason="its node ran out of memory"
    )


def test_workers_share_a_gpu(cluster, tmp_path):
    go = tmp_path / "go"
    began = tmp_path / "began"
    began.mkdir()

    def look():
        if len(list(began.iterdir())) == 4:
            go.touch()

    bag = Bag(*(task(f"t{i}", "hold", str(began), str(go)) for i in range(8)), look=look)
    with Pool(spec(num_cpus=0, num_gpus=0.5, max_workers=8)) as pool:
        pool.run(bag)
    assert Counter(file.name.split()[-1] for file in began.iterdir()) == {"0": 2, "1": 2}


def test_a_node_that_comes_gets_workers_and_takes_only_its_tasks_when_it_goes(cluster, tmp_path):
    go = tmp_path / "go"
    began = tmp_path / "began"
    began.mkdir()
    nodes = []

    def look():
        held = Counter(file.name.split()[1] for file in began.iterdir())
        if sum(held.values()) == 2 and not nodes:
            nodes.append(cluster.add_node(num_cpus=1))
        elif sum(held.values()) == 3 and not go.exists():
            assert held[nodes[0].node_id] == 1
            cluster.remove_node(nodes[0])
            go.touch()

    bag = Bag(*(task(f"t{i}", "hold", str(began), str(go)) for i in range(9)), look=look)
    with Pool(spec(max_workers=5)) as pool:
        pool.run(bag)
    assert len(bag.values) == 8
    # The process may be gone before the node is known to be.
    assert [why for _, why in bag.failures] in (["node lost"], ["worker died"])


@pytest.mark.release
def test_a_worker_on_the_bench_keeps_its_place_and_gets_no_task(cluster):
    told = []

    class Picky(Bag):
        """The first worker is not wanted."""

        def next(self, worker):
            if worker == 0 and self.todo:
                pool.bench(0)
                return None
            return super().next(worker)

    with Pool(spec(max_workers=1), on_event=told.append) as pool:
        bag = Picky(*(task(f"t{i}", "pid") for i in range(3)))
        pool.run(bag)
    assert len(bag.values) == 3
    assert set(bag.workers.values()) == {1}
    assert [(type(event), event.counts.num_ready) for event in told] == [(WorkerStarted, 1), (WorkerStarted, 1)]


@pytest.mark.release
def test_a_full_cluster_is_reported_once_for_as_long_as_it_is_full(cluster, monkeypatch, tmp_path):
    monkeypatch.setattr(retries, "ROOM_S", 1.0)
    full = []  # when it was reported

    def hear(event):
        if isinstance(event, NoRoom) and event.counts.num_ready == 1:
            full.append(time.monotonic())

    def look():
        if full and time.monotonic() - full[0] > 1.0:
            (tmp_path / "go").touch()

    with Pool(spec(num_cpus=0, num_gpus=2), on_event=hear) as pool:
        pool.run(Bag(task("holds", "hold", None, str(tmp_path / "go")), look=look))
    assert len(full) == 1


def test_a_pool_without_workers_is_refused():
    with pytest.raises(ValueError, match="0 workers"):
        spec(max_workers=0)


@pytest.mark.release
def test_no_room_is_an_error_with_a_cure(cluster):
    with (
        Pool(spec(num_gpus=9), patience_s=0.5) as pool,
        pytest.raises(ClusterError, match=r"worker exists \(1 CPU, 9 GPU\).*add such a node"),
    ):
        pool.run(Bag(task("t")))
    with (
        Pool(spec(num_cpus=0, num_gpus=2, max_workers=1)) as first,
        Pool(spec(num_gpus=1, memory_bytes=2**20), patience_s=0.5) as second,
    ):
        first.run(Bag(task("t")))
        with pytest.raises(ClusterError, match=r"is free \(1 CPU, 1 GPU, .* GiB of memory\).*wait until others"):
            second.run(Bag(task("t")))


@pytest.mark.release
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("no such device"), r"^workers cannot start: RuntimeError: no such device; .* 3 tries"),
        (BackboneError("the weights are missing", "nothing was done", "pull them"), "^the weights are missing;"),
    ],
)
def test_workers_that_cannot_start_end_the_run_with_the_reason(cluster, monkeypatch, error, message):
    monkeypatch.setattr(retries, "FAILED_START_PAUSE_S", 0.1)
    expected = BackboneError if isinstance(error, BackboneError) else ClusterError
    with Pool(spec(arguments={"error": error})) as pool, pytest.raises(expected, match=message):
        pool.run(Bag(task("t")))


@pytest.mark.release
def test_an_interrupt_leaves_no_worker_behind(cluster):
    def interrupt():
        if len(bag.values) == 1:
            raise KeyboardInterrupt

    bag = Bag(task("pid", "pid"), task("hangs", "hang"), look=interrupt)
    pool = Pool(spec(max_workers=1))
    with pytest.raises(KeyboardInterrupt):
        pool.run(bag)
    wait_until(lambda: is_gone(bag.values["pid"]))

    def interrupted(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pool(spec(), on_event=interrupted).run(Bag(task("t")))
    wait_until(lambda: ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"])
