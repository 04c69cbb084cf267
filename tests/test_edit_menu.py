"""The menu of what can be done with segments and places, and the list of labels it leads to, in a real browser."""

import pytest
from browser import axe_violations
from film_pages import (  # noqa: F401  (fixtures among them)
    MATCH,
    at,
    drawn,
    edited,
    edited_match,
    film,
    match,
    segment,
    show,
)
from playwright.sync_api import expect

from vtn_stream.timeline import Reviewed, Segment


def menu_at(shown, place):
    shown.mouse.click(*place, button="right")
    menu = shown.page.get_by_role("menu")
    expect(menu).to_be_visible()
    return menu


def items(shown):
    return shown.page.get_by_role("menuitem").evaluate_all("all => all.map(e => e.firstChild.textContent)")


def pick(shown, name):
    shown.page.get_by_role("menuitem", name=name).click()
    assert not shown.page.get_by_role("menu").is_visible()


def test_the_right_button_selects_what_is_there_and_says_what_can_be_done(match):
    menu_at(match, match.at("fall", 5.25))
    assert match.selected == [("fall", 4)]
    assert items(match) == [
        "Keep",
        "Reject",
        "Relabel to…",
        "As the model said",
        "Start at the playhead",
        "End at the playhead",
        "Split at 0:00:05.250",
        "Join with the next of its label",
        "Play it",
        "Nothing else here of fall",
        "Nothing else here of all labels",
    ]
    disabled = match.page.get_by_role("menuitem", disabled=True)
    assert [each.locator("bdi").inner_text() for each in disabled.all()] == [
        "As the model said",
        "End at the playhead",
        "Join with the next of its label",
    ]
    match.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("Keep", [(4, 6, "kept")]),
        ("Reject", []),
        ("Start at the playhead", [(4.5, 6, "changed")]),
        ("End at the playhead", [(4, 4.5, "changed")]),
        ("Nothing else here of fall", [(4, 6, "kept")]),
    ],
)
def test_each_does_what_it_says_in_one_step(match, name, after):
    match.page.evaluate("inside.seek(4500)")
    menu_at(match, match.at("fall", 5))
    pick(match, name)
    assert match.stands("fall") == after
    assert match.num_steps == 1
    assert "of 5 reviewed" in match.page.locator("#said").inner_text()


def test_split_and_join(match):
    menu_at(match, match.at("fall", 5))
    pick(match, "Split at")
    first, second = match.stands("fall")
    assert first[1] == second[0] == pytest.approx(5, abs=0.01)
    menu_at(match, match.at("fall", 4.5))
    pick(match, "Join with the next")
    assert match.stands("fall") == [(4, 6, "kept")]


def test_what_stands_elsewhere_is_not_brought_back_by_hand_but_by_the_menu(match):
    match.drag(match.at("fall", 6), match.at("fall", 7))
    menu_at(match, match.at("fall", 5))
    pick(match, "Split at")
    menu_at(match, match.at("fall", 4.5))
    pick(match, "As the model said")
    assert match.stands("fall") == [(4, 6, "model")]


def test_reviewed_time_is_said_of_one_label_of_all_and_taken_back(match):
    menu_at(match, match.at("fall", 5))
    pick(match, "Nothing else here of fall")
    menu_at(match, match.at("fall", 2))
    assert items(match) == [
        "Add a segment here",
        "Nothing else in sight of fall",
        "Nothing else in sight of all labels",
    ]
    pick(match, "Nothing else in sight of all labels")
    said = [{"start_s": 0, "end_s": 8, "labels": None}, {"start_s": 4, "end_s": 6, "labels": ["fall"]}]
    assert match.value("reviewed") == said
    menu_at(match, match.at("fall", 7))
    pick(match, "Not reviewed: 0:00:00.0")
    assert match.value("reviewed") == []


