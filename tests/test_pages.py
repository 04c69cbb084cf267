"""A film's page has what it needs from elsewhere: thumbnails of the store, and a way to the film that tells nothing."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from vtn_stream.results import ResultFiles
from vtn_stream.results.overview import write_missing_pages
from vtn_stream.results.pages import NO_FILM, page_at, page_of, quiet_way_to, way_to
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Timeline

JPEG = re.compile(r"data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("film", "folder", "inside", "way"),
    [
        ("/w/film.mp4", "/w", "/w", "film.mp4"),
        ("/w/films/a b.mp4", "/w/results", "/w", "../films/a b.mp4"),
        ("/w/film.mp4", "/w/results/deep", "/w", "../../film.mp4"),
        ("/w/results/../film.mp4", "/w", "/w", "film.mp4"),
        ("/home/alice/film.mp4", "/w", "/w", None),
        ("/w/film.mp4", "/elsewhere", "/w", None),
        ("/w2/film.mp4", "/w", "/w", None),
        ("/home/alice/film.mp4", "/out", "/", None),
        ("/home/alice/film.mp4", "/home/alice/out", "/home", None),
        ("/home/alice/film.mp4", "/home/alice/out", "/home/alice", "../film.mp4"),
    ],
)
def test_the_way_to_a_film_names_no_folder_above(film, folder, inside, way, monkeypatch):
    monkeypatch.setenv("HOME", "/home/alice")
    assert way_to(Path(film), Path(folder), Path(inside)) == way


@pytest.mark.parametrize(
    ("film", "folder", "way"),
    [
        ("film.mp4", ".", "film.mp4"),
        ("film.mp4", "results", "../film.mp4"),
        ("results/film.mp4", "results/deep", "../film.mp4"),
        ("films/film.mp4", "out/films", "../../films/film.mp4"),  # a batch: results lie as films do
        ("films/film.mp4", "results", None),
        ("Erika Mustermann/film.mp4", "results", None),
        ("films/Erika/film.mp4", "out/films", None),
    ],
)
def test_a_page_that_nobody_linked_names_no_folder_that_its_own_path_does_not(film, folder, way):
    assert quiet_way_to(Path("/w") / film, Path("/w") / folder, Path("/w")) == way


def test_a_page_finds_its_film_beside_it_and_above(analyzed, tmp_path, monkeypatch):
    timeline = analyzed.analysis.timeline
    (tmp_path / "work" / "results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    page = Path("results/film.timeline.html")
    (tmp_path / "film.mp4").touch()  # above the current folder: nobody looks there
    written = page_at(page, timeline, thumbnails=False)
    assert written.warnings == (NO_FILM,)
    (tmp_path / "work" / "film.mp4").touch()
    written = page_at(page, timeline, thumbnails=False)
    assert written.warnings == ()
    assert b'"./../film.mp4"' in written.content
    (tmp_path / "work" / "results" / "film.mp4").touch()
    assert b'"./film.mp4"' in page_at(page, timeline, thumbnails=False).content


def test_a_page_that_is_made_again_keeps_the_way_to_its_film(analyzed, tmp_path, monkeypatch):
    timeline = analyzed.analysis.timeline
    for folder in ("games", "results"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    page, film = Path("results/film.timeline.html"), tmp_path / "games" / "film.mp4"
    film.touch()
    page.write_bytes(page_at(page, timeline, film="../games/film.mp4", thumbnails=False).content)
    again = page_at(page, timeline, thumbnails=False)
    assert (again.content, again.warnings) == (page.read_bytes(), ())
    page.write_bytes(page.read_bytes().replace(b"./../games/film.mp4", b"/" + bytes(film)))
    assert page_at(page, timeline, thumbnails=False).warnings == (NO_FILM,)  # an absolute path is nobody's
    page.write_bytes(again.content)
    film.unlink()
    assert page_at(page, timeline, thumbnails=False).warnings == (NO_FILM,)


def test_thumbnails_are_those_of_the_part_that_was_analyzed(analyzed):
    timeline = analyzed.analysis.timeline
    everything = page_of(timeline, store=analyzed.store).content.decode()
    part = page_of(timeline.crop(25, 65), store=analyzed.store).content.decode()
    assert len(JPEG.findall(everything)) == 13  # every 10 s of 130
    assert len(JPEG.findall(part)) == 4
    assert not JPEG.search(page_of(timeline, store=analyzed.store, thumbnails=False).content.decode())


def test_a_store_without_the_film_is_told_and_no_reason_to_fail(analyzed, tmp_path):
    (warning,) = page_of(analyzed.analysis.timeline, store=tmp_path / "none").warnings
    assert "no pictures of this film are in the store" in warning
    assert page_of(analyzed.analysis.timeline, store=analyzed.store).warnings == ()
    assert page_of(analyzed.analysis.timeline, store=tmp_path, thumbnails=False).warnings == ()
    assert not JPEG.search(page_of(analyzed.analysis.timeline, store=tmp_path / "none").content.decode())


@pytest.mark.parametrize("most", [1, 2, 5, 12, 13, 100])
def test_few_thumbnails_are_spread_over_the_film(analyzed, most):
    recipe = analyzed.analysis.timeline.provenance["recipe"]
    identity = analyzed.analysis.timeline.video_identity
    (digest,) = (path.name for path in (analyzed.store / "films" / identity).iterdir() if path.is_dir())
    assert recipe["backbone"]
    found = EmbeddingStore(analyzed.store).thumbnails(identity, digest, most)
    times = [time_s for time_s, _ in found]
    assert times == sorted(times)
    assert 1 <= len(times) <= most
    assert all(jpeg.startswith(b"\xff\xd8") for _, jpeg in found)
    if most >= 13:
        assert times == [10.0 * i for i in range(13)]


@pytest.mark.parametrize("identity", ["../../..", "", "/", "c0ffee/../..", "C0FFEE"])
def test_a_stranger_s_timeline_reads_nothing_outside_the_store(analyzed, identity, monkeypatch):
    def touched(*_):
        raise AssertionError("the store was asked")

    monkeypatch.setattr(EmbeddingStore, "thumbnails", touched)
    page_of(replace(analyzed.analysis.timeline, video_identity=identity), store=analyzed.store)


@pytest.mark.parametrize("recipe", [None, 3, "x", {}, {"fps": "1/0"}, {"fps": []}])
def test_a_stranger_s_recipe_is_no_reason_to_fail(analyzed, recipe):
    timeline = analyzed.analysis.timeline
    stranger = replace(timeline, provenance={**timeline.provenance, "recipe": recipe})
    assert not JPEG.search(page_of(stranger, store=analyzed.store).content.decode())


@pytest.mark.parametrize(
    ("output", "url"),
    [("results", "./../a%20b.mp4"), (".", "./a%20b.mp4"), ("../elsewhere", "./film.mp4")],
)
def test_the_page_of_an_analysis_knows_its_film_and_nobody_s_folders(analyzed, tmp_path, monkeypatch, output, url):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    film = tmp_path / "work" / "a b.mp4"
    film.touch()
    analysis = analyzed.analysis
    files = ResultFiles(Path(output), film, ["html"], store=analyzed.store)
    saved = files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    assert (saved.warnings, saved.told) == ((), ())
    page = files.timelines["html"].read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["film"]["url"] == url
    assert str(tmp_path) not in page
    assert list(write_missing_pages(Path(output))) == []  # the page is no older than its timeline


def test_a_page_is_of_any_timeline():
    empty = Timeline(video_identity="", video_path="x", duration_s=0, span_s=(0, 0))
    assert page_of(empty).content.startswith(b"<!DOCTYPE html>")
