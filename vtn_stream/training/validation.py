"""What a network predicts for films that it did not learn. It reads them exactly as `analyze` will."""

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch

from vtn_stream.errors import TrainingError
from vtn_stream.heads import head_of
from vtn_stream.heads.pieces import finite_on_cpu
from vtn_stream.model import VTN
from vtn_stream.scorers.sequence import read_film
from vtn_stream.track import GridScores
from vtn_stream.training.films import TrainingFilm

__all__ = ["predictions"]


def predictions(network: VTN, films: Sequence[TrainingFilm], fps: Fraction) -> list[GridScores]:
    """The scores of each film. Raises CheckpointError if the network gives no numbers, TrainingError if there is no
    room.
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return [_predicted(network, film, fps, Path(scratch)) for film in films]
    except OSError as error:
        raise TrainingError(
            f"the folder for temporary files cannot be used ({error.strerror})",
            "the films were not read",
            "free some space, or name another folder with TMPDIR, and run again",
        ) from error


@torch.inference_mode()
def _predicted(network: VTN, film: TrainingFilm, fps: Fraction, scratch: Path) -> GridScores:
    """The scores by `read_film`; for a head that names clips only `clip`."""
    if not head_of(network.config.head).names_clips:
        return read_film(network, film.values, film.index.valid, fps, scratch=scratch)
    device = network.device
    values, valid = (torch.from_numpy(a)[None].to(device) for a in (film.values, film.index.valid))
    logits = network.classify(values.float(), torch.arange(values.shape[1], device=device)[None], valid)
    return GridScores(clip=finite_on_cpu(logits[0].float().softmax(0)))
