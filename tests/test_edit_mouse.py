"""Corrections by mouse, touch and pen in the page of one film, by the browser's own pointer events."""

import pytest
from film_pages import (  # noqa: F401  (fixtures among them)
    MATCH,
    drawn,
    edited,
    edited_match,
    film,
    match,
    segment,
    show,
)
from playwright.sync_api import expect

from vtn_stream.timeline import Reviewed

PIXEL_S = 0.01  # a little more than a pixel of these lanes lasts


def about(*times):
    return pytest.approx(times, abs=PIXEL_S)


def test_an_edge_follows_the_pointer_and_the_model_said_otherwise(match):
    match.drag(match.at("run", 5), match.at("run", 5.5))
    [_, (start, end, by)] = match.stands("run")
    assert (start, end) == about(3, 5.5)
    assert start == 3
    assert by == "changed"
    assert match.num_steps == 1
    assert match.value("segments.exact[2].was.end_s") == 5


def test_an_edge_cannot_pass_the_other_and_not_leave_the_film(match):
    match.drag(match.at("fall", 6), match.at("fall", 3))
    assert match.stands("fall") == [(4, 4, "changed")]
    match.keyboard.press("Control+z")
    x, y = match.at("fall", 8)
    match.drag(match.at("fall", 6), (x + 20, y))
    assert match.stands("fall") == [(4, 8, "changed")]


@pytest.mark.parametrize("edge", ["start", "end"])
def test_an_edge_is_held_from_six_pixels_on_either_side(match, edge):
    time_s = {"start": 4, "end": 6}[edge]
    for by in (-6, 6):
        x, y = match.at("fall", time_s)
        match.mouse.move(x + by, y)
        assert match.page.locator("#stage").evaluate("e => getComputedStyle(e).cursor") == "ew-resize"
        match.drag((x + by, y), match.at("fall", 5.2))
        assert match.value(f"segments.exact[3].{edge}_s") == pytest.approx(5.2, abs=0.06)
        match.keyboard.press("Control+z")


def test_an_edge_snaps_to_the_edges_of_all_labels(match):
    x, y = match.at("run", 6)
    match.drag(match.at("run", 5), (x + 5, y))
    assert match.stands("run")[1] == (3, 6, "changed")


def test_alt_switches_snapping_off(match):
    x, y = match.at("run", 6)
    match.keyboard.down("Alt")
    match.drag(match.at("run", 5), (x + 5, y))
    match.keyboard.up("Alt")
    assert match.stands("run")[1][1] == pytest.approx(6 + 5 * 8 / 1056, abs=PIXEL_S)
    assert match.stands("run")[1][1] != 6


def test_an_edge_snaps_to_the_playhead(match):
    match.page.evaluate("inside.seek(5357)")
    x, y = match.at("run", 5.357)
    match.drag(match.at("run", 5), (x - 4, y), lift=False)
    assert match.page.locator("#hover.snapped").is_visible()
    match.mouse.up()
    assert match.stands("run")[1][1] == 5.357


def test_an_edge_snaps_to_reviewed_time_and_to_where_it_was(edited):
    shown = edited(segment(1, 3, "run"), reviewed=(Reviewed(start_s=4.25, end_s=7),))
    x, y = shown.at("run", 4.25)
    shown.drag(shown.at("run", 3), (x + 4, y))
    assert shown.stands("run") == [(1, 4.25, "changed")]
    x, y = shown.at("run", 3)
    shown.drag(shown.at("run", 4.25), (x + 30, y), (x + 3, y))
    assert shown.stands("run")[0][1] == pytest.approx(3, abs=4 * PIXEL_S)


