"""A network that learns from pixels: the same gradients in pieces and in parts, and each layer at its own rate."""

from dataclasses import replace

import pytest
import torch
from pixel_clips import PixelClips, network, settings
from planted import HEADS, LABELS, clips, films, planted, small

from vtn_stream.errors import TrainingError
from vtn_stream.model import VTN, VTNConfig
from vtn_stream.training.augment import Look, Mix
from vtn_stream.training.crops import Crops
from vtn_stream.training.examples import Example
from vtn_stream.training.hyperparameters import BackboneLearning
from vtn_stream.training.learner import Learner
from vtn_stream.training.loop import run
from vtn_stream.training.objective import Objective
from vtn_stream.training.rates import parameter_groups, share_at
from vtn_stream.training.state import load_state


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


def gradients(ours, objective, example, num_parts=1):
    """(loss, gradient by name), of the batch in so many parts."""
    ours.zero_grad()
    total = 0.0
    for loss in objective.parts(example, num_parts):
        loss.backward()
        total += loss.item()
    given = {name: p.grad * objective.factor for name, p in ours.named_parameters() if p.grad is not None}
    return total * objective.factor, given


def assert_close(found, expected, tolerance=1e-5):
    (loss, given), (other_loss, other) = found, expected
    assert loss == pytest.approx(other_loss, rel=tolerance)
    assert given.keys() == other.keys()
    largest = max(float(g.abs().max()) for g in other.values())
    for name, gradient in given.items():
        torch.testing.assert_close(gradient, other[name], rtol=tolerance, atol=tolerance * largest, msg=name)


# ---- pixels


def test_pixels_become_the_embeddings_of_their_rows_and_the_backbone_learns():
    of = settings()
    ours, (example, *_) = network(of).train(), PixelClips().epoch(0, seed=0)
    objective = Objective(ours, smoothing=0.0, piece=3)
    _, given = gradients(ours, objective, example)
    assert {name for name in given if given[name].abs().max() > 0} >= {
        "backbone.conv_stem.weight",
        "backbone.conv_head.weight",
        "encoder.cls_token",
        "head.out.weight",
    }
    frames = torch.cat([shot.frames for shot in example.pixels.shots]).float()
    with torch.no_grad():
        torch.testing.assert_close(objective.embeddings.flatten(0, 1), ours.backbone(frames), rtol=1e-4, atol=1e-5)


def test_pieces_give_what_the_whole_gives():
    ours, (example, *_) = network(settings()).train(), PixelClips().epoch(0, seed=0)
    whole = gradients(ours, Objective(ours, smoothing=0.0), example)
    for piece in (1, 5, 16, 100):
        assert_close(gradients(ours, Objective(ours, smoothing=0.0, piece=piece), example), whole)


def test_blocks_that_are_passed_over_are_the_same_when_a_piece_is_computed_again():
    """Or the gradient would be of another network than the loss."""
    ours, (example, *_) = network(settings(), drop_path=0.5).train(), PixelClips().epoch(0, seed=0)

    def at(piece):
        torch.manual_seed(3)
        return gradients(ours, Objective(ours, smoothing=0.0, piece=piece), example)

    assert_close(at(16), at(None))  # one piece of all frames: the same numbers are drawn


def test_of_two_inputs_each_has_its_columns_and_other_rows_stay():
    of = settings()
    of = replace(of, encoder=replace(of.encoder, input_width=512))
    ours, (example, *_) = network(of).eval(), PixelClips(width=512).epoch(0, seed=0)
    second, *rest = example.pixels.shots
    shots = (replace(second, input=1, positions=torch.tensor([2, 0, 1, 3])), *rest[:1])
    batch = replace(example.batch, embeddings=torch.full_like(example.batch.embeddings, 7.0))
    objective = Objective(ours, smoothing=0.0)
    objective(Example(batch=batch, pixels=replace(example.pixels, shots=shots)))
    found = objective.embeddings
    with torch.no_grad():
        first, other = ours.backbone(shots[0].frames), ours.backbone(shots[1].frames)
    torch.testing.assert_close(found[0, [2, 0, 1, 3], 256:], first, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1, :, :256], other, rtol=1e-4, atol=1e-5)
    assert (found[0, :, :256] == 7).all()
    assert (found[1, :, 256:] == 7).all()
    assert (found[2:] == 7).all()


