"""Review by keys: keep, reject, relabel, borders, split, join, by score; nothing else here; undo; what is announced."""

import re
from pathlib import Path

from browser import axe_violations
from film_pages import MATCH, film, segment, text  # noqa: F401
from keyed_pages import answers, keyed, keyed_page, press, said, saved, spans, standing  # noqa: F401
from playwright.sync_api import expect

from vtn_stream.timeline import Reviewed

PAGES_MD = Path(__file__).parent.parent / "docs" / "pages.md"


def test_a_reader_meets_no_tools_and_no_key_that_edits(keyed):
    page = keyed(*MATCH, tools=False)
    assert not page.locator("#tools").is_visible()
    assert not page.locator("#progress").is_visible()
    for key in ("n", "x", "Backspace", "Enter", "[", "b", "e", "c", "1", "Control+z"):
        page.keyboard.press(key)
    assert saved(page) == page.made_of
    page.emulate_media(media="print")
    assert not page.locator("#edit").is_visible()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Edit").click()
    assert page.locator("#tools").is_visible()
    assert text(page, "#progress") == "0 of 5 reviewed"
    page.emulate_media(media="print")
    assert not page.locator("#tools").is_visible()


def test_enter_after_the_button_of_the_tools_keeps_and_does_not_close_them(keyed):
    page = keyed(*MATCH, tools=False)
    page.get_by_role("button", name="Edit").click()
    press(page, "n")
    assert press(page, "Enter").startswith("kept run")


def test_segments_are_kept_rejected_and_relabelled_one_after_the_other(keyed):
    page = keyed(*MATCH)
    press(page, "n")
    told = press(page, "Enter")
    assert told == "kept run 0:00.0 to 0:01.0; 1 of 5 reviewed; next: jump 0:01.0 to 0:02.0"
    assert page.locator("#said").get_attribute("role") == "status"  # read out
    assert press(page, "x").startswith("rejected jump 0:01.0 to 0:02.0; 2 of 5 reviewed")
    assert press(page, "Backspace").startswith("rejected run 0:03.0 to 0:05.0; 3 of 5 reviewed")
    assert press(page, "r", "2") == "fall 0:04.0 to 0:06.0 is now jump; 4 of 5 reviewed"
    press(page, "Enter")
    assert press(page, "Enter") == "kept jump at 0:06.500; 5 of 5 reviewed; none is left"
    assert standing(page) == [("run", 0, 1, "kept"), ("jump", 4, 6, "changed"), ("jump", 6.5, 6.5, "kept")]
    after = saved(page)
    assert [(s.label, s.start_s, s.origin) for s in after.rejected] == [("jump", 1, "model"), ("run", 3, "model")]
    assert after.rejected[0].attributes == {"player": "no. 7"}
    assert text(page, "#progress") == "5 of 5 reviewed"
    for _ in range(5):
        press(page, "Control+z")
    assert saved(page) == page.made_of
    assert press(page, "Control+z") == "There is nothing to undo."
    for key in ("Control+y", "Control+Shift+z", "Control+y", "Control+y", "Control+y"):
        press(page, key)
    assert saved(page) == after
    assert press(page, "Control+y") == "There is nothing to redo."


def test_what_is_undone_is_gone_to(keyed):
    page = keyed(*MATCH)
    press(page, "n", "Enter", "x", "Control+z")
    assert text(page, "#time") == "0:00:01.000"
    assert text(page, "#body tr[aria-selected=true] td:first-child") == "jump"
    press(page, "Control+z")
    assert text(page, "#time") == "0:00:00.000"


def test_two_that_start_together_are_both_met(keyed):
    page = keyed(segment(1, 3, "a"), segment(1, 2, "b"), segment(1, 1, "c"), segment(4, 5, "a"))
    told = answers(page, *"nnnnn")
    assert [each.split()[0] for each in told[:4]] == ["c", "b", "a", "a"]
    assert told[4] == "This is the last segment."
    assert press(page, "p", "p", "p") == "c at 0:01.000"