def test_what_snaps_meets_the_other_to_the_last_digit(edited):
    shown = edited(segment(1, 2, "run"), segment(10 / 3, 16 / 3, "fall"), segment(6, 7, "jump"))
    x, y = shown.at("run", 10 / 3)
    shown.drag(shown.at("run", 2), (x - 3, y))
    assert shown.stands("run") == [(1, 10 / 3, "changed")]
    x, y = shown.at("jump", 16 / 3 + 0.5)
    shown.drag(shown.at("jump", 6.5), (x + 3, y))
    assert shown.stands("jump")[0][0] == 16 / 3


def test_a_body_moves_and_keeps_its_length(match):
    match.drag(match.at("fall", 5), match.at("fall", 5.4))
    [(start, end, by)] = match.stands("fall")
    assert (start, end) == about(4.4, 6.4)
    assert end - start == pytest.approx(2)
    assert by == "changed"


def test_a_body_stays_in_the_film(match):
    x, y = match.at("fall", 8)
    match.drag(match.at("fall", 5), (x - 2, y))
    assert match.stands("fall") == [(6, 8, "changed")]


def test_a_body_that_is_dragged_to_another_lane_gets_its_label_and_keeps_its_times(match):
    x, y = match.at("jump", 5)
    match.drag(match.at("fall", 5), (x + 7, y))
    assert match.stands("fall") == []
    assert (4, 6, "changed") in match.stands("jump")
    assert match.num_steps == 1
    assert match.selected == [("jump", 4)]


def test_a_body_can_change_its_lane_and_its_time_in_one_step(match):
    match.drag(match.at("fall", 5), match.at("jump", 5.5))
    assert [each[:2] for each in match.stands("jump")] == [about(1, 2), about(4.5, 6.5), about(6.5, 6.5)]
    assert match.num_steps == 1


def test_a_body_does_not_go_to_the_lane_of_a_label_that_is_switched_off(match):
    box = match.page.locator("#heads .lane", has_text="jump").locator("input")
    box.uncheck()
    match.drag(match.at("fall", 5), match.at("jump", 5))
    box.check()
    assert match.stands("fall") == [(4, 6, "model")]
    assert match.num_steps == 0


def test_a_drag_on_an_empty_part_draws_a_segment_by_hand_either_way(match):
    match.drag(match.at("fall", 1.3), match.at("fall", 2.4))
    match.drag(match.at("fall", 3.6), match.at("fall", 2.8))
    first, second, _ = match.stands("fall")
    assert first[:2] == about(1.3, 2.4)
    assert second[:2] == about(2.8, 3.6)
    assert first[2] == second[2] == "manual"
    assert match.selected == [("fall", second[0])]
    assert match.num_steps == 2


def test_a_click_on_an_empty_part_goes_there_and_selects_nothing(match):
    match.mouse.click(*match.at("run", 0.5))
    assert match.selected == [("run", 0)]
    match.mouse.click(*match.at("run", 2))
    assert match.selected == []
    assert match.value("now") == pytest.approx(2000, abs=10)
    assert match.num_steps == 0


def test_a_double_click_sets_a_moment_of_a_point_label_and_else_a_second(edited):
    shown = edited(segment(1, 2, "run"), segment(1, 1, "goal"))
    shown.mouse.dblclick(*shown.at("goal", 3))
    shown.mouse.dblclick(*shown.at("run", 4))
    [_, (start, end, by)] = shown.stands("goal")
    assert start == end == pytest.approx(3, abs=PIXEL_S)
    assert by == "manual"
    [_, (start, end, by)] = shown.stands("run")
    assert (start, end) == about(4, 5)
    assert end - start == pytest.approx(1)
    assert shown.num_steps == 2


def test_control_selects_more_and_they_move_together_in_one_step(match):
    match.mouse.click(*match.at("run", 0.5))
    match.keyboard.down("Control")
    match.mouse.click(*match.at("fall", 5))
    match.mouse.click(*match.at("run", 4))
    match.mouse.click(*match.at("run", 4))
    match.keyboard.up("Control")
    assert match.selected == [("run", 0), ("fall", 4)]
    match.drag(match.at("fall", 5), match.at("fall", 5.5))
    assert match.stands("run")[0][:2] == about(0.5, 1.5)
    assert match.stands("fall")[0][:2] == about(4.5, 6.5)
    assert match.num_steps == 1
    match.keyboard.press("Control+z")
    assert match.stands("run")[0] == (0, 1, "model")
    assert match.stands("fall") == [(4, 6, "model")]


