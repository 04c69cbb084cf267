"""How well fights are found in footage of surveillance cameras, on scenes that were never seen in training; and how the
model that ships, cctv-fight, was made.

    python benchmarks/cctv_fight.py [--data FOLDER] [--store FOLDER] [--joined FOLDER] [--clear FOLDER ...]
                                    [--kinds KIND ...] [--write FILE]

The 247 clips are divided into five parts that share no source. Films are joined of the clips of each part, as
`join_clips.py` says. For each part a model learns the clips of the other parts, by themselves and in a mixed film of 25
frames a second: cuts are in the one and not in the other, so that they say nothing. It reads the change pictures of
1/8 s alone, by their mean and deviation within half a second, and is linear. It is measured on its own part: on the
clips by themselves, and in mixed films. A clip counts as a fight if the segments that are drawn cover half of it or
more.

Calibration, rules and points are chosen on the parts' predictions, cross-fitted: for each part, on those of the others.
The default point has the best balanced accuracy of clips, alone and in mixed films of 25 frames a second. The point
`quiet` has the fewest false alarms in the calm films, joined of clips without fights, and of the points with as few the
most fights. Every segment drawn in a film without fights is a false alarm.

Beside it: logistic regressions on what must not decide (how long a clip is, its rate, its size). With --write, the
model that learnt all parts is written, and beside it its card, with all that was printed. Then the false alarms of
the model that ships, at both points, on the films of each folder given by --clear.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cctv_card import card
from cctv_films import FPS, INPUT, LABEL, LABELS, Film, facts_of, films_of, probe
from join_clips import parts_of, read_clips
from numpy.typing import NDArray

from vtn_stream.analysis import Analyzer
from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint, find_model, save_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.film import FrameIndex
from vtn_stream.heads import head_of
from vtn_stream.heads.calibration import Calibration, of_probabilities
from vtn_stream.localize import phases
from vtn_stream.model import VTN, DenseConfig, StatisticsConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.settings import Settings
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, OperatingPoint, OperatingPoints, PhaseRules, Recipe
from vtn_stream.training.linear import LinearSettings, fit_linear
from vtn_stream.training.validation import predictions
from vtn_stream.version import __version__

KINDS = ("mixed 25", "calm 25", "calm 10")
REACH = 4  # positions: half a second
DECAY = 3e-3
HEAD = DenseConfig(num_classes=1, nothing=True)
# What a default point may be: how long fight and nothing last at least, positions; the cost of a change; and what is
# added to the logits of fight.
LEASTS, COSTS, SHIFTS = (4, 8), (1.0, 3.0), (-0.5, -0.25, 0.0, 0.25, 0.5)
HIGHS = tuple(round(0.5 + 0.02 * i, 2) for i in range(25))  # of the point quiet: the mean score of a segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How segments are drawn of the scores of a model: calibrated, then shifted."""

    scale: float
    shift: float
    least: int
    cost: float

    @property
    def rules(self) -> PhaseRules:
        return PhaseRules(min_positions=(self.least,) * 2, change_cost=((0.0, self.cost), (self.cost, 0.0)))

    def scores(self, scores: GridScores, index: FrameIndex) -> GridScores:
        """Those of the model once scale and shift are in its weights."""
        assert scores.frame is not None
        frame = np.clip(scores.frame[:, 0].astype(np.float64), 1e-4, 1 - 1e-4)
        logits = self.scale * np.log(frame / (1 - frame)) + self.shift
        return GridScores(frame=np.where(index.valid, 1 / (1 + np.exp(-logits)), 0).astype(np.float16)[:, None])

    def draw(self, film: Film, scores: GridScores, high: float) -> list[Segment]:
        points = OperatingPoints(common=OperatingPoint(high=high, low=high))
        one = film.film
        return phases(self.scores(scores, one.index), one.index, LABELS, one.duration_s, points, self.rules)


NO_HIGH = 1e-4
Table = Sequence[tuple[Film, GridScores]]


# ---- learning and choosing


