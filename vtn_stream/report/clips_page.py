"""Clips that were cut out of films, as one HTML page: a list by label, and a player for them. Knows no timeline.

It opens without a server or a network; clips play where they lie below the page. Names, labels and notes are untrusted:
they are in the page as data and become text, never markup. Times are whole milliseconds. Equal input gives equal bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vtn_stream.report.colours import look_of
from vtn_stream.report.html import asset, document, is_document, joined_script, relative_url, shown_text

__all__ = ["ListedClip", "clips_page", "is_clips_page"]

TITLE = "Clips"
MAX_CHARACTERS = 300  # of a name, a label or a note
MAX_TIME_S = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedClip:
    """A file. path: below the page's folder; about: what kind of file it is, where it is not one segment; start_s,
    end_s: from when to when in the film; early_s: how much earlier it begins.
    """

    path: str
    film: str
    label: str
    about: str
    start_s: float
    end_s: float
    early_s: float
    duration_s: float
    score: float | None
    num_bytes: int
    notes: tuple[str, ...] = ()


def clips_page(clips: Sequence[ListedClip]) -> bytes:
    """The page: clips in this order."""
    labels = list(dict.fromkeys(clip.label for clip in clips))
    films = list(dict.fromkeys(clip.film for clip in clips))
    number, film_number = ({name: i for i, name in enumerate(names)} for names in (labels, films))
    data = {
        "labels": [[_shown(label), look_of(label).colour, look_of(label).hatch] for label in labels],
        "films": [_shown(film) for film in films],
        "clips": [
            [
                relative_url(clip.path),
                _shown(clip.path),
                number[clip.label],
                film_number[clip.film],
                clip.about,
                _ms(clip.start_s),
                _ms(clip.end_s),
                _ms(clip.early_s),
                _ms(clip.duration_s),
                None if clip.score is None else round(clip.score, 3),
                clip.num_bytes,
                [_shown(note) for note in clip.notes],
            ]
            for clip in clips
        ],
    }
    return document(
        title=TITLE,
        style=asset("base.css") + asset("clips.css"),
        script=joined_script(("hatches.js", "clips.js")),
        body=asset("clips.html"),
        data=data,
    )


def is_clips_page(data: bytes) -> bool:
    """Whether a file with this beginning is such a page."""
    return is_document(data) and f"<title>{TITLE}</title>".encode() in data


def _shown(text: str) -> str:
    return shown_text(text, max_characters=MAX_CHARACTERS)


def _ms(time_s: float) -> int:
    return round(1000 * min(max(time_s, -MAX_TIME_S), MAX_TIME_S))
