"""Coding by keys: states and points, reaction time, exclusion, undo of presses; held keys; other keyboards."""

import pytest
from film_pages import MATCH, drawn, film, segment, text  # noqa: F401
from keyed_pages import code, keyed, keyed_page, press, said, saved, spans, standing  # noqa: F401
from playwright.sync_api import expect


def test_a_state_starts_with_one_press_and_ends_with_the_next(keyed):
    page = keyed(*MATCH[:3])  # run, jump
    assert code(page, "c") == "Coding: labels start and end by their keys."
    assert code(page, 2, "1") == "run starts at 0:02.0"
    assert code(page, 2.5, "2") == "jump starts at 0:02.5"
    assert page.locator("#open-states li").all_inner_texts() == [
        "run\n1\nsince 0:02.0\n0.5 s",
        "jump\n2\nsince 0:02.5\n0.0 s",
    ]
    assert page.get_by_role("button", name="run 1").get_attribute("aria-pressed") == "true"
    code(page, 4.25)
    assert page.locator("#open-states .lasts").all_inner_texts() == ["2.3 s", "1.8 s"]
    assert code(page, "1") == "run 0:02.0 to 0:04.3"
    assert code(page, 6, "2") == "jump 0:02.5 to 0:06.0"
    assert not page.locator("#open-part").is_visible()
    assert [s for s in standing(page) if s[3] == "manual"] == [("run", 2, 4.25, "manual"), ("jump", 2.5, 6, "manual")]


def test_where_no_model_said_anything_nothing_is_counted(keyed):
    page = keyed()
    page.get_by_role("button", name="Labels…").click()
    page.locator("#new-label").fill("run")
    press(page, "Enter", "Escape")
    assert press(page, "a", "b") == "The playhead is not inside run 0:00.0 to 0:01.0: nothing is split."
    assert press(page, "Control+z") == "undone: add"
    assert not page.locator("#progress").is_visible()


def test_buttons_do_what_keys_do(keyed):
    page = keyed(*MATCH[:3])
    page.get_by_role("button", name="Code", exact=True).click()
    page.get_by_role("button", name="run 1").click()
    code(page, 3)
    page.get_by_role("button", name="run 1").click()
    assert ("run", 0, 3) in spans(page)


def test_a_point_is_one_press(keyed):
    page = keyed(segment(6, 6, "goal"), segment(1, 2, "run"))
    code(page, "c", 3, "2", 4.5, "2")
    assert [s for s in spans(page) if s[0] == "goal"] == [("goal", 3, 3), ("goal", 4.5, 4.5), ("goal", 6, 6)]
    assert said(page) == "goal at 0:04.5"
    code(page, "Control+z")
    assert ("goal", 4.5, 4.5) not in spans(page)


def test_what_ends_where_it_starts_is_not_added_and_that_is_said(keyed):
    page = keyed(*MATCH)
    assert code(page, "c", 2, "1", "1") == "run ended where it started, at 0:02.0: nothing is added"
    assert saved(page) == page.made_of


def test_who_went_back_codes_backwards(keyed):
    page = keyed(*MATCH)
    code(page, "c", 7, "1", 5.5, "1")
    assert ("run", 5.5, 7) in spans(page)


def test_one_at_a_time_each_label_ends_the_others_and_one_undo_takes_both_back(keyed):
    page = keyed(*MATCH, provenance={"analysis": {"drawing": "phases"}})
    code(page, "c")
    assert page.get_by_label("One at a time").is_checked()
    code(page, 1.5, "1", 2.5, "3")
    assert said(page) == "run 0:01.5 to 0:02.5; fall starts at 0:02.5"
    code(page, 7)
    assert code(page, "2") == "fall 0:02.5 to 0:07.0; jump starts at 0:07.0"
    assert code(page, "Control+z") == "undone: fall is open again; jump has not started"
    assert page.evaluate("[...inside.openStates]") == [[2, 2500]]
    assert code(page, "Control+z", "Control+z") == "undone: run has not started"
    assert saved(page) == page.made_of
    code(page, "Control+y", "Control+y")
    assert [s for s in standing(page) if s[3] == "manual"] == [("run", 1.5, 2.5, "manual"), ("fall", 2.5, 7, "manual")]
    assert page.evaluate("[...inside.openStates]") == [[1, 7000]]


def test_a_start_after_a_change_is_taken_back_before_the_change(keyed):
    page = keyed(*MATCH)
    press(page, "n", "Enter", "c", "1")
    assert press(page, "Control+z") == "undone: run has not started"
    assert press(page, "Control+z") == "undone: keep; 0 of 5 reviewed"


