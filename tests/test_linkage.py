"""Groups of near things: scipy's hierarchical clustering is the oracle."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, squareform

from vtn_stream.scorers.linkage import groups, squared_distances


def same(left, right):
    """Whether two numberings part things in the same way."""
    return len(set(zip(left.tolist(), right.tolist(), strict=True))) == len(set(left)) == len(set(right))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["average", "complete"])
def test_groups_are_those_of_scipy(seed, kind):
    random = np.random.default_rng(seed)
    points = random.standard_normal((random.integers(2, 90), 5)) + 4 * random.integers(0, 4, (1, 5))
    spread = random.uniform(0.5, 2, (len(points), len(points)))
    distances = cdist(points, points, "sqeuclidean") / (spread + spread.T)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), kind)
    for limit in (0.1, 1.25, 5.0, 100.0):
        assert same(groups(distances, kind, limit=limit), fcluster(tree, limit, "distance"))
    for most in (1, 2, 7, 90):
        assert same(groups(distances, kind, most=most), fcluster(tree, most, "maxclust"))


def test_one_thing_is_one_group_and_equal_things_are_one():
    assert groups(np.zeros((1, 1)), "average").tolist() == [0]
    assert groups(np.zeros((5, 5)), "average", limit=0.0).tolist() == [0] * 5
    assert groups(np.full((3, 3), 2.0), "average", limit=1.0).tolist() == [0, 1, 2]


def test_groups_are_numbered_by_their_first_thing():
    distances = squared_distances(*[np.array([[0], [9], [0.1], [9.1], [50]], np.float32)] * 2)
    assert groups(distances, "average", limit=1.0).tolist() == [0, 1, 0, 1, 2]


def test_squared_distances_are_those_of_scipy():
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((n, 64)).astype(np.float32) for n in (30, 40))
    assert np.allclose(squared_distances(a, b), cdist(a, b, "sqeuclidean"), rtol=1e-12)
    assert (squared_distances(a, a) >= 0).all()
