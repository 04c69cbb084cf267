"""What Ray costs, and whether more workers give more speed.

    python benchmarks/cluster.py [--films FOLDER] [--part overhead|dispatch|scaling]

overhead  the films of a folder, in one process as `vtn-stream analyze` does, and as a batch on a private Ray with one
          worker and as many as cores: seconds, and CPU seconds of all processes until the end of the work; whether
          their timelines are the same bytes
dispatch  20,000 chunks that cost nothing, on two workers: chunks per second; what the driver keeps of a listed film
scaling   simulated films on up to 16 workers, which sleep as long as the work would take: 40 films of 2 to 60 chunks,
          and one film of an hour alone; beside the ideal
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import VtnStreamError
from vtn_stream.results import ResultFiles, ResultOptions
from vtn_stream.settings import Settings
from vtn_stream_pipelines.batch import batch
from vtn_stream_pipelines.connection import connected, import_ray
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.messages import FilmDone, Outcome, Receipt, Survey
from vtn_stream_pipelines.pool import Pool
from vtn_stream_pipelines.schedule import Schedule
from vtn_stream_pipelines.work import Task, WorkerSpec

CHUNK_S, SURVEY_S, PREDICT_S = 0.2, 0.1, 0.2  # simulated: far less than they take on one core


class Simulated:
    """Answers as a worker does; embedding a chunk takes `chunk_s`. A film's path is its number of chunks."""

    def __init__(self, chunk_s: float) -> None:
        self._chunk_s = chunk_s

    def wait(self) -> None:
        time.sleep(0.1)

    def survey(self, path: str, results: str) -> Survey:
        time.sleep(SURVEY_S if self._chunk_s else 0)
        num = int(path.split("/")[1])
        return Survey(identity=path, duration_s=60.0 * num, num_chunks=num, missing=tuple(range(num)), finished=False)

    def embed(self, path: str, identity: str, numbers: Sequence[int]) -> list[Receipt]:
        time.sleep(self._chunk_s * len(numbers))
        return [Receipt(number=number, source="film", num_frames=120, warnings=()) for number in numbers]

    def predict(self, path: str, identity: str, lost: Sequence[int], results: str) -> Outcome:
        time.sleep(PREDICT_S if self._chunk_s else 0)
        return Outcome(num_segments=1, num_gaps=0)


def simulated(num_chunks: Sequence[int]) -> Iterator[FilmEntry]:
    for number, num in enumerate(num_chunks):
        name = f"{number}/{num}"
        yield FilmEntry(number=number, path=name, name=name, num_bytes=num, results=name)


def run(num_chunks: Sequence[int], num_workers: int, chunk_s: float) -> float:
    """Seconds, from the moment when all workers are there."""
    schedule = Schedule(simulated(num_chunks))
    spec = WorkerSpec(factory=Simulated, arguments={"chunk_s": chunk_s}, max_workers=num_workers)
    ready: list[float] = []

    def hear(event: Any) -> None:
        if event.counts.num_ready == num_workers:
            ready.append(time.monotonic())

    class Patient:
        """Workers wait for each other: the pool starts no more of them while one has nothing to do."""

        def next(self, worker: int) -> Task | None:
            return schedule.next(worker) if ready else Task(name="wait", method="wait", deadline_s=60)

        def done(self, task: Task, value: Any, worker: int, seconds: float) -> None:
            if task.method != "wait":
                schedule.done(task, value, worker, seconds)

        def __getattr__(self, name: str) -> Any:
            return getattr(schedule, name)

    with Pool(spec, on_event=hear) as pool:
        pool.run(Patient())
    assert schedule.counts.num_done == len(num_chunks)
    return time.monotonic() - ready[0]


