"""Cuts to the frame: where one is among pictures, in films, and what becomes of it in a store and in a timeline."""

import os
import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from counting import NTSC
from hypothesis import given, settings
from hypothesis import strategies as st
from shot_films import shot, write_shots

from vtn_stream.analysis import CutsPlaced, Warned
from vtn_stream.cuts import NOT_READ, UNCLEAR, find_cuts
from vtn_stream.errors import DecodingLost, StoreError, VideoError
from vtn_stream.localize import runs
from vtn_stream.placing import REACH, placed
from vtn_stream.scorers.scenes import Scenes
from vtn_stream.store import EmbeddingStore, read_scores
from vtn_stream.video import DecodingProcess, FrameBatch

NUM = 13  # frames from one that is looked at to the next, both counted: at 25 a second, twice a second
FIRST, LAST = REACH - 1, REACH - 1 + NUM - 1  # with two more on either side


def two_shots(cut, seeds=(0, 1)):
    """Pictures of which the one numbered `cut` is the first of the second shot."""
    return np.concatenate([shot(seeds[0], cut), shot(seeds[1], LAST + REACH - cut)])


def of(pictures):
    return placed(pictures, FIRST, LAST)


# -- among pictures


@pytest.mark.parametrize("cut", range(FIRST + 1, LAST + 1))
def test_a_hard_cut_is_before_the_first_picture_of_the_new_shot(cut):
    assert of(two_shots(cut)) == cut


@settings(max_examples=30)
@given(st.integers(FIRST + 1, LAST), st.integers(0, 40), st.integers(0, 20), st.randoms(use_true_random=False))
def test_noise_and_fades_of_light_hide_no_cut(cut, noise, light, random):
    pictures = two_shots(cut).astype(int) + random.randrange(noise + 1)
    rng = np.random.default_rng(random.randrange(1000))
    pictures += (
        rng.integers(-noise, noise + 1, pictures.shape) + (light * np.arange(len(pictures)) // 10)[:, None, None, None]
    )
    assert of(pictures.clip(0, 255).astype(np.uint8)) == cut


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("flash", [FIRST + 1, FIRST + 4, LAST - 2])
def test_a_flash_is_no_cut(flash, length):
    pictures = two_shots(FIRST + 8)
    if flash < FIRST + 8 <= flash + length:
        pytest.skip("the cut is in the flash")
    pictures[flash : flash + length] = 255
    assert of(pictures) == FIRST + 8


@pytest.mark.parametrize("length", [2, 6, 10])
def test_a_dissolve_is_cut_in_its_middle(length):
    middle = FIRST + NUM // 2
    share = np.clip((np.arange(LAST + REACH) - middle + 0.5) / length + 0.5, 0, 1)[:, None, None, None]
    a, b = shot(0, LAST + REACH), shot(1, LAST + REACH)
    assert abs(of((a * (1 - share) + b * share).astype(np.uint8)) - middle) <= 1


def test_a_still_picture_has_no_cut():
    still = np.repeat(shot(0, 1), LAST + REACH, axis=0)
    assert of(still) is None
    assert of(still ^ np.arange(LAST + REACH, dtype=np.uint8)[:, None, None, None] % 2 * (still < 9)) is None


def test_a_film_that_begins_or_ends_there_has_no_pictures_beyond():
    pictures = two_shots(FIRST + 5)
    assert placed(pictures[FIRST : LAST + 1], 0, NUM - 1) == 5
    assert placed(pictures[FIRST + 4 : FIRST + 6], 0, 1) == 1


# -- in films

KINDS = {
    "25 a second": {},
    "30000/1001 a second": {"rate": NTSC},
    "60 a second": {"rate": Fraction(60)},
    "one keyframe": {"options": {"g": "9999", "sc_threshold": "0", "bf": "2"}},
    "variable rate": {"steps": (1, 3, 1, 2), "rate": Fraction(50)},
    "MPEG-4": {"codec": "mpeg4"},
    "VP8": {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}},
}
SHOTS = ((87, 0), (101, 1), (64, 2), (139, 0), (90, 3))


SHARED = DecodingProcess()  # it starts when it is first asked


@pytest.fixture(scope="module", autouse=True)
def _shared_is_closed():
    yield
    SHARED.close()


def cuts_of(film, changes, store, process=SHARED, told=None):
    """The film, and the frames found for changes between these frames."""
    video = SHARED.probe(film)
    tell = [].append if told is None else told.append
    return video, find_cuts(video, np.array(changes).reshape(-1, 2), store, process, tell).tolist()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """481 frames in five shots; where each begins."""
    path = tmp_path_factory.mktemp("shots") / "shots.mp4"
    return path, write_shots(path, SHOTS)