def test_a_rejected_one_is_brought_back_where_it_was(match):
    menu_at(match, match.at("fall", 5))
    pick(match, "Reject")
    menu_at(match, match.at("fall", 5, 0.8))
    pick(match, "Bring the rejected one back")
    assert match.stands("fall") == [(4, 6, "model")]
    assert match.value("rejected") == []
    match.keyboard.press("Control+z")
    assert len(match.value("rejected")) == 1


def test_a_label_of_which_all_was_rejected_still_has_its_lane(edited):
    rejected = Segment(start_s=1, end_s=2, label="fall", score=0.5, origin="model")
    shown = edited(
        segment(3, 4, "run"), rejected=(rejected,), reviewed=(Reviewed(start_s=0, end_s=8, labels=("jump",)),)
    )
    assert shown.page.locator("#heads .lane bdi").all_text_contents() == ["run", "fall", "jump"]
    menu_at(shown, shown.at("fall", 1.5, 0.8))
    pick(shown, "Bring the rejected one back")
    assert shown.stands("fall") == [(1, 2, "model")]


def test_a_segment_is_added_where_nothing_is(match):
    menu_at(match, match.at("fall", 2))
    pick(match, "Add a segment here")
    [(start, end, by), _] = match.stands("fall")
    assert (start, end, by) == (pytest.approx(2, abs=0.01), pytest.approx(3, abs=0.01), "manual")


def test_of_several_it_does_it_to_all(match):
    match.mouse.click(*match.at("run", 0.5))
    match.mouse.move(*match.at("run", 4))
    match.keyboard.down("Control")
    match.mouse.down()
    match.mouse.up()
    match.keyboard.up("Control")
    menu_at(match, match.at("run", 4))
    assert match.page.get_by_role("menu", name="2 segments").is_visible()
    pick(match, "Join")
    assert match.stands("run") == [(0, 5, "changed")]
    assert match.num_steps == 1


# ---- the list of labels


def test_a_label_is_found_by_typing(match):
    menu_at(match, match.at("fall", 5))
    match.page.get_by_role("menuitem", name="Relabel to…").click()
    box = match.page.get_by_role("combobox", name="Search labels")
    expect(box).to_be_focused()
    assert match.page.locator("#label-list li").all_text_contents() == ["run", "jump", "fall"]
    match.keyboard.type("JU")
    assert match.page.locator("#label-list li").all_text_contents() == ["jump", "New label: JU"]
    match.keyboard.press("Enter")
    assert (4, 6, "changed") in match.stands("jump")
    assert match.num_steps == 1


def test_a_new_label_comes_in_the_same_step_and_goes_with_it(match):
    menu_at(match, match.at("fall", 5))
    match.page.get_by_role("menuitem", name="Relabel to…").click()
    match.keyboard.type("<b>stumble")
    match.page.get_by_role("option", name="New label").click()
    assert match.stands("<b>stumble") == [(4, 6, "changed")]
    assert match.page.locator("#heads .lane:visible").count() == 4
    match.keyboard.press("Control+z")
    assert match.page.locator("#heads .lane:visible").count() == 3


def test_of_many_labels_the_arrows_reach_those_out_of_sight(edited):
    shown = edited(*[segment(k / 10, k / 10 + 0.5, f"label {k:02}") for k in range(60)])
    shown.page.evaluate("inside.select([0])")
    shown.keyboard.press("Shift+F10")
    shown.page.get_by_role("menuitem", name="Relabel to…").click()
    for _ in range(5):
        shown.keyboard.press("PageDown")
    shown.keyboard.press("ArrowUp")
    option = shown.page.locator("#label-list [aria-selected=true]")
    assert option.inner_text() == "label 39"
    listed, box = (each.bounding_box() for each in (option, shown.page.locator("#label-list")))
    assert box["y"] <= listed["y"] <= box["y"] + box["height"] - listed["height"] + 1
    shown.keyboard.press("Enter")
    assert shown.value("segments.exact[0].label") == "label 39"


# ---- keys and focus


