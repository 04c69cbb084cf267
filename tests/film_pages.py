"""The page of a film, shown in a browser, and what is seen on it."""

import io
import json
import re
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from unittest.mock import patch

import pytest
from browser import pages
from counting import write_film
from PIL import Image
from playwright.sync_api import expect

from vtn_stream.report import page as report_page
from vtn_stream.report.html import joined_script
from vtn_stream.results.pages import rest_of
from vtn_stream.timeline import Segment, Timeline

DURATION_S = 8.0
NO_FILM = ("ERR_FILE_NOT_FOUND",)  # what the browser logs of a film that is not there


def page(made_of, files=MappingProxyType({}), **given):
    """The page of a timeline. files: digests of what lies beside it."""
    return report_page.page(made_of, rest=rest_of(made_of, files), **given)


def open_page_of(made_of, **given):
    """The same page, but `inside` has all names of its scripts: inside.commit, inside.segments."""
    with open_scripts():
        return page(made_of, **given)


def open_scripts():
    """A context in which pages are made with such scripts."""
    return patch.object(report_page, "joined_script", lambda names: _opened(joined_script(names)))


def _opened(script):
    names = re.findall(r"^(?:const|let|(?:async )?function) (\w+)", script, re.MULTILINE)
    getters = ", ".join(f"get {name}() {{ return {name}; }}" for name in dict.fromkeys(names))
    return script.replace("})();", f"window.inside = {{ {getters} }};\n}})();")


def segment(start_s, end_s, label, score=None, **attributes):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score, attributes=attributes)


def timeline(*segments, **given):
    defaults = {
        "video_identity": "xxh3:1",
        "video_path": "film.webm",
        "duration_s": DURATION_S,
        "span_s": (0, given.get("duration_s", DURATION_S)),
    }
    return Timeline(segments=segments, **(defaults | given))


# Of "run" one has no score; three labels, five segments.
MATCH = (
    segment(0, 1, "run", 0.3),
    segment(1, 2, "jump", 0.9, player="no. 7"),
    segment(3, 5, "run"),
    segment(4, 6, "fall", 0.6),
    segment(6.5, 6.5, "jump", 0.45),
)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """8 s in VP9, which every Chromium plays."""
    path = tmp_path_factory.mktemp("film") / "film.webm"
    write_film(path, 40, rate=Fraction(5), codec="libvpx-vp9")
    return path


@pytest.fixture
def show(open_page, tmp_path, film):
    """show(*segments, beside="film.webm", inside=False, ...): the page with a film beside it, opened."""

    def show_(*segments, beside="film.webm", fragment="", allowed=(), truth=None, browser_options=None, **given):
        if beside is not None:
            (tmp_path / beside).write_bytes(film.read_bytes())
        name = given.pop("film", beside or "gone.webm")
        pictures = given.pop("thumbnails", ())
        path = tmp_path / "page.html"
        curves = given.pop("label_curves", None)
        made = open_page_of if given.pop("inside", False) else page
        made_of = timeline(*segments, **given)
        path.write_bytes(made(made_of, truth=truth, film=name, thumbnails=pictures, label_curves=curves))
        allowed = allowed or (NO_FILM if beside is None else ())
        shown = open_page(path, fragment, allowed, **(browser_options or {}))
        if beside is not None:
            expect(shown.locator("#film")).to_have_js_property("duration", DURATION_S)
        return shown

    return show_


def text(shown, selector):
    return shown.locator(selector).inner_text()


def rows(shown):
    drawn(shown)
    return shown.locator("#body tr[data-segment]").evaluate_all(
        """trs => trs.map(tr => [...tr.cells].filter(td => getComputedStyle(td).display !== "none")
               .map(td => td.textContent))"""
    )


def at(shown, label, time_s, down=0.5):
    """Where on the screen a moment of a label's lane is."""
    lane = shown.locator("#heads li.lane", has_text=label).bounding_box()
    stage = shown.locator("#stage").bounding_box()
    return stage["x"] + stage["width"] * time_s / DURATION_S, lane["y"] + lane["height"] * down


