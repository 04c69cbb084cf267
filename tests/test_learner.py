"""One step after the other: what a batch costs, which parameters learn how fast, and the mean of the weights."""

import contextlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import HEADS, LABELS, clip, clips, films, planted, small

from vtn_stream.heads.targets import pyramid_targets
from vtn_stream.localize import candidates, located
from vtn_stream.model import VTN, DenseConfig, VTNConfig
from vtn_stream.track import NO_THRESHOLD
from vtn_stream.training.crops import Crops
from vtn_stream.training.examples import Example
from vtn_stream.training.learner import Learner, NoNumber, copied
from vtn_stream.training.objective import Objective
from vtn_stream.training.rates import pace, parameter_groups


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def network(head="localization", *, dropout=0.1, **changes):
    settings = small(head)
    encoder = replace(settings.encoder, dropout=dropout, **changes)
    return VTN(VTNConfig(backbone="none", encoder=encoder, head=settings.head))


def shaken(ours):
    """With no parameter at 0, behind which others could hide."""
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return ours


def batches(head="localization", tracks=None, seed=0):
    if tracks is None:
        tracks = clips(range(8)) if head == "classification" else films(range(4))
    return [example.batch for example in Crops(tracks, LABELS, 64, 4, hold=True).epoch(0, seed=seed)]


def same(weights, others):
    assert weights.keys() == others.keys()
    return all(torch.equal(tensor, others[name]) for name, tensor in weights.items())


# ---- what a batch costs


# What no output depends on: of the last layer only the global row is read for a clip, and only frames for all else.
DEAD = {
    "classification": {
        f"encoder.layers.0.{name}"
        for name in ("query.weight", "query.bias", "key.weight", "key.bias", "value.weight", "value.bias")
    },
    "localization": {
        f"encoder.layers.0.{name}_global.{what}" for name in ("query", "key", "value") for what in ("weight", "bias")
    },
}
DEAD["dense"] = DEAD["localization"]


@pytest.mark.parametrize("head", HEADS)
def test_every_parameter_that_an_output_depends_on_gets_a_gradient(head):
    ours = shaken(network(head))
    if head == "localization":
        torch.nn.init.constant_(ours.head.regress.out.bias, 1.0)  # an offset of 0 learns nothing
    Objective(ours, smoothing=0.15)(Example(batch=batches(head)[0])).backward()
    silent = set()
    for name, parameter in ours.named_parameters():
        if parameter.grad is None or not parameter.grad.abs().max() > 0:
            silent.add(name)
        else:
            assert parameter.grad.isfinite().all(), name
    assert silent == DEAD[head]


@pytest.mark.parametrize("head", HEADS)
def test_what_stands_where_nothing_is_seen_costs_nothing(head):
    tracks = clips(range(4)) if head == "classification" else films(range(3), num=100)
    tracks += [planted(9, num=30, lost=(0, 10, 11, 29))] if head != "classification" else []
    ours, (batch, *_) = shaken(network(head)).eval(), batches(head, tracks)
    assert (~batch.valid).any()
    cost = Objective(ours, smoothing=0.15)(Example(batch=batch))
    batch.embeddings[~batch.valid] = 50.0
    assert Objective(ours, smoothing=0.15)(Example(batch=batch)).item() == pytest.approx(cost.item(), rel=1e-5)
    batch.embeddings[batch.valid] *= 2
    assert Objective(ours, smoothing=0.15)(Example(batch=batch)).item() != pytest.approx(cost.item(), rel=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_padding_costs_nothing(head):
    """Films of 60 positions in crops of 60, and in crops of 128."""
    tracks = [clip(n, LABELS[n % 2], num=60) for n in range(3)] if head == "classification" else films(range(3), num=60)
    ours, costs = shaken(network(head)).eval(), []
    for num in (60, 128):
        batch = next(Crops(tracks, LABELS, num, 3, hold=False).epoch(0, seed=0)).batch
        costs.append(Objective(ours, smoothing=0.15)(Example(batch=batch)).item())
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)


def test_what_is_asked_of_a_point_is_the_segment_that_is_drawn_of_it():
    """From seconds to targets in crops, and back by way of `candidates` and `located`."""
    given, num = films(range(2), num=300), 0
    for number, film in enumerate(given):
        film.values[:, 0], film.values[:, 1] = number, np.arange(300)
    for batch in batches(tracks=given):
        for row, (bounds, classes) in enumerate(batch.segments):
            number, start = batch.embeddings[row, 0, :2].int().tolist()
            film = given[number]
            for level, target in enumerate(pyramid_targets(bounds, classes, [64, 32, 16], 2)):
                spans = candidates(target.classes.numpy(), target.offsets.numpy(), level, min_score=1)
                moved = replace(spans, bounds=spans.bounds + start)
                for segment in located(moved, film.index, LABELS, film.duration_s, NO_THRESHOLD):
                    cut_s = (start / 4, (start + 64) / 4)
                    assert any(
                        segment.label == true.label
                        and segment.start_s == pytest.approx(max(true.start_s, cut_s[0]), abs=1e-4)
                        and segment.end_s == pytest.approx(min(true.end_s, cut_s[1]), abs=1e-4)
                        for true in film.segments
                    )
                    num += 1
    assert num > 50


