"""Going on from a model: its labels stay, new ones come, and no film that it knows measures what comes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import FPS, LABELS, films, planted, small, track
from scipy.optimize import minimize
from test_learn import RECIPE, quick  # noqa: F401  (a fixture)
from test_learn import material as lesson_of
from test_prepare import prepared, two  # noqa: F401  (fixtures among them)
from training_material import material, process, row, store, table  # noqa: F401  (fixtures among them)

from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms, film_role
from vtn_stream.embedding import probe
from vtn_stream.errors import CheckpointError, InputError
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.heads import HEADS
from vtn_stream.known import Known
from vtn_stream.model import DenseConfig, LocalizationConfig, StatisticsConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.timeline import Reviewed, Segment, Timeline
from vtn_stream.track import NO_THRESHOLD, OperatingPoint, OperatingPoints, PhaseRules
from vtn_stream.training import linear as linear_module
from vtn_stream.training.base import grown_head, labels_after, load_base, points_after, rules_after
from vtn_stream.training.claim import card_file
from vtn_stream.training.events import Prepared
from vtn_stream.training.learn import learn
from vtn_stream.training.linear import LinearSettings, fit_linear, natural_linear
from vtn_stream.training.logistic import Prior, logistic
from vtn_stream.training.loop import fit
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.prepare import prepare
from vtn_stream.training.split import NO_FOLD
from vtn_stream.training.validation import predictions
from vtn_stream.training.write import write

THREE = (*LABELS, "sit")
SALT = "0" * 32


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def checkpoint(network, labels=LABELS, learnt=("film 0",), recipe=RECIPE, **facts):
    """A model as `train` writes it."""
    of = TrainingFilms.of_identities(learnt, (), SALT)
    return Checkpoint(
        config=network.config,
        labels=labels,
        recipe=recipe,
        window=ClipWindow(num_positions=8, stride=4),
        operating_points=facts.pop("points", NO_THRESHOLD),
        training={FILM_DIGESTS: of.to_dict()},
        tensors={name: tensor.detach().clone() for name, tensor in network.state_dict().items()},
        digest="d" * 64,
        name="old",
        **facts,
    )


def linear(of, labels=LABELS, head="dense", base=None, decay=1e-3):
    settings = natural_linear(of, labels, head, FPS, decay=decay)
    if base is not None:
        settings = replace(settings, encoder=base.config.encoder, head=grown_head(base, settings.head))
    return fit_linear(of, labels, settings, backbone="none", base=base).network


@pytest.fixture(scope="module")
def old():
    """A linear model of run and jump."""
    return checkpoint(linear(films(range(4))))


def sitting(seed, also=False):
    """A film in which the third direction is a label that nobody knew; also: the others happen too."""
    film = planted(seed) if also else track(160, values=0.5 * np.random.default_rng(seed).standard_normal((160, 8)))
    values, segments = film.values.copy(), list(film.segments)
    free = [(at, at + 3.0) for at in np.arange(1.0, 36.0, 7.0)]
    for start_s, end_s in free:
        if not any(s.start_s < end_s and start_s < s.end_s for s in segments):
            values[round(start_s * 4) : round(end_s * 4), 2] += 2
            segments.append(Segment(start_s=start_s, end_s=end_s, label="sit"))
    segments.sort(key=lambda s: s.start_s)
    return replace(film, name=f"sitting {seed}", group=f"sitting {seed}", values=values, segments=tuple(segments))


def accuracy(network, of, labels):
    return HEADS["dense"].metric(predictions(network, of, FPS), of, labels)


# ---- linear models


def test_weights_are_pulled_towards_those_before():
    """The optimum, by scipy: mean cross-entropy, and the distance from the weights before."""
    rng = np.random.default_rng(0)
    x, truth = rng.standard_normal((40, 3)), np.eye(3, dtype=bool)[rng.integers(3, size=40)]
    weight, bias, decay = rng.standard_normal((3, 3)), rng.standard_normal(3), 0.1
    prior = Prior(torch.from_numpy(x @ weight.T + bias), torch.zeros(3).double(), torch.full((3,), decay).double())
    found = logistic(torch.from_numpy(x), torch.from_numpy(truth), decay, prior=prior)

    def cost(change):
        logits = x @ (weight + change[:9].reshape(3, 3)).T + bias + change[9:]
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        return -logits[truth].mean() + decay / 2 * (change**2).sum()

    best = minimize(cost, np.zeros(12), tol=1e-12)
    assert np.allclose(np.concatenate([found.weight.flatten(), found.bias]), best.x, atol=1e-4)


def test_a_strong_pull_leaves_the_model_as_it_is_and_a_weak_one_does_not(old):
    new = films(range(10, 12), strength=0.0)
    far, near = (linear(new, base=old, decay=decay).state_dict() for decay in (1e6, 1e-4))
    for name, tensor in old.tensors.items():
        torch.testing.assert_close(far[name], tensor, rtol=1e-3, atol=1e-4)
    assert (near["head.out.weight"] - old.tensors["head.out.weight"]).abs().max() > 0.01
    assert torch.equal(near["encoder.input_mean"], old.tensors["encoder.input_mean"])


def test_a_new_label_comes_and_the_old_ones_are_not_forgotten(old):
    """The new films show neither run nor jump."""
    both = linear([sitting(n) for n in range(3)], THREE, base=old)
    new, before = [sitting(n, also=True) for n in range(60, 64)], films(range(50, 54))
    assert accuracy(both, new, THREE) > 0.85
    assert accuracy(both, before, THREE) > accuracy(old.network(), before, LABELS) - 0.05
    alone = linear([sitting(n) for n in range(3)], THREE)
    assert accuracy(alone, before, THREE) < accuracy(both, before, THREE) - 0.2


@pytest.mark.parametrize("head", ["dense", "localization"])
def test_what_the_model_says_wrongly_is_corrected_though_no_film_shows_it(head):
    """What it takes for a jump is a new label in these films, which show no jump."""
    before = checkpoint(linear(films(range(4)), head=head))
    renamed = [
        replace(film, segments=tuple(replace(s, label="sit") for s in film.segments if s.label == "jump"), known=known)
        for film in films(range(10, 13))
        for known in [Known(rest=time_without(film, "run"))]
    ]
    after = linear(renamed, THREE, head, base=before)
    names = {"run": "run", "jump": "sit"}
    sits = [
        replace(film, segments=tuple(replace(s, label=names[s.label]) for s in film.segments))
        for film in films(range(50, 53))
    ]
    if head == "dense":
        assert accuracy(after, sits, THREE) > 0.85
    else:
        assert HEADS[head].metric(predictions(after, sits, FPS), sits, THREE) > 0.7


def time_without(film, without):
    """The film's time without that of a label."""
    spans, start_s = [], 0.0
    for s in film.segments:
        if s.label == without:
            spans.append((start_s, s.start_s))
            start_s = s.end_s
    return tuple(span for span in [*spans, (start_s, film.duration_s)] if span[0] < span[1])


