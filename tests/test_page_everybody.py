"""The page of one film for everybody: themes, forced colours, paper, narrow screens, thousands of rows."""

import io
import re
import zlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from browser import axe_violations
from film_pages import (  # noqa: F401  (fixtures among them)
    MATCH,
    NO_FILM,
    at,
    colours,
    drawn,
    film,
    many,
    page,
    rows,
    segment,
    show,
    text,
)
from PIL import Image
from playwright.sync_api import expect

from vtn_stream.report.colours import look_of
from vtn_stream.report.label_curves import LabelCurves
from vtn_stream.timeline import Curve, Gap, Reviewed


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show, scheme):
    gap = Gap(start_s=4, end_s=5, reason="damaged")
    shown = show(
        *MATCH,
        gaps=(gap,),
        truth=MATCH[:2],
        clip_labels=(("match", 0.5),),
        provenance={"a": "b"},
        span_s=(1, 7),
        complete=False,
        browser_options={"color_scheme": scheme},
        fragment="#t=4.5",
    )
    shown.get_by_text("How this was made").click()
    shown.locator("#body tr", has_text="fall").first.click()
    drawn(shown)
    assert axe_violations(shown) == []
    shown.keyboard.press("?")
    assert shown.get_by_role("dialog", name="Keys").is_visible()
    assert axe_violations(shown) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_scenes_have_pictures_and_labels_curves(show, scheme):
    curves = LabelCurves(
        name="probability", start_s=0, step_s=1, peaks=False, values={"scene A": np.arange(0, 240, 30, np.uint8)}
    )
    file = io.BytesIO()
    Image.new("RGB", (96, 54)).save(file, "JPEG")
    shown = show(
        segment(0, 4, "scene A", 0.9),
        segment(4, 8, "scene B", 0.8),
        beside=None,
        provenance={"analysis": {"kind": "scenes"}, "notes": ["a", "b"]},
        thumbnails=[(2.0, file.getvalue())],
        label_curves=curves,
        browser_options={"color_scheme": scheme},
        fragment="#t=2",
    )
    for folded in ("How this was made", "All values"):
        shown.get_by_text(folded).click()
    assert shown.locator("#made dd").count() == 3
    shown.mouse.move(*at(shown, "scene A", 2))
    assert shown.locator("#tip img").is_visible()
    assert axe_violations(shown) == []


def test_the_theme_is_the_systems_until_it_is_turned(show):
    shown = show(*MATCH, beside=None, browser_options={"color_scheme": "dark"})
    scheme, dark = "getComputedStyle(document.body).backgroundColor", "rgb(18, 20, 23)"
    assert shown.evaluate(scheme) == dark
    lanes = colours(shown, at(shown, "run", 7))
    shown.locator("#theme").click()
    assert shown.evaluate(scheme) == "rgb(244, 245, 247)"
    assert colours(shown, at(shown, "run", 7)) > lanes
    shown.emulate_media(color_scheme="light")
    shown.locator("#theme").click()
    assert shown.evaluate(scheme) == dark


def test_axe_finds_nothing_without_film_and_segments_on_a_narrow_screen(show):
    shown = show(beside=None, browser_options={"viewport": {"width": 400, "height": 800}})
    shown.locator("#missing").wait_for()
    assert text(shown, "#none") == "No segments: nothing was found in this film."
    assert shown.evaluate("document.documentElement.scrollWidth") == 400
    assert axe_violations(shown) == []


CORRECTED = (
    replace(MATCH[0], origin="curated"),
    replace(MATCH[1], origin="curated", was=segment(0.5, 2, "jump", 0.9, player="no. 7")),
    replace(MATCH[2], origin="model"),
    replace(MATCH[4], score=None, origin="manual"),
)
SAID = {
    "reviewed": (Reviewed(start_s=0, end_s=2), Reviewed(start_s=5, end_s=7, labels=("jump",))),
    "rejected": (replace(MATCH[3], label="run", origin="model"),),
}


