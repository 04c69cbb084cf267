"""Scenes are shown by their own pictures: taken from the store, small, in the index and in a terminal that can."""

import io
import re

import numpy as np
import pytest
from film_pages import data_of
from index_pages import entry_of, opened, timeline  # noqa: F401  (a fixture among them)
from PIL import Image
from rich.console import Console

from vtn_stream.report.index import index
from vtn_stream.results.overview import write_index
from vtn_stream.results.pictures import recipe_of, scene_pictures
from vtn_stream.store import EmbeddingStore
from vtn_stream.video.small import pixels, smaller
from vtn_stream_cli import console


def jpeg(colour=(200, 30, 30), size=(160, 90)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def test_each_scene_is_shown_by_a_frame_of_its_longest_stretch(analyzed):
    timeline = analyzed.analysis.timeline
    pictures = scene_pictures(timeline, analyzed.store)
    assert set(pictures) == set(timeline.labels)
    stored = EmbeddingStore(analyzed.store).thumbnails(timeline.video_identity, recipe_of(timeline).digest, 1000)
    for label, picture in pictures.items():
        longest = max((s for s in timeline.segments if s.label == label), key=lambda s: s.duration_s)
        assert picture in [jpeg for time_s, jpeg in stored if longest.start_s <= time_s < longest.end_s]


def test_what_is_not_scenes_or_not_stored_has_no_pictures(analyzed, tmp_path):
    assert scene_pictures(analyzed.analysis.timeline, tmp_path) == {}
    assert scene_pictures(timeline((0, 5, "walk", None)), analyzed.store) == {}
    strange = timeline((0, 5, "scene A", None), provenance={"analysis": {"kind": "scenes"}, "recipe": {"x": 1}})
    assert scene_pictures(strange, analyzed.store) == {}


def test_a_picture_becomes_smaller_and_keeps_its_shape():
    small = Image.open(io.BytesIO(smaller(jpeg(), 80)))
    assert small.size == (80, 45)
    upright = pixels(jpeg(size=(90, 160)), 16, 16)
    assert upright.shape == (16, 16, 3)
    assert upright[:, :3].max() == upright[:, -3:].max() == 0
    assert np.allclose(upright[:, 8], (200, 30, 30), atol=3)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", jpeg()[:200], jpeg(size=(2001, 4))])
def test_what_cannot_be_read_is_no_picture(data):
    assert smaller(data, 80) is None
    assert pixels(data, 8, 8) is None


# ---- in the index


def with_pictures(**fields):
    of = timeline((0, 50, "scene A", None), (50, 100, "scene B", None), provenance={"analysis": {"kind": "scenes"}})
    return entry_of(of, name="film", page=None, timeline_file="t", **fields)


def test_the_index_shows_the_picture_of_the_scene_that_is_pointed_at(opened):
    page = opened([with_pictures(pictures={"scene A": jpeg()})])
    strip = page.locator("#rows canvas")
    strip.hover(position={"x": 5, "y": 5})
    picture = page.locator("#tip img")
    assert picture.evaluate("e => [e.naturalWidth, e.complete]") == [160, True]
    strip.hover(position={"x": strip.bounding_box()["width"] - 5, "y": 5})
    assert page.locator("#tip").inner_text().startswith("scene B")
    assert picture.count() == 0


def test_pictures_that_are_too_large_all_together_are_left_out(monkeypatch):
    entries = [with_pictures(pictures={"scene A": jpeg()})] * 3
    assert list(data_of(index(entries, title="t"))["pictures"]) == ["0", "1", "2"]
    monkeypatch.setattr("vtn_stream.report.index.MAX_PICTURES_TEXT", 2 * len(jpeg()))
    assert data_of(index(entries, title="t"))["pictures"] == {}


def test_an_index_of_a_folder_has_pictures_unless_they_are_unwanted(analyzed, tmp_path):
    from vtn_stream.formats import timeline_json

    (tmp_path / "a.timeline.json").write_bytes(timeline_json.dumps(analyzed.analysis.timeline))
    shown = [
        data_of(write_index(tmp_path, store=analyzed.store, thumbnails=wanted).path.read_bytes())["pictures"]
        for wanted in (True, False)
    ]
    assert [len(pictures) for pictures in shown[0].values()] == [len(analyzed.analysis.timeline.labels)]
    assert shown[1] == {}


# ---- in a terminal


@pytest.mark.parametrize(
    ("terminal", "colours", "no_color", "is_shown"),
    [
        (True, "truecolor", False, True),
        (False, "truecolor", False, False),
        (True, "256", False, False),
        (True, "truecolor", True, False),
    ],
)
def test_pictures_are_for_terminals_of_many_colours(monkeypatch, terminal, colours, no_color, is_shown):
    shown = io.StringIO()
    out = Console(file=shown, width=80, force_terminal=terminal, color_system=colours, no_color=no_color)
    monkeypatch.setattr(console, "out", out)
    of = timeline((0, 50, "scene A", None), (50, 100, "scene B", None))
    console.show_timeline(of, lambda: {"scene A": jpeg(), "scene B": b"damaged"})
    blocks = shown.getvalue().count("▀")
    assert blocks == (console.PICTURE_WIDTH * console.PICTURE_LINES if is_shown else 0)
    if is_shown:
        colour = re.search(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;\1;\2;\3m▀", shown.getvalue())
        assert np.allclose([int(value) for value in colour.groups()], (200, 30, 30), atol=3)


def test_names_below_pictures_are_plain_text(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(
        console, "out", Console(file=shown, width=80, force_terminal=True, color_system="truecolor", highlight=False)
    )
    name = "[red]a\x1b[2J"
    console.show_timeline(timeline((0, 50, name, None)), lambda: {name: jpeg()})
    assert shown.getvalue().count("[red]a") == 2
    assert "\x1b[2J" not in shown.getvalue()
