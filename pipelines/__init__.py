"""The library's functions on a Ray cluster. Installed as vtn_stream_pipelines.

Ray is imported where it is used, so that everything else works without it.
"""

from .embed import ChunkReceipt, embed_film

__all__ = ["ChunkReceipt", "embed_film"]
