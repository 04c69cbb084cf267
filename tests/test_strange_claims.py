"""Films that claim what cannot be: each is one line that says fact, consequence and cure, or is read truly."""

import struct
from pathlib import Path

import av
import pytest
from counting import write_film
from strange_films import (  # noqa: F401  (fixtures among them)
    boxes,
    good,
    grown,
    huge_y4m,
    patched,
    process,
    refusal,
    shown,
)

from vtn_stream.errors import InputError, VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import probe


def resized_avi(at: Path, fourcc: bytes, side: int) -> Path:
    data = bytearray(write_film(at / "small.avi", 5, codec="mpeg4").path.read_bytes().replace(b"FMP4", fourcc))
    struct.pack_into("<ii", data, data.index(b"strf") + 8 + 4, side, side)
    return patched(at / "huge.avi", bytes(data))


def huge_avi(at: Path) -> Path:
    return resized_avi(at, b"FFV1", 16_000)


def huge_mp4(at: Path) -> Path:
    data = bytearray(write_film(at / "small.mp4", 5, codec="mpeg4").path.read_bytes())
    struct.pack_into(">HH", data, data.index(b"mp4v") + 4 + 24, 65535, 65535)
    return patched(at / "huge.mp4", bytes(data))


@pytest.mark.parametrize("make", [huge_y4m, huge_avi])
def test_pictures_beyond_reason_are_refused_before_memory_is_taken(tmp_path, process, make):
    path = make(tmp_path)
    assert refusal(path, process).startswith(f"{path.name} states a picture size of ")


@pytest.mark.parametrize("make", [huge_mp4, lambda at: resized_avi(at, b"FMP4", 100_000)])
def test_a_size_that_the_video_itself_denies_is_not_believed(tmp_path, process, make):
    """The container claims far more; the video says 160 x 96."""
    video = probe(make(tmp_path), process)
    assert (video.width, video.height) == (160, 96)
    assert shown(process, video) == ({i: i for i in range(5)}, [])


def test_many_streams_are_refused(tmp_path, good, process):
    data = good.read_bytes()
    track = boxes(data, data.index(b"moov") - 4, [b"moov", b"trak"])[-1]
    (size,) = struct.unpack_from(">I", data, track)
    for count in (300, 1100):
        copies = data[track : track + size] * (count - 1)
        (tmp_path / f"{count}.mov").write_bytes(grown(data, [b"moov"], track, 0, copies))
    assert refusal(tmp_path / "300.mov", process).startswith("300.mov has more than 256 streams; ")
    assert "it has more than 1000 streams" in refusal(tmp_path / "1100.mov", process)


def scaled(data: bytes, name: bytes, offset: int, value: int) -> bytes:
    content = bytearray(data)
    struct.pack_into(">I", content, data.index(name) + 4 + offset, value)
    return bytes(content)


def test_a_header_that_claims_a_day_is_not_believed(tmp_path, good, process):
    data = good.read_bytes()
    (scale,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 4 + 12)
    data = scaled(scaled(data, b"mvhd", 16, 86_400 * scale), b"tkhd", 20, 86_400 * scale)
    (scale,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 4 + 12)
    data = scaled(data, b"mdhd", 16, 86_400 * scale)
    video = probe(patched(tmp_path / "day.mp4", data), process)
    assert video.duration_s == pytest.approx(2.0)
    assert shown(process, video) == ({i: i for i in range(50)}, [])


def test_a_clock_that_leaps_by_years_is_told(tmp_path, process):
    film = write_film(tmp_path / "leap.mkv", 2, steps=[25 * 86_400 * 100, 1]).path
    assert refusal(film, process).startswith("leap.mkv lasts 8640000 s by its timestamps; ")


def test_a_clock_that_leaps_by_days_costs_no_memory(tmp_path, process):
    film = write_film(tmp_path / "leap.mkv", 2, steps=[25 * 86_400 * 30, 1]).path
    video = probe(film, process)
    assert SamplingPlan(2).num_positions(video) == pytest.approx(30 * 86_400 * 2, rel=1e-3)
    with pytest.raises(InputError, match="more than 20000000 are refused"):
        SamplingPlan(100).num_positions(video)


def test_frames_that_all_have_one_timestamp_are_one_frame(tmp_path, good, process):
    data = bytearray(good.read_bytes())
    at = data.index(b"stts") + 4
    (entries,) = struct.unpack_from(">I", data, at + 4)
    for i in range(entries):
        struct.pack_into(">I", data, at + 8 + 8 * i + 4, 0)
    path = patched(tmp_path / "still.mp4", bytes(data))
    try:
        video = probe(path, process)
    except VideoError:
        refusal(path, process)
    else:
        numbers, lost = shown(process, video)
        assert len(numbers) + len(lost) == video.num_frames <= 50
        assert 0 < video.duration_s < 10


def test_video_without_timestamps_is_told(tmp_path, process):
    with (
        av.open(str(write_film(tmp_path / "film.mp4", 30).path)) as container,
        open(tmp_path / "raw.h264", "wb") as raw,
    ):
        stream = container.streams.video[0]
        annex_b = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            for filtered in annex_b.filter(packet if packet.size else None):
                raw.write(bytes(filtered))
    assert "frames without timestamps" in refusal(tmp_path / "raw.h264", process)


def test_a_kind_of_video_that_nobody_knows_is_told(tmp_path, good, process):
    data = good.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC")
    line = refusal(patched(tmp_path / "unknown.mp4", data), process)
    assert line.startswith("unknown.mp4 holds an unknown kind of video, which is not supported; ")


def test_a_decoder_that_films_do_not_need_is_not_run(tmp_path, process):
    """Flic animation is read by FFmpeg, and by nothing here."""
    film = write_film(tmp_path / "film.avi", 5, codec="mpeg4").path
    data = film.read_bytes().replace(b"FMP4", b"LOCO")
    assert refusal(patched(tmp_path / "loco.avi", data), process).startswith("loco.avi holds loco video, which is not")


@pytest.mark.parametrize("container", ["mp4", "mkv", "avi"])
def test_metadata_that_is_no_text_harms_nothing(tmp_path, process, container):
    path = tmp_path / f"title.{container}"
    codec = "mpeg4" if container == "avi" else "libx264"
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "TITLETITLE"
        stream = out.add_stream(codec, 25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(10):
            frame = av.VideoFrame(160, 96, "yuv420p")
            frame.pts = i
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = path.read_bytes()
    assert b"TITLETITLE" in data
    path.write_bytes(data.replace(b"TITLETITLE", b"\xff\xfe\xe9\x1b[2J\n\0x"))
    assert probe(path, process).num_frames == 10


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"ID3\x04" + bytes(2000), "sound: MP3"),
        (b"RIFF\x24\x08\0\0WAVEfmt " + bytes(2000), "sound: WAV"),
        (b"fLaC" + bytes(2000), "sound: FLAC"),
        (b"\xff\xd8\xff\xe0" + bytes(2000), "a picture: JPEG"),
        (b"PK\x03\x04" + bytes(2000), "an archive: ZIP"),
        (b"%PDF-1.7\n" + bytes(2000), "a document: PDF"),
        (b"\n<!DOCTYPE html><html>Not found</html>", "a web page"),
    ],
)
def test_what_is_no_film_is_named_with_a_cure_that_makes_sense(tmp_path, process, head, kind):
    line = refusal(patched(tmp_path / "film.mp4", head), process)
    assert line.startswith(f"film.mp4 cannot be read as a film (it is {kind}); ")
    assert "interrupted" not in line
