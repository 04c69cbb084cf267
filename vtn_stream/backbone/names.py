"""The names of timm's networks, without loading timm, so that a wrong name is reported at once.

timm makes its list while it is imported, which takes seconds. Its sources say the same: every network stands below
@register_model, every set of weights for it, NETWORK.TAG, is a key in a table.
"""

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

from vtn_stream.errors import BackboneError

__all__ = ["check_name"]

_NETWORK = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)
_TAGGED = re.compile(r"""^ +['"]([\w-]+\.[\w.-]+)['"]\s*:""", re.MULTILINE)


def check_name(name: str) -> None:
    """Raises BackboneError for a name that is neither NETWORK nor NETWORK.TAG of timm's."""
    networks, tagged = _listed()
    network, dot, _ = name.partition(".")
    if name in networks or name in tagged:
        return
    if dot and network in networks:
        own = [other for other in tagged if other.startswith(f"{network}.")] or _tagged_by_timm(network)
        if name in own:
            return
        near = difflib.get_close_matches(name, own, n=3, cutoff=0.0)
    else:
        near = difflib.get_close_matches(network or name, networks, n=3, cutoff=0.5)
    raise BackboneError(
        f"there is no backbone named {name}",
        "nothing was analyzed",
        f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists the names",
    )


@cache
def _listed() -> tuple[frozenset[str], frozenset[str]]:
    """The networks, and those with a tag, but for tags of a few networks that timm gives in a loop."""
    spec = importlib.util.find_spec("timm")  # a package at the top: nothing of it is imported
    folders = [] if spec is None else spec.submodule_search_locations or []
    texts = [file.read_text("utf-8") for folder in folders for file in sorted(Path(folder, "models").glob("*.py"))]
    networks, tagged = (frozenset(n for text in texts for n in kind.findall(text)) for kind in (_NETWORK, _TAGGED))
    return networks, tagged


def _tagged_by_timm(network: str) -> list[str]:
    import timm

    return [name for name in timm.list_models(f"{network}.*", pretrained=True) if name.startswith(f"{network}.")]