STARTS = np.cumsum([num for num, _ in SHOTS])[:-1].tolist()  # 87, 188, 252, 391
AROUND = [(start - 5, start + 7) for start in STARTS]


@pytest.mark.parametrize("kind", [*list(KINDS)[:-1], pytest.param("VP8", marks=pytest.mark.release)])
def test_the_cuts_of_a_film_are_found_to_the_frame(kind, tmp_path):
    path = tmp_path / ("film.mkv" if kind in ("VP8", "variable rate") else "film.mp4")
    starts = write_shots(path, SHOTS, **KINDS[kind])
    video, found = cuts_of(path, AROUND, EmbeddingStore(tmp_path))
    assert found == STARTS
    assert video.times_s[found] == pytest.approx([float(s) for s in starts[1:-1]], abs=0.0011)


@pytest.fixture
def stored(film, tmp_path):
    """The film's cuts are in this store."""
    store = EmbeddingStore(tmp_path / "store")
    assert cuts_of(film[0], AROUND, store)[1] == STARTS
    return store


class Dying(DecodingProcess):
    """Decoding dies whenever this frame is asked for."""

    at = 0
    num_asked = 0

    def frames(self, video, pts, *rest, **more):
        self.num_asked += 1
        before = pts < video.pts[self.at]
        if before.all():
            yield from super().frames(video, pts, *rest, **more)
        else:
            yield from super().frames(video, pts[before], *rest, **more)
            raise DecodingLost("decoding died", "frames are missing", "run again")


class Unused:
    """A process that nobody may ask."""

    packages = SHARED.packages


def test_what_is_stored_is_not_decoded(film, stored):
    told = []
    assert cuts_of(film[0], AROUND, stored, Unused(), told)[1] == STARTS
    assert told == []


def test_a_frame_that_follows_at_once_needs_no_decoding(film, tmp_path):
    store = EmbeddingStore(tmp_path / "none")
    assert cuts_of(film[0], [(3, 4), (10, 11)], store, Unused())[1] == [4, 11]
    assert cuts_of(film[0], [], store, Unused())[1] == []
    assert not store.root.exists()


def test_more_cuts_are_added_to_what_is_stored(film, stored):
    assert cuts_of(film[0], [(80, 90), *AROUND[1:]], stored)[1] == STARTS
    assert cuts_of(film[0], [(80, 90), *AROUND], stored, Unused())[1] == [STARTS[0], *STARTS]


def test_what_no_decoding_can_place_is_stored_as_such(film, tmp_path):
    store, told = EmbeddingStore(tmp_path), []
    still = tmp_path / "still.mp4"
    write_shots(still, [(1, 0)] * 30)
    assert cuts_of(still, [(3, 15)], store)[1] == [UNCLEAR]
    assert cuts_of(still, [(3, 15)], store, Unused(), told)[1] == [UNCLEAR]


def test_a_damaged_file_of_cuts_is_made_anew_with_a_warning(film, stored):
    file = next(stored.root.rglob("cuts-*.arrow"))
    whole = file.read_bytes()
    for damaged in (whole[:-30], whole.replace(b"last", b"lost"), b"", b"x" * 4000):
        file.write_bytes(damaged)
        told = []
        assert [problem is None for _, problem in stored.verify()] == [False]
        assert cuts_of(film[0], AROUND, stored, told=told)[1] == STARTS
        assert "the cuts are placed again" in told[0].message
        assert file.read_bytes() == whole
    assert [problem is None for _, problem in stored.verify()] == [True]


def test_cuts_of_another_film_are_not_taken(film, stored, tmp_path):
    file = next(stored.root.rglob("cuts-*.arrow"))
    other = tmp_path / "other.mp4"
    write_shots(other, SHOTS[1:])
    told = []
    video, _ = cuts_of(other, [], stored)
    shutil.copytree(file.parent, file.parent.with_name(video.identity))
    assert cuts_of(other, [(96, 108)], stored, told=told)[1] == [101]
    assert "other cuts than its name says" in told[0].message


def test_where_decoding_dies_the_grid_stays_and_another_run_tries_again(film, tmp_path):
    store, told = EmbeddingStore(tmp_path), []
    with Dying() as process:
        process.at = STARTS[1]
        assert cuts_of(film[0], AROUND, store, process, told)[1] == [STARTS[0], NOT_READ, NOT_READ, NOT_READ]
    warnings = [event.message for event in told if isinstance(event, Warned)]
    assert warnings[:2] == [
        "decoding died: a new one continues",
        "decoding died again: a cut stays on the grid",
    ]
    assert cuts_of(film[0], AROUND, store)[1] == STARTS


