"""A film of which no frame can be used is a failure of one line; so is an encrypted one, and one not on our list."""

import json
import struct

import av
import pytest
from console_script import run
from counting import picture_of, write_film
from test_bare import rewritten

from vtn_stream.errors import VideoError
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream.video import DecodingProcess, probe
from vtn_stream_pipelines.worker import Worker

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_CONTENT_ENCRYPTION = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """A film that plays, in a way: of every frame the end is zeroed."""
    at = tmp_path_factory.mktemp("films")
    film = write_film(at / "film.mp4", 100)
    return rewritten(film.path, at / "spoiled.mp4", lambda number, data: data[: len(data) // 2].ljust(len(data), b"\0"))


def refusal(path, process, stream=None):
    with pytest.raises(VideoError) as raised:
        probe(path, process, stream=stream)
    return str(raised.value)


def test_analyze_fails_and_leaves_no_results(here, spoiled, tiny, tiny_weights, tmp_path):
    options = ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--store", tmp_path / "store"]
    code, _, err = here("analyze", spoiled, "-o", tmp_path / "out", *options)
    assert code == 1
    assert err.splitlines()[-1] == (
        "vtn-stream: not one frame of spoiled.mp4 could be decoded: they are damaged, or of a kind that this program "
        "does not decode; it has no timeline; check that the film plays, or copy it again"
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_a_worker_fails_and_the_film_is_never_finished(spoiled, encoder, tiny, tmp_path):
    settings = Settings(fps=1, backbone=tiny, device="cpu", store=tmp_path / "store")
    worker = Worker(settings=settings, results=ResultOptions(output=tmp_path / "out"), encoder=encoder)
    try:
        for _ in range(2):  # a second run, as by --retry-failed, says the same
            survey = worker.survey(str(spoiled), "spoiled.mp4")
            assert not survey.finished
            worker.embed(str(spoiled), survey.identity, survey.missing)
            with pytest.raises(VideoError, match=r"not one frame of spoiled\.mp4 could be decoded"):
                worker.predict(str(spoiled), survey.identity, (), "spoiled.mp4")
    finally:
        worker._analyzer._process.close()


def test_wmv_with_drm_is_called_encrypted(tmp_path, process):
    path = write_film(tmp_path / "film.asf", 30, codec="mpeg4").path
    content = bytearray(path.read_bytes())
    assert content.startswith(ASF_HEADER)
    size, num_objects = struct.unpack_from("<QI", content, 16)
    drm = ASF_CONTENT_ENCRYPTION + struct.pack("<Q", 24 + 16) + bytes(16)
    struct.pack_into("<QI", content, 16, size + len(drm), num_objects + 1)
    content[30:30] = drm
    path.write_bytes(content)
    assert refusal(path, process) == "film.asf is an encrypted film (DRM); it was not analyzed; decrypt it first"


def test_what_our_list_refuses_is_said_to_be_so(tmp_path, process):
    """A film in a container that FFmpeg reads: 'smjpeg', of games."""
    (tmp_path / "a film.mjp").write_bytes(
        b"\0\nSMJPEG"
        + struct.pack(">II", 0, 1000)
        + b"_VID"
        + struct.pack(">IIHH4s", 12, 25, 160, 96, b"JFIF")
        + b"HEND"
    )
    assert refusal(tmp_path / "a film.mjp", process) == (
        "a film.mjp cannot be read as a film (its container is not on this program's list); it was not analyzed; "
        "if it is a film, remux it: ffmpeg -i 'a film.mjp' -c copy 'a film.mjp.mkv'"
    )


@pytest.mark.parametrize(
    ("name", "shown"), [("-y.mjp", "./-y.mjp"), ("a:b.mjp", "./a:b.mjp"), ("a'b.mjp", """'./a'"'"'b.mjp'""")]
)
def test_the_name_in_the_cure_is_one_word_for_a_shell_and_a_file_for_ffmpeg(tmp_path, process, name, shown):
    (tmp_path / name).write_bytes(b"\0\nSMJPEG" + bytes(8) + b"HEND")
    assert f"ffmpeg -i {shown} -c copy " in refusal(tmp_path / name, process)


def test_a_film_of_pictures_is_a_film_and_one_picture_is_none(tmp_path, process):
    for name, num_frames in (("film.mjpeg", 30), ("picture.jpg", 1)):
        with av.open(str(tmp_path / name), "w", format="mjpeg") as out:
            stream = out.add_stream("mjpeg", 25)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuvj420p"
            for number in range(num_frames):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture_of(number), "rgb24")))
            out.mux(stream.encode(None))
    assert probe(tmp_path / "film.mjpeg", process).num_frames == 30
    assert "picture.jpg cannot be read as a film (it is a picture: JPEG)" in refusal(tmp_path / "picture.jpg", process)


def test_a_preview_before_the_film_is_not_taken_for_it(tmp_path, process):
    path = tmp_path / "drone.mp4"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream(codec, 25) for codec in ("mjpeg", "libx264")]
        for stream, pix_fmt in zip(streams, ("yuvj420p", "yuv420p"), strict=True):
            stream.width, stream.height, stream.pix_fmt = 160, 96, pix_fmt
        for stream, num_frames in zip(streams, (1, 40), strict=True):
            for number in range(num_frames):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture_of(number), "rgb24")))
            out.mux(stream.encode(None))
    video = probe(path, process)
    assert (video.stream, video.num_frames, video.video_streams) == (1, 40, (0, 1))
    assert probe(path, process, stream=0).num_frames == 1


def test_frames_that_last_a_microsecond_are_not_believed(tmp_path, process):
    path = write_film(tmp_path / "film.avi", 100, codec="mpeg4").path
    content = bytearray(path.read_bytes())
    at = content.index(b"strh") + 8 + 20  # scale and rate of the stream
    struct.pack_into("<II", content, at, 1, 1_000_000)
    path.write_bytes(content)
    assert refusal(path, process).startswith(
        "film.avi has 100 frames in 0.0001 s by its timestamps; this cannot be right"
    )


def test_a_last_frame_that_is_shown_for_less_does_not_change_the_rate(tmp_path, process):
    film = write_film(tmp_path / "film.mp4", 50)
    content = bytearray(film.path.read_bytes())
    at = content.index(b"stts")
    (count,) = struct.unpack_from(">I", content, at + 8)
    assert count == 1
    with av.open(str(film.path)) as old:
        assert old.streams.video[0].average_rate == 25
    assert probe(film.path, process).nominal_rate == 25


def test_probe_tells_json_and_a_line(tmp_path):
    one = write_film(tmp_path / "one.ts", 40).path.read_bytes()
    (tmp_path / "two.ts").write_bytes(one + one)
    done = run("probe", "--json", tmp_path / "two.ts")
    assert (done.returncode, json.loads(done.stdout)["clock_begins_again_at_s"]) == (0, [pytest.approx(1.6)])
    assert done.stderr == "two.ts: its clock begins again at 0:00:01.6: the part after it follows the part before it\n"
