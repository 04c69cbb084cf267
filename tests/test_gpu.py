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


@pytest.mark.parametrize("num", [60, 3000])
def test_gpu_and_cpu_encode_a_sequence_alike(num):
    import torch

    from vtn_stream.model import EncoderConfig, TemporalEncoder

    torch.manual_seed(0)
    config = EncoderConfig(
        input_width=64, width=64, num_heads=4, feedforward_width=128, attention_windows=(18, 18), positions="sinusoidal"
    )
    encoder = TemporalEncoder(config).eval()
    embeddings, valid = torch.randn(2, num, 64), torch.rand(2, num) > 0.1
    with torch.inference_mode():
        expected = encoder(embeddings, valid=valid)
        found = encoder.cuda()(embeddings.cuda(), valid=valid.cuda())
        halved = encoder.bfloat16()(embeddings.cuda(), valid=valid.cuda())
    seen = valid[..., None].expand_as(expected.frames)
    torch.testing.assert_close(found.frames.cpu()[seen], expected.frames[seen], rtol=0, atol=1e-4)
    torch.testing.assert_close(found.cls.cpu(), expected.cls, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.attention.cpu(), expected.attention, rtol=0, atol=1e-5)
    torch.testing.assert_close(halved.cls.float().cpu(), expected.cls, rtol=0, atol=0.1)


def test_convolutions_compute_in_float16_on_a_gpu(gpu_encoder):
    assert gpu_encoder.execution("d").dtype == "float16"
