"""Nobody who reads or writes in a store is harmed by a collection that goes on meanwhile."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from filled_store import (  # noqa: F401  (fixtures among them)
    EXECUTION,
    RECIPE,
    back,
    chunks,
    fill,
    free,
    store,
    write,
)

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.store import EmbeddingStore, Leases, collect, lease_key
from vtn_stream.store.clock import store_now_s
from vtn_stream.store.collect import choose, remove
from vtn_stream.store.inventory import items


def test_the_manifest_goes_first_and_every_step_leaves_a_store_that_works(store, monkeypatch):
    """Killed after each file in turn: what is there is whole, and the next collection finishes the work."""
    unlinked = []
    unlink = collect._unlink

    def killed_after(num):
        def step(path, *args):
            if len(unlinked) == num:
                raise KeyboardInterrupt
            unlinked.append(path.name)
            return unlink(path, *args)

        return step

    for num in range(6):
        folder = fill(store, "a", days=40)
        unlinked.clear()
        monkeypatch.setattr(collect, "_unlink", killed_after(num))
        if num < 5:
            with pytest.raises(KeyboardInterrupt):
                free(store, keep_bytes=0)
        else:
            free(store, keep_bytes=0)
        monkeypatch.setattr(collect, "_unlink", unlink)
        stored = [store.load(chunk, RECIPE, EXECUTION) is not None for chunk in chunks("a")]
        assert sum(stored) == min(3, max(0, 4 - num))
        assert all(problem is None for _, problem in store.verify())
        assert (folder / "manifest.json").exists() == (num == 0)
        if folder.exists():
            back(folder, 1)
            free(store, keep_bytes=0, orphans=True)
        assert not folder.exists()
    assert unlinked == ["manifest.json", *(f"{chunk.key}.arrow" for chunk in chunks("a")), "manifest.json"]


def _use(root, seed, stop, done):
    """A run of a batch: reads what is stored, computes what is missing, over and over."""
    store, leases, rng = EmbeddingStore(root), Leases(root), np.random.default_rng(seed)
    problems = []
    while not stop.is_set():
        identity = f"{rng.integers(4)}"
        for chunk in chunks(identity):
            try:
                if (stored := store.load(chunk, RECIPE, EXECUTION)) is None:
                    with leases.hold(lease_key(chunk, RECIPE, EXECUTION)) as held:
                        if held:
                            time.sleep(0.01)  # decoding and embedding take longer
                            write(store, chunk)
                elif not (stored.values == chunk.number).all() or len(stored.thumbnails[0]) != 502:
                    problems.append(f"{chunk.key} of {identity} holds something else")
            except (DamagedFile, StoreError) as error:
                problems.append(str(error))
    done.put(problems)


def test_readers_and_writers_beside_a_collection_never_see_half_a_file(store, monkeypatch):
    """Nothing counts as in use here, so that files go under their hands."""
    monkeypatch.setattr("vtn_stream.store.inventory.IN_USE_S", -1.0)
    context = multiprocessing.get_context("fork")
    stop, done = context.Event(), context.Queue()
    workers = [context.Process(target=_use, args=(store.root, seed, stop, done)) for seed in range(3)]
    for worker in workers:
        worker.start()
    num_freed, began = 0, time.monotonic()
    while time.monotonic() < began + 3 or (num_freed <= 10 and time.monotonic() < began + 60):  # on a busy machine
        num_freed += sum(bool(r.num_bytes) for r in free(store, keep_bytes=0))
    stop.set()
    problems = [problem for _ in workers for problem in done.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert problems == []
    assert num_freed > 10


def _collect_forever(root):
    store = EmbeddingStore(root)
    while True:
        free(store, keep_bytes=0)


def test_a_collection_that_is_killed_leaves_a_store_that_works(store):
    context = multiprocessing.get_context("fork")
    rng = np.random.default_rng(0)
    for _ in range(8):
        for i in range(5):
            fill(store, f"{i}", days=40)
        worker = context.Process(target=_collect_forever, args=(store.root,))
        worker.start()
        time.sleep(float(rng.uniform(0.0, 0.05)))
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert all(problem is None for _, problem in store.verify())
        for film in store.films():
            assert film.manifest is None or len(film.chunk_files) == 3


def test_two_collections_at_once_do_not_trip_over_each_other(store):
    for i in range(10):
        fill(store, f"{i}", days=40)
    now_s = store_now_s(store.root)
    chosen = choose(items(store, now_s), now_s, keep_bytes=0)
    assert all(remove(store, item).num_bytes for item in chosen)
    again = [remove(store, item) for item in chosen]
    assert [removed.num_bytes for removed in again] == [0] * 10
    assert [removed.problem for removed in again] == [None] * 10


def test_a_film_that_was_finished_again_meanwhile_loses_its_manifest(store, monkeypatch):
    folder = fill(store, "a", days=40)
    content, unlink = (folder / "manifest.json").read_bytes(), collect._unlink

    def rewritten(path, *args):
        size = unlink(path, *args)
        if path.name.startswith("000000006"):
            (folder / "manifest.json").write_bytes(content)
        return size

    monkeypatch.setattr(collect, "_unlink", rewritten)
    free(store, keep_bytes=0)
    assert not folder.exists()


def test_a_chunk_that_is_written_meanwhile_stays(store, monkeypatch):
    folder = fill(store, "a", days=40)
    unlink, last = collect._unlink, chunks("a")[2]

    def rewritten(path, *args):
        if path.name.startswith("000000000"):
            write(store, last)
        return unlink(path, *args)

    monkeypatch.setattr(collect, "_unlink", rewritten)
    free(store, keep_bytes=0)
    assert os.listdir(folder) == [f"{last.key}.arrow"]


def test_what_cannot_be_removed_is_told_and_the_rest_goes(store, monkeypatch):
    fill(store, "a", days=40)
    fill(store, "b", days=30)
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if "/a/" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    first, second = free(store, keep_bytes=0)
    assert str(first.problem).startswith("a.mp4 (net, 1 per second) cannot be removed (Permission denied)")
    assert second.problem is None
    assert os.listdir(store.root / "films") == ["a"]
