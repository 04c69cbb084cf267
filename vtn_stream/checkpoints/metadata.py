"""The JSON of a checkpoint: how it is written, and how it is checked when it is read. Any text gives its fields or a
ValueError that says in a few words what is wrong.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from vtn_stream.errors import PluginError, VtnStreamError, listed
from vtn_stream.model import HEAD_CONFIGS, VTNConfig
from vtn_stream.sampling import ClipWindow, SamplingPlan
from vtn_stream.track import (
    CENTRE_CROP,
    PICTURE,
    WHOLE,
    OperatingPoint,
    OperatingPoints,
    PhaseRules,
    Recipe,
    check_inputs,
)

if TYPE_CHECKING:
    from vtn_stream.checkpoints.checkpoint import Checkpoint

__all__ = [
    "FORMAT_VERSIONS",
    "MAX_HEADER_BYTES",
    "METADATA_KEY",
    "Described",
    "HeadMissing",
    "Parsed",
    "canonical",
    "describe",
    "fault",
    "parse",
]

MAX_CHARACTERS = 16_000_000  # 400 labels are 10,000; a text is some 30 times as large once it is parsed
MAX_HEADER_BYTES = 100_000_000  # safetensors' own limit
MAX_SHOWN = 120  # characters of what a file says, in an error
MAX_SIDE = 16_384  # pixels of a frame that a network looks at

# A file is of version 2 where it has one of the fields that version 1 does not know.
FORMAT_VERSIONS = (1, 2)
METADATA_KEY = "vtn-stream"  # of the file's metadata
_RATE = re.compile(r"[0-9]{1,9}(/[1-9][0-9]{0,6})?")  # Fraction("1e999999999") would be computed for hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a Checkpoint holds besides tensors, and whether those of its backbone are among them."""

    config: VTNConfig
    labels: tuple[str, ...]
    recipe: Recipe
    inputs: tuple[str, ...] = (PICTURE,)
    window: ClipWindow
    operating_points: OperatingPoints
    points: Mapping[str, OperatingPoints] = field(default_factory=dict)
    instants: tuple[str, ...] = ()
    phase_rules: PhaseRules | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    digest: str
    holds_backbone: bool


class Parsed(NamedTuple):
    """fields are Checkpoint's; content is what the digest covers besides tensors; digest what the text claims."""

    fields: dict[str, Any]
    content: str
    digest: str


class HeadMissing(ValueError):
    """A checkpoint is of a head that is not installed, or that is broken. cure: what to do about it."""

    def __init__(self, fact: str, cure: str) -> None:
        super().__init__(fact)
        self.cure = cure


def describe(checkpoint: "Checkpoint | Described") -> dict[str, Any]:
    """JSON values of all that a checkpoint holds besides tensors and digest, with the version of the format. A field
    that version 1 does not know is left out where it says nothing new.
    """
    window = checkpoint.window
    rate = None if window.position_rate is None else str(window.position_rate)
    later: dict[str, Any] = {}
    if checkpoint.inputs != (PICTURE,):
        later["inputs"] = list(checkpoint.inputs)
    if checkpoint.points:
        later["points"] = _named(checkpoint.points)
    if checkpoint.instants:
        later["instants"] = list(checkpoint.instants)
    is_later = bool(later) or checkpoint.config.is_linear or checkpoint.recipe.pooling != "network"
    is_later = is_later or checkpoint.recipe.region != WHOLE
    config, rules = checkpoint.config.to_dict(), checkpoint.phase_rules
    is_later = is_later or not {"global_token", "in_blocks", "max_lag"}.isdisjoint(
        {*config["encoder"], *config["head"]}
    )
    is_later = is_later or (rules is not None and rules.lag is not None)
    return {
        "format": 2 if is_later else 1,
        "config": config,
        "labels": list(checkpoint.labels),
        "recipe": json.loads(checkpoint.recipe.to_json()),
        "window": {"num_positions": window.num_positions, "stride": window.stride, "position_rate": rate},
        **checkpoint.operating_points.to_dict(),
        "phase_rules": None if rules is None else rules.to_dict(),
        "training": dict(checkpoint.training),
        **later,
    }


def canonical(value: Any) -> str:
    """Equal values give equal text. Raises ValueError for NaN and infinity, TypeError for what is not JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse(text: str) -> Parsed:
    """The inverse of `describe`, with "digest" beside it. Raises ValueError on any other text; HeadMissing is one."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"its description is longer than {MAX_CHARACTERS} characters")
    try:
        given = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        canonical(given).encode()  # lone surrogates are no text
    except (ValueError, RecursionError) as error:
        raise ValueError("its description is broken JSON") from error
    if not isinstance(given, dict) or type(given.get("format")) is not int:
        raise ValueError("its description has no format version")
    if given["format"] not in FORMAT_VERSIONS:
        raise ValueError(
            f"it has format version {_short(given['format'])}, this release reads versions "
            + " and ".join(map(str, FORMAT_VERSIONS))
        )
    later = _LATER_READERS if given["format"] > 1 else {}
    readers = _READERS | {name: reader for name, reader in later.items() if name in given}
    if different := sorted({"format", "digest", *readers} ^ set(given)):
        raise ValueError(
            f"these fields of its description are missing or unknown: {', '.join(map(_short, different[:10]))}"
        )
    digest = given.pop("digest")
    if not isinstance(digest, str):
        raise ValueError("its digest is not a text")
    _check_head(given)
    values = {}
    for name, reader in readers.items():
        try:
            values[name] = reader(given[name])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, VtnStreamError) as error:
            detail = f" ({_short(error)})" if isinstance(error, ValueError) else ""
            raise ValueError(f"its {name.replace('_', ' ')} cannot be used{detail}") from error
    common, own = values.pop("operating_point"), values.pop("operating_points")
    values["operating_points"] = OperatingPoints(common=common, own=own)
    return Parsed(values, canonical(given), digest)


