"""Frame-wise labels of real videos (GTEA, 3 splits of 7), against the figures published for them (ED-TCN)."""

import numpy as np
import pytest
from scipy.io import loadmat

from vtn_stream.metrics import segmentation_scores


def split(path):
    content = loadmat(path)
    return [
        {str(v): labels.ravel() for v, labels in enumerate(content[side].ravel())}  # [1, T] in each cell
        for side in ("P", "Y")
    ]


def test_the_published_means_over_three_splits(data):
    scores = [segmentation_scores(*split(data / "metrics" / "gtea" / f"{k}.mat")) for k in (1, 2, 3)]
    assert round(np.mean([s.accuracy for s in scores]), 1) == 63.4
    assert np.mean([s.f1 for s in scores], axis=0).round(1).tolist() == [68.5, 62.2, 48.9]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_truth_is_perfect(data, k):
    _, truth = split(data / "metrics" / "gtea" / f"{k}.mat")
    scores = segmentation_scores(truth, truth)
    assert (scores.accuracy, scores.edit, *scores.f1) == (100,) * 5
    assert len(truth) == 7
