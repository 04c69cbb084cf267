"""Files of a store that were changed, cut or brought from elsewhere: damage is told, never read."""

import contextlib
import json
import os
import shutil
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_chunks import (  # noqa: F401  (fixtures among them)
    CHUNK,
    EXECUTION,
    OTHER,
    RECIPE,
    changed_bytes,
    content,
    facts,
    fill,
    store,
    the_file,
)

from vtn_stream.errors import DamagedFile
from vtn_stream.store.arrow_file import read_batch, write_batch


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
