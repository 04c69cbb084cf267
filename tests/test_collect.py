"""Space is freed from what was not used for longest, and nobody who works in the store meanwhile is harmed."""

import fcntl
import itertools
import json
import multiprocessing
import os
import re
import signal
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.sampling import Chunk
from vtn_stream.store import EmbeddingStore, Leases, collect, lease_key
from vtn_stream.store.clock import mark_used, store_now_s
from vtn_stream.store.collect import choose, remove
from vtn_stream.store.inventory import IN_USE_S, SCRATCH_S, Item, items
from vtn_stream.track import Execution, Recipe
from vtn_stream_cli import amounts
from vtn_stream_cli.cache import cache

RECIPE = Recipe(backbone="net", weights="0123abcd", fps=Fraction(1), size=(4, 4), mean=(0.5,) * 3, std=(0.25,) * 3)
EXECUTION = Execution(
    device="cpu", dtype="float32", instruction_set="AVX2", batch_size=4, engine="torch", decoder="pyav"
)
DAY_S = 86400.0
NUM = 6  # positions in a chunk


def chunks(identity, num=3):
    return [
        Chunk(video_identity=identity, video_path=Path("film.mp4"), number=i, start=i * NUM, stop=(i + 1) * NUM)
        for i in range(num)
    ]


def write(store, chunk, recipe=RECIPE):
    values = np.full((NUM, 4), chunk.number, np.float16)
    grid_s = chunk.start + np.arange(NUM) * 1.0
    index = FrameIndex(grid_s=grid_s, frame=np.arange(NUM), pts_s=grid_s, valid=np.ones(NUM, np.bool_))
    store.write(chunk, recipe, EXECUTION, values, index, {0: b"\xff\xd8" + b"x" * 500})


def fill(store, identity, *, days=0.0, recipe=RECIPE, num=3):
    """A whole film, used last so many days ago; its folder."""
    for chunk in chunks(identity, num):
        write(store, chunk, recipe)
    pts = np.arange(num * NUM)
    video = VideoInfo(
        path=Path(f"{identity}.mp4"), identity=identity, stream=0, codec="h264", width=4, height=4,
        time_base=Fraction(1), start=Fraction(0), pts=pts, end_pts=num * NUM, keyframes=pts[:1], stamp=(1, 2),
    )  # fmt: skip
    store.finish(video, chunks(identity, num), recipe, EXECUTION)
    folder = store.root / "films" / identity / recipe.digest / EXECUTION.digest
    back(folder, days)
    return folder


def back(folder, days):
    """As if all in the folder, and itself, had been written so long ago."""
    then = time.time() - days * DAY_S
    for path in [*folder.rglob("*"), folder] if folder.is_dir() else [folder]:
        os.utime(path, (then, then), follow_symlinks=False)


