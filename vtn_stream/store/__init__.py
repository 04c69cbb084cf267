"""What is kept between runs: probes and embeddings in the store, scores beside a timeline. Knows no torch."""

from vtn_stream.store.embeddings import EmbeddingStore, StoredChunk, default_root
from vtn_stream.store.leases import Leases, lease_key
from vtn_stream.store.pictures import load_pictures, write_pictures
from vtn_stream.store.scores import read_scores, scores_content, scores_identity, stored_spans, write_scores
from vtn_stream.store.tracks import EmbeddingTrack

__all__ = [
    "EmbeddingStore",
    "EmbeddingTrack",
    "Leases",
    "StoredChunk",
    "default_root",
    "lease_key",
    "load_pictures",
    "read_scores",
    "scores_content",
    "scores_identity",
    "stored_spans",
    "write_pictures",
    "write_scores",
]
