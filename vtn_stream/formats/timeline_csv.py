"""The timeline as CSV: a row a segment, for spreadsheets. Out only.

Columns: start_s, end_s, duration_s, start, end (HH:MM:SS.mmm), label, score. Resolution: milliseconds. Loses
gaps, curves, clip labels, attributes and provenance. Escapes: RFC 4180 quoting; a label that a spreadsheet would
run as a formula (it starts with = + - @, a tab or a line break) gets a leading apostrophe.
"""

import csv
import io

from vtn_stream.timeline import Timeline

__all__ = ["clock", "dumps"]


def dumps(timeline: Timeline) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["start_s", "end_s", "duration_s", "start", "end", "label", "score"])
    for s in timeline.segments:
        table.writerow(
            [
                f"{s.start_s:.3f}",
                f"{s.end_s:.3f}",
                f"{s.duration_s:.3f}",
                clock(s.start_s),
                clock(s.end_s),
                _cell(s.label),
                "" if s.score is None else f"{s.score:.4f}",
            ]
        )
    return text.getvalue().encode("utf-8", "replace")


def clock(seconds: float) -> str:
    """HH:MM:SS.mmm, rounded once, as start_s and end_s are; negative times with a sign."""
    total_ms = int(f"{abs(seconds):.3f}".replace(".", ""))
    minutes, ms = divmod(total_ms, 60_000)
    sign = "-" if seconds < 0 and total_ms else ""
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def _cell(text: str) -> str:
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text