def scaling() -> None:
    ray = import_ray()
    hour = [60]
    many = [2 + 58 * (n * n % 40) // 39 for n in range(40)]
    many.sort(reverse=True)
    ray.init(address="local", num_cpus=16, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    for name, films in (("40 films", many), ("one hour alone", hour)):
        total_s = sum(films) * CHUNK_S + len(films) * (SURVEY_S + PREDICT_S)
        print(f"{name}: {sum(films)} chunks, {total_s:.0f} s of simulated work")
        for num in (1, 2, 4, 8, 16):
            if num == 1 and len(films) > 1:
                continue  # minutes, to see the obvious
            seconds = run(films, num, CHUNK_S)
            ideal_s = max(total_s / num, SURVEY_S + max(films) * CHUNK_S / num + PREDICT_S)
            print(f"  {num:2} workers: {seconds:6.1f} s, ideal {ideal_s:6.1f} s, {ideal_s / seconds:.2f}", flush=True)
    ray.shutdown()


def dispatch() -> None:
    ray = import_ray()
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    for num_films, num in ((20, 1000), (4000, 5)):
        seconds = run([num] * num_films, 2, 0.0)
        speed = f"{num_films * num / seconds:.0f} chunks, {num_films / seconds:.0f} films a second"
        print(f"{num_films} films of {num} chunks that cost nothing: {speed}", flush=True)
    ray.shutdown()
    for num_films in (20, 20_000):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(num_films):
                (Path(folder) / f"some-film-{number:06}.mp4").touch()
            tracemalloc.start()
            films = list_films([folder])
            schedule = Schedule(films.films)
            while not schedule.finished():
                task = schedule.next("simulated", 0)
                assert task is not None
                schedule.done(task, _answer(task), 0, 0.0)
            kept = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        print(
            f"{num_films} listed films: {kept[1] / num_films:.0f} bytes a film at most, {kept[0] / num_films:.0f} kept"
        )


def _answer(task: Any) -> Any:
    path, *rest = task.args
    if task.method == "survey":
        return Survey(identity=path, duration_s=60.0, num_chunks=1, missing=(0,), finished=False)
    if task.method == "embed":
        return [Receipt(number=number, source="film", num_frames=120, warnings=()) for number in rest[1]]
    return Outcome(num_segments=1, num_gaps=0)


def overhead(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        outputs = []
        for way in ("one process", "1 worker", f"{os.cpu_count()} workers"):
            outputs.append(Path(scratch) / way)
            command = [sys.executable, __file__, "--films", str(folder), "--way", way, "--output", str(outputs[-1])]
            subprocess.run(command, check=True)
        first, *others = [
            {file.relative_to(output): file.read_bytes() for file in output.rglob("*.timeline.json")}
            for output in outputs
        ]
    print(f"{len(first)} timelines; each way wrote the same bytes: {all(other == first for other in others)}")


def measured(folder: Path, way: str, output: Path) -> None:
    began, cpu_s, stages = time.monotonic(), 0.0, ""
    films = list_films([folder])
    with tempfile.TemporaryDirectory() as store:
        if way == "one process":
            with Analyzer(Settings(store=store)) as analyzer:
                for film in films.films:
                    where = output / film.results
                    files = ResultFiles(where.parent, Path(film.path), stem=where.name)
                    with contextlib.suppress(VtnStreamError):  # a batch leaves bad films out as well
                        plan = analyzer.plan(film.path)
                        files.claim(plan.video.identity)
                        analysis = analyzer.analyze(plan)
                        files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
                cpu_s = _cpu_s()
        else:

            def hear(event: Any) -> None:
                nonlocal cpu_s
                if isinstance(event, FilmDone):  # workers that ended are not seen any more
                    cpu_s = _cpu_s()

            with connected(None) as cluster:
                summary = batch(
                    films,
                    cluster=cluster,
                    settings=Settings(store=Path(store)),
                    results=ResultOptions(output=output),
                    num_workers=int(way.split()[0]),
                    on_event=hear,
                )
            stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in summary.seconds_by_stage.items())
    print(f"{way}: {time.monotonic() - began:.0f} s, {cpu_s:.0f} CPU seconds" + (stages and f"; {stages}"), flush=True)


def _cpu_s() -> float:
    """CPU seconds of this process and all its descendants."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    parser.add_argument("--films", type=Path, default=data / "films")
    parser.add_argument("--part", choices=["overhead", "dispatch", "scaling"], help="by default all")
    parser.add_argument("--way", help=argparse.SUPPRESS)  # one of overhead's, in a process of its own
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        measured(given.films, given.way, given.output)
        return
    for name, part in (("dispatch", dispatch), ("scaling", scaling)):
        if given.part in (None, name):
            part()
    if given.part in (None, "overhead"):
        if not given.films.is_dir():
            sys.exit(f"{given.films.name} is not there: name a folder of films with --films")
        overhead(given.films)


if __name__ == "__main__":
    main()
