"""What a second input costs: python benchmarks/inputs.py [--film FILM] [--minutes 2] [--rates 2 8] [--rounds 3]

Embeds the first minutes of a film (by default one of the indoor-actions films of VTN_STREAM_DATA) into an empty store,
through the picture alone and through the picture and its change in 1/8 s. Both have a turn in each round, in changing
order. CPU seconds, user and system, medians over the rounds:

    embedding   this process: the network, and everything else but decoding
    decoding    the decoding process. At a coarse grid the frames 1/8 s earlier are frames that are decoded and scaled
                for nothing else; at 8 positions a second they are the neighbours'

Two inputs may cost 2.1 times the embedding of one, and one decoding: that of the same frames. It is measured as well.
Exit status 1 where they cost more. The machine may be busy: only CPU times of one run are compared.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE, embed
from vtn_stream.film import VideoInfo
from vtn_stream.run import Missing, Run
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess

INPUTS = {"picture": ("picture",), "picture and change": ("picture", "change-1/8")}
LIMIT = 2.1


def embedding(
    encoder: FrameEncoder,
    process: DecodingProcess,
    video: VideoInfo,
    plan: SamplingPlan,
    end_s: float,
    inputs: Sequence[str],
) -> tuple[float, float]:
    """CPU seconds of this process, and of the decoding process."""
    with tempfile.TemporaryDirectory() as folder:
        began_s, decoding_s = time.process_time(), of_process(process)
        for _ in embed(
            video, plan.chunks(video, 0, end_s), plan, encoder, EmbeddingStore(Path(folder)), process, inputs=inputs
        ):
            pass
        return time.process_time() - began_s, of_process(process) - decoding_s


def decoding(
    encoder: FrameEncoder,
    process: DecodingProcess,
    video: VideoInfo,
    plan: SamplingPlan,
    end_s: float,
    inputs: Sequence[str],
) -> float:
    """CPU seconds of the decoding process for the frames that these inputs need, thrown away."""
    run = Run(video, [Missing(chunk=chunk, inputs=tuple(inputs)) for chunk in plan.chunks(video, 0, end_s)], plan, 1)
    began_s = of_process(process)
    for _ in process.frames(video, run.pts, encoder.size, run.wants_thumbnail):
        pass
    return of_process(process) - began_s


def of_process(process: DecodingProcess) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def main() -> int:
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--film", type=Path, help="by default the first of the indoor-actions films")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--rates", type=Fraction, nargs="+", default=[Fraction(2), Fraction(8)])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    film = given.film or min((data / "indoor-actions" / "videos").glob("*.mp4"))
    encoder, end_s, fine = FrameEncoder(DEFAULT_BACKBONE, device="cpu"), given.minutes * 60, True
    encoder(np.zeros((64, *encoder.size, 3), np.uint8))
    with DecodingProcess() as process:
        video = process.probe(film)
        print(f"{video.width} x {video.height}, the first {min(end_s, video.duration_s):.0f} s, {given.rounds} rounds")
        for rate in given.rates:
            plan = SamplingPlan(rate)
            spent: dict[str, list[tuple[float, float]]] = {name: [] for name in INPUTS}
            same: list[float] = []
            for round_ in range(given.rounds):
                order = list(INPUTS) if round_ % 2 == 0 else list(INPUTS)[::-1]
                for name in order:
                    spent[name].append(embedding(encoder, process, video, plan, end_s, INPUTS[name]))
                same.append(decoding(encoder, process, video, plan, end_s, INPUTS["picture and change"]))
            for name in INPUTS:
                of, decoded = (statistics.median(values) for values in zip(*spent[name], strict=True))
                print(f"{float(rate):g}/s  {name:20} embedding {of:6.2f} s  decoding {decoded:6.2f} s")
            one, two = spent["picture"], spent["picture and change"]
            more = statistics.median(b[0] / a[0] for a, b in zip(one, two, strict=True))
            once = statistics.median(b[1] / s for b, s in zip(two, same, strict=True))
            again = statistics.median(b[1] / a[1] for a, b in zip(one, two, strict=True))
            print(f"{float(rate):g}/s  two inputs cost {more:.3f} times the embedding of one (limit {LIMIT})")
            print(
                f"{float(rate):g}/s  and {once:.2f} times decoding the same frames once; of the picture's {again:.2f}"
            )
            allowed = statistics.median(LIMIT * a[0] + s for a, s in zip(one, same, strict=True))
            total = statistics.median(sum(b) for b in two)
            print(f"{float(rate):g}/s  together {total:.2f} s; {LIMIT} embeddings and one decoding are {allowed:.2f} s")
            fine &= total <= allowed
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