def test_the_most_doubtful_comes_first(keyed):
    """Least sure: without a score, then the score nearest to the threshold of the analysis."""
    page = keyed(*MATCH, provenance={"analysis": {"operating_point": {"high": 0.4}}})
    assert press(page, "d") == "The most doubtful first."
    assert page.get_by_label("Order").input_value() == "doubt"
    met = answers(page, "n", *["Enter"] * 5)
    assert [re.search(r"(\w+) (?:at )?(0:0[\d.]+)[^;]*$", each).groups() for each in met[:5]] == [
        ("run", "0:03.0"),
        ("jump", "0:06.500"),
        ("run", "0:00.0"),
        ("fall", "0:04.0"),
        ("jump", "0:01.0"),
    ]
    assert met[5].endswith("5 of 5 reviewed; none is left")
    assert press(page, "d") == "In the order of time."


def test_what_was_left_out_comes_after_the_last(keyed):
    page = keyed(*MATCH)
    press(page, "n", "n", "Enter", "Enter", "Enter")
    assert press(page, "Enter").endswith("4 of 5 reviewed; next: run 0:00.0 to 0:01.0")
    page.locator("#search").fill("nothing is called so")
    page.locator("#search").blur()
    press(page, "Control+z")
    assert press(page, "Enter").endswith("4 of 5 reviewed; the others are hidden by the filters")


def test_what_filters_hide_is_not_gone_to(keyed):
    page = keyed(*MATCH)
    page.get_by_role("checkbox", name="fall").uncheck()
    told = answers(page, "n", *["Enter"] * 4)
    assert told[4].endswith("4 of 5 reviewed; the others are hidden by the filters")
    assert not any("fall" in each for each in told)


def test_borders_move_by_positions_and_to_the_playhead(keyed):
    page = keyed(segment(1, 2, "a", 0.5), provenance={"recipe": {"fps": "4"}})
    press(page, "n")
    assert press(page, "[") == "a 0:00.8 to 0:02.0; start at 0:00:00.750; 1 of 1 reviewed"
    assert text(page, "#time") == "0:00:00.750"  # it is shown
    press(page, "{", "{")
    assert spans(page) == [("a", 1.25, 2)]
    press(page, "[", "}", "}")
    assert standing(page) == [("a", 1, 2.5, "changed")]
    press(page, "]", "]")
    assert standing(page) == [("a", 1, 2, "kept")]  # where it was
    for key in "]]]]]]":
        press(page, key)
    assert spans(page) == [("a", 0.5, 0.5)]  # an end pushes the start
    press(page, "ArrowRight", "o")
    assert text(page, "#time") == "0:00:05.500"
    press(page, "j", "i")
    assert standing(page) == [("a", 0, 5.5, "changed")]
    assert saved(page).segments[0].was == segment(1, 2, "a", 0.5)


def test_an_instant_stays_one(keyed):
    page = keyed(segment(4, 4, "goal"), segment(6, 6, "goal"))
    press(page, "n", "[", "[")
    assert spans(page)[0] == ("goal", 3.92, 3.92)  # two frames of 25 a second
    press(page, "ArrowLeft", "ArrowRight", "i")
    assert spans(page)[0] == ("goal", 5, 5)


def test_split_and_join(keyed):
    page = keyed(segment(1, 7, "a", 0.5), segment(7.5, 8, "b"))
    assert press(page, "b") == "No segment is selected: n goes to the next one."
    press(page, "n")
    assert press(page, "b") == "The playhead is not inside a 0:01.0 to 0:07.0: nothing is split."
    assert press(page, "ArrowRight", "b") == "split a 0:01.0 to 0:07.0 at 0:06.0; 2 of 3 reviewed"
    assert standing(page)[:2] == [("a", 1, 6, "changed"), ("a", 6, 7, "changed")]
    assert press(page, "g").startswith("joined 2 to a 0:01.0 to 0:07.0")
    assert standing(page)[0] == ("a", 1, 7, "kept")
    assert press(page, "g") == "No a comes after this one: nothing is joined."
    press(page, "Control+z", "Control+z")
    assert saved(page) == page.made_of


