"""What a worker of a batch does, step by step, without a cluster."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import DecodingLost, TimelineError, VideoError
from vtn_stream.formats import timeline_json
from vtn_stream.results import ResultFiles, ResultOptions, load_timeline
from vtn_stream.settings import Settings
from vtn_stream.store import Leases, lease_key
from vtn_stream.store.leases import new_owner
from vtn_stream.timeline import Segment
from vtn_stream_pipelines import retries
from vtn_stream_pipelines.messages import Outcome
from vtn_stream_pipelines.worker import Worker


@pytest.fixture
def open_worker(encoder, tiny, tmp_path):
    """open_worker(settings={...}, **arguments of Worker and ResultOptions): one that shares the network.

    It writes to tmp_path / "out".
    """
    opened = []

    def open_(store: Path = tmp_path / "store", **options) -> Worker:
        settings = {"fps": 1, "backbone": tiny, "device": "cpu", "store": store} | options.pop("settings", {})
        of_worker = {name: options.pop(name) for name in ("results", "owner", "span_s", "estimates") if name in options}
        of_worker = {"results": ResultOptions(**({"output": tmp_path / "out"} | options))} | of_worker
        worker = Worker(settings=Settings(**settings), encoder=encoder, **of_worker)
        opened.append(worker)
        return worker

    yield open_
    for worker in opened:
        worker._analyzer._process.close()


@pytest.fixture
def stored(analyzed, tmp_path):
    """A store in which the film is."""
    return shutil.copytree(analyzed.store, tmp_path / "store")


def lose(analyzer: Analyzer, number: int) -> list[int]:
    """From now on decoding dies on this chunk. Gives the list of the chunks that are asked for, from which on."""
    decoded, asked = analyzer._process.windows, []

    def dying(video, pts, windows, wants=None, **options):
        chunk = analyzer.sampling.chunks(video)[number]
        begin, end = (video.pts[0] + int(60 * n / video.time_base) for n in (number, number + 1))
        asked.append(int((pts[0] - video.pts[0]) * video.time_base) // 60)
        before = pts < begin
        early = None if wants is None else wants[before]
        yield from decoded(video, pts[before], windows, early, **options) if before.any() else ()
        if ((begin <= pts) & (pts < end)).any():
            raise DecodingLost(f"decoding died at {chunk.number}", "frames are missing", "run again")
        yield from decoded(video, pts, windows, wants, **options)

    analyzer._process.windows = dying
    return asked


def test_the_steps_of_a_film_end_in_the_timeline_of_analyze(open_worker, open_analyzer, film, tmp_path):
    worker = open_worker(formats=("json", "csv"))
    survey = worker.survey(str(film), "films/film.mp4")
    assert (survey.num_chunks, survey.missing, survey.finished, survey.num_missing_positions) == (
        3,
        (0, 1, 2),
        False,
        130,
    )
    receipts = worker.embed(str(film), survey.identity, (0, 1))
    assert [(r.number, r.source, r.num_frames, r.leased) for r in receipts] == [
        (0, "film", 60, False),
        (1, "film", 60, False),
    ]
    assert worker.survey(str(film), "films/film.mp4").missing == (2,)
    worker.embed(str(film), survey.identity, (2,))
    assert worker.predict(str(film), survey.identity, (), "films/film.mp4") == Outcome(num_segments=5, num_gaps=0)

    with open_analyzer(tmp_path / "alone") as analyzer:
        analysis = analyzer.analyze(analyzer.plan(film))
        files = ResultFiles(tmp_path / "alone", film, ("json", "csv"))
        files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    for suffix in ("timeline.json", "timeline.csv", "scores.arrow"):
        written = tmp_path / "out" / "films" / f"film.mp4.{suffix}"
        assert written.read_bytes() == (tmp_path / "alone" / written.name).read_bytes()


def test_results_are_there_already_where_an_analysis_would_say_the_same(open_worker, film, stored, tmp_path):
    def finished(results="film.mp4", **options):
        survey = open_worker(**options).survey(str(film), results)
        assert not (survey.finished and survey.missing)
        return survey.finished

    worker = open_worker()
    identity = worker.survey(str(film), "film.mp4").identity
    assert not finished()
    worker.predict(str(film), identity, (), "film.mp4")
    assert finished()
    assert finished(settings={"exact": True})
    assert finished(output=shutil.copytree(tmp_path / "out", tmp_path / "elsewhere"))
    assert finished("films/film.mp4")  # `analyze` put them there
    assert not finished(formats=("json", "csv"))
    assert not finished(settings={"fps": 2})
    assert not finished(settings={"refine": False})
    assert not finished(overwrite=True)
    timeline = tmp_path / "out" / "film.mp4.timeline.json"
    whole, stored_one = timeline.read_bytes(), load_timeline(timeline)
    for other in (
        replace(stored_one, complete=False),
        replace(stored_one, provenance={**stored_one.provenance, "vtn_stream": "0.0.9"}),
    ):
        timeline.write_bytes(timeline_json.dumps(other, timeline_json.read_document(whole).files))
        assert not finished()
    timeline.write_bytes(whole)
    (tmp_path / "out" / "film.mp4.scores.arrow").unlink()
    assert not finished()


def test_a_film_whose_timeline_is_hand_work_is_finished_and_told(open_worker, film, stored, tmp_path):
    def survey(**options):
        return open_worker(**options).survey(str(film), "film.mp4")

    identity = survey().identity
    assert open_worker(formats=("csv",)).predict(str(film), identity, (), "film.mp4").hand_work == ()
    assert survey().hand_work == ()
    timeline, table = (tmp_path / "out" / f"film.mp4.timeline.{suffix}" for suffix in ("json", "csv"))
    for file in (table, timeline):
        whole = file.read_bytes()
        file.write_bytes(whole + b"\n")
        for options in ({}, {"overwrite": True}, {"settings": {"fps": 2}}, {"estimates": True}):
            kept = survey(formats=("csv",), **options)
            if file == timeline or not options or "estimates" in options:
                (line,) = kept.hand_work
                assert kept.finished
                assert line.startswith(f"{file.name} is hand work")
            else:
                assert not kept.finished  # the other files are made anew, and that tells of this one
        assert not survey(formats=("csv",), discard_edits=True).finished
        file.write_bytes(whole)
    timeline.write_bytes(timeline.read_bytes() + b"\n")
    done = open_worker(formats=("csv",), discard_edits=True).predict(str(film), identity, (), "film.mp4")
    assert done.hand_work == ("a file that may be hand work was put aside: film.mp4.timeline.json.edited-1",)
    assert survey().hand_work == ()


def test_a_film_that_was_corrected_is_analyzed_again_once_and_keeps_the_hand_work(open_worker, film, stored, tmp_path):
    def survey(**options):
        return open_worker(**options).survey(str(film), "film.mp4")

    identity = survey().identity
    predict = open_worker().predict
    predict(str(film), identity, (), "film.mp4")
    file = tmp_path / "out" / "film.mp4.timeline.json"
    document = timeline_json.read_document(file.read_bytes())
    by_hand = Segment(start_s=10, end_s=20, label="a bird", origin="manual")
    corrected = replace(document.timeline, segments=(*document.timeline.segments, by_hand))
    file.write_bytes(timeline_json.dumps(corrected, document.files))  # as a page does
    assert not survey().finished
    assert predict(str(film), identity, (), "film.mp4").hand_work == (
        "1 segment by hand was kept; the model's were drawn again (1 cut)",
    )
    drawn = load_timeline(file)
    assert by_hand in drawn.segments
    assert survey().finished
    assert survey().hand_work == ()
    assert not survey(discard_edits=True).finished
    gone = replace(drawn, segments=tuple(s for s in drawn.segments if s != by_hand))
    file.write_bytes(timeline_json.dumps(gone, document.files))
    assert not survey().finished  # what the hand work kept away comes back
    assert predict(str(film), identity, (), "film.mp4").hand_work == ()
    assert load_timeline(file) == document.timeline


def test_two_films_of_one_content_have_hand_work_of_their_own(open_worker, film, stored, tmp_path):
    worker = open_worker(formats=("csv",))
    identity = worker.survey(str(film), "a/film.mp4").identity
    for results in ("a/film.mp4", "b/film.mp4"):
        worker.predict(str(film), identity, (), results)
    mine = tmp_path / "out" / "a" / "film.mp4.timeline.json"
    mine.write_bytes(mine.read_bytes().replace(b'"scene A"', b'"the yard"'))
    again = open_worker(formats=("csv",), overwrite=True)
    assert [again.survey(str(film), results).finished for results in ("a/film.mp4", "b/film.mp4")] == [True, False]
    assert again.predict(str(film), identity, (), "b/film.mp4").hand_work == ()
    assert b'"the yard"' in mine.read_bytes()


def test_a_part_of_a_film_is_not_its_timeline(open_worker, film, stored, tmp_path):
    worker = open_worker()
    survey = worker.survey(str(film), "film.mp4")
    analysis = worker._analyzer.analyze(worker._analyzer.plan(film, start_s=10, end_s=70))
    files = ResultFiles(tmp_path / "out", film, stem="film.mp4")
    files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    assert not worker.survey(str(film), "film.mp4").finished
    worker.predict(str(film), survey.identity, (), "film.mp4")
    assert worker.survey(str(film), "film.mp4").finished


def test_results_of_another_film_are_kept(open_worker, film, slides, stored):
    worker = open_worker()
    identity = worker.survey(str(film), "film.mp4").identity
    worker.predict(str(film), identity, (), "film.mp4")
    with pytest.raises(TimelineError, match="exists already and is not this film's"):
        worker.survey(str(slides), "film.mp4")
    assert not open_worker(overwrite=True).survey(str(slides), "film.mp4").finished


def test_a_lost_chunk_is_a_gap_that_is_not_tried_again(open_worker, open_analyzer, film, tmp_path):
    worker = open_worker()
    asked = lose(worker._analyzer, 1)
    identity = worker.survey(str(film), "film.mp4").identity
    receipts = worker.embed(str(film), identity, (0, 1, 2))
    assert [(r.number, r.source, r.num_frames) for r in receipts] == [(0, "film", 60), (1, "lost", 0), (2, "film", 10)]
    assert receipts[1].warnings[-1] == "decoding died at 1 again: chunk 1 is a gap"
    tries = len(asked)
    assert worker.predict(str(film), identity, (1,), "film.mp4").num_gaps == 1
    assert 1 not in asked[tries:]  # cuts in other chunks are looked for

    with open_analyzer(tmp_path / "alone") as analyzer:
        lose(analyzer, 1)
        alone = analyzer.analyze(analyzer.plan(film)).timeline
    assert load_timeline(tmp_path / "out" / "film.mp4.timeline.json") == alone
    # Another run tries it again.
    survey = open_worker().survey(str(film), "film.mp4")
    assert (survey.finished, survey.missing) == (False, (1,))


def test_a_film_that_was_replaced_meanwhile_is_refused(open_worker, film, slides, tmp_path):
    path = tmp_path / "growing.mp4"
    shutil.copy(film, path)
    worker = open_worker()
    identity = worker.survey(str(path), "growing.mp4").identity
    shutil.copy(slides, path)
    with pytest.raises(VideoError, match="has changed since the run began"):
        worker.embed(str(path), identity, (0,))
    with pytest.raises(VideoError, match="has changed since the run began"):
        worker.predict(str(path), identity, (), "growing.mp4")


def test_what_another_batch_works_on_is_left_to_it(open_worker, film, tmp_path, monkeypatch):
    monkeypatch.setattr(retries, "LEASE_WAIT_S", 0.2)
    monkeypatch.setattr(retries, "LEASE_CHECK_S", 0.01)
    owner = new_owner()
    worker = open_worker(owner=owner)
    survey = worker.survey(str(film), "film.mp4")
    chunks = worker._analyzer.plan(film).chunks
    keys = [lease_key(chunk, worker._analyzer.recipe, worker._analyzer.execution) for chunk in chunks]
    others, own = Leases(tmp_path / "store", owner=new_owner()), Leases(tmp_path / "store", owner=owner)
    with others.hold(keys[1]) as held:
        assert held
        receipts = worker.embed(str(film), survey.identity, (0, 1, 2))
        assert [(r.number, r.leased) for r in receipts] == [(0, False), (1, True), (2, False)]
        assert [r.leased for r in worker.embed(str(film), survey.identity, (1,))] == [True]  # after a short wait
    with own.hold(keys[1]) as held:  # a dead worker of the same batch has left it
        assert held
        assert [r.source for r in worker.embed(str(film), survey.identity, (1,))] == ["film"]
    assert [r.source for r in worker.embed(str(film), survey.identity, (0, 1, 2))] == ["store"] * 3


def test_leases_are_released_chunk_by_chunk(open_worker, film, tmp_path):
    worker, live = open_worker(owner=new_owner()), []
    survey = worker.survey(str(film), "film.mp4")
    write = worker._analyzer._store.write

    def watched(*arguments):
        live.append(len(Leases(tmp_path / "store").live()))
        write(*arguments)

    worker._analyzer._store.write = watched
    worker.embed(str(film), survey.identity, (0, 1, 2))
    assert live == [3, 2, 1]


def test_an_estimate_is_made_where_it_is_asked_for(open_worker, film, tmp_path):
    assert open_worker(estimates=True).survey(str(film), "film.mp4").estimate_s > 0
    assert not (tmp_path / "out").exists()
    assert open_worker().survey(str(film), "film.mp4").estimate_s == 0


def test_a_part_of_a_film_is_embedded(open_worker, film):
    worker = open_worker(results=None, span_s=(70.0, 80.0))
    survey = worker.survey(str(film), "film.mp4")
    assert (survey.num_chunks, survey.missing, survey.finished) == (1, (1,), False)
    assert [r.number for r in worker.embed(str(film), survey.identity, (1,))] == [1]
