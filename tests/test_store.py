"""The store gives back what was put in, or says that it cannot: never something else."""

import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from stored_chunks import (  # noqa: F401  (fixtures among them)
    CHUNK,
    EXECUTION,
    OTHER,
    RECIPE,
    content,
    facts,
    fill,
    film,
    store,
    the_file,
)

from vtn_stream.errors import StoreError
from vtn_stream.film import FrameIndex
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore, StoredChunk, arrow_file, default_root


def files(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


# ---- in and out


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(1, 9), st.integers(1, 5))
def test_a_chunk_comes_back_bit_equal_from_a_file_of_equal_bytes(tmp_path, data, num, width):
    def floats(dtype, *shape):
        return data.draw(npst.arrays(dtype, shape, elements={"allow_nan": True}))

    index = FrameIndex(
        grid_s=floats(np.float64, num),
        frame=data.draw(npst.arrays(np.int64, num)),
        pts_s=floats(np.float64, num),
        valid=data.draw(npst.arrays(np.bool_, num)),
    )
    values = floats(np.float16, num, width)
    thumbnails = data.draw(st.dictionaries(st.integers(0, num - 1), st.binary(max_size=8)))
    chunk = replace(CHUNK, start=0, stop=num)
    contents = []
    for name in "ab":
        store = EmbeddingStore(tmp_path / name)
        store.write(chunk, RECIPE, EXECUTION, values, index, thumbnails)
        back = store.load(chunk, RECIPE, EXECUTION)
        put = StoredChunk(values=values, index=index, thumbnails=thumbnails, execution=EXECUTION)
        assert facts(back) == facts(put)
        contents.append(the_file(store).read_bytes())
        shutil.rmtree(store.root)
    assert contents[0] == contents[1]


def test_a_view_is_stored_as_what_it_shows(store):
    """A slice of a larger array, as a run of chunks gives it."""
    values, index, thumbnails = content(12, 8)
    wide = replace(CHUNK, start=0, stop=12)
    store.write(wide, RECIPE, EXECUTION, values, index, thumbnails)
    store.write(CHUNK, RECIPE, EXECUTION, values[6:, ::2], index[6:], {})
    assert store.load(CHUNK, RECIPE, EXECUTION).values.tobytes() == values[6:, ::2].tobytes()
    assert store.load(wide, RECIPE, EXECUTION).values.tobytes() == values.tobytes()


def test_an_empty_store_touches_nothing_and_holds_nothing(store):
    assert store.load(CHUNK, RECIPE, EXECUTION) is None
    assert not store.holds(CHUNK, RECIPE, EXECUTION)
    assert list(store.films()) == list(store.verify()) == []
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("chunk", "recipe"),
    [
        (replace(CHUNK, video_identity="decaf"), RECIPE),
        (replace(CHUNK, start=0), RECIPE),
        (replace(CHUNK, stop=13), RECIPE),
        (CHUNK, replace(RECIPE, weights="other")),
        (CHUNK, replace(RECIPE, fps=Fraction(2, 10))),
    ],
)
def test_another_film_span_or_recipe_is_another_chunk(store, chunk, recipe):
    fill(store)
    assert store.load(chunk, recipe, EXECUTION) is None


def test_a_copy_of_the_film_shares_what_is_stored(store):
    fill(store)
    assert store.holds(replace(CHUNK, video_path=Path("/elsewhere/copy.mkv")), RECIPE, EXECUTION)


def test_another_execution_is_taken_unless_exact_and_one_s_own_before_it(store):
    fill(store, execution=OTHER, seed=1)
    assert store.load(CHUNK, RECIPE, EXECUTION).execution == OTHER
    assert store.load(CHUNK, RECIPE, EXECUTION, exact=True) is None
    assert not store.holds(CHUNK, RECIPE, EXECUTION, exact=True)
    fill(store, execution=EXECUTION, seed=2)
    for exact in (False, True):
        back = store.load(CHUNK, RECIPE, EXECUTION, exact=exact)
        assert back.execution == EXECUTION
        assert back.values.tobytes() == content(seed=2)[0].tobytes()


def test_the_store_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("VTN_STREAM_STORE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "vtn-stream"
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "here"))
    assert default_root() == EmbeddingStore().root == tmp_path / "here"


# ---- writers


def _write_often(root, seed):
    store = EmbeddingStore(Path(root))
    for _ in range(15):
        fill(store, seed=seed)
        store.load(CHUNK, RECIPE, EXECUTION)  # raises if it ever sees half a file


