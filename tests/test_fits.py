"""Fits: what one finds is kept whole, and side by side in processes they give the same bits."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import FPS, LABELS, clips, films, small

from vtn_stream.embedding import Warned
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.training import fits as fits_module
from vtn_stream.training import side_by_side
from vtn_stream.training.events import EpochDone, FitsProgress
from vtn_stream.training.fits import Fit, Lesson, do, files_of, kept
from vtn_stream.training.side_by_side import VALUES, Progress, do_all
from vtn_stream.training.ways import Way, films_of

HEADS = ["localization", "dense", "classification"]


@pytest.fixture(autouse=True)
def saved_after_every_epoch(monkeypatch):
    monkeypatch.setattr("vtn_stream.training.loop.SAVE_EVERY_S", 0.0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def lesson_of(head, work, key="films"):
    given = clips(range(4)) if head == "classification" else films(range(4))
    return Lesson(
        films=tuple(given),
        inputs=("picture",),
        labels=LABELS,
        fps=FPS,
        backbone="none",
        device="cpu",
        work=work,
        key=key,
    )


def fits_of(head, num=1, **changes):
    return [
        Fit(
            name=f"fit {n}",
            way=Way(name="motion"),
            learns=(0, 1),
            reads=(3, 2),
            settings=small(head, seed=n, num_epochs=2, **changes),
            lengths=(1.0, 0.5),
            keeps_weights=True,
        )
        for n in range(num)
    ]


def run(lesson, fits, tell=lambda event: None, **options):
    progress = Progress(len(fits), sum(one.cost(lesson) for one in fits), lesson.work, tell)
    return do_all(lesson, fits, progress, **options)


def bits(outcome):
    """All that an outcome holds."""

    def of_scores(scores):
        arrays = [scores.frame, scores.saliency, scores.clip]
        arrays += [] if scores.spans is None else [scores.spans.bounds, scores.spans.classes, scores.spans.scores]
        return [None if array is None else (array.dtype, array.shape, array.tobytes()) for array in arrays]

    predictions = {length: [of_scores(one) for one in scores] for length, scores in outcome.predictions.items()}
    weights = {
        (length, name): tensor.numpy().tobytes()
        for length, of_length in outcome.weights.items()
        for name, tensor in of_length.items()
    }
    return predictions, weights, outcome.num_epochs, outcome.losses, outcome.notes


@pytest.mark.parametrize("head", HEADS)
def test_what_a_fit_found_is_kept_and_not_done_again(head, tmp_path, monkeypatch):
    lesson, (one,) = lesson_of(head, tmp_path / "work"), fits_of(head)
    assert kept(lesson, one) == (None, None)
    (found,) = run(lesson, [one])
    again, complaint = kept(lesson, one)
    assert bits(again) == bits(found)
    assert complaint is None
    own, others = files_of(lesson, lesson.work)
    assert ([file.suffix for file in own], others) == ([".fit"], [])  # and no state any more
    monkeypatch.setattr(side_by_side, "do", None)
    events = []
    assert bits(run(lesson, [one], events.append)[0]) == bits(found)
    assert events == [FitsProgress(num_done=1, num_fits=1, share=1.0)]


def test_a_way_of_one_input_reads_its_columns_of_any_number_of_films():
    """Also of none: the last fit has nothing to predict where no film is held out."""
    given = films(range(2))
    half = given[0].values.shape[1] // 2
    way = Way(name="linear, second only", inputs=("second",), model="linear")
    read = films_of(given, ("first", "second"), way)
    assert [film.values.tolist() for film in read] == [film.values[:, half:].tolist() for film in given]
    assert films_of((), ("first", "second"), way) == ()


@pytest.mark.parametrize("what", ["a film", "the way", "the films", "the settings", "the lengths"])
def test_what_another_fit_found_is_not_used(what, tmp_path):
    lesson, (one,) = lesson_of("dense", tmp_path), fits_of("dense")
    run(lesson, [one])
    changed = {
        "a film": (replace(lesson, key="other"), one),
        "the way": (lesson, replace(one, way=Way(name="motion", motion="none"))),
        "the films": (lesson, replace(one, learns=(1, 0))),
        "the settings": (lesson, replace(one, settings=replace(one.settings, weight_decay=0.5))),
        "the lengths": (lesson, replace(one, lengths=(1.0,))),
    }
    assert kept(*changed[what]) == (None, None)
    assert len(files_of(changed[what][0], tmp_path)[what == "a film"]) == 1


@pytest.mark.parametrize("damage", ["a flipped bit", "half of it", "another's"])
def test_a_damaged_file_is_reported_and_its_fit_done_again(damage, tmp_path):
    lesson, (one, other) = lesson_of("dense", tmp_path), fits_of("dense", 2)
    found = run(lesson, [one])[0]
    (file,) = files_of(lesson, tmp_path)[0]
    content = bytearray(file.read_bytes())
    if damage == "a flipped bit":
        content[len(content) // 2] ^= 1
    elif damage == "another's":
        file.rename(tmp_path / "kept")
        run(lesson, [other])
        content = next(iter(files_of(lesson, tmp_path)[0])).read_bytes()
    file.write_bytes(content[: len(content) // 2] if damage == "half of it" else content)
    events = []
    assert bits(run(lesson, [one], events.append)[0]) == bits(found)
    (warned,) = [event.message for event in events if isinstance(event, Warned)]
    assert warned == f"{file.name} is from another training, or damaged: this part of the training is done again"


class Killed(BaseException):
    pass


def test_killed_in_the_second_fit_it_goes_on_there_after_its_last_epoch(tmp_path):
    fits = fits_of("dense", 3)
    whole = [bits(outcome) for outcome in run(lesson_of("dense", None), fits)]
    num = 0

    def kill(event):
        nonlocal num
        num += isinstance(event, EpochDone)
        if num == 3:
            raise Killed

    lesson = lesson_of("dense", tmp_path)
    with pytest.raises(Killed):
        run(lesson, fits, kill)
    events = []
    assert [bits(outcome) for outcome in run(lesson, fits, events.append)] == whole
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2, 1, 2]  # the 1st again, as done
    first = next(event for event in events if isinstance(event, FitsProgress))
    assert (first.num_done, first.num_fits) == (1, 3)


def test_bits_do_not_depend_on_how_many_threads_torch_has():
    lesson, (one,) = lesson_of("dense", None), fits_of("dense")
    alone = bits(do(lesson, one, lambda event: None))
    torch.set_num_threads(2)
    try:
        assert bits(do(lesson, one, lambda event: None)) == alone
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_predictions_that_are_no_numbers_are_told_with_a_cure(monkeypatch):
    def strange(*_):
        raise CheckpointError("the model's output is not a number (NaN)", "so", "do")

    monkeypatch.setattr(fits_module, "predictions", strange)
    with pytest.raises(TrainingError, match=r"did not learn is not a number \(fit 0\); nothing was trained; look for"):
        run(lesson_of("dense", None), fits_of("dense"))


# ---- side by side


@pytest.fixture
def started(monkeypatch):
    """The processes that were started."""
    processes, start = [], subprocess.Popen

    def popen(*command, **options):
        processes.append(start(*command, **options))
        return processes[-1]

    monkeypatch.setattr(side_by_side.subprocess, "Popen", popen)
    return processes


def test_in_processes_fits_give_the_same_bits(started, tmp_path):
    fits, events = fits_of("localization", 3), []
    here = [bits(outcome) for outcome in run(lesson_of("localization", None), fits)]
    assert not started
    lesson = lesson_of("localization", tmp_path)
    assert [bits(outcome) for outcome in run(lesson, fits, events.append, num_workers=2)] == here
    assert len(started) == 2
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2  # ended by us, and waited for
    assert not (tmp_path / VALUES).exists()
    shares = [event.share for event in events if isinstance(event, FitsProgress)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert len([event for event in events if isinstance(event, EpochDone)]) == 6
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["fit-0", "fit-1", "fit-2"]


@pytest.mark.release
@pytest.mark.parametrize("how", ["a killed process", "Ctrl-C"])
def test_what_ends_early_leaves_no_process_and_no_values_and_goes_on(started, how, tmp_path):
    lesson, fits = lesson_of("dense", tmp_path), fits_of("dense", 2)

    def tell(event):
        if isinstance(event, EpochDone) and how == "Ctrl-C":
            raise KeyboardInterrupt
        if isinstance(event, EpochDone):
            os.kill(started[0].pid, signal.SIGKILL)

    costly = [(one, 1.0) for one in fits]
    with pytest.raises(KeyboardInterrupt if how == "Ctrl-C" else TrainingError) as told:
        side_by_side._in_processes(lesson, costly, Progress(2, 2.0, None, tell), 1)
    if how != "Ctrl-C":
        assert str(told.value).startswith(
            "a process that trains was killed by the system (signal 9); training stopped; what was done is kept; "
        )
    assert [process.returncode for process in started] == [-signal.SIGKILL]
    assert not (tmp_path / VALUES).exists()
    here = [bits(outcome) for outcome in run(lesson_of("dense", None), fits)]
    assert [bits(outcome) for outcome in run(lesson, fits)] == here


@pytest.mark.release
def test_a_process_without_its_parent_ends():
    worker = subprocess.Popen(
        [sys.executable, "-m", side_by_side.WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    worker.stdin.close()
    assert worker.wait(timeout=60) == 0
    assert worker.stdout.read() == b""
    worker.stdout.close()


@pytest.mark.release
def test_what_a_fit_raises_in_a_process_is_raised_here(started, tmp_path):
    lesson = lesson_of("dense", tmp_path)
    for film in lesson.films[:2]:
        film.values[3, 3] = np.inf
    with pytest.raises(TrainingError, match="embeddings of film 0 and film 1 are not numbers"):
        side_by_side._in_processes(lesson, [(fits_of("dense")[0], 1.0)], Progress(1, 1.0, None, print), 1)
    assert started[0].returncode is not None


def test_no_room_for_the_films_is_reported(monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(side_by_side, "bare", full)
    with pytest.raises(TrainingError, match=r"\(No space left on device\); training stopped; what was done is kept"):
        run(lesson_of("dense", tmp_path), fits_of("dense", 2), num_workers=2)
