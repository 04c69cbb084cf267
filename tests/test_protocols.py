"""The protocols to the index and to the pixel."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.evaluation.options import EvaluationOptions
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


def a_film(*, num_frames=250, time_base=Fraction(1, 25), step=1, first=0, claimed=None, **fields):
    pts = first + np.arange(num_frames, dtype=np.int64) * step
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
    ("num_frames", "rate", "num", "indices"),
    [
        (250, 25, 250, list(range(250))),
        (300, 25, 250, list(range(250))),  # 12 s: the first 10 of them
        (249, 25, 250, [*range(249), 248]),  # a frame short of 10 s: the line ends one past the last frame
        (10, 25, 4, [0, 3, 6, 9]),
        (10, 25, 6, [0, 2, 4, 6, 8, 9]),
        (3, 25, 7, [0, 0, 1, 1, 2, 2, 2]),  # frames are taken again
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


def released_full(num_frames, rate, num):
    """The release's order of steps: where 10 s end, no further than the clip, a line, cut to the frames there are."""
    end = min(float(num_frames), 10 * float(rate) - 1)
    return np.clip(np.linspace(0, max(end, 0), num), 0, num_frames - 1)


@settings(deadline=None)
@given(st.integers(1, 900), st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(12), Fraction(1, 3)]))
def test_full_indices_are_floors_of_the_released_line(num_frames, rate):
    line = released_full(num_frames, rate, 250)
    assert np.all(np.abs(full_indices(num_frames, rate) + 0.5 - line) <= 0.5 + 1e-9)


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
    views = view_indices(a_film(num_frames=num_frames), len(starts))
    assert views.tolist() == [[start + i for i in WINDOW] for start in starts]


def test_a_view_that_begins_between_two_frames_begins_with_the_next_and_keeps_its_steps():
    film = a_film(num_frames=130, time_base=Fraction(1, 12800), step=512)  # of 3 views the second begins at frame 2/3
    assert view_indices(film, 3).tolist() == [[start + i for i in WINDOW] for start in (0, 1, 2)]


def test_a_clock_of_whole_frames_cannot_tell_where_between_two_frames_a_view_begins():
    assert view_indices(a_film(num_frames=130), 3)[:, 0].tolist() == [0, 0, 1]


def test_a_view_that_the_clip_does_not_fill_takes_the_last_frame_again():
    assert view_indices(a_film(num_frames=100), 2).tolist() == 2 * [[min(i, 99) for i in WINDOW]]


def test_a_view_is_as_long_in_seconds_at_another_rate():
    slow = [0, 10, 20, 30, 40, 50, 61, 71, 81, 91, 101, 111, 122, 132, 142, 152]  # 5.12 s of 30 a second: 153.6 frames
    assert view_indices(a_film(num_frames=300, time_base=Fraction(1, 30)), 1).tolist() == [slow]
    views = view_indices(a_film(num_frames=100, time_base=Fraction(1, 10)), 2, num=4, seconds=Fraction(4))
    assert views.tolist() == [[0, 13, 26, 39], [30, 43, 56, 69]]


def test_a_late_begin_of_the_clock_moves_no_view():
    film = a_film(num_frames=250, time_base=Fraction(1, 12800), step=512)
    late = a_film(num_frames=250, time_base=Fraction(1, 12800), step=512, first=90_000)
    assert np.array_equal(view_indices(film, 10), view_indices(late, 10))


def released_views(film, num_views, num, seconds):
    """What the release decodes of each view, and takes of it: the frames, and their places among those decoded."""
    window = seconds * frame_rate(film)
    taken = []
    for view in range(num_views):
        begin = max(film.num_frames - window, 0) * view / num_views
        a_frame = Fraction(film.end_pts, film.num_frames)
        first, last = int(begin * a_frame), int((begin + window - 1) * a_frame)
        decoded, beyond = [], 0
        for frame, pts in enumerate(film.pts.tolist()):
            if pts >= first and beyond == 0:
                decoded.append(frame)
                beyond += pts > last
        places = [min(int(place), len(decoded) - 1) for place in line(0, max(window - 1, 0), num)]
        taken.append([decoded[place] for place in places])
    return taken


def line(start, stop, num):
    return [start + Fraction(k, max(1, num - 1)) * (stop - start) for k in range(num)]


@given(
    st.integers(1, 400),
    st.sampled_from(
        [(Fraction(1, 25), 1), (Fraction(1, 12800), 512), (Fraction(1, 30000), 1001), (Fraction(1, 90), 7)]
    ),
    st.integers(1, 10),
    st.integers(1, 16),
    st.sampled_from([Fraction(128, 25), Fraction(2), Fraction(1, 3)]),
)
def test_views_are_what_the_release_decodes_and_takes(num_frames, clock, num_views, num, seconds):
    film = a_film(num_frames=num_frames, time_base=clock[0], step=clock[1])
    assume(seconds * frame_rate(film) >= 1)  # of a window shorter than a frame the release decodes nothing
    assert view_indices(film, num_views, num, seconds).tolist() == released_views(film, num_views, num, seconds)


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


@pytest.mark.parametrize("shuffle", [0, 3])
def test_films_and_predictions_have_no_frames_to_shuffle(shuffle):
    """A seed of 0 is a seed."""
    asked = EvaluationOptions(what=Path("list.txt"), models=("model",), shuffle=shuffle)
    assert asked.misuse("clips") is None
    assert asked.misuse("films") == "--shuffle does nothing with a model that locates actions"


@pytest.mark.parametrize("fields", [{"kind": "all"}, {"num_views": 2}, {"kind": "views", "num_crops": 2}])
def test_there_is_no_other_protocol(fields):
    with pytest.raises(ValueError, match="protocol"):
        Protocol(**fields)