def test_one_death_costs_nothing(film, tmp_path):
    class Once(DecodingProcess):
        num = 0

        def frames(self, *arguments, **more):
            self.num += 1
            for batch in super().frames(*arguments, **more):
                yield batch
                if self.num == 1:
                    raise DecodingLost("decoding died", "frames are missing", "run again")

    told = []
    with Once() as process:
        assert cuts_of(film[0], AROUND, EmbeddingStore(tmp_path), process, told)[1] == STARTS
    assert [event.message for event in told if isinstance(event, Warned)] in (
        ["decoding died: a new one continues"],
        [],
    )


def test_a_killed_run_goes_on(film, tmp_path, monkeypatch):
    monkeypatch.setattr("vtn_stream.cuts.CHANGES_PER_RUN", 2)
    store = EmbeddingStore(tmp_path)

    class Interrupt(list):
        def append(self, event):
            if isinstance(event, CutsPlaced) and event.num_done == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cuts_of(film[0], AROUND, store, told=Interrupt())
    told = []
    assert cuts_of(film[0], AROUND, store, told=told)[1] == STARTS
    assert told[-1] == CutsPlaced(num_done=2, num_total=2)


def test_frames_that_damage_took_leave_the_grid_s_place(film, tmp_path):
    class Damaged(DecodingProcess):
        """One frame is lost."""

        at = 0

        def frames(self, video, pts, *rest, **more):
            for batch in super().frames(video, pts, *rest, **more):
                keep = [k for k, i in enumerate(batch.items) if pts[i] != video.pts[self.at]]
                lost = [i for i in batch.items if pts[i] == video.pts[self.at]]
                yield FrameBatch(
                    frames=batch.frames[keep],
                    items=[batch.items[k] for k in keep],
                    lost=batch.lost + lost,
                    thumbnails={},
                )

    with Damaged() as process:
        for at, found in [
            (STARTS[1], UNCLEAR),
            (STARTS[1] - 1, UNCLEAR),
            (STARTS[1] - 3, STARTS[1]),
            (AROUND[1][0], UNCLEAR),
        ]:
            process.at = at
            store = EmbeddingStore(tmp_path / str(at))
            assert cuts_of(film[0], AROUND, store, process)[1] == [STARTS[0], found, *STARTS[2:]]


def test_a_film_that_is_replaced_or_gone_meanwhile_leaves_the_grid_s_places(film, tmp_path):
    path = tmp_path / "film.mp4"
    for change in (path.unlink, lambda: os.utime(path, (0, 0))):
        shutil.copy(film[0], path)
        store, told = EmbeddingStore(tmp_path / change.__name__), []
        with DecodingProcess() as process:
            video = process.probe(path)
            change()
            found = find_cuts(video, np.array(AROUND), store, process, told.append)
        assert found.tolist() == [NOT_READ] * 4
        assert "stay on the grid" in told[-1].message
        assert not list(store.root.rglob("cuts-*"))


def test_a_store_that_cannot_be_written_costs_the_next_run_the_same_work(film, tmp_path, monkeypatch):
    def full(*arguments):
        raise StoreError("the disk is full", "the cuts are not stored, and another run places them again", "free some")

    monkeypatch.setattr("vtn_stream.cuts.CHANGES_PER_RUN", 1)
    monkeypatch.setattr("vtn_stream.cuts.write_cuts", full)
    told = []
    assert cuts_of(film[0], AROUND, EmbeddingStore(tmp_path), told=told)[1] == STARTS
    assert ["cuts are not stored" in event.message for event in told if isinstance(event, Warned)] == [True]


# -- in timelines


@pytest.fixture(scope="module")
def seen(film, open_analyzer, tmp_path_factory):
    """Its analysis at two positions a second, and the store."""
    store = tmp_path_factory.mktemp("seen")
    with open_analyzer(store, fps=2) as analyzer:
        return analyzer.analyze(analyzer.plan(film[0])), store


def test_scenes_begin_where_their_first_frames_are_shown(film, seen):
    timeline = seen[0].timeline
    assert [s.start_s for s in timeline.segments] == pytest.approx([float(s) for s in film[1][:-1]], abs=1e-9)
    assert all(a.end_s == b.start_s for a, b in pairwise(timeline.segments))
    assert timeline.segments[-1].end_s == timeline.duration_s
    assert timeline.provenance["analysis"]["cuts"] == "frame"
    assert timeline.provenance["cuts"] == {"total": 4, "unclear": 0, "lost": 0}
    assert not any("midway" in note for note in timeline.provenance["notes"])


