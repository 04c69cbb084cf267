"""What edited lanes, rows and the box under the pointer look like: nothing is told by colour alone."""

from itertools import pairwise

import pytest
from film_pages import (  # noqa: F401  (fixtures among them)
    NO_FILM,
    Edited,
    colours,
    drawn,
    edited,
    edited_match,
    film,
    match,
    open_page_of,
    rows,
    segment,
    show,
    text,
    timeline,
)
from playwright.sync_api import expect

from vtn_stream.timeline import Reviewed, Segment

BY_HAND = timeline(
    Segment(start_s=0, end_s=2, label="model's", score=0.5, origin="model"),
    Segment(start_s=0, end_s=2, label="kept", score=0.5, origin="curated"),
    Segment(start_s=0, end_s=2, label="changed", origin="curated", was=segment(0, 3, "model's", 0.25)),
    Segment(start_s=0, end_s=2, label="added", origin="manual"),
    Segment(start_s=2, end_s=2, label="nobody noted it"),
    rejected=(Segment(start_s=5, end_s=7, label="kept", score=0.75, origin="model"),),
    reviewed=(Reviewed(start_s=3, end_s=6), Reviewed(start_s=6.5, end_s=7.5, labels=("added", "kept"))),
)


@pytest.fixture(scope="module")
def by_hand(open_page_once, tmp_path_factory):
    path = tmp_path_factory.mktemp("looks") / "page.html"
    path.write_bytes(open_page_of(BY_HAND, film="gone.webm"))
    return Edited(open_page_once(path, allowed=NO_FILM))


def below(shown, label):
    """The pixels below the middle of the label's bar, from left to right: 1 is ink."""
    x, _ = shown.at(label, 0.5, 0)
    box = shown.page.locator("#heads li.lane", has_text=label).bounding_box()
    line = [(x + k, box["y"] + box["height"] - 3) for k in range(80)]
    return [int(colour == "#1B1F24") for colour in colours(shown.page, *line)]


def test_below_a_bar_a_line_says_by_whom_it_is(by_hand):
    kept, changed, added = (below(by_hand, label) for label in ("kept", "changed", "added"))
    assert sum(below(by_hand, "model's")) == 0
    assert sum(kept) == 80
    turns = [sum(a != b for a, b in pairwise(each)) for each in (changed, added)]
    assert 15 <= turns[0] <= 25  # dashes of 5 in 8
    assert turns[1] > turns[0] or sum(added) < 20  # dots, which may be paler than ink


def test_the_table_says_it_in_words_and_sorts_by_it(by_hand):
    by_hand.page.get_by_role("button", name="By", exact=True).click()
    assert [(each[0], each[5]) for each in rows(by_hand.page)] == [
        ("nobody noted it", ""),
        ("changed", "changed"),
        ("kept", "kept"),
        ("added", "by hand"),
        ("model's", "model"),
    ]
    by_hand.page.get_by_role("button", name="Start", exact=True).click()


@pytest.mark.parametrize(
    ("label", "time_s", "lines"),
    [
        ("model's", 1, ["by the model"]),
        ("kept", 1, ["kept as the model said"]),
        ("changed", 1, ["changed; the model had said:", "model's", "0:00:00.000 – 0:00:03.000"]),
        ("added", 1, ["by hand"]),
        ("kept", 6.2, ["kept", "0:00:05.000 – 0:00:07.000", "rejected · 0.750"]),
        ("changed", 4, ["reviewed, all labels: 0:00:03.000 – 0:00:06.000"]),
        ("added", 7, ["reviewed, 2 labels: 0:00:06.500 – 0:00:07.500"]),
    ],
)
def test_the_box_under_the_pointer_says_by_whom_what_it_was_and_what_is_reviewed(by_hand, label, time_s, lines):
    by_hand.mouse.move(1, 1)  # else it may be on its way to the box that is there
    by_hand.mouse.move(*by_hand.at(label, time_s, 0.7))
    assert text(by_hand.page, "#tip").split("\n")[-len(lines) :] == lines


