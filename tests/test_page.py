"""The page of one film: its file, and what is drawn; it runs nobody's labels."""

import io
import re
from importlib.resources import files
from itertools import pairwise
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from counting import picture_of
from film_pages import (  # noqa: F401  (fixtures among them)
    MATCH,
    at,
    colours,
    data_of,
    drawn,
    film,
    many,
    page,
    rows,
    segment,
    show,
    text,
    timeline,
)
from PIL import Image

from vtn_stream.errors import printable
from vtn_stream.report.colours import look_of
from vtn_stream.report.page import SCRIPTS
from vtn_stream.report.thumbnails import MAX_THUMBNAIL_TEXT, MAX_THUMBNAILS, chosen_thumbnails
from vtn_stream.timeline import Curve, Gap

ASSETS = files("vtn_stream.report") / "assets"


# ---- the file


def test_equal_timelines_give_equal_bytes():
    assert page(timeline(*MATCH), truth=MATCH) == page(timeline(*reversed(MATCH)), truth=MATCH[::-1])


def test_the_page_loads_nothing_and_makes_no_html_of_text():
    script = "".join((ASSETS / name).read_text() for name in SCRIPTS)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|fetch|XMLHttp", script)
    assert not re.search(r"sessionStorage|cookie|sendBeacon|WebSocket", script)
    assert [name for name in SCRIPTS if "localStorage" in (ASSETS / name).read_text()] == ["edit.settings.js"]
    assert not re.search(rb"https?:|//[a-z]+\.|@import|url\(", page(timeline(*MATCH)))


@pytest.mark.parametrize(
    ("film", "url"),
    [
        ("film.mp4", "./film.mp4"),
        ("films/film #1.mp4", "./films/film%20%231.mp4"),
        ("../film.mp4", "./../film.mp4"),
        ("javascript:alert(1).mp4", "./javascript%3Aalert%281%29.mp4"),
        ("//host/film.mp4", ".///host/film.mp4"),
        ("100%?.mp4", "./100%25%3F.mp4"),
        ("é\udcff.mp4", "./%C3%A9%FF.mp4"),
        ("\ud800.mp4", "./%EF%BF%BD.mp4"),  # no file is called so
        ("data:text/html,<b>", "./data%3Atext/html%2C%3Cb%3E"),
    ],
)
def test_a_film_is_a_path_beside_the_page_whatever_it_is_called(film, url):
    assert data_of(page(timeline(), film=film))["film"]["url"] == url
    whole = urlsplit(urljoin("file:///folder/page.html", url))
    assert (whole.scheme, whole.netloc, whole.query, whole.fragment) == ("file", "", "", "")
    if "../" not in film and film.isprintable():
        assert unquote(whole.path, errors="surrogateescape") == re.sub("/+", "/", f"/folder/{film}")


def test_ten_thousand_segments_are_a_megabyte_at_most():
    assert len(page(many(10_000))) < 1_000_000


def test_thumbnails_are_chosen_evenly_and_within_the_room():
    few = [(3.0, b"c"), (1.0, b"a")]
    assert chosen_thumbnails(few) == sorted(few)
    assert chosen_thumbnails([]) == []
    dense = [(t / 10, b"x") for t in range(5_000)] + [(1_000.0, b"x")]  # half of the time has one only
    times = [time_s for time_s, _ in chosen_thumbnails(dense)]
    assert times == sorted(set(times))
    assert len(times) <= MAX_THUMBNAILS
    assert all(abs(b - a - 5) < 0.2 for a, b in pairwise(times[:99]))
    large = chosen_thumbnails([(float(t), bytes(100_000)) for t in range(300)])
    assert 15 <= len(large) <= MAX_THUMBNAIL_TEXT // 133_000
    assert len(page(timeline(), thumbnails=large)) < MAX_THUMBNAIL_TEXT + 220_000
    assert chosen_thumbnails([(0.0, bytes(3_000_000))]) == []


def test_provenance_becomes_readable_lines():
    nested = {"model": {"name": "a", "labels": ["x", "y"]}, "runs": [{"fps": 2.0}, {"fps": None}], "ok": True, "e": {}}
    assert data_of(page(timeline(provenance=nested)))["facts"] == [
        ["identity of the film", "xxh3:1"],
        ["model · name", "a"],
        ["model · labels", "x, y"],
        ["runs · 1 · fps", "2.0"],
        ["runs · 2 · fps", "none"],
        ["ok", "yes"],
        ["e", "none"],
    ]


# ---- what is drawn


def test_truth_is_drawn_above_what_was_found(show):
    shown = show(segment(0, 4, "run"), truth=[segment(2, 8, "run"), segment(7, 8, "nap")], beside=None)
    run = look_of("run").colour
    above, below = (colours(shown, *(at(shown, "run", s, down) for s in (1, 3, 6))) for down in (0.17, 0.6))
    assert above[0] != above[1] == above[2]
    assert run not in above
    assert [each == run for each in below] == [True, True, False]
    assert shown.locator("#heads .lane bdi").all_inner_texts() == ["run", "nap"]
    assert [(cells[0], cells[4]) for cells in rows(shown)] == [("run", ""), ("run", "truth"), ("nap", "truth")]
    assert text(shown, "#count") == "1 of 1 segment · 2 true segments"
    assert text(shown, "#summary") == "0:00:08.000 · 1 segment · 1 label · 2 true segments"
    assert shown.locator("#heads .count").all_inner_texts() == ["1/1", "1 true"]
    shown.locator("#truth").uncheck()
    assert [cells[0] for cells in rows(shown)] == ["run"]


