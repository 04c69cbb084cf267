"""The index over many films: what it keeps of a timeline, where it leads, and the page in a real browser."""

import json
import re
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from browser import axe_violations
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.report.colours import COLOURS
from vtn_stream.report.index import MAX_CHARACTERS, MAX_PIECES, Entry, Failed, entry_of, index
from vtn_stream.report.page import page
from vtn_stream.timeline import Gap, Segment, Timeline

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
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


def timeline(*segments, duration_s=100.0, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "span_s": (0.0, duration_s)}
    spans = tuple(Segment(start_s=start, end_s=end, label=label, score=score) for start, end, label, score in segments)
    return Timeline(**(known | {"duration_s": duration_s, "segments": spans} | fields))


def entry(*segments, name="film.mp4", page="film.report.html", **fields):
    return entry_of(timeline(*segments, **fields), name=name, page=page, timeline_file="film.timeline.json")


def decoded(layer: str) -> list[tuple[float, float, int]]:
    """(start_s, end_s, number of the label), read without the help of what wrote it."""
    numbers, bits, shift = [], 0, 0
    for digit in layer:
        part = DIGITS.index(digit)
        bits |= (part & 31) << shift
        shift += 5
        if part < 32:
            numbers.append(bits)
            bits = shift = 0
    pieces, last = [], 0
    for skip, length, number in zip(*[iter(numbers)] * 3, strict=True):
        pieces.append(((last + skip) / 10, (last + skip + length) / 10, number))
        last += skip + length
    return pieces


def data_of(page: bytes):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.decode()).group(1))


# ---- What is kept of a timeline


def test_a_film_with_few_segments_is_kept_as_it_is():
    found = entry((1, 2.5, "a", None), (2.5, 40, "b", None), (50, 50, "a", None), (60, 100, "a", None))
    assert decoded(found.segments) == [(1.0, 2.5, 0), (2.5, 40.0, 1), (60.0, 100.0, 0)]
    assert decoded(found.instants) == [(50.0, 50.0, 0)]
    assert [(s.label, s.num_segments, s.total_s) for s in found.labels] == [("a", 3, 41.5), ("b", 1, 37.5)]
    assert (found.duration_s, found.complete, found.gaps_s, found.unknown) == (100.0, True, 0.0, "")


def test_where_segments_overlap_the_surer_is_drawn_and_time_of_a_label_counts_once():
    found = entry((0, 10, "a", 0.5), (5, 20, "a", 0.4), (8, 12, "b", 0.9))
    assert decoded(found.segments) == [(0.0, 8.0, 0), (8.0, 12.0, 1), (12.0, 20.0, 0)]
    assert [s.total_s for s in found.labels] == [20.0, 4.0]


def test_gaps_and_what_was_not_analyzed_are_unknown_but_only_gaps_are_counted():
    gaps = (Gap(start_s=30, end_s=40, reason="damaged"), Gap(start_s=35, end_s=50, reason="lost"))
    found = entry(gaps=gaps, span_s=(10.0, 90.0))
    assert decoded(found.unknown) == [(0.0, 10.0, 0), (30.0, 50.0, 0), (90.0, 100.0, 0)]
    assert found.gaps_s == 20.0


def test_a_link_leads_into_a_segment_and_not_before_it():
    assert decoded(entry((1.01, 2.0, "a", None), (3.3, 4.4, "a", None)).segments) == [(1.1, 2.0, 0), (3.3, 4.4, 0)]


def test_a_film_with_many_segments_keeps_in_each_part_the_label_that_holds_longest():
    """1500 s, each part 10 s: 2 s of a, 3 s of b, 1 s of c."""
    segments = [
        (10 * i + start, 10 * i + end, label, None)
        for i in range(150)
        for start, end, label in ((0, 2, "a"), (4, 7, "b"), (8, 9, "c"))
    ]
    found = entry(*segments, duration_s=1500.0)
    assert decoded(found.segments) == [(10.0 * i + 4, 10.0 * i + 7, 1) for i in range(150)]
    assert [(s.num_segments, s.total_s) for s in found.labels] == [(150, 300.0), (150, 450.0), (150, 150.0)]


