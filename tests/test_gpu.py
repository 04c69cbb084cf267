"""What a GPU computes is what a CPU computes, to cosine 0.999, and the same bytes however the work is cut."""

import numpy as np
import pytest

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def gpu_encoder(tiny, tiny_weights):
    from vtn_stream.backbone import FrameEncoder

    return FrameEncoder(tiny, weights=tiny_weights, device="cuda")


def frames(encoder, num):
    return np.random.default_rng(0).integers(0, 256, (num, *encoder.size, 3), np.uint8)


def test_gpu_and_cpu_embeddings_agree(encoder, gpu_encoder):
    one = encoder(frames(encoder, 100)).astype(np.float64)
    other = gpu_encoder(frames(encoder, 100)).astype(np.float64)
    cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosine.min() >= 0.999


def test_a_row_depends_on_its_frame_alone(gpu_encoder):
    whole = gpu_encoder(frames(gpu_encoder, 150))
    parts = [gpu_encoder(part) for part in np.split(frames(gpu_encoder, 150), [1, 64, 100])]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_recipes_agree_and_executions_do_not(encoder, gpu_encoder):
    assert gpu_encoder.recipe(2) == encoder.recipe(2)
    assert gpu_encoder.execution("d") != encoder.execution("d")
    assert gpu_encoder.execution("d").device == "cuda"


def test_auto_takes_the_gpu(tiny, tiny_weights):
    from vtn_stream.backbone import FrameEncoder

    assert FrameEncoder(tiny, weights=tiny_weights).device == "cuda"
