"""Drafts: what is changed in a page is not lost, whatever ends the page; and what a stranger wrote is not believed."""

import json

import pytest
from edited_pages import again, as_file, edit, kept, lines, page_of, ready, said, saved_by_download, stored  # noqa: F401
from film_pages import MATCH, open_page_of, segment, timeline
from playwright.sync_api import expect

CHANGES = (
    "keep([0])",
    "moveTo(1, 1.25, 2.5)",
    "addLabel('swim')",
    "add(3, 6, 7.125)",
    "splitAt(3, 5)",
    "nothingElse(0, 2, [0, 1])",
    "reject([2])",
    "undo()",
)
NOT_TOLD = """
for (const each of [window, document]) {
  const add = each.addEventListener.bind(each);
  each.addEventListener = (kind, ...rest) => ["pagehide", "visibilitychange"].includes(kind) || add(kind, ...rest);
}
"""


def until(page, holds):
    """Waits for what follows some time after a click."""
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(50)
    assert holds()


def test_a_reload_right_after_a_change_loses_nothing(page_of):
    page = edit(page_of(), *CHANGES)
    before = said(page)
    assert before[1:] == [["keep", "move", "new label", "add", "split", "nothing else"], ["reject"]]
    again(page)
    assert said(page) == before
    assert lines(page) == ["Draft of 6 changes restored."]
    edit(page, "redo()", "undo()", "undo()")
    before = said(page)
    again(page)
    assert said(page) == before
    edit(page, *["undo()"] * 5)
    assert as_file(page).timeline == timeline(*MATCH)
    before = said(page)
    again(page)
    assert said(page) == before
    assert lines(page) == ["Draft restored; all that it changes is undone."]


def test_a_draft_is_written_within_a_second_however_fast_changes_come(page_of):
    page = edit(page_of(), "keep([0])")
    script = """async (round) => {
      let longest = 0;
      const soon = (ms) => new Promise((done) => setTimeout(done, ms)), all = [];
      for (let k = 1; k <= 15; k++) {
        inside.moveTo(1, 1 + k / 50 + round / 5000, 2.5);
        const step = inside.history.done.at(-1), began = performance.now();
        all.push((async () => {
          while (!inside.draft.kept.steps.includes(step) || inside.isWriting) await soon(5);
          longest = Math.max(longest, performance.now() - began);
        })());
        await soon(60);
      }
      await Promise.all(all);
      return longest;
    }"""
    # A busy machine may be late; that it never does it in time would be an error.
    assert any(page.evaluate(script, number) < 1000 for number in range(6))
    num_steps = len(said(page)[1])
    assert len(said(again(page))[1]) == num_steps


def test_a_state_that_is_open_while_coding_ends_at_the_playhead_when_the_page_is_left(page_of):
    page = page_of()
    for key in ("t", "c", "1", "ArrowRight"):
        page.keyboard.press(key)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    again(kept(page))  # a busy browser may close a page before it has written
    assert lines(page) == ["Draft of 1 change restored."]
    (coded,) = (each for each in as_file(page).timeline.segments if each.origin == "manual")
    assert (coded.start_s, coded.end_s, coded.label) == (0, 5, "run")


def test_an_end_that_the_page_is_not_told_of_loses_nothing_that_was_written(page_of):
    page = kept(edit(page_of(script=NOT_TOLD), *CHANGES))
    before, url, context = said(page), page.url, page.context
    page.close()
    page = context.new_page()
    page.goto(url)
    assert said(ready(page)) == before


def test_the_store_holds_a_draft_until_it_is_saved_or_discarded(page_of):
    page = page_of()
    assert stored(page) == []
    kept(edit(page, *CHANGES))
    head, parts = stored(page)
    assert (head["done"], head["total"], parts) == (6, 7, {"parts": 8})
    again(page)
    page.get_by_role("button", name="Discard").click()
    assert as_file(page).timeline == timeline(*MATCH)
    assert lines(page) == ["The draft is discarded. Until you leave this page, redo brings its changes back."]
    assert stored(page) == []
    kept(edit(page, "redo()"))
    assert stored(page)[0]["done"] == 1
    page.evaluate("inside.discard()")
    assert lines(again(page)) == []
    assert said(page)[1:] == [[], []]


