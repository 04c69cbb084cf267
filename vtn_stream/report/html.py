"""One self-contained HTML file: style, script and data inside, and nothing that reaches out. Knows no timeline.

Data come from strangers. They are in the page as JSON in a block that is never run; a content security policy lets only
the page's own style and script in, by their digests, so that nothing else could run even where it got into the text.
"""

import base64
import hashlib
import html
import json
from typing import Any

__all__ = ["document", "is_document"]

_GENERATOR = '<meta name="generator" content="vtn-stream">'

# What the page may load: pictures and films that are in it, beside it, or that its user chose; nothing by network.
_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data: blob:; media-src 'self' file: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def document(*, title: str, style: str, script: str, body: str, data: Any, language: str = "en") -> bytes:
    """The file. title: a stranger's text, escaped here; style, script and body: our own, taken as they are.

    The script finds data (JSON values) in `document.getElementById("data").textContent`. Equal input, equal bytes.
    """
    policy = _POLICY.format(script=_digest(script), style=_digest(style))
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":  # no "</script>", no "<!--", whatever a label says
        text = text.replace(character, f"\\u{ord(character):04x}")
    page = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n{_GENERATOR}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{html.escape(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n{body}\n"
        f'<script type="application/json" id="data">{text}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )
    return page.encode("utf-8", "replace")


def is_document(data: bytes) -> bool:
    """Whether a file that begins so is one of ours, which may be made again."""
    return _GENERATOR.encode() in data[:400]


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
