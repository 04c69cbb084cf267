"""What following a film gives up of its scenes: python benchmarks/following_scenes.py [--data FOLDER] [--store FOLDER]

Each film is analyzed without a model; then its positions are given to `LiveScenes` in pieces of 5 s, with pictures of
the frames so far only, as if it were written now. No recorder runs: what is compared is what is said, and when.

    borders   that the analysis of the finished film has
    found     of them by following, within one step of the grid; and to the frame
    others    borders that only following has
    known     where each cut is, as the film was made here: how many of them the analysis finds, and following
    delay     seconds of film from a border until it is final: the mean and the most, to the end of a piece of 5 s
    CPU       seconds of this process for a minute of film; decoding is another process's

Borders at gaps and at the film's ends do not count. The films are those of `films`, joins of their shots with hard cuts
and with dissolves, all clips of `cctv-fight` and all films of `indoor-actions`, each joined to one film.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from cuts import KINDS, joined, pieces, write_film
from join_clips import frames_of, joins, read_clips
from join_clips import write_film as write_clips
from numpy.typing import NDArray
from spine import join

from vtn_stream.analysis import Analyzer
from vtn_stream.embedding import ChunkReady
from vtn_stream.film import VideoInfo
from vtn_stream.following.live import Rows
from vtn_stream.following.live_scenes import LiveScenes
from vtn_stream.settings import Settings
from vtn_stream.timeline import Segment
from vtn_stream.video import DecodingProcess, FrameBatch, Window

PIECE_S = 5
FPS = Fraction(2)


@dataclass
class SoFar:
    """A finished film of which only the beginning is there."""

    whole: VideoInfo
    process: DecodingProcess
    video: VideoInfo

    def show(self, time_s: float) -> None:
        num = max(1, int(np.searchsorted(self.whole.times_s, time_s, side="right")))
        end_pts = self.whole.end_pts if num == self.whole.num_frames else int(self.whole.pts[num])
        dark = tuple(span for span in self.whole.dark if span.end <= end_pts)
        self.video = replace(self.whole, pts=self.whole.pts[:num], end_pts=end_pts, dark=dark)

    def windows(
        self, _: VideoInfo, pts: NDArray[np.int64], windows: Sequence[Window]
    ) -> Generator[tuple[FrameBatch, ...]]:
        assert not len(pts) or pts[-1] <= self.video.pts[-1]
        yield from self.process.windows(self.whole, pts, windows)


def followed(video: VideoInfo, ready: Sequence[ChunkReady], refine: bool) -> tuple[list[Segment], list[float], float]:
    """The final segments, the delay of each border, CPU seconds."""
    live, found, delays, spent = LiveScenes(FPS, refine=refine), list[Segment](), list[float](), 0.0
    size = round(PIECE_S * FPS)
    with DecodingProcess() as process:
        film = SoFar(video, process, video)
        for chunk in ready:
            for at in range(0, len(chunk.index), size):
                index = chunk.index[at : at + size]
                film.show(float(index.grid_s[-1]))
                began = time.process_time()
                live.add(Rows(start=chunk.chunk.start + at, values=chunk.values[at : at + size], index=index))
                said = live.say(film, ended=False)
                spent += time.process_time() - began
                found += said.final
                delays += [float(index.grid_s[-1] + 1 / FPS) - s.end_s for s in said.final]
        film.video = video
        began = time.process_time()
        found += live.say(film, ended=True).final
        live.named(found)
        spent += time.process_time() - began
    assert not delays or max(delays) <= live.delay_s + PIECE_S
    return found, delays, spent


def borders(segments: Sequence[Segment]) -> NDArray[np.float64]:
    return np.array([b.start_s for a, b in pairwise(segments) if a.end_s == b.start_s])


def num_near(wanted: NDArray[np.float64], found: NDArray[np.float64], within_s: float) -> int:
    return sum(bool(np.abs(found - at).min(initial=np.inf) <= within_s) for at in wanted)


def films(data: Path, folder: Path) -> list[tuple[Path, NDArray[np.float64] | None]]:
    """The films, and their cuts where they are known."""
    found: list[tuple[Path, NDArray[np.float64] | None]] = [(path, None) for path in sorted((data / "films").iterdir())]
    for kind in KINDS:
        if kind.name in ("H.264, 25 a second", "dissolves of 8 frames"):
            path = folder / f"shots, {'dissolves' if kind.transition else 'hard cuts'}.mp4"
            pictures, cuts = joined(pieces(data / "films", kind.rate), kind.transition)
            write_film(path, pictures, kind)
            found.append((path, np.array(cuts) / float(kind.rate)))
    parts, starts, before_s = list[Path](), list[float](), 0.0
    clips = read_clips(data / "cctv-fight" / "clips.csv")
    for made in joins(clips, "fight"):
        if (made.kind, made.fps) == ("mixed", 25):
            parts.append(folder / f"{made.name}.mp4")
            spans = write_clips(parts[-1], made, {clip: frames_of(clips[clip].path) for clip in made.clips})
            starts += [before_s + span.start_s for span in spans]
            before_s += spans[-1].end_s
    join(parts, before_s - 1, folder / "cctv-fight, joined.mp4")
    found.append((folder / "cctv-fight, joined.mp4", np.array(starts[1:])))
    join(sorted((data / "indoor-actions" / "videos").glob("*.mp4")), 34 * 60, folder / "indoor-actions, joined.mp4")
    return [*found, (folder / "indoor-actions, joined.mp4", None)]


def row(path: Path, cuts_s: NDArray[np.float64] | None, settings: Settings) -> str:
    with Analyzer(settings) as analyzer:
        plan = analyzer.plan(path)
        wanted = borders(analyzer.analyze(plan).timeline.segments)
        events = analyzer.embed(plan.video, plan.chunks)
        ready = sorted((e for e in events if isinstance(e, ChunkReady)), key=lambda e: e.chunk.number)
    segments, delays, spent = followed(plan.video, ready, settings.refine)
    found, step_s = borders(segments), float(1 / FPS)
    others = len(found) - num_near(found, wanted, step_s)
    known = ""
    if cuts_s is not None:
        known = f"{num_near(cuts_s, wanted, step_s)}, {num_near(cuts_s, found, step_s)} of {len(cuts_s)}"
    seconds = f"{np.mean(delays):.1f}, {max(delays):.1f}" if delays else ""
    minutes = plan.video.duration_s / 60
    return (
        f"| {path.stem} | {minutes:.1f} | {len(wanted)} | {num_near(wanted, found, step_s)} "
        f"| {num_near(wanted, found, 0.001)} | {others} | {known} | {seconds} | {spent / minutes:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VTN_STREAM_DATA", "../shared/data")))
    parser.add_argument("--store", type=Path, help="of embeddings; by default one that is deleted in the end")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store = given.store or folder / "store"
        all_films = films(given.data, folder)
        for refine in (True, False):
            print(f"\nCuts {'to the frame' if refine else 'on the grid (--no-refine)'}.\n")
            print("| film | minutes | borders | found | to the frame | others | known | delay | CPU |")
            print("|---|---:|---:|---:|---:|---:|---|---|---:|", flush=True)
            for path, cuts_s in all_films:
                print(row(path, cuts_s, Settings(store=store, device="cpu", refine=refine)), flush=True)


if __name__ == "__main__":
    main()