def test_a_long_segment_among_many_short_ones_stays_whole():
    short = [(i, i + 0.5, "short", None) for i in range(200)]
    found = entry(*short, (300, 1300, "long", None), duration_s=1500.0)
    assert decoded(found.segments)[-1] == (300.0, 1300.0, 1)


def test_a_film_of_10_000_segments_needs_less_than_two_kilobytes():
    found = entry(*((i, i + 0.7, "abc"[i % 3], None) for i in range(10_000)), duration_s=10_000.0)
    assert len(found.unknown + found.segments + found.instants) < 1000


spans = st.tuples(st.floats(-1e300, 1e300) | st.floats(-5, 130), st.sampled_from([0.0, 1e-9, 0.3, 40.0, 1e299]))
segments = st.tuples(spans, st.sampled_from("abcdefghijk"), st.none() | st.floats(-1, 1))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(segments, max_size=12),
    st.sampled_from([0.0, 0.01, 100.0, 1e300]),
    st.lists(spans, max_size=3),
    st.sampled_from([1, 40]),
)
def test_whatever_the_times_layers_are_sorted_apart_inside_the_film_and_few(found, duration_s, gaps, repeats):
    timeline_ = timeline(
        *(
            (start + i * 0.9, start + i * 0.9 + length, label, score)
            for (start, length), label, score in found
            for i in range(repeats)
        ),
        duration_s=duration_s,
        gaps=tuple(Gap(start_s=start, end_s=start + length, reason="r") for start, length in gaps),
    )
    of = entry_of(timeline_, name="n", page=None, timeline_file="t")
    for layer in (of.unknown, of.segments, of.instants):
        pieces = decoded(layer)
        assert len(pieces) <= MAX_PIECES
        bounds = [bound for start, end, _ in pieces for bound in (start, end)]
        assert bounds == sorted(bounds)
        assert not bounds or bounds[-1] <= min(duration_s, 1e9) + 0.1
    assert sum(s.num_segments for s in of.labels) == len(timeline_.segments)
    assert all(0 <= s.total_s <= of.duration_s for s in of.labels)
    assert data_of(index([of], title="t"))["films"][0][0] == "n"


# ---- The file


def test_equal_input_gives_equal_bytes():
    entries = [entry((0, 5, "b", 0.5), (5, 9, "a", None)), Failed(name="bad.mp4", reason="damaged")]
    assert index(iter(entries), title="films") == index(entries, title="films")


def test_colours_go_by_first_appearance_over_all_films():
    films = [entry((0, 5, "z", None), (5, 9, "b", None)), entry((0, 50, "b", None), (60, 60, "a", None))]
    labels = data_of(index(films, title="films"))["labels"]
    assert labels == [
        ["z", COLOURS[0], 1, 1, 50],
        ["b", COLOURS[1], 2, 2, 540],
        ["a", COLOURS[2], 1, 1, 0],
    ]


def test_a_film_that_begins_as_the_first_did_has_the_colours_of_its_own_page():
    first = timeline((0, 5, "scene A", None), (5, 9, "scene B", None))
    second = timeline((0, 1, "scene A", None), (1, 90, "scene B", None), (90, 95, "scene C", None))
    films = [entry_of(each, name="n", page=None, timeline_file="t") for each in (first, second)]
    in_index = {label: colour for label, colour, *_ in data_of(index(films, title="films"))["labels"]}
    for each in (first, second):
        own = {label: colour for label, colour, _ in data_of(page(each))["labels"]}
        assert own.items() <= in_index.items()


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("a.report.html", "./a.report.html"),
        ("sub/a b.html", "./sub/a%20b.html"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//host/a", ".///host/a"),
        ("50%.html?x#y", "./50%25.html%3Fx%23y"),
        ("é\udcff", "./%C3%A9%FF"),
    ],
)
def test_links_stay_paths(path, link):
    assert data_of(index([entry(page=path)], title="t"))["films"][0][1] == link


def test_long_names_are_cut_in_the_middle_and_what_reorders_text_is_escaped():
    first, second, third = data_of(
        index(
            [entry(name="a" * 999 + "z"), entry(name="x\u202egpj.exe"), Failed(name="\n", reason="r" * 999)], title="t"
        )
    )["films"]
    assert len(first[0]) == MAX_CHARACTERS
    assert first[0][0] + first[0][-1] == "az"
    assert second[0] == "x\\u202egpj.exe"
    assert third[0] == "\\n"
    assert len(third[1]) == MAX_CHARACTERS


