"""What a decoding process that a film has taken over may say of it: nothing that contradicts what it has said."""

import itertools
from typing import Any

import numpy as np
import pytest
from growing_films import record
from growing_here import Here

from vtn_stream.video.growing_answers import Known, growing_news


@pytest.fixture(scope="module")
def honest() -> tuple[dict[str, Any], bytes]:
    here = Here("a.ts")
    header, payload = here.child.feed(record("ts", 100, b_frames=2).data, ended=False)
    return header["news"], payload


def columns(news: dict[str, Any], payload: bytes) -> list[bytes]:
    bounds = np.cumsum([0, *news["lengths"]])
    return [payload[start:stop] for start, stop in itertools.pairwise(bounds)]


def numbers(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def test_an_honest_answer_is_taken(honest):
    news, known = growing_news(*honest, Known())
    assert known.num_frames == len(news.pts) > 80
    assert known.pts == news.pts[-1] < known.settled == news.settled
    assert len(news.seconds) * 16 == len(news.digests) > 0


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        (0, (5, 4), Known()),  # frames that do not ascend
        (0, (5, 5), Known()),
        (0, (5,), Known(pts=5)),  # one that is known
        (0, (2**61,), Known()),  # one that is not settled
        (1, (9, 9), Known()),  # keyframes
        (2, (7,), Known(restart=8)),
        (3, (7,), Known()),  # half a span
        (3, (7, 6), Known()),
        (3, (7, 2**61), Known()),
        (4, (10**9,), Known()),  # a second after all films
        (4, (0, 1), Known()),  # seconds without digests
    ],
)
def test_times_that_cannot_be_are_refused(honest, column, values, told):
    news, payload = honest
    parts = columns(news, payload)
    parts[column] = numbers(*values)
    with pytest.raises(ValueError, match=r"times|span|second|announced"):
        growing_news(news | {"lengths": [len(part) for part in parts]}, b"".join(parts), told)


@pytest.mark.parametrize(
    "change",
    [
        {"settled": -(2**62) - 1},
        {"settled": "1"},
        {"last_duration": -1},
        {"mean_rate": "1e999999999"},
        {"lengths": [1]},
        {"lengths": [2**40] * 6},
        {"lengths": None},
        {"facts": {}},
        {"facts": []},
    ],
)
def test_facts_that_cannot_be_are_refused(honest, change):
    news, payload = honest
    with pytest.raises(ValueError, match=r"."):
        growing_news(news | change, payload, Known())


def test_a_film_gets_no_shorter_and_its_size_is_checked(honest):
    news, payload = honest
    with pytest.raises(ValueError, match="is not a number from"):
        growing_news(news, payload, Known(settled=news["settled"] + 1))
    for name, value in (("width", 10**9), ("identity", "../x"), ("rotation", 400), ("time_base", "0")):
        with pytest.raises(ValueError, match=r"."):
            growing_news(news | {"facts": news["facts"] | {name: value}}, payload, Known())
    for many in (Known(num_frames=43_200_000), Known(num_others=43_200_000)):
        with pytest.raises(ValueError, match=r"more frames, or other times, than packets"):
            growing_news(news, payload, many)
