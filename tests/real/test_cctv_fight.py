"""The model that ships, on real clips of surveillance cameras."""

import csv

import numpy as np
import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.settings import Settings


@pytest.fixture
def clips(data):
    """Some paths, by label. The model learnt all of them: this does not say how good it is on others."""
    folder = data / "cctv-fight"
    with open(folder / "clips.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    of = {label: [folder / row["path"] for row in rows if row["label"] == label] for label in ("fight", "noFight")}
    return {label: paths[:: len(paths) // 12] for label, paths in of.items()}


@pytest.mark.release
def test_it_draws_fights_and_at_its_quiet_point_fewer_of_them(clips, tmp_path):
    drawn, scores = {}, {}
    for point in (None, "quiet"):
        with Analyzer(Settings(model="cctv-fight", point=point, store=tmp_path)) as analyzer:
            for label, paths in clips.items():
                assert len(paths) >= 12
                analyses = [analyzer.analyze(analyzer.plan(path)) for path in paths]
                drawn[point, label] = np.mean([bool(analysis.timeline.segments) for analysis in analyses])
                scores[label] = np.mean([analysis.scores.frame.mean(dtype=np.float64) for analysis in analyses])
    assert scores["fight"] > 1.3 * scores["noFight"]
    assert drawn[None, "fight"] > 0.7 > 0.3 > drawn[None, "noFight"]
    for label in clips:
        assert drawn["quiet", label] <= drawn[None, label]
