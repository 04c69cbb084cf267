"""Many films on a Ray cluster of two nodes give what `vtn-stream analyze` gives of each."""

import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from fleet import FakeEncoder, FleetWorker, Run, analyzed_alone, two_nodes
from input_models import write_input_model
from ray_nodes import IGNORED, LIMIT_S

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import BackboneError, DecodingLost, TimelineError
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream_pipelines import Cluster, batch, embed_film
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.messages import ChunkLost, ChunksDone, FilmDone, FilmFailed
from vtn_stream_pipelines.work import WorkerStarted
from vtn_stream_pipelines.worker import Worker

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)
TWO_NODES = Cluster(num_nodes=2, num_cpus=2, num_gpus=0, is_private=False)


@pytest.fixture(scope="module")
def cluster(ray_head):
    with two_nodes(ray_head, sys.modules[__name__]) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def sources(film, film_maker, tmp_path_factory) -> Path:
    """Two folders: in both a cam.mp4, which are two films; a copy of one of them; one that is none."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("day1", "day2"):
        (folder / name).mkdir()
    shutil.copy(film, folder / "day1" / "cam.mp4")
    shutil.copy(film, folder / "day2" / "copy.mp4")
    film_maker(folder / "day2" / "cam.mp4", [(40, 3), (30, 4)])
    (folder / "day2" / "cam.mkv").write_bytes(b"this is no film")
    return folder


@pytest.fixture(scope="module")
def settings(tiny, tiny_weights):
    return {"backbone": tiny, "weights": tiny_weights, "fps": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def batched(cluster, sources, settings, tmp_path_factory):
    """The films as a batch on two nodes, with a network."""
    folder, events = tmp_path_factory.mktemp("batched"), []
    summary = batch.batch(
        list_films([sources / "day1", sources / "day2"]),
        cluster=TWO_NODES,
        settings=Settings(store=folder / "store", **settings),
        results=ResultOptions(output=folder / "out", formats=("csv", "json")),
        on_event=events.append,
    )
    return SimpleNamespace(out=folder / "out", store=folder / "store", events=events, summary=summary)


def of_kind(events: list, kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


def embeddings(store: Path) -> dict[str, bytes]:
    return {str(file.relative_to(store)): file.read_bytes() for file in (store / "films").rglob("[0-9]*.arrow")}


def test_the_module_loads_neither_ray_nor_torch():
    code = "import sys, vtn_stream_pipelines.batch; assert not {'ray', 'torch'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["day1/cam.mp4", "day2/cam.mp4", "day2/copy.mp4"])
def test_results_are_byte_for_byte_those_of_analyze(batched, sources, settings, name, tmp_path, monkeypatch):
    from vtn_stream_cli.main import main

    options = [text for key, value in settings.items() for text in (f"--{key}", str(value))]
    argv = ["vtn-stream", "analyze", sources / name, "-o", tmp_path, "--store", tmp_path / "store", *options]
    monkeypatch.setattr(sys, "argv", [str(argument) for argument in argv])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    for suffix in ("timeline.json", "timeline.csv", "scores.arrow"):
        alone = (tmp_path / f"{Path(name).name}.{suffix}").read_bytes()
        assert (batched.out / f"{name}.{suffix}").read_bytes() == alone, suffix
    stored = embeddings(batched.store)
    assert all(stored[key] == content for key, content in embeddings(tmp_path / "store").items())


def test_a_film_that_is_none_is_named_with_the_reason(batched):
    (failed,) = of_kind(batched.events, FilmFailed)
    assert failed.film.name.endswith("day2/cam.mkv")
    assert failed.reason.startswith("cam.mkv cannot be read as a film (Invalid data found when processing input);")
    assert (failed.stage, failed.attempts) == ("survey", 1)
    assert not list(batched.out.rglob("cam.mkv*"))


def test_films_of_one_content_are_embedded_once(batched):
    assert len(of_kind(batched.events, FilmDone)) == batched.summary.counts.num_done == 3
    receipts = [receipt for event in of_kind(batched.events, ChunksDone) for receipt in event.receipts]
    assert [receipt.source for receipt in receipts] == ["film"] * 5
    assert batched.summary.counts.num_frames == 130 + 70
    assert batched.summary.num_duplicates == 0
    assert len(embeddings(batched.store)) == 5


def test_the_summary_says_how_it_went(batched, settings):
    with Analyzer(Settings(store=batched.store, **settings)) as analyzer:
        execution = analyzer.execution
    assert batched.summary.execution["instruction_set"] == execution.instruction_set
    assert of_kind(batched.events, batch.ExecutionResolved) == [
        batch.ExecutionResolved(execution=batched.summary.execution)
    ]
    assert set(batched.summary.seconds_by_stage) == {"load", "survey", "embed", "predict"}
    assert batched.summary.num_workers == len(of_kind(batched.events, WorkerStarted)) == 2


@pytest.fixture(scope="module")
def many(film_maker, tmp_path_factory) -> Path:
    """Films of one picture every 10 s: 10 chunks, and 2."""
    folder = tmp_path_factory.mktemp("many")
    for name, num in [("long.mp4", 30), ("short.mp4", 6)]:
        film_maker(folder / name, [(20, i % 5) for i in range(num)], fps=Fraction(1, 10))
    return folder


class Meets(FleetWorker):
    def at(self, moment):
        if moment == "embed":
            self.meet("embeds", 2)


@pytest.mark.release
def test_one_film_alone_keeps_all_nodes_busy(cluster, many, tmp_path):
    run = Run(tmp_path, Meets, list_films([many / "long.mp4"]))
    assert len(run.embedders) == 2
    assert len({event.worker for event in run.of_kind(ChunksDone)}) == 2
    assert set(run.stored.values()) == {1}
    assert run.stored.total() == 10


@pytest.mark.release
def test_a_model_that_reads_changes_gives_on_ray_what_it_gives_alone(cluster, many, tmp_path):
    model = write_input_model(tmp_path / "moves.safetensors")
    Run(tmp_path, FleetWorker, list_films([many / "short.mp4"]))  # its pictures are stored then
    run = Run(tmp_path, FleetWorker, many, settings={"model": model}, overwrite=True)
    assert (run.failed, run.summary.counts.num_done) == ({}, 2)
    assert run.timelines == analyzed_alone(many, tmp_path / "alone", model=model)
    assert embeddings(tmp_path / "store") == embeddings(tmp_path / "alone" / "store")
    assert run.stored == {f"short.mp4 {n}": 1 for n in range(2)} | {f"long.mp4 {n}": 2 for n in range(10)}


class Losing(FleetWorker):
    def at(self, moment):
        if moment == "decoding" and self.film == "short.mp4":
            raise DecodingLost("decoding died", "frames are missing", "run again")


@pytest.mark.release
def test_a_film_on_which_decoding_dies_everywhere_has_failed(cluster, many, tmp_path):
    run = Run(tmp_path, Losing, many)
    assert list(run.failed) == ["short.mp4"]
    assert "decoding failed several times" in run.failed["short.mp4"]
    assert sorted((e.number, e.reason) for e in run.of_kind(ChunkLost)) == [  # which worker is first, chance says
        (n, f"decoding died again: chunk {n} is a gap") for n in (0, 1)
    ]
    assert {Path(e.film.path).name: e.outcome.num_gaps for e in run.of_kind(FilmDone)} == {"long.mp4": 0}
    # Another run tries them again, and nothing else.
    again = Run(tmp_path, FleetWorker, many)
    assert again.stored == {"short.mp4 0": 1, "short.mp4 1": 1}
    assert again.summary.counts.num_skipped == 1


class Mixed(FleetWorker):
    """The second is on a machine of another kind."""

    def make_encoder(self):
        return FakeEncoder(instruction_set="new" if self.once("first") else "old")

    def at(self, moment):
        if moment == "survey":
            self.wait_for("refused")


@pytest.mark.release
def test_a_worker_that_computes_in_another_way_gets_no_work(cluster, many, tmp_path):
    def look(event):
        if isinstance(event, batch.WorkerRefused):
            (tmp_path / "refused").touch()

    run = Run(tmp_path, Mixed, many, look=look)
    (refused,) = run.of_kind(batch.WorkerRefused)
    assert refused.reason in ("its instruction set is old, not new", "its instruction set is new, not old")
    assert len(run.embedders) == 1
    assert (run.failed, run.summary.counts.num_done) == ({}, 2)


def test_a_plan_says_what_is_to_be_done(cluster, many, tmp_path, monkeypatch):
    run = Run(tmp_path, FleetWorker, list_films([many / "long.mp4"]))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no film")
    monkeypatch.setattr(batch, "Worker", type("FleetWorker", (FleetWorker,), {"folder": str(tmp_path)}))
    plan = batch.plan(
        list_films([many / "long.mp4", many / "short.mp4", bad]),
        cluster=TWO_NODES,
        settings=Settings(fps=1, store=tmp_path / "store"),
        results=ResultOptions(output=run.output),
    )
    assert 0 < plan.estimate_s < LIMIT_S
    assert replace(plan, estimate_s=0) == batch.BatchPlan(
        num_films=3, num_finished=1, num_failed=1, num_chunks=12, num_stored=10, num_missing=120, estimate_s=0
    )
    assert set(run.timelines) == {"long.mp4"}


class Misled(FleetWorker):
    def load(self):
        raise BackboneError("there is no backbone named resnet5O", "nothing was analyzed", "did you mean resnet50?")


def test_wrong_settings_end_the_batch_with_one_line(cluster, many, tmp_path):
    with pytest.raises(BackboneError, match=r"^there is no backbone named resnet5O; .* did you mean resnet50\?$"):
        Run(tmp_path, Misled, many)


def test_an_output_that_cannot_be_written_is_told_before_any_worker_starts(many, tmp_path):
    (tmp_path / "out").write_text("a file")
    results = ResultOptions(output=tmp_path / "out")
    with pytest.raises(TimelineError, match=r"nothing can be written to out .*; no film was analyzed;"):
        batch.batch(list_films([many]), cluster=TWO_NODES, settings=Settings(), results=results)


def test_one_film_is_embedded_for_analyze(cluster, many, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "Worker", type("FleetWorker", (FleetWorker,), {"folder": str(tmp_path)}))
    settings = Settings(fps=1, store=tmp_path / "store")
    film = many / "long.mp4"
    summary = embed_film(film, cluster=TWO_NODES, settings=settings, span_s=(0, 100))
    assert (summary.counts.num_done, summary.counts.num_chunks_done) == (1, 2)
    summary = embed_film(film, cluster=TWO_NODES, settings=settings)
    assert (summary.counts.num_done, summary.counts.num_chunks_done) == (1, 8)
    with Analyzer(settings, encoder=FakeEncoder()) as analyzer:
        assert analyzer.missing(analyzer.plan(film)) == ()
    assert embed_film(many / "missing.mp4", cluster=TWO_NODES, settings=settings).counts.num_failed == 1


def test_workers_take_a_share_of_a_gpu_where_there_is_one(monkeypatch, tmp_path):
    specs = []

    class NoPool:
        def __init__(self, given, **options):
            specs.append(given)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def run(self, source):
            pass

    monkeypatch.setattr(batch, "Pool", NoPool)
    gpus = Cluster(num_nodes=1, num_cpus=8, num_gpus=1, is_private=False)
    monkeypatch.chdir(tmp_path)
    Path("w.pth").touch()
    for device, cluster in [("auto", gpus), ("auto", TWO_NODES), ("cpu", gpus)]:
        given = Settings(device=device, store=Path("store"), weights=Path("w.pth"), model="cctv-fight")
        results = ResultOptions(output=Path("out"))
        batch.batch([], cluster=cluster, settings=given, results=results, num_workers=3)
    assert [spec.resources.num_gpus for spec in specs] == [0.25, 0, 0]
    assert [spec.arguments["settings"].device for spec in specs] == ["cuda", "cpu", "cpu"]
    assert {(spec.factory, spec.max_workers) for spec in specs} == {(Worker, 3)}
    assert specs[0].arguments["settings"] == Settings(
        device="cuda", store=str(tmp_path / "store"), weights=str(tmp_path / "w.pth"), model="cctv-fight"
    )
    assert specs[0].arguments["results"] == ResultOptions(output=tmp_path / "out", inside=tmp_path)
