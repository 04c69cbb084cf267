"""A head that tags every moment: any number of labels at a time, each by itself."""

from dataclasses import dataclass

import numpy as np
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from vtn_stream.heads import Head, Loss
from vtn_stream.heads.fitting import AtPoint
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.heads.pieces import finite_on_cpu, pieces
from vtn_stream.model import HeadConfig
from vtn_stream.track import GridScores


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsConfig(HeadConfig):
    kind = "tags"

    def network(self, width):
        return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.num_classes))


class Tags(Head[TagsConfig]):
    """Any number of labels at every position, each by itself."""

    config = TagsConfig
    description = "tags every moment of a film"
    analysis = "tags"
    drawing = "peaks"
    metric_name = "tagged rightly"
    measures = ("segmentation", "detection")

    def read(self, config, network, tiles, valid, fps):
        frame = np.zeros((len(valid), config.num_classes), np.float16)
        for piece in pieces(tiles, len(valid)):
            frame[piece.start : piece.stop] = finite_on_cpu(network.head(piece.frames).sigmoid()[0])
        frame[~valid] = 0
        return GridScores(frame=frame)

    def config_for(self, films, num_classes, width):
        return TagsConfig(num_classes=num_classes)

    def loss(self, config, network, batch, *, smoothing):
        labels = batch.labels.masked_fill(~batch.valid, config.num_classes)
        targets = one_hot(labels, config.num_classes + 1)[..., :-1].float()
        return Loss(binary_cross_entropy_with_logits(network.label(batch.embeddings, valid=batch.valid), targets))

    def metric(self, predictions, films, labels, rules=None):
        right = []
        for prediction, film in zip(predictions, films, strict=True):
            held = labels_of(film, labels)
            right.append((prediction.frame > 0.5) == (held[:, None] == np.arange(len(labels))))
        return float(np.concatenate(right).mean())

    def thresholds(self, predictions, films, labels):
        return {label: AtPoint(threshold=0.5, precision=1, recall=1, f1=1) for label in labels}