def test_in_the_table_shift_selects_rows_up_to_one_and_control_one_more(match):
    row = match.page.locator("#body tr[data-segment]")
    drawn(match.page)
    row.nth(0).click()
    drawn(match.page)
    row.nth(2).click(modifiers=["Shift"])
    assert match.selected == [("run", 0), ("jump", 1), ("run", 3)]
    row.nth(1).click(modifiers=["Control"])
    row.nth(3).click(modifiers=["Control"])
    assert match.selected == [("run", 0), ("run", 3), ("fall", 4)]
    drawn(match.page)
    assert row.evaluate_all("trs => trs.map(tr => tr.ariaSelected)") == ["true", "false", "true", "true", "false"]
    assert match.page.locator("#table").get_attribute("aria-multiselectable") == "true"


def test_escape_gives_a_drag_up(match):
    for start in (match.at("fall", 6), match.at("fall", 5), match.at("fall", 2)):
        x, y = start
        match.drag(start, (x + 60, y), lift=False)
        match.keyboard.press("Escape")
        match.mouse.move(x + 90, y)
        match.mouse.up()
        assert match.stands("fall") == [(4, 6, "model")]
    assert match.num_steps == 0


def test_nothing_is_changed_before_the_button_is_lifted(match):
    match.drag(match.at("fall", 6), match.at("fall", 6.5), lift=False)
    assert match.stands("fall") == [(4, 6, "model")]
    assert "0:00:04.000 – 0:00:06.5" in match.page.locator("#tip").inner_text()
    match.mouse.up()
    assert match.stands("fall")[0][1] == pytest.approx(6.5, abs=PIXEL_S)


def test_an_instant_can_be_moved_and_pulled_apart(match):
    match.drag(match.at("jump", 6.5), match.at("jump", 7))
    assert match.stands("jump")[1][:2] == about(7, 7)
    x, y = match.at("jump", 7)
    match.drag((x + 7, y), (x + 7 + 66, y))
    assert match.stands("jump")[1][:2] == about(7, 7.5)


def test_the_truth_cannot_be_moved(edited):
    shown = edited(segment(1, 2, "run"), truth=[segment(4, 6, "run")])
    shown.drag(shown.at("run", 5, 0.15), shown.at("run", 7, 0.15))
    assert shown.value("segments.exact[1]") == {"start_s": 4, "end_s": 6, "label": "run", "score": None}


@pytest.mark.parametrize("how", ["space", "the middle button"])
def test_panning_is_still_there(match, how):
    match.page.evaluate("inside.show(2000, 6000)")
    x, y = match.at("fall", 1)
    if how == "space":
        match.keyboard.down("Space")
    match.drag((x + 300, y), (x, y), button="left" if how == "space" else "middle")
    if how == "space":
        match.keyboard.up("Space")
    assert match.value("view.low") > 2500
    assert match.num_steps == 0


def test_space_that_pans_does_not_play(edited):
    shown = edited(*MATCH, beside="film.webm")
    shown.page.evaluate("inside.show(2000, 6000)")
    x, y = shown.at("fall", 1)
    shown.keyboard.down("Space")
    shown.drag((x + 300, y), (x, y))
    shown.keyboard.up("Space")
    expect(shown.page.locator("#film")).to_have_js_property("paused", True)
    assert shown.value("now") <= 1  # the film is told a little more than was said
    shown.keyboard.press("Space")
    expect(shown.page.locator("#film")).to_have_js_property("paused", False)


