"""Pages over a folder: one of each timeline that has none, and an index over all, whatever is among them."""

import json
import os
from pathlib import Path

import pytest
from film_pages import page

from vtn_stream.errors import InputError
from vtn_stream.formats import timeline_json
from vtn_stream.results.overview import MAX_UPDATED, timeline_files, update_index, write_index, write_missing_pages
from vtn_stream.timeline import Segment, Timeline


def put(folder, name, **fields):
    known = {"video_identity": "c0ffee", "video_path": f"{name}.mp4", "duration_s": 60, "span_s": (0, 60)}
    segments = (Segment(start_s=0, end_s=20, label="walk", score=0.5),)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.timeline.json"
    path.write_bytes(timeline_json.dumps(Timeline(**(known | {"segments": segments} | fields))))
    return path


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "out", "a")
    put(tmp_path / "out" / "deep" / "er", "b")
    (tmp_path / "out" / "c.timeline.partial.json").write_text("{}")
    (tmp_path / "out" / "a.timeline.activitynet.json").write_text("{}")
    (tmp_path / "out" / "run.json").write_text("{}")
    put(tmp_path / "out" / ".hidden", "d")
    return tmp_path / "out"


def test_the_timelines_of_a_folder_are_those_that_are_finished(folder):
    assert [str(file) for file in timeline_files(folder)] == ["a.timeline.json", "deep/er/b.timeline.json"]


def test_a_page_is_made_where_there_is_none_or_an_older_one(folder):
    made = [str(page.relative_to(folder)) for page, _ in write_missing_pages(folder)]
    assert made == ["a.timeline.html", "deep/er/b.timeline.html"]
    assert list(write_missing_pages(folder)) == []
    os.utime(folder / "a.timeline.json")
    os.utime(folder / "a.timeline.html", (0, 0))
    assert [page.name for page, _ in write_missing_pages(folder)] == ["a.timeline.html"]


def test_the_index_names_every_film_and_what_cannot_be_read(folder):
    (folder / "bad.timeline.json").write_text("no")
    list(write_missing_pages(folder))
    written = write_index(folder)
    assert (written.path, written.num_films) == (folder / "index.html", 3)
    assert written.num_failed == 1
    page = written.path.read_text()
    for text in ("deep/er/b.mp4", "deep/er/b.timeline.html", "bad.timeline.json", "walk"):
        assert text in page
    assert str(folder.parent) not in page


@pytest.mark.parametrize(("given", "title"), [("out", "out"), (".", "timelines"), ("link", "link")])
def test_the_index_is_called_as_the_folder_was_and_not_as_where_that_leads(folder, monkeypatch, given, title):
    (folder.parent / "link").symlink_to(folder)
    monkeypatch.chdir(folder if given == "." else folder.parent)
    page = write_index(Path(given)).path.read_text()
    assert f"<title>{title}" in page


def test_the_same_folder_gives_the_same_index(folder):
    first = write_index(folder).path.read_bytes()
    assert write_index(folder).path.read_bytes() == first


def test_a_folder_without_timelines_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError):
            write_index(path)
    assert os.listdir(tmp_path) == []


