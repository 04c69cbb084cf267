"""A linear model from its fit to a file, and from the file to a timeline, as any other model."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vtn_stream.analysis import Analyzer, ChunkReady
from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.metadata import describe
from vtn_stream.checkpoints.sizes import multiply_adds, parameters
from vtn_stream.results import ResultFiles
from vtn_stream.sampling import ClipWindow
from vtn_stream.settings import Settings
from vtn_stream.store import read_scores
from vtn_stream.timeline import Segment
from vtn_stream.track import NO_THRESHOLD, OperatingPoint, OperatingPoints
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.linear import fit_linear, natural_linear

pytestmark = pytest.mark.usefixtures("warm_decoders")

LABELS = ("A", "C", "D")
SCENES = (("A", 0, 25), ("B", 25, 48), ("C", 48, 75), ("A", 75, 100), ("D", 100, 130))  # of conftest's film
FPS = Fraction(1)


@pytest.fixture(scope="module")
def lesson(analyzed, open_analyzer):
    """The film to learn from: B is nothing. Its embeddings are tiny; a model of statistics does not mind."""
    with open_analyzer(analyzed.store) as analyzer:
        plan = analyzer.plan(analyzed.film)
        chunks = [e for e in analyzer.embed(plan.video, plan.chunks) if isinstance(e, ChunkReady)]
    return TrainingFilm(
        name="film",
        identity="film",
        group="film",
        subset=None,
        values=np.concatenate([chunk.values for chunk in chunks]) * np.float16(100),
        index=analyzed.analysis.index,
        duration_s=130.0,
        segments=tuple(Segment(start_s=a, end_s=b, label=label) for label, a, b in SCENES if label != "B"),
        clip_label=None,
    )


def clips_of(film):
    """Pieces of 4 positions, each inside one scene that has a label."""
    for label, start_s, end_s in SCENES:
        for at in range(start_s, end_s - 4, 2) if label != "B" else ():
            part = slice(at, at + 4)
            yield replace(
                film,
                name=f"{at}",
                group=f"{at}",
                values=film.values[part],
                index=film.index[part],
                segments=(),
                clip_label=label,
            )


def saved(network, encoder, folder, **options):
    """The model in a file; its embeddings are 100 times as large as the encoder's."""
    tensors = dict(network.state_dict())
    tensors["encoder.input_mean"] = tensors["encoder.input_mean"] / 100
    tensors["encoder.input_deviation"] = tensors["encoder.input_deviation"] / 100
    fields = {
        "config": network.config,
        "labels": LABELS,
        "recipe": encoder.recipe(FPS),
        "window": ClipWindow(num_positions=4, stride=2),
        "operating_points": NO_THRESHOLD,
        "training": {"source": "a test"},
        "tensors": tensors,
    }
    path = folder / "linear.safetensors"
    save_checkpoint(Checkpoint(**fields | options), path)
    return path


@pytest.fixture(scope="module")
def dense(lesson, encoder, tmp_path_factory):
    settings = natural_linear([lesson], LABELS, "dense", FPS)
    settings = replace(settings, encoder=replace(settings.encoder, reach=1, statistics=("mean", "deviation")))
    network = fit_linear([lesson], LABELS, settings, backbone=encoder.name).network
    return saved(network, encoder, tmp_path_factory.mktemp("dense"))


@pytest.fixture(scope="module")
def clip(lesson, encoder, tmp_path_factory):
    examples = list(clips_of(lesson))
    settings = natural_linear(examples, LABELS, "classification", FPS, decay=1e-4)
    network = fit_linear(examples, LABELS, settings, backbone=encoder.name).network
    points = OperatingPoints(common=OperatingPoint(high=0.9, low=0.6))
    return saved(network, encoder, tmp_path_factory.mktemp("clip"), operating_points=points)


@pytest.fixture(scope="module")
def finding(lesson, encoder, tmp_path_factory):
    settings = natural_linear([lesson], LABELS, "localization", FPS)
    network = fit_linear([lesson], LABELS, settings, backbone=encoder.name).network
    points = OperatingPoints(common=OperatingPoint(high=0.5, low=0.25))
    return saved(network, encoder, tmp_path_factory.mktemp("finding"), operating_points=points)


