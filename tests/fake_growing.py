"""What `follow` stands between, in a simple form: a film that grows, its source, and what says what it sees."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from vtn_stream.errors import DecodingLost
from vtn_stream.film import FrameIndex
from vtn_stream.following import follow
from vtn_stream.following.events import Final
from vtn_stream.following.feed import Nothing
from vtn_stream.following.live import Rows, Said
from vtn_stream.localize import runs
from vtn_stream.track import GridScores
from vtn_stream.video import DecodingProcess


class GrowingFile:
    """A `GrowingFilm` of a film that is finished, of this name: what was fed says how far it has come."""

    paths: ClassVar[dict[str, Path]] = {}
    dies_at = frozenset[float]()  # seconds of the film; once each
    asked: ClassVar[list[float]] = []
    most_queued_bytes: ClassVar[int] = 0
    process: ClassVar[DecodingProcess]  # of all of them, to save starts

    def __init__(self, name, *, stream=None, keep_s=0.0):
        self._path = self.paths[name]
        self._process = self.process
        self._whole = None
        self._num_bytes = 0
        self._size = self._path.stat().st_size
        self._ended = False
        self.dropped = None
        self.decoder = self._process.decoder

    def feed(self, data):
        if self._whole is None:
            self._whole = self._process.probe(self._path)
            self._begins = data[:1]
        self._num_bytes += len(data)

    def end(self):
        self._ended = True

    @property
    def num_queued_bytes(self):
        """As if every frame had as many; none is gone before it was dropped."""
        if self._whole is None:
            return 0
        first = 0 if self.dropped is None else int(np.searchsorted(self._whole.pts, self.dropped))
        num_bytes = (self._num_frames - first) * self._size // self._whole.num_frames
        type(self).most_queued_bytes = max(self.most_queued_bytes, num_bytes)
        return num_bytes

    @property
    def _num_frames(self):
        if self._whole is None:
            return 0
        num = self._whole.num_frames
        return num if self._ended else min(num, num * self._num_bytes // self._size)

    @property
    def video(self):
        num = self._num_frames
        if num == 0:
            return None
        whole = self._whole
        if num == whole.num_frames and self._ended:
            return replace(whole, identity="e" * 32)
        keyframes = whole.keyframes[whole.keyframes <= whole.pts[num - 1]]
        end = int(whole.pts[num]) if num < whole.num_frames else whole.end_pts
        return replace(whole, pts=whole.pts[:num], end_pts=end, keyframes=keyframes, identity="e" * 32)

    @property
    def settled_s(self):
        num = self._num_frames
        if self._ended:
            return math.inf
        return -math.inf if num == 0 else self.video.duration_s

    def digest_at(self, time_s):
        if self._ended or self.settled_s >= time_s:
            num = int(np.searchsorted(self._whole.times_s, time_s))
            return hashlib.blake2b(f"{self._path.name} {self._begins} {num}".encode(), digest_size=16).hexdigest()
        return None

    def finished_identity(self):
        return None

    def finished(self, path):
        return self._process.probe(path), math.inf

    def keep(self, window, keeps_s):
        pass

    def drop(self, before_pts):
        assert self.dropped is None or before_pts >= self.dropped
        self.dropped = before_pts

    def windows(self, video, pts, windows, wants_thumbnail=None):
        assert pts[-1] <= self.video.pts[-1]
        assert self.dropped is None or pts[0] >= self.dropped
        first_s, last_s = (float(video.seconds(int(at))) for at in (pts[0], pts[-1]))
        type(self).asked.append(first_s)
        for at_s in sorted(self.dies_at):
            if first_s <= at_s <= last_s:
                type(self).dies_at = self.dies_at - {at_s}
                raise DecodingLost("the process decoding it died (signal 9)", "frames are missing", "run again")
        yield from self._process.windows(self._whole, pts, windows, wants_thumbnail)

    def close(self):
        pass


@dataclass
class Source:
    """A `Feed` of a file's bytes in pieces of this size. there: how many lie there from the beginning; None: all."""

    path: Path | None
    piece: int = 20_000
    name: str = ""
    replays: bool = True
    ended: str = "end"
    data: bytes = b""
    there: int | None = None
    given: int = 0
    events: dict[int, object] = field(default_factory=dict)  # by the number of the piece before which they come

    def __post_init__(self):
        if self.path is not None:
            self.data, self.name = self.data or self.path.read_bytes(), self.name or self.path.name

    @property
    def backlog_bytes(self):
        return max(0, (len(self.data) if self.there is None else self.there) - self.given)

    def pieces(self) -> Iterator[object]:
        self.given = 0
        for number, start in enumerate(range(0, len(self.data), self.piece)):
            if number in self.events:
                yield self.events[number]
            data = self.data[start : start + self.piece]
            self.given += len(data)
            yield data
        yield Nothing(waited_s=1.0)

    def close(self):
        pass


