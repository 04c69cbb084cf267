"""Networks that learn: timm's names, timm's values, and gradients where they should be."""

import torch

from vtn_stream.backbone import trainable, weights_digest
from vtn_stream.backbone.encoder import FrameEncoder


def test_it_learns_and_gives_what_the_encoder_gives():
    torch.manual_seed(0)
    backbone = trainable("test_efficientnet", None, size=64, random=True)
    frames = torch.randint(0, 256, (5, 3, 64, 64), dtype=torch.uint8)
    backbone(frames).square().mean().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter -= 0.1 * parameter.grad
    encoder = FrameEncoder("test_efficientnet", weights=backbone.state_dict(), size=64, device="cpu")
    assert encoder.weights_digest == weights_digest(backbone.state_dict())
    given = torch.from_numpy(encoder(frames.permute(0, 2, 3, 1).numpy())).float()
    torch.testing.assert_close(backbone(frames).detach(), given, rtol=2e-3, atol=2e-3)
