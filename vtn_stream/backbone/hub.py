"""Downloads weights from the model hub; asks it once, quietly, with a short time limit. Nothing here needs a hub.

Its client asks again and again for a minute where nobody answers, and says so each time. So weights that were fetched
before are taken without asking; for others the hub has a few seconds to answer one request, and only then the client
may begin.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from huggingface_hub import constants, get_session, try_to_load_from_cache

from vtn_stream.backbone.files import INSTALLED_WEIGHTS
from vtn_stream.errors import BackboneError

__all__ = ["Hub"]

T = TypeVar("T")

# For names to be resolved, a connection, and a first answer: a slow line needs one, who is patient for five more.
ANSWER_S = 4.0
WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")  # as timm names them on the hub


class Hub:
    """Asks whether the hub answers while other things are done, such as loading torch."""

    def __init__(self) -> None:
        self._asked = None if constants.HF_HUB_OFFLINE else _Question(constants.ENDPOINT)

    def fetch(self, load: Callable[[], T], name: str, url: str | None) -> T:
        """What `load` gives, which gets the weights of this network. Raises BackboneError with one line if it cannot.

        url: where the weights lie, for the few that are not on the hub.
        """
        with _quiet():
            if url is None or _downloaded(url):
                try:
                    with _offline():
                        return load()
                except Exception as error:  # the client's, timm's, torch's: not here, or only in part
                    if constants.HF_HUB_OFFLINE:
                        raise _not_here(name, "HF_HUB_OFFLINE is set") from error
            asked = self._asked if url is None else _Question(url)
            fault = None if asked is None else asked.fault()
            if fault is not None:
                raise _not_here(name, fault)
            try:
                return load()
            except Exception as error:  # the hub's client raises its own, its HTTP library's and the system's errors
                raise _not_here(name, type(error).__name__) from error

    def has(self, repository: str | None, filename: str | None, url: str | None) -> bool:
        """Whether weights are on this machine, or the server answers on which they lie; nothing is downloaded.

        repository, filename: on the hub, where timm names them; url: where they lie instead.
        """
        if repository is None:
            return url is not None and (_downloaded(url) or _Question(url).fault() is None)
        for name in {filename or WEIGHTS_FILES[0], *WEIGHTS_FILES}:
            if isinstance(try_to_load_from_cache(repository, name), str):
                return True
        return self._asked is not None and self._asked.fault() is None


class _Question:
    """One request to a server, in a thread that ends with the program: a system may resolve a name for longer than any
    timeout.
    """

    def __init__(self, url: str) -> None:
        self._until = time.monotonic() + ANSWER_S
        self._fault: str | None = f"the download server did not answer within {ANSWER_S:g} s"
        self._thread = threading.Thread(target=self._ask, args=(url,), daemon=True)
        self._thread.start()

    def _ask(self, url: str) -> None:
        try:
            get_session().head(url, timeout=ANSWER_S)
            self._fault = None
        except Exception as error:  # of httpx, of TLS, of the system
            self._fault = f"the download server cannot be reached: {type(error).__name__}"

    def fault(self) -> str | None:
        """None where the server answers, whatever it says; else what is wrong."""
        self._thread.join(max(0.0, self._until - time.monotonic()))
        return self._fault


def _downloaded(url: str) -> bool:
    import torch

    return Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2]).is_file()


def _not_here(name: str, why: str) -> BackboneError:
    return BackboneError(
        f"the weights of {name} are not on this machine and could not be downloaded ({why})",
        "nothing was analyzed",
        f"give a file with --weights, or use a backbone that is installed ({', '.join(INSTALLED_WEIGHTS)})",
    )


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "timm")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
