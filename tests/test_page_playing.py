"""The page of one film, in a real browser, from file://: it plays, it seeks, it zooms."""

import re
from fractions import Fraction

import pytest
from counting import write_film
from film_pages import (  # noqa: F401  (fixtures among them)
    DURATION_S,
    MATCH,
    at,
    data_of,
    drawn,
    film,
    page,
    rows,
    show,
    text,
    timeline,
)
from playwright.sync_api import expect


def test_the_film_plays_and_what_holds_is_marked(show):
    shown = show(*MATCH)
    assert shown.title() == "film.webm · timeline"
    assert text(shown, "#now") == "run\n0.30"
    shown.evaluate("document.getElementById('film').playbackRate = 0.25")  # a busy machine may be slow to stop it
    shown.keyboard.press("Space")
    expect(shown.locator("#now")).to_contain_text("jump")
    shown.keyboard.press("k")
    assert shown.evaluate("document.getElementById('film').paused")
    seconds = shown.evaluate("document.getElementById('film').currentTime")
    assert 1 <= seconds < 3
    assert shown.locator("#heads li.current").all_inner_texts() == ["jump\n2/2"]
    assert [cells[0] for cells in rows(shown) if cells[1] == "0:00:01.000"] == ["jump"]
    assert text(shown, "#body tr.current td:first-child") == "jump"


def test_a_click_on_a_lane_goes_there(show):
    shown = show(*MATCH)
    shown.mouse.click(*at(shown, "fall", 5))
    seconds = shown.evaluate("document.getElementById('film').currentTime")
    assert seconds == pytest.approx(5, abs=0.02)
    assert text(shown, "#time").startswith(("0:00:05.0", "0:00:04.99"))
    assert text(shown, "#body tr[aria-selected=true] td:first-child") == "fall"
    assert set(text(shown, "#now").split("\n")) == {"fall", "0.60"}  # "run" ended at 5


def test_a_click_on_a_row_goes_to_its_start(show):
    shown = show(*MATCH)
    shown.locator("#body tr", has_text="fall").click()
    assert text(shown, "#time") == "0:00:04.000"
    assert 4 <= shown.evaluate("document.getElementById('film').currentTime") < 4.002


def test_the_table_is_used_by_keys(show):
    shown = show(*MATCH)
    shown.locator("#table").focus()
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("ArrowDown")
    assert text(shown, "#time") == "0:00:00.000"  # chosen, not yet gone to
    shown.keyboard.press("Enter")
    assert text(shown, "#time") == "0:00:01.000"
    shown.keyboard.press("End")
    shown.keyboard.press("Enter")
    assert text(shown, "#time") == "0:00:06.500"
    active = shown.locator("#table").get_attribute("aria-activedescendant")
    assert text(shown, f"#{active} td:first-child") == "jump"


def test_keys_seek(show):
    shown = show(*MATCH, beside=None)
    for key, clock in [
        ("p", "0:00:00.000"),
        ("ArrowRight", "0:00:05.000"),
        ("ArrowRight", "0:00:08.000"),
        ("ArrowLeft", "0:00:03.000"),
        ("n", "0:00:04.000"),
        ("n", "0:00:06.500"),
        ("n", "0:00:06.500"),
        ("p", "0:00:04.000"),
        ("p", "0:00:03.000"),
        ("l", "0:00:08.000"),
        ("j", "0:00:00.000"),
    ]:
        shown.keyboard.press(key)
        assert text(shown, "#time") == clock


def test_keys_go_frame_by_frame_and_stop_the_film(show, tmp_path):
    """Of a rate at which no frame but the first begins at a whole millisecond."""
    rate = Fraction(24000, 1001)
    write_film(tmp_path / "rare.webm", 60, rate=rate, codec="libvpx-vp9")
    shown = show(beside=None, allowed=("nothing",), film="rare.webm", nominal_rate=rate, duration_s=60 / float(rate))
    film = shown.locator("#film")
    expect(film).to_have_js_property("readyState", 4)
    for keys, frame, clock in [
        (".", 1, "0:00:00.042"),
        (".", 2, "0:00:00.083"),
        (".........", 11, "0:00:00.459"),
        (",", 10, "0:00:00.417"),
    ]:
        for key in keys:
            shown.keyboard.press(key)
        assert text(shown, "#time") == clock
        expect(film).to_have_js_property("seeking", False)
        # The film stands within that frame, by the file's own times, which are whole milliseconds.
        begins, ends = (round(Fraction(1000) * (frame + i) / rate) for i in (0, 1))
        assert begins < film.evaluate("film => film.currentTime * 1000") < ends
    shown.keyboard.press("Space")
    expect(film).to_have_js_property("paused", False)
    shown.keyboard.press(".")
    expect(film).to_have_js_property("paused", True)


@pytest.mark.parametrize(
    ("rate", "frame"),
    [(None, 40), (Fraction(30000, 1001), 33.366667), (Fraction(10**30), 0.1), (Fraction(1, 10**400), 60_000)],
)
def test_a_frame_lasts_as_the_rate_says_whatever_it_says(rate, frame):
    assert data_of(page(timeline(nominal_rate=rate)))["film"]["frame"] == frame


def test_a_link_opens_at_its_moment(show):
    shown = show(*MATCH, fragment="#t=4.2")
    assert text(shown, "#time") == "0:00:04.200"
    assert shown.evaluate("document.getElementById('film').currentTime") == pytest.approx(4.2, abs=0.002)
    assert shown.locator("#time").get_attribute("href") == "#t=4.200"
    shown.evaluate("location.hash = '#t=1'")
    expect(shown.locator("#time")).to_have_text("0:00:01.000")


def test_the_timeline_zooms_and_pans(show):
    shown = show(*MATCH, beside=None)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:08.0"
    shown.keyboard.press("l")
    shown.keyboard.press("+")
    drawn(shown)
    assert text(shown, "#range") == "0:00:03.0 – 0:00:08.0"
    shown.keyboard.press("Shift+ArrowLeft")
    drawn(shown)
    assert text(shown, "#range") == "0:00:02.0 – 0:00:07.0"
    x, y = at(shown, "fall", 4)
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + 3000, y, steps=3)
    shown.mouse.up()
    drawn(shown)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:05.0"
    assert text(shown, "#time") == "0:00:08.000"  # a drag is no click
    shown.mouse.move(x, y)
    shown.keyboard.down("Control")
    shown.mouse.wheel(0, -100)
    shown.keyboard.up("Control")
    drawn(shown)
    low, high = re.findall(r"0:00:0([\d.]+)", text(shown, "#range"))
    assert 2 < float(high) - float(low) < 4
    shown.keyboard.press("0")
    drawn(shown)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:08.0"


def test_the_strip_below_pans(show):
    shown = show(*MATCH, beside=None)
    shown.keyboard.press("+")
    drawn(shown)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:05.0"
    strip = shown.locator("#overview").bounding_box()
    x, y = strip["x"] + strip["width"] * 2 / DURATION_S, strip["y"] + 5
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + strip["width"] * 2 / DURATION_S, y, steps=2)
    shown.mouse.up()
    drawn(shown)
    assert text(shown, "#range") == "0:00:02.0 – 0:00:07.0"