def test_examples_are_told_the_embeddings_that_were_learnt():
    of, examples = settings(num_epochs=1, accumulate=2), PixelClips(num_batches=2)
    run(examples, network(of), of, stops=[1])
    assert [values.shape for _, values in examples.told] == [(4, 4, 256)] * 2
    assert not any(values.requires_grad for _, values in examples.told)
    assert all(values.abs().sum(-1).min() > 0 for _, values in examples.told)
    assert [example.batch.clips.tolist() for example, _ in examples.told] == [
        example.batch.clips.tolist() for example in examples.epoch(0, seed=0)
    ]


# ---- parts of a batch


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("num_parts", [2, 3, 5, 9])
def test_parts_of_a_batch_give_what_the_whole_gives(head, num_parts):
    """Films in which nothing is, lost positions and padding are spread unevenly over the parts."""
    if head == "classification":
        tracks = clips(range(5))
    else:
        tracks = [*films(range(2)), planted(5, num=40, lost=range(20)), *films([6], lost=range(100))]
        tracks += [replace(planted(8, num=64), segments=())]
    of = small(head)
    still = replace(of.head, dropout=0.0) if head == "classification" else of.head
    ours = VTN(VTNConfig(backbone="none", encoder=replace(of.encoder, dropout=0.0), head=still)).train()
    example = next(Crops(tracks, LABELS, 64, 5, hold=False).epoch(0, seed=0))
    whole, parts = Objective(ours, smoothing=0.15), Objective(ours, smoothing=0.15)
    assert_close(gradients(ours, parts, example, num_parts), gradients(ours, whole, example))
    assert parts.num_positives == whole.num_positives
    assert (parts.num_positives != 100) == (head == "localization")


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_steps_in_parts_are_those_of_the_whole(optimizer):
    weights = {}
    for accumulate in (1, 3):
        of = settings(optimizer=optimizer, accumulate=accumulate, num_epochs=1)
        weights[accumulate] = run(PixelClips(num_batches=2), network(of), of, stops=[1]).network.state_dict()
    begun = network(settings()).state_dict()
    for name, tensor in weights[3].items():
        # Adam makes whole steps of a gradient of which only rounding is there
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-4, atol=1e-4 if optimizer == "adamw" else 1e-6)
    assert not torch.equal(weights[1]["backbone.conv_stem.weight"], begun["backbone.conv_stem.weight"])


def test_clips_are_mixed_with_those_of_other_parts(monkeypatch):
    """Half of each clip comes from the one that another part holds."""

    def mixed(self, frames):
        return self.share * frames + (1 - self.share) * frames[list(self.partner)]

    monkeypatch.setattr(Mix, "mixed", mixed)
    ours, (example, *_) = network(settings()).train(), PixelClips().epoch(0, seed=0)
    mix = Mix(partner=(3, 2, 1, 0), share=0.5)
    example = replace(example, pixels=replace(example.pixels, mix=mix))
    whole = Objective(ours, smoothing=0.0)
    expected = gradients(ours, whole, example)
    embeddings = whole.embeddings
    torch.testing.assert_close(embeddings[0], embeddings[3])  # both are the same mixture
    assert not torch.allclose(embeddings[0], embeddings[1])
    assert_close(gradients(ours, Objective(ours, smoothing=0.0, piece=3), example, 4), expected)


# ---- which parameters learn how fast


