"""Fetching a published model from a server on this machine, which cuts, forgets and lies."""

import dataclasses
import fcntl
from itertools import pairwise

import pytest
import torch
from model_server import (  # noqa: F401  (fixtures among them)
    BYTES,
    ETAG,
    anything,
    names,
    published,
    refusal,
    server,
)
from published_layout import shrink, small_state, write
from safetensors.torch import save_file
from tiny_checkpoints import tiny_checkpoint

from vtn_stream.checkpoints import download, load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The bytes of a file of the published layout, of a small network."""
    return write(tmp_path_factory.mktemp("weights") / "w.pyth", small_state(num_layers=1, num_classes=2)).read_bytes()


# ---- the whole way


def test_a_model_is_fetched_checked_and_imported(server, weights, tmp_path, monkeypatch):
    shrink(monkeypatch)
    folder, told = tmp_path / "new" / "models", []
    entry = published(server, weights)
    path = download.pull(entry, folder, lambda done, total: told.append((done, total)))
    assert path == folder / "m.safetensors"
    assert load_checkpoint(path).training["sha256"] == entry.sha256
    assert names(folder) == ["m.safetensors"]
    assert all(a <= b for a, b in pairwise(done for done, _ in told))
    assert told[0] == (0, len(weights))
    assert told[-1] == (len(weights), len(weights))


def there(tiny, folder, entry):
    """What a pull of the entry leaves."""
    model = dataclasses.replace(tiny_checkpoint(tiny), training={"sha256": entry.sha256})
    save_checkpoint(model, folder / "m.safetensors")
    return folder / "m.safetensors"


def test_a_model_that_is_there_is_not_fetched(server, tiny, tmp_path):
    entry = published(server, BYTES)
    path = there(tiny, tmp_path, entry)
    assert download.pull(entry, tmp_path) == path
    assert server.asked == []


# ---- how it arrives


def test_a_cut_fetch_goes_on_where_it_stopped(server, anything, tmp_path):
    entry = published(server, BYTES, name="cut")
    server.cuts = [300_000, 200_000]
    download.pull(entry, tmp_path)
    assert server.asked == [(None, None), ("bytes=300000-", ETAG), ("bytes=500000-", ETAG)]
    assert anything == [BYTES]
    assert names(tmp_path) == ["cut.safetensors"]


def test_another_run_goes_on_where_the_last_one_stopped(server, anything, tmp_path):
    entry = published(server, BYTES)
    server.cuts = [300_000, 0, 0, 0]
    said = refusal(entry, tmp_path)
    assert "the connection ended after 300000 of 1024000 bytes" in said
    assert names(tmp_path) == ["W.pyth.part", "W.pyth.part.etag"]
    server.asked.clear()
    download.pull(entry, tmp_path)
    assert server.asked == [("bytes=300000-", ETAG)]
    assert anything == [BYTES]


def test_a_part_that_is_whole_is_not_fetched_again(server, anything, tmp_path):
    (tmp_path / "W.pyth.part").write_bytes(BYTES)
    download.pull(published(server, BYTES), tmp_path)
    assert server.asked == [("bytes=1024000-", None)]
    assert anything == [BYTES]


@pytest.mark.parametrize("etag", [None, 'W/"weak"', ETAG])
@pytest.mark.parametrize("ranges", [True, False])
def test_servers_without_ranges_or_etags(server, anything, tmp_path, etag, ranges):
    server.etag, server.ranges, server.cuts = etag, ranges, [300_000]
    download.pull(published(server, BYTES), tmp_path)
    assert anything == [BYTES]
    assert server.asked[1] == ("bytes=300000-", etag if etag == ETAG else None)


@pytest.mark.parametrize("old", [b"other" * 20_000, b"other" * 300_000])
def test_a_part_of_another_file_is_thrown_away(server, anything, tmp_path, old):
    (tmp_path / "W.pyth.part").write_bytes(old)
    (tmp_path / "W.pyth.part.etag").write_text('"older"')
    download.pull(published(server, BYTES), tmp_path)
    assert server.asked[0] == (f"bytes={len(old)}-", '"older"')
    assert anything == [BYTES]


def test_a_part_that_is_too_long_is_thrown_away(server, anything, tmp_path):
    (tmp_path / "W.pyth.part").write_bytes(BYTES + b"x")
    download.pull(published(server, BYTES), tmp_path)
    assert server.asked == [("bytes=1024001-", None), (None, None)]
    assert anything == [BYTES]


def test_a_server_that_is_busy_is_asked_again(server, anything, tmp_path):
    server.cuts, server.status = [100_000], [503, 200, 429, 500]
    download.pull(published(server, BYTES), tmp_path)
    assert [asked for asked, _ in server.asked] == [None, None, *["bytes=100000-"] * 3]
    assert anything == [BYTES]


def test_a_server_that_brings_nothing_is_given_up(server, tmp_path):
    server.cuts = [5, *[0] * 99]
    assert "after 5 of 1024000 bytes" in refusal(published(server, BYTES), tmp_path)
    assert len(server.asked) == 1 + 3


# ---- a file of that name that is there already


@pytest.mark.parametrize("change", [lambda whole: whole[:-100], lambda whole: whole[:-4] + b"\0\0\1\0"])
def test_a_damaged_model_is_fetched_anew(server, anything, tiny, tmp_path, change):
    entry = published(server, BYTES)
    path = there(tiny, tmp_path, entry)
    path.write_bytes(change(path.read_bytes()))
    assert download.pull(entry, tmp_path).read_bytes() == b"saved"


def newer(path):
    tensors = {"x": torch.zeros(1)}
    save_file(tensors, path, {"vtn-stream": '{"format": 3, "what": "is not known yet"}'})


OTHERS = {
    "another model": lambda path: save_checkpoint(tiny_checkpoint("test_efficientnet"), path),
    "a file of another format": newer,
    "a model that cannot be read": lambda path: path.write_bytes(b"anything"),
    "no file": lambda path: path.mkdir(),
}


def unchanged(path):
    """What a look at the file leaves as it is: all but when it was read."""
    status = path.stat()
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_the_published_model_stays(server, tmp_path, what):
    path = tmp_path / "m.safetensors"
    OTHERS[what](path)
    before = unchanged(path)
    said = refusal(published(server, BYTES), tmp_path)
    assert said.startswith(f"m.safetensors in the models' folder is {what}, not the published W.pyth; ")
    assert "remove or rename it" in said
    assert unchanged(path) == before
    assert names(tmp_path) == ["m.safetensors"]
    assert server.asked == []


def test_weights_of_others_stay(server, tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors")
    assert "is a file of another format" in refusal(published(server, BYTES), tmp_path)


# ---- two at a time


def test_a_second_fetch_waits_for_the_import_too(server, anything, tmp_path, monkeypatch):
    entry, said = published(server, BYTES), []

    def save(checkpoint, path):
        said.append(refusal(entry, tmp_path))
        path.write_bytes(b"saved")

    monkeypatch.setattr(download, "save_checkpoint", save)
    download.pull(entry, tmp_path)
    assert "already being downloaded" in said[0]
    assert names(tmp_path) == ["m.safetensors"]


def test_a_part_that_was_removed_before_it_was_locked_is_made_anew(server, anything, tmp_path, monkeypatch):
    lock, part = fcntl.flock, tmp_path / "W.pyth.part"

    def late(file, how):
        monkeypatch.setattr(fcntl, "flock", lock)
        part.unlink()  # the other fetch, which has ended
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    download.pull(published(server, BYTES), tmp_path)
    assert anything == [BYTES]
    assert names(tmp_path) == ["m.safetensors"]


def test_what_another_fetch_has_saved_meanwhile_is_taken(server, tiny, tmp_path, monkeypatch):
    entry, lock = published(server, BYTES), fcntl.flock
    monkeypatch.setattr(fcntl, "flock", lambda *args: there(tiny, tmp_path, entry) and lock(*args))
    assert download.pull(entry, tmp_path) == tmp_path / "m.safetensors"
    assert server.asked == []
    assert names(tmp_path) == ["m.safetensors"]