def test_drafts_are_forgotten_by_two_buttons(page_of):
    page = kept(edit(page_of(), "keep([0])"))
    other = kept(edit(page_of(beside=page, folder="other", video_identity="xxh3:2"), "keep([0])"))
    assert len(stored(page)) == 3
    page.locator("#forget-open").click()
    page.get_by_role("button", name="Forget drafts of this film").click()
    expect(page.locator("#saving-told")).to_contain_text("Drafts of this film are forgotten.")
    assert [head.get("key", [0])[0] for head in stored(page)] == ["xxh3:2", 0]
    assert as_file(page).timeline != timeline(*MATCH)  # what is on the screen stays there
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert len(stored(page)) == 2  # and is not written again by leaving
    kept(edit(page, "keep([1])"))  # but by a change
    assert [head.get("done") for head in stored(page)].count(2) == 1
    page.locator("#forget-open").click()
    page.get_by_role("button", name="Forget all drafts").click()
    expect(other.locator("#saving-told")).to_contain_text("Another page had the drafts forgotten.")
    assert stored(page) == []
    kept(edit(other, "keep([1])"))
    assert stored(page)[0]["done"] == 2


# ---- other versions, other pages


def test_a_draft_of_another_version_is_told_and_not_applied(page_of, tmp_path):
    page = kept(edit(page_of(), *CHANGES))
    meant = as_file(page).timeline
    newer = timeline(segment(0, 1, "run", 0.4), segment(2, 3, "dive", 0.2))
    (tmp_path / "film.webm.timeline.html").write_bytes(open_page_of(newer))
    again(page)
    (told,) = lines(page)
    assert told.startswith("A draft of another version of this timeline is there, of 6 changes, last changed ")
    assert as_file(page).timeline == newer
    page.get_by_role("button", name="Keep the page's").click()
    assert lines(page) == []
    kept(edit(page, "keep([0])"))  # a draft of its own
    assert sorted(head["done"] for head in stored(page)[:-1]) == [1, 6]
    again(page)
    assert len(lines(page)) == 2
    page.get_by_role("button", name="Use the draft").click()
    until(page, lambda: as_file(page).timeline.segments == meant.segments)
    expect(page.locator("#unsaved")).to_have_text("1 change, not saved")
    assert as_file(page).timeline.reviewed == meant.reviewed
    kept(page)
    before = said(page)
    again(page)  # both are still there, each a draft of this version now
    assert said(page) == before
    edit(page, "undo()")
    assert as_file(page).timeline == newer


def test_two_pages_of_a_film_tell_each_other_and_keep_a_draft_each(page_of):
    first = page_of()
    second = page_of(beside=first, folder="elsewhere")
    for page in (first, second):
        expect(page.locator("#saving-told")).to_contain_text("open in another page too, with nothing unsaved")
    kept(edit(first, "keep([0])", "keep([1])"))
    expect(second.locator("#saving-told")).to_contain_text("open in another page too, with 2 unsaved changes")
    kept(edit(second, "reject([2])"))
    expect(first.locator("#saving-told")).to_contain_text("open in another page too, with 1 unsaved change.")
    assert sorted(head["done"] for head in stored(first)[:-1]) == [1, 2]
    second.get_by_role("button", name="Take its changes over").click()
    expect(first.locator("#saving-told")).to_contain_text("Another page took over what was changed here")
    expect(second.locator("#unsaved")).to_have_text("2 changes, not saved")
    assert said(second) == said(first)
    assert sorted(head["done"] for head in stored(kept(second))[:-1]) == [1, 2]  # its own is kept aside
    kept(edit(first, "reject([3])"))
    kept(edit(second, "undo()"))
    assert sorted(head["done"] for head in stored(first)[:-1]) == [1, 1, 3]
    second.close()
    expect(first.locator("#saving-told")).not_to_contain_text("open in another page too")


def test_a_page_never_writes_over_what_it_has_not_read(page_of):
    """Not even where browsers have no locks, and so two pages take the same draft."""
    script = "delete Navigator.prototype.locks;"
    first = kept(edit(page_of(script=script), "keep([0])"))
    second = page_of(beside=first, script=script)
    assert lines(second)[0] == "Draft of 1 change restored."
    kept(edit(second, "keep([1])"))
    edit(first, "reject([2])")
    found = stored(kept(first))[:-1]
    assert sorted(head["done"] for head in found) == [2, 2]
    assert len({head["key"][1] for head in found}) == 2


