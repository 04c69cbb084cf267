"""Labels for every frame as programs predict them, and their figures."""

import contextlib
import json

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.evaluation import read_predictions, score
from vtn_stream.formats.annotations import read_annotations

MAPPING = "0 background\n1 take\n2 pour\n"
HEADING = "### Frame level recognition: ###\n"
TRUE = {"a": ["background"] * 7 + ["pour"] * 8 + ["take"] * 5, "b": ["take"] * 9 + ["pour"] * 3}
FOUND = {"a": ["background"] * 9 + ["pour"] * 6 + ["take"] * 5, "b": ["take"] * 6 + ["pour"] * 6}


def truth(folder):
    (folder / "groundTruth").mkdir(parents=True)
    (folder / "mapping.txt").write_text(MAPPING)
    for name, labels in TRUE.items():
        (folder / "groundTruth" / f"{name}.txt").write_text("".join(f"{label}\n" for label in labels))
    return folder


def results(folder):
    folder.mkdir(parents=True)
    for name, labels in FOUND.items():
        (folder / name).write_text(HEADING + " ".join(labels))
    return folder


def plain(folder):
    folder.mkdir(parents=True)
    for name, labels in FOUND.items():
        (folder / f"{name}.txt").write_text("\n".join(labels))
    return folder


def indices(folder):
    folder.mkdir(parents=True)
    (folder / "mapping.txt").write_text(MAPPING)
    names = [line.split()[1] for line in MAPPING.splitlines()]
    for name, labels in FOUND.items():
        (folder / f"{name}.txt").write_text("\n".join(str(names.index(label)) for label in labels))
    return folder


@pytest.mark.parametrize("write", [results, plain, indices])
def test_predictions_of_each_form_give_the_figures_that_counting_gives(tmp_path, write):
    found = read_predictions(write(tmp_path / "found"), fps=5)
    figures = score(found, read_annotations(truth(tmp_path / "true"), fps=5), fps=5).to_dict()
    right = sum(a == b for name in TRUE for a, b in zip(TRUE[name], FOUND[name], strict=True))
    assert figures["metrics"] == ["segmentation"]  # nothing is ranked: there are no scores
    assert figures["segmentation"]["accuracy"] == pytest.approx(right / 32, abs=1e-6)
    assert figures["segmentation"]["edit"] == 1
    assert figures["notes"] == ["Average precision was not measured: not every prediction has a score."]


def test_one_file_is_one_film_called_as_the_file(tmp_path):
    folder = results(tmp_path / "split_1")
    assert list(read_predictions(folder / "a", fps=5)) == ["a"]
    (folder / "a").rename(folder / "a.recog")
    assert list(read_predictions(folder, fps=5)) == ["a", "b"]
    assert list(read_predictions(plain(tmp_path / "plain") / "b.txt", fps=5)) == ["b"]


def test_the_other_parts_of_a_result_file_are_passed_over(read):
    text = "### Recognized sequence: ###\ntake pour\n### Score: ###\n-3.5\n" + HEADING + "take take pour\n"
    assert drawn(read(text, "P03_cam01", fps=1)) == {"P03_cam01": "take 0-2, pour 2-3"}


def test_without_a_rate_the_cure_is_the_option(tmp_path):
    with pytest.raises(AnnotationError, match="with --annotation-fps"):
        read_predictions(results(tmp_path / "found"))


def test_labels_that_the_mapping_lacks_are_faults(read, problems):
    assert problems({"mapping.txt": MAPPING, "a": HEADING + "take pur"}, fps=1) == [
        (2, "a: mapping.txt has no label pur (did you mean pour?)")
    ]


def test_labels_with_spaces_cannot_be_told_apart_on_one_line_and_can_line_by_line(tmp_path, read):
    spaced = "0 take plate\n1 pour\n"
    with pytest.raises(AnnotationError, match="write a label a line"):
        read({"mapping.txt": spaced, "a": HEADING + "take plate pour"}, fps=1)
    (tmp_path / "a").unlink()
    (tmp_path / "a.txt").write_text("take plate\n" * 4 + "pour\n")
    assert drawn(read_annotations(tmp_path, fps=1, predicted=True)) == {"a": "take plate 0-4, pour 4-5"}


@pytest.mark.parametrize(
    "text",
    ["some words\nand others\n", "a,b\na,b\na,b\n", "one\n", "", "x\ty\n" * 3, "<a>\n<a>\n", "x\n\nx\nx\n"],
)
def test_other_texts_are_no_labels_a_line(tmp_path, text):
    (tmp_path / "notes.txt").write_text(text)
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError):
            read_predictions(path, fps=1)


def test_a_label_a_line_is_not_taken_for_annotations(tmp_path):
    with pytest.raises(AnnotationError, match="holds no annotations of a known format"):
        read_annotations(plain(tmp_path / "found"), fps=5)


def test_what_else_lies_in_the_folder_is_counted(read):
    annotations = read({"a": HEADING + "x x y", "log.json": json.dumps({}), ".hidden": "x"}, fps=1)
    assert drawn(annotations) == {"a": "x 0-2, y 2-3"}
    assert [p.text for p in annotations.warnings] == ["1 file without a label for each frame ignored"]


@given(
    st.sampled_from(["mapping.txt", "a", "b"]),
    st.integers(0, 120),
    st.integers(0, 30),
    st.sampled_from(["", "\n", " ", "\0", "###", "3 x\n", "é", "\ud7ff", "9" * 400, "\r", "\t", "=" * 300]),
    st.booleans(),
)
def test_an_edited_folder_is_read_or_refused(tmp_path_factory, file, at, num, put, skip_bad):
    folder = results(tmp_path_factory.mktemp("edited") / "found")
    (folder / "mapping.txt").write_text(MAPPING)
    text = (folder / file).read_text()
    (folder / file).write_text(text[:at] + put + text[at + num :])
    with contextlib.suppress(AnnotationError):
        read_annotations(folder, fps=5, skip_bad=skip_bad, predicted=True)
