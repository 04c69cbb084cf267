"""vtn-stream train, as people call it. What it teaches is tested elsewhere: here the lesson is a play."""

import signal
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from rich.progress import Progress

from vtn_stream.embedding import ChunkReady, FramesEmbedded, Warned
from vtn_stream.errors import InputError
from vtn_stream.film import FrameIndex
from vtn_stream.heads import HEADS
from vtn_stream.sampling import Chunk
from vtn_stream.training.events import FitsProgress, Prepared, Taught, TrainingStage
from vtn_stream.training.options import TrainingOptions
from vtn_stream_cli import console
from vtn_stream_cli.main import main
from vtn_stream_cli.train import train

STRANGE = "[bold red]run \x1b[31mred\nline two"


def chunk(num, source="film"):
    zeros = np.zeros(num)
    return ChunkReady(
        chunk=Chunk(video_identity="0", video_path=Path("a.mp4"), number=0, start=0, stop=num),
        values=np.zeros((num, 4), np.float16),
        index=FrameIndex(grid_s=zeros, frame=zeros.astype(int), pts_s=zeros, valid=zeros == 0),
        source=source,
        executions=(),
    )


def prepared(**facts):
    usual = {
        "num_films": 10,
        "num_folds": 5,
        "num_held_out": 2,
        "hours": 1.5,
        "num_segments": 120,
        "labels": ("run", "jump"),
        "fps": Fraction(4),
        "head": "localization",
        "num_positions": 100,
        "num_missing": 60,
    }
    return Prepared(**(usual | facts))


def models(num_done, share):
    return FitsProgress(num_done=num_done, num_fits=12, share=share)


PLAY = [
    TrainingStage(name="checking the films", message="a.mp4"),
    TrainingStage(name="checking the films", message="b.mp4"),
    prepared(),
    TrainingStage(name="embedding", message="a.mp4"),
    chunk(40, "store"),
    FramesEmbedded(num_frames=30),
    FramesEmbedded(num_frames=30),
    chunk(60),
    TrainingStage(name="training"),
    models(0, 0.05),
    models(1, 0.125),
    models(12, 1.0),
    TrainingStage(name="measuring"),
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "actions.csv").write_text("video,start_s,end_s,label\n")
    return [tmp_path / "actions.csv", "--videos", tmp_path / "films", "-o", tmp_path / "my actions.safetensors"]


@pytest.fixture
def lesson(monkeypatch, tmp_path):
    """What `teach` is called with and tells; it may be given another play."""

    class Lesson:
        play = PLAY
        called = None

        def teach(self, options, *, on_event):
            self.called, output = options, options.output
            for event in self.play:
                if isinstance(event, Exception):
                    raise event
                on_event(event() if callable(event) else event)
            return Taught(
                model=output,
                card=output.with_suffix(".md"),
                plots=(output.with_suffix(".png"),),
                log=tmp_path / "my actions.training",
                figures={"average mAP": 0.4123, "F1 at tIoU 0.5": 0.5},
                intervals={"average mAP": (0.351, 0.474)},
            )

    lesson, module = Lesson(), ModuleType("vtn_stream.training.teach")
    module.teach = lesson.teach
    monkeypatch.setitem(sys.modules, "vtn_stream.training.teach", module)
    return lesson


@pytest.fixture
def here(capsys, monkeypatch):
    """here(*arguments) -> (exit code, stdout, stderr)"""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(console.err, "_force_terminal", True)
    monkeypatch.setenv("TERM", "xterm")


def test_in_the_end_it_says_what_came_of_it_and_how_to_use_it(here, lesson, files, tmp_path):
    code, out, err = here(*files)
    assert (code, err) == (0, "")
    model = tmp_path / "my actions.safetensors"
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines == [
        "training my actions.safetensors from actions.csv",
        "localization of 2 labels: run and jump",
        "from 10 films, 2 more are held out: 1.50 h, 120 segments, 4 positions per second",
        "on films that were not learnt, in percent:",
        "                model  90 % interval",
        "average mAP      41.2   35.1 to 47.4",
        "F1 at tIoU 0.5   50.0",
        f"wrote {model}",
        f"wrote {model.with_suffix('.md')}",
        f"wrote {model.with_suffix('.png')}",
        f"tensorboard --logdir '{tmp_path / 'my actions.training'}'",
        f"vtn-stream analyze movie.mp4 --model '{model}'",
    ]


def test_what_is_not_said_is_left_to_the_lesson(here, lesson, files):
    here(*files)
    annotations, _, videos, _, output = files
    assert lesson.called == TrainingOptions(annotations=annotations, videos=videos, output=output)


