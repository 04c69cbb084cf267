"""Logistic regression to its optimum: against plain numpy, scipy, and the conditions of an optimum."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from vtn_stream.training import logistic as logistic_module
from vtn_stream.training.logistic import components, log_loss, logistic

BIAS_DECAY = logistic_module.BIAS_DECAY


def made(num, num_features, num_classes=3, seed=0):
    """(features float32 [n, F] of mean 0, classes [n]): the classes differ along some features."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, num_classes, num)
    features = rng.standard_normal((num, num_features)) * np.geomspace(3, 0.1, num_features)
    features[:, :num_classes] += np.eye(num_classes)[classes]
    features -= features.mean(0)
    return torch.from_numpy(features).float(), torch.from_numpy(classes)


def objective(features, classes, num_classes, decay):
    """The value of flat (weight, bias) in numpy, from its definition."""
    x, y = features.double().numpy(), classes.numpy()
    prior = np.log((np.bincount(y, minlength=num_classes) + 1) / (len(y) + num_classes))

    def value(flat):
        weight, bias = np.split(flat, [num_classes * x.shape[1]])
        weight = weight.reshape(num_classes, -1)
        logits = x @ weight.T + bias
        entropy = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
        return entropy.mean() + decay / 2 * (weight**2).sum() + BIAS_DECAY / 2 * ((bias - prior) ** 2).sum()

    return value


def one_of(classes, num_classes=3):
    return torch.nn.functional.one_hot(classes, num_classes)


def fitted(features, classes, num_classes, decay):
    parts = components(features)
    weights = logistic(parts.scores, one_of(classes, num_classes), decay)
    return parts, weights


def flat(parts, weights):
    return np.concatenate([(weights.weight @ parts.directions.T).numpy().ravel(), weights.bias.numpy()])


@pytest.mark.parametrize(("num", "num_features"), [(60, 5), (12, 30)])
@pytest.mark.parametrize("decay", [1.0, 0.01])
def test_the_optimum_is_that_of_scipy_on_the_features_themselves(num, num_features, decay):
    features, classes = made(num, num_features)
    value = objective(features, classes, 3, decay)
    own = value(flat(*fitted(features, classes, 3, decay)))
    theirs = minimize(value, np.zeros(3 * num_features + 3), method="BFGS", options={"gtol": 1e-7}).fun
    assert own <= theirs + 1e-9


@pytest.mark.parametrize(("num", "num_features"), [(200, 40), (40, 200)])
def test_no_direction_leads_down_from_the_optimum(num, num_features):
    """The gradient, by autograd, in all features: also in those directions in which no examples differ."""
    features, classes = made(num, num_features)
    parts, weights = fitted(features, classes, 3, 0.05)
    weight = (weights.weight @ parts.directions.T).requires_grad_()
    bias = weights.bias.clone().requires_grad_()
    prior = ((torch.bincount(classes, minlength=3) + 1) / (num + 3)).double().log()
    loss = torch.nn.functional.cross_entropy(features.double() @ weight.T + bias, classes)
    (loss + 0.025 * weight.square().sum() + BIAS_DECAY / 2 * (bias - prior).square().sum()).backward()
    assert max(float(weight.grad.abs().max()), float(bias.grad.abs().max())) < 1e-6


def test_a_start_elsewhere_leads_to_the_same_optimum():
    features, classes = made(50, 20)
    parts, cold = fitted(features, classes, 3, 0.02)
    truth = one_of(classes)
    warm = logistic(parts.scores, truth, 0.02, start=logistic(parts.scores, truth, 5.0))
    torch.testing.assert_close(cold.weight, warm.weight, atol=1e-5, rtol=0)
    torch.testing.assert_close(cold.bias, warm.bias, atol=1e-5, rtol=0)


def test_a_class_without_examples_is_unlikely_but_possible():
    features, classes = made(40, 6)
    parts, weights = fitted(features, classes, 4, 0.1)  # nothing is of the fourth
    chances = (parts.scores @ weights.weight.T + weights.bias).softmax(1)[:, 3]
    assert chances.min() > 0
    assert chances.max() < 0.1


def test_log_loss_is_minus_the_logarithm_of_the_chance_of_what_is_true():
    features, classes = made(30, 4)
    parts, weights = fitted(features, classes, 3, 0.1)
    chances = (parts.scores @ weights.weight.T + weights.bias).softmax(1)
    oracle = -chances[torch.arange(30), classes].log()
    torch.testing.assert_close(log_loss(weights, parts.scores, one_of(classes)), oracle)


def test_classes_that_may_hold_at_once_are_fitted_each_by_itself():
    features, classes = made(60, 8)
    parts, truth = components(features), one_of(classes)
    together = logistic(parts.scores, truth, 0.05, exclusive=False)
    for k in range(3):
        alone = logistic(parts.scores, truth[:, [k]], 0.05, exclusive=False)
        torch.testing.assert_close(together.weight[k], alone.weight[0], atol=1e-5, rtol=0)
    weight = (together.weight @ parts.directions.T).requires_grad_()
    bias = together.bias.clone().requires_grad_()
    prior = ((truth.sum(0) + 1) / 62).double().logit()
    logits = features.double() @ weight.T + bias
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth.double(), reduction="none").sum(1).mean()
    (loss + 0.025 * weight.square().sum() + BIAS_DECAY / 2 * (bias - prior).square().sum()).backward()
    assert max(float(weight.grad.abs().max()), float(bias.grad.abs().max())) < 1e-6
    losses = log_loss(together, parts.scores, truth, exclusive=False)
    torch.testing.assert_close(losses.mean(), loss.detach(), atol=1e-6, rtol=0)


# ---- components


@pytest.mark.parametrize(("num", "num_features"), [(30, 7), (7, 30), (20, 20)])
def test_where_there_are_few_examples_components_hold_all_that_the_features_do(num, num_features):
    features, _ = made(num, num_features)
    parts = components(features)
    torch.testing.assert_close(parts.scores @ parts.directions.T, features.double(), atol=1e-5, rtol=0)
    eye = torch.eye(parts.directions.shape[1], dtype=torch.float64)
    torch.testing.assert_close(parts.directions.T @ parts.directions, eye, atol=1e-6, rtol=0)


def test_of_many_the_largest_components_are_kept():
    features, _ = made(300, 120)
    parts = components(features, most=10)
    largest = np.linalg.svd(features.double().numpy(), compute_uv=False)[:10]
    np.testing.assert_allclose(parts.singular.numpy(), largest, rtol=2e-2)
    left = torch.linalg.norm(features.double() - parts.scores @ parts.directions.T)
    best = np.sqrt((np.linalg.svd(features.double().numpy(), compute_uv=False)[10:] ** 2).sum())
    assert float(left) <= 1.02 * best
    assert parts.directions.shape == (120, 10)


def test_features_that_repeat_each_other_are_one_component():
    column = torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    column -= column.mean()
    assert components(column.repeat(1, 8)).directions.shape == (8, 1)
