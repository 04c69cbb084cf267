"""Labels and keys: new ones, keys that are changed, conflicts, what the browser keeps, and what it must not believe."""

import json

import pytest
from film_pages import MATCH, film, segment, text  # noqa: F401
from keyed_pages import answers, code, keyed, keyed_page, press, said, saved, spans, standing  # noqa: F401

from vtn_stream.report.colours import look_of

FORBIDDEN = """
    Object.defineProperty(window, "localStorage", { get() { throw new DOMException("forbidden", "SecurityError"); } });
"""


def new_label(page, name, key="", point=False):
    """What the page says of a new label."""
    if not page.locator("#labels-dialog").is_visible():
        page.get_by_role("button", name="Labels…").click()
    page.locator("#new-label").fill(name)
    page.locator("#new-key").fill(key)
    page.locator("#new-point").set_checked(point)
    page.keyboard.press("Enter")
    return text(page, "#labels-dialog .key-told")


def change_key(page, of, key):
    """What the page says when a key is changed in the dialog that is open."""
    page.get_by_role("dialog").get_by_role("button", name=f"change the key of: {of}").first.click()
    page.keyboard.press(key)
    return page.locator("dialog[open] .key-told").inner_text()


def label_keys(page):
    return page.locator("#labels-keys tr").evaluate_all(
        "trs => trs.map(tr => [tr.cells[0].textContent, tr.cells[1].textContent, tr.querySelector('input').checked])"
    )


def test_a_new_label_gets_a_colour_a_lane_and_a_key(keyed):
    page = keyed(*MATCH)
    assert new_label(page, "swim") == "New label: swim. Its key is 4."
    assert new_label(page, "dive", "h", point=True) == "New label: dive. Its key is h."
    assert label_keys(page)[3:] == [["swim", "4", False], ["dive", "h", True]]
    press(page, "Escape", "c")
    code(page, 2, "4", 3, "h", 4, "4")
    assert [s for s in standing(page) if s[3] == "manual"] == [("swim", 2, 4, "manual"), ("dive", 3, 3, "manual")]
    assert page.evaluate("data => data[1]", page.evaluate("inside.data.labels[3]")) == look_of("swim").colour
    assert page.locator("#heads .lane bdi").all_inner_texts() == ["run", "jump", "fall", "swim", "dive"]
    press(page, *["Control+z"] * 5)
    assert saved(page) == page.made_of
    assert page.locator("#code-labels [data-code]").count() == 3
    assert press(page, "4") == said(page)  # the key is nobody's
    assert page.evaluate("inside.openStates.size") == 0


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        ("", "", "A label needs a name."),
        ("   ", "", "A label needs a name."),
        ("Jump", "", "There is a label jump already."),
        ("a\u2028b", "", "A label is one line of at most 200 characters."),
        ("swim", "x", "x is taken: reject it and go on. Press another key."),
        ("swim", "1", "1 is taken: the label run. Press another key."),
        ("swim", "ab", "ab cannot be chosen: take a letter, a digit or a sign."),
    ],
)
def test_a_label_that_cannot_be_is_refused_with_the_reason(keyed, name, key, why):
    page = keyed(*MATCH)
    assert new_label(page, name, key) == why
    assert saved(page) == page.made_of
    assert len(label_keys(page)) == 3


def test_a_film_without_labels_asks_for_one(keyed):
    page = keyed()
    press(page, "a")
    assert page.get_by_role("dialog", name="Labels").is_visible()
    assert page.evaluate("document.activeElement.id") == "new-label"
    assert new_label(page, "goal") == "New label: goal. Its key is 1."
    press(page, "Escape", "a")
    assert spans(page) == [("goal", 0, 1)]


def test_more_labels_than_digits_get_letters_that_are_free(keyed):
    page = keyed(*[segment(i / 4, i / 4 + 1, f"label {i:02}") for i in range(20)])
    page.get_by_role("button", name="Labels…").click()
    keys = [key for _, key, _ in label_keys(page)]
    assert keys == [*"123456789qwuhsz", *["none"] * 5]
    commands = page.evaluate("inside.COMMANDS.filter(c => c.act).map(c => inside.keyOf(c))")
    assert not set(keys) & set(commands)
    assert change_key(page, "label 19", "#") == "# is: the label label 19."
    press(page, "Escape", "c", "#")
    assert said(page) == "label 19 starts at 0:00.0"


def test_a_key_is_changed_and_kept_for_all_pages(keyed):
    page = keyed(*MATCH)
    press(page, "?")
    told = change_key(page, "reject it and go on", "n")
    assert told == "n is taken: next or previous segment. Press another key."
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").is_visible()  # only the change is given up
    assert page.locator("dialog[open] .key-told").inner_text() == "The key stays as it was."
    assert change_key(page, "reject it and go on", "Control").startswith("Press the new key")
    page.keyboard.press("Tab")
    assert change_key(page, "reject it and go on", "w") == "w is: reject it and go on."
    press(page, "Escape")
    press(page, "n", "x")
    assert standing(page)[0] == ("run", 0, 1, "model")
    assert press(page, "w").startswith("rejected run")
    assert page.get_by_role("button", name="Reject", exact=True).get_attribute("title") == "Reject it and go on (w)"
    kept = page.evaluate("localStorage['vtn-stream keys']")
    page = keyed(*MATCH, stored=kept)
    assert press(page, "n", "w").startswith("rejected run")
    press(page, "?")
    page.get_by_role("button", name="Reset all keys").click()
    press(page, "Escape")
    page.locator("body").click(position={"x": 5, "y": 5})
    assert press(page, "x").startswith("rejected jump")


