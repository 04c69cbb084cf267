"""The page of one film, in a real browser, from file://: it plays, it seeks, it filters, it runs nobody's labels."""

import io
import json
import re
import zlib
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from browser import axe_violations
from counting import picture_of, write_film
from PIL import Image
from playwright.sync_api import expect

from vtn_stream.errors import printable
from vtn_stream.report.colours import colours_of
from vtn_stream.report.page import MAX_THUMBNAIL_TEXT, MAX_THUMBNAILS, SCRIPTS, chosen_thumbnails, page
from vtn_stream.timeline import Curve, Gap, Segment, Timeline

DURATION_S = 8.0
NO_FILM = ("ERR_FILE_NOT_FOUND",)  # what the browser logs of a film that is not there
ASSETS = files("vtn_stream.report") / "assets"


def segment(start_s, end_s, label, score=None, **attributes):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score, attributes=attributes)


def timeline(*segments, **given):
    defaults = {
        "video_identity": "xxh3:1",
        "video_path": "film.webm",
        "duration_s": DURATION_S,
        "span_s": (0, given.get("duration_s", DURATION_S)),
    }
    return Timeline(segments=segments, **(defaults | given))


# Of "run" one has no score; three labels, five segments.
MATCH = (
    segment(0, 1, "run", 0.3),
    segment(1, 2, "jump", 0.9, player="no. 7"),
    segment(3, 5, "run"),
    segment(4, 6, "fall", 0.6),
    segment(6.5, 6.5, "jump", 0.45),
)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """8 s in VP9, which every Chromium plays."""
    path = tmp_path_factory.mktemp("film") / "film.webm"
    write_film(path, 40, rate=Fraction(5), codec="libvpx-vp9")
    return path


@pytest.fixture
def show(open_page, tmp_path, film):
    """show(*segments, beside="film.webm", ...): the page with a film beside it, opened."""

    def show_(*segments, beside="film.webm", fragment="", allowed=(), truth=None, browser_options=None, **given):
        if beside is not None:
            (tmp_path / beside).write_bytes(film.read_bytes())
        name = given.pop("film", beside or "gone.webm")
        pictures = given.pop("thumbnails", ())
        path = tmp_path / "page.html"
        path.write_bytes(page(timeline(*segments, **given), truth=truth, film=name, thumbnails=pictures))
        allowed = allowed or (NO_FILM if beside is None else ())
        shown = open_page(path, fragment, allowed, **(browser_options or {}))
        if beside is not None:
            expect(shown.locator("#film")).to_have_js_property("duration", DURATION_S)
        return shown

    return show_


def text(shown, selector):
    return shown.locator(selector).inner_text()


def starts(shown):
    """Of the rows of the table, from above."""
    return [cells[1] for cells in rows(shown)]


def rows(shown):
    drawn(shown)
    return shown.locator("#body tr[data-segment]").evaluate_all(
        "trs => trs.map(tr => [...tr.cells].map(td => td.textContent))"
    )


def at(shown, label, time_s, down=0.5):
    """Where on the screen a moment of a label's lane is."""
    lane = shown.locator("#heads li.lane", has_text=label).bounding_box()
    stage = shown.locator("#stage").bounding_box()
    return stage["x"] + stage["width"] * time_s / DURATION_S, lane["y"] + lane["height"] * down


def drawn(shown):
    """What was changed is drawn."""
    shown.evaluate("() => new Promise(requestAnimationFrame)")


def colours(shown, *points):
    """Of points on the screen, as #RRGGBB."""
    drawn(shown)
    screen = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
    return ["#{:02X}{:02X}{:02X}".format(*screen.getpixel((round(x), round(y)))) for x, y in points]


# ---- the file


def test_equal_timelines_give_equal_bytes():
    assert page(timeline(*MATCH), truth=MATCH) == page(timeline(*reversed(MATCH)), truth=MATCH[::-1])


def test_the_page_loads_nothing_and_makes_no_html_of_text():
    script = "".join((ASSETS / name).read_text() for name in SCRIPTS)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|fetch|XMLHttp", script)
    assert not re.search(r"localStorage|sessionStorage|cookie|sendBeacon|WebSocket", script)
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
    assert len(page(timeline(), thumbnails=large)) < MAX_THUMBNAIL_TEXT + 200_000
    assert chosen_thumbnails([(0.0, bytes(3_000_000))]) == []


