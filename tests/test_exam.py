"""What a model is worth on films that it did not learn: figures of predictions whose worth is known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from planted import HEADS, LABELS, clip, track
from scipy import stats

from vtn_stream.heads.calibration import AS_IT_IS, Calibration
from vtn_stream.heads.fitting import AtPoint
from vtn_stream.metrics import OUT_OF_FOLD
from vtn_stream.track import NO_THRESHOLD, GridScores, OperatingPoint, OperatingPoints, Spans
from vtn_stream.training.exam import examine
from vtn_stream.training.out_of_fold import Choice
from vtn_stream.training.ways import Way

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


def choice(points=POINTS, rules=None, calibration=AS_IT_IS):
    return Choice(
        way=Way(name="w"), length=1.0, worths={}, calibration=calibration, thresholds={}, points=points, rules=rules
    )


def exam_of(films, predictions, head, chosen, *, labels=LABELS, thresholds=None, **options):
    return examine(films, predictions, labels, head, HEADS[head], thresholds or {}, [chosen] * len(films), **options)


def located_exam(films, predictions, *, points=None, operating=None, labels=LABELS):
    chosen = choice(replace(POINTS, own=operating or {}))
    return exam_of(films, predictions, "localization", chosen, labels=labels, thresholds=points)


FILM = track(80, (2.0, 5.0, "run"), (10.0, 15.0, "jump"))


def test_what_is_right_in_all_is_worth_all():
    exam = located_exam([FILM], [told((8, 20, 0, 0.9), (40, 60, 1, 0.8))])
    assert exam.figures == {
        "mAP, tIoU 0.3 to 0.7": 1,
        "precision of the timelines, tIoU 0.5": 1,
        "recall of the timelines, tIoU 0.5": 1,
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


def test_a_label_has_the_threshold_of_the_model_and_the_figures_of_the_timelines():
    at = {"run": AtPoint(threshold=0.7, precision=0.5, recall=0.25, f1=1 / 3)}
    exam = located_exam([FILM], [told((8, 20, 0, 0.9))], points=at, labels=THREE)
    run, jump, sit = exam.classes
    assert (run.threshold, run.precision, run.recall, run.f1, run.ap) == (0.7, 1, 1, 1, 1)
    assert [(c.num_examples, c.num_films) for c in exam.classes] == [(1, 1), (1, 1), (0, 0)]
    assert (jump.threshold, jump.precision, jump.recall, jump.ap) == (None, None, 0, 0)
    assert (sit.ap, sit.precision, sit.recall, sit.f1, sit.threshold) == (None,) * 5


def test_nothing_found_at_all_is_worth_nothing_and_still_a_figure():
    exam = located_exam([FILM], [told()])
    assert exam.figures["mAP, tIoU 0.3 to 0.7"] == 0
    assert exam.figures["frame accuracy"] == pytest.approx(48 / 80)
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in exam.figures.values())
    json.dumps(exam.scores.to_dict(), allow_nan=False)


def test_phases_are_scored_frame_by_frame():
    def of(true_s, said_s):
        film, said = (track(80, (0.0, s, "run"), (s, 20.0, "jump")) for s in (true_s, said_s))
        return exam_of([film], [phases_of(said)], "dense", choice(NO_THRESHOLD))

    right, late = of(9.875, 9.875), of(9.875, 11.875)
    assert right.main == "frame accuracy"
    assert right.figures["frame accuracy"] == right.figures["F1@50"] == right.figures["mAP, tIoU 0.3 to 0.7"] == 1
    assert right.mistakes == ()
    assert late.figures["frame accuracy"] == pytest.approx(1 - 2 / 20)
    assert late.mistakes == (("jump", "run", pytest.approx(20 / 101)),)  # of tenths of a second


def test_clips_are_scored_by_their_likeliest_label():
    clips = [clip(n, label) for n, label in enumerate(["run", "run", "run", "jump"])]
    said = [GridScores(clip=np.array(p, np.float32)) for p in ([0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7])]
    points = {"run": AtPoint(threshold=0.55, precision=1, recall=2 / 3, f1=0.8)}
    exam = exam_of(clips, said, "classification", choice(), thresholds=points)
    assert exam.figures == {"top-1": 0.75, "mean per class": pytest.approx((2 / 3 + 1) / 2)}
    assert exam.mistakes == (("run", "jump", pytest.approx(1 / 3)),)
    run, jump = exam.classes
    assert (run.threshold, jump.threshold) == (0.55, None)
    assert (run.precision, run.recall, run.f1) == (1, pytest.approx(2 / 3), pytest.approx(0.8))
    assert (jump.precision, jump.recall, jump.f1) == (0.5, 1, pytest.approx(2 / 3))
    assert [(film.name, film.figure, film.confused) for film in exam.films][:2] == [
        ("clip 2", 0.0, ("run", "jump", pytest.approx(0.8))),
        ("clip 0", 1.0, None),
    ]


def test_several_films_count_together():
    other = track(40, (1.0, 4.0, "run"), name="other")
    exam = located_exam([FILM, other], [told((8, 20, 0, 0.9), (40, 60, 1, 0.8)), told()])
    assert exam.figures["F1 of the timelines, tIoU 0.5"] == pytest.approx(2 * 2 / (2 + 3))
    assert exam.classes[0].recall == 0.5


# ---- how sure it is


def phased(num_right, group, name):
    """A film of 20 s of run, of which a model calls so many quarters of seconds run and the others jump."""
    film = replace(track(80, (0.0, 20.0, "run"), name=name), group=group)
    frame = np.zeros((80, 2), np.float16)
    frame[:num_right, 0] = frame[num_right:, 1] = 0.9
    return film, GridScores(frame=frame)


def phased_exam(*pairs, **options):
    films, said = zip(*pairs, strict=True)
    return exam_of(films, said, "dense", choice(NO_THRESHOLD), **options)


def test_the_interval_is_students_of_the_films_and_wider_out_of_fold():
    shares = [36, 40, 38, 42, 44]
    pairs = [phased(num, f"film {n}", f"film {n}") for n, num in enumerate(shares)]
    values = np.array(shares) / 80
    low, high = stats.t.interval(0.9, 4, values.mean(), stats.sem(values))
    exam = phased_exam(*pairs)
    assert exam.figures["frame accuracy"] == pytest.approx(0.5, abs=0.01)  # a run ends between two positions
    assert exam.intervals["frame accuracy"] == pytest.approx((low, high), abs=0.012)
    wider = phased_exam(*pairs, widened=OUT_OF_FOLD).intervals["frame accuracy"]
    assert wider == pytest.approx((0.5 - 1.25 * (0.5 - low), 0.5 + 1.25 * (high - 0.5)), abs=0.012)
    assert exam.new_films[0] < low < high < exam.new_films[1]


def test_films_of_one_source_count_as_one():
    """Of two sources with two films each, the interval is that of two films."""
    both = phased_exam(
        *(phased(num, group, name) for num, group, name in zip([30, 30, 50, 50], "aabb", "1234", strict=True))
    )
    single = phased_exam(phased(30, "a", "1"), phased(50, "b", "3"))
    assert (both.num_groups, len(both.films)) == (2, 4)
    assert both.intervals["frame accuracy"] == pytest.approx(single.intervals["frame accuracy"])


def test_of_one_source_there_is_no_interval():
    exam = phased_exam(phased(30, "a", "1"), phased(50, "a", "2"))
    assert exam.intervals == {}
    assert exam.new_films is None


def test_films_come_worst_first_with_what_was_confused_there():
    exam = phased_exam(phased(60, "a", "good"), phased(20, "b", "bad"), phased(80, "c", "best"))
    assert [(film.name, film.figure, film.confused) for film in exam.films] == [
        ("bad", pytest.approx(0.25, abs=0.01), ("run", "jump", pytest.approx(15, abs=0.2))),
        ("good", pytest.approx(0.75, abs=0.01), ("run", "jump", pytest.approx(5, abs=0.2))),
        ("best", 1.0, None),
    ]


def test_films_in_which_actions_are_found_are_compared_by_the_f1_of_their_timelines():
    other = track(40, (1.0, 4.0, "run"), (5.0, 8.0, "jump"), name="other")
    exam = located_exam([FILM, other], [told((8, 20, 0, 0.9), (40, 60, 1, 0.8)), told((4, 16, 0, 0.9))])
    assert exam.film_figure == "F1 of the timelines, tIoU 0.5"
    assert [(film.name, film.figure) for film in exam.films] == [("other", pytest.approx(2 / 3)), ("film", 1.0)]
    assert exam.films[0].confused == ("jump", None, pytest.approx(3, abs=0.1))


def test_scores_are_calibrated_before_they_are_judged():
    """A model says 0.9 and is right half of the time: as the square root of the odds it says 0.75."""
    pairs = [phased(40, "a", "1"), phased(40, "b", "2")]
    films, said = zip(*pairs, strict=True)
    exam = exam_of(films, said, "dense", choice(NO_THRESHOLD, calibration=Calibration(scale=0.5)))
    assert exam.sureness.unit == "positions"
    assert exam.sureness.before.said == pytest.approx([0.9], abs=1e-3)
    assert exam.sureness.after.said[0] < 0.75
    assert exam.sureness.after.happened == (0.5,)
    assert exam.sureness.after.counts == (160,)


def test_each_film_is_drawn_by_its_own_choice():
    """The same prediction is shown in one film, and hidden by a higher threshold in the other."""
    films = [track(80, (2.0, 5.0, "run"), name=name) for name in ("a", "b")]
    strict = choice(replace(POINTS, own={"run": OperatingPoint(high=0.95, low=0.4)}))
    exam = examine(
        films, [told((8, 20, 0, 0.9))] * 2, LABELS, "localization", HEADS["localization"], {}, [choice(), strict]
    )
    assert exam.figures["recall of the timelines, tIoU 0.5"] == 0.5
