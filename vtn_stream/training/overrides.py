"""Settings of a training by their names: changed by KEY=VALUE, as users type them, and shown in the same words.

A key is the name of a field, or the path to it: learning_rate, encoder.num_heads, backbone.rate. What it takes is what
the field's type says. Loads no torch by itself.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vtn_stream.errors import InputError, listed, printable
from vtn_stream.model import StatisticsConfig
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.unused import check_used

if TYPE_CHECKING:
    from vtn_stream.training.hyperparameters import Hyperparameters

__all__ = ["overridden", "overridden_clips", "shown"]

# What follows from the data, from the labels or from another option.
FIXED = {
    "crop_positions",
    "encoder.difference_lags",
    "encoder.global_token",
    "encoder.input_width",
    "encoder.magnitude_lags",
    "encoder.reads_embeddings",
    "encoder.standardized",
    "head.in_blocks",
    "head.max_lag",
    "head.nothing",
    "head.num_classes",
    "seed",
}
# Fields with another name for users: shorter, or as the paper says it.
NAMES = {"num_epochs": "epochs", "encoder.attention_windows": "encoder.window"}
AUGMENTATION = "backbone.augmentation."  # users leave out `backbone.`
LAYERS, WINDOW = "encoder.layers", "encoder.window"  # the first is no field: it is the number of windows
SHARES = {"dropout", "input_dropout", "drop_path", "ema", "erasing", "flip", "jitter", "jitter_share", "layer_decay"}
SHARES |= {"momentum", "share", "smoothing", "warm_up", "area"}
BELOW_1 = {"dropout", "input_dropout", "drop_path", "ema", "momentum"}
ABOVE_0 = {"area", "layer_decay", "learning_rate", "norm_eps", "seconds", "share"}  # whole numbers are, but for:
MAY_BE_0 = {"blocks", "randaugment"}
_WEIGHTS_FOLLOW = ("width", "num_heads", "feedforward_width", "num_layers", "positions", "num_positions")
NONE = ("none", "null")
NOTHING_DONE = "nothing was trained"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field of settings. path: from its root, which is "" for hyperparameters and "clips" for a clip's sampling."""

    root: str
    path: tuple[str, ...]
    type: Any
    value: Any


def overridden(
    settings: "Hyperparameters", overrides: Sequence[tuple[str, str]], *, keeps_sizes: bool = False
) -> "Hyperparameters":
    """The settings with values that a user gave: ("encoder.layers", "6"), ("backbone.rate", "0.1").

    keeps_sizes  there are weights already, from a model: what would give the encoder other ones is refused

    Raises InputError for a name that no setting has, and says a near one; for a value that the setting does not take,
    and says what it takes; and for settings that do not go together.
    """
    changed: Hyperparameters = _changed({"": settings}, overrides)[""]
    before, after = settings.encoder, changed.encoder
    if isinstance(before, StatisticsConfig) or isinstance(after, StatisticsConfig):
        return changed  # of a linear model
    if keeps_sizes:
        for name in _WEIGHTS_FOLLOW:
            now, asked = getattr(before, name), getattr(after, name)
            if now != asked:
                key = LAYERS if name == "num_layers" else f"encoder.{name}"
                raise InputError(
                    f"{key} cannot be set: the model from which the training goes on has its own weights",
                    NOTHING_DONE,
                    "leave it out, or train without --from",
                )
    if after.positions == "native" != before.positions:
        raise InputError(
            "native positions count the frames of a clip, and films are read by the positions of their grid",
            NOTHING_DONE,
            "set encoder.positions to learned, sinusoidal or none, or train on clips with --recipe paper",
        )
    return changed


def overridden_clips(
    settings: "Hyperparameters", sampling: ClipSampling, overrides: Sequence[tuple[str, str]]
) -> tuple["Hyperparameters", ClipSampling]:
    """The same for a training on clips, which also has `frames` and `seconds`; what changes nothing is refused."""
    changed = _changed({"": settings, "clips": sampling}, overrides)
    before, after = shown(settings), shown(changed[""])
    check_used(changed[""], [name for name, value in after.items() if before.get(name) != value])
    return changed[""], changed["clips"]


def shown(settings: "Hyperparameters", sampling: ClipSampling | None = None) -> dict[str, str | int | float | bool]:
    """All settings by their names, as JSON values: KEY=VALUE of each gives the same settings."""
    fields = _fields({"": settings} if sampling is None else {"": settings, "clips": sampling})
    values = {name: _shown(field.value) for name, field in fields.items()}
    if WINDOW in fields and len(windows := set(fields[WINDOW].value)) == 1:
        values[WINDOW] = windows.pop()
    return values


