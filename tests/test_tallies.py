"""What each film adds to the figures: one film scored alone, all of them, and copies of them are the oracle."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_films import LABELS, TRUTH, annotations, predicted, scored, seg

from vtn_stream.errors import InputError
from vtn_stream.evaluation import Prediction, score
from vtn_stream.evaluation.comparison import (
    FEW_FILMS,
    NUM_RESAMPLES,
    SEED,
    compare,
    joint_notes,
    only_labels,
    shared_labels,
)
from vtn_stream.evaluation.film_figures import film_figures, save_figures, undefined
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.metrics import average_recall, proposal_ranks

METRICS = ("detection", "segmentation")


def films(seed, num=6, labels=LABELS):
    """Predictions that are often right, with scores that are all different."""
    rng = np.random.default_rng(seed)
    truth, found = {}, {}
    values = iter(rng.permutation(1000) / 1000)
    for v in range(num):
        name = f"f{v}"
        starts = np.sort(rng.choice(np.arange(0, 90, 10), 4 if v else 0, replace=False))
        truth[name] = [seg(s, s + 8, labels[rng.integers(len(labels))]) for s in starts]
        late = [replace(s, end_s=s.end_s + 3 * rng.random(), score=next(values)) for s in truth[name]]
        other = [seg(s, s + 5, labels[rng.integers(len(labels))], next(values)) for s in rng.integers(0, 90, 3)]
        found[name] = [s for s in late if rng.random() < 0.8] + other
    return truth, found


def figures_of(scores, metric):
    """Every figure as `score` gives it, by the names of the tally."""
    if metric == "detection":
        d = scores.detection
        recall = d.proposals.average_recall
        return [
            d.ranked.average_map,
            d.total.precision,
            d.total.recall,
            d.total.f1,
            *d.ranked.mean_ap,
            *(recall[n - 1] for n in (1, 5, 10, 50, 100)),
            d.proposals.area,
        ]
    if metric == "segmentation":
        s = scores.segmentation.scores
        return [s.accuracy / 100, s.edit / 100, *(f1 / 100 for f1 in s.f1)]
    if metric == "phases":
        return [
            value / 100
            for form in scores.phases.forms.values()
            for value in (form.accuracy, form.precision.mean, form.recall.mean, form.jaccard.mean)
        ]
    if metric == "spotting":
        s = scores.spotting
        return [
            *(value for of in (s.seconds, s.frames) if of is not None for value in of.mean_ap),
            s.tight.average_map,
            s.loose.average_map,
            s.total.precision,
            s.total.recall,
            s.total.f1,
        ]
    clips = [scores.clips, *([scores.clips.by_highest_score] if scores.clips.by_highest_score else [])]
    return [v for c in clips for v in (c.top_1, *([] if c.top_5 is None else [c.top_5]), c.mean_per_class)]


def only(truth, names):
    return replace(truth, videos={name: truth.videos[name] for name in names})


def check(truth, found, metrics, seed=0):
    """Of all films, of each alone, and of random copies: what the tally says is what `score` says."""
    scores = score(found, truth, metrics=metrics)
    copies = np.random.default_rng(seed).multinomial(len(truth.videos), [1 / len(truth.videos)] * len(truth.videos), 3)
    for metric, tally in scores.tallies().items():
        kept = [f for f, figure in enumerate(tally.names) if figure.label is None]
        assert tally.of_all()[kept] == pytest.approx(figures_of(scores, metric), nan_ok=True, abs=1e-12)
        for name, of in zip(tally.films, tally.of_each()[:, kept], strict=True):
            try:
                alone = score({n: p for n, p in found.items() if n == name}, only(truth, [name]), metrics=[metric])
            except InputError:  # there is nothing to find
                continue
            assert of == pytest.approx(figures_of(alone, metric), nan_ok=True, abs=1e-12), (metric, name)
        for times in copies:
            names = {f"{name} {k}": name for name, n in zip(sorted(truth.videos), times, strict=True) for k in range(n)}
            again = replace(truth, videos={copy: truth.videos[name] for copy, name in names.items()})
            expected = score({c: found[n] for c, n in names.items() if n in found}, again, metrics=[metric])
            row = times[[sorted(truth.videos).index(film) for film in tally.films]]
            given = tally.figures(row[None].astype(float))[0, kept]
            assert given == pytest.approx(figures_of(expected, metric), nan_ok=True, abs=1e-12), metric


@pytest.mark.parametrize("seed", range(4))
def test_segments(seed):
    truth, found = films(seed)
    check(annotations(truth), predicted(found), METRICS, seed)


def test_candidates_and_what_is_shown_are_told_apart():
    truth, found = films(7)
    predictions = {n: Prediction(segments=tuple(f[:2]), candidates=tuple(f)) for n, f in found.items() if n != "f3"}
    check(annotations(truth), predictions, METRICS)


def test_phases():
    rng = np.random.default_rng(0)

    def phases(num):
        borders = [0, *np.sort(rng.choice(np.arange(50, 1150), num - 1, replace=False)), 1200]
        return [seg(*borders[i : i + 2], name) for i, name in enumerate(PHASES[:num])]

    truth = {f"v{i}": phases(num) for i, num in enumerate((7, 7, 5, 3))}
    found = {name: phases(len(of)) for name, of in truth.items()}
    check(annotations(truth, labels=PHASES, durations=1200.0), predicted(found), ["phases"])


@pytest.mark.parametrize("num_labels", [3, 7])
def test_labels_of_whole_films(num_labels):
    labels = tuple("abcdefg"[:num_labels])
    rng = np.random.default_rng(1)
    videos = {f"{k}": AnnotatedVideo(clip_label=labels[rng.integers(3)]) for k in range(8)}
    truth = Annotations(format="test", labels=labels, videos=videos)
    values = rng.permutation(8 * num_labels).reshape(8, num_labels) / 100
    found = {str(k): Prediction(clip_labels=tuple(zip(labels, values[k], strict=True))) for k in range(7)}
    check(truth, found, ["clips"])


def test_whole_films_that_segments_decide():
    truth, found = films(2)
    named = annotations(dict.fromkeys(truth, ()), clip_label="walk")
    named = replace(
        named, videos={n: replace(v, clip_label=LABELS[i % 3]) for i, (n, v) in enumerate(named.videos.items())}
    )
    check(named, predicted(found), ["clips"])


def test_spots():
    truth, found = films(3)
    spots = {n: [replace(s, end_s=s.start_s) for s in of] for n, of in truth.items()}
    near = {n: [replace(s, start_s=s.start_s + 0.7, end_s=s.start_s + 0.7) for s in of] for n, of in found.items()}
    check(annotations(spots), predicted(near), ["spotting"])


def test_recall_of_proposals_counts_copies_as_films():
    truth, found = films(5)
    ranks = proposal_ranks(found, truth)
    times = np.array([[0, 3, 1, 0, 2]])
    copies = [(f"{name} {k}", name) for name, n in zip(ranks.videos, times[0], strict=True) for k in range(n)]
    expected = average_recall({c: found[n] for c, n in copies}, {c: truth[n] for c, n in copies})
    assert next(ranks.recalls(times)).tolist() == expected.recall.tolist()


# ---- two models


def pair(seed):
    truth, first = films(seed)
    second = {name: found[:-2] for name, found in first.items()}
    return truth, [score(predicted(of), annotations(truth), metrics=METRICS) for of in (first, second)], (first, second)


def test_the_interval_is_that_of_a_plain_loop():
    truth, (a, b), found = pair(1)
    # fewer resamples, so that the loop is quick: the first ones of the same seed
    comparison = compare(("a", "b"), a.tallies(), b.tallies(), num_resamples=20)
    rng, names, drawn = np.random.default_rng(SEED), sorted(truth), []
    for times in rng.multinomial(len(names), [1 / len(names)] * len(names), 20):
        copies = {f"{name} {k}": name for name, n in zip(names, times, strict=True) for k in range(n)}
        again = annotations({copy: truth[name] for copy, name in copies.items()})
        both = [score(predicted({c: of[n] for c, n in copies.items()}), again, metrics=METRICS) for of in found]
        drawn.append([np.subtract(figures_of(both[1], m), figures_of(both[0], m)) for m in METRICS])
    for k, metric in enumerate(METRICS):
        rows = [d for d in comparison.differences if d.metric == metric and d.figure.label is None]
        low, high = np.quantile([draw[k] for draw in drawn], [0.025, 0.975], axis=0)
        assert [d.interval[0] for d in rows] == pytest.approx(low.tolist(), abs=1e-12)
        assert [d.interval[1] for d in rows] == pytest.approx(high.tolist(), abs=1e-12)
        assert [d.difference for d in rows] == pytest.approx(np.subtract(figures_of(b, metric), figures_of(a, metric)))


def test_a_model_is_no_better_than_itself():
    _, (a, _), _ = pair(2)
    comparison = compare(("a", "a too"), a.tallies(), a.tallies())
    assert {d.difference for d in comparison.differences} == {0}
    assert {d.interval for d in comparison.differences} == {(0, 0)}
    assert all(d.films[:2] == (0, 0) for d in comparison.differences)
    assert comparison.to_dict()["interval"]["resamples"] == NUM_RESAMPLES


def test_films_in_which_each_is_better_are_counted():
    truth = {n: [seg(0, 10, "walk")] for n in "abc"}
    first = {"a": [seg(0, 10, "walk", 0.9)], "b": [seg(0, 10, "walk", 0.9)], "c": []}
    second = {"a": [seg(0, 10, "walk", 0.9)], "b": [], "c": []}
    a, b = (score(predicted(of), annotations(truth), metrics=["detection"]).tallies() for of in (first, second))
    recall = next(d for d in compare(("a", "b"), a, b).differences if d.figure.name == "recall")
    assert recall.films == (1, 0, 2)
    assert recall.difference == pytest.approx(-1 / 3)
    precision = next(d for d in compare(("a", "b"), a, b).differences if d.figure.name == "precision")
    assert precision.films == (0, 0, 1)  # what shows nothing has none


def test_notes_of_one_model_have_its_name():
    truth, found = films(0)
    known = Prediction(segments=tuple(found["f1"]), candidates=tuple(found["f1"]))
    both = [score({"f1": of}, annotations(truth), metrics=METRICS) for of in (known, replace(known, candidates=None))]
    notes = joint_notes(("a", "b"), both)
    assert next(note for note in notes if "Average precision" in note).startswith("b: Average precision counts what")
    assert any(note.startswith("There is no prediction for 5 of 6 films") for note in notes)


def test_few_films_are_said_to_be_few():
    truth, found = films(0, num=3)
    tallies = score(predicted(found), annotations(truth), metrics=METRICS).tallies()
    assert any("3 films say little about others" in note for note in compare(("a", "b"), tallies, tallies).notes)
    one = score(predicted({"a": scored(TRUTH["a"])}), annotations({"a": TRUTH["a"]}), metrics=METRICS).tallies()
    comparison = compare(("a", "b"), one, one)
    assert {d.interval for d in comparison.differences} == {None}
    assert any("There is no interval" in note for note in comparison.notes)


def test_a_label_of_few_of_many_films_has_no_interval_or_a_warning():
    truth = {f"f{k}": [seg(0, 10, "walk")] for k in range(FEW_FILMS + 1)}
    truth["f0"] += [seg(20, 30, "run"), seg(40, 50, "sit")]
    truth["f1"] += [seg(20, 30, "sit")]
    found = {name: [replace(s, score=0.5) for s in true] for name, true in truth.items()}
    worse = found | {"f0": found["f0"][:1], "f2": []}
    a, b = (score(predicted(of), annotations(truth), metrics=["detection"]).tallies() for of in (found, worse))
    comparison = compare(("a", "b"), a, b)
    intervals = {d.figure.name: d.interval for d in comparison.differences}
    assert intervals["AP of run"] is None  # one film says nothing of others: it would be -100 to -100
    assert None not in (intervals["mAP"], intervals["AP of walk"], intervals["AP of sit"])
    assert comparison.notes == (
        "Fewer than two films have detection AP of run: there is no interval.",
        f"Fewer than {FEW_FILMS} films have detection AP of sit: such intervals are too narrow, and may mislead.",
    )
    few = {name: truth[name] for name in ("f0", "f1", "f2")}
    a, b = (
        score(predicted({n: of[n] for n in few}), annotations(few), metrics=["detection"]).tallies()
        for of in (found, worse)
    )
    assert compare(("a", "b"), a, b).notes == (
        "3 films say little about others: the intervals are too narrow, and may mislead.",
        "Fewer than two films have detection AP of run: there is no interval.",
    )


def test_labels_of_two_models():
    names, truth = ("old", "new"), ("walk", "run")
    assert shared_labels(names, (("x", "walk"), ("walk", "x")), truth) == ()  # alike: as for one model
    notes = shared_labels(names, (("run", "walk", "zap"), ("walk", "run")), truth)
    assert notes == ("Left out of old: what it calls zap, as the annotations have no such label.",)
    with pytest.raises(InputError, match="old and new differ: new does not know run; they were not compared"):
        shared_labels(names, (("run", "walk"), ("walk",)), truth)
    kept = only_labels({"a": Prediction(segments=(seg(0, 1, "zap", 1), seg(1, 2, "run", 1)), candidates=())}, truth)
    assert kept == {"a": Prediction(segments=(seg(1, 2, "run", 1),), candidates=())}


# ---- film by film


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_the_order_of_films_and_segments_changes_nothing(seed, random):
    truth, found = films(seed)
    rows = []
    for shuffle in (False, True):
        names = list(truth)
        if shuffle:
            random.shuffle(names)
        of = {n: random.sample(found[n], len(found[n])) if shuffle else found[n] for n in names}
        true = {n: random.sample(truth[n], len(truth[n])) if shuffle else truth[n] for n in names}
        scores = score(predicted(of), annotations(true), metrics=METRICS)
        tallies = scores.tallies()
        rows.append([row.to_dict() for row in film_figures(scores, tallies)])
        rows.append([d.to_dict() for d in compare(("a", "b"), tallies, tallies, num_resamples=5).differences])
    assert rows[:2] == rows[2:]


def test_the_worst_film_comes_first_and_what_is_undefined_last_and_empty(tmp_path):
    truth = {"a": [seg(0, 10, "walk")], "=b": [seg(0, 10, "walk"), seg(20, 30, "run")], "c": []}
    found = {"a": [seg(0, 10, "walk", 0.9)], "=b": [seg(0, 10, "walk", 0.9)], "c": []}
    scores = score(predicted(found), annotations(truth), metrics=METRICS)
    rows = film_figures(scores, scores.tallies())
    assert [(row.film, row.main) for row in rows[:2]] == [("=b", 0.5), ("a", 1)]
    assert rows[2].to_dict()["detection"]["mAP"] is None
    assert rows[2].to_dict()["segmentation"]["accuracy"] == 1
    assert (
        undefined(rows) == "1 film has no mAP of detection, as there is nothing to find or to compare: it stands last."
    )
    save_figures(tmp_path / "films.csv", {None: rows})
    lines = [line.split(",") for line in (tmp_path / "films.csv").read_text().splitlines()]
    assert lines[0][:5] == ["film", "duration_s", "num_true", "num_shown", "detection mAP"]
    assert [line[:5] for line in lines[1:]] == [
        ["'=b", "100", "2", "1", "0.5"],
        ["a", "100", "1", "1", "1"],
        ["c", "100", "0", "0", ""],
    ]
    save_figures(tmp_path / "two.csv", {"old": rows, "new": rows})
    assert (tmp_path / "two.csv").read_text().splitlines()[4].startswith("'=b,new,100,2,1,0.5")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder cannot be written"):
        save_figures(tmp_path / "folder", {None: rows})
