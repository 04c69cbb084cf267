"""Timelines that people corrected in a page: what an analysis draws again goes around their hand work, and says so.

The provenance of what was drawn keeps a digest of the hand work around which that was done. Whoever corrects more in
the page changes the one and not the other: so it is known which films are to be drawn anew.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from vtn_stream.corrections import Kept, corrections_digest, kept_over
from vtn_stream.errors import TimelineError, listed
from vtn_stream.formats.timeline_json import ANNOTATION, Document
from vtn_stream.formats.writing import num
from vtn_stream.localize import draws_one_label
from vtn_stream.results.timelines import load_document
from vtn_stream.timeline import TOLERANCE_S, Timeline

__all__ = ["check_within", "copies_beside", "copies_line", "drawn_over", "is_settled", "kept_lines", "recordings_line"]

CORRECTIONS = "corrections"  # in the provenance
MAX_BESIDE = 50  # timelines in a folder that are looked at for hand work over a recording
# How browsers and file managers call a file where one of its name is there already. {} is FILM.timeline.
COPIES = ("{} (1)", "{} (2)", "{}(1)", "{}(2)", "{}-1", "{} 2", "{} - Copy", "{} copy")


def drawn_over(corrected: Timeline, drawn: Timeline) -> Kept:
    """What was drawn, with the hand work of the timeline that is there; its provenance says what became of it."""
    analysis = drawn.provenance.get("analysis")
    kept = kept_over(corrected, drawn, exclusive=isinstance(analysis, Mapping) and draws_one_label(analysis))
    digest = corrections_digest(corrected)
    if digest is None:
        return kept
    counts = {
        "by_hand": kept.num_by_hand,
        "rejected": kept.num_rejected,
        "reviewed": kept.num_reviewed,
        "left_out": kept.num_left_out,
        "cut": kept.num_cut,
    }
    begun = {name: value for name, value in corrected.provenance.items() if name == ANNOTATION}
    provenance = {**drawn.provenance, **begun, CORRECTIONS: {**counts, "sha256": digest}}
    return replace(kept, timeline=replace(kept.timeline, provenance=provenance))


def is_settled(timeline: Timeline) -> bool:
    """Whether what an analysis drew in it goes around the hand work that is in it now, or neither has any."""
    known = timeline.provenance.get(CORRECTIONS)
    return (known.get("sha256") if isinstance(known, Mapping) else None) == corrections_digest(timeline)


def check_within(name: str, corrected: Timeline, span_s: tuple[float, float]) -> None:
    """Raises TimelineError where only a part of the film is to be drawn, and hand work lies outside of it."""
    low, high = span_s
    if low <= TOLERANCE_S and high >= corrected.duration_s - TOLERANCE_S:
        return
    said = (*(s for s in corrected.segments if s.by_hand), *corrected.reviewed, *corrected.rejected)
    if any(s.start_s < low - TOLERANCE_S or s.end_s > high + TOLERANCE_S for s in said):
        raise TimelineError(
            f"{name} holds hand work outside the part from {low:g} s to {high:g} s",
            "it was kept and the film was not analyzed",
            "analyze the whole film, name another folder with -o, or put it aside with --discard-edits",
        )


# What is said of it


def kept_lines(kept: Kept) -> tuple[str, ...]:
    """Of hand work around which a timeline was drawn anew; none if there was none."""
    if not (kept.num_by_hand or kept.num_rejected or kept.num_reviewed):
        return ()
    drawn = "the model's were drawn again"
    if kept.num_reviewed:
        drawn += f" outside {num(kept.num_reviewed, 'reviewed span')}"
    told = [f"{n} {word}" for n, word in ((kept.num_left_out, "left out"), (kept.num_cut, "cut")) if n]
    drawn += f" ({', '.join(told)})" if told else ""
    spoken = kept.num_by_hand + kept.num_rejected
    if not spoken:
        lines = [drawn]
    else:
        were = "was" if spoken == 1 else "were"
        lines = [f"{_counted(kept.num_by_hand, kept.num_rejected)} {were} kept; {drawn}"]
    timeline = kept.timeline
    outside = [s for s in timeline.segments if s.by_hand and not _is_inside(s.start_s, s.end_s, timeline.duration_s)]
    if outside:
        lines.append(
            f"{num(len(outside), 'segment')} by hand outside the film, which lasts {timeline.duration_s:g} s: kept as "
            "they are; check that they are of this film"
        )
    return tuple(lines)


def copies_beside(folder: Path, stem: str) -> dict[Path, Document]:
    """Timelines that a browser or a person may have saved beside FILM.timeline.json under another name."""
    found = {}
    names = [f"{name.format(f'{stem}.timeline')}.json" for name in COPIES]
    for name in (*names, *(f"{name.format(stem)}.timeline.json" for name in COPIES)):
        if (folder / name).is_file():
            try:
                found[folder / name] = load_document(folder / name)
            except TimelineError:  # it is something else, or whoever uses it is told
                continue
    return found


def copies_line(folder: Path, stem: str, video_identity: str | None = None) -> tuple[str, ...]:
    """The line on other files with hand work over the same film, by default that of FILM.timeline.json; none if there
    are none.
    """
    copies = copies_beside(folder, stem)
    if copies and video_identity is None:
        try:
            video_identity = load_document(folder / f"{stem}.timeline.json").timeline.video_identity
        except TimelineError:  # told by whoever reads it
            return ()
    names = [
        path.name
        for path, document in copies.items()
        if document.timeline.video_identity == video_identity
        and (document.origin == "edited" or corrections_digest(document.timeline))
    ]
    if not names:
        return ()
    holds, it, is_ = ("holds", "it", "is") if len(names) == 1 else ("hold", "they", "are")
    return (
        f"{listed(names)} {holds} hand work over this film as well; {it} {is_} not used here; keep one of them, as "
        f"{stem}.timeline.json",
    )


def recordings_line(
    folder: Path, stem: str, video_identity: str, identities_of_files: Collection[str] = ()
) -> tuple[str, ...]:
    """The lines on timelines in the folder in which people spoke of this film, as a file of a recording; or, of a
    recording, of these files of it. None in a folder of many films: each timeline would be read for each film.
    """
    beside = list(islice(folder.glob("*.timeline.json"), MAX_BESIDE + 1))
    named, of_files = list[str](), list[str]()
    for path in sorted(beside) if len(beside) <= MAX_BESIDE else ():
        if path.name == f"{stem}.timeline.json":
            continue
        try:
            timeline = load_document(path).timeline
        except TimelineError:
            continue
        own = (each for each in timeline.per_file() if timeline.parts and each.video_identity == video_identity)
        if any(corrections_digest(each) for each in own):
            named.append(path.name)
        if timeline.video_identity in identities_of_files and corrections_digest(timeline):
            of_files.append(path.name)
    lines = []
    for names, what in ((named, "this film, as a file of a recording"), (of_files, "files of this recording")):
        if names:
            holds, it = ("holds", "it stays there and is") if len(names) == 1 else ("hold", "they stay there and are")
            lines.append(f"{listed(names)} {holds} hand work over {what}; {it} not used here")
    return tuple(lines)


def _counted(by_hand: int, rejected: int) -> str:
    parts = []
    if by_hand:
        parts.append(f"{num(by_hand, 'segment')} by hand")
    if rejected:
        parts.append(num(rejected, "rejected one" if by_hand else "rejected segment"))
    return listed(parts)


def _is_inside(start_s: float, end_s: float, duration_s: float) -> bool:
    return start_s >= -TOLERANCE_S and end_s <= duration_s + TOLERANCE_S
