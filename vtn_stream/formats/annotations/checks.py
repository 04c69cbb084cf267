"""The checks that need the whole file, and what remains after them. Knows no format."""

import math
from collections import Counter
from collections.abc import Mapping

from vtn_stream.errors import AnnotationError, listed
from vtn_stream.film import one_form
from vtn_stream.formats.annotations.annotated import END_TOLERANCE_S, AnnotatedVideo, Annotations
from vtn_stream.formats.annotations.findings import Findings, no_length
from vtn_stream.formats.annotations.found import FoundFilm, FoundSegment
from vtn_stream.formats.annotations.pace import Paced, wrong_pace
from vtn_stream.formats.annotations.published import durations_of, settle
from vtn_stream.formats.annotations.spelling import look_alikes, nearest
from vtn_stream.formats.annotations.words import At, in_s, label_order, shown
from vtn_stream.known import Known
from vtn_stream.timeline import Segment

__all__ = ["finish"]

TOUCH_TOLERANCE_S = 1e-3  # segments written in milliseconds that touch may share one
UNKNOWN_S = 1e9  # and more stands for a duration that is not known
MAX_LABELS = 10_000
OVERLAPS = "overlaps the same label"
JOIN_OVERLAPS = (
    "in timelines, this joins segments of one label that overlap: "
    "vtn-stream export FILM.timeline.json -f json --merge-gap 0 -o FOLDER"
)
MAX_SUGGESTIONS = 50  # each costs a comparison with every name


def finish(findings: Findings, format: str, videos: Mapping[str, float] | None, *, skip_bad: bool) -> Annotations:
    """Runs the checks that need the whole file, then returns all of it. Raises AnnotationError with every problem."""
    if videos is not None:  # by the names that the file gives them, in whichever form of Unicode
        spelled = {one_form(name): name for name in findings.films}
        videos = {spelled.get(one_form(name), name): duration_s for name, duration_s in videos.items()}
    _check_missing(findings, videos)
    _check_pace(findings, videos)
    if findings.published:
        settle(findings, durations_of(findings.films, videos), cut=videos is not None)
    _settle_instants(findings)
    found, mostly_late = _checked(findings, videos)
    counts: Counter[str] = Counter()
    for video in found.values():
        whole = video.clip_label
        counts.update([*(s.label for s in video.segments), *video.unfindable] if whole is None else [whole])
    if len(counts) > MAX_LABELS:
        findings.refuse(At(), f"it has more than {MAX_LABELS} labels")
    _check_labels(findings, counts)
    _check_sources(findings, found)
    problems, warnings = findings.in_order(findings.problems), findings.in_order(findings.warnings)
    if problems and not (skip_bad and found):
        raise AnnotationError(
            f"{findings.name} has {len(problems)} problem{'s' * (len(problems) > 1)}",
            "no annotations were read",
            "fix the file"
            + ", or leave out what is wrong (--skip-bad)" * bool(found)
            + f"; {JOIN_OVERLAPS}" * _has_overlaps_of_timelines(findings)
            + "; are its times frames or milliseconds?" * mostly_late,
            problems,
        )
    if not found:
        raise AnnotationError(f"{findings.name} names no film", "there is nothing to read", "give another file")
    order = [*findings.labels, *sorted(counts.keys() - set(findings.labels), key=label_order)]
    return Annotations(
        format=format,
        labels=tuple(order),
        videos=found,
        warnings=warnings,
        skipped=problems,
        uses_fps=findings.uses_fps,
    )


def _check_missing(findings: Findings, videos: Mapping[str, float] | None) -> None:
    if videos is None:
        return
    missing = [name for name in findings.films if name not in videos]
    for n, name in enumerate(missing):
        near = nearest(name, videos) if n < MAX_SUGGESTIONS else None
        hint = f" (did you mean {shown(near)}?)" if near else ""
        at = findings.films.pop(name).at
        findings.problem(at, f"there is no film {shown(name)}{hint}")
    silent = [name for name in videos if name not in findings.films]
    if silent and findings.films:
        findings.warn(At(), f"{len(silent)} film{'s' * (len(silent) > 1)} without annotations: {listed(silent)}")


