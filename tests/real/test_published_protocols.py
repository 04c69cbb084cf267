"""The protocols on real clips, against a loader as plain as the published one: decode all frames, index, resize."""

import math
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch.nn.functional import interpolate

from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.evaluation import labelled_clips as evaluation
from vtn_stream.evaluation.labelled_clips import LabelledClip, Protocol, evaluate, read_clips
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints
from vtn_stream.video import DecodingProcess

LABELS = ("fight", "noFight", "other")
FILMS = [
    "clip.avi",  # MPEG-4 in AVI
    "film-30s.mp4",  # longer than 10 s
    pytest.param("arm-wrestling.mp4", marks=pytest.mark.release),  # pixels that are not square
    pytest.param("basketball.mp4", marks=pytest.mark.release),  # 29.97 frames a second
    pytest.param("blocks.mp4", marks=pytest.mark.release),  # 1280 x 720
    pytest.param("talk-with-slides.mp4", marks=pytest.mark.release),  # 1920 x 1080
]


@pytest.fixture(scope="module")
def checkpoint(tiny, tiny_weights, encoder, tmp_path_factory):
    """Random; its weights are large enough for the logits to depend on the frames."""
    config = VTNConfig(
        backbone=tiny,
        encoder=EncoderConfig(
            input_width=encoder.num_features, width=32, num_heads=4, feedforward_width=32, attention_windows=(4, 4)
        ),
        head=ClassificationConfig(num_classes=len(LABELS)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = VTN(config).state_dict()
    for tensor in tensors.values():
        if tensor.ndim == 2:
            tensor.mul_(8)
    tensors["encoder.project.weight"].mul_(30)  # embeddings of a random backbone are small
    recipe = replace(encoder.recipe(Fraction(25, 8)), mean=(0.45,) * 3, std=(0.225,) * 3, geometry=CENTRE_CROP)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_checkpoint(
        Checkpoint(
            config=config,
            labels=LABELS,
            recipe=recipe,
            window=ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25)),
            operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
            tensors=tensors,
            backbone={name: t for name, t in load_file(tiny_weights).items() if not name.startswith("classifier")},
        ),
        path,
    )
    return load_checkpoint(path)


@torch.no_grad()
def by_the_book(checkpoint, path):
    """Logits [K] of the full protocol in the published order: decode, index, normalise, resize, crop."""
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate)
        frames = []
        for frame in container.decode(video=0):
            frames.append(frame)
            if len(frames) > 10 * rate:
                break
    last = min(float(len(frames)), 10 * rate - 1)
    indices = torch.clamp(torch.linspace(0, last, 250, dtype=torch.float64), 0, len(frames) - 1).long()
    backbone = timm.create_model(checkpoint.recipe.backbone, num_classes=0).eval()
    backbone.load_state_dict(dict(checkpoint.backbone))
    short, crops = 183, {}
    for i in sorted(set(indices.tolist())):
        pixels = (torch.from_numpy(frames[i].to_rgb().to_ndarray()).float() / 255 - 0.45) / 0.225
        height, width, _ = pixels.shape
        size = (
            (math.floor(height / width * short), short)
            if width < height
            else (short, math.floor(width / height * short))
        )
        pixels = interpolate(pixels.permute(2, 0, 1)[None], size, mode="bilinear", align_corners=False)
        top, left = math.ceil((size[0] - 160) / 2), math.ceil((size[1] - 160) / 2)
        crops[i] = pixels[0, :, top : top + 160, left : left + 160]
    values = dict(zip(crops, backbone(torch.stack(list(crops.values()))), strict=True))
    sequence = torch.stack([values[i] for i in indices.tolist()])
    return checkpoint.network().classify(sequence[None], indices[None], None)[0].numpy()


@pytest.mark.parametrize("name", FILMS)
def test_a_film_gets_the_logits_that_the_plain_loader_gives(checkpoint, data, name):
    clip = LabelledClip(path=data / "films" / name, name=name, truth=2)
    (result,) = evaluate(checkpoint, [clip], Protocol(), device="cpu").scored
    found, expected = dict(result.top), by_the_book(checkpoint, clip.path)
    # 1e-4 for all but clip.avi, whose colours FFmpeg's default conversion rounds otherwise
    assert [found[label] for label in LABELS] == pytest.approx(expected, abs=0.01 * float(np.abs(expected).max()))


def test_large_frames_come_few_at_a_time(checkpoint, data, monkeypatch):
    asked = []
    read = DecodingProcess.frames
    monkeypatch.setattr(
        DecodingProcess,
        "frames",
        lambda self, video, pts, size: asked.append((len(pts), size)) or read(self, video, pts, size),
    )
    clip = LabelledClip(path=data / "films" / "talk-with-slides.mp4", name="talk", truth=2)
    evaluate(checkpoint, [clip], Protocol(kind="views", num_views=3), device="cpu")
    assert sum(num for num, _ in asked) == 48
    assert all(size == (1080, 1920) and 3 * 1080 * 1920 * num <= evaluation.MAX_BYTES_AT_ONCE for num, size in asked)


def test_a_data_set_in_folders_is_measured(checkpoint, data):
    clips = read_clips(data / "cctv-fight" / "clips", LABELS)
    assert [clip.truth for clip in clips].count(0) == 120
    assert [clip.truth for clip in clips].count(1) == 127
    figures = evaluate(checkpoint, clips[::60], Protocol(kind="views", num_views=2, num_crops=3), device="cpu")
    assert (len(figures.scored), figures.failed, figures.top_5) == (5, (), None)
    truth = np.array([result.clip.truth for result in figures.scored])
    best = np.array([LABELS.index(result.top[0][0]) for result in figures.scored])
    assert figures.top_1 == np.mean(truth == best)
