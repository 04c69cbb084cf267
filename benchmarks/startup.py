"""How soon a command says something, and how long it takes: python benchmarks/startup.py FILM [--beside vtn-stream]

Runs everyday commands as people do, each in a process of its own, and measures from the start of the process: the first
sign of life (the first byte on stdout or stderr), and the whole. Prints a table in Markdown, medians of rounds in which
every command of every installation has a turn.

    FILM      a film of an hour, say; it is analyzed once before the measurement, which takes minutes, unless --work
              names a folder where that was done
    --beside  another installation's vtn-stream, measured in turn with this one
    --work    keeps stores and results there; by default a folder that is removed

What the table calls not stored begins with an empty store: the film is probed, and its first minute embedded.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

FIRST_S = 0.5  # first signs of life
LIMITS_S = {"analyze, stored": 1.0, "models ls": 0.7, "models info": 0.7}  # the whole

Case = tuple[str, str]  # command, installation


def commands(film: Path, work: Path) -> dict[str, list[str]]:
    store, out = work / "store", work / "out"
    timeline = out / f"{film.name}.timeline.json"
    analyze = ["analyze", str(film), "--store", str(store)]
    return {
        "--help": ["--help"],
        "probe": ["probe", str(film)],
        "analyze, not stored": [
            *("analyze", str(film), "--end", "60"),
            *("--store", str(work / "empty"), "-o", str(work / "first"), "--overwrite"),
        ],
        "analyze, stored": [*analyze, "-o", str(out)],
        "analyze --dry-run, stored": [*analyze, "--dry-run"],
        "analyze --model, stored": [
            *analyze,
            "--fps",
            "8",
            "--end",
            "60",
            "-m",
            "cctv-fight",
            "-o",
            str(work / "model"),
        ],
        "analyze, wrong --weights": [*analyze, "--weights", str(work / "missing.pth"), "-o", str(out)],
        "analyze, wrong --backbone": [*analyze, "--backbone", "resnet5O", "-o", str(out)],
        "follow, nothing there yet": [
            *("follow", str(work / "not-yet.ts"), "--until-idle", "0.1"),
            *("--store", str(store), "-o", str(work / "followed")),
        ],
        "export": ["export", str(timeline), "-f", "webvtt", "-o", str(work / "exported.vtt"), "--overwrite"],
        "report": ["report", str(timeline)],
        "plot": ["plot", str(timeline), "-o", str(work / "plot.svg")],
        "evaluate": ["evaluate", str(timeline), str(out / f"{film.name}.timeline.csv")],
        "models ls": ["models", "ls"],
        "models info": ["models", "info", "cctv-fight"],
        "cache ls": ["cache", "ls", "--store", str(store)],
        "doctor": ["doctor", "--store", str(store)],
        "batch, stored": ["batch", str(film), "--store", str(store), "-o", str(work / "batch"), "--overwrite"],
    }


def timed(executable: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """(seconds to the first byte, seconds to the end)."""
    began = time.monotonic()
    with subprocess.Popen(
        [executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        first = time.monotonic() - began
        while os.read(process.stdout.fileno(), 1 << 16):
            pass
        process.wait()
    return first, time.monotonic() - began


def measure(installations: dict[str, Path], film: Path, work: Path, rounds: int, only: str) -> dict[Case, list[float]]:
    """Medians of (first, whole) by command and installation."""
    every = {name: commands(film, work / name) for name in installations}
    for name, executable in installations.items():
        (work / name).mkdir(parents=True, exist_ok=True)
        for command in ("analyze, stored", "analyze --model, stored"):
            timed(executable, every[name][command])
    times: dict[Case, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for command in commands(film, work):
            if only not in command:
                continue
            for name, executable in installations.items():
                shutil.rmtree(work / name / "empty", ignore_errors=True)
                times.setdefault((command, name), []).append(timed(executable, every[name][command]))
    return {case: [statistics.median(column) for column in zip(*them, strict=True)] for case, them in times.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("film", type=Path)
    arguments.add_argument("--beside", type=Path, help="another installation's vtn-stream")
    arguments.add_argument("--called", default="0.1.0", help="what the table calls it")
    arguments.add_argument("--work", type=Path)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", default="", help="commands whose name holds this")
    given = arguments.parse_args()
    # a user's Python keeps what it compiled; stdout is what it is for a pipe
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        os.environ.pop(name, None)
    installations = {"here": Path(sys.executable).with_name("vtn-stream")}
    if given.beside is not None:
        installations[given.called] = given.beside
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        medians = measure(installations, given.film.absolute(), work.absolute(), given.rounds, given.only)

    titles = "".join(f" first, s: {name} |" for name in installations) + "".join(
        f" whole, s: {n} |" for n in installations
    )
    print(f"| command |{titles} limits |\n|---|{'---|' * (2 * len(installations) + 1)}")
    for command in dict.fromkeys(command for command, _ in medians):
        both = [[medians[command, name][column] for name in installations] for column in (0, 1)]
        cells = " | ".join(f"{seconds:.2f}" for column in both for seconds in column)
        limits = f"{FIRST_S:g}" + (f", {LIMITS_S[command]:g}" if command in LIMITS_S else "")
        print(f"| {command} | {cells} | {limits} |")


if __name__ == "__main__":
    main()
