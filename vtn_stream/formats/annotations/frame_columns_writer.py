"""A column of 0 and 1 for each label, as DeepEthogram has it: frame, background, labels; a row for each frame.

    ,background,walk,eat
    0,1,0,0

Resolution: frames of the film, from 0, at the rate of the options or the film's own. "background" is 1 where no label
is; of a label so called nothing else is written. Where segments of one label share time or touch, they become one, and
instants become a frame: warnings tell of both. Labels overlap freely. Loses scores, attributes, the rate, the film's
name, gaps, curves, provenance. Escapes: CSV's own; a name that a spreadsheet would run gets an apostrophe; control
characters become U+FFFD, an empty name "(no label)".
Domain: segments of whole frames inside the film, of which those of one label neither touch nor overlap; labels not
called background, without control characters and space around them, at most 1000 characters.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from vtn_stream.errors import TimelineError, printable
from vtn_stream.formats.annotations.frames import first_and_last, num_short, short_warnings
from vtn_stream.formats.writing import Options, Written, counting_rate, num
from vtn_stream.timeline import Timeline

__all__ = ["BACKGROUND", "unprotected", "write"]

BACKGROUND = "background"
UNLABELLED = "(no label)"
MAX_FRAMES = 5_000_000  # two days at 30 a second
_RUNS = re.compile(r"'*[=+\-@]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")

_Runs = list[tuple[int, int]]  # frames [start, stop)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    """Raises TimelineError for more than MAX_FRAMES frames."""
    (timeline,) = timelines
    rate, doubts = counting_rate(timeline, options)
    num_frames = max(round(Fraction(timeline.duration_s) * rate), 1)
    if num_frames > MAX_FRAMES:
        raise TimelineError(
            f"{printable(timeline.video_path)} has more than {MAX_FRAMES} frames",
            "no table of them was written",
            "count fewer a second (--rate 5)",
        )
    runs, num_joined, num_background = _runs(timeline, rate, num_frames)
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(["", BACKGROUND, *map(_protected, runs)])
    rows = _rows(list(runs.values()), num_frames)
    return Written(
        content="".join(["\ufeff" * options.bom, header.getvalue(), *rows]).encode(),
        warnings=tuple([*doubts, *short_warnings(num_short(timeline.segments, rate))])
        + ((f"{num(num_joined, 'segment')} joined to another of the label, with which time is shared, or a border",))
        * bool(num_joined)
        + ((f"{num(num_background, 'segment')} called {BACKGROUND} left out: that column says where no label is",))
        * bool(num_background)
        + tuple(_renamed(timeline.labels)),
    )


def unprotected(name: str) -> str:
    return name[1:] if name.startswith("'") and _RUNS.match(name) else name


def _protected(name: str) -> str:
    return "'" + name if _RUNS.match(name) else name


def _name(label: str) -> str:
    return _CONTROLS.sub("\ufffd", label).strip() or UNLABELLED


def _renamed(labels: Sequence[str]) -> Iterator[str]:
    if unnamed := sum(not label.strip() for label in labels):
        yield f"{num(unnamed, 'label')} empty: written as {UNLABELLED}"
    if broken := sum(bool(_CONTROLS.search(label)) for label in labels):
        yield f"{num(broken, 'label')} with controls or broken characters: these are written as U+FFFD"


def _runs(timeline: Timeline, rate: Fraction, num_frames: int) -> tuple[Mapping[str, _Runs], int, int]:
    """The frames of each label; how many segments were joined to one before, and how many are background."""
    runs: dict[str, _Runs] = defaultdict(list)
    num_joined = num_background = 0
    for s in timeline.segments:  # sorted by their starts
        name = _name(s.label)
        if name.lower() == BACKGROUND:
            num_background += 1
            continue
        first, last = first_and_last(s, rate, timeline.duration_s)
        start = min(first - 1, num_frames - 1)
        stop = max(min(last, num_frames), start + 1)
        if runs[name] and start <= runs[name][-1][1]:
            start, before = runs[name].pop()
            stop = max(stop, before)
            num_joined += 1
        runs[name].append((start, stop))
    return dict(sorted(runs.items())), num_joined, num_background


def _rows(labels: Sequence[_Runs], num_frames: int) -> Iterator[str]:
    """All rows between two borders at once: what follows the frame is the same in each."""
    changes: dict[int, Counter[int]] = defaultdict(Counter)
    for i, runs in enumerate(labels):
        for start, stop in runs:
            changes[start][i] += 1
            changes[stop][i] -= 1
    values = ["0"] * len(labels)
    borders = sorted({0, num_frames, *changes})
    for start, stop in pairwise(borders):
        for i, change in changes[start].items():
            values[i] = "1" if change > 0 else "0"
        after = ",".join(["", "0" if "1" in values else "1", *values, ""])[:-1] + "\n"
        yield "".join(f"{frame}{after}" for frame in range(start, stop))
