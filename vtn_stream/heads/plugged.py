"""Heads of plug-ins: checked before they are used. Knows none of them."""

from typing import Any, get_args

from vtn_stream.heads.head import Head
from vtn_stream.localize import Drawing
from vtn_stream.model import HeadConfig
from vtn_stream.plugins import Plugin

__all__ = ["plugged"]

_MEASURES = ("detection", "segmentation", "clips")


def plugged(found: Any, plugin: Plugin) -> Head[Any]:
    """The head that a plug-in holds: a Head, or a class of them that needs no arguments. Raises ValueError that says
    what is wrong with it, or TypeError for a class that lacks methods.
    """
    head = found() if isinstance(found, type) and issubclass(found, Head) else found
    if not isinstance(head, Head):
        raise ValueError("it is not a vtn_stream.heads.Head")
    config = getattr(head, "config", None)
    if not (isinstance(config, type) and issubclass(config, HeadConfig)):
        raise ValueError("its config is not a class of vtn_stream.model.HeadConfig")
    if (kind := getattr(config, "kind", None)) != plugin.name:
        raise ValueError(f"its config.kind is {str(kind)[:40]!r}, and its entry point is named {plugin.name!r}")
    for name in ("description", "analysis", "metric_name"):
        if not isinstance(text := getattr(head, name, None), str) or not text.strip():
            raise ValueError(f"its {name} is not a text")
    if getattr(head, "drawing", None) not in get_args(Drawing):
        raise ValueError(f"its drawing is not one of {', '.join(get_args(Drawing))}")
    measures = tuple(getattr(head, "measures", ()))
    if not measures or any(measure not in _MEASURES for measure in measures):
        raise ValueError(f"its measures are not some of {', '.join(_MEASURES)}")
    return head
