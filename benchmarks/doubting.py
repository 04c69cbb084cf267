"""Which measure of doubt tells best where a model is wrong, in films that it did not learn.

    python benchmarks/doubting.py [--data FOLDER] [--store FOLDER]

Two data sets: indoor-actions (15 films, 9 labels, 3 positions a second) and cctv-fight (247 clips, 1 label, 4 positions
a second; clips of one source are in one fold). Each film is predicted by a linear model of `train`, dense and for
localization, that learnt the other four folds; calibration and thresholds are chosen on the other folds too. A position
is wrong if the likeliest answer is not the true one; where labels may hold at once, if any label is wrong.

AUROC   how often a wrong position is doubted more than a right one: 0.5 is chance, 1 is perfect
AURC    the share of wrong positions among those that are kept, on average over how many are kept, the surest first
in 5 s  the rank correlation of mean doubt and share of wrong positions, over moments of 5 s of indoor-actions
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from join_clips import parts_of, read_clips
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE, ChunkReady, embed
from vtn_stream.film import FrameIndex
from vtn_stream.heads import HEADS
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.metrics.doubt import DOUBTS, answers, auroc, doubt, risk_coverage_area
from vtn_stream.review.moments import MOMENT_S
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.training.events import HeadKind
from vtn_stream.training.films import TrainingFilm, embed_films
from vtn_stream.training.footage import find_films
from vtn_stream.training.linear import fit_linear, natural_linear
from vtn_stream.training.rate import grid_rate
from vtn_stream.training.split import folds
from vtn_stream.training.validation import predictions
from vtn_stream.training.ways import INPUTS, POOLING
from vtn_stream.video import DecodingProcess

CLIP_FPS = Fraction(4)
HEADS_TRIED: tuple[HeadKind, ...] = ("dense", "localization")

Folds = Sequence[Sequence[TrainingFilm]]


def show(films: Folds, labels: Sequence[str], head: HeadKind, fps: Fraction, *, in_moments: bool) -> None:
    kind, exclusive = HEADS[head], not HEADS[head].learns_segments
    said = []
    for number, fold in enumerate(films):
        others = [film for other, of in enumerate(films) for film in of if other != number]
        network = fit_linear(
            others, labels, natural_linear(others, labels, head, fps), backbone=DEFAULT_BACKBONE
        ).network
        said.append(predictions(network, fold, fps))
    config = network.config.head
    wrong: list[NDArray[np.bool_]] = []
    moments: list[NDArray[np.intp]] = []
    doubts: dict[str, list[NDArray[np.float64]]] = {measure: [] for measure in DOUBTS}
    for number, fold in enumerate(films):
        rest = [n for n in range(len(films)) if n != number]
        learnt_on = [film for n in rest for film in films[n]]
        calibration = kind.calibration(config, [one for n in rest for one in said[n]], learnt_on, labels)
        of_rest = [kind.calibrated(config, one, calibration) for n in rest for one in said[n]]
        points = kind.operating_points(kind.thresholds(of_rest, learnt_on, labels))
        thresholds = np.array([points.of(label).high for label in labels])
        for film, prediction in zip(fold, said[number], strict=True):
            frame, valid = kind.calibrated(config, prediction, calibration).frame, film.index.valid
            assert frame is not None
            if exclusive:
                is_wrong = answers(frame, thresholds, exclusive=True).argmax(1) != labels_of(film, labels)
            else:
                is_wrong = ((frame >= thresholds) != truth_of(film, labels)).any(1)
            wrong.append(is_wrong[valid])
            moments.append(1000 * len(moments) + (film.index.grid_s[valid] // MOMENT_S).astype(np.intp))
            for measure in DOUBTS:
                doubts[measure].append(doubt(frame, measure, thresholds, exclusive=exclusive)[valid])
    is_wrong, moment = np.concatenate(wrong), np.concatenate(moments)
    print(f"{head}: {100 * is_wrong.mean():.1f} % of {len(is_wrong)} positions are wrong")
    for measure in DOUBTS:
        of = np.concatenate(doubts[measure])
        line = f"  {measure:18} AUROC {auroc(of, is_wrong):.3f}  AURC {risk_coverage_area(of, is_wrong):.3f}"
        if in_moments:
            _, at = np.unique(moment, return_inverse=True)
            means = [np.bincount(at, weights=values) / np.bincount(at) for values in (of, is_wrong)]
            line += f"  in {MOMENT_S:g} s {np.corrcoef(*map(ranks, means))[0, 1]:.3f}"
        print(line, flush=True)


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equal values have their mean rank."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")) / 2


def truth_of(film: TrainingFilm, labels: Sequence[str]) -> NDArray[np.bool_]:
    truth = np.zeros((len(film.index), len(labels)), np.bool_)
    for s in film.segments:
        start, stop = np.searchsorted(film.index.grid_s, [s.start_s, s.end_s])
        truth[start : max(stop, start + 1), labels.index(s.label)] = True
    return truth


def clips(path: Path, encoder: FrameEncoder, store: EmbeddingStore, process: DecodingProcess) -> Iterator[TrainingFilm]:
    """Each clip as a film; one that shows a fight is a segment from end to end."""
    plan = SamplingPlan(CLIP_FPS)
    for clip in read_clips(path):
        video = process.probe(clip.path, None)
        events = embed(video, plan.chunks(video), plan, encoder, store, process, inputs=INPUTS)
        ready = sorted((e for e in events if isinstance(e, ChunkReady)), key=lambda e: e.chunk.number)
        columns = {
            name: np.concatenate([getattr(chunk.index, name) for chunk in ready])
            for name in ("grid_s", "frame", "pts_s", "valid")
        }
        fights = clip.label == "fight"
        yield TrainingFilm(
            name=clip.path.name,
            identity=video.identity,
            group=clip.source,
            subset=None,
            values=np.concatenate([chunk.values for chunk in ready]),
            index=FrameIndex(**columns),
            duration_s=video.duration_s,
            segments=(Segment(start_s=0, end_s=video.duration_s, label="fight"),) if fights else (),
            clip_label=None,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("VTN_STREAM_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="with indoor-actions and cctv-fight in it")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    given = parser.parse_args()
    indoor, fights = given.data / "indoor-actions", given.data / "cctv-fight" / "clips.csv"
    if not (indoor.is_dir() and fights.is_file()):
        sys.exit(f"{given.data.name} has no indoor-actions and cctv-fight: name their folder with --data")
    store = EmbeddingStore(given.store)
    encoder = FrameEncoder(DEFAULT_BACKBONE, pooling=POOLING, memory=store.backbones)
    with DecodingProcess() as process:
        footage = find_films(indoor / "annotations.json", indoor / "videos", store, process)
        plan, _ = grid_rate(footage.annotations.videos, footage.videos)
        films = embed_films(footage, list(footage.videos), plan, encoder, store, process, inputs=INPUTS)
        shown = list(clips(fights, encoder, store, process))
    unsplit = {name: replace(video, subset=None) for name, video in footage.annotations.videos.items()}
    parts = [[films[name] for name in part] for part in folds(unsplit, 5)]
    for head in HEADS_TRIED:
        print("indoor-actions, ", end="")
        show(parts, footage.annotations.labels, head, plan.fps, in_moments=True)
    parts = [[shown[n] for n in part] for part in parts_of(read_clips(fights))]
    for head in HEADS_TRIED:
        print("cctv-fight, ", end="")
        show(parts, ("fight",), head, CLIP_FPS, in_moments=False)


if __name__ == "__main__":
    main()
