"""Pages that are edited by keys and buttons, as people do it, and what comes of it."""

import pytest
from film_pages import DURATION_S, NO_FILM, open_page_of, timeline
from playwright.sync_api import expect

from vtn_stream.formats import timeline_json

__all__ = ["answers", "code", "keyed", "keyed_page", "press", "said", "saved", "spans", "standing"]


@pytest.fixture(scope="module")
def keyed_page(open_page_once, tmp_path_factory, film):
    """A page for all tests of a file: opening another document in it is much quicker than opening another page."""
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "film.webm").write_bytes(film.read_bytes())
    (folder / "empty.html").write_text("<!DOCTYPE html><title>empty</title>")
    page = open_page_once(folder / "empty.html", allowed=NO_FILM)
    page.on("dialog", lambda dialog: dialog.accept())  # leaving what is not saved
    page.folder, page.num_opened = folder, 0
    return page


@pytest.fixture
def keyed(keyed_page):
    """keyed(*segments, has_film=False, tools=True, stored=None, before="", ...): the page, opened anew.

    `inside` has all names of its scripts. stored: the keys in this browser. before: a script that runs first.
    """
    first = keyed_page

    def open_(*segments, has_film=False, tools=True, stored=None, before="", **given):
        page = first.context.new_page() if before else first
        if before:
            page.add_init_script(before)
        first.num_opened += 1  # drafts are of a film
        page.made_of = timeline(*segments, video_identity=f"xxh3:{first.num_opened}", **given)
        path = first.folder / f"{first.num_opened}.html"
        path.write_bytes(open_page_of(page.made_of, film="film.webm" if has_film else "gone.webm"))
        first.goto((first.folder / "empty.html").as_uri())
        first.evaluate("localStorage.clear()")
        if stored:
            first.evaluate("stored => { localStorage['vtn-stream keys'] = stored; }", stored)
        page.goto(path.as_uri())
        if has_film:
            expect(page.locator("#film")).to_have_js_property("duration", DURATION_S)
        if tools:
            page.keyboard.press("t")
        return page

    yield open_
    first.emulate_media(media="screen", color_scheme="light")


def press(page, *keys):
    """The keys one after the other; what the page says then."""
    for key in keys:
        page.keyboard.press(key)
    return said(page)


def code(page, *steps):
    """Of each step: a key to press, or a time in seconds to go to; what the page says then."""
    for step in steps:
        if isinstance(step, str):
            page.keyboard.press(step)
        else:
            page.evaluate(f"inside.seek({1000 * step})")
    return said(page)


def said(page):
    return page.locator("#said").text_content()


def answers(page, *keys):
    """What the page says after each key."""
    return [press(page, key) for key in keys]


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
