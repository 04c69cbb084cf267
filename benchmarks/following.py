"""Films that are followed while they are written: delays, memory, recorders and pipes that break, runs that are killed.

    python benchmarks/following.py [--only PART ...] [--model M] [--figures FILE.json] [--plot docs/following.svg]

Films of known shots (320 x 240, 25 frames a second, shots of 3 to 9 s) are written by a process of their own while
`vtn-stream follow` reads them. The parts:

delays    each container (MPEG-TS, MKV, fragmented MP4, HLS), as fast as a recorder writes and at 8 times: for every
          final segment, how much of the film was on the disk when its line came, minus its end; beside the delay that
          is stated in the first line. --seconds of recording in each
memory    --hours of film through a pipe as fast as it goes, small frames, a position every 4 s: the memory of the
          process and of its decoder at each hour of film; positions are left out, as on any machine that is too slow
recorder  a recorder is killed in the middle of a packet, and another begins, in the same file and in the same playlist
pipe      a pipe loses bytes in the middle of a packet
killed    `follow` is killed (-9) ten times while the film grows, and started again: no segment is reported twice,
          none changes, the store has each chunk once, and `analyze` embeds nothing

Its exit code is 1 if a segment came late, changed, or was reported twice. Run it on an idle machine: at 8 times a busy
one is late.
"""

import argparse
import collections
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from following_films import KINDS, endless, recorded, recorder, written_until
from matplotlib.figure import Figure

from vtn_stream.report.drawing import in_picture_style, picture
from vtn_stream.store.inventory import CHUNK

COMMAND = Path(sys.executable).with_name("vtn-stream")
SPEEDS = (1, 8)
IDLE_S = 25  # a recorder takes some seconds to begin
MIB = 1 << 20

Figures = dict[str, Any]


class Follower:
    """A run of `vtn-stream follow`: its lines, each with when it came, on the monotonic clock."""

    def __init__(self, source: Path | str, folder: Path, options: Sequence[str], stdin: int | None = None) -> None:
        self.lines: list[tuple[float, dict[str, Any]]] = []
        self._changed = threading.Condition()
        self._complaints = folder / "complaints"
        with self._complaints.open("a") as complaints:
            command = [COMMAND, "follow", source, "-o", folder / "out", "--store", folder / "store", *options]
            self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=complaints)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed, suppress(json.JSONDecodeError):  # the last line of a killed run
                self.lines.append((time.monotonic(), json.loads(line)))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, event: str, more: int = 1, *, at_most_s: float = 600) -> None:
        """Until so many more lines of this kind have come, or it has ended, or so much time has passed."""
        with self._changed:
            wanted = len(self.told(event)) + more
            self._changed.wait_for(lambda: len(self.told(event)) >= wanted or not self._reading.is_alive(), at_most_s)

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for _, line in self.lines if line["event"] == event]

    def end(self) -> int:
        code = self.process.wait()
        self._reading.join()
        if code:
            print(self._complaints.read_text(), file=sys.stderr)
        return code


@contextmanager
def following(source: Path | str, folder: Path, options: Sequence[str], stdin: int | None = None) -> Iterator[Follower]:
    run = Follower(source, folder, options, stdin)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()


def place(segment: Mapping[str, Any]) -> tuple[float, float]:
    return segment["start_s"], segment["end_s"]


def checked(told: Sequence[Mapping[str, Any]], results: Path) -> Figures:
    """How many of the final segments were reported twice, and how many are not in the finished timeline."""
    (file,) = (path for path in results.glob("*.timeline.json") if not path.name.endswith(".partial.json"))
    timeline = json.loads(file.read_text())
    kept = {place(segment): segment["label"] for segment in timeline["segments"]}
    counts = collections.Counter(place(segment) for segment in told)
    changed = [s for s in told if kept.get(place(s)) is None or s["label"] not in ("scene", kept[place(s)])]
    return {
        "final": len(told),
        "twice": sum(count > 1 for count in counts.values()),
        "changed": len(changed),
        "gaps": [[gap["start_s"], gap["end_s"]] for gap in timeline.get("gaps", ())],
    }


def measure_delays(given: argparse.Namespace, options: Sequence[str]) -> Figures:
    measured: Figures = {}
    for kind in given.containers or KINDS:
        for speed in given.speeds:
            film = recorded(kind, given.seconds * speed)
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                source, log = folder / ("film.m3u8" if kind == "hls" else f"film.{kind}"), folder / "log"
                with following(source, folder, [*options, "--until-idle", str(IDLE_S)]) as run:
                    run.wait_for("waiting")  # it is there
                    with recorder(film, folder, log, speed=speed) as process:
                        process.join()
                        code = run.end()
                measured[f"{kind} x{speed}"] = delays(run, log) | checked(run.told("segment"), folder / "out")
                measured[f"{kind} x{speed}"]["exit"] = code
                tell(f"{kind} x{speed}", measured[f"{kind} x{speed}"])
    return measured


