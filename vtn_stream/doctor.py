"""Tests whether this installation works. Findings hold no path, user or host name, so they can be shown in public."""

import contextlib
import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vtn_stream.errors import VtnStreamError
from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess, probe

__all__ = ["Finding", "examine"]

# decord has no wheel for every system, and Ray is an extra.
PACKAGES = ("torch", "timm", "transformers", "safetensors", "av", "numpy", "pyarrow", "decord", "ray")
OPTIONAL = ("decord", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report. bad: films cannot be analyzed until it is fixed; notable: they can, but read it."""

    subject: str
    text: str
    state: Literal["good", "notable", "bad"] = "good"


def examine(store: str | os.PathLike[str] | None = None) -> Iterator[Finding]:
    """Checks versions, decoding, network, store and plug-ins, by trying them; gives each finding once it is known."""
    yield from _versions()
    yield from _decoding()
    yield from _network()
    yield from _storing(store)
    yield from _plugins()


def _versions() -> Iterator[Finding]:
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    yield Finding(subject="system", text=f"{system}, {os.cpu_count()} cores")
    for package in ("vtn-stream", *PACKAGES):
        try:
            yield Finding(subject=package, text=importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            optional = package in OPTIONAL
            text = "not installed; only needed if you choose it" if optional else "not installed"
            yield Finding(subject=package, text=text, state="notable" if optional else "bad")


def _decoding() -> Iterator[Finding]:
    from vtn_stream.video.pyav_reader import readable_codecs, version

    codecs = readable_codecs()
    missing = [codec for codec, readable in codecs.items() if not readable]
    text = f"{version()}: {', '.join(codec for codec in codecs if codec not in missing)}"
    if missing:
        text += f"; not {', '.join(missing)}"
    yield Finding(subject="decoders", text=text, state="notable" if missing else "good")
    try:
        with DecodingProcess() as process:
            state = process.check()
            num_frames = _decode_sample(process)
    except VtnStreamError as error:
        yield Finding(subject="decoding", text=str(error), state="bad")
        return
    yield Finding(subject="decoding", text=f"a sample film of {num_frames} frames was written, probed and decoded")
    if state["isolated"]:
        yield Finding(subject="isolation", text="the decoding process has no network and starts no programs")
    else:
        reasons = ", ".join(state["reasons"])
        yield Finding(subject="isolation", text=f"the decoding process is not isolated: {reasons}", state="notable")


def _decode_sample(process: DecodingProcess) -> int:
    from vtn_stream.video.sample import write_sample

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.mp4"
        write_sample(path)
        video = probe(path, process)
        return sum(len(batch.items) for batch in process.frames(video, video.pts, (32, 32)))


def _network() -> Iterator[Finding]:
    from vtn_stream.backbone import INSTALLED_WEIGHTS, FrameEncoder, devices

    yield from (Finding(subject="device", text=device) for device in devices())
    for name in INSTALLED_WEIGHTS:
        try:
            encoder = FrameEncoder(name)
            encoder(np.zeros((1, *encoder.size, 3), np.uint8))
        except VtnStreamError as error:
            yield Finding(subject="weights", text=str(error), state="bad")
            continue
        how = encoder.execution("none")
        where = f"{how.device} in {how.dtype}, {how.instruction_set}"
        yield Finding(subject="weights", text=f"{name}: {encoder.weights_source}; a frame was embedded on {where}")


def _storing(root: str | os.PathLike[str] | None) -> Iterator[Finding]:
    store = EmbeddingStore(None if root is None else Path(root))
    chosen = "named" if root is not None else "VTN_STREAM_STORE" if "VTN_STREAM_STORE" in os.environ else "default"
    try:
        store.check_writable()
        films = list(store.films())
    except VtnStreamError as error:
        yield Finding(subject="store", text=f"{chosen}: {error}", state="bad")
        return
    size = sum(film.num_bytes for film in films) / 1e6
    with contextlib.suppress(OSError):
        free = os.statvfs(store.root)
        free_gb = free.f_bavail * free.f_frsize / 1e9
        text = f"{chosen} folder, writable; {len(films)} films, {size:.1f} MB; {free_gb:.0f} GB free"
        yield Finding(subject="store", text=text, state="good" if free_gb > 1 else "notable")


def _plugins() -> Iterator[Finding]:
    """What other packages add; nothing where none does."""
    from vtn_stream.formats import FORMATS
    from vtn_stream.heads import HEADS

    for thing, added in (("format", FORMATS.examined()), ("head", HEADS.examined())):
        for plugin, error in added:
            if error is None:
                yield Finding(subject="plug-in", text=f"{plugin}: the {thing} {plugin.name}")
            else:
                yield Finding(subject="plug-in", text=f"{plugin}: {error}", state="notable")
