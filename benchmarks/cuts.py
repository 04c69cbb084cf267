"""Where cuts are found, and what it costs to place them to the frame: python benchmarks/cuts.py [--data FOLDER]

Prints two tables as Markdown. The first is of films that are made here of real shots, so that it is known before which
frame each cut is; of the demo's film; and of films/talk-with-slides.mp4, whose cuts are the seven frames that differ
most from the one before, of all. Errors are in frames, of the cuts that are found: first where the grid has them
(--no-refine), then as they are placed.

The second is of what placing costs: wall and CPU seconds of an analysis without it, of placing the cuts once its
embeddings are stored, and of one more run (the best of three), in which nothing is left to decode. The process that
analyzes is the same for all, and has loaded its network before.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from spine import join, measured

from vtn_stream.analysis import Analyzer
from vtn_stream.settings import Settings

SHOTS = ("basketball", "bedroom", "blocks", "coffee", "cups", "dog", "juggle", "pool")
WIDTH, HEIGHT = 480, 270
NUM_SHOTS = 12
NEAR_S = 0.5  # a border so near to a true cut is that cut: a step of the grid

Pictures = NDArray[np.uint8]  # [n, H, W, 3]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a film is made. transition: frames that a dissolve takes, or what is done to each cut."""

    name: str
    rate: Fraction = Fraction(25)
    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = (("preset", "veryfast"), ("crf", "23"))
    transition: int | str = ""


X264 = Kind(name="").options
KINDS = (
    Kind(name="H.264, 25 a second"),
    Kind(name="H.264, 30000/1001 a second", rate=Fraction(30000, 1001)),
    Kind(name="H.264, 50 a second", rate=Fraction(50)),
    Kind(name="H.264, one keyframe", options=(*X264, ("g", "9999"), ("sc_threshold", "0"))),
    Kind(name="HEVC", codec="libx265", options=(("preset", "ultrafast"), ("x265-params", "log-level=none"))),
    Kind(name="MPEG-4, coarse", codec="mpeg4", options=(("b", "300k"),)),
    Kind(name="a blended frame at each cut", transition="blend"),
    Kind(name="interlaced fields at each cut", transition="weave"),
    Kind(name="two white frames near each cut", transition="flash"),
    Kind(name="dissolves of 8 frames", transition=8),
)


def pieces(folder: Path, rate: Fraction) -> list[Pictures]:
    """Pieces of shots, 3 to 6 s each, the same ones every time."""
    rng, found = np.random.default_rng(1), []
    for i in range(NUM_SHOTS):
        num = int(rng.uniform(3, 6) * 25)
        first = int(rng.integers(0, 200 - num + 40)) if num < 200 else 0
        with av.open(str(folder / f"{SHOTS[i % len(SHOTS)]}.mp4")) as film:
            frames = islice(film.decode(video=0), first, first + round(num * rate / 25))
            pictures = [frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray() for frame in frames]
        found.append(np.stack(pictures))
    return found


def joined(shots: Sequence[Pictures], transition: int | str) -> tuple[Pictures, list[int]]:
    """All pictures, and before which of them each cut is."""
    cuts = np.cumsum([len(shot) for shot in shots])[:-1].tolist()
    film = np.concatenate(shots)
    for cut in cuts:
        if transition == "blend":
            film[cut] = (film[cut - 1].astype(int) + film[cut + 1]) // 2
        elif transition == "weave":
            film[cut, ::2] = film[cut - 1, ::2]
        elif transition == "flash":
            at = cut + (4 if cut % 2 else -6)
            film[at : at + 2] = 235
        elif isinstance(transition, int):
            before, after = film[cut - 1].astype(float), film[cut].astype(float)
            for i in range(transition):
                share = (i + 0.5) / transition
                at = cut - transition // 2 + i
                a, b = (film[at], after) if at < cut else (before, film[at])
                film[at] = (a * (1 - share) + b * share).round()
    return film, cuts


