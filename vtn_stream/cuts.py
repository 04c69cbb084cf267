"""Cuts and slower changes to the frame: decodes the few frames around sampled frames, small, and says where the new
picture begins.

    looked at      a                       b          one of every 12 frames, say
    frames       . a . . . . . . . | . . . b .        the cut is before one of a + 1 ... b
                                   ^

There are two questions. Where does it change, if something changes here? `placed` answers it for one change, from
pictures alone, `find_cuts` for a film. Does the shot change here at all? `transitions` answers it for a stretch of
pictures, `find_transitions` for a film. What was found once is stored. C changes, n frames, pictures of [H, W, 3].
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import Warned
from vtn_stream.errors import DamagedFile, DecodingLost, StoreError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.framing import box_of
from vtn_stream.region import Box
from vtn_stream.store import EmbeddingStore
from vtn_stream.store.cuts import Cut, Cuts, cuts_file, load_cuts, write_cuts
from vtn_stream.track import WHOLE
from vtn_stream.transitions import Kind, Transition, transitions
from vtn_stream.video import DecodingProcess, check_unchanged

__all__ = ["NOT_READ", "UNCLEAR", "CutsPlaced", "find_cuts", "find_transitions", "placed"]

# Instead of a frame. Not read: decoding died, or the film is gone; another run tries again.
UNCLEAR, NOT_READ = -1, -2

# Of `placed` and what it is given, and of `transitions`: what others found is not used.
METHOD, SHOTS_METHOD = 1, 1
SIZE = (36, 64)  # H, W: what moves by a few pixels of the film hardly moves here, and a slide's text still shows
# Frames on either side of a cut that must all differ from those of the other side: a flash is as short, and is no cut.
REACH = 3
# Where several steps are so large, beside the largest, what lies before and after them decides. Cuts of two shots of
# one place beside fast motion want it high, dissolves and long flashes low; tried on pairs of 37 real shots.
SHARE = 0.6
LEAST_STEP = 0.5  # of 255, the mean over a picture: below it two codings of one picture differ
MAX_FRAMES = 2000  # between two looked-at frames, 14 MiB: where a film is looked at once in a minute, no cut is meant

# Around a stretch, to see how calm the shots are beside a change.
BESIDE_S = 0.6

# Changes asked of the decoding process at once, and stored together.
CHANGES_PER_RUN = 16
# A film on which decoding dies for so many changes one after the other is given up: each may cost two deadlines.
MAX_LOST_IN_A_ROW = 3


# A film, pictures by their frames, and the frames [a, b] between which is looked -> what is seen, or nothing.
Judge = Callable[[VideoInfo, dict[int, NDArray[np.uint8]], int, int], tuple[Transition, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of pictures.

    around  the frames that are decoded for frames [a, b] of a film
    box     of a film's picture, in which it is looked; None: all of it
    """

    method: str
    judge: Judge
    around: Callable[[VideoInfo, int, int], range]
    box: Callable[[VideoInfo], Box | None] = lambda video: None

    def about(self, region: str, store: EmbeddingStore, process: DecodingProcess) -> "Question":
        """The same, asked of a region."""
        if region == WHOLE:
            return self
        box = partial(box_of, region, store=store, process=process)
        return replace(self, method=f"{self.method}, {region}", box=box)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutsPlaced:
    """How far the search for cuts has come: changes whose frames were decoded, of those that were not stored."""

    num_done: int
    num_total: int


def placed(pictures: NDArray[np.uint8], first: int, last: int) -> int | None:
    """Before which of these consecutive pictures [n, H, W, 3] the cut is: first + 1 to last. None: nothing changes.

    first, last  the looked-at pictures, between which the cut is. Pictures beyond them tell flashes from cuts.

    The step before a picture is the least difference between one of REACH pictures before it and one of as many from it
    on. Of the steps that are about as large as the largest, that one is taken after which most pictures are nearer to
    the last one, and before which most are nearer to the first: the middle of a dissolve, the cut beside a long flash.
    """
    flat = pictures.reshape(len(pictures), -1)
    steps = np.array([_step(flat, at) for at in range(first + 1, last + 1)])
    if steps.max() < LEAST_STEP:
        return None
    between = flat[first : last + 1]
    nearer_to_last = np.array([_difference(p, flat[first]) - _difference(p, flat[last]) for p in between])
    so_far = np.cumsum(nearer_to_last)
    fit = so_far[-1] - 2 * so_far[:-1]  # of each step: the sum after it less the sum before it
    return first + 1 + int(np.where(steps >= SHARE * steps.max(), fit, -np.inf).argmax())


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
    seen = _answers(video, changes[~at_once], store, process, tell, _PLACE.about(region, store, process))
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
    return _answers(video, stretches, store, process, tell, _SHOTS.about(region, store, process))


def _answers(
    video: VideoInfo,
    changes: NDArray[np.int64],
    store: EmbeddingStore,
    process: DecodingProcess,
    tell: Callable[[Warned | CutsPlaced], None],
    question: Question,
) -> list[tuple[Transition, ...] | None]:
    if video.parts:
        return _answers_of_parts(video, changes, store, process, tell, question)
    return _answers_of_one(video, changes, store, process, tell, question)


