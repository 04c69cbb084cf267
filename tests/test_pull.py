"""Fetching a published model from a server on this machine, which cuts, forgets and lies."""

import dataclasses
import fcntl
import hashlib
import http.server
import socket
import threading
from itertools import pairwise

import pytest
import torch
from safetensors.torch import save_file
from test_checkpoints import tiny_checkpoint
from test_published import shrink, small_state, write

from vtn_stream.checkpoints import download, load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.catalogue import Published
from vtn_stream.errors import CheckpointError

ETAG = '"abc-1"'


@dataclasses.dataclass
class Behaviour:
    """What the server does; asked are the Range and If-Range headers of the requests."""

    content: bytes = b""
    cuts: list[int] = dataclasses.field(
        default_factory=list
    )  # bytes to send before the connection ends, a request each
    ranges: bool = True
    etag: str | None = ETAG
    status: list[int] = dataclasses.field(default_factory=list)  # an error instead, a request each
    location: str = ""
    length: int | None = None  # what it says, where that is a lie
    asked: list[tuple[str | None, str | None]] = dataclasses.field(default_factory=list)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAITS_S", (0, 0, 0))
    behaviour = Behaviour()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked, condition = self.headers["Range"], self.headers["If-Range"]
            behaviour.asked.append((asked, condition))
            if behaviour.status and (status := behaviour.status.pop(0)) != 200:
                self.send_response(status)
                self.send_header("Location", behaviour.location)
                self.end_headers()
                return
            content, start = behaviour.content, 0
            is_part = asked and behaviour.ranges and condition in (None, behaviour.etag)
            if is_part:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.end_headers()
                    return
            self.send_response(206 if is_part else 200)
            if is_part:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if behaviour.etag:
                self.send_header("ETag", behaviour.etag)
            self.send_header("Content-Length", str(behaviour.length or len(content) - start))
            self.end_headers()
            stop = start + behaviour.cuts.pop(0) if behaviour.cuts else len(content)
            self.wfile.write(content[start:stop])

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):  # clients that go away
            pass

    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        behaviour.url = f"http://127.0.0.1:{running.server_port}/W.pyth"
        yield behaviour
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The bytes of a file of the published layout, of a small network."""
    return write(tmp_path_factory.mktemp("weights") / "w.pyth", small_state(num_layers=1, num_classes=2)).read_bytes()


@pytest.fixture
def anything(monkeypatch):
    """Any bytes count as weights: these tests are about how they arrive."""
    arrived = []
    monkeypatch.setattr(
        "vtn_stream.checkpoints.published.import_published", lambda path: arrived.append(path.read_bytes())
    )
    monkeypatch.setattr(download, "save_checkpoint", lambda checkpoint, path: path.write_bytes(b"saved"))
    return arrived


def published(server, content=None, **others):
    server.content = server.content if content is None else content
    sha256 = hashlib.sha256(server.content).hexdigest()
    return Published(**{"name": "m", "url": server.url, "sha256": sha256, "file": "W.pyth"} | others)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refusal(entry, folder):
    with pytest.raises(CheckpointError) as caught:
        download.pull(entry, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


BYTES = bytes(torch.arange(256, dtype=torch.uint8).numpy()) * 4000


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


# ---- what goes wrong


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
    assert said.startswith(f"{server.url} could not be fetched (its server answers {status}: it may have moved); ")
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
    assert said.startswith(f"{url} could not be fetched (Connection refused); ")
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
        assert "being fetched already" in refusal(published(server, BYTES), tmp_path)
    assert server.asked == []


def test_a_folder_that_cannot_be_written(server, read_only_folder):
    assert "W.pyth.part cannot be written (Permission denied)" in refusal(published(server, BYTES), read_only_folder)


# ---- a file of that name that is there already


@pytest.mark.parametrize("change", [lambda whole: whole[:-100], lambda whole: whole[:-4] + b"\0\0\1\0"])
def test_a_damaged_model_is_fetched_anew(server, anything, tiny, tmp_path, change):
    entry = published(server, BYTES)
    path = there(tiny, tmp_path, entry)
    path.write_bytes(change(path.read_bytes()))
    assert download.pull(entry, tmp_path).read_bytes() == b"saved"


def newer(path):
    tensors = {"x": torch.zeros(1)}
    save_file(tensors, path, {"vtn-stream": '{"format": 2, "what": "is not known yet"}'})


OTHERS = {
    "another model": lambda path: save_checkpoint(tiny_checkpoint("test_efficientnet"), path),
    "a file of another format": newer,
    "no model that can be read": lambda path: path.write_bytes(b"anything"),
    "no file": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_the_published_model_stays(server, tmp_path, what):
    path = tmp_path / "m.safetensors"
    OTHERS[what](path)
    before = path.stat()
    said = refusal(published(server, BYTES), tmp_path)
    assert said.startswith(f"m.safetensors in the models' folder is {what}, not the published W.pyth; ")
    assert "remove or rename it" in said
    assert path.stat() == before
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
    assert "being fetched already" in said[0]
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
