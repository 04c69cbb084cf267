"""Reads files of other programs as timelines; finds their format by their content. Touches no film and no model."""

from collections.abc import Sequence
from pathlib import Path

from vtn_stream.errors import AnnotationError, InputError, UnknownFormat, printable
from vtn_stream.film import bare_name, is_film_name
from vtn_stream.formats import FORMATS
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.reading import ReadingOptions, ReadResult, content_of, named_by
from vtn_stream.timeline import Segment, Timeline

__all__ = ["read_any", "truth_of"]

_HEAD = 8 * 1024 * 1024  # bytes that tell a format: sorted JSON may have its key behind everything else


def read_any(path: Path, options: ReadingOptions = ReadingOptions()) -> ReadResult:
    """The timelines in a file of any format that can be read, or in annotations of many films. The content tells the
    format.

    Raises TimelineError, AnnotationError, InputError.
    """
    if not path.is_dir():
        data = content_of(path, consequence="nothing was read", too_large="split it")
        head = _head(data)
        if not head.strip():  # a list of nothing says what it is by its name alone
            for format in FORMATS.values():
                if format.reads == "itself" and path.name.lower().endswith(format.suffix):
                    return format.read(data, path.name, options)
        for format in FORMATS.values():
            if format.reads == "itself" and format.claims(head, path.suffix.lower()):
                return format.read(data, path.name, options)
    try:
        annotations = read_annotations(path, fps=options.rate, skip_bad=True)
    except UnknownFormat as error:
        raise AnnotationError(
            f"{path.name} is of no format that can be read",
            "nothing was written",
            "vtn-stream analyze is what reads a film"
            if is_film_name(path.name)
            else "docs/formats.md lists those that can",
        ) from error
    return timelines_of(annotations, path.name, options)


def truth_of(
    path: Path, timelines: Sequence[Timeline], options: ReadingOptions = ReadingOptions()
) -> list[tuple[Segment, ...]]:
    """What a file of any format says about the film of each timeline.

    One that tells of a single film without naming it, such as subtitles, is about a single timeline's. The label of a
    whole clip lasts as long as its film.

    Raises InputError if it tells of no film, or of several, with a timeline's name, and what `read_any` raises.
    """
    truths = read_any(path, options).timelines
    if len(truths) == len(timelines) == 1 and truths[0].video_path == named_by(path.name):
        return [_lasting(truths[0], timelines[0].duration_s)]
    by_name: dict[str, list[Timeline]] = {}
    for each in truths:
        by_name.setdefault(bare_name(each.video_path), []).append(each)
    found = []
    for timeline in timelines:
        same = by_name.get(bare_name(timeline.video_path), [])
        if len(same) != 1:
            near = nearest(timeline.video_path, [each.video_path for each in truths]) if not same else None
            hint = f" (did you mean {printable(near)}?)" if near else ""
            raise InputError(
                f"{path.name} tells of {'several films' if same else 'no film'} called {timeline.video_path}{hint}",
                "there is no truth to show",
                "let it call the film as the timeline does",
            )
        found.append(_lasting(same[0], timeline.duration_s))
    return found


def _lasting(truth: Timeline, duration_s: float) -> tuple[Segment, ...]:
    whole = (Segment(start_s=0.0, end_s=duration_s, label=label) for label, _ in truth.clip_labels)
    return truth.segments or tuple(whole)


def _head(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = data[:_HEAD].decode(encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
