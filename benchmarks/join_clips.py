"""Join labelled clips into untrimmed films whose actions are known: what `cctv-fight`, which ships, was measured on,
and learnt from beside the clips themselves.

    python benchmarks/join_clips.py CLIPS.csv joined --label fight

CLIPS.csv has the columns path, label and source; paths are relative to it. Clips of one source share a scene. The clips
are divided into parts that share no source; each film shows the clips of one part, in a random order, so that cuts
between clips without the action are like all others and say nothing. Mixed films show all clips of their part, calm
films only those without the action. Neighbours that both show the action are one segment. joined/annotations.csv has
the segments, with the part of each film as its source.
A clip's frames are shown as often as their timestamps say; all are squashed to one size and coded anew (H.264) at one
rate, so that neither size, nor rate, nor coding says what a clip shows.
"""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.training.split import folds

WIDTH, HEIGHT = 320, 240
NUM_PARTS = 5
# Of each part: what is shown, in a mirror or not, frames a second. Cameras give 10 to 25.
FILMS = (
    ("mixed", False, 25),
    ("mixed", True, 15),
    ("calm", False, 25),
    ("calm", True, 15),
    ("calm", False, 10),
)

Frames = list[tuple[float, NDArray[np.uint8]]]  # seconds since the first, yuv420p


class Clip(NamedTuple):
    path: Path
    label: str
    source: str


class Joined(NamedTuple):
    """clips: their numbers; part: of their sources."""

    name: str
    kind: str
    part: int
    mirrored: bool
    fps: int
    clips: Sequence[int]


class Shown(NamedTuple):
    """When a film shows a clip: [start_s, end_s)."""

    clip: int
    start_s: float
    end_s: float


def read_clips(path: Path) -> list[Clip]:
    with open(path, encoding="utf-8", newline="") as file:
        return [Clip(path.parent / row["path"], row["label"], row["source"]) for row in csv.DictReader(file)]


def parts_of(clips: Sequence[Clip], seed: int = 0) -> list[list[int]]:
    """The clips' numbers in parts that share no source."""
    videos = {str(i): AnnotatedVideo(clip_label=clip.label, source=clip.source) for i, clip in enumerate(clips)}
    return [[int(name) for name in part] for part in folds(videos, NUM_PARTS, seed)]


def joins(clips: Sequence[Clip], label: str, seed: int = 0) -> Iterator[Joined]:
    """The films of all parts."""
    rng = np.random.default_rng(seed)
    for number, part in enumerate(parts_of(clips, seed)):
        calm = [clip for clip in part if clips[clip].label != label]
        for kind, mirrored, fps in FILMS:
            order = rng.permutation(part if kind == "mixed" else calm).tolist()
            yield Joined(f"{kind}-{number}-{fps}", kind, number, mirrored, fps, order)


def frames_of(path: Path) -> Frames:
    frames: Frames = []
    with av.open(str(path)) as file:
        began: float | None = None
        for frame in file.decode(video=0):
            if frame.time is None:
                continue
            began = frame.time if began is None else began
            frames.append((frame.time - began, frame.reformat(WIDTH, HEIGHT, format="yuv420p").to_ndarray()))
    return frames


def in_a_mirror(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of a yuv420p picture: the two planes of colour lie below that of brightness, two of their rows in one."""
    colour = picture[HEIGHT:].reshape(-1, WIDTH // 2)[:, ::-1]
    return np.ascontiguousarray(np.concatenate([picture[:HEIGHT, ::-1], colour.reshape(-1, WIDTH)]))


def write_film(path: Path, film: Joined, frames: Mapping[int, Frames]) -> list[Shown]:
    """Writes the film of these clips' frames, and says when it shows which."""
    spans, shown = [], 0
    with av.open(str(path), "w") as file:
        out = file.add_stream("libx264", rate=film.fps, options={"crf": "23", "preset": "veryfast", "threads": "1"})
        out.width, out.height, out.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for clip in film.clips:
            start = shown
            for time_s, picture in frames[clip]:
                until = start + round(time_s * film.fps) + 1
                while shown < until:  # a clip of 30 frames a second loses some, one of 10 repeats some
                    seen = in_a_mirror(picture) if film.mirrored else picture
                    frame = av.VideoFrame.from_ndarray(seen, "yuv420p")
                    frame.pts, frame.time_base = shown, Fraction(1, film.fps)
                    file.mux(out.encode(frame))
                    shown += 1
            spans.append(Shown(clip, start / film.fps, shown / film.fps))
        file.mux(out.encode(None))
    return spans


def write_films(clips: Sequence[Clip], folder: Path, label: str, seed: int = 0) -> Iterator[tuple[Joined, list[Shown]]]:
    """Each film, as soon as FOLDER/NAME.mp4 is written."""
    folder.mkdir(parents=True, exist_ok=True)
    frames: dict[int, Frames] = {}
    for film in joins(clips, label, seed):
        if not frames.keys() >= {*film.clips}:  # those of another part
            frames = {clip: frames_of(clips[clip].path) for clip in film.clips}
        yield film, write_film(folder / f"{film.name}.mp4", film, frames)


def merged(spans: Sequence[Shown], clips: Sequence[Clip], label: str) -> list[tuple[float, float]]:
    """Where the action is, [start_s, end_s) of each segment."""
    found: list[tuple[float, float]] = []
    for clip, start_s, end_s in spans:
        if clips[clip].label != label:
            continue
        if found and found[-1][1] == start_s:
            start_s = found.pop()[0]
        found.append((start_s, end_s))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--label", required=True, help="of the clips that show the action; all others show nothing")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    clips = read_clips(given.clips)
    given.folder.mkdir(parents=True, exist_ok=True)
    with open(given.folder / "annotations.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "start_s", "end_s", "label", "source"])
        for film, spans in write_films(clips, given.folder, given.label, given.seed):
            segments = merged(spans, clips, given.label)
            rows = [(f"{a:.2f}", f"{b:.2f}", given.label) for a, b in segments]
            table.writerows([film.name, *row, f"part {film.part}"] for row in rows)
            print(
                f"{film.name}: {len(film.clips)} clips, {len(segments)} segments, {spans[-1].end_s:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
