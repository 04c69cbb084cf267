"""How well the borders of shots are found: cuts, fades through black and dissolves, beside other programs.

    pip install -e .[boundaries]
    python benchmarks/boundaries.py [--data FOLDER] [--old CHECKOUT] [--side report] [--keep FOLDER]

Joins pieces of the clips in films/ to films of which every border is known. The clips are of two sides, which share no
clip: what is set in the program was chosen on joins of the one side ("choose"), and is reported on joins of the other.

A film has borders of one kind. A shot is shown alone for 0.5 to 12 s (its logarithm is drawn evenly); a fade or a
dissolve takes 0.5 to 2 s more, in which both shots go on. No shot follows one of the same clip. A fade goes to black in
its first half and comes back in the second. Where a clip is shorter than its shot, it runs backwards and forwards.

A border is found if a reported one lies within 0.5 s of it; of a gradual one: within 0.5 s of the span in which the
picture changes. One reported border finds one true border; all others are false. F1 is of both.

Also printed: the borders that are found in the videos of indoor-actions, which are single shots, in an hour.
Programs: this one, another checkout of it (--old), and PySceneDetect (its detectors as they come, but with shots of
0.5 s allowed; they see every frame).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

# Of each clip the stretches without a border of its own, in seconds.
SIDES = {
    "choose": {
        "arm-wrestling.mp4": [(0.0, 6.5)],
        "bedroom.mp4": [(0.0, 6.6)],
        "blocks.mp4": [(0.0, 9.7)],
        "dog.mp4": [(0.0, 9.6)],
        "film-30s.mp4": [(4.2, 6.4), (11.0, 11.9), (18.1, 19.2), (22.1, 23.6), (24.1, 25.2)],
        "talk-with-slides.mp4": [(10.0, 20.0), (55.0, 65.0), (75.0, 85.0), (102.0, 112.0)],
    },
    "report": {
        "basketball.mp4": [(0.0, 10.0)],
        "clip.avi": [(0.0, 6.5)],
        "coffee.mp4": [(0.0, 9.5)],
        "cups.mp4": [(0.0, 10.0)],
        "juggle.mp4": [(0.0, 10.2)],
        "pool.mp4": [(0.0, 10.0)],
    },
}
SEEDS = {"choose": 1, "report": 2}
KINDS = ("cut", "fade", "dissolve")
WIDTH, HEIGHT, FPS = 320, 180, 25
SHOT_S, CHANGE_S = (0.5, 12.0), (0.5, 2.0)
NEAR_S = 0.5
DETECT = "import json, sys; from vtn_stream.analysis import analyze; "
DETECT += "print([s.start_s for s in analyze(sys.argv[1], device='cpu', **json.loads(sys.argv[2])).segments[1:]])"

Pictures = NDArray[np.uint8]  # [n, H, W, 3]


class Border(NamedTuple):
    """Where the picture changes: start_s = end_s for a cut."""

    start_s: float
    end_s: float


class Score(NamedTuple):
    num_true: int
    num_found: int
    num_false: int

    def __add__(self, other: "Score") -> "Score":  # type: ignore[override]
        return Score(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def f1(self) -> float:
        return 2 * self.num_found / max(1, self.num_true + self.num_found + self.num_false)

    def __str__(self) -> str:
        return f"{self.f1:.3f} ({self.num_found} of {self.num_true}, {self.num_false} false)"


def score(borders: Sequence[Border], found_s: Sequence[float]) -> Score:
    """Each border takes the first reported one that it can have: with spans that do not contain one another, no
    choice finds more."""
    left = sorted(found_s)
    num_reported, num_found = len(left), 0
    for border in sorted(borders, key=lambda b: b.end_s):
        at = bisect_left(left, border.start_s - NEAR_S - 1e-6)
        if at < len(left) and left[at] <= border.end_s + NEAR_S + 1e-6:
            del left[at]
            num_found += 1
    return Score(len(borders), num_found, num_reported - num_found)


@cache
def stretches(path: Path, spans: tuple[tuple[float, float], ...]) -> list[Pictures]:
    """The pictures of these spans, at the rate of the joined films."""
    found = []
    for start_s, end_s in spans:
        pictures: list[Pictures] = []
        with av.open(str(path)) as film:
            video = film.streams.video[0]
            film.seek(int(start_s / video.time_base), stream=video)
            last = None
            for frame in film.decode(video):
                while last is not None and start_s + len(pictures) / FPS < min(frame.time, end_s):
                    pictures.append(last)
                if frame.time > end_s:
                    break
                last = frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray()
        found.append(np.stack(pictures))
    return found


def played(stretch: Pictures, rng: np.random.Generator) -> Iterator[Pictures]:
    """Its pictures [H, W, 3] from somewhere on, forwards and backwards without end."""
    there_and_back = np.concatenate([np.arange(len(stretch)), np.arange(len(stretch) - 2, 0, -1)])
    first = int(rng.integers(len(there_and_back)))
    return (stretch[there_and_back[i % len(there_and_back)]] for i in range(first, sys.maxsize))


def joined(clips: Sequence[list[Pictures]], kind: str, num_borders: int, seed: int) -> Iterator[Pictures | Border]:
    """Pictures [H, W, 3] of a film, and every border once it has been shown."""
    rng = np.random.default_rng(seed)
    num_shown, clip = 0, -1
    before: Iterator[Pictures] | None = None
    for _ in range(num_borders + 1):
        clip = int(rng.choice([c for c in range(len(clips)) if c != clip]))
        stretch = clips[clip][rng.integers(len(clips[clip]))]
        stretch = stretch[:, :, ::-1] if rng.random() < 0.5 else stretch
        shown = played(stretch, rng)
        if before is not None:
            num = 0 if kind == "cut" else round(rng.uniform(*CHANGE_S) * FPS)
            for i in range(num):
                share = (i + 0.5) / num
                old, new = next(before).astype(np.float32), next(shown).astype(np.float32)
                if kind == "dissolve":
                    yield (old * (1 - share) + new * share).astype(np.uint8)
                else:
                    yield (old * max(0.0, 1 - 2 * share) + new * max(0.0, 2 * share - 1)).astype(np.uint8)
            yield Border(num_shown / FPS, (num_shown + num) / FPS)
            num_shown += num
        num = round(float(np.exp(rng.uniform(*np.log(SHOT_S)))) * FPS)
        for _ in range(num):
            yield next(shown)
        num_shown += num
        before = shown


def write_film(path: Path, parts: Iterator[Pictures | Border]) -> list[Border]:
    borders, shown = [], 0
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for part in parts:
            if isinstance(part, Border):
                borders.append(part)
                continue
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(part), "rgb24")
            frame.pts, frame.time_base = shown, Fraction(1, FPS)
            out.mux(stream.encode(frame))
            shown += 1
        out.mux(stream.encode(None))
    return borders


def films_of(side: str, films: Path, folder: Path, num_borders: int) -> dict[str, tuple[Path, list[Border]]]:
    """By kind: a film, and its borders; as they are, where they were made before."""
    made = {}
    for number, kind in enumerate(KINDS):
        path = folder / f"{side}-{kind}.mp4"
        truth = path.with_suffix(".json")
        if not truth.exists():
            clips = [stretches(films / name, tuple(spans)) for name, spans in SIDES[side].items()]
            borders = write_film(path, joined(clips, kind, num_borders, 10 * SEEDS[side] + number))
            truth.write_text(json.dumps(borders))
        made[kind] = (path, [Border(*border) for border in json.loads(truth.read_text())])
    return made


def ours(checkout: Path, store: Path, fps: str, path: Path) -> list[float]:
    """The borders that the program in this checkout finds, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", DETECT, str(path), json.dumps({"store": str(store), "fps": fps})]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=store.parent, text=True)
    return list(map(float, json.loads(done.stdout)))