def test_labels_that_do_not_exclude_each_other_go_on_too():
    finds = checkpoint(linear(films(range(4)), head="localization"))
    both = linear([sitting(n) for n in range(3)], THREE, "localization", base=finds)
    metric = HEADS["localization"].metric
    before, new = films(range(50, 54)), [sitting(n) for n in range(60, 64)]
    assert metric(predictions(both, before, FPS), before, THREE) > 0.8
    assert metric(predictions(both, new, FPS), new, THREE) > 0.8


# ---- networks


@pytest.mark.parametrize("head", ["dense", "localization"])
def test_a_network_begins_as_the_model_was_with_outputs_for_new_labels(head):
    settings = small(head, num_epochs=2, smoothing=0.0)
    base = checkpoint(fit(films(range(2)), LABELS, settings, FPS, backbone="none").network)
    still = replace(settings, head=grown_head(base, replace(settings.head, num_classes=3)), learning_rate=1e-12)
    network = fit([sitting(1, also=True)], THREE, still, FPS, backbone="none", base=base).network
    last = "head.out.weight" if head == "dense" else "head.classify.out.weight"
    for name, tensor in base.tensors.items():
        grown = network.state_dict()[name]
        if grown.shape != tensor.shape:
            assert name.startswith(last.removesuffix("weight"))
            grown = grown[[0, 1, 3]] if head == "dense" else grown[:2]
        torch.testing.assert_close(grown, tensor, rtol=1e-5, atol=1e-6)


# ---- what stays of a model


def test_outputs_of_the_model_come_first_and_nothing_is_last(old):
    assert grown_head(old, DenseConfig(num_classes=3, nothing=False)) == DenseConfig(num_classes=3, nothing=True)
    config = VTNConfig(backbone="none", encoder=old.config.encoder, head=DenseConfig(num_classes=2))
    without = replace(old, config=config, tensors={**old.tensors})
    assert grown_head(without, DenseConfig(num_classes=2, nothing=True)).nothing
    assert labels_after(old, ("jump", "sit"), (), {}) == ("run", "jump", "sit")


