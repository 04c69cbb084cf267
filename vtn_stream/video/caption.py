"""Draws a label into pictures of a film: white on a dark box, below on the left, upright as the film is shown.

H x W pixels as stored. Runs in the decoding process.
"""

import unicodedata
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vtn_stream.video.lettering import runs_of
from vtn_stream.video.reader import Source

__all__ = ["Caption"]

# Height of the letters in pictures' heights: subtitles have about as much.
_SIZE, _LEAST_PX = 1 / 18, 8
_WIDEST = 0.92  # of the picture; what is longer is written smaller, and then cut
_BOX = 0.65  # how dark the box is: white on it is read on any picture
_MAX_CHARACTERS = 200
_LUMA_BLACK, _LUMA_WHITE = 16, 235


class Caption:
    """A label for the pictures of one film. missing: the characters that no font here can draw."""

    def __init__(self, text: str, source: Source, width: int, height: int) -> None:
        """width, height: of the pictures as stored."""
        text = _plain(text)
        turned = source.rotation in (90, 270)
        shown = [max(16, round(width * source.sample_aspect_ratio)), height]
        shown_width, shown_height = shown[::-1] if turned else shown
        canvas, self.missing = _written(text, shown_width, shown_height)
        stored = canvas.resize((height, width) if turned else (width, height), Image.Resampling.BILINEAR)
        pixels = np.rot90(np.asarray(stored, np.float32) / 255, source.rotation // 90)
        pixels = pixels[:, ::-1] if source.mirrored else pixels
        opaque = pixels[..., 1]
        rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
        # Even bounds, so that colours at half the size cover the same.
        self._top, self._left = (int(found[0]) // 2 * 2 if len(found) else 0 for found in (rows, columns))
        bottom, right = (int(found[-1]) // 2 * 2 + 2 if len(found) else 0 for found in (rows, columns))
        self._white, self._opaque = (pixels[self._top : bottom, self._left : right, channel] for channel in (0, 1))

    def drawn(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A copy of the picture with the label. Planes of brightness and two colours, of 8 or 10 bits."""
        copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
        depth = frame.format.components[0].bits
        kind: np.dtype[Any] = np.dtype(np.uint8 if depth == 8 else np.uint16)
        scale = 1 << (depth - 8)
        for number, (plane, target) in enumerate(zip(frame.planes, copy.planes, strict=True)):
            pixels = _pixels(target, kind)
            pixels[:] = _pixels(plane, kind)
            step = 1 if number == 0 else round(frame.planes[0].width / plane.width)
            opaque = self._opaque[::step, ::step]
            top, left = self._top // step, self._left // step
            part = pixels[top : top + opaque.shape[0], left : left + opaque.shape[1]]
            opaque = opaque[: part.shape[0], : part.shape[1]]
            if number == 0:
                colour = _LUMA_BLACK + (_LUMA_WHITE - _LUMA_BLACK) * self._white[: part.shape[0], : part.shape[1]]
            else:
                colour = np.full_like(opaque, 128)
            part[:] = np.round(part * (1 - opaque) + scale * colour * opaque)
        copy.pts, copy.time_base = frame.pts, frame.time_base
        for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(copy, name, getattr(frame, name))
        return copy


def _pixels(plane: av.video.plane.VideoPlane, kind: "np.dtype[Any]") -> NDArray[Any]:
    """A view of a plane, [height, width]."""
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
    return rows[:, : plane.width]


def _plain(text: str) -> str:
    """The text on one line, without what is not to be seen."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" and c not in "\u200c\u200d" else c for c in text)
    return " ".join(unicodedata.normalize("NFC", kept).split())[:_MAX_CHARACTERS]


def _written(text: str, width: int, height: int) -> tuple[Image.Image, str]:
    """The text for a picture of this size: white (1 for a letter) and how opaque it is; and what could not be drawn."""
    size = max(_LEAST_PX, round(min(width, height) * _SIZE))
    while True:
        runs, missing = runs_of(text, size)
        length = sum(font.getlength(part) for font, part in runs)
        room = width * _WIDEST - size
        if length <= room or (size <= _LEAST_PX and len(text) <= 1):
            break
        if size > _LEAST_PX:
            size = max(_LEAST_PX, min(size - 1, int(size * room / length)))
        else:
            text = text.removesuffix("\u2026")[:-1].rstrip() + "\u2026"
    canvas = Image.new("LA", (width, height))
    if not text:
        return canvas, missing
    letters = Image.new("L", (width, height))
    draw = ImageDraw.Draw(letters)
    pad = max(2, size // 3)
    left, base = size // 2 + pad, height - size // 2 - pad - size // 4
    at = float(left)
    for font, part in runs:
        draw.text((at, base), part, fill=255, font=font, anchor="ls")
        at += font.getlength(part)
    box = Image.new("L", (width, height))
    ImageDraw.Draw(box).rectangle(
        (left - pad, base - size - pad // 2, min(width - 1, round(at) + pad), base + size // 4 + pad),
        fill=round(255 * _BOX),
    )
    opaque = Image.fromarray(np.maximum(np.asarray(box), np.asarray(letters)))
    return Image.merge("LA", (letters, opaque)), missing
