"""Which films a model learnt from: digests, asked by those who have the film, and garbage in their place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms, film_role

SALT, OTHER_SALT = "00" * 16, "01" * 16
identities = st.sets(st.text(max_size=8), max_size=6)


@given(learnt=identities, validated=identities, others=identities)
def test_a_film_is_known_by_its_identity_also_after_a_round_trip_through_json(learnt, validated, others):
    films = TrainingFilms.of_identities(learnt, validated, SALT)
    training = json.loads(json.dumps({"epochs": 3, FILM_DIGESTS: films.to_dict()}))
    for identity in learnt | validated | others:
        expected = "learnt" if identity in learnt else "validated" if identity in validated else "new"
        assert films.role(identity) == film_role(training, identity) == expected


def test_the_order_of_films_shows_nothing_and_no_identity_stands_in_the_json():
    names = [f"{number:032x}" for number in range(9)]
    there = TrainingFilms.of_identities(names, names[:2], SALT).to_dict()
    assert there == TrainingFilms.of_identities(names[::-1], names[1::-1], SALT).to_dict()
    assert there["learnt"] == sorted(there["learnt"])
    assert not any(name in json.dumps(there).replace(SALT, "") for name in names)


def test_two_models_of_one_film_share_no_digest():
    one, two = (TrainingFilms.of_identities(["film"], [], salt) for salt in (SALT, OTHER_SALT))
    assert not one.learnt & two.learnt
    assert one.role("film") == two.role("film") == "learnt"


GOOD = TrainingFilms.of_identities(["film"], ["other"], SALT).to_dict()


@pytest.mark.parametrize(
    "given_there",
    [
        None,
        7,
        "text",
        [],
        {},
        GOOD | {"salt": None},
        GOOD | {"salt": "0" * 31},
        GOOD | {"salt": "zz" * 16},
        GOOD | {"salt": "0" * 32 + "\n"},
        GOOD | {"learnt": None},
        GOOD | {"learnt": "0" * 32},
        GOOD | {"learnt": {"0" * 32: 1}},
        GOOD | {"learnt": [["0" * 32]]},
        GOOD | {"validated": [3]},
        {"salt": SALT, "learnt": []},
    ],
)
def test_of_anything_else_it_is_not_known(given_there):
    assert film_role({FILM_DIGESTS: given_there}, "film") == "unknown"
    assert film_role({FILM_DIGESTS: GOOD}, "film") == "learnt"


def test_of_a_model_without_digests_it_is_not_known():
    assert film_role({}, "film") == "unknown"


@given(
    anything=st.recursive(
        st.none() | st.integers() | st.sampled_from(["salt", "learnt", "0" * 32]),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["salt", "learnt", "validated"]), x),
        max_leaves=8,
    )
)
def test_whatever_stands_there_no_question_fails(anything):
    assert film_role({FILM_DIGESTS: anything}, "film") in ("unknown", "new")
