"""How often intervals hold the true value: python benchmarks/intervals.py [--part change | card]

change: the interval that `evaluate` gives for two models. Two made-up models look at made-up films with some actions
each; the second finds a little more and guesses a little less. The true change of each figure is that over 6,000 films.
Then 3, 5, 10 and 30 films are drawn again and again, as a person would have them, and the 95 % interval of the paired
bootstrap over them either holds the true change or not.

    coverage  how often it does, percent: the lowest and the highest over the figures, and their mean

card: the 90 % interval of a model card. Made-up films of three labels differ from one another as real ones do. A linear
model is cross-validated in five folds, then learns all films, and the truth is its accuracy on 600 others.

    bootstrap    percentiles of a bootstrap over the films' out-of-fold accuracies
    as measured  Student's interval of these, as of films that are independent
    in the card  the same, longer by the factor `metrics.OUT_OF_FOLD`
    five films   how often five new films together lie in the range that the card gives for them
"""

import argparse
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from vtn_stream.evaluation.comparison import compare
from vtn_stream.evaluation.measure import score
from vtn_stream.evaluation.prediction import Prediction
from vtn_stream.evaluation.tally import Tally
from vtn_stream.formats.annotations.annotated import AnnotatedVideo, Annotations
from vtn_stream.metrics import OUT_OF_FOLD, share_interval
from vtn_stream.timeline import Segment

LABELS = ("run", "walk")
FILM_S, ACTION_S = 100.0, 20.0  # of a film; of the stretch in which an action lies
FIGURES = ("mAP", "F1", "recall", "AR@10", "AP of run", "accuracy", "edit", "F1@50")
NUM_TRUE = 6000
SIZES = (3, 5, 10, 30)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Film = tuple[list[Segment], list[Segment], list[Segment]]  # what is true, and what either model says


def a_film(rng: np.random.Generator) -> Film:
    quality = rng.beta(4, 3)  # films differ in how hard they are, for both models alike
    true: list[Segment] = []
    models: tuple[list[Segment], list[Segment]] = ([], [])
    for number in range(rng.integers(1, 6)):
        start_s = number * ACTION_S + rng.uniform(0, 5)
        end_s = start_s + rng.uniform(4, 12)
        label = LABELS[rng.integers(2)]
        true.append(Segment(start_s=start_s, end_s=end_s, label=label))
        for found, share in zip(models, (quality, min(1.0, quality * 1.1 + 0.05)), strict=True):
            if rng.random() < share:
                late_s = rng.normal(0, 0.8, 2)
                begin_s, stop_s = max(0.0, start_s + late_s[0]), end_s + late_s[1]
                if stop_s > begin_s + 0.5:
                    found.append(Segment(start_s=begin_s, end_s=stop_s, label=label, score=float(rng.beta(5, 2))))
            if rng.random() < (1 - share) * 0.8:  # a false alarm
                begin_s = number * ACTION_S + rng.uniform(0, 14)
                guess = LABELS[rng.integers(2)]
                found.append(Segment(start_s=begin_s, end_s=begin_s + 5, label=guess, score=float(rng.beta(2, 4))))
    return true, *models


def tallies_of(films: list[Film]) -> tuple[dict[str, Tally], dict[str, Tally]]:
    names = [f"film {number:05d}" for number in range(len(films))]
    videos = {
        name: AnnotatedVideo(duration_s=FILM_S, segments=tuple(film[0]))
        for name, film in zip(names, films, strict=True)
    }
    truth = Annotations(format="made up", labels=LABELS, videos=videos)

    def of(model: int) -> dict[str, Tally]:
        said = {
            name: Prediction(segments=tuple(film[model]), candidates=tuple(film[model]))
            for name, film in zip(names, films, strict=True)
        }
        return dict(score(said, truth, metrics=["detection", "segmentation"], fps=2).tallies())

    return of(1), of(2)


def changes(first: dict[str, Tally], second: dict[str, Tally]) -> dict[tuple[str, str], float]:
    return {
        (metric, figure.name): float(after - before)
        for metric, tally in first.items()
        for figure, before, after in zip(tally.names, tally.of_all(), second[metric].of_all(), strict=True)
    }