def test_a_layer_of_the_backbone_learns_at_a_share_of_the_next_ones_rate():
    learning = BackboneLearning(rate=0.1, layer_decay=0.5)
    ours = network(settings())
    groups = parameter_groups(ours, settings(backbone=learning))
    share = {id(p): group["share"] for group in groups for p in group["params"]}
    last = ours.backbone.num_depths - 1
    assert last > 2
    for name, parameter in ours.named_parameters():
        if name.startswith("backbone."):
            below = last - ours.backbone.depth_of(name.removeprefix("backbone."))
            assert share[id(parameter)] == pytest.approx(0.1 * 0.5**below)
        elif id(parameter) in share:
            assert share[id(parameter)] == 1
    assert share[id(ours.backbone.conv_stem.weight)] == pytest.approx(0.1 * 0.5**last)
    assert len({group["share"] for group in groups}) == last + 2


def test_the_rates_of_a_step_are_the_groups_shares_of_it(monkeypatch):
    of = settings(optimizer="sgd", backbone=BackboneLearning(rate=0.25), schedule="steps", learning_rate=0.1)
    learner, rates = Learner(network(of), of, 10), []
    step = learner._optimizer.step
    monkeypatch.setattr(
        learner._optimizer, "step", lambda: (rates.extend(g["lr"] for g in learner._optimizer.param_groups), step())
    )
    learner.learn(next(PixelClips().epoch(0, seed=0)))
    assert sorted(set(rates)) == pytest.approx([0.025, 0.1])


def test_all_decays_but_what_keeps_means_where_all_should():
    """The published recipe: norms of other kinds, biases and tables decay too."""
    ours = network(settings())
    groups = parameter_groups(ours, settings(decays="all", weight_decay=1e-4))
    names = {id(p): name for name, p in ours.named_parameters()}
    still = {names[id(p)] for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    norms = {
        f"{name}.{kind}"
        for name, module in ours.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for kind in ("weight", "bias")
    }
    assert still == norms & set(names.values())
    assert len(still) > 10
    decaying = {names[id(p)] for group in groups if group["weight_decay"] == 1e-4 for p in group["params"]}
    assert {"encoder.norm.weight", "encoder.cls_token", "encoder.position_table.weight", "head.out.bias"} <= decaying


def test_what_does_not_want_gradients_is_left_alone():
    of = settings(num_epochs=1)
    ours = network(of, blocks=1)
    resting = [name for name, p in ours.named_parameters() if not p.requires_grad]
    assert "backbone.conv_stem.weight" in resting
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    after = run(PixelClips(), ours, of, stops=[1]).network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in resting)
    assert not torch.equal(before["backbone.conv_head.weight"], after["backbone.conv_head.weight"])


@pytest.mark.parametrize("head", HEADS)
def test_what_no_output_depends_on_rests(head):
    """It would get no gradient, for which several processes that learn together would wait."""
    of = small(head)
    ours = VTN(VTNConfig(backbone="none", encoder=of.encoder, head=of.head))
    learner = Learner(ours, of, 10)
    tracks = clips(range(4)) if head == "classification" else films(range(4))
    learner.learn(next(Crops(tracks, LABELS, 64, 2, hold=True).epoch(0, seed=0)))
    assert {name for name, p in ours.named_parameters() if not p.requires_grad} == set(ours.unread)
    assert {name for name, p in ours.named_parameters() if p.grad is None} == set(ours.unread)
    assert len(ours.unread) == 6


# ---- the schedule, the mean, the precision


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 1e-3), (12.99, 1e-3), (13, 1e-4), (23.99, 1e-4), (24, 1e-5), (24.99, 1e-5), (25, 1e-5)]
)
def test_the_published_learning_rates(epoch, rate):
    of = settings(schedule="steps", steps=((0.0, 1.0), (13.0, 0.1), (24.0, 0.01)), num_epochs=25)
    assert 1e-3 * share_at(of, round(100 * epoch), 2500, 100) == pytest.approx(rate, rel=1e-12)


def rate_of_steps(epoch, steps, shares, rate):
    """The share of the last step that has begun, as PySlowFast's policy of relative steps has it."""
    return shares[sum(step <= epoch for step in steps) - 1] * rate


