"""The page that shows where two annotators differ, in a browser."""

import json
import re

import pytest
from browser import axe_violations, browser, open_page, open_page_once  # noqa: F401
from film_pages import DURATION_S, NO_FILM, colours, film, segment  # noqa: F401
from playwright.sync_api import expect

from vtn_stream.report.agreement_page import MAX_LISTED, ComparedFilm, agreement_page

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\u202e'


def compared(name="film.webm", **given):
    fields = {
        "film": name,
        "duration_s": DURATION_S,
        "a": (segment(0, 3, "walk"), segment(4, 5, "run"), segment(6, 6, "press")),
        "b": (segment(0, 2, "walk"), segment(4, 5, "jump")),
        "differing": ((2, 3, ("walk",), ()), (4, 5, ("run",), ("jump",)), (6, 6, ("press",), ())),
        "compared": ((0.0, DURATION_S),),
        "kappas": {"walk": 0.62, "jump": -0.0, "press": None},
        "figures": (("Cohen's kappa over time", "0.500"),),
    }
    return ComparedFilm(name=name, **(fields | given))


def page(*films, a="anna.csv", b="ben.csv", notes=("A note.",)):
    return agreement_page(films, a=a, b=b, figures=(("compared", "8.0 of 8.0 s"),), notes=notes)


@pytest.fixture(scope="module")
def shown(open_page_once, tmp_path_factory, film):
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "film.webm").write_bytes(film.read_bytes())
    (folder / "page.html").write_bytes(page(compared(), compared("other film", film="", differing=())))
    return open_page_once(folder / "page.html")


def rows(shown):
    return shown.locator("#rows tr").evaluate_all("trs => trs.map(tr => [...tr.cells].map(td => td.textContent))")


def current_s(shown):
    return shown.locator("#film").evaluate("video => video.currentTime")


def test_the_differences_are_listed_the_longest_first(shown):
    shown.locator("#films").select_option("0")
    longest = [["0:00:02.00", "1.00", "walk", "–"], ["0:00:04.00", "1.00", "run", "jump"]]
    assert rows(shown) == [*longest, ["0:00:06.00", "moment", "press", "–"]]
    expect(shown.locator("#who")).to_have_text("A: anna.csv, B: ben.csv")
    expect(shown.locator("#heads li")).to_have_text(["jump0.00AB", "press–AB", "run–AB", "walk0.62AB"])
    shown.locator("#label").select_option(label="jump")
    assert [row[0] for row in rows(shown)] == ["0:00:04.00"]
    shown.locator("#label").select_option(label="all")


def test_a_difference_leads_to_its_moment_in_the_film(shown):
    shown.locator("#films").select_option("0")
    expect(shown.locator("#film")).to_have_js_property("duration", DURATION_S)
    shown.locator("#rows button").nth(1).click()
    expect(shown.locator("#time")).to_have_text("0:00:04.0")
    expect(shown.locator("#now")).to_have_text("A: runB: jump")
    assert current_s(shown) == pytest.approx(4, abs=0.01)
    shown.keyboard.press("n")
    expect(shown.locator("#time")).to_have_text("0:00:06.0")
    shown.keyboard.press("p")
    shown.keyboard.press("p")
    expect(shown.locator("#now")).to_have_text("A: walkB: –")
    expect(shown.locator("#rows tr.current td").first).to_have_text("0:00:02.00")


def test_it_plays(shown):
    shown.locator("#films").select_option("0")
    expect(shown.locator("#film")).to_have_js_property("duration", DURATION_S)
    shown.locator("#play").click()
    expect(shown.locator("#play")).to_have_text("Pause")
    shown.wait_for_timeout(300)
    shown.locator("#play").click()
    expect(shown.locator("#play")).to_have_text("Play")
    assert current_s(shown) > 0


def test_what_only_one_says_is_red_and_the_rest_is_not(shown):
    shown.locator("#films").select_option("0")
    shown.locator("#whole").click()

    def point(label, time_s, down):
        lane, stage = (shown.locator(of).bounding_box() for of in (f"#heads li:has-text('{label}')", "#lanes"))
        return stage["x"] + stage["width"] * time_s / DURATION_S, lane["y"] + down

    shown.locator("#lanes").scroll_into_view_if_needed()
    middle, lower = 20, 30
    ground, *others = colours(
        shown,
        point("walk", 1.5, middle),  # both say it
        point("walk", 2.5, middle),  # A alone
        point("walk", 2.5, lower),
        point("walk", 1.5, lower),
        point("walk", 3.5, lower),  # neither
    )
    assert others[0] == "#D42A2A"
    assert others[1] not in (ground, others[0], others[2])  # in B's half nothing, but marked
    assert others[3] == ground != others[2]


def test_another_film_is_shown_and_asks_for_its_file(shown):
    shown.locator("#films").select_option("1")
    expect(shown.locator("#none")).to_be_visible()
    expect(shown.locator("#missing-text")).to_contain_text("does not know where other film lies")
    shown.locator("#films").select_option("0")
    expect(shown.locator("#missing")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(open_page, tmp_path, scheme):
    (tmp_path / "page.html").write_bytes(page(compared("gone.webm"), compared("other")))
    shown = open_page(tmp_path / "page.html", allowed=NO_FILM, color_scheme=scheme)
    expect(shown.locator("#missing")).to_be_visible()
    if scheme == "light":
        shown.set_viewport_size({"width": 420, "height": 800})
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe_violations(shown) == []


def test_strangers_texts_are_texts(open_page, tmp_path):
    evil = (segment(0, 3, EVIL),)
    film = compared(EVIL, film="", a=evil, b=(), differing=((0, 3, (EVIL,), ()),), figures=((EVIL, EVIL),))
    (tmp_path / "page.html").write_bytes(page(film, film, a=EVIL, b=EVIL, notes=(EVIL,)))
    shown = open_page(tmp_path / "page.html")
    assert shown.locator("main img, script:not([type])").count() == 1  # its own
    expect(shown.locator("#heads")).to_contain_text('<img src=x onerror="alert(2)">\\u202e')


def test_the_longest_differences_are_kept_and_the_rest_counted():
    many = [(i * 0.001, i * 0.001 + 0.0011 + i * 1e-6, ("walk",), ()) for i in range(MAX_LISTED + 5)]
    (film,) = data_of_bytes(page(compared(differing=(*many, (7, 7.0001, ("walk",), ())))))["films"]
    assert (len(film["differing"]), film["all"]) == (MAX_LISTED, MAX_LISTED + 5)
    assert film["differing"][0][1] - film["differing"][0][0] == 3


def data_of_bytes(content):
    return json.loads(re.search(rb'id="data">(.*?)</script>', content, re.S)[1])


def test_equal_input_gives_equal_bytes():
    assert page(compared()) == page(compared())
