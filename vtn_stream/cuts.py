"""Cuts and slower changes to the frame: decodes the few frames around sampled frames, small, and says where the new
picture begins.

    looked at      a                       b          one of every 12 frames, say
    frames       . a . . . . . . . | . . . b .        the cut is before one of a + 1 ... b
                                   ^

There are two questions, which `placing` answers from pictures. Where does it change, if something changes here?
`find_cuts` asks it for a film. Does the shot change here at all? `find_transitions` does. What was found is stored.
C changes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import Warned
from vtn_stream.errors import DamagedFile, DecodingLost, StoreError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.framing import box_of
from vtn_stream.placing import MAX_FRAMES, PLACE, SHOTS, SIZE, Question, answers
from vtn_stream.store import EmbeddingStore
from vtn_stream.store.cuts import Cut, Cuts, cuts_file, load_cuts, write_cuts
from vtn_stream.track import WHOLE
from vtn_stream.transitions import Kind, Transition
from vtn_stream.video import DecodingProcess, FrameBatch, check_unchanged

__all__ = ["NOT_READ", "UNCLEAR", "CutsPlaced", "find_cuts", "find_transitions"]

# Instead of a frame. Not read: decoding died, or the film is gone; another run tries again.
UNCLEAR, NOT_READ = -1, -2

# Changes asked of the decoding process at once, and stored together.
CHANGES_PER_RUN = 16
# A film on which decoding dies for so many changes one after the other is given up: each may cost two deadlines.
MAX_LOST_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question about a region of a film's picture."""

    question: Question
    region: str
    store: EmbeddingStore
    process: DecodingProcess

    @property
    def file_method(self) -> str:
        """With which what was found is stored: by other decoders it may be something else."""
        where = "" if self.region == WHOLE else f", {self.region}"
        return f"{self.question.method}{where}, {self.process.packages}"

    def answers(self, video: VideoInfo, changes: NDArray[np.int64]) -> Iterator[tuple[Transition, ...]]:
        """What is found for each change. Raises VideoError, DecodingLost."""

        def pictures(pts: NDArray[np.int64]) -> Iterator[FrameBatch]:
            return self.process.frames(video, pts, SIZE, box=box_of(self.region, video, self.store, self.process))

        return answers(video, changes, pictures, self.question)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutsPlaced:
    """How far the search for cuts has come: changes whose frames were decoded, of those that were not stored."""

    num_done: int
    num_total: int


def find_cuts(
    video: VideoInfo,
    changes: NDArray[np.int64],
    store: EmbeddingStore,
    process: DecodingProcess,
    tell: Callable[[Warned | CutsPlaced], None],
    region: str = WHOLE,
) -> NDArray[np.int64]:
    """int64 [C]: the frame with which the new picture begins, UNCLEAR, or NOT_READ.

    changes  int64 [C, 2], ascending: the last looked-at frame before a change, and the first one after it
    region   of the picture in which it is looked, as a recipe names it

    What is stored is not decoded, and the process is not started for it. What is placed now is stored as it comes, so
    that a killed run goes on. A film or a store that fails meanwhile is a warning: cuts are not read, or not kept.
    """
    found = np.full(len(changes), NOT_READ)
    at_once = changes[:, 1] - changes[:, 0] == 1
    found[at_once] = changes[at_once, 1]
    asked = _Asked(question=PLACE, region=region, store=store, process=process)
    seen = _answers(video, changes[~at_once], asked, tell)
    found[~at_once] = [NOT_READ if s is None else s[0].at if s else UNCLEAR for s in seen]
    return found


def find_transitions(
    video: VideoInfo,
    stretches: NDArray[np.int64],
    store: EmbeddingStore,
    process: DecodingProcess,
    tell: Callable[[Warned | CutsPlaced], None],
    region: str = WHOLE,
) -> list[tuple[Transition, ...] | None]:
    """[C]: the changes of shot in each stretch and close to it, in frames of the film; None where it is not read.

    stretches  int64 [C, 2], ascending: between which looked-at frames the shot may change
    region     of the picture in which it is looked, as a recipe names it

    Stores and warns as `find_cuts` does.
    """
    return _answers(video, stretches, _Asked(question=SHOTS, region=region, store=store, process=process), tell)


def _answers(
    video: VideoInfo,
    changes: NDArray[np.int64],
    asked: _Asked,
    tell: Callable[[Warned | CutsPlaced], None],
) -> list[tuple[Transition, ...] | None]:
    if video.parts:
        return _answers_of_parts(video, changes, asked, tell)
    return _answers_of_one(video, changes, asked, tell)


