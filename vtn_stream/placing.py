"""Changes among consecutive small pictures of a film: before which one a cut is, and whether the shot changes at all.
Knows where pictures come from only as a function that gives them; stores nothing.

C changes, n frames, pictures of [H, W, 3].
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost
from vtn_stream.film import VideoInfo
from vtn_stream.transitions import Transition, transitions
from vtn_stream.video import FrameBatch

__all__ = ["BESIDE_S", "MAX_FRAMES", "PLACE", "REACH", "SHOTS", "SIZE", "Question", "answers", "placed"]

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

# Where the pictures of ascending timestamps come from, in batches.
Pictures = Callable[[NDArray[np.int64]], Iterable[FrameBatch]]
# A film, pictures by their frames, and the frames [a, b] between which is looked -> what is seen, or nothing.
Judge = Callable[[VideoInfo, dict[int, NDArray[np.uint8]], int, int], tuple[Transition, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of pictures.

    method  its name, with which what was found is stored
    around  the frames whose pictures are needed for frames [a, b] of a film
    """

    method: str
    judge: Judge
    around: Callable[[VideoInfo, int, int], range]


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


def answers(
    video: VideoInfo, changes: NDArray[np.int64], pictures: Pictures, question: Question
) -> Iterator[tuple[Transition, ...]]:
    """What is found for each of the changes [C, 2], in frames of the film, by one pass over it. Keeps the pictures of
    one change or two.
    """
    around = [question.around(video, a, b) for a, b in changes.tolist()]
    frames = np.unique(np.concatenate(around))
    settled = np.zeros(len(frames), np.bool_)
    kept: dict[int, NDArray[np.uint8]] = {}
    waiting = list(zip(changes.tolist(), around, strict=True))
    for batch in pictures(video.pts[frames]):
        settled[batch.items] = settled[batch.lost] = True
        kept |= {int(frames[i]): picture.copy() for i, picture in zip(batch.items, batch.frames, strict=True)}
        while waiting and settled[np.searchsorted(frames, waiting[0][1])].all():
            (last, following), near = waiting.pop(0)
            yield question.judge(video, {f: kept[f] for f in near if f in kept}, last, following)
            kept = {f: kept[f] for f in kept if waiting and f >= waiting[0][1].start}
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
    times_s = video.times_s
    bounds_s = times_s[last] - BESIDE_S, times_s[following] + BESIDE_S
    start, stop = np.searchsorted(times_s, bounds_s).tolist()
    return range(max(start, last - MAX_FRAMES), min(max(stop, following + 1), following + MAX_FRAMES))


def _shots(video: VideoInfo, pictures: dict[int, NDArray[np.uint8]], *_: int) -> tuple[Transition, ...]:
    """Changes of shot among pictures, in each run that damage left whole."""
    frames = np.array(sorted(pictures), np.int64)
    found: list[Transition] = []
    for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
        if len(run) < 2:
            continue
        rate = (len(run) - 1) / (video.time_of(run[-1]) - video.time_of(run[0]))
        found += [
            Transition(first=int(run[t.first]), at=int(run[t.at]), last=int(run[t.last]), kind=t.kind)
            for t in transitions(np.stack([pictures[int(f)] for f in run]), rate)
        ]
    return tuple(found)


PLACE = Question(method=f"{METHOD}", judge=_among, around=_beside)
SHOTS = Question(method=f"shots {SHOTS_METHOD}", judge=_shots, around=_near)


def _step(flat: NDArray[np.uint8], at: int) -> float:
    before, after = flat[max(0, at - REACH) : at], flat[at : at + REACH]
    return min(_difference(p, q) for p in before for q in after)


def _difference(p: NDArray[np.uint8], q: NDArray[np.uint8]) -> float:
    """The mean of the absolute difference, 0 to 255."""
    return float(np.abs(p.astype(np.int16) - q).mean())
