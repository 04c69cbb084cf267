"""A film and a model: from the checkpoint's file to the timeline, as a user asks for it."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from longformer_oracle import dense, random_encoder
from plotted_films import words
from safetensors.torch import load_file, save_file

import vtn_stream
from vtn_stream.analysis import Analyzer, ChunkReady, Provisional
from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.errors import BackboneError, CheckpointError
from vtn_stream.exchange import export
from vtn_stream.exchange.selection import Selection
from vtn_stream.formats import timeline_json
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, EncoderConfig, LocalizationConfig, VTNConfig
from vtn_stream.results import ResultFiles, load_timeline
from vtn_stream.sampling import ClipWindow
from vtn_stream.scorers.attention import AttentionOf, attention_curve
from vtn_stream.settings import Settings
from vtn_stream.store import EmbeddingStore, read_scores
from vtn_stream.track import OperatingPoint, OperatingPoints, PhaseRules

pytestmark = pytest.mark.usefixtures("warm_decoders")

LABELS = ("A", "B", "C", "D")
TRUTH = "ABCAD"  # the scenes of conftest's film


@pytest.fixture(scope="module")
def embeddings(analyzed, open_analyzer):
    """Of the film, float [T, D]; and the label of every position, int64 [T]."""
    with open_analyzer(analyzed.store) as analyzer:
        plan = analyzer.plan(analyzed.film)
        values = np.concatenate(
            [e.values for e in analyzer.embed(plan.video, plan.chunks) if isinstance(e, ChunkReady)]
        )
    ends = np.cumsum([25, 23, 27, 25, 30])
    truth = [LABELS.index(TRUTH[i]) for i in np.searchsorted(ends, np.arange(len(values)), "right")]
    return torch.from_numpy(values).float(), torch.tensor(truth)


def make_network(encoder, head, values):
    """Untrained, for embeddings such as these."""
    torch.manual_seed(0)
    network = VTN(
        VTNConfig(
            backbone=encoder.name,
            encoder=EncoderConfig(
                input_width=encoder.num_features,
                width=32,
                num_heads=4,
                feedforward_width=64,
                attention_windows=(4, 4),
                positions="none",
                dropout=0.0,
            ),
            head=head,
        )
    )
    with torch.no_grad():  # the embeddings of an untrained image network are tiny, and nearly the same
        network.encoder.project.weight *= 50 / values.std(0).mean()
        network.encoder.project.bias -= network.encoder.project.weight @ values.mean(0)
    return network


def checkpoint_of(network, encoder, **options):
    return Checkpoint(
        **{
            "config": network.config,
            "labels": LABELS,
            "recipe": encoder.recipe(Fraction(1)),
            "window": ClipWindow(num_positions=4, stride=2),
            "operating_points": OperatingPoints(common=OperatingPoint(high=0.6, low=0.4)),
            "training": {"source": "a test"},
            "tensors": network.eval().state_dict(),
        }
        | options
    )


def train(network, say, truth):
    """For a moment, until it says what is true."""
    optimizer, loss = torch.optim.AdamW(network.parameters(), 1e-2), torch.tensor(torch.inf)
    while loss > 0.01:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(say(network), truth)
        loss.backward()
        optimizer.step()


@pytest.fixture(scope="module")
def checkpoint(encoder, embeddings):
    """A network that tells the film's textures apart: its labels mean something."""
    values, truth = embeddings
    network = make_network(encoder, ClassificationConfig(num_classes=len(LABELS), dropout=0.0), values)
    windows = torch.tensor([s for s in range(0, len(values) - 4) if len(set(truth[s : s + 4].tolist())) == 1])
    clips = torch.stack([values[s : s + 4] for s in windows])
    train(network, lambda network: network.classify(clips), truth[windows])
    return checkpoint_of(network, encoder)


