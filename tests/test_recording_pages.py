"""Where the page of a recording finds its files, and the pictures that it shows of them."""

import re

import pytest
from recorded import PARTS, recording

from vtn_stream.anonymous import anonymous
from vtn_stream.errors import InputError
from vtn_stream.results import pictures
from vtn_stream.results.pages import NO_FILES, page_at, way_to, ways_in
from vtn_stream.store import EmbeddingStore

FILES = [part.video_path for part in PARTS]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The current folder, with the page's folder in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path


def urls(page):
    return re.findall(rb'\{"name":"[^"]*","url":"([^"]*)"', page)


def made(folder, timeline=None, **given):
    return page_at(folder / "match.timeline.html", timeline or recording(), thumbnails=False, **given)


def test_each_file_is_found_beside_the_page_or_in_a_folder_above(work):
    for folder, name in zip((work, work, work / "results"), FILES, strict=True):
        (folder / name).write_bytes(b"")
    written = made(work / "results")
    assert urls(written.content) == [b"./match", b"./../one.mp4", b"./../two.mp4", b"./three.mp4"]
    assert written.warnings == ()


def test_files_that_are_not_found_are_counted(work):
    (work / "one.mp4").write_bytes(b"")
    written = made(work / "results")
    assert written.warnings == (NO_FILES.format(num=2, total=3),)
    assert urls(written.content)[2:] == [b"./two.mp4", b"./three.mp4"]


def test_a_page_that_knew_a_way_still_does(work):
    page = work / "results" / "match.timeline.html"
    for name in FILES:
        (work / name).write_bytes(b"")
    page.write_bytes(made(work / "results").content)
    (work / "other").mkdir()
    again = page_at(page, recording(), thumbnails=False)
    assert urls(again.content)[1:] == [f"./../{name}".encode() for name in FILES]


def test_a_folder_is_named_for_the_files(work):
    for name in FILES:
        (work / name).write_bytes(b"")
    assert ways_in(work, way_to(work, work / "results", work), recording()) == [f"../{name}" for name in FILES]
    with pytest.raises(InputError, match=r"is a recording in 3 files, and one\.mp4 is one file"):
        ways_in(work / "one.mp4", "../one.mp4", recording())
    (work / "two.mp4").unlink()
    with pytest.raises(InputError, match=r"two\.mp4 of the recording is not in"):
        ways_in(work, "..", recording())


def test_the_page_of_an_anonymous_recording_names_no_file(work):
    for name in FILES:
        (work / name).write_bytes(b"")
    written = made(work / "results", anonymous(recording(), "film-346679"))
    assert [url for url in urls(written.content) if b"mp4" in url] == []
    assert not any(f'"{name}'.encode() in written.content for name in FILES)  # their identities have the names here
    assert written.warnings == ()


def test_pictures_of_files_stand_at_their_times(work, monkeypatch):
    of_file = {f"xxh3:{name}": [(5.0, name.encode())] for name in FILES}
    monkeypatch.setattr(pictures, "load_pictures", lambda root, identity: of_file[identity])
    store = EmbeddingStore(work)
    assert pictures.pictures_of(recording(), store, 100) == [
        (5.0, b"one.mp4"),
        (65.0, b"two.mp4"),
        (105.0, b"three.mp4"),
    ]
    assert pictures.pictures_of(recording(span_s=(60, 90)), store, 100) == [(65.0, b"two.mp4")]
