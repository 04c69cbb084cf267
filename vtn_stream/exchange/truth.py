"""What a file says really happens in films that have a timeline: the truth to show beside it. Reads no film."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from vtn_stream.errors import InputError, listed, printable
from vtn_stream.exchange.intake import read_any
from vtn_stream.film import bare_name, one_form, with_or_without_v
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.reading import ReadingOptions, named_by
from vtn_stream.timeline import Part, Segment, Timeline

__all__ = ["NamedFilm", "Truth", "read_truth", "truth_of"]

_T = TypeVar("_T")
LATE_S = 0.5  # as annotations are read: containers and annotators disagree by some frames
_CURE = "give the film the same name there as in the timeline"


@dataclass(frozen=True, slots=True)
class NamedFilm:
    """A film that has a timeline. place: the timeline's folder, relative to the one given, and the film's name; parts:
    the files of a recording.
    """

    place: str
    identity: str
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, timeline: Timeline, folder: str = "") -> "NamedFilm":
        return cls(str(PurePosixPath(folder, timeline.video_path)), timeline.video_identity, timeline.parts)

    @property
    def files(self) -> list["NamedFilm"]:
        """The files of a recording as films."""
        folder = PurePosixPath(self.place).parent
        return [NamedFilm(str(folder / part.video_path), part.video_identity) for part in self.parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a file says of these films.

    lacking  the films of which it says nothing, by their places
    unused   the films that it is about, and that are not among these
    """

    lacking: tuple[str, ...]
    unused: tuple[str, ...]
    _films: dict[NamedFilm, Timeline] = field(repr=False)

    def of(self, timeline: Timeline, folder: str = "") -> tuple[Segment, ...] | None:
        """What it says about the film of a timeline; None if nothing. The label of a whole clip lasts as long as the
        film; a label that differs in the form of Unicode alone is the timeline's.
        """
        truth = self._films.get(NamedFilm.of(timeline, folder))
        if truth is None:
            return None
        spelled = {one_form(label): label for label in timeline.labels}
        whole = (Segment(start_s=0.0, end_s=timeline.duration_s, label=label) for label, _ in truth.clip_labels)
        return tuple(replace(s, label=spelled.get(one_form(s.label), s.label)) for s in truth.segments or whole)


def truth_of(
    path: Path,
    timelines: Sequence[Timeline],
    options: ReadingOptions = ReadingOptions(),
    on_warning: Callable[[str], None] | None = None,
) -> list[tuple[Segment, ...] | None]:
    """What a file of any format says about the film of each timeline, as `read_truth`."""
    truth = read_truth(path, [NamedFilm.of(timeline) for timeline in timelines], options, on_warning)
    return [truth.of(timeline) for timeline in timelines]


def read_truth(
    path: Path,
    films: Sequence[NamedFilm],
    options: ReadingOptions = ReadingOptions(),
    on_warning: Callable[[str], None] | None = None,
) -> Truth:
    """What a file of any format says about films, which are found by their names.

    A file about a single film without naming it, such as subtitles, is about the film if there is one. Of films
    with one name the folders decide, as far as the file names them; x.mp4 is not x.avi where there are both. Of a
    recording that it does not name it is about the files that it names; and a recording in it, of which it says the
    files, is about those that are films here.

    on_warning gets what was read in another way than the file says it. Raises InputError if the file is about none of
    the films, or about several with one name, and what `read_any` raises.
    """
    read = read_any(path, options)
    if on_warning is not None:
        for warning in read.warnings:
            on_warning(warning)
    truths = read.timelines
    if len(truths) == len(set(films)) == 1 and truths[0].video_path == named_by(path.name):
        return Truth(lacking=(), unused=(), _films={films[0]: truths[0]})
    recordings = [film for film in dict.fromkeys(films) if film.parts]
    if recordings or any(truth.parts for truth in truths):
        return _of_recordings(path.name, list(dict.fromkeys(films)), truths, on_warning)
    return _by_name(path.name, films, truths)


