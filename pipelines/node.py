"""What a node of a cluster can do, tried on the node itself: decode, embed, write and read a shared folder."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import VtnStreamError
from vtn_stream.settings import Decoder, Settings
from vtn_stream.video import DecodingProcess, probe

from . import retries
from .messages import ExecutionFields

__all__ = ["Examination", "NodeProbe", "versions"]

PACKAGES = ("vtn-stream", "ray", "torch", "timm", "av", "decord")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found on a node.

    versions    of Python and of packages, "" where one is not installed
    decoders    those that decoded a sample film
    weights     where the image network's come from
    recipe      digest of what its embeddings mean; execution: how they are computed there; both empty if they cannot
    free_bytes  in the store
    problems    each one line, with its cure
    """

    versions: Mapping[str, str]
    decoders: tuple[str, ...]
    weights: str
    recipe: str
    execution: ExecutionFields
    free_bytes: int | None
    problems: tuple[str, ...]


def versions() -> dict[str, str]:
    """Of Python and of what matters, here."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    return found


class NodeProbe:
    """The actor on the node. What it finds are answers, so that an error of Ray's means that the node does not work."""

    def live(self) -> None:
        pass

    def examine(self, settings: Settings) -> Examination:
        """Whether this node can do what the settings ask for."""
        problems: list[str] = []
        decoders = []
        for decoder in _decoders(settings.decoder):
            try:
                _decode_sample(decoder)
                decoders.append(decoder)
            except Exception as error:  # whatever is wrong there is what was asked
                problems.append(_problem(error, f"{decoder} cannot decode there"))
        weights = recipe = ""
        execution: ExecutionFields = {}
        try:
            with Analyzer(settings) as analyzer:
                encoder = analyzer.encoder
                encoder(np.zeros((1, *encoder.size, 3), np.uint8))
                weights, recipe = encoder.weights_source, analyzer.recipe.digest
                execution = asdict(analyzer.execution)
        except Exception as error:  # as above
            problems.append(_problem(error, "no frame can be embedded there"))
        return Examination(
            versions=versions(),
            decoders=tuple(decoders),
            weights=weights,
            recipe=recipe,
            execution=execution,
            free_bytes=_free_bytes(settings.store_root),
            problems=tuple(problems),
        )

    def write(self, folder: str, name: str) -> str:
        """Writes a file that holds its own name; returns why not, if it cannot be written."""
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(name)
        except OSError as error:
            return error.strerror or type(error).__name__
        return ""

    def read(self, folder: str, names: Sequence[str]) -> list[str]:
        """The files of these that can be read here."""
        until_s = time.monotonic() + retries.VISIBLE_S
        seen: set[str] = set()
        while True:
            for name in set(names) - seen:
                with contextlib.suppress(OSError):
                    if Path(folder, name).read_text() == name:
                        seen.add(name)
            if len(seen) == len(names) or time.monotonic() > until_s:
                return sorted(seen)
            time.sleep(0.1)

    def remove(self, folder: str, name: str) -> None:
        with contextlib.suppress(OSError):
            Path(folder, name).unlink()


def _decoders(wanted: Decoder) -> list[Decoder]:
    """The one that is asked for, PyAV, which probes all films, and decord if it is there."""
    decoders: list[Decoder] = ["pyav"]
    if wanted == "decord" or importlib.util.find_spec("decord"):
        decoders.append("decord")
    return decoders


def _decode_sample(decoder: Decoder) -> None:
    from vtn_stream.video.sample import write_sample

    with tempfile.TemporaryDirectory() as folder, DecodingProcess(decoder=decoder) as process:
        path = Path(folder) / "sample.mp4"
        write_sample(path)
        video = probe(path, process)
        if not sum(len(batch.items) for batch in process.frames(video, video.pts, (32, 32))):
            raise RuntimeError("no frame of the sample film came")


def _free_bytes(folder: Path) -> int | None:
    try:
        disk = os.statvfs(folder if folder.exists() else folder.parent)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _problem(error: Exception, consequence: str) -> str:
    if isinstance(error, VtnStreamError):
        return str(error)
    fact = f"{type(error).__name__}: {error}".splitlines()[0]
    return str(VtnStreamError(fact, consequence, "run vtn-stream doctor on that node"))
