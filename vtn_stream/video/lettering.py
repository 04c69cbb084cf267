"""Fonts for texts of any script: DejaVu Sans, and what this system has for what that cannot draw."""

import glob
import os
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont

__all__ = ["runs_of"]

_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
)
# Fonts of other scripts, by what their files are called. What comes first is taken.
_OTHERS = (
    "NotoSansCJK*Regular*",
    "NotoSansSC*",
    "NotoSansJP*",
    "SourceHanSans*",
    "wqy*",
    "DroidSansFallback*",
    "NotoSansArabic*Regular*",
    "NotoSansDevanagari*Regular*",
    "NotoSans*-Regular*",
    "unifont*",
    "Arial Unicode*",
    "PingFang*",
    "FreeSans.*",
)
_MAX_FONTS = 40


def runs_of(text: str, size: int) -> tuple[list[tuple[ImageFont.FreeTypeFont, str]], str]:
    """The text in parts that one font can draw; and the characters that none can: a box stands for them."""
    runs: list[tuple[ImageFont.FreeTypeFont, str]] = []
    missing: list[str] = []
    usual = _font(_usual_font(), size)
    for character in text:
        font = usual
        if not character.isspace() and not unicodedata.combining(character):
            path = next((path for path in _fonts() if _has(path, character)), None)
            if path is None:
                missing.append(character)
            else:
                font = _font(path, size)
        elif runs:
            font = runs[-1][0]
        if runs and runs[-1][0] is font:
            runs[-1] = (font, runs[-1][1] + character)
        else:
            runs.append((font, character))
    return runs, "".join(dict.fromkeys(missing))


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@cache
def _has(path: str, character: str) -> bool:
    """Whether a font draws this character as something else than what it draws for characters that there are not."""
    font = _font(path, 24)
    drawn, unknown = (font.getmask(text) for text in (character, "\uffff"))
    return drawn.getbbox() is not None and (drawn.size, bytes(drawn)) != (unknown.size, bytes(unknown))


@cache
def _usual_font() -> str:
    """DejaVu Sans, which matplotlib brings: Latin, Greek, Cyrillic, Hebrew, Arabic and more."""
    import importlib.util

    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf")


@cache
def _fonts() -> tuple[str, ...]:
    """The usual font, then those of this system that have other scripts."""
    return (_usual_font(), *list(_system_fonts())[:_MAX_FONTS])


def _system_fonts() -> Iterator[str]:
    for name in _OTHERS:
        for folder in _FOLDERS:
            for ending in (".ttf", ".ttc", ".otf"):
                for path in sorted(glob.glob(os.path.join(os.path.expanduser(folder), "**", name), recursive=True)):
                    if path.endswith(ending) and _opens(path):
                        yield path


def _opens(path: str) -> bool:
    try:
        _font(path, 24)
    except OSError:
        return False
    return True
