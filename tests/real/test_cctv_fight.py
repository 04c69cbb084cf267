"""The model that ships, on clips of the collection that it learnt from: films of fights and films without."""

import csv

from vtn_stream.analysis import Analyzer


def test_it_scores_fights_above_other_scenes(data, tmp_path):
    folder = data / "cctv-fight"
    with open(folder / "clips.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = {label: [row for row in rows if row["label"] == label][::12] for label in ("fight", "noFight")}
    mean = {}
    with Analyzer(model="cctv-fight", store=tmp_path) as analyzer:
        for label, clips in chosen.items():
            scores = [analyzer.analyze(folder / row["path"]).scores.frame for row in clips]
            mean[label] = sum(float(frame.mean()) for frame in scores) / len(scores)
    assert len(chosen["fight"]) >= 8
    assert mean["fight"] > 2 * mean["noFight"]
