"""A lease of one chunk: what is left of one, and how old it is."""

import os
import time

import pytest

from vtn_stream.store.leases import TIME_TO_LIVE_S, Leases

KEY = "c0ffee-r-e-000000006-000000012"
FILE = f"{KEY}.lease"


@pytest.fixture
def leases(tmp_path):
    return Leases(tmp_path)


def age(path, seconds):
    """As if the file's time were so long ago (or, below 0, to come)."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def orphan(root, name=FILE, seconds=TIME_TO_LIVE_S + 1):
    """The lease of a holder that was killed so long ago."""
    path = root / "leases" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("0" * 32)
    age(path, seconds)
    return path


def everything(root):
    return sorted(path.name for path in (root / "leases").iterdir())
