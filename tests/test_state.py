"""Where training stands, in a file: what is written is read, and anything else is not used."""

import hashlib
import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream import atomic
from vtn_stream.errors import TrainingError
from vtn_stream.training.state import TrainingState, load_state, save_state

KEY = "('films', Settings(seed=0))"
STATE = TrainingState(
    KEY,
    {"epoch": 3, "best": 0.1 + 0.2, "losses": [1.5, 1e-17], "learner": {"step": 12}},
    {
        "network": {"encoder.project.weight": torch.arange(6.0).reshape(2, 3), "scales": torch.tensor([1 / 3])},
        "mean": {"scales": torch.tensor(2.5)},
    },
    {0: {"step": torch.tensor(12.0), "exp_avg": torch.ones(2, 3)}, 11: {"exp_avg": torch.zeros(0)}},
)


@pytest.fixture
def file(tmp_path):
    save_state(tmp_path / "deep" / "motion.state", STATE)
    return tmp_path / "deep" / "motion.state"


def signed(content):
    return hashlib.blake2b(content, digest_size=32).digest() + content


def assert_same(found, expected=STATE):
    assert (found.key, found.progress) == (expected.key, expected.progress)
    for ours, theirs in ((found.tensors, expected.tensors), (found.optimizer, expected.optimizer)):
        assert ours.keys() == theirs.keys()
        for group in ours:
            assert ours[group].keys() == theirs[group].keys()
            for name, tensor in ours[group].items():
                assert tensor.dtype == theirs[group][name].dtype
                assert torch.equal(tensor, theirs[group][name])


def test_what_is_written_is_read(file):
    assert_same(load_state(file, KEY))
    assert [path.name for path in file.parent.iterdir()] == ["motion.state"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5), st.text(max_size=8))
def test_numbers_and_text_come_back_as_they_were(tmp_path_factory, losses, key):
    path = tmp_path_factory.mktemp("state") / "state"
    key = key.encode("utf-8", "replace").decode()
    save_state(path, TrainingState(key, {"losses": losses}, {}, {}))
    assert load_state(path, key).progress == {"losses": losses}


def test_there_may_be_none(tmp_path):
    assert load_state(tmp_path / "none", KEY) is None
    assert load_state(tmp_path, KEY) is None  # a folder


def test_one_of_another_training_is_not_used(file):
    assert load_state(file, KEY + " ") is None


def test_a_changed_byte_is_noticed_wherever_it_is(file):
    content = bytearray(file.read_bytes())
    for at in [*range(40), *range(40, len(content), 11)]:
        content[at] ^= 0x10
        file.write_bytes(content)
        assert load_state(file, KEY) is None, at
        content[at] ^= 0x10
    file.write_bytes(content)
    assert_same(load_state(file, KEY))


def test_a_part_of_it_is_not_used(file):
    content = file.read_bytes()
    for stop in [*range(0, 80), *range(80, len(content), 37), len(content) - 1]:
        file.write_bytes(content[:stop])
        assert load_state(file, KEY) is None, stop
    file.write_bytes(content + b"\0")
    assert load_state(file, KEY) is None


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("where", ["key", "progress", "network/x", "optimizer/0/step"])
@pytest.mark.parametrize("signs", [False, True])
def test_nothing_in_it_is_executed(tmp_path, where, signs):
    bomb = np.array([Bomb(tmp_path / "exploded")], object)
    arrays = {"key": np.frombuffer(KEY.encode(), np.uint8), "progress": np.frombuffer(b"{}", np.uint8)} | {where: bomb}
    content = io.BytesIO()
    np.savez(content, **arrays)
    path = tmp_path / "state"
    path.write_bytes(signed(content.getvalue()) if signs else content.getvalue())
    assert load_state(path, KEY) is None
    assert not (tmp_path / "exploded").exists()
    content.seek(0)
    np.load(content, allow_pickle=True)[where]  # it would have
    assert (tmp_path / "exploded").exists()


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/") + ".npy", data)
    return content.getvalue()


TEXT = {"key": npy(np.frombuffer(KEY.encode(), np.uint8)), "progress": npy(np.frombuffer(b"{}", np.uint8))}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        pickle.dumps({"key": KEY}),
        npy(np.zeros(3)),
        zipped(),
        zipped(**TEXT)[:-5],
        zipped(key=TEXT["key"]),
        zipped(**TEXT, network__x=b"no array"),
        zipped(**TEXT | {"progress": npy(np.frombuffer(b"{", np.uint8))}),
        zipped(**TEXT | {"progress": npy(np.frombuffer(b"\xff", np.uint8))}),
        zipped(**TEXT, optimizer__one__step=npy(np.zeros(1))),
        zipped(**TEXT, network__x=npy(np.array(["text"]))),
        zipped(**TEXT | {"key": npy(np.array(300.5))}),
    ],
)
def test_what_a_stranger_signs_is_no_state_for_that(tmp_path, content):
    (tmp_path / "state").write_bytes(signed(content))
    assert load_state(tmp_path / "state", KEY) is None


def test_what_is_right_and_signed_is_one(tmp_path):
    """Or the test above would show nothing."""
    (tmp_path / "state").write_bytes(signed(zipped(**TEXT, network__x=npy(np.zeros(2)))))
    assert_same(
        load_state(tmp_path / "state", KEY), TrainingState(KEY, {}, {"network": {"x": torch.zeros(2).double()}}, {})
    )


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_where_it_cannot_be_written_the_state_before_stays(file, monkeypatch, call):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, call, full)
    with pytest.raises(TrainingError) as told:
        save_state(file, TrainingState(KEY, {"epoch": 4}, STATE.tensors, STATE.optimizer))
    assert str(told.value) == (
        "the state of the training cannot be written (No space left on device); training stopped; it can continue from "
        "the state before; free some space, and run again"
    )
    monkeypatch.undo()
    assert_same(load_state(file, KEY))
    assert [path.name for path in file.parent.iterdir()] == ["motion.state"]


def test_a_folder_that_cannot_be_written_is_told(read_only_folder):
    with pytest.raises(TrainingError, match="Permission denied"):
        save_state(read_only_folder / "deep" / "motion.state", STATE)


KILLED = """
import os, signal, sys
from pathlib import Path
from vtn_stream import atomic
from vtn_stream.training.state import TrainingState, save_state
kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
atomic.os.replace = kill
save_state(Path(sys.argv[1]), TrainingState(sys.argv[2], {"epoch": 4}, {}, {}))
"""


def test_a_kill_while_it_is_written_leaves_the_state_before(file):
    done = subprocess.run([sys.executable, "-c", KILLED, file, KEY], timeout=120)
    assert done.returncode == -9
    assert_same(load_state(file, KEY))
    assert len(list(file.parent.iterdir())) == 2  # what it had written so far is under another name


def test_progress_is_json(file):
    with np.load(io.BytesIO(file.read_bytes()[32:])) as arrays:
        assert json.loads(bytes(arrays["progress"])) == STATE.progress
        assert sorted(arrays.files) == [
            "key",
            "mean/scales",
            "network/encoder.project.weight",
            "network/scales",
            "optimizer/0/exp_avg",
            "optimizer/0/step",
            "optimizer/11/exp_avg",
            "progress",
        ]
