"""What is drawn for a clip, and what a network then sees of its frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, interpolate
from torchvision.transforms.v2 import RandAugment
from torchvision.transforms.v2 import functional as ops

from vtn_stream.errors import TrainingError
from vtn_stream.evaluation.protocols import protocol_pixels
from vtn_stream.track import CENTRE_CROP, Recipe
from vtn_stream.training.augment import NATURAL, PAPER, PAPER_PLUS, Augmentation, Look, Mix, mirrors, soft_targets
from vtn_stream.training.randaugment import MAX_MAGNITUDE, OPERATIONS, is_signed, operated

SIZE = (32, 32)
ALL = replace(PAPER_PLUS.scaled_to(SIZE), jitter=0.3, jitter_share=0.5)
FRAME = (48, 64)


def clip(frame_size=FRAME, num=3, seed=0):
    """Smooth pictures that differ from frame to frame, uint8 [n, 3, H', W']."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.integers(0, 256, (num, 3, 6, 8))).float()
    return interpolate(coarse, frame_size, mode="bilinear", align_corners=False).round().to(torch.uint8)


def rng_of(seed):
    return np.random.default_rng(seed)


def drawn(augmentation, num=200, frame_size=FRAME, size=SIZE):
    rng = rng_of(1)
    return [augmentation.draw(rng, frame_size, size) for _ in range(num)]


# What is drawn


@given(st.integers(0, 2**32), st.tuples(st.integers(20, 90), st.integers(20, 90)))
def test_the_same_generator_draws_the_same_look_and_shows_the_same_bits(seed, frame_size):
    one, other = (ALL.draw(rng_of(seed), frame_size, SIZE) for _ in range(2))
    assert one == other
    frames = clip(frame_size)
    assert torch.equal(one.shown(frames, SIZE), other.shown(frames, SIZE))


@given(st.integers(0, 2**32), st.tuples(st.integers(20, 300), st.integers(20, 300)))
def test_a_crop_lies_inside_the_frame(seed, frame_size):
    for augmentation in (ALL, NATURAL, Augmentation()):
        top, left, height, width = augmentation.draw(rng_of(seed), frame_size, SIZE).box
        assert min(top, left) >= 0
        assert max(top + height, left + width) <= 1 + 1e-12


@given(st.integers(0, 2**32), st.sampled_from([ALL, NATURAL, PAPER.scaled_to(SIZE)]))
def test_what_a_network_sees_has_its_size_and_is_in_0_to_255(seed, augmentation):
    pictures = augmentation.draw(rng_of(seed), FRAME, SIZE).shown(clip(), SIZE)
    assert (pictures.shape, pictures.dtype) == ((3, 3, *SIZE), torch.float32)
    assert 0 <= pictures.min() <= pictures.max() <= 255


@given(st.integers(0, 2**32))
def test_all_frames_of_a_clip_are_changed_alike(seed):
    """A clip that shows one frame three times shows one picture three times."""
    frames = clip(num=1).expand(3, -1, -1, -1)
    pictures = ALL.draw(rng_of(seed), FRAME, SIZE).shown(frames, SIZE)
    assert torch.equal(pictures[0], pictures[1])
    assert torch.equal(pictures[0], pictures[2])


def test_short_sides_are_whole_pixels_of_the_range_and_all_of_them_come():
    shorts = {round(32 / look.box[2], 6) for look in drawn(PAPER.scaled_to(SIZE), 400)}
    assert shorts == set(range(37, 47))  # 256 and 320 of 224, for 32


def test_crops_of_a_share_have_the_shape_of_the_frame():
    boxes = [look.box for look in drawn(NATURAL)]
    assert all(height == width for _, _, height, width in boxes)
    areas = [height * width for _, _, height, width in boxes]
    assert 0.7 <= min(areas) < 0.73
    assert 0.97 < max(areas) <= 1


def test_half_of_the_clips_are_mirrored_and_half_have_other_colours():
    looks = drawn(NATURAL, 1000)
    assert sum(look.flip for look in looks) == pytest.approx(500, abs=60)
    assert sum(bool(look.colours) for look in looks) == pytest.approx(500, abs=60)
    factors = [factor for look in looks for _, factor in look.colours]
    assert 0.7 <= min(factors) < 0.72
    assert 1.28 < max(factors) <= 1.3


def test_a_quarter_of_the_clips_have_an_erased_rectangle_of_some_size():
    looks = drawn(PAPER_PLUS.scaled_to(SIZE), 1000)
    boxes = [look.erased for look in looks if look.erased is not None]
    assert len(boxes) == pytest.approx(250, abs=50)
    assert all(0.02 <= height * width <= 1 / 3 + 1e-9 for _, _, height, width in boxes)
    assert all(top + height <= 1 and left + width <= 1 for top, left, height, width in boxes)


