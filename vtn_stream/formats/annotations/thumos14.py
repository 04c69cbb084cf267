"""THUMOS14 as the localization field passes it around: ActivityNet JSON with "segment(frames)" and "label_id".

Seconds, of "segment"; if it is missing, "segment(frames)" divided by the film's "fps", else by the caller's. Labels
in the order of label_id. Loses the frames, the ids and fps. The label "Ambiguous" means that it is not known: such
segments are dropped, with a count. Segments count as they are written (`published`). Traps: subsets are written
Validation or validation, Test or test; the ids leave room for labels that are dropped.
"""

import math
from fractions import Fraction

from vtn_stream.formats.annotations.activitynet import Database, films, is_pair
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.frames import NO_RATE
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["DROPPED", "NAME", "claims", "read"]

NAME = "THUMOS14 JSON"
DROPPED = "Ambiguous"


def claims(database: Database) -> bool:
    return any(
        isinstance(annotation, dict) and ("segment(frames)" in annotation or "label_id" in annotation)
        for entry in database.films.values()
        if isinstance(entry, dict) and isinstance(entry.get("annotations"), list)
        for annotation in entry["annotations"]
    )


def read(findings: Findings, text: str, database: Database) -> None:
    ids: dict[str, int] = {}
    num_dropped = 0
    for name, annotations in films(findings, text, database):
        for at, annotation in annotations:
            label, label_id = annotation.get("label"), annotation.get("label_id")
            if isinstance(label, str) and label.strip() == DROPPED:
                num_dropped += 1
                continue
            segment = annotation.get("segment")
            if segment is None and is_pair(frames := annotation.get("segment(frames)")):
                facts = database.films[name]
                rate = facts["fps"] if "fps" in facts else findings.rate_of(name)
                segment = [_seconds(frame, rate) for frame in frames]
                if None in segment:
                    findings.lost(name, at, f"its frames have no seconds: their rate is {shown(rate)}; {NO_RATE}")
                    continue
            if not is_pair(segment):
                findings.lost(name, at, f"its segment is {shown(segment)}, not [start, end]")
                continue
            if label_id is not None and isinstance(label, str):
                _check_id(findings, at, ids, label.strip(), label_id)
            findings.segment(name, at, segment[0], segment[1], label)
    findings.labels = sorted(ids, key=lambda label: ids[label])
    if num_dropped:
        findings.warn(At(), f"{num_dropped} segment{'s' * (num_dropped > 1)} labelled {DROPPED} left out")


def _check_id(findings: Findings, at: At, ids: dict[str, int], label: str, label_id: object) -> None:
    if isinstance(label_id, bool) or not isinstance(label_id, int):
        findings.problem(at, f"its label_id is {shown(label_id)}, not a whole number")
    elif ids.setdefault(label, label_id) != label_id:
        findings.problem(at, f"the label_id of {shown(label)} is {shown(label_id)} here, {shown(ids[label])} before")


def _seconds(frame: object, rate: object) -> float | None:
    if isinstance(frame, bool) or isinstance(rate, bool) or not isinstance(frame, int | float):
        return None
    if not isinstance(rate, int | float | Fraction) or not 0 < rate <= 1e6:
        return None
    try:
        return float(frame / rate)
    except OverflowError:
        return math.inf
