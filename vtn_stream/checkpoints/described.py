"""A model's file without its network: its description, verified by its checksum. Loads no torch.

The format is in `file`.
"""

import hashlib
import json
import mmap
import os
from pathlib import Path
from typing import Any

from vtn_stream.checkpoints.metadata import (
    MAX_HEADER_BYTES,
    METADATA_KEY,
    Described,
    HeadMissing,
    canonical,
    parse,
)
from vtn_stream.errors import CheckpointError

__all__ = ["BACKBONE", "describe_file", "refused", "unreadable"]

BACKBONE = "backbone."  # the names of the image network's tensors begin so
_DTYPES = {"F32": "torch.float32", "I64": "torch.int64"}  # as the digest names them; a model has no others


def describe_file(path: Path) -> Described:
    """Raises CheckpointError for a file that is not whole, as `load_checkpoint` does; that its tensors are those of the
    network that it describes is left to that.
    """
    if not os.path.isfile(path):  # Path.is_file raises for a name that is too long
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise CheckpointError(f"{path.name} {what}", "no model was loaded", "check the path")
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = 8 + int.from_bytes(content[:8], "little")
            if start > min(len(content), MAX_HEADER_BYTES):
                raise ValueError
            header = json.loads(content[8:start])
            text = header.pop("__metadata__", {}).get(METADATA_KEY)
            if text is None:
                raise refused(
                    path,
                    "holds weights only: no labels, no recipe",
                    "give a file that vtn-stream wrote, or give this one as the weights of a backbone with --weights",
                )
            parsed = _parsed(path, text)
            digest = hashlib.blake2b(parsed.content.encode(), digest_size=16)
            end = start
            for name, tensor in sorted(header.items()):
                first, last = (start + offset for offset in tensor["data_offsets"])
                if not start <= first <= last <= len(content):
                    raise ValueError
                end = max(end, last)
                digest.update(canonical([name, _DTYPES[tensor["dtype"]], tensor["shape"]]).encode())
                with memoryview(content) as view, view[first:last] as values:
                    digest.update(values)
            if end != len(content):
                raise ValueError
    except (OSError, ValueError, RecursionError, TypeError, AttributeError, LookupError) as error:
        raise refused(
            path,
            f"is not a complete safetensors file ({type(error).__name__})",
            "download or copy it again; to use a published .pyth file, run `vtn-stream models import FILE`",
        ) from error
    if digest.hexdigest() != parsed.digest:
        raise refused(path, "was changed after it was written: its checksum is wrong", "download or copy it again")
    holds_backbone = any(name.startswith(BACKBONE) for name in header)
    return Described(**parsed.fields, digest=parsed.digest, holds_backbone=holds_backbone)


def _parsed(path: Path, text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: ValueError) -> CheckpointError:
    """The error of a file whose description `parse` refuses."""
    cure = error.cure if isinstance(error, HeadMissing) else "download or copy it again, or update vtn-stream"
    return refused(path, f"cannot be read: {error}", cure)


def refused(path: Path, fact: str, cure: str) -> CheckpointError:
    return CheckpointError(f"{path.name} {fact}", "it cannot be used as a model", cure)