@pytest.fixture(scope="module")
def model(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "textures.safetensors"
    save_checkpoint(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def with_backbone(checkpoint, tiny_weights, tmp_path_factory):
    """The same with the image network inside: nothing else is needed to use it."""
    path = tmp_path_factory.mktemp("models") / "whole.safetensors"
    backbone = {name: t for name, t in load_file(tiny_weights).items() if not name.startswith("classifier")}
    save_checkpoint(replace(checkpoint, backbone=backbone), path)
    return path


@pytest.fixture
def open_model(analyzed, model, tiny_weights):
    def open_(path=model, store=analyzed.store, **options):
        return Analyzer(
            Settings(**({"model": path, "store": store, "device": "cpu", "weights": tiny_weights} | options))
        )

    return open_


def test_the_timeline_is_what_the_film_shows(analyzed, open_model):
    with open_model() as analyzer:
        analysis = analyzer.analyze(analyzer.plan(analyzed.film))
    segments = analysis.timeline.segments
    assert [s.label for s in segments] == list(TRUTH)
    for segment, (start_s, end_s) in zip(segments, [(0, 25), (25, 48), (48, 75), (75, 100), (100, 130)], strict=True):
        assert abs(segment.start_s - start_s) <= 2.5  # half a window and half a step
        assert abs(segment.end_s - end_s) <= 2.5
        assert segment.score > 0.9
    assert {label for label, _ in analysis.timeline.clip_labels} == set(LABELS)
    assert sum(score for _, score in analysis.timeline.clip_labels) == pytest.approx(1, abs=1e-3)
    assert list(analysis.timeline.curves) == ["attention"]
    assert max(analysis.timeline.curves["attention"].values) == 1
    assert analysis.labels == LABELS
    assert analysis.scores.frame.shape == (130, 4)
    assert {e["dtype"] for e in analysis.timeline.provenance["executions"]}


def test_provenance_names_the_model_and_no_place(analyzed, open_model, model):
    with open_model() as analyzer:
        timeline = analyzer.analyze(analyzer.plan(analyzed.film)).timeline
    analysis = timeline.provenance["analysis"]
    assert analysis["kind"] == "clip classifier"
    assert analysis["model"] == load_checkpoint(model).digest
    text = json.dumps(timeline_json.to_dict(timeline))
    assert str(model.parent) not in text
    assert "/tmp" not in text


def test_equal_runs_give_equal_bytes_whatever_was_stored(analyzed, open_model, tmp_path):
    with open_model() as analyzer:
        first = analyzer.analyze(analyzer.plan(analyzed.film))
    with open_model(store=tmp_path) as analyzer:
        second = analyzer.analyze(analyzer.plan(analyzed.film))
    assert first.timeline == second.timeline
    assert first.scores.frame.tobytes() == second.scores.frame.tobytes()


def test_segments_are_told_while_windows_pass(analyzed, open_model, tmp_path):
    seen = []
    with open_model(store=tmp_path) as analyzer:
        analyzer.analyze(analyzer.plan(analyzed.film), on_event=seen.append)
    drafts = [e.timeline for e in seen if isinstance(e, Provisional)]
    assert [s.label for s in drafts[0].segments] == ["A", "B", "C"]
    assert {s.origin for s in drafts[0].segments} == {"model"}
    assert drafts[0].clip_labels == ()
    assert not drafts[0].complete


def test_a_part_of_a_film_and_a_film_shorter_than_the_window(analyzed, open_model, film_maker, tmp_path):
    with open_model() as analyzer:
        part = analyzer.analyze(analyzer.plan(analyzed.film, start_s=60, end_s=96)).timeline
    assert [s.label for s in part.segments] == ["C", "A"]
    assert part.span_s == (60, 96)
    film = film_maker(tmp_path / "short.mp4", [(2, 3)])
    with open_model(store=tmp_path / "store") as analyzer:
        short = analyzer.analyze(analyzer.plan(film)).timeline
    assert [s.label for s in short.segments] == ["D"]
    assert any("shorter than the model's window" in note for note in short.provenance["notes"])


def test_the_scores_keep_names_and_the_whole_films_labels(analyzed, open_model, tmp_path):
    with open_model() as analyzer:
        analysis = analyzer.analyze(analyzer.plan(analyzed.film))
    files = ResultFiles(tmp_path, analyzed.film)
    files.claim(analysis.timeline.video_identity)
    files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    scores, _, labels = read_scores(files.scores)
    assert labels == LABELS
    np.testing.assert_array_equal(scores.frame, analysis.scores.frame)
    np.testing.assert_array_equal(scores.saliency, analysis.scores.saliency)
    np.testing.assert_allclose(scores.clip, analysis.scores.clip)


def test_a_checkpoint_with_its_backbone_needs_nothing_else(analyzed, open_model, with_backbone):
    with open_model(with_backbone, weights=None) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(analyzed.film))
    assert [s.label for s in analysis.timeline.segments] == list(TRUTH)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fps": 2}, CheckpointError, "was trained at 1 positions per second, and --fps is 2"),
        ({"backbone": "test_resnet", "weights": None}, BackboneError, "test_efficientnet, not on those of test_resnet"),
        ({"path": "no-such-model"}, CheckpointError, "no-such-model"),
    ],
)
def test_what_does_not_fit_the_model_is_told(analyzed, open_model, options, error, words):
    with open_model(**options) as analyzer, pytest.raises(error, match=words):
        analyzer.analyze(analyzer.plan(analyzed.film))