def test_nothing_is_drawn_by_default():
    assert drawn(Augmentation(), 3) == [Look()] * 3


def test_a_network_larger_than_the_short_side_is_refused_with_a_side_that_does():
    with pytest.raises(TrainingError, match=r"256 pixels have no crop of 384 x 384.*\(439, 549\)"):
        PAPER.draw(rng_of(0), (480, 640), (384, 384))
    assert PAPER.scaled_to((384, 384)).short_side == (439, 549)


@pytest.mark.parametrize(
    "wrong",
    [{"flip": 1.1}, {"area": (0.8, 0.7)}, {"area": (0.0, 1.0)}, {"short_side": (9, 8)}, {"randaugment": (2, 31)}],
)
def test_what_cannot_be_drawn_is_refused(wrong):
    with pytest.raises(ValueError, match=r"are|is"):
        Augmentation(**wrong)


# What a network sees


@pytest.mark.parametrize("frame_size", [(48, 64), (64, 48), (40, 40), (37, 91)])
def test_a_crop_is_that_of_a_frame_that_was_scaled_first(frame_size):
    """The paper's code scales the short side, the long side rounded down, and crops then."""
    rng = rng_of(3)
    frames = clip(frame_size)
    for _ in range(20):
        look = PAPER.scaled_to(SIZE).draw(rng, frame_size, SIZE)
        height, width = (round(32 / share) for share in look.box[2:])
        assert min(height, width) in range(37, 47)
        scaled = interpolate(frames.float(), (height, width), mode="bilinear", align_corners=False)
        top, left = round(look.box[0] * height), round(look.box[1] * width)
        wanted = scaled[..., top : top + 32, left : left + 32]
        torch.testing.assert_close(
            look.shown(frames, SIZE), wanted.flip(-1) if look.flip else wanted, rtol=0, atol=0.01
        )


@pytest.mark.parametrize("frame_size", [(48, 64), (90, 50)])
def test_the_middle_is_what_an_evaluation_sees(frame_size):
    recipe = Recipe(
        backbone="x", weights="0" * 64, size=SIZE, mean=(0.0,) * 3, std=(1.0,) * 3, geometry=CENTRE_CROP, fps=1
    )
    frames = clip(frame_size)
    shown = PAPER.scaled_to(SIZE).middle(frame_size, SIZE).shown(frames, SIZE)
    wanted = torch.cat([protocol_pixels(frame.permute(1, 2, 0).numpy(), recipe) for frame in frames])
    torch.testing.assert_close(shown / 255, wanted, rtol=0, atol=1e-4)


def test_the_middle_of_shares_is_the_whole_frame():
    assert NATURAL.middle(FRAME, SIZE) == Look()
    torch.testing.assert_close(Look().shown(clip(), FRAME), clip().float(), rtol=0, atol=0.01)


def test_mirrored_twice_is_as_it_was():
    frames = clip()
    once = Look(flip=True).shown(frames, SIZE)
    assert torch.equal(once.flip(-1), Look().shown(frames, SIZE))


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("brightness", ops.adjust_brightness),
        ("contrast", ops.adjust_contrast),
        ("saturation", ops.adjust_saturation),
    ],
)
def test_colours_change_as_in_torchvision(name, oracle):
    frames = clip()
    for factor in (0.7, 1.0, 1.3):
        shown = Look(colours=((name, factor),)).shown(frames, FRAME)
        torch.testing.assert_close(shown, oracle(frames.float() / 255, factor) * 255, rtol=0, atol=0.1)


THEIRS = dict(zip(OPERATIONS, RandAugment._AUGMENTATION_SPACE, strict=True))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("level", [9, -9, 30])
def test_operations_are_those_of_torchvision(name, level):
    """The same names in the same order, with the same magnitudes, to the same pixels."""
    magnitudes, signed = RandAugment._AUGMENTATION_SPACE[THEIRS[name]]
    assert signed == is_signed(name)
    if level < 0 and not signed:
        return
    size = (64, 96)
    found = magnitudes(MAX_MAGNITUDE + 1, *size)
    magnitude = 0.0 if found is None else float(found[abs(level)]) * (-1 if level < 0 else 1)
    theirs = RandAugment()
    wanted = theirs._apply_image_or_video_transform(
        clip(size), THEIRS[name], magnitude, interpolation=theirs.interpolation, fill=theirs._fill
    )
    apart = operated(clip(size), name, level / MAX_MAGNITUDE).int() - wanted.int()
    assert apart.abs().max() <= 1  # of 255: their factors are float32


