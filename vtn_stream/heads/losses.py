"""The losses that training minimizes. Every loss is a sum or a mean that stays differentiable where nothing counts."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, log_softmax

__all__ = ["dense_loss", "diou_loss", "focal_loss"]


def focal_loss(logits: Tensor, targets: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Sigmoid focal loss of each element, as Lin et al., "Focal Loss for Dense Object Detection" (2017), equation 5."""
    p = logits.sigmoid()
    miss = p * (1 - targets) + (1 - p) * targets
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return weight * miss**gamma * binary_cross_entropy_with_logits(logits, targets, reduction="none")


def diou_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """[...]: 1 - tIoU + (distance of the middles / length of the hull)^2, of offsets [..., 2] >= 0 around a point.

    Zheng et al., "Distance-IoU Loss" (2020), in one dimension.
    """
    (left, right), (true_left, true_right) = predicted.unbind(-1), target.unbind(-1)
    shared = torch.minimum(left, true_left) + torch.minimum(right, true_right)
    union = left + right + true_left + true_right - shared
    hull = torch.maximum(left, true_left) + torch.maximum(right, true_right)
    distance = (right - left - true_right + true_left) / 2
    eps = torch.finfo(predicted.dtype).eps
    return 1 - shared / union.clamp(min=eps) + (distance / hull.clamp(min=eps)) ** 2


def dense_loss(
    logits: Tensor,
    labels: Tensor,
    known: Tensor,
    *,
    smoothing: float = 0.15,
    whole: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Cross entropy of logits [B, T, K] at labels [B, T], -1 where there is none, and a cost for changes between
    neighbouring positions: the mean of clamp((log p_t - log p_{t-1})^2, 0, 16), of which only p_t learns. Nothing is
    learnt where positions are not known [B, T].

    whole  labels and known of the batch of which these are a part: the means are over that, and the parts' losses add
           up to its loss

    Farha and Gall, "MS-TCN" (2019), section 3.3.
    """
    targets = torch.where(known, labels, -1)
    all_labels, all_known = (labels, known) if whole is None else whole
    num = (all_known & (all_labels >= 0)).sum().clamp(min=1)
    num_changes = (all_known[:, 1:] & all_known[:, :-1]).sum() * logits.shape[-1]
    wrong = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="sum") / num
    log_p = log_softmax(logits, -1)
    change = (log_p[:, 1:] - log_p[:, :-1].detach()).square().clamp(max=16)
    both = (known[:, 1:] & known[:, :-1])[..., None]
    return wrong + smoothing * (change * both).sum() / num_changes.clamp(min=1)
