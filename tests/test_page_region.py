"""The part of the picture that was looked at, over the film in its page; and the drawing of another one."""

from film_pages import film, show, text  # noqa: F401  (fixtures among them)
from playwright.sync_api import expect

from vtn_stream.region import Region


def box(shown, selector):
    """Left, top, width and height in percent of the picture, which is 160 x 96 in a wider screen."""
    return shown.evaluate(
        """selector => {
            const video = document.getElementById("film").getBoundingClientRect();
            const height = Math.min(video.height, video.width * 96 / 160), width = height * 160 / 96;
            const left = video.left + (video.width - width) / 2, top = video.top + (video.height - height) / 2;
            const of = document.querySelector(selector).getBoundingClientRect();
            return [100 * (of.left - left) / width, 100 * (of.top - top) / height,
                    100 * of.width / width, 100 * of.height / height].map(Math.round);
        }""",
        selector,
    )


def test_the_region_is_framed_and_a_new_one_can_be_drawn(show):
    shown = show(region=Region.parse("hen 1=40,0,80,48").on(160, 96))
    assert text(shown, "#name") == "film.webm, hen 1"
    expect(shown.locator("#region")).to_be_visible()
    assert box(shown, "#region") == [25, 0, 50, 50]
    picture = shown.locator("#region").bounding_box()
    shown.click("#draw-region")
    expect(shown.locator("#region")).to_be_hidden()
    shown.mouse.move(picture["x"] + picture["width"], picture["y"] + picture["height"])
    shown.mouse.down()
    shown.mouse.move(picture["x"], picture["y"] + 3)
    shown.mouse.move(picture["x"], picture["y"])
    shown.mouse.up()
    assert [round(float(value.rstrip("%"))) for value in text(shown, "#region-option").split()[1].split(",")] == [
        25,
        0,
        50,
        50,
    ]
    assert Region.parse(text(shown, "#region-option").removeprefix("--region ")).unit == "%"
    assert box(shown, "#drawn-region") == [25, 0, 50, 50]
    shown.click("#region-copy")
    assert shown.evaluate("getSelection().toString()").startswith("--region ")
    shown.keyboard.press("Escape")
    expect(shown.locator("#region")).to_be_visible()
    expect(shown.locator("#drawing")).to_be_hidden()


def test_a_film_that_was_looked_at_whole_has_no_frame(show):
    shown = show()
    expect(shown.locator("#draw-region")).to_be_enabled()
    assert shown.locator("#region").is_hidden()
    shown.click("#draw-region")
    shown.mouse.click(*[shown.locator("#film").bounding_box()[side] + 80 for side in ("x", "y")])
    expect(shown.locator("#region-told")).to_be_hidden()  # a click is no rectangle
