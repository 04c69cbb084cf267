"""Scores that mean what they say: the factor of the logits, fitted on films that the network did not learn, and folded
into its last layer.

N statements, K labels. For labels that exclude each other, the temperature of Guo et al., "On Calibration of Modern
Neural Networks" (2017), by the criterion of Clarté et al., "Expectation consistency for calibration of neural networks"
(2023). For segments, Platt, "Probabilistic Outputs for Support Vector Machines" (1999).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["AS_IT_IS", "Calibration", "fold", "odds", "of_probabilities", "of_segments", "scaled", "share"]

LOWEST = 1e-4  # of a probability: stored ones are float16, and the rest to 1 is not exact below
MIN_SCALE, MAX_SCALE = 0.1, 3.0  # films in which all is right, or all is wrong, would ask for infinity
MAX_STATEMENTS = 200_000  # of more, each second, third ... is enough for one number
NUM_STEPS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The logits become scale * logit + shift. 1 / scale is called temperature; shift is of segments only."""

    scale: float = 1.0
    shift: float = 0.0


AS_IT_IS = Calibration()


def of_probabilities(probabilities: NDArray[np.floating], truth: NDArray[np.integer], num_examples: int) -> Calibration:
    """The scale with which the highest of probabilities [N, K], which add up to 1, is on average the share of the true
    labels [N] that it finds.

    It is this share that people read off a score. The scale of the greatest likelihood is another one where the films
    hold what nobody could know, such as a label that was never learnt: it makes all scores too low.
    num_examples  that the statements rest on: neighbouring positions say nearly the same. Few examples that are all
                  right do not make the network sure: one more is taken as right, and one as wrong
    """
    if not len(truth) or probabilities.shape[1] < 2:
        return AS_IT_IS
    step = -(-len(truth) // MAX_STATEMENTS)
    logits = np.log(np.maximum(probabilities[::step].astype(np.float64), LOWEST))
    right = float((logits.argmax(axis=1) == truth[::step]).mean())
    wanted = (right * num_examples + 1) / (num_examples + 2)
    low, high = MIN_SCALE, MAX_SCALE
    for _ in range(NUM_STEPS):  # the highest probability grows with the scale
        middle = (low * high) ** 0.5
        too_sure = float(_softmax(middle * logits).max(axis=1).mean()) > wanted
        low, high = (low, middle) if too_sure else (middle, high)
    return Calibration(scale=low)


def of_segments(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> Calibration:
    """The scale and shift of the logits for which scores [N] say best how often segments are right [N]; unchanged
    where better scores are not right more often.
    """
    num_right = int(np.count_nonzero(right))
    num_wrong = len(right) - num_right
    if not (num_right and num_wrong):
        return AS_IT_IS
    x = np.column_stack([odds(scores), np.ones(len(scores))])
    wanted = np.where(right, (num_right + 1) / (num_right + 2), 1 / (num_wrong + 2))
    weights = np.array([1.0, 0.0])
    for _ in range(NUM_STEPS):  # Newton's method, with half a step where a whole one makes it worse
        said = share(x @ weights)
        slope = x.T @ (said - wanted)
        bend = (x * (said * (1 - said))[:, None]).T @ x + 1e-6 * np.eye(2)
        change = np.linalg.solve(bend, slope)
        for _ in range(NUM_STEPS):
            if _loss(x @ (weights - change), wanted) <= _loss(x @ weights, wanted):
                break
            change /= 2
        weights = weights - change
        if np.abs(change).max() < 1e-9:
            break
    scale, shift = weights.tolist()
    if scale <= 0:
        return AS_IT_IS
    within = float(np.clip(scale, MIN_SCALE, MAX_SCALE))
    if within != scale:  # the shift belongs to the scale: with another one, all would be called right, or all wrong
        shift = _shift(within * x[:, 0], float(wanted.mean()))
    return Calibration(scale=within, shift=shift)


def _shift(logits: NDArray[np.float64], wanted: float) -> float:
    """What is added to the logits [N] so that their shares are `wanted` on average; between 0 and 1."""
    at = float(odds(np.array([wanted]))[0])
    low, high = at - float(logits.max()), at - float(logits.min())
    for _ in range(NUM_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if share(logits + middle).mean() > wanted else (middle, high)
    return low


def scaled(probabilities: NDArray[np.floating], calibration: Calibration) -> NDArray[np.float64]:
    """Probabilities [N, K] that add up to 1, as the scaled logits give them."""
    return _softmax(calibration.scale * np.log(np.maximum(probabilities.astype(np.float64), LOWEST)))


def fold(layer: nn.Module, calibration: Calibration) -> None:
    """Puts the calibration into the weights of a linear map or a convolution that gives the logits."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    with torch.no_grad():
        weight.mul_(calibration.scale)
        bias.mul_(calibration.scale).add_(calibration.shift)


def odds(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """The logits of shares 0..1."""
    within = np.clip(shares.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.log(within / (1 - within))


def share(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `odds`."""
    return 0.5 * (1 + np.tanh(logits / 2))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _loss(logits: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0, logits) - wanted * logits).sum())