def _answers_of_parts(
    video: VideoInfo,
    changes: NDArray[np.int64],
    asked: _Asked,
    tell: Callable[[Warned | CutsPlaced], None],
) -> list[tuple[Transition, ...] | None]:
    """For a recording. What is asked within a file is asked of the file, and so it is the same as where the file is
    looked at alone; but where its neighbour goes on without a gap and has frames that help, of both, as one film.
    """
    around = [asked.question.around(video, a, b) for a, b in changes.tolist()]
    of_file = np.full(len(changes), -1)
    joins = [False, *(_goes_on(video, part.first_frame) for part in video.parts[1:]), False]
    for i, part in enumerate(video.parts):
        first, stop = part.first_frame, part.first_frame + part.video.num_frames
        for c, near in enumerate(around):
            is_inside = first <= changes[c, 0] and changes[c, 1] < stop
            helped = (near.start < first and joins[i]) or (near.stop > stop and joins[i + 1])
            if is_inside and not helped:
                of_file[c] = i
    found: list[tuple[Transition, ...] | None] = [None] * len(changes)
    for i in np.unique(of_file).tolist():
        mine = np.flatnonzero(of_file == i)
        by = 0 if i < 0 else video.parts[i].first_frame
        film = video if i < 0 else video.parts[i].video
        answers = _answers_of_one(film, changes[mine] - by, asked, tell)
        for c, seen in zip(mine.tolist(), answers, strict=True):
            found[c] = None if seen is None else tuple(t.later(by) for t in seen)
    return found


def _goes_on(video: VideoInfo, first_frame: int) -> bool:
    """Whether the recording's file that begins with this frame follows the one before without a gap."""
    pts = int(video.pts[first_frame])
    return not any(span.end == pts for span in video.dark)


def _answers_of_one(
    video: VideoInfo,
    changes: NDArray[np.int64],
    asked: _Asked,
    tell: Callable[[Warned | CutsPlaced], None],
) -> list[tuple[Transition, ...] | None]:
    method = asked.file_method
    file = cuts_file(asked.store.root, video.identity, method)
    try:
        stored = load_cuts(file)
    except DamagedFile as error:
        tell(Warned(message=f"{error.fact}: the cuts are placed again"))
        stored = {}
    found = [_known(video, int(a), int(b), stored) for a, b in changes]
    open_changes = np.array([i for i, seen in enumerate(found) if seen is None], np.intp)
    num_done = lost_in_a_row = 0
    is_kept = True
    for start in range(0, len(open_changes), CHANGES_PER_RUN):
        run = open_changes[start : start + CHANGES_PER_RUN]
        try:
            for i, seen in zip(run, _decoded(video, changes[run], asked, tell), strict=True):
                found[i] = seen
                num_done += 1
                lost_in_a_row = lost_in_a_row + 1 if seen is None else 0
                tell(CutsPlaced(num_done=num_done, num_total=len(open_changes)))
            check_unchanged(video)  # else cuts of another film would be taken for this one's
        except VideoError as error:
            for i in run:
                found[i] = None
            tell(Warned(message=f"{error.fact}: {len(open_changes) - num_done} cuts stay on the grid"))
            break
        if is_kept:
            try:
                write_cuts(file, _as_stored(video, changes[run], [found[i] for i in run]), method)
            except StoreError as error:
                tell(Warned(message=f"{error.fact}: {error.consequence}"))
                is_kept = False
        if lost_in_a_row >= MAX_LOST_IN_A_ROW and num_done < len(open_changes):
            tell(Warned(message=f"no more cuts of {video.path.name} are placed: decoding failed {lost_in_a_row} times"))
            break
    return found


def _known(video: VideoInfo, last: int, following: int, stored: Cuts) -> tuple[Transition, ...] | None:
    """What is known of the frames between these looked-at ones without decoding; None if nothing is."""
    if following - last > MAX_FRAMES:
        return ()
    seen = stored.get((int(video.pts[last]), int(video.pts[following])))
    if seen is None:
        return None
    pts = np.array([(cut.first, cut.at, cut.until) for cut in seen], np.int64).reshape(-1, 3)
    frames = np.minimum(np.searchsorted(video.pts, pts), video.num_frames - 1)
    if not np.array_equal(video.pts[frames], pts):
        return None
    return tuple(
        Transition(first=min(first, at - 1), at=at, last=until, kind=_KINDS.get(cut.kind, "cut"))
        for cut, (first, at, until) in zip(seen, frames.tolist(), strict=True)
    )


def _as_stored(video: VideoInfo, changes: NDArray[np.int64], found: list[tuple[Transition, ...] | None]) -> Cuts:
    return {
        (int(video.pts[a]), int(video.pts[b])): tuple(
            Cut(int(video.pts[t.at]), int(video.pts[t.first]), int(video.pts[t.last]), t.kind) for t in seen
        )
        for (a, b), seen in zip(changes, found, strict=True)
        if seen is not None
    }


def _decoded(
    video: VideoInfo, changes: NDArray[np.int64], asked: _Asked, tell: Callable[[Warned], None]
) -> Iterator[tuple[Transition, ...] | None]:
    """What is found for each change. Where the decoding process is lost, a new one goes on; twice on one change, that
    change is given up. Raises VideoError if the film cannot be opened any more.
    """
    num_done, lost_on = 0, -1
    while num_done < len(changes):
        try:
            for seen in asked.answers(video, changes[num_done:]):
                num_done += 1
                yield seen
        except DecodingLost as error:
            if lost_on != num_done:
                lost_on = num_done
                tell(Warned(message=f"{error.fact}: a new one continues"))
                continue
            tell(Warned(message=f"{error.fact} again: a cut stays on the grid"))
            num_done += 1
            yield None


_KINDS: dict[str, Kind] = {"dissolve": "dissolve", "fade": "fade"}
