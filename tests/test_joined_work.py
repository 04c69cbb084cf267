"""What workers of a batch do with a recording, in this process: its results are those of analyze, and nothing is done
twice.
"""

import contextlib
import json
from fractions import Fraction
from pathlib import Path

import pytest
from fleet import FakeEncoder
from recorded_cards import CHAPTERS, card  # noqa: F401  (a fixture)

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import VtnStreamError
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream_pipelines import embed_film
from vtn_stream_pipelines.film_list import RecordingFiles
from vtn_stream_pipelines.joiner import Joiner
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.messages import ChunksDone, FilmDone, FilmFailed, FilmsApart, RecordingFound
from vtn_stream_pipelines.schedule import Schedule
from vtn_stream_pipelines.work import Failure
from vtn_stream_pipelines.worker import Worker

pytestmark = pytest.mark.usefixtures("warm_decoders")


class Batch:
    """The films of a folder, by workers that are objects here."""

    def __init__(self, films, folder, *, look=lambda event: None, num_workers=2, max_tasks=10_000):
        self.events, self.tasks = [], []
        self.output = folder / "out"

        def hear(event):
            self.events.append(event)
            look(event)

        joiner = Joiner(list_films([films]).films, hear)
        schedule = Schedule(joiner.alone(), on_event=hear)
        source = joiner.before(schedule)
        settings = Settings(fps=1, store=folder / "store", device="cpu")
        results = ResultOptions(output=self.output, formats=("json", "csv")).for_workers()
        workers = [Worker(settings=settings, results=results, encoder=FakeEncoder()) for _ in range(num_workers)]
        with contextlib.ExitStack() as stack:
            for worker in workers:
                stack.enter_context(worker._analyzer)
            self._play(source, workers, max_tasks)
        self.counts = schedule.counts

    def _play(self, source, workers, max_tasks):
        for turn in range(max_tasks):
            if source.finished():
                break
            number = turn % len(workers)
            task = source.next(number)
            if task is None:
                continue
            self.tasks.append(task)
            try:
                result = getattr(workers[number], task.method)(*task.args)
            except VtnStreamError as error:
                source.failed(task, Failure(kind="raised", reason=str(error), error=error), number)
            else:
                source.done(task, result, number, 1.0)

    def of_kind(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def embedded(self):
        """(results of the film, number of the chunk) of each chunk that was embedded, as often as it was."""
        receipts = [(event.film.results, r) for event in self.of_kind(ChunksDone) for r in event.receipts]
        return sorted((name, receipt.number) for name, receipt in receipts if receipt.source == "film")


@pytest.fixture(scope="module")
def done(card, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joined")
    return Batch(card, folder), folder


def test_every_film_is_done_once_alone_or_in_its_recording(done):
    batch, _ = done
    names = ["card/GH010001", "card/GH020002.MP4", "card/IMG_0001.MP4", "card/IMG_0002.MP4"]
    assert sorted(event.film.results for event in batch.of_kind(FilmDone)) == names
    assert sorted(batch.embedded()) == sorted(
        [(names[0], n) for n in range(6)] + [(f, n) for f in names[1:] for n in (0, 1)]
    )
    (found,) = batch.of_kind(RecordingFound)
    assert found.files == tuple(f"card/{name}" for name in CHAPTERS)
    assert [event.files for event in batch.of_kind(FilmsApart)] == [("card/IMG_0001.MP4", "card/IMG_0002.MP4")]
    assert sum(task.method == "look" for task in batch.tasks) == 5  # not the chapter that is alone


def test_results_are_byte_for_byte_those_of_analyze(done, card, tmp_path):
    batch, _ = done
    results = ResultOptions(output=tmp_path / "results", formats=("json", "csv"))
    with Analyzer(Settings(fps=1, store=tmp_path / "store"), encoder=FakeEncoder()) as analyzer:
        plan = analyzer.plan([card / name for name in CHAPTERS], name="GH010001")
        made = analyzer.analyze(plan)
        files = results.files(plan.video.path, plan.video.identity, store=tmp_path / "store")
        files.save(made.timeline, made.scores, made.index, made.labels)
    timeline = (batch.output / "card" / "GH010001.timeline.json").read_bytes()
    assert timeline == files.timelines["json"].read_bytes()
    assert [part["path"] for part in json.loads(timeline)["video"]["parts"]] == [*CHAPTERS]


def test_what_is_done_is_skipped_also_a_recording(done, card):
    _, folder = done
    again = Batch(card, folder)
    assert (again.counts.num_skipped, again.embedded()) == (4, [])


def test_a_run_that_was_killed_in_the_second_file_goes_on_there(card, tmp_path):
    killed = Batch(card, tmp_path, num_workers=1, max_tasks=12)
    again = Batch(card, tmp_path)
    first, second = killed.embedded(), again.embedded()
    assert first
    assert second
    assert len(set(first) | set(second)) == len(first) + len(second) == 12


def test_a_file_that_is_gone_fails_its_recording_and_nothing_else(film_maker, tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    for seed, name in enumerate(("match_part1.mp4", "match_part2.mp4", "other.mp4")):
        film_maker(films / name, [(20, seed)], fps=Fraction(1))

    def look(event):
        if isinstance(event, RecordingFound):
            (films / "match_part2.mp4").unlink()

    batch = Batch(films, tmp_path, look=look)
    assert [event.film.results for event in batch.of_kind(FilmDone)] == ["films/other.mp4"]
    (failed,) = batch.of_kind(FilmFailed)
    assert (failed.film.results, "match_part2.mp4" in failed.reason) == ("films/match", True)
    assert "nothing of match was analyzed" in failed.reason


def test_analyze_on_a_cluster_gives_workers_the_files_of_a_recording(card, monkeypatch):
    monkeypatch.setattr("vtn_stream_pipelines.embed.run", lambda films, **_: films)
    parts, starts = [card / name for name in CHAPTERS], [Fraction(0), Fraction(70), Fraction(200)]
    (film,) = embed_film(Path("GH010001"), cluster=None, settings=Settings(), parts=parts, starts=starts)
    assert film.source == RecordingFiles(name="GH010001", paths=tuple(map(str, parts)), starts=tuple(starts))
    assert film.num_bytes == sum(part.stat().st_size for part in parts)
