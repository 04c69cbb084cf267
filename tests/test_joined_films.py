"""Films whose own clock begins again, leaps or doubles: which frame is shown when, decoded in any order."""

from fractions import Fraction

import av
import numpy as np
import pytest
from counting import number_shown, write_film

from vtn_stream.errors import VideoError
from vtn_stream.film_notices import warnings
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, find_damage, probe

SIZE = (48, 80)
B_FRAMES = {"tune": "fastdecode", "x264-params": "bframes=3:b-adapt=0:keyint=20"}
OPEN_GOP = {"tune": "fastdecode", "x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=20:min-keyint=20"}


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


def decoded(process, video, frames):
    """The number that each of these frames shows; None for those that are lost."""
    numbers = dict.fromkeys(frames)
    for batch in process.frames(video, video.pts[list(frames)], SIZE):
        numbers |= {frames[i]: number_shown(picture) for i, picture in zip(batch.items, batch.frames, strict=True)}
    return numbers


def joined(at, parts, name="joined.ts"):
    path = at / name
    path.write_bytes(b"".join(part.path.read_bytes() for part in parts))
    return path


def restamped(source, target, time_of):
    """A copy whose packet i has the times time_of(i, pts, dts), in the source's time base."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for i, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.pts, packet.dts = time_of(i, packet.pts, packet.dts)
            packet.stream = stream
            new.mux(packet)
    return target


@pytest.mark.parametrize("options", [{}, B_FRAMES, OPEN_GOP], ids=["plain", "B-frames", "open GOP"])
def test_joined_recordings_are_one_film(tmp_path, process, options):
    one = write_film(tmp_path / "one.ts", 100, options=options)
    two = write_film(tmp_path / "two.ts", 60, options=options)
    video = probe(joined(tmp_path, [one, two, two]), process)
    assert (video.num_frames, video.duration_s) == (220, pytest.approx(8.8, abs=0.01))
    assert video.times_s == pytest.approx(np.arange(220) / 25, abs=1e-6)
    assert [video.seconds(pts) for pts in video.restarts] == pytest.approx([4.0, 6.4])
    truth = [*range(100), *range(60), *range(60)]
    assert list(decoded(process, video, range(220)).values()) == truth
    for frames in (range(150, 160), range(90, 110), range(205, 215), range(5), range(0, 220, 50), range(165, 170)):
        assert list(decoded(process, video, frames).values()) == [truth[frame] for frame in frames]
    assert find_damage(video, process, lambda num: None) == []
    assert warnings(video) == [
        "its clock begins again at 0:00:04.0, 0:00:06.4: the part after it follows the part before it"
    ]


def test_a_part_whose_clock_is_behind_that_of_the_part_before(tmp_path, process):
    """FFmpeg takes it for a clock of 33 bits that has turned over, 26 hours later."""
    late = write_film(tmp_path / "late.ts", 50, first=3600 * 25)
    early = write_film(tmp_path / "early.ts", 50)
    video = probe(joined(tmp_path, [late, early]), process)
    assert (video.num_frames, video.duration_s) == (100, pytest.approx(4, abs=0.01))
    assert list(decoded(process, video, range(100)).values()) == [*range(50), *range(50)]


def test_a_clock_that_turns_over_is_followed(tmp_path, process):
    first = (2**33 // 3600) - 30  # of 90 kHz
    film = write_film(tmp_path / "turn.ts", 100, first=first, mux={"mpegts_copyts": "1"})
    video = probe(film.path, process)
    assert video.times_s == pytest.approx(np.arange(100) / 25, abs=1e-6)
    assert list(decoded(process, video, range(20, 60)).values()) == list(range(20, 60))


def test_flash_video_that_begins_again(tmp_path, process):
    film = write_film(tmp_path / "one.flv", 60, codec="libx264")
    one = film.path.read_bytes()
    path = tmp_path / "two.flv"
    path.write_bytes(one + one[13:])  # without its header
    video = probe(path, process)
    assert video.num_frames == 120
    assert np.diff(video.times_s) == pytest.approx(np.full(119, 0.04), abs=0.0011)
    assert list(decoded(process, video, [5, 65, 119]).values()) == [5, 5, 59]


def test_a_leap_of_hours_is_a_gap(tmp_path, process):
    film = write_film(tmp_path / "film.mkv", 100)
    leap = restamped(film.path, tmp_path / "leap.mkv", lambda i, pts, dts: (pts + 50_000_000 * (i >= 50),) * 2)
    video = probe(leap, process)
    grid = SamplingPlan(Fraction(1)).grid(video)
    assert grid.frame[:2].tolist() == [0, 25]
    assert not grid.valid[2:50_002].any()
    assert grid.valid[50_002:].all()
    assert warnings(video) == [
        "its clock jumps from 0:00:02.0 to 13:53:22.0: this is a gap, because no frame is shown there"
    ]
    assert list(decoded(process, video, [49, 50, 99]).values()) == [49, 50, 99]


def test_doubled_timestamps_lose_no_frame(tmp_path, process):
    film = write_film(tmp_path / "film.mkv", 100)
    doubled = restamped(film.path, tmp_path / "doubled.mkv", lambda i, pts, dts: (80 * (i // 2),) * 2)
    video = probe(doubled, process)
    assert (video.num_frames, video.num_spread) == (100, 50)
    assert video.times_s == pytest.approx(np.arange(100) / 25, abs=0.0011)
    assert list(decoded(process, video, [99, 50, 51, 2]).values()) == [99, 50, 51, 2]
    assert warnings(video) == ["50 of 100 frames share a timestamp: they got times in between"]


def test_where_the_time_base_has_no_room_it_is_divided(tmp_path, process):
    film = write_film(tmp_path / "film.mkv", 100)
    fine = restamped(film.path, tmp_path / "fine.mkv", lambda i, pts, dts: (i // 3,) * 2)  # in milliseconds
    video = probe(fine, process)
    assert (video.num_frames, video.num_spread, video.time_base) == (100, 66, Fraction(1, 3000))
    assert list(decoded(process, video, range(100)).values()) == list(range(100))


@pytest.mark.parametrize("name", ["one.mp4", "one.flv", "one.asf"])
def test_a_film_that_was_joined_on_and_is_not_read_is_told(tmp_path, process, name):
    film = write_film(tmp_path / name, 40, codec="mpeg4" if name.endswith("asf") else "libx264")
    assert warnings(probe(film.path, process)) == []
    video = probe(joined(tmp_path, [film, film], f"two{film.path.suffix}"), process)
    assert video.num_frames == 40
    assert warnings(video) == ["its file seems to hold another film after it, which is not read: split the file first"]


def test_every_frame_that_has_bytes_is_accounted_for(tmp_path, process):
    """A clock that stands still in the middle."""
    film = write_film(tmp_path / "film.mkv", 100)
    still = restamped(
        film.path, tmp_path / "still.mkv", lambda i, pts, dts: (40 * min(i, 50) if i < 70 else 40 * (i - 19),) * 2
    )
    video = probe(still, process)
    assert video.num_frames + video.num_merged == 100
    assert warnings(video) == ["19 frames were left out: too many share one timestamp"]


def test_decord_refuses_what_it_would_misplace(tmp_path):
    pytest.importorskip("decord")
    one = write_film(tmp_path / "one.ts", 40)
    with DecodingProcess(decoder="decord", deadline_s=20) as process:
        video = probe(joined(tmp_path, [one, one]), process)
        with pytest.raises(VideoError, match="which do not ascend; it was not analyzed; use the default decoder"):
            list(process.frames(video, video.pts, SIZE))


def test_the_store_keeps_the_clock_of_a_joined_film(tmp_path, process):
    from vtn_stream.store import EmbeddingStore

    one = write_film(tmp_path / "one.ts", 40)
    video = probe(joined(tmp_path, [one, one]), process)
    store = EmbeddingStore(tmp_path / "store")
    store.remember(video)
    kept = store.probed(video.path)
    assert kept is not None
    assert kept.facts() == video.facts()
    assert np.array_equal(kept.packet_pts, video.packet_pts)


@pytest.mark.parametrize("more", [{}, {"mpegts_pmt_start_pid": "2000", "mpegts_service_id": "7"}])
def test_a_film_of_another_channel_that_was_joined_on_is_told(tmp_path, process, more):
    one = write_film(tmp_path / "one.ts", 100)
    other = write_film(tmp_path / "other.ts", 80, mux={"mpegts_start_pid": "400"} | more)
    video = probe(joined(tmp_path, [one, other], "two.ts"), process)
    assert video.num_frames == 100
    assert warnings(video) == ["its file seems to hold another film after it, which is not read: split the file first"]
