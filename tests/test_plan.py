"""A film is probed once, whoever analyzes it."""

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

import vtn_stream
from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture
def probes(monkeypatch):
    """How often a film's clock was asked of the store, and how often a decoder had to read it."""
    counts = SimpleNamespace(asked=0, read=0)
    probed, probe = EmbeddingStore.probed, DecodingProcess.probe

    def asked(self, *arguments):
        counts.asked += 1
        return probed(self, *arguments)

    def read(self, *arguments):
        counts.read += 1
        return probe(self, *arguments)

    monkeypatch.setattr(EmbeddingStore, "probed", asked)
    monkeypatch.setattr(DecodingProcess, "probe", read)
    return counts


@pytest.fixture
def words(slides, tiny, tiny_weights, tmp_path):
    """`analyze` of a film in a store of its own."""
    options = ["--fps", "0.1", "--backbone", tiny, "--weights", tiny_weights, "--device", "cpu"]
    return ["analyze", slides, "-o", tmp_path / "out", "--store", tmp_path / "store", *options]


def test_analyze_probes_a_film_once_and_a_second_run_reads_nothing(probes, here, words):
    assert here(*words)[0] == 0
    assert (probes.asked, probes.read) == (1, 1)
    assert here(*words)[0] == 0
    assert (probes.asked, probes.read) == (2, 1)
    assert here(*words, "--dry-run")[0] == 0
    assert (probes.asked, probes.read) == (3, 1)


def test_before_and_after_a_cluster_it_is_one_probe(probes, here, words, slides, monkeypatch):
    from vtn_stream_cli import on_cluster
    from vtn_stream_pipelines import Cluster

    @contextmanager
    def connected(address):
        yield Cluster(num_nodes=1, num_cpus=2, num_gpus=0, is_private=True)

    asked = []
    monkeypatch.setattr(on_cluster, "connected", connected)
    monkeypatch.setattr(on_cluster, "embed_film", lambda path, **arguments: asked.append((path, arguments["span_s"])))
    assert here(*words, "--ray", "auto", "--start", "30")[0] == 0
    assert asked == [(slides, (30.0, 300.0))]
    assert (probes.asked, probes.read) == (1, 1)


def test_the_library_probes_a_film_once(probes, slides, tmp_path, tiny, tiny_weights):
    vtn_stream.analyze(slides, fps="0.1", backbone=tiny, weights=tiny_weights, device="cpu", store=tmp_path)
    assert (probes.asked, probes.read) == (1, 1)


def test_each_step_of_a_worker_asks_the_store_once(probes, slides, encoder, tmp_path):
    from vtn_stream.results import ResultOptions
    from vtn_stream.settings import Settings
    from vtn_stream_pipelines.worker import Worker

    settings = Settings(fps="0.1", device="cpu", store=tmp_path / "store")
    worker = Worker(settings=settings, results=ResultOptions(output=tmp_path / "out"), encoder=encoder)
    try:
        survey = worker.survey(str(slides), "slides.mp4")
        worker.embed(str(slides), survey.identity, survey.missing)
        worker.predict(str(slides), survey.identity, (), "slides.mp4")
    finally:
        worker._analyzer._process.close()
    assert (probes.asked, probes.read) == (3, 1)
    assert Path(tmp_path / "out" / "slides.mp4.timeline.json").is_file()
