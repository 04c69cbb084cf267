"""Several regions of a film in one run, beside as many runs with one region each: python benchmarks/regions.py [FILM]

The film is decoded once for all regions, and the image network sees each of them. Without a film, one of 60 s of 720p
is made. Every number of regions is timed three times; the least counts.
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE, embed
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess

REPEATS = 3
PLAN = SamplingPlan(Fraction(2))


def write_film(path: Path, seconds: int = 60) -> None:
    """Noise that moves, 25 frames a second: as hard to decode as grass."""
    texture = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"preset": "veryfast", "g": "50"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for i in range(25 * seconds):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(texture, 3 * i, 1), "rgb24")))
        out.mux(stream.encode(None))


def run_s(film: Path, runs: list[list[str]], encoder: FrameEncoder, process: DecodingProcess) -> float:
    """Seconds for these runs, each with its regions, into an empty store."""
    video = process.probe(film)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for regions in runs:
            for _ in embed(video, PLAN.chunks(video), PLAN, encoder, EmbeddingStore(folder), process, regions=regions):
                pass
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path, nargs="?")
    given = parser.parse_args()
    encoder = FrameEncoder(DEFAULT_BACKBONE)
    with tempfile.TemporaryDirectory() as folder, DecodingProcess() as process:
        film = given.film or Path(folder) / "film.mp4"
        if given.film is None:
            write_film(film)
        run_s(film, [["0%,0%,50%,100%"]], encoder, process)  # all is loaded
        print("regions  one run  a run each  ratio")
        for num in (1, 2, 4, 8):
            regions = [f"{100 * i / num:g}%,0%,{100 / num:g}%,100%" for i in range(num)]
            together = min(run_s(film, [regions], encoder, process) for _ in range(REPEATS))
            apart = min(run_s(film, [[region] for region in regions], encoder, process) for _ in range(REPEATS))
            print(f"{num:7d}  {together:5.1f} s  {apart:8.1f} s  {together / apart:5.2f}")


if __name__ == "__main__":
    main()