def peers(names: Sequence[str], path: Path) -> list[float]:
    """The borders that detectors of PySceneDetect find together."""
    import scenedetect

    video, manager = scenedetect.open_video(str(path), backend="pyav"), scenedetect.SceneManager()
    for name in names:
        manager.add_detector(getattr(scenedetect, name)(min_scene_len=int(SHOT_S[0] * FPS)))
    manager.detect_scenes(video)
    return [start.seconds for start, _ in manager.get_scene_list()[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VTN_STREAM_DATA", "../shared/data")))
    parser.add_argument("--old", type=Path, help="another checkout of this program, such as of an earlier release")
    parser.add_argument("--side", choices=SIDES, default="report")
    parser.add_argument("--fps", nargs="+", default=["2"], help="of this program, one row for each")
    parser.add_argument("--borders", type=int, default=100, help="of each film")
    parser.add_argument("--keep", type=Path, help="where films and embeddings are kept for another run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()
        films = films_of(given.side, given.data / "films", folder, given.borders)
        calm = sorted((given.data / "indoor-actions" / "videos").resolve().glob("*.mp4"))
        here = Path(__file__).resolve().parents[1]
        programs: dict[str, Callable[[Path], list[float]]] = {}
        for fps in given.fps:
            programs[f"vtn-stream, {fps} positions/s"] = partial(ours, here, folder / "store", fps)
            if given.old is not None:
                programs[f"the other checkout, {fps} positions/s"] = partial(
                    ours, given.old.resolve(), folder / "old", fps
                )
        for names in (["AdaptiveDetector"], ["ContentDetector", "ThresholdDetector"]):
            programs[" + ".join(names)] = partial(peers, names)
        print(f"| F1 | {' | '.join(f'{kind}s' for kind in KINDS)} | together | in single shots, an hour |")
        print("|---|---|---|---|---|---:|")
        for program, borders_of in programs.items():
            scores = [score(borders, borders_of(path)) for path, borders in films.values()]
            together = scores[0] + scores[1] + scores[2]
            num_calm = sum(len(borders_of(path)) for path in calm)
            hours = sum(av.open(str(path)).duration for path in calm) / av.time_base / 3600
            row = [program, *map(str, scores), str(together), f"{num_calm / hours:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
