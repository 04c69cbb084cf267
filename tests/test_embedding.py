"""The loop film -> store: equal bytes however the work was cut, killed or repeated."""

import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from counting import write_film

from vtn_stream.embedding import ChunkReady, Warned, embed
from vtn_stream.errors import VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess, probe

PLAN = SamplingPlan(Fraction(1))
CONSOLE_SCRIPT = Path(sys.executable).with_name("vtn-stream")


class Fragile(DecodingProcess):
    """Dies as soon as it is asked for frames whose first pts `is_fatal`, and once after its first batch if told to."""

    def __init__(self, is_fatal=lambda pts: False, *, after_a_batch=False):
        super().__init__(deadline_s=10)
        self.is_fatal, self.after_a_batch = is_fatal, after_a_batch
        self.asked = []
        self._process.receive = self._dying(self._process.receive)

    def windows(self, video, pts, *rest, **more):
        self.asked.append(int(pts[0]))
        for batches in super().windows(video, pts, *rest, **more):
            yield batches
            if self.after_a_batch:
                self.after_a_batch = False
                self.kill()

    def _dying(self, receive):
        def receive_or_die(*asked):
            if self.asked and self.is_fatal(self.asked[-1]):
                self.kill()
            return receive(*asked)

        return receive_or_die

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and still to be reaped


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@pytest.fixture(scope="module")
def video(film, process):
    return probe(film, process)


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "store")


@pytest.fixture
def filled(analyzed, tmp_path):
    """A copy of the store in which the film lies whole."""
    return EmbeddingStore(shutil.copytree(analyzed.store, tmp_path / "filled"))


def facts(events):
    """What the chunks say, by number: bytes, without where they came from."""
    ready = {e.chunk.number: e for e in events if isinstance(e, ChunkReady)}
    return {
        n: (e.values.tobytes(), *(getattr(e.index, f).tobytes() for f in ("grid_s", "frame", "pts_s", "valid")))
        for n, e in sorted(ready.items())
    }


def sources(events):
    return [(e.chunk.number, e.source) for e in events if isinstance(e, ChunkReady)]


def warnings_of(events):
    return [e.message for e in events if isinstance(e, Warned)]


