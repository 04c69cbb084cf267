"""What the program adds to decoding and embedding: CPU, wall time, memory, the second run.

    python benchmarks/spine.py [--films FOLDER] [--minutes 68]

Joins the MP4 files of FOLDER (equal encoder settings; by default the indoor-actions films of VTN_STREAM_DATA) to a
film of about that length, without re-encoding, and measures in one run:

    decoding alone    the decoding process, frames thrown away
    embedding alone   the network on as many frames that lie in memory
    the analysis      both and everything else, in this process: another one of the same program can be a fifth faster
                      or slower by the pages that it happens to get. The other two are measured before and after it
    the command       vtn-stream analyze, with imports, as a process with all its children; then the same once more

The machine should be idle: wall times are compared with CPU times.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

from vtn_stream.analysis import DEFAULT_FPS, Analyzer
from vtn_stream.film import VideoInfo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.settings import Settings
from vtn_stream.video import DecodingProcess, probe

# All that a run of a stored film imports.
IMPORTS = "vtn_stream_cli.analyze"
COMMAND = [str(Path(sys.executable).with_name("vtn-stream")), "analyze"]


def join(films: list[Path], seconds: float, path: Path) -> None:
    """Packets of the films one after the other, again and again, until the film is long enough."""
    with av.open(str(path), "w") as out:
        stream, offset = None, Fraction(0)
        while offset < seconds:
            for film in films:
                if offset >= seconds:
                    break
                with av.open(str(film)) as source:
                    video = source.streams.video[0]
                    if stream is None:
                        stream = out.add_stream_from_template(video)
                    end = Fraction(0)
                    for packet in source.demux(video):
                        if packet.pts is None:
                            continue
                        end = max(end, (packet.pts + packet.duration) * video.time_base)
                        shift = round(offset / video.time_base)
                        packet.pts += shift
                        packet.dts += shift
                        packet.stream = stream
                        out.mux(packet)
                    offset += end


def cpu_s() -> float:
    """CPU seconds of this process and of its children, those that run and those that have ended."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    running = [child.cpu_times() for child in psutil.Process().children()]
    return sum(u.ru_utime + u.ru_stime for u in usages) + sum(t.user + t.system for t in running)


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """(CPU seconds, wall seconds)."""
    began_cpu, began = cpu_s(), time.monotonic()
    work()
    return cpu_s() - began_cpu, time.monotonic() - began


def decode(video: VideoInfo, size: tuple[int, int]) -> int:
    grid = SamplingPlan(DEFAULT_FPS).grid(video)
    frames = np.unique(grid.frame[grid.valid])
    with DecodingProcess() as process:
        return sum(len(batch.items) for batch in process.frames(video, video.pts[frames], size))


def watch_memory(pid: int, peak: list[int], ended: threading.Event) -> None:
    """Largest sum over the process and its descendants, shared pages counted once (PSS)."""
    while not ended.wait(1.0):  # looking costs CPU, here and there
        try:
            parent = psutil.Process(pid)
            total = sum(member.memory_full_info().pss for member in (parent, *parent.children(recursive=True)))
        except psutil.Error:
            continue
        peak[0] = max(peak[0], total)


def analyze(film: Path, folder: Path, *, watched: bool = True) -> tuple[float, float, int]:
    """(CPU seconds, wall seconds, peak bytes) of the command with all its children."""
    peak, ended = [0], threading.Event()
    began = time.monotonic()
    command = [*COMMAND, film, "-o", folder / "out", "--store", folder / "store"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watch = threading.Thread(target=watch_memory, args=(process.pid, peak, ended))
    if watched:
        watch.start()
    _, status, usage = os.wait4(process.pid, 0)  # of this process and of those it waited for
    wall = time.monotonic() - began
    ended.set()
    if watched:
        watch.join()
    if status:
        raise SystemExit("analyze failed")
    return usage.ru_utime + usage.ru_stime, wall, peak[0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    arguments.add_argument("--films", type=Path, default=data / "indoor-actions" / "videos")
    arguments.add_argument("--minutes", type=float, default=68)
    given = arguments.parse_args()
    films = sorted(given.films.glob("*.mp4"))
    if not films:
        raise SystemExit(f"there are no .mp4 files in {given.films}")

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        join(films, given.minutes * 60, folder / "long.mp4")
        join(films, 8 * 60, folder / "short.mp4")
        video = probe(folder / "long.mp4")
        positions = SamplingPlan(DEFAULT_FPS).num_positions(video)
        print(f"film: {video.duration_s / 60:.1f} min, {video.num_frames} frames, {positions} positions", flush=True)

        with Analyzer(Settings(store=folder / "paired", device="cpu")) as analyzer:
            encoder = analyzer.encoder
            frames = np.random.default_rng(0).integers(0, 255, (64, *encoder.size, 3), np.uint8)
            encoder(frames)

            def embed() -> None:
                for _ in range(-(-positions // len(frames))):
                    encoder(frames)

            alone = [measured(lambda: decode(video, encoder.size)), measured(embed)]
            both_cpu, both_wall = measured(
                lambda: analyzer.analyze(analyzer.plan(folder / "long.mp4"), on_event=lambda event: None)
            )
            alone += [measured(lambda: decode(video, encoder.size)), measured(embed)]
        alone_cpu = sum(cpu for cpu, _ in alone) / 2

        cpu, wall, peak = analyze(folder / "long.mp4", folder)
        _, again_wall, _ = analyze(folder / "long.mp4", folder, watched=False)
        _, imports_wall = measured(lambda: subprocess.run([sys.executable, "-c", f"import {IMPORTS}"], check=True))
        _, _, short_peak = analyze(folder / "short.mp4", folder)

        for name, before, after in (("decoding alone", alone[0], alone[2]), ("embedding alone", alone[1], alone[3])):
            print(f"{name:16} {before[0]:6.1f} and {after[0]:6.1f} CPU s, {before[1]:6.1f} and {after[1]:6.1f} s wall")
        times_real = video.duration_s / both_wall
        print(f"the analysis     {both_cpu:6.1f} CPU s, {both_wall:6.1f} s wall, {times_real:.1f}x real time")
        print(f"the command      {cpu:6.1f} CPU s, {wall:6.1f} s wall")
        print(f"CPU of the analysis / (decoding + embedding alone):  {both_cpu / alone_cpu:.2f}   (at most 1.10)")
        print(f"wall of the analysis / (decoding + embedding alone): {both_wall / alone_cpu:.2f}   (at most 0.65)")
        print(f"peak memory of all processes: {peak / 2**20:.0f} MiB   (under 2048)")
        print(f"  of an 8-minute film: {short_peak / 2**20:.0f} MiB, ratio {peak / short_peak:.2f}   (at most 1.10)")
        print(
            f"second run of the command: {again_wall:.1f} s, of which imports {imports_wall:.1f} s:"
            f" {again_wall - imports_wall:.1f} s beyond them   (under 2)"
        )


if __name__ == "__main__":
    main()