def write_film(path: Path, pictures: Pictures, kind: Kind) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(kind.codec, rate=kind.rate, options=dict(kind.options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = i, 1 / kind.rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def largest_steps(path: Path, num: int) -> list[int]:
    """The frames that differ most from the one before, of all, in their order."""
    steps, before = [0.0], None
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            picture = frame.reformat(160, 90, "gray").to_ndarray().astype(np.int16)
            if before is not None:
                steps.append(float(np.abs(picture - before).mean()))
            before = picture
    return sorted(np.argsort(steps)[-num:].tolist())


class Bench:
    """One Analyzer for all films; each is analyzed on the grid, then refined, then once more."""

    def __init__(self, store: Path) -> None:
        self._settings = Settings(store=store, device="cpu", refine=False)
        with Analyzer(self._settings) as analyzer:
            self._encoder = analyzer.encoder
        self.costs: list[str] = []

    def run(self, name: str, path: Path, cuts_s: Sequence[float] | None, *, cost: bool = False) -> str:
        """The row of the first table; cost: adds one to the second."""
        found, times = [], []
        for refine in (False, True, *((True, False) * 3)):
            with Analyzer(replace(self._settings, refine=refine), encoder=self._encoder) as analyzer:
                plan = analyzer.plan(path)
                times.append(measured(lambda a=analyzer, p=plan: found.append(a.analyze(p).timeline)))
        grid, placed = found[0], found[1]
        assert found[2] == placed
        if cost:
            (cpu, wall), (cpu_1, wall_1) = times[:2]
            (cpu_2, _), (cpu_0, wall_0) = min(times[2::2]), min(times[3::2])  # what others do shows in such short times
            self.costs.append(
                f"| {name} | {grid.duration_s / 60:.1f} | {placed.provenance['cuts']['total']} "
                f"| {wall:.1f}, {cpu:.1f} | {wall_1 - wall_0:.2f}, {cpu_1 - cpu_0:.2f} "
                f"| {(wall_1 - wall_0) / wall:.2f}, {(cpu_1 - cpu_0) / cpu:.2f} | {cpu_2:.2f}, {cpu_0:.2f} |"
            )
        if cuts_s is None:
            return ""
        rate = float(grid.nominal_rate or 25)
        errors = []
        for timeline in (grid, placed):
            starts = np.array([s.start_s for s in timeline.segments[1:]])
            nearest = [float(np.abs(starts - cut).min(initial=np.inf)) for cut in cuts_s]
            errors.append([e * rate for e in nearest if e <= NEAR_S])
        shown = " | ".join(f"{np.mean(e):.1f} | {max(e):.1f}" for e in errors)
        others = len(placed.segments) - 1 - len(errors[1])
        return f"| {name} | {len(errors[1])} of {len(cuts_s)}, {others} | {shown} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VTN_STREAM_DATA", "../shared/data")))
    parser.add_argument("--minutes", type=float, default=20, help="of the joined film whose cost is measured")
    given = parser.parse_args()
    films = given.data / "films"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bench = Bench(folder / "store")
        print("| film | cuts found, other borders | grid: mean | largest | placed: mean | largest |")
        print("|---|---|---:|---:|---:|---:|")
        for i, kind in enumerate(KINDS):
            pictures, cuts = joined(pieces(films, kind.rate), kind.transition)
            path = folder / f"{i}.mp4"
            write_film(path, pictures, kind)
            print(bench.run(kind.name, path, [float(cut / kind.rate) for cut in cuts], cost=i in (0, 3)), flush=True)
        demo = Path(__file__).parents[1] / "demo" / "make_film.py"
        subprocess.run([sys.executable, demo, folder], check=True, stdout=subprocess.DEVNULL)
        cut_frames = [round(float(row.split(",")[1]) * 25) for row in (folder / "truth.csv").read_text().split()[2:]]
        print(bench.run("the demo", folder / "film.mp4", [frame / 25 for frame in cut_frames], cost=True))
        talk = films / "talk-with-slides.mp4"
        print(bench.run("talk-with-slides", talk, [f / 30 for f in largest_steps(talk, 7)], cost=True))
        long = folder / "long.mp4"
        join(sorted((given.data / "indoor-actions" / "videos").glob("*.mp4")), given.minutes * 60, long)
        bench.run("indoor-actions, joined", long, None, cost=True)
    print(
        "\nSeconds and ratios are of wall time, and of CPU time; a second run's of CPU time, with and without cuts.\n"
    )
    print("| film | minutes | changes | analysis | placing its cuts | of the analysis | second run |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    print("\n".join(bench.costs))


if __name__ == "__main__":
    main()
