"""Untrusted text as Markdown: labels and names are shown as they are, and nothing in them is obeyed."""

import re
from collections.abc import Iterable, Sequence

from vtn_stream.errors import printable

__all__ = ["bullets", "listed_plainly", "percent", "plain", "table"]

MAX_CHARACTERS = 100  # of a label or a name


def plain(text: str, most: int = MAX_CHARACTERS) -> str:
    """Untrusted text as Markdown that shows just the text: on one line, cut in the middle if long."""
    text = printable(text)
    if len(text) > most:
        text = f"{text[: 2 * most // 3]}…{text[-most // 3 :]}"
    # HTML, and what some sites make of text: mentions, addresses, names of emoji, formulas.
    text = re.sub(r"[&<>@:$]|(?<=\bwww)\.", lambda c: f"&#{ord(c[0])};", text, flags=re.IGNORECASE)
    return re.sub(r"[\\`*_\[\]|~]|#(?!\d+;)", r"\\\g<0>", text)


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences, which are Markdown already."""
    # "- 1. x" would be a list in the list
    return "\n".join("- " + re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", sentence) for sentence in sentences)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of untrusted texts; empty without rows. Columns of numbers are aligned right."""
    if not rows:
        return ""
    number = r"-|-?[\d.]+( to [\d.]+)?"
    sides = ["---:" if all(re.fullmatch(number, cell) for cell in c) else "---" for c in zip(*rows, strict=True)]
    lines = [[plain(cell) for cell in header], sides, *([plain(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def listed_plainly(texts: Sequence[str]) -> str:
    """Untrusted texts, with commas between them."""
    return ", ".join(plain(text) for text in texts)


def percent(share: float | None) -> str:
    """A share 0..1 with one decimal, without the sign; "-" for None."""
    return "-" if share is None else f"{100 * share:.1f}"