def test_what_is_said_is_done(here, lesson, files, tmp_path, tiny_weights):
    words = [
        "--head",
        "dense",
        "--fps",
        "30000/1001",
        "--backbone",
        "resnet50",
        "--device",
        "cpu",
        "--weights",
        tiny_weights,
        "--size",
        192,
    ]
    words += [
        "--store",
        tmp_path,
        "--seed",
        3,
        "--epochs",
        7,
        "--hold-out",
        "--skip-bad",
        "--anyway",
        "--overwrite",
        "--log",
        "log",
    ]
    assert here(*files, *words)[0] == 0
    said = {"head": "dense", "fps": "30000/1001", "backbone": "resnet50", "weights": tiny_weights, "device": "cpu"}
    said |= {"size": 192, "store": tmp_path, "seed": 3, "epochs": 7, "log": Path("log")}
    said |= dict.fromkeys(("hold_out", "skip_bad", "anyway", "overwrite"), True)
    annotations, _, videos, _, output = files
    assert lesson.called == TrainingOptions(annotations=annotations, videos=videos, output=output, **said)


def test_doubts_and_warnings_are_lines_of_their_own(here, lesson, files):
    lesson.play = [prepared(notes=("one film is odd", *map(str, range(60)))), Warned(message=f"{STRANGE} is damaged")]
    code, out, err = here(*files)
    lines = err.splitlines()
    assert code == 0
    assert lines[0] == "one film is odd"
    assert lines[39:] == ["38", "and 21 more", "[bold red]run \\x1b[31mred\\nline two is damaged"]
    assert "odd" not in out


def test_labels_of_strangers_are_shown_and_not_obeyed(here, lesson, files):
    lesson.play = [prepared(labels=(STRANGE, *"abcdefghi"), head="classification", fps=Fraction("0.5"))]
    _, out, _ = here(*files)
    assert out.splitlines()[1] == (
        "classification of 10 labels: [bold red]run \\x1b[31mred\\nline two, a, b, c, d, e, f, g and 2 more"
    )
    assert "120 clips, 0.5 positions per second" in out


def test_a_terminal_sees_it_go_on(here, lesson, files, terminal, monkeypatch):
    bars, seen = [], []

    class Bars(Progress):
        def start(self):
            bars.append(self)
            super().start()

    def look():
        (task,) = bars[0].tasks
        seen.append((task.description, task.completed, task.total, task.fields["words"]))
        return FramesEmbedded(num_frames=0)

    monkeypatch.setattr("vtn_stream_cli.training_display.Progress", Bars)
    lesson.play = [event for told in PLAY for event in (told, look)]
    code, _, err = here(*files)
    assert code == 0
    assert seen == [
        ("checking the films: a.mp4", 0, None, ""),
        ("checking the films: b.mp4", 0, None, ""),
        ("embedding", 0, 60, ""),
        ("embedding: a.mp4", 0, 60, ""),
        ("embedding: a.mp4", 0, 60, ""),  # what is stored is no work
        ("embedding: a.mp4", 30, 60, ""),
        ("embedding: a.mp4", 60, 60, ""),
        ("embedding: a.mp4", 60, 60, ""),
        ("training", 0, None, ""),
        ("training", 0.05, 1.0, "model 1 of 12"),
        ("training", 0.125, 1.0, "model 2 of 12"),
        ("training", 1.0, 1.0, "model 12 of 12"),
        ("measuring", 0, None, ""),
    ]
    assert "localization of 2 labels" in err


def test_an_error_is_one_line(here, lesson, files):
    lesson.play = [PLAY[0], InputError("this is too little to learn from", "nothing was trained", "use --anyway")]
    code, out, err = here(*files)
    assert (code, out) == (1, "training my actions.safetensors from actions.csv\n")
    assert err == "vtn-stream: this is too little to learn from; nothing was trained; use --anyway\n"


@pytest.mark.parametrize("swallowed", [False, True])
def test_ctrl_c_is_130_and_says_that_nothing_is_lost(here, lesson, files, swallowed):
    def interrupt():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not swallowed:
                raise
        return PLAY[0]

    lesson.play = [interrupt, AssertionError("it went on")]
    code, out, err = here(*files)
    assert (code, out) == (130, "training my actions.safetensors from actions.csv\n")
    assert err.strip() == "vtn-stream: interrupted; what was stored is kept, run the same command again to continue"


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files[1:],
        lambda files: [files[0], *files[3:]],
        lambda files: files[:3],
        lambda files: ["missing.csv", *files[1:]],
        lambda files: [files[0], "--videos", files[0], *files[3:]],
        lambda files: [*files[:4], files[2]],
        lambda files: [*files, "--head", "spotting"],
        lambda files: [*files, "--epochs", "0"],
        lambda files: [*files, "--seed", "-1"],
        lambda files: [*files, "--device", "tpu"],
        lambda files: [*files, "more"],
    ],
)
def test_wrong_usage_is_2_and_says_how(here, lesson, files, change):
    code, out, err = here(*change(files))
    assert (code, out, lesson.called) == (2, "", None)
    assert err.startswith("Usage: vtn-stream train")
    assert "\nError: " in err


def test_the_command_offers_every_head():
    (head,) = (parameter for parameter in train.params if parameter.name == "head")
    assert sorted(head.type.choices) == sorted(["auto", *HEADS])
