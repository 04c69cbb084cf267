"""The part of the picture that is taken of a frame, and where it lies in a frame as it is stored."""

from typing import Any, NamedTuple

from vtn_stream.region import Box

__all__ = ["Window", "stored_box", "window_of"]


class Window(NamedTuple):
    """What is taken of every frame: pictures of this size (H, W), of a box of the upright picture; None: of all of it.

    The box is in pixels of a film whose upright picture is `of` (width, height); of a frame of another size it is as
    large a part.
    """

    size: tuple[int, int]
    box: Box | None = None
    of: tuple[int, int] = (0, 0)


def window_of(asked: list[Any]) -> Window:
    """A window as it comes through JSON."""
    size, box, of = asked
    return Window(tuple(size), None if box is None else Box(*box), tuple(of))


def stored_box(window: Window, width: int, height: int, rotation: int, mirrored: bool) -> Box | None:
    """Where it lies in a stored frame of this size, which is mirrored, then turned clockwise, to be upright; None: all
    of it.

    """
    if window.box is None:
        return None
    is_turned = rotation in (90, 270)
    upright = (height, width) if is_turned else (width, height)
    left, top, right, bottom = window.box if window.of == upright else _scaled(window.box, window.of, upright)
    if rotation == 90:
        left, top, right, bottom = top, height - right, bottom, height - left
    elif rotation == 180:
        left, top, right, bottom = width - right, height - bottom, width - left, height - top
    elif rotation == 270:
        left, top, right, bottom = width - bottom, left, width - top, right
    if mirrored:
        left, right = width - right, width - left
    return None if (left, top, right, bottom) == (0, 0, width, height) else Box(left, top, right, bottom)


def _scaled(box: Box, of: tuple[int, int], to: tuple[int, int]) -> Box:
    """The box in a frame of another size than the film's: at least one pixel, and inside."""
    left, right = (at * to[0] // of[0] for at in (box.left, box.right))
    top, bottom = (at * to[1] // of[1] for at in (box.top, box.bottom))
    left, top = min(left, to[0] - 1), min(top, to[1] - 1)
    return Box(left, top, max(right, left + 1), max(bottom, top + 1))