def data_of(file):
    return json.loads(re.search(rb'id="data">(.*?)</script>', file, re.S)[1])


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


# ---- playing and seeking


def test_the_film_plays_and_what_holds_is_marked(show):
    shown = show(*MATCH)
    assert shown.title() == "film.webm · timeline"
    assert text(shown, "#now") == "run\n0.30"
    shown.evaluate("document.getElementById('film').playbackRate = 0.25")  # a busy machine may be slow to stop it
    shown.keyboard.press("Space")
    expect(shown.locator("#now")).to_contain_text("jump")
    shown.keyboard.press("k")
    assert shown.evaluate("document.getElementById('film').paused")
    seconds = shown.evaluate("document.getElementById('film').currentTime")
    assert 1 <= seconds < 3
    assert shown.locator("#heads li.current").all_inner_texts() == ["jump\n2/2"]
    assert [cells[0] for cells in rows(shown) if cells[1] == "0:00:01.000"] == ["jump"]
    assert text(shown, "#body tr.current td:first-child") == "jump"


def test_a_click_on_a_lane_goes_there(show):
    shown = show(*MATCH)
    shown.mouse.click(*at(shown, "fall", 5))
    seconds = shown.evaluate("document.getElementById('film').currentTime")
    assert seconds == pytest.approx(5, abs=0.02)
    assert text(shown, "#time").startswith(("0:00:05.0", "0:00:04.99"))
    assert text(shown, "#body tr[aria-selected=true] td:first-child") == "fall"
    assert set(text(shown, "#now").split("\n")) == {"fall", "0.60"}  # "run" ended at 5


def test_a_click_on_a_row_goes_to_its_start(show):
    shown = show(*MATCH)
    shown.locator("#body tr", has_text="fall").click()
    assert text(shown, "#time") == "0:00:04.000"
    assert 4 <= shown.evaluate("document.getElementById('film').currentTime") < 4.002


def test_the_table_is_used_by_keys(show):
    shown = show(*MATCH)
    shown.locator("#table").focus()
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("ArrowDown")
    assert text(shown, "#time") == "0:00:00.000"  # chosen, not yet gone to
    shown.keyboard.press("Enter")
    assert text(shown, "#time") == "0:00:01.000"
    shown.keyboard.press("End")
    shown.keyboard.press("Enter")
    assert text(shown, "#time") == "0:00:06.500"
    active = shown.locator("#table").get_attribute("aria-activedescendant")
    assert text(shown, f"#{active} td:first-child") == "jump"


def test_keys_seek(show):
    shown = show(*MATCH, beside=None)
    for key, clock in [
        ("p", "0:00:00.000"),
        ("ArrowRight", "0:00:05.000"),
        ("ArrowRight", "0:00:08.000"),
        ("ArrowLeft", "0:00:03.000"),
        ("n", "0:00:04.000"),
        ("n", "0:00:06.500"),
        ("n", "0:00:06.500"),
        ("p", "0:00:04.000"),
        ("p", "0:00:03.000"),
        ("l", "0:00:08.000"),
        ("j", "0:00:00.000"),
    ]:
        shown.keyboard.press(key)
        assert text(shown, "#time") == clock


def test_keys_go_frame_by_frame_and_stop_the_film(show, tmp_path):
    """Of a rate at which no frame but the first begins at a whole millisecond."""
    rate = Fraction(24000, 1001)
    write_film(tmp_path / "rare.webm", 60, rate=rate, codec="libvpx-vp9")
    shown = show(beside=None, allowed=("nothing",), film="rare.webm", nominal_rate=rate, duration_s=60 / float(rate))
    film = shown.locator("#film")
    expect(film).to_have_js_property("readyState", 4)
    for keys, frame, clock in [
        (".", 1, "0:00:00.042"),
        (".", 2, "0:00:00.083"),
        (".........", 11, "0:00:00.459"),
        (",", 10, "0:00:00.417"),
    ]:
        for key in keys:
            shown.keyboard.press(key)
        assert text(shown, "#time") == clock
        expect(film).to_have_js_property("seeking", False)
        # The film stands within that frame, by the file's own times, which are whole milliseconds.
        begins, ends = (round(Fraction(1000) * (frame + i) / rate) for i in (0, 1))
        assert begins < film.evaluate("film => film.currentTime * 1000") < ends
    shown.keyboard.press("Space")
    expect(film).to_have_js_property("paused", False)
    shown.keyboard.press(".")
    expect(film).to_have_js_property("paused", True)


