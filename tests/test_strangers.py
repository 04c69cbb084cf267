"""Films from strangers, made to mislead: each is one line that says fact, consequence and cure, or a true timeline."""

import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest
from counting import number_shown, write_film

from vtn_stream.errors import DecodingLost, InputError, TimelineError, VideoError
from vtn_stream.results import ResultFiles
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, check_unchanged, film_file, probe

SIZE = (48, 80)
LIMIT_S = 60.0  # for anything that must happen


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("films") / "good.mp4", 50).path


def refusal(path, process) -> str:
    before = time.monotonic()
    with pytest.raises(VideoError) as raised:
        probe(path, process)
    assert time.monotonic() - before < LIMIT_S
    error = raised.value
    assert "no progress" not in str(error)  # the deadline was not waited for
    assert len(str(error).splitlines()) == 1
    assert str(error).isprintable()
    assert all((error.fact, error.consequence, error.cure))
    return str(error)


def shown(process, video):
    """(number by frame, frames that are lost)."""
    numbers, lost = {}, []
    for batch in process.frames(video, video.pts, SIZE):
        numbers |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
        lost += batch.lost
    return numbers, lost


# Boxes of an MP4


def boxes(data: bytes, start: int, path: list[bytes]) -> list[int]:
    """Where the boxes of this path begin, each in the one before."""
    at = data.index(path[0], start) - 4
    return [at, *(boxes(data, at + 8, path[1:]) if path[1:] else [])]


def grown(data: bytes, path: list[bytes], at: int, removed: int, inserted: bytes) -> bytes:
    """Bytes inside the innermost box replaced; the sizes of all boxes around them follow."""
    content = bytearray(data)
    for box in boxes(data, data.index(path[0]) - 4, path):
        (size,) = struct.unpack_from(">I", content, box)
        struct.pack_into(">I", content, box, size + len(inserted) - removed)
    content[at : at + removed] = inserted
    return bytes(content)


def patched(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# References to other files

DREF = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"]


def referring(film: Path, target: Path) -> bytes:
    """The film, its media said to be in another file: QuickTime's alias data reference with an absolute path."""
    name = os.fsencode(target)
    name += b"\0" * (len(name) % 2)
    alias = bytes(4 + 10)  # version and flags 0 (elsewhere), an alias record's head
    alias += bytes([0]) + bytes(27) + bytes(12) + bytes([0]) + bytes(63) + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16) + struct.pack(">HH", 2, len(name)) + name + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I", len(alias) + 8) + b"alis" + alias
    data = film.read_bytes()
    at = boxes(data, data.index(b"moov") - 4, DREF)[-1] + 16
    (size,) = struct.unpack_from(">I", data, at)
    return grown(data, DREF, at, size, entry)


def test_media_said_to_be_in_another_file_are_not_fetched(tmp_path, good, process):
    secret = write_film(tmp_path / "secret.mp4", 50).path
    lure = patched(tmp_path / "lure.mp4", referring(good, secret))
    # It would work: with both options on, FFmpeg reads the other file.
    with av.open(str(lure), container_options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert len(list(container.decode(video=0))) == 50
    assert refusal(lure, process).startswith("lure.mp4 has no frames; ")


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile '{}'\n", "#EXTM3U\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"])
@pytest.mark.parametrize("name", ["movie.mp4", "movie.m3u8", "movie.ffconcat"])
def test_a_list_of_films_is_told_and_not_followed(tmp_path, good, process, text, name):
    (tmp_path / name).write_text(text.format(good))
    line = refusal(tmp_path / name, process)
    assert line.startswith(f"{name} cannot be read as a film (it is a ")
    assert line.endswith("names in a text are not followed")


@pytest.mark.parametrize(
    "name", ["http://localhost:1/a.mp4", "https://a.b/c", "concat:a.mp4|b.mp4", "rtmp://a/b", "data:,x"]
)
def test_an_address_is_not_followed(name):
    with pytest.raises(VideoError) as raised:
        film_file(name)
    assert str(raised.value).startswith(f"{name} cannot be opened")
    assert "addresses are not followed" in str(raised.value)


def test_standard_input_is_not_read(tmp_path, monkeypatch, good):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError, match="standard input cannot be read twice"):
        film_file("-")
    shutil.copy(good, "-")
    assert film_file("-") == Path("-"), "a file of that name is a file"


