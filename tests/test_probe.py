"""What a probe says of a film is true, whatever the film's making."""

import os
import shutil
from fractions import Fraction

import av
import pytest
from counted_films import film, process  # noqa: F401  (fixtures)
from counting import FILMS, NTSC

from vtn_stream.errors import VideoError
from vtn_stream.video import DecodingProcess, probe


@pytest.mark.parametrize("name", FILMS)
def test_the_probe_knows_when_each_frame_appears(film, name):
    truth, video = film(name).truth, film(name).video
    assert video.times_s.tolist() == pytest.approx([float(t) for t in truth.times], abs=1e-3)
    on_file_clock = [float(pts * video.time_base) for pts in video.pts.tolist()]
    assert on_file_clock == [float(t) for t, _ in film(name).decoded]


@pytest.mark.parametrize(
    ("name", "duration_s"),
    [
        ("25 a second", 12),
        ("30000/1001 a second", 10.01),
        ("B-frames", 132),
        ("open GOP in a transport stream", 132),
        ("MPEG-4 in AVI", 132),
        ("VP9", 132),
        ("late start", 3),
        ("late start in Matroska", 3),
        ("one frame", 0.04),
        ("3 s at 1 a second", 3),
    ],
)
def test_a_film_lasts_until_its_last_frame_was_shown(film, name, duration_s):
    assert film(name).video.duration_s == pytest.approx(duration_s, abs=1e-3)


@pytest.mark.parametrize("name", FILMS)
def test_only_a_variable_rate_is_called_variable(film, name):
    assert film(name).video.variable_rate == name.startswith("variable")


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("25 a second", Fraction(25)),
        ("30000/1001 a second", NTSC),
        ("open GOP in a transport stream", Fraction(5, 2)),
        ("MPEG-4 in AVI", Fraction(5, 2)),
        ("3 s at 1 a second", Fraction(1)),
    ],
)
def test_the_nominal_rate_is_a_fraction_not_a_float(film, name, rate):
    assert film(name).video.nominal_rate == rate


@pytest.mark.parametrize("name", FILMS)
def test_keyframes_are_those_of_the_packets(film, name):
    with av.open(str(film(name).truth.path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert film(name).video.keyframes.tolist() == [packet.pts for packet in packets if packet.is_keyframe]


def test_one_keyframe_is_one_keyframe(film):
    assert len(film("one keyframe").video.keyframes) == 1
    assert len(film("B-frames").video.keyframes) == 9


@pytest.mark.parametrize("name", FILMS)
def test_the_picture_is_described_as_it_is_stored(film, name):
    truth, video = film(name).truth, film(name).video
    assert (video.width, video.height) == (160, 96)
    assert (video.rotation, video.sample_aspect_ratio) == (truth.rotation, truth.pixel_aspect)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("B-frames", "h264"), ("HEVC", "hevc"), ("VP9", "vp9"), ("VP8", "vp8"), ("MPEG-4 in AVI", "mpeg4")],
)
def test_the_codec_has_its_usual_name(film, name, codec):
    assert film(name).video.codec == codec


def test_a_copy_under_another_name_is_the_same_film(film, process, tmp_path):
    original = film("B-frames").video
    copy = probe(shutil.copy(original.path, tmp_path / "another name.mov"), process)
    assert copy.identity == original.identity
    assert copy.pts.tolist() == original.pts.tolist()


def test_different_films_have_different_identities(film):
    identities = [film(name).video.identity for name in FILMS]
    assert len(set(identities)) == len(FILMS)


@pytest.mark.parametrize("number", [0, 50, -2])
def test_one_changed_byte_of_any_frame_makes_another_film(film, process, tmp_path, number):
    original = film("25 a second").video
    with av.open(str(original.path)) as container:
        packet = list(container.demux(video=0))[number - (number < 0)]  # the last is the demuxer's mark of the end
    data = bytearray(original.path.read_bytes())
    data[packet.pos + packet.size - 1] ^= 1
    (tmp_path / "changed.mp4").write_bytes(data)
    assert probe(tmp_path / "changed.mp4", process).identity != original.identity


def test_a_film_that_is_written_to_while_it_is_probed_is_refused(film, tmp_path, monkeypatch):
    growing = tmp_path / "growing.mp4"
    growing.write_bytes(film("25 a second").video.path.read_bytes())
    with DecodingProcess() as process:
        receive = process._process.receive

        def receive_late(*asked):
            with growing.open("ab") as file:
                file.write(b"more")
            return receive(*asked)

        monkeypatch.setattr(process._process, "receive", receive_late)
        with pytest.raises(VideoError, match="replaced or written to"):
            process.probe(growing)


def test_a_probe_needs_no_process_of_the_caller(film):
    video = film("one frame").video
    assert probe(os.fspath(video.path)).identity == video.identity
