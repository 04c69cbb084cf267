"""In which order, and by how many processes, the tests are run.

pytest-xdist hands out groups of tests: here a group is a file, but all files that start Ray are one, so that no two
clusters fill the machine at once. What takes longest begins first, so that nobody is left alone with it at the end.
"""

import os

import pytest

# One cluster in all of them, and their tests wait for processes most of the time.
RAY = ("test_batch_faults.py", "test_pool.py", "test_check.py", "test_batch.py", "test_connection.py")
# Others that take longer than ten seconds, the longest first.
SLOW: tuple[str, ...] = ()


def group_of(file: str) -> str:
    return "ray" if file in RAY else file


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: some of them always wait, for a browser, a cluster, a child."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {file: number for number, file in enumerate([*RAY, *SLOW])}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path.name)))
