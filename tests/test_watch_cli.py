"""vtn-stream batch --watch, as people call it, with a batch that only tells."""

import json

import pytest
from told_batch import events_of, failed, faked, films, here, rows  # noqa: F401  (fixtures among them)

from vtn_stream.errors import InputError
from vtn_stream_cli import batch_index, watching
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.messages import FilmDone, FilmTaken, Waiting
from vtn_stream_pipelines.tally import Tally

GONE = InputError("the folder films is not there now", "its films wait", "they go on when it is back")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


def film(number, num_bytes=100):
    name = f"films/{number}.mp4"
    return FilmEntry(number=number, path=f"/{name}", name=name, num_bytes=num_bytes, results=name)


def taken(film, **what):
    return FilmTaken(film=film, **({"is_again": False, "has_failed": False} | what))


def waiting(*films, problems=(), skipped=(), is_news=True, num_films=None):
    return Waiting(
        films=films,
        num_films=len(films) if num_films is None else num_films,
        problems=problems,
        num_problems=len(problems),
        skipped=skipped,
        num_skipped=len(skipped),
        is_news=is_news,
    )


def skipped(film):
    return FilmDone(film=film, outcome=None, skipped=True)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--at-rest 5", "--at-rest is for films that arrive: it needs --watch"),
        ("--until-idle 5", "--until-idle is for films that arrive: it needs --watch"),
        ("--watch --join auto", "--watch does not go with --join: later files"),
        ("--watch --limit 5", "--watch does not go with --limit: films are taken"),
        ("--watch --retry-failed", "--watch does not go with --retry-failed: failed films are tried again"),
        ("--watch --at-rest 0", "not a length of time"),
        ("--watch --until-idle never", "not a length of time"),
    ],
)
def test_wrong_usage_is_2(here, films, faked, words, line):
    code, out, err = here("batch", "films", "-o", "out", *words.split())
    assert (code, out, faked.films) == (2, "", None)
    assert line in " ".join(err.replace("│", " ").split())


def test_a_folder_that_is_not_there_is_one_line(here, films, faked):
    code, out, err = here("batch", "--watch", "missing", "-o", "out")
    assert (code, out) == (1, "")
    assert err == "vtn-stream: there is no missing; nothing is watched; check the path, or make the folder\n"
    assert faked.address is None


def test_what_was_asked_for_reaches_the_batch(here, films, faked):
    assert here("batch", "--watch", "films", "-o", "out", "--at-rest", "30", "--until-idle", "5m")[0] == 0
    assert (faked.watched.at_rest_s, faked.watched.until_idle_s) == (30, 300)
    assert here("batch", "films", "-o", "out", "--watch")[0] == 0
    assert (faked.watched.at_rest_s, faked.watched.until_idle_s) == (10, None)
    assert not faked.arguments["join"]


def test_films_that_arrive_are_counted_and_the_page_follows_them(here, films, faked, monkeypatch):
    monkeypatch.setattr(batch_index, "EVERY_S", 0.0)
    monkeypatch.setattr(batch_index, "MAX_SHARE", 1e9)

    def events(_):
        yield waiting("films/0.mp4", skipped=("films/a.txt",))
        assert faked.num_indexes == 0
        for number in (0, 1):
            yield taken(film(number))
            yield from events_of(film(number))
            assert faked.num_indexes == number + 1
        yield waiting()
        assert faked.num_indexes == 2  # nothing is new

    faked.events = events
    code, out, err = here("batch", "--watch", "films", "-o", "out")
    assert code == 0
    assert (rows(out)["films done"], rows(out)["chunks embedded"]) == ("2", "2")
    assert "films left" not in rows(out)
    lines = err.splitlines()
    assert lines[:2] == [
        "ignored, because their names are not those of films: films/a.txt",
        "not complete yet: films/0.mp4",
    ]
    assert json.loads((films.parent / "out" / "run.json").read_text())["films"]["done"] == 2


def test_a_film_that_failed_and_is_analyzed_again_has_not_failed(here, films, faked):
    def events(_):
        yield taken(film(0))
        yield failed(film(0))
        yield taken(film(0, 200), is_again=True, has_failed=True)
        yield skipped(film(0, 200))

    faked.events = events
    code, out, err = here("batch", "--watch", "films", "-o", "out")
    assert (code, rows(out)["films failed"], rows(out)["films skipped"]) == (0, "0", "1")
    assert "films left" not in rows(out)
    assert "films/0.mp4 has changed: it is analyzed again\n" in err
    assert "it is no film" not in out
    assert not (films.parent / "out" / "failures.jsonl").exists()


