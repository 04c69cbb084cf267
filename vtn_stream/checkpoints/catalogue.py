"""The models on this machine, those that ship with the program, and those that are published. A name is a file's,
without the suffix.
"""

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.errors import CheckpointError

__all__ = [
    "CATALOGUE",
    "Published",
    "file_of",
    "find_model",
    "find_published",
    "models_folder",
    "shipped_models",
    "stored_models",
]

_SUFFIX = ".safetensors"
_SHIPPED = Path(__file__).with_name("shipped")  # each with its card, NAME.md
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of one folder's entry: it leads nowhere else


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Weights that others publish in the layout of `import_published`; file is what they call it."""

    name: str
    url: str
    sha256: str
    file: str


CATALOGUE = {
    "vtn-vit-b-k400": Published(
        name="vtn-vit-b-k400",
        url="https://researchpublic.blob.core.windows.net/vtn/VTN_VIT_B_KINETICS.pyth",
        sha256="779682d33e7afc32c3eff910e151eab30e7aed375acf7743cfe3041a83dcbf3a",
        file="VTN_VIT_B_KINETICS.pyth",
    )
}


def models_folder() -> Path:
    """VTN_STREAM_MODELS, else vtn-stream/models among the user's data. It need not exist."""
    if folder := os.environ.get("VTN_STREAM_MODELS"):
        return Path(folder)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "vtn-stream" / "models"


def stored_models(folder: Path) -> dict[str, Path]:
    """Name -> file, for everything in the folder that looks like a model; no file is opened."""
    files = sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    return {
        file.name.removesuffix(_SUFFIX): file for file in files if _NAME.fullmatch(file.name) and os.path.isfile(file)
    }


def shipped_models() -> dict[str, Path]:
    """Name -> file, for the models that came with the program."""
    return stored_models(_SHIPPED)


def find_published(name: str) -> Published:
    """Raises CheckpointError for a name that the catalogue does not have."""
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, CATALOGUE, n=1, cutoff=0.5)
        raise CheckpointError(
            f"no published model is named {name}",
            "nothing was downloaded",
            f"did you mean {near[0]}?" if near else f"there is {', '.join(CATALOGUE)}",
        )
    return CATALOGUE[name]


def file_of(name: str, folder: Path) -> Path:
    """Where a model of that name lies or would lie. Raises CheckpointError for anything that is not a name, such as
    ../x.
    """
    if not _NAME.fullmatch(name):
        raise CheckpointError(
            f"{name!r} cannot be the name of a model",
            "nothing was stored",
            "use up to 100 letters, digits, dots, dashes and underscores; begin with a letter or a digit",
        )
    return folder / f"{name}{_SUFFIX}"


def find_model(model: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """The file of a model: of that name in the models' folder, else of those that ship, else at that path.

    Raises CheckpointError.
    """
    text = os.fspath(model)
    stored = shipped_models() | stored_models(models_folder() if folder is None else folder)
    if text in stored:
        return stored[text]
    path = Path(text)
    if os.path.isfile(path):  # Path.is_file raises for a name that is too long
        return path
    if text in CATALOGUE:
        raise CheckpointError(
            f"the model {text} is not on this machine",
            "nothing was done",
            f"download it with `vtn-stream models pull {text}`",
        )
    if not _NAME.fullmatch(text) or text.endswith(_SUFFIX):
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise CheckpointError(f"{path.name or text} {what}", "there is no model to use", "check the path")
    near = difflib.get_close_matches(text, [*stored, *CATALOGUE], n=3, cutoff=0.5)
    raise CheckpointError(
        f"there is no model named {text}",
        "nothing was done",
        f"did you mean {' or '.join(near)}?"
        if near
        else "`vtn-stream models ls` lists them; or give the path of a file",
    )