def test_the_number_of_positives_is_a_running_mean_of_the_batches():
    ours, expected = Objective(network(), smoothing=0.15), 100.0
    for batch in batches(tracks=films(range(4), lost=range(1, 160, 3)))[:3]:
        num = 0
        for row, (bounds, classes) in enumerate(batch.segments):
            for level, target in enumerate(pyramid_targets(bounds, classes, [64, 32, 16], 2)):
                num += int((target.positive & batch.valid[row, :: 2**level]).sum())
        assert num > 4
        expected = 0.9 * expected + 0.1 * num
        ours(Example(batch=batch))
        assert ours.num_positives == pytest.approx(expected)


def test_a_batch_without_a_segment_teaches_that_nothing_happens():
    quiet = [replace(film, segments=()) for film in films(range(4))]
    ours = network()
    cost = Objective(ours, smoothing=0.15)(Example(batch=batches(tracks=quiet)[0]))
    cost.backward()
    assert cost.item() > 0
    assert ours.head.classify.out.bias.grad.min() > 0  # downwards, that is
    assert ours.head.regress.out.weight.grad.abs().max() == 0


def test_a_head_without_an_output_for_nothing_is_not_asked_about_it():
    ours = network("dense", dropout=0.0)
    ours = VTN(replace(ours.config, head=DenseConfig(num_classes=2)))
    objective, (batch, *_) = Objective(ours, smoothing=0.0), batches("dense")
    logits = ours.label(batch.embeddings, valid=batch.valid).log_softmax(-1)
    asked = batch.labels < 2
    expected = -logits[asked & batch.valid].gather(1, batch.labels[asked & batch.valid][:, None]).mean()
    assert (batch.labels == 2).any()
    assert objective(Example(batch=batch)).item() == pytest.approx(expected.item(), rel=1e-5)


# ---- which parameters learn how fast


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("positions", ["native", "sinusoidal"])
def test_every_parameter_is_in_one_group_and_only_matrices_decay(head, positions):
    ours = network(head, positions=positions)
    decaying, others = parameter_groups(ours, small(weight_decay=0.05))
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.05, 0.0)
    names = {id(parameter): name for name, parameter in ours.named_parameters()}
    first, second = ([names[id(p)] for p in group["params"]] for group in (decaying, others))
    assert sorted(first + second) == sorted(names.values())
    kinds = {
        f"{module_name}.{name}".lstrip("."): type(owner)
        for module_name, owner in ours.named_modules()
        for name, _ in owner.named_parameters(recurse=False)
    }
    matrices = {n for n, kind in kinds.items() if kind in (torch.nn.Linear, torch.nn.Conv1d) and n.endswith("weight")}
    assert set(first) == matrices
    assert "encoder.token_types.weight" in second
    assert "encoder.cls_token" in second
    assert ("encoder.position_table.weight" in second) == (positions == "native")
    assert ("head.scales" in second) == (head == "localization")


@pytest.mark.parametrize(
    ("step", "share"),
    [
        (0, 0.1),  # the first of ten steps of warm-up
        (4, 0.5 * (1 + math.cos(math.pi * 0.04)) / 2),
        (9, (1 + math.cos(math.pi * 0.09)) / 2),
        (25, 0.5 + math.sqrt(0.125)),
        (50, 0.5),
        (75, 0.5 - math.sqrt(0.125)),
        (99, (1 - math.cos(math.pi / 100)) / 2),
    ],
)
def test_the_pace_of_a_hundred_steps(step, share):
    assert pace(step, 100, 0.1) == pytest.approx(share, rel=1e-3 if step == 0 else 1e-12)


@pytest.mark.parametrize("num_steps", [1, 2, 7, 1000])
@pytest.mark.parametrize("warm_up", [0.0, 0.1, 1.0])
def test_the_pace_is_never_nothing_and_never_more_than_all(num_steps, warm_up):
    shares = [pace(step, num_steps, warm_up) for step in range(num_steps)]
    assert 0 < min(shares) <= max(shares) <= 1
    if warm_up == 0:
        assert shares == sorted(shares, reverse=True)


# ---- steps, against the formulas


