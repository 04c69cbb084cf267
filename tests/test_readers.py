"""What both readers promise, on counting films; and what decord is not trusted with is refused in one line.

The films that decord is refused are listed: a film that is refused, or read, against the list fails.
"""

import importlib.metadata
import importlib.util
import io
import itertools
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from click.testing import CliRunner
from counting import FILMS, number_shown, picture_of, write_film
from PIL import Image

from vtn_stream.errors import InputError, VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, probe
from vtn_stream_cli.main import vtn_stream

pytestmark = pytest.mark.skipif(importlib.util.find_spec("decord") is None, reason="decord is not made for this system")

DECODERS = ("pyav", "decord")
SIZE = (48, 80)
REFUSED = {
    "open GOP in a transport stream": "does not find the frames of open.ts by number (mpegts format)",
    "intra refresh in a transport stream": "does not find the frames of refresh.ts by number (mpegts format)",
    "MPEG-4 in AVI, B-frames": "has wrong times for frames of mpeg4b.avi",
}
READ = [name for name in FILMS if name not in REFUSED]
# Where decord by itself seeks to wrong frames, or has far to go.
HARD = ["open GOP", "HEVC", "one keyframe", "variable rate, B-frames"]


@pytest.fixture(scope="module")
def processes():
    with DecodingProcess() as pyav, DecodingProcess(decoder="decord") as decord:
        yield {"pyav": pyav, "decord": decord}


@pytest.fixture(scope="module")
def film(tmp_path_factory, processes):
    """The counting film of this name, made and probed once."""
    folder, made = tmp_path_factory.mktemp("films"), {}

    def of(name):
        if name not in made:
            made[name] = probe(FILMS[name](folder).path, processes["pyav"])
        return made[name]

    return of


def decoded(process, video, frames=None, size=SIZE):
    """Pictures by frame, in order; each must be answered once, in lost or in these."""
    frames = np.arange(video.num_frames) if frames is None else np.asarray(frames)
    pictures, lost = {}, []
    for batch in process.frames(video, video.pts[frames], size):
        found = {int(frames[i]): p.copy() for i, p in zip(batch.items, batch.frames, strict=True)}
        assert not set(found) & set(pictures)
        pictures |= found
        lost += frames[batch.lost].tolist()
    assert sorted([*pictures, *lost]) == frames.tolist()
    return dict(sorted(pictures.items())), lost


def numbers(pictures):
    return {frame: number_shown(picture) for frame, picture in pictures.items()}


def is_one_line_with_the_cure(error):
    return (
        len(str(error).splitlines()) == 1
        and all((error.fact, error.consequence, error.cure))
        and "--decoder pyav" in error.cure
    )


# What both promise


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", READ)
def test_frame_i_shows_i(processes, film, name, decoder):
    pictures, lost = decoded(processes[decoder], film(name))
    assert lost == []
    assert numbers(pictures) == {i: i for i in range(film(name).num_frames)}


