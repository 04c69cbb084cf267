"""vtn-stream train --recipe paper, from lists of clips to a model that is used without anything else."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from planted_clips import NETWORK, SMALL, write_blind_weights, write_clips

from vtn_stream import analyze
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.embedding import Warned
from vtn_stream.errors import InputError, TrainingError, VtnStreamError
from vtn_stream.evaluation.clip_classes import read_clips
from vtn_stream.evaluation.labelled_clips import Protocol, evaluate
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP
from vtn_stream.training import loop
from vtn_stream.training.clip_network import begin
from vtn_stream.training.clip_plan import plan_for
from vtn_stream.training.events import ClipsPrepared, EpochDone, StepDone
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.train import train

NAMES = "lying,0\nstanding,1\n"


class Killed(BaseException):
    pass


@dataclass(frozen=True)
class Material:
    """Eight clips to learn from and a file that is none, four for validation, names, and weights."""

    folder: Path
    train: Path
    validation: Path
    names: Path
    weights: Path

    def teach(self, output, on_event=None, **changes):
        options = {
            "recipe": "paper",
            "network": NETWORK,
            "size": 32,
            "weights": self.weights,
            "validation": self.validation,
            "names": self.names,
            "epochs": 2,
            "device": "cpu",
            "store": self.folder / "store",
            "overrides": SMALL | {"batch_size": 4},
        }
        return train(self.train, self.folder / "films", output, **(options | changes), on_event=on_event)


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    folder = tmp_path_factory.mktemp("planted")
    learnt, validation = write_clips(folder, 8, 4)
    (folder / "films/train/bad.mp4").write_bytes(b"no film")
    with open(learnt, "a") as file:
        file.write("train/bad.mp4 1\n")
    (folder / "names.csv").write_text(NAMES)
    return Material(folder, learnt, validation, folder / "names.csv", write_blind_weights(folder / "w.safetensors"))


@pytest.fixture(scope="module")
def whole(material, tmp_path_factory):
    """The model's file, and what was told."""
    events = []
    taught = material.teach(tmp_path_factory.mktemp("models") / "m.safetensors", events.append)
    return taught, events


def test_it_says_what_it_will_take_before_the_first_step(whole):
    _, events = whole
    kinds = [type(event) for event in events]
    prepared = next(event for event in events if isinstance(event, ClipsPrepared))
    assert "an epoch" in prepared.estimate
    assert (prepared.num_clips, prepared.num_validation, prepared.num_epochs, prepared.num_steps) == (9, 4, 2, 3)
    assert (prepared.labels, prepared.source) == (("lying", "standing"), "file")
    assert kinds.index(ClipsPrepared) < kinds.index(StepDone)


def test_each_epoch_is_measured_on_the_clips_for_validation(whole):
    _, events = whole
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert [event.epoch for event in epochs] == [1, 2]
    assert all(set(event.figures) == {"top-1"} for event in epochs)
    steps = [(event.epoch, event.step) for event in events if isinstance(event, StepDone) and event.what == "learning"]
    assert steps == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


def test_a_clip_that_is_no_film_is_told_once_and_counted_in_the_card(whole):
    taught, events = whole
    told = [event.message for event in events if isinstance(event, Warned)]
    assert [message for message in told if "bad.mp4" in message] == told[:1]
    assert "1 clip could not be decoded, and was left out" in taught.card.read_text()
    assert load_checkpoint(taught.model).training["clips_left_out"] == 1
    assert "| standing | 4 | 2 |" in taught.card.read_text()  # without it


def test_the_card_says_how_it_was_trained_and_how_good_it_is(whole):
    taught, _ = whole
    card = taught.card.read_text()
    assert "By the recipe paper" in card
    assert "The first weights of the image network came from: file." in card
    assert "on 4 clips that it did not learn" in card
    assert "learning\\_rate" in card
    assert str(taught.model.parent) not in card


def test_the_model_says_what_it_is(whole):
    model = load_checkpoint(whole[0].model)
    assert model.labels == ("lying", "standing")
    assert model.backbone is not None
    assert (model.recipe.geometry, model.recipe.size, model.recipe.fps) == (CENTRE_CROP, (32, 32), 4)
    assert model.window == ClipWindow(num_positions=4, stride=2, position_rate=25)
    assert model.training["recipe"] == "paper"
    assert model.training["settings"]["encoder.layers"] == 1
    assert len(model.training["film_digests"]["learnt"]) == 8


def test_it_is_used_without_weights_that_are_installed(whole, material):
    taught, _ = whole
    model = load_checkpoint(taught.model)
    clips = read_clips(material.validation, model.labels, material.folder / "films")
    measured = evaluate(model, clips, Protocol(), device="cpu")
    assert measured.top_1 == taught.figures["top-1"]
    timeline = analyze(
        material.folder / "films/validation/0.mp4", model=taught.model, device="cpu", store=material.folder / "other"
    )
    assert {label for label, _ in timeline.clip_labels} == set(model.labels)