# ---- The page


def films() -> list[Entry | Failed]:
    """Films of 1 to 12 minutes: all walk, those of even number run as often, the third falls; two are not read.

    The second walks in 20 pieces.
    """
    made: list[Entry | Failed] = []
    for i in range(1, 13):
        run = [(20.0 + j, 20.5 + j, "run", None) for j in range(i)] if i % 2 == 0 else []
        falls = [(45.5, 50.0, "person falls", None), (52.0, 52.0, "person falls", None)] if i == 3 else []
        walk = [(j / 2, j / 2 + 0.5, "walk", None) for j in range(20)] if i == 2 else [(0.0, 10.0, "walk", None)]
        of = timeline(*walk, *run, *falls, duration_s=60.0 * i, complete=i != 5)
        stem = f"day {i % 3}/film {i}"
        page = None if i == 7 else f"{stem}.report.html"
        made.append(entry_of(of, name=f"{stem}.mp4", page=page, timeline_file=f"{stem}.timeline.json"))
    return [*made, Failed(name="day 1/broken.mp4", reason="no video stream"), Failed(name="b.mp4", reason="damaged")]


@pytest.fixture
def opened(open_page, tmp_path):
    """opened(entries, **options of the browser): the index of these films; what it links to is there."""

    def open_(entries=None, **options):
        file = tmp_path / "index.html"
        file.write_bytes(index(films() if entries is None else entries, title="twelve films"))
        for day in range(3):
            (tmp_path / f"day {day}").mkdir(exist_ok=True)
        for i in range(1, 13):
            (tmp_path / f"day {i % 3}/film {i}.report.html").write_text("<!DOCTYPE html><title>a report</title>")
            (tmp_path / f"day {i % 3}/film {i}.timeline.json").write_text("{}")
        return open_page(file, **options)

    return open_


def names(page):
    return page.locator("#rows [role=rowheader] > :first-child").all_text_contents()


def column(page, kind):
    return page.locator(f"#rows .{kind}").all_text_contents()


def row_of(page, name):
    return page.locator("#rows .row").filter(has_text=name)


def choose(page, label):
    page.get_by_role("button", name=label, exact=True).click()


def led_to(page):
    """Where a link led, from the folder of the index, and the fragment."""
    page.wait_for_url(re.compile("report|timeline"))
    url = urlsplit(page.url)
    return "/".join(unquote(url.path).split("/")[-2:]), url.fragment


def focused(page):
    return page.evaluate("document.activeElement.textContent")


def test_the_page_tells_the_totals(opened):
    page = opened()
    assert page.title() == page.locator("h1").text_content() == "twelve films"
    told = page.locator("#totals div").evaluate_all(
        "all => all.map((one) => [...one.children].map((c) => c.textContent))"
    )
    assert told == [
        ["Films", "12"],
        ["Hours", "1.3"],
        ["Segments", "75"],
        ["Labels", "3"],
        ["Incomplete", "1"],
        ["Not read", "2"],
    ]
    rows = [row.locator("td").all_text_contents() for row in page.locator("#labels tr").all()]
    assert rows == [["walk", "12", "31", "2:00"], ["run", "6", "42", "0:21"], ["person falls", "1", "2", "0:05"]]
    assert page.locator("#count").text_content() == "14 films"
    assert len(names(page)) == 14


@pytest.mark.parametrize(
    ("provenance", "is_said"),
    [
        ({"analysis": {"kind": "scenes"}}, True),
        ({"analysis": {"kind": "actions"}}, False),
        ({"analysis": {"kind": ["scenes"]}}, False),
        ({"analysis": ["kind", "scenes"]}, False),
        ({"analysis": "scenes"}, False),
        ({}, False),
    ],
)
def test_where_any_film_has_scenes_their_names_are_said_to_mean_nothing(opened, provenance, is_said):
    page = opened([entry((0, 5, "walk", None)), entry((0, 5, "scene A", None), provenance=provenance)])
    note = page.get_by_text("Scene names are each film's own: the same name in two films means nothing.")
    assert note.is_visible() == is_said


