"""Reads a file with the films that it tells of: their rate, length and start timecode, where it does not say them."""

from dataclasses import replace
from pathlib import Path

from vtn_stream.errors import InputError, NoRate, VideoError, VtnStreamError, printable
from vtn_stream.exchange.intake import read_any
from vtn_stream.film import VideoInfo, bare_name, is_film_name, one_form, shareable_name
from vtn_stream.formats.reading import ENDS_WITH_LAST, ReadingOptions, ReadResult, named_by
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.video import DecodingProcess, probe

__all__ = ["OF_FILM", "notes_of", "read_with_films"]

WIDE = 1.5  # lengths that differ by less are of one film that was cut
OF_FILM = "What the file does not say of the film's rate, length and timecode is that of "  # a note, with its name


def read_with_films(source: Path, options: ReadingOptions, film: Path | None, *, all_films: bool = True) -> ReadResult:
    """What `read_any` reads, completed by the films: `film`, else those beside the source with the timelines' names.

    What the source or the options say holds. A note in the provenance and a warning tell what a film said, and which
    film cannot be read. all_films: also where there are several, of which each must be looked at. Raises what
    `read_any` raises; InputError for one film and a source that tells of several, VideoError for a `film` that cannot
    be read.
    """
    folder = source if source.is_dir() else source.parent
    found, plain = film, None
    if found is None and not is_film_name(source.name):
        found = _beside(folder, named_by(source.name))
    try:
        plain = read_any(source, options)
    except VtnStreamError as error:  # perhaps for want of a rate
        if isinstance(error, NoRate) and found is None:
            found = _beside(folder, error.film)
        if found is None:
            raise
    if plain is not None:
        if film is not None and len(plain.timelines) > 1:
            raise InputError(
                f"{source.name} is about {len(plain.timelines)} films, and --film names one",
                "nothing was written",
                "leave out --film: films beside the source are found by their names",
            )
        if all(map(_says_all, plain.timelines)):
            return plain
        if len(plain.timelines) > 1:
            return _each(folder, plain) if all_films else plain
        found = film or _beside(folder, plain.timelines[0].video_path) or found
        if found is None:
            return plain
    assert found is not None
    try:
        return _one(source, options, probe(found), plain)
    except VideoError as error:
        if film is not None or plain is None:
            raise
        return replace(plain, warnings=(*plain.warnings, f"{error.fact}: its rate and length are not known"))


def _one(source: Path, options: ReadingOptions, video: VideoInfo, plain: ReadResult | None) -> ReadResult:
    """The source read anew, with what the film says. plain: as it was read without."""
    filled = replace(
        options,
        rate=options.rate or video.nominal_rate,
        annotation_fps=options.annotation_fps or video.nominal_rate,
        duration_s=video.duration_s if options.duration_s is None else options.duration_s,
        start_timecode=options.start_timecode or video.start_timecode,
    )
    read = read_any(source, filled)
    if len(read.timelines) != 1:
        return plain or read
    if filled.start_timecode != options.start_timecode and _all_outside(read.timelines[0]):
        read = read_any(source, replace(filled, start_timecode=options.start_timecode))
        doubt = f"the film begins at timecode {video.start_timecode}, after everything here: it was not subtracted"
        read = replace(read, warnings=(*read.warnings, doubt))
    if options.duration_s is None and (doubtful := _doubtful_length(read.timelines[0], video)) is not None:
        read = replace(read, warnings=(*read.warnings, doubtful))
    (before,) = read.timelines if plain is None else plain.timelines
    timeline, told = _told(read.timelines[0], before, video, options, known=plain is not None)
    if timeline.video_path in (named_by(source.name), video.path.stem):  # the source names no film, or without suffix
        timeline = replace(timeline, video_path=shareable_name(video.path.name))
    return replace(read, timelines=(timeline,), warnings=(*told, *read.warnings))


