"""Films are probed and decoded truly: seen in counting films, whose frame i shows i, not in shapes.

The oracle of frame order and time is a plain decode of the whole file by PyAV, in this process, without a seek.
"""

import io
import struct
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from counted_films import film, process  # noqa: F401  (fixtures)
from counting import FILMS, number_shown, picture_of, write_film
from PIL import Image

from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, probe
from vtn_stream.video.packets import _is_shown

pytestmark = pytest.mark.usefixtures("warm_decoders")

SIZE = (48, 80)  # [H, W]: blocks of 12 x 20
LONG = [  # more than two chunks
    "variable rate, B-frames",
    "open GOP",
    "open GOP in a transport stream",
    "intra refresh in a transport stream",
    "one keyframe",
    "HEVC",
    "VP9",
    "MPEG-4 in AVI, B-frames",
    "fragmented",
]
REORDERED = ["B-frames", "B-frames, 25 a second", "open GOP", "open GOP in a transport stream", "one keyframe", "HEVC"]


def decoded(process, video, pts, size=SIZE):
    """Pictures by timestamp; each asked timestamp must be answered once."""
    pictures = {}
    for batch in process.frames(video, pts, size):
        assert batch.lost == []
        assert batch.frames.shape == (len(batch.items), *size, 3)
        for item, picture in zip(batch.items, batch.frames, strict=True):
            assert int(pts[item]) not in pictures
            pictures[int(pts[item])] = picture.copy()
    assert sorted(pictures) == pts.tolist()
    return pictures


def numbers(pictures):
    """What was shown, in order of time."""
    return [number_shown(pictures[pts]) for pts in sorted(pictures)]


def spans(video, fps):
    """The timestamps that each chunk of the film asks for."""
    plan = SamplingPlan(fps)
    grids = [plan.grid(video, chunk.start, chunk.stop) for chunk in plan.chunks(video)]
    return [video.pts[np.unique(grid.frame[grid.valid])] for grid in grids]


# The films themselves


def test_a_picture_turned_or_mirrored_shows_no_number():
    for number in (0, 1, 77, 330, 1365):
        upright = picture_of(number)
        assert number_shown(upright) == number
        for wrong in (upright[:, ::-1], upright[::-1], *(np.rot90(upright, turns) for turns in (1, 2, 3))):
            with pytest.raises(ValueError, match="right way up"):
                number_shown(wrong)


@pytest.mark.parametrize("name", FILMS)
def test_frame_i_of_a_counting_film_shows_i_to_a_plain_decoder(film, name):
    assert [number for _, number in film(name).decoded] == list(range(len(film(name).truth.times)))


@pytest.mark.parametrize("name", REORDERED)
def test_frames_are_stored_in_another_order_than_shown(film, name):
    with av.open(str(film(name).truth.path)) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert times != sorted(times)


@pytest.mark.parametrize("name", ["open GOP", "open GOP in a transport stream"])
def test_frames_before_a_keyframe_come_after_it_in_an_open_gop(film, name):
    with av.open(str(film(name).truth.path)) as container:
        packets = [(packet.is_keyframe, packet.pts) for packet in container.demux(video=0) if packet.size]
    leading = [later for (key, pts), (_, later) in pairwise(packets) if key and later < pts]
    assert len(leading) >= 7


def test_a_film_turned_by_90_carries_the_matrix_that_phones_write(film):
    """Clockwise by 90: x' = -y, y' = x, as in the QuickTime specification's track header."""
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    assert film("turned by 90").truth.path.read_bytes().count(clockwise) == 1


# The frames


@pytest.mark.parametrize("name", FILMS)
def test_the_whole_film_comes_out_in_one_go(film, process, name):
    video = film(name).video
    assert numbers(decoded(process, video, video.pts)) == list(range(video.num_frames))


@pytest.mark.parametrize("step", [2, 7, 50])
@pytest.mark.parametrize(
    "name", ["25 a second", "variable rate, B-frames", "open GOP", "VP9", "MPEG-4 in AVI, B-frames"]
)
def test_every_kth_frame_is_frame_k_2k_3k(film, process, name, step):
    video = film(name).video
    asked = range(step - 1, video.num_frames, step)
    assert numbers(decoded(process, video, video.pts[step - 1 :: step])) == list(asked)


@pytest.mark.parametrize("name", FILMS)
def test_single_frames_in_any_order_are_the_asked_ones(film, process, name):
    video = film(name).video
    n = video.num_frames
    for frame in (n - 1, 0, n // 2, n // 3, n - 1, n * 9 // 10, n * 3 // 5, n * 4 // 5):
        assert numbers(decoded(process, video, video.pts[frame : frame + 1])) == [frame]


@pytest.mark.parametrize("name", LONG)
def test_chunks_in_any_order_and_process_give_the_bits_of_one_go(film, process, name):
    video = film(name).video
    whole = decoded(process, video, video.pts)
    chunks = spans(video, Fraction(2))
    assert len(chunks) == 3

    def is_the_same(pts, pictures):
        return numbers(pictures) == np.searchsorted(video.pts, pts).tolist() and all(
            np.array_equal(pictures[p], whole[p]) for p in pts.tolist()
        )

    assert all(is_the_same(pts, decoded(process, video, pts)) for pts in chunks)
    assert all(is_the_same(pts, decoded(process, video, pts)) for pts in reversed(chunks))
    for pts in chunks[1:]:  # the first is where a process begins anyway
        with DecodingProcess() as fresh:
            assert is_the_same(pts, decoded(fresh, video, pts))


def test_positions_before_a_late_start_ask_for_nothing_and_the_others_get_their_frame(film, process):
    video = film("late start").video
    (asked,) = spans(video, Fraction(5))
    assert numbers(decoded(process, video, asked)) == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]


