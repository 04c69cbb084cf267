"""A film of 68 minutes with a model: time, memory, and what the model adds to embedding the frames.

    python benchmarks/film_with_model.py [--films FOLDER] [--minutes 68] [--span 300]

Joins the MP4 files of FOLDER (by default the indoor-actions films of VTN_STREAM_DATA) to one, as spine.py does. Then

    a ViT-B-VTN of random weights in the published layout is imported, and analyzes --span seconds of it at 3.125
    positions a second; a small VTN on the default image network, random as well, analyzes all of it

as a user does, by the command line. Labels mean nothing; times, memory and what is written are real.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import timm
import torch
from spine import join, watch_memory

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.checkpoints.published import _names
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.model.variants import vit_b_vtn
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import OperatingPoint, OperatingPoints

COMMAND = str(Path(sys.executable).with_name("vtn-stream"))


def write_published(path: Path) -> None:
    """Random weights under the names of the release."""
    torch.manual_seed(0)
    backbone = timm.create_model("vit_base_patch16_224", num_classes=0).state_dict()
    ours = VTN(vit_b_vtn()).state_dict()
    state = {theirs: ours[name] for theirs, name in _names(3).items()}
    state["cls_token"] = state["cls_token"].view(1, 1, -1)
    state["temporal_encoder.embeddings.position_ids"] = torch.arange(288)[None]
    state |= {f"backbone.{name}": value for name, value in backbone.items()}
    torch.save({"epoch": 25, "model_state": state, "optimizer_state": {}, "cfg": "random"}, path)


def write_small(path: Path) -> None:
    """A VTN of 0.7 M parameters on the default image network, random."""
    torch.manual_seed(0)
    with Analyzer() as analyzer:
        recipe = analyzer.encoder.recipe(Fraction(25, 8))
        width = analyzer.encoder.num_features
    encoder = EncoderConfig(
        input_width=width, width=128, num_heads=4, feedforward_width=512, attention_windows=(18, 18, 18)
    )
    config = VTNConfig(backbone=recipe.backbone, encoder=encoder, head=ClassificationConfig(num_classes=10))
    checkpoint = Checkpoint(
        config=config,
        labels=tuple(f"class {k}" for k in range(10)),
        recipe=recipe,
        window=ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25)),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.15, low=0.1)),
        tensors=VTN(config).state_dict(),
    )
    save_checkpoint(checkpoint, path)


def run(*arguments: object) -> tuple[float, float, float]:
    """(wall s, CPU s, peak MiB of all processes) of vtn-stream."""
    peak, ended = [0], threading.Event()
    began = time.monotonic()
    process = subprocess.Popen([COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL)
    watch = threading.Thread(target=watch_memory, args=(process.pid, peak, ended))
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    ended.set()
    watch.join()
    if status:
        raise SystemExit(f"vtn-stream {arguments[0]} failed")
    return wall, usage.ru_utime + usage.ru_stime, peak[0] / 2**20


def show(name: str, film_s: float, folder: Path, first: tuple[float, ...], again: tuple[float, ...]) -> None:
    timeline = json.loads((folder / "film.mp4.timeline.json").read_text())
    labels = ", ".join(f"{c['label']} {c['score']}" for c in timeline["clip_labels"])
    print(f"{name}: {film_s:.0f} s of film, {timeline['provenance']['positions']['embedded']} positions")
    print(
        f"  first run   {first[0]:.1f} s, {first[1]:.1f} CPU s, {first[2]:.0f} MiB, {film_s / first[0]:.1f}x real time"
    )
    print(
        f"  second run  {again[0]:.1f} s, {again[1]:.1f} CPU s, {again[2]:.0f} MiB: embeddings stored, the model anew"
    )
    print(f"  {len(timeline['segments'])} segments, curves {list(timeline['curves'])}, the whole of it: {labels}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    parser.add_argument("--films", type=Path, default=data / "indoor-actions" / "videos")
    parser.add_argument("--minutes", type=float, default=68)
    parser.add_argument("--span", type=float, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        film = folder / "film.mp4"
        join(sorted(given.films.glob("*.mp4")), given.minutes * 60, film)

        write_published(folder / "random.pyth")
        wall, _, peak = run("models", "import", folder / "random.pyth", "-o", folder / "large.safetensors")
        print(f"import of the published layout: {wall:.1f} s, {peak:.0f} MiB")
        options = ("--store", folder / "store", "-o", folder, "--model")
        span = ("--start", 0, "--end", given.span)
        runs = [run("analyze", film, *options, folder / "large.safetensors", *span) for _ in range(2)]
        show("ViT-B-VTN", given.span, folder, *runs)

        write_small(folder / "small.safetensors")
        runs = [run("analyze", film, *options, folder / "small.safetensors") for _ in range(2)]
        show("small VTN", given.minutes * 60, folder, *runs)


if __name__ == "__main__":
    main()
