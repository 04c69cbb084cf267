"""teach, from films to a model that draws timelines: two textures are two actions."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vtn_stream.analysis import analyze
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, film_role
from vtn_stream.embedding import FramesEmbedded, Warned
from vtn_stream.errors import CheckpointError, InputError, TrainingError
from vtn_stream.film import bare_name
from vtn_stream.training.events import EpochDone, FitsProgress, TrainingStage
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.teach import teach
from vtn_stream.training.write import write
from vtn_stream.video import DecodingProcess

pytestmark = pytest.mark.usefixtures("warm_decoders")


def wanted(folder, output):
    """What is asked of a training that never gets as far as its annotations."""
    return TrainingOptions(annotations=folder / "none.csv", videos=folder / "none", output=output)


PATIENT = "patient 7"  # in the name of every film
HOST, USER = "host-of-the-clinic", "doctor-who"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class World:
    """Films of 45 s, of which textures 1 and 2 are actions and 0 is nothing, four to learn of two sources and one held
    out, and clips of one texture; a lesson a head at 2 positions a second.
    """

    def __init__(self, root, film_maker, backbone, weights):
        self.root = root
        self.epochs = {"localization": 6, "dense": 6, "classification": 2}
        self.options = {"backbone": backbone, "weights": weights, "store": root / "store", "device": "cpu", "fps": 2}
        self._taught = {}
        rows = ["video,start_s,end_s,label,subset,source"]
        for number in range(5):
            scenes, name = self._scenes(number), f"{PATIENT} {number}.mp4"
            self.film(name).parent.mkdir(exist_ok=True)
            film_maker(self.film(name), scenes)
            subset, at = "validation" if number == 4 else "training", 0
            for seconds, texture in scenes:
                if texture:
                    rows.append(f"{name},{at},{at + seconds},{('run', 'jump')[texture - 1]},{subset},s{number // 2}")
                at += seconds
        (root / "actions.csv").write_text("\n".join(rows) + "\n")
        for number in range(8):
            name, texture = ("run", 1) if number % 2 else ("jump", 2)
            (root / "clips" / name).mkdir(parents=True, exist_ok=True)
            film_maker(root / "clips" / name / f"{PATIENT} {number}.mp4", [(4 + number / 5, texture)])

    @staticmethod
    def _scenes(number):
        rng = np.random.default_rng(number)
        pairs = [((int(rng.integers(3, 7)), 0), (int(rng.integers(3, 7)), 1 + (n + number) % 2)) for n in range(4)]
        return [scene for pair in pairs for scene in pair]

    def film(self, name):
        return self.root / "films" / name

    def teach(self, head, name=None, **options):
        """A new lesson: (Taught, what was told, Learnt)"""
        events, learnt = [], []
        output = self.root / f"{name or head}.safetensors"
        annotations, videos = self.root / "actions.csv", self.root / "films"
        if head == "classification":
            annotations = videos = self.root / "clips"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "gethostname", lambda: HOST)
            patch.setenv("USER", USER)
            patch.setenv("LOGNAME", USER)
            patch.setattr("vtn_stream.training.teach.write", lambda *what: (learnt.append(what[1]), write(*what))[1])
            options = {"head": head, "epochs": self.epochs[head], **self.options, **options}
            options["hold_out"] = head != "classification"
            asked = TrainingOptions(annotations=annotations, videos=videos, output=output, **options)
            taught = teach(asked, on_event=events.append)
        return taught, events, learnt[0]

    def taught(self, head):
        """The one lesson that tests share."""
        if head not in self._taught:
            self._taught[head] = self.teach(head)
        return self._taught[head]

    def short(self):
        """A lesson of one epoch, for what does not depend on what is learnt, written where a text was."""
        if "short" not in self._taught:
            for name in ("short.safetensors", "short.md"):
                (self.root / name).write_text("old")
            self._taught["short"] = self.teach("dense", "short", overwrite=True, epochs=1)
        return self._taught["short"]


@pytest.fixture(scope="module")
def world(tmp_path_factory, film_maker, tiny, tiny_weights):
    return World(tmp_path_factory.mktemp("world"), film_maker, tiny, tiny_weights)


HEADS = ["localization", "dense", "classification"]


# ---- films become a model


@pytest.mark.parametrize("head", HEADS)
def test_a_model_its_card_its_plots_and_its_curves_are_there(world, head):
    taught, events, learnt = world.taught(head)
    assert taught.model == world.root / f"{head}.safetensors"
    assert taught.card == world.root / f"{head}.md"
    card = taught.card.read_text()
    assert card.startswith(f"# {head}.safetensors\n")
    for plot in taught.plots:
        assert plot.parent == world.root / f"{head}.plots"
        assert plot.read_bytes()
        assert f"({head}.plots/{plot.name})" in card
    plots = {plot.stem for plot in taught.plots}
    assert {"confusion-of-films" if head == "classification" else "timelines", "reliability"} <= plots
    assert ("learning-curve" in plots) == (head == "classification")  # two sources are too few for it
    assert taught.figures == learnt.exam.figures
    assert taught.log == world.root / f"{head}.training"
    stages = [event.name for event in events if isinstance(event, TrainingStage)]
    assert list(dict.fromkeys(stages))[2:] == ["training", "measuring", "writing"]
    if learnt.way.model == "network":
        curves = EventAccumulator(str(taught.log / "all-films")).Reload()
        assert curves.Tags()["scalars"] == ["loss"]
        assert [e.value for e in curves.Scalars("loss")] == pytest.approx(learnt.fitted.losses)
    folds = {path.name for path in taught.log.iterdir()}
    assert {f"network,-fold-{n + 1}-of-2" for n in range(2)} <= folds or head == "classification"
    assert all(path.is_dir() for path in taught.log.iterdir())  # curves: nothing else is left


@pytest.mark.parametrize(
    ("head", "figure", "least"), [("localization", "mAP, tIoU 0.3 to 0.7", 0.5), ("dense", "frame accuracy", 0.9)]
)
def test_textures_are_told_apart(world, head, figure, least):
    assert world.taught(head)[0].figures[figure] >= least


@pytest.mark.parametrize("head", HEADS)
def test_nothing_that_is_shared_tells_of_this_machine_and_the_model_not_of_the_films(world, head):
    taught, _, _ = world.taught(head)
    words = [os.fspath(world.root), os.fspath(world.root.parent), os.fspath(Path.home() / ""), HOST, USER]
    logs = list(taught.log.rglob("*tfevents*"))
    assert len(logs) >= 2
    for file in (taught.model, taught.card, *taught.plots, *logs):
        content = file.read_bytes()
        for word in words:
            assert word.encode() not in content, (file.name, word)
            assert word not in os.fspath(file.relative_to(world.root))
    assert PATIENT.encode() not in taught.model.read_bytes()


@pytest.mark.parametrize("head", ["localization", "dense"])
def test_the_timeline_of_a_held_out_film_is_the_one_that_was_measured(world, head):
    taught, _, learnt = world.taught(head)
    (measured,) = learnt.held_out.scores.films
    timeline = analyze(
        world.film(measured.name),
        model=taught.model,
        weights=world.options["weights"],
        device="cpu",
        store=world.options["store"],
    )
    assert len(timeline.segments) >= 3
    assert len(timeline.segments) == len(measured.shown)
    for ours, theirs in zip(timeline.segments, measured.shown, strict=True):
        assert ours.label == theirs.label
        assert (ours.start_s, ours.end_s) == pytest.approx((theirs.start_s, theirs.end_s), abs=1e-3)
        assert ours.score == pytest.approx(theirs.score, abs=1e-3)


@pytest.mark.parametrize("head", HEADS)
def test_the_model_holds_what_was_fitted(world, head):
    taught, _, learnt = world.taught(head)
    checkpoint = load_checkpoint(taught.model)
    assert checkpoint.labels == ("jump", "run")
    assert checkpoint.recipe.fps == 2
    assert checkpoint.operating_points == learnt.points
    assert checkpoint.phase_rules == learnt.rules
    assert (learnt.rules is not None) == (head == "dense")
    assert (set(learnt.points.own) == {"jump", "run"}) == (head != "dense")
    for name, tensor in checkpoint.network().state_dict().items():
        assert torch.equal(tensor, learnt.fitted.network.state_dict()[name])
    told = checkpoint.training
    assert told["figures"] == {name: round(value, 4) for name, value in taught.figures.items()}
    assert (told["way"], told["epochs"], told["seed"]) == (learnt.way.name, learnt.fitted.num_epochs, 0)
    assert sum(told["training"]["num_segments"].values()) == (16 if head != "classification" else 8)
    assert told["tried"][told["way"]] == max(told["tried"].values())
    assert checkpoint.inputs == learnt.way.inputs
    assert ("held_out" in told) == (head != "classification")


@pytest.mark.parametrize("head", HEADS)
def test_the_model_knows_its_films_by_their_content_and_says_so_in_their_timelines(world, tmp_path, head):
    taught, _, learnt = world.taught(head)
    training = load_checkpoint(taught.model).training
    mine, others = sorted((world.root / "clips", world.root / "films"), reverse=head != "classification")
    apart = {} if learnt.held_out is None else {bare_name(film.name) for film in learnt.held_out.scores.films}
    films = {"learnt": [], "new": sorted(others.rglob("*.mp4"))}
    for film in sorted(mine.rglob("*.mp4")):
        films["new" if film.stem in apart else "learnt"].append(film)
    assert len(films["learnt"]) == (4 if head != "classification" else 8)
    with DecodingProcess() as process:
        for role, of_role in films.items():
            assert {film_role(training, process.probe(film).identity) for film in of_role} == {role}
    copy = shutil.copy(films["learnt"][0], tmp_path / "another name.mp4")
    options = {"weights": world.options["weights"], "device": "cpu", "store": world.options["store"]}
    begins = {"learnt": "The model learnt from this film", "validated": "This film validated the training"}
    for role, film in {"learnt": copy, "new": films["new"][-1]}.items():
        provenance = analyze(film, model=taught.model, **options).provenance
        assert provenance["film_in_training"] == role
        assert FILM_DIGESTS not in provenance["analysis"]["training"]
        said = [known for known, begin in begins.items() for note in provenance["notes"] if note.startswith(begin)]
        assert said == [role] * (role != "new")


def test_thresholds_above_all_scores_show_nothing(world):
    """A timeline does depend on them: on those that were chosen on other films."""
    taught, _, learnt = world.taught("localization")
    points = {film.name: learnt.crossed.choice_of(n).points for n, film in enumerate(learnt.crossed.films)}
    shown = [(s, points[film.name].of(s.label)) for film in learnt.exam.scores.films for s in film.shown]
    assert all(s.score >= point.high - 5e-5 for s, point in shown)
    candidates = [s for film in learnt.exam.scores.films for s in film.candidates]
    assert len(candidates) > len(shown)
    assert taught.figures["F1 of the timelines, tIoU 0.5"] > 0


# ---- killed


@pytest.mark.release  # fits that are killed go on in test_fits.py, and a whole training after a full disk below
def test_killed_by_the_system_it_goes_on_to_the_same_bytes(world):
    taught, _, _ = world.taught("dense")
    output, log = world.root / "killed.safetensors", world.root / "killed.training"
    options = world.options
    command = [sys.executable, "-c", "from vtn_stream_cli.main import main; main()", "train"]
    command += [world.root / "actions.csv", "--videos", world.root / "films", "-o", output, "--head", "dense"]
    command += ["--fps", "2", "--backbone", options["backbone"], "--weights", options["weights"], "--device", "cpu"]
    command += ["--store", options["store"], "--epochs", str(world.epochs["dense"]), "--hold-out"]
    running = subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while len(list(log.glob("*.fit"))) < 2 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not output.exists()

    done = len(list(log.glob("*.fit")))
    again, events, _ = world.teach("dense", "killed")
    assert again.model.read_bytes() == taught.model.read_bytes()
    assert not any(isinstance(event, FramesEmbedded | Warned) for event in events)  # what was stored is used
    assert next(event.num_done for event in events if isinstance(event, FitsProgress)) >= 1
    assert done >= 2
    assert not [*log.glob("*.state"), *log.glob("*.fit")]


# ---- what is in the way


def test_a_model_that_is_there_is_kept_before_any_work(world):
    taught, _, _ = world.taught("dense")
    before = taught.model.read_bytes()
    events = []
    with pytest.raises(TrainingError) as told:
        teach(wanted(world.root, taught.model), on_event=events.append)
    assert str(told.value) == (
        "dense.safetensors exists already; it was kept, and nothing was trained; name another file with -o, or "
        "replace it with --overwrite"
    )
    assert events == []
    assert taught.model.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "made", "complaint"),
    [
        ("m.safetensors", "m.md", r"^m\.md exists already; it was kept"),
        ("m.safetensors", "m.safetensors/", r"^m\.safetensors exists already; .*; name another file with -o$"),
        (
            "m.md",
            None,
            r"^m\.md cannot be the name of a model; nothing was trained; give a name after -o that ends in \.safetens",
        ),
        ("m.training", None, "cannot be the name of a model"),
        ("m", None, "cannot be the name of a model"),
        ("n" * 300 + ".safetensors", None, "cannot be written"),
        ("file/m.safetensors", "file", "cannot be written"),
        ("m.safetensors", "m.training", "cannot be written"),
        ("m.safetensors", "m.plots", "cannot be written"),
    ],
)
def test_names_that_cannot_be_written_are_told_before_any_work(tmp_path, name, made, complaint):
    if made:
        (tmp_path / made).mkdir() if made.endswith("/") else (tmp_path / made).write_text("notes of mine")
    there = sorted(tmp_path.rglob("*"))
    with pytest.raises((TrainingError, InputError), match=complaint) as told:
        teach(wanted(tmp_path, tmp_path / name))
    assert "\n" not in str(told.value)
    assert str(tmp_path) not in str(told.value)
    assert sorted(tmp_path.rglob("*")) == there


def test_a_folder_that_cannot_be_written_is_told_before_any_work(read_only_folder):
    with pytest.raises(TrainingError, match="Permission denied"):
        teach(wanted(read_only_folder, read_only_folder / "deep" / "m.safetensors"))


def test_overwriting_replaces_all_of_it(world):
    """A dense model, its card and plots where a text was."""
    taught, _, _ = world.short()
    assert load_checkpoint(taught.model).labels == ("jump", "run")
    assert "old" not in taught.card.read_text().split()


# ---- where it cannot be written


def refused(*_, **__):
    raise CheckpointError("m.safetensors cannot be written (No space left on device)", "so", "do")


@pytest.mark.release
def test_after_a_full_disk_it_is_written_without_learning_again(world, monkeypatch):
    taught, _, _ = world.short()
    with monkeypatch.context() as patch:
        patch.setattr("vtn_stream.training.write.save_checkpoint", refused)
        with pytest.raises(TrainingError):
            world.teach("dense", "full", epochs=1)
    assert len(list((world.root / "full.training").glob("*.fit"))) == 9  # 2 folds, 4 ways, and the finished model's
    again, events, _ = world.teach("dense", "full", overwrite=True, epochs=1)  # the card is there
    assert again.model.read_bytes() == taught.model.read_bytes()
    assert not any(isinstance(event, EpochDone) for event in events)
    assert not list(again.log.glob("*.fit"))
