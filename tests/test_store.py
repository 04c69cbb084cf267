"""The store gives back what was put in, or says that it cannot: never something else."""

import contextlib
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
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.film import FrameIndex, VideoInfo, file_stamp
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.store import EmbeddingStore, StoredChunk, arrow_file, default_root, read_scores, write_scores
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.track import Execution, GridScores, Recipe

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


def files(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


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


# ---- in and out


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


# ---- damage


def test_a_byte_changed_anywhere_is_damage_or_changes_nothing(store):
    fill(store)
    path, whole, num_found = the_file(store), facts(store.load(CHUNK, RECIPE, EXECUTION)), 0
    for _ in changed_bytes(path):
        try:
            assert facts(store.load(CHUNK, RECIPE, EXECUTION)) == whole
        except DamagedFile:
            num_found += 1
    assert num_found > path.stat().st_size / 2  # the rest is padding, flags and a second copy of the schema


def test_a_file_cut_short_anywhere_is_damaged(store):
    fill(store)
    path = the_file(store)
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(DamagedFile):
            store.load(CHUNK, RECIPE, EXECUTION)
    assert not store.holds(CHUNK, RECIPE, EXECUTION)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=16))
def test_a_stretch_overwritten_is_damage_or_changes_nothing(store, offset, junk):
    fill(store)
    path, whole = the_file(store), facts(store.load(CHUNK, RECIPE, EXECUTION))
    data = bytearray(path.read_bytes())
    offset %= len(data)
    data[offset : offset + len(junk)] = junk
    path.write_bytes(data)
    with contextlib.suppress(DamagedFile):
        assert facts(store.load(CHUNK, RECIPE, EXECUTION)) == whole


def foreign_arrow(metadata):
    batch = pa.record_batch({"x": pa.array([1, 2])}).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not Arrow at all",
        b"ARROW1\0\0" + bytes(100) + b"ARROW1",
        foreign_arrow(None),
        foreign_arrow({"vtn-stream": "null"}),
        foreign_arrow({"vtn-stream": "[" * 100_000}),
        foreign_arrow({"vtn-stream": '{"kind":"chunk","version":1}'}),
        foreign_arrow({"vtn-stream": '{"kind":"chunk","version":2}'}),
        foreign_arrow({"vtn-stream": '{"kind":"scores","version":1}'}),
    ],
)
def test_a_foreign_file_is_damage(store, data):
    fill(store)
    the_file(store).write_bytes(data)
    with pytest.raises(DamagedFile):
        store.load(CHUNK, RECIPE, EXECUTION)
    assert [problem is None for _, problem in store.verify()] == [False]


def test_a_chunk_that_another_release_wrote_with_other_fields_is_not_taken(store):
    """It matches its checksum, so it is no damage, but it is not what this release means either."""
    fill(store)
    path = the_file(store)
    batch, fields = read_batch(path, "chunk")
    fields["execution"] = json.dumps(json.loads(fields["execution"]) | {"threads": 4})
    write_batch(path, "chunk", batch, fields)
    with pytest.raises(DamagedFile):
        store.load(CHUNK, RECIPE, OTHER)


@pytest.mark.parametrize(
    ("chunk", "recipe", "execution"),
    [
        (replace(CHUNK, start=0, stop=6), RECIPE, EXECUTION),
        (replace(CHUNK, video_identity="decaf"), RECIPE, EXECUTION),
        (CHUNK, replace(RECIPE, weights="other"), EXECUTION),
        (CHUNK, RECIPE, OTHER),
    ],
)
def test_a_file_copied_to_the_place_of_another_is_damage(store, chunk, recipe, execution):
    fill(store)
    source = the_file(store)
    store.write(chunk, recipe, execution, *content(seed=1))
    (target,) = (p for p in store.root.rglob("*.arrow") if p != source)
    shutil.copyfile(source, target)
    with pytest.raises(DamagedFile, match="another chunk"):
        store.load(chunk, recipe, execution, exact=True)
    problems = {path: problem for path, problem in store.verify() if problem}
    assert [*problems] == [target.relative_to(store.root)]


def test_verify_names_the_damaged_file(store):
    for start in (0, 6, 12):
        fill(store, replace(CHUNK, start=start, stop=start + 6))
    bad = next(store.root.rglob("000000006-*.arrow"))
    data = bytearray(bad.read_bytes())
    data[data.index(content()[0].tobytes())] ^= 1
    bad.write_bytes(data)
    found = dict(store.verify())
    assert len(found) == 3
    assert [path for path, problem in found.items() if problem] == [bad.relative_to(store.root)]
    assert bad.name in str(found[bad.relative_to(store.root)])