def _fields(roots: Mapping[str, Any]) -> dict[str, _Field]:
    """Every setting that may be changed, by the name that users know it by."""
    found: dict[str, _Field] = {}

    def walk(root: str, value: Any, path: tuple[str, ...]) -> None:
        hints = typing.get_type_hints(type(value))
        for field in dataclasses.fields(value):
            inner, below = getattr(value, field.name), (*path, field.name)
            if isinstance(inner, StatisticsConfig):
                continue  # it says what is read
            if dataclasses.is_dataclass(inner):
                walk(root, inner, below)
            elif (name := ".".join(below)) not in FIXED and not _is_group(hints[field.name]):
                name = NAMES.get(name, name)
                name = name.removeprefix("backbone.") if name.startswith(AUGMENTATION) else name
                if name == WINDOW:
                    found[LAYERS] = _Field(root=root, path=(*path, "layers"), type=int, value=len(inner))
                found[name] = _Field(root=root, path=below, type=hints[field.name], value=inner)

    for root, value in roots.items():
        walk(root, value, ())
    return found


def _changed(roots: Mapping[str, Any], overrides: Sequence[tuple[str, str]]) -> dict[str, Any]:
    if not overrides:
        return dict(roots)
    fields = _fields(roots)
    given: dict[str, Any] = {}
    for key, text in overrides:
        if key not in fields:
            raise _unknown(key, fields, roots[""])
        value = _parsed(key, text.strip(), fields[key].type)
        if key in given and given[key] != value:
            raise InputError(f"{key} is set twice, to different values", NOTHING_DONE, "give it once")
        given[key] = value
    if LAYERS in given or WINDOW in given:
        given[WINDOW] = _windows(given.pop(LAYERS, None), given.get(WINDOW), fields[WINDOW].value)
    changed = dict(roots)
    for root in roots:
        own = {fields[key].path: value for key, value in given.items() if fields[key].root == root}
        try:
            changed[root] = _replaced(roots[root], own)
        except ValueError as error:
            said = listed(f"{key}={text}" for key, text in overrides)
            raise InputError(
                f"these settings do not go together: {error}", NOTHING_DONE, f"change what is set: {said}"
            ) from error
    return changed


def _replaced(settings: Any, values: Mapping[tuple[str, ...], Any]) -> Any:
    """All fields of a dataclass at once: sizes that only go together can be changed together."""
    own = {path[0]: value for path, value in values.items() if len(path) == 1}
    for name in {path[0] for path in values if len(path) > 1}:
        inner = {path[1:]: value for path, value in values.items() if path[0] == name}
        own[name] = _replaced(getattr(settings, name), inner)
    return dataclasses.replace(settings, **own) if own else settings


def _windows(num_layers: int | None, given: tuple[int, ...] | None, now: tuple[int, ...]) -> tuple[int, ...]:
    """A window for each layer: one number stands for all of them."""
    windows = given or now
    if num_layers is None:
        return windows * len(now) if len(windows) == 1 else windows
    if len(set(windows)) == 1 and (given is None or len(given) == 1):
        return windows[:1] * num_layers
    if len(windows) == num_layers:
        return windows
    raise InputError(
        f"{num_layers} layers, and {len(windows)} windows",
        NOTHING_DONE,
        "give encoder.window one number for all layers, or one for each: encoder.window=18,18,36",
    )


def _unknown(key: str, fields: Mapping[str, _Field], settings: "Hyperparameters") -> InputError:
    fact = f"there is no setting {printable(key)}"
    if key in FIXED:
        return InputError(
            f"{key} cannot be set: it follows from the data, or from another option", NOTHING_DONE, "leave it out"
        )
    if settings.backbone is None and key.startswith(("backbone.", "augmentation.")):
        return InputError(
            f"{printable(key)} cannot be set: the image network does not learn",
            NOTHING_DONE,
            "add --learn-backbone last, or leave it out",
        )
    if key in {field.name for field in dataclasses.fields(ClipSampling)}:
        return InputError(
            f"{key} cannot be set: whole films are learnt from, not clips", NOTHING_DONE, "add --recipe paper"
        )
    near = [NAMES[key]] if key in NAMES else [name for name in fields if name.rpartition(".")[2] == key]
    near = near or difflib.get_close_matches(key, fields, n=1)
    if not near:
        return InputError(fact, NOTHING_DONE, "--print-settings shows all of them")
    return InputError(fact, NOTHING_DONE, f"did you mean {' or '.join(near)}? --print-settings shows all of them")


