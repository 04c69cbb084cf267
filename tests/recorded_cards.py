"""Films as they lie on the card of a camera: chapters of one recording, and others with numbers."""

from fractions import Fraction

import pytest

__all__ = ["CHAPTERS", "card"]

CHAPTERS = ("GH010001.MP4", "GH020001.MP4", "GH030001.MP4")


@pytest.fixture(scope="session")
def card(film_maker, tmp_path_factory):
    """Three chapters of two chunks each, a chapter without its first, and two films with numbers."""
    folder = tmp_path_factory.mktemp("cards") / "card"
    folder.mkdir()
    names = (*CHAPTERS, "GH020002.MP4", "IMG_0001.MP4", "IMG_0002.MP4")
    for seed, name in enumerate(names):
        film_maker(folder / name, [(40, seed), (30, seed + 6)], fps=Fraction(1))
    return folder
