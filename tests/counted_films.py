"""Counting films, probed and decoded; the oracle is a plain decode by PyAV."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from counting import FILMS, Counting, sequential

from vtn_stream.film import VideoInfo
from vtn_stream.video import DecodingProcess, probe


@dataclass(frozen=True)
class Probed:
    truth: Counting
    video: VideoInfo
    decoded: list[tuple[Fraction, int]]  # by the oracle


@pytest.fixture(scope="session")
def process():
    with DecodingProcess() as process:
        yield process


@pytest.fixture(scope="session")
def film(tmp_path_factory, process):
    """The counting film of this name, made and probed once."""
    folder, made = tmp_path_factory.mktemp("films"), {}

    def of(name):
        if name not in made:
            truth = FILMS[name](folder)
            made[name] = Probed(truth, probe(truth.path, process), sequential(truth.path))
        return made[name]

    return of
