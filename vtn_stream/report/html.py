"""One self-contained HTML file: style, script and data inside, and nothing that reaches out. Knows no timeline.

The data are untrusted. They are in the page as JSON in a block that is never run; a content security policy lets only
the page's own style and script in, by their digests, so that nothing else could run even where it got into the text.

A page carries its own digest, so that it shows whether anybody changed it since.

`shown_text` makes untrusted text safe to show, `relative_url` makes an untrusted path safe to follow.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import quote

from vtn_stream.errors import printable
from vtn_stream.seal import is_intact, sealed

__all__ = ["asset", "document", "is_document", "joined_script", "origin_of_document", "relative_url", "shown_text"]

_GENERATOR = '<meta name="generator" content="vtn-stream">'
_DIGEST = b'<meta name="vtn-stream:sha256" content="'

# What the page may load: pictures and films that are in it, beside it, or that its user chose; nothing by network.
_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data: blob:; media-src 'self' file: blob:; "
    "base-uri 'none'; form-action 'none'"
)

_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # the other lone surrogates stand for bytes of a file's name


def document(*, title: str, style: str, script: str, body: str, data: Any) -> bytes:
    """The file. title: untrusted text, escaped here; style, script and body: our own, used unchanged.

    The script finds data (JSON values) in `document.getElementById("data").textContent`. Equal input, equal bytes.
    """
    policy = _POLICY.format(script=_digest(script), style=_digest(style))
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":  # no "</script>", no "<!--", whatever a label says
        text = text.replace(character, f"\\u{ord(character):04x}")
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{_GENERATOR}\n'
        f'{_DIGEST.decode()}">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{html.escape(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n{body}\n"
        f'<script type="application/json" id="data">{text}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )
    return sealed(page.encode("utf-8", "replace"), _DIGEST)


def asset(name: str) -> str:
    """One of the files that pages are made of."""
    return (files("vtn_stream.report") / "assets" / name).read_text("utf-8")


def joined_script(names: Iterable[str]) -> str:
    """Joins scripts into one, in which each sees the names of the others."""
    return f'(() => {{\n"use strict";\n{"".join(map(asset, names))}}})();\n'


def is_document(data: bytes) -> bool:
    """Whether a file with this beginning is one of ours."""
    return _GENERATOR.encode() in data[:400]


def origin_of_document(data: bytes) -> Literal["ours", "edited", "old", "foreign"]:
    """A whole file: as `document` made it; changed since; of version 0.1.0, with no digest; or no page of ours."""
    if not is_document(data):
        return "foreign"
    if _DIGEST not in data:
        return "old"
    return "ours" if is_intact(data, _DIGEST) else "edited"


def shown_text(text: str, *, max_characters: int) -> str:
    """The text without characters that reorder or forge lines; very long text is cut in the middle, blank text is named
    as such.
    """
    shown = printable(text)
    if not shown.strip():
        return "(empty)"  # a link or a box to tick must be called something
    if len(shown) <= max_characters:
        return shown
    half = max_characters // 2
    return f"{shown[:half]}…{shown[half + 1 - max_characters :]}"


def relative_url(path: str) -> str:
    """Relative, whatever the path looks like: never a scheme, a host, a query or a fragment."""
    parts = _NO_BYTE.sub("\ufffd", path).split("/")
    return "/".join([".", *(quote(part, safe="", errors="surrogateescape") for part in parts)])


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