def put(path, days, content=b"x" * 1000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    back(path, days)
    return path


def free(store, **what):
    now_s = store_now_s(store.root)
    return [remove(store, item) for item in choose(items(store, now_s), now_s, **what)]


def freed(store, **what):
    """Names of films and kinds of the rest that went."""
    kept = [r.item for r in free(store, **what) if r.num_bytes]
    return [item.name.split(".")[0] if item.kind == "film" else item.kind for item in kept]


def size_of(store):
    return sum(path.lstat().st_size for path in store.root.rglob("*") if path.is_file())


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return EmbeddingStore(tmp_path / "store")


# ---- what goes


def test_what_was_used_least_recently_goes_first_until_the_rest_fits(store):
    folders = [fill(store, name, days=days) for name, days in (("b", 3), ("a", 9), ("d", 1), ("c", 2))]
    one = size_of(store) / 4
    assert freed(store, keep_bytes=int(one * 2.5)) == ["a", "b"]
    assert [folder.exists() for folder in folders] == [False, False, True, True]
    assert size_of(store) <= one * 2.5
    assert freed(store, keep_bytes=int(one * 2.5)) == []
    assert sorted(os.listdir(store.root / "films")) == ["c", "d"]


def test_what_is_older_goes(store):
    for name, days in (("a", 31), ("b", 29), ("c", 300)):
        fill(store, name, days=days)
    assert freed(store, older_than_s=30 * DAY_S) == ["c", "a"]
    assert freed(store, older_than_s=30 * DAY_S) == []


def test_of_a_film_one_recipe_can_go(store):
    other = replace(RECIPE, backbone="other")
    fill(store, "a", days=40)
    kept = fill(store, "a", days=3, recipe=other)
    assert freed(store, older_than_s=30 * DAY_S) == ["a"]
    assert kept.exists()
    assert [film.manifest["recipe"]["backbone"] for film in store.films()] == ["other"]


def test_probes_go_by_age(store):
    old, new = (put(store.root / "probes" / f"{name * 32}.arrow", days) for name, days in (("a", 40), ("b", 3)))
    assert freed(store, older_than_s=30 * DAY_S) == ["probe"]
    assert (old.exists(), new.exists()) == (False, True)
    assert freed(store, keep_bytes=0) == ["probe"]


def test_what_is_in_use_stays_whatever_is_asked(store):
    fill(store, "written")
    fill(store, "leased", days=40)
    fill(store, "read", days=40)
    fill(store, "left", days=40)
    mark_used(store.root / "films" / "read" / RECIPE.digest / EXECUTION.digest)
    put(store.root / "probes" / f"{'a' * 32}.arrow", 0)
    with Leases(store.root).hold(lease_key(chunks("leased")[0], RECIPE, EXECUTION)):
        assert freed(store, keep_bytes=0, older_than_s=0, orphans=True) == ["left"]
    assert sorted(os.listdir(store.root / "films")) == ["leased", "read", "written"]
    assert freed(store, keep_bytes=0) == ["leased"]


def test_a_film_that_is_used_with_one_recipe_stays_with_all(store):
    fill(store, "a", days=40)
    fill(store, "a", recipe=replace(RECIPE, backbone="other"))
    assert freed(store, keep_bytes=0) == []


def test_what_comes_into_use_after_the_look_stays(store):
    now_s = store_now_s(store.root)
    for name in ("read", "written", "leased"):
        fill(store, name, days=40)
    chosen = choose(items(store, now_s), now_s, keep_bytes=0)
    assert len(chosen) == 3
    mark_used(store.root / "films" / "read" / RECIPE.digest / EXECUTION.digest)
    write(store, chunks("written")[1])
    with Leases(store.root).hold(lease_key(chunks("leased")[0], RECIPE, EXECUTION)):
        assert [remove(store, item).num_bytes for item in chosen] == [0, 0, 0]


@given(
    st.lists(
        st.tuples(st.sampled_from(["film", "probe", "lease"]), st.integers(0, 99), st.integers(0, 99), st.booleans())
    ),
    st.none() | st.integers(0, 500),
    st.none() | st.integers(0, 99),
    st.booleans(),
)
def test_no_more_goes_than_must(found, keep_bytes, older_than_s, orphans):
    found = [
        Item(kind=kind, path=Path(f"{i}"), name="", num_bytes=size, used_s=100.0 - age, in_use=in_use)
        for i, (kind, size, age, in_use) in enumerate(found)
    ]
    chosen = choose(found, 100.0, keep_bytes=keep_bytes, older_than_s=older_than_s, orphans=orphans)
    assert not any(item.in_use for item in chosen)
    assert {item.path for item in chosen if item.kind == "lease"} == {
        item.path for item in found if item.kind == "lease" and orphans and not item.in_use
    }
    kept = [item for item in found if item not in chosen and not item.in_use and item.kind != "lease"]
    gone = [item for item in chosen if item.kind != "lease"]
    assert all(a.used_s <= b.used_s for a, b in itertools.product(gone, kept))
    left = sum(item.num_bytes for item in found if item not in chosen)
    if keep_bytes is not None and left > keep_bytes:
        assert not kept
    if older_than_s is not None:
        assert all(100 - item.used_s <= older_than_s for item in kept)
    if gone and not (older_than_s is not None and 100 - gone[-1].used_s > older_than_s):
        assert left + gone[-1].num_bytes > keep_bytes  # the last one had to go


# ---- what killed runs left


def test_what_killed_runs_left_goes_when_it_is_old(store):
    folder = fill(store, "a", days=2)
    late, gone = [], []
    for place in (folder, store.root / "probes", store.root, store.root / "leases"):
        for days, found in ((0, late), (1, gone)):
            found.append(put(place / f".{len(gone + late):024x}.tmp", days))
    os.utime(folder, (time.time() - 2 * DAY_S,) * 2)
    gone += [put(store.root / "leases" / name, 1, b"0" * 32) for name in ("a-r-e-0-6.lease",)]
    gone += [put(store.root / "leases" / ".a-r-e-0-6.lease.taking", 1, b"")]
    late += [put(store.root / "leases" / "a-r-e-6-12.lease", 0, b"0" * 32)]
    assert free(store) == []
    assert {removed.item.path for removed in free(store, orphans=True)} == set(gone)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in late)
    assert store.load(chunks("a")[0], RECIPE, EXECUTION) is not None


