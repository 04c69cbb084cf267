"""Scenes of films that come in pieces: borders that are final within the delay, and names at the end."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
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
from vtn_stream.placing import SIZE
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import FrameBatch, Window

RATE = 25
FPS = Fraction(2)


def picture_of(scene, frame):
    """uint8 [36, 64, 3]: blocks of colours that drift a little."""
    blocks = np.random.default_rng(ord(scene)).integers(20, 236, (6, 8, 3))
    large = np.repeat(np.repeat(blocks, 6, axis=0), 9, axis=1)  # [36, 72]
    drift = abs(frame % 8 - 4)
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
        return picture_of(self.scenes[frame], frame)

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
        held = video.times_s[pts] >= video.times_s[-1] - self.held_s
        for start in range(0, len(pts), 64):
            here = range(start, min(start + 64, len(pts)))
            items = [i for i in here if held[i]]
            frames = np.array([self.picture(int(pts[i])) for i in items], np.uint8).reshape(-1, *SIZE, 3)
            yield (FrameBatch(frames=frames, items=items, lost=[i for i in here if not held[i]], thumbnails={}),)


def frames(drawing, seconds):
    """Each letter is a scene of this length."""
    return "".join(letter * round(s * RATE) for letter, s in zip(drawing, seconds, strict=True))


def told(film, pieces, live=None, delays=None):
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
        behind_s = float(at / film.fps) - live.delay_s
        assert until_s >= behind_s - 0.5
        if delays is not None:
            delays += [float(at / film.fps) - s.end_s for s in said.final]
        if at == film.num:
            break
    final += live.say(film, ended=True).final
    return final, live


def borders(segments):
    return [s.start_s for s in segments[1:]]


CUTS = frames("ABCADB", (11.2, 7.44, 9.08, 0.8, 14.0, 8.0))
CUTS_S = np.cumsum([11.2, 7.44, 9.08, 0.8, 14.0])


@pytest.mark.parametrize("size", [1, 3, 10, 200])
def test_cuts_are_found_to_the_frame_whatever_pieces_a_film_comes_in(size):
    film = Film(CUTS)
    final, live = told(film, [size] * 200)
    assert borders(final) == pytest.approx(CUTS_S, abs=1e-9)
    assert final[0].start_s == 0
    assert final[-1].end_s == film.whole.duration_s
    assert {s.label for s in final} == {LABEL}
    assert [s.label[-1] for s in live.named(final)] == ["A", "B", "C", "A", "D", "B"]
