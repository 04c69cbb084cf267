"""What travels between the stages: canonical texts, digests that notice every field, shapes that must fit."""

from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.track import Execution, GridScores, OperatingPoint, OperatingPoints, Recipe, change_s, check_inputs

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
        "input": "change-1/8",
        "pooling": "maximum",
        "region": "25%,0%,50%,100%",
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
    input=st.sampled_from(["picture", "change-1/8", "change-1", "change-10"]),
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


def test_an_input_other_than_the_picture_is_named_in_the_canonical_text():
    change = replace(RECIPE, input="change-1/8")
    assert change.to_json() == RECIPE.to_json().replace('"interpolation"', '"input":"change-1/8","interpolation"')
    assert Recipe.from_json(RECIPE.to_json()).input == "picture"


@pytest.mark.parametrize(("name", "back_s"), [("picture", None), ("change-1/8", Fraction(1, 8)), ("change-10", 10)])
def test_an_input_says_how_far_it_looks_back(name, back_s):
    assert change_s(name) == back_s


@pytest.mark.parametrize(
    "name",
    "|flow|Picture|change|change-|change-0|change-2/16|change-1/0|change-01|change-0.5|change-11|change--1|change-1/8 "
    f"|change-1/{'9' * 99}".split("|"),
)
def test_an_input_that_this_release_does_not_know_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match=r"^this release does not know the input '.*'; it knows .* such as") as refused:
        replace(RECIPE, input=name)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("inputs", [(), ("picture", "picture"), ("change-1/8", "flow")])
def test_inputs_are_one_or_more_different_ones(inputs):
    with pytest.raises(ValueError, match=r"no input|two inputs|does not know"):
        check_inputs(inputs)


def test_equal_recipes_have_equal_digests_however_their_numbers_are_written():
    whole, real = replace(RECIPE, mean=(0, 0, 0)), replace(RECIPE, mean=(0.0, 0.0, 0.0))
    assert whole == real
    assert whole.digest == real.digest


# ---- operating points

POINTS = OperatingPoints(
    common=OperatingPoint(high=0.5, low=0.25),
    own={"run": OperatingPoint(high=0.8, low=0.2), "jump": OperatingPoint(high=0.1, low=0.1)},
)


def test_a_label_without_an_operating_point_of_its_own_has_the_common_one():
    assert POINTS.of("run") == OperatingPoint(high=0.8, low=0.2)
    assert POINTS.of("rest") == POINTS.common


def test_operating_points_come_back_from_the_entries_of_a_provenance():
    said = POINTS.to_dict()
    assert said == {
        "operating_point": {"high": 0.5, "low": 0.25},
        "operating_points": {"jump": {"high": 0.1, "low": 0.1}, "run": {"high": 0.8, "low": 0.2}},
    }
    assert OperatingPoints.from_dict(said | {"kind": "another entry"}) == POINTS
    assert OperatingPoints.from_dict({"operating_point": {"high": 1, "low": 1}}).own == {}


@pytest.mark.parametrize(
    ("threshold", "common", "run", "jump"),
    [
        (0.9, (0.5, 0.25), (0.8, 0.2), (0.1, 0.1)),
        (0.4, (0.4, 0.2), (0.4, 0.1), (0.1, 0.1)),
        (0.0, (1e-4, 1e-4), (1e-4, 1e-4), (1e-4, 1e-4)),
    ],
)
def test_what_is_lower_already_stays_and_low_keeps_its_share_of_high(threshold, common, run, jump):
    lowered = POINTS.lowered(threshold)
    points = [lowered.common, lowered.of("run"), lowered.of("jump")]
    assert [(pytest.approx(p.high), pytest.approx(p.low)) for p in points] == [common, run, jump]


# ---- shapes


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
