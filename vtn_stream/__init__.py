"""vtn-stream: hour-long video into timelines.

    import vtn_stream
    timeline = vtn_stream.analyze("movie.mp4")

Importing this package is light: torch, pyarrow and the decoders load when they are first used.
"""

import os
from typing import TYPE_CHECKING, Any

from vtn_stream.timeline import Segment, Timeline
from vtn_stream.version import __version__

if TYPE_CHECKING:
    from vtn_stream.analysis import analyze
    from vtn_stream.video import probe

# Threads of torch that wait for each other look in a loop first, and then sleep: GNU OpenMP looks 300,000 times, some
# 10 ms, unless it is told otherwise before torch loads. Where other programs keep one thread from its core, the others
# look all that while, and training takes many times as long (benchmarks/beside_load.py).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = ["Segment", "Timeline", "__version__", "analyze", "probe"]


def __getattr__(name: str) -> Any:
    if name == "analyze":
        from vtn_stream.analysis import analyze

        return analyze
    if name == "probe":
        from vtn_stream.video import probe

        return probe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
