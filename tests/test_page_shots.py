"""A click on a segment shows that segment's shot: seen in the picture that a real browser shows."""

import io
from fractions import Fraction

import numpy as np
import pytest
from counting import NTSC, number_shown, write_film
from film_pages import drawn, page, segment, timeline
from PIL import Image
from playwright.sync_api import expect

STARTS = (0, 17, 18, 44, 91)  # of shots: no start of these but the first is a whole millisecond
NUM = 120


@pytest.fixture(params=[("film.webm", NTSC), ("film.mp4", NTSC), ("film.mp4", Fraction(24000, 1001))])
def shown(request, open_page, tmp_path):
    """The page of a film of five shots, and where each frame appears."""
    name, rate = request.param
    write_film(tmp_path / name, NUM, rate=rate, codec="libvpx-vp9")
    times_s = [float(i / rate) for i in range(NUM + 1)]
    segments = [segment(times_s[a], times_s[b], f"shot {a}") for a, b in zip(STARTS, (*STARTS[1:], NUM), strict=True)]
    duration_s = times_s[-1]
    path = tmp_path / "page.html"
    path.write_bytes(page(timeline(*segments, video_path=name, duration_s=duration_s, nominal_rate=rate)))
    opened = open_page(path)
    expect(opened.locator("#film")).to_have_js_property("readyState", 4)
    return opened


def frame_shown(shown):
    """The number of the film's frame that the screen shows."""
    film = shown.locator("#film")
    expect(film).to_have_js_property("seeking", False)
    drawn(shown)
    drawn(shown)
    picture = np.asarray(Image.open(io.BytesIO(film.screenshot())).convert("RGB"))
    height, width, _ = picture.shape
    width_s, height_s = min(width, height * 160 // 96), min(height, width * 96 // 160)
    top, left = (height - height_s) // 2, (width - width_s) // 2
    return number_shown(picture[top : top + height_s, left : left + width_s])


def test_a_click_on_a_row_shows_the_shot_s_first_frame(shown):
    for start in (91, 17, 44, 18, 0):
        shown.locator("#body tr", has_text=f"shot {start}").click()
        assert frame_shown(shown) == start


def test_a_click_on_a_lane_shows_a_frame_of_the_shot_however_near_its_edge(shown):
    stage = shown.locator("#stage").bounding_box()
    for start, stop in zip(STARTS, (*STARTS[1:], NUM), strict=True):
        lane = shown.locator("#heads li.lane", has_text=f"shot {start}").bounding_box()
        for frame, aside in ((start, -1.5), (stop, 1.5)):
            x = stage["width"] * frame / NUM + aside
            if 0 <= x < stage["width"]:
                shown.mouse.click(stage["x"] + x, lane["y"] + lane["height"] / 2)
                assert start <= frame_shown(shown) < stop, (start, frame)
