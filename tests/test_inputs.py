"""What a network is shown: the picture and its changes, decoded once, and the same bytes however the work is cut."""

import os
import signal
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from counting import write_film
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vtn_stream.backbone.change import change_pictures, grey
from vtn_stream.embedding import ChunkReady, FramesEmbedded, Warned, embed
from vtn_stream.film import Dark, VideoInfo
from vtn_stream.sampling import SamplingPlan, earlier_frames
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import Execution, Recipe
from vtn_stream.video import DecodingProcess, probe
from vtn_stream.views import Views

SIDE = 16
RATE = Fraction(5)
NUM_FRAMES = 5 * 190  # four chunks
BOTH = ("picture", "change-3/5")
PLAN = SamplingPlan(Fraction(2))
ROUNDING = 1.5  # of a step of 1, and of weights of colours in 1/256


class Pixels:
    """As FrameEncoder: an embedding is the frame itself, 768 numbers from 0 to 255."""

    size, num_features, device, weights_source, name = (SIDE, SIDE), 3 * SIDE * SIDE, "cpu", "no weights", "pixels"

    def __init__(self):
        self.num_frames = 0

    def recipe(self, fps):
        rgb = (0.5, 0.5, 0.5)
        return Recipe(backbone=self.name, weights="0", fps=fps, size=self.size, mean=rgb, std=rgb)

    def execution(self, decoder):
        return Execution(
            device="cpu", dtype="float32", instruction_set="any", batch_size=1, engine="none", decoder=decoder
        )

    def frame_size(self, video, box=None):
        return self.size

    def __call__(self, frames):
        self.num_frames += len(frames)
        return frames.reshape(len(frames), -1).astype(np.float16)


def write_lossless(path: Path, pictures: np.ndarray, *, pts=None, rate=RATE) -> Path:
    """A film of exactly these pictures uint8 [N, H, W, 3]."""
    pts = range(len(pictures)) if pts is None else pts
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=rate)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "bgr0"
        stream.codec_context.time_base = 1 / rate
        for time, picture in zip(pts, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = int(time), 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@dataclass(frozen=True, kw_only=True)
class Film:
    path: Path
    pictures: np.ndarray
    video: VideoInfo


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@pytest.fixture(scope="module")
def lossless(tmp_path_factory, process):
    pictures = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, SIDE, SIDE, 3), np.uint8)
    pictures[::7] = pictures[1::7][: len(pictures[::7])]  # some that are as the next
    path = write_lossless(tmp_path_factory.mktemp("films") / "noise.mkv", pictures)
    return Film(path=path, pictures=pictures, video=probe(path, process))


@pytest.fixture(scope="module")
def whole(lossless, process, tmp_path_factory):
    """The store of the film, embedded at once through both inputs, and the events."""
    store = EmbeddingStore(tmp_path_factory.mktemp("whole"))
    return store, run(lossless.video, store, process)


def run(video, store, process, *, plan=PLAN, inputs=BOTH, numbers=None, encoder=None):
    chunks = [chunk for chunk in plan.chunks(video) if numbers is None or chunk.number in numbers]
    return list(embed(video, chunks, plan, encoder or Pixels(), store, process, inputs=inputs))


def track(events):
    """Values [T, D], and bool [T] where they are valid, of all chunks by time."""
    ready = sorted((e for e in events if isinstance(e, ChunkReady)), key=lambda event: event.chunk.start)
    return np.concatenate([e.values for e in ready]), np.concatenate([e.index.valid for e in ready])


def files(store):
    return {str(p.relative_to(store.root)): p.read_bytes() for p in store.root.glob("films/**/*") if p.is_file()}


def oracle(pictures, times_s, frame, back_s):
    """The change picture of a frame, as the documentation has it, in floating point."""
    distance = np.abs(times_s[: max(frame, 1)] - (times_s[frame] - float(back_s)))
    earlier = int(np.argmin(distance)) if frame else 0
    greys = pictures[[frame, earlier]].astype(np.float64) @ (0.299, 0.587, 0.114)
    return np.clip(greys[0] - greys[1] + 128, 0, 255)


# ---- the change picture


def test_a_change_is_the_difference_of_greys_around_128():
    white, black = (np.full((1, 2, 3, 3), value, np.uint8) for value in (255, 0))
    for now, earlier, shown in [(white, white, 128), (white, black, 255), (black, white, 0)]:
        pictures = change_pictures(grey(now[0])[None], grey(earlier[0])[None])
        assert (pictures.shape, pictures.dtype) == ((1, 2, 3, 3), np.uint8)
        assert (pictures == shown).all()


