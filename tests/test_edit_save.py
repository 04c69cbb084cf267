"""Saving what was changed in a page, to a file or by download; what is said of it; what is asked before leaving."""

import os

import pytest
from browser import axe_violations
from edited_pages import again, as_file, edit, kept, lines, page_of, picker, said, saved_by_download, stored  # noqa: F401
from film_pages import MATCH, open_page_of, segment, timeline
from playwright.sync_api import expect

from vtn_stream.formats import timeline_json

NO_PICKER = "delete window.showSaveFilePicker;"
WHERE = ": move it beside this page, in place of an older one; vtn-stream analyze, report and train read it."
NAME = "film.webm.timeline.json"
OLDER = "This page was made before that, and does not show them: vtn-stream report makes it again."


def test_what_is_downloaded_is_what_was_meant(page_of):
    page = kept(edit(page_of(script=NO_PICKER), "keep([0])", "reject([1])"))
    meant = as_file(page)
    content, name = saved_by_download(page, lambda: page.keyboard.press("Control+s"))
    assert name == NAME
    document = timeline_json.read_document(content)
    assert (document.timeline, document.origin) == (meant.timeline, "ours")
    assert [s.origin for s in document.timeline.segments] == ["curated", None, None, None]
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    assert lines(page) == [f"Saved {NAME} to your downloads{WHERE}"]
    content, name = saved_by_download(page, lambda: page.get_by_role("button", name="Save as CSV").click())
    assert name == "film.webm.timeline.csv"
    assert content.decode() == page.evaluate("inside.csvText()")
    content, _ = saved_by_download(edit(page, "undo()", "undo()"), lambda: page.locator("#save").click())
    assert timeline_json.loads(content) == timeline(*MATCH)


def test_a_download_that_nobody_saw_arrive_can_be_shown_again(page_of):
    page = kept(edit(page_of(script=NO_PICKER), "keep([0])", "reject([1])"))
    saved_by_download(page, lambda: page.locator("#save").click())
    before = said(kept(page))
    again(page)
    assert as_file(page).timeline == timeline(*MATCH)
    assert lines(page) == [f"You downloaded 2 changes as {NAME}. {OLDER}"]
    page.get_by_role("button", name="Show them here").click()
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    assert said(page) == before
    again(kept(page))
    page.get_by_role("button", name="Forget the draft").click()
    page.wait_for_function("() => inside.isKept()")
    assert lines(again(page)) == []
    assert stored(page) == []


def test_a_page_that_was_made_anew_of_what_was_saved_says_nothing(page_of, tmp_path):
    page = kept(edit(page_of(script=NO_PICKER), "keep([0])", "nothingElse(0, 4, [1, 0])", "reject([4])", "reject([3])"))
    content, _ = saved_by_download(page, lambda: page.locator("#save").click())
    kept(page)
    (tmp_path / "film.webm.timeline.html").write_bytes(open_page_of(timeline_json.loads(content)))
    assert lines(again(page)) == []
    assert stored(page) == []


def test_a_file_is_written_where_the_browser_has_a_dialog(page_of):
    page = kept(edit(page_of(script=picker()), "keep([0])"))
    page.evaluate("window.called = 'mine.timeline.json'")
    page.keyboard.press("Control+s")
    expect(page.locator("#saving-told")).to_contain_text(f"Saved mine.timeline.json{WHERE}")
    assert timeline_json.loads(page.evaluate("files['mine.timeline.json']").encode()) == as_file(page).timeline
    assert [head.get("total") for head in stored(kept(page))] == [0]  # the draft is deleted: a note is left
    kept(edit(page, "reject([1])"))
    assert stored(page)[-1] == {"parts": 3}  # all changes: this page is made of the timeline before them
    page.locator("#save").click()
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    assert timeline_json.loads(page.evaluate("files['mine.timeline.json']").encode()) == as_file(page).timeline
    page.get_by_role("button", name="Save as CSV").click()
    page.wait_for_function("() => asked.length === 2")
    assert page.evaluate("asked") == [NAME, "film.webm.timeline.csv"]  # the first file was not asked for again
    again(kept(page))
    assert lines(page) == [f"You saved 2 changes to mine.timeline.json. {OLDER}"]
    kept(edit(page, "keep([2])"))
    page.locator("#save").click()
    expect(page.locator("#saving-told > li")).to_have_count(1)
    again(kept(page))
    assert lines(page) == [f"You saved 1 change to {NAME}. {OLDER}"]  # the last save alone is told


