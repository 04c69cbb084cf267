"""The library's functions on a Ray cluster. Installed as vtn_stream_pipelines.

Ray is imported where it is used, so that everything else works without it.
"""

from .connection import Cluster, connected
from .embed import embed_film

__all__ = ["Cluster", "connected", "embed_film"]
