"""One film's timeline as one HTML page: player, lanes, curves and table, in a file that opens without a server.

The film lies beside the page, or its reader chooses it; files of a recording play one after the other. The page edits:
what it saves is the timeline's file again, to the last digit. So segments are in it as they are, in columns (10,000 are
150 to 400 kB), all else as that file's text (`rest`). Shown are whole milliseconds, values of curves with three digits;
a segment shorter than that becomes an instant. Of attributes, provenance and names all is shown; control characters and
bidi marks as escapes, and what is longer than MAX_TEXT is cut. On paper, where lanes must fit one page, those of the
labels with most time are drawn.
Equal input gives equal bytes.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from vtn_stream.report.colours import look_of
from vtn_stream.report.html import asset, document, joined_script, relative_url, shown_text
from vtn_stream.report.label_curves import LabelCurves
from vtn_stream.report.provenance import facts, how_made, is_of_scenes, rate_of
from vtn_stream.report.queue import Queue
from vtn_stream.report.thumbnails import MAX_THUMBNAIL_TEXT, chosen_thumbnails, data_uri, pictures_of_labels
from vtn_stream.timeline import ORIGINS, Segment, Timeline

__all__ = ["page"]

CURVE_NAMES = {"change": "picture change"}  # others are called as in the timeline
# Curves of a timeline that say nothing to people: where a model looked is nearly the same everywhere.
NOT_DRAWN = frozenset({"attention"})
MAX_TEXT = 2_000  # characters of one label, reason or value
MAX_TIME_S = 1e9  # what lies farther off is no film's time
# In this order; all scripts are one scope.
STYLES = (
    "base.css",
    *(f"report.{part}.css" for part in ("layout", "player", "table", "tracks", "about", "media")),
    "edit.css",
    "edit.moments.css",
    "edit.save.css",
    "edit.menu.css",
)
SCRIPTS = (
    *("hatches.js", "digest.js", "looks.js"),
    *(
        f"report.{part}.js"
        for part in (
            "data",
            "reel",
            "filters",
            "table",
            "curves",
            "tracks",
            "drawing",
            "gestures",
            "tip",
            "player",
            "region",
            "choice",
        )
    ),
    *(f"edit.{part}.js" for part in ("order", "spans", "document", "history", "operations", "write", "csv")),
    "report.labels.js",
    *(
        f"edit.{part}.js"
        for part in ("review", "borders", "nothing", "coding", "keys", "settings", "help", "labels", "bulk", "tools")
    ),
    "edit.moments.js",
    *(f"edit.{part}.js" for part in ("store", "checked", "drafts", "restore", "pages", "open", "save")),
    *(f"edit.{part}.js" for part in ("places", "marks", "held", "mouse", "menu")),
    "report.start.js",
)


def page(
    timeline: Timeline,
    *,
    rest: str,
    truth: Sequence[Segment] | None = None,
    film: str | None = None,
    parts: Sequence[str] = (),
    thumbnails: Sequence[tuple[float, bytes]] = (),
    label_curves: LabelCurves | None = None,
    queue: Queue | None = None,
    labels: Sequence[str] = (),
) -> bytes:
    """The page.

    rest          the text of the file of this timeline, but without segments, reviewed and rejected
    truth         what really happens, drawn above what was found
    film          the film's path as seen from the page, plain; by default the timeline's
    parts         the same of each file of a recording
    thumbnails    (time_s, JPEG)
    label_curves  what a model says of each label over time, drawn on the label's lane
    queue         moments that the page asks its reader to look at
    labels        labels that come first, and are there without a segment too
    """
    path = timeline.video_path if film is None else film
    film_name = _shown(path.rpartition("/")[2] or path)
    said = [s.label for s in (*(truth or ()), *timeline.rejected)]
    said += [label for span in timeline.reviewed for label in span.labels or ()]
    named = dict.fromkeys([*labels, *timeline.labels, *said])
    number = {label: i for i, label in enumerate(named)}
    looks = [look_of(label) for label in named]
    of_label = pictures_of_labels(timeline.segments, thumbnails) if is_of_scenes(timeline) else {}
    room = MAX_THUMBNAIL_TEXT - sum(len(data_uri(jpeg)) for _, jpeg in of_label.values())
    shown = sorted({*chosen_thumbnails(thumbnails, room), *of_label.values()})
    place = {label: shown.index(picture) for label, picture in of_label.items()}
    data = {
        "film": {
            "name": film_name,
            "url": relative_url(path),
            "duration": _ms(timeline.duration_s),
            "frame": _frame_ms(timeline.nominal_rate),
            "step": _step_ms(timeline),
            **({"parts": _parts(timeline, parts)} if timeline.parts else {}),
            **(
                {}
                if timeline.region is None
                else {"region": timeline.region.in_percent, "regionName": _shown(timeline.region.name)}
            ),
        },
        "span": [_ms(time_s) for time_s in timeline.span_s],
        "complete": timeline.complete,
        **({} if (final_s := _final_until_s(timeline)) is None else {"final": _ms(final_s)}),
        "analyzed": "annotation" not in timeline.provenance or "analysis" in timeline.provenance,
        "drawn": _drawn_at(timeline),
        "labels": [
            [_shown(label), look.colour, look.hatch, place.get(label), _filed(label)]
            for label, look in zip(named, looks, strict=True)
        ],
        "segments": _columns(timeline.segments, number),
        "reviewed": [
            {"start_s": r.start_s, "end_s": r.end_s, "labels": None if r.labels is None else [*map(_filed, r.labels)]}
            for r in timeline.reviewed
        ],
        "rejected": [_fields(s) for s in timeline.rejected],
        "rest": rest,
        "truth": None if truth is None else _columns(sorted(truth, key=lambda s: s.sort_key), number),
        "gaps": [[_ms(g.start_s), _ms(g.end_s), _shown(g.reason)] for g in timeline.gaps],
        "clips": [[_shown(label), _score(score)] for label, score in timeline.clip_labels],
        "curves": [
            [
                _shown(CURVE_NAMES.get(label, label)),
                _ms(c.start_s),
                round(c.step_s * 1000, 3),
                [float(f"{v:.3g}") for v in c.values],
            ]
            for label, c in timeline.curves.items()
            if label not in NOT_DRAWN
        ],
        "labelCurves": None if label_curves is None else _label_curves(label_curves, number),
        "thumbnails": [[_ms(time_s), data_uri(jpeg)] for time_s, jpeg in shown],
        "made": _pairs(how_made(timeline, has_curves=label_curves is not None)),
        "facts": _pairs(facts(timeline)),
        **({} if queue is None else queue.to_data()),
    }
    return document(
        title=f"{film_name} · timeline",
        style="".join(map(asset, STYLES)),
        script=joined_script(SCRIPTS),
        body=asset("report.html"),
        data=data,
    )


def _columns(segments: Sequence[Segment], number: Mapping[str, int]) -> dict[str, Any]:
    """The columns of the page's data, exact; what few segments have is by their numbers."""
    return {
        "labels": [number[s.label] for s in segments],
        "starts": _numbers([s.start_s for s in segments]),
        "ends": _numbers([s.end_s for s in segments]),
        "scores": _numbers([s.score for s in segments]),
        "attributes": [[i, _attributes(s)] for i, s in enumerate(segments) if s.attributes],
        "origins": [s.origin and ORIGINS.index(s.origin) for s in segments] if any(s.origin for s in segments) else [],
        "was": [[i, _fields(s.was)] for i, s in enumerate(segments) if s.was],
    }