@pytest.mark.parametrize(
    ("rate", "frame"),
    [(None, 40), (Fraction(30000, 1001), 33.366667), (Fraction(10**30), 0.1), (Fraction(1, 10**400), 60_000)],
)
def test_a_frame_lasts_as_the_rate_says_whatever_it_says(rate, frame):
    assert data_of(page(timeline(nominal_rate=rate)))["film"]["frame"] == frame


def test_a_link_opens_at_its_moment(show):
    shown = show(*MATCH, fragment="#t=4.2")
    assert text(shown, "#time") == "0:00:04.200"
    assert shown.evaluate("document.getElementById('film').currentTime") == pytest.approx(4.2, abs=0.002)
    assert shown.locator("#time").get_attribute("href") == "#t=4.200"
    shown.evaluate("location.hash = '#t=1'")
    expect(shown.locator("#time")).to_have_text("0:00:01.000")


def test_the_timeline_zooms_and_pans(show):
    shown = show(*MATCH, beside=None)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:08.0"
    shown.keyboard.press("l")
    shown.keyboard.press("+")
    drawn(shown)
    assert text(shown, "#range") == "0:00:03.0 – 0:00:08.0"
    shown.keyboard.press("Shift+ArrowLeft")
    drawn(shown)
    assert text(shown, "#range") == "0:00:02.0 – 0:00:07.0"
    x, y = at(shown, "fall", 4)
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + 3000, y, steps=3)
    shown.mouse.up()
    drawn(shown)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:05.0"
    assert text(shown, "#time") == "0:00:08.000"  # a drag is no click
    shown.mouse.move(x, y)
    shown.keyboard.down("Control")
    shown.mouse.wheel(0, -100)
    shown.keyboard.up("Control")
    drawn(shown)
    low, high = re.findall(r"0:00:0([\d.]+)", text(shown, "#range"))
    assert 2 < float(high) - float(low) < 4
    shown.keyboard.press("0")
    drawn(shown)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:08.0"


def test_the_strip_below_pans(show):
    shown = show(*MATCH, beside=None)
    shown.keyboard.press("+")
    drawn(shown)
    assert text(shown, "#range") == "0:00:00.0 – 0:00:05.0"
    strip = shown.locator("#overview").bounding_box()
    x, y = strip["x"] + strip["width"] * 2 / DURATION_S, strip["y"] + 5
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + strip["width"] * 2 / DURATION_S, y, steps=2)
    shown.mouse.up()
    drawn(shown)
    assert text(shown, "#range") == "0:00:02.0 – 0:00:07.0"


# ---- filters


def test_the_threshold_hides_what_scores_below_and_keeps_what_has_no_score(show):
    shown = show(*MATCH, beside=None)
    assert text(shown, "#count") == "5 of 5 segments"
    shown.locator("#threshold").fill("0.5")
    assert text(shown, "#count") == "3 of 5 segments"
    expect(shown.locator("#body tr")).to_have_count(3)
    assert starts(shown) == ["0:00:01.000", "0:00:03.000", "0:00:04.000"]
    assert shown.locator("#heads .count").all_inner_texts() == ["1/2", "1/2", "1/1"]
    expect(shown.locator("#told")).to_have_text("3 of 5 segments")
    shown.locator("#threshold").fill("1")
    expect(shown.locator("#body tr")).to_have_count(1)
    assert starts(shown) == ["0:00:03.000"]


def test_labels_are_switched_off_and_on(show):
    shown = show(*MATCH, beside=None)
    bar, run = at(shown, "run", 4, down=0.6), colours_of(["run"])["run"]
    assert colours(shown, bar) == [run]
    shown.get_by_role("checkbox", name="run").uncheck()
    assert text(shown, "#count") == "3 of 5 segments"
    assert colours(shown, bar) != [run]
    shown.get_by_role("button", name="None").click()
    assert text(shown, "#count") == "0 of 5 segments"
    assert text(shown, "#none") == "No segment passes the filters."
    shown.get_by_role("button", name="All").click()
    assert text(shown, "#count") == "5 of 5 segments"


