"""Windows: what is taken of a film's upright picture, by whatever way it is stored, for one decoding."""

from fractions import Fraction

import av
import numpy as np
import pytest
from counting import number_shown, picture_of, write_film
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.region import Box
from vtn_stream.video import DecodingProcess, Window
from vtn_stream.video.window import stored_box


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@given(st.data(), st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 90, 180, 270]), st.booleans())
def test_the_box_is_found_in_the_stored_frame(data, width, height, rotation, mirrored):
    stored = np.arange(width * height).reshape(height, width)

    def upright(picture):
        return np.rot90(picture[:, ::-1] if mirrored else picture, -rotation // 90)

    of_height, of_width = upright(stored).shape
    left, top = data.draw(st.integers(0, of_width - 1)), data.draw(st.integers(0, of_height - 1))
    right, bottom = data.draw(st.integers(left + 1, of_width)), data.draw(st.integers(top + 1, of_height))
    window = Window((1, 1), Box(left, top, right, bottom), (of_width, of_height))
    box = stored_box(window, width, height, rotation, mirrored) or Box(0, 0, width, height)
    cut = stored[box.top : box.bottom, box.left : box.right]
    assert np.array_equal(upright(cut), upright(stored)[top:bottom, left:right])


@given(st.integers(1, 50), st.integers(1, 50))
def test_in_a_frame_of_another_size_it_is_as_large_a_part(width, height):
    window = Window((1, 1), Box(0, 0, 50, 100), (100, 100))
    box = stored_box(window, 2 * width, height, 0, False)
    assert box == Box(0, 0, width, height)


def write_two(path, num=40, size=(160, 96)):
    """Frame i shows i on the left, and num - 1 - i on the right."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 2 * size[0], size[1], "yuv420p"
        for i in range(num):
            both = np.hstack([picture_of(i, *size), picture_of(num - 1 - i, *size)])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(both, "rgb24")))
        out.mux(stream.encode(None))
    return path


def test_two_windows_of_one_decoding_show_what_each_half_shows(process, tmp_path):
    video = process.probe(write_two(tmp_path / "two.mp4"))
    windows = [
        Window((48, 80), Box(0, 0, 160, 96), (320, 96)),
        Window((96, 160), Box(160, 0, 320, 96), (320, 96)),
        Window((96, 320)),
    ]
    wants = np.zeros(40, np.bool_)
    wants[7] = True
    seen = []
    for left, right, whole in process.windows(video, video.pts, windows, wants):
        assert left.items == right.items == whole.items
        for item, *pictures in zip(left.items, left.frames, right.frames, whole.frames, strict=True):
            assert (number_shown(pictures[0]), number_shown(pictures[1])) == (item, 39 - item)
            assert np.array_equal(pictures[1], pictures[2][:, 160:])
            seen.append(item)
        if 7 in left.items:
            assert left.thumbnails[7][:2] == right.thumbnails[7][:2] == b"\xff\xd8"
            assert left.thumbnails[7] != right.thumbnails[7]
    assert sorted(seen) == list(range(40))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_corner_of_a_turned_film_is_that_of_the_upright_picture(process, tmp_path, rotation):
    path = write_film(tmp_path / "film.mp4", 5, rotation=rotation, options={"qp": "0"}).path
    video = process.probe(path)
    width, height = video.upright_size
    (whole,) = process.frames(video, video.pts, (height, width))
    whole = whole.frames.copy()
    box = Box(width // 4, 0, width // 2, height // 2)
    (corner,) = process.frames(video, video.pts, (box.size[1], box.size[0]), box=box)
    assert np.array_equal(corner.frames, whole[:, box.top : box.bottom, box.left : box.right])


def test_odd_edges_and_single_pixels_can_be_cut_out(process, tmp_path):
    video = process.probe(write_two(tmp_path / "two.mp4", num=3))
    for box in (Box(31, 17, 32, 18), Box(319, 95, 320, 96), Box(1, 1, 159, 95)):
        (batch,) = process.frames(video, video.pts, (4, 6), box=box)
        assert batch.frames.shape == (3, 4, 6, 3)
    (batch,) = process.frames(video, video.pts, (94, 158), box=Box(1, 1, 159, 95))
    assert np.abs(batch.frames[0].astype(int) - picture_of(0)[1:95, 1:159]).mean() < 12


def test_sixty_four_windows_are_taken_at_once(process, tmp_path):
    video = process.probe(write_two(tmp_path / "two.mp4", num=10))
    windows = [Window((8, 8), Box(i, 0, i + 96, 96), (320, 96)) for i in range(64)]
    num = 0
    for batches in process.windows(video, video.pts, windows):
        assert len(batches) == 64
        num += len(batches[0].items)
    assert num == 10
    assert video.duration_s == pytest.approx(float(Fraction(10, 25)))
