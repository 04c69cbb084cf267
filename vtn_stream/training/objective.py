"""What a batch costs, by the network's head.

B crops, L positions of a crop, P points of all levels of a pyramid, K classes
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from vtn_stream.model import VTN, ClassificationConfig, DenseConfig
from vtn_stream.training.crops import Batch
from vtn_stream.training.losses import dense_loss, diou_loss, focal_loss
from vtn_stream.training.targets import pyramid_targets

__all__ = ["Objective"]

# Positives a batch that the localization losses are divided by: a running mean, since one batch may have none.
FIRST_NUM_POSITIVES, NUM_POSITIVES_DECAY = 100.0, 0.9


class Objective:
    """The loss of one batch after the other. smoothing: the price of a dense head for changing its mind."""

    def __init__(self, network: VTN, *, smoothing: float) -> None:
        self.num_positives = FIRST_NUM_POSITIVES
        self._network = network
        self._smoothing = smoothing

    def __call__(self, batch: Batch) -> Tensor:
        device, head = self._network.encoder.cls_token.device, self._network.config.head
        embeddings, valid = batch.embeddings.to(device), batch.valid.to(device)
        if isinstance(head, ClassificationConfig):
            return cross_entropy(self._network.classify(embeddings, valid=valid), batch.clips.to(device))
        if isinstance(head, DenseConfig):
            logits = self._network.label(embeddings, valid=valid)
            labels = batch.labels.to(device)
            labels = labels.masked_fill(labels >= head.num_outputs, -1)  # nothing, of a head that has no output for it
            return dense_loss(logits, labels, valid, smoothing=self._smoothing)
        return self._of_pyramid(batch, embeddings, valid, head.num_classes)

    def _of_pyramid(self, batch: Batch, embeddings: Tensor, valid: Tensor, num_classes: int) -> Tensor:
        """Of Zhang et al., "ActionFormer" (2022), section 3.3: the focal loss of every point's classes, and the
        distance of the positives' segments, over the number of positives.
        """
        pyramid = self._network.locate(embeddings, valid=valid)
        num_points = [logits.shape[1] for logits in pyramid.logits]
        classes, offsets, positive = [], [], []
        for bounds, numbers in batch.segments:
            levels = pyramid_targets(bounds, numbers, num_points, num_classes)
            classes.append(torch.cat([level.classes for level in levels]))
            offsets.append(torch.cat([level.offsets for level in levels]))
            positive.append(torch.cat([level.positive for level in levels]))
        there = torch.cat(pyramid.valid, 1)  # [B, P]
        asked = torch.stack(positive).to(there.device) & there
        num_asked = max(1.0, float(asked.sum()))
        self.num_positives = NUM_POSITIVES_DECAY * self.num_positives + (1 - NUM_POSITIVES_DECAY) * num_asked
        wrong = focal_loss(torch.cat(pyramid.logits, 1), torch.stack(classes).to(there.device))
        off = diou_loss(torch.cat(pyramid.offsets, 1)[asked], torch.stack(offsets).to(there.device)[asked])
        return ((wrong * there[..., None]).sum() + off.sum()) / self.num_positives