def _of_recordings(
    name: str, films: Sequence[NamedFilm], truths: Sequence[Timeline], on_warning: Callable[[str], None] | None
) -> Truth:
    """The same where there are recordings in several files, on either side."""
    tell = on_warning or (lambda line: None)
    there = {bare_name(film.place) for film in films}
    known = {bare_name(truth.video_path) for truth in truths}
    cut = list[Timeline]()
    for truth in truths:
        files = truth.per_file() if truth.parts and bare_name(truth.video_path) not in there else ()
        mine = [file for file in files if bare_name(file.video_path) in there - known]
        cut += mine or [truth]
        if mine:
            tell(
                f"{truth.video_path} is a recording: what it says of {listed(file.video_path for file in mine)} counts"
            )
    joined = [film for film in films if film.parts and bare_name(film.place) not in known]
    files_of = {film: film.files for film in joined}
    asked = [each for film in films for each in files_of.get(film, [film])]
    found = _by_name(name, asked, cut)
    whole = dict[NamedFilm, Timeline]()
    for film in joined:
        parts = [(part, found._films.get(file)) for part, file in zip(film.parts, files_of[film], strict=True)]
        said = [(part, truth) for part, truth in parts if truth is not None]
        if not said:
            continue
        segments = [s.shift(part.start_s) for part, truth in said for s in _lasting(truth, part.duration_s)]
        whole[film] = replace(said[0][1], video_path=film.place, segments=tuple(segments), clip_labels=())
        tell(f"{film.place}: the truth of {listed(part.video_path for part, _ in said)}, each at its place")
        for part, truth in said:
            if (late := max((s.end_s for s in truth.segments), default=0.0)) > part.duration_s + LATE_S:
                tell(f"{part.video_path} lasts {part.duration_s:.6g} s, and its truth goes on until {late:.6g} s")
    return Truth(
        lacking=tuple(film.place for film in films if film not in whole and film not in found._films),
        unused=found.unused,
        _films={film: found._films[film] for film in films if film in found._films} | whole,
    )


def _lasting(truth: Timeline, duration_s: float) -> Iterator[Segment]:
    """What happens in a film, the label of a whole clip too."""
    yield from truth.segments or (Segment(start_s=0.0, end_s=duration_s, label=label) for label, _ in truth.clip_labels)


def _by_name(name: str, films: Sequence[NamedFilm], truths: Sequence[Timeline]) -> Truth:
    by_name: dict[str, list[Timeline]] = {}
    for truth in truths:
        by_name.setdefault(bare_name(truth.video_path), []).append(truth)
    found: dict[NamedFilm, Timeline] = {}
    for film in dict.fromkeys(films):
        key = bare_name(film.place)
        same = by_name.get(key) or by_name.get(with_or_without_v(key), [])
        likest = _likest(same, [truth.video_path for truth in same], film.place)
        if len(likest) > 1:
            raise InputError(f"{name} has several films called {film.place}", "there is no truth to show", _CURE)
        if likest:
            found[film] = likest[0]
    for truth in {id(truth): truth for truth in found.values()}.values():
        of = [film for film, its in found.items() if its is truth]
        likest_films = _likest(of, [film.place for film in of], truth.video_path)
        for film in set(of) - set(likest_films):
            del found[film]
        if len({film.identity for film in likest_films}) > 1 and len({_folder(f.place) for f in likest_films}) > 1:
            raise InputError(
                f"{listed(film.place for film in likest_films)} may each be the {truth.video_path} of {name}",
                "there is no truth to show",
                "write the folders there too",
            )
    if not found:
        raise _none(name, films, truths)
    used = {id(truth) for truth in found.values()}
    return Truth(
        lacking=tuple(film.place for film in dict.fromkeys(films) if film not in found),
        unused=tuple(truth.video_path for truth in truths if id(truth) not in used),
        _films=found,
    )


def _none(name: str, films: Sequence[NamedFilm], truths: Sequence[Timeline]) -> InputError:
    if len(films) > 1:
        those, there = listed(film.place for film in films), listed(truth.video_path for truth in truths)
        fact = f"{name} has none of the films {those}" + f": it has {there}" * bool(there)
    else:
        film = PurePosixPath(films[0].place).name if films else ""
        near = nearest(film, [truth.video_path for truth in truths])
        fact = f"{name} has no film called {film}" + (f" (did you mean {printable(near)}?)" if near else "")
    return InputError(fact, "there is no truth to show", _CURE)


def _likest(things: Sequence[_T], paths: Sequence[str], path: str) -> list[_T]:
    """Those of the things whose paths agree with this one the furthest, from the last part on."""
    scores = [_agreement(each, path) for each in paths]
    return [thing for thing, score in zip(things, scores, strict=True) if score == max(scores)]


def _agreement(one: str, other: str) -> tuple[int, bool]:
    """How many folders two paths share, from the last one on; and whether the names agree in their suffixes too."""
    ours, theirs = (PurePosixPath(one_form(path.replace("\\", "/"))).parts for path in (one, other))
    num = 0
    for a, b in zip(ours[-2::-1], theirs[-2::-1], strict=False):
        if a != b:
            break
        num += 1
    return num, ours[-1:] == theirs[-1:]


def _folder(place: str) -> PurePosixPath:
    return PurePosixPath(place).parent
