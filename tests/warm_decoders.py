"""Decoding processes that many tests share, one after the other: to start one takes a quarter of a second of CPU time.

    pytestmark = pytest.mark.usefixtures("warm_decoders")  # in a file whose tests are about something else

A process that waits for its next request when it is closed goes to the next who wants one with the usual limits; all
others end as they do without this. Tests about processes, their limits or their death do without.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vtn_stream.video.process import ChildProcess

__all__ = ["spare_decoders", "warm_decoders"]


@pytest.fixture(scope="session")
def spare_decoders() -> "Iterator[list[ChildProcess]]":
    from vtn_stream.video.process import ChildProcess

    spare: list[ChildProcess] = []
    yield spare
    for process in spare:
        ChildProcess.close(process)


@pytest.fixture
def warm_decoders(spare_decoders: "list[ChildProcess]", monkeypatch: pytest.MonkeyPatch) -> None:
    from vtn_stream.video import requests
    from vtn_stream.video.process import DEADLINE_S, MEMORY_BYTES, NUM_THREADS, ChildProcess

    usual = {
        "deadline_s": DEADLINE_S,
        "memory_bytes": MEMORY_BYTES,
        "num_threads": NUM_THREADS,
        "reserve_bytes": 0,
    }

    class Lent(ChildProcess):
        def close(self) -> None:
            if self in spare_decoders:
                return
            if self.pid is None or self._request is not None:
                super().close()
            else:
                spare_decoders.append(self)

    def lend(**limits: Any) -> ChildProcess:
        if limits != usual:
            return ChildProcess(**limits)
        return spare_decoders.pop() if spare_decoders else Lent(**limits)

    monkeypatch.setattr(requests, "ChildProcess", lend)