def test_labels_that_the_films_do_not_show_keep_their_thresholds_and_rules(old):
    def point(high):
        return OperatingPoint(high=high, low=high / 2)

    finds = checkpoint(
        linear(films(range(2)), head="localization"), points=OperatingPoints(common=point(0.4), own={"run": point(0.2)})
    )
    fitted = OperatingPoints(common=point(0.6), own={"jump": point(0.6)})
    assert points_after(finds, fitted).own == {"run": point(0.2), "jump": point(0.6)}
    assert points_after(finds, OperatingPoints(common=point(0.3))) == finds.operating_points

    rules = PhaseRules(min_positions=(5, 6, 7), change_cost=((0, 1, 2), (3, 0, 4), (5, 6, 0)))  # run, jump, nothing
    new = PhaseRules(min_positions=(1, 1, 9, 1), change_cost=((8,) * 4,) * 4)
    kept = rules_after(replace(old, phase_rules=rules), new, 4)
    assert kept.min_positions == (5, 6, 9, 7)
    assert kept.change_cost == ((0, 1, 8, 2), (3, 0, 8, 4), (8, 8, 8, 8), (5, 6, 8, 0))
    assert rules_after(old, new, 4) == new


def test_events_of_a_label_must_have_a_length_or_none_as_before():
    finds = checkpoint(linear(films(range(2)), head="localization"), instants=("run",))
    there = {"a": AnnotatedVideo(segments=(Segment(start_s=1, end_s=2, label="run"),))}
    with pytest.raises(InputError, match="run: its events have no length in old"):
        labels_after(finds, ("run",), (), there)


# ---- honest figures


def going_on_lesson(old, learnt, labels=LABELS, head="dense"):
    """Films that the model knows are in no fold."""
    known = [film_role(old.training, film.identity) != "new" for film in learnt]
    of_new = iter(range(len(learnt)))
    return replace(
        lesson_of([replace(f, is_new=not k) for f, k in zip(learnt, known, strict=True)], labels=labels, head=head),
        folds=tuple(NO_FOLD if k else next(of_new) % 2 for k in known),
        base=old,
    )


def test_films_that_the_model_knows_measure_nothing(old, tmp_path, monkeypatch):
    monkeypatch.setattr(linear_module, "DECAYS_AROUND", (1e-2, 1e-3))
    known, new = replace(planted(0), identity="film 0"), [*films([20, 21]), sitting(1, also=True)]
    learnt = learn(going_on_lesson(old, [known, *new], THREE), seed=0, backbone="none")
    assert sorted(film.name for film in learnt.crossed.films) == ["film 20", "film 21", "sitting 1"]
    assert learnt.way.name == "linear"
    assert set(learnt.baselines) == {"model before", "most frequent label"}
    assert learnt.baselines["model before"]["frame accuracy"] > 0.6
    assert learnt.curve is None

    write(going_on_lesson(old, [known, *new], THREE), learnt, RECIPE, tmp_path / "m.safetensors")
    model = load_checkpoint(tmp_path / "m.safetensors")
    assert (model.labels, model.training["from"]) == (THREE, old.digest)
    roles = [film_role(model.training, identity) for identity in ("film 0", "film 20", "film 1", "film 99")]
    assert roles == ["learnt", "learnt", "learnt", "new"]
    card = card_file(tmp_path / "m.safetensors").read_text()
    assert f"| goes on from | old, {old.digest} |" in card
    assert "model before" in card


def test_without_new_films_nothing_is_measured(old):
    known = replace(planted(0), identity="film 0")
    learnt = learn(going_on_lesson(old, [known, known]), seed=0, backbone="none")
    assert (learnt.exam, learnt.points) == (None, NO_THRESHOLD)
    assert "Fewer than two films are new to old: nothing was chosen or measured." in learnt.notes


def test_a_model_that_does_not_say_what_it_learnt_hides_what_comes_of_it(old, tmp_path):
    silent = replace(old, training={})
    lesson = going_on_lesson(silent, films([20, 21]))
    assert set(lesson.folds) == {NO_FOLD}
    write(lesson, learn(lesson, seed=0, backbone="none"), RECIPE, tmp_path / "m.safetensors")
    assert film_role(load_checkpoint(tmp_path / "m.safetensors").training, "film 20") == "unknown"


