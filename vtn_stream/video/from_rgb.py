"""Recovers the coded picture from the RGB that FFmpeg made of it.

decord hands over RGB only, at full size, converted by FFmpeg's quickest way: products are cut off, and four pixels
share one colour. A picture that is scaled after that differs by up to 3 of 255, in the mean, from one that is scaled as
it was coded, as PyAV does: enough to move its embedding to cosine 0.985. So the coded picture is guessed from the RGB,
the guess is converted in the same way, and what then differs corrects the guess. Mostly that gives the very bytes that
were coded; what was cut off at black or white, or was no colour that RGB has, stays lost.
"""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

__all__ = ["CodedPictures"]

# Bits a value, of the formats in which pixels share a colour. RGB of others is good as it is.
_DEPTHS = {
    "yuv420p": 8,
    "yuvj420p": 8,
    "yuv420p10le": 10,
    "yuv420p12le": 12,
    "yuv422p": 8,
    "yuvj422p": 8,
    "yuv422p10le": 10,
    "yuv422p12le": 12,
}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# ITU-T H.273, table 4, in FFmpeg's words for it; all others are taken for BT.601, as FFmpeg does.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# By how much luma comes out too small, and colours too large, in 1/256: in the middle of films. What is black or white
# was most likely just that.
_LUMA_LOSS, _COLOUR_GAIN = 256, 38


class CodedPictures:
    """Makes frames as a decoder gives them of the RGB that FFmpeg made of them; each is good until the next."""

    def __init__(self, template: av.VideoFrame) -> None:
        """template: any decoded frame of the film, which is written over. It says where the colours that pixels share
        lie: today's FFmpeg heeds it, decord's did not know of it, and a frame made anew cannot carry it."""
        self._template = template
        self._depth = _DEPTHS.get(template.format.name, 0)
        self._is_full = template.format.name.startswith("yuvj") or template.color_range == _FULL_RANGE
        self._plain = av.VideoFrame(template.width, template.height, template.format.name)
        self._plain.colorspace, self._plain.color_range = template.colorspace, template.color_range
        self._wide = "yuv422p16le" if "422" in template.format.name else "yuv420p16le"
        self._planes_of_given, self._planes_of_guess = VideoReformatter(), VideoReformatter()
        self._rgb_of_guess = VideoReformatter()
        self._cut = 16 - self._depth  # bits of a plane's values that the coded ones do not have
        self._half = 1 << self._cut >> 1

    def frame(self, rgb: NDArray[np.uint8]) -> av.VideoFrame:
        """The coded picture of uint8 [H, W, 3], as closely as it can be recovered; else the RGB itself."""
        given = av.VideoFrame.from_numpy_buffer(rgb, "rgb24")
        if not self._depth:
            return given
        wanted = self._planes(given, self._planes_of_given)
        luma, *colours = wanted
        guess = [self._guess_of_luma(luma), *map(self._guess_of_colour, colours)]
        _write(guess, self._plain)
        # Bilinear, as decord does it where it is not in haste.
        converted = self._rgb_of_guess.reformat(
            self._plain, given.width, given.height, "rgb24", interpolation=Interpolation.BILINEAR, threads=1
        )
        found = self._planes(converted, self._planes_of_guess)
        for plane, there, here in zip(guess, wanted, found, strict=True):
            missing = (there - here).view(np.int16)  # small, though it may wrap
            missing += self._half
            missing >>= self._cut
            missing += plane.view(np.int16)
            np.clip(missing, 0, (1 << self._depth) - 1, out=plane, casting="unsafe")
        _write(guess, self._template)
        return self._template

    def _guess_of_luma(self, luma: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The luma that was most likely coded, with its own number of bits."""
        black, white = (0, 255 << 8) if self._is_full else (16 << 8, 235 << 8)
        guess = np.minimum(luma, white - _LUMA_LOSS)
        guess += _LUMA_LOSS + self._half
        guess >>= self._cut
        np.putmask(guess, luma <= black + _LUMA_LOSS // 8, black >> self._cut)
        return guess

    def _guess_of_colour(self, colour: NDArray[np.uint16]) -> NDArray[np.uint16]:
        guess = np.maximum(colour, _COLOUR_GAIN)
        guess -= _COLOUR_GAIN
        guess += self._half
        guess >>= self._cut
        return guess

    def _planes(self, rgb: av.VideoFrame, reformatter: VideoReformatter) -> list[NDArray[np.uint16]]:
        """Luma and two chroma planes, of 16 bits."""
        planes = reformatter.reformat(
            rgb,
            rgb.width,
            rgb.height,
            self._wide,
            dst_colorspace=_MATRICES.get(self._template.colorspace, Colorspace.ITU601),
            dst_color_range=ColorRange.JPEG if self._is_full else ColorRange.MPEG,
            interpolation=Interpolation.AREA,
            threads=1,
        ).planes
        return [np.frombuffer(memoryview(p), np.uint16).reshape(p.height, -1)[:, : p.width] for p in planes]


def _write(planes: list[NDArray[np.uint16]], frame: av.VideoFrame) -> None:
    kind = np.uint8 if _DEPTHS[frame.format.name] == 8 else np.uint16
    for plane, values in zip(frame.planes, planes, strict=True):
        lines = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        lines[:, : plane.width] = values
        plane.update(lines)