def test_two_films_can_be_read_by_turns(film, process):
    one, other = film("B-frames").video, film("VP9").video
    for k, (here, there) in enumerate(zip(spans(one, Fraction(1)), spans(other, Fraction(1)), strict=True)):
        shown = numbers(decoded(process, one, here))
        assert shown == numbers(decoded(process, other, there)) == np.searchsorted(one.pts, here).tolist()
        assert shown[0] == 150 * k


def test_no_frame_asked_for_is_none_handed_over(film, process):
    video = film("one frame").video
    assert list(process.frames(video, video.pts[:0], SIZE)) == []


@pytest.mark.parametrize("size", [(224, 224), (96, 160), (31, 17)])
def test_the_whole_frame_is_squashed_to_the_asked_size(film, process, size):
    video = film("25 a second").video
    pictures = decoded(process, video, video.pts[:40], size)
    assert numbers(pictures) == list(range(40))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_films_are_handed_over_upright(film, process, degrees):
    video = film(f"turned by {degrees}").video
    pictures = decoded(process, video, video.pts, (160, 96))
    assert numbers(pictures) == list(range(40))
    as_stored = np.rot90(pictures[int(video.pts[7])], degrees // 90)
    with pytest.raises(ValueError, match="right way up"):
        number_shown(as_stored)


def test_colours_are_red_green_blue(tmp_path, process):
    stripes = np.zeros((96, 160, 3), np.uint8)
    stripes[:, :54, 0] = stripes[:, 54:108, 1] = stripes[:, 108:, 2] = 255
    with av.open(str(tmp_path / "stripes.mp4"), "w") as out:
        stream = out.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv444p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(stripes, "rgb24")))
        out.mux(stream.encode(None))
    video = probe(tmp_path / "stripes.mp4", process)
    (picture,) = decoded(process, video, video.pts, (96, 160)).values()
    assert [picture[48, x].argmax() for x in (27, 81, 135)] == [0, 1, 2]
    assert np.abs(picture.astype(int) - stripes)[:, [27, 81, 135]].max() < 30


# Frames that nobody sees


def test_frames_that_an_edit_list_hides_are_neither_counted_nor_handed_over(tmp_path, process):
    film = write_film(tmp_path / "edited.mp4", 330, rate=Fraction(5, 2), first=-20)
    video = probe(film.path, process)
    assert video.times_s.tolist() == pytest.approx([i / 2.5 for i in range(310)])
    assert numbers(decoded(process, video, video.pts)) == list(range(20, 330))
    assert numbers(decoded(process, video, video.pts[[5]])) == [25]


def test_vp8_frames_that_only_others_refer_to_are_neither_counted_nor_handed_over(tmp_path, process):
    """Encoders give them packets of their own, with a time; here every tenth frame is marked as not shown."""
    path = write_film(tmp_path / "hidden.webm", 60, codec="libvpx").path
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for packet in packets[5::10]:
        assert data.count(packet) == 1
        data = data.replace(packet, bytes([packet[0] & ~0b0001_0000]) + packet[1:])
    path.write_bytes(data)
    video = probe(path, process)
    assert numbers(decoded(process, video, video.pts)) == [i for i in range(60) if i % 10 != 5]


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("10 00 0 0 1 0", True),  # frame marker, profile, shows an earlier frame, inter, show_frame, error resilient
        ("10 00 0 1 1 0", True),
        ("10 00 0 1 0 0", False),
        ("10 01 0 1 0 0", False),
        ("10 01 0 1 1 0", True),
        ("10 00 1 000", True),  # shows an earlier frame
        ("10 11 0 0 1 1", True),  # profile 3 has a reserved bit after it
        ("10 11 0 0 1 0", False),
        ("10 11 0 1 00", True),
    ],
)
def test_a_vp9_header_says_whether_the_frame_is_shown(header, shown):
    first_byte = int(header.replace(" ", ""), 2)
    assert _is_shown("vp9", bytes([first_byte, 0])) == shown
    assert _is_shown("vp9", bytes([first_byte, 0b1100_0000])), "a superframe holds a shown frame"
    assert _is_shown("h264", bytes([first_byte, 0]))


# Thumbnails


def jpegs(process, video, frames):
    wanted = np.isin(np.arange(video.num_frames), frames)
    found = {}
    for batch in process.frames(video, video.pts, SIZE, wanted):
        assert set(batch.thumbnails) <= set(batch.items)
        found |= batch.thumbnails
    return found


@pytest.mark.parametrize(
    ("name", "height"),
    [("25 a second", 96), ("turned by 90", 267), ("turned by 180", 96), ("turned by 270", 267), ("wide pixels", 68)],
)
def test_thumbnails_are_small_jpegs_of_the_asked_frames_in_the_shown_shape(film, process, name, height):
    thumbnails = jpegs(process, film(name).video, [0, 7, 33])
    assert sorted(thumbnails) == [0, 7, 33]
    for frame, jpeg in thumbnails.items():
        image = Image.open(io.BytesIO(jpeg))
        assert (image.format, image.size) == ("JPEG", (160, height))
        assert number_shown(np.asarray(image)) == frame


def test_no_thumbnail_comes_unasked(film, process):
    assert jpegs(process, film("25 a second").video, []) == {}
