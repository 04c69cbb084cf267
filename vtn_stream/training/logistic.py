"""Logistic regression to its optimum, of few examples with many features. Knows tensors only.

    n examples, F features, K classes, R components

Nothing here is random but the sketch of the components, which has a seed of its own; on one thread the same input gives
the same bits.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["Components", "LinearWeights", "Prior", "components", "log_loss", "logistic"]

MAX_COMPONENTS = 512
OVERSAMPLING, NUM_ITERATIONS = 16, 2  # of the sketch (Halko et al. 2011, section 4.5)
LEAST_SHARE = 1e-7  # of the largest singular value: what is less is rounding
# Of a bias, from the logarithm of its class's share: without it, a class without examples would have no optimum.
BIAS_DECAY = 1e-3
TOLERANCE = 1e-7  # of the gradient, in the scale of the preconditioned weights
MAX_ITERATIONS = 400


class Components(NamedTuple):
    """The directions in which examples differ: scores float64 [n, R], directions float64 [F, R], orthonormal, and the
    singular values [R], descending: features are scores @ directions.T, to what the left out components hold.
    """

    scores: Tensor
    directions: Tensor
    singular: Tensor


class Prior(NamedTuple):
    """What is believed before the examples are seen: a Gaussian around the weights that give these logits [n, K], and
    around these biases [K], of the precision decay [K].
    """

    logits: Tensor
    bias: Tensor
    decay: Tensor


class LinearWeights(NamedTuple):
    """Logits are features @ weight.T + bias: weight float64 [K, F or R], bias float64 [K]."""

    weight: Tensor
    bias: Tensor


def components(features: Tensor, most: int = MAX_COMPONENTS) -> Components:
    """The principal components of features float32 [n, F], of mean 0, at most so many. All of them, to rounding, where
    there are not more examples than that: nothing that could be learnt from the features is lost then.

    Else the largest, by subspace iteration from a random sketch (Halko et al., "Finding structure with randomness",
    2011, algorithm 4.4).
    """
    num = min(features.shape)
    if num <= most:
        basis = torch.eye(len(features), dtype=torch.float64)
        small = features.double()
    else:
        generator = torch.Generator().manual_seed(0)
        sketch = torch.randn(features.shape[1], most + OVERSAMPLING, generator=generator)
        basis = torch.linalg.qr(features @ sketch).Q
        for _ in range(NUM_ITERATIONS):
            basis = torch.linalg.qr(features @ torch.linalg.qr(features.T @ basis).Q).Q
        basis, small = basis.double(), (basis.T @ features).double()
    # The eigenvectors of the smaller of both squares: [n, n] where there are more features than examples.
    if small.shape[0] <= small.shape[1]:
        squares, left = torch.linalg.eigh(small @ small.T)
        singular = squares.clamp(min=0).sqrt()
        kept = _largest(singular, most)
        singular, left = singular[kept], left[:, kept]
        directions = small.T @ (left / singular)
        return Components(basis @ (left * singular), directions, singular)
    squares, directions = torch.linalg.eigh(small.T @ small)
    singular = squares.clamp(min=0).sqrt()
    kept = _largest(singular, most)
    return Components(small @ directions[:, kept], directions[:, kept], singular[kept])


def _largest(singular: Tensor, most: int) -> Tensor:
    """The numbers of the singular values that count, the largest first."""
    order = singular.argsort(descending=True)[:most]
    return order[singular[order] > LEAST_SHARE * singular.max()]


def logistic(
    scores: Tensor,
    truth: Tensor,
    decay: float,
    *,
    exclusive: bool = True,
    known: Tensor | None = None,
    prior: Prior | None = None,
    start: LinearWeights | None = None,
    tolerance: float = TOLERANCE,
) -> LinearWeights:
    """The weights of the least mean cross-entropy + decay / 2 |weight|^2, for scores [n, R] of components and truth [n,
    K], 1 where a class holds, else 0. Each bias is pulled very weakly to that of its class's share of the examples.

    exclusive  exactly one class holds at each example (multinomial); else each class is a question of its own, and its
               cross-entropies are added
    known      bool [n, K], where each class counts, if it does not at every example; not of exclusive classes
    prior      around what the weights are pulled, instead of 0 and shares: the result is what is added to that

    Newton's method would need [K R, K R]; components are nearly independent of each other, so L-BFGS is quick once each
    is divided by the root of its curvature. start: from where, such as the optimum of another decay.
    """
    num_classes = truth.shape[1]
    truth = truth.to(scores.dtype)
    num = len(truth) if known is None else known.sum(0).clamp(min=1)  # [K]: each class is a question of its own
    if prior is None:
        prior = Prior(scores.new_zeros(()), _shares(truth, exclusive, known), scores.new_full((), BIAS_DECAY))
    scale = (scores.square().mean(0) / (num_classes if exclusive else 4) + decay).rsqrt()
    scaled = scores * scale
    first = start or LinearWeights(scores.new_zeros(num_classes, scores.shape[1]), prior.bias)
    weight, bias = first.weight / scale, first.bias.clone()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MAX_ITERATIONS,
        max_eval=2 * MAX_ITERATIONS,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        logits = (scaled @ weight.T).add_(bias).add_(prior.logits)
        if known is None:
            loss = float(_cross_entropy(logits, truth, exclusive).sum()) / len(truth)
        else:
            loss = float(((_each(logits, truth) * known).sum(0) / num).sum())
        chances = logits.softmax(1) if exclusive else logits.sigmoid()
        off = chances.sub_(truth).div_(num)  # [n, K]: the gradient of the logits
        if known is not None:
            off.mul_(known)
        weight.grad = (off.T @ scaled).addcmul_(weight, scale.square(), value=decay)
        bias.grad = off.sum(0).add_((bias - prior.bias) * prior.decay)
        pull = decay * float((weight * scale).square().sum())
        pull += float(((bias - prior.bias).square() * prior.decay).sum())
        return loss + pull / 2

    with torch.no_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    return LinearWeights(weight * scale, bias)


def log_loss(
    weights: LinearWeights,
    scores: Tensor,
    truth: Tensor,
    *,
    exclusive: bool = True,
    known: Tensor | None = None,
    before: Tensor | None = None,
) -> Tensor:
    """[n]: the cross-entropy of each example; known: as in `logistic`. before: the logits [n, K] to which these
    weights are added.
    """
    logits = scores @ weights.weight.T + weights.bias
    if before is not None:
        logits = logits + before
    truth = truth.to(logits.dtype)
    return _cross_entropy(logits, truth, exclusive) if known is None else (_each(logits, truth) * known).sum(1)


def _shares(truth: Tensor, exclusive: bool, known: Tensor | None) -> Tensor:
    """[K]: the bias that says each class's share, none of them 0 or 1."""
    num, num_classes = truth.shape
    if exclusive:
        return ((truth.sum(0) + 1) / (num + num_classes)).log()
    if known is not None:
        return (((truth * known).sum(0) + 1) / (known.sum(0) + 2)).logit()
    return ((truth.sum(0) + 1) / (num + 2)).logit()


def _cross_entropy(logits: Tensor, truth: Tensor, exclusive: bool) -> Tensor:
    """[n]"""
    return -(logits.log_softmax(1) * truth).sum(1) if exclusive else _each(logits, truth).sum(1)


def _each(logits: Tensor, truth: Tensor) -> Tensor:
    """[n, K]: of questions that do not exclude each other."""
    return softplus(logits) - logits * truth
