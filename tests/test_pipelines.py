"""A film embedded by Ray actors on two nodes is what one process makes of it."""

from pathlib import Path

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import VideoError

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def settings(tiny, tiny_weights):
    return {"backbone": tiny, "weights": tiny_weights, "fps": 1, "device": "cpu"}


def files(store: Path) -> dict[str, bytes]:
    return {str(file.relative_to(store)): file.read_bytes() for file in (store / "films").rglob("*.arrow")}


# Ray's own sockets and processes are closed after the test's view of them.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_two_nodes_store_what_one_process_stores(cluster, film, settings, tmp_path):
    from vtn_stream_pipelines import embed_film

    receipts = embed_film(film, store=tmp_path / "cluster", num_workers=2, **settings)
    assert [(r.number, r.source) for r in receipts] == [(0, "film"), (1, "film"), (2, "film")]
    assert embed_film(film, store=tmp_path / "cluster", num_workers=2, **settings) == []  # all is stored

    with Analyzer(store=tmp_path / "alone", **settings) as analyzer:
        alone = analyzer.analyze(film)
    assert files(tmp_path / "cluster") == files(tmp_path / "alone")
    with Analyzer(store=tmp_path / "cluster", **settings) as analyzer:
        assert analyzer.plan(film).missing == []
        assert analyzer.analyze(film).timeline == alone.timeline


def test_a_bad_film_is_told_before_any_worker_starts(tmp_path, settings):
    from vtn_stream_pipelines import embed_film

    with pytest.raises(VideoError, match="cannot be opened"):
        embed_film(tmp_path / "missing.mp4", store=tmp_path, num_workers=2, **settings)