def _doubtful_length(timeline: Timeline, video: VideoInfo) -> str | None:
    """A sentence where the source says that the film lasts much longer or shorter than it does."""
    if ENDS_WITH_LAST in notes_of(timeline) or 1 / WIDE < timeline.duration_s / max(video.duration_s, 1e-6) < WIDE:
        return None
    return (
        f"it lasts {timeline.duration_s:.6g} s and the film {video.duration_s:.6g} s, so that its times may be wrong: "
        "if it counts frames, name their rate with --annotation-fps"
    )


def _each(folder: Path, plain: ReadResult) -> ReadResult:
    """The timelines of many films, each with what its film says, if that lies beside."""
    timelines, warnings = [], dict.fromkeys(plain.warnings)
    num_found = 0
    with DecodingProcess() as process:
        for timeline in plain.timelines:
            path = None if _says_all(timeline) else _beside(folder, timeline.video_path)
            if path is not None:
                try:
                    video = probe(path, process)
                except VideoError as error:
                    warnings[f"{error.fact}: its rate and length are not known"] = None
                else:
                    num_found += 1
                    timeline = _completed(timeline, video)
            timelines.append(timeline)
    if num_found:
        warnings[f"rate and length of {num_found} of {len(timelines)} films are those of the films beside it"] = None
    return replace(plain, timelines=tuple(timelines), warnings=tuple(warnings))


def _completed(timeline: Timeline, video: VideoInfo) -> Timeline:
    segments, notes = timeline.segments, notes_of(timeline)
    duration_s = timeline.duration_s
    if ENDS_WITH_LAST in notes:
        notes.remove(ENDS_WITH_LAST)
        duration_s = video.duration_s
        if not segments and timeline.clip_labels:
            segments = tuple(Segment(start_s=0.0, end_s=duration_s, label=label) for label, _ in timeline.clip_labels)
    notes.append(_note(video))
    return replace(
        timeline,
        duration_s=duration_s,
        span_s=(0.0, duration_s),
        nominal_rate=timeline.nominal_rate or video.nominal_rate,
        variable_rate=timeline.variable_rate or (timeline.nominal_rate is None and video.variable_rate),
        start_timecode=timeline.start_timecode or video.start_timecode,
        segments=segments,
        provenance={**timeline.provenance, "notes": notes},
    )


def _told(
    timeline: Timeline, before: Timeline, video: VideoInfo, options: ReadingOptions, *, known: bool
) -> tuple[Timeline, list[str]]:
    """The timeline with a note of what the film said, and the warning; known: whether `before` was read without it."""
    took = []
    if options.rate is None and video.nominal_rate is not None and not (known and before.nominal_rate):
        took.append("rate")
        timeline = replace(timeline, variable_rate=video.variable_rate)
    if options.duration_s is None and (not known or ENDS_WITH_LAST in notes_of(before)):
        took.append("length")
    if not took:
        return timeline, []
    notes = [*notes_of(timeline), _note(video)]
    name = printable(video.path.name)
    warning = f"{' and '.join(took)} {'are those' if len(took) > 1 else 'is that'} of the film {name}"
    return replace(timeline, provenance={**timeline.provenance, "notes": notes}), [warning]


def notes_of(timeline: Timeline) -> list[str]:
    """The notes in its provenance, which may be a stranger's."""
    notes = timeline.provenance.get("notes")
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def _note(video: VideoInfo) -> str:
    return f"{OF_FILM}{shareable_name(video.path.name)}."


def _says_all(timeline: Timeline) -> bool:
    return timeline.nominal_rate is not None and ENDS_WITH_LAST not in notes_of(timeline)


def _all_outside(timeline: Timeline) -> bool:
    return bool(timeline.segments) and all(s.end_s < 0 or s.start_s >= timeline.duration_s for s in timeline.segments)


def _beside(folder: Path, name: str) -> Path | None:
    """The film of this name, whatever its suffix and form of Unicode; None where there is none, or a choice."""
    try:
        there = [file for file in (folder / name).parent.iterdir() if is_film_name(file.name) and file.is_file()]
    except (OSError, ValueError):
        return None
    last = one_form(Path(name).name)
    same = [file for file in there if one_form(file.name) == last]
    near = same or [file for file in there if bare_name(file.name) == bare_name(last)]
    return near[0] if len(near) == 1 else None
