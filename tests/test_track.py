"""What travels between the stages: canonical texts, digests that notice every field, shapes that must fit."""

from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.film import FrameIndex
from vtn_stream.track import EmbeddingTrack, Execution, GridScores, Recipe

RECIPE = Recipe(
    backbone="resnet18.a1_in1k",
    weights="0123abcd",
    fps=Fraction(30000, 1001),
    size=(224, 224),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
EXECUTION = Execution(
    device="cpu", dtype="float32", instruction_set="AVX2", batch_size=32, engine="torch 2.4", decoder="pyav 14"
)
OTHER = {
    RECIPE: {
        "backbone": "resnet18.a2_in1k",
        "weights": "0123abce",
        "fps": Fraction(30),
        "size": (224, 256),
        "mean": (0.456, 0.485, 0.406),
        "std": (0.229, 0.224, 0.2250000001),
        "geometry": "crop",
        "interpolation": "bilinear",
        "colour": "BGR",
    },
    EXECUTION: {
        "device": "cuda",
        "dtype": "bfloat16",
        "instruction_set": "AVX512",
        "batch_size": 64,
        "engine": "torch 2.5",
        "decoder": "decord 0.6",
    },
}

floats = st.floats(allow_nan=False, allow_infinity=False)
recipes = st.builds(
    Recipe,
    backbone=st.text(),
    weights=st.text(),
    fps=st.fractions(min_value=Fraction(1, 10**6)),
    size=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    mean=st.tuples(floats, floats, floats),
    std=st.tuples(floats, floats, floats),
)
executions = st.builds(
    Execution,
    device=st.text(),
    dtype=st.text(),
    instruction_set=st.text(),
    batch_size=st.integers(1, 4096),
    engine=st.text(),
    decoder=st.text(),
)


@settings(deadline=None)
@given(recipes | executions)
def test_a_recipe_or_execution_comes_back_from_its_text_with_its_digest(what):
    back = type(what).from_json(what.to_json())
    assert back == what
    assert (back.to_json(), back.digest) == (what.to_json(), what.digest)


@pytest.mark.parametrize("what", [RECIPE, EXECUTION], ids=["recipe", "execution"])
def test_the_digest_notices_a_change_of_any_field(what):
    others = [replace(what, **{name: value}) for name, value in OTHER[what].items()]
    assert [*OTHER[what]] == [f.name for f in fields(what)]
    assert len({what.digest, *(o.digest for o in others)}) == 1 + len(others)


def test_the_canonical_text_is_the_one_that_stores_and_checkpoints_were_keyed_by():
    """A change here orphans every embedding computed before it."""
    assert RECIPE.to_json() == (
        '{"backbone":"resnet18.a1_in1k","colour":"RGB","fps":"30000/1001","geometry":"squash",'
        '"interpolation":"bicubic","mean":[0.485,0.456,0.406],"size":[224,224],"std":[0.229,0.224,0.225],'
        '"weights":"0123abcd"}'
    )
    assert EXECUTION.to_json() == (
        '{"batch_size":32,"decoder":"pyav 14","device":"cpu","dtype":"float32","engine":"torch 2.4",'
        '"instruction_set":"AVX2"}'
    )
    assert (RECIPE.digest, EXECUTION.digest) == ("60d4573700c7e698", "50b28465644f54cf")


def test_equal_recipes_have_equal_digests_however_their_numbers_are_written():
    whole, real = replace(RECIPE, mean=(0, 0, 0)), replace(RECIPE, mean=(0.0, 0.0, 0.0))
    assert whole == real
    assert whole.digest == real.digest


# ---- shapes


def clock(num_positions):
    return FrameIndex(
        grid_s=np.arange(num_positions) / 2,
        frame=np.arange(num_positions, dtype=np.int64),
        pts_s=np.arange(num_positions) / 2,
        valid=np.ones(num_positions, dtype=bool),
    )


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.zeros((4, 8), np.float16), r"float16 \[4, 8\]"),
        (np.zeros((5, 8), np.float32), r"float32 \[5, 8\]"),
        (np.zeros(5, np.float16), r"float16 \[5\]"),
        (np.zeros((5, 8, 1), np.float16), r"float16 \[5, 8, 1\]"),
    ],
)
def test_a_track_has_one_half_precision_row_for_each_position(values, got):
    assert len(EmbeddingTrack(values=np.zeros((5, 8), np.float16), index=clock(5), recipe=RECIPE)) == 5
    with pytest.raises(ValueError, match=rf"T = 5, got {got}"):
        EmbeddingTrack(values=values, index=clock(5), recipe=RECIPE)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"frame": np.zeros(5, np.float16)}, r"frame must be \[T, K\], got \[5\]"),
        ({"saliency": np.zeros((5, 1), np.float16)}, r"saliency must be \[T\], got \[5, 1\]"),
        ({"frame": np.zeros((5, 2), np.float16), "saliency": np.zeros(4, np.float16)}, "5 positions, saliency 4"),
    ],
)
def test_scores_share_one_grid(fields, complaint):
    GridScores(frame=np.zeros((5, 2), np.float16), saliency=np.zeros(5, np.float16))
    with pytest.raises(ValueError, match=complaint):
        GridScores(**fields)