def test_the_command_line_makes_pages_of_a_timeline_and_of_a_folder(folder, tmp_path, here, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    code, out, err = here("report", "out/a.timeline.json", "--no-thumbnails")
    assert (code, out, err) == (0, "wrote out/a.timeline.html\n", "")
    code, out, err = here("report", "out", "--no-thumbnails")
    assert code == 0
    assert err.startswith("1 page: the page does not know where the film lies")
    assert out.splitlines() == ["wrote out/deep/er/b.timeline.html", "wrote out/index.html, over 2 timelines"]
    (folder / "bad.timeline.json").write_text("no")
    code, out, err = here("report", "out")
    assert code == 1
    assert "bad.timeline.json" in err
    assert "wrote out/index.html, over 3 timelines, 1 cannot be read" in out


def test_a_film_elsewhere_is_named_by_a_way_within_the_current_folder_only(folder, tmp_path, here, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").touch()
    assert here("report", "out/a.timeline.json", "--film", "films/a.mp4")[0] == 0
    assert "../films/a.mp4" in (folder / "a.timeline.html").read_text()
    monkeypatch.chdir(folder)
    code, _, err = here("report", "a.timeline.json", "--film", "../films/a.mp4")
    assert code == 1
    assert "would name folders above" in err
    assert here("report", "a.timeline.json", "--film", "missing.mp4")[0] == 1
    assert here("report", ".", "--film", "../films/a.mp4")[0] == 2


def test_truth_is_shown_over_what_was_predicted(folder, tmp_path, here):
    (tmp_path / "truth.csv").write_text("video,start_s,end_s,label\na.mp4,1,2,a true thing\n")
    code, _, err = here(
        "report",
        folder / "a.timeline.json",
        "--truth",
        tmp_path / "truth.csv",
        "-o",
        tmp_path / "p.html",
        "--no-thumbnails",
    )
    assert (code, err.count("\n")) == (0, 1)  # the film is not there
    assert "a true thing" in (tmp_path / "p.html").read_text()


# ---- what is in the way


@pytest.mark.parametrize("name", ["film.mp4", "a.timeline.json", "truth.csv", "page.pdf", "page"])
def test_a_page_is_never_written_over_what_is_no_page(folder, here, name):
    file = folder / name
    if not file.exists():
        file.write_bytes(b"precious")
    before = file.read_bytes()
    for options in ([], ["--overwrite"]):
        assert here("report", folder / "a.timeline.json", "-o", file, *options)[0] == 1
    assert file.read_bytes() == before


def test_somebody_s_own_page_is_kept_and_ours_made_anew(folder, here):
    (folder / "index.html").write_text("<!DOCTYPE html><title>my site</title>")
    (folder / "a.timeline.html").write_text("<!DOCTYPE html><title>mine too</title>")
    os.utime(folder / "a.timeline.html", (0, 0))
    code, out, err = here("report", folder, "--no-thumbnails")
    assert code == 1
    assert "my site" in (folder / "index.html").read_text()
    assert "mine too" in (folder / "a.timeline.html").read_text()
    assert err.count("is not a page of vtn-stream") == 2
    assert "b.timeline.html" in out
    assert here("report", folder / "a.timeline.json", "--overwrite")[0] == 0
    assert "mine too" not in (folder / "a.timeline.html").read_text()
    assert here("report", folder / "a.timeline.json")[0] == 0


def test_films_that_failed_in_a_batch_have_rows_too(folder, here):
    lines = [
        {"event": "film_failed", "film": "films/bad.mp4", "results": "films/bad.mp4", "reason": "it is no film"},
        {"event": "chunk_lost", "film": "films/gap.mp4", "results": "films/gap.mp4", "reason": "decoding died"},
        {"event": "film_failed", "film": 3, "reason": []},
    ]
    (folder / "failures.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "no json\n")
    assert here("report", folder, "--no-thumbnails")[0] == 0
    page = (folder / "index.html").read_text()
    assert "films/bad.mp4" in page
    assert "it is no film" in page
    assert "films/gap.mp4" not in page


# ---- an index that follows


def test_an_index_that_is_there_follows_what_was_analyzed_since(folder):
    assert update_index(folder) == (None, "")
    assert not (folder / "index.html").exists()
    write_index(folder)
    put(folder, "new")
    assert update_index(folder, failed={"bad.mp4": "no video stream"}) == (folder / "index.html", "")
    page = (folder / "index.html").read_text()
    assert "new.mp4" in page
    assert "no video stream" in page


def test_an_index_that_is_hand_work_is_kept_and_reported(folder):
    index = write_index(folder).path
    changed = index.read_bytes().replace(b"<h1", b"<h1 lang=en")
    index.write_bytes(changed)
    put(folder, "new")
    path, line = update_index(folder)
    assert path is None
    assert line == "index.html was changed by hand and is kept: it does not show the new results"
    assert index.read_bytes() == changed


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><title>my own page</title>", None])
def test_a_page_that_is_not_an_index_is_left_alone(folder, content):
    index = folder / "index.html"
    index.write_bytes(
        page(timeline_json.loads((folder / "a.timeline.json").read_bytes())) if content is None else content
    )
    before = index.read_bytes()
    assert update_index(folder) == (None, "")
    assert index.read_bytes() == before


def test_a_large_index_does_not_follow_and_says_how_it_can(folder, monkeypatch):
    write_index(folder)
    monkeypatch.setattr("vtn_stream.results.overview.MAX_UPDATED", 1)
    path, line = update_index(folder)
    assert path is None
    assert line.endswith(f"as it is over 2 films: vtn-stream report {folder} updates it")
    assert MAX_UPDATED == 1_000
