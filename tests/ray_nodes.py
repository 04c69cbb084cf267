"""One Ray cluster for all tests that want one, as its start takes seconds: a head that takes no work.

A module of tests connects to it, adds the nodes that it wants, and takes them away:

    @pytest.fixture(scope="module")
    def cluster(ray_head):
        with connected_nodes(ray_head, {"num_cpus": 1}, {"num_cpus": 1}) as nodes:
            yield nodes
"""

import contextlib
import gc
import time
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

__all__ = ["IGNORED", "LIMIT_S", "connected_nodes", "ray_head"]

LIMIT_S = 60  # for anything that must happen

# Ray's own sockets and processes are closed after the test's view of them.
IGNORED = (
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::FutureWarning",
)


@pytest.fixture(scope="session")
def ray_head() -> Iterator[Any]:
    """A ray.cluster_utils.Cluster of one node without CPUs. This process is not connected to it."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with _quiet():
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "include_log_monitor": False},
        )
    yield cluster
    with _quiet():
        cluster.shutdown()


@contextlib.contextmanager
def connected_nodes(head: Any, *nodes: dict[str, Any], modules: tuple[ModuleType, ...] = ()) -> Iterator[Any]:
    """The cluster with these nodes, and this process connected to it. modules: of tests, which nodes cannot import."""
    import ray

    for module in modules:
        ray.cloudpickle.register_pickle_by_value(module)
    with _quiet():
        for node in nodes:
            head.add_node(**node)
        ray.init(address=head.address, log_to_driver=False)
    try:
        yield head
    finally:
        with _quiet():
            for node in [*head.worker_nodes]:
                head.remove_node(node)
            until = time.monotonic() + LIMIT_S
            while sum(node["Alive"] for node in ray.nodes()) > 1:
                assert time.monotonic() < until
                time.sleep(0.02)
            ray.shutdown()
        for module in modules:
            ray.cloudpickle.unregister_pickle_by_value(module)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A warning of Ray's would be the next test's, whichever that is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        gc.collect()