def test_in_the_end_nothing_is_kept_but_curves(whole):
    assert [path.name for path in whole[0].log.iterdir()] == ["clips"]


def kill_at(epoch, step):
    def on_event(event):
        if isinstance(event, StepDone) and (event.what, event.epoch, event.step) == ("learning", epoch, step):
            raise Killed

    return on_event


@pytest.fixture(scope="module")
def killed(material, tmp_path_factory):
    """A folder with the state of a training that was killed in its second epoch."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_S", 0.0)
        patch.setattr(loop, "SAVE_WITHIN_S", 0.0)
        with pytest.raises(Killed):
            material.teach(folder / "m.safetensors", kill_at(2, 1))
    return folder


@pytest.fixture
def a_killed_one(killed, tmp_path):
    """One of our own."""
    return shutil.copytree(killed, tmp_path, dirs_exist_ok=True)


@pytest.mark.usefixtures("a_killed_one")
def test_killed_inside_an_epoch_it_goes_on_to_the_same_bits(whole, material, tmp_path):
    events = []
    material.teach(tmp_path / "m.safetensors", events.append)
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2]
    assert not any(isinstance(event, StepDone) and event.epoch == 1 and event.what == "learning" for event in events)
    assert (tmp_path / "m.safetensors").read_bytes() == whole[0].model.read_bytes()


@pytest.mark.usefixtures("a_killed_one")
def test_where_the_state_is_damaged_all_begins_again_also_with_clips_that_could_not_be_decoded(material, tmp_path):
    state = tmp_path / "m.training/clips.state"
    damaged = bytearray(state.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    state.write_bytes(damaged)
    told, kill = [], kill_at(1, 3)

    def hear(event):
        told.append(getattr(event, "message", ""))
        kill(event)

    with pytest.raises(Killed):
        material.teach(tmp_path / "m.safetensors", hear)
    assert "clips.state is from another training, or damaged: training starts from the beginning" in told
    assert sum("bad.mp4 is left out" in message for message in told) == 1


@pytest.mark.usefixtures("a_killed_one")
def test_a_killed_training_does_not_go_on_with_other_clips_or_settings(material, tmp_path, monkeypatch):
    with pytest.raises(TrainingError, match=r"learning_rate was 0\.001 and is 0\.01"):
        material.teach(tmp_path / "m.safetensors", overrides=SMALL | {"batch_size": 4, "learning_rate": 0.01})
    with monkeypatch.context() as patch:
        patch.setattr("vtn_stream.training.end_to_end.__version__", "0.0.1")
        with pytest.raises(TrainingError, match=r"vtn-stream was .* and is 0\.0\.1"):
            material.teach(tmp_path / "m.safetensors")
    shorter = material.train.with_name("shorter.txt")
    shorter.write_text("".join(material.train.read_text().splitlines(keepends=True)[:-2]))
    with pytest.raises(TrainingError, match="the list of clips differs"):
        train(
            shorter,
            material.folder / "films",
            tmp_path / "m.safetensors",
            recipe="paper",
            network=NETWORK,
            size=32,
            weights=material.weights,
            validation=material.validation,
            names=material.names,
            epochs=2,
            device="cpu",
            store=material.folder / "store",
            overrides=SMALL | {"batch_size": 4},
        )


# ---- from a model, from nothing


def options(material, **changes):
    usual = {
        "annotations": material.train,
        "videos": material.folder / "films",
        "output": Path("m.safetensors"),
        "recipe": "paper",
        "network": NETWORK,
        "size": 32,
        "names": material.names,
        "overrides": tuple((key, str(value)) for key, value in SMALL.items()),
    }
    return TrainingOptions(**(usual | changes))


def test_from_a_model_labels_go_by_their_names(whole, material, tmp_path):
    taught, _ = whole
    model = load_checkpoint(taught.model)
    names = tmp_path / "names.csv"
    names.write_text("standing,0\nfalling,1\n")
    asked = options(material, model=str(taught.model), network=None, size=None, names=names, overrides=())
    plan = plan_for(asked)
    begun = begin(plan, asked)
    state = begun.network.state_dict()
    assert plan.lists.labels == ("standing", "falling")
    assert state["head.out.weight"][0].equal(model.tensors["head.out.weight"][1])
    assert not state["head.out.weight"][1].equal(model.tensors["head.out.weight"][0])
    assert all(state[name].equal(of) for name, of in model.tensors.items() if not name.startswith("head.out"))
    assert all(state[f"backbone.{name}"].equal(of) for name, of in model.backbone.items())
    assert "1 of 2 labels are new" in begun.notes[0]
    assert (plan.sampling.frames, plan.recipe.fps) == (4, 4)


def test_figures_on_clips_that_the_model_before_learnt_are_said_to_be_too_good(whole, material, tmp_path):
    learnt, others = tmp_path / "learnt.txt", tmp_path / "others.txt"
    learnt.write_text("validation/0.mp4 0\nvalidation/1.mp4 1\n")
    others.write_text("validation/2.mp4 0\ntrain/1.mp4 1\n")
    taught = train(
        learnt,
        material.folder / "films",
        tmp_path / "m.safetensors",
        model=str(whole[0].model),
        recipe="paper",
        validation=others,
        names=material.names,
        epochs=1,
        device="cpu",
        store=material.folder / "store",
    )
    assert "learnt 1 of the 2 clips for validation, so figures are too good" in taught.card.read_text()


def test_without_weights_it_starts_from_random_numbers_and_says_so(material, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked = options(material)
    begun = begin(plan_for(asked), asked)
    assert begun.source == "random numbers"
    assert begun.notes[0].startswith("The image network starts from random numbers: the weights of test_resnet")
    assert begun.digest == begin(plan_for(asked), asked).digest


# ---- what is typed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--network", "vtn-vit-b"], "--network: not for --recipe natural"),
        (["--validation", "train.txt"], "--validation: not for --recipe natural"),
        (["--recipe", "paper", "--fps", "4"], "--fps: not for --recipe paper"),
        (["--recipe", "paper", "--head", "dense", "--hold-out"], "--head and --hold-out: not for --recipe paper"),
        (["--recipe", "paper+", "--learn-backbone", "all"], "--learn-backbone: not for --recipe paper+"),
        (["--recipe", "paper", "--from", "m", "--network", "vtn-r50"], "with --from, leave out --network"),
        (["--print-settings"], "--print-settings is for --recipe paper"),
        (["--recipe", "paper", "--set", "frames"], "'frames' is not KEY=VALUE"),
    ],
)
def test_contradictions_are_usage_errors(here, material, monkeypatch, words, said):
    monkeypatch.chdir(material.folder)
    code, _, err = here("train", "train.txt", "--videos", "films", "-o", "never.safetensors", *words)
    assert code == 2
    assert said in err


def test_settings_that_are_printed_can_be_given_back(here, material, monkeypatch):
    monkeypatch.chdir(material.folder)
    common = ["train", "train.txt", "--videos", "films", "-o", "never.safetensors", "--recipe", "paper+"]
    common += ["--network", NETWORK, "--size", "32", "--labels", "names.csv", "--print-settings"]
    code, out, _ = here(*common, "--set", "encoder.layers=2", "--set", "batch_size=8", "--epochs", "7")
    printed = json.loads(out)
    assert code == 0
    assert (printed["clips"], printed["labels"], printed["settings"]["epochs"]) == (9, 2, 7)
    assert printed["settings"]["learning_rate"] == 0.0005
    given = [word for key, value in printed["settings"].items() for word in ("--set", f"{key}={_typed(value)}")]
    assert json.loads(here(*common, *given)[1]) == printed
    assert not (material.folder / "never.training").exists()


def _typed(value):
    return str(value).lower() if isinstance(value, bool) else value


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"network": "vtn-vit-c"}, InputError, "did you mean vtn-vit-b"),
        ({"overrides": (("encoder.layrs", "2"),)}, InputError, "encoder.layers"),
        ({"overrides": (("frames", "6000"),)}, InputError, "at most 1000 a second"),
        ({"overrides": (("epochs", "3"),), "epochs": 2}, InputError, "epochs is set twice"),
        (
            {"model": "cctv-fight", "network": None, "size": None},
            InputError,
            "cannot be trained by a recipe of the paper",
        ),
    ],
)
def test_what_cannot_be_right_is_told_before_anything_is_loaded(material, changes, kind, said):
    with pytest.raises(kind) as refused:
        plan_for(options(material, **changes))
    assert said in str(refused.value)


def test_films_that_are_missing_are_named(material, tmp_path):
    bad = tmp_path / "list.txt"
    bad.write_text("train/0.mp4 0\ntrain/1.mp4 1\nnowhere.mp4 1\n")
    with pytest.raises(VtnStreamError, match=r"nowhere\.mp4"):
        plan_for(options(material, annotations=bad))


def test_clips_for_validation_that_cannot_be_decoded_are_told_before_the_first_step(material, tmp_path):
    none = tmp_path / "none.txt"
    none.write_text("validation/bad.mp4 0\n")
    (material.folder / "films/validation/bad.mp4").write_bytes(b"no film")
    events = []
    with pytest.raises(TrainingError, match=r"none of the 1 clips for validation can be decoded; nothing was trained"):
        material.teach(tmp_path / "m.safetensors", events.append, validation=none)
    assert not any(isinstance(event, StepDone | ClipsPrepared) for event in events)


def test_a_label_that_only_validation_has_could_only_be_wrong(material, tmp_path):
    only, names = tmp_path / "list.txt", tmp_path / "names.csv"
    only.write_text("train/0.mp4 0\ntrain/2.mp4 2\n")
    names.write_text(NAMES + "falling,2\n")
    with pytest.raises(VtnStreamError, match="standing"):
        plan_for(options(material, annotations=only, validation=material.validation, names=names))
