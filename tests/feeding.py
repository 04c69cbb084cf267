"""Feeds in tests: what is there by now, without waiting for a clock."""

from collections.abc import Iterator

import pytest

from vtn_stream.following import waiting
from vtn_stream.following.feed import PIECE_BYTES, Feed, NewStretch, Nothing, Piece

__all__ = ["NO_FILM", "by_now", "joined", "quick", "whole"]

NO_FILM = b"\x00\x01\x02\xff"  # bytes that are taken for no kind of file


@pytest.fixture
def quick(monkeypatch):
    """Feeds look again at once, and say so at each look."""
    monkeypatch.setattr(waiting, "POLL_S", 0.001)
    monkeypatch.setattr(waiting, "_TELL_S", 0.0)


def by_now(pieces: Iterator[Piece]) -> list[bytes | str]:
    """All that has come until nothing comes: the bytes of each stretch together, and why a new one begins."""
    parts: list[bytes | str] = []
    for piece in pieces:
        if isinstance(piece, Nothing):
            break
        if isinstance(piece, NewStretch):
            parts.append(piece.why)
            continue
        assert 0 < len(piece) <= PIECE_BYTES
        if parts and isinstance(parts[-1], bytes):
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts


def joined(pieces: Iterator[Piece]) -> bytes:
    """The bytes by now, of one stretch."""
    return b"".join(part for part in by_now(pieces) if isinstance(part, bytes))


def whole(feed: Feed) -> list[bytes | str]:
    """All until the feed ends."""
    return by_now(piece for piece in feed.pieces() if not isinstance(piece, Nothing))
