"""Compare the demo's timeline with what was joined: python demo/check.py FOLDER"""

import json
import math
import sys
from pathlib import Path

from vtn_stream.results import load_timeline
from vtn_stream.timeline import Timeline


def check(timeline: Timeline, truth: list[tuple[float, float, str]]) -> tuple[float, bool]:
    """(largest error of a boundary in frames of the film, whether the names recur exactly as the clips do).

    The error is infinite where the number of pieces differs.
    """
    if len(timeline.segments) != len(truth):
        return float("inf"), False
    error_s = max(
        abs(found - true)
        for s, (start_s, end_s, _) in zip(timeline.segments, truth, strict=True)
        for found, true in ((s.start_s, start_s), (s.end_s, end_s))
    )
    pairs = {(s.label, clip) for s, (_, _, clip) in zip(timeline.segments, truth, strict=True)}
    recurs = len(pairs) == len({clip for _, _, clip in truth}) == len(timeline.labels)
    return error_s * float(timeline.nominal_rate or math.inf), recurs


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    error, recurs = check(
        load_timeline(folder / "film.mp4.timeline.json"), json.loads((folder / "truth.json").read_text())
    )
    print(f"largest boundary error {error:.2f} frames; the same clip always has the same name: {recurs}")
    sys.exit(0 if error <= 1 and recurs else 1)
