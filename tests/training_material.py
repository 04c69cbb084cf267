"""A folder of small films, annotated, to learn from."""

from pathlib import Path

import pytest

from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess

HEADER = "video,start_s,end_s,label,subset,source\n"


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "store")


@pytest.fixture(scope="module")
def material(film_maker, tmp_path_factory):
    """Films of 20 s at 5 frames a second; b lies deeper."""
    folder = tmp_path_factory.mktemp("material") / "films"
    (folder / "deep").mkdir(parents=True)
    for n, name in enumerate(["a.mp4", "deep/b.mkv", "c.mp4", "d.mp4"]):
        film_maker(folder / name, [(10, n), (10, n + 1)])
    return folder


@pytest.fixture
def table(tmp_path):
    """table("a,0,5,run,,", ...) -> a file of annotations."""

    def write(*rows, header=HEADER, name="actions.csv"):
        (tmp_path / name).write_text(header + "".join(f"{row}\n" for row in rows))
        return tmp_path / name

    return write


def row(name, start_s=1, end_s=6, label="run", subset="", source=""):
    return f"{name},{start_s},{end_s},{label},{subset},{source}"


MODEL = Path("m.safetensors")
