"""Scenes of films that come in pieces: borders that are final within the delay, and names at the end."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import DecodingLost
from vtn_stream.film import Dark, VideoInfo
from vtn_stream.following.live import Rows
from vtn_stream.following.live_scenes import LABEL, LiveScenes
from vtn_stream.localize import runs
from vtn_stream.placing import SIZE
from vtn_stream.sampling import SamplingPlan
from vtn_stream.scorers.scenes import Scenes
from vtn_stream.video import FrameBatch, Window

RATE = 10
FPS = Fraction(2)


@cache
def picture_of(scene, drift):
    """uint8 [36, 64, 3]: blocks of colours."""
    blocks = np.random.default_rng(ord(scene)).integers(20, 236, (6, 8, 3))
    large = np.repeat(np.repeat(blocks, 6, axis=0), 9, axis=1)  # [36, 72]
    return large[:, drift : drift + 64].astype(np.uint8)


@dataclass
class Film:
    """Its frames, as letters of scenes; of a grid's positions those in `lost` have no embedding."""

    scenes: str
    rate: int = RATE
    fps: Fraction = FPS
    lost: frozenset = frozenset()
    held_s: float = 120.0

    def __post_init__(self):
        num = len(self.scenes)
        self.whole = VideoInfo(
            path=Path("film.ts"),
            identity="0" * 32,
            stream=0,
            codec="h264",
            width=64,
            height=36,
            time_base=Fraction(1, self.rate),
            start=Fraction(0),
            pts=np.arange(num, dtype=np.int64),
            end_pts=num,
            keyframes=np.zeros(1, np.int64),
        )
        self.index = SamplingPlan(self.fps).grid(self.whole)
        valid = self.index.valid.copy()
        valid[[p for p in self.lost if p < len(valid)]] = False
        self.index = replace(self.index, valid=valid)
        self.video = self.whole
        self.num_asked = 0

    @property
    def num(self):
        return len(self.index)

    def show(self, num):
        """So many positions are there, and the frames before the next one."""
        frames = len(self.scenes) if num >= self.num else int(self.index.frame[num - 1]) + 1
        self.video = replace(self.whole, pts=self.whole.pts[:frames], end_pts=frames)

    def picture(self, frame):
        return picture_of(self.scenes[frame], abs(frame % 4 - 2))  # it moves a little

    def rows(self, start, stop):
        values = np.zeros((stop - start, 48), np.float16)
        for i in range(start, stop):
            if self.index.valid[i]:
                values[i - start] = self.picture(int(self.index.frame[i]))[::9, ::16].ravel() / 255
        return Rows(start=start, values=values, index=self.index[start:stop])

    def windows(self, video, pts, windows):
        assert windows == [Window(SIZE)]
        assert np.isin(pts, self.video.pts).all()
        self.num_asked += 1
        held = pts / self.rate >= video.times_s[-1] - self.held_s
        for start in range(0, len(pts), 64):
            here = range(start, min(start + 64, len(pts)))
            items = [i for i in here if held[i]]
            frames = np.array([self.picture(int(pts[i])) for i in items], np.uint8).reshape(-1, *SIZE, 3)
            yield (FrameBatch(frames=frames, items=items, lost=[i for i in here if not held[i]], thumbnails={}),)


def frames(drawing, seconds):
    """Each letter is a scene of this length."""
    return "".join(letter * round(s * RATE) for letter, s in zip(drawing, seconds, strict=True))


def told(film, pieces, live=None):
    """(final, live) of a film whose positions come in pieces of these sizes. Checks what holds of every film."""
    live = live or LiveScenes(film.fps)
    final, at, until_s = [], 0, 0.0
    for size in [*pieces, film.num]:
        stop = min(at + size, film.num)
        if stop > at:
            live.add(film.rows(at, stop))
        at = stop
        film.show(at)
        said = live.say(film, ended=False)
        final += said.final
        assert said.until_s >= until_s
        assert all(s.end_s >= until_s for s in said.final)
        until_s = said.until_s
        whole = [*final, *said.provisional]
        assert all(a.end_s <= b.start_s for a, b in pairwise(whole))
        assert until_s >= float(at / film.fps) - live.delay_s
        if at == film.num:
            break
    final += live.say(film, ended=True).final
    return final, live


def borders(segments):
    return [s.start_s for s in segments[1:]]


CUTS = frames("ABCDEB", (11.2, 7.4, 9.1, 0.8, 14.0, 8.0))
CUTS_S = np.cumsum([11.2, 7.4, 9.1, 0.8, 14.0])


@pytest.mark.parametrize("size", [1, 10, 200])
def test_cuts_are_found_to_the_frame_whatever_pieces_a_film_comes_in(size):
    film = Film(CUTS)
    final, live = told(film, [size] * 200)
    assert borders(final) == pytest.approx(CUTS_S, abs=1e-9)
    assert final[0].start_s == 0
    assert final[-1].end_s == film.whole.duration_s
    assert {s.label for s in final} == {LABEL}
    assert [s.label[-1] for s in live.named(final)] == ["A", "B", "C", "D", "E", "B"]