def _check_pace(findings: Findings, videos: Mapping[str, float] | None) -> None:
    """Raises AnnotationError where labels a frame last much longer or shorter than the films."""
    films = [
        Paced(name, film.num_labels, film.facts["duration_s"], videos[name])
        for name, film in findings.films.items()
        if videos is not None and film.num_labels is not None and videos[name] < UNKNOWN_S
    ]
    if (wrong := wrong_pace(films)) is not None:
        raise AnnotationError(wrong[0], "no annotations were read: their times would be wrong", wrong[1])


def _settle_instants(findings: Findings) -> None:
    """Segments that end when they start are instants, with a warning, if all of their label do; else mistakes."""
    segments = [s for film in findings.films.values() for s in film.segments]
    lasting = {s.label for s in segments if s.start_s < s.end_s}
    instants: dict[str, list[FoundSegment]] = {}
    for name, film in findings.films.items():
        for s in film.segments:
            if not s.is_doubtful:
                continue
            if s.label not in lasting:
                instants.setdefault(s.label, []).append(s)
                continue
            film.lost = True
            findings.problem(s.at, findings.of(name, s.at) + no_length(s.start_s))
        film.segments = [s for s in film.segments if not (s.is_doubtful and s.label in lasting)]
    if instants:
        num = sum(map(len, instants.values()))
        first = min((s.at for of in instants.values() for s in of), key=lambda at: at.line or 0)
        which = f"all that are labelled {listed(sorted(instants))} ({num})"
        findings.warn(first, f"{which} end when they start: they are read as instants")


def _checked(findings: Findings, videos: Mapping[str, float] | None) -> tuple[dict[str, AnnotatedVideo], bool]:
    """The films without their faulty segments; and whether most segments end past the end of their films."""
    found: dict[str, AnnotatedVideo] = {}
    cut: list[tuple[At, float]] = []
    num_segments = num_late = 0
    for name, film in findings.films.items():
        stated_s = film.facts.get("duration_s")
        duration_s = stated_s if videos is None else float(videos[name])
        if stated_s is not None and duration_s is not None and abs(stated_s - duration_s) > END_TOLERANCE_S:
            text = f"its duration is said to be {in_s(stated_s)}, the film has {in_s(duration_s)}"
            findings.warn(film.at, findings.of(name, film.at) + text)
        num_before = len(film.segments)
        num_segments += num_before
        kept = []
        for s in film.segments:
            over_s = -math.inf if duration_s is None else s.end_s - duration_s
            lasts = s.start_s < s.end_s
            if findings.published:
                kept.append(s)
                continue
            if duration_s is not None and (over_s > END_TOLERANCE_S or (lasts and s.start_s >= duration_s)):
                num_late += 1
                verb = "ends" if lasts else "stands"
                text = f"it {verb} at {in_s(s.end_s)}, past the end of the film at {in_s(duration_s)}"
                findings.problem(s.at, findings.of(name, s.at) + text)
                continue
            if duration_s is not None and over_s > 0:
                cut.append((s.at, over_s))
                s.start_s, s.end_s = min(s.start_s, duration_s), duration_s
            kept.append(s)
        film.segments = kept if findings.published else _apart(findings, name, kept)
        whole = None if film.has_two_labels else film.clip_label
        if whole is None and not film.segments and (film.lost or num_before):
            continue  # it is not a film in which nothing happens
        segments = [
            Segment(start_s=s.start_s, end_s=s.end_s, label=s.label, score=s.score, attributes=dict(s.attributes))
            for s in film.segments
        ]
        if whole is not None and duration_s is not None:
            segments.append(Segment(start_s=0.0, end_s=duration_s, label=whole))
        found[name] = AnnotatedVideo(
            segments=tuple(sorted(segments, key=lambda s: s.sort_key)),
            clip_label=whole,
            duration_s=duration_s,
            subset=film.facts.get("subset"),
            source=film.facts.get("source"),
            rate=film.facts.get("rate"),
            num_labels=film.num_labels,
            unfindable=tuple(film.unfindable),
            known=_in_part(film, duration_s),
            identity=film.identity,
            at_least_s=_looked_until_s(film),
            parts=film.parts,
            film=film.film or None,
            region=film.region,
        )
    if cut:
        most = max(over_s for _, over_s in cut)
        num = f"{len(cut)} segments end" if len(cut) > 1 else "1 segment ends"
        findings.warn(cut[0][0], f"{num} up to {in_s(most)} past the end of the film and were cut there")
    return found, num_late > 1 and num_late * 2 > num_segments