def open_tools(shown):
    shown.get_by_role("button", name="Edit", exact=True).click()
    shown.keyboard.press("n")
    shown.keyboard.press("c")
    shown.keyboard.press("1")
    expect(shown.locator("#codes")).to_be_visible()


# 640 x 400 is 1280 x 800 at 200 %.
@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 400)])
def test_all_tools_are_in_reach_on_a_phone_and_at_twice_the_size(show, width, height):
    options = {"viewport": {"width": width, "height": height}, "has_touch": True, "color_scheme": "dark"}
    shown = show(*CORRECTED, **SAID, beside=None, browser_options=options)
    open_tools(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    if width == 360:
        assert axe_violations(shown) == []
    sides = (
        "all => all.map(e => e.getBoundingClientRect()).filter(e => e.width).map(({ left, right }) => [left, right])"
    )
    tools = shown.locator("#tools button, #tools input, #tools select").evaluate_all(sides)
    assert len(tools) > 25
    assert all(0 <= left < right <= width for left, right in tools)
    shown.locator("#heads .lane").last.scroll_into_view_if_needed()
    [label], [by] = (shown.locator(f"#columns [data-key={key}]").evaluate_all(sides) for key in ("label", "by"))
    assert label[1] - label[0] > 60
    assert width == 640 or by[1] <= width  # what is wider scrolls
    shown.mouse.click(*at(shown, "jump", 1.5), button="right")
    items = shown.get_by_role("menuitem").evaluate_all(sides)
    assert all(0 <= left < right <= width for left, right in items)
    shown.keyboard.press("End")
    assert shown.locator("#menu :focus").bounding_box()["y"] < height


def test_forced_colours_show_which_item_of_the_menu_is_meant(show):
    shown = show(*CORRECTED, **SAID, beside=None, browser_options={"forced_colors": "active"})
    shown.get_by_role("button", name="Edit", exact=True).click()
    shown.keyboard.press("n")
    shown.keyboard.press("Shift+F10")
    outlines = shown.get_by_role("menuitem").evaluate_all("all => all.map(e => getComputedStyle(e).outlineStyle)")
    assert outlines[0] == "solid"
    assert set(outlines[1:]) == {"none"}


def test_with_reduced_motion_nothing_moves_by_itself(show):
    shown = show(*CORRECTED, **SAID, beside=None, browser_options={"reduced_motion": "reduce"})
    open_tools(shown)
    times = """() => [...document.querySelectorAll("*")].map(e => getComputedStyle(e)).flatMap(style =>
        [style.transitionDuration, style.animationDuration, style.scrollBehavior])"""
    assert set(shown.evaluate(times)) == {"0s", "auto"}


def test_forced_colours_leave_lanes_swatches_and_what_holds_to_be_seen(show):
    run = look_of("run").colour
    shown = show(*MATCH, beside=None, browser_options={"forced_colors": "active"}, fragment="#t=0.5")
    bar, free = colours(shown, at(shown, "run", 4, down=0.7), at(shown, "run", 7.1))
    assert bar == run
    assert free == "#ECEEF1"
    swatch = shown.locator("#heads .lane", has_text="run").locator(".swatch").bounding_box()
    assert colours(shown, (swatch["x"] + 5, swatch["y"] + 5)) == [run]
    shown.locator("#body tr", has_text="fall").click()
    shown.mouse.move(1, 1)
    outline = "e => getComputedStyle(e).outlineStyle"
    rows_ = shown.locator("#body tr").evaluate_all(
        "trs => trs.map(tr => [tr.className, getComputedStyle(tr).outlineStyle])"
    )
    assert [each[1] for each in rows_] == ["none", "none", "dashed", "solid", "none"]
    assert shown.locator("#heads .current").first.evaluate(outline) == "dashed"
    mute, full = shown.locator("#mute").bounding_box(), shown.locator("#full").bounding_box()
    shown.keyboard.press("m")
    expect(shown.locator("#mute")).to_have_attribute("aria-pressed", "true")
    pressed, other = colours(shown, *((each["x"] + 4, each["y"] + 14) for each in (mute, full)))
    assert pressed != other


@pytest.mark.parametrize("num", [3, 60])
def test_on_paper_all_lanes_are_on_one_page_beside_their_names(show, num):
    """Letter, upright, without its margins, is 703 x 950 pixels."""
    found = [segment(i / 100, i / 100 + 1 + i / 100, f"label {i}", 0.5) for i in range(num)]
    curves = {f"curve {i}": Curve(start_s=0, step_s=1, values=(0, 1)) for i in range(8)}
    shown = show(*found, truth=found, beside=None, curves=curves, duration_s=10)
    before = [each.bounding_box() for each in shown.locator("#heads li").all()]
    shown.set_viewport_size({"width": 703, "height": 950})
    shown.emulate_media(media="print")
    drawn(shown)
    lanes, stage = shown.locator("#heads li:visible"), shown.locator("#stage").bounding_box()
    boxes = lanes.evaluate_all("all => all.map(e => e.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])")
    assert boxes[0][0] == stage["y"] + 24
    assert boxes[-1][1] == stage["y"] + stage["height"] <= 950
    assert all(here[1] == after[0] and here[1] - here[0] >= 12 for here, after in pairwise(boxes))
    names = shown.locator("#heads .lane:visible bdi").all_text_contents()
    assert len(names) == min(num, 53)
    assert names[-1] == f"label {num - 1}"  # it holds longest
    told = f"Drawn here: 53 of {num} labels, those with most time; 6 of 8 curves."
    assert shown.get_by_text(told).is_visible() == shown.locator("#lanes-printed").is_visible() == (num > 53)
    last, left = shown.locator("#heads .lane:visible").last.bounding_box(), num / 100 + 0.5
    bar = [(stage["x"] + stage["width"] * left / 10 + k, last["y"] + last["height"] - 6) for k in range(8)]
    assert look_of(f"label {num - 1}").colour in colours(shown, *bar)
    assert shown.locator("#scroll").evaluate("e => e.scrollWidth <= e.clientWidth")
    shown.emulate_media(media="screen")
    shown.set_viewport_size({"width": 1280, "height": 800})
    drawn(shown)
    assert [each.bounding_box() for each in shown.locator("#heads li").all()] == before


def test_a_printed_file_has_the_lanes_on_its_first_page_and_the_names_of_columns_on_all(show, tmp_path):
    found = [segment(i / 100, i / 100 + 1, f"label {i % 60}") for i in range(200)]
    shown = show(*found, beside=None)
    shown.pdf(path=tmp_path / "page.pdf", format="Letter")
    first, *others = printed((tmp_path / "page.pdf").read_bytes())
    assert first[first.index("Timeline") + 2 :][:60] == [f"label {i}" for i in range(60)]
    assert first[-1].startswith("0:00:0")  # the ruler, which the canvas draws
    for each in others[1:3]:
        assert each[:6] == ["Label", "Start", "End", "Length", "Score", each[5]]
        assert each[5].startswith("label ")


def printed(pdf):
    """The texts on each page of a PDF, as Chromium writes them: glyphs by number, with tables of what they mean."""
    objects = {m[1]: m[2] for m in re.finditer(rb"(\d+) 0 obj\s(.*?)endobj", pdf, re.DOTALL)}

    def stream(number):
        return zlib.decompressobj().decompress(re.split(rb"stream\r?\n", objects[number], maxsplit=1)[1])

    def letters(font):
        table = stream(re.search(rb"/ToUnicode (\d+)", objects[font])[1])
        lines = re.findall(rb"^<(\w+)> (?:<(\w+)> )?<(\w{4})>$", table, re.MULTILINE)
        spans = [(int(low, 16), int(high or low, 16), int(first, 16)) for low, high, first in lines]
        return {low + k: chr(first + k) for low, high, first in spans for k in range(high - low + 1)}

    pages = []
    for each in objects.values():
        if not re.search(rb"/Type /Page\b", each):
            continue
        fonts = {name: letters(number) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", each)}
        texts, content = [], stream(re.search(rb"/Contents (\d+)", each)[1])
        for name, glyphs in re.findall(rb"/(F\d+) \S+ Tf|<(\w+)> Tj", content):
            if name:
                known = fonts[name]
                texts.append("")
            else:
                texts[-1] += "".join(known[int(glyphs[i : i + 4], 16)] for i in range(0, len(glyphs), 4))
        pages.append(texts)
    return pages


def test_the_paper_has_the_whole_table_and_no_player(show):
    shown = show(*[segment(i / 100, i / 100 + 1, "run") for i in range(300)], beside=None)
    assert len(rows(shown)) < 80
    shown.emulate_media(media="print", color_scheme="dark")
    expect(shown.locator("#body tr")).to_have_count(300)
    assert not shown.locator("#film").is_visible()
    assert not shown.locator("#play").is_visible()
    assert not shown.locator("#search").is_visible()
    assert shown.locator("#lanes").is_visible()
    assert shown.locator("#facts").is_visible()
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown.emulate_media(media="screen")
    expect(shown.locator("#body tr.filler")).to_have_count(1)


@pytest.mark.parametrize(("width", "height"), [(800, 600), (1024, 700), (1280, 800), (400, 800)])
@pytest.mark.parametrize("beside", ["film.webm", None])
def test_film_and_lanes_are_on_the_first_screen(show, width, height, beside):
    found = [segment(i / 4, i / 4 + 1, f"label {i}", 0.5) for i in range(24)]
    options = {"viewport": {"width": width, "height": height}}
    shown = show(*found, truth=found, beside=beside, browser_options=options)
    if beside is None:
        shown.locator("#missing").wait_for()
        button, screen = (shown.locator(each).bounding_box() for each in ("#missing .button", ".screen"))
        assert button["y"] + button["height"] <= screen["y"] + screen["height"]
    lanes, strip = (shown.locator(each).bounding_box() for each in ("#scroll", ".overview-row"))
    assert shown.locator(".player").bounding_box()["height"] <= 0.5 * height
    assert lanes["height"] >= 24 + 5 * 26
    assert height - 20 <= strip["y"] + strip["height"] <= height


def test_lanes_that_are_not_in_sight_are_counted_and_a_click_leads_to_them(show):
    found = [segment(i / 4, i / 4 + 1, f"label {i}", 0.5) for i in range(24)]
    shown = show(*found, truth=found, beside=None)
    box = shown.locator("#scroll").bounding_box()
    bottom = box["y"] + box["height"]
    lanes = [each.bounding_box() for each in shown.locator("#heads .lane").all()]
    num = sum(each["y"] + each["height"] / 2 > bottom for each in lanes)
    assert 0 < num < 24
    assert text(shown, "#more") == f"↓ {num} more"
    while shown.locator("#more").is_visible():
        shown.locator("#more").click()
        drawn(shown)
    last = shown.locator("#heads .lane").last.bounding_box()
    assert last["y"] + last["height"] <= bottom + 2


def test_few_lanes_are_all_in_sight(show):
    shown = show(*MATCH, beside=None)
    assert not shown.locator("#more").is_visible()


def test_of_ten_thousand_rows_only_those_in_sight_are_there(open_page, tmp_path):
    (tmp_path / "page.html").write_bytes(page(many(10_000)))
    shown = open_page(tmp_path / "page.html", allowed=NO_FILM)
    assert text(shown, "#count") == "10,000 of 10,000 segments"
    assert len(rows(shown)) < 80
    assert shown.locator("#table").get_attribute("aria-rowcount") == "10001"
    shown.locator("#table").focus()
    shown.keyboard.press("End")
    shown.keyboard.press("Enter")
    assert text(shown, "#time") == "9:59:56.400"
    shown.locator('#body tr[aria-rowindex="10001"]').wait_for(state="attached")  # rows are painted at the next frame
    last = shown.locator("#body tr[data-segment]").last
    assert last.get_attribute("aria-rowindex") == "10001"
    assert last.get_attribute("aria-selected") == "true"
    shown.locator("#threshold").fill("0.9")
    assert text(shown, "#count") == "1,000 of 10,000 segments"