def test_what_is_left_at_the_end_is_named_and_is_1(here, films, faked):
    faked.events = lambda _: [taken(film(0)), *events_of(film(0)), waiting(*(f"films/{n}.mp4" for n in "abcde"))]
    code, _, err = here("batch", "--watch", "films", "-o", "out")
    assert code == 1
    assert err.splitlines()[-1] == (
        "vtn-stream: not analyzed, as they are not complete: films/a.mp4, films/b.mp4, films/c.mp4 and 2 more; "
        "run the same command again"
    )


def test_a_folder_that_vanishes_is_told_once_and_so_is_its_return(here, films, faked):
    faked.events = lambda _: [waiting(problems=(GONE,)), waiting(problems=(GONE,), is_news=False), waiting()]
    code, _, err = here("batch", "--watch", "films", "-o", "out")
    assert (code, err.splitlines()) == (0, [f"vtn-stream: {GONE}", "all of SOURCES can be read again"])
    faked.events = lambda _: [waiting(problems=(GONE,))]
    assert here("batch", "--watch", "films", "-o", "out")[0] == 1


def test_where_films_are_anonymous_they_are_only_counted(here, films, faked):
    faked.events = lambda _: [waiting(num_films=2)]
    code, _, err = here("batch", "--watch", "films", "-o", "out", "--anonymous", "--names", "../names.csv")
    assert (code, err.splitlines()[0]) == (1, "not complete yet: 2 films")


def test_what_is_waited_for_is_told_now_and_then(capsys):
    now = [0.0]
    report = watching.WatchReport(clock=lambda: now[0])
    for _ in range(180):
        report.hear(waiting("films/0.mp4"))
        now[0] += 1
    assert capsys.readouterr().err == "not complete yet: films/0.mp4\n" * 3


def test_json_lines_say_what_arrives(here, films, faked):
    news = [waiting("films/0.mp4", problems=(GONE,)), waiting("films/0.mp4", is_news=False)]
    faked.events = lambda _: [*news, taken(film(0)), *events_of(film(0))]
    _, out, _ = here("batch", "--watch", "films", "-o", "out", "--json-log")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines[1:4]] == ["films_waiting", "film_taken", "film_surveyed"]
    assert lines[1] == {
        "event": "films_waiting",
        "number": 1,
        "films": ["films/0.mp4"],
        "problems": ["the folder films is not there now"],
    }
    assert lines[2] == {
        "event": "film_taken",
        "film": "films/0.mp4",
        "results": "films/0.mp4",
        "bytes": 100,
        "again": False,
    }


def test_a_dry_run_plans_what_is_complete_now(here, films, faked, monkeypatch):
    (films / "4.part.mp4").write_bytes(b"x")
    asked = {}

    def plan(films, **_):
        asked["films"] = [film.name for film in films.films]
        return library.BatchPlan(
            num_films=4, num_finished=0, num_failed=0, num_chunks=4, num_stored=0, num_missing=480, estimate_s=60.0
        )

    monkeypatch.setattr(library, "plan", plan)
    code, out, err = here("batch", "--watch", "films", "-o", "out", "--dry-run", "--at-rest", "0.1")
    assert (code, asked["films"]) == (0, [f"films/{number}.mp4" for number in range(4)])
    assert "positions  480 to embed" in out
    assert err == "looks for 0.1 s at which films are complete\nnot complete yet: films/4.part.mp4\n"
    assert faked.films is None


def test_a_tally_counts_films_as_they_come():
    tally = Tally(0, 0, clock=lambda: 0.0)
    for event in (waiting("a", "b"), taken(film(0)), taken(film(1, 300)), skipped(film(0))):
        tally.hear(event)
    assert (tally.num_films, tally.num_over, tally.num_waiting, tally.share_over) == (2, 1, 2, 0.25)
    tally.hear(taken(film(0, 400), is_again=True))
    assert (tally.num_films, tally.num_skipped, tally.share_over) == (3, 1, 0.125)
