"""50Salads: clock times and timestamps become seconds of the film."""

import contextlib
from fractions import Fraction

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import read_annotations

FIRST, STEP = 1_341_996_840, 33_333


def tick(frame):
    """The clock's time of a frame: about 30 a second, not quite even."""
    return FIRST + STEP * frame + 7 * (frame % 3)


def clock(num):
    return "".join(f"{tick(i)} rgb-{i:05d}.png\n" for i in range(num))


def row(first, stop, activity):
    """A line for the frames [first, stop): its end is just before the next frame."""
    return f"{tick(first)} {tick(stop) - 1} {activity}\n"


ROWS = (
    row(30, 300, "cut_and_mix_ingredients")
    + row(30, 45, "peel_cucumber_prep")
    + row(45, 90, "peel_cucumber_core")
    + row(90, 96, "peel_cucumber_post")
    + row(120, 150, "cut_cucumber_core")
    + row(180, 300, "cut_cucumber_core")
)


def data_set(**films):
    return {f"ann-ts/activityAnnotations/{take}-activityAnnotation.txt": rows for take, rows in films.items()} | {
        f"ann-ts/timestamps/timestamps-{take}.txt": clock(360) for take in films
    }


EXPECTED = "peel_cucumber 1-3.2, cut_cucumber 4-5, cut_cucumber 6-10"


def test_clock_times_become_frames_and_frames_seconds(read):
    annotations = read(data_set(**{"01-1": ROWS}))
    assert (annotations.format, annotations.labels) == ("50Salads", ("cut_cucumber", "peel_cucumber"))
    assert drawn(annotations) == {"rgb-01-1": EXPECTED}
    assert annotations.videos["rgb-01-1"].duration_s == 12
    assert annotations.uses_fps
    assert [p.text for p in annotations.warnings] == ["1 whole step of the recipe left out"]


def test_it_is_found_from_each_of_its_folders_and_from_one_file(read, tmp_path):
    read(data_set(**{"01-1": ROWS, "01-2": ROWS}))
    for path in (tmp_path, tmp_path / "ann-ts", tmp_path / "ann-ts" / "activityAnnotations"):
        assert drawn(read_annotations(path)) == {"rgb-01-1": EXPECTED, "rgb-01-2": EXPECTED}
    one = tmp_path / "ann-ts" / "activityAnnotations" / "01-2-activityAnnotation.txt"
    assert drawn(read_annotations(one)) == {"rgb-01-2": EXPECTED}


def test_the_rate_may_be_given(read):
    at_60 = read(data_set(**{"01-1": ROWS}), fps=Fraction(60))
    assert drawn(at_60) == {"rgb-01-1": "peel_cucumber 0.5-1.6, cut_cucumber 2-2.5, cut_cucumber 3-5"}


def test_a_film_of_another_rate_shows(read):
    with pytest.raises(AnnotationError, match="the 360 labels of rgb-01-1 last 12 s at 30 a second") as caught:
        read(data_set(**{"01-1": ROWS}), videos={"rgb-01-1": 24.0})
    assert caught.value.cure.endswith("--annotation-fps 15")


def test_without_its_timestamps_nothing_is_known_and_the_cure_names_the_folder(read, tmp_path, problems):
    files = data_set(**{"01-1": ROWS, "02-1": ROWS})
    only = {name: text for name, text in files.items() if "timestamps-" not in name}
    with pytest.raises(AnnotationError, match=r"there is no timestamps-01-1\.txt") as caught:
        read(only)
    assert caught.value.cure == "put the data set's folder timestamps beside activityAnnotations"
    only["ann-ts/timestamps/timestamps-02-1.txt"] = clock(360)
    assert problems(only) == [
        (
            None,
            "01-1-activityAnnotation.txt: there is no timestamps-01-1.txt: put it into the folder timestamps beside "
            "activityAnnotations",
        )
    ]


def test_faults_have_their_file_and_line(problems):
    rows = ROWS + "soon 3 cut_tomato_core\n" + f"1 2 cut_tomato_core\n{tick(500)} {tick(600)} cut_tomato_core\n"
    files = data_set(**{"01-1": rows, "01-2": ROWS})
    files["ann-ts/timestamps/timestamps-01-2.txt"] = "5 a\n4 b\n"
    name = "01-1-activityAnnotation.txt"
    assert problems(files) == [
        (7, f"{name}: not two clock times and an activity: soon 3 cut_tomato_core"),
        (8, f"{name}: no frame lies between 1 and 2 on the clock of its timestamps"),
        (9, f"{name}: no frame lies between {tick(500)} and {tick(600)} on the clock of its timestamps"),
        (2, "timestamps-01-2.txt: its clock goes back: 4 follows 5"),
    ]


@given(
    st.booleans(),
    st.integers(0, 250),
    st.integers(0, 30),
    st.sampled_from(["", "\n", " ", "\0", "-1", "9" * 400, "_core", "é", "1e9", "\r", "\t", "0 0 x_core\n"]),
    st.booleans(),
)
def test_an_edited_data_set_is_read_or_refused(tmp_path_factory, of_clock, at, num, put, skip_bad):
    folder = tmp_path_factory.mktemp("edited")
    for name, text in data_set(**{"01-1": ROWS, "01-2": ROWS}).items():
        if "01-1" in name and ("timestamps-" in name) == of_clock:
            text = text[:at] + put + text[at + num :]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with contextlib.suppress(AnnotationError):
        read_annotations(folder, skip_bad=skip_bad)
