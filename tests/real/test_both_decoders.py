"""Both readers on strange and damaged files: wherever both decode, the same frames and nearly the same pixels."""

import importlib.util

import numpy as np
import pytest

from vtn_stream.analysis import DEFAULT_BACKBONE
from vtn_stream.backbone import FrameEncoder
from vtn_stream.errors import VideoError
from vtn_stream.video import DecodingProcess, probe

pytestmark = pytest.mark.skipif(importlib.util.find_spec("decord") is None, reason="decord is not made for this system")

SIZE = (224, 224)
LIMIT = 1.0
# Test patterns and a film nearly black, most of whose pixels are outside of what RGB can show: decord has cut them off
# before we see them, and PyAV cuts them off after it has scaled them.
OUTSIDE_RGB = {
    "bt2020_10bit.mp4": 1.5,
    "h264_10bits.mp4": 2.0,
    "h265_10bits.mp4": 2.0,
    "testsrc2_12bit_hdr.mp4": 2.0,
    "testsrc2_hdr.mp4": 2.0,
    "testsrc2_odd_height_and_width_mpeg2.mp4": 4.0,
    "testsrc2_odd_height_and_width_vp9.mp4": 2.0,
    "testsrc2_odd_height_and_width_vp9_10bit.mp4": 2.0,
    "testsrc2_odd_height_vp9.mp4": 2.0,
    "testsrc2_odd_height_vp9_10bit.mp4": 2.0,
    "testsrc2_odd_width_mpeg2.mp4": 2.0,
    "testsrc2_odd_width_vp9.mp4": 1.5,
    "testsrc2_odd_width_vp9_10bit.mp4": 2.0,
    "testvid_1022ms.mp4": 2.0,
}
# Frames of these hold colours outside of RGB as well, fewer: their embeddings are a little apart.
FILMS = {
    "blocks": 0.999,
    "bedroom": 0.999,
    "coffee": 0.999,
    "cups": 0.999,
    "dog": 0.999,
    "film-30s": 0.999,
    "talk-with-slides": 0.999,
    "pool": 0.998,
}


@pytest.fixture(scope="module")
def processes():
    with DecodingProcess() as pyav, DecodingProcess(decoder="decord") as decord:
        yield pyav, decord


def decoded(process, video, frames):
    found = {}
    for batch in process.frames(video, video.pts[frames], SIZE):
        found |= {int(frames[i]): p.astype(np.int16) for i, p in zip(batch.items, batch.frames, strict=True)}
    return found


def difference(one, other):
    return float(np.abs(one - other).mean())


@pytest.mark.parametrize(("every", "least"), [(16, 6), pytest.param(1, 130, marks=pytest.mark.release)])
def test_odd_media(data, processes, every, least):
    """Of each sixteenth file, and before a release of all, at least so many are read by both."""
    pyav, decord = processes
    apart, others, num_both, refused = {}, [], 0, []
    for path in sorted(p for p in (data / "odd-media").rglob("*") if p.is_file())[::every]:
        try:
            video = probe(path, pyav)
            middle = min(40, video.num_frames // 2)
            frames = np.unique(np.clip([*range(6), *range(middle, middle + 6)], 0, video.num_frames - 1))
            truth = decoded(pyav, video, frames)
        except VideoError:
            continue
        try:
            found = decoded(decord, video, frames)
        except VideoError as error:
            refused.append(str(error))
            continue
        both = set(truth) & set(found)
        num_both += bool(both)
        for i in both:
            own = difference(found[i], truth[i])
            apart[path.name] = max(apart.get(path.name, 0.0), own)
            near = [difference(found[i], truth[j]) for j in (i - 2, i - 1, i + 1, i + 2) if j in truth]
            if near and min(near) < own - 0.01:
                others.append((path.name, i))
    assert others == []
    assert {name: d for name, d in apart.items() if d > OUTSIDE_RGB.get(name, LIMIT)} == {}
    assert num_both >= least
    assert len(refused) <= 40
    assert all(line.count("\n") == 0 and line.endswith("--decoder pyav") for line in refused)


@pytest.fixture(scope="module")
def encoder():
    return FrameEncoder(DEFAULT_BACKBONE, device="cpu")


@pytest.mark.parametrize(
    "name", [name if name in ("dog", "pool") else pytest.param(name, marks=pytest.mark.release) for name in FILMS]
)
def test_embeddings_agree(data, processes, encoder, name):
    video = probe(data / "films" / f"{name}.mp4", processes[0])
    frames = np.linspace(0, min(video.num_frames, 400) - 1, 8).astype(np.int64)
    one, other = (
        encoder(np.stack([*decoded(process, video, frames).values()]).astype(np.uint8)).astype(np.float64)
        for process in processes
    )
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosines.min() >= FILMS[name]
