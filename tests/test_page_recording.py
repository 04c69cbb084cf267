"""The page of a recording in several files, in a real browser: it plays through the joins, on one clock."""

from dataclasses import replace
from fractions import Fraction

import pytest
from browser import axe_violations, pages
from counting import write_film
from film_pages import NO_FILM, Edited, colours, data_of, drawn, open_page_of, page, segment, text
from playwright.sync_api import expect

from vtn_stream.formats import FORMATS, Options
from vtn_stream.timeline import Part, Timeline

RATE = Fraction(5)


def part(name, start_s, duration_s):
    return Part(
        video_path=name, video_identity=f"xxh3:{name}", start_s=start_s, duration_s=duration_s, nominal_rate=RATE
    )


# 4 s and 3 s without a pause; then nobody filmed for 2 s; then 4 s.
PARTS = (part("one.webm", 0, 4), part("two.webm", 4, 3), part("three.webm", 9, 4))
LENGTHS = {"one.webm": 20, "two.webm": 15, "three.webm": 20}
SEGMENTS = (
    segment(1, 2, "run", 0.9),
    segment(3, 5, "fall", 0.8),  # through the first join
    segment(10, 11, "run", 0.7),
)


def recording(*segments, **given):
    defaults = {"video_identity": "xxh3:all", "video_path": "match", "duration_s": 13, "span_s": (0, 13)}
    return Timeline(segments=segments, **(defaults | {"parts": PARTS, "nominal_rate": RATE} | given))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The three files, and the page beside them."""
    folder = tmp_path_factory.mktemp("recording")
    for name, num_frames in LENGTHS.items():
        write_film(folder / name, num_frames, rate=RATE, codec="libvpx-vp9")
    segments = [replace(each, origin="model") for each in SEGMENTS]
    (folder / "page.html").write_bytes(open_page_of(recording(*segments)))
    return folder


@pytest.fixture(scope="module")
def one_page(browser, folder):
    with pages(browser) as open_:
        yield open_(folder / "page.html")


@pytest.fixture
def shown(one_page):
    """The page as it was first."""
    one_page.evaluate(
        "() => { document.getElementById('film').pause(); inside.seek(0); inside.show(0, inside.length); }"
    )
    arrived(one_page)
    return one_page


def arrived(page):
    page.evaluate(
        "async () => { while (inside.arriving || inside.video.seeking) await new Promise(requestAnimationFrame); }"
    )


def player(page):
    """(file, seconds in it) that the player has."""
    arrived(page)
    found = page.evaluate("[decodeURIComponent(inside.video.currentSrc), inside.video.currentTime]")
    return found[0].rpartition("/")[2], found[1]


def seek(page, time_s):
    page.evaluate(f"inside.seek({1000 * time_s})")


@pytest.mark.parametrize(
    ("time_s", "file", "in_file_s"),
    [(0, "one.webm", 0), (3.9, "one.webm", 3.9), (4, "two.webm", 0), (6.5, "two.webm", 2.5), (9.2, "three.webm", 0.2)],
)
def test_a_moment_is_shown_from_the_file_that_has_it(shown, time_s, file, in_file_s):
    seek(shown, time_s)
    assert player(shown) == (file, pytest.approx(in_file_s, abs=0.01))
    assert text(shown, "#time") == f"0:00:0{time_s:.3f}"
    assert text(shown, "#file-name") == file
    assert text(shown, "#file-time").startswith(f"0:00:0{in_file_s:.3f}")


def test_it_plays_through_the_joins_and_over_the_time_that_no_file_has(shown):
    shown.locator("#speed").select_option("4")
    seek(shown, 3.5)
    shown.evaluate(
        """() => {
            window.seen = [];
            new MutationObserver(() => {
                const shown = ["file-name", "skipped"].map((id) => document.getElementById(id));
                const words = shown.filter((each) => !each.hidden).map((each) => each.textContent).join(": ");
                if (window.seen.at(-1) !== words) window.seen.push(words);
            }).observe(document.getElementById("file"), { subtree: true, childList: true, attributes: true });
        }"""
    )
    shown.keyboard.press("Space")
    expect(shown.locator("#time")).to_have_text("0:00:13.000")
    expect(shown.locator("#play")).to_have_attribute("aria-label", "Play")
    told = "Skipped: no file has 0:00:07.0 to 0:00:09.0."
    assert shown.evaluate("window.seen") == ["one.webm", "two.webm", f"three.webm: {told}"]
    assert player(shown)[0] == "three.webm"
    shown.keyboard.press("Space")  # all again
    expect(shown.locator("#file-name")).to_have_text("one.webm")
    shown.keyboard.press("Space")
    shown.locator("#speed").select_option("1")


def test_time_that_no_file_has_is_said_and_from_there_the_next_file_plays(shown):
    seek(shown, 8)
    assert text(shown, "#time") == "0:00:08.000"
    assert text(shown, "#file-time") == "has ended: no file has the time until 0:00:09.000"
    assert player(shown)[0] == "two.webm"
    shown.keyboard.press("Space")
    expect(shown.locator("#file-name")).to_have_text("three.webm")
    shown.keyboard.press("Space")
    expect(shown.locator("#film")).to_have_js_property("paused", True)


def test_a_segment_is_played_alone_through_a_join(shown):
    edited = Edited(shown)
    shown.evaluate("inside.select([1])")
    shown.keyboard.press("v")
    expect(shown.locator("#time")).to_have_text("0:00:05.000")
    expect(shown.locator("#film")).to_have_js_property("paused", True)
    assert player(shown)[0] == "two.webm"
    edited.begin_again()
    shown.get_by_role("button", name="Edit", exact=True).click()


def test_frames_go_by_their_files(shown):
    seek(shown, 3.8)
    for key, file, in_file_s in [
        (".", "two.webm", 0),
        (".", "two.webm", 0.2),
        (",", "two.webm", 0),
        (",", "one.webm", 3.8),
    ]:
        shown.keyboard.press(key)
        assert player(shown) == (file, pytest.approx(in_file_s, abs=0.01))


def test_joins_and_missing_time_are_seen_on_the_ruler(shown):
    plain = shown.evaluate("getComputedStyle(document.body).color")
    wanted = "#{:02X}{:02X}{:02X}".format(*map(int, plain[4:-1].split(",")))
    stage = shown.locator("#stage").bounding_box()
    drawn(shown)
    x = stage["x"] + round(stage["width"] * 4 / 13)
    assert wanted in colours(shown, *((x + dx, stage["y"] + 1) for dx in (-1, 0, 1)))
    assert shown.evaluate("inside.unknown()") == [[7000, 9000, "no file"]]
    shown.mouse.move(*at_s(shown, 5))
    expect(shown.locator("#tip")).to_contain_text("two.webm 0:00:01.0")
    assert shown.locator("#files-body tr").all_inner_texts() == [
        "one.webm\t0:00:00.000\t0:00:04.000",
        "two.webm\t0:00:04.000\t0:00:03.000",
        "three.webm\t0:00:09.000\t0:00:04.000",
    ]


def at_s(page, time_s):
    stage = page.locator("#stage").bounding_box()
    return stage["x"] + stage["width"] * time_s / 13, stage["y"] + 8


def test_axe_finds_nothing(shown):
    assert axe_violations(shown) == []
    assert shown.evaluate("document.documentElement.scrollWidth") == 1280


@pytest.fixture
def alone(open_page, tmp_path, folder):
    """alone(**timeline): the page where none of the files is."""

    def alone_(**given):
        path = tmp_path / "page.html"
        path.write_bytes(open_page_of(recording(*SEGMENTS, **given)))
        return open_page(path, allowed=NO_FILM)

    return alone_


def test_files_that_are_chosen_are_known_by_their_names(alone, folder, tmp_path):
    shown = alone()
    shown.locator("#missing").wait_for()
    assert text(shown, "#missing-text").startswith("one.webm is missing")
    copy = tmp_path / "TWO.h264.mp4"
    copy.write_bytes((folder / "two.webm").read_bytes())
    shown.locator("#picker").set_input_files([folder / "three.webm", copy, folder / "one.webm"])
    shown.locator("#missing").wait_for(state="hidden")
    for time_s, name in ((1, "one.webm"), (5, "TWO.h264.mp4"), (10, "three.webm")):
        seek(shown, time_s)
        arrived(shown)
        assert text(shown, "#file-name") == name
        expect(shown.locator("#film")).to_have_js_property("duration", {5: 3}.get(time_s, 4))
    assert not shown.locator("#mismatch").is_visible()


def test_a_single_file_of_another_name_is_the_one_that_is_shown(alone, folder):
    shown = alone()
    seek(shown, 5)
    expect(shown.locator("#missing-text")).to_contain_text("two.webm is missing")
    shown.locator("#picker").set_input_files(
        {"name": "copy.webm", "mimeType": "", "buffer": (folder / "two.webm").read_bytes()}
    )
    shown.locator("#missing").wait_for(state="hidden")
    assert text(shown, "#file-name") == "copy.webm"
    assert 1 <= shown.evaluate("inside.video.currentTime") < 1.01
    seek(shown, 1)
    expect(shown.locator("#missing-text")).to_contain_text("one.webm is missing")


def test_files_of_other_names_are_taken_in_order_and_that_is_said(alone, folder):
    shown = alone()
    shown.locator("#missing").wait_for()
    given = [
        {"name": f"GX{number:02}.webm", "mimeType": "video/webm", "buffer": (folder / name).read_bytes()}
        for number, name in ((3, "three.webm"), (1, "one.webm"), (2, "two.webm"))
    ]
    shown.locator("#picker").set_input_files(given)
    expect(shown.locator("#mismatch-text")).to_contain_text("taken in the order of their names")
    assert text(shown, "#file-name") == "GX01.webm"
    seek(shown, 5)
    arrived(shown)
    assert text(shown, "#file-name") == "GX02.webm"


def test_a_file_that_is_none_of_the_recording_is_said(alone, folder):
    shown = alone()
    shown.locator("#missing").wait_for()
    stranger = {"name": "other.webm", "mimeType": "video/webm", "buffer": b"nothing"}
    two = {"name": "two.webm", "mimeType": "video/webm", "buffer": (folder / "two.webm").read_bytes()}
    shown.locator("#picker").set_input_files([two, stranger])
    expect(shown.locator("#mismatch-text")).to_have_text(
        "No single file of the recording is called other.webm: go into its time, and choose it alone."
    )


def test_the_table_that_is_saved_names_the_files_as_that_of_an_export_does(shown):
    segments = [replace(each, origin="model") for each in SEGMENTS]
    written = FORMATS["csv"].write([recording(*segments)], Options()).content.decode()
    assert shown.evaluate("inside.csvText()") == written
    assert "two.webm" not in written  # the fall began in the first
    assert written.splitlines()[3].endswith(",three.webm,1.000")


def test_files_are_dropped_on_the_picture(alone, folder):
    shown = alone()
    shown.locator("#missing").wait_for()
    shown.evaluate(
        """names => {
            const data = new DataTransfer();
            for (const name of names) data.items.add(new File(["nothing"], name));
            const drop = new DragEvent("drop", { dataTransfer: data, cancelable: true });
            document.querySelector(".screen").dispatchEvent(drop);
        }""",
        ["three.webm", "one.webm"],
    )
    assert shown.evaluate("inside.reel.map(({ chosen }) => Boolean(chosen))") == [True, False, True]
    expect(shown.locator("#missing-text")).to_contain_text("one.webm is there, but this browser cannot play it")


def test_coding_counts_on_the_clock_of_the_whole(shown):
    seek(shown, 5)
    arrived(shown)
    shown.evaluate("document.getElementById('film').play()")
    shown.evaluate("async () => { while (inside.video.paused) await new Promise(requestAnimationFrame); }")
    assert 4000 <= shown.evaluate("inside.reactedAt()") < 9000  # by the file alone it would be near 1000
    shown.evaluate("document.getElementById('film').pause()")


def test_a_film_in_one_file_has_no_files():
    assert "parts" not in data_of(page(recording(parts=())))["film"]