def fault(path: Path) -> Literal["damaged", "another format", "unreadable"]:
    """What is wrong with a file that cannot be loaded, by its header alone: it comes first, and the rest may be
    missing.

    damaged: it says that it is of a version that is read. another format: of another one, or it holds others' weights.
    unreadable: it has no header; it may be anything.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(8)
            num_bytes = int.from_bytes(start, "little")
            header = file.read(num_bytes) if len(start) == 8 and num_bytes <= MAX_HEADER_BYTES else b""
        text = json.loads(header).get("__metadata__", {}).get(METADATA_KEY)
        claimed = None if text is None else json.loads(text)["format"]
    except (OSError, ValueError, RecursionError, TypeError, AttributeError, LookupError):
        return "unreadable"
    return "damaged" if type(claimed) is int and claimed in FORMAT_VERSIONS else "another format"


def _check_head(given: Mapping[str, Any]) -> None:
    """Raises HeadMissing unless the head is one of ours, or one that can be used. Of other faults `_config` tells."""
    try:
        kind, training = given["config"]["head"]["kind"], given["training"]
    except (KeyError, TypeError, IndexError):
        return
    if not isinstance(kind, str) or kind in HEAD_CONFIGS:
        return
    from vtn_stream.heads import HEADS  # it brings torch

    try:
        _ = HEADS[kind]
    except PluginError as error:
        raise HeadMissing(error.fact, error.cure) from error
    except KeyError as error:
        plugins = training.get("plugins") if isinstance(training, dict) else None
        named = [f"{package} {version}" for package, version in plugins.items()] if isinstance(plugins, dict) else []
        package = f"the package {listed(named, 1)}, which it was trained with" if named else "the package that has it"
        raise HeadMissing(
            f"it has the head {_short(kind)!r}, which is not installed",
            f"install {package}, if you trust whoever made it; or use another model",
        ) from error


def _config(given: Any) -> VTNConfig:
    if given["head"]["kind"] in HEAD_CONFIGS:
        return VTNConfig.from_dict(given, HEAD_CONFIGS)
    from vtn_stream.heads import network_config  # it brings torch, and heads that others added

    return network_config(given)


def _labels(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(label, str) for label in given):
        raise TypeError
    return tuple(given)


def _recipe(given: Any) -> Recipe:
    names = {field.name for field in fields(Recipe)} - {"input"}
    if set(given) | {"pooling", "region"} != names:
        raise KeyError
    texts = ("backbone", "weights", "geometry", "interpolation", "colour")
    if not all(isinstance(given[name], str) and given[name] for name in texts):
        raise TypeError
    fps = _rate(given["fps"])
    if SamplingPlan(fps).fps != fps:
        raise ValueError(f"a rate of {fps}")
    sides, mean, std = given["size"], _numbers(given["mean"]), _numbers(given["std"])
    if len(sides) != 2 or not all(type(side) is int and 0 < side <= MAX_SIDE for side in sides):
        raise ValueError("an impossible size")
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError("a mean or std without three channels")
    known = {"geometry": ("squash", CENTRE_CROP), "interpolation": ("bicubic",), "colour": ("RGB",)}
    given = {"pooling": "network", "region": WHOLE, **given}
    if not isinstance(given["region"], str):
        raise TypeError
    for name, choices in {**known, "pooling": ("network", "maximum")}.items():
        if given[name] not in choices:
            raise ValueError(f"this release does not know the {name} {given[name]!r}")
    return Recipe(**{**given, "fps": fps, "size": tuple(sides), "mean": mean, "std": std})


def _inputs(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise TypeError
    check_inputs(given)
    return tuple(given)


def _window(given: Any) -> ClipWindow:
    rate = given["position_rate"]
    return ClipWindow(**{**given, "position_rate": None if rate is None else _rate(rate)})


def _point(given: Any) -> OperatingPoint:
    _numbers([given["high"], given["low"]])
    return OperatingPoint(**given)


def _points(given: Any) -> dict[str, OperatingPoint]:
    return {label: _point(point) for label, point in given.items()}


def _named(points: Mapping[str, OperatingPoints]) -> dict[str, Any]:
    return {name: of.to_dict() for name, of in sorted(points.items())}


def _named_points(given: Any) -> dict[str, OperatingPoints]:
    found = {}
    for name, of in given.items():
        if set(of) != {"operating_point", "operating_points"}:
            raise KeyError
        found[name] = OperatingPoints(common=_point(of["operating_point"]), own=_points(of["operating_points"]))
    return found


def _phase_rules(given: Any) -> PhaseRules | None:
    if given is None:
        return None
    costs = tuple(_numbers(row) for row in given["change_cost"])
    return PhaseRules(**{**given, "change_cost": costs})


def _training(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise TypeError
    return given


def _rate(text: Any) -> Fraction:
    if not _RATE.fullmatch(text):
        raise ValueError("a rate is written as 25 or 25/8")
    return Fraction(text)


def _numbers(given: Any) -> tuple[float, ...]:
    if not all(type(number) in (int, float) for number in given):
        raise TypeError
    return tuple(float(number) for number in given)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _no_number(text)
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


_READERS: dict[str, Callable[[Any], Any]] = {
    "config": _config,
    "labels": _labels,
    "recipe": _recipe,
    "window": _window,
    "operating_point": _point,
    "operating_points": _points,
    "phase_rules": _phase_rules,
    "training": _training,
}
# Of fields that may be missing: then they say what was so in version 1.
_LATER_READERS: dict[str, Callable[[Any], Any]] = {
    "inputs": _inputs,
    "points": _named_points,
    "instants": _labels,
}