def test_what_was_saved_can_be_opened_again(page_of, tmp_path):
    page = edit(page_of(script=picker()), "keep([0])", "add(2, 7, 7.5)", "nothingElse(0, 2, null)", "reject([2])")
    meant = as_file(page).timeline
    page.keyboard.press("Control+s")
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    text = page.evaluate(f"files['{NAME}']")
    again(kept(page))
    assert as_file(page).timeline == timeline(*MATCH)

    def open_(content):
        (tmp_path / NAME).write_text(content)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Open the saved file").click()
        chooser.value.set_files(tmp_path / NAME)

    for content, why in (
        (text.replace("xxh3:1", "xxh3:2"), "it is of another film"),
        (text.replace('"version": 2', '"version": 9'), "it is no timeline of this version"),
        (text.replace('"end_s": 7.5', '"end_s": 6.5'), "an end before its start"),
    ):
        open_(content)
        expect(page.locator("#saving-told")).to_contain_text(f"{NAME} is not opened: {why}.")
        assert as_file(page).timeline == timeline(*MATCH)
    open_(text)
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    assert as_file(page).timeline == meant
    assert lines(page) == [f"Shown is what {NAME} says."]
    edit(page, "undo()")
    assert as_file(page).timeline == timeline(*MATCH)


def test_a_saved_file_is_known_again_whatever_its_attributes_are_called(page_of, tmp_path):
    page = edit(page_of(segment(0, 1, "run", **{"10": "a", "9": "b", "__proto__": "c"}), script=picker()), "keep([0])")
    page.keyboard.press("Control+s")
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    (tmp_path / NAME).write_text(page.evaluate(f"files['{NAME}']"))
    again(kept(page))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open the saved file").click()
    chooser.value.set_files(tmp_path / NAME)
    expect(page.locator("#saving-told")).to_contain_text(f"Shown is what {NAME} says.")
    assert lines(page) == [f"Shown is what {NAME} says."]


def test_a_save_that_fails_or_is_cancelled_keeps_the_draft_and_says_so(page_of):
    page = kept(edit(page_of(script=picker()), "keep([0])"))
    for fault, why in (("cancels", "the dialog was cancelled"), ("noRoom", "the browser refuses (QuotaExceededError)")):
        page.evaluate(f"window.{fault} = true")
        page.keyboard.press("Control+s")
        told = f"{NAME} is not saved: {why}. All that you changed is still here."
        expect(page.locator("#saving-told > li > span")).to_have_text(told)
        expect(page.locator("#unsaved")).to_have_text("1 change, not saved")
        assert stored(kept(page))[-1] == {"parts": 2}
        page.evaluate(f"window.{fault} = false")
    assert page.evaluate("files") == {}
    content, _ = saved_by_download(page, lambda: page.get_by_role("button", name="Download it").click())
    assert content.decode() == page.evaluate("inside.timelineText()")
    edit(page, "reject([1])").keyboard.press("Control+s")
    expect(page.locator("#unsaved")).to_have_text("All is saved")
    assert len(page.evaluate("asked")) == 3


def test_leaving_is_asked_about_only_with_unsaved_changes(page_of):
    page = page_of(script=NO_PICKER)
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    page.mouse.click(5, 5)  # browsers ask only people who did something
    again(page)
    assert asked == []
    edit(page, "keep([0])")
    page.mouse.click(5, 5)
    again(page)
    assert asked == ["beforeunload"]
    page.mouse.click(5, 5)
    saved_by_download(page, lambda: page.locator("#save").click())
    again(page)
    assert asked == ["beforeunload"]


@pytest.mark.parametrize(
    ("page_name", "film", "name"),
    [
        ("ein Film.mp4.timeline.html", "film.webm", "ein Film.mp4.timeline.json"),
        ("report.html", "film.webm", "film.webm.timeline.json"),
        ("report.html", 'a:b*?"<x>|\u202e.mp4', None),
    ],
)
def test_the_file_is_called_as_the_page_or_the_film(page_of, page_name, film, name):
    page = page_of(script=NO_PICKER, name=page_name, video_path=film)
    _, found = saved_by_download(edit(page, "keep([0])"), lambda: page.keyboard.press("Control+s"))
    assert found.endswith(".timeline.json")
    assert name is None or found == name
    assert os.path.basename(found) == found
    assert not set(found) & set('\\/:*?"<>|\u202e')
    assert not found.startswith(".")


def test_a_page_where_nothing_was_changed_has_nothing_to_save(page_of):
    page = page_of()
    assert not page.locator("#saving").is_visible()
    assert page.evaluate("""() => {
      const event = new KeyboardEvent("keydown", { key: "s", ctrlKey: true, cancelable: true, bubbles: true });
      return document.body.dispatchEvent(event);
    }""")


def test_axe_finds_nothing_in_what_saves(page_of):
    page = kept(edit(page_of(), "keep([0])"))
    again(page)
    assert axe_violations(page) == []
    page.locator("#forget-open").click()
    assert page.get_by_role("dialog", name="Drafts").is_visible()
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
