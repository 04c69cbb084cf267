"""The page of clips, in a browser: it lists and plays them, by mouse and by keys, and trusts no name."""

import pytest
from browser import axe_violations
from counting import write_film

from vtn_stream.report.clips_page import ListedClip, clips_page, is_clips_page

MISSING = ("ERR_FILE_NOT_FOUND",)


def clip(path, label="walk", **fields):
    known = {"film": "film.mp4", "about": "", "start_s": 754.5, "end_s": 756.0, "early_s": 0.0, "duration_s": 1.5}
    return ListedClip(path=path, label=label, **(known | {"score": None, "num_bytes": 2_500_000} | fields))


@pytest.fixture
def opened(open_page, tmp_path):
    def open_(*clips, allowed=MISSING):
        page = tmp_path / "index.html"
        page.write_bytes(clips_page(clips))
        assert is_clips_page(page.read_bytes()[:4000])
        return open_page(page, allowed=allowed)

    return open_


def names(page):
    return page.locator("#rows td button").all_inner_texts()


def title(page):
    return page.locator("#player-title").inner_text()


def test_clips_are_listed_by_label_and_chosen_by_label_and_film(opened):
    page = opened(
        clip("reel_walk.mp4", about="all segments"),
        clip("walk/001.mp4", early_s=0.4, score=0.75, notes=("no sound",)),
        clip("run/002.mp4", "run", film="other.mp4"),
    )
    assert names(page) == ["reel_walk.mp4", "001.mp4", "002.mp4"]
    assert page.locator("#rows th").all_inner_texts() == ["walk2 files", "run1 file"]
    assert (
        page.locator("#summary").inner_text()
        == "3 files, 2 films, 7.5 MB, 1 file begins early, by up to 0.40 s: at a keyframe"
    )
    cells = page.locator("#rows tr").filter(has_text="001.mp4").locator("td").all_inner_texts()
    assert cells[1:] == ["0:12:34.500", "1.5 s", "0.40 s", "0.75", "2.5 MB"]
    assert axe_violations(page) == []
    page.get_by_label("Film").select_option("other.mp4")
    assert names(page) == ["002.mp4"]
    page.get_by_label("Film").select_option("all films")
    page.get_by_label("Label").select_option("walk")
    assert names(page) == ["reel_walk.mp4", "001.mp4"]
    page.locator("#rows td button").nth(1).click()
    assert "no sound" in page.locator("#notes").inner_text()
    assert "begins early by\n0.400 s" in page.locator("#facts").inner_text()


def test_clips_play_where_the_segment_begins_and_keys_lead_on(opened, tmp_path):
    for name in ("a", "b"):
        write_film(tmp_path / f"{name}.webm", 50, codec="libvpx")
    page = opened(clip("a.webm", early_s=1.0), clip("b.webm", "run"))
    assert title(page) == "walk"
    page.wait_for_function("document.getElementById('clip').currentTime > 0.9")
    page.keyboard.press("n")
    assert title(page) == "run"
    page.wait_for_function("!document.getElementById('clip').paused")
    page.keyboard.press("p")
    assert title(page) == "walk"
    page.get_by_label("go on with the next one").check()
    page.evaluate("document.getElementById('clip').dispatchEvent(new Event('ended'))")
    assert title(page) == "run"
    assert page.locator("#next").is_disabled()


def test_names_and_labels_of_strangers_are_only_text(opened):
    page = opened(clip("<b>x/..%2f?a#b.mp4", '<img src=x onerror="alert(1)">', film="</script><b>"))
    assert title(page) == '<img src=x onerror="alert(1)">'
    assert page.locator("#rows img, #facts b").count() == 0
    page.get_by_role("link", name="b.mp4").wait_for()  # it is not there, and the page says so
    assert "does not play" in page.locator("#missing").inner_text()
    assert page.locator("#missing a").get_attribute("href") == "./%3Cb%3Ex/..%252f%3Fa%23b.mp4"


def test_equal_clips_give_equal_bytes():
    assert clips_page([clip("a.mp4")]) == clips_page([clip("a.mp4")])
