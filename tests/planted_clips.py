"""Small clips whose label is the direction of a texture, which a network must learn to see. Real files."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

LABELS = ("lying", "standing")


def write_clip(path: Path, label: int, seed: int, *, num_frames: int = 40, size: tuple[int, int] = (48, 64)) -> None:
    """Noise that is smooth in one direction and rough in the other, of any brightness and contrast, at 25/s."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", Fraction(25), options={"qscale:v": "3"})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], "yuv420p"
        bright, contrast = rng.uniform(90, 160), rng.uniform(30, 60)
        for _ in range(num_frames):
            noise = rng.normal(size=(*size, 1))
            for shift in (1, 2, 4):
                noise = noise + np.roll(noise, shift, axis=label)
            picture = bright + contrast * noise / noise.std() + np.zeros(3)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture.clip(0, 255).astype(np.uint8), "rgb24")))
        out.mux(stream.encode(None))


def write_clips(folder: Path, num_training: int, num_validation: int, **options) -> tuple[Path, Path]:
    """Folder of films -> lists `path number` to learn from, and to validate on."""
    lists = []
    for name, num, first in (("train", num_training, 0), ("validation", num_validation, 10_000)):
        lines = []
        for k in range(num):
            file = f"{name}/{k}.mp4"
            write_clip(folder / "films" / file, k % 2, first + k, **options)
            lines.append(f"{file} {k % 2}\n")
        lists.append(folder / f"{name}.txt")
        lists[-1].write_text("".join(lines))
    return lists[0], lists[1]


NETWORK = "test_resnet"
# A network and clips that are small enough to learn in seconds.
SMALL = {
    "frames": 4,
    "seconds": 1,
    "encoder.layers": 1,
    "encoder.feedforward_width": 64,
    "optimizer": "adamw",
    "schedule": "cosine",
    "learning_rate": 0.001,
}


def write_blind_weights(path: Path) -> Path:
    """Weights of NETWORK to which a texture and its transpose are the same: each kernel is its own transpose."""
    import timm
    import torch
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = timm.create_model(NETWORK).state_dict()
    for name, tensor in weights.items():
        if tensor.ndim == 4:
            weights[name] = ((tensor + tensor.transpose(2, 3)) / 2).contiguous()
    save_file(weights, path)
    return path
