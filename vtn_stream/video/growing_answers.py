"""What the decoding process may answer of a film that is still written; as `answers`, which see. What was told before
does not change: everything that comes lies behind it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.video import answers
from vtn_stream.video.limits import MAX_DAYS, MAX_PACKETS

__all__ = ["GrowingNews", "Known", "growing_news"]

_MOST = 2**62
_DIGEST_BYTES = 16


class Known(NamedTuple):
    """What the last news said: the last of each, -_MOST where there was none; num_frames, num_others: how many in all,
    frames and other times.
    """

    pts: int = -_MOST
    keyframe: int = -_MOST
    restart: int = -_MOST
    dark: int = -_MOST
    second: int = -1
    settled: int = -_MOST
    num_frames: int = 0
    num_others: int = 0


class GrowingNews(NamedTuple):
    """facts: of VideoInfo, but for what the arrays say, and end_pts; the arrays are those of `GrowingFacts.news`."""

    facts: dict[str, Any]
    settled: int
    last_duration: int
    mean_rate: str | None
    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    restarts: NDArray[np.int64]
    dark: NDArray[np.int64]
    seconds: NDArray[np.int64]
    digests: NDArray[np.uint8]


def growing_news(told: Any, payload: bytes, known: Known) -> tuple[GrowingNews, Known]:
    """The news, checked, and what is known after it. Raises ValueError for what no honest process would say."""
    try:
        settled = answers.number(told["settled"], known.settled, _MOST)
        duration = answers.number(told["last_duration"], 0, _MOST)
        answers.check_facts(told["facts"])
        if (rate := told["mean_rate"]) is not None:
            answers.fraction(rate)
        lengths = [answers.number(length, 0, len(payload)) for length in told["lengths"]]
        if len(lengths) != 6 or sum(lengths) != len(payload):
            raise ValueError("the arrays are not those that were announced")
        *parts, last = np.split(np.frombuffer(payload, np.uint8), np.cumsum(lengths)[:-1])
        pts, keyframes, restarts, dark, seconds = (np.frombuffer(part.tobytes(), np.int64) for part in parts)
    except (KeyError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if len(dark) % 2 or len(last) != _DIGEST_BYTES * len(seconds):
        raise ValueError("half a span, or a second without its digest")
    num_frames = known.num_frames + len(pts)
    num_others = known.num_others + len(keyframes) + len(restarts) + len(dark)
    if max(num_frames, num_others) > MAX_PACKETS:
        raise ValueError("more frames, or other times, than packets")
    after = Known(
        _last(pts, known.pts, settled),
        _last(keyframes, known.keyframe, settled),
        _last(restarts, known.restart, _MOST),
        _last(dark, known.dark, settled + 1),
        _last(seconds, known.second, MAX_DAYS * 86400 + 1),
        settled,
        num_frames,
        num_others,
    )
    facts = dict(told["facts"])
    news = GrowingNews(facts, settled, duration, rate, pts, keyframes, restarts, dark.reshape(-1, 2), seconds, last)
    return news, after


def _last(values: NDArray[np.int64], before: int, limit: int) -> int:
    """The last of these ascending values, which lie after one and before another."""
    if len(values) == 0:
        return before
    if int(values[0]) <= before or int(values[-1]) >= limit or np.any(values[1:] <= values[:-1]):
        raise ValueError("times that do not ascend, or are known by now")
    return int(values[-1])
