"""Pictures of films that nobody analyzed, beside what is stored of films."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_chunks import store  # noqa: F401  (a fixture)

from vtn_stream.errors import DamagedFile
from vtn_stream.store import load_pictures, write_pictures
from vtn_stream.store.collect import choose, remove
from vtn_stream.store.inventory import items
from vtn_stream.store.pictures import pictures_file, read_pictures

FILM = "c0ffee"
PICTURES = [(0.0, b"\xff\xd8 one"), (12.5, b"\xff\xd8 two")]


@settings(deadline=None, max_examples=20)
@given(pictures=st.lists(st.tuples(st.floats(0, 1e6), st.binary(max_size=20)), max_size=4))
def test_pictures_come_back_as_they_were(tmp_path_factory, pictures):
    root = tmp_path_factory.mktemp("store")
    assert load_pictures(root, FILM) is None
    write_pictures(root, FILM, pictures)
    assert load_pictures(root, FILM) == pictures  # also that there are none


def test_damaged_pictures_and_those_of_another_film_are_none(store):
    write_pictures(store.root, FILM, PICTURES)
    file = pictures_file(store.root, FILM)
    assert list(store.verify()) == [(file.relative_to(store.root), None)]
    other = pictures_file(store.root, "beef")
    other.parent.mkdir()
    other.write_bytes(file.read_bytes())
    with pytest.raises(DamagedFile, match="other pictures"):
        read_pictures(other)
    assert load_pictures(store.root, "beef") is None
    content = file.read_bytes()
    file.write_bytes(content[:-100] + b"x" + content[-99:])
    assert load_pictures(store.root, FILM) is None
    assert [problem is None for _, problem in store.verify()] == [False, False]


@pytest.mark.parametrize("identity", ["", "../../x", "C0FFEE", "/etc", "a" * 129])
def test_no_identity_of_a_stranger_leads_out_of_the_store(tmp_path, identity):
    assert load_pictures(tmp_path, identity) is None
    with pytest.raises(ValueError, match="no identity"):
        pictures_file(tmp_path, identity)


def test_pictures_are_removed_by_their_age(store):
    write_pictures(store.root, FILM, PICTURES)
    (item,) = items(store, 0.0)
    assert (item.kind, item.in_use) == ("pictures", False)
    assert choose([item], item.used_s + 100, older_than_s=1000) == []
    assert choose([item], item.used_s + 1001, older_than_s=1000) == [item]
    assert remove(store, item).num_bytes == item.num_bytes > 0
    assert items(store, 0.0) == []
    assert not (store.root / "films" / FILM).exists()
