"""Fetches weights from the model hub, which is asked once, quietly, and not for long. Nothing here needs a hub.

Its client asks again and again for a minute where nobody answers, and says so each time. So weights that were fetched
before are taken without asking; for others the hub has a few seconds to answer one request, and only then the client
may begin.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from huggingface_hub import constants, get_session

from vtn_stream.backbone.files import INSTALLED_WEIGHTS
from vtn_stream.errors import BackboneError

__all__ = ["fetch"]

T = TypeVar("T")

# For names to be resolved, a connection, and a first answer: a slow line needs one, who is patient for five more.
ANSWER_S = 4.0


def fetch(load: Callable[[], T], name: str, url: str | None) -> T:
    """What `load` gives, which gets the weights of this network. Raises BackboneError with one line if it cannot.

    url: where the weights lie, for the few that are not on the hub.
    """
    with _quiet():
        if url is None or Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2]).is_file():
            try:
                with _offline():
                    return load()
            except Exception as error:  # the client's, timm's, torch's: not here, or only in part
                if constants.HF_HUB_OFFLINE:
                    raise _not_here(name, "HF_HUB_OFFLINE is set") from error
        answer = _answer(url or constants.ENDPOINT)
        if answer is not None:
            raise _not_here(name, answer)
        try:
            return load()
        except Exception as error:  # the hub's client raises its own, its HTTP library's and the system's errors
            raise _not_here(name, type(error).__name__) from error


def _not_here(name: str, why: str) -> BackboneError:
    return BackboneError(
        f"the weights of {name} are not on this machine and could not be fetched ({why})",
        "nothing was analyzed",
        f"give a file with --weights, or use a backbone that is installed ({', '.join(INSTALLED_WEIGHTS)})",
    )


def _answer(url: str) -> str | None:
    """None where the hub answers, whatever it says; else what is wrong. A request without end ends with the program."""
    result = [f"the hub did not answer within {ANSWER_S:g} s"]

    def ask() -> None:
        try:
            get_session().head(url, timeout=ANSWER_S)
            result.clear()
        except Exception as error:  # of httpx, of TLS, of the system
            result[0] = f"the hub cannot be reached: {type(error).__name__}"

    asking = threading.Thread(target=ask, daemon=True)  # a system may resolve a name for longer than any timeout
    asking.start()
    asking.join(ANSWER_S)
    return result[0] if result else None


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