@pytest.mark.parametrize("key", ["Shift+F10", "ContextMenu"])
def test_keys_alone_open_it_go_through_it_and_come_back(match, key):
    match.page.locator("#table").focus()
    match.page.evaluate("inside.select([3])")
    match.keyboard.press(key)
    focused = match.page.locator("#menu :focus bdi")
    assert focused.inner_text() == "Keep"
    for press, name in [
        ("ArrowDown", "Reject"),
        ("End", "Nothing else here of all labels"),
        ("ArrowDown", "Keep"),
        ("ArrowUp", "Nothing else here of all labels"),
        ("Home", "Keep"),
        ("s", "Start at the playhead"),
        ("s", "Split here"),
        ("r", "Reject"),
    ]:
        match.keyboard.press(press)
        assert focused.inner_text() == name
    match.keyboard.press("Enter")
    assert match.stands("fall") == []
    expect(match.page.locator("#table")).to_be_focused()


def test_escape_goes_back_and_changes_nothing(match):
    match.page.locator("#table").focus()
    match.page.evaluate("inside.select([3])")
    match.keyboard.press("Shift+F10")
    match.keyboard.press("Escape")
    expect(match.page.locator("#table")).to_be_focused()
    match.keyboard.press("Shift+F10")
    match.keyboard.press("r")
    match.keyboard.press("r")
    match.keyboard.press("Enter")
    expect(match.page.get_by_role("dialog", name="Relabel to")).to_be_visible()
    match.keyboard.press("Escape")
    expect(match.page.locator("#table")).to_be_focused()
    assert match.num_steps == 0


def test_a_click_elsewhere_closes_it(match):
    menu_at(match, match.at("fall", 5))
    match.mouse.click(5, 5)
    assert not match.page.get_by_role("menu").is_visible()
    assert match.num_steps == 0


def test_what_makes_no_sense_is_said_and_does_nothing(match):
    menu_at(match, match.at("fall", 5))
    match.page.get_by_role("menuitem", name="End at the playhead").click(force=True)
    assert match.page.get_by_role("menu").is_visible()
    assert match.num_steps == 0
    match.keyboard.press("Escape")


def test_it_stays_on_the_screen(match):
    for place in (match.at("fall", 7.99), match.at("run", 0.02)):
        box = menu_at(match, place).bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= 1280
        assert box["y"] + box["height"] <= 800
        match.keyboard.press("Escape")


def test_a_row_of_the_table_has_it_too(match):
    match.page.locator("#body tr", has_text="fall").click(button="right")
    assert match.selected == [("fall", 4)]
    pick(match, "Keep")
    assert match.stands("fall") == [(4, 6, "kept")]


def test_without_editing_the_menu_is_the_browsers(show):
    shown = show(*MATCH, beside=None)
    shown.mouse.click(*at(shown, "fall", 5), button="right")
    drawn(shown)
    assert not shown.get_by_role("menu").is_visible()
    shown.keyboard.press("Shift+F10")
    assert not shown.get_by_role("menu").is_visible()


def test_axe_finds_nothing_in_menu_and_list(edited):
    rejected = Segment(start_s=1, end_s=2, label="fall", score=0.5, origin="model")
    reviewed = Reviewed(start_s=0, end_s=7, labels=("fall",))
    options = {"color_scheme": "light", "reduced_motion": "reduce"}  # buttons turn dark at once
    shown = edited(*MATCH, rejected=(rejected,), reviewed=(reviewed,), browser_options=options)
    menu_at(shown, shown.at("fall", 5))
    assert axe_violations(shown.page) == []
    shown.page.get_by_role("menuitem", name="Relabel to…").click()
    shown.keyboard.type("fall")
    shown.page.emulate_media(color_scheme="dark")
    assert axe_violations(shown.page) == []


def test_a_menu_stays_when_the_table_scrolls_to_what_it_is_of(edited):
    shown = edited(*[segment(i / 10, i / 10 + 0.05, "run") for i in range(79)], segment(7, 8, "fall"))
    menu = menu_at(shown, shown.at("fall", 7.5))
    expect(shown.page.locator("#body tr", has_text="fall")).to_be_visible()  # it has scrolled
    drawn(shown.page)
    drawn(shown.page)
    assert menu.is_visible()
