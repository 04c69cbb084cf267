"""Messages between this process and the decoding process: a JSON header and a payload of bytes.

    4 bytes  header length, little endian        8 bytes  payload length, little endian
    header   one JSON object, UTF-8              payload  bytes

JSON and plain bytes in both directions: what comes back from a process that parsed an untrusted file is data, never
code (no pickle).
"""

import json
import struct
from typing import Any

__all__ = ["PREFIX_BYTES", "pack", "unpack_header", "unpack_prefix"]

_PREFIX = struct.Struct("<IQ")
PREFIX_BYTES = _PREFIX.size


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """A message: the lengths of both parts (PREFIX_BYTES), the header as JSON, the payload."""
    text = json.dumps(header).encode()
    return _PREFIX.pack(len(text), len(payload)) + text + payload


def unpack_prefix(prefix: bytes) -> tuple[int, int]:
    """Lengths of header and payload."""
    header_bytes, payload_bytes = _PREFIX.unpack(prefix)
    return header_bytes, payload_bytes


def unpack_header(text: bytes) -> dict[str, Any]:
    """Raises ValueError for what is not a JSON object, and RecursionError for one that is nested too deep."""
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("a message header must be a JSON object")
    return header
