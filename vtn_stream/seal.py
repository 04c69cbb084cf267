"""Files that carry their own digest, so that later changes by others are noticed. Standard library only.

The digest is the SHA-256, in hex, of the file without the digest itself.
"""

import hashlib
import re

__all__ = ["digest", "is_digest", "is_intact", "sealed"]

_DIGEST = re.compile("[0-9a-f]{64}")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def sealed(content: bytes, place: bytes) -> bytes:
    """The content with its digest written behind the first `place`, which must be in it."""
    head, found, tail = content.partition(place)
    assert found, "a seal needs its place"
    return head + found + digest(content).encode() + tail


def is_intact(content: bytes, place: bytes) -> bool:
    """Whether this is, to the byte, what `sealed` gave."""
    head, found, tail = content.partition(place)
    return bool(found) and tail[:64] == digest(head + found + tail[64:]).encode()
