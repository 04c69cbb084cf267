"""Makes sure that Ctrl-C is not lost: a library that calls back may swallow the KeyboardInterrupt raised there."""

import signal
from typing import NoReturn

__all__ = ["check_interrupted", "watch_interrupts"]

_seen = False


def watch_interrupts() -> None:
    """Remember that one came. A background job's shell has them ignored: that stays so."""
    global _seen
    _seen = False
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def check_interrupted() -> None:
    """Called wherever a long command hears of progress. Raises KeyboardInterrupt if one came, swallowed or not."""
    if _seen:
        raise KeyboardInterrupt


def _interrupt(*_: object) -> NoReturn:
    global _seen
    _seen = True
    raise KeyboardInterrupt