# Links


def test_a_linked_film_is_followed_and_the_results_carry_the_links_name(tmp_path, good, process):
    """The user named it; what lies behind it is nobody's business."""
    (tmp_path / "link.mp4").symlink_to(good)
    video = probe(tmp_path / "link.mp4", process)
    assert video.path.name == "link.mp4"
    assert video.identity == probe(good, process).identity
    assert ResultFiles(tmp_path, video.path).timelines["json"].name == "link.timeline.json"


def test_a_link_in_the_place_of_a_result_is_replaced_and_its_target_kept(tmp_path, analyzed):
    a = analyzed.analysis
    precious = tmp_path / "precious"
    precious.write_text("kept")
    folder = tmp_path / "results"
    folder.mkdir()
    files = ResultFiles(folder, analyzed.film, ["json", "csv"])
    places = [*files.timelines.values(), files.scores, files.partial]
    for place in places:
        place.symlink_to(precious)
    with pytest.raises(TimelineError, match="is there already"):
        files.claim(a.timeline.video_identity)
    files.claim(a.timeline.video_identity, overwrite=True)
    files.save_partial(a.timeline)
    files.save(a.timeline, a.scores, a.index, a.labels)
    assert precious.read_text() == "kept"
    assert [place.is_symlink() for place in places] == [False] * 4
    assert not files.partial.exists()
    assert all(place.stat().st_size > 20 for place in places[:3])


def test_a_link_to_nowhere_in_the_place_of_a_result_makes_no_file_there(tmp_path, analyzed):
    a = analyzed.analysis
    folder = tmp_path / "results"
    folder.mkdir()
    files = ResultFiles(folder, analyzed.film, ["json"])
    files.timelines["json"].symlink_to(tmp_path / "made")
    files.claim(a.timeline.video_identity)
    files.save(a.timeline, a.scores, a.index, a.labels)
    assert not (tmp_path / "made").exists()
    assert files.timelines["json"].is_file()


# Claims beyond reason


def huge_y4m(at: Path) -> Path:
    (at / "huge.y4m").write_bytes(b"YUV4MPEG2 W20000 H8 F25:1 C420jpeg\nFRAME\n" + bytes(300_000))
    return at / "huge.y4m"


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
    assert refusal(path, process).startswith(f"{path.name} claims pictures of ")


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
    assert line.startswith("unknown.mp4 holds an unknown kind of video, which is not decoded; ")


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
    assert "cut short" not in line


# A file that changes under our hands


def test_a_film_that_shrinks_while_it_is_decoded_gives_true_frames_only(tmp_path, process):
    path = write_film(tmp_path / "shrinks.mp4", 300, mux={"movflags": "faststart"}).path
    video = probe(path, process)
    frames = process.frames(video, video.pts, SIZE)
    first = next(frames)
    numbers = {i: number_shown(frame) for i, frame in zip(first.items, first.frames, strict=True)}
    os.truncate(path, path.stat().st_size // 3)
    try:
        for batch in frames:
            numbers |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
    except (VideoError, DecodingLost) as error:
        assert "shrinks.mp4" in str(error)  # noqa: PT017
    assert all(i == number for i, number in numbers.items())
    with pytest.raises(VideoError, match="replaced or written to"):
        check_unchanged(video)


def test_a_film_that_grows_after_it_was_probed_is_told(tmp_path, good, process):
    path = Path(shutil.copy(good, tmp_path / "grows.mp4"))
    video = probe(path, process)
    with path.open("ab") as file:
        file.write(b"more")
    assert shown(process, video) == ({i: i for i in range(50)}, [])
    with pytest.raises(VideoError, match="replaced or written to"):
        check_unchanged(video)


def test_strange_films_are_exit_code_1_and_one_line_each(tmp_path, good):
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{good}'\n")
    films = [tmp_path / "list.mp4", huge_y4m(tmp_path), patched(tmp_path / "lure.mp4", referring(good, good))]
    script = Path(sys.executable).with_name("vtn-stream")
    command = [
        script,
        "analyze",
        "-o",
        tmp_path / "results",
        "--store",
        tmp_path / "store",
        *films,
        "-",
        "http://a.b/c",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("vtn-stream: ") and line.count("; ") >= 2 for line in lines[:5])
    assert lines[5] == "5 of 5 films failed"
    assert not (tmp_path / "results").exists()
