"""Makes sure that Ctrl-C is not lost: a library that calls back may swallow the KeyboardInterrupt raised there."""

import signal
from typing import NoReturn

__all__ = ["check_interrupted", "watch_interrupts", "watch_termination"]

_seen = False


def watch_interrupts() -> None:
    """Remembers that Ctrl-C came. A shell makes its background jobs ignore it: that stays so."""
    global _seen
    _seen = False
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def watch_termination() -> None:
    """Takes SIGTERM, with which services are stopped, as Ctrl-C."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def check_interrupted() -> None:
    """To be called on every progress of a long command. Raises KeyboardInterrupt if Ctrl-C came, swallowed or not."""
    if _seen:
        raise KeyboardInterrupt


def _interrupt(*_: object) -> NoReturn:
    global _seen
    _seen = True
    raise KeyboardInterrupt
