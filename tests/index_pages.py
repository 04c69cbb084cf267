"""Films for the index, its page opened in a browser, and what is seen on it."""

from dataclasses import replace

import pytest

from vtn_stream.report.index import Entry, Failed, entry_of, index
from vtn_stream.timeline import Reviewed, Segment, Timeline


def timeline(*segments, duration_s=100.0, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "span_s": (0.0, duration_s)}
    spans = tuple(Segment(start_s=start, end_s=end, label=label, score=score) for start, end, label, score in segments)
    return Timeline(**(known | {"duration_s": duration_s, "segments": spans} | fields))


def entry(*segments, name="film.mp4", page="film.report.html", **fields):
    return entry_of(timeline(*segments, **fields), name=name, page=page, timeline_file="film.timeline.json")


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


def corrected_films():
    """One that nobody looked at, one of which a third is reviewed, one that is done, one without a timeline."""
    model = [Segment(start_s=10.0 * i, end_s=10.0 * i + 5, label="walk", score=0.5, origin="model") for i in range(3)]
    kept = [replace(s, origin="curated") for s in model]
    whole = (Reviewed(start_s=0, end_s=100),)
    made = {
        "a.mp4": timeline(),
        "b.mp4": replace(timeline(), segments=(kept[0], *model[1:])),
        "c.mp4": replace(timeline(), segments=tuple(kept), reviewed=whole),
        "d.mp4": timeline(),
    }
    return [
        entry_of(of, name=name, page=f"{name}.html", timeline_file=None if name == "d.mp4" else f"{name}.timeline.json")
        for name, of in made.items()
    ]


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


def row_of(page, name):
    return page.locator("#rows .row").filter(has_text=name)


def choose(page, label):
    page.get_by_role("button", name=label, exact=True).click()


def focused(page):
    return page.evaluate("document.activeElement.textContent")