def test_embeddings_of_changes_are_those_of_change_pictures_by_plain_arithmetic(lossless, whole):
    values, valid = track(whole[1])
    shown = PLAN.grid(lossless.video).frame
    assert valid.all()
    pictures, changes = np.split(values, 2, axis=1)
    assert np.array_equal(pictures, lossless.pictures[shown].reshape(len(shown), -1))
    times_s = lossless.video.times_s
    expected = np.stack([oracle(lossless.pictures, times_s, frame, Fraction(3, 5)) for frame in shown])
    changes = changes.reshape(-1, SIDE, SIDE, 3)
    assert np.abs(changes - expected[..., None]).max() <= ROUNDING
    assert (changes == changes[..., :1]).all()  # three equal channels
    assert (changes[0] == 128).all()  # the first frame has itself
    assert np.ptp(changes[1:]) == 255


# ---- the frame before


@st.composite
def clocks(draw):
    """A film's clock: time base, ascending pts, and where it leaps."""
    base = draw(st.sampled_from([Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 25), Fraction(1001, 30000)]))
    steps = draw(st.lists(st.integers(1, 3000), min_size=0, max_size=40))
    pts = draw(st.integers(-1000, 1000)) + np.concatenate([[0], np.cumsum(steps, dtype=np.int64)]).astype(np.int64)
    leap = draw(st.none() | st.integers(1, len(pts) - 1)) if len(pts) > 1 else None
    return base, pts, leap


def info(base, pts, leap=None):
    dark = ()
    if leap is not None and pts[leap] - pts[leap - 1] > 1:
        dark = (Dark(start=int(pts[leap - 1]) + 1, end=int(pts[leap]), why="leap"),)
    return VideoInfo(
        path=Path("film.mp4"),
        identity="0" * 32,
        stream=0,
        codec="h264",
        width=16,
        height=16,
        time_base=base,
        start=pts[0] * base,
        pts=pts,
        end_pts=int(pts[-1]) + 1,
        keyframes=pts[:1],
        dark=dark,
    )


@given(clocks(), st.fractions(Fraction(1, 1000), 10, max_denominator=1000))
def test_the_frame_before_is_the_nearest_one_and_never_beyond_a_leap(clock, back_s):
    base, pts, leap = clock
    video = info(base, pts, leap)
    frames = np.arange(len(pts))
    found = earlier_frames(video, frames, back_s)
    first = 0
    for frame in frames:
        if leap == frame and video.dark:
            first = frame
        if frame == first:
            assert found[frame] == frame
            continue
        assert first <= found[frame] < frame
        distance = [abs((pts[frame] - pts[k]) * base - back_s) for k in range(first, frame)]
        nearest = min(distance)
        gap = max(np.diff(pts[first : frame + 1])) * base
        assert distance[found[frame] - first] <= nearest + gap / 4  # of two that are nearly as near, the earlier
        assert distance[found[frame] - first] == nearest or pts[found[frame]] < pts[frame] - back_s / base


@pytest.mark.parametrize(
    ("rate", "back"),
    [
        (25, 3),
        (Fraction(30000, 1001), 4),
        (30, 4),
        (50, 6),
        (60, 8),
        (Fraction(60000, 1001), 8),
        (24, 3),
        (20, 3),
        (12, 2),
        (8, 1),
        (Fraction(1, 2), 1),
    ],
)
@pytest.mark.parametrize("base", [None, Fraction(1, 1000), Fraction(1, 90000)])
def test_the_distance_is_the_same_number_of_frames_all_over_a_film(rate, back, base):
    """Also where the file rounds its times to milliseconds."""
    base = 1 / Fraction(rate) if base is None else base
    pts = np.array([round(k / rate / base) for k in range(500)])
    found = earlier_frames(info(base, pts), np.arange(500), Fraction(1, 8))
    assert (np.arange(back, 500) - found[back:] == back).all()
    assert (found[:back] == 0).all()


