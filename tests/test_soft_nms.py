"""Soft-NMS, against the plain loop over everything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.localize.soft_nms import soft_nms


def plain(segments, scores, classes, max_segments, sigma, min_score):
    """All pairs, one choice after the other."""
    left = {i: s for i, s in enumerate(scores)}
    result = []
    while left and len(result) < max_segments:
        best = min(left, key=lambda i: (-left[i], classes[i], segments[i][0], segments[i][1]))
        if left[best] < min_score:
            break
        result.append((classes[best], *segments[best], left.pop(best)))
        for i in left:
            if classes[i] == classes[best]:
                (a, b), (c, d) = segments[i], segments[best]
                shared = max(0.0, min(b, d) - max(a, c))
                union = (b - a) + (d - c) - shared
                left[i] *= np.exp(-((shared / union if union > 0 else 0.0) ** 2) / sigma)
    return result


def ours(segments, scores, classes, max_segments=200, sigma=0.5, min_score=0.001):
    segments = np.array(segments, float).reshape(-1, 2)
    kept, values = soft_nms(
        segments, np.array(scores), np.array(classes, int), max_segments=max_segments, sigma=sigma, min_score=min_score
    )
    return [(classes[i], *segments[i], v) for i, v in zip(kept, values, strict=True)]


def test_the_worked_example():
    segments = [(0, 10), (1, 11), (20, 30), (0, 2)]
    found = ours(segments, [0.9, 0.8, 0.7, 0.6], [0] * 4)
    assert [(s, e) for _, s, e, _ in found] == [(0, 10), (20, 30), (0, 2), (1, 11)]
    assert [v for *_, v in found] == pytest.approx([0.9, 0.7, 0.5538698, 0.2062811], abs=1e-7)


def test_classes_do_not_see_each_other():
    found = ours([(0, 10), (0, 10)], [0.9, 0.8], [0, 1])
    assert [v for *_, v in found] == [0.9, 0.8]


@given(
    data=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(1, 99), st.integers(0, 2)),
        max_size=40,
        unique_by=lambda x: (x[0], x[1], x[3]),
    ),
    max_segments=st.integers(1, 50),
    sigma=st.sampled_from([0.3, 0.5, 1.0]),
    min_score=st.sampled_from([0.001, 0.2]),
)
def test_it_is_the_plain_loop(data, max_segments, sigma, min_score):
    segments = [(float(a), float(a + n)) for a, n, _, _ in data]
    scores, classes = [s / 100 for *_, s, _ in data], [c for *_, c in data]
    expected = plain(segments, scores, classes, max_segments, sigma, min_score)
    found = ours(segments, scores, classes, max_segments, sigma, min_score)
    assert [f[:3] for f in found] == [e[:3] for e in expected]
    np.testing.assert_allclose([f[3] for f in found], [e[3] for e in expected], rtol=1e-12)


def test_the_order_of_the_candidates_does_not_matter():
    rng = np.random.default_rng(0)
    start = rng.integers(0, 300, 2000).astype(float)
    segments = np.stack([start, start + rng.integers(0, 30, 2000)], 1)
    scores, classes = rng.integers(1, 20, 2000) / 20, rng.integers(0, 3, 2000)
    kept, values = soft_nms(segments, scores, classes, max_segments=300)
    shuffled = rng.permutation(2000)
    again, same = soft_nms(segments[shuffled], scores[shuffled], classes[shuffled], max_segments=300)
    assert values.tobytes() == same.tobytes()
    assert segments[kept].tobytes() == segments[shuffled][again].tobytes()


def test_nothing_gives_nothing_and_nonsense_is_refused():
    assert ours([], [], []) == []
    with pytest.raises(ValueError, match="ends before it starts"):
        ours([(2, 1)], [0.5], [0])
    with pytest.raises(ValueError, match="2 scores"):
        ours([(1, 2)], [0.5, 0.5], [0])
