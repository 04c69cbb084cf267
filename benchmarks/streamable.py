"""What a model loses that can be followed: `train --streamable` beside `train`, on the same films, folds and seeds.

    python benchmarks/streamable.py [--data FOLDER] [--store FOLDER] [--part dense|localization] [--seeds 0 1 ...]

The 15 films of indoor-actions in five outer folds by film, as in benchmarks/indoor_actions.py: in each fold both models
learn from the films of the others, as a user would train them, and `analyze` looks at the films of the fold once.
Printed: the figures of all films together, the mean over the seeds; and the difference of the two, with its 90 %
interval: Student's t on the jackknife over the films, each left out of both models. In the dense part also that of the
films' own accuracies. Beside it, after how many seconds of film a segment is final.

It measures the models, not the following: that `follow` says what `analyze` says is what tests show.

A run that was killed goes on. Models, and the results of finished folds (results.jsonl), are kept in the folder
STORE.streamable: remove it to measure a changed program.
"""

import argparse
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from indoor_actions import FIGURES, NUM_FOLDS, TRAIN, Bench, Kept
from numpy.typing import NDArray

from vtn_stream.metrics.intervals import SHARE, students_t

USUAL, STREAMABLE = "usual", "streamable"


def kept_in(file: Path, like: Mapping[str, object]) -> Kept | None:
    """What an earlier run found, if its line is whole."""
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            kept: Kept = json.loads(line)
        except json.JSONDecodeError:
            continue
        if all(kept[name] == value for name, value in like.items()):
            return kept
    return None


def learnt(bench: Bench, part: str, fold: int, seed: int, kind: str) -> Kept:
    """The results of one model, of this run or of an earlier one."""
    like = {"part": part, "fold": fold, "epochs": bench.epochs, "seed": seed, "kind": kind}
    file = bench.work / "results.jsonl"
    kept = kept_in(file, like)
    if kept is None:
        folder = bench.work / f"{kind}-{seed}"
        folder.mkdir(exist_ok=True)
        kept = replace(bench, work=folder).learnt(part, fold, streamable=kind == STREAMABLE, seed=seed) | like
        with file.open("a") as opened:
            opened.write("\n" * (opened.tell() > 0) + json.dumps(kept) + "\n")
    delay = "" if kept["followed_s"] is None else f"; a segment is final {kept['followed_s']:.1f} s after its end"
    print(f"{part}, fold {fold}, seed {seed}, {kind}: {kept['way']}, {kept['seconds']:.0f} s{delay}", flush=True)
    return kept


def without(done: Sequence[Kept], film: str | None) -> list[Kept]:
    """The same without what is predicted of a film."""
    return [
        one | {"predicted": {TRAIN: {name: said for name, said in one["predicted"][TRAIN].items() if name != film}}}
        for one in done
    ]


def show(bench: Bench, part: str, found: Mapping[tuple[str, int], Sequence[Kept]]) -> None:
    """found: by kind and seed, the results of the folds."""
    seeds = sorted({seed for _, seed in found})
    films = sorted(film for one in found[USUAL, seeds[0]] for film in one["predicted"][TRAIN])

    def figure(kind: str, name: str, film: str | None = None) -> float:
        of_seeds = [bench.figures(without(found[kind, seed], film), TRAIN)[name] for seed in seeds]
        return 100 * float(np.mean(of_seeds))

    print(f"\n{part}, {len(films)} films together, {len(seeds)} seeds, in percent:")
    for name in FIGURES[part]:
        usual, streamable = figure(USUAL, name), figure(STREAMABLE, name)
        fewer = np.array([figure(STREAMABLE, name, film) - figure(USUAL, name, film) for film in films])
        error = math.sqrt((len(films) - 1) / len(films) * float(((fewer - fewer.mean()) ** 2).sum()))
        print(f"  {name}: {usual:.1f} usual, {streamable:.1f} streamable; {_more(streamable - usual, error, films)}")
    if part == "dense":
        each = {
            kind: np.array([np.mean([_of_film(bench, found[kind, seed], film) for seed in seeds]) for film in films])
            for kind in (USUAL, STREAMABLE)
        }
        more: NDArray[np.float64] = 100 * (each[STREAMABLE] - each[USUAL])
        error = float(more.std(ddof=1)) / math.sqrt(len(films))
        print(f"  accuracy, mean of the films: {_more(float(more.mean()), error, films)}")
    delays = [one["followed_s"] for (kind, _), done in found.items() if kind == STREAMABLE for one in done]
    print(f"  final after {min(delays):.1f} to {max(delays):.1f} s")


def _of_film(bench: Bench, done: Sequence[Kept], film: str) -> float:
    return next(main for one in done for name, main in bench.each(one, TRAIN).items() if name == film)


def _more(more: float, error: float, films: Sequence[str]) -> str:
    reach = students_t((1 + SHARE) / 2, len(films) - 1) * error
    return f"difference {more:+.1f} ({more - reach:+.1f} to {more + reach:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("VTN_STREAM_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data) / "indoor-actions")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--part", choices=[*FIGURES], help="by default both")
    parser.add_argument("--folds", type=int, nargs="+", choices=range(NUM_FOLDS), default=[*range(NUM_FOLDS)])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, help="of each network, to try the program; by default as train decides")
    given = parser.parse_args()
    bench = Bench.at(given.data, given.store, "streamable", given.epochs, beside=False)
    for part in [given.part] if given.part else FIGURES:
        found = {
            (kind, seed): [learnt(bench, part, fold, seed, kind) for fold in given.folds]
            for seed in given.seeds
            for kind in (USUAL, STREAMABLE)
        }
        show(bench, part, found)


if __name__ == "__main__":
    main()
