"""The index used in a real browser: searched, sorted, chosen from, clicked and driven by keys."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from index_pages import choose, entry, focused, names, opened, row_of  # noqa: F401  (fixtures among them)


def column(page, kind):
    return page.locator(f"#rows .{kind}").all_text_contents()


def led_to(page):
    """Where a link led, from the folder of the index, and the fragment."""
    page.wait_for_url(re.compile("report|timeline"))
    url = urlsplit(page.url)
    return "/".join(unquote(url.path).split("/")[-2:]), url.fragment


def test_the_page_tells_the_totals(opened):
    page = opened()
    assert page.title() == page.locator("h1").text_content() == "twelve films"
    told = page.locator("#totals div").evaluate_all(
        "all => all.map((one) => [...one.children].map((c) => c.textContent))"
    )
    assert told == [
        ["Films", "12"],
        ["Time", "1 h 18 min"],
        ["Segments", "75"],
        ["Labels", "3"],
        ["Incomplete", "1"],
        ["Not read", "2"],
    ]
    rows = [row.locator("td").all_text_contents() for row in page.locator("#labels tr").all()]
    assert rows == [["walk", "12", "31", "2 min"], ["run", "6", "42", "21 s"], ["person falls", "1", "2", "4.5 s"]]
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
    note = page.get_by_text(
        "Scenes are each film's own, so they count together: scene A of two films has nothing in common."
    )
    assert note.is_visible() == is_said


SCENES = {"analysis": {"kind": "scenes"}}


def test_scenes_of_different_films_are_one_row_and_never_added_by_name(opened):
    """Two films with scenes; in one of them a person gave a scene a name; a third film has a label of such a name."""
    page = opened(
        [
            entry((0, 10, "scene A", None), (10, 40, "scene B", None), name="a", provenance=SCENES),
            entry((0, 60, "scene A", None), (60, 90, "interview", None), name="b", provenance=SCENES),
            entry((0, 100, "scene A", None), name="c"),
        ]
    )
    rows = [row.locator("td").all_text_contents() for row in page.locator("#labels tr").all()]
    assert rows == [
        ["scene A", "1", "1", "1 min 40 s"],
        ["all scenes", "2", "3", "1 min 40 s"],
        ["interview", "1", "1", "30 s"],
    ]
    totals = dict(
        page.locator("#totals div").evaluate_all("all => all.map((one) => [...one.children].map((c) => c.textContent))")
    )
    assert (totals["Labels"], totals["Scenes"], totals["Segments"]) == ("2", "3", "5")
    choose(page, "all scenes")
    assert names(page) == ["a", "b"]
    choose(page, "all scenes")
    choose(page, "scene A")
    assert names(page) == ["c"]
    choose(page, "scene A")
    page.locator("#search").fill("scenes")
    assert names(page) == ["a", "b"]
    assert (
        page.locator("#rows canvas").first.get_attribute("aria-label") == "scene B 1 time, 30 s; scene A 1 time, 10 s"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.5, "0.5 s"), (9, "9 s"), (59.6, "1 min"), (200, "3 min 20 s"), (599.7, "10 min"), (2717, "45 min"),
     (3599, "1 h"), (6300, "1 h 45 min"), (86_400 * 50, "1,200 h")],
)  # fmt: skip
def test_lengths_are_said_as_people_say_them(opened, seconds, said):
    assert column(opened([entry(duration_s=seconds)]), "length") == [said]


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
    assert column(page, "length")[:2] == ["12 min", "11 min"]
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
