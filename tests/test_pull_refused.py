"""Fetching a published model where something goes wrong: each is one line, and nothing wrong is stored."""

import fcntl
import hashlib
import socket

import pytest
from model_server import (  # noqa: F401  (fixtures among them)
    BYTES,
    ETAG,
    anything,
    names,
    published,
    refusal,
    server,
)

from vtn_stream.checkpoints import download
from vtn_stream.errors import CheckpointError


def test_a_wrong_checksum_tells_both_and_keeps_nothing(server, tmp_path):
    entry = published(server, BYTES, sha256="0" * 64)
    said = refusal(entry, tmp_path)
    assert "0" * 64 in said
    assert hashlib.sha256(BYTES).hexdigest() in said
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_moved(server, tmp_path, monkeypatch, status):
    monkeypatch.setenv("HOME", str(tmp_path))
    server.status = [status]
    said = refusal(published(server, BYTES), tmp_path / "models")
    assert said.startswith(f"{server.url} could not be downloaded (its server answers {status}: it may have moved); ")
    assert "`vtn-stream models import W.pyth`, which puts it into ~/models" in said
    assert len(server.asked) == 1
    assert names(tmp_path / "models") == []


def test_without_a_network_the_error_says_what_to_fetch_and_where_it_goes(server, tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/W.pyth"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(download.time, "sleep", lambda s: pytest.fail("it waits where there is no network"))
    said = refusal(published(server, BYTES, url=url), tmp_path / "models")
    assert said.startswith(f"{url} could not be downloaded (Connection refused); ")
    assert "`vtn-stream models import W.pyth`, which puts it into ~/models" in said
    assert str(tmp_path) not in said
    assert names(tmp_path / "models") == []


@pytest.mark.parametrize("url", ["http://example.invalid/W", "ftp://127.0.0.1/W", "file:///etc/passwd", "http:W", "W"])
def test_only_https_is_fetched(server, tmp_path, url):
    assert "not an https address" in refusal(published(server, BYTES, url=url), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("url", ["http://example.invalid/W", "ftp://127.0.0.1/W"])
def test_a_redirect_leads_to_https_only(server, tmp_path, url):
    server.status, server.location = [302], url
    assert f"{url} is not an https address" in refusal(published(server, BYTES), tmp_path)
    assert len(server.asked) == 1


def test_a_remote_server_leads_to_no_server_here():
    with pytest.raises(CheckpointError, match="not an https"):
        download._check_url("http://127.0.0.1/W", asked="https://example.invalid/W")
    download._check_url("https://example.invalid/W", asked="https://example.invalid/V")


def test_a_redirect_on_the_way_is_followed(server, anything, tmp_path):
    server.status, server.location = [302], server.url
    download.pull(published(server, BYTES), tmp_path)
    assert anything == [BYTES]


@pytest.mark.parametrize("length", [5 << 30, None])
def test_too_long_a_file_is_not_stored(server, tmp_path, monkeypatch, length):
    server.length = length
    if length is None:
        monkeypatch.setattr(download, "MAX_BYTES", 100_000)
    assert "GB" in refusal(published(server, BYTES), tmp_path)
    assert names(tmp_path) == []


def test_an_interruption_keeps_the_part(server, anything, tmp_path):
    def interrupt(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.pull(published(server, BYTES), tmp_path, interrupt)
    have = (tmp_path / "W.pyth.part").read_bytes()
    assert 0 < len(have) < len(BYTES)
    assert BYTES.startswith(have)
    server.asked.clear()
    download.pull(published(server, BYTES), tmp_path)
    assert server.asked == [(f"bytes={len(have)}-", ETAG)]
    assert anything == [BYTES]


def test_two_fetches_of_one_file(server, tmp_path):
    with open(tmp_path / "W.pyth.part", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "already being downloaded" in refusal(published(server, BYTES), tmp_path)
    assert server.asked == []


def test_a_folder_that_cannot_be_written(server, read_only_folder):
    assert "W.pyth.part cannot be written (Permission denied)" in refusal(published(server, BYTES), read_only_folder)