def test_a_film_that_shows_pictures_slower_than_that_is_compared_with_the_picture_before(process, tmp_path):
    pictures = np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    video = probe(write_lossless(tmp_path / "slides.mkv", pictures, rate=Fraction(1, 3)), process)
    values, _ = track(run(video, EmbeddingStore(tmp_path / "store"), process, inputs=("change-1/8",)))
    shown = PLAN.grid(video).frame
    for frame in range(5):
        expected = oracle(pictures, video.times_s, frame, Fraction(3))[..., None]
        assert np.abs(values[shown == frame].reshape(-1, SIDE, SIDE, 3) - expected).max() <= ROUNDING


def test_a_film_of_irregular_frames_is_compared_by_their_times(process, tmp_path):
    pictures = np.random.default_rng(2).integers(0, 256, (60, SIDE, SIDE, 3), np.uint8)
    steps = np.random.default_rng(3).integers(1, 9, 60)
    path = write_lossless(tmp_path / "irregular.mkv", pictures, pts=np.cumsum(steps) - steps[0], rate=Fraction(10))
    video = probe(path, process)
    plan = SamplingPlan(Fraction(3))
    values, valid = track(run(video, EmbeddingStore(tmp_path / "store"), process, plan=plan, inputs=("change-3/4",)))
    shown = plan.grid(video).frame
    assert valid.all()
    earlier = earlier_frames(video, shown, Fraction(3, 4))
    greys = pictures.astype(np.float64) @ (0.299, 0.587, 0.114)
    expected = np.clip(greys[shown] - greys[earlier] + 128, 0, 255)
    assert np.abs(values.reshape(-1, SIDE, SIDE, 3) - expected[..., None]).max() <= ROUNDING


class Middle(Pixels):
    """It sees the middle of frames that are wider, as a model with a crop does."""

    def frame_size(self, video, box=None):
        return (SIDE, 2 * SIDE)

    def __call__(self, frames):
        return super().__call__(frames[:, :, SIDE // 2 : 3 * SIDE // 2])


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("encoder", [Pixels(), Middle()], ids=["whole", "middle"])
def test_the_earlier_frame_may_be_one_that_is_else_not_decoded(process, tmp_path, rotation, encoder):
    """A film with frames that no other refers to, upright or turned: against all its frames, decoded in full."""
    options = {"tune": "fastdecode", "x264-params": "bframes=3:b-pyramid=none:keyint=40:scenecut=0"}
    path = write_film(tmp_path / "film.mp4", 320, options=options, rotation=rotation).path
    video = probe(path, process)
    assert video.temporal_layers == 1  # packets say whether others refer to them
    size = encoder.frame_size(video)
    everything = np.concatenate([batch.frames.copy() for batch in process.frames(video, video.pts, size)])
    store, plan = EmbeddingStore(tmp_path / "store"), SamplingPlan(Fraction(2))
    values, valid = track(run(video, store, process, plan=plan, inputs=("change-1/8",), encoder=encoder))
    shown = plan.grid(video).frame
    earlier = earlier_frames(video, shown, Fraction(1, 8))
    assert (shown - earlier)[1:].tolist() == [3] * (len(shown) - 1)
    assert valid.all()
    greys = np.stack([grey(frame) for frame in everything])
    assert np.array_equal(values, encoder(change_pictures(greys[shown], greys[earlier])))
    assert np.ptp(values[1:]) > 100


# ---- however the work is cut


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 3), min_size=1), st.sampled_from([BOTH, BOTH[::-1], BOTH[:1], BOTH[1:]])),
        max_size=4,
    )
)
def test_the_files_are_the_same_however_the_work_was_cut(lossless, whole, process, tmp_path_factory, steps):
    store = EmbeddingStore(tmp_path_factory.mktemp("cut"))
    for numbers, inputs in steps:
        run(lossless.video, store, process, numbers=numbers, inputs=inputs)
    values, valid = track(run(lossless.video, store, process))
    expected, _ = track(whole[1])
    assert valid.all()
    assert np.array_equal(values, expected)
    assert files(store) == files(whole[0])


def test_one_pass_serves_chunks_that_miss_different_inputs(lossless, whole, process, tmp_path, monkeypatch):
    store = EmbeddingStore(tmp_path / "store")
    run(lossless.video, store, process, numbers={0}, inputs=BOTH[:1])
    run(lossless.video, store, process, numbers={1}, inputs=BOTH[1:])
    asked, windows = [], type(process).windows
    monkeypatch.setattr(type(process), "windows", lambda self, *rest: asked.append(rest[1]) or windows(self, *rest))
    encoder = Pixels()
    events = run(lossless.video, store, process, encoder=encoder)
    assert len(asked) == 1
    grid = PLAN.grid(lossless.video)
    assert encoder.num_frames == len(grid) * 2 - len(grid[:240])  # of two chunks one input is there
    assert sum(e.num_frames for e in events if isinstance(e, FramesEmbedded)) == len(np.unique(grid.frame))
    assert files(store) == files(whole[0])


