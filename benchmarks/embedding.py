"""Which batch size and threading embeds a frame with the least CPU: python benchmarks/embedding.py [BACKBONE]

one a thread   a thread computes one batch, as many at a time as cores (what FrameEncoder does)
all on one     every core works on the same batch
"""

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import timm
import torch

from vtn_stream.analysis import DEFAULT_BACKBONE

FRAMES = 96


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_BACKBONE
    model = timm.create_model(name, num_classes=0).eval().to(memory_format=torch.channels_last)
    cores = torch.get_num_threads()
    pixels = torch.randn(32, *model.pretrained_cfg["input_size"])
    print(f"{name}, {cores} cores, {torch.backends.cpu.get_cpu_capability()}, CPU ms a frame (wall ms a frame)")
    print("batch    one a thread      all on one")
    for batch_size in (1, 2, 4, 8, 16, 32):
        batch = pixels[:batch_size].contiguous(memory_format=torch.channels_last)
        batches = [batch] * max(2 * cores, FRAMES // batch_size)

        def forward(batch: torch.Tensor) -> None:
            with torch.inference_mode():
                model(batch)

        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as threads:
            apart = _ms(threads.map, forward, batches)
        torch.set_num_threads(cores)
        together = _ms(map, forward, batches)
        print(f"{batch_size:5}  {apart[0]:6.1f} ({apart[1]:5.1f})  {together[0]:6.1f} ({together[1]:5.1f})")


def _ms(
    run: Callable[..., Iterable[None]], forward: Callable[[torch.Tensor], None], batches: list[torch.Tensor]
) -> tuple[float, float]:
    list(run(forward, batches))
    cpu, wall, num_frames = time.process_time(), time.monotonic(), sum(map(len, batches))
    list(run(forward, batches))
    return (time.process_time() - cpu) / num_frames * 1e3, (time.monotonic() - wall) / num_frames * 1e3


if __name__ == "__main__":
    main()
