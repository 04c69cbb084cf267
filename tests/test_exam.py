"""What a model is worth on its validation films: figures of predictions whose worth is known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from planted import LABELS, clip, track

from vtn_stream.heads.fitting import AtPoint
from vtn_stream.track import NO_THRESHOLD, GridScores, OperatingPoint, OperatingPoints, Spans
from vtn_stream.training.exam import examine

THREE = (*LABELS, "sit")
POINTS = OperatingPoints(common=OperatingPoint(high=0.5, low=0.25))


def told(*spans):
    """(start, end in positions, class, score)"""
    start, end, classes, scores = zip(*spans, strict=True) if spans else [()] * 4
    return GridScores(
        spans=Spans(
            bounds=np.array([start, end], np.float64).T.reshape(-1, 2),
            classes=np.array(classes, np.int64),
            scores=np.array(scores, np.float64),
        )
    )


def phases_of(film, labels=LABELS):
    frame = np.zeros((len(film.values), len(labels)), np.float16)
    for segment in film.segments:
        grid_s = film.index.grid_s
        frame[(grid_s >= segment.start_s) & (grid_s < segment.end_s), labels.index(segment.label)] = 1
    return GridScores(frame=frame)


def located_exam(films, predictions, *, points=None, operating=None, labels=LABELS):
    return examine(films, predictions, labels, "localization", points or {}, replace(POINTS, own=operating or {}), None)


FILM = track(80, (2.0, 5.0, "run"), (10.0, 15.0, "jump"))


def test_what_is_right_in_all_is_worth_all():
    exam = located_exam([FILM], [told((8, 20, 0, 0.9), (40, 60, 1, 0.8))])
    assert exam.figures == {
        "mAP, tIoU 0.3 to 0.7": 1,
        "F1 of the timelines, tIoU 0.5": 1,
        "frame accuracy": 1,
        "edit score": 1,
        "F1@10": 1,
        "F1@25": 1,
        "F1@50": 1,
    }
    assert exam.mistakes == ()
    assert [(c.label, c.ap, c.precision, c.recall, c.f1, c.threshold) for c in exam.classes] == [
        ("run", 1, 1, 1, 1, None),
        ("jump", 1, 1, 1, 1, None),
    ]


def test_only_what_reaches_its_threshold_is_shown_and_all_is_ranked():
    """run: shown, right. jump: right, but below its own threshold, so that a timeline shows none."""
    exam = located_exam(
        [FILM],
        [told((8, 20, 0, 0.9), (40, 60, 1, 0.8))],
        operating={"jump": OperatingPoint(high=0.85, low=0.4)},
    )
    assert exam.figures["mAP, tIoU 0.3 to 0.7"] == 1
    assert exam.figures["F1 of the timelines, tIoU 0.5"] == pytest.approx(2 * 1 / (1 + 2))
    assert exam.figures["frame accuracy"] == pytest.approx(60 / 80)
    assert exam.mistakes == (("jump", None, 1.0),)
    run, jump = exam.classes
    assert (run.precision, run.recall, run.f1) == (1, 1, 1)
    assert (jump.ap, jump.precision, jump.recall, jump.f1) == (1, None, 0, 0)


def test_mistakes_are_shares_of_a_labels_time_the_worst_first():
    """Of run's 12 positions 6 are called jump; of jump's 20 all 20 nothing; of nothing's 48 positions 4 run."""
    exam = located_exam([FILM], [told((8, 14, 1, 0.9), (14, 20, 0, 0.9), (20, 24, 0, 0.9))])
    assert [(true, said, pytest.approx(share)) for true, said, share in exam.mistakes] == [
        ("jump", None, 1.0),
        ("run", "jump", 0.5),
        (None, "run", 4 / 48),
    ]


def test_a_fitted_label_is_told_as_it_was_fitted_and_one_that_was_never_seen_is_not():
    at = {"run": AtPoint(threshold=0.7, precision=0.5, recall=0.25, f1=1 / 3)}
    exam = located_exam([FILM], [told((8, 20, 0, 0.9))], points=at, labels=THREE)
    run, jump, sit = exam.classes
    assert (run.threshold, run.precision, run.recall, run.f1, run.ap) == (0.7, 0.5, 0.25, 1 / 3, 1)
    assert (jump.threshold, jump.precision, jump.recall, jump.ap) == (None, None, 0, 0)
    assert (sit.ap, sit.precision, sit.recall, sit.f1, sit.threshold) == (None,) * 5


def test_nothing_found_at_all_is_worth_nothing_and_still_a_figure():
    exam = located_exam([FILM], [told()])
    assert exam.figures["mAP, tIoU 0.3 to 0.7"] == 0
    assert exam.figures["frame accuracy"] == pytest.approx(48 / 80)
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in exam.figures.values())
    json.dumps(exam.scores.to_dict(), allow_nan=False)


def test_phases_are_scored_frame_by_frame():
    def exam_of(true_s, said_s):
        film, said = (track(80, (0.0, s, "run"), (s, 20.0, "jump")) for s in (true_s, said_s))
        return examine([film], [phases_of(said)], LABELS, "dense", {}, NO_THRESHOLD, None)

    right, late = exam_of(9.875, 9.875), exam_of(9.875, 11.875)
    assert right.figures["frame accuracy"] == right.figures["F1@50"] == right.figures["mAP, tIoU 0.3 to 0.7"] == 1
    assert right.mistakes == ()
    assert late.figures["frame accuracy"] == pytest.approx(1 - 2 / 20)
    assert late.mistakes == (("jump", "run", pytest.approx(20 / 101)),)  # of tenths of a second


def test_clips_are_scored_by_their_likeliest_label():
    clips = [clip(n, label) for n, label in enumerate(["run", "run", "run", "jump"])]
    said = [GridScores(clip=np.array(p, np.float32)) for p in ([0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7])]
    points = {"run": AtPoint(threshold=0.55, precision=1, recall=2 / 3, f1=0.8)}
    exam = examine(clips, said, LABELS, "classification", points, POINTS, None)
    assert exam.figures == {"top-1": 0.75, "mean per class": pytest.approx((2 / 3 + 1) / 2)}
    assert exam.mistakes == (("run", "jump", pytest.approx(1 / 3)),)
    assert exam.classes[0].threshold == 0.55
    assert exam.classes[1].f1 is None


def test_several_films_count_together():
    other = track(40, (1.0, 4.0, "run"), name="other")
    exam = located_exam([FILM, other], [told((8, 20, 0, 0.9), (40, 60, 1, 0.8)), told()])
    assert exam.figures["F1 of the timelines, tIoU 0.5"] == pytest.approx(2 * 2 / (2 + 3))
    assert exam.classes[0].recall == 0.5
