"""A day of film through the temporal encoder: memory, time, and the same numbers as in memory.

    python benchmarks/long_encoding.py [--positions 2160000] [--compare 100000] [--scratch FOLDER]

A synthetic track of float16 embeddings (D = 768, made as it is read) goes through an encoder of the published sizes
with random weights, from scratch files: `--positions` of them (24 h at 25 a second), then `--compare` both ways. 13 GB
of free disk are needed for the whole.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import torch

from vtn_stream.model import TemporalEncoder
from vtn_stream.model.long import LongEncoding
from vtn_stream.model.variants import vit_b_vtn

WIDTH = 768
BLOCK = 4096  # embeddings of one seed


def read(start: int, stop: int) -> torch.Tensor:
    """float16 [stop - start, 768], the same whenever it is asked."""
    blocks = []
    for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
        values = torch.randn(BLOCK, WIDTH, generator=torch.Generator().manual_seed(block)).half()
        blocks.append(values[max(0, start - block * BLOCK) : stop - block * BLOCK])
    return torch.cat(blocks)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--positions", type=int, default=24 * 3600 * 25)
    parser.add_argument("--compare", type=int, default=100_000)
    parser.add_argument("--scratch", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    encoder = TemporalEncoder(vit_b_vtn().encoder).eval()

    def encode(num: int, folder: str) -> LongEncoding:
        printed_s = [time.monotonic()]

        def tell(done: int, total: int) -> None:
            if time.monotonic() - printed_s[-1] > 60:
                printed_s.append(time.monotonic())
                print(
                    f"  {100 * done / total:.0f} % after {printed_s[-1] - printed_s[0]:.0f} s, {peak_mib():.0f} MiB",
                    flush=True,
                )

        return LongEncoding(
            encoder,
            read,
            num,
            scratch=Path(folder) / "scratch",
            sequence="synthetic",
            position_ids=torch.arange(num),
            on_progress=tell,
        )

    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        num = arguments.positions
        began, cpu, loaded = time.monotonic(), time.process_time(), peak_mib()
        encoded = encode(num, folder).cls()
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        print(f"{num} positions: {wall:.0f} s, {cpu:.0f} CPU s, {1e6 * wall / num:.0f} us a position")
        print(
            f"peak memory {peak_mib():.0f} MiB, {peak_mib() - loaded:.0f} above the loaded encoder (wanted: under 4096)"
        )
        print(f"attention sums to {float(encoded.attention.sum()):.6f}")

        num = arguments.compare
        began = time.monotonic()
        encoding = encode(num, folder)
        frames = torch.cat([tile.values[tile.first : tile.first + tile.stop - tile.start] for tile in encoding.tiles()])
        from_files = time.monotonic() - began
        assert encoding.encoded is not None
        began = time.monotonic()
        with torch.no_grad():
            expected = encoder(read(0, num)[None], torch.arange(num)[None])
        in_memory = time.monotonic() - began
        assert expected.frames is not None
        off = max(
            float((encoding.encoded.cls - expected.cls).abs().max()), float((frames - expected.frames[0]).abs().max())
        )
        print(f"{num} positions both ways: largest difference {off:.1e} (wanted: at most 1e-5)")
        print(f"  from files {from_files:.1f} s, in memory {in_memory:.1f} s: {from_files / in_memory:.2f}")


if __name__ == "__main__":
    main()
