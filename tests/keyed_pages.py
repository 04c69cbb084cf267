"""Pages that are edited by keys and buttons, as people do it, and what comes of it."""

import pytest
from film_pages import DURATION_S, NO_FILM, open_page_of, timeline
from playwright.sync_api import expect

from vtn_stream.formats import timeline_json

__all__ = ["keyed", "press", "said", "saved", "spans", "standing"]


@pytest.fixture
def keyed(open_page, tmp_path, film):
    """keyed(*segments, has_film=False, ...): the page, its tools open; names of its scripts are in `inside`."""

    def open_(*segments, has_film=False, tools=True, browser_options=None, script=None, **given):
        if has_film:
            (tmp_path / "film.webm").write_bytes(film.read_bytes())
        path = tmp_path / "film.webm.timeline.html"
        path.write_bytes(open_page_of(timeline(*segments, **given)))
        page = open_page(path, allowed=() if has_film else NO_FILM, **(browser_options or {}))
        if script:
            page.add_init_script(script)
            page.reload()
        if has_film:
            expect(page.locator("#film")).to_have_js_property("duration", DURATION_S)
        if tools:
            page.keyboard.press("t")
        return page

    return open_


def press(page, *keys):
    """The keys one after the other; what the page says then."""
    for key in keys:
        page.keyboard.press(key)
    return said(page)


def said(page):
    return page.locator("#said").text_content()


def saved(page):
    """The timeline that would be saved."""
    return timeline_json.loads(page.evaluate("inside.timelineText()").encode())


def spans(page):
    """(label, start_s, end_s) of what would be saved."""
    return [(s.label, s.start_s, s.end_s) for s in saved(page).segments]


def standing(page):
    """The same with by whom: "model", "kept", "changed" or "manual"."""
    by = {"curated": "kept", None: "model"}
    return [
        (s.label, s.start_s, s.end_s, "changed" if s.was else by.get(s.origin, s.origin)) for s in saved(page).segments
    ]
