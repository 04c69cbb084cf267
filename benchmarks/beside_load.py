"""Training and embedding beside other work: python benchmarks/beside_load.py [--load 2 8] [--rounds 3]

A machine is shared: with L busy processes on n cores, work of t threads gets at best n of every t + L seconds that it
would take alone. Prints for each job the wall time alone and beside each load, medians of rounds in which every case
has a turn, their ratio, and the limit: 1.3 x (t + L) / n, and never below 1.3. Its CPU time stands beside it: threads
that wait in a loop for threads that others keep from their core show there.

    train   a dense head on films in memory, some epochs
    embed   a film, decoded and embedded into an empty store

--environment NAME=VALUE runs the jobs with it, for comparison: OMP_WAIT_POLICY=active is what OpenMP does by itself.
"""

import argparse
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

SHARE = 1.3
NUM_FILMS, NUM_POSITIONS, WIDTH, EPOCHS = 4, 720, 1280, 10
FILM_S, FPS = 120, 25


def train() -> None:
    import numpy as np

    from vtn_stream.film import FrameIndex
    from vtn_stream.timeline import Segment
    from vtn_stream.training.films import TrainingFilm
    from vtn_stream.training.hyperparameters import natural_hyperparameters
    from vtn_stream.training.loop import fit

    random = np.random.default_rng(0)
    grid_s = np.arange(NUM_POSITIONS) / 4
    index = FrameIndex(
        grid_s=grid_s, frame=np.arange(NUM_POSITIONS), pts_s=grid_s, valid=np.ones(NUM_POSITIONS, np.bool_)
    )
    films = [
        TrainingFilm(
            name=str(number),
            identity=str(number),
            group=str(number),
            subset=None,
            values=random.standard_normal((NUM_POSITIONS, WIDTH)).astype(np.float16),
            index=index,
            duration_s=NUM_POSITIONS / 4,
            segments=tuple(Segment(start_s=s, end_s=s + 10, label=str(s % 3), score=None) for s in range(0, 350, 25)),
            clip_label=None,
        )
        for number in range(NUM_FILMS)
    ]
    labels, fps = ("0", "1", "2"), Fraction(4)
    settings = natural_hyperparameters(films, labels, "dense", fps, num_epochs=EPOCHS)
    fit(films, labels, settings, fps, backbone="none")


def embed(film: Path) -> None:
    from vtn_stream.analysis import Analyzer, Settings

    with tempfile.TemporaryDirectory() as store, Analyzer(Settings(device="cpu", store=store, fps=5)) as analyzer:
        plan = analyzer.plan(film)
        for _ in analyzer.embed(plan.video, plan.chunks):
            pass


def make_film(path: Path) -> None:
    import av
    import numpy as np

    texture = np.random.default_rng(0).integers(0, 256, (240, 640, 3), np.uint8)
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(FILM_S * FPS):
            shown = np.ascontiguousarray(texture[:, number % 320 : number % 320 + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())


def timed(job: str, film: Path, environment: dict[str, str]) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of a job in a process of its own, imports included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, __file__, "--job", job, str(film)], check=True, env=os.environ | environment)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextlib.contextmanager
def busy(num: int) -> Iterator[None]:
    """That many processes that do nothing but compute."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(num)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(jobs: Sequence[str], loads: Sequence[int], rounds: int, film: Path, environment: dict[str, str]) -> None:
    times: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for load in (0, *loads):
            with busy(load):
                for job in jobs:
                    times.setdefault((job, load), []).append(timed(job, film, environment))
    medians = {case: tuple(map(statistics.median, zip(*them, strict=True))) for case, them in times.items()}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(f"{cores} cores, {cores} threads, {rounds} rounds{''.join(f', {n}={v}' for n, v in environment.items())}\n")
    print("| job | load | s | CPU s | time / alone | limit |\n|---|---|---|---|---|---|")
    for job in jobs:
        alone = medians[job, 0][0]
        for load in (0, *loads):
            wall, cpu = medians[job, load]
            limit = SHARE * max(1.0, (cores + load) / cores)
            last = f"{wall / alone:.2f} | {limit:.2f}" if load else " | "
            print(f"| {job} | {load or 'none'} | {wall:.1f} | {cpu:.1f} | {last} |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("film", nargs="?", type=Path, help="to embed; by default one that is made now")
    arguments.add_argument("--load", nargs="+", type=int, default=[2, 8], help="numbers of busy processes")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", choices=["train", "embed"])
    arguments.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE")
    arguments.add_argument("--job", choices=["train", "embed"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.job:
        train() if given.job == "train" else embed(given.film)
        return
    environment = dict(pair.split("=", 1) for pair in given.environment)
    with tempfile.TemporaryDirectory() as folder:
        film = given.film or Path(folder, "film.mp4")
        if given.film is None:
            make_film(film)
        jobs = [given.only] if given.only else ["train", "embed"]
        measure(jobs, given.load, given.rounds, film, environment)


if __name__ == "__main__":
    main()
