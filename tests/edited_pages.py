"""Pages that are edited by their own functions, and what the browser keeps of that."""

import pytest
from film_pages import MATCH, NO_FILM, open_page_of, timeline

from vtn_stream.formats import timeline_json

__all__ = ["again", "as_file", "edit", "kept", "lines", "page_of", "picker", "said", "saved_by_download", "stored"]

PICKER = """
window.files = {}; window.asked = [];
window.showSaveFilePicker = async ({ suggestedName }) => {
  asked.push(suggestedName);
  if (window.cancels) throw new DOMException("The user aborted a request.", "AbortError");
  const name = window.called ?? suggestedName;
  return { name, createWritable: async () => {
    const chunks = [];
    return {
      write: async (blob) => {
        if (window.noRoom) throw new DOMException("no room", "QuotaExceededError");
        chunks.push(await blob.text());
      },
      close: async () => { files[name] = chunks.join(""); },
      abort: async () => {},
    };
  } };
};
"""


@pytest.fixture
def page_of(open_page, tmp_path):
    """page_of(*segments, folder="", ...): an opened page, whose scripts' names are in `inside`.

    beside: a page that shares its browser profile. script: runs before the page's own.
    """

    def open_(*segments, folder="", beside=None, name="film.webm.timeline.html", script="", truth=None, **given):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(open_page_of(timeline(*(segments or MATCH), **given), truth=truth))
        if beside is None:
            page = open_page(tmp_path / "empty.html" if script else path, allowed=(*NO_FILM, "Blocked attempt"))
            page.on("dialog", lambda dialog: dialog.accept())
            if not script:
                return ready(page)
            page.add_init_script(script)
        else:
            page = beside.context.new_page()
            if script:
                page.add_init_script(script)
        page.goto(path.as_uri())
        return ready(page)

    (tmp_path / "empty.html").write_text("<!DOCTYPE html><title>empty</title>")
    return open_


def ready(page):
    """The page has looked for drafts."""
    page.evaluate("() => inside.looking")
    return page


def again(page):
    page.reload()
    return ready(page)


def edit(page, *calls):
    for call in calls:
        page.evaluate(f"inside.{call}")
    return page


def said(page):
    """What would be saved, and the names of steps that can be undone and redone."""
    return page.evaluate("[inside.timelineText(), ...['done', 'undone'].map(k => inside.history[k].map(s => s.name))]")


def lines(page):
    return page.locator("#saving-told > li > span").all_inner_texts()


READ = """async () => {
  const store = await new Promise((done, fail) => {
    const asked = indexedDB.open("vtn-stream drafts");
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const all = (name, what) => new Promise((done) => {
    const asked = store.transaction(name).objectStore(name)[what]();
    asked.onsuccess = () => done(asked.result);
  });
  const heads = await all("heads", "getAll"), keys = await all("heads", "getAllKeys");
  const parts = await all("parts", "getAll");
  store.close();
  return heads.map((head, k) => ({ ...head, key: keys[k] })).concat(parts.length ? [{ parts: parts.length }] : []);
}"""


def stored(page):
    """The heads of all drafts in the browser, and last how many parts there are."""
    return page.evaluate(READ)


def kept(page):
    """Waits until the browser holds all that was changed."""
    page.wait_for_function("() => inside.isKept() && !inside.isWriting")
    return page


def saved_by_download(page, act):
    """The bytes of what is downloaded, and its name."""
    with page.expect_download() as found:
        act()
    return found.value.path().read_bytes(), found.value.suggested_filename


def as_file(page):
    return timeline_json.read_document(page.evaluate("inside.timelineText()").encode())


def picker():
    """A stand-in for the browser's dialog: window.files is the disk."""
    return PICKER