def test_an_erased_rectangle_is_noise_and_the_rest_stays():
    look = Look(erased=(0.25, 0.5, 0.5, 0.25), seed=3)
    shown, whole = look.shown(clip(), SIZE), Look().shown(clip(), SIZE)
    changed = (shown != whole).any(dim=1)
    assert changed[:, 8:24, 16:24].float().mean() > 0.9
    changed[:, 8:24, 16:24] = False
    assert not changed.any()
    assert torch.equal(shown[0, :, 8:24, 16:24], shown[1, :, 8:24, 16:24])
    assert not torch.equal(shown, replace(look, seed=4).shown(clip(), SIZE))


def test_pictures_of_changes_keep_their_colours():
    look = next(look for look in drawn(ALL) if look.colours and look.operations and look.erased and look.flip)
    assert look.without_colours() == Look(box=look.box, flip=True)


def test_frames_are_kept_no_larger_than_the_crops_need():
    assert PAPER.reading_size((1080, 1920), (224, 224)) == (320, 568)
    assert PAPER.reading_size((240, 320), (224, 224)) == (240, 320)
    assert PAPER.reading_size((1920, 1080), (224, 224)) == (568, 320)
    assert NATURAL.reading_size((1080, 1920), (224, 224)) == (268, 268)
    assert Augmentation().reading_size((1080, 1920), (224, 224)) == (224, 224)


@pytest.mark.gpu
def test_a_gpu_shows_what_a_cpu_shows():
    for look in drawn(replace(ALL, randaugment=None), 20):
        on_gpu = look.shown(clip().cuda(), SIZE)
        assert on_gpu.device.type == "cuda"
        torch.testing.assert_close(on_gpu.cpu(), look.shown(clip(), SIZE), rtol=0, atol=0.1)


# Clips that are mixed


def test_clips_are_mixed_only_where_that_is_asked_for_and_there_are_two():
    assert PAPER.mix(rng_of(0), 8) is None
    assert PAPER_PLUS.mix(rng_of(0), 1) is None


def test_half_of_the_batches_are_mixed_everywhere_and_half_in_a_rectangle():
    rng = rng_of(0)
    mixes = [PAPER_PLUS.mix(rng, 4) for _ in range(400)]
    assert sum(mix.box is None for mix in mixes) == pytest.approx(200, abs=40)
    assert all(sorted(mix.partner) == [0, 1, 2, 3] and 0 <= mix.share <= 1 for mix in mixes)
    assert all(mix.box is None for mix in (Augmentation(mixup=1.0).mix(rng, 4) for _ in range(20)))
    assert all(mix.box is not None for mix in (Augmentation(cutmix=1.0).mix(rng, 4) for _ in range(20)))


@given(st.integers(0, 2**32))
def test_the_share_of_a_label_is_the_share_of_its_clip(seed):
    """Two clips, black and white: the mean brightness of what is shown is the probability of the white one's label."""
    mix = PAPER_PLUS.mix(rng_of(seed), 2)
    frames = torch.stack([torch.zeros(2, 3, 56, 56), torch.ones(2, 3, 56, 56)])
    targets = mix.targets(torch.tensor([0, 1]), 2, 0.0)
    torch.testing.assert_close(mix.mixed(frames).mean(dim=(1, 2, 3, 4)), targets[:, 1], rtol=0, atol=0.03)


@given(st.integers(0, 2**32))
def test_probabilities_of_labels_add_up_to_one(seed):
    mix = PAPER_PLUS.mix(rng_of(seed), 5)
    targets = mix.targets(torch.tensor([0, 3, 2, 2, 1]), 4, 0.1)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(5))
    assert targets.min() >= 0.1 / 4 - 1e-6


def test_a_mix_with_oneself_changes_nothing():
    frames = torch.rand(2, 1, 3, 8, 8)
    for box in (None, (0.25, 0.0, 0.5, 0.5)):
        mix = Mix(partner=(0, 1), share=0.3, box=box)
        torch.testing.assert_close(mix.mixed(frames), frames)
        torch.testing.assert_close(mix.targets(torch.tensor([1, 0]), 2, 0.0), torch.tensor([[0.0, 1], [1, 0]]))


def test_smoothed_labels_give_the_loss_of_torch():
    logits, clips = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 0])
    torch.testing.assert_close(
        cross_entropy(logits, soft_targets(clips, 5, 0.1)), cross_entropy(logits, clips, label_smoothing=0.1)
    )


# Labels with a side


@pytest.mark.parametrize(
    ("label", "may"),
    [
        ("turn_left", False),
        ("TurnRight", False),
        ("right-hand hook", False),
        ("Pulling something from left to right", False),
        ("LEFT", False),
        ("turn counterclockwise", False),
        ("Linksabbieger", False),
        ("rechte Gerade", False),
        ("upright", True),
        ("bright light", True),
        ("leftover", True),
        ("fight", True),
        ("copyright2", True),
    ],
)
def test_labels_that_name_a_side_are_not_mirrored(label, may):
    assert mirrors([label]) == may
    assert mirrors(["fight", label, "walk"]) == may