def test_without_refining_borders_are_midway_and_nothing_more_is_decoded(film, seen, open_analyzer):
    with open_analyzer(seen[1], fps=2, refine=False) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(film[0])).timeline
        assert analyzer._process.pid is None
    assert [s.start_s for s in timeline.segments] == [0, 3.25, 7.75, 10.25, 15.75]
    assert timeline.provenance["analysis"]["cuts"] == "grid"
    assert "cuts" not in timeline.provenance


def test_a_second_analysis_starts_no_decoding_and_says_the_same(film, seen, open_analyzer):
    events = []
    with open_analyzer(seen[1], fps=2) as analyzer:
        again = analyzer.analyze(analyzer.plan(film[0]), on_event=events.append)
        assert analyzer._process.pid is None
    assert again.timeline == seen[0].timeline
    assert {type(event).__name__ for event in events} == {"ChunkReady"}


def test_a_part_of_a_film_has_the_same_cuts_and_looks_for_no_others(film, seen, open_analyzer, tmp_path):
    with open_analyzer(tmp_path, fps=2) as analyzer:
        part = analyzer.analyze(analyzer.plan(film[0], start_s=7, end_s=12)).timeline
    assert [s.start_s for s in part.segments] == pytest.approx([7, 7.52, 10.08], abs=1e-9)
    assert [s.end_s for s in part.segments] == pytest.approx([7.52, 10.08, 12], abs=1e-9)
    assert part.provenance["cuts"]["total"] == 2


def test_scores_carry_the_cuts_so_that_scenes_are_drawn_anew_alike(seen, tmp_path):
    from vtn_stream.results import ResultFiles

    analysis = seen[0]
    files = ResultFiles(tmp_path, tmp_path / "film.mp4")
    files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    scores, index, labels = read_scores(files.scores)
    drawn = tuple(replace(s, origin=None) for s in analysis.timeline.segments)  # that a model said so comes after
    assert tuple(runs(scores, index, labels, analysis.timeline.duration_s)) == drawn
    assert tuple(Scenes(Fraction(2)).segments(scores, index, analysis.timeline.duration_s)) == drawn


def test_what_stays_on_the_grid_is_told(film, seen, open_analyzer, tmp_path):
    shutil.copytree(seen[1], tmp_path / "store", ignore=lambda folder, names: [n for n in names if n[:4] == "cuts"])

    def unread(*arguments, **more):
        raise VideoError("it cannot be opened", "it was not read", "look")
        yield

    events = []
    with open_analyzer(tmp_path / "store", fps=2) as analyzer:
        analyzer._process.frames = unread
        timeline = analyzer.analyze(analyzer.plan(film[0]), on_event=events.append).timeline
    assert [s.start_s for s in timeline.segments] == [0, 3.25, 7.75, 10.25, 15.75]
    assert timeline.provenance["cuts"] == {"total": 4, "unclear": 0, "lost": 4}
    assert any(
        note.startswith("Borders that are only placed midway between two sampled frames: 4 of 4.")
        for note in timeline.provenance["notes"]
    )
    assert any(isinstance(e, Warned) and "4 cuts stay on the grid" in e.message for e in events)


@pytest.mark.parametrize("rate", [NTSC, Fraction(24000, 1001), Fraction(60000, 1001), Fraction(50)])
def test_every_format_leads_back_to_the_frame(rate, seen, tmp_path):
    """Seconds as they are in JSON; rounded, and still nearest to that frame, elsewhere."""
    from dataclasses import replace

    from vtn_stream.formats import timeline_csv, timeline_json
    from vtn_stream.formats.reading import ReadingOptions
    from vtn_stream.formats.writing import Options

    frames = [0, 1, 7, 11, 1001, 30001, 107893]
    times_s = [float(f / rate) for f in frames]
    segments = tuple(
        replace(seen[0].timeline.segments[0], start_s=a, end_s=b, label=f"{a}") for a, b in pairwise(times_s)
    )
    timeline = replace(
        seen[0].timeline, segments=segments, duration_s=times_s[-1], span_s=(0, times_s[-1]), nominal_rate=rate
    )
    assert timeline_json.loads(timeline_json.dumps(timeline)).segments == segments
    written = timeline_csv.write([timeline], Options()).content
    (read,) = timeline_csv.read(written, "x.csv", ReadingOptions()).timelines
    assert [round(s.start_s * float(rate)) for s in read.segments] == frames[:-1]