def test_other_weights_than_the_models_are_told_by_both_digests(analyzed, open_model, tiny_weights, tmp_path):
    tensors = load_file(tiny_weights)
    tensors["conv_stem.weight"] += 1
    save_file(tensors, tmp_path / "other.safetensors")
    with open_model(weights=tmp_path / "other.safetensors") as analyzer, pytest.raises(BackboneError) as told:
        analyzer.analyze(analyzer.plan(analyzed.film))
    with open_model() as analyzer:
        assert analyzer.encoder.weights_digest[:12] in str(told.value)


def test_the_command_line_takes_a_model(analyzed, model, tiny_weights, tmp_path):
    from vtn_stream_cli.analyze import analyze

    options = [
        "--model",
        model,
        "--weights",
        tiny_weights,
        "--store",
        analyzed.store,
        "-o",
        tmp_path,
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(analyze, [str(o) for o in (analyzed.film, *options)])
    assert result.exit_code == 0, result.output
    assert "the whole of it: " in result.output
    timeline = json.loads((tmp_path / "film.mp4.timeline.json").read_text())
    assert [s["label"] for s in timeline["segments"]] == list(TRUTH)
    assert float(timeline["segments"][0]["attributes"]["peak_s"]) <= 25
    dry = CliRunner().invoke(analyze, [str(o) for o in (analyzed.film, *options, "--dry-run")])
    assert "3, 3 of them in the store" in dry.output


def test_python_takes_a_model(analyzed, model, tiny_weights):
    timeline = vtn_stream.analyze(analyzed.film, model=model, weights=tiny_weights, store=analyzed.store, device="cpu")
    assert [s.label for s in timeline.segments] == list(TRUTH)


# ---- heads that draw timelines


@pytest.fixture(scope="module")
def phases(encoder, embeddings, tmp_path_factory):
    """A dense head that knows textures A, C and D, and that B is none of them."""
    values, truth = embeddings
    network = make_network(encoder, DenseConfig(num_classes=3, nothing=True), values)
    outputs = torch.tensor([0, 3, 1, 2])[truth]
    train(network, lambda network: network.label(values[None])[0], outputs)
    rules = PhaseRules(min_positions=(5, 5, 5, 5), change_cost=((1.0,) * 4,) * 4)
    path = tmp_path_factory.mktemp("models") / "phases.safetensors"
    save_checkpoint(checkpoint_of(network, encoder, labels=("A", "C", "D"), phase_rules=rules), path)
    return path


@pytest.mark.parametrize(("head", "strict"), [("model", 1.0), ("phases", 0.999), ("spotter", 0.02)])
def test_a_point_asked_for_by_name_draws_what_a_model_with_that_threshold_draws(
    request, analyzed, open_model, tmp_path, head, strict
):
    checkpoint = load_checkpoint(request.getfixturevalue(head))
    quiet = OperatingPoints(common=OperatingPoint(high=strict, low=strict / 2))
    save_checkpoint(replace(checkpoint, points={"quiet": quiet}), tmp_path / "named.safetensors")
    save_checkpoint(replace(checkpoint, operating_points=quiet), tmp_path / "quiet.safetensors")

    def drawn(name, **options):
        with open_model(tmp_path / f"{name}.safetensors", **options) as analyzer:
            return analyzer.analyze(analyzer.plan(analyzed.film)).timeline

    default, asked = drawn("named"), drawn("named", point="quiet")
    assert asked.segments == drawn("quiet").segments
    assert asked.segments != default.segments
    assert asked.provenance["analysis"]["point"] == "quiet"
    assert "point" not in default.provenance["analysis"]
    with pytest.raises(CheckpointError, match="no operating point named loud"):
        drawn("named", point="loud")


@pytest.fixture(scope="module")
def spotter(encoder, embeddings, tmp_path_factory):
    """A localization head that was never trained: each point proposes about six strides with a score of about 0.01."""
    values, _ = embeddings
    network = make_network(encoder, LocalizationConfig(num_classes=4, num_levels=3, tower_width=8), values)
    torch.nn.init.constant_(network.head.regress.out.bias, 3.0)
    path = tmp_path_factory.mktemp("models") / "spotter.safetensors"
    save_checkpoint(
        checkpoint_of(network, encoder, operating_points=OperatingPoints(common=OperatingPoint(high=0.005, low=0.001))),
        path,
    )
    return path


def test_phases_are_what_the_film_shows(analyzed, open_model, phases):
    with open_model(phases) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(analyzed.film))
    timeline = analysis.timeline
    assert [(s.label, s.start_s, s.end_s) for s in timeline.segments] == [
        (label, pytest.approx(start_s, abs=1), pytest.approx(end_s, abs=1))
        for label, start_s, end_s in (("A", 0, 25), ("C", 48, 75), ("A", 75, 100), ("D", 100, 130))
    ]
    assert timeline.clip_labels == ()
    assert list(timeline.curves) == ["attention"]
    assert analysis.scores.frame.shape == (130, 3)
    assert timeline.provenance["analysis"]["kind"] == "dense labels"
    assert timeline.provenance["analysis"]["model"] == load_checkpoint(phases).digest
    assert timeline.provenance["analysis"]["phase_rules"]["min_positions"] == [5, 5, 5, 5]
    assert "the most likely sequence of labels" in timeline.provenance["notes"][0]


