"""A film's page that asks for moments: one after the other, said to be all, saved, and on to the next film."""

from dataclasses import replace

import pytest
from browser import axe_violations
from film_pages import film, open_page_of, segment, timeline  # noqa: F401  (film: a fixture)

from vtn_stream.known import known_of
from vtn_stream.report.queue import Asked, Queue
from vtn_stream.report.suggestions import Card, UnknownFilm, suggestions_page
from vtn_stream.results.timelines import load_document

FILMS = ("ERR_FILE_NOT_FOUND",)
MOMENTS = [Asked(start_s=s, end_s=s + 2, reason=f"<b>reason {s}", doubt=0.5) for s in (4, 0, 2)]
QUEUE = Queue(moments=MOMENTS, next_page=("<i>b.mp4", "b.mp4.timeline.html"), index="next.html")


@pytest.fixture
def asked(open_page, tmp_path):
    def open_(*segments, queue=QUEUE, fragment=""):
        path = tmp_path / "a.html"
        path.write_bytes(open_page_of(timeline(*segments), film="gone.webm", queue=queue))
        return open_page(path, fragment, FILMS)

    return open_


def of_model(start_s, end_s, label):
    return replace(segment(start_s, end_s, label, 0.5), origin="model")


def saved(page, tmp_path):
    (file := tmp_path / "saved.timeline.json").write_text(page.evaluate("inside.timelineText()"))
    return load_document(file).timeline


def place(page):
    return page.locator("#moment-place").inner_text()


def test_next_and_previous_go_through_the_moments_in_their_order(asked):
    page = asked(of_model(1, 5, "run"))
    assert place(page) == "3 moments"
    page.keyboard.press("n")
    assert place(page) == "Moment 1 of 3"
    assert page.locator("#time").inner_text() == "0:00:04.000"
    assert page.locator("#moment-why").inner_text() == "0:04.0 to 0:06.0: <b>reason 4"
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert page.locator("#said").inner_text() == "This is the last moment; the next film is <i>b.mp4."
    page.keyboard.press("p")
    assert place(page) == "Moment 2 of 3"
    assert page.locator("#moment-next-film").get_attribute("href") == "./b.mp4.timeline.html"
    assert page.locator("#moment-all").get_attribute("href") == "./next.html"
    assert axe_violations(page) == []


def test_a_link_leads_to_its_moment(asked):
    assert place(asked(fragment="#t=2")) == "Moment 3 of 3"


def test_what_stands_in_a_moment_is_kept_and_what_goes_on_outside_is_cut_there(asked, tmp_path):
    page = asked(of_model(1, 5, "run"), of_model(2.5, 3, "jump"), of_model(2, 2, "ball"), of_model(6, 7, "run"))
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("n")  # from 2 to 4
    page.keyboard.press("y")
    assert page.locator("#moment-done").inner_text() == "1 done"
    made = saved(page, tmp_path)
    assert [(s.start_s, s.end_s, s.label, s.origin) for s in made.segments] == [
        (1, 2, "run", "model"),
        (2, 2, "ball", "curated"),
        (2, 4, "run", "curated"),
        (2.5, 3, "jump", "curated"),
        (4, 5, "run", "model"),
        (6, 7, "run", "model"),
    ]
    assert known_of(made).every(["run", "jump", "ball"]) == ((2, 4),)
    page.evaluate("inside.undo()")
    assert [(s.start_s, s.end_s) for s in saved(page, tmp_path).segments] == [(1, 5), (2, 2), (2.5, 3), (6, 7)]
    assert saved(page, tmp_path).reviewed == ()


def test_a_moment_of_which_all_is_said_goes_on_to_the_next(asked, tmp_path):
    page = asked()
    page.keyboard.press("n")
    page.get_by_role("button", name="That is all").click()
    assert place(page) == "Moment 2 of 3"
    page.keyboard.press("y")
    page.keyboard.press("y")
    page.keyboard.press("y")
    assert page.locator("#said").inner_text() == "This moment was answered already."
    assert [(r.start_s, r.end_s, r.labels) for r in saved(page, tmp_path).reviewed] == [(0, 6, None)]


def test_other_pages_ask_for_nothing(asked):
    page = asked(of_model(1, 5, "run"), queue=None)
    assert not page.locator("#moments").is_visible()
    assert not page.locator("#tools").is_visible()


def test_the_page_of_all_moments_leads_to_each_and_shows_names_as_text(open_page, tmp_path):
    bad = "<img src=x onerror=alert(1)>"
    card = Card(film=bad, page="a b/c#.html", start_s=61.5, end_s=66.5, why="doubt", reason=bad, doubt=0.512)
    content = suggestions_page([card, card], [UnknownFilm(film=bad, page="d.html")], model=bad, num_films=1200)
    (path := tmp_path / "next.html").write_bytes(content)
    page = open_page(path)
    assert page.locator("#summary").inner_text() == f"2 moments in 1 film of 1,200, by the model {bad}"
    first = page.locator("#moments a").first
    assert first.get_attribute("href") == "./a%20b/c%23.html#t=61.5"
    assert first.inner_text().split("\n")[:2] == [bad, "0:01:01.5 to 0:01:06.5, doubt 0.51"]
    assert page.locator("#unknown a").inner_text() == bad
    assert axe_violations(page) == []
    assert suggestions_page([card], [], model="m", num_films=1) == suggestions_page([card], [], model="m", num_films=1)
