"""Times that are no whole milliseconds: what people say of what they see holds for them too. Letters of keyboards."""

from dataclasses import replace

import pytest
from film_pages import film, segment  # noqa: F401
from keyed_pages import code, keyed, keyed_page, press, saved  # noqa: F401

from vtn_stream.corrections import kept_over


def by_model(*segments):
    return [replace(each, origin="model") for each in segments]


@pytest.mark.parametrize("duration_s", [25 / 3, 26 / 3, 8.0004, 8.0006])
def test_the_whole_film_is_all_of_it(keyed, duration_s):
    page = keyed(*by_model(segment(0, 1, "run", 0.5), segment(5, duration_s, "run", 0.9)), duration_s=duration_s)
    page.locator("#nothing-film").click()
    timeline = saved(page)
    assert [s.origin for s in timeline.segments] == ["curated", "curated"]
    assert [(r.start_s, r.end_s) for r in timeline.reviewed] == [(0, duration_s)]


@pytest.mark.parametrize("start_s", [2.0004, 2.0006, 7 / 3, 8 / 3])
def test_what_begins_and_ends_with_the_span_lies_in_it_and_is_kept(keyed, start_s):
    model = by_model(segment(start_s, start_s + 2 / 3, "run", 0.5))
    page = keyed(*model)
    press(page, "n", "e")
    page.evaluate("inside.seek(inside.segments.end[0])")
    press(page, "e")
    timeline = saved(page)
    assert [(s.start_s, s.end_s, s.origin) for s in timeline.segments] == [(start_s, start_s + 2 / 3, "curated")]
    again = kept_over(timeline, page.made_of, exclusive=False).timeline
    assert again.segments == timeline.segments


def test_a_moment_that_is_asked_for_cuts_off_nothing_that_cannot_be_seen(keyed):
    page = keyed(*by_model(segment(2.0004, 3.9996, "run", 0.5)))
    page.evaluate("inside.allThatHappens(2.0007, 3.9993)")
    assert [(s.start_s, s.end_s, s.origin) for s in saved(page).segments] == [(2.0004, 3.9996, "curated")]


@pytest.mark.parametrize("duration_s", [25 / 3, 26 / 3, 8.0006])
def test_what_is_coded_ends_with_the_film(keyed, duration_s):
    page = keyed(segment(0, 1, "run"), duration_s=duration_s)
    code(page, "c", 3, "1", 9, "1")
    assert [s.end_s for s in saved(page).segments if s.by_hand] == [duration_s]


def test_a_longer_film_beside_the_page_does_not_make_its_timeline_longer(keyed):
    page = keyed(segment(0, 1, "run"), has_film=True, duration_s=6)
    press(page, "c")
    page.evaluate("inside.seek(5000)")
    press(page, "1")
    page.evaluate("() => { inside.video.currentTime = 7.5; }")
    page.evaluate(
        "async () => { while (inside.video.seeking) await new Promise(requestAnimationFrame); inside.tick(); }"
    )
    press(page, "1")
    (coded,) = (s for s in saved(page).segments if s.by_hand)
    assert (coded.start_s, coded.end_s) == (5, 6)


@pytest.mark.parametrize(("key", "on_the_key"), [("q", "KeyA"), ("q", "KeyX"), ("w", "KeyZ"), ("z", "KeyY")])
def test_a_latin_letter_without_a_use_does_nothing_wherever_it_lies(keyed, key, on_the_key):
    page = keyed(*by_model(segment(0, 1, "run", 0.5)))
    press(page, "n")
    page.evaluate(
        "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true }))",
        [key, on_the_key],
    )
    assert saved(page) == page.made_of


@pytest.mark.parametrize("with_key", ["ctrlKey", "altKey", "metaKey"])
def test_keys_of_the_browser_and_the_system_are_left_to_them(keyed, with_key):
    page = keyed(*by_model(segment(0, 1, "run", 0.5), segment(2, 3, "run", 0.9)))
    press(page, "n")
    state = "JSON.stringify([inside.view, inside.now, inside.coding, inside.selection])"
    before = page.evaluate(state)
    prevented = page.evaluate(
        """with_key => [..."abcdefghijklmnopqrstuvwx1234567890"].filter((key) => {
            const code = /\\d/.test(key) ? `Digit${key}` : `Key${key.toUpperCase()}`;
            const pressed = { key, code, bubbles: true, cancelable: true, [with_key]: true };
            return !document.body.dispatchEvent(new KeyboardEvent("keydown", pressed));
        })""",
        with_key,
    )
    assert prevented == []
    assert saved(page) == page.made_of
    assert page.evaluate(state) == before


def test_joined_ones_that_are_as_the_model_said_again_are_as_many_as_it_said(keyed):
    page = keyed(*by_model(*(segment(s, s + 1, "run", 0.5) for s in (0, 2, 4, 6))))
    page.evaluate("inside.add(0, 7.25, 7.75)")
    before = page.evaluate("inside.timelineText()")
    page.evaluate("() => { inside.join([1, 2]); inside.join([0, 1]); inside.join([3, 4]); inside.moveTo(0, 0, 4); }")
    assert len(saved(page).segments) == 2
    page.evaluate("inside.takeBack([0, 3])")
    assert page.evaluate("inside.timelineText()") == before
    page.evaluate("() => { inside.join([0, 1]); inside.takeBack([0]); inside.reject([1]); inside.join([0, 2]); }")
    page.evaluate("inside.takeBack([0])")
    timeline = saved(page)
    assert [s.start_s for s in timeline.segments] == [0, 4, 6, 7.25]
    assert [s.start_s for s in timeline.rejected] == [2]
    page.evaluate("() => { while (inside.undo()); }")
    assert saved(page) == page.made_of