class Bright:
    """A `Live` of two labels: which of a position's first two values is larger, and the other way round in every other
    20 s. A run is final once it has ended.
    """

    delay_s, is_exact, needs_whole, window = 0.0, True, False, None
    saliency_name, named_by_appearance = "change", False

    def __init__(self, fps: Fraction):
        self.rows = []
        self.num_told = 0
        self.earlier = None

    def go_on(self, segments, until_s):
        self.earlier = (segments, until_s)

    def add(self, rows):
        assert rows.start == sum(len(of.index) for of in self.rows)
        self.rows.append(rows)

    def _runs(self, duration_s):
        values = np.concatenate([of.values for of in self.rows])
        index = FrameIndex.joined([of.index for of in self.rows])
        above = (values[:, 0] > values[:, 1]) ^ (index.grid_s // 20 % 2 == 1)
        self._frame = np.stack([above, ~above], axis=1).astype(np.float16)
        return runs(GridScores(frame=self._frame), index, self.labels(), duration_s)

    def say(self, film, *, ended):
        seen = self._runs(film.video.duration_s)
        final = seen if ended else seen[:-1]
        new, self.num_told = final[self.num_told :], len(final)
        rest = () if ended else tuple(seen[-1:])
        until_s = film.video.duration_s if ended else (final[-1].end_s if final else 0.0)
        return Said(final=tuple(new), provisional=rest, until_s=until_s)

    def labels(self):
        return ("left", "right")

    def named(self, segments):
        return tuple(segments)

    def scores(self):
        return GridScores(frame=self._frame)

    def cut_s(self):
        return None

    def read_whole(self, values, index, *, scratch):
        raise AssertionError("it needs no more")

    def provenance(self):
        return {"kind": "dense labels"}

    def notes(self):
        return []


def rows_of(kinds, part=slice(None)):
    """Rows of positions that are "seen", "left out" or "dark"; row i has the values i + 1 and frame 10 i."""
    seen = np.array([kind == "seen" for kind in kinds])
    numbers = np.arange(len(kinds))
    frame = np.array([-1 if kind == "dark" else 10 * i for i, kind in enumerate(kinds)])
    index = FrameIndex(grid_s=numbers * 1.0, frame=frame, pts_s=np.where(frame < 0, np.nan, numbers), valid=seen)
    values = np.where(seen, numbers + 1, 0)[:, None].astype(np.float16)
    return Rows(start=numbers[part][0], values=values[part], index=index[part])


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@pytest.fixture
def fakes(monkeypatch, film, changing, process):
    """The film grows as its bytes are fed."""
    monkeypatch.setattr("vtn_stream.video.GrowingFilm", GrowingFile, raising=False)
    monkeypatch.setattr(GrowingFile, "paths", {of.name: of for of in (film, changing)})
    monkeypatch.setattr(GrowingFile, "asked", [])
    monkeypatch.setattr(GrowingFile, "process", process, raising=False)
    monkeypatch.setattr(GrowingFile, "dies_at", frozenset())
    monkeypatch.setattr(GrowingFile, "most_queued_bytes", 0)
    monkeypatch.setattr("vtn_stream.following.looks.Looks.live", lambda self, video, region: Bright(1))


@pytest.fixture
def run(fakes, open_analyzer, tmp_path, film):
    """run(source, ...) -> (analysis, events), with one store."""

    def run_(source=None, *, told=None, on_event=None, store="store", kept=None, **options):
        events = [] if kept is None else kept

        def tell(event):
            events.append(event)
            if on_event is not None:
                on_event(event)

        with open_analyzer(tmp_path / store, **options) as analyzer:
            of_told = {} if told is None else {"told": told}
            analysis = follow(source or Source(film), analyzer._settings, on_event=tell, analyzer=analyzer, **of_told)
        return analysis, events

    return run_


@pytest.fixture(scope="session")
def changing(film_maker, tmp_path_factory):
    """300 s of pictures that change every 20 s: five chunks that cost little."""
    scenes = [(20, number % 7) for number in range(15)]
    return film_maker(tmp_path_factory.mktemp("films") / "changing.mp4", scenes, fps=Fraction(1, 5))


@pytest.fixture
def missing(open_analyzer, tmp_path):
    """missing(film): the chunks that an analysis would have to embed."""

    def missing_(film):
        with open_analyzer(tmp_path / "store") as analyzer:
            return analyzer.missing(analyzer.plan(film))

    return missing_


def of(film, piece=2000, **how):
    """Its source, in pieces of some seconds."""
    return Source(film, piece=piece, **how)


def finals(events):
    return [segment for event in events if isinstance(event, Final) for segment in event.segments]
