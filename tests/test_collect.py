"""Space is freed from what was not used for longest, and from nothing that is not the store's own."""

import fcntl
import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from filled_store import (  # noqa: F401  (fixtures among them)
    DAY_S,
    EXECUTION,
    RECIPE,
    back,
    chunks,
    fill,
    free,
    put,
    store,
    write,
)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.store import EmbeddingStore, Leases, lease_key
from vtn_stream.store.clock import mark_used, store_now_s
from vtn_stream.store.collect import choose, remove
from vtn_stream.store.inventory import IN_USE_S, SCRATCH_S, Item, items


def freed(store, **what):
    """Names of films and kinds of the rest that went."""
    kept = [r.item for r in free(store, **what) if r.num_bytes]
    return [item.name.split(".")[0] if item.kind == "film" else item.kind for item in kept]


def size_of(store):
    return sum(path.lstat().st_size for path in store.root.rglob("*") if path.is_file())


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


def test_cuts_go_by_their_own_age_and_a_film_s_folder_with_the_last_of_it(store):
    film = fill(store, "a", days=40)
    cuts = put(film.parents[1] / f"cuts-{'0' * 16}.arrow", 20)
    put(film.parents[1] / f".{0:024x}.tmp", 40)
    free(store, older_than_s=30 * DAY_S, orphans=True)
    assert list(film.parents[1].iterdir()) == [cuts]
    free(store, older_than_s=10 * DAY_S)
    assert not film.parents[1].exists()
    assert store.root.exists()


def test_cuts_in_use_stay(store):
    film = fill(store, "a", days=40)
    cuts = put(film.parents[1] / f"cuts-{'0' * 16}.arrow", 0)
    free(store, keep_bytes=0)
    assert list(film.parents[1].iterdir()) == [cuts]
    back(cuts, 40)
    with Leases(store.root).hold("a-0"):
        free(store, keep_bytes=0)
        assert cuts.exists()
    free(store, keep_bytes=0)
    assert not (store.root / "films").exists() or not list((store.root / "films").iterdir())


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