def test_the_other_order_of_inputs_only_exchanges_the_columns(lossless, whole, process):
    values, _ = track(run(lossless.video, whole[0], process, inputs=BOTH[::-1]))
    expected, _ = track(whole[1])
    assert np.array_equal(values, np.roll(expected, Pixels.num_features, axis=1))


def test_decord_gives_the_same_rows_as_pyav(film, tmp_path, process):
    pytest.importorskip("decord")
    video = probe(film, process)
    values, valid = track(run(video, EmbeddingStore(tmp_path / "a"), process, numbers={1}))
    with DecodingProcess(decoder="decord") as decord:
        others, others_valid = track(run(video, EmbeddingStore(tmp_path / "b"), decord, numbers={1}))
    assert valid.all()
    assert others_valid.all()
    pictures, changes = np.split(np.abs(values - others), 2, axis=1)
    assert pictures.max() <= 3  # the coded picture is recovered from RGB
    assert changes.max() <= 3


def test_thumbnails_are_stored_with_the_picture_alone(lossless, whole):
    recipe = Pixels().recipe(PLAN.fps)
    found = [whole[0].thumbnails(lossless.video.identity, replace(recipe, input=name).digest, 100) for name in BOTH]
    assert [len(thumbnails) for thumbnails in found] == [19, 0]


def test_only_as_many_greys_are_kept_as_a_change_looks_back(lossless, process, tmp_path, monkeypatch):
    most, take = [0], Views.take

    def watched(self, rows, batch):
        shown = take(self, rows, batch)
        most[0] = max(most[0], len(self._greys))
        return shown

    monkeypatch.setattr(Views, "take", watched)
    run(lossless.video, EmbeddingStore(tmp_path / "store"), process, plan=SamplingPlan(RATE), inputs=("change-2",))
    assert 1 <= most[0] <= 10 + 1  # 2 s of 5 frames a second


# ---- faults


def test_a_decoding_process_that_dies_costs_a_warning_and_no_byte(lossless, whole, tmp_path):
    class Dying(DecodingProcess):
        died = False

        def windows(self, *rest):
            for batches in super().windows(*rest):
                yield batches
                if not self.died:
                    self.died = True
                    os.kill(self.pid, signal.SIGKILL)
                    os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    store = EmbeddingStore(tmp_path / "store")
    with Dying() as dying:
        events = run(lossless.video, store, dying)
    (warning,) = [event.message for event in events if isinstance(event, Warned)]
    assert "a new one continues" in warning
    assert files(store) == files(whole[0])


def test_a_position_whose_earlier_frame_is_damaged_has_a_picture_and_no_change(
    lossless, process, tmp_path, monkeypatch
):
    gone = int(lossless.video.pts[37])  # 3/5 s before frame 40
    windows = type(process).windows

    def without(self, video, pts, *rest):
        keep = pts != gone
        lost = np.flatnonzero(~keep).tolist()
        whole = np.flatnonzero(keep)
        for (batch,) in windows(self, video, pts[keep], rest[0], rest[1][keep]):
            items, thumbnails = whole[batch.items].tolist(), {int(whole[i]): j for i, j in batch.thumbnails.items()}
            yield (type(batch)(frames=batch.frames, items=items, lost=lost, thumbnails=thumbnails),)
            lost = []

    monkeypatch.setattr(type(process), "windows", without)
    store = EmbeddingStore(tmp_path / "store")
    values, valid = track(run(lossless.video, store, process))
    grid = PLAN.grid(lossless.video)
    back = earlier_frames(lossless.video, grid.frame, Fraction(3, 5))
    assert set(np.flatnonzero(~valid)) == set(np.flatnonzero((back == 37) | (grid.frame == 37)))
    assert not values[~valid].any()
    _, pictures = track(run(lossless.video, store, process, inputs=("picture",)))
    assert set(np.flatnonzero(~pictures)) == set(np.flatnonzero(grid.frame == 37))
