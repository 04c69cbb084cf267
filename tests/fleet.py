"""Workers of a batch on real Ray nodes, without torch, and in which anything can be made to go wrong."""

import contextlib
import errno
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from ray_nodes import LIMIT_S, connected_nodes

from vtn_stream import atomic
from vtn_stream.analysis import Analyzer
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream.store import leases
from vtn_stream.track import Execution, Recipe
from vtn_stream_pipelines import batch as batch_module
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.worker import Worker


@contextlib.contextmanager
def two_nodes(head, *modules) -> Iterator:
    """Two nodes of one CPU each, and this process connected to them. modules: of tests, which nodes cannot import."""
    with connected_nodes(head, {"num_cpus": 1}, {"num_cpus": 1}, modules=(sys.modules[__name__], *modules)) as nodes:
        yield nodes


class FakeEncoder:
    """As FrameEncoder, in no time: an embedding is the mean colour of 16 squares of its frame."""

    size, num_features, device, weights_source, name = (16, 16), 48, "cpu", "no weights", "squares"
    num_threads = 1

    def __init__(self, on_frames: Callable[[], None] = lambda: None, *, instruction_set: str = "any"):
        self._on_frames = on_frames
        self._instruction_set = instruction_set

    def recipe(self, fps: Fraction) -> Recipe:
        rgb = (0.5, 0.5, 0.5)
        return Recipe(backbone=self.name, weights="0", fps=fps, size=self.size, mean=rgb, std=rgb)

    def execution(self, decoder: str) -> Execution:
        return Execution(
            device="cpu",
            dtype="float32",
            instruction_set=self._instruction_set,
            batch_size=1,
            engine="numpy",
            decoder=decoder,
        )

    def frame_size(self, video, box=None) -> tuple[int, int]:
        return self.size

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        self._on_frames()
        squares = frames.reshape(len(frames), 4, 4, 4, 4, 3).mean((2, 4))
        return (squares.reshape(len(frames), -1) / 255).astype(np.float16)


class FleetWorker(Worker):
    """It notes in `folder` what it does. Subclasses override `at`."""

    folder = ""
    lease_s = leases.TIME_TO_LIVE_S

    def __init__(self, **arguments):
        self.encoder = self.make_encoder()
        super().__init__(encoder=self.encoder, **arguments)
        leases.TIME_TO_LIVE_S = self.lease_s
        self.film = ""
        decoded, replace, write = self._analyzer._process.windows, os.replace, self._analyzer._store.write

        def decoding(*arguments, **options):
            self.at("decoding")
            yield from decoded(*arguments, **options)

        def writing(source, target):
            if "films" in str(target) and str(target).endswith(".arrow"):
                self.at("writing")
            if str(target).endswith("timeline.json"):
                self.at("results")
            replace(source, target)

        def storing(chunk, *arguments, **options):
            write(chunk, *arguments, **options)
            self.note(f"stored {self.film} {chunk.number}")

        atomic.os.replace = writing
        self._analyzer._process.windows, self._analyzer._store.write = decoding, storing

    def make_encoder(self) -> FakeEncoder:
        return FakeEncoder(lambda: self.at("embedding"))

    def at(self, moment: str) -> None:
        """Called when it surveys, embeds (a run of chunks), is decoding, embedding, writing; predicts, saves."""

    def note(self, line: str) -> None:
        with open(Path(self.folder, "notes"), "a", buffering=1) as file:
            file.write(line + "\n")

    def once(self, name: str) -> bool:
        """Whether nobody was here before."""
        with contextlib.suppress(FileExistsError):
            Path(self.folder, f"{name} once").touch(exist_ok=False)
            return True
        return False

    def wait_for(self, name: str) -> None:
        until = time.monotonic() + LIMIT_S
        while not Path(self.folder, name).exists():
            assert time.monotonic() < until
            time.sleep(0.02)

    def meet(self, name: str, num: int) -> None:
        """Wait until so many workers are here."""
        until = time.monotonic() + LIMIT_S
        Path(self.folder, f"{name} {os.getpid()}").touch()
        while len(list(Path(self.folder).glob(f"{name} *"))) < num:
            assert time.monotonic() < until
            time.sleep(0.02)

    def die(self) -> None:
        time.sleep(0.1)  # else the answer to the task before may not have left
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(LIMIT_S)

    def survey(self, path, results):
        self.film = film_of(path)
        self.at("survey")
        return super().survey(path, results)

    def embed(self, path, identity, numbers):
        self.film, self.numbers = film_of(path), numbers
        self.note(f"worker {os.getpid()}")
        self.at("embed")
        return super().embed(path, identity, numbers)

    def predict(self, path, identity, lost, results):
        self.film = film_of(path)
        self.at("predict")
        return super().predict(path, identity, lost, results)


def film_of(source) -> str:
    """What a film, or the recording of these files, is called."""
    return Path(source).name if isinstance(source, str) else source.name


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Run:
    """One call of `batch` with workers of this class; `look` is told of each event."""

    def __init__(self, folder: Path, worker: type, films, *, look=lambda event: None, store="store", **options):
        from vtn_stream_pipelines import Cluster

        notes = folder / "notes"
        notes.touch()
        before = len(notes.read_text().splitlines())
        self.events, self.output = [], folder / "out"

        def hear(event):
            self.events.append(event)
            look(event)

        settings = {"fps": 1, "store": folder / store} | options.pop("settings", {})
        num_workers, join = options.pop("num_workers", None), options.pop("join", False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch_module, "Worker", type("FleetWorker", (worker,), {"folder": str(folder)}))
            try:
                self.summary = batch_module.batch(
                    list_films([films]) if isinstance(films, Path) else films,
                    cluster=Cluster(num_nodes=2, num_cpus=2, num_gpus=0, is_private=False),
                    settings=Settings(**settings),
                    results=ResultOptions(**({"output": self.output, "formats": ("json", "csv")} | options)),
                    num_workers=num_workers,
                    join=join,
                    on_event=hear,
                )
            finally:
                lines = [line.split(maxsplit=1) for line in notes.read_text().splitlines()[before:]]
                self.stored = Counter(rest for what, rest in lines if what == "stored")
                self.embedders = {rest for what, rest in lines if what == "worker"}

    def of_kind(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failed(self) -> dict[str, str]:
        """Why, by the name of the film."""
        return {Path(e.film.path).name: e.reason for e in self.of_kind(batch_module.messages.FilmFailed)}

    @property
    def done(self) -> set[str]:
        return {Path(e.film.path).name for e in self.of_kind(batch_module.messages.FilmDone)}

    @property
    def timelines(self) -> dict[str, bytes]:
        suffix = ".timeline.json"
        return {path.name.removesuffix(suffix): path.read_bytes() for path in self.output.rglob("*" + suffix)}


def analyzed_alone(films: Path, folder: Path, **settings) -> dict[str, bytes]:
    """The timelines that one process writes of the same films, without a batch."""
    timelines = {}
    results = ResultOptions(output=folder / "results", formats=("json", "csv"))
    with Analyzer(Settings(**({"fps": 1, "store": folder / "store"} | settings)), encoder=FakeEncoder()) as analyzer:
        for film in sorted(films.glob("*.mp4")):
            made = analyzer.analyze(analyzer.plan(film))
            files = results.files(film, made.timeline.video_identity, store=folder / "store")
            files.save(made.timeline, made.scores, made.index, made.labels)
            timelines[film.name] = files.timelines["json"].read_bytes()
    return timelines
