"""The page of one film, in a real browser: thresholds, labels, the search, sorting, and what is kept."""

import pytest
from film_pages import (  # noqa: F401  (fixtures among them)
    MATCH,
    at,
    colours,
    data_of,
    film,
    page,
    rows,
    segment,
    show,
    text,
    timeline,
)
from playwright.sync_api import expect

from vtn_stream.report.colours import look_of


def starts(shown):
    """Of the rows of the table, from above."""
    return [cells[1] for cells in rows(shown)]


def test_the_threshold_hides_what_scores_below_and_keeps_what_has_no_score(show):
    shown = show(*MATCH, beside=None)
    assert text(shown, "#count") == "5 of 5 segments"
    shown.locator("#threshold").fill("0.5")
    assert text(shown, "#count") == "3 of 5 segments"
    expect(shown.locator("#body tr")).to_have_count(3)
    assert starts(shown) == ["0:00:01.000", "0:00:03.000", "0:00:04.000"]
    assert shown.locator("#heads .count").all_inner_texts() == ["1/2", "1/2", "1/1"]
    expect(shown.locator("#told")).to_have_text("3 of 5 segments")
    shown.locator("#threshold").fill("1")
    expect(shown.locator("#body tr")).to_have_count(1)
    assert starts(shown) == ["0:00:03.000"]


def test_labels_are_switched_off_and_on(show):
    shown = show(*MATCH, beside=None)
    bar, run = at(shown, "run", 4, down=0.6), look_of("run").colour
    assert colours(shown, bar) == [run]
    shown.get_by_role("checkbox", name="run").uncheck()
    assert text(shown, "#count") == "3 of 5 segments"
    assert colours(shown, bar) != [run]
    shown.get_by_role("button", name="None").click()
    assert text(shown, "#count") == "0 of 5 segments"
    assert text(shown, "#none") == "No segment passes the filters."
    shown.get_by_role("button", name="All").click()
    assert text(shown, "#count") == "5 of 5 segments"


def test_the_search_finds_labels_and_notes(show):
    shown = show(*MATCH, beside=None)
    shown.keyboard.press("/")
    shown.keyboard.type("JUM")
    assert starts(shown) == ["0:00:01.000", "0:00:06.500"]
    shown.locator("#search").fill("no. 7")
    assert rows(shown) == [["jump", "0:00:01.000", "0:00:02.000", "0:00:01.000", "0.900", "player: no. 7"]]
    assert text(shown, "#time") == "0:00:00.000"  # letters that are typed are no keys of the player


def test_escape_clears_the_search_and_then_leaves_it(show):
    shown = show(*MATCH, beside=None)
    shown.keyboard.press("/")
    shown.keyboard.type("jump")
    assert text(shown, "#count") == "2 of 5 segments"
    shown.keyboard.press("Escape")
    assert text(shown, "#count") == "5 of 5 segments"
    shown.keyboard.type("n")
    assert shown.locator("#search").input_value() == "n"  # still there
    assert text(shown, "#time") == "0:00:00.000"
    shown.keyboard.press("Escape")
    shown.keyboard.press("Escape")
    shown.keyboard.press("n")
    assert shown.locator("#search").input_value() == ""
    assert text(shown, "#time") == "0:00:01.000"


def test_what_the_reader_set_and_what_is_shown_agree_after_coming_back(show):
    shown = show(*MATCH, truth=MATCH[:2], beside=None)
    address = shown.url
    shown.locator("#truth").uncheck()
    shown.locator("#threshold").fill("0.5")
    shown.get_by_role("checkbox", name="run").uncheck()
    shown.goto("about:blank")
    shown.go_back()
    assert shown.url == address
    assert shown.locator("#threshold").input_value() == "0"
    assert text(shown, "#threshold-value") == "0.00"
    assert shown.locator("#truth").is_checked()
    assert shown.get_by_role("checkbox", name="run").is_checked()
    assert text(shown, "#count") == "5 of 5 segments · 2 true segments"


def test_single_keys_can_be_switched_off(show):
    shown = show(*MATCH, beside=None)
    shown.locator("#help-open").click()
    shown.get_by_label("Single keys").uncheck()
    shown.keyboard.press("Escape")
    for key in "n.l?/":
        shown.keyboard.press(key)
    assert text(shown, "#time") == "0:00:00.000"
    assert not shown.locator("#help").is_visible()
    assert shown.evaluate("document.activeElement.id") != "search"
    shown.keyboard.press("ArrowRight")
    assert text(shown, "#time") == "0:00:05.000"
    shown.locator("#help-open").click()
    shown.get_by_label("Single keys").check()
    shown.keyboard.press("Escape")
    shown.keyboard.press("p")
    assert text(shown, "#time") == "0:00:04.000"


def test_the_speaker_is_crossed_out_while_it_is_mute(show):
    shown = show(*MATCH, beside=None)
    speaker, mute = shown.locator("#mute-icon"), shown.get_by_role("button", name="Mute")
    before = speaker.get_attribute("d")
    shown.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "true")
    assert speaker.get_attribute("d") != before
    shown.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "false")
    assert speaker.get_attribute("d") == before


DRAWN = {"analysis": {"operating_point": {"high": 0.5, "low": 0.25}}}


def test_the_threshold_that_segments_were_drawn_with_stands_beside_the_slider(show):
    shown = show(*MATCH, beside=None, provenance=DRAWN)
    assert text(shown, "#drawn") == "analysis used 0.50"
    assert "vtn-stream export --threshold" in shown.locator("#drawn").get_attribute("title")


def test_without_scores_nothing_is_said_of_a_threshold(show):
    shown = show(segment(0, 1, "run"), beside=None, provenance=DRAWN)
    assert not shown.locator("#drawn").is_visible()


@pytest.mark.parametrize(
    ("provenance", "drawn_at"),
    [
        (DRAWN, 0.5),
        ({"analysis": {"operating_point": {"high": 1}}}, 1),
        ({}, None),
        ({"analysis": "high"}, None),
        ({"analysis": {"operating_point": ["high"]}}, None),
        *(
            ({"analysis": {"operating_point": {"high": high}}}, None)
            for high in ("<b>", None, True, {}, -1, 1.5, 10**400)
        ),
        (DRAWN | {"selections": [{"threshold": 0.2}]}, None),  # what was drawn anew since
    ],
)
def test_provenance_may_say_anything_of_a_threshold(provenance, drawn_at):
    assert data_of(page(timeline(*MATCH, provenance=provenance)))["drawn"] == drawn_at


def test_the_table_sorts_and_says_how(show):
    shown = show(*MATCH, beside=None)
    for column, says, expected in [
        ("Start", "descending", "6.5 4 3 1 0"),
        ("Label", "ascending", "4 1 6.5 0 3"),
        ("Score", "descending", "1 4 6.5 0 3"),  # without a score: last
        ("Score", "ascending", "0 6.5 4 1 3"),
        ("Length", "descending", "3 4 0 1 6.5"),
        ("Length", "ascending", "6.5 0 1 3 4"),
    ]:
        header = shown.locator("#table").get_by_role("columnheader", name=column)
        header.get_by_role("button").click()
        assert starts(shown) == [f"0:00:0{float(start_s):.3f}" for start_s in expected.split()]
        assert header.get_attribute("aria-sort") == says
        assert set(spoken(shown, "columnheader", column)) == {column}  # without the arrow


def spoken(shown, role, part):
    """The names of the elements of this role, as a screen reader has them, that contain `part`."""
    tree = shown.context.new_cdp_session(shown).send("Accessibility.getFullAXTree")["nodes"]
    names = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == role]
    return [name for name in names if part in name]