# -- values


def _parsed(key: str, text: str, hint: Any) -> Any:
    name = key.rpartition(".")[2]
    try:
        return _value(name, text, hint)
    except ValueError:
        said = printable(text) if text else "empty"
        raise InputError(f"{key} cannot be {said}", NOTHING_DONE, f"it takes {_takes(name, hint)}") from None
    except TypeError:  # of a head that a plug-in adds
        raise InputError(f"{key} cannot be set: it is no number and no word", NOTHING_DONE, "leave it out") from None


def _value(name: str, text: str, hint: Any) -> Any:
    """The value of that type. Raises ValueError for any other text."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if type(None) in parts and text.lower() in NONE:
            return None
        for part in parts:
            if part is not type(None):
                try:
                    return _value(name, text, part)
                except ValueError:
                    continue
        raise ValueError
    if origin is typing.Literal:
        return {str(choice): choice for choice in parts}[text] if text in map(str, parts) else _refused()
    if origin is tuple and _pairs(hint):
        values = tuple(_pair(name, pair, typing.get_args(parts[0])) for pair in text.split(","))
        if [at for at, _ in values] != sorted({at for at, _ in values}) or values[0][0] != 0:
            raise ValueError
        return values
    if origin is tuple:
        texts = text.split(",")
        if Ellipsis not in parts and len(texts) != len(parts):
            raise ValueError
        items = tuple(_value(name, item.strip(), parts[0]) for item in texts)
        return items if Ellipsis in parts or name == "randaugment" or items[0] <= items[-1] else _refused()
    if hint is bool:
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refused()
    if hint is int:
        whole = int(text)
        return whole if whole >= (name not in MAY_BE_0) else _refused()
    if hint in (float, Fraction):
        try:
            if hint is Fraction and not _near_1(text):
                return _refused()
            value = hint(text)
            fits = math.isfinite(value)
        except (ZeroDivisionError, OverflowError):
            raise ValueError from None
        fits = fits and 0 <= value <= (1 if name in SHARES else math.inf)
        fits = fits and not (name in BELOW_1 and value == 1) and not (name in ABOVE_0 and value == 0)
        return value if fits else _refused()
    raise TypeError(f"no setting can be {hint}")


def _near_1(text: str) -> bool:
    """Whether a fraction has few digits: it is computed exactly, and 1e999999999 would take all memory."""
    return "/" in text or 1e-9 <= abs(float(text)) <= 1e9


def _pair(name: str, text: str, parts: Sequence[Any]) -> tuple[float, float]:
    at, _, share = text.partition(":")
    return _value(name, at.strip(), parts[0]), _value(name, share.strip(), parts[1])


def _takes(name: str, hint: Any) -> str:
    """What values a type has, in words."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if part is type(None) else _takes(name, part) for part in parts)
    if origin is typing.Literal:
        return " or ".join(map(str, parts))
    if origin is tuple and _pairs(hint):
        return "epochs from 0 on, each with a share: 0:1,13:0.1,24:0.01"
    if origin is tuple and Ellipsis in parts:
        return f"{_takes(name, parts[0])}, or several with commas"
    if origin is tuple:
        order = "" if name == "randaugment" else ", the smaller one first"
        return f"two of them with a comma{order}: {_takes(name, parts[0])}"
    if hint is bool:
        return "true or false"
    if hint is int:
        return f"a whole number, at least {int(name not in MAY_BE_0)}"
    least = "above 0" if name in ABOVE_0 else "at least 0"
    return f"a number, {least}" + (f" and {'below' if name in BELOW_1 else 'at most'} 1" if name in SHARES else "")


def _shown(value: Any) -> str | int | float | bool:
    if value is None:
        return NONE[0]
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):
            return ",".join(f"{_shown(at)}:{_shown(share)}" for at, share in value)
        return ",".join(str(_shown(item)) for item in value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float) else str(value)


def _pairs(hint: Any) -> bool:
    return typing.get_origin(typing.get_args(hint)[0]) is tuple


def _is_group(hint: Any) -> bool:
    """Whether a field holds settings of its own, or None where there are none."""
    return any(dataclasses.is_dataclass(part) for part in (hint, *typing.get_args(hint)))


def _refused() -> typing.NoReturn:
    raise ValueError
