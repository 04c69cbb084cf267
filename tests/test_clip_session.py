"""What a training on clips keeps for going on, and that it goes on on no other training's state."""

import pytest

from vtn_stream.errors import TrainingError
from vtn_stream.training.clip_session import ClipSession

FACTS = {"torch": "2.14.1", "the list of clips": "a" * 40, "seed": 0, "learning_rate": 0.001, "steps": [[0, 1]]}


def begun(folder, **changes):
    """A session of which a state was written."""
    session = ClipSession(folder, FACTS | changes)
    session.state.write_bytes(b"state")
    return session


def test_the_same_training_goes_on(tmp_path):
    first = begun(tmp_path / "work")
    second = ClipSession(tmp_path / "work", dict(reversed(FACTS.items())))
    assert not first.goes_on
    assert second.goes_on
    assert second.key == first.key


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 0.01}, "learning_rate was 0.001 and is 0.01"),
        ({"the list of clips": "b" * 40}, "the list of clips differs"),
        ({"seed": 1, "learning_rate": 0.01}, "seed was 0 and is 1, learning_rate was 0.001 and is 0.01"),
        ({"frames": 8}, "frames was None and is 8"),
        ({"torch": "2.15.0"}, "torch was 2.14.1 and is 2.15.0; it was kept, and nothing was trained; to go on, give"),
    ],
)
def test_another_training_is_refused_and_says_in_what_it_differs(tmp_path, changes, said):
    begun(tmp_path / "work")
    with pytest.raises(TrainingError, match="holds the state of another training") as refused:
        ClipSession(tmp_path / "work", FACTS | changes)
    assert said in str(refused.value)
    assert (tmp_path / "work/clips.state").read_bytes() == b"state"


def test_a_state_of_which_nobody_knows_the_training_is_refused(tmp_path):
    begun(tmp_path / "work")
    (tmp_path / "work/training.json").write_text("[")
    with pytest.raises(TrainingError, match="does not say of which"):
        ClipSession(tmp_path / "work", FACTS)


def test_without_a_state_it_begins_again(tmp_path):
    session = ClipSession(tmp_path / "work", FACTS)
    session.journal.write_text("{}")
    assert not ClipSession(tmp_path / "work", FACTS | {"seed": 1}).journal.exists()


def test_in_the_end_only_curves_stay(tmp_path):
    session = begun(tmp_path / "work")
    session.journal.write_text("{}")
    (tmp_path / "work/clips").mkdir()
    session.end()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["clips"]
