"""Workers take part that compute as the first one does."""

import pytest

from vtn_stream.errors import BackboneError, ClusterError
from vtn_stream_pipelines.retries import MAX_FAILED_LOADS
from vtn_stream_pipelines.roll_call import RollCall
from vtn_stream_pipelines.work import Failure, Task

OLD, NEW = ({"device": "cpu", "instruction_set": which} for which in ("AVX2", "AVX512"))
DIED = Failure(kind="worker died", reason="its process ended unexpectedly")
MISSING = BackboneError("the weights are missing", "nothing was analyzed", "pull them")


class Work:
    """A source that always has the same task, and notes what it hears of it."""

    def __init__(self):
        self.task, self.heard = Task(name="survey a.mp4", method="survey", deadline_s=1), []

    def next(self, worker):
        return self.task

    def done(self, task, value, worker, seconds):
        self.heard.append(("done", value, worker))

    def failed(self, task, failure, worker):
        self.heard.append(("failed", failure.kind, worker))

    def returned(self, task):
        self.heard.append("returned")

    def finished(self):
        return bool(self.heard)


@pytest.fixture
def told():
    return []


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def roll_call(work, told):
    return RollCall(work, on_resolved=told.append, on_refused=lambda *refusal: told.append(refusal))


def load(roll_call, worker):
    task = roll_call.next(worker)
    assert task.method == "load"
    return task


def test_a_worker_works_once_it_has_said_how(roll_call, work, told):
    first = load(roll_call, 0)
    assert roll_call.next(0) is None
    roll_call.done(first, NEW, 0, 3.0)
    assert (told, roll_call.execution) == ([NEW], NEW)
    task = roll_call.next(0)
    assert task is work.task
    assert not roll_call.finished()
    roll_call.done(task, "value", 0, 0.5)
    roll_call.failed(task, DIED, 0)
    roll_call.returned(task)
    assert work.heard == [("done", "value", 0), ("failed", "worker died", 0), "returned"]
    assert roll_call.finished()
    assert roll_call.seconds == {"load": 3.0, "survey": 0.5}


def test_one_that_computes_in_another_way_is_refused(roll_call, told):
    tasks = [load(roll_call, worker) for worker in range(3)]  # all load at the same time
    for worker, (task, execution) in enumerate(zip(tasks, [NEW, OLD, NEW], strict=True)):
        roll_call.done(task, execution, worker, 1.0)
    assert told == [NEW, (1, "its instruction set is AVX2, not AVX512")]
    assert [roll_call.next(worker) is None for worker in range(3)] == [False, True, False]


def test_what_is_wrong_with_the_settings_ends_the_run_at_the_first_worker_only(roll_call, told):
    wrong = Failure(kind="raised", reason=str(MISSING), error=MISSING)
    with pytest.raises(BackboneError):
        roll_call.failed(load(roll_call, 0), wrong, 0)
    roll_call.done(load(roll_call, 1), NEW, 1, 1.0)
    roll_call.failed(load(roll_call, 2), wrong, 2)  # the weights are missing on one node
    assert told == [NEW, (2, str(MISSING))]
    assert roll_call.next(2) is None


def test_workers_that_all_die_while_they_load_end_the_run(roll_call, told):
    roll_call.done(load(roll_call, 0), NEW, 0, 1.0)
    for worker in range(1, 1 + MAX_FAILED_LOADS):
        roll_call.failed(load(roll_call, worker), DIED, worker)  # the first works on
    roll_call.lost(0)
    roll_call.failed(load(roll_call, 7), Failure(kind="node lost", reason="its node left the cluster"), 7)
    roll_call.returned(load(roll_call, 8))
    roll_call.done(load(roll_call, 9), NEW, 9, 1.0)
    roll_call.lost(9)
    for worker in range(10, 9 + MAX_FAILED_LOADS):
        roll_call.failed(load(roll_call, worker), DIED, worker)
    with pytest.raises(ClusterError, match=r"^workers cannot load the networks: its process ended unexpectedly; .* 3 "):
        roll_call.failed(load(roll_call, 20), DIED, 20)
    assert told == [NEW]
