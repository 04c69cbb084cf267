"""A chunk is worked on by one holder at a time; what is left of a dead one expires by the store's own clock."""

import errno
import os
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from lease_files import FILE, KEY, age, everything, leases, orphan  # noqa: F401  (fixtures among them)

from vtn_stream.sampling import Chunk
from vtn_stream.store import leases as module
from vtn_stream.store.clock import MARK_EVERY_S, mark_used, store_now_s
from vtn_stream.store.leases import RENEW_EVERY_S, TIME_TO_LIVE_S, Leases, lease_key
from vtn_stream.track import Execution, Recipe


def test_a_lease_is_held_by_one_and_gone_afterwards(leases, tmp_path):
    with leases.hold(KEY) as mine:
        assert mine
        assert leases.live() == {KEY}
        with Leases(tmp_path).hold(KEY) as theirs, leases.hold(f"{KEY}0") as another:
            assert not theirs
            assert not theirs.renew()
            assert another
        assert leases.live() == {KEY}
        assert mine
    assert not mine
    assert everything(tmp_path) == []


def test_a_lease_is_released_when_the_work_fails(leases, tmp_path):
    with pytest.raises(ZeroDivisionError), leases.hold(KEY):
        raise ZeroDivisionError
    assert everything(tmp_path) == []


def test_a_lease_says_nothing_of_its_holder(leases, tmp_path):
    with leases.hold(KEY):
        content = (tmp_path / "leases" / FILE).read_text()
    assert len(content) == 32
    assert int(content, 16) >= 0
    with leases.hold(KEY):
        assert (tmp_path / "leases" / FILE).read_text() != content


def test_every_chunk_recipe_and_execution_has_a_lease_of_its_own():
    recipe = Recipe(backbone="n", weights="0", fps=Fraction(1), size=(4, 4), mean=(0.5,) * 3, std=(0.25,) * 3)
    execution = Execution(
        device="cpu", dtype="float32", instruction_set="AVX2", batch_size=4, engine="torch", decoder="pyav"
    )
    chunk = Chunk(video_identity="c0ffee" * 5, video_path=Path("x/film.mp4"), number=1, start=6, stop=12)
    keys = {
        lease_key(chunk, recipe, execution),
        lease_key(replace(chunk, video_path=Path("copy.mp4")), recipe, execution),
        lease_key(replace(chunk, start=0, stop=6), recipe, execution),
        lease_key(chunk, replace(recipe, backbone="m"), execution),
        lease_key(chunk, recipe, replace(execution, device="cuda")),
    }
    assert len(keys) == 4
    assert all(key.startswith(f"{chunk.video_identity}-") for key in keys)
    assert all("film" not in key for key in keys)


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "x" * 201, "a\nb"])
def test_what_cannot_name_a_file_names_no_lease(leases, key):
    with pytest.raises(ValueError, match="cannot name a lease"), leases.hold(key):
        pass


# ---- expiry


def test_a_dead_holder_s_lease_expires(leases, tmp_path):
    path = orphan(tmp_path, seconds=TIME_TO_LIVE_S - 20)
    with leases.hold(KEY) as held:
        assert not held
    assert leases.live() == {KEY}
    age(path, TIME_TO_LIVE_S + 1)
    assert leases.live() == set()
    assert leases.expired() == [path]
    with leases.hold(KEY) as held:
        assert held
        assert leases.live() == {KEY}
    assert everything(tmp_path) == []


def test_a_lease_from_the_future_expires_too(leases, tmp_path):
    orphan(tmp_path, seconds=-TIME_TO_LIVE_S - 20)
    with leases.hold(KEY) as held:
        assert held


def test_ages_are_by_the_store_s_clock(leases, tmp_path, monkeypatch):
    """This machine's clock is a day ahead: the other's fresh lease holds all the same."""
    with leases.hold(KEY) as mine:
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 86400)
        with leases.hold(KEY) as theirs:
            assert not theirs
        assert mine


def test_renewing_keeps_a_lease(leases, tmp_path, monkeypatch):
    with leases.hold(KEY) as mine:
        path = tmp_path / "leases" / FILE
        age(path, TIME_TO_LIVE_S - 20)
        assert mine.renew()
        assert time.time() - path.stat().st_mtime > 100  # so soon after it was taken it is not looked at
        monkeypatch.setattr(mine, "_renewed", time.monotonic() - RENEW_EVERY_S)
        assert mine.renew()
        assert abs(time.time() - path.stat().st_mtime) < 20


def test_who_stood_still_too_long_learns_it_and_leaves_the_other_alone(leases, tmp_path, monkeypatch):
    with leases.hold(KEY) as mine:
        age(tmp_path / "leases" / FILE, TIME_TO_LIVE_S + 1)
        with leases.hold(KEY) as theirs:
            assert theirs
            monkeypatch.setattr(mine, "_renewed", time.monotonic() - RENEW_EVERY_S)
            assert not mine.renew()
            assert not mine
            mine.release()
            assert leases.live() == {KEY}
        assert everything(tmp_path) == []
    with leases.hold(KEY) as mine:
        age(tmp_path / "leases" / FILE, TIME_TO_LIVE_S + 1)
        with leases.hold(KEY) as theirs:
            mine.release()  # not knowing
            assert leases.live() == {KEY}
            assert theirs.renew()


