"""Chunks of a film that is followed: found by what it begins with, and removed when they are another film's."""

from stored_chunks import CHUNK, EXECUTION, RECIPE, content

from vtn_stream.store import EmbeddingStore
from vtn_stream.store.followed import read_followed, write_followed


def test_names_are_added_and_the_latest_place_counts(tmp_path):
    assert read_followed(tmp_path, "b" * 32) == {}
    write_followed(tmp_path, "b" * 32, {"1": "1"})
    write_followed(tmp_path, "b" * 32, {"1": "film", "2": "2"})
    assert read_followed(tmp_path, "b" * 32) == {"1": "film", "2": "2"}
    assert read_followed(tmp_path, "c" * 32) == {}


def test_a_damaged_file_is_nothing_known(tmp_path):
    write_followed(tmp_path, "b" * 32, {"1": "1"})
    (file,) = (tmp_path / "probes").iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    assert read_followed(tmp_path, "b" * 32) == {}


def test_a_chunk_that_is_removed_leaves_no_empty_folder(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.write(CHUNK, RECIPE, EXECUTION, *content())
    store.mark_used(CHUNK)
    store.remove(CHUNK, RECIPE)
    assert not store.holds(CHUNK, RECIPE, EXECUTION)
    assert list((tmp_path / "films").iterdir()) == []
    store.remove(CHUNK, RECIPE)