def test_a_segment_is_added_at_the_playhead_of_the_label_last_used(keyed):
    page = keyed(*MATCH)
    press(page, "l", "j", "ArrowRight")
    assert page.get_by_role("dialog").count() == 0
    press(page, "a")
    assert page.get_by_role("dialog", name="The label of the new segment").is_visible()
    assert press(page, "3") == "added fall 0:05.0 to 0:06.0"
    press(page, "ArrowRight", "a")
    assert ("fall", 5, 6, "manual") in standing(page)
    assert ("fall", 8, 8, "manual") in standing(page)
    assert text(page, "#progress") == "0 of 5 reviewed"  # of what a model said


def test_a_segment_is_played_alone_and_then_the_next(keyed):
    page = keyed(segment(1, 1.3, "a"), segment(4, 4.2, "b"), has_film=True)
    film = page.locator("#film")
    press(page, "n", "v")
    expect(film).to_have_js_property("paused", False)
    expect(film).to_have_js_property("paused", True)
    expect(page.locator("#time")).to_have_text("0:00:01.300")
    press(page, "Enter")
    expect(page.locator("#time")).to_have_text("0:00:04.200")
    expect(film).to_have_js_property("paused", True)


def test_all_of_a_label_below_a_score_are_rejected_and_the_others_kept(keyed):
    page = keyed(*[segment(i / 10, i / 10 + 1, "ab"[i % 2], i / 50) for i in range(50)])
    page.get_by_role("button", name="By score").click()
    assert text(page, "#bulk-count") == "Of those not yet reviewed: 25 segments below, 25 at it or above."
    page.locator("#bulk-label").select_option(label="b")
    page.locator("#bulk-score").fill("0.1")
    assert text(page, "#bulk-count") == "Of those not yet reviewed: 2 segments below, 23 at it or above."
    page.get_by_role("button", name="Reject those below").click()
    assert said(page) == "rejected 2 segments of b below 0.1; 2 of 50 reviewed"
    assert [s.score for s in saved(page).rejected] == [1 / 50, 3 / 50]
    page.get_by_role("button", name="By score").click()
    page.locator("#bulk-score").fill("0.9")
    page.get_by_role("button", name="Keep those at it or above").click()
    assert said(page) == "kept 5 segments at 0.9 or above; 7 of 50 reviewed"
    assert {s.score for s in saved(page).segments if s.by_hand} == {i / 50 for i in range(45, 50)}
    press(page, "Control+z", "Control+z")
    assert text(page, "#progress") == "0 of 50 reviewed"


def test_nothing_else_is_said_of_spans_and_taken_back(keyed):
    page = keyed(*MATCH)
    press(page, "e")
    assert said(page) == "nothing else from 0:00.0 on: e again where it ends, Esc gives it up"
    assert press(page, "Escape") == "Given up."
    press(page, "e", "ArrowRight")
    told = press(page, "e")
    assert told == "nothing else from 0:00.0 to 0:05.0; 3 segments inside kept by this; 3 of 5 reviewed"
    assert saved(page).reviewed == (Reviewed(start_s=0, end_s=5),)
    page.get_by_role("button", name="Nothing else: more").click()
    page.locator("#nothing-label").select_option(label="only fall")
    page.get_by_role("button", name="Take back").click()
    assert said(page) == "taken back: nothing else, 0:00.0 to 0:05.0, all labels"
    assert text(page, "#nothing-none") == "Nothing yet."
    press(page, "Escape", "Escape")
    press(page, "j", "n", "n")
    page.get_by_role("button", name="Nothing else: more").click()
    assert text(page, "#nothing-is").split() == ["Nothing", "else", "of", "fall"]
    page.get_by_role("button", name="Around the selected segment").click()
    assert saved(page).reviewed == (Reviewed(start_s=0, end_s=4, labels=("fall",)),)
    page.get_by_role("button", name="In the whole film").click()
    assert saved(page).reviewed == (Reviewed(start_s=0, end_s=8, labels=("fall",)),)
    assert press(page, "Control+z", "Control+z", "Control+z", "Control+z") == "undone: nothing else; 0 of 5 reviewed"
    assert saved(page) == page.made_of


