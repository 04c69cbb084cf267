"""Scenes on a film's page are shown by their own picture, beside their letter."""

import io
from itertools import pairwise

import numpy as np
from film_pages import at, data_of, page, segment, show, timeline  # noqa: F401  (fixtures among them)
from PIL import Image

from vtn_stream.report.thumbnails import MAX_OF_LABELS, pictures_of_labels

SCENES = {"analysis": {"kind": "scenes"}}
FOUND = (segment(0, 3, "scene A", 0.9), segment(3, 4, "scene B", 0.8), segment(4, 8, "scene A", 0.7))


def jpeg(level):
    file = io.BytesIO()
    Image.fromarray(np.full((54, 96, 3), level, np.uint8)).save(file, "JPEG")
    return file.getvalue()


def grey_of(shown, image):
    """What the browser shows of a picture: its grey level in the middle."""
    image.scroll_into_view_if_needed()
    picture = Image.open(io.BytesIO(image.screenshot())).convert("L")
    return picture.getpixel((picture.width // 2, picture.height // 2))


def test_the_picture_is_from_the_middle_of_the_longest_segment_that_has_one():
    found = [segment(0, 10, "a"), segment(20, 50, "a"), segment(10, 20, "b"), segment(50, 51, "c")]
    every_10_s = [(float(t), b"%d" % t) for t in range(0, 60, 10)]
    chosen = pictures_of_labels(found, every_10_s)
    assert chosen["a"][0] in (30.0, 40.0)  # 20 is at the border of 20 to 50, whose middle is 35
    assert chosen["b"][0] == 10.0  # its only one
    assert "c" in chosen  # 50 belongs to it: a segment begins at its start
    assert "c" not in pictures_of_labels(found, every_10_s[:-1])  # without it, a neighbour's picture is not its own


def test_a_picture_at_a_border_is_taken_only_where_no_segment_has_another():
    times = [(0.0, b"0"), (21.0, b"21")]
    assert pictures_of_labels([segment(0, 20, "a"), segment(20, 22, "a")], times)["a"][0] == 21.0
    assert pictures_of_labels([segment(0, 20, "a")], times)["a"][0] == 0.0


def test_of_very_many_scenes_those_with_most_time_have_pictures():
    starts = np.cumsum([0, *range(1, 300)]).tolist()
    found = [segment(a, b, f"scene {i}") for i, (a, b) in enumerate(pairwise(starts))]
    pairs = [((s.start_s + s.end_s) / 2, b"x") for s in found]
    chosen = pictures_of_labels(found, pairs)
    assert set(chosen) == {s.label for s in found[-MAX_OF_LABELS:]}
    large = pictures_of_labels(found, [(time_s, bytes(30_000)) for time_s, _ in pairs])
    assert 0 < len(large) * 40_000 <= 1_500_000


def test_a_scene_s_lane_row_chip_total_and_box_show_its_picture_and_say_its_letter(show):
    pictures = [(0.1, jpeg(10)), (3.5, jpeg(200)), (6.0, jpeg(90))]
    shown = show(*FOUND, beside=None, provenance=SCENES, thumbnails=pictures)
    shown.mouse.move(*at(shown, "scene B", 3.5))
    for place in ("#tip", "#heads .lane", "#body tr", "#labels-body tr"):
        image = shown.locator(place, has_text="scene B").locator("img").first
        assert abs(grey_of(shown, image) - 200) < 8
        assert image.get_attribute("alt") == ""
    first = shown.locator("#heads .lane", has_text="scene A").locator("img")
    assert abs(grey_of(shown, first) - 90) < 8  # of 4 s to 8 s, which is longer than 0 s to 3 s
    assert abs(grey_of(shown, shown.locator("#now img")) - 90) < 8
    assert shown.get_by_role("checkbox", name="scene B").is_checked()


def test_without_pictures_the_letter_stands_alone(show):
    shown = show(*FOUND, beside=None, provenance=SCENES)
    assert shown.locator("img").count() == 0
    assert shown.locator("#heads .lane bdi").all_inner_texts() == ["scene A", "scene B"]


def test_labels_of_a_model_have_no_picture_as_it_may_be_wrong_about_it():
    made = page(timeline(*FOUND, provenance={"analysis": {"kind": "dense labels"}}), thumbnails=[(6.0, jpeg(90))])
    assert [label[3] for label in data_of(made)["labels"]] == [None, None]


def test_a_picture_is_in_the_page_once():
    made = page(timeline(*FOUND, provenance=SCENES), thumbnails=[(6.0, jpeg(90)), (3.5, jpeg(200))])
    assert [time for time, _ in data_of(made)["thumbnails"]] == [3500, 6000]
    assert [label[3] for label in data_of(made)["labels"]] == [1, 0]