def test_gaps_and_parts_not_analyzed_are_shaded_and_explained(show):
    gap = Gap(start_s=4, end_s=5, reason="the file is damaged here")
    shown = show(segment(2, 6, "run"), gaps=(gap,), span_s=(2, 7), complete=False, beside=None)
    assert text(shown, "#gaps-body") == "0:00:04.000\t0:00:05.000\tthe file is damaged here"
    assert text(shown, "#part") == "analyzed: 0:00:02.000 – 0:00:07.000"
    assert shown.locator("#incomplete").is_visible()
    shown.keyboard.press("0")
    drawn(shown)
    shown.mouse.move(*at(shown, "run", 4.5))
    assert "the file is damaged here" in text(shown, "#tip")
    assert "run" in text(shown, "#tip")
    shown.mouse.move(*at(shown, "run", 1))
    assert "not analyzed" in text(shown, "#tip")
    shown.mouse.move(1, 1)
    bar, shaded = (
        set(colours(shown, *(at(shown, "run", start_s + k / 50) for k in range(10)))) for start_s in (2.9, 4.4)
    )
    assert len(bar) == 1
    assert len(shaded) > 1


def test_pictures_and_curves_share_the_axis(show):
    file = io.BytesIO()
    Image.fromarray(picture_of(5)).save(file, "JPEG")
    curve = Curve(start_s=0, step_s=1, values=(0, 0, 0, 1, 1, 0, 0, 0))
    shown = show(segment(2, 6, "run"), curves={"saliency": curve}, thumbnails=[(4.0, file.getvalue())], beside=None)
    assert shown.locator("#heads .curve").inner_text().split("\n") == ["saliency", "0 to 1"]
    box, stage = shown.locator("#heads .pictures").bounding_box(), shown.locator("#stage").bounding_box()
    middle, under = stage["x"] + stage["width"] / 2, shown.locator("#heads .curve").bounding_box()
    white, black = colours(shown, (middle + 5, box["y"] + 8), (middle + 30, box["y"] + 8))  # as `picture_of` begins
    assert (white > "#E0", black < "#20") == (True, True)
    low, high = colours(shown, *((stage["x"] + stage["width"] * s / 8, under["y"] + 30) for s in (1, 3.5)))
    assert low != high


def test_what_the_film_is_as_a_whole_stands_above(show):
    shown = show(clip_labels=(("playing cello", 0.8), ("choir", 0.1), ("quiet", 0.05)), beside=None)
    assert shown.locator("#clips-first li").all_text_contents() == ["playing cello0.80", "choir0.10"]
    assert text(shown, "#clips-body") == "playing cello\t0.800\nchoir\t0.100\nquiet\t0.050"


# ---- strangers


HOSTILE = (
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "<!--<script>",
    "javascript:window.ran=1",
    "\u202egnirts\u202c",
    "two\nlines\tand\0nothing",
    "🏃‍♀️ läuft 走る",
    "x" * 1000,
    "constructor",
    "__proto__",
    "",
    "\ud800",
)


def test_hostile_texts_are_shown_and_never_run(show):
    segments = [segment(i / 2, i / 2 + 1, label, **{label or "a": label}) for i, label in enumerate(HOSTILE)]
    shown = show(
        *segments,
        beside="javascript:window.ran=1 <b>#?%.webm",
        gaps=[Gap(start_s=1, end_s=7, reason=label) for label in HOSTILE],
        clip_labels=[(label, 0.5) for label in HOSTILE],
        curves={label: Curve(start_s=0, step_s=1, values=(0, 1)) for label in HOSTILE},
        provenance={label: {label: [label, label]} for label in HOSTILE},
        start_timecode=HOSTILE[1],
        video_identity=HOSTILE[2],
    )
    wanted = [printable(label) or "(empty)" for label in HOSTILE]
    assert shown.locator("#heads .lane bdi").evaluate_all("all => all.map(e => e.textContent)") == wanted
    assert sorted(shown.locator("#gaps-body bdi").all_text_contents()) == sorted(wanted)
    assert text(shown, "h1") == "javascript:window.ran=1 <b>#?%.webm"
    assert shown.evaluate("document.querySelectorAll('script').length") == 2
    assert shown.evaluate("document.querySelectorAll('img, iframe, b, main script').length") == 0
    shown.locator("#heads .lane", has_text="onerror").scroll_into_view_if_needed()
    drawn(shown)
    shown.mouse.move(*at(shown, "onerror", 1))
    assert "onerror" in text(shown, "#tip")
    assert shown.evaluate("window.ran") is None
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")  # 1000 letters widen nothing


def test_extreme_numbers_leave_the_page_working(show):
    far = (segment(-1e300, 1e300, "a", -5.0), segment(1e12, 1e12, "b", 1e30), segment(2, 3, "c", 0.5))
    shown = show(*far, duration_s=0, span_s=(-1e300, 1e300), beside=None)
    assert text(shown, "#count") == "3 of 3 segments"
    shown.keyboard.press("+")
    drawn(shown)
    assert len(rows(shown)) == 3
