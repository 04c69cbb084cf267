"""What is kept between runs: probes and embeddings in the store, scores beside a timeline. Knows no torch."""

from vtn_stream.store.embeddings import EmbeddingStore, StoredChunk, default_root
from vtn_stream.store.scores import read_scores, scores_identity, write_scores

__all__ = ["EmbeddingStore", "StoredChunk", "default_root", "read_scores", "scores_identity", "write_scores"]
