"""The model that ships, on clips of sources that it was not taught on."""

import csv

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.settings import Settings
from vtn_stream.training.split import folds


@pytest.fixture
def held_out(data):
    """Paths of the first fold, by label, as `benchmarks/join_clips.py` parts them."""
    folder = data / "cctv-fight"
    with open(folder / "clips.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    videos = {str(i): AnnotatedVideo(clip_label=row["label"], source=row["source"]) for i, row in enumerate(rows)}
    first = [rows[int(name)] for name in folds(videos, 5, 0)[0]]
    return {label: [folder / row["path"] for row in first if row["label"] == label] for label in ("fight", "noFight")}


@pytest.mark.release
def test_it_scores_fights_above_other_scenes(held_out, tmp_path):
    mean = {}
    with Analyzer(Settings(model="cctv-fight", store=tmp_path)) as analyzer:
        for label, clips in held_out.items():
            chosen = clips[:: max(1, len(clips) // 12)]
            assert len(chosen) >= 12
            scores = [analyzer.analyze(analyzer.plan(clip)).scores.frame for clip in chosen]
            mean[label] = sum(float(frame.mean()) for frame in scores) / len(scores)
    assert mean["fight"] > 1.3 * mean["noFight"]
