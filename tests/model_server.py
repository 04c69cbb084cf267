"""A server of models on this machine, which cuts, forgets and lies."""

import dataclasses
import hashlib
import http.server
import threading

import pytest
import torch

from vtn_stream.checkpoints import download
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