def _answers_of_parts(
    video: VideoInfo,
    changes: NDArray[np.int64],
    store: EmbeddingStore,
    process: DecodingProcess,
    tell: Callable[[Warned | CutsPlaced], None],
    question: Question,
) -> list[tuple[Transition, ...] | None]:
    """For a recording. What is asked within a file is asked of the file, and so it is the same as where the file is
    looked at alone; but where its neighbour goes on without a gap and has frames that help, of both, as one film.
    """
    around = [question.around(video, a, b) for a, b in changes.tolist()]
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
        answers = _answers_of_one(film, changes[mine] - by, store, process, tell, question)
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
    store: EmbeddingStore,
    process: DecodingProcess,
    tell: Callable[[Warned | CutsPlaced], None],
    question: Question,
) -> list[tuple[Transition, ...] | None]:
    method = f"{question.method}, {process.packages}"
    file = cuts_file(store.root, video.identity, method)
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
            for i, seen in zip(run, _decoded(video, changes[run], process, tell, question), strict=True):
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
    video: VideoInfo,
    changes: NDArray[np.int64],
    process: DecodingProcess,
    tell: Callable[[Warned], None],
    question: Question,
) -> Iterator[tuple[Transition, ...] | None]:
    """What is found for each change. Where the decoding process is lost, a new one goes on; twice on one change, that
    change is given up. Raises VideoError if the film cannot be opened any more.
    """
    num_done, lost_on = 0, -1
    while num_done < len(changes):
        try:
            for seen in _request(video, changes[num_done:], process, question):
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


def _request(
    video: VideoInfo, changes: NDArray[np.int64], process: DecodingProcess, question: Question
) -> Iterator[tuple[Transition, ...]]:
    """What is found for each change, by one pass over the film. Keeps the pictures of one change or two."""
    around = [question.around(video, a, b) for a, b in changes.tolist()]
    frames = np.unique(np.concatenate(around))
    settled = np.zeros(len(frames), np.bool_)
    pictures: dict[int, NDArray[np.uint8]] = {}
    waiting = list(zip(changes.tolist(), around, strict=True))
    for batch in process.frames(video, video.pts[frames], SIZE, box=question.box(video)):
        settled[batch.items] = settled[batch.lost] = True
        pictures |= {int(frames[i]): picture.copy() for i, picture in zip(batch.items, batch.frames, strict=True)}
        while waiting and settled[np.searchsorted(frames, waiting[0][1])].all():
            (last, following), near = waiting.pop(0)
            yield question.judge(video, {f: pictures[f] for f in near if f in pictures}, last, following)
            pictures = {f: pictures[f] for f in pictures if waiting and f >= waiting[0][1].start}
    if waiting:
        raise DecodingLost(f"decoding {video.path.name} ended early", "frames are missing", "run again")


def _beside(video: VideoInfo, last: int, following: int) -> range:
    return range(max(0, last - REACH + 1), min(video.num_frames, following + REACH))


def _among(_: VideoInfo, pictures: dict[int, NDArray[np.uint8]], last: int, following: int) -> tuple[Transition, ...]:
    """The frame of these before which the cut is. Nothing where damage took a frame beside it."""
    frames = sorted(pictures)
    if last not in pictures or following not in pictures:
        return ()
    at = placed(np.stack([pictures[f] for f in frames]), frames.index(last), frames.index(following))
    if at is None or frames[at - 1] != frames[at] - 1:
        return ()
    return (Transition(first=frames[at] - 1, at=frames[at], last=frames[at], kind="cut"),)


def _near(video: VideoInfo, last: int, following: int) -> range:
    bounds_s = video.times_s[last] - BESIDE_S, video.times_s[following] + BESIDE_S
    start, stop = np.searchsorted(video.times_s, bounds_s).tolist()
    return range(max(start, last - MAX_FRAMES), min(max(stop, following + 1), following + MAX_FRAMES))


def _shots(video: VideoInfo, pictures: dict[int, NDArray[np.uint8]], *_: int) -> tuple[Transition, ...]:
    """Changes of shot among pictures, in each run that damage left whole."""
    frames = np.array(sorted(pictures), np.int64)
    found: list[Transition] = []
    for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
        if len(run) < 2:
            continue
        rate = (len(run) - 1) / float(video.times_s[run[-1]] - video.times_s[run[0]])
        found += [
            Transition(first=int(run[t.first]), at=int(run[t.at]), last=int(run[t.last]), kind=t.kind)
            for t in transitions(np.stack([pictures[int(f)] for f in run]), rate)
        ]
    return tuple(found)


_KINDS: dict[str, Kind] = {"dissolve": "dissolve", "fade": "fade"}
_PLACE = Question(method=f"{METHOD}", judge=_among, around=_beside)
_SHOTS = Question(method=f"shots {SHOTS_METHOD}", judge=_shots, around=_near)


def _step(flat: NDArray[np.uint8], at: int) -> float:
    before, after = flat[max(0, at - REACH) : at], flat[at : at + REACH]
    return min(_difference(p, q) for p in before for q in after)


def _difference(p: NDArray[np.uint8], q: NDArray[np.uint8]) -> float:
    """The mean of the absolute difference, 0 to 255."""
    return float(np.abs(p.astype(np.int16) - q).mean())