def test_a_leftover_temporary_is_no_chunk(store):
    """What a kill -9 while writing leaves."""
    fill(store)
    (the_file(store).parent / ".0123456789abcdef01234567.tmp").write_bytes(b"half a chunk")
    assert len(list(store.verify())) == 1
    assert [len(f.chunk_files) for f in store.films()] == [1]
    assert store.holds(CHUNK, RECIPE, EXECUTION)


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
from test_store import CHUNK, EmbeddingStore, StoreError, fill, replace
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


# ---- probes


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"as if it were a film")
    return path


def same_film(a, b):
    names = [n for n in VideoInfo.__dataclass_fields__ if n not in {"pts", "keyframes"}]
    return all(getattr(a, n) == getattr(b, n) for n in names) and all(
        np.array_equal(getattr(a, n), getattr(b, n)) and getattr(a, n).dtype == getattr(b, n).dtype
        for n in ("pts", "keyframes")
    )


@pytest.mark.parametrize(
    "fields", [{}, {"nominal_rate": None, "start_timecode": None, "keyframes": np.zeros(0, np.int64)}]
)
def test_a_probe_is_remembered_as_it_was(store, movie, fields):
    assert store.probed(movie) is None
    store.remember(video := film(movie, **fields))
    assert same_film(store.probed(movie), video)


def test_a_probe_is_forgotten_when_the_file_changes(store, movie):
    store.remember(film(movie))
    status = movie.stat()
    movie.write_bytes(b"as if it were a FILM")  # as long as before
    os.utime(movie, ns=(status.st_atime_ns, status.st_mtime_ns))  # and as old
    assert store.probed(movie) is None
    store.remember(film(movie))
    replacement = movie.with_name("new.mp4")
    replacement.write_bytes(movie.read_bytes())
    os.replace(replacement, movie)
    assert store.probed(movie) is None


def test_a_probe_goes_with_a_hard_link(store, movie):
    link = movie.with_name("same.mp4")
    link.hardlink_to(movie)
    store.remember(film(movie))
    assert store.probed(link).path == link


def test_a_damaged_probe_is_no_probe(store, movie):
    store.remember(film(movie))
    path, whole, num_found = the_file(store), store.probed(movie), 0
    for _ in changed_bytes(path):
        if (back := store.probed(movie)) is None:
            num_found += 1
        else:
            assert same_film(back, whole)
    assert num_found > path.stat().st_size / 2


# ---- scores


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, 6), st.integers(0, 4))
def test_scores_come_back_bit_equal(tmp_path, data, num, num_classes):
    def halves(*shape):
        return data.draw(st.none() | npst.arrays(np.float16, shape))

    scores = GridScores(
        frame=halves(num, num_classes),
        saliency=halves(num),
        clip=data.draw(st.none() | npst.arrays(np.float32, num_classes, elements={"allow_nan": False})),
    )
    index = FrameIndex(
        grid_s=np.arange(num) / 3,
        frame=np.arange(num),
        pts_s=np.arange(num) / 3,
        valid=data.draw(npst.arrays(np.bool_, num)),
    )
    labels = tuple(data.draw(st.lists(st.text(), min_size=num_classes, max_size=num_classes)))
    write_scores(tmp_path / "s.arrow", scores, index, labels, "c0ffee")
    back, clock, names = read_scores(tmp_path / "s.arrow")
    assert names == labels
    assert clock.grid_s.tobytes() == index.grid_s.tobytes()
    assert clock.valid.tolist() == index.valid.tolist()
    for name in ("frame", "saliency", "clip"):
        put, got = getattr(scores, name), getattr(back, name)
        if put is None or (name == "frame" and num_classes == 0):  # no class: nothing was said
            assert got is None
        else:
            assert (got.dtype, got.shape, got.tobytes()) == (put.dtype, put.shape, put.tobytes())


def test_damaged_scores_are_damage_or_unchanged(tmp_path):
    path = tmp_path / "s.arrow"
    _, index, _ = content()
    scores = GridScores(frame=np.eye(6, 3, dtype=np.float16), saliency=np.linspace(0, 1, 6, dtype=np.float16))
    write_scores(path, scores, index, ("a", "b", "c"), "c0ffee")

    def read():
        back, clock, labels = read_scores(path)
        return [a.tobytes() for a in (back.frame, back.saliency, clock.grid_s, clock.valid)], back.frame.shape, labels

    whole = read()
    for _ in changed_bytes(path):
        with contextlib.suppress(DamagedFile):
            assert read() == whole
