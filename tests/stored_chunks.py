"""Chunks in a store, and their files."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vtn_stream.film import FrameIndex, VideoInfo, file_stamp
from vtn_stream.sampling import Chunk
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import Execution, Recipe

RECIPE = Recipe(
    backbone="resnet18", weights="0123abcd", fps=Fraction(1, 10), size=(4, 4), mean=(0.5,) * 3, std=(0.25,) * 3
)
EXECUTION = Execution(
    device="cpu", dtype="float32", instruction_set="AVX2", batch_size=4, engine="torch", decoder="pyav"
)
OTHER = replace(EXECUTION, device="cuda")
CHUNK = Chunk(video_identity="c0ffee", video_path=Path("film.mp4"), number=1, start=6, stop=12)
THUMBNAILS = {0: b"\xff\xd8first", 4: b"\xff\xd8fourth"}


def content(num=6, width=4, seed=0):
    """Values, clock and thumbnails of a chunk whose third position was lost."""
    rng = np.random.default_rng(seed)
    valid = np.arange(num) != 2
    values = np.where(valid[:, None], rng.standard_normal((num, width)), 0).astype(np.float16)
    grid_s = 60 + np.arange(num) * 10.0
    index = FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s - 0.125, valid=valid)
    return values, index, THUMBNAILS


def fill(store, chunk=CHUNK, execution=EXECUTION, seed=0):
    store.write(chunk, RECIPE, execution, *content(seed=seed))


def facts(stored):
    """Everything that a stored chunk says, as bytes that can be compared."""
    i = stored.index
    arrays = (stored.values, i.grid_s, i.frame, i.pts_s, i.valid)
    return [(a.dtype, a.shape, a.tobytes()) for a in arrays], stored.thumbnails, stored.execution


def the_file(store):
    (path,) = store.root.rglob("*.arrow")
    return path


def changed_bytes(path):
    """The file with one byte after the other changed in place, and as it was in the end."""
    rng = np.random.default_rng(0)
    with open(path, "r+b", buffering=0) as file:
        for offset, byte in enumerate(path.read_bytes()):
            for value, changed in ((byte ^ (1 << int(rng.integers(8))), True), (byte, False)):
                file.seek(offset)
                file.write(bytes([value]))
                if changed:
                    yield offset


def film(path=Path("film.mp4"), num=13, **fields):
    """120 s and a bit: three chunks of RECIPE's grid."""
    known = {
        "path": path,
        "identity": "c0ffee",
        "stream": 1,
        "codec": "h264",
        "width": 320,
        "height": 180,
        "time_base": Fraction(1, 1000),
        "start": Fraction(1, 3),
        "pts": np.arange(num, dtype=np.int64) * 10_000,
        "end_pts": num * 10_000,
        "keyframes": np.array([0, 50_000], np.int64),
        "rotation": 90,
        "sample_aspect_ratio": Fraction(16, 11),
        "nominal_rate": Fraction(30000, 1001),
        "start_timecode": "10:00:00:00",
    }
    return VideoInfo(**({"stamp": file_stamp(path) if path.exists() else ()} | known | fields))


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "store")
