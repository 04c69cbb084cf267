"""A film and a model: from the checkpoint's file to the timeline, as a user asks for it."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

import vtn_stream
from vtn_stream.analysis import Analyzer, ChunkReady, Provisional
from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.errors import BackboneError, CheckpointError
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.results import ResultFiles
from vtn_stream.sampling import ClipWindow
from vtn_stream.store import read_scores
from vtn_stream.track import OperatingPoint

LABELS = ("A", "B", "C", "D")
TRUTH = "ABCAD"  # the scenes of conftest's film


@pytest.fixture(scope="module")
def checkpoint(analyzed, encoder, open_analyzer):
    """A network trained for a moment to tell the film's textures apart: its labels mean something."""
    torch.manual_seed(0)
    config = VTNConfig(
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
        head=ClassificationConfig(num_classes=len(LABELS), dropout=0.0),
    )
    with open_analyzer(analyzed.store) as analyzer:
        video = analyzer.probe(analyzed.film)
        values = np.concatenate(
            [e.values for e in analyzer.embed(video, analyzer.chunks(video)) if isinstance(e, ChunkReady)]
        )
    ends = np.cumsum([25, 23, 27, 25, 30])
    truth = torch.tensor([LABELS.index(TRUTH[i]) for i in np.searchsorted(ends, np.arange(len(values)), "right")])
    network = VTN(config)
    windows = torch.tensor([s for s in range(0, len(values) - 4) if len(set(truth[s : s + 4].tolist())) == 1])
    clips = torch.stack([torch.from_numpy(values[s : s + 4]).float() for s in windows])
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    with torch.no_grad():  # the embeddings of an untrained image network are tiny, and nearly the same
        network.encoder.project.weight *= 50 / clips.std((0, 1)).mean()
        network.encoder.project.bias -= network.encoder.project.weight @ clips.mean((0, 1))
    loss = torch.tensor(torch.inf)
    while loss > 0.01:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network.classify(clips), truth[windows])
        loss.backward()
        optimizer.step()
    return Checkpoint(
        config=config,
        labels=LABELS,
        recipe=encoder.recipe(Fraction(1)),
        window=ClipWindow(num_positions=4, stride=2),
        operating_point=OperatingPoint(high=0.6, low=0.4),
        training={"source": "a test"},
        tensors=network.eval().state_dict(),
    )


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
        return Analyzer(**({"model": path, "store": store, "device": "cpu", "weights": tiny_weights} | options))

    return open_


def test_the_timeline_is_what_the_film_shows(analyzed, open_model):
    with open_model() as analyzer:
        analysis = analyzer.analyze(analyzed.film)
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
        timeline = analyzer.analyze(analyzed.film).timeline
    analysis = timeline.provenance["analysis"]
    assert analysis["kind"] == "clip classifier"
    assert analysis["model"] == load_checkpoint(model).digest
    text = json.dumps(timeline.to_dict())
    assert str(model.parent) not in text
    assert "/tmp" not in text


def test_equal_runs_give_equal_bytes_whatever_was_stored(analyzed, open_model, tmp_path):
    with open_model() as analyzer:
        first = analyzer.analyze(analyzed.film)
    with open_model(store=tmp_path) as analyzer:
        second = analyzer.analyze(analyzed.film)
    assert first.timeline == second.timeline
    assert first.scores.frame.tobytes() == second.scores.frame.tobytes()


def test_segments_are_told_while_windows_pass(analyzed, open_model, tmp_path):
    seen = []
    with open_model(store=tmp_path) as analyzer:
        analyzer.analyze(analyzed.film, on_event=seen.append)
    drafts = [e.timeline for e in seen if isinstance(e, Provisional)]
    assert [s.label for s in drafts[0].segments] == ["A", "B", "C"]
    assert drafts[0].clip_labels == ()
    assert not drafts[0].complete


def test_a_part_of_a_film_and_a_film_shorter_than_the_window(analyzed, open_model, film_maker, tmp_path):
    with open_model() as analyzer:
        part = analyzer.analyze(analyzed.film, start_s=60, end_s=96).timeline
    assert [s.label for s in part.segments] == ["C", "A"]
    assert part.span_s == (60, 96)
    film = film_maker(tmp_path / "short.mp4", [(2, 3)])
    with open_model(store=tmp_path / "store") as analyzer:
        short = analyzer.analyze(film).timeline
    assert [s.label for s in short.segments] == ["D"]
    assert any("shorter than the model's window" in note for note in short.provenance["notes"])


def test_the_scores_keep_names_and_the_whole_films_labels(analyzed, open_model, tmp_path):
    with open_model() as analyzer:
        analysis = analyzer.analyze(analyzed.film)
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
        analysis = analyzer.analyze(analyzed.film)
    assert [s.label for s in analysis.timeline.segments] == list(TRUTH)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fps": 2}, CheckpointError, "was trained at 1 positions per second, and 2 are asked for"),
        ({"backbone": "test_resnet", "weights": None}, BackboneError, "test_efficientnet, not of test_resnet"),
        ({"path": "no-such-model"}, CheckpointError, "no-such-model"),
    ],
)
def test_what_does_not_fit_the_model_is_told(analyzed, open_model, options, error, words):
    with open_model(**options) as analyzer, pytest.raises(error, match=words):
        analyzer.analyze(analyzed.film)


def test_other_weights_than_the_models_are_told_by_both_digests(analyzed, open_model, tiny_weights, tmp_path):
    tensors = load_file(tiny_weights)
    tensors["conv_stem.weight"] += 1
    save_file(tensors, tmp_path / "other.safetensors")
    with open_model(weights=tmp_path / "other.safetensors") as analyzer, pytest.raises(BackboneError) as told:
        analyzer.analyze(analyzed.film)
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
    timeline = json.loads((tmp_path / "film.timeline.json").read_text())
    assert [s["label"] for s in timeline["segments"]] == list(TRUTH)
    assert float(timeline["segments"][0]["attributes"]["peak_s"]) <= 25
    dry = CliRunner().invoke(analyze, [str(o) for o in (analyzed.film, *options, "--dry-run")])
    assert "3, 3 of them in the store" in dry.output


def test_python_takes_a_model(analyzed, model, tiny_weights):
    timeline = vtn_stream.analyze(analyzed.film, model=model, weights=tiny_weights, store=analyzed.store, device="cpu")
    assert [s.label for s in timeline.segments] == list(TRUTH)
