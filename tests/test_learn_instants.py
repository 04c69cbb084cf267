"""Events without a length, as a network learns them: what it is asked, what it finds, and how that is judged."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import FPS, LABELS, WIDTH, clock, small, track

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.heads import HEADS
from vtn_stream.heads.judged import all_spans, instants_of, judge
from vtn_stream.heads.targets import pyramid_targets
from vtn_stream.metrics import THUMOS14, detection_map, spot_map
from vtn_stream.model import LocalizationConfig
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, Spans
from vtn_stream.training import linear
from vtn_stream.training.check import check_head, natural_head
from vtn_stream.training.crops import Crops
from vtn_stream.training.loop import fit
from vtn_stream.training.validation import predictions


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def at(time_s, label="run", score=None):
    return Segment(start_s=time_s, end_s=time_s, label=label, score=score)


# ---- what is asked


def test_the_three_points_next_to_an_instant_are_asked_on_the_finest_level():
    bounds, labels = torch.tensor([[10.4, 10.4], [20.0, 26.0]]), torch.tensor([0, 1])
    fine, coarse = pyramid_targets(bounds, labels, [40, 20], 2)
    assert fine.positive[:18].nonzero().flatten().tolist() == [9, 10, 11]
    assert fine.classes[9:12].tolist() == [[1, 0]] * 3
    # start and end of the stretch from 8.4 to 12.4: the middle between them is the instant
    assert fine.offsets[9:12].numpy() == pytest.approx(np.array([[0.6, 3.4], [1.6, 2.4], [2.6, 1.4]]), abs=1e-5)
    assert not coarse.positive[:9].any()


def test_at_a_point_an_instant_counts_and_not_the_segment_around_it():
    bounds, labels = torch.tensor([[10.0, 10.0], [7.0, 13.5]]), torch.tensor([0, 1])
    (fine,) = pyramid_targets(bounds, labels, [40], 2)
    assert fine.classes[10].tolist() == [1, 0]
    assert fine.offsets[10].tolist() == [2, 2]


def test_a_crop_asks_about_the_instants_in_it():
    film = track(160, *((t, t, "run") for t in (3.0, 15.5, 15.75, 39.0)))
    crops = Crops([film], LABELS, 64, 2, hold=True)  # 16 s, of 40
    seen = set()
    for epoch in range(12):
        for example in crops.epoch(epoch, seed=0):
            for bounds, labels in example.batch.segments:
                assert len(bounds)  # the crop holds one
                assert (bounds[:, 0] == bounds[:, 1]).all()
                assert labels.tolist() == [0] * len(bounds)
                seen.add(len(bounds))
    assert seen == {1, 2, 3}


# ---- what is found


def events(seed, num=160):
    """Noise in which run is a short rise in a direction, and jump one in another; neither has a length."""
    rng = np.random.default_rng(seed)
    values, told, time_s = 0.5 * rng.standard_normal((num, WIDTH)), [], rng.uniform(1, 3)
    grid_s = clock(num).grid_s
    while time_s < grid_s[-1] - 1:
        k = int(rng.integers(len(LABELS)))
        values[:, k] += 4 * np.maximum(0, 1 - np.abs(grid_s - time_s) * float(FPS) / 2)
        told.append((time_s, time_s, LABELS[k]))
        time_s += rng.uniform(1, 5)
    return track(num, *told, name=f"film {seed}", values=values)


@pytest.fixture(scope="module")
def learnt():
    head = LocalizationConfig(num_classes=2, num_levels=2, tower_width=32)
    films = [events(seed) for seed in range(16)]
    return fit(films, LABELS, replace(small(), head=head, num_epochs=8), FPS, backbone="none")


def test_instants_are_learnt_to_a_fraction_of_a_position(learnt):
    others = [events(seed) for seed in range(60, 68)]
    told = predictions(learnt.network, others, FPS)
    found = {film.name: all_spans(one, film, LABELS, LABELS) for one, film in zip(told, others, strict=True)}
    truth = {film.name: film.segments for film in others}
    assert spot_map(found, truth, [0.25]).mean_ap[0] > 0.9
    errors = []
    for film in others:
        sure = [s for s in found[film.name] if s.score > 0.3]
        assert all(s.start_s == s.end_s for s in sure)
        errors += [min((s.start_s - true.start_s for s in sure), key=abs) for true in film.segments]
    assert abs(np.mean(errors)) < 0.05  # seconds; half a position is 0.125
    assert np.median(np.abs(errors)) < 0.125


def test_a_linear_model_learns_the_positions_next_to_an_instant():
    head = LocalizationConfig(num_classes=2, num_levels=2, tower_width=32)
    held, _ = linear._held(track(40, (2.6, 2.6, "run"), (5.0, 6.0, "jump")), LABELS, head)
    assert [np.flatnonzero(of).tolist() for of in held.T] == [[9, 10, 11], [20, 21, 22, 23]]

    films = [events(seed) for seed in range(12)]
    settings = linear.natural_linear(films, LABELS, "localization", FPS, decay=1e-4)
    network = linear.fit_linear(films, LABELS, settings, backbone="none").network
    others = [events(seed) for seed in range(60, 66)]
    told = predictions(network, others, FPS)
    found = {film.name: all_spans(one, film, LABELS, LABELS) for one, film in zip(told, others, strict=True)}
    assert spot_map(found, {film.name: film.segments for film in others}, [1.0]).mean_ap[0] > 0.6


# ---- how it is judged


def test_instants_are_judged_by_spotting_and_segments_by_detection():
    segment = Segment(start_s=10, end_s=14, label="jump")
    truth = {"a": [at(5), segment], "b": [at(30)]}
    found = {
        "a": [at(5.6, score=0.9), at(20, score=0.7), replace(segment, end_s=12, score=0.8)],
        "b": [at(31.5, score=0.4), at(3, "unknown", 0.9)],
    }
    of = judge(found, truth)
    assert of.keys() == {"run", "jump"}
    spots = {name: [s for s in segments if s.label == "run"] for name, segments in found.items()}
    assert of["run"].ap == pytest.approx(spot_map(spots, {"a": [at(5)], "b": [at(30)]}, (0.5, 1, 2)).mean_ap.mean())
    assert of["run"].right.tolist() == [True, False, False]  # within 1 s
    alone = detection_map({"a": [found["a"][2]]}, {"a": [segment]}, THUMOS14)
    assert of["jump"].ap == pytest.approx(alone.average_map)
    assert of["jump"].right.tolist() == [True]


def test_thresholds_of_instants_have_the_best_f1_within_a_second():
    head = HEADS["localization"]
    film = track(160, (5, 5, "run"), (20, 20, "run"), (30, 34, "jump"))
    told = [(21, 0.9, 0), (82, 0.7, 0), (50, 0.6, 0), (100, 0.5, 0), (128, 0.3, 1)]  # (position, score, class)
    spans = Spans(
        bounds=np.array([(p - 2.0, p + 2.0) if k == 0 else (120.0, 136.0) for p, _, k in told]),
        classes=np.array([k for *_, k in told]),
        scores=np.array([score for _, score, _ in told]),
    )
    points = head.thresholds([GridScores(spans=spans)], [film], LABELS)
    assert (points["run"].f1, points["run"].threshold) == (1, pytest.approx(0.65))  # 5.25 s and 20.5 s are found
    assert (points["jump"].f1, points["jump"].threshold) == (1, pytest.approx(0.15))
    assert head.metric([GridScores(spans=spans)], [film], LABELS) == pytest.approx((1 + 1) / 2)


def test_labels_are_instants_if_their_events_have_no_length():
    assert instants_of([track(40, (1, 1, "run")), track(40, (1, 2, "jump"))]) == {"run"}


# ---- which head


def test_instants_are_learnt_by_the_localization_head_alone():
    phases = [Segment(start_s=10 * n, end_s=10 * n + 10, label="AB"[n % 2]) for n in range(6)]
    alone = {"a": AnnotatedVideo(segments=tuple(phases), duration_s=60)}
    both = {"a": replace(alone["a"], segments=(*phases, at(15)))}
    assert (natural_head(alone), natural_head(both)) == ("dense", "localization")
    check_head(both, "localization")
    with pytest.raises(InputError, match="a dense head gives every moment one label, but events labelled run have no"):
        check_head(both, "dense")
