"""Compares the decoders on each file: python benchmarks/decoders.py [FOLDER ...]

For every film in the folders (by default odd-media and films of VTN_STREAM_DATA; files that PyAV cannot probe hold
none) up to 200 frames are asked of both decoders, at 224 x 224, the film's first and then evenly spread. Prints
for each the frames that came out, or the refusal, and the largest mean difference of a pair of frames (of 255, at most
1 wanted). A frame that fits a neighbour of the one asked for better is called another frame.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.video import DecodingProcess, probe

SIZE = (224, 224)
MAX_FRAMES = 200
LIMIT = 1.0


def frames_of(process: DecodingProcess, video: VideoInfo, pts: NDArray[np.int64]) -> dict[int, NDArray[np.uint8]]:
    found: dict[int, NDArray[np.uint8]] = {}
    for batch in process.frames(video, pts, SIZE):
        found |= {item: frame.copy() for item, frame in zip(batch.items, batch.frames, strict=True)}
    return found


def result(
    process: DecodingProcess, video: VideoInfo, pts: NDArray[np.int64]
) -> tuple[str, dict[int, NDArray[np.uint8]]]:
    try:
        found = frames_of(process, video, pts)
    except VideoError as error:
        return error.fact.replace(video.path.name, "it"), {}
    return f"{len(found)} of {len(pts)}", found


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def is_another(item: int, frame: NDArray[np.uint8], truth: dict[int, NDArray[np.uint8]]) -> bool:
    """Whether it fits a neighbour of the right one better; neighbours may well be equal."""
    own = difference(frame, truth[item])
    near = [difference(frame, truth[i]) for i in range(item - 3, item + 4) if i != item and i in truth]
    return bool(near) and min(near) < own - 0.01


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    arguments.add_argument("folders", nargs="*", type=Path, default=[data / "odd-media", data / "films"])
    given = arguments.parse_args()
    files = [path for folder in given.folders for path in sorted(folder.rglob("*")) if path.is_file()]
    counts = dict.fromkeys(("no film", "pyav", "decord", "refused", "different", "other frames"), 0)
    print("| file | pyav | decord | largest mean difference |\n|---|---|---|---|")
    with DecodingProcess() as pyav, DecodingProcess(decoder="decord") as decord:
        for path in files:
            try:
                video = probe(path, pyav)
            except VideoError:
                counts["no film"] += 1
                continue
            # All of them at first, so that neighbours are there; a part where there are many.
            pts = (
                video.pts[:MAX_FRAMES] if video.num_frames <= 2 * MAX_FRAMES else video.pts[:: video.num_frames // 200]
            )
            pyav_answer, truth = result(pyav, video, pts)
            decord_answer, found = result(decord, video, pts)
            counts["pyav"] += bool(truth)
            counts["decord"] += bool(found)
            counts["refused"] += not found
            both = sorted(set(truth) & set(found))
            largest = max((difference(found[i], truth[i]) for i in both), default=0.0)
            others = [i for i in both if is_another(i, found[i], truth)]
            counts["different"] += largest > LIMIT
            counts["other frames"] += bool(others)
            seen = f"{largest:.2f}" if both else ""
            if others:
                seen += f", {len(others)} other frames, the first {others[0]}"
            print(f"| {path.name} | {pyav_answer} | {decord_answer} | {seen} |", flush=True)
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
