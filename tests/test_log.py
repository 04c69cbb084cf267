"""Curves, as TensorBoard itself reads them."""

import os
import socket

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vtn_stream.errors import TrainingError
from vtn_stream.training.log import Log


def curves(folder):
    """{tag: [(step, value)]}"""
    read = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, round(e.value, 4)) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_tensorboard_reads_what_is_written(tmp_path):
    log = Log(tmp_path / "deep" / "motion")
    log.write(1, loss=2.5)
    log.write(2, loss=1.25, **{"mAP@.3:.1:.7": 0.5})
    assert curves(tmp_path / "deep" / "motion") == {"loss": [(1, 2.5), (2, 1.25)], "mAP@.3:.1:.7": [(2, 0.5)]}


def test_a_curve_can_be_looked_at_while_it_grows(tmp_path):
    log, seen = Log(tmp_path), []
    for step in (1, 2, 3):
        log.write(step, loss=step)
        seen.append(len(curves(tmp_path)["loss"]))
    assert seen == [1, 2, 3]


def test_the_file_tells_no_machine(tmp_path):
    Log(tmp_path).write(1, loss=2.5)
    assert os.listdir(tmp_path) == ["events.out.tfevents"]
    content = (tmp_path / "events.out.tfevents").read_bytes()
    for word in (socket.gethostname(), os.fspath(tmp_path)):
        assert word.encode() not in content


def test_a_training_that_goes_on_adds_to_it(tmp_path):
    Log(tmp_path).write(1, loss=4)
    log = Log(tmp_path)
    log.write(2, loss=3)
    log.write(3, loss=2)
    assert curves(tmp_path) == {"loss": [(1, 4), (2, 3), (3, 2)]}


@pytest.mark.parametrize(
    ("first", "kept"), [(1, []), (2, [(1, 9)]), (3, [(1, 9), (2, 8)]), (7, [(1, 9), (2, 8), (3, 7)])]
)
def test_what_is_done_again_replaces_what_was_said_of_it(tmp_path, first, kept):
    before = Log(tmp_path)
    for step in (1, 2, 3):
        before.write(step, loss=10 - step)
    Log(tmp_path).write(first, loss=0.5)
    kept = [(step, 10 - step) for step in (1, 2, 3) if step < first]
    assert curves(tmp_path) == {"loss": [*kept, (first, 0.5)]}


def test_what_a_kill_left_of_a_record_hides_nothing_that_follows(tmp_path):
    file = tmp_path / "events.out.tfevents"
    Log(tmp_path).write(1, loss=4)
    one = len(file.read_bytes())
    Log(tmp_path).write(2, loss=3)
    whole = file.read_bytes()
    for stop in range(0, len(whole) + 1):
        file.write_bytes(whole[:stop])
        Log(tmp_path).write(3, loss=2)
        expected = [(1, 4)] * (stop >= one) + [(2, 3)] * (stop >= len(whole)) + [(3, 2)]
        if stop in (0, 10, one - 1, one, one + 1, one + 30, len(whole) - 1, len(whole)):  # reading is slow
            assert curves(tmp_path) == {"loss": expected}, stop
    file.write_bytes(whole + bytes(40))  # what a file system may leave after a power cut
    Log(tmp_path).write(3, loss=2)
    assert curves(tmp_path) == {"loss": [(1, 4), (2, 3), (3, 2)]}


def test_a_log_that_cannot_be_written_is_told(read_only_folder):
    with pytest.raises(TrainingError) as told:
        Log(read_only_folder / "motion").write(1, loss=1)
    assert str(told.value) == (
        "the log of the training cannot be written (Permission denied); training stopped; what was done is "
        "kept; free some space, or name another folder with --log, and run again"
    )


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"Not a directory|File exists"):
        Log(tmp_path / "file").write(1, loss=1)


def test_a_full_disk_is_told_and_the_curve_goes_on_after_it(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    Log(tmp_path).write(1, loss=4)
    with monkeypatch.context() as patch:
        patch.setattr("vtn_stream.training.log.os.fsync", full)
        with pytest.raises(TrainingError, match="No space left"):
            Log(tmp_path).write(2, loss=3)
    Log(tmp_path).write(2, loss=2.5)
    assert curves(tmp_path) == {"loss": [(1, 4), (2, 2.5)]}