def _numbers(column: Sequence[float | None]) -> Any:
    """The shortest that holds them exactly: their digits, or their bytes in base64, of 32 bits (scores of a model often
    have no more) or of 64, with a NaN for None.
    """
    exact = np.array(column, np.float64)
    ways: list[Any] = [list(column)]
    for kind in ("<f4", "<f8"):
        with np.errstate(over="ignore"):
            packed = exact.astype(kind)
        if np.array_equal(packed.astype(np.float64), exact, equal_nan=True):
            ways.append({kind: base64.b64encode(packed.tobytes()).decode()})
    return min(ways, key=lambda way: len(json.dumps(way, separators=(",", ":"))))


def _fields(s: Segment) -> dict[str, Any]:
    """A segment as the page's script has it."""
    fields: dict[str, Any] = {"start_s": s.start_s, "end_s": s.end_s, "label": _filed(s.label), "score": s.score}
    if s.attributes:
        fields["attributes"] = _attributes(s)
    if s.origin is not None:
        fields["origin"] = s.origin
    if s.was is not None:
        fields["was"] = _fields(s.was)
    return fields


def _attributes(s: Segment) -> list[tuple[str, str]]:
    """As pairs: a script would change the order of names that are numbers."""
    return [(_filed(key), _filed(value)) for key, value in s.attributes.items()]


def _label_curves(curves: LabelCurves, number: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": curves.name,
        "start": round(curves.start_s * 1000, 3),
        "step": round(curves.step_s * 1000, 3),
        "peaks": curves.peaks,
        "values": [
            [number[label], base64.b64encode(values.tobytes()).decode()]
            for label, values in curves.values.items()
            if label in number
        ],
    }


def _parts(timeline: Timeline, ways: Sequence[str]) -> list[dict[str, Any]]:
    """The files of a recording, in order: when each begins, and how long it lasts."""
    return [
        {
            "name": _shown(part.video_path.rpartition("/")[2]),
            "url": relative_url(way),
            "start": round(1000 * part.start_s, 3),
            "duration": round(1000 * part.duration_s, 3),
            "frame": _frame_ms(part.nominal_rate or timeline.nominal_rate),
        }
        for part, way in zip(timeline.parts, ways or [part.video_path for part in timeline.parts], strict=True)
    ]


def _frame_ms(rate: Fraction | None) -> float:
    """How long a frame is shown; if that is not known, as at 25 a second."""
    lasts_ms = 1000 / (rate or Fraction(25))
    return round(float(min(max(lasts_ms, Fraction(1, 10)), Fraction(60_000))), 6)


def _step_ms(timeline: Timeline) -> float | None:
    """From one position to the next; None where the analysis has none."""
    rate = rate_of(timeline)
    return None if rate is None else round(float(1000 / rate), 6)


def _drawn_at(timeline: Timeline) -> float | None:
    """The threshold of the segments, if the analysis gives it and nothing was selected since."""
    found: Any = timeline.provenance
    for key in ("analysis", "operating_point", "high"):
        found = found.get(key) if isinstance(found, Mapping) else None
    is_score = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= 1
    return _score(found) if is_score and "selections" not in timeline.provenance else None


def _final_until_s(timeline: Timeline) -> float | None:
    """Up to where nothing will change in the timeline of a film that is still written."""
    followed = timeline.provenance.get("followed")
    found = followed.get("final_until_s") if isinstance(followed, Mapping) and not timeline.complete else None
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found <= MAX_TIME_S:
        return None
    return float(found)


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[_shown(name), _shown(value)] for name, value in pairs]


def _shown(text: str) -> str:
    return shown_text(text, max_characters=MAX_TEXT)


def _filed(text: str) -> str:
    """The text as the timeline's file holds it: UTF-8 knows no lone surrogates."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _ms(time_s: float) -> int:
    return round(1000 * min(max(time_s, -MAX_TIME_S), MAX_TIME_S))


def _score(score: float) -> float:
    return round(score, 4) + 0.0  # not -0.0
