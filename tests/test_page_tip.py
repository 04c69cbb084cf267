"""The box under the pointer of a film's page, in a real browser: it is right, or it is not there (WCAG 2.1, 1.4.13)."""

import pytest
from film_pages import MATCH, at, drawn, film, segment, show, text  # noqa: F401  (fixtures among them)
from playwright.sync_api import expect

REST_MS = 300


def rest(shown):
    """Until after all that the page was to do when the pointer rests: its timers end in their order, however late."""
    shown.evaluate("ms => new Promise((done) => setTimeout(done, ms))", 2 * REST_MS)


@pytest.fixture
def shown(show):
    return show(*MATCH, beside=None, browser_options={"viewport": {"width": 1280, "height": 640}})


@pytest.fixture
def tip(shown):
    """The box, while the pointer is over "fall", which lasts from 4 s to 6 s."""
    shown.mouse.move(*at(shown, "fall", 5))
    box = shown.locator("#tip")
    assert "0:00:05.0" in box.inner_text()
    assert "fall" in box.inner_text()
    return box


def test_it_says_what_is_there_after_zooming(shown, tip):
    shown.keyboard.press("+")
    drawn(shown)
    low, high = shown.evaluate(
        "[...document.querySelector('#range').textContent.matchAll(/[\\d.]+$|[\\d.]+(?= )/g)]+''"
    ).split(",")
    now_s = float(low) + (float(high) - float(low)) * 5 / 8
    assert f"{now_s:.1f}" in tip.inner_text().split("\n")[0]
    assert ("fall" in tip.inner_text()) == (4 <= now_s <= 6)


def test_it_says_what_is_there_after_filters(shown, tip):
    shown.locator("#threshold").fill("0.7")  # "fall" scores 0.6; the pointer stays where it is
    drawn(shown)
    assert "fall" not in tip.inner_text()
    assert "0:00:05.0" in tip.inner_text()


def test_it_says_what_is_there_after_the_lanes_were_scrolled(show):
    found = [segment(0, 8, f"label {i:02}", 0.5) for i in range(40)]
    shown = show(*found, beside=None)
    shown.mouse.move(*at(shown, "label 02", 4))
    assert "label 02" in text(shown, "#tip")
    shown.locator("#scroll").evaluate(
        "scroll => { scroll.scrollTop += 3 * document.querySelector('.lane').offsetHeight }"
    )
    drawn(shown)
    drawn(shown)
    assert "label 05" in text(shown, "#tip")


@pytest.mark.parametrize(
    "act",
    [
        lambda shown: shown.mouse.move(5, 5),
        lambda shown: shown.evaluate("scrollTo(0, 60)"),
        lambda shown: shown.keyboard.press("?"),
        lambda shown: shown.evaluate("dispatchEvent(new Event('blur'))"),
        lambda shown: (shown.mouse.down(), shown.mouse.move(*at(shown, "fall", 4))),
    ],
    ids=["leaving", "scrolling the page", "the dialog of keys", "another window", "dragging"],
)
def test_it_goes_with(act, shown, tip):
    act(shown)
    tip.wait_for(state="hidden")


def test_escape_hides_it_until_the_pointer_comes_to_something_else(shown, tip):
    shown.keyboard.press("Escape")
    assert not tip.is_visible()
    shown.mouse.move(*at(shown, "fall", 5.2))
    assert not tip.is_visible()
    shown.mouse.move(*at(shown, "run", 4.5))
    assert "run" in tip.inner_text()
    shown.mouse.move(*at(shown, "fall", 5))
    expect(tip).to_contain_text("fall")  # on a slow machine only when it is clear that it is not on its way to the box


def test_a_pointer_that_rested_can_move_onto_it(shown, tip):
    expect(tip).to_have_class("rested")
    before, box = tip.inner_text(), tip.bounding_box()
    shown.mouse.move(box["x"] + 5, box["y"] + 5, steps=3)
    rest(shown)
    shown.keyboard.press("n")  # lanes are drawn anew
    drawn(shown)
    assert (tip.inner_text(), tip.bounding_box()) == (before, box)
    shown.keyboard.press("Escape")
    assert not tip.is_visible()


def test_a_pointer_that_only_came_nearer_gets_what_is_there(shown, tip):
    x, y = at(shown, "fall", 5)
    expect(tip).to_have_class("rested")
    box = tip.bounding_box()
    at_once = shown.evaluate(
        """([clientX, clientY]) => {
            const event = new PointerEvent("pointermove", { clientX, clientY, bubbles: true });
            document.getElementById("stage").dispatchEvent(event);
            return document.getElementById("tip").getBoundingClientRect().left;
        }""",
        [x + 6, y + 6],
    )
    assert at_once == box["x"]
    rest(shown)
    moved = tip.bounding_box()
    assert (moved["x"] - box["x"], moved["y"] - box["y"]) == (6, 6)
    shown.mouse.move(5, 5)
    assert not tip.is_visible()