def test_what_is_said_meanwhile_reaches_as_far_as_the_film():
    film, live = Film(frames("AB", (8.2, 40))), LiveScenes(FPS)
    live.add(film.rows(0, 40))
    film.show(40)
    said = live.say(film, ended=False)
    assert [(s.start_s, s.end_s) for s in said.final] == [(0, pytest.approx(8.2))]
    assert [(s.start_s, s.end_s) for s in said.provisional] == [(pytest.approx(8.2), film.video.duration_s)]
    assert live.labels() == (LABEL,)


def test_names_and_scores_are_of_the_whole_film():
    film = Film(CUTS)
    final, live = told(film, [7] * 20)
    named = live.named(final)
    assert [(s.start_s, s.end_s, s.origin) for s in named] == [(s.start_s, s.end_s, "model") for s in final]
    assert live.labels() == ("scene A", "scene B", "scene C", "scene D", "scene E")
    scores = live.scores()
    assert scores.frame.shape == (film.num, 5)
    index = replace(film.index, cut_s=live.cut_s())
    drawn = runs(scores, index, live.labels(), film.whole.duration_s)
    assert [(s.start_s, s.end_s, s.label, s.score) for s in drawn] == [
        (s.start_s, s.end_s, s.label, s.score) for s in named
    ]
    peaks = np.flatnonzero(scores.saliency > 0.6)
    assert set(peaks) >= {23, 38, 85}


def test_it_says_what_an_analysis_of_the_whole_says():
    film = Film(frames("ABACDCA", (6, 9.4, 2.2, 12, 7.8, 3, 10)))
    final, live = told(film, [10] * 20)
    values = np.concatenate([film.rows(0, film.num).values])
    whole = Scenes(FPS).with_shots(values, film.index, [12, 31, 36, 60, 75, 81], None)
    index = replace(film.index, cut_s=live.cut_s())
    assert runs(whole, index, Scenes(FPS).labels(whole), film.whole.duration_s) == [
        replace(s, origin=None) for s in live.named(final)
    ]


def test_cuts_are_on_the_grid_without_pictures():
    film = Film(CUTS)
    final, live = told(film, [10] * 20, LiveScenes(FPS, refine=False))
    assert film.num_asked == 0
    assert borders(final) == [11.25, 18.75, 27.75, 42.25]  # a shot of 0.8 s is none
    assert live.window is None
    assert not any("not looked at" in note for note in live.notes())


def test_where_pictures_are_gone_cuts_stay_on_the_grid_and_it_is_said():
    film = Film(CUTS, held_s=0.0)
    final, live = told(film, [10] * 20)
    assert borders(final) == [11.25, 18.75, 27.75, 42.25]
    assert [note.split(":")[0] for note in live.notes()[2:]] == [
        "Changes of scene may be missing",
        "Borders that are only placed midway between two sampled frames",
    ]


def test_lost_positions_end_a_segment_and_a_scene_goes_on_behind_them():
    film = Film(frames("AB", (20, 20)), lost=frozenset(range(10, 14)))
    final, live = told(film, [10] * 20)
    assert [(s.start_s, s.end_s) for s in final] == [(0, 4.75), (6.75, 20), (20, 40)]
    assert [s.label[-1] for s in live.named(final)] == ["A", "A", "B"]


def test_a_long_gap_delays_nothing():
    film = Film(frames("AB", (60, 60)), lost=frozenset(range(20, 200)))
    told(film, [10] * 40)  # it checks the delay


def test_a_film_that_stops_showing_frames_does_so_to_the_frame():
    film = Film(frames("A", (20,)))
    dark = Dark(start=101, end=146, why="leap")
    pts = np.concatenate([np.arange(101), np.arange(146, 200)])
    film.whole = replace(film.whole, pts=pts, end_pts=200, dark=(dark,))
    film.index = SamplingPlan(FPS).grid(film.whole)
    film.video = film.whole
    live = LiveScenes(FPS)
    live.add(film.rows(0, 40))
    final = live.say(film, ended=True).final
    assert [(s.start_s, s.end_s) for s in final] == [(0, pytest.approx(10.1)), (pytest.approx(14.6), 20)]
    assert {p: s for p, s in enumerate(live.cut_s()) if not np.isnan(s)} == {
        21: pytest.approx(10.1),
        30: pytest.approx(14.6),
    }


@pytest.mark.parametrize("stop", [61, 90])
def test_another_run_tells_the_same_and_goes_on_without_pictures_of_what_was_told(stop):
    film, live = Film(CUTS), LiveScenes(FPS)
    live.add(film.rows(0, stop))
    film.show(stop)
    said = live.say(film, ended=False)
    again = LiveScenes(FPS)
    again.go_on(said.final, said.until_s)
    film = Film(CUTS, held_s=float((film.num - stop) / FPS) + live.delay_s)
    final, again = told(film, [stop], again)
    assert final[: len(said.final)] == [*said.final]
    assert borders(final) == pytest.approx(CUTS_S, abs=1e-9)
    assert [s.label[-1] for s in again.named(final)] == ["A", "B", "C", "D", "E", "B"]