def analysis_of(analyzed, model, tiny_weights):
    settings = Settings(model=model, store=analyzed.store, device="cpu", weights=tiny_weights)
    with Analyzer(settings) as analyzer:
        return analyzer.analyze(analyzer.plan(analyzed.film))


def test_everything_comes_back_from_the_file(dense, tmp_path):
    loaded = load_checkpoint(dense)
    assert loaded.config.is_linear
    again = tmp_path / "again.safetensors"
    save_checkpoint(loaded, again)
    assert again.read_bytes() == dense.read_bytes()
    assert describe(loaded)["format"] == 2  # 0.1.0 says that it does not know this version
    x = torch.randn(1, 7, loaded.config.encoder.input_width)
    torch.testing.assert_close(loaded.network().label(x), load_checkpoint(again).network().label(x))


def test_the_timeline_of_a_dense_one_is_what_the_film_shows(analyzed, dense, tiny_weights, tmp_path):
    analysis = analysis_of(analyzed, dense, tiny_weights)
    timeline = analysis.timeline
    long = [segment for segment in timeline.segments if segment.end_s - segment.start_s > 3]
    assert [(s.label, s.start_s, s.end_s) for s in long] == [
        (label, pytest.approx(a, abs=2), pytest.approx(b, abs=2)) for label, a, b in SCENES if label != "B"
    ]
    assert timeline.curves == {}  # nothing attends
    assert timeline.provenance["analysis"]["kind"] == "dense labels"
    assert timeline.provenance["analysis"]["linear"] is True
    assert timeline.provenance["notes"][0].startswith(
        "A linear model read what 3 s around each position show, every 1 s"
    )
    files = ResultFiles(tmp_path, analyzed.film)
    files.claim(timeline.video_identity)
    files.save(timeline, analysis.scores, analysis.index, analysis.labels)
    scores, _, labels = read_scores(files.scores)
    assert labels == LABELS
    np.testing.assert_array_equal(scores.frame, analysis.scores.frame)


def test_the_timeline_of_a_clip_classifier_is_what_the_film_shows(analyzed, clip, tiny_weights):
    timeline = analysis_of(analyzed, clip, tiny_weights).timeline
    shown = {segment.label: (segment.start_s, segment.end_s) for segment in timeline.segments}
    assert shown["C"] == (pytest.approx(48, abs=3), pytest.approx(75, abs=3))
    assert {label for label, _ in timeline.clip_labels} == set(LABELS)  # the whole film is read too
    assert timeline.curves == {}
    assert timeline.provenance["notes"][0].startswith("A linear clip classifier slid over the film")


def test_the_segments_of_one_that_finds_them_are_what_the_film_shows(analyzed, finding, tiny_weights):
    analysis = analysis_of(analyzed, finding, tiny_weights)
    assert [(s.label, s.start_s, s.end_s) for s in analysis.timeline.segments if s.end_s - s.start_s > 3] == [
        (label, pytest.approx(a, abs=3), pytest.approx(b, abs=3)) for label, a, b in SCENES if label != "B"
    ]
    assert len(analysis.scores.spans) > len(analysis.timeline.segments)  # below the threshold there are more
    assert analysis.timeline.provenance["analysis"]["kind"] == "action localization"


@pytest.mark.parametrize("name", ["dense", "clip", "finding"])
def test_its_sizes_are_those_of_its_tensors(request, name):
    checkpoint = load_checkpoint(request.getfixturevalue(name))
    sizes = parameters(checkpoint.config)
    assert sizes.head == sum(p.numel() for p in checkpoint.network().head.parameters())
    assert sizes.encoder == sum(p.numel() for p in checkpoint.network().encoder.parameters()) == 0
    width, outputs = checkpoint.network().head.out.weight.T.shape
    times = 1 if name == "clip" else 10
    assert multiply_adds(checkpoint.config, 10, (160, 160)).head == times * width * outputs


def test_models_info_says_what_it_reads(dense):
    from vtn_stream_cli.models import info

    result = CliRunner().invoke(info, [str(dense)])
    assert result.exit_code == 0, result.output
    assert "linear model" in result.output
    assert "mean and deviation of the positions up to 1 away" in result.output
    facts = json.loads(CliRunner().invoke(info, [str(dense), "--json"]).output)
    assert facts["config"]["encoder"]["reach"] == 1
