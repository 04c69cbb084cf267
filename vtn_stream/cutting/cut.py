"""cut(timeline, film, output): clips out of a film, each segment as a file, or all of a label; a page that lists them.

    find the film, probe it ──> plan: which frames, which names ──> a file after the other ──> cut.json, index.html

What is finished stays, whatever happens: a cut that was stopped goes on with what is missing. Files that this did not
write are never replaced.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vtn_stream.cutting.films import find_films
from vtn_stream.cutting.plan import Clip, How, check_labels, plan
from vtn_stream.cutting.writing import ClipFailed, Cut, Cutting, EventHandler, write_clips
from vtn_stream.errors import VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.results import load_timeline
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Timeline
from vtn_stream.video import DecodingProcess
from vtn_stream.video.cutter import Container, CuttingProcess

__all__ = ["cut", "plan_cut"]


def cut(
    timeline: Timeline | str | os.PathLike[str],
    film: str | os.PathLike[str] | Sequence[Path] | None,
    output: str | os.PathLike[str],
    *,
    reels: Sequence[str] = (),
    without: Sequence[str] = (),
    accurate: bool = False,
    burn_in: bool = False,
    contact_sheet: bool = False,
    store: Path | None = None,
    on_event: EventHandler = lambda event: None,
) -> Cut:
    """Writes the clips of a timeline, or of its file, into a folder; and a page there, index.html, that plays them.

    film           the film, or where it lies; the files of a recording; None: beside the timeline's file
    reels          labels; each gets one file with all of its segments
    without        labels; one file has the film without their time. With one of the two, only these files are written
    accurate       to the frame: the edges are encoded again. Else packets are copied, and clips begin at a keyframe
    burn_in        the label is drawn into the picture, for which all of it is encoded again
    contact_sheet  pictures of all segments in one
    store          of probes and thumbnails; None for the usual one

    What cannot be written is in the result, and the rest is done. Raises InputError, VideoError, TimelineError where
    nothing can be cut; StoreError where the disk is full: what is finished stays.
    """
    source = None if isinstance(timeline, Timeline) else Path(timeline)
    loaded = timeline if isinstance(timeline, Timeline) else load_timeline(Path(timeline))
    given = [] if film is None else [Path(film)] if isinstance(film, str | os.PathLike) else [Path(f) for f in film]
    how = How(reels=tuple(reels), without=tuple(without), accurate=accurate, burn_in=burn_in)
    check_labels([loaded], how)
    with CuttingProcess() as process:
        cutting = plan_cut(loaded, source, given, how, process, store=store)
        return write_clips(cutting, Path(output), process, contact_sheet=contact_sheet, store=store, on_event=on_event)


def plan_cut(
    timeline: Timeline,
    source: Path | None,
    given: Sequence[Path],
    how: How,
    process: CuttingProcess,
    *,
    folder: str = "",
    inside: Path | None = None,
    store: Path | None = None,
) -> Cutting:
    """Finds the film and says what would be written. folder: goes before all names; inside: films are found beside the
    timeline and in folders above, up to this one; None for the current one.
    """
    here = Path.cwd() if inside is None else inside
    with DecodingProcess() as decoding:
        films, told = find_films(timeline, source, given, EmbeddingStore(store), decoding, inside=here)
    made = plan(timeline, films, how, folder=folder)
    answers, refused, notes = dict[tuple[str, ...], Container | VideoError](), list[ClipFailed](), dict.fromkeys(told)
    files: list[str | None] = []
    for clip in made.clips:
        videos = list({piece.film.video.identity: piece.film.video for piece in clip.pieces}.values())
        key = (*(video.identity for video in videos), str(clip.text is not None))
        if key not in answers:
            answers[key] = _container(process, videos, clip)
        answer = answers[key]
        if isinstance(answer, VideoError):
            files.append(None)
            refused.append(ClipFailed(file=clip.name, error=answer))
        else:
            files.append(f"{clip.name}.{answer.suffix}")
            notes |= dict.fromkeys([answer.why] if answer.why else [])
    return Cutting(
        timeline=timeline,
        films=films,
        plan=replace(made, told=(*notes, *made.told)),
        files=tuple(files),
        refused=tuple(refused),
        folder=folder,
    )


def _container(process: CuttingProcess, videos: Sequence[VideoInfo], clip: Clip) -> Container | VideoError:
    try:
        return process.container(videos, accurate=clip.accurate, burn_in=clip.text is not None)
    except VideoError as error:
        return error
