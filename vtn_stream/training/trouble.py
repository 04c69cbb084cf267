"""Failures of memory and of the device while a network learns, as errors in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from vtn_stream.errors import TrainingError

__all__ = ["told_as_errors"]

# How torch's errors begin, or what they hold, where they have no type of their own
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
_DEVICE = ("CUDA error", "CUDA driver", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS", "No CUDA GPUs", "NVML")
_MAX_TEXT = 150


@contextmanager
def told_as_errors(where: Callable[[], str]) -> Iterator[None]:
    """Raises TrainingError in the block's place where memory or the GPU failed. where: what has become of the training.

    Other errors of torch pass as they are: they would be mistakes of this program.
    """
    try:
        yield
    except MemoryError as error:
        raise _no_memory("this computer", where()) from error
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError):
            raise _no_memory("the GPU", where()) from error
        if any(part in text for part in _NO_MEMORY):
            raise _no_memory("the GPU" if "CUDA" in text or "CUBLAS" in text else "this computer", where()) from error
        if isinstance(error, getattr(torch, "AcceleratorError", ())) or any(part in text for part in _DEVICE):
            first = text.strip().partition("\n")[0][:_MAX_TEXT]
            raise TrainingError(
                f"the GPU failed ({first})",
                where(),
                "give the same command again; if the GPU fails again, train with --device cpu, from the beginning",
            ) from error
        raise


def _no_memory(whose: str, where: str) -> TrainingError:
    return TrainingError(
        f"{whose} has not enough memory for a step",
        where,
        "end what else uses it, and give the same command again; or, from the beginning, learn each batch in more "
        "parts with a larger --set accumulate=, or smaller batches with --set batch_size=",
    )