def test_a_network_goes_on_from_files_to_figures(quick, tmp_path):
    quick["num_epochs"] = 1
    settings = small("localization", num_epochs=1)
    base = checkpoint(fit(films(range(2)), LABELS, settings, FPS, backbone="none").network)
    save_checkpoint(replace(base, digest=""), tmp_path / "old.safetensors")
    base = load_checkpoint(tmp_path / "old.safetensors")
    learnt = learn(going_on_lesson(base, films([20, 21]), head="localization"), seed=0, backbone="none")
    assert (learnt.way.name, learnt.settings.encoder) == ("network", base.config.encoder)
    assert learnt.settings.learning_rate == pytest.approx(settings.learning_rate / 10)
    assert learnt.fitted.network.config.head == replace(LocalizationConfig(num_classes=2, num_levels=3, tower_width=32))


# ---- prepared, and asked for


@pytest.fixture
def base_of(encoder, material, store, process):
    """base_of("a.mp4") -> a model that learnt this film through the tiny network"""

    def make(*names, fps=2):
        recipe = replace(encoder.recipe(1), fps=fps)
        settings = LinearSettings(
            encoder=StatisticsConfig(input_width=encoder.num_features, reach=1, statistics=("mean",)),
            head=DenseConfig(num_classes=2, nothing=True),
            decay=1e-3,
        )
        film = track(
            40, (1, 4, "run"), (5, 8, "jump"), values=np.random.default_rng(0).random((40, encoder.num_features))
        )
        network = fit_linear([film], LABELS, settings, backbone=recipe.backbone).network
        learnt = [probe(material / name, store, process).identity for name in names]
        return checkpoint(network, learnt=learnt, recipe=recipe)

    return make


@pytest.fixture
def prepared_from(material, encoder, store, process):
    def call(file, base, **options):
        events = []
        asked = TrainingOptions(annotations=file, videos=material, output=file.with_suffix(".safetensors"), **options)
        return prepare(asked, lambda: encoder, store, process, base=base, on_event=events.append), events

    return call


def test_the_model_says_head_rate_and_labels_and_its_films_are_in_no_fold(prepared_from, base_of, table):
    rows = [*two("a"), *two("b"), row("c", 1, 3, "sit"), row("c", 4, 6, "sit")]
    base = base_of("a.mp4")
    lesson, events = prepared_from(table(*rows), base)
    assert (lesson.labels, lesson.head, lesson.plan.fps) == (("run", "jump", "sit"), "dense", 2)
    assert {film.name: (fold, film.is_new) for film, fold in zip(lesson.films, lesson.folds, strict=True)} == {
        "a": (NO_FOLD, False),
        "b": (0, True),
        "c": (1, True),
    }
    (told,) = [event for event in events if isinstance(event, Prepared)]
    assert (told.base, told.num_old_labels, told.num_folds, told.num_films) == ("old", 2, 2, 3)
    assert any(
        "old learnt 1 of these films: they are learnt again, and no figure is measured on" in n for n in told.notes
    )


def test_one_film_is_enough_to_go_on_and_a_line_says_that_nothing_is_measured(prepared_from, base_of, table):
    lesson, _ = prepared_from(table(*two("a")), base_of("a.mp4"))
    assert lesson.folds == (NO_FOLD,)
    assert any("nothing can be measured" in note for note in lesson.notes)


def test_a_film_in_which_a_model_finds_what_is_not_there_teaches_it_too(
    prepared_from, base_of, material, store, process
):
    video = probe(material / "a.mp4", store, process)
    empty = Timeline(
        video_identity=video.identity,
        video_path="a.mp4",
        duration_s=video.duration_s,
        span_s=(0, video.duration_s),
        reviewed=(Reviewed(start_s=0, end_s=video.duration_s),),
    )
    file = store.root.parent / "a.mp4.timeline.json"
    file.write_bytes(timeline_json.dumps(empty))
    lesson, _ = prepared_from(file, base_of("c.mp4"))
    assert (lesson.labels, [film.name for film in lesson.films]) == (LABELS, ["a.mp4"])


def test_what_the_model_says_cannot_be_chosen(here, table, material, tmp_path):
    file = table(*two("a"))
    command = ["train", str(file), "--videos", str(material), "-o", str(tmp_path / "m.safetensors"), "--from", "old"]
    code, _, told = here(*command, "--fps", "3", "--head", "dense")
    assert code == 2
    assert "with --from, leave out --head and --fps: the model says it" in told
    asked = TrainingOptions(annotations=file, videos=material, output=tmp_path / "m.safetensors", model="old")
    with pytest.raises(InputError, match="--fps cannot be chosen"):
        load_base(replace(asked, fps=3))
    with pytest.raises(CheckpointError, match="no model named old"):
        load_base(asked)
