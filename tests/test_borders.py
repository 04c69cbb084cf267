"""Black borders: what they are, and what is none."""

import numpy as np
import pytest

from vtn_stream.borders import inner_box
from vtn_stream.region import Box

WIDTH, HEIGHT, CELLS, NUM = 160, 96, 32, 20
X, Y = np.arange(WIDTH), np.arange(HEIGHT)[:, None]


def film(change=lambda picture, number: picture):
    """uint8 [NUM, HEIGHT, WIDTH, 3], bright everywhere, as this changes it."""
    frames = []
    for number in range(NUM):
        picture = 120 + 60 * np.sin(X / 9 + number) + 40 * np.cos(Y / 7 - number)
        frames.append(np.clip(change(picture, number), 0, 255))
    return np.repeat(np.stack(frames).astype(np.uint8)[..., None], 3, axis=3)


def box_of(frames):
    rows = frames.reshape(NUM, HEIGHT, CELLS, -1, 3).mean(axis=3).astype(np.uint8)
    columns = frames.reshape(NUM, CELLS, -1, WIDTH, 3).mean(axis=2).astype(np.uint8)
    return inner_box(rows, columns)


def black(where):
    return lambda picture, number: np.where(where, 0, picture)


LETTERBOX = black((Y < 12) | (Y >= 84) | (X < 0))
PILLARBOX = black((X < 20) | (X >= 130) | (Y < 0))
ROUND = black((X - 80) ** 2 + (Y - 48) ** 2 > 40**2)


def stamped(change):
    """With a time that goes on, in the border."""

    def both(picture, number):
        picture = change(picture, number).copy()
        for digit in range(4):
            if (number + digit) % 3:
                picture[1:6, 4 + 6 * digit : 8 + 6 * digit] = 235
        return picture

    return both


def noisy(change):
    random = np.random.default_rng(0)
    return lambda picture, number: np.maximum(change(picture, number), random.integers(16, 31, picture.shape))


def faded(change):
    """Black for a while, dark for another."""
    return lambda picture, number: change(picture, number) * (0 if number < 5 else 0.15 if number < 10 else 1)


@pytest.mark.parametrize("worse", [lambda change: change, stamped, noisy, faded])
def test_borders_are_found_to_the_pixel(worse):
    assert box_of(film(worse(LETTERBOX))) == Box(0, 12, 160, 84)
    found = box_of(film(worse(ROUND)))
    assert found is not None
    assert np.abs(np.array(found) - (40, 8, 121, 89)).max() <= 2


def test_a_film_between_two_bars_is_found():
    assert box_of(film(PILLARBOX)) == Box(20, 0, 130, 96)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture, number: picture,
        lambda picture, number: picture * 0,  # nothing is shown
        lambda picture, number: np.where((X > 70) & (X < 80) & (Y > 40) & (Y < 48), 200, picture * 0),  # a logo
        black((X >= 75) & (X < 85) & (Y >= 0)),  # two cages
        lambda picture, number: np.where((Y < 12) & (number > 10), 0, picture),  # a wide film after another one
        lambda picture, number: np.where((Y < 48) & (number > 2), 5, picture),  # dark, but seen for a while
    ],
)
def test_what_is_no_border_stays(change):
    assert box_of(film(change)) is None


def test_a_flash_in_one_frame_is_no_picture():
    assert box_of(film(lambda picture, number: picture if number == 7 else LETTERBOX(picture, number))) == Box(
        0, 12, 160, 84
    )


def test_no_frame_has_no_border():
    assert inner_box(np.zeros((0, 96, 32, 3), np.uint8), np.zeros((0, 32, 160, 3), np.uint8)) is None