def test_proposed_segments_lie_in_the_film_and_reach_their_score(analyzed, open_model, spotter):
    with open_model(spotter) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(analyzed.film))
    timeline = analysis.timeline
    assert len(timeline.segments) > 10
    assert all(0 <= s.start_s < s.end_s <= 130 and 0.005 <= s.score < 0.05 for s in timeline.segments)
    assert {s.label for s in timeline.segments} <= set(LABELS)
    assert len(timeline.segments) < len(analysis.scores.spans) <= 200
    assert timeline.provenance["analysis"]["kind"] == "action localization"
    assert "may overlap" in timeline.provenance["notes"][0]


@pytest.mark.parametrize("head", ["phases", "spotter"])
def test_timelines_and_scores_of_both_heads_are_written_and_read(request, analyzed, open_model, head, tmp_path):
    model = request.getfixturevalue(head)
    with open_model(model) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(analyzed.film))
    files = ResultFiles(tmp_path, analyzed.film)
    files.claim(analysis.timeline.video_identity)
    files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    text = files.timelines["json"].read_text()
    assert timeline_json.from_dict(json.loads(text)) == analysis.timeline
    assert str(model.parent) not in text
    scores, _, labels = read_scores(files.scores)
    assert labels == load_checkpoint(model).labels
    np.testing.assert_array_equal(scores.frame, analysis.scores.frame)
    if head == "phases":
        assert scores.spans is None
    else:
        np.testing.assert_allclose(scores.spans.bounds, analysis.scores.spans.bounds, atol=5e-4)
        np.testing.assert_array_equal(scores.spans.classes, analysis.scores.spans.classes)