def test_a_holder_whose_lease_was_removed_learns_it(leases, tmp_path, monkeypatch):
    with leases.hold(KEY) as mine:
        (tmp_path / "leases" / FILE).unlink()
        monkeypatch.setattr(mine, "_renewed", time.monotonic() - RENEW_EVERY_S)
        assert not mine.renew()


# ---- stores that cannot hold leases


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.EIO])
def test_where_no_lease_can_be_written_the_work_is_done_without(leases, tmp_path, monkeypatch, code):
    opened = os.open

    def refuse(path, flags, mode=0o777):
        if flags & os.O_CREAT:
            raise OSError(code, os.strerror(code))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with leases.hold(KEY) as held:
        assert held
        assert held.renew()
    assert leases.live() == set()


def test_where_an_expired_lease_cannot_be_removed_the_work_is_done_without(leases, tmp_path, monkeypatch):
    orphan(tmp_path)

    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with leases.hold(KEY) as held:
        assert held
    assert FILE in everything(tmp_path)


@pytest.mark.parametrize("what", ["a folder", "a link", "a pipe", "no folder"])
def test_what_is_no_lease_is_left_alone_and_blocks_nobody(leases, tmp_path, what):
    path = tmp_path / "leases" / FILE
    if what == "no folder":
        path.parent.touch()
    else:
        path.parent.mkdir()
        {"a folder": path.mkdir, "a link": lambda: path.symlink_to("/etc/hosts"), "a pipe": lambda: os.mkfifo(path)}[
            what
        ]()
        if what == "a pipe":
            age(path, TIME_TO_LIVE_S + 1)
    with leases.hold(KEY) as held:
        assert held
    leases.live()


def test_a_lease_that_cannot_be_renewed_for_a_moment_is_held(leases, monkeypatch):
    with leases.hold(KEY) as held:
        monkeypatch.setattr(held, "_renewed", time.monotonic() - RENEW_EVERY_S)
        monkeypatch.setattr(os, "utime", lambda *args: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        assert held.renew()


def test_workers_of_one_batch_take_over_from_each_other_at_once(tmp_path):
    owner = module.new_owner()
    dead, next_one, stranger = (Leases(tmp_path, owner=name) for name in (owner, owner, module.new_owner()))
    with dead.hold(KEY) as first:
        assert first
        with stranger.hold(KEY) as held:
            assert not held
        with next_one.hold(KEY) as held:
            assert held
            first._renewed = time.monotonic() - RENEW_EVERY_S
            assert not first.renew()  # were it alive, it would know
        with Leases(tmp_path).hold(KEY) as held:
            assert held


def test_a_batch_that_ends_releases_what_its_workers_left(tmp_path):
    ours, others = (Leases(tmp_path, owner=module.new_owner()) for _ in range(2))
    ours.release_own()
    with ours.hold(KEY), ours.hold("a-b-c-2"), others.hold("a-b-c-3"), Leases(tmp_path).hold("a-b-c-4"):
        Leases(tmp_path).release_own()
        assert len(ours.live()) == 4
        ours.release_own()
        assert ours.live() == {"a-b-c-3", "a-b-c-4"}


def test_what_others_keep_in_a_folder_of_that_name_is_no_lease(leases, tmp_path):
    for name, content in (
        ("flat.lease", "The tenant shall"),
        ("contract.txt", ""),
        ("-.lease", ""),
        ("x.lease", "0" * 33),
    ):
        orphan(tmp_path, name).write_text(content)
        age(tmp_path / "leases" / name, TIME_TO_LIVE_S + 1)
    assert (leases.live(), leases.expired()) == (set(), [])


def test_no_store_has_no_leases(tmp_path):
    leases = Leases(tmp_path / "none")
    assert (leases.live(), leases.expired()) == (set(), [])
    assert not (tmp_path / "none").exists()


def test_a_renewal_is_far_shorter_than_the_time_to_live():
    assert module.TIME_TO_LIVE_S >= 60 + 3 * RENEW_EVERY_S  # and a network disk may hide a minute


# ---- when a folder was used


def test_the_store_s_clock_leaves_nothing(tmp_path):
    assert abs(store_now_s(tmp_path) - time.time()) < 5
    assert abs(store_now_s(tmp_path / "none") - time.time()) < 5
    assert list(tmp_path.iterdir()) == []


def test_a_reader_marks_a_folder_now_and_then(tmp_path):
    for seconds, marked in ((MARK_EVERY_S + 60, True), (MARK_EVERY_S - 60, False), (-MARK_EVERY_S - 60, True)):
        age(tmp_path, seconds)
        before = tmp_path.stat().st_mtime_ns
        mark_used(tmp_path)
        assert (tmp_path.stat().st_mtime_ns != before) == marked
    mark_used(tmp_path / "none")