def _looked_until_s(film: FoundFilm) -> float:
    spans = [] if film.known is None else [film.known.rest, *film.known.own.values()]
    return max((of[-1][1] for of in spans if of and of[-1][1] < UNKNOWN_S), default=0.0)


def _in_part(film: FoundFilm, duration_s: float | None) -> Known | None:
    """Of which time it is known what happens; None where that is the whole film, as far as its length is known."""
    known = film.known
    if known is None or film.identity is not None:
        return known
    end_s = 0.0
    if duration_s is not None:  # what lasts almost as long as the film says nothing of its last frames
        end_s = max(duration_s - END_TOLERANCE_S, min(film.facts.get("duration_s", 0.0), duration_s))
    spans = [*known.own.values(), known.rest]
    whole = all(len(of) == 1 and max(of[0][0], end_s - of[0][1]) < TOUCH_TOLERANCE_S for of in spans)
    return None if whole else known


def _apart(findings: Findings, name: str, segments: list[FoundSegment]) -> list[FoundSegment]:
    """The segments without those that share time with one of the same label before them.

    Instants may stand twice: two players are substituted at once.
    """
    last: dict[object, FoundSegment] = {}
    kept = []
    for s in sorted(segments, key=lambda s: (s.start_s, s.end_s)):  # stable: of equal ones the first stays
        if s.start_s == s.end_s:
            kept.append(s)
            continue
        before = last.get((s.label, s.attributes))
        if before is not None and s.start_s < before.end_s - TOUCH_TOLERANCE_S:
            where = findings.where(before.at)
            if (s.start_s, s.end_s) == (before.start_s, before.end_s):
                text = f"{shown(s.label)} from {in_s(s.start_s)} to {in_s(s.end_s)} stands{where} already"
            else:
                text = (
                    f"{shown(s.label)} from {in_s(s.start_s)} to {in_s(s.end_s)} {OVERLAPS}"
                    f"{where}, from {in_s(before.start_s)} to {in_s(before.end_s)}"
                )
            findings.problem(s.at, findings.of(name, s.at) + text)
            continue
        last[s.label, s.attributes] = s
        kept.append(s)
    return kept


def _has_overlaps_of_timelines(findings: Findings) -> bool:
    """Whether segments of one label overlap in timelines of ours: there that is no fault, a model may draw it."""
    return any(
        OVERLAPS in text and (at.file or findings.name).endswith(".timeline.json") for at, text in findings.problems
    )


def _check_labels(findings: Findings, counts: Mapping[str, int]) -> None:
    doubtful = dict(look_alikes(counts, findings.labels))
    first: dict[str, At] = {}
    for film in findings.films.values():
        if film.clip_label in doubtful:
            first.setdefault(film.clip_label, film.at)
        for s in film.segments:
            if s.label in doubtful:
                first[s.label] = min(first.get(s.label, s.at), s.at, key=lambda at: at.line or 0)
    for label, meant in doubtful.items():
        times = f"{counts[label]} against {counts.get(meant, 0)}"
        findings.warn(first[label], f"the label {shown(label)} looks like {shown(meant)}, misspelt ({times})")


def _check_sources(findings: Findings, found: Mapping[str, AnnotatedVideo]) -> None:
    subsets: dict[str, dict[str, None]] = {}
    for video in found.values():
        if video.source is not None and video.subset is not None:
            subsets.setdefault(video.source, {})[video.subset] = None
    for source, names in subsets.items():
        if len(names) > 1:
            findings.warn(At(), f"the source {shown(source)} is in {' and in '.join(sorted(names))}")