@pytest.mark.parametrize("head", ["phases", "spotter"])
def test_runs_with_both_heads_are_the_same_whatever_was_stored(request, analyzed, open_model, head, tmp_path):
    model, seen = request.getfixturevalue(head), []
    with open_model(model) as analyzer:
        first = analyzer.analyze(analyzer.plan(analyzed.film))
    with open_model(model, store=tmp_path) as analyzer:
        second = analyzer.analyze(analyzer.plan(analyzed.film), on_event=seen.append)
    assert first.timeline == second.timeline
    draft = next(e.timeline for e in seen if isinstance(e, Provisional))
    assert draft.segments
    assert max(s.start_s for s in draft.segments) < 60
    assert not draft.complete
    assert draft.curves == {}


def test_a_part_of_a_film_has_its_phases(analyzed, open_model, phases):
    with open_model(phases) as analyzer:
        part = analyzer.analyze(analyzer.plan(analyzed.film, start_s=60, end_s=96)).timeline
    assert [s.label for s in part.segments] == ["C", "A"]
    assert (part.segments[0].start_s, part.segments[-1].end_s) == (60, 95.5)  # position 95 stands for no more


def test_the_command_line_draws_phases(analyzed, phases, tiny_weights, tmp_path):
    from vtn_stream_cli.analyze import analyze

    options = ["--model", phases, "--weights", tiny_weights, "--store", analyzed.store, "-o", tmp_path]
    result = CliRunner().invoke(analyze, [str(o) for o in (analyzed.film, *options, "--device", "cpu")])
    assert result.exit_code == 0, result.output
    timeline = json.loads((tmp_path / "film.mp4.timeline.json").read_text())
    assert [s["label"] for s in timeline["segments"]] == ["A", "C", "A", "D"]


# ---- what a timeline says of its settings


@pytest.mark.parametrize("head", [None, "model", "phases", "spotter"])
def test_provenance_is_known_before_any_film_and_before_the_model_s_network(request, analyzed, open_model, tiny, head):
    asked = {"path": None, "fps": 1, "backbone": tiny} if head is None else {"path": request.getfixturevalue(head)}
    with open_model(**asked) as analyzer:
        said = analyzer.provenance()
        assert analyzer._network is None
        timeline = analyzer.analyze(analyzer.plan(analyzed.film)).timeline
    assert json.loads(json.dumps(said)).items() <= json.loads(json.dumps(timeline.provenance)).items()


# ---- a lower threshold afterwards


@pytest.mark.parametrize(
    ("head", "drawn_at", "threshold"), [("model", 0.97, 0.5), ("phases", 0.99, 0.1), ("spotter", 0.02, 0.006)]
)
def test_a_lower_threshold_draws_what_a_model_with_that_threshold_draws(
    request, analyzed, open_model, tmp_path, head, drawn_at, threshold
):
    checkpoint = load_checkpoint(request.getfixturevalue(head))

    def timeline_at(high, **part):
        path = tmp_path / f"{high}.safetensors"
        save_checkpoint(
            replace(checkpoint, operating_points=OperatingPoints(common=OperatingPoint(high=high, low=high / 2))), path
        )
        with open_model(path) as analyzer:
            analysis = analyzer.analyze(analyzer.plan(analyzed.film, **part))
        files = ResultFiles(tmp_path / f"{high}", analyzed.film)
        files.claim(analysis.timeline.video_identity)
        files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
        return files.timelines["json"], analysis.timeline.segments

    for part in ({}, {"start_s": 30.3, "end_s": 80.9}):
        file, few = timeline_at(drawn_at, **part)
        _, more = timeline_at(threshold, **part)
        assert few != more
        lower = Selection(threshold=threshold)
        (exported,) = export(file, ["json"], tmp_path / "out", selection=lower, overwrite=True).paths
        segments = load_timeline(exported).segments
        assert [(s.start_s, s.end_s, s.label) for s in segments] == [
            (pytest.approx(s.start_s, abs=0.01), pytest.approx(s.end_s, abs=0.01), s.label)
            for s in more
            if s.score >= threshold
        ]