def test_a_draft_fits_a_page_with_more_truth(page_of, tmp_path):
    """Rows that changes add are numbered after those of truth."""
    page = kept(edit(page_of(truth=MATCH[:2]), "keep([0])", "add(2, 7, 7.5)", "moveTo(7, 7, 7.25)", "reject([3])"))
    meant = as_file(page).timeline
    assert meant.segments[-1].end_s == 7.25
    for truth in (None, MATCH):
        (tmp_path / "film.webm.timeline.html").write_bytes(open_page_of(timeline(*MATCH), truth=truth))
        again(page)
        assert lines(page) == ["Draft of 4 changes restored."]
        assert as_file(page).timeline == meant
        kept(edit(page, "undo()", "redo()"))


# ---- strangers


def changed(page, **fields):
    """Puts something else in place of the draft's head."""
    page.evaluate(
        """async ([fields, parts]) => {
          const [[key, head]] = await inside.headsOf(inside.store, inside.film);
          await inside.transact(inside.store, "readwrite", (heads, texts) => {
            if (fields) heads.put({ ...head, ...fields }, key);
            for (const [n, text] of parts) texts.put(text, [key[0], key[1], n]);
            return [];
          });
        }""",
        [fields.get("head"), fields.get("parts", [])],
    )


def row(**fields):
    return {"start_s": 1, "end_s": 2, "label": "run", "score": None} | fields


def change(*rows, **fields):
    nothing = {"taken": [], "given": []}
    return json.dumps({"name": "move", "rows": rows, "reviewed": nothing, "rejected": nothing, "labels": []} | fields)


def given(*entries):
    return {"taken": [], "given": entries}


@pytest.fixture(scope="module")
def broken():
    """What a stranger may have put into the store."""
    return {
        "heads": [
            {"done": -1},
            {"done": 3},
            {"total": 0},
            {"total": 1e9, "done": 1},
            {"base": 7},
            {"at": "now"},
            {"script": "x"},
            {"saved": {}},
        ],
        "changes": [
            "",
            "[]",
            "null",
            "{",
            change(name=1),
            change(odd=1),
            change([0]),
            change([0, row(), 1]),
            change(["0", row()]),
            change([-1, row()]),
            change([0.5, row()]),
            change([5, None]),
            change([6, row()]),
            change([0, row()], [0, row()]),
            change([0, row(start_s=3)]),
            change([0, row(start_s="1")]),
            change([0, row(end_s=None)]),
            change([0, row(label=5)]),
            change([0, row(label=None)]),
            change([0, row(score="high")]),
            change([0, row(origin="me")]),
            change([0, row(was=row())]),
            change([0, row(origin="curated", was=row(origin="model"))]),
            change([0, row(attributes={"a": "b"})]),
            change([0, row(attributes=[["a"]])]),
            change([0, row(attributes=[["a", 1]])]),
            change([0, row(attributes=[["a", "b"], ["a", "c"]])]),
            change([0, row(colour="red")]),
            change([0, row(end_s=4321)]).replace("4321", "1e999"),
            change(reviewed=[]),
            change(reviewed=given({"start_s": 1, "end_s": 2})),
            change(reviewed=given({"start_s": 1, "end_s": 2, "labels": []})),
            change(reviewed=given({"start_s": 1, "end_s": 2, "labels": [3]})),
            change(reviewed={"taken": [{"start_s": 1, "end_s": 2, "labels": None}], "given": []}),
            change(rejected=given(row(end_s=0))),
            change(rejected={"given": []}),
            change(labels="run"),
            change(labels=[None]),
        ],
    }


def test_a_broken_draft_is_told_and_put_aside(page_of, broken):
    page = kept(edit(page_of(script=NOT_TOLD), "keep([0])"))
    results = page.evaluate(
        """async (texts) => {
          const [[key, head]] = await inside.headsOf(inside.store, inside.film);
          const results = [];
          for (const text of texts) {
            try {
              const { first, said, changes } = inside.checkedParts([JSON.stringify([5, inside.firstSaid]), text], head);
              inside.checkRows(said.segments.length, first, changes);
              inside.saidAfter(said, changes);
              results.push(text);
            } catch (error) { results.push(error.message.length > 3 && error.message.length < 200); }
          }
          return results;
        }""",
        broken["changes"],
    )
    assert results == [True] * len(broken["changes"])
    for head in broken["heads"]:
        refused = page.evaluate(
            "(head) => { try { inside.checkedHead(head); } catch (error) { return error.message; } }",
            {"base": "", "at": 0, "done": 1, "total": 1} | head,
        )
        assert refused, head
    changed(page, parts=[(0, broken["changes"][-2])])
    again(page)
    assert lines(page) == ["A draft of this film is broken (no list): it was put aside, and not applied."]
    assert as_file(page).timeline == timeline(*MATCH)
    kept(edit(page, "keep([1])"))
    assert len(stored(page)) == 3  # it is still there
    page.evaluate("inside.forgetDrafts()")
    changed(kept(edit(page, "keep([2])")), head={"done": "all"})
    assert lines(again(page)) == ["A draft of this film is broken (no count): it was put aside, and not applied."]


