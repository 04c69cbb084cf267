"""What the index looks like in a real browser: strips, strangers' labels, sizes, paper, for everybody."""

from dataclasses import replace

import pytest
from browser import axe_violations
from index_pages import choose, entry, films, focused, names, opened, row_of  # noqa: F401  (fixtures among them)

from vtn_stream.report.colours import COLOURS
from vtn_stream.report.index import Entry, Failed
from vtn_stream.timeline import Gap

HOSTILE = (
    "<script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "javascript:window.ran=1",
    "</script><!--",
    '"onmouseover="window.ran=1',
    "&lt;b&gt;",
    "עברית ‮fdp.exe",
    "line\nbreak\x1b[31m",
    "日本語の動作 🎬",
    "x" * 5000,
    "\udc80",
    "__proto__",
    "",
)


def test_forced_colours_leave_strips_shares_and_pressed_buttons_to_be_seen(opened):
    page = opened([entry((0, 50, "scene A", None))], forced_colors="active")
    choose(page, "Common scale")
    background = "e => getComputedStyle(e).backgroundColor"
    assert page.locator("#labels .share").evaluate(background) == "rgb({}, {}, {})".format(
        *bytes.fromhex(COLOURS[0][1:])
    )
    assert page.locator("#rows canvas").evaluate("e => getComputedStyle(e).color") == "rgb(236, 238, 241)"
    assert page.locator("#common").evaluate(background) != page.locator("#bar").evaluate(background)


def test_a_row_says_in_words_what_its_strip_shows(opened):
    page = opened(
        [entry((0, 10, "walk", None), (9, 9, "fall", None), gaps=(Gap(start_s=20, end_s=25, reason="lost"),))]
    )
    told = page.locator("#rows canvas").get_attribute("aria-label")
    assert told == "walk 1 time, 10 s; fall 1 time, 0 s; unknown 5 s"
    assert page.locator("#films").get_attribute("aria-rowcount") == "2"


def test_strips_show_labels_in_their_colours_where_they_hold(opened):
    page = opened([entry((0, 50, "scene A", None), (50, 75, "scene B", None))], viewport={"width": 1900, "height": 900})
    colours = page.locator("#rows canvas").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 5, canvas.width, 1);
          const hex = (value) => value.toString(16).padStart(2, "0").toUpperCase();
          const at = (share) => 4 * Math.floor(share * canvas.width);
          return [0.25, 0.6, 0.9].map(at).map((i) => `#${[...data.slice(i, i + 3)].map(hex).join("")}`);
        }"""
    )
    assert colours[:2] == list(COLOURS[:2])
    assert colours[2] not in COLOURS


def test_names_and_labels_of_strangers_are_shown_and_not_run(opened):
    """open_page fails this where anything is run, asked for, or refused by the page's policy."""
    entries: list[Entry | Failed] = [
        entry((0, 10, text, None), (20, 30, f"{text} too", None), name=text, page=text or "none") for text in HOSTILE
    ]
    page = opened(
        [*entries, *(Failed(name=text, reason=text) for text in HOSTILE)], viewport={"width": 1280, "height": 1600}
    )
    assert page.locator("#rows [role=rowheader]").first.text_content() == HOSTILE[0]
    assert page.locator("#labels .label").filter(has_text=HOSTILE[1]).count() == 2
    for strip in page.locator("#rows canvas").all():
        strip.hover(position={"x": 4, "y": 4})
    assert page.locator("script").count() == 2
    assert page.locator("body img").count() == 0
    assert names(page)[len(HOSTILE) - 1] == "(empty)"
    assert page.evaluate("window.ran") is None
    assert all(
        link.startswith("./")
        for link in page.locator("#rows a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("entries", [[], [Failed(name="a.mp4", reason="damaged")], [entry(duration_s=0.0)]])
def test_an_index_of_almost_nothing_opens(opened, entries):
    page = opened(entries)
    assert len(names(page)) == len(entries)
    assert page.locator("#nothing").is_visible() == (not entries)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_wrong(opened, scheme, width):
    page = opened(films()[2:5] + films()[-1:], color_scheme=scheme, viewport={"width": width, "height": 900})
    choose(page, "walk")
    choose(page, "Common scale")
    row_of(page, "film 3.mp4").get_by_role("link").first.focus()
    page.keyboard.press("ArrowRight")
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_20_000_films_open_scroll_and_keep_their_place(opened):
    one = entry(*((5 * i, 5 * i + 3, f"label {i % 5}", None) for i in range(20)))
    page = opened([replace(one, name=f"film {i}.mp4") for i in range(20_000)])
    assert page.locator("#count").text_content() == "20,000 films"
    row_of(page, "film 0.mp4").get_by_role("link").first.focus()
    page.keyboard.press("End")
    assert focused(page) == "film 19999.mp4"
    assert row_of(page, "film 19999.mp4").locator("canvas").is_visible()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    row_of(page, "film 9995.mp4").wait_for()
    assert page.locator("#rows .row").count() < 60
    assert focused(page) == "film 19999.mp4"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "film 19998.mp4"
    page.set_viewport_size({"width": 900, "height": 700})
    page.keyboard.press("ArrowUp")
    assert focused(page) == "film 19997.mp4"
    page.get_by_label("Search films and labels").fill("film 19777.")
    assert names(page) == ["film 19777.mp4"]


def test_paper_shows_the_totals_and_the_first_100_films(opened):
    page = opened([entry(name=f"film {i}.mp4") for i in range(300)])
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert names(page) == [f"film {i}.mp4" for i in range(100)]
    assert page.locator("#print-note").inner_text() == "The first 100 of 300 films."
    assert page.locator("#totals").is_visible()
    assert page.locator("#search").is_hidden()
    boxes = [row.bounding_box() for row in page.locator("#rows .row").all()[:3]]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"] < boxes[2]["y"]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert len(names(page)) < 100


def test_many_labels_are_found_by_name(opened):
    page = opened([entry(*((i / 5, i / 5 + 0.2, f"label {i}", None) for i in range(450)))])
    assert page.locator("#labels tr").count() == 200
    assert page.locator("#labels-note").text_content() == "250 more: find them by name."
    page.get_by_label("Find a label").fill("label 449")
    assert page.locator("#labels .label").all_text_contents() == ["label 449"]