def test_a_drag_at_the_border_of_the_lanes_takes_the_view_along(match):
    match.page.evaluate("inside.show(3000, 5500)")
    stage = match.page.locator("#stage").bounding_box()
    y = match.at("fall", 0)[1]
    match.drag((stage["x"] + stage["width"] * 0.8, y), (stage["x"] + stage["width"] - 2, y), lift=False)
    match.until("inside.view.high === 8000")
    match.mouse.up()
    assert match.stands("fall")[0][1] > 6


def test_without_editing_a_drag_pans_and_nothing_is_changed(show):
    shown = show(*MATCH, beside=None, inside=True)
    shown.evaluate("inside.show(2000, 6000)")
    stage = shown.locator("#stage").bounding_box()
    y = stage["y"] + stage["height"] - 10
    shown.mouse.move(stage["x"] + 600, y)
    shown.mouse.down()
    shown.mouse.move(stage["x"] + 300, y, steps=3)
    shown.mouse.up()
    assert shown.evaluate("inside.view.low") > 2500
    assert shown.evaluate("inside.history.done.length") == 0


def test_the_film_shows_the_edge_while_it_is_dragged_and_then_the_playhead_again(edited):
    shown = edited(*MATCH, beside="film.webm", fragment="#t=1")
    film_ = shown.page.locator("#film")
    expect(film_).to_have_js_property("seeking", False)
    shown.drag(shown.at("fall", 4), shown.at("fall", 4.6), lift=False)
    shown.until("inside.video.currentTime > 4")
    assert shown.value("now") == 1000
    shown.mouse.up()
    shown.until("Math.abs(inside.video.currentTime - 1) < 0.1")


# ---- touch


class Finger:
    def __init__(self, shown):
        self.session = shown.page.context.new_cdp_session(shown.page)

    def put(self, kind, *points):
        self.session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]},
        )

    def drag(self, start, to):
        self.put("touchStart", start)
        for k in range(1, 5):
            self.put("touchMove", tuple(a + (b - a) * k / 4 for a, b in zip(start, to, strict=True)))
        self.put("touchEnd")

    def rest(self, shown, at):
        self.put("touchStart", at)
        shown.until("inside.drag?.hand?.kind === 'press'")
        self.put("touchEnd")


@pytest.fixture
def touched(edited):
    shown = edited(*MATCH, browser_options={"has_touch": True})
    return shown, Finger(shown)


def test_a_finger_pans(touched):
    shown, finger = touched
    shown.page.evaluate("inside.show(2000, 6000)")
    x, y = shown.at("fall", 5)
    finger.drag((x, y), (x - 200, y))
    assert shown.value("view.low") > 2300
    assert shown.num_steps == 0


def test_a_finger_that_rests_selects_and_opens_the_menu_and_then_drags_the_handles(touched):
    shown, finger = touched
    finger.rest(shown, shown.at("fall", 5))
    assert shown.selected == [("fall", 4)]
    menu = shown.page.get_by_role("menu")
    expect(menu).to_be_visible()
    shown.keyboard.press("Escape")
    x, y = shown.at("fall", 6)
    finger.drag((x + 11, y), (x + 11 + 66, y))  # a finger is thick
    assert shown.stands("fall")[0][:2] == about(4, 6.5)
    finger.drag(shown.at("fall", 5), shown.at("jump", 5))
    assert shown.stands("fall") == []
    assert shown.num_steps == 2


def test_two_fingers_zoom_and_change_nothing(touched):
    shown, finger = touched
    shown.page.evaluate("inside.select([3])")
    x, y = shown.at("fall", 5)
    finger.put("touchStart", (x, y))
    finger.put("touchStart", (x, y), (x + 100, y))
    finger.put("touchMove", (x - 100, y), (x + 200, y))
    finger.put("touchEnd")
    assert shown.value("view.high - inside.view.low") < 4000
    assert shown.stands("fall") == [(4, 6, "model")]