def learnt(films: Sequence[Film], without: int | None = None) -> VTN:
    """The model of all parts but one. Calm films are never learnt: their clips are in the mixed ones."""
    chosen = [each.film for each in films if each.kind in ("alone", "mixed 25") and each.part != without]
    encoder = StatisticsConfig(input_width=chosen[0].values.shape[1], reach=REACH)
    settings = LinearSettings(encoder=encoder, head=HEAD, decay=DECAY)
    return fit_linear(chosen, LABELS, settings, backbone=DEFAULT_BACKBONE).network


def out_of_fold(films: Sequence[Film], num_parts: int) -> list[tuple[Film, GridScores]]:
    """The scores of each film, by a model that learnt no clip of its part."""
    found: list[tuple[Film, GridScores]] = []
    for part in range(num_parts):
        network, mine = learnt(films, without=part), [each for each in films if each.part == part]
        found += zip(mine, predictions(network, [each.film for each in mine], FPS), strict=True)
        print(f"part {part}: learnt without it", flush=True)
    return found


def drawn_clips(table: Table, drawing: Drawing, high: float = NO_HIGH) -> list[tuple[int, bool]]:
    """Each time that a clip is shown: its number, and whether segments cover half of it or more."""
    found = []
    for film, scores in table:
        segments = drawing.draw(film, scores, high)
        for clip, start_s, end_s in film.spans:
            covered_s = sum(max(0.0, min(s.end_s, end_s) - max(s.start_s, start_s)) for s in segments)
            found.append((clip, covered_s >= 0.5 * (end_s - start_s)))
    return found


def balanced(found: Sequence[tuple[int, bool]], fights: NDArray[np.bool_]) -> float:
    truth, said = fights[[clip for clip, _ in found]], np.array([is_fight for _, is_fight in found])
    return float((said[truth].mean() + (~said[~truth]).mean()) / 2)


def alarms(table: Table, drawing: Drawing, high: float = NO_HIGH) -> tuple[int, float]:
    """False alarms in calm films, and their hours."""
    found = sum(len(drawing.draw(film, scores, high)) for film, scores in table)
    return found, sum(film.film.duration_s for film, _ in table) / 3600


def of_kind(table: Table, *kinds: str) -> list[tuple[Film, GridScores]]:
    return [(film, scores) for film, scores in table if film.kind.startswith(kinds)]


def chosen_drawing(table: Table, fights: NDArray[np.bool_]) -> Drawing:
    """Calibrated; of the rules and shifts the one with the best balanced accuracy, the first of equals."""
    known = of_kind(table, "alone", "mixed 25")
    said, truth = [], []
    for film, scores in known:
        assert scores.frame is not None
        clip_of = np.full(len(scores.frame), -1)
        for clip, start_s, end_s in film.spans:
            clip_of[slice(*np.searchsorted(film.film.index.grid_s, (start_s, end_s)))] = clip
        there = film.film.index.valid & (clip_of >= 0)
        said.append(scores.frame[there, 0].astype(np.float64))
        truth.append(np.where(fights[clip_of[there]], 0, 1))
    probabilities = np.concatenate(said)
    both = np.column_stack([probabilities, 1 - probabilities])
    num = len({span.clip for film, _ in known for span in film.spans})
    scale = of_probabilities(both, np.concatenate(truth), num).scale
    order = sorted(product(SHIFTS, LEASTS, COSTS), key=lambda one: (abs(one[0]), one[1:]))
    candidates = [Drawing(scale=scale, shift=shift, least=least, cost=cost) for shift, least, cost in order]
    return max(candidates, key=lambda one: round(balanced(drawn_clips(known, one), fights), 6))


def chosen_high(table: Table, drawing: Drawing) -> float:
    """The lowest of those with the fewest false alarms in calm films."""
    calm = of_kind(table, "calm")
    return min(HIGHS, key=lambda high: (alarms(calm, drawing, high)[0], high))


# ---- what is printed, and written