def of_changes(num_runs: int) -> None:
    rng = np.random.default_rng(1)
    true = changes(*tallies_of([a_film(rng) for _ in range(NUM_TRUE)]))
    for num_films in SIZES:
        holds = defaultdict(list)
        for _ in range(num_runs):
            both = tallies_of([a_film(rng) for _ in range(num_films)])
            for difference in compare(("first", "second"), *both).differences:
                key = (difference.metric, difference.figure.name)
                if difference.interval and key[1] in FIGURES:
                    holds[key].append(difference.interval[0] <= true[key] <= difference.interval[1])
        shares = [100 * float(np.mean(of)) for of in holds.values()]
        print(f"{num_films:3d} films  coverage {min(shares):.0f} to {max(shares):.0f} %, mean {np.mean(shares):.1f} %")


# ---- the interval of a card

WORLDS = ((1.0, 1.0, 5), (1.0, 1.0, 100), (2.0, 0.3, 50), (1.5, 0.5, 20))  # signal, difference of films, width
NUM_NEW = 600
NUM_POSITIONS, SEGMENT = 60, 10
CARD_SIZES = (5, 8, 15, 30)


def some_films(rng: np.random.Generator, num: int, world: tuple[float, float, int]) -> tuple[Floats, Integers]:
    """Embeddings [num, T, D] and labels [num, T]."""
    signal, apart, width = world
    labels = rng.integers(0, 3, (num, NUM_POSITIONS // SEGMENT)).repeat(SEGMENT, 1)
    directions = np.zeros((3, width))
    directions[np.arange(3), np.arange(3)] = signal
    own = apart * rng.normal(size=(num, 1, width)) * np.exp(rng.normal(0, 0.4, (num, 1, 1)))
    return directions[labels] + rng.normal(size=(num, NUM_POSITIONS, width)) + own, labels


def ridge(films: Floats, labels: Integers) -> Floats:
    x = np.column_stack([films.reshape(-1, films.shape[2]), np.ones(labels.size)])
    return np.linalg.solve(x.T @ x + 10 * np.eye(x.shape[1]), x.T @ np.eye(3)[labels.ravel()])


def accuracies(weights: Floats, films: Floats, labels: Integers) -> Floats:
    """[num]: of each film."""
    scores = np.concatenate([films, np.ones((*films.shape[:2], 1))], 2) @ weights
    return np.asarray((scores.argmax(2) == labels).mean(1))


def of_cards(num_runs: int) -> None:
    rng = np.random.default_rng(1)
    for num in CARD_SIZES:
        holds: dict[str, list[bool]] = defaultdict(list)
        for world in WORLDS:
            others = some_films(rng, NUM_NEW, world)
            for _ in range(num_runs):
                films, labels = some_films(rng, num, world)
                fold = rng.permutation(num) % 5
                each = np.empty(num)
                for k in range(5):
                    weights = ridge(films[fold != k], labels[fold != k])
                    each[fold == k] = accuracies(weights, films[fold == k], labels[fold == k])
                of_others = accuracies(ridge(films, labels), *others)
                without = (each.sum() - each) / (num - 1)
                drawn = each[rng.integers(0, num, (500, num))].mean(1)
                intervals = {
                    "bootstrap": tuple(np.quantile(drawn, [0.05, 0.95])),
                    "as measured": share_interval(each.mean(), without),
                    "in the card": share_interval(each.mean(), without, widened=OUT_OF_FOLD),
                    "five films": share_interval(each.mean(), without, widened=OUT_OF_FOLD, num_new=5),
                }
                five = of_others[rng.integers(0, NUM_NEW, 5)].mean()
                for name, interval in intervals.items():
                    if interval is not None:
                        truth = five if name == "five films" else of_others.mean()
                        holds[name].append(interval[0] <= truth <= interval[1])
        print(f"{num:3d} films  " + ", ".join(f"{name} {100 * np.mean(of):.0f} %" for name, of in holds.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["change", "card"], default="change", help="which interval")
    parser.add_argument("--runs", type=int, default=200, help="draws of each number of films")
    asked = parser.parse_args()
    {"change": of_changes, "card": of_cards}[asked.part](asked.runs)


if __name__ == "__main__":
    main()
