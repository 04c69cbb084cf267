"""Three steps of the published recipe, against torch's SGD on transformers' Longformer and a timm network."""

from dataclasses import replace

import pytest
import torch
from longformer_oracle import Longformer, hf_name
from pixel_clips import PixelClips, network, settings
from torch import nn
from torch.nn.functional import cross_entropy

from vtn_stream.training.learner import Learner

NUM_STEPS, RATE = 3, 0.01
SHARES = ((0.0, 1.0), (1.0, 0.1), (2.0, 0.01))  # an epoch of one step each


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Published(nn.Module):
    """VTN as the paper's code builds it, of others' modules: timm's network, transformers' Longformer, an MLP."""

    def __init__(self, ours, timm_network):
        super().__init__()
        self.backbone = timm_network
        self.longformer = Longformer(ours.encoder)
        self.longformer.model.embeddings.position_embeddings.padding_idx = None  # in the release no id of a frame
        head = ours.head
        self.mlp_head = nn.Sequential(
            nn.LayerNorm(head.norm.weight.shape[0], eps=head.norm.eps),
            nn.Linear(*reversed(head.hidden.weight.shape)),
            nn.GELU(),
            nn.Dropout(0.0),
            nn.Linear(*reversed(head.out.weight.shape)),
        )
        for theirs, own in ((0, head.norm), (1, head.hidden), (4, head.out)):
            self.mlp_head[theirs].load_state_dict(own.state_dict())
        self.train()
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def forward(self, frames, position_ids):
        mean, std = (torch.tensor(self.backbone.pretrained_cfg[what]).view(3, 1, 1) for what in ("mean", "std"))
        embeddings = self.backbone((frames.flatten(0, 1).float() / 255 - mean) / std).unflatten(0, frames.shape[:2])
        return self.mlp_head(self.longformer(embeddings, position_ids)[0])


def see_means(backbone, frames):
    """Gives the batch norms means of pictures, as a trained network has them: embeddings are then not nearly 0."""
    norms = [module for module in backbone.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for module in norms:
        module.train()
        module.momentum = 1.0
    with torch.no_grad():
        backbone(frames)
    backbone.train()


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_three_steps_are_those_of_the_official_recipe(name):
    """Of all weights on which the output depends; the recipe lets the others decay."""
    import timm

    of = settings(
        optimizer="sgd",
        momentum=0.9,
        decays="all",
        weight_decay=1e-2,  # so much that it shows
        schedule="steps",
        steps=SHARES,
        learning_rate=RATE,
        max_norm=None,
        ema=0.0,
        num_epochs=NUM_STEPS,
    )
    width = {"test_vit": 64, "test_efficientnet": 256}[name]
    of = replace(of, encoder=replace(of.encoder, input_width=width, width=width, attention_windows=(4, 4)))
    ours = network(of, name=name).train()
    examples = list(PixelClips(num_batches=NUM_STEPS, width=width).epoch(0, seed=0))
    see_means(ours.backbone, examples[0].pixels.shots[0].frames)
    theirs = timm.create_model(name, num_classes=0, **({"dynamic_img_size": True} if name == "test_vit" else {}))
    theirs.load_state_dict(ours.backbone.state_dict())
    oracle = Published(ours, theirs)
    bn, others = [], []
    for module in oracle.modules():
        is_bn = isinstance(module, nn.modules.batchnorm._BatchNorm)
        (bn if is_bn else others).extend(module.parameters(recurse=False))
    sgd = torch.optim.SGD(
        [{"params": bn, "weight_decay": 0.0}, {"params": others, "weight_decay": 1e-2}],
        lr=RATE,
        momentum=0.9,
        dampening=0.0,
        nesterov=True,
    )
    learner = Learner(ours, of, NUM_STEPS, steps_an_epoch=1)
    begun = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    for step, example in enumerate(examples):
        for group in sgd.param_groups:
            group["lr"] = RATE * SHARES[step][1]
        frames = torch.stack([shot.frames for shot in example.pixels.shots])
        cost = cross_entropy(oracle(frames, example.batch.position_ids), example.batch.clips)
        sgd.zero_grad()
        cost.backward()
        sgd.step()
        assert learner.learn(example).loss == pytest.approx(cost.item(), rel=1e-5)

    expected = {f"backbone.{name}": tensor for name, tensor in theirs.state_dict().items()}
    expected["encoder.cls_token"] = oracle.longformer.cls_token
    in_longformer = oracle.longformer.model.state_dict()
    expected |= {f"encoder.{n}": in_longformer[hf_name(n)] for n in ours.encoder.state_dict() if hf_name(n)}
    for number, module in ((0, "norm"), (1, "hidden"), (4, "out")):
        expected |= {f"head.{module}.{n}": tensor for n, tensor in oracle.mlp_head[number].state_dict().items()}
    found = ours.state_dict()
    assert expected.keys() == found.keys()
    for key in expected.keys() - set(ours.unread):
        tensor = expected[key]
        torch.testing.assert_close(found[key], tensor, rtol=0, atol=1e-6, msg=key)
    moved = max(float((found[key] - begun[key]).abs().max()) for key in found if key.startswith("backbone."))
    assert moved > 1e-4  # far more than 1e-6