def test_scratch_goes_after_a_day_unless_its_run_goes_on(store):
    for name, days in (("fresh", 0.5), ("held", 3), ("dead", 3)):
        for file in ("layer-0.f32", "layer-1.f32", "state.json"):
            put(store.scratch / name / file, days)
    put(store.scratch / ".dead.lock", 3, b"")
    with open(store.scratch / ".held.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [(r.item.path.name, r.num_bytes) for r in free(store, orphans=True)] == [("dead", 3000), ("held", 0)]
    assert sorted(os.listdir(store.scratch)) == [".held.lock", "fresh", "held"]
    assert SCRATCH_S > IN_USE_S


# ---- what is not ours


def test_what_is_strange_to_the_store_stays(store, tmp_path):
    folder = fill(store, "a", days=40)
    strange = [
        put(path, 40)
        for path in (
            folder / "notes.arrow",
            folder / "000000000-000000006.txt",
            store.root / "films" / "README",
            store.root / "films" / "b" / "thesis.doc",
            store.root / "probes" / "notes.arrow",
            store.root / "scratch" / "thesis" / "chapter.doc",
            store.root / "scratch" / "plan.txt",
            store.root / "leases" / "flat.lease",
            store.root / "photos" / f".{0:024x}.tmp",
            store.root / "letter.tmp",
        )
    ]
    os.utime(folder, (time.time() - 40 * DAY_S,) * 2)
    assert freed(store, keep_bytes=0, older_than_s=0, orphans=True) == ["a"]
    assert all(path.exists() for path in strange)
    assert sorted(os.listdir(folder)) == ["000000000-000000006.txt", "notes.arrow"]


@pytest.mark.parametrize("level", ["films", "identity", "recipe", "execution", "file", "probes", "scratch", "leases"])
def test_no_link_is_followed_out_of_the_store(store, tmp_path, level):
    outside = EmbeddingStore(tmp_path / "outside")
    folder = fill(outside, "a", days=40)
    put(outside.root / "probes" / f"{'a' * 32}.arrow", 40)
    put(outside.root / "scratch" / "a" / "layer-0.f32", 40)
    put(outside.root / "leases" / "a-r-e-0-6.lease", 40, b"0" * 32)
    put(outside.root / "leases" / f".{0:024x}.tmp", 40)
    before = sorted(outside.root.rglob("*"))
    below = {"films": 0, "identity": 1, "recipe": 2, "execution": 3}
    if level in below:
        target = [outside.root / "films", *[folder.parents[1], folder.parent, folder]][below[level]]
        link = store.root / target.relative_to(outside.root)
    elif level == "file":
        target = folder / f"{chunks('a')[0].key}.arrow"
        link = store.root / target.relative_to(outside.root)
    else:
        target, link = outside.root / level, store.root / level
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    back(link.parent, 40)
    free(store, keep_bytes=0, older_than_s=0, orphans=True)
    assert sorted(outside.root.rglob("*")) == before
    assert all(path.stat().st_size for path in before if path.is_file())


def test_a_store_behind_a_link_is_freed(store, tmp_path):
    fill(store, "a", days=40)
    put(store.root / f".{0:024x}.tmp", 40)
    (tmp_path / "link").symlink_to(store.root)
    assert freed(EmbeddingStore(tmp_path / "link"), keep_bytes=0, orphans=True) == ["a", "temporary"]
    assert [path.name for path in store.root.rglob("*")] == ["films"]


# ---- beside others


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


# ---- the command


def gc(store, *arguments):
    result = CliRunner().invoke(cache, ["gc", "--store", str(store.root), *arguments], standalone_mode=False)
    return result.return_value, result.output, result.exception


def test_the_command_says_what_was_freed(store):
    fill(store, "a", days=40)
    fill(store, "b")
    put(store.root / f".{0:024x}.tmp", 40)
    before = sorted(store.root.rglob("*"))
    code, shown, _ = gc(store, "--older-than", "30d", "--orphans", "--dry-run")
    assert (code, sorted(store.root.rglob("*"))) == (0, before)
    assert "would be freed" in shown
    code, done, _ = gc(store, "--older-than", "30d", "--orphans")
    assert code == 0
    assert done == shown.replace("would be freed", "were freed").replace("would be left", "are left")
    assert re.search(r"^ *\d\.\d kB  a\.mp4 \(net, 1 per second\), last used 40 days ago$", done, re.MULTILINE)
    assert re.search(r"^ *1\.0 kB  files that were never finished$", done, re.MULTILINE)
    assert os.listdir(store.root / "films") == ["b"]


def test_the_command_says_when_more_is_left_than_asked(store):
    fill(store, "a")
    assert "the rest is in use" in gc(store, "--keep", "1kB")[1]
    assert "the rest" not in gc(store, "--keep", "1GB")[1]


def test_the_command_wants_to_know_what_may_go(store):
    fill(store, "a", days=40)
    _, _, error = gc(store)
    assert "say what may be removed" in error.message
    _, _, error = gc(store, "--dry-run")
    assert "say what may be removed" in error.message


def test_a_name_from_a_stranger_s_manifest_cannot_move_the_cursor(store):
    folder = fill(store, "a", days=40)
    manifest = json.loads((folder / "manifest.json").read_bytes()) | {"name": "\x1b[2J[bold]"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    os.utime(folder, (time.time() - 40 * DAY_S,) * 2)
    _, shown, _ = gc(store, "--keep", "0")
    assert "\x1b" not in shown
    assert "[bold]" in shown


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        ("0", 0), ("12", 12), ("12B", 12), ("500MB", 500_000_000), ("20GB", 20_000_000_000), ("20 gb", 20_000_000_000),
        ("1.5TiB", 1_649_267_441_664), ("1k", 1000), ("1Ki", 1024), (".5kB", 500), ("2.G", 2_000_000_000),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, num_bytes):
    assert amounts.SIZE.convert(text, None, None) == num_bytes


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("30d", 2592000), ("2w", 1209600), ("1.5 D", 129600)])
def test_ages_are_read_as_people_write_them(text, seconds):
    assert amounts.AGE.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "-1GB", "GB", "1XB", "1.2.3", "1e3", "inf", "30", "30m", "month", "-1d", "1dd"])
def test_what_is_no_amount_is_told(store, text):
    for option in ("--keep", "--older-than"):
        if option == "--keep" and text in ("30", "30m"):
            continue
        _, _, error = gc(store, option, text)
        assert "is not a" in error.message


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (20_000_000_000, "20.0 GB"),
    ],
)
def test_sizes_are_shown_short(num_bytes, text):
    assert amounts.size(num_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 hours"), (3600, "1 hour"), (47 * 3600, "47 hours"), (2 * DAY_S, "2 days")]
)
def test_ages_are_shown_short(seconds, text):
    assert amounts.age(seconds) == text
