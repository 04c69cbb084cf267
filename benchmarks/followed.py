"""What is lost when a usual model follows a film, instead of analyzing it when it is finished.

    python benchmarks/followed.py [--data FOLDER] [--store FOLDER] [--part dense|localization] [--seeds 0 1 ...]

The usual models of benchmarks/streamable.py, trained as there where they are not: each looks at the films of its fold.
Its global token sees all of a finished film, and its labels or segments are chosen by all of it; of a film that is
followed, the token sees what came, and the choice is made some seconds later. Embeddings come as `follow` gives them, 5
s of the film at a time, from the store: no film is recorded, and nothing depends on the machine's speed.

Printed: the figures of all films together of both, and the difference with its 90 % interval (Student's t on the
jackknife over the films); how long after its end a segment was final at most, and what was stated.
"""

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
from indoor_actions import FIGURES, NUM_FOLDS, TRAIN, Bench, Kept, _packed
from streamable import USUAL, _more, learnt

from vtn_stream.analysis import Analyzer, Settings
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.evaluation.prediction import of_timeline
from vtn_stream.following.live import FilmSoFar, Rows
from vtn_stream.following.live_model import live_model
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment

FOLLOWED = "followed"
STEP_S = 5


@dataclass
class Delays:
    """Seconds of film."""

    stated: float = 0.0
    longest: float = -math.inf


def followed(bench: Bench, kept: Kept, seed: int, delays: Delays) -> Kept:
    """The results of a fold, with what the same model says of its films while they come."""
    path = bench.work / f"{USUAL}-{seed}" / f"{kept['part']}-{kept['fold']}" / "model.safetensors"
    checkpoint, store, found = load_checkpoint(path), EmbeddingStore(bench.store), {}
    network, fps = checkpoint.network(), checkpoint.recipe.fps
    with Analyzer(Settings(model=path, store=bench.store)) as analyzer:
        for name in bench.folds[kept["fold"]]:
            timeline = analyzer.analyze(analyzer.plan(bench.footage.videos[name].path)).timeline
            tracks = [store.track(timeline, recipe=replace(checkpoint.recipe, input=of)) for of in checkpoint.inputs]
            valid = np.logical_and.reduce([track.valid for track in tracks])
            index = replace(tracks[0].index, valid=valid)
            values = np.concatenate([track.values for track in tracks], axis=1)
            values[~valid] = 0
            live = live_model(checkpoint, network, None, fps)
            segments, step = list[Segment](), round(STEP_S * fps)
            for start in range(0, len(values), step):
                rows = slice(start, start + step)
                live.add(Rows(start=start, values=values[rows], index=index[rows]))
                there_s = float(index.grid_s[rows][-1])
                final = live.say(_film(there_s), ended=False).final
                delays.longest = max([delays.longest, *(there_s - segment.end_s for segment in final)])
                segments += final
            segments += live.say(_film(timeline.duration_s), ended=True).final
            delays.stated = live.delay_s + STEP_S
            drawn = replace(timeline, segments=tuple(replace(segment, origin="model") for segment in segments))
            said = of_timeline(drawn, (live.scores(), index, checkpoint.labels))
            candidates = None if kept["part"] == "dense" else _packed(said.candidates or ())
            found[name] = [_packed(said.segments), candidates]
    return kept | {"predicted": kept["predicted"] | {FOLLOWED: found}}


def _film(duration_s: float) -> FilmSoFar:
    return cast(FilmSoFar, SimpleNamespace(video=SimpleNamespace(duration_s=duration_s)))


def without(done: Sequence[Kept], film: str | None) -> list[Kept]:
    """The same without what is predicted of a film."""
    return [
        one
        | {"predicted": {way: {n: said for n, said in of.items() if n != film} for way, of in one["predicted"].items()}}
        for one in done
    ]


def show(bench: Bench, part: str, of_seeds: Sequence[Sequence[Kept]], delays: Delays) -> None:
    """of_seeds: the results of the folds, of each seed."""
    films = sorted(film for one in of_seeds[0] for film in one["predicted"][TRAIN])

    def figure(way: str, name: str, film: str | None = None) -> float:
        return 100 * float(np.mean([bench.figures(without(done, film), way)[name] for done in of_seeds]))

    print(f"\n{part}, {len(films)} films together, {len(of_seeds)} seeds, in percent:")
    for name in FIGURES[part]:
        analyzed, told = figure(TRAIN, name), figure(FOLLOWED, name)
        fewer = np.array([figure(FOLLOWED, name, film) - figure(TRAIN, name, film) for film in films])
        error = math.sqrt((len(films) - 1) / len(films) * float(((fewer - fewer.mean()) ** 2).sum()))
        print(f"  {name}: {analyzed:.1f} analyzed, {told:.1f} followed; {_more(told - analyzed, error, films)}")
    if delays.longest > -math.inf:
        longest = f"final at most {delays.longest:.1f} s after the end, before the film's own"
    else:
        longest = "none was final before the film's end"
    print(f"  {longest}; stated {delays.stated:.1f} s")


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
        delays = Delays()
        of_seeds = [
            [followed(bench, learnt(bench, part, fold, seed, USUAL), seed, delays) for fold in given.folds]
            for seed in given.seeds
        ]
        show(bench, part, of_seeds, delays)


if __name__ == "__main__":
    main()
