"""Runs clips through a whole ViT-B-VTN, beside the plain way: the same weights in timm and transformers, in float32.

    python benchmarks/end_to_end.py [--frames 250] [--clips 48] [--films FOLDER]

First one clip of `--frames` frames of a real film, each way in turn: CPU and wall seconds, and by how much logits
differ. Then a model is trained: the temporal encoder and the head, on embeddings of 16 frames each of `--clips` clips
of fights and of none, until it tells them apart; and both ways say of the same clips what they are. The image network
has random weights, the same for both.

The plain way takes all cores for batches of 16 frames, as a script does; ours is FrameEncoder and TemporalEncoder.
"""

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import LongformerConfig, LongformerModel

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints.longformer import LAYER_NAMES
from vtn_stream.model import VTN
from vtn_stream.model.variants import vit_b_vtn
from vtn_stream.video import DecodingProcess, probe

DATA = Path(os.environ.get("VTN_STREAM_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PLAIN_BATCH = 16


class Plain:
    """timm's ViT-B and transformers' Longformer with our weights."""

    def __init__(self, backbone: torch.nn.Module, network: VTN, encoder: FrameEncoder) -> None:
        self.backbone, self.network = backbone.eval(), network
        self.mean, self.std = (torch.tensor(getattr(encoder.recipe(1), n))[:, None, None] for n in ("mean", "std"))
        config = LongformerConfig(
            vocab_size=1,
            num_hidden_layers=3,
            attention_window=[18] * 3,
            max_position_embeddings=288,
            type_vocab_size=2,
            pad_token_id=0,
            bos_token_id=0,
            eos_token_id=0,
            sep_token_id=0,
        )
        self.longformer = LongformerModel(config, add_pooling_layer=False).eval()

    def load(self) -> None:
        ours, theirs = self.network.encoder.state_dict(), self.longformer.state_dict()
        theirs["embeddings.position_embeddings.weight"] = ours["position_table.weight"]
        theirs["embeddings.token_type_embeddings.weight"] = ours["token_types.weight"]
        for part in ("weight", "bias"):
            theirs[f"embeddings.LayerNorm.{part}"] = ours[f"norm.{part}"]
            for number in range(3):
                for their_name, name in LAYER_NAMES.items():
                    theirs[f"encoder.layer.{number}.{their_name}.{part}"] = ours[f"layers.{number}.{name}.{part}"]
        self.longformer.load_state_dict(theirs)

    def embed(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        parts = []
        for start in range(0, len(frames), PLAIN_BATCH):
            pixels = torch.from_numpy(frames[start : start + PLAIN_BATCH]).permute(0, 3, 1, 2).float() / 255
            parts.append(self.backbone((pixels - self.mean) / self.std))
        return torch.cat(parts)

    def classify(self, embeddings: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        num = len(embeddings) + 1
        seen, is_global, types = torch.ones(1, num), torch.zeros(1, num), torch.zeros(1, num, dtype=torch.long)
        is_global[0, 0], types[0, 0] = 1, 1
        tokens = self.longformer(
            inputs_embeds=torch.cat([self.network.encoder.cls_token[None], embeddings])[None],
            attention_mask=seen,
            global_attention_mask=is_global,
            token_type_ids=types,
            position_ids=torch.cat([torch.tensor([286]), ids % 286])[None],
        ).last_hidden_state
        return self.network.head(tokens[:, 0])


def clip(process: DecodingProcess, path: Path, encoder: FrameEncoder, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Those frames of a film, squashed; its last one again where it has fewer."""
    video = probe(path, process)
    wanted = np.minimum(frames, video.num_frames - 1)
    distinct, rows = np.unique(wanted, return_inverse=True)
    pixels = np.zeros((len(distinct), *encoder.size, 3), np.uint8)
    for batch in process.frames(video, video.pts[distinct], encoder.size):
        pixels[batch.items] = batch.frames
    return pixels[rows]


def timed(what: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = what()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def product_rate(dtype: torch.dtype) -> float:
    """Billion operations a CPU second, of products as large as ViT-B's largest: no network can be quicker."""
    layer, tokens = torch.nn.Linear(768, 3072, dtype=dtype), torch.randn(4 * 197, 768, dtype=dtype)
    layer(tokens)
    _, _, cpu = timed(lambda: [layer(tokens) for _ in range(50)])
    return 50 * 2 * tokens.numel() * 3072 / cpu / 1e9


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--films", type=Path, default=DATA)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    backbone = timm.create_model("vit_base_patch16_224", num_classes=0)
    network = VTN(vit_b_vtn()).eval()
    with tempfile.TemporaryDirectory() as folder:
        save_file(
            timm.create_model("vit_base_patch16_224").state_dict() | backbone.state_dict(), f"{folder}/w.safetensors"
        )
        encoder = FrameEncoder("vit_base_patch16_224", weights=Path(folder) / "w.safetensors", device="cpu")
    plain = Plain(backbone, network, encoder)
    plain.load()
    dtype = encoder.execution("").dtype
    print(f"{dtype} on {encoder.execution('').instruction_set}, {torch.get_num_threads()} threads")

    with DecodingProcess() as process, torch.inference_mode():
        # -- speed
        rates = [product_rate(dtype) for dtype in (torch.bfloat16, torch.float32)]
        print("products alone: bfloat16 {:.0f}, float32 {:.0f} billion operations a CPU second".format(*rates))
        film = arguments.films / "films" / "talk-with-slides.mp4"
        frames = clip(process, film, encoder, np.arange(arguments.frames) * 10)
        ids = torch.arange(arguments.frames)
        encoder(frames[:4]), plain.embed(frames[:4])
        ratios = []
        for _ in range(2):
            theirs, their_wall, their_cpu = timed(lambda: plain.classify(plain.embed(frames), ids))
            ours, our_wall, our_cpu = timed(
                lambda: network.classify(torch.from_numpy(encoder(frames)).float()[None], ids[None])
            )
            ratios.append((their_cpu / our_cpu, their_wall / our_wall))
            print(
                f"{arguments.frames} frames: plain {their_wall:.1f} s, {1e3 * their_cpu / arguments.frames:.0f} CPU ms "
                f"a frame; ours {our_wall:.1f} s, {1e3 * our_cpu / arguments.frames:.0f} CPU ms a frame"
            )
        cpu, wall = np.median(ratios, axis=0)
        print(f"plain / ours: CPU {cpu:.2f}, wall {wall:.2f} (wanted: at least 3 where bfloat16 is in hardware)")
        print(f"logits differ by {100 * difference(ours, theirs):.2f} % (wanted: at most 2 %)")
        exact = plain.embed(frames[:16]).half().float()
        kept = difference(
            network.classify(exact[None], ids[None, :16]), plain.classify(plain.embed(frames[:16]), ids[:16])
        )
        print(f"float16 embeddings alone change logits by {100 * kept:.3f} %")

        # -- a trained model
        with open(arguments.films / "cctv-fight" / "clips.csv") as file:
            rows = list(csv.DictReader(file))
        chosen = [rows[i] for i in np.linspace(0, len(rows) - 1, arguments.clips).astype(int)]
        truth = torch.tensor([row["label"] == "fight" for row in chosen]).long()
        ids = torch.arange(16) * 3
        clips = [clip(process, arguments.films / "cctv-fight" / row["path"], encoder, ids.numpy()) for row in chosen]
        embedded = torch.stack([torch.from_numpy(encoder(frames)).float() for frames in clips])
        exact = torch.stack([plain.embed(frames) for frames in clips])

    epochs = train(network, exact.clone(), ids, truth)
    plain.load()
    with torch.inference_mode():
        ours = network.classify(embedded, ids.expand(len(clips), -1))[:, :2]
        theirs = torch.cat([plain.classify(e, ids) for e in exact])[:, :2]
    right = float((theirs.argmax(1) == truth).float().mean())
    same = int((ours.argmax(1) == theirs.argmax(1)).sum())
    print(f"trained for {epochs} epochs on {len(clips)} clips, of which it knows {100 * right:.0f} %:")
    print(f"logits differ by {100 * difference(ours, theirs):.2f} %, top-1 is the same for {same} of {len(clips)}")


def train(network: VTN, embeddings: torch.Tensor, ids: torch.Tensor, truth: torch.Tensor) -> int:
    """The temporal encoder and the head, until they know nearly all clips. Returns the epochs it took.

    Without dropout: they are to know these clips, not others.
    """
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)
    for epoch in range(1, 201):  # noqa: B007
        right = 0
        for rows in torch.randperm(len(truth)).split(8):
            logits = network.classify(embeddings[rows], ids.expand(len(rows), -1))[:, :2]
            optimizer.zero_grad()
            cross_entropy(logits, truth[rows]).backward()
            optimizer.step()
            right += int((logits.argmax(1) == truth[rows]).sum())
        if right >= 0.95 * len(truth):
            break
    return epoch


if __name__ == "__main__":
    main()