def test_enter_in_the_table_goes_there_and_there_it_keeps(keyed):
    page = keyed(*MATCH)
    page.locator("#table").focus()
    press(page, "ArrowDown", "ArrowDown", "Enter")
    assert text(page, "#time") == "0:00:01.000"
    assert text(page, "#progress") == "0 of 5 reviewed"
    assert press(page, "Enter").startswith("kept jump")
    page.get_by_role("button", name="Undo").focus()
    press(page, "Enter")
    assert said(page) == "undone: keep; 0 of 5 reviewed"  # the button's own


def test_a_button_that_was_clicked_leaves_the_keys_alone(keyed):
    page = keyed(*MATCH)
    press(page, "n")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_role("button", name="Reject").click()
    press(page, "Enter")
    assert said(page).startswith("kept run 0:03.0 to 0:05.0; 3 of 5 reviewed")


def test_every_tool_is_a_button_that_says_its_key(keyed):
    page = keyed(*MATCH)
    sizes = page.locator("#tools button:visible, #edit").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(({ width, height }) => [width, height])"
    )
    assert all(width >= 28 and height >= 28 for width, height in sizes)
    titles = page.locator("[data-tool]").evaluate_all("all => all.map(e => [e.dataset.tool, e.title])")
    assert ["reject", "Reject it and go on (x)"] in titles
    ids = page.evaluate("inside.COMMANDS.filter(c => c.edits).map(c => c.id)")
    elsewhere = {"order", "reject too", "Ctrl+y"}  # a list; as another
    assert set(ids) - elsewhere <= {tool for tool, _ in titles}


def test_the_whole_review_without_single_keys(keyed):
    page = keyed(*MATCH)
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Single keys").uncheck()
    page.keyboard.press("Escape")
    page.locator("#help-open").blur()
    for key in ("n", "x", "Enter", "Backspace", "[", "1", "t"):
        page.keyboard.press(key)
    assert saved(page) == page.made_of
    page.get_by_role("button", name="Next segment").click()
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_role("button", name="Relabel…").click()
    page.keyboard.press("3")
    page.get_by_role("dialog").get_by_role("button", name="fall").click()
    page.get_by_role("button", name="End later").click()
    assert standing(page)[:2] == [("run", 0, 1, "kept"), ("fall", 1, 2.04, "changed")]
    press(page, "Control+z")
    assert standing(page)[1] == ("fall", 1, 2, "changed")


def test_axe_finds_nothing_in_tools_and_dialogs(keyed):
    page = keyed(*MATCH)
    page.emulate_media(color_scheme="dark")
    press(page, "n", "Enter", "e", "e", "ArrowRight", "e", "c", "1")
    for name in ("Keys", "Labels…", "By score…", "Nothing else: more", "Relabel…"):
        page.get_by_role("button", name=name).first.click()
        assert page.get_by_role("dialog").get_by_role("heading").first.is_visible()
        page.keyboard.press("Escape")
    page.evaluate("document.querySelectorAll('dialog').forEach(dialog => dialog.show())")
    assert axe_violations(page) == []


def test_the_list_of_keys_and_the_docs_agree(keyed):
    page = keyed(*MATCH)
    press(page, "?")
    listed = page.locator("#key-groups section").evaluate_all("""all => all.map(section => [
        section.querySelector("h3").textContent,
        [...section.querySelectorAll("dt")].map(dt => [
            [...dt.querySelectorAll("kbd")].map(k => k.textContent), dt.nextElementSibling.textContent])])""")
    assert [[name, *map(tuple, keys)] for name, keys in listed] == [
        [name, *map(tuple, keys)] for name, keys in documented()
    ]


def documented():
    groups = []
    for line in PAGES_MD.read_text().partition("## All keys")[2].splitlines():
        if line.startswith("### "):
            groups.append((line[4:], []))
        elif line.startswith("| `"):
            keys, says = line.strip("| ").split(" | ")
            groups[-1][1].append((re.findall(r"`([^`]+)`", keys), says))
    return groups


def test_what_was_said_of_a_label_that_no_segment_has_any_more_can_be_taken_back(keyed):
    page = keyed(*MATCH, reviewed=(Reviewed(start_s=1, end_s=2, labels=("swim",)),))
    page.get_by_role("button", name="Nothing else: more").click()
    page.get_by_role("button", name="Take back 0:01.0 to 0:02.0 of swim").click()
    assert saved(page).reviewed == ()
