"""How often the interval that `evaluate` gives for two models holds the true change: python benchmarks/intervals.py

Two made-up models look at made-up films with some actions each; the second finds a little more and guesses a little
less. The true change of each figure is that over 6,000 films. Then 3, 5, 10 and 30 films are drawn again and again, as
a person would have them, and the 95 % interval of the paired bootstrap over them either holds the true change or not.

    coverage  how often it does, percent: the lowest and the highest over the figures, and their mean
"""

import argparse
from collections import defaultdict

import numpy as np

from vtn_stream.evaluation.comparison import compare
from vtn_stream.evaluation.measure import score
from vtn_stream.evaluation.prediction import Prediction
from vtn_stream.evaluation.tally import Tally
from vtn_stream.formats.annotations.annotated import AnnotatedVideo, Annotations
from vtn_stream.timeline import Segment

LABELS = ("run", "walk")
FILM_S, ACTION_S = 100.0, 20.0  # of a film; of the stretch in which an action lies
FIGURES = ("mAP", "F1", "recall", "AR@10", "AP of run", "accuracy", "edit", "F1@50")
NUM_TRUE = 6000
SIZES = (3, 5, 10, 30)

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="draws of each number of films")
    num_runs = parser.parse_args().runs
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


if __name__ == "__main__":
    main()
