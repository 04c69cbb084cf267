"""Real films, where they are: VTN_STREAM_DATA, default ../shared/data beside the project."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    folder = Path(os.environ.get("VTN_STREAM_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the real films are not at {folder} (VTN_STREAM_DATA names their folder)")
    return folder
