"""The loss of a batch, by the network's head."""

from torch import Tensor

from vtn_stream.heads import Batch, head_of
from vtn_stream.model import VTN

__all__ = ["Objective"]

# Positives a batch that the localization losses are divided by: a running mean, since one batch may have none.
FIRST_NUM_POSITIVES, NUM_POSITIVES_DECAY = 100.0, 0.9


class Objective:
    """The loss of one batch after the other. smoothing: a dense head's weight of changes between neighbouring
    positions.

    num_positives  a batch: a running mean, by which a loss that is a sum over them is divided
    """

    def __init__(self, network: VTN, *, smoothing: float) -> None:
        self.num_positives = FIRST_NUM_POSITIVES
        self._network = network
        self._smoothing = smoothing

    def __call__(self, batch: Batch) -> Tensor:
        network = self._network
        config = network.config.head
        batch = batch.to(network.device)
        loss = head_of(config).loss(config, network, batch, smoothing=self._smoothing)
        if loss.num_positives is None:
            return loss.value
        num = max(1.0, float(loss.num_positives))
        self.num_positives = NUM_POSITIVES_DECAY * self.num_positives + (1 - NUM_POSITIVES_DECAY) * num
        return loss.value / self.num_positives