@pytest.mark.parametrize("name", READ)
def test_both_give_the_same_pictures(processes, film, name):
    video = film(name)
    frames = np.arange(0, video.num_frames, 5)
    one, other = (decoded(processes[d], video, frames, (224, 224))[0] for d in DECODERS)
    assert max(np.abs(one[i].astype(int) - other[i]).mean() for i in one) <= 1


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", HARD)
def test_chunks_in_any_order_give_the_bits_of_one_go(processes, film, name, decoder):
    video, process = film(name), processes[decoder]
    whole, _ = decoded(process, video)
    plan = SamplingPlan(Fraction(2))
    grids = [plan.grid(video, chunk.start, chunk.stop) for chunk in plan.chunks(video)]
    for grid in reversed(grids):
        pictures, _ = decoded(process, video, np.unique(grid.frame[grid.valid]))
        assert all(np.array_equal(picture, whole[frame]) for frame, picture in pictures.items())


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", [*HARD, "MPEG-4 in AVI", "VP9", "one frame", "3 s at 1 a second"])
def test_single_frames_in_any_order_are_the_asked_ones(processes, film, name, decoder):
    n = film(name).num_frames
    for frame in (n - 1, 0, n // 2, n // 3, min(41, n - 1), n - 1, n * 4 // 5):
        pictures, _ = decoded(processes[decoder], film(name), [frame])
        assert numbers(pictures) == {frame: frame}


@pytest.mark.parametrize("decoder", DECODERS)
def test_two_films_can_be_read_by_turns(processes, film, decoder):
    for frame in (10, 150, 299):
        for name in ("open GOP", "25 a second"):
            assert numbers(decoded(processes[decoder], film(name), [frame])[0]) == {frame: frame}


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    ("name", "height"), [("25 a second", 96), ("turned by 90", 267), ("turned by 180", 96), ("wide pixels", 68)]
)
def test_thumbnails_are_in_the_shown_shape(processes, film, name, height, decoder):
    video = film(name)
    (batch,) = processes[decoder].frames(video, video.pts[[7, 33]], SIZE, np.array([False, True]))
    image = Image.open(io.BytesIO(batch.thumbnails.pop(1)))
    assert batch.thumbnails == {}
    assert (image.format, image.size) == ("JPEG", (160, height))
    assert number_shown(np.asarray(image)) == 33


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("rotation", "mirrored"), [*itertools.product([0, 90, 180, 270], [False, True])])
def test_all_eight_ways_to_lie_are_set_upright(tmp_path, processes, decoder, rotation, mirrored):
    flip = np.array([[-1, 0], [0, 1]]) if mirrored else np.eye(2, dtype=int)
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), rotation // 90)  # clockwise, y points down
    (a, c), (b, d) = (turn @ flip).tolist()
    with av.open(str(tmp_path / "lying.mp4"), "w") as out:
        stream = out.add_stream("libx264", 25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.set_display_matrix([n << 16 for n in (a, b, 0, c, d, 0, 0, 0)] + [1 << 30])
        for i in range(6):
            shown = picture_of(i, *((160, 96) if rotation % 180 == 0 else (96, 160)))
            lying = np.rot90(shown, rotation // 90)
            lying = lying[:, ::-1] if mirrored else lying
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(lying), "rgb24")))
        out.mux(stream.encode(None))
    video = probe(tmp_path / "lying.mp4", processes["pyav"])
    assert (video.rotation, video.mirrored) == (rotation, mirrored)
    assert numbers(decoded(processes[decoder], video)[0]) == {i: i for i in range(6)}


@pytest.mark.parametrize(
    ("pix_fmt", "size"),
    [
        *((pix_fmt, (320, 192)) for pix_fmt in ("yuv420p", "yuvj420p", "yuv420p10le", "yuv422p", "yuv444p")),
        *((pix_fmt, (322, 193)) for pix_fmt in ("yuv422p", "yuv444p")),
    ],
)
def test_colours_are_the_same_however_they_are_coded(tmp_path, processes, pix_fmt, size):
    """Soft colours, as films mostly have: what RGB cannot show is lost to decord."""
    width, height = size
    x, y = np.arange(width)[None, :, None] / width, np.arange(height)[:, None, None] / height
    waves = np.sin(9 * x + np.array([0, 2, 4])) * np.cos(7 * y + np.array([1, 3, 0]))
    with av.open(str(tmp_path / "soft.mp4"), "w") as out:
        stream = out.add_stream("libx264", 25, options={"preset": "ultrafast", "qp": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for i in range(4):
            picture = (128 + (60 + 5 * i) * waves).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    video = probe(tmp_path / "soft.mp4", processes["pyav"])
    one, other = (decoded(processes[d], video, size=(64, 64))[0] for d in DECODERS)
    assert max(np.abs(one[i].astype(int) - other[i]).mean() for i in one) <= 0.6


@pytest.mark.parametrize("decoder", DECODERS)
def test_damage_costs_frames_and_not_the_film(tmp_path, processes, decoder):
    """What comes out is what was asked for, and all of it after the next keyframe (every 40 frames)."""
    path = write_film(tmp_path / "damaged.mp4", 200).path
    with av.open(str(path)) as container:
        at, size = [(p.pos, p.size) for p in container.demux(video=0) if p.size][100]
    content = bytearray(path.read_bytes())
    content[at + 5 : at + size] = bytes(size - 5)
    path.write_bytes(content)
    video = probe(path, processes["pyav"])
    pictures, lost = decoded(processes[decoder], video)
    assert numbers(pictures) == {i: i for i in pictures}
    assert 100 in lost
    assert set(range(120, 200)) <= set(pictures)


# What decord is not trusted with


@pytest.mark.parametrize("name", REFUSED)
def test_films_that_decord_would_miscount_are_refused_in_one_line(processes, film, name):
    with pytest.raises(VideoError) as raised:
        decoded(processes["decord"], film(name))
    assert REFUSED[name] in raised.value.fact
    assert is_one_line_with_the_cure(raised.value)


def test_after_a_refusal_the_process_goes_on(processes, film):
    before = processes["decord"].pid
    with pytest.raises(VideoError):
        decoded(processes["decord"], film(next(iter(REFUSED))))
    assert numbers(decoded(processes["decord"], film("25 a second"), [5])[0]) == {5: 5}
    assert processes["decord"].pid == before


def test_frames_that_an_edit_list_hides_are_refused(tmp_path, processes):
    video = probe(write_film(tmp_path / "edited.mp4", 60, first=-20).path, processes["pyav"])
    with pytest.raises(VideoError, match=r"counts the 20 frames of edited\.mp4 that") as raised:
        decoded(processes["decord"], video)
    assert is_one_line_with_the_cure(raised.value)


def test_another_stream_than_decord_would_open_is_refused(tmp_path, processes):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("libx264", 25, options={"preset": "ultrafast"}) for _ in range(2)]
        for stream, (width, height) in zip(streams, [(160, 96), (320, 192)], strict=True):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(10):
            for stream in streams:
                picture = picture_of(i, stream.width, stream.height)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for stream in streams:
            out.mux(stream.encode(None))
    with av.open(str(path)) as container:
        largest = container.streams.best("video").index
    video = probe(path, processes["pyav"], stream=1 - largest)
    with pytest.raises(
        VideoError, match=f"decord reads video stream {largest} of two.mkv, not {1 - largest}"
    ) as raised:
        decoded(processes["decord"], video)
    assert is_one_line_with_the_cure(raised.value)
    video = probe(path, processes["pyav"], stream=largest)
    assert numbers(decoded(processes["decord"], video)[0]) == {i: i for i in range(10)}


def test_a_codec_that_decord_does_not_know_is_refused(tmp_path, processes):
    if "libsvtav1" not in av.codecs_available:
        pytest.skip("this FFmpeg encodes no AV1")
    with av.open(str(tmp_path / "new.mp4"), "w") as out:
        stream = out.add_stream("libsvtav1", 25, options={"preset": "13"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture_of(i), "rgb24")))
        out.mux(stream.encode(None))
    with pytest.raises(VideoError, match=r"decord cannot read new.mp4 \(.*av1.* video\)") as raised:
        decoded(processes["decord"], probe(tmp_path / "new.mp4", processes["pyav"]))
    assert is_one_line_with_the_cure(raised.value)


