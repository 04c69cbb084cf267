"""How quickly clips are cut out of a film: python benchmarks/cutting.py [FILM ...] [--seconds 60]

Prints a table as Markdown: for the whole film and for one clip in its middle, how many seconds of film a second of wall
clock and of CPU gives, by copying packets, exact to the frame, and with a label drawn in; beside the ffmpeg program's
copy of the same span where that program is there. The best of three runs; without FILM, the longest film of the data
folder.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from vtn_stream.film import VideoInfo
from vtn_stream.video import probe
from vtn_stream.video.cutter import CuttingProcess, Piece

NUM_RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the clip in the middle")
    arguments = parser.parse_args()
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    films = arguments.films or [data / "films/talk-with-slides.mp4"]
    print("| film | what | how | seconds of film | times real time | of CPU |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, CuttingProcess() as process:
        for film in films:
            measure(probe(film), arguments.seconds, process, Path(folder))


def measure(video: VideoInfo, clip_s: float, process: CuttingProcess, folder: Path) -> None:
    middle = max(0.0, (video.duration_s - clip_s) / 2)
    suffix = process.container([video]).suffix

    def ours(start_s: float, end_s: float, *, accurate: bool = False, label: str | None = None) -> float:
        piece = Piece(video=video, start_s=start_s, end_s=end_s, label=label)
        receipt = process.cut([piece], folder / f"clip.{suffix}", accurate=accurate)
        return receipt.duration_s

    def theirs(start_s: float, end_s: float) -> float:
        clip = folder / f"theirs.{suffix}"
        command = ["ffmpeg", "-v", "error", "-y", "-ss", str(start_s), "-to", str(end_s), "-i", str(video.path)]
        subprocess.run([*command, "-c", "copy", str(clip)], check=True)
        return end_s - start_s

    whole, inside = (0.0, video.duration_s), (middle, min(video.duration_s, middle + clip_s))
    ways: list[tuple[str, str, Callable[[], float]]] = [
        ("the whole film", "copied", lambda: ours(*whole)),
        ("a clip", "copied", lambda: ours(*inside)),
        ("a clip", "exact", lambda: ours(*inside, accurate=True)),
        ("a clip", "with a label", lambda: ours(*inside, label="walk")),
    ]
    if shutil.which("ffmpeg"):
        ways.insert(1, ("the whole film", "ffmpeg -c copy", lambda: theirs(*whole)))
        ways.insert(3, ("a clip", "ffmpeg -c copy", lambda: theirs(*inside)))
    for what, how, cut in ways:
        runs = [timed(cut, process) for _ in range(NUM_RUNS)]
        wall_s, cpu_s, seconds = (min(run[k] for run in runs) for k in range(3))
        name = f"{video.codec} {video.width} x {video.height}"
        print(
            f"| {name} | {what} | {how} | {seconds:.1f} | {seconds / wall_s:.0f} | {seconds / cpu_s:.0f} |", flush=True
        )


def timed(cut: Callable[[], float], process: CuttingProcess) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds of all processes, seconds of film."""
    cpu_s, wall_s = cpu(process), time.perf_counter()
    seconds = cut()
    return time.perf_counter() - wall_s, cpu(process) - cpu_s, seconds


def cpu(process: CuttingProcess) -> float:
    ended = os.times()
    child = psutil.Process(process.pid).cpu_times()
    return time.process_time() + ended.children_user + ended.children_system + child.user + child.system


if __name__ == "__main__":
    main()