def chunk_files(root):
    """The content of every chunk file by its path below the root."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted((root / "films").rglob("[0-9]*.arrow"))}


def manifests(store):
    return [film.manifest is not None for film in store.films()]


# ---- the reference


def test_a_film_is_embedded_chunk_by_chunk_and_its_frames_are_those_the_plan_says(analyzed, video, encoder):
    assert sources(analyzed.events) == [(0, "film"), (1, "film"), (2, "film")]
    assert warnings_of(analyzed.events) == []
    ready = [e for e in analyzed.events if isinstance(e, ChunkReady)]
    plan = PLAN.grid(video)
    for name in ("grid_s", "frame", "pts_s", "valid"):
        assert np.concatenate([getattr(e.index, name) for e in ready]).tolist() == getattr(plan, name).tolist()
    assert {e.values.shape[1] for e in ready} == {encoder.num_features}
    assert manifests(EmbeddingStore(analyzed.store)) == [True]


def test_a_thumbnail_is_kept_for_every_ten_seconds(analyzed, video, encoder, process):
    recipe, execution = encoder.recipe(PLAN.fps), encoder.execution(process.decoder)
    store = EmbeddingStore(analyzed.store)
    for chunk in PLAN.chunks(video):
        stored = store.load(chunk, recipe, execution, exact=True)
        assert [*stored.thumbnails] == list(range(0, len(chunk), 10))
        assert all(jpeg.startswith(b"\xff\xd8") for jpeg in stored.thumbnails.values())


# ---- however the work was cut


def test_windows_into_separate_stores_give_the_files_of_the_whole(analyzed, video, encoder, tmp_path):
    together = {}
    for n, (start_s, end_s) in enumerate([(100, 130), (0, 10), (61, 119)]):
        store = EmbeddingStore(tmp_path / str(n))
        with DecodingProcess() as process:
            list(embed(video, PLAN.chunks(video, start_s, end_s), PLAN, encoder, store, process))
        together |= chunk_files(store.root)
    assert together == chunk_files(analyzed.store)


def test_a_full_store_is_read_and_nothing_is_decoded(analyzed, filled, video, encoder):
    with Fragile() as process:
        events = list(embed(video, PLAN.chunks(video), PLAN, encoder, filled, process))
        assert process.pid is None  # it was not even started
    assert facts(events) == facts(analyzed.events)
    assert sources(events) == [(0, "store"), (1, "store"), (2, "store")]


def test_the_stored_chunks_come_first(analyzed, filled, video, encoder, process):
    gone, _, later = sorted(filled.root.rglob("0*-*.arrow"))
    gone.unlink()
    later.unlink()
    events = list(embed(video, PLAN.chunks(video), PLAN, encoder, filled, process))
    assert sources(events) == [(1, "store"), (0, "film"), (2, "film")]
    assert facts(events) == facts(analyzed.events)
    assert chunk_files(filled.root) == chunk_files(analyzed.store)


def test_a_damaged_chunk_is_told_and_computed_anew(analyzed, filled, video, encoder, process):
    path = sorted(filled.root.rglob("0*-*.arrow"))[1]
    path.write_bytes(path.read_bytes()[:-1000])
    events = list(embed(video, PLAN.chunks(video), PLAN, encoder, filled, process))
    assert sources(events) == [(0, "store"), (2, "store"), (1, "film")]
    (warning,) = warnings_of(events)
    assert path.name in warning
    assert "computed again" in warning
    assert facts(events) == facts(analyzed.events)
    assert chunk_files(filled.root) == chunk_files(analyzed.store)


def test_a_grid_finer_than_the_film_embeds_every_frame_once(slides, encoder, store, process, monkeypatch):
    rows = []
    monkeypatch.setattr(type(encoder), "__call__", count_rows(type(encoder).__call__, rows))
    video = probe(slides, process)
    events = list(embed(video, PLAN.chunks(video), PLAN, encoder, store, process))
    assert sum(rows) == video.num_frames == 10
    ready = [e for e in events if isinstance(e, ChunkReady)]
    values = np.concatenate([e.values for e in ready])
    assert values.shape[0] == 300
    shown = np.concatenate([e.index.frame for e in ready])
    for frame in range(10):
        assert len(np.unique(values[shown == frame], axis=0)) == 1


def count_rows(call, rows):
    def counted(encoder, frames):
        rows.append(len(frames))
        return call(encoder, frames)

    return counted


# ---- killed


def test_a_decoding_process_that_dies_once_costs_a_warning(analyzed, video, encoder, store, monkeypatch):
    monkeypatch.setattr("vtn_stream.video.delivery.BATCH_SIZE", 16)  # more batches than the ring holds
    with Fragile(after_a_batch=True) as process:
        events = list(embed(video, PLAN.chunks(video), PLAN, encoder, store, process))
    (warning,) = warnings_of(events)
    assert "a new one continues" in warning
    assert len(process.asked) == 2
    assert facts(events) == facts(analyzed.events)
    assert chunk_files(store.root) == chunk_files(analyzed.store)
    assert "died (signal 9)" in warning  # noticed at once, and not by the deadline


def test_a_chunk_on_which_decoding_dies_twice_is_a_gap_that_the_next_run_heals(analyzed, video, encoder, store):
    second = int(video.pts[PLAN.grid(video, 60, 61).frame[0]])
    with Fragile(lambda pts: pts >= second) as fragile:
        chunks = PLAN.chunks(video)
        first_run = list(embed(video, chunks[:1], PLAN, encoder, store, fragile))
        rest = list(embed(video, chunks, PLAN, encoder, store, fragile))
    assert sources(first_run) == [(0, "film")]
    assert sources(rest) == [(0, "store"), (1, "lost"), (2, "lost")]
    assert ["new one" in w for w in warnings_of(rest)] == [True, False] * 2
    assert [w for w in warnings_of(rest) if "chunk 1 is a gap" in w]
    for event in rest:
        if isinstance(event, ChunkReady) and event.source == "lost":
            assert not event.index.valid.any()
            assert not event.values.any()
    assert len(chunk_files(store.root)) == 1
    assert manifests(store) == [False]

    with DecodingProcess() as process:
        healed = list(embed(video, PLAN.chunks(video), PLAN, encoder, store, process))
    assert sources(healed) == [(0, "store"), (1, "film"), (2, "film")]
    assert facts(healed) == facts(analyzed.events)
    assert manifests(store) == [True]


def test_one_lost_chunk_does_not_cost_those_after_it(analyzed, video, encoder, store):
    second, third = (int(video.pts[PLAN.grid(video, k, k + 1).frame[0]]) for k in (60, 120))
    with Fragile(lambda pts: second <= pts < third) as process:
        events = list(embed(video, PLAN.chunks(video), PLAN, encoder, store, process))
    # the first is decoded together with the second, which comes out as well, unless it is asked for alone
    assert sources(events)[0] == (0, "film")
    assert sources(events)[-1] == (2, "film")
    assert facts(events)[2] == facts(analyzed.events)[2]


def test_a_film_on_which_decoding_always_dies_is_given_up_and_tried_again_later(slides, encoder, store, process):
    video = probe(slides, process)
    plan = SamplingPlan(Fraction(1, 10))
    with Fragile(lambda pts: True) as fragile:
        events = list(embed(video, plan.chunks(video), plan, encoder, store, fragile))
    assert sources(events) == [(n, "lost") for n in range(5)]
    assert "given up" in warnings_of(events)[-1]
    assert len(fragile.asked) == 6  # three chunks, twice each
    assert chunk_files(store.root) == {}
    events = list(embed(video, plan.chunks(video), plan, encoder, store, process))
    assert sources(events) == [(n, "film") for n in range(5)]


def test_a_film_that_is_gone_by_now_is_a_video_error(film, encoder, store, tmp_path):
    copy = Path(shutil.copy(film, tmp_path / "copy.mp4"))
    with DecodingProcess() as process:
        video = probe(copy, process)
        copy.unlink()
        with pytest.raises(VideoError):
            list(embed(video, PLAN.chunks(video), PLAN, encoder, store, process))


def test_a_run_killed_in_the_middle_is_continued_where_it_stopped(film, tiny, tiny_weights, tmp_path, open_analyzer):
    """kill -9 of the whole program; its decoding process ends by itself."""
    store = tmp_path / "store"
    options = ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--fps", "3"]
    with subprocess.Popen(
        [CONSOLE_SCRIPT, "analyze", film, "-o", tmp_path / "out", "--store", store, *options],
        stdout=subprocess.DEVNULL,
    ) as running:
        while not list(store.rglob("0*-*.arrow")):
            assert running.poll() is None
            time.sleep(0.01)
        children = psutil.Process(running.pid).children(recursive=True)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    assert len(children) == 1
    assert psutil.wait_procs(children, timeout=60)[1] == []
    stored = sorted(int(p.name[:9]) // 180 for p in store.rglob("0*-*.arrow"))
    assert stored

    resumed, fresh = [], []
    with open_analyzer(store, fps=3) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(film), on_event=resumed.append)
    assert sources(resumed) == [(n, "store") for n in stored] + [(n, "film") for n in range(3) if n not in stored]
    with open_analyzer(tmp_path / "fresh", fps=3) as analyzer:
        assert analyzer.analyze(analyzer.plan(film), on_event=fresh.append).timeline == analysis.timeline
    assert facts(resumed) == facts(fresh)
    assert chunk_files(store) == chunk_files(tmp_path / "fresh")


def test_a_film_replaced_after_it_was_probed_is_never_stored_as_the_first(film, slides, open_analyzer, tmp_path):
    movie = tmp_path / "movie.mp4"
    movie.write_bytes(film.read_bytes())
    with open_analyzer(tmp_path / "store") as analyzer:
        video = analyzer.probe(movie)
        movie.write_bytes(slides.read_bytes())
        with pytest.raises(VideoError, match="replaced or written to"):
            list(analyzer.embed(video, analyzer.sampling.chunks(video)))
    assert not list((tmp_path / "store").glob("films/**/*.arrow"))


def test_a_chunk_is_the_same_whichever_chunks_are_embedded_with_it(film_maker, encoder, tmp_path):
    plan = SamplingPlan(Fraction(1))
    slow = film_maker(tmp_path / "slow.mp4", [(100, 0), (100, 1)], fps=Fraction(1, 25))  # one is shown from 50 to 75 s
    stores = []
    with DecodingProcess() as process:
        video = probe(slow, process)
        chunks = plan.chunks(video)
        for name, cuts in (("whole", [chunks]), ("single", [[chunk] for chunk in chunks])):
            stores.append(EmbeddingStore(tmp_path / name))
            for cut in cuts:
                list(embed(video, cut, plan, encoder, stores[-1], process))
    assert chunk_files(stores[0].root) == chunk_files(stores[1].root)


def test_a_run_of_chunks_before_the_first_frame_is_a_gap(encoder, store, process, tmp_path):
    """Sound for two minutes before the first picture."""
    late = write_film(tmp_path / "late.mp4", 50, first=25 * 130, audio_s=130).path
    video = probe(late, process)
    chunks = SamplingPlan(Fraction(1)).chunks(video)
    events = list(embed(video, chunks[:2], SamplingPlan(Fraction(1)), encoder, store, process))
    ready = [event for event in events if isinstance(event, ChunkReady)]
    assert [event.index.valid.any() for event in ready] == [False, False]
    assert not any(event.values.any() for event in ready)