def test_steps_are_those_of_the_official_code_at_every_step():
    of = settings(schedule="steps", steps=((0.0, 1.0), (2.5, 0.3), (4.0, 0.1)), num_epochs=5)
    for step in range(5 * 7):
        expected = rate_of_steps(step / 7, [0, 2.5, 4], [1.0, 0.3, 0.1], 1e-3)
        assert 1e-3 * share_at(of, step, 35, 7) == expected


def test_without_a_mean_the_last_weights_count_and_there_is_no_second_copy():
    of = settings(ema=0.0)
    learner = Learner(network(of), of, 10)
    own = {tensor.data_ptr() for tensor in learner.network.state_dict().values()}
    assert {tensor.data_ptr() for tensor in learner.mean.values()} == own
    assert list(learner.tensors) == ["network"]
    learner.learn(next(PixelClips().epoch(0, seed=0)))
    with learner.as_the_mean() as meanwhile:
        assert not meanwhile.training
        assert {tensor.data_ptr() for tensor in meanwhile.state_dict().values()} == own


@pytest.mark.parametrize("has_it", [True, False])
def test_products_are_of_bfloat16_where_the_device_has_it_and_losses_of_float32(monkeypatch, has_it):
    from vtn_stream.training import learner as module

    monkeypatch.setattr(module, "has_bfloat16", lambda device: has_it)
    seen, types = [], []
    of, events = settings(num_epochs=1, precision="bfloat16"), []
    ours = network(of)
    ours.backbone.conv_head.register_forward_hook(lambda _, __, out: types.append(out.dtype))
    classify = ours.classify
    monkeypatch.setattr(ours, "classify", lambda *what: (seen.append(classify(*what)), seen[-1])[1])
    told = []
    fitted = run(
        PixelClips(num_batches=2),
        ours,
        of,
        stops=[1],
        on_event=events.append,
        validate=lambda measured, epoch: told.append(measured.product) or {"accuracy": 0.5},
    )
    assert set(types) == {torch.bfloat16 if has_it else torch.float32}
    assert {logits.dtype for logits in seen} == {torch.float32}
    assert told == [None]
    assert fitted.network.product is None
    assert {tensor.dtype for tensor in fitted.network.state_dict().values()} == {torch.float32, torch.int64}
    assert (fitted.notes == ()) == has_it
    assert events[-1].figures == {"accuracy": 0.5}


def test_a_clip_is_shown_as_its_look_says(monkeypatch):
    ours, (example, *_) = network(settings()).eval(), PixelClips().epoch(0, seed=0)
    shots = [replace(shot, look=Look(flip=row == 1)) for row, shot in enumerate(example.pixels.shots)]
    objective = Objective(ours, smoothing=0.0)
    objective(replace(example, pixels=replace(example.pixels, shots=tuple(shots))))
    with torch.no_grad():
        mirrored = ours.backbone(example.pixels.shots[1].frames.flip(-1).float())
        as_it_is = ours.backbone(example.pixels.shots[2].frames.float())
    torch.testing.assert_close(objective.embeddings[1], mirrored, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(objective.embeddings[2], as_it_is, rtol=1e-3, atol=1e-4)


def test_a_training_that_fails_leaves_nothing_that_decodes(monkeypatch):
    closed = []

    class Clips(PixelClips):
        def epoch(self, number, *, seed, first=0):
            try:
                yield from super().epoch(number, seed=seed, first=first)
            finally:
                closed.append(number)

    def fails(self, example):
        raise MemoryError

    monkeypatch.setattr(Learner, "learn", fails)
    of = settings()
    with pytest.raises(TrainingError) as error:  # it holds what was running
        run(Clips(), network(of), of, stops=[2])
    assert error.value.__cause__ is not None
    assert closed == [0]


def test_the_last_state_of_a_training_from_pixels_is_written_at_once(tmp_path):
    """What follows, such as measuring by many views, may take hours."""
    of = settings()
    run(PixelClips(), network(of), of, stops=[2], state=(tmp_path / "state", "key"))
    assert load_state(tmp_path / "state", "key").progress["epoch"] == 2