def delays(run: Follower, log: Path) -> Figures:
    """Of each final segment: [its end, how much more of the film was there when its line came], seconds."""
    when, film_s = written_until(log)
    stated_s = run.told("begun")[0]["delay_s"]
    points = []
    for came, line in run.lines:
        if line["event"] == "segment":
            index = int(np.searchsorted(when, came, "right")) - 1
            points.append([line["end_s"], round(float(film_s[max(index, 0)]) - line["end_s"], 3)])
    values = [point[1] for point in points]
    return {
        "stated_s": stated_s,
        "median_s": round(statistics.median(values), 2) if values else None,
        "longest_s": max(values, default=None),
        "late": sum(value > stated_s for value in values),
        "left_out": len(run.told("left_out")),
        "points": points,
    }


def measure_memory(given: argparse.Namespace, options: Sequence[str]) -> Figures:
    """MiB of the process and of its decoder when each hour of film is embedded."""
    hours: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        begun = time.monotonic()
        sampled = [*options, "--fps", "0.25", "--no-thumbnails"]
        with following("-", Path(name), sampled, subprocess.PIPE) as run:
            stop = threading.Event()
            writer = threading.Thread(target=pour, args=(run.process.stdin, given.hours, given.rate), daemon=True)
            writer.start()

            def watch() -> None:
                while not stop.wait(0.2):
                    done_s = max((line["done_s"] for line in run.told("load")), default=0.0)
                    if done_s >= 3600 * (len(hours) + 1):
                        parent, child = memory_of(run.process.pid)
                        hours.append({"hour": len(hours) + 1, "process_mib": parent, "decoder_mib": child})
                        tell("memory", hours[-1])

            watching = threading.Thread(target=watch)
            watching.start()
            code = run.end()
            stop.set()
            watching.join()
        figures = checked(run.told("segment"), Path(name) / "out")
    return {
        "hours": hours,
        "took_s": round(time.monotonic() - begun),
        "left_out": len(run.told("left_out")),
        "exit": code,
        **{key: figures[key] for key in ("final", "twice", "changed")},
    }


def pour(into: IO[bytes], hours: float, rate: int) -> None:
    with suppress(BrokenPipeError), into:
        for data in endless(hours, rate):
            into.write(data)


