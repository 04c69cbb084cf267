"""Cholec80 phases: ID-phase.txt, with the header "Frame Phase" and a name a frame, or derived from it.

Frames count from 0 at 25 a second, unless the caller gives another rate; frame i is [i / 25, (i + 1) / 25). The
derived form has every 25th frame and numbers for phases, mostly without the header: there a row stands for the frames
up to the next one, and the caller's rate may be that of the rows, 1 a second, which a warning says. Runs of a phase
are one segment. Labels: the seven phases in their order, then others, in alphabetic order (M2CAI16 has one more).
Loses nothing; no escapes. The path is a file, or a folder of them; the id is the file's name without "-phase". Traps:
numbers count from 0 in the order of the paper's table; frames of a file at 1 a second are still numbers of the 25.
"""

import io
import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "PHASES", "claims", "film_id", "read"]

NAME = "Cholec80"
FPS = 25
MAX_FRAME_RATE = 120  # of frames that were numbered: what would be faster counts frames, not rows
PHASES = (  # in the order of the operation
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
_HEADER = re.compile(r"(?i)frame[\t ,]+phase")
_ROW = re.compile(r"(\d{1,12})[\t ,]+(\S.*)", re.ASCII)
_NUMBERS = re.compile(r"\d{1,12}[\t ,]+\d{1,3}", re.ASCII)


def claims(text: str) -> bool:
    """Whether there is the header, or a row of two numbers and a next row of two."""
    lines = [line.strip() for line in text[:4096].lstrip().split("\n")[:2]]
    return bool(_HEADER.fullmatch(lines[0])) or (len(lines) == 2 and all(map(_NUMBERS.fullmatch, lines)))


def film_id(path: Path) -> str:
    return re.sub(r"(?i)[-_ ]phase$", "", path.stem)


class _PhaseRow(NamedTuple):
    at: At
    frame: int
    phase: str | None
    after_bad: bool  # the row before it could not be read


def read(findings: Findings, path: Path, text: str, fps: float | Fraction | None, *, file: str = "") -> None:
    """`file`: how messages call it, if there are several."""
    findings.uses_fps = True
    num_problems = len(findings.problems)
    rows = _rows(findings, text, file)
    if not rows:
        findings.problem(At(file=file), f"{path.name}: there are no rows" if not file else "there are no rows")
        return
    if findings.knows(film_id(path)):
        findings.problem(At(file=file), f"the film {shown(film_id(path))} is in another file already")
        return
    steps = Counter(b.frame - a.frame for a, b in pairwise(rows) if not b.after_bad)
    step = max(sorted(steps), key=lambda step: steps[step], default=1)  # the usual one; of two, the smaller
    rate = _frame_rate(findings, rows[0].at, fps, step)
    name = findings.film(film_id(path), rows[0].at, duration_s=float((rows[-1].frame + step) / rate))
    if name is None:
        return
    findings.films[name].num_labels = (rows[-1].frame + step) // step
    findings.films[name].lost = len(findings.problems) > num_problems
    if any(row.phase in PHASES for row in rows):
        findings.labels = PHASES
    run = [rows[0]]
    for row in rows[1:]:
        follows = row.frame == run[-1].frame + step
        if not follows and not row.after_bad:
            text = f"frame {row.frame} follows frame {run[-1].frame}, not {run[-1].frame + step}"
            findings.lost(name, row.at, text)
        if not follows or row.phase != run[0].phase:
            _put(findings, name, run, step, rate)
            run = []
        run.append(row)
    _put(findings, name, run, step, rate)


def _frame_rate(findings: Findings, at: At, fps: float | Fraction | None, step: int) -> float | Fraction:
    """Frames a second; of rows for every `step`-th frame the rate that is given may be theirs."""
    if fps is None:
        return FPS
    if step > 1 and fps * step <= MAX_FRAME_RATE:
        text = f"every row stands for {step} frames: {float(fps):g} a second of them are {float(fps * step):g} frames"
        if not any(text in before for _, before in findings.warnings):  # of the other files of a folder
            findings.warn(at, text + " a second")
        return fps * step
    return fps


def _rows(findings: Findings, text: str, file: str) -> list[_PhaseRow]:
    """The rows, with rising frames."""
    found: list[_PhaseRow] = []
    header, after_bad = True, False
    for number, line in enumerate(io.StringIO(text), 1):
        at, line = At(line=number, file=file), line.strip()
        if not line or (header and _HEADER.fullmatch(line)):
            header &= not line
            continue
        header = False
        row = _ROW.fullmatch(line)
        if row is None:
            findings.problem(at, f"not a frame and a phase: {shown(line)}")
        elif found and int(row[1]) <= found[-1].frame:
            findings.problem(at, f"frame {row[1]} follows frame {found[-1].frame}")
        else:
            found.append(_PhaseRow(at, int(row[1]), _phase(findings, at, row[2]), after_bad))
            after_bad = False
            continue
        after_bad = True
    return found


def _phase(findings: Findings, at: At, given: str) -> str | None:
    if not (given.isascii() and given.isdecimal()):
        return given
    if len(given) < 4 and int(given) < len(PHASES):
        return PHASES[int(given)]
    findings.problem(at, f"there is no phase {shown(given)}, only 0 to {len(PHASES) - 1}")
    return None


def _put(findings: Findings, name: str, run: list[_PhaseRow], step: int, rate: float | Fraction) -> None:
    if (phase := run[0].phase) is not None:
        start, stop = run[0].frame, run[-1].frame + step
        findings.segment(name, run[0].at, float(start / rate), float(stop / rate), phase)
