"""Of many that want a lease at the same moment one gets it, whoever is killed meanwhile."""

import multiprocessing
import os
import signal
import threading
import time

from lease_files import FILE, KEY, age, everything, leases, orphan  # noqa: F401  (fixtures among them)

from vtn_stream.store.leases import TIME_TO_LIVE_S, Leases


def before_taking(monkeypatch, leases, act):
    """Let `act` happen once, between finding a lease expired and taking it over."""
    taking = leases._taking

    def late(path):
        monkeypatch.setattr(leases, "_taking", taking)
        act()
        return taking(path)

    monkeypatch.setattr(leases, "_taking", late)


def test_a_lease_that_another_took_meanwhile_is_left_alone(leases, tmp_path, monkeypatch):
    orphan(tmp_path)
    other = Leases(tmp_path).hold(KEY)
    before_taking(monkeypatch, leases, other.__enter__)
    with leases.hold(KEY) as late:
        assert not late
    assert leases.live() == {KEY}
    other.__exit__(None, None, None)
    assert everything(tmp_path) == []


def test_a_lease_that_was_renewed_meanwhile_is_left_alone(leases, tmp_path, monkeypatch):
    path = orphan(tmp_path)
    before_taking(monkeypatch, leases, lambda: os.utime(path))
    with leases.hold(KEY) as late:
        assert not late
    before_taking(monkeypatch, leases, lambda: os.utime(path))
    age(path, TIME_TO_LIVE_S + 1)
    assert not leases.remove_expired(path)
    assert everything(tmp_path) == [FILE]
    assert path.read_text() == "0" * 32


def test_a_lease_that_was_released_meanwhile_is_there_for_the_next(leases, tmp_path, monkeypatch):
    path = orphan(tmp_path)
    before_taking(monkeypatch, leases, path.unlink)
    with leases.hold(KEY) as held:
        assert not held
    with leases.hold(KEY) as held:
        assert held


def test_who_was_killed_while_it_took_a_lease_over_blocks_others_only_until_that_expires(leases, tmp_path):
    orphan(tmp_path)
    mark = orphan(tmp_path, f".{FILE}.taking", seconds=0)
    for seconds, expected in ((0, False), (TIME_TO_LIVE_S + 1, False), (None, True)):
        if seconds is not None:
            age(mark, seconds)
        with leases.hold(KEY) as held:
            assert bool(held) == expected
    assert everything(tmp_path) == []


def test_an_expired_lease_can_be_removed(leases, tmp_path):
    path = orphan(tmp_path)
    assert leases.remove_expired(path)
    assert not leases.remove_expired(path)
    assert everything(tmp_path) == []


def test_of_many_that_want_an_expired_lease_one_gets_it(tmp_path):
    for _ in range(30):
        orphan(tmp_path)
        start, done = threading.Barrier(8), threading.Barrier(8)
        held = []

        def take(start=start, done=done, held=held):
            start.wait()
            with Leases(tmp_path).hold(KEY) as lease:
                held.append(bool(lease))
                done.wait()

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(held) == 1
        assert everything(tmp_path) == []


def _share(root, num, results, barrier):
    """Do every piece that no other does, as a batch would."""
    barrier.wait()
    for i in range(num):
        with Leases(root).hold(f"film-{i}") as held:
            if held and not (root / f"{i}").exists():
                (root / f"{i}").touch()
                results.put(i)


def test_processes_share_the_work(tmp_path):
    context = multiprocessing.get_context("fork")
    results, barrier = context.Queue(), context.Barrier(4)
    workers = [context.Process(target=_share, args=(tmp_path, 50, results, barrier)) for _ in range(4)]
    for worker in workers:
        worker.start()
    done = sorted(results.get(timeout=60) for _ in range(50))
    for worker in workers:
        worker.join()
    assert results.empty()
    assert done == list(range(50))
    assert everything(tmp_path) == []


def _hold_on(root, ready):
    with Leases(root).hold(KEY):
        ready.set()
        time.sleep(600)


def test_a_killed_holder_blocks_others_only_until_it_expires(leases, tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    worker = context.Process(target=_hold_on, args=(tmp_path, ready))
    worker.start()
    assert ready.wait(60)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    with leases.hold(KEY) as held:
        assert not held
    age(tmp_path / "leases" / FILE, TIME_TO_LIVE_S + 1)
    with leases.hold(KEY) as held:
        assert held
