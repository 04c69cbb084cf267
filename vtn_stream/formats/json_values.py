"""Values of untrusted JSON: each is what it should be, or it is known where in the file it is not. Knows no schema."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Broken", "by_name", "each", "flag", "get", "is_object", "made", "number", "optional", "shown", "text"]

_T = TypeVar("_T")
_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
_REFUSALS = (TypeError, ValueError, AttributeError, ArithmeticError)


class Broken(Exception):
    """way: the keys and indexes that lead to the value that cannot be."""

    def __init__(self, reason: str, *way: str | int) -> None:
        super().__init__(reason)
        self.way = way


def get(data: Any, name: str, read: Callable[[Any], _T]) -> _T:
    """What `read` makes of a field of an object. Raises Broken."""
    if name not in is_object(data):
        raise Broken(f"it lacks '{name}'")
    return _inside(name, data[name], read)


def each(read: Callable[[Any], _T]) -> Callable[[Any], tuple[_T, ...]]:
    """Reads the entries of a list."""
    return lambda values: tuple(_inside(i, value, read) for i, value in enumerate(_is(values, list)))


def by_name(read: Callable[[Any], _T]) -> Callable[[Any], dict[str, _T]]:
    """Reads the entries of an object."""
    return lambda values: {name: _inside(name, value, read) for name, value in is_object(values).items()}


def optional(read: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda value: None if value is None else read(value)


def made(kind: Callable[..., _T], **fields: Any) -> _T:
    """What a class makes of its fields. Raises Broken where it refuses them."""
    try:
        return kind(**fields)
    except _REFUSALS as error:
        raise Broken(str(error)[:300]) from error


def is_object(value: Any) -> dict[str, Any]:
    return _is(value, dict)


def text(value: Any) -> str:
    return _is(value, str)


def flag(value: Any) -> bool:
    return _is(value, bool)


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {shown(value)}")
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return float(value)


def shown(value: Any) -> str:
    """The value as a message shows it."""
    plain = isinstance(value, str | int | float | bool | None)
    words = repr(value) if plain else _NAMES[dict if isinstance(value, dict) else list]
    return words if len(words) <= 100 else words[:100] + "..."


def _inside(key: str | int, value: Any, read: Callable[[Any], _T]) -> _T:
    try:
        return read(value)
    except Broken as error:
        raise Broken(str(error), key, *error.way) from error
    except _REFUSALS as error:
        raise Broken(str(error)[:300], key) from error


def _is(value: Any, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"expected {_NAMES[kind]}, got {shown(value)}")
    return value
