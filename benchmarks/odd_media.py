"""Every strange or damaged file through the whole analysis: python benchmarks/odd_media.py [FOLDER ...]

Analyzes the first minute of every file in the folders (by default odd-media of VTN_STREAM_DATA) with one Analyzer,
as a command given all of them would, and prints for each its seconds, its name and its outcome:

    timeline
    timeline with gaps (n of m positions lost)
    timeline of gaps only (... lost), or of no frame at all where the part shows none at any position
    VideoError: the one line that a person would read

Then the counts, the largest memory of all processes together (sampled, shared pages counted once), and what must not
be: an exception that is no VtnStreamError, an error of more than one line, a process left behind. Exit status 1 where
there is any.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import psutil

from vtn_stream.analysis import DEFAULT_BACKBONE, DEFAULT_FPS, AnalysisEvent, Analyzer, Warned
from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.settings import Settings

LIMIT_MIB = 2048


class Watch(threading.Thread):
    """Looks at this process and its descendants from time to time: which they were, how much memory they held."""

    def __init__(self, every_s: float) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.seen: set[psutil.Process] = set()
        self._every_s = every_s
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._every_s):
            total = 0
            parent = psutil.Process()
            children = parent.children(recursive=True)
            self.seen.update(children)  # a process is known by its id and its start: ids come again
            for member in (parent, *children):
                with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                    total += _held_bytes(member)
            self.peak_bytes = max(self.peak_bytes, total)

    def end(self) -> None:
        self._ended.set()
        self.join()

    def left(self) -> list[str]:
        """The descendants that are still there: running, or zombies that were not waited for."""
        lines = []
        for member in self.seen | set(psutil.Process().children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                if member.is_running():
                    lines.append(f"process {member.pid} is left, {member.status()}")
        return lines


def _held_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:  # a sandboxed process shows its owner less; this counts shared pages too
        return int(process.memory_info().rss)


def outcome(analyzer: Analyzer, film: Path, end_s: float) -> tuple[str, str, str | None]:
    """(kind, what to print, what must not be)."""
    warnings: list[str] = []

    def hear(event: AnalysisEvent) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)

    wrong = None
    try:
        found = analyzer.analyze(analyzer.plan(film, end_s=end_s), on_event=hear)
    except VtnStreamError as error:
        kind, text = type(error).__name__, f"{type(error).__name__}: {error}"
        if len(str(error).splitlines()) != 1:
            wrong = "an error of more than one line"
    except Exception as error:
        kind, text = "other exception", printable(f"{type(error).__name__}: {error}")
        wrong = text
    else:
        planned, valid = found.index.frame >= 0, found.index.valid
        num_lost = int((planned & ~valid).sum())
        kind = text = "timeline"
        if num_lost:
            kind = "timeline with gaps" if valid.any() else "timeline of gaps only"
            text = f"{kind} ({num_lost} of {len(valid)} positions lost)"
        elif not planned.any():
            kind = text = "timeline of no frame"
    return kind, "".join([text, *(f"\n{'':8}warned: {message}" for message in warnings)]), wrong


def files_in(folders: Iterable[Path]) -> list[tuple[Path, str]]:
    """(path, name to print) of every regular file in the folders and below."""
    found = [(path, folder) for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path, printable(str(path.relative_to(folder)))) for path, folder in found]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    arguments.add_argument("folders", nargs="*", type=Path, default=[data / "odd-media"])
    arguments.add_argument("--backbone", default=DEFAULT_BACKBONE)
    arguments.add_argument("--weights", type=Path, help="a file of weights, for a backbone that is not installed")
    arguments.add_argument("--fps", type=Fraction, default=DEFAULT_FPS)
    arguments.add_argument("--seconds", type=float, default=60, help="how much of each film; by default %(default)s")
    given = arguments.parse_args()
    films = files_in(given.folders)
    if not films:
        raise SystemExit(f"there are no files in {', '.join(map(str, given.folders))}")

    counts: Counter[str] = Counter()
    wrong: list[str] = []
    watch = Watch(every_s=0.5)
    watch.start()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as store,
        Analyzer(
            Settings(fps=given.fps, backbone=given.backbone, weights=given.weights, device="cpu", store=store)
        ) as analyzer,
    ):
        analyzer.load()
        for number, (path, name) in enumerate(films, 1):
            began_film = time.monotonic()
            kind, text, problem = outcome(analyzer, path, given.seconds)
            print(f"{time.monotonic() - began_film:6.2f}  {name:60}  {text}", flush=True)
            counts[kind] += 1
            if problem is not None:
                wrong.append(f"{name}: {problem}")
            if sys.stderr.isatty() and not sys.stdout.isatty():  # the table goes to a file, a person waits
                print(f"\r{number} of {len(films)}", end="", file=sys.stderr, flush=True)
    watch.end()
    wrong += watch.left()

    print(f"\n{len(films)} files in {time.monotonic() - began:.0f} s")
    for kind, count in counts.most_common():
        print(f"{count:6}  {kind}")
    print(f"peak memory of all processes: {watch.peak_bytes / 2**20:.0f} MiB   (under {LIMIT_MIB})")
    print(f"processes that were started: {len(watch.seen)}, left behind: {len(watch.left())}   (wanted: 0)")
    print(f"other exceptions than VtnStreamError: {counts['other exception']}   (wanted: 0)")
    for line in wrong:
        print(f"WRONG: {line}")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
