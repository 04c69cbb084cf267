"""A model in one file: its weights as safetensors, and in the metadata everything that is needed to use them.

FORMAT, versions 1 and 2. A safetensors file with

    encoder.*, head.*   float32: the tensors of VTN.state_dict(), by those names
    backbone.*          float32, and int64 for the counters of batch norms: the image network's by timm's names; or none
                        of them: then the recipe's digest names them

and under the one metadata key "vtn-stream" a JSON object of exactly these keys:

    format              1; 2 where one of the last fields is there, or a value that version 1 does not know
    digest              BLAKE2b-128 in hexadecimal, of the canonical JSON of all the other keys and of every tensor
    config              VTNConfig.to_dict(); since version 2, its encoder may be of the kind "statistics"
    labels              of the head's classes, in order
    recipe              the fields of Recipe, fps as "25/8"
    window              {num_positions, stride, position_rate: "25" or null}
    operating_point     {high, low}
    operating_points    {label: {high, low}}, of labels that have their own
    phase_rules         {min_positions, change_cost} of a dense head's outputs, or null; with {lag} in version 2
    training            provenance of the weights: any JSON object

and where they say more than version 1 knows

    inputs              what is read of each frame, in the order of columns, such as ["picture", "change-1/8"]; missing:
                        the picture
    points              {name: {operating_point, operating_points}}, others that are asked for by name
    instants            labels of events without a length; missing: there is none

Loading computes nothing but the digests, runs nothing of the file, and maps the tensors instead of reading them.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vtn_stream.atomic import replacing
from vtn_stream.backbone import weights_digest
from vtn_stream.checkpoints.checkpoint import Checkpoint, skeleton
from vtn_stream.checkpoints.described import BACKBONE, refused, unreadable
from vtn_stream.checkpoints.fit import MAX_NAMES, misfits
from vtn_stream.checkpoints.metadata import FORMAT_VERSIONS, METADATA_KEY, canonical, describe, parse
from vtn_stream.errors import CheckpointError, listed
from vtn_stream.film import shareable_name
from vtn_stream.model import VTNConfig

__all__ = ["FORMAT_VERSIONS", "load_checkpoint", "save_checkpoint"]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Atomic; the same checkpoint gives the same bytes. Raises CheckpointError if it cannot be written.

    Raises ValueError for tensors that are not the network's, a backbone that is not the recipe's, and a training
    that is not JSON.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    backbone = {name: tensor.detach().cpu().contiguous() for name, tensor in (checkpoint.backbone or {}).items()}
    if faults := _faults(checkpoint.config, tensors, backbone):
        raise ValueError(faults)
    if backbone and weights_digest(backbone) != checkpoint.recipe.weights:
        raise ValueError("the backbone's tensors are not those that the recipe names")
    tensors |= {BACKBONE + name: tensor for name, tensor in backbone.items()}
    description = describe(checkpoint)
    text = canonical({**description, "digest": _digest(canonical(description), tensors)})
    parse(text)  # what could not be read again is not written

    try:
        with replacing(path) as temporary:
            with open(temporary, "xb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            save_file(tensors, temporary, {METADATA_KEY: text})
            os.chmod(temporary, mode)  # as other files have it: safetensors forbids others to read
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path.name} cannot be written ({_reason(error)})",
            "the model is not saved",
            "check the folder and the space on its disk, or name another file",
        ) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Loads a checkpoint. Raises CheckpointError for anything that `save_checkpoint` did not write, or that was changed
    since.
    """
    if not os.path.isfile(path):  # Path.is_file raises for a name that is too long
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise CheckpointError(f"{path.name} {what}", "no model was loaded", "check the path")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(METADATA_KEY)
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except Exception as error:  # safetensors' own, the system's, and torch's for shapes that it cannot count
        raise refused(
            path,
            f"is not a complete safetensors file ({_reason(error)})",
            "download or copy it again; to use a published .pyth file, run `vtn-stream models import FILE`",
        ) from error
    if text is None:
        raise refused(
            path,
            "holds weights only: no labels, no recipe",
            "give a file that vtn-stream wrote, or give this one as the weights of a backbone with --weights",
        )
    try:
        parsed = parse(text)
    except ValueError as error:
        raise unreadable(path, error) from error
    backbone = {name.removeprefix(BACKBONE): t for name, t in tensors.items() if name.startswith(BACKBONE)}
    own = {name: tensor for name, tensor in tensors.items() if not name.startswith(BACKBONE)}
    if faults := _faults(parsed.fields["config"], own, backbone):
        raise refused(path, f"does not hold the network that it describes: {faults}", "download or copy it again")
    if _digest(parsed.content, tensors) != parsed.digest:
        raise refused(path, "was changed after it was written: its checksum is wrong", "download or copy it again")
    if backbone and weights_digest(backbone) != parsed.fields["recipe"].weights:
        raise refused(path, "holds another backbone than its recipe names", "download or copy it again")
    try:
        name = shareable_name(path.name).removesuffix(".safetensors")
        return Checkpoint(**parsed.fields, tensors=own, backbone=backbone or None, digest=parsed.digest, name=name)
    except ValueError as error:
        raise refused(path, f"contradicts itself: {error}", "download or copy it again") from error


def _faults(config: VTNConfig, tensors: Mapping[str, Tensor], backbone: Mapping[str, Tensor]) -> str:
    """Why these tensors cannot be the network's; empty if they can. The digest checks those of the backbone."""
    if strange := [name for name, t in backbone.items() if t.dtype not in (torch.float32, torch.int64)]:
        return f"neither float32 nor int64 {listed(strange, MAX_NAMES)} of the backbone"
    if config.encoder.num_layers > len(tensors):  # before a network of a million layers is built
        return f"{len(tensors)} tensors are too few for {config.encoder.num_layers} layers"
    try:
        wanted = skeleton(config).state_dict()
    except (RuntimeError, OverflowError, TypeError):  # torch's, for more elements than it can count
        return "its sizes are impossible"
    return misfits(wanted, tensors)


def _digest(content: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(content.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(canonical([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    """The error's text without the path, which safetensors puts into it."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
