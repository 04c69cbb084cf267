"""Join labelled clips into untrimmed films whose actions are known: what `cctv-fight`, which ships, learnt from.

    python benchmarks/join_clips.py CLIPS.csv joined --label fight --seed 0
    vtn-stream train joined/annotations.csv --videos joined -o cctv-fight.safetensors --head dense --fps 8 --seed 0

CLIPS.csv has the columns path, label and source; paths are relative to it. Clips of one source share a scene and stay
on one side of the split. Every clip is in several films, each time between other clips, in training every other time
in a mirror; cuts between clips without the action are like those around it, so that a cut tells nothing. Neighbours
that both show the action are one segment. In more validation films the action is rare, as it is in life: thresholds
that are fitted where half of a film is action cry wolf elsewhere.
A clip's frames are shown as often as their timestamps say; all are squashed to one size and coded anew (H.264).
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.training.split import folds

NUM_CLIPS = 40  # of a film
NUM_TIMES = {"training": 4, "validation": 2}  # that a clip is shown
RARE = 0.1  # of the clips show the action where it is rare
SIZE, FPS = (320, 240), 25
NUM_FOLDS = 5  # of which the first validates


class Clip(NamedTuple):
    path: Path
    label: str
    source: str


class Joined(NamedTuple):
    name: str
    subset: str
    clips: Sequence[Clip]
    mirrored: bool


def read_clips(path: Path) -> list[Clip]:
    with open(path, encoding="utf-8", newline="") as file:
        return [Clip(path.parent / row["path"], row["label"], row["source"]) for row in csv.DictReader(file)]


def held_out(clips: Sequence[Clip], seed: int, num_folds: int = NUM_FOLDS) -> list[list[int]]:
    """The clips' numbers in parts that share no source."""
    videos = {str(i): AnnotatedVideo(clip_label=clip.label, source=clip.source) for i, clip in enumerate(clips)}
    return [[int(name) for name in part] for part in folds(videos, num_folds, seed)]


def joins(clips: Sequence[Clip], label: str, seed: int) -> Iterator[Joined]:
    """Films of both sides."""
    rng = np.random.default_rng(seed)
    validation = set(held_out(clips, seed)[0])
    for subset, num_times in NUM_TIMES.items():
        mine = [i for i in range(len(clips)) if (i in validation) == (subset == "validation")]
        for time in range(num_times):
            order, mirrored = rng.permutation(mine), subset == "training" and time % 2 == 1
            for part in np.array_split(order, max(1, round(len(order) / NUM_CLIPS))):
                yield Joined(f"{subset}-{time}-{part[0]:03d}", subset, [clips[i] for i in part], mirrored)
    without = [i for i in mine if clips[i].label != label]
    actions = rng.permutation([i for i in mine if clips[i].label == label])
    num = max(1, round(len(without) * RARE / (1 - RARE)))  # of a film
    for number, part in enumerate(np.array_split(actions, -(-len(actions) // num))):
        order = rng.permutation([*part, *without])
        yield Joined(f"validation-rare-{number}", subset, [clips[i] for i in order], False)


def write_film(path: Path, clips: Sequence[Clip], *, mirrored: bool = False) -> list[tuple[float, float]]:
    """[start, end) of each clip in the film, in seconds."""
    spans, shown = [], 0
    with av.open(str(path), "w") as film:
        out = film.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "veryfast", "threads": "1"})
        out.width, out.height, out.pix_fmt = *SIZE, "yuv420p"
        for clip in clips:
            start = shown
            with av.open(str(clip.path)) as source:
                began = None
                for frame in source.decode(video=0):
                    if frame.time is None:
                        continue
                    began = frame.time if began is None else began
                    picture = frame.reformat(*SIZE, format="yuv420p")
                    if mirrored:
                        turned = np.ascontiguousarray(picture.to_ndarray(format="rgb24")[:, ::-1])
                        picture = av.VideoFrame.from_ndarray(turned, "rgb24").reformat(format="yuv420p")
                    until = start + round((frame.time - began) * FPS) + 1
                    while shown < until:  # a clip of 30 frames a second loses some, one of 10 repeats some
                        picture.pts, picture.time_base = shown, Fraction(1, FPS)
                        film.mux(out.encode(picture))
                        shown += 1
            spans.append((start / FPS, shown / FPS))
        film.mux(out.encode(None))
    return spans


def write_films(films: Sequence[Joined], folder: Path, label: str) -> None:
    """The films, and annotations.csv beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "annotations.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "start_s", "end_s", "label", "subset"])
        for film in films:
            spans = write_film(folder / f"{film.name}.mp4", film.clips, mirrored=film.mirrored)
            merged: list[list[float]] = []
            for clip, (start_s, end_s) in zip(film.clips, spans, strict=True):
                if clip.label != label:
                    continue
                if merged and merged[-1][1] == start_s:
                    merged[-1][1] = end_s
                else:
                    merged.append([start_s, end_s])
            table.writerows([film.name, f"{a:.2f}", f"{b:.2f}", label, film.subset] for a, b in merged)
            print(f"{film.name}: {len(film.clips)} clips, {len(merged)} segments, {spans[-1][1]:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--label", required=True, help="of the clips that show the action; all others show nothing")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write_films(list(joins(read_clips(given.clips), given.label, given.seed)), given.folder, given.label)


if __name__ == "__main__":
    main()
