"""Pictures as files that carry their own digest: an SVG in a comment at its end, a PNG in a text before its end.

The digest is the SHA-256, in hex, of the picture without that comment or text.
"""

import struct
import zlib

from vtn_stream.seal import digest

__all__ = ["is_our_picture", "with_digest"]

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = 12  # bytes of the last chunk, which holds nothing


def with_digest(picture: bytes) -> bytes:
    """The file of a picture."""
    own = b"vtn-stream:sha256\0" + digest(picture).encode()
    if not picture.startswith(_PNG):
        return picture + b"<!-- " + own.replace(b"\0", b" ") + b" -->\n"
    text = struct.pack(">I", len(own)) + b"tEXt" + own + struct.pack(">I", zlib.crc32(b"tEXt" + own))
    return picture[:-_PNG_END] + text + picture[-_PNG_END:]


def is_our_picture(file: bytes) -> bool:
    """Whether this is, to the byte, what `with_digest` gave; programs that draw may take the digest away."""
    added, end = len(with_digest(file)) - len(file), _PNG_END if file.startswith(_PNG) else 0
    return file == with_digest(file[: len(file) - end - added] + file[len(file) - end :])