def drawn(shown):
    """What was changed is drawn."""
    shown.evaluate("() => new Promise(requestAnimationFrame)")


def colours(shown, *points):
    """Of points on the screen, as #RRGGBB."""
    drawn(shown)
    screen = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
    return ["#{:02X}{:02X}{:02X}".format(*screen.getpixel((round(x), round(y)))) for x, y in points]


def data_of(file):
    return json.loads(re.search(rb'id="data">(.*?)</script>', file, re.S)[1])


def many(num):
    """num segments of 12 labels over ten hours."""
    labels = [f"label {i}" for i in range(12)]
    every_s = 36_000 / num
    segments = [
        segment(i * every_s, i * every_s + 1 + (i * 37 % 100) / 10, labels[i * 7 % 12], (i * 13 % 1000) / 1000)
        for i in range(num)
    ]
    return timeline(*segments, duration_s=36_010)


class Edited:
    """The page of a timeline with its tools for editing open, and the mouse over its lanes."""

    def __init__(self, shown):
        self.page, self.mouse, self.keyboard = shown, shown.mouse, shown.keyboard
        shown.get_by_role("button", name="Edit", exact=True).click()

    def at(self, label, time_s, down=0.6):
        return at(self.page, label, time_s, down)

    def drag(self, start, *to, button="left", lift=True):
        """Points on the screen, in some steps, as a hand goes."""
        self.mouse.move(*start)
        self.mouse.down(button=button)
        for each in to:
            self.mouse.move(*each, steps=4)
        if lift:
            self.mouse.up(button=button)

    def stands(self, label):
        """(start_s, end_s, by whom) of the label's segments that stand, by start."""
        found = self.page.evaluate(
            """label => inside.standing().map(i => ({ ...inside.segments.exact[i], by: inside.byWhom(i) }))
               .filter(each => each.label === label).map(({ start_s, end_s, by }) => [start_s, end_s, by])""",
            label,
        )
        return sorted(map(tuple, found))

    def value(self, expression):
        return self.page.evaluate(f"inside.{expression}")

    @property
    def num_steps(self):
        return self.value("history.done.length")

    @property
    def selected(self):
        """[(label, start_s)], the main one first."""
        return [
            tuple(each)
            for each in self.page.evaluate(
                "inside.selection.map(i => inside.segments.exact[i]).map(({ label, start_s }) => [label, start_s])"
            )
        ]

    def begin_again(self):
        """Undoes all, and shows the whole film with nothing selected and the playhead at 0."""
        self.page.evaluate(
            """() => {
                while (inside.undo());
                inside.select([]);
                inside.show(0, inside.length);
                inside.seek(0);
            }"""
        )

    def until(self, expression):
        """Waits, frame by frame: the page's policy forbids Playwright's own way."""
        self.page.evaluate(f"async () => {{ while (!({expression})) await new Promise(requestAnimationFrame); }}")


def by_model(segments):
    return [replace(each, origin=each.origin or "model") for each in segments]


@pytest.fixture
def edited(show):
    """edited(*segments, ...): as `show`, of segments that a model found, without a film, ready for corrections."""

    def edited_(*segments, beside=None, **given):
        return Edited(show(*by_model(segments), beside=beside, inside=True, **given))

    return edited_


@pytest.fixture(scope="module")
def edited_match(browser, tmp_path_factory):
    """One page of MATCH for all tests of a file: `match`."""
    path = tmp_path_factory.mktemp("match") / "page.html"
    path.write_bytes(open_page_of(timeline(*by_model(MATCH)), film="gone.webm"))
    with pages(browser) as open_:
        yield Edited(open_(path, allowed=NO_FILM))


@pytest.fixture
def match(edited_match):
    """run 0-1, 3-5; jump 1-2, at 6.5; fall 4-6; the playhead at 0. As it was first, whatever tests did before."""
    edited_match.begin_again()
    return edited_match
