"""A store filled with chunks of given ages, to be freed from them."""

import os
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.sampling import Chunk
from vtn_stream.store import EmbeddingStore
from vtn_stream.store.clock import store_now_s
from vtn_stream.store.collect import choose, remove
from vtn_stream.store.inventory import items
from vtn_stream.track import Execution, Recipe

RECIPE = Recipe(backbone="net", weights="0123abcd", fps=Fraction(1), size=(4, 4), mean=(0.5,) * 3, std=(0.25,) * 3)
EXECUTION = Execution(
    device="cpu", dtype="float32", instruction_set="AVX2", batch_size=4, engine="torch", decoder="pyav"
)
DAY_S = 86400.0
NUM = 6  # positions in a chunk


def chunks(identity, num=3):
    return [
        Chunk(video_identity=identity, video_path=Path("film.mp4"), number=i, start=i * NUM, stop=(i + 1) * NUM)
        for i in range(num)
    ]


def write(store, chunk, recipe=RECIPE):
    values = np.full((NUM, 4), chunk.number, np.float16)
    grid_s = chunk.start + np.arange(NUM) * 1.0
    index = FrameIndex(grid_s=grid_s, frame=np.arange(NUM), pts_s=grid_s, valid=np.ones(NUM, np.bool_))
    store.write(chunk, recipe, EXECUTION, values, index, {0: b"\xff\xd8" + b"x" * 500})


def fill(store, identity, *, days=0.0, recipe=RECIPE, num=3):
    """A whole film, used last so many days ago; its folder."""
    for chunk in chunks(identity, num):
        write(store, chunk, recipe)
    pts = np.arange(num * NUM)
    video = VideoInfo(
        path=Path(f"{identity}.mp4"), identity=identity, stream=0, codec="h264", width=4, height=4,
        time_base=Fraction(1), start=Fraction(0), pts=pts, end_pts=num * NUM, keyframes=pts[:1], stamp=(1, 2),
    )  # fmt: skip
    store.finish(video, chunks(identity, num), recipe, EXECUTION)
    folder = store.root / "films" / identity / recipe.digest / EXECUTION.digest
    back(folder, days)
    return folder


def back(folder, days):
    """As if all in the folder, and itself, had been written so long ago."""
    then = time.time() - days * DAY_S
    for path in [*folder.rglob("*"), folder] if folder.is_dir() else [folder]:
        os.utime(path, (then, then), follow_symlinks=False)


def put(path, days, content=b"x" * 1000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    back(path, days)
    return path


def free(store, **what):
    now_s = store_now_s(store.root)
    return [remove(store, item) for item in choose(items(store, now_s), now_s, **what)]


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return EmbeddingStore(tmp_path / "store")
