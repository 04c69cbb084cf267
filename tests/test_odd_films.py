"""Films as people bring them: several streams, mirrored, HDR, interlaced, odd sizes, sizes that change, clocks that
wrap. Counting films show which frame came out, the right way up."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from click.testing import CliRunner
from counting import number_shown, picture_of, write_film

from vtn_stream.errors import VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, find_damage, probe
from vtn_stream_cli.main import vtn_stream

pytestmark = pytest.mark.usefixtures("warm_decoders")

SIZE = (48, 80)


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as process:
        yield process


def numbers(process, video):
    """What each frame shows, in order."""
    shown = {}
    for batch in process.frames(video, video.pts, SIZE):
        assert batch.lost == []
        shown |= {i: number_shown(picture) for i, picture in zip(batch.items, batch.frames, strict=True)}
    return [shown[i] for i in range(video.num_frames)]


def write(path, pictures, *, codec="libx264", pix_fmt="yuv420p", options=None, matrix=None):
    """A film of one or more streams: a list of pictures each."""
    with av.open(str(path), "w") as out:
        streams = []
        for content in pictures:
            stream = out.add_stream(codec, 25, options={"preset": "ultrafast", "g": "10", **(options or {})})
            stream.height, stream.width = content[0].shape[:2]
            stream.pix_fmt = pix_fmt
            if matrix is not None:
                stream.set_display_matrix(matrix)
            streams.append(stream)
        for shown in zip(*pictures, strict=True):
            for stream, picture in zip(streams, shown, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


# ---- streams


@pytest.fixture(scope="module")
def two_streams(tmp_path_factory):
    path = tmp_path_factory.mktemp("streams") / "two.mkv"
    return write(path, [[picture_of(i) for i in range(20)], [picture_of(100 + i) for i in range(20)]])


def test_the_first_video_stream_is_taken_unless_another_is_named(two_streams, process):
    for stream, first in ((None, 0), (0, 0), (1, 100)):
        video = probe(two_streams, process, stream=stream)
        assert numbers(process, video) == list(range(first, first + 20))
        assert video.video_streams == (0, 1)


def test_streams_of_one_file_are_different_films(two_streams, process):
    assert len({probe(two_streams, process, stream=stream).identity for stream in (0, 1)}) == 2
    assert probe(two_streams, process).identity == probe(two_streams, process, stream=0).identity


def test_a_stream_that_is_not_there_is_told_with_those_that_are(two_streams, process):
    with pytest.raises(VideoError, match=r"no video stream 7; .* choose one of 0, 1"):
        probe(two_streams, process, stream=7)


def test_the_timeline_says_which_stream_it_is_of(two_streams, open_analyzer, tmp_path):
    with open_analyzer(tmp_path, stream=1) as analyzer:
        notes = analyzer.analyze(analyzer.plan(two_streams)).timeline.provenance["notes"]
        other = analyzer.probe(two_streams)
    assert "Stream 1 was analyzed; the film has other video streams: 0." in notes
    with open_analyzer(tmp_path) as analyzer:  # one store, another stream of the same file
        assert analyzer.probe(two_streams).stream == 0
    assert other.stream == 1


# ---- how the picture lies


@pytest.mark.parametrize(("rotation", "mirrored"), [*itertools.product([0, 90, 180, 270], [False, True])])
def test_all_eight_ways_to_lie_are_set_upright(tmp_path, process, rotation, mirrored):
    flip = np.array([[-1, 0], [0, 1]]) if mirrored else np.eye(2, dtype=int)
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), rotation // 90)  # clockwise, y points down
    (a, c), (b, d) = (turn @ flip).tolist()
    stored = []
    for i in range(12):
        lying = np.rot90(picture_of(i, *((160, 96) if rotation % 180 == 0 else (96, 160))), rotation // 90)
        stored.append(lying[:, ::-1] if mirrored else lying)
    one = 1 << 16
    path = write(tmp_path / "lying.mp4", [stored], matrix=[a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30])
    video = probe(path, process)
    assert (video.rotation, video.mirrored) == (rotation, mirrored)
    assert numbers(process, video) == list(range(12))


@pytest.mark.parametrize(("codec", "size"), [("libvpx-vp9", (161, 97)), ("libvpx-vp9", (35, 51)), ("mpeg4", (130, 74))])
def test_odd_sizes_are_whole(tmp_path, process, codec, size):
    path = tmp_path / "odd.mkv"
    video = probe(write_film(path, 20, codec=codec, size=size).path, process)
    assert (video.width, video.height) == size
    assert numbers(process, video) == list(range(20))


def test_a_size_that_changes_inside_the_film_changes_no_frame(tmp_path, process):
    """Transport streams one after the other, as a broadcast changes its format. At a join the container counts pieces
    wrongly, and calls the last frame but one incomplete."""
    parts = [
        write_film(tmp_path / f"{i}.ts", 40, first=300 + 40 * i, size=size).path.read_bytes()
        for i, size in enumerate([(160, 96), (320, 240), (96, 64)])
    ]
    path = tmp_path / "changing.ts"
    path.write_bytes(b"".join(parts))
    video = probe(path, process)
    shown = {}
    for batch in process.frames(video, video.pts, SIZE):
        assert {i % 40 for i in batch.lost} <= {38, 39}
        shown |= {i: number_shown(picture) for i, picture in zip(batch.items, batch.frames, strict=True)}
    assert len(shown) >= 116
    assert all(number == i % 40 for i, number in shown.items())


# ---- how it is coded


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p", "yuvj420p"])
def test_depths_and_chroma_formats_show_the_same(tmp_path, process, pix_fmt):
    path = write(tmp_path / "film.mp4", [[picture_of(i) for i in range(12)]], pix_fmt=pix_fmt)
    assert numbers(process, probe(path, process)) == list(range(12))


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_told(tmp_path, process, transfer, name):
    options = {"x264-params": f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"}
    pictures = [[picture_of(i) for i in range(12)]]
    path = write(tmp_path / "hdr.mp4", pictures, pix_fmt="yuv420p10le", options=options)
    video = probe(path, process)
    assert video.hdr == name
    assert numbers(process, video) == list(range(12))


def test_how_a_film_was_taken_is_in_the_timeline(tmp_path, open_analyzer):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1:transfer=smpte2084"}
    path = write(tmp_path / "hdr.mp4", [[picture_of(i) for i in range(30)]], options=options)
    with open_analyzer(tmp_path / "store") as analyzer:
        notes = " ".join(analyzer.analyze(analyzer.plan(path)).timeline.provenance["notes"])
    assert "HDR (PQ): its colours were used as coded, without tone mapping" in notes
    assert "interlaced: it was not deinterlaced" in notes


def test_an_ordinary_film_needs_no_note(tmp_path, open_analyzer):
    with open_analyzer(tmp_path / "store") as analyzer:
        analysis = analyzer.analyze(analyzer.plan(write_film(tmp_path / "film.mp4", 60).path))
    assert len(analysis.timeline.provenance["notes"]) == 1  # what scenes are


# ---- clocks


def test_a_clock_that_wraps_goes_on(tmp_path, process):
    """A transport stream counts 2^33 steps of 1/90000 s, 26.5 hours, and begins again."""
    last = 2**33 // 3600
    video = probe(write_film(tmp_path / "wrap.ts", 100, first=last - 50, zero=last - 50).path, process)
    assert video.times_s == pytest.approx(np.arange(100) / 25)
    assert numbers(process, video) == list(range(100))


def test_a_late_start_is_kept_to_the_container_clock(tmp_path, process):
    video = probe(write_film(tmp_path / "late.mkv", 20, first=10**7, zero=10**7).path, process)
    assert video.times_s[0] == 0
    assert numbers(process, video) == list(range(20))


def test_a_long_pause_in_the_clock_is_a_gap(tmp_path, process):
    steps = [1] * 49 + [25 * 3600] + [1] * 50  # an hour in which the recorder slept
    video = probe(write_film(tmp_path / "pause.mkv", 100, steps=steps).path, process)
    assert video.duration_s == pytest.approx(3600, abs=5)
    grid = SamplingPlan(Fraction(1)).grid(video)
    assert set(grid.frame[3:3590].tolist()) == {-1}
    assert not video.variable_rate


# ---- damage, seen from outside


def test_deep_finds_no_damage_where_there_is_none(two_streams, process):
    heard = []
    assert find_damage(probe(two_streams, process), process, heard.append) == []
    assert sum(heard) == 20


def test_deep_lists_where_frames_are_lost(tmp_path):
    path = write_film(tmp_path / "film.mp4", 120).path  # a keyframe every 40
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    for at, size in (packets[60], packets[110]):
        content[at + 5 : at + size] = bytes(size - 5)
    path.write_bytes(content)
    result = CliRunner().invoke(vtn_stream, ["probe", "--deep", str(path)], standalone_mode=False)
    assert "30 of 120 frames lost" in result.output
    assert "0:00:02.4 to 0:00:03.2, 20 frames" in result.output
    assert "0:00:04.4 to 0:00:04.8, 10 frames" in result.output


def test_gaps_and_their_number_are_in_the_timeline(tmp_path, open_analyzer):
    path = write_film(tmp_path / "film.mp4", 120).path
    with av.open(str(path)) as container:
        at, size = [(p.pos, p.size) for p in container.demux(video=0) if p.size][60]
    content = bytearray(path.read_bytes())
    content[at + 5 : at + size] = bytes(size - 5)
    path.write_bytes(content)
    with open_analyzer(tmp_path / "store", fps=5) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(path)).timeline
    (gap,) = timeline.gaps
    assert (gap.start_s, gap.end_s) == pytest.approx((2.4, 3.2), abs=0.11)  # half a position
    assert timeline.provenance["positions"]["damaged"] == 4
    assert any(note.startswith("4 of 24 positions are gaps") for note in timeline.provenance["notes"])