def test_a_missing_decord_is_told_before_anything_begins(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(InputError, match="decord is not installed") as raised:
        DecodingProcess(decoder="decord")
    assert is_one_line_with_the_cure(raised.value)
    DecodingProcess().close()


def test_there_are_two_decoders():
    with pytest.raises(InputError, match="no decoder named nvdec"):
        DecodingProcess(decoder="nvdec")


# Who decoded is on record


def test_the_execution_names_the_decoder_and_its_version(processes):
    version = importlib.metadata.version("decord")
    assert processes["decord"].decoder.startswith(f"decord {version}, scaled by pyav ")
    assert processes["pyav"].decoder.startswith("pyav ")


def test_decord_is_never_loaded_here(processes, film):
    decoded(processes["decord"], film("one frame"))
    assert "decord" not in sys.modules


def test_a_timeline_says_which_decoder_it_is_from(film, open_analyzer, tmp_path):
    timelines = {}
    for decoder in DECODERS:
        with open_analyzer(tmp_path / decoder, decoder=decoder) as analyzer:
            timelines[decoder] = analyzer.analyze(analyzer.plan(film("B-frames, 25 a second").path)).timeline
    for decoder, timeline in timelines.items():
        assert all(e["decoder"].startswith(f"{decoder} ") for e in timeline.provenance["executions"])


def test_the_command_line_takes_the_decoder_and_tells_the_refusal(film, tiny, tiny_weights, tmp_path):
    options = ["--backbone", tiny, "--weights", str(tiny_weights), "--device", "cpu", "--fps", "1", "-o", str(tmp_path)]
    options += ["--store", str(tmp_path / "store"), "--decoder", "decord"]
    good, bad = film("25 a second").path, film("open GOP in a transport stream").path
    result = CliRunner().invoke(vtn_stream, ["analyze", str(good), *options], standalone_mode=False)
    assert result.return_value == 0
    result = CliRunner().invoke(vtn_stream, ["analyze", str(bad), *options], standalone_mode=False)
    assert result.return_value == 1
    assert "use the default decoder: --decoder pyav" in result.stderr
