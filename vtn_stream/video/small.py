"""Stored thumbnails made smaller: for an index of many films, and for a terminal."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["pixels", "smaller"]

MAX_SIDE = 2_000  # pixels; a thumbnail has 160 across


def smaller(jpeg: bytes, width: int) -> bytes | None:
    """The picture at this width, as JPEG; None if it cannot be read."""
    picture = _read(jpeg)
    if picture is None:
        return None
    file = io.BytesIO()
    height = max(1, round(picture.height * width / picture.width))
    picture.resize((width, height), Image.Resampling.LANCZOS).save(file, "JPEG", quality=60)
    return file.getvalue()


def pixels(jpeg: bytes, width: int, height: int) -> NDArray[np.uint8] | None:
    """The picture as RGB [height, width, 3], with black beside it where it has another shape; None if it cannot be
    read.
    """
    picture = _read(jpeg)
    if picture is None:
        return None
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    ground = Image.new("RGB", (width, height))
    ground.paste(picture.resize(size, Image.Resampling.LANCZOS), ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(ground)


def _read(jpeg: bytes) -> Image.Image | None:
    """Untrusted: a store may be shared."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
            return picture.convert("RGB") if max(picture.size) <= MAX_SIDE else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return None
