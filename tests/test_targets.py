"""Targets of the pyramid, against the definition point by point; losses against figures worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.heads.losses import dense_loss, diou_loss, focal_loss
from vtn_stream.heads.targets import pyramid_targets


def targets(segments, labels, num_points, num_classes=3):
    segments = torch.tensor(segments, dtype=torch.float64).reshape(-1, 2)
    return pyramid_targets(segments, torch.tensor(labels, dtype=torch.int64), num_points, num_classes)


def test_the_worked_example():
    levels = targets([(10, 22)], [1], [40, 20, 10, 5])
    asked = {
        2**level: {
            2**level * k: tuple(target.offsets[k].tolist()) for k in target.positive.nonzero().flatten().tolist()
        }
        for level, target in enumerate(levels)
    }
    assert asked == {
        1: {},
        2: {14: (2, 4), 16: (3, 3), 18: (4, 2)},
        4: {12: (0.5, 2.5), 20: (2.5, 0.5)},
        8: {},
    }
    for target in levels:
        assert target.classes[target.positive].tolist() == [[0, 1, 0]] * int(target.positive.sum())
        assert not target.classes[~target.positive].any()


def by_definition(segments, labels, level, num_levels, k, num_classes):
    t, stride = float(k * 2**level), 2**level
    low = 0 if level == 0 else 2 ** (level + 1)
    high = math.inf if level == num_levels - 1 else 2 ** (level + 2)
    asked = []
    for (s, e), label in zip(segments, labels, strict=True):
        c = (s + e) / 2
        if max(c - 1.5 * stride, s) < t < min(c + 1.5 * stride, e) and low <= max(t - s, e - t) <= high:
            asked.append((e - s, s, e, label))
    if not asked:
        return None, [0] * num_classes
    shortest = min(asked)
    offsets = ((t - shortest[1]) / stride, (shortest[2] - t) / stride)
    classes = {label for length, _, _, label in asked if length <= shortest[0] + 1e-3}
    return offsets, [int(label in classes) for label in range(num_classes)]


@given(
    data=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60), st.integers(0, 2)), max_size=6),
    num_levels=st.integers(1, 5),
)
def test_targets_are_the_definition_at_every_point(data, num_levels):
    segments, labels = [(a / 2, (a + n) / 2) for a, n, _ in data], [c for *_, c in data]
    num_points = [-(-61 // 2**level) for level in range(num_levels)]
    for level, target in enumerate(targets(segments, labels, num_points)):
        for k in range(num_points[level]):
            offsets, classes = by_definition(segments, labels, level, num_levels, k, 3)
            assert target.classes[k].tolist() == classes
            assert bool(target.positive[k]) == (offsets is not None)
            lengths = {n for (_, n, _) in data}
            if offsets is not None and len(lengths) == len(data):  # of equally short ones either may be told
                assert target.offsets[k].tolist() == pytest.approx(offsets)


def test_focal_loss_at_even_odds():
    loss = focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))
    assert loss.tolist() == pytest.approx([0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)])
    assert loss.tolist() == pytest.approx([0.04332, 0.12996], abs=1e-5)


def test_diou_of_shifted_and_of_equal_segments():
    predicted = torch.tensor([[1.0, 3.0], [2.0, 2.0], [0.0, 0.0]], requires_grad=True)
    loss = diou_loss(predicted, torch.tensor([[2.0, 2.0]] * 3))
    assert loss.tolist() == pytest.approx([0.44, 0.0, 1.0])
    loss.sum().backward()
    assert predicted.grad.isfinite().all()


def test_no_positive_point_is_a_zero_that_still_learns():
    offsets = torch.ones(4, 2, requires_grad=True)
    diou_loss(offsets[:0], torch.ones(0, 2)).sum().backward()
    assert offsets.grad.tolist() == [[0, 0]] * 4
    logits = torch.zeros(1, 3, 2, requires_grad=True)
    loss = dense_loss(logits, torch.zeros(1, 3, dtype=torch.int64), torch.zeros(1, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.isfinite().all()


def test_the_dense_loss_by_hand():
    logits = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0], [100.0, 0.0]]])
    labels, valid = torch.tensor([[0, 0, -1]]), torch.ones(1, 3, dtype=torch.bool)
    wrong = (math.log(2) + math.log(4 / 3)) / 2
    changes = [(math.log(1.5)) ** 2, math.log(0.5) ** 2, math.log(4 / 3) ** 2, 16]
    assert dense_loss(logits, labels, valid).item() == pytest.approx(wrong + 0.15 * sum(changes) / 4)
    valid = torch.tensor([[True, True, False]])
    assert dense_loss(logits, labels, valid).item() == pytest.approx(wrong + 0.15 * sum(changes[:2]) / 2)


def test_only_the_later_of_two_frames_learns_not_to_change():
    logits = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], requires_grad=True)
    dense_loss(logits, torch.full((1, 2), -1), torch.ones(1, 2, dtype=torch.bool)).backward()
    assert not logits.grad[0, 0].any()
    assert logits.grad[0, 1].any()
