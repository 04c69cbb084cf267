"""The index of a folder says what people reviewed, where they began."""

import pytest
from browser import axe_violations
from index_pages import corrected_films, entry, films, names, opened, row_of  # noqa: F401  (a fixture)

from vtn_stream.report.html import is_document
from vtn_stream.report.index import index
from vtn_stream.report.progress import Progress
from vtn_stream.timeline import Reviewed, Segment, Timeline


def timeline(*segments, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "duration_s": 100.0, "span_s": (0.0, 100.0)}
    return Timeline(**(known | {"segments": segments} | fields))


def segment(start_s, origin=None):
    return Segment(start_s=start_s, end_s=start_s + 5, label="walk", origin=origin)


@pytest.mark.parametrize(
    ("film", "state"),
    [
        (timeline(segment(1, "model"), segment(20)), "not begun"),
        (timeline(segment(1, "curated"), segment(20, "model")), "begun"),
        (timeline(segment(1, "curated"), segment(20, "manual")), "done"),  # the model had said one
        (timeline(segment(20, "manual")), "begun"),
        (timeline(segment(20, "manual"), reviewed=(Reviewed(start_s=0, end_s=100),)), "done"),
        (timeline(reviewed=(Reviewed(start_s=0, end_s=99),)), "begun"),
        (timeline(rejected=(segment(1, "model"),)), "done"),
    ],
)
def test_a_film_is_done_where_all_that_a_model_said_or_all_of_its_time_was_looked_at(film, state):
    assert Progress.of(film).state == state


def test_an_index_of_films_that_nobody_reviewed_says_nothing_of_it():
    content = index(films(), title="films")
    assert is_document(content)
    assert b'"progress":{}' in content


def test_the_index_shows_and_sorts_what_is_reviewed(opened):
    page = opened(corrected_films())
    cells = page.locator("#rows .reviewed > span")
    assert cells.all_text_contents() == ["not begun", "1 of 3", "done", "not begun"]
    assert row_of(page, "b.mp4").locator(".reviewed span").first.get_attribute("title") == (
        "begun: 1 of 3 segments of the model, 0 % of the time, 1 segment by hand"
    )
    assert row_of(page, "d.mp4").locator(".file a").count() == 0
    assert page.locator("#totals").inner_text().replace("\n", " ").count("Done 1 of 4") == 1
    page.get_by_role("button", name="3 to do").click()
    assert names(page) == ["a.mp4", "b.mp4", "d.mp4"]
    page.get_by_role("button", name="3 to do").click()
    page.get_by_role("button", name="Reviewed", exact=True).click()
    assert names(page)[0] == "c.mp4"
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 500, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_anything_reviewed_the_index_has_no_such_column(opened):
    page = opened([entry((0.0, 1.0, "walk", None))])
    assert not page.locator("#reviewed").is_visible()
    assert page.locator("#rows .reviewed").count() == 0
