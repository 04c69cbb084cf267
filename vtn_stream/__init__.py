"""vtn-stream: hour-long video into timelines.

    import vtn_stream
    timeline = vtn_stream.analyze("movie.mp4")

Everything that docs/python.md shows is here. Importing this package is light: torch, pyarrow and the decoders load when
they are first used.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

from vtn_stream.timeline import Segment, Timeline
from vtn_stream.version import __version__

if TYPE_CHECKING:
    from vtn_stream import errors
    from vtn_stream.analysis import Analyzer, analyze
    from vtn_stream.budget import stats
    from vtn_stream.cutting import cut
    from vtn_stream.errors import VtnStreamError, VtnStreamWarning
    from vtn_stream.evaluation.annotators import agreement
    from vtn_stream.evaluation.evaluate import evaluate
    from vtn_stream.exchange.convert import convert
    from vtn_stream.exchange.timeline_files import read_timelines
    from vtn_stream.settings import Settings
    from vtn_stream.store import EmbeddingStore
    from vtn_stream.training.train import train
    from vtn_stream.video import probe

# Threads of torch that wait for each other look in a loop first, and then sleep: GNU OpenMP looks 300,000 times, some
# 10 ms, unless it is told otherwise before torch loads. Where other programs keep one thread from its core, the others
# look all that while, and training takes many times as long (benchmarks/beside_load.py).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = [
    "Analyzer",
    "EmbeddingStore",
    "Segment",
    "Settings",
    "Timeline",
    "VtnStreamError",
    "VtnStreamWarning",
    "__version__",
    "agreement",
    "analyze",
    "convert",
    "cut",
    "errors",
    "evaluate",
    "probe",
    "read_timelines",
    "stats",
    "train",
]

# Where each name is defined; imported when it is first used.
_MODULES = {
    "Analyzer": "analysis",
    "EmbeddingStore": "store",
    "Settings": "settings",
    "VtnStreamError": "errors",
    "VtnStreamWarning": "errors",
    "agreement": "evaluation.annotators",
    "analyze": "analysis",
    "convert": "exchange.convert",
    "cut": "cutting",
    "evaluate": "evaluation.evaluate",
    "probe": "video",
    "read_timelines": "exchange.timeline_files",
    "stats": "budget",
    "train": "training.train",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name == "errors":
        return importlib.import_module(f"{__name__}.errors")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
