"""About how long a training end to end takes on this machine, and what memory it needs: one clip is learnt once.

Asked before the first step, so that a training that cannot end well does not begin.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from vtn_stream.errors import TrainingError
from vtn_stream.model import VTN
from vtn_stream.training.examples import Example
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.objective import Objective

__all__ = ["Needs", "check_memory", "free_bytes", "measured", "sentence"]

FORWARD_ONLY = 1 / 3  # of the time of forward and backward
LOOK_EVERY_S = 0.005
WARM_S = 2.0
MIB = 1024**2
_UNLIMITED = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """clip_s: forward and backward of one clip; clip_bytes: memory for it, above that of the network.

    kept_bytes   gradients, what the optimizer keeps, and the running mean of the weights
    state_bytes  of the state on disk
    parts        clips that are learnt at once
    """

    clip_s: float
    clip_bytes: int
    kept_bytes: int
    state_bytes: int
    parts: int

    @property
    def total_bytes(self) -> int:
        return self.parts * self.clip_bytes + self.kept_bytes


def measured(network: VTN, example: Example, settings: Hyperparameters, num_clips: int) -> Needs:
    """Learns an example of one clip without a step: the network's weights stay as they are. num_clips: of the training,
    which may be fewer than a batch.

    Raises TrainingError where not even one clip fits into memory.
    """
    piece = None if settings.backbone is None else settings.backbone.piece
    objective = Objective(network, smoothing=settings.smoothing, piece=piece)
    devices = [] if network.device.type == "cpu" else [torch.cuda.current_device()]
    network.train()
    with torch.random.fork_rng(devices=devices):
        try:
            with _peak(network.device) as peak:
                for _ in range(2):
                    began = time.monotonic()
                    objective(example).backward()  # type: ignore[no-untyped-call]
                    if devices:
                        torch.cuda.synchronize()
                    clip_s = time.monotonic() - began
                    if clip_s > WARM_S:  # else most of it may be what only the first time takes
                        break
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _too_little("not even one clip fits into", network.device, settings) from error
        finally:
            network.zero_grad(set_to_none=True)
    weights = sum(_bytes(tensor) for tensor in network.state_dict().values())
    learning = sum(_bytes(parameter) for parameter in network.parameters() if parameter.requires_grad)
    of_optimizer = learning * (2 if settings.optimizer == "adamw" else 1)
    of_mean = weights if settings.ema else 0
    return Needs(
        clip_s=clip_s,
        clip_bytes=max(0, peak[0] - learning),  # the gradients are among what is kept
        kept_bytes=learning + of_optimizer + of_mean,
        state_bytes=weights + of_optimizer + of_mean,
        parts=-(-min(settings.batch_size, num_clips) // settings.accumulate),
    )


def check_memory(needs: Needs, device: torch.device, settings: Hyperparameters, free: int | None = None) -> None:
    """Raises TrainingError, with what to set, where the training needs more memory than is free."""
    free = free_bytes(device) if free is None else free
    if needs.total_bytes <= free:
        return
    at_once = (free - needs.kept_bytes) // max(1, needs.clip_bytes)
    words = f"{_gib(needs.total_bytes)} of memory are needed for {_at_once(needs)}, and {_gib(free)} are free"
    if at_once < 1:
        raise _too_little(f"{words}: not even one clip fits into", device, settings)
    accumulate = -(-needs.parts * settings.accumulate // at_once)
    raise TrainingError(
        words,
        "nothing was trained",
        f"learn each batch in parts, which gives the same: --set accumulate={accumulate}",
    )


def sentence(needs: Needs, settings: Hyperparameters, num_clips: int, num_validation: int) -> str:
    """What a user should know before it begins."""
    epoch_s = needs.clip_s * (num_clips + FORWARD_ONLY * num_validation)
    return (
        f"about {_time(epoch_s)} an epoch and {_time(epoch_s * settings.num_epochs)} in all on this machine "
        f"({needs.clip_s:.2g} s a clip), {_gib(needs.total_bytes)} of memory for {_at_once(needs)}, "
        f"{_gib(needs.state_bytes)} of disk for the state"
    )


def free_bytes(device: torch.device) -> int:
    """The memory that is free: of the GPU, or of this machine and of what the process may use of it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = _UNLIMITED
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    for folder, most, now in (
        (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, used = (_number(folder / name) for name in (most, now))
        if limit is not None and used is not None:
            free = min(free, max(0, limit - used))
    return free


@contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """A list whose only number is, after the block, by how many bytes the memory in use grew at most."""
    grown = [0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield grown
        grown[0] = torch.cuda.max_memory_allocated(device) - before
        return
    before, ended = _resident_bytes(), threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            grown[0] = max(grown[0], _resident_bytes() - before)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield grown
    finally:
        ended.set()
        watcher.join()
        grown[0] = max(grown[0], _resident_bytes() - before)


def _resident_bytes() -> int:
    """Of this process; 0 where the system does not say it in this way."""
    for line in _lines(Path("/proc/self/statm")):
        return int(line.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _too_little(what: str, device: torch.device, settings: Hyperparameters) -> TrainingError:
    piece = None if settings.backbone is None else settings.backbone.piece
    smaller = max(1, (piece or settings.crop_positions) // 4)
    where = "the memory of the GPU" if device.type == "cuda" else "the memory"
    cure = "take a smaller --network, or a machine with more memory"
    if piece is None or piece > 1:
        cure = f"keep less at once, which gives the same: --set backbone.piece={smaller}; or {cure}"
    return TrainingError(f"{what} {where}", "nothing was trained", cure)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _at_once(needs: Needs) -> str:
    return f"{needs.parts} clips at once" if needs.parts > 1 else "1 clip at once"


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / MIB:.0f} MiB" if num_bytes < 1024 * MIB else f"{num_bytes / 1024 / MIB:.1f} GiB"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
