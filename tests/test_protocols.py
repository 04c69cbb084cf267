"""The protocols to the index and to the pixel."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.evaluation.protocols import (
    Protocol,
    frame_rate,
    full_indices,
    protocol_pixels,
    reading_size,
    view_indices,
)
from vtn_stream.film import VideoInfo
from vtn_stream.track import CENTRE_CROP, Recipe

# ---- which frames


@pytest.mark.parametrize(
    ("num_frames", "rate", "num", "indices"),
    [
        (250, 25, 250, list(range(250))),
        (300, 25, 250, list(range(250))),  # 12 s: the first 10 of them
        (10, 25, 4, [0, 3, 6, 9]),
        (10, 25, 6, [0, 1, 3, 5, 7, 9]),
        (3, 25, 7, [0, 0, 0, 1, 1, 1, 2]),  # frames are taken again
        (1, 25, 3, [0, 0, 0]),
        (40, Fraction(1, 2), 5, [0, 1, 2, 3, 4]),  # a frame in two seconds: five in 10 s
        (40, Fraction(1, 20), 3, [0, 0, 0]),
    ],
)
def test_the_full_protocol_to_the_index(num_frames, rate, num, indices):
    assert full_indices(num_frames, Fraction(rate), num).tolist() == indices


def test_at_thirty_frames_a_second_the_full_protocol_passes_over_some():
    indices = full_indices(300, Fraction(30))
    assert indices[:12].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13]
    assert (len(indices), indices[-1]) == (250, 299)
    short = full_indices(125, Fraction(25))
    assert short[:8].tolist() == [0, 0, 0, 1, 1, 2, 2, 3]
    assert (len(short), short[-1]) == (250, 124)


WINDOW = [0, 8, 16, 25, 33, 42, 50, 59, 67, 76, 84, 93, 101, 110, 118, 127]


@pytest.mark.parametrize(
    ("num_frames", "starts"),
    [
        (128, [0]),
        (250, [0]),
        (250, [0, 61]),
        (258, [0, 13, 26, 39, 52, 65, 78, 91, 104, 117]),
    ],
)
def test_views_to_the_index(num_frames, starts):
    views = view_indices(num_frames, Fraction(25), len(starts))
    assert views.tolist() == [[start + i for i in WINDOW] for start in starts]


def test_a_view_may_start_between_two_frames():
    # 130 frames, 3 views: the second starts at 2/3, the third at 4/3; frames are the floors of what lies on their lines
    views = view_indices(130, Fraction(25), 3)
    assert views[1].tolist() == [0, 9, 17, 26, 34, 43, 51, 59, 68, 76, 85, 93, 102, 110, 119, 127]
    assert views[2].tolist() == [1, 9, 18, 26, 35, 43, 52, 60, 69, 77, 86, 94, 102, 111, 119, 128]


def test_a_view_that_the_clip_does_not_fill_takes_the_last_frame_again():
    assert view_indices(100, Fraction(25), 2).tolist() == 2 * [[min(i, 99) for i in WINDOW]]


def test_a_view_is_as_long_in_seconds_at_another_rate():
    slow = [0, 10, 20, 30, 40, 50, 61, 71, 81, 91, 101, 111, 122, 132, 142, 152]  # 5.12 s of 30 a second: 153.6 frames
    assert view_indices(300, Fraction(30), 1).tolist() == [slow]
    assert view_indices(100, Fraction(10), 2, num=4, seconds=Fraction(4)).tolist() == [
        [0, 13, 26, 39],
        [30, 43, 56, 69],
    ]


@settings(deadline=None)
@given(st.integers(1, 900), st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(12)]), st.integers(1, 7))
def test_indices_are_floors_of_a_line(num_frames, rate, num_views):
    last = max(0, min(num_frames, 10 * float(rate)) - 1)
    line = np.linspace(0, last, 250)
    assert np.all(np.abs(full_indices(num_frames, rate) + 0.5 - line) <= 0.5 + 1e-9)
    views = view_indices(num_frames, rate, num_views)
    assert views.min() >= 0
    assert views.max() <= num_frames - 1
    spare = max(0, num_frames - 5.12 * float(rate))
    assert np.all(np.abs(np.diff(views[:, 0]) - spare / num_views) <= 1)


def a_film(*, num_frames=250, time_base=Fraction(1, 25), step=1, claimed=None, **fields):
    pts = np.arange(num_frames, dtype=np.int64) * step
    return VideoInfo(
        **{
            "path": Path("film.mp4"),
            "identity": "",
            "stream": 0,
            "codec": "h264",
            "width": 340,
            "height": 256,
            "time_base": time_base,
            "start": Fraction(0),
            "pts": pts,
            "end_pts": int(pts[-1]) + step,
            "keyframes": pts[:1],
            "nominal_rate": claimed,
        }
        | fields
    )


@pytest.mark.parametrize(
    ("film", "rate"),
    [
        (a_film(), 25),
        (a_film(claimed=Fraction(25)), 25),
        (a_film(time_base=Fraction(1, 1000), step=33, claimed=Fraction(29)), Fraction(1000, 33)),
        (a_film(time_base=Fraction(1, 1000), step=33, claimed=Fraction(30000, 991)), Fraction(30000, 991)),
        (a_film(claimed=Fraction(90000)), 25),
        (a_film(num_frames=1), 1),
    ],
)
def test_the_claimed_rate_is_believed_where_the_frames_bear_it_out(film, rate):
    assert frame_rate(film) == rate


# ---- which pixels


def a_recipe(size=(224, 224), geometry=CENTRE_CROP):
    mean, std = (0.45, 0.40, 0.35), (0.225, 0.2, 0.25)
    return Recipe(backbone="x", weights="", fps=Fraction(25, 8), size=size, mean=mean, std=std, geometry=geometry)


def bilinear(image, height, width):
    """One output pixel between the four around its centre, by the book: float64 [height, width, 3]."""

    def line(num, to):
        at = np.clip((np.arange(to) + 0.5) * num / to - 0.5, 0, num - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, num - 1), at - low

    top, bottom, y = line(image.shape[0], height)
    left, right, x = line(image.shape[1], width)
    rows = image[top] * (1 - y)[:, None, None] + image[bottom] * y[:, None, None]
    return rows[:, left] * (1 - x)[:, None] + rows[:, right] * x[:, None]


def cut(frame, recipe, resized, corners):
    whole = (bilinear(frame.astype(np.float64), *resized) / 255 - recipe.mean) / recipe.std
    return [whole[top : top + 224, left : left + 224].transpose(2, 0, 1) for top, left in corners]


@pytest.mark.parametrize(
    ("shape", "for_one", "middle", "for_three", "corners"),
    [
        ((360, 640), (256, 455), (16, 116), (224, 398), [(0, 0), (0, 87), (0, 174)]),
        ((640, 360), (455, 256), (116, 16), (398, 224), [(0, 0), (87, 0), (174, 0)]),
        ((256, 341), (256, 341), (16, 59), (224, 298), [(0, 0), (0, 37), (0, 74)]),
        ((300, 300), (256, 256), (16, 16), (224, 224), [(0, 0), (0, 0), (0, 0)]),
        ((40, 50), (256, 320), (16, 48), (224, 280), [(0, 0), (0, 28), (0, 56)]),
    ],
)
def test_the_protocol_to_the_pixel(shape, for_one, middle, for_three, corners):
    frame, recipe = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8), a_recipe()
    one, three = protocol_pixels(frame, recipe).numpy(), protocol_pixels(frame, recipe, 3).numpy()
    assert one.dtype == three.dtype == np.float32
    np.testing.assert_allclose(one, cut(frame, recipe, for_one, [middle]), atol=5e-4)
    np.testing.assert_allclose(three, cut(frame, recipe, for_three, corners), atol=5e-4)


def test_a_network_of_another_size_looks_at_as_much_of_the_frame():
    frame = np.random.default_rng(0).integers(0, 256, (183, 200, 3), np.uint8)
    recipe = a_recipe((160, 160))  # 160 * 256 / 224 is 183
    expected = ((frame[12:172, 20:180] / 255 - recipe.mean) / recipe.std).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(protocol_pixels(frame, recipe).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"width": 340, "height": 256}, (256, 340)),
        ({"width": 340, "height": 256, "rotation": 90}, (340, 256)),
        ({"width": 340, "height": 256, "rotation": 180, "sample_aspect_ratio": Fraction(4, 3)}, (256, 340)),
        ({"width": 1920, "height": 1080}, (1080, 1920)),
        ({"width": 3840, "height": 2160}, (512, 910)),
        ({"width": 3840, "height": 2160, "rotation": 270}, (910, 512)),
        ({"width": 800, "height": 100}, (100, 800)),
    ],
)
def test_frames_are_read_as_they_are_unless_they_are_huge(fields, size):
    assert reading_size(a_film(**fields), a_recipe()) == size


def test_a_line_of_pixels_is_refused():
    with pytest.raises(VideoError, match="801 x 100 pixels"):
        reading_size(a_film(width=801, height=100), a_recipe())


@pytest.mark.parametrize("fields", [{"kind": "all"}, {"num_views": 2}, {"kind": "views", "num_crops": 2}])
def test_there_is_no_other_protocol(fields):
    with pytest.raises(ValueError, match="protocol"):
        Protocol(**fields)