def auc(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    wins = scores[truth][:, None] - scores[~truth][None]
    return float((wins > 0).mean() + (wins == 0).mean() / 2)


def clip_scores(table: Table) -> dict[int, float]:
    """The mean of the frame scores over each clip."""
    found: dict[int, list[float]] = {}
    for film, scores in table:
        assert scores.frame is not None
        for clip, start_s, end_s in film.spans:
            rows = slice(*np.searchsorted(film.film.index.grid_s, (start_s, end_s)))
            found.setdefault(clip, []).append(float(scores.frame[rows, 0].astype(np.float64).mean()))
    return {clip: float(np.mean(values)) for clip, values in found.items()}


class Said(list[str]):
    """What was printed, for the card."""

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        self.append(line)


def measured(
    table: Table, fights: NDArray[np.bool_], num_parts: int, kinds: Sequence[str], say: "Said"
) -> dict[str, Any]:
    """Says the cross-fitted figures, and gives those that the model carries."""
    names = ("alone", *(kind for kind in kinds if kind.startswith("mixed")))
    clips: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    wrong: dict[tuple[str, str], tuple[int, float]] = {}
    for part in range(num_parts):
        others = [each for each in table if each[0].part != part]
        mine = [each for each in table if each[0].part == part]
        drawing = chosen_drawing(others, fights)
        high = chosen_high(others, drawing)
        for point, at in (("default", NO_HIGH), ("quiet", high)):
            for name in names:
                clips.setdefault((name, point), []).extend(drawn_clips(of_kind(mine, name), drawing, at))
            for kind in (kind for kind in kinds if kind.startswith("calm")):
                found, hours = alarms(of_kind(mine, kind), drawing, at)
                before = wrong.get((kind, point), (0, 0.0))
                wrong[kind, point] = (before[0] + found, before[1] + hours)
        say(f"part {part}, chosen on the others: {drawing}, quiet from {high:g}")
    for name in names:
        scores = clip_scores(of_kind(table, name))
        area = auc(np.array(list(scores.values())), fights[list(scores)])
        found = clips[name, "default"]
        right = np.mean([fights[clip] == said for clip, said in found])
        say(f"clips {name}: accuracy {100 * right:.1f} %, AUC {area:.3f}")
        for point in ("default", "quiet"):
            said = clips[name, point]
            recall = np.mean([is_fight for clip, is_fight in said if fights[clip]])
            called = np.mean([is_fight for clip, is_fight in said if not fights[clip]])
            say(f"  {point}: {100 * recall:.1f} % of fights, and {100 * called:.1f} % of other clips, are called fight")
    for (kind, point), (count, hours) in wrong.items():
        say(f"{kind}, {point}: {count} false alarms in {hours:.2f} h, {count / hours:.1f} an hour")
    figures: dict[str, Any] = {}
    for point in ("default", "quiet"):
        both = [*clips["alone", point], *clips["mixed 25", point]]
        count = sum(found for (_, at), (found, _) in wrong.items() if at == point)
        hours = sum(hours for (_, at), (_, hours) in wrong.items() if at == point)
        figures[point] = {
            "recall of clips": round(float(np.mean([said for clip, said in both if fights[clip]])), 3),
            "balanced accuracy of clips": round(balanced(both, fights), 3),
            "false alarms an hour": round(count / hours, 1),
            "hours without a fight": round(hours, 2),
        }
        say(f"{point}: {figures[point]}")
    return figures


def written(films: Sequence[Film], drawing: Drawing, high: float, points: dict[str, Any], recipe: Recipe) -> Checkpoint:
    """The model of all parts."""
    network = learnt(films)
    kind = head_of(HEAD)
    kind.calibrate(network, Calibration(scale=drawing.scale))
    tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    tensors["head.out.bias"] += torch.tensor([drawing.shift / 2, -drawing.shift / 2])
    used = [each.film for each in films if each.kind in ("alone", "mixed 25")]
    salt = hashlib.blake2b(b"".join(tensor.numpy().tobytes() for tensor in tensors.values()), digest_size=16)
    return Checkpoint(
        config=network.config,
        labels=LABELS,
        recipe=recipe,
        inputs=(INPUT,),
        window=ClipWindow(num_positions=2 * REACH + 1, stride=REACH),
        operating_points=OperatingPoints(common=OperatingPoint(high=NO_HIGH, low=NO_HIGH)),
        points={"quiet": OperatingPoints(common=OperatingPoint(high=high, low=high))},
        phase_rules=drawing.rules,
        training={
            "vtn_stream": __version__,
            "source": "benchmarks/cctv_fight.py: clips of Aktı et al. 2019 (MIT), alone and in joined films",
            "training": {
                "num_films": len(used),
                "hours": round(sum(film.duration_s for film in used) / 3600, 4),
                "num_segments": {LABEL: sum(len(film.segments) for film in used)},
            },
            "measured": {"how": "out of fold, cross-fitted", "folds": len({film.part for film in films})},
            "points": points,
            FILM_DIGESTS: TrainingFilms.of_identities((film.identity for film in used), (), salt.hexdigest()).to_dict(),
        },
        tensors=tensors,
    )


def alarms_of(model: Path, point: str | None, folder: Path, store: Path | None) -> tuple[int, float]:
    """The number of segments that a model draws, and the hours of film."""
    found, film_s = 0, 0.0
    with Analyzer(Settings(model=model, point=point, store=store)) as analyzer:
        for path in sorted(each for each in folder.iterdir() if each.suffix in (".mp4", ".avi", ".mkv", ".mov")):
            timeline = analyzer.analyze(analyzer.plan(path)).timeline
            found += len(timeline.segments)
            film_s += timeline.duration_s
    return found, film_s / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data / "cctv-fight")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--joined", type=Path, help="where joined films are kept; by default nowhere")
    parser.add_argument("--clear", type=Path, nargs="*", default=[data / "films", data / "indoor-actions" / "videos"])
    parser.add_argument("--write", type=Path, help="the model that learnt all parts; its alarms are counted then")
    parser.add_argument("--kinds", nargs="*", default=KINDS, help="of joined films; also: mixed 15, calm 15")
    given, say = parser.parse_args(), Said()
    if not given.data.is_dir():
        sys.exit(f"{given.data.name} is not there: name its folder with --data")
    clips = read_clips(given.data / "clips.csv")
    fights = np.array([clip.label == LABEL for clip in clips])
    parts = parts_of(clips)
    say(f"{len(clips)} clips, {len({clip.source for clip in clips})} sources, {float(FPS):g} positions per second")
    say(f"most frequent label: {100 * max(fights.mean(), 1 - fights.mean()):.1f} %")
    for name, features in facts_of(clips).items():
        say(f"what must not decide, {name} of a clip: {100 * probe(features, fights, parts, DECAY):.1f} % right")
    with tempfile.TemporaryDirectory() as folder:
        films = list(films_of(clips, given.joined or Path(folder), given.store, given.kinds))
    table = out_of_fold(films, len(parts))
    points = measured(table, fights, len(parts), given.kinds, say)
    model = find_model("cctv-fight")
    if given.write is not None:
        drawing = chosen_drawing(table, fights)
        high = chosen_high(table, drawing)
        say(f"the model of all parts: {drawing}, quiet from {high:g}")
        recipe = FrameEncoder(DEFAULT_BACKBONE).recipe(FPS)
        made = written(films, drawing, high, points, recipe)
        save_checkpoint(made, given.write)
        model = given.write
    for folder, point in product(given.clear, (None, "quiet")):
        found, hours = alarms_of(model, point, folder, given.store)
        at = point or "default"
        say(f"{folder.name}, {at}: {found} false alarms in {hours:.2f} h, {found / hours:.1f} an hour")
    if given.write is not None:
        calm = {span.clip: span.end_s - span.start_s for each in films for span in each.spans if not fights[span.clip]}
        text = card(made.training, sum(calm.values()), made.recipe.weights, say)
        given.write.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
