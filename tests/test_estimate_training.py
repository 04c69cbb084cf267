"""What a training end to end will take, said before it begins; and what to set where it cannot end well."""

import mmap
from dataclasses import replace

import numpy as np
import pytest
import torch

from vtn_stream.errors import TrainingError
from vtn_stream.model import VARIANTS
from vtn_stream.training import estimate
from vtn_stream.training.estimate import MIB, Needs, _peak, check_memory, free_bytes, sentence
from vtn_stream.training.recipes import paper_settings

SETTINGS = paper_settings(VARIANTS["vtn-vit-b"]())
CPU = torch.device("cpu")
NEEDS = Needs(clip_s=2.0, clip_bytes=900 * MIB, kept_bytes=1000 * MIB, state_bytes=454 * MIB, parts=16)


def test_what_fits_is_not_refused():
    check_memory(NEEDS, CPU, SETTINGS, free=16 * 900 * MIB + 1000 * MIB)


def test_a_batch_that_does_not_fit_is_to_be_learnt_in_parts():
    with pytest.raises(TrainingError) as refused:
        check_memory(NEEDS, CPU, SETTINGS, free=5000 * MIB)
    assert "accumulate=4" in refused.value.cure  # 4000 MiB are left for clips: 4 at once
    assert refused.value.fact == "15.0 GiB of memory are needed for 16 clips at once, and 4.9 GiB are free"


@pytest.mark.parametrize(("piece", "cure"), [(16, "backbone.piece=4"), (None, "backbone.piece=4"), (1, "a smaller")])
def test_a_clip_that_does_not_fit_is_to_be_kept_in_smaller_pieces(piece, cure):
    settings = replace(SETTINGS, backbone=replace(SETTINGS.backbone, piece=piece))
    with pytest.raises(TrainingError, match="not even one clip") as refused:
        check_memory(NEEDS, CPU, settings, free=1500 * MIB)
    assert cure in refused.value.cure


def test_the_sentence_says_time_memory_and_disk():
    said = sentence(NEEDS, SETTINGS, num_clips=3600, num_validation=0)
    assert "about 2.0 h an epoch and 50.0 h in all" in said
    assert "15.0 GiB of memory for 16 clips at once" in said
    assert "454 MiB of disk" in said


def test_clips_for_validation_take_a_third_of_the_time():
    said = sentence(NEEDS, SETTINGS, num_clips=300, num_validation=900)
    assert "about 20 min an epoch" in said


def test_the_memory_of_this_machine_is_known():
    assert MIB < free_bytes(CPU) < 1 << 50


def test_more_clips_than_there_are_need_no_memory():
    network = torch.nn.Linear(2, 2)
    network.device = CPU
    settings = replace(SETTINGS, batch_size=100_000, accumulate=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "Objective", lambda network, **asked: lambda example: network(example).sum())
        assert estimate.measured(network, torch.ones(1, 2), settings, 6).parts == 3


def test_what_is_held_in_between_is_seen():
    with _peak(CPU) as grown:
        held = mmap.mmap(-1, 50 * MIB)  # a tensor may lie in memory that the process kept from earlier ones
        np.frombuffer(held, np.uint8)[:] = 1
    assert 45 * MIB < grown[0] < 90 * MIB