def test_a_key_that_a_tool_leaves_is_free_for_a_label_and_one_that_it_takes_is_not(keyed):
    page = keyed(*MATCH)
    press(page, "?")
    change_key(page, "play it alone", "q")
    press(page, "Escape")
    page.get_by_role("button", name="Labels…").click()
    assert change_key(page, "fall", "q") == "q is taken: play it alone. Press another key."
    page.keyboard.press("v")
    assert text(page, "#labels-dialog .key-told") == "v is: the label fall."
    press(page, "Escape", "c", "v")
    assert said(page) == "fall starts at 0:00.0"


def test_a_label_keeps_the_key_it_was_used_with_in_other_films(keyed):
    page = keyed(*MATCH)
    code(page, "c", 1, "3", 2, "3")
    kept = page.evaluate("localStorage['vtn-stream keys']")
    page = keyed(segment(0, 1, "fall"), segment(2, 3, "swim"), segment(4, 5, "dive"), stored=kept)
    assert page.evaluate("inside.labelKeys") == ["3", "1", "2"]


def test_which_labels_are_points_is_chosen_in_the_list_of_labels(keyed):
    page = keyed(*MATCH)
    page.get_by_role("button", name="Labels…").click()
    page.get_by_label("fall is a point label").check()
    press(page, "Escape", "c")
    code(page, 2, "3")
    assert ("fall", 2, 2) in spans(page)
    kept = page.evaluate("localStorage['vtn-stream keys']")
    page = keyed(*MATCH, stored=kept)
    page.get_by_role("button", name="Labels…").click()
    assert label_keys(page)[2] == ["fall", "3", True]


HOSTILE = [
    "no JSON",
    "null",
    "[]",
    '"text"',
    json.dumps({"commands": ["x"], "labels": 3, "points": None, "single": "yes", "reaction": -1}),
    json.dumps(
        {"commands": {"reject": "abc", "keep": " ", "next": "\u202e", "no such": "x", " ": "q", "fit": {"a": 1}}}
    ),
    json.dumps({"labels": {"run": "\n", "x" * 3000: "q", "__proto__": "q"}, "points": {"run": "yes"}, "reaction": 1e9}),
    '{"commands": {"__proto__": "q", "constructor": "w"}}',
]


@pytest.mark.parametrize("stored", HOSTILE)
def test_what_is_stored_and_not_as_we_write_it_is_left_out(keyed, stored):
    page = keyed(*MATCH, stored=stored)
    assert page.evaluate("inside.COMMANDS.every(c => inside.keyOf(c) === c.key)")
    assert page.evaluate("inside.labelKeys") == ["1", "2", "3"]
    assert page.evaluate("[inside.settings.single, inside.settings.reaction]") == [True, 0.25]
    assert press(page, "n", "x").startswith("rejected run")


def test_two_stored_uses_of_a_key_leave_every_tool_in_reach(keyed):
    """Only something else could have written that."""
    stored = json.dumps({"commands": {"reject": "n", "keep": "n"}, "labels": {"run": "n", "fall": "b"}})
    page = keyed(*MATCH, stored=stored)
    assert page.evaluate("inside.bindings.get('n').id") == "keep"
    assert page.evaluate("inside.bindings.get('b').id") == "split"
    page.get_by_role("button", name="Next segment").click()
    page.get_by_role("button", name="Reject", exact=True).click()
    assert said(page).startswith("rejected run")


def test_where_the_browser_keeps_nothing_keys_can_be_changed_all_the_same(keyed):
    page = keyed(*MATCH, before=FORBIDDEN)
    press(page, "?")
    assert change_key(page, "reject it and go on", "w") == "w is: reject it and go on."
    press(page, "Escape")
    assert press(page, "n", "w").startswith("rejected run")


def test_a_label_is_chosen_by_arrows_too(keyed):
    page = keyed(*MATCH)
    press(page, "n", "r")
    assert page.evaluate("document.activeElement.textContent") == "run1"
    press(page, "ArrowUp")
    assert press(page, "Enter") == "run 0:00.0 to 0:01.0 is now fall; 1 of 5 reviewed"
    press(page, "r", "Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert standing(page)[0] == ("fall", 0, 1, "changed")


def test_a_strangers_label_is_text_and_nothing_else(keyed):
    name = "<img src=x onerror=alert(1)>\u202egoal"
    page = keyed(segment(1, 2, name), segment(3, 4, "a"))
    press(page, "n", "Enter", "c", "1", "ArrowRight", "1")
    assert saved(page).segments[0].label == name
    for button in ("Labels…", "Nothing else: more", "By score…", "Relabel…"):
        page.get_by_role("button", name=button).click()
        press(page, "Escape")
    assert page.locator("img").count() == 0
    assert "\u202e" not in page.locator("body").inner_text()


def test_of_many_labels_one_is_searched_and_a_new_one_made_on_the_way(keyed):
    page = keyed(*[segment(i / 4, i / 4 + 1, f"label {i:02}") for i in range(30)])
    press(page, "n", "r", "/")
    page.keyboard.type("27")
    assert page.locator("#chooser-labels button").all_inner_texts() == ["label 27"]
    assert press(page, "Enter").startswith("label 00 0:00.0 to 0:01.0 is now label 27")
    press(page, "r")
    page.get_by_role("button", name="New label…").last.click()
    assert new_label(page, "swim", "#") == "New label: swim. Its key is #."
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog", name="The new label").is_visible()
    page.keyboard.press("#")
    assert said(page).startswith("label 27 0:00.0 to 0:01.0 is now swim")