def test_rejected_ones_are_struck_out_and_can_be_hidden(by_hand):
    x, y = by_hand.at("kept", 6.2, 0)
    lane = by_hand.page.locator("#heads li.lane", has_text="kept").bounding_box()
    column = [(x, lane["y"] + k) for k in range(10, 26)]
    by_hand.mouse.move(1, 1)
    box = by_hand.page.get_by_label("Rejected")
    assert "#1B1F24" in colours(by_hand.page, *column)
    box.uncheck()
    assert "#1B1F24" not in colours(by_hand.page, *column)
    by_hand.mouse.move(x, y + 20)
    assert "rejected" not in text(by_hand.page, "#tip")
    box.check()


def test_reviewed_time_has_a_line_above_the_lanes_that_it_is_of_and_on_the_clock_if_of_all(by_hand):
    by_hand.mouse.move(1, 1)
    top = by_hand.page.locator("#stage").bounding_box()["y"]
    lanes_ = {label: by_hand.at(label, 0, 0)[1] + 1 for label in ("model's", "kept", "changed", "added")}
    places = {"the clock": top + 21, **lanes_}
    points = [(by_hand.at("kept", time_s)[0], y) for y in places.values() for time_s in (2.5, 4.5, 7)]
    has_line = [colour == "#0A5FA8" for colour in colours(by_hand.page, *points)]
    of_all, of_two = (False, True, False), (False, True, True)
    assert dict(zip(places, zip(*[iter(has_line)] * 3, strict=True), strict=True)) == {
        "the clock": of_all,
        "model's": of_all,
        "kept": of_two,
        "changed": of_all,
        "added": of_two,
    }


def test_on_paper_the_signs_are_there_and_say_what_they_mean(by_hand):
    by_hand.page.emulate_media(media="print")
    drawn(by_hand.page)
    assert by_hand.page.get_by_text("Below a bar: a line, kept").first.is_visible()
    assert by_hand.page.get_by_role("columnheader", name="By").is_visible()
    assert not by_hand.page.locator("#tools").is_visible()
    by_hand.page.emulate_media(media="screen")
    assert not by_hand.page.locator("#signs").is_visible()


def test_until_something_is_corrected_the_table_is_as_it_was(match):
    by = match.page.locator("#columns [data-key=by]")
    assert not by.is_visible()
    assert not match.page.get_by_label("Rejected").is_visible()
    match.mouse.click(*match.at("fall", 5))
    match.keyboard.press("x")
    assert by.is_visible()
    assert match.page.get_by_label("Rejected").is_visible()
    match.keyboard.press("Control+z")
    assert not by.is_visible()


def lanes(shown):
    drawn(shown.page)
    return shown.page.evaluate("document.getElementById('lanes').toDataURL()")


def test_what_is_selected_has_handles_only_while_editing(match):
    match.mouse.move(1, 1)
    edit = match.page.get_by_role("button", name="Edit", exact=True)
    pictures = []
    for row in ("3", ""):
        match.page.evaluate(f"inside.select([{row}])")
        for _ in range(2):
            pictures.append(lanes(match))
            edit.click()
    with_handles, selected, free, also_free = pictures
    assert len({with_handles, selected, free}) == 3
    assert free == also_free


def test_an_open_state_grows_with_the_playhead(match):
    match.keyboard.press("c")
    match.keyboard.press("3")
    match.page.evaluate("inside.seek(2000)")
    free, begun = match.at("fall", 2.5, 0.8), match.at("fall", 1.5, 0.8)
    before = colours(match.page, free, begun)
    match.page.evaluate("inside.seek(3000)")
    after = colours(match.page, free, begun)
    assert before[0] != before[1] == after[1] == after[0]
    match.keyboard.press("Control+z")
    match.keyboard.press("c")
    expect(match.page.locator("#codes")).to_be_hidden()


def test_nothing_is_left_on_the_lanes_of_a_drag_that_was_given_up(match):
    match.page.evaluate("inside.select([3])")
    before = lanes(match)
    match.drag(match.at("fall", 5), match.at("jump", 5.3), match.at("run", 6), lift=False)
    assert lanes(match) != before
    match.keyboard.press("Escape")
    match.mouse.up()
    assert lanes(match) == before