@pytest.mark.parametrize("seeds", [(0, 0), (1, 2)])
def test_two_processes_writing_one_chunk_leave_one_good_file(store, seeds):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(str(store.root), seed)) for seed in seeds]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(files(store.root)) == 1
    assert store.load(CHUNK, RECIPE, EXECUTION).values.tobytes() in {content(seed=s)[0].tobytes() for s in seeds}


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from dataclasses import replace
from stored_chunks import CHUNK, fill
from vtn_stream.errors import StoreError
from vtn_stream.store import EmbeddingStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = EmbeddingStore(Path(sys.argv[1]))
fill(store)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    fill(store, replace(CHUNK, start=12, stop=18))
except StoreError as error:
    print(error)
"""


def test_a_full_disk_is_told_in_one_line_and_costs_nothing_stored(store):
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(store.root)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("the disk is full; ")
    assert run.stdout.count("\n") == 1
    assert files(store.root) == [str(the_file(store).relative_to(store.root))]
    assert store.holds(CHUNK, RECIPE, EXECUTION)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_folder_that_cannot_be_written_is_a_store_error(read_only_folder):
    with pytest.raises(StoreError, match=r"cannot be written \(Permission denied"):
        fill(EmbeddingStore(read_only_folder))


def test_a_file_where_the_store_should_be_is_a_store_error(tmp_path):
    (tmp_path / "store").touch()
    store = EmbeddingStore(tmp_path / "store")
    assert list(store.films()) == []
    with pytest.raises(StoreError, match=r"cannot be written \((Not a directory|File exists)"):
        fill(store)


def test_a_store_that_cannot_be_read_is_a_store_error(read_only_folder):
    os.seteuid(os.getuid())
    (read_only_folder / "films").mkdir(mode=0)
    if os.getuid() == 0:
        os.seteuid(65534)
    with pytest.raises(StoreError, match=r"films cannot be read \(Permission denied"):
        list(EmbeddingStore(read_only_folder).films())


# ---- a film is whole


def test_a_chunk_that_is_read_marks_its_folder_as_used(store):
    fill(store)
    (folder,) = (film.folder for film in store.films())
    os.utime(folder, (1e9, 1e9))
    assert not store.holds(replace(CHUNK, start=0, stop=6), RECIPE, EXECUTION)
    assert folder.stat().st_mtime == 1e9
    assert store.holds(CHUNK, RECIPE, EXECUTION)
    assert folder.stat().st_mtime > 1e9


def test_a_folder_that_vanishes_before_the_first_file_is_made_again(store, monkeypatch):
    write, vanished = arrow_file.write_whole, []

    def vanishing(path, parts):
        if not vanished:
            vanished.append(path.parent)
            path.parent.rmdir()
        write(path, parts)

    monkeypatch.setattr(arrow_file, "write_whole", vanishing)
    fill(store)
    assert vanished
    assert store.holds(CHUNK, RECIPE, EXECUTION)


def test_the_manifest_appears_when_all_chunks_of_one_execution_are_there(store):
    video, plan = film(), SamplingPlan(RECIPE.fps)
    chunks = plan.chunks(video)
    assert [len(c) for c in chunks] == [6, 6, 1]
    for n, chunk in enumerate(chunks):
        store.finish(video, chunks, RECIPE, EXECUTION)
        assert [f.manifest for f in store.films()] == [None] * min(n, 1)
        store.write(chunk, RECIPE, EXECUTION, *content(len(chunk))[:2], {})
    store.finish(video, chunks, RECIPE, OTHER)  # of which there is nothing
    store.finish(video, chunks, RECIPE, EXECUTION)
    (stored,) = store.films()
    assert len(stored.chunk_files) == 3
    assert stored.num_bytes == sum(p.stat().st_size for p in store.root.rglob("*.arrow"))
    assert stored.manifest == {
        "video": "c0ffee",
        "name": "film.mp4",
        "duration_s": video.duration_s,
        "num_chunks": 3,
        "num_positions": 13,
        "recipe": json.loads(RECIPE.to_json()),
        "execution": json.loads(EXECUTION.to_json()),
    }


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"video": "c0ffee"}', '"film"', '{"recipe": 1}'])
def test_a_manifest_that_is_not_ours_counts_as_none(store, text):
    fill(store)
    (the_file(store).parent / "manifest.json").write_text(text)
    assert [f.manifest for f in store.films()] == [None]


def test_a_manifest_that_cannot_be_written_is_a_store_error(store):
    video, plan = film(num=6), SamplingPlan(RECIPE.fps)
    (chunk,) = plan.chunks(video)
    fill(store, chunk)
    (the_file(store).parent / "manifest.json").mkdir()
    with pytest.raises(StoreError, match="manifest cannot be written"):
        store.finish(video, [chunk], RECIPE, EXECUTION)