def test_hostile_labels_of_drafts_are_only_text(page_of):
    page = kept(edit(page_of(script=NOT_TOLD), "keep([0])"))
    hostile = "<img src=x onerror='window.ran = 1'></script><script>window.ran = 1</script>\u202e"
    texts = [change([5, row(label=hostile, origin="manual", attributes=[["__proto__", hostile]])], name=hostile)]
    changed(page, parts=[(0, texts[0])])
    again(page)
    assert lines(page) == ["Draft of 1 change restored."]
    (added,) = (each for each in as_file(page).timeline.segments if each.origin)
    assert (added.label, dict(added.attributes)) == (hostile, {"__proto__": hostile})
    assert page.evaluate("[window.ran, document.images.length, {}.polluted]") == [None, 0, None]


def test_messages_of_strangers_change_nothing_but_a_line(page_of):
    page = kept(edit(page_of(), "keep([0])"))
    before = said(page)
    page.evaluate("""async () => {
      const channel = new BroadcastChannel("vtn-stream drafts"), { film } = inside;
      const odd = [null, 7, "x", [], {}, { film }, { film, id: 5 }, { film, id: "x".repeat(99) }];
      odd.push({ film: "other", id: "a" }, { forgotten: "all" }, { forgotten: ["other"] });
      odd.forEach((each) => channel.postMessage(each));
      for (let k = 0; k < 200; k++) channel.postMessage({ film, id: `page ${k}`, changes: k ? -1 : "many", hello: 1 });
      channel.postMessage({ film, id: "page 3", changes: 1e99, bye: false });
      channel.postMessage({ film, id: "page 7", changes: 12 });
    }""")
    expect(page.locator("#saving-told")).to_contain_text("open in 50 other pages too, with 12 unsaved changes.")
    assert said(page) == before
    page.get_by_role("button", name="Take its changes over").click()
    expect(page.locator("#saving-told")).to_contain_text("Nothing was taken over")
    assert said(page) == before
    assert said(again(page)) == before


# ---- browsers that keep nothing


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("Object.defineProperty(window, 'indexedDB', { value: undefined });", "it has no store"),
        (
            "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('', 'SecurityError'); } });",
            "SecurityError",
        ),
        ("IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };", "SecurityError"),
        (
            "IDBFactory.prototype.open = () => { const it = {}; setTimeout(() => it.onblocked()); return it; };",
            "another page holds them",
        ),
        (
            "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError'); };",
            "QuotaExceededError",
        ),
    ],
)
def test_where_drafts_are_not_kept_one_line_says_so_and_editing_goes_on(page_of, script, why):
    page = page_of(script=script + "delete window.showSaveFilePicker;")
    edit(page, "keep([0])", "reject([1])")
    expect(page.locator("#saving-told > li")).to_have_count(1)
    expect(page.locator("#saving-told")).to_contain_text(
        f"Drafts are not kept: the browser refuses ({why}). What you change is in this page only: save often (Ctrl+S)."
    )
    edit(page, "undo()")
    meant = page.evaluate("inside.timelineText()").encode()
    assert saved_by_download(page, lambda: page.keyboard.press("Control+s"))[0] == meant


def test_a_store_that_was_full_is_tried_again(page_of):
    script = "const put = IDBObjectStore.prototype.put; IDBObjectStore.prototype.put = function (...given) {"
    script += "if (window.full) throw new DOMException('', 'QuotaExceededError'); return put.apply(this, given); };"
    page = page_of(script=script)
    page.evaluate("window.full = true")
    edit(page, "keep([0])")
    expect(page.locator("#saving-told")).to_contain_text("QuotaExceededError")
    page.evaluate("window.full = false")
    kept(edit(page, "keep([1])"))
    expect(page.locator("#saving-told > li")).to_have_count(0)
    before = said(page)
    assert said(again(page)) == before