def test_labels_are_sorted_by_time_until_another_column_is_chosen(opened):
    page = opened([entry((0, 5, "short", None), (5, 90, "long", None), (95, 99, "shorter", None))])
    assert page.locator("#labels .label").all_text_contents() == ["long", "short", "shorter"]


def test_labels_are_sorted_by_any_column(opened):
    page = opened()
    for button, first, state in [
        ("Segments", "run", "descending"),
        ("Segments", "person falls", "ascending"),
        ("Label", "person falls", "ascending"),
        ("Films", "walk", "descending"),
    ]:
        head = page.locator(".labels th").filter(has_text=button)
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == state
        assert f'button "{button}"' in head.aria_snapshot()  # without the arrow
        assert page.locator("#labels .label").first.text_content() == first


def test_a_search_finds_every_word_in_names_or_labels(opened):
    page = opened()
    for text, found in [
        ("FILM 12", ["day 0/film 12.mp4"]),
        ("falls", ["day 0/film 3.mp4"]),
        ("film 3 run", []),
        ("run 1/", ["day 1/film 4.mp4", "day 1/film 10.mp4"]),
        ("broken", ["day 1/broken.mp4"]),
    ]:
        page.get_by_label("Search films and labels").fill(text)
        assert names(page) == found
        assert page.locator("#count").text_content() == f"{len(found)} of 14 films"
        assert page.locator("#nothing").is_visible() == (not found)
    page.get_by_role("button", name="Clear filters").click()
    assert len(names(page)) == 14


def test_the_search_is_empty_where_its_reader_comes_back_to_all_films(opened):
    page = opened()
    page.get_by_label("Search films and labels").fill("film 12")
    page.goto("about:blank")
    page.go_back()
    assert page.get_by_label("Search films and labels").input_value() == ""
    assert page.locator("#count").text_content() == "14 films"


def test_the_single_key_can_be_switched_off(opened):
    page = opened()
    box = page.get_by_label("Single keys")
    box.uncheck()
    page.keyboard.press("/")
    assert page.locator("#search:focus").count() == 0
    box.check()
    page.keyboard.press("/")
    assert page.locator("#search:focus").count() == 1


def test_forced_colours_leave_strips_shares_and_pressed_buttons_to_be_seen(opened):
    page = opened([entry((0, 50, "a", None))], forced_colors="active")
    choose(page, "Common scale")
    background = "e => getComputedStyle(e).backgroundColor"
    assert page.locator("#labels .share").evaluate(background) == "rgb(230, 159, 0)"
    assert page.locator("#rows canvas").evaluate("e => getComputedStyle(e).color") == "rgb(230, 232, 236)"
    assert page.locator("#common").evaluate(background) != page.locator("#bar").evaluate(background)


def test_chosen_labels_leave_the_films_that_have_them_all(opened):
    page = opened()
    run = page.get_by_role("button", name="run", exact=True)
    run.focus()
    page.keyboard.press("Space")
    assert run.get_attribute("aria-pressed") == "true"
    assert names(page) == [f"day {i % 3}/film {i}.mp4" for i in range(2, 13, 2)]
    assert column(page, "segments") == ["2 / 22", "4 / 5", "6 / 7", "8 / 9", "10 / 11", "12 / 13"]
    choose(page, "person falls")
    assert names(page) == []
    page.keyboard.press("Enter")
    run.click()
    assert run.get_attribute("aria-pressed") == "false"
    assert len(names(page)) == 14


def test_films_are_sorted_by_name_length_and_segments_of_the_chosen_label(opened):
    page = opened()

    def sort(by):
        page.locator("#films").get_by_role("button", name=by).click()

    sort("Film")
    assert names(page)[:4] == ["b.mp4", "day 0/film 3.mp4", "day 0/film 6.mp4", "day 0/film 9.mp4"]
    sort("Length")
    assert column(page, "length")[:2] == ["12:00", "11:00"]
    choose(page, "run")
    sort("Segments")
    assert column(page, "segments") == ["12 / 13", "10 / 11", "8 / 9", "6 / 7", "4 / 5", "2 / 22"]
    sort("Segments")
    assert names(page)[0] == "day 2/film 2.mp4"
    header = page.locator("#films [role=columnheader]").filter(has_text="Segments")
    assert header.get_attribute("aria-sort") == "ascending"


