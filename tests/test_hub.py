"""The model hub is asked once, quietly, and for a few seconds; what is here already is taken without it."""

import logging
import socket
import threading

import pytest
from huggingface_hub import constants

from vtn_stream.backbone import FrameEncoder, hub
from vtn_stream.backbone.hub import Hub
from vtn_stream.errors import BackboneError


@pytest.fixture
def asked(monkeypatch):
    """A server whose answer is `asked.answer`; None: it never gives one. asked.num: how often it was asked."""

    class Asked:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        num = 0

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # the test is over
                return
            Asked.num += 1
            if Asked.answer is None:
                waiting.append(connection)
                continue
            with connection:
                connection.recv(4096)
                connection.sendall(Asked.answer)

    waiting: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield Asked
        server.shutdown(socket.SHUT_RDWR)
    for connection in waiting:
        connection.close()


def loader(*outcomes):
    """load() that ends so, one call after the other; load.offline: whether the client was offline each time."""
    left, offline = list(outcomes), []

    def load():
        offline.append(constants.HF_HUB_OFFLINE)
        logging.getLogger("huggingface_hub").warning("retrying")
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    load.offline = offline
    return load


def test_weights_that_are_here_are_taken_offline(asked):
    asked.answer = None
    load = loader("weights")
    assert Hub().fetch(load, "net", None) == "weights"
    assert load.offline == [True]


def test_others_are_fetched_where_the_hub_answers_whatever_it_says(asked):
    asked.answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    load = loader(OSError("not here"), "weights")
    assert Hub().fetch(load, "net", None) == "weights"
    assert load.offline == [True, False]
    assert asked.num == 1


@pytest.mark.parametrize("answer", [None, b"this is no HTTP"])
def test_a_hub_that_does_not_answer_is_asked_once(asked, answer, monkeypatch, caplog):
    monkeypatch.setattr(hub, "ANSWER_S", 0.3)
    asked.answer = answer
    load = loader(OSError("not here"))
    with pytest.raises(BackboneError) as error:
        Hub().fetch(load, "net", None)
    assert "the weights of net are not on this machine and could not be downloaded (the download server" in str(
        error.value
    )
    assert "give a file with --weights" in str(error.value)
    assert (load.offline, asked.num) == ([True], 1)
    assert not caplog.records


def test_nobody_is_asked_where_the_user_is_offline(asked, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BackboneError, match="HF_HUB_OFFLINE is set"):
        Hub().fetch(loader(OSError("not here")), "net", None)
    assert asked.num == 0
    assert constants.HF_HUB_OFFLINE


def test_what_fails_in_spite_of_an_answer_is_one_line(asked):
    with pytest.raises(BackboneError, match=r"could not be downloaded \(EOFError\)"):
        Hub().fetch(loader(OSError("not here"), EOFError("cut")), "net", None)
    assert not constants.HF_HUB_OFFLINE


def test_weights_that_lie_elsewhere_are_asked_of_that_place(asked):
    url = f"{constants.ENDPOINT}/nets/net.pth"
    asked.answer = asked.answer.replace(b"200 OK", b"404 Not Found")
    load = loader("weights")
    assert Hub().fetch(load, "net", url) == "weights"
    assert load.offline == [False]


@pytest.mark.parametrize(("answer", "found"), [(b"HTTP/1.1 404 Not Found\r\n\r\n", True), (None, False)])
def test_weights_can_be_had_where_a_server_answers(asked, monkeypatch, answer, found):
    monkeypatch.setattr(hub, "ANSWER_S", 0.3)
    asked.answer = answer
    assert Hub().has("timm/no-such-net", None, None) is found
    assert Hub().has(None, None, f"{constants.ENDPOINT}/nets/net.pth") is found


def test_weights_that_are_here_can_be_had_from_nobody(asked, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert not Hub().has("timm/no-such-net", None, None)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda of, name: "/here" if name == "net.safetensors" else None)
    assert not Hub().has("timm/no-such-net", None, None)
    assert Hub().has("timm/no-such-net", "net.safetensors", None)
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    (tmp_path / "hub/checkpoints/net.pth").touch()
    assert Hub().has(None, None, "https://example.org/nets/net.pth")
    assert asked.num == 0


def test_a_network_without_published_weights_gets_no_random_ones():
    with pytest.raises(BackboneError, match="timm has no published weights for coatnet_0_224"):
        FrameEncoder("coatnet_0_224", device="cpu")
