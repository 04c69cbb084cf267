"""JSON5, the JSON that people write by hand, as JSON of the same lines: https://spec.json5.org. Knows no schema.

Names without quotes, texts in single quotes, comments, commas behind the last entry, hexadecimal numbers, `+1`, `.5`
and `5.` become what JSON has for them; all else stays, for a JSON parser to read or to refuse. Takes linear time.
"""

import json
import re

__all__ = ["as_json"]

_TOKEN = re.compile(
    r"(?P<space>[\s\ufeff]+)"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<mark>[{}\[\]:,])"
    r"|(?P<word>[^\s{}\[\]:,'\"/]+)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0", "\n": ""}
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]{1,100})")
_DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?", re.ASCII)


def as_json(text: str) -> str:
    """The document in JSON, line for line. Raises ValueError for what cannot be a part of one."""
    pieces: list[str] = []
    word: tuple[int, str] | None = None  # the piece that a colon would make a name, and how it was written
    comma: int | None = None  # the piece of one that a closing bracket would take away
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() != end:
            break
        end, token = match.end(), match[0]
        if match["space"] or match["comment"]:
            pieces.append("\n" * token.count("\n") or " ")
            continue
        if token in ("}", "]") and comma is not None:
            pieces[comma] = ""
        if token == ":" and word is not None:
            pieces[word[0]] = json.dumps(word[1])
        word = (len(pieces), token) if match["word"] else None
        comma = len(pieces) if token == "," else None
        if match["text"]:
            pieces.append(json.dumps(_unescaped(token[1:-1])) + "\n" * token.count("\n"))
        else:
            pieces.append(_value(token) if match["word"] else token)
    if end != len(text):
        raise ValueError(f"line {text.count(chr(10), 0, end) + 1}: a text or a comment that does not end")
    return "".join(pieces)


def _value(word: str) -> str:
    """A number as JSON writes it; any other word as it is."""
    if (match := _HEXADECIMAL.fullmatch(word)) is not None:
        return f"{match[1].replace('+', '')}{int(match[2], 16)}"
    if (match := _DECIMAL.fullmatch(word)) is not None and (match[2] or match[3]):
        fraction = "" if match[3] is None else f".{match[3] or 0}"
        return f"{match[1].replace('+', '')}{match[2] or 0}{fraction}{match[4] or ''}"
    return word.removeprefix("+") if word == "+Infinity" else word


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(match[3], match[3])

    return _ESCAPE.sub(character, text)