def test_steps_are_adamw_with_clipped_gradients_and_the_mean_follows_them():
    """Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2, in float64."""
    settings = small(num_epochs=1, warm_up=0.5, weight_decay=0.1, ema=0.12, max_norm=0.05)  # all gradients are cut
    ours = network(dropout=0.0).train()
    twin = VTN(ours.config)
    twin.load_state_dict(ours.state_dict())
    given = batches() + batches(seed=1)
    learner = Learner(ours, settings, len(given))

    double = {name: p.detach().double() for name, p in twin.named_parameters()}
    mean = {name: p.clone() for name, p in double.items()}
    m = {name: torch.zeros_like(p) for name, p in double.items()}
    v = {name: torch.zeros_like(p) for name, p in double.items()}
    decays = {id(p) for p in parameter_groups(twin, settings)[0]["params"]}
    objective = Objective(twin, smoothing=settings.smoothing)
    for t, batch in enumerate(given, 1):
        cost = objective(Example(batch=batch))
        twin.zero_grad()
        cost.backward()
        grads = {name: p.grad.double() for name, p in twin.named_parameters() if p.grad is not None}
        norm = math.sqrt(sum(float(g.square().sum()) for g in grads.values()))
        assert norm > 0.05
        rate = settings.learning_rate * pace(t - 1, len(given), 0.5)
        for name, p in twin.named_parameters():
            if name in grads:
                g = grads[name] * 0.05 / norm
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.999 * v[name] + 0.001 * g**2
                double[name] = double[name] * (1 - rate * (0.1 if id(p) in decays else 0.0))
                step = (m[name] / (1 - 0.9**t)) / ((v[name] / (1 - 0.999**t)).sqrt() + 1e-8)
                double[name] = double[name] - rate * step
            keep = min(0.12, t / (t + 10))
            mean[name] = keep * mean[name] + (1 - keep) * double[name]
            p.data = double[name].float()
        assert learner.learn(Example(batch=batch)).loss == pytest.approx(cost.item(), rel=1e-4)
    assert learner.step == len(given) == 6
    for name, parameter in ours.named_parameters():
        if name.endswith("key.bias"):
            continue  # of its gradient only rounding is left, and Adam makes whole steps of that
        torch.testing.assert_close(parameter.detach().double(), double[name], rtol=0, atol=2e-4, msg=name)
        torch.testing.assert_close(learner.mean[name].double(), mean[name], rtol=0, atol=2e-4, msg=name)


def test_the_mean_of_what_does_not_learn_is_that():
    ours = network()
    with torch.no_grad():
        ours.encoder.input_mean.uniform_()
        ours.encoder.input_deviation.uniform_(0.1, 3)
    learner = Learner(ours, small(), 10)
    for batch in batches()[:3]:
        learner.learn(Example(batch=batch))
    for name in ("encoder.input_mean", "encoder.input_deviation"):
        assert torch.equal(learner.mean[name], ours.state_dict()[name])


def test_as_the_mean_the_network_is_the_mean_and_then_itself_again():
    ours = network()
    learner = Learner(ours, small(), 10)
    learner.learn(Example(batch=batches()[0]))
    learnt = copied(ours.state_dict())
    with contextlib.suppress(KeyboardInterrupt), learner.as_the_mean() as meanwhile:
        assert meanwhile is ours
        assert not ours.training
        assert same(ours.state_dict(), learner.mean)
        assert not same(ours.state_dict(), learnt)
        raise KeyboardInterrupt
    assert same(ours.state_dict(), learnt)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_where_there_is_no_number_the_weights_stay(monkeypatch, what):
    ours = network()
    learner = Learner(ours, small(), 10)
    first, second, *_ = batches()
    learner.learn(Example(batch=first))
    before = copied(ours.state_dict())
    parts = Objective.parts
    with monkeypatch.context() as patch:
        if what == "loss":
            patch.setattr(Objective, "parts", lambda self, *what: (cost * math.nan for cost in parts(self, *what)))
        else:  # the square root's is infinite at 0
            patch.setattr(Objective, "parts", lambda self, *what: ((cost * 0).sqrt() for cost in parts(self, *what)))
        with pytest.raises(NoNumber):
            learner.learn(Example(batch=second))
    assert learner.step == 1
    assert same(ours.state_dict(), before)
    assert math.isfinite(learner.learn(Example(batch=second)).loss)


def test_another_learner_goes_on_to_the_same_bits():
    given, settings = batches() + batches(seed=1), small()
    one = Learner(network(dropout=0.0), settings, 10)
    for batch in given[:2]:
        one.learn(Example(batch=batch))
    other = Learner(network(dropout=0.0), settings, 10)
    other.go_on(one.counters, one.tensors, one.optimizer)
    for batch in given[2:]:
        assert one.learn(Example(batch=batch)).loss == other.learn(Example(batch=batch)).loss
    assert one.counters == other.counters
    assert same(one.mean, other.mean)
    assert same(one.network.state_dict(), other.network.state_dict())
