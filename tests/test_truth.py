"""The truth of many films beside their timelines: found by name and folder, and what is without the other is named."""

import re

import pytest

from vtn_stream.errors import InputError
from vtn_stream.exchange.truth import NamedFilm, read_truth
from vtn_stream.formats import timeline_json
from vtn_stream.timeline import Segment, Timeline


def film(place, identity=None):
    return NamedFilm(place, identity or place)


@pytest.fixture
def truth(tmp_path):
    """truth("x.mp4", "y") -> a table with a segment of each, whose label is that name."""

    def write(*names):
        (tmp_path / "truth.csv").write_text("video,start_s,end_s,label\n" + "".join(f"{n},1,2,{n}\n" for n in names))
        return tmp_path / "truth.csv"

    return write


def matched(file, *films):
    """The label that each film gets, and the names that are left on both sides."""
    read = read_truth(file, films)

    def label(f):
        folder, _, name = f.place.rpartition("/")
        timeline = Timeline(video_identity=f.identity, video_path=name, duration_s=9, span_s=(0, 9), segments=())
        found = read.of(timeline, folder)
        return found and found[0].label

    return [label(f) for f in films], read.lacking, read.unused


@pytest.mark.parametrize(
    ("names", "places", "labels"),
    [
        (["x.mp4", "y"], ["y.mp4", "x.mkv"], ["y", "x.mp4"]),  # whatever their suffix
        (["x.mp4"], ["x.mp4", "x.avi"], ["x.mp4", None]),  # where there are both, it is the one
        (["x"], ["x.mp4", "x.avi"], ["x", "x"]),
        (["a/x.mp4", "b/x.mp4"], ["b/x.mp4", "a/x.mp4"], ["b/x.mp4", "a/x.mp4"]),
        (["a/x.mp4"], ["films/a/x.mp4", "films/b/x.mp4"], ["a/x.mp4", None]),
        (["v_abc"], ["abc.mp4", "x.mp4"], ["v_abc", None]),
    ],
)
def test_films_are_found_by_name_suffix_and_folder(truth, names, places, labels):
    found, lacking, unused = matched(truth(*names), *map(film, places))
    assert found == labels
    assert lacking == tuple(place for place, label in zip(places, labels, strict=True) if label is None)
    assert unused == ()


def test_one_film_may_have_two_timelines(truth):
    assert matched(truth("x"), film("one/x.mp4", "c0ffee"), film("two/x.mp4", "c0ffee"))[0] == ["x", "x"]


def test_what_is_without_the_other_is_named(truth):
    _, lacking, unused = matched(truth("a", "b", "c"), film("b.mp4"), film("d.mp4"))
    assert (lacking, unused) == (("d.mp4",), ("a", "c"))


@pytest.mark.parametrize(
    ("names", "places", "fact"),
    [
        (["x.mp4"], ["a/x.mp4", "b/x.mp4"], "a/x.mp4 and b/x.mp4 may each be the x.mp4 of truth.csv"),
        (["a/x.mp4", "b/x.mp4"], ["x.mp4"], "truth.csv has several films called x.mp4"),
        (["y.mp4"], ["a.mp4", "b.mp4"], "truth.csv has none of the films a.mp4 and b.mp4: it has y.mp4"),
    ],
)
def test_a_doubt_is_an_error(truth, names, places, fact):
    with pytest.raises(InputError, match=f"^{re.escape(fact)}; there is no truth to show; "):
        matched(truth(*names), *map(film, places))


# ---- report and plot


@pytest.fixture
def folder(tmp_path):
    """Timelines of a.mp4, b.mp4, and deep/c.mp4."""
    for name in ("a", "b", "deep/c"):
        file = tmp_path / "out" / f"{name}.mp4.timeline.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        walk = Segment(start_s=0, end_s=20, label="walk", score=0.5)
        name = f"{file.name[0]}.mp4"
        timeline = Timeline(video_identity=name, video_path=name, duration_s=60, span_s=(0, 60), segments=(walk,))
        file.write_bytes(timeline_json.dumps(timeline))
    return tmp_path / "out"


def test_a_folder_is_reported_with_the_truth_of_each_film(here, folder, truth):
    assert here("report", folder, "--no-thumbnails")[0] == 0
    code, out, err = here("report", folder, "--no-thumbnails", "--truth", truth("a.mp4", "deep/c.mp4", "z.mp4"))
    assert code == 0
    assert out.count("wrote ") == 3  # two pages are made anew, and the index
    for line in (
        "truth.csv: 1 film without truth, shown without: b.mp4\n",
        "truth.csv: 1 film without a timeline, not shown: z.mp4\n",
    ):
        assert line in err
    pages = {path.name[0]: path.read_text() for path in folder.rglob("*.mp4.timeline.html")}
    assert [name for name in sorted(pages) if f"{name}.mp4" in pages[name] and "deep/c.mp4" in pages[name]] == ["c"]
    assert "truth" in pages["a"]
    code, out, err = here("report", folder, "--no-thumbnails", "--truth", truth("z.mp4"))
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_a_folder_is_drawn_as_strips_or_as_a_picture_of_each_film(here, folder, truth, tmp_path):
    file = truth("a.mp4", "b.mp4", "c.mp4")
    assert here("plot", folder, "-o", tmp_path / "all.svg", "--truth", file)[::2] == (0, "")
    code, _, err = here("plot", folder, "-o", f"{tmp_path / 'pictures'}/", "--truth", file)
    assert (code, err) == (0, "")
    made = sorted(str(path.relative_to(tmp_path / "pictures")) for path in (tmp_path / "pictures").rglob("*.svg"))
    assert made == ["a.mp4.svg", "b.mp4.svg", "deep/c.mp4.svg"]
    assert "Truth above, prediction below." in (tmp_path / "pictures" / "a.mp4.svg").read_text()


def test_a_film_without_truth_is_drawn_without_and_named(here, folder, truth, tmp_path):
    code, _, err = here("plot", folder, "-o", tmp_path / "all.svg", "--truth", truth("a.mp4"))
    assert code == 0
    assert err == "truth.csv: 2 films without truth, shown without: b.mp4 and deep/c.mp4\n"
    drawn = (tmp_path / "all.svg").read_text()
    assert drawn.count("(no truth)") == 2