def test_the_search_finds_labels_and_notes(show):
    shown = show(*MATCH, beside=None)
    shown.keyboard.press("/")
    shown.keyboard.type("JUM")
    assert starts(shown) == ["0:00:01.000", "0:00:06.500"]
    shown.locator("#search").fill("no. 7")
    assert rows(shown) == [["jump", "0:00:01.000", "0:00:02.000", "0:00:01.000", "0.900", "player: no. 7"]]
    assert text(shown, "#time") == "0:00:00.000"  # letters that are typed are no keys of the player


def test_escape_clears_the_search_and_then_leaves_it(show):
    shown = show(*MATCH, beside=None)
    shown.keyboard.press("/")
    shown.keyboard.type("jump")
    assert text(shown, "#count") == "2 of 5 segments"
    shown.keyboard.press("Escape")
    assert text(shown, "#count") == "5 of 5 segments"
    shown.keyboard.type("n")
    assert shown.locator("#search").input_value() == "n"  # still there
    assert text(shown, "#time") == "0:00:00.000"
    shown.keyboard.press("Escape")
    shown.keyboard.press("Escape")
    shown.keyboard.press("n")
    assert shown.locator("#search").input_value() == ""
    assert text(shown, "#time") == "0:00:01.000"


def test_what_the_reader_set_and_what_is_shown_agree_after_coming_back(show):
    shown = show(*MATCH, truth=MATCH[:2], beside=None)
    address = shown.url
    shown.locator("#truth").uncheck()
    shown.locator("#threshold").fill("0.5")
    shown.get_by_role("checkbox", name="run").uncheck()
    shown.goto("about:blank")
    shown.go_back()
    assert shown.url == address
    assert shown.locator("#threshold").input_value() == "0"
    assert text(shown, "#threshold-value") == "0.00"
    assert shown.locator("#truth").is_checked()
    assert shown.get_by_role("checkbox", name="run").is_checked()
    assert text(shown, "#count") == "5 of 5 segments · 2 true segments"


def test_single_keys_can_be_switched_off(show):
    shown = show(*MATCH, beside=None)
    shown.locator("#help-open").click()
    shown.get_by_label("Single keys").uncheck()
    shown.keyboard.press("Escape")
    for key in "n.l?/":
        shown.keyboard.press(key)
    assert text(shown, "#time") == "0:00:00.000"
    assert not shown.locator("#help").is_visible()
    assert shown.evaluate("document.activeElement.id") != "search"
    shown.keyboard.press("ArrowRight")
    assert text(shown, "#time") == "0:00:05.000"
    shown.locator("#help-open").click()
    shown.get_by_label("Single keys").check()
    shown.keyboard.press("Escape")
    shown.keyboard.press("p")
    assert text(shown, "#time") == "0:00:04.000"


def test_the_speaker_is_crossed_out_while_it_is_mute(show):
    shown = show(*MATCH, beside=None)
    speaker, mute = shown.locator("#mute-icon"), shown.get_by_role("button", name="Mute")
    before = speaker.get_attribute("d")
    shown.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "true")
    assert speaker.get_attribute("d") != before
    shown.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "false")
    assert speaker.get_attribute("d") == before


DRAWN = {"analysis": {"operating_point": {"high": 0.5, "low": 0.25}}}


def test_the_threshold_that_segments_were_drawn_with_stands_beside_the_slider(show):
    shown = show(*MATCH, beside=None, provenance=DRAWN)
    assert text(shown, "#drawn") == "drawn at 0.50"
    assert "vtn-stream export --threshold" in shown.locator("#drawn").get_attribute("title")


def test_without_scores_nothing_is_said_of_a_threshold(show):
    shown = show(segment(0, 1, "run"), beside=None, provenance=DRAWN)
    assert not shown.locator("#drawn").is_visible()


@pytest.mark.parametrize(
    ("provenance", "drawn_at"),
    [
        (DRAWN, 0.5),
        ({"analysis": {"operating_point": {"high": 1}}}, 1),
        ({}, None),
        ({"analysis": "high"}, None),
        ({"analysis": {"operating_point": ["high"]}}, None),
        *(
            ({"analysis": {"operating_point": {"high": high}}}, None)
            for high in ("<b>", None, True, {}, -1, 1.5, 10**400, float("nan"), float("inf"))
        ),
        (DRAWN | {"selections": [{"threshold": 0.2}]}, None),  # what was drawn anew since
    ],
)
def test_provenance_may_say_anything_of_a_threshold(provenance, drawn_at):
    assert data_of(page(timeline(*MATCH, provenance=provenance)))["drawn"] == drawn_at