def memory_of(pid: int) -> tuple[float, float]:
    """MiB that a process, and all below it, have in memory."""

    def resident(of: int) -> int:
        with suppress(OSError):
            return int(Path(f"/proc/{of}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def below(of: int) -> list[int]:
        with suppress(OSError):
            tasks = [task / "children" for task in Path(f"/proc/{of}/task").iterdir()]
            found = [int(child) for task in tasks for child in task.read_text().split()]
            return [*found, *(pid for child in found for pid in below(child))]
        return []

    return round(resident(pid) / MIB, 1), round(sum(map(resident, below(pid))) / MIB, 1)


def measure_recorder(given: argparse.Namespace, options: Sequence[str]) -> Figures:
    measured: Figures = {}
    for kind in (kind for kind in ("ts", "hls") if kind in (given.containers or KINDS)):
        first, second = recorded(kind, 60), recorded(kind, 60, seed=1)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source, log = folder / ("film.m3u8" if kind == "hls" else f"film.{kind}"), folder / "log"
            with following(source, folder, [*options, "--until-idle", "60"]) as run:
                run.wait_for("waiting")  # it is there
                with recorder(first, folder, log, speed=2, dies_at_s=40) as process:
                    process.join()
                run.wait_for("waiting")  # it has read all
                with recorder(second, folder, log, speed=2) as process:
                    process.join()
                code = run.end()
            told = run.told("segment")
            measured[kind] = checked(told, folder / "out") | {
                "exit": code,
                "restarted": [[line["at_s"], line["reason"]] for line in run.told("restarted")],
                "warnings": [line["message"] for line in run.told("warning")],
                "until_s": max((segment["end_s"] for segment in told), default=0),
            }
            tell(f"recorder, {kind}", measured[kind])
    return measured


def measure_pipe(given: argparse.Namespace, options: Sequence[str]) -> Figures:
    film = recorded("ts", 90)
    data = b"".join(step.data for step in film)
    hole = len(data) // 2 // 188 * 188 + 100
    parts = [data[:hole], data[hole + 188 * 200 + 31 :]]
    with tempfile.TemporaryDirectory() as name:
        with following("-", Path(name), options, subprocess.PIPE) as run:
            assert run.process.stdin is not None
            with run.process.stdin as into:
                for part in parts:
                    into.write(part)
            code = run.end()
        told = run.told("segment")
        return checked(told, Path(name) / "out") | {
            "exit": code,
            "restarted": [[line["at_s"], line["reason"]] for line in run.told("restarted")],
            "warnings": [line["message"] for line in run.told("warning")],
            "until_s": max((segment["end_s"] for segment in told), default=0),
        }


def measure_killed(given: argparse.Namespace, options: Sequence[str]) -> Figures:
    film, rng = recorded("ts", given.seconds), random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, lines = folder / "film.ts", []
        with recorder(film, folder, folder / "log"):
            for number in range(10):
                with following(source, folder, options) as run:
                    if number % 3:  # else before the film has begun, or soon after
                        run.wait_for("begun")
                        run.wait_for("final", rng.randrange(3), at_most_s=30)
                    time.sleep(rng.uniform(0, 5))
                lines += run.told("segment")
        rest = [step for step in film if step.film_s > written_until(folder / "log")[1][-1]]
        with source.open("ab") as file:
            file.write(b"".join(step.data for step in rest))
        with following(source, folder, [*options, "--until-idle", "5"]) as run:
            code = run.end()
        record = [json.loads(line) for line in (folder / "out/film.ts.follow.jsonl").read_text().splitlines()]
        final = [line for line in record if line.get("event") == "segment"]
        chunks = [path.name for path in (folder / "store").rglob("*-*.arrow") if CHUNK.fullmatch(path.name)]
        after = [*options, "-o", folder / "again", "--store", folder / "store", "--json-log"]
        analyzed = subprocess.run([COMMAND, "analyze", source, *after], check=True, stdout=subprocess.PIPE)
        sources = [line.get("source") for line in map(json.loads, analyzed.stdout.splitlines())]
        return checked(final, folder / "out") | {
            "exit": code,
            "printed_twice": len(lines) - len({place(line) for line in lines}),
            "chunks": len(chunks),
            "chunks_twice": len(chunks) - len(set(chunks)),
            "embedded_by_analyze": sum(source == "computed" for source in sources),
            "read_by_analyze": sum(source == "store" for source in sources),
        }


def tell(name: str, figures: Mapping[str, Any]) -> None:
    print(f"{name}: {json.dumps({k: v for k, v in figures.items() if k != 'points'})}", flush=True)


def plotted(measured: Figures, speeds: Sequence[int], seconds: float) -> bytes:
    """Of the final segments of each container: the end, and the delay."""
    colours = dict(zip(KINDS, ("#1f5fa8", "#c46a1b", "#3a8a4d", "#8a4fa0"), strict=True))
    names = {"ts": "MPEG-TS", "mkv": "MKV", "mp4": "fragmented MP4", "hls": "HLS"}
    with in_picture_style():
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        for axes, speed in zip(figure.subplots(1, len(speeds), sharey=True, squeeze=False)[0], speeds, strict=True):
            for kind in KINDS:
                if (found := measured.get(f"{kind} x{speed}")) is None:
                    continue
                ends, values = zip(*found["points"], strict=True) if found["points"] else ((), ())
                axes.plot(ends, values, ".", color=colours[kind], label=names[kind])
                axes.axhline(found["stated_s"], color="#888888", linestyle="--", linewidth=1)
            axes.set(xlabel="end of a segment, s", xlim=(0, seconds * speed), ylim=(0, None))
            axes.set_title("written in real time" if speed == 1 else f"written at {speed} times")
            axes.grid(alpha=0.3)
        figure.axes[0].set_ylabel("its line came so much later, s")
        figure.axes[0].legend(frameon=False, fontsize="small")
        figure.suptitle("How long until a segment is final; dashed: what is stated")
        return picture(figure, "svg")


def is_bad(figures: Any) -> bool:
    """Whether anything in it was late, was reported twice or changed, or failed."""
    if not isinstance(figures, dict):
        return False
    wrong = ("late", "twice", "changed", "exit", "printed_twice", "chunks_twice", "embedded_by_analyze")
    return any(figures.get(name) for name in wrong) or any(map(is_bad, figures.values()))


PARTS: Mapping[str, Callable[[argparse.Namespace, Sequence[str]], Figures]] = {
    "delays": measure_delays,
    "memory": measure_memory,
    "recorder": measure_recorder,
    "pipe": measure_pipe,
    "killed": measure_killed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--containers", nargs="+", choices=KINDS, help="of delays and recorder [default: all]")
    parser.add_argument("--speeds", nargs="+", type=int, default=SPEEDS, help="of writing, for delays")
    parser.add_argument("--seconds", type=float, default=120, help="of recording, for delays and killed")
    parser.add_argument("--hours", type=float, default=10, help="of film, for memory")
    parser.add_argument("--rate", type=int, default=10, help="frames a second of that film")
    parser.add_argument("--model", help="what draws the timeline [default: scenes]")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--figures", type=Path, help="file for all figures (.json); what is in it of other parts stays")
    parser.add_argument("--plot", type=Path, help="file for the picture of delays (.svg)")
    given = parser.parse_args()
    options = ["--device", given.device, *(["--model", given.model] if given.model else [])]
    measured: Figures = {}
    if given.figures is not None and given.figures.exists():
        measured = json.loads(given.figures.read_text())
    for part in given.only:
        measured[part] = PARTS[part](given, options)
        tell(part, measured[part])
        if given.figures is not None:
            given.figures.write_text(json.dumps(measured, indent=1) + "\n")
    if given.plot is not None and "delays" in measured:
        given.plot.write_bytes(plotted(measured["delays"], given.speeds, given.seconds))
    if any(is_bad(measured[part]) for part in given.only):
        sys.exit("a segment was late, changed, or was reported twice, or a run failed")


if __name__ == "__main__":
    main()