# ---- what the global token saw


def test_the_attention_of_any_layer_and_head_is_drawn(
    analyzed, embeddings, checkpoint, model, tiny_weights, tmp_path, here
):
    """From the stored embeddings; the last layer's mean is the curve that the timeline has."""
    store = EmbeddingStore(analyzed.store)
    given = {"model": model, "store": analyzed.store, "device": "cpu", "weights": tiny_weights}
    timeline = vtn_stream.analyze(analyzed.film, **given)
    values, _ = embeddings
    encoder = checkpoint.network().encoder
    oracle = random_encoder(heads=4, windows=(4, 4), input_width=values.shape[1], positions="learned")
    oracle.load_state_dict({**oracle.state_dict(), **encoder.state_dict()})
    oracle.position_table.weight.data.zero_()  # it has none
    for layer, head in ((1, None), (1, 3), (2, 1)):
        curve = attention_curve(checkpoint, timeline, store, AttentionOf(layer=layer, head=head))
        ids = torch.zeros(1, len(values), dtype=torch.long)
        shown = dense(oracle, values[None], ids, shown_layer=layer - 1)[2][0, :, 1:]
        expected = shown.mean(0) if head is None else shown[head - 1]
        np.testing.assert_allclose(curve.values, expected / expected.max(), atol=1e-3)
    assert attention_curve(checkpoint, timeline, store, AttentionOf(layer=2)) == timeline.curves["attention"]

    part = vtn_stream.analyze(analyzed.film, **given, start_s=40, end_s=90)
    of_part = attention_curve(checkpoint, part, store, AttentionOf(layer=2))
    assert of_part.start_s == 40
    first = round(40 - part.curves["attention"].start_s)
    assert of_part.values == part.curves["attention"].values[first : first + len(of_part.values)]
    assert len(of_part.values) == 50

    file = tmp_path / "film.timeline.json"
    file.write_text(json.dumps(timeline_json.to_dict(timeline)))
    options = ("--model", model, "--store", analyzed.store)
    assert here("plot", file, "-o", tmp_path / "a.svg", *options, "--attention", "1", "--attention", "2:4")[::2] == (
        0,
        "",
    )
    said = " ".join(words((tmp_path / "a.svg").read_bytes()))
    assert "attention, layer 1" in said
    assert "head 4" in said
    code, _, err = here("plot", file, "-o", tmp_path / "b.svg", *options, "--attention", "3")
    assert code == 1
    assert "no layer 3; nothing was drawn; it has layers 1 to 2, each with heads 1 to 4" in " ".join(err.split())
    for wrong in (("--attention", "0"), ("--attention", "1:x"), ("--attention", "1:2:3")):
        assert here("plot", file, "-o", tmp_path / "b.svg", *options, *wrong)[0] == 2
    assert here("plot", file, "-o", tmp_path / "b.svg", "--attention", "1")[0] == 2
    assert here("plot", file, "-o", tmp_path / "b.svg", "--model", model)[0] == 2
    code, _, err = here(
        "plot", file, "-o", tmp_path / "b.svg", "--model", model, "--store", tmp_path / "no", "--attention", "1"
    )
    assert code == 1
    assert "the store has no embeddings of" in " ".join(err.split())
    other = replace(timeline, provenance={})
    file.write_text(json.dumps(timeline_json.to_dict(other)))
    code, _, err = here("plot", file, "-o", tmp_path / "c.svg", *options, "--attention", "1")
    assert code == 0
    assert "did not draw this timeline" in err