def test_incomplete_and_failed_films_are_marked_and_can_be_listed(opened):
    page = opened()
    assert row_of(page, "film 5.mp4").locator(".badge").text_content() == "incomplete"
    page.get_by_role("button", name="1 incomplete").click()
    assert names(page) == ["day 2/film 5.mp4"]
    page.get_by_role("button", name="1 incomplete").click()
    page.get_by_role("button", name="2 not read").click()
    assert column(page, "strip") == ["no video stream", "damaged"]
    assert page.locator("#rows a").count() == 0


@pytest.mark.parametrize("common", [False, True], ids=["own scale", "common scale"])
def test_a_click_on_a_piece_opens_the_page_of_its_film_at_its_time(opened, common):
    page = opened(viewport={"width": 1900, "height": 900})
    for time_s, told, fragment in [
        (48, "person falls0:45.5 to 0:50.0", "t=45.5"),
        (52, "person falls0:52.0", "t=52"),
        (5, "walk0:00.0 to 0:10.0", "t=0"),
        (120, None, ""),
    ]:
        if common:
            choose(page, "Common scale")
        strip = row_of(page, "film 3.mp4").locator("canvas")
        at = {"x": strip.bounding_box()["width"] * time_s / (720 if common else 180), "y": 8}
        strip.hover(position={"x": 3, "y": 8})
        strip.hover(position=at)
        assert page.locator("#tip").is_visible() == (told is not None)
        assert told is None or page.locator("#tip").text_content() == told
        strip.click(position=at)
        assert led_to(page) == ("day 0/film 3.report.html", fragment)
        page.go_back()


def test_names_lead_to_reports_and_files_to_timelines(opened):
    page = opened()
    assert row_of(page, "film 7.mp4").locator("a").all_text_contents() == ["JSON"]
    row_of(page, "film 3.mp4").get_by_role("link").first.click()
    assert led_to(page) == ("day 0/film 3.report.html", "")
    page.go_back()
    row_of(page, "film 7.mp4").get_by_role("link").click()
    assert led_to(page) == ("day 1/film 7.timeline.json", "")


def test_the_keyboard_reaches_films_and_what_happens_in_them(opened):
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("film")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "day 1/film 1.mp4"
    page.keyboard.press("End")
    assert focused(page) == "day 0/film 12.mp4"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "day 0/film 3.mp4"
    said = page.locator("#said")
    page.keyboard.press("ArrowRight")
    assert said.text_content() == "walk, 0:00.0 to 0:10.0, 1 of 3"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert said.text_content() == "person falls, 0:52.0, 3 of 3"
    page.keyboard.press("ArrowLeft")
    assert page.locator("#tip").text_content() == "person falls0:45.5 to 0:50.0"
    page.keyboard.press("ArrowUp")
    assert (
        row_of(page, "film 3.mp4").get_by_role("link").first.get_attribute("href") == "./day%200/film%203.report.html"
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert led_to(page) == ("day 0/film 3.report.html", "t=45.5")


def test_tab_passes_one_row_and_goes_on(opened):
    page = opened()
    row_of(page, "film 3.mp4").get_by_role("link").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Timeline file of day 0/film 3.mp4"
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.closest('#rows') !== null")


def test_a_row_says_in_words_what_its_strip_shows(opened):
    page = opened(
        [entry((0, 10, "walk", None), (9, 9, "fall", None), gaps=(Gap(start_s=20, end_s=25, reason="lost"),))]
    )
    told = page.locator("#rows canvas").get_attribute("aria-label")
    assert told == "walk 1 time, 0:10; fall 1 time, 0:00; unknown 0:05"
    assert page.locator("#films").get_attribute("aria-rowcount") == "2"


def test_strips_show_labels_in_their_colours_where_they_hold(opened):
    page = opened([entry((0, 50, "a", None), (50, 75, "b", None))], viewport={"width": 1900, "height": 900})
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
