"""The published figures of GTEA (ED-TCN), from frame-wise labels on the disk to the table of `vtn-stream evaluate`."""

import json
import sys

import numpy as np
import pytest
from scipy.io import loadmat

from vtn_stream_cli.main import main

LABELS = 11
FPS = 15


def write_mstcn(folder, films):
    (folder / "groundTruth").mkdir(parents=True)
    (folder / "mapping.txt").write_text("".join(f"{k} action{k}\n" for k in range(LABELS)))
    for name, labels in films.items():
        (folder / "groundTruth" / f"{name}.txt").write_text("".join(f"action{k}\n" for k in labels.ravel()))
    return folder


def write_results(folder, films):
    """As MS-TCN writes its predictions: a file a film, without a suffix."""
    folder.mkdir(parents=True)
    for name, labels in films.items():
        line = " ".join(f"action{k}" for k in labels.ravel())
        (folder / str(name)).write_text(f"### Frame level recognition: ###\n{line}")
    return folder


@pytest.fixture
def evaluate(capsys, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def test_the_published_means_over_three_splits(data, tmp_path, evaluate):
    accuracies, f1s = [], []
    for split in (1, 2, 3):
        content = loadmat(data / "metrics" / "gtea" / f"{split}.mat")
        sides = {side: dict(enumerate(content[side].ravel())) for side in ("P", "Y")}
        true = write_mstcn(tmp_path / f"Y{split}", sides["Y"])
        predicted = write_results(tmp_path / f"P{split}", sides["P"])
        figures = json.loads(evaluate(predicted, true, "--annotation-fps", FPS, "--fps", FPS, "--json"))
        assert figures["metrics"] == ["segmentation"]  # frame-wise labels have no scores to rank
        accuracies.append(figures["segmentation"]["accuracy"])
        f1s.append(list(figures["segmentation"]["f1"].values()))
    assert round(100 * np.mean(accuracies), 1) == 63.4
    assert (100 * np.mean(f1s, axis=0)).round(1).tolist() == [68.5, 62.2, 48.9]