def test_leaving_coding_ends_what_is_open_and_undo_comes_back_to_it(keyed):
    page = keyed(*MATCH)
    told = code(page, "c", 2, "1", "3", 5, "c")
    assert told == "Coding is off; ended at the playhead: run 0:02.0 to 0:05.0; fall 0:02.0 to 0:05.0."
    assert {s[:3] for s in standing(page) if s[3] == "manual"} == {("run", 2, 5), ("fall", 2, 5)}
    assert not page.locator("#codes").is_visible()
    assert code(page, "Control+z") == "undone: run is open again; fall is open again"
    assert page.locator("#codes").is_visible()
    code(page, 6, "t")  # the tools are put away
    assert {s[:3] for s in standing(page) if s[3] == "manual"} == {("run", 2, 6), ("fall", 2, 6)}


def test_states_that_are_open_when_the_file_is_saved_end_at_the_playhead(keyed):
    page = keyed(*MATCH)
    code(page, "c", 2, "1", 5)
    assert page.evaluate("inside.endOpenStates()") == "ended at the playhead: run 0:02.0 to 0:05.0"
    assert ("run", 2, 5) in spans(page)
    assert page.evaluate("inside.endOpenStates()") == ""


@pytest.mark.parametrize(("reaction", "speed"), [("0.25", 1), ("0.5", 2), ("0", 1)])
def test_the_reaction_time_is_taken_off_while_the_film_plays(keyed, reaction, speed):
    page = keyed(segment(7, 7, "goal"), has_film=True)
    code(page, "c")
    page.get_by_label("Reaction time").fill(reaction)
    page.get_by_label("Reaction time").blur()
    page.locator("#film").evaluate(f"film => {{ film.playbackRate = {speed}; }}")
    code(page, 1, "Space")
    expect(page.locator("#film")).to_have_js_property("paused", False)
    page.evaluate("async () => { while (inside.now < 1600) await new Promise(requestAnimationFrame); }")
    before = page.locator("#film").evaluate("film => film.currentTime")
    code(page, "1")
    after = page.locator("#film").evaluate("film => film.currentTime")
    code(page, "k")
    drawn(page)
    stands = page.locator("#film").evaluate("film => film.currentTime")
    code(page, "1")
    first, second = [s[1] for s in spans(page)[:2]]
    off = float(reaction) * speed
    assert before - off - 0.001 <= first <= after - off + 0.001
    assert second == pytest.approx(stands, abs=0.002)


def test_a_reaction_time_is_between_nothing_and_two_seconds(keyed):
    page = keyed(*MATCH)
    code(page, "c")
    reaction = page.get_by_label("Reaction time")
    for given, taken in [("7", "2"), ("-1", "0"), ("", "0"), ("0.3", "0.3")]:
        reaction.fill(given)
        reaction.blur()
        assert reaction.input_value() == taken
    reaction.focus()
    page.keyboard.press("1")  # a digit of the time, no label
    assert page.evaluate("inside.openStates.size") == 0
    page.reload()
    page.keyboard.press("t")
    assert page.get_by_label("Reaction time").input_value() == "0.3"


def test_a_key_that_is_held_is_one_press(keyed):
    page = keyed(*MATCH)
    code(page, "c", 2)
    for _ in range(3):
        page.keyboard.down("1")  # the second and third say that they repeat
    page.keyboard.up("1")
    assert page.evaluate("inside.openStates.size") == 1
    for _ in range(3):
        page.keyboard.down("ArrowRight")
    page.keyboard.up("ArrowRight")
    assert text(page, "#time") == "0:00:08.000"


@pytest.mark.parametrize(
    ("key", "place", "said_"),
    [
        ("&", "Digit1", "run starts"),
        ("ч", "KeyX", "rejected run"),
        ("é", "Digit2", "jump starts"),
        ("X", "KeyX", "rejected run"),
    ],
)
def test_keyboards_with_other_letters_work_too(keyed, key, place, said_):
    """AZERTY has digits with Shift only; Cyrillic has no x."""
    page = keyed(*MATCH)
    press(page, "n", "c")
    send(page, key=key, code=place)
    assert said(page).startswith(said_)


def send(page, **event):
    """A key of a keyboard that this machine does not have."""
    page.evaluate(
        "event => document.body.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, ...event }))", event
    )


def test_signs_that_need_altgr_are_keys_but_alt_is_the_browsers(keyed):
    page = keyed(*MATCH)
    press(page, "n")
    send(page, key="x", altKey=True)
    assert standing(page)[0] == ("run", 0, 1, "model")
    send(page, key="]", altKey=True, ctrlKey=True, modifierAltGraph=True)
    assert standing(page)[0] == ("run", 0, 0.96, "changed")