def test_the_table_sorts_and_says_how(show):
    shown = show(*MATCH, beside=None)
    for column, says, expected in [
        ("Start", "descending", "6.5 4 3 1 0"),
        ("Label", "ascending", "4 1 6.5 0 3"),
        ("Score", "descending", "1 4 6.5 0 3"),  # without a score: last
        ("Score", "ascending", "0 6.5 4 1 3"),
        ("Length", "descending", "3 4 0 1 6.5"),
        ("Length", "ascending", "6.5 0 1 3 4"),
    ]:
        header = shown.locator("#table").get_by_role("columnheader", name=column)
        header.get_by_role("button").click()
        assert starts(shown) == [f"0:00:0{float(start_s):.3f}" for start_s in expected.split()]
        assert header.get_attribute("aria-sort") == says
        assert set(spoken(shown, "columnheader", column)) == {column}  # without the arrow


def spoken(shown, role, part):
    """The names of the elements of this role, as a screen reader has them, that contain `part`."""
    tree = shown.context.new_cdp_session(shown).send("Accessibility.getFullAXTree")["nodes"]
    names = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == role]
    return [name for name in names if part in name]


# ---- what is drawn


def test_truth_is_drawn_above_what_was_found(show):
    shown = show(segment(0, 4, "run"), truth=[segment(2, 8, "run"), segment(7, 8, "nap")], beside=None)
    run = colours_of(["run"])["run"]
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


# ---- a film that is not there


def test_a_missing_film_is_said_and_can_be_chosen(show, film):
    shown = show(*MATCH, beside=None, fragment="#t=3")
    shown.locator("#missing").wait_for()
    assert text(shown, "#missing-text").startswith("gone.webm does not lie beside this page")
    shown.keyboard.press("n")
    assert text(shown, "#time") == "0:00:04.000"  # the timeline works without
    shown.locator("#picker").set_input_files(film)
    shown.locator("#missing").wait_for(state="hidden")
    assert 4 <= shown.evaluate("document.getElementById('film').currentTime") < 4.002
    assert not shown.locator("#mismatch").is_visible()


def test_another_film_is_known_by_its_length(show, film):
    shown = show(*MATCH, duration_s=60, beside=None)
    shown.locator("#missing").wait_for()
    shown.locator("#picker").set_input_files(film)
    shown.locator("#mismatch").wait_for()
    told = "This film lasts 0:00:08.000, that of the timeline 0:01:00.000: it may be another one."
    assert text(shown, "#mismatch-text") == told


def test_a_wrong_film_is_replaced_and_the_focus_is_where_it_plays(show, film, tmp_path):
    write_film(tmp_path / "right.webm", 300, rate=Fraction(5), codec="libvpx-vp9")
    shown = show(*MATCH, duration_s=60, beside=None)
    shown.locator("#missing").wait_for()
    shown.locator("#picker").set_input_files(film)
    expect(shown.locator("#play")).to_be_focused()
    again = shown.get_by_label("Choose another…")
    again.focus()
    again.set_input_files(tmp_path / "right.webm")
    expect(shown.locator("#film")).to_have_js_property("duration", 60)
    expect(shown.locator("#mismatch")).to_be_hidden()
    expect(shown.locator("#play")).to_be_focused()
    shown.keyboard.press("Space")
    expect(shown.locator("#film")).to_have_js_property("paused", False)


def test_a_file_that_is_no_film_is_said(show, tmp_path):
    shown = show(*MATCH, beside=None)
    shown.locator("#missing").wait_for()
    (tmp_path / "no film.mp4").write_bytes(b"nothing")
    shown.locator("#picker").set_input_files(tmp_path / "no film.mp4")
    expect(shown.locator("#missing-text")).to_contain_text("cannot play the file")


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


# ---- everybody


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


def test_forced_colours_leave_lanes_swatches_and_what_holds_to_be_seen(show):
    run = colours_of(["run"])["run"]
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
    assert list(colours_of(f"label {i}" for i in range(num)).values())[-1] in colours(shown, *bar)
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


def many(num):
    """num segments of 12 labels over ten hours."""
    labels = [f"label {i}" for i in range(12)]
    every_s = 36_000 / num
    segments = [
        segment(i * every_s, i * every_s + 1 + (i * 37 % 100) / 10, labels[i * 7 % 12], (i * 13 % 1000) / 1000)
        for i in range(num)
    ]
    return timeline(*segments, duration_s=36_010)


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
