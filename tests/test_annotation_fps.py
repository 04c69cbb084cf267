"""The rate of annotations with a label for each frame: which option says it, and what shows that it is wrong."""

import json

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.evaluation import Prediction, score
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.formats.annotations.pace import Paced, wrong_pace
from vtn_stream.timeline import Segment

RUNS = {"video01": [40, 35, 0, 60, 20, 31, 14], "video02": [12, 50, 33, 41, 9, 0, 27]}  # seconds of each phase


def cholec80(folder, *, every=1, numbers=False):
    """Phases of whole seconds at 25 frames a second; every: which frames have a row."""
    folder.mkdir()
    for film, runs in RUNS.items():
        labels = [k for k, num_s in enumerate(runs) for _ in range(25 * num_s)]
        rows = [(i, label if numbers else PHASES[label]) for i, label in enumerate(labels)][::every]
        header = "" if numbers else "Frame\tPhase\n"
        (folder / f"{film}-phase.txt").write_text(header + "".join(f"{i}\t{label}\n" for i, label in rows))
    return folder


def predicted():
    """Each phase begins 0.7 s late, and in the second film two phases are one."""
    found = {}
    for film, runs in RUNS.items():
        segments, start = [], 0.0
        for k, num_s in enumerate(runs):
            if num_s:
                label = PHASES[1] if (film, k) == ("video02", 2) else PHASES[k]
                segments.append(
                    Segment(start_s=start + 0.7 * (k > 0), end_s=start + num_s + 0.7, label=label, score=0.5)
                )
            start += num_s
        found[film] = Prediction(segments=segments, duration_s=start)
    return found


def test_cholec80_at_1_label_a_second_gives_what_it_gives_at_25(tmp_path):
    full = read_annotations(cholec80(tmp_path / "full"))
    derived = read_annotations(cholec80(tmp_path / "derived", every=25, numbers=True), fps=1)
    assert drawn(derived) == drawn(full)
    figures = [
        score(predicted(), truth, metrics=["phases", "segmentation", "detection"]).to_dict()
        for truth in (full, derived)
    ]
    for each in figures:
        each.pop("notes")
    assert figures[0] == figures[1]
    assert 0.8 < figures[0]["phases"]["strict"]["accuracy"] < 0.95  # and they are no figures of nothing
    assert [p.text for p in derived.warnings] == [
        "video01-phase.txt: every row stands for 25 frames: 1 a second of them are 25 frames a second"
    ]


@pytest.mark.parametrize("fps", [None, 25])
def test_rows_for_every_25th_frame_may_also_be_given_the_rate_of_their_frames(tmp_path, fps):
    folder = cholec80(tmp_path / "derived", every=25, numbers=True)
    assert drawn(read_annotations(folder, fps=fps)) == drawn(read_annotations(folder, fps=1))


def test_a_note_says_at_which_rate_the_annotations_own_labels_are_scored(tmp_path):
    truth = read_annotations(cholec80(tmp_path / "full"))
    notes = {fps: score(predicted(), truth, metrics=["phases"], fps=fps).notes for fps in (10.0, 25.0)}
    told = (
        "Frame by frame 10 frames a second were scored; the annotations have 25 labels a second, which --fps 25 scores."
    )
    assert told in notes[10.0]
    assert not any("Frame by frame" in note for note in notes[25.0])


# ---- a rate that is wrong


def mstcn(*names, num=1500):
    labels = "".join(f"{'stir' if i < num // 2 else 'pour'}\n" for i in range(num))
    return {"mapping.txt": "0 stir\n1 pour\n"} | {f"groundTruth/{name}.txt": labels for name in names}


@pytest.mark.parametrize(
    ("fps", "film_s", "lasts", "cure"),
    [
        (1, 60.0, "1500 s at 1 a second", "--annotation-fps 25"),
        (25, 1500.0, "60 s at 25 a second", "--annotation-fps 1"),
        (25, 50.05, "60 s at 25 a second", None),  # 29.97: films and features differ as much
        (60, 50.05, "25 s at 60 a second", "--annotation-fps 29.97"),
        (25, 60.5, "", None),
    ],
)
def test_labels_that_last_much_longer_or_shorter_than_their_films_were_given_a_wrong_rate(
    read, fps, film_s, lasts, cure
):
    content, films = mstcn("a", "b", "c"), dict.fromkeys("abc", film_s)
    if cure is None:
        assert read(content, fps=fps, videos=films, skip_bad=True).num_segments > 0
        return
    with pytest.raises(AnnotationError) as caught:
        read(content, fps=fps, videos=films)
    assert caught.value.fact == f"the 1500 labels of a last {lasts}, and the film lasts {film_s:g} s"
    assert caught.value.cure == f"name the rate of the labels: {cure}"


def test_one_odd_film_of_three_is_no_wrong_rate(read):
    assert read(mstcn("a", "b", "c"), fps=25, videos={"a": 60.0, "b": 60.0, "c": 300.0}).num_segments == 6


def test_films_whose_length_nobody_knows_say_nothing(read):
    assert read(mstcn("a"), fps=1, videos={"a": 1e9}).num_segments == 2


def test_annotations_at_25_a_second_that_are_read_at_1_are_not_scored(read):
    truth = read(mstcn("a", "b"), fps=1)
    found = {name: Prediction(segments=[Segment(start_s=0, end_s=9, label="stir")], duration_s=60.0) for name in "ab"}
    with pytest.raises(InputError, match="last 1500 s at 1 a second, and the film lasts 60 s") as caught:
        score(found, truth)
    assert caught.value.cure == "name the rate of the labels: --annotation-fps 25"


def test_predictions_with_a_label_a_frame_are_held_to_the_films_too(read):
    found = {"a": Prediction(segments=[Segment(start_s=0, end_s=9, label="x")], duration_s=1500.0, num_labels=1500)}
    timed = {"database": {"a": {"duration": 60, "annotations": [{"label": "x", "segment": [1, 2]}]}}}
    with pytest.raises(InputError, match="name the rate of the labels: --annotation-fps 25"):
        score(found, read(json.dumps(timed)))


@pytest.mark.parametrize(("stated_s", "wrong"), [(60, False), (85, False), (45, False), (95, True), (35, True)])
def test_a_factor_of_one_and_a_half_is_wide(stated_s, wrong):
    assert (wrong_pace([Paced("a", 900, stated_s, 60)]) is not None) == wrong