def with_a_join(film):
    """Its grid has a shorter step before position 50, as where one file of a recording ends and the next begins."""
    grid_s = film.index.grid_s - np.where(np.arange(film.num) >= 50, 0.3, 0.0)
    shown = np.round(grid_s * film.rate + 1e-6).astype(np.int64)
    film.index = replace(film.index, grid_s=grid_s, frame=shown, pts_s=shown / film.rate)
    return film


def test_the_grid_of_a_recording_may_have_shorter_steps():
    film = with_a_join(Film(CUTS))
    final, live = told(film, [61])
    assert borders(final) == pytest.approx(CUTS_S, abs=1e-9)
    assert [s.label[-1] for s in live.named(final)] == ["A", "B", "C", "D", "E", "B"]
    again = LiveScenes(FPS)
    again.go_on(final[:2], 24.2)
    seen, again = told(film, [61], again)
    assert seen == final
    assert again.named(seen) == live.named(final)


def test_a_film_that_goes_on_after_its_end_was_told_begins_a_new_segment_there():
    begun = Film(CUTS[:200])
    final, live = told(begun, [10] * 9)
    again = LiveScenes(FPS)
    again.go_on(final, live.say(begun, ended=True).until_s)
    seen, _ = told(Film(CUTS), [7] * 20, again)
    assert seen[: len(final)] == final
    assert seen[len(final)].start_s == final[-1].end_s == 20.0


def test_a_decoder_that_is_lost_costs_nothing():
    film, live = Film(CUTS), LiveScenes(FPS)
    asked = film.windows

    def lost(*arguments):
        raise DecodingLost("decoding died", "frames are missing", "run again")
        yield

    live.add(film.rows(0, film.num))
    final = []
    for film.windows in (lost, asked):
        try:
            final += live.say(film, ended=True).final
        except DecodingLost:
            continue
    assert borders(final) == pytest.approx(CUTS_S, abs=1e-9)


@pytest.mark.parametrize("scenes", ["", "A", "AB"])
def test_films_of_a_frame_or_two(scenes):
    if not scenes:
        live = LiveScenes(FPS)
        live.add(Rows(start=0, values=np.zeros((0, 36), np.float16), index=Film("A").index[:0]))
        film = Film("A")
        assert live.say(film, ended=True).final == ()
        assert live.named([]) == ()
        return
    final, live = told(Film(scenes), [1])
    assert [(s.start_s, s.end_s) for s in live.named(final)] == [(0, len(scenes) / RATE)]
    assert live.labels() == ("scene A",)


def test_a_film_without_one_frame_that_could_be_decoded_has_no_scene():
    film = Film(CUTS, lost=frozenset(range(200)))
    final, live = told(film, [10] * 20)
    assert final == []
    assert live.named(final) == ()
    assert live.scores().frame.shape == (film.num, 0)


def test_memory_stays_flat():
    film, live = Film(frames("ABCD", (5, 6, 7, 8)) * 3), LiveScenes(FPS)
    most = 0
    for at in range(0, film.num, 4):
        live.add(film.rows(at, min(at + 4, film.num)))
        film.show(at + 4)
        live.say(film, ended=False)
        most = max(most, len(live._rows.positions), len(live._drawn._grid_s))
    assert most <= 3 * live.delay_s * float(FPS)


scenes_of = st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(2, 80)), min_size=1, max_size=6)


@settings(max_examples=8)
@given(
    scenes_of,
    st.lists(st.integers(1, 40), max_size=30),
    st.lists(st.integers(1, 40), max_size=30),
    st.frozensets(st.integers(0, 99), max_size=20),
    st.sampled_from([Fraction(2), Fraction(1, 3), Fraction(25, 4)]),
    st.booleans(),
)
def test_pieces_change_nothing_and_nothing_final_comes_late(scenes, pieces, others, lost, fps, refine):
    film = Film("".join(letter * num for letter, num in scenes), lost=lost, fps=fps)
    final, live = told(film, pieces, LiveScenes(fps, refine=refine))
    again, other = told(film, others, LiveScenes(fps, refine=refine))
    assert final == again
    assert live.named(final) == other.named(again)
    assert live.scores().frame.tobytes() == other.scores().frame.tobytes()
    assert live.scores().saliency.tobytes() == other.scores().saliency.tobytes()
    assert live.notes() == other.notes()
    covered = np.zeros(film.num, np.bool_)
    for s in final:
        covered |= (film.index.grid_s >= s.start_s) & (film.index.grid_s < s.end_s)
    assert (covered == film.index.valid).all()
