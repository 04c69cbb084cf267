"""vtn-stream batch, as people call it, with a batch that only tells: what is asked, and how it ends."""

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from told_batch import events_of, failed, faked, films, here, rows  # noqa: F401  (fixtures among them)

from vtn_stream.errors import ClusterError
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream_cli import batch as command
from vtn_stream_cli.times import about
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.connection import Cluster
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.messages import (
    FilmDone,
)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


def test_a_store_that_not_all_nodes_see_is_told_before_anything_is_done(here, films, faked, monkeypatch, tmp_path):
    def unseen(store, option="--store"):
        raise ClusterError(f"node 2 of 2 does not see {option}", "nothing was started", "share it")

    @contextmanager
    def two_nodes(address):
        faked.open = 1
        yield Cluster(num_nodes=2, num_cpus=2, num_gpus=0, is_private=False)

    monkeypatch.setattr(command, "connected", two_nodes)
    monkeypatch.setattr(command, "check_store", unseen)
    code, _, err = here("batch", films, "-o", tmp_path / "out", "--address", "auto", "--store", tmp_path / "store")
    assert (code, faked.films) == (1, None)
    assert "node 2 of 2 does not see --store" in err


# ---- what is asked


def test_help_and_wrong_words_import_neither_torch_nor_ray():
    for words, code in ((["batch", "--help"], 0), (["cluster", "--help"], 0), (["batch", "x", "-o", "y"], 1)):
        script = f"import sys\nsys.argv = {['vtn-stream', *words]}\nfrom vtn_stream_cli.main import main\n"
        script += f"try:\n    main()\nexcept SystemExit as end:\n    assert end.code == {code}\n"
        script += "print({'torch', 'ray'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "out"],
        ["films"],
        ["films", "-o", "out", "--limit", "0"],
        ["films", "-o", "out", "--workers", "0"],
        ["films", "-o", "films/0.mp4"],
    ],
)
def test_wrong_usage_is_2(here, films, arguments):
    code, out, err = here("batch", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: vtn-stream batch")


@pytest.mark.parametrize("source", ["missing", "films/*.mkv"])
def test_sources_without_a_film_are_one_line(here, films, faked, source):
    code, out, err = here("batch", source, "-o", "out")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("vtn-stream: there is no ")
    assert faked.address is None


def test_what_was_asked_for_reaches_the_batch(here, films, faked, tmp_path):
    options = "--address ray://head:10001 -m mine -f csv --fps 4 --device cpu --exact --overwrite"
    options += " --backbone resnet50 --size 192"
    code, _, _ = here("batch", "films", "-o", tmp_path / "out", *options.split(), "--workers", "3")
    assert code == 0
    assert faked.address == "ray://head:10001"
    assert faked.films == [f"films/{number}.mp4" for number in range(4)]
    assert faked.arguments.pop("cluster").is_private
    assert faked.arguments == {
        "settings": Settings(model="mine", fps="4", backbone="resnet50", size=192, device="cpu", exact=True),
        "results": ResultOptions(output=tmp_path / "out", formats=("csv",), overwrite=True),
        "num_workers": 3,
        "names": None,
        "join": False,
    }
    assert faked.indexed is None  # without pages there is nothing that it could lead to
    assert here("batch", "films", "-o", tmp_path / "out")[0] == 0
    assert (faked.address, faked.arguments["results"].formats, faked.arguments["num_workers"]) == (
        "local",
        ("json", "csv", "html"),
        None,
    )
    assert faked.indexed == tmp_path / "out"


def test_a_limit_takes_the_largest_films(here, films, faked):
    assert here("batch", "films", "-o", "out", "--limit", "2")[0] == 0
    assert faked.films == ["films/0.mp4", "films/1.mp4"]
    assert here("batch", "films", "-o", "out", "--limit", "9")[0] == 0
    assert len(faked.films) == 4


def test_retry_failed_takes_the_films_on_record(here, films, faked):
    faked.events = lambda films: [failed(films[1]), *events_of(films[3])]
    assert here("batch", "films", "-o", "out")[0] == 1
    faked.events = lambda films: [FilmDone(film=film, outcome=None, skipped=True) for film in films]
    assert here("batch", "films", "-o", "out", "--retry-failed", "--limit", "1")[0] == 0
    assert faked.films == ["films/1.mp4"]
    assert here("batch", "films", "-o", "out", "--retry-failed")[0] == 0
    assert faked.films == ["films/3.mp4"]
    faked.films = None
    code, out, err = here("batch", "films", "-o", "out", "--retry-failed")
    assert (code, out, err) == (0, "", "none of these films has failed\n")
    assert faked.films is None


def test_films_that_are_chosen_keep_their_names_and_results(here, tmp_path, monkeypatch):
    """Where two films would have the same results, the listing decides which gets a digest: a part of it must not."""
    for folder in ("a/films", "b/films"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.mp4").write_bytes(folder.encode())
    whole = list_films([tmp_path / "a" / "films", tmp_path / "b" / "films"]).films
    assert whole[0].results != whole[1].results
    for number in (0, 1):
        (film,) = whole.only([number])
        assert (film.path, film.name, film.results) == (
            whole[number].path,
            whole[number].name,
            whole[number].results,
        )
        assert film.number == 0
    assert list(whole.only([1, 0])) == list(whole)
    assert whole.only([1]).num_bytes == whole[1].num_bytes


def test_a_dry_run_shows_the_work_and_does_none(here, films, faked, monkeypatch):
    asked = {}

    def plan(films, **arguments):
        asked.update(arguments, num=len(films))
        return library.BatchPlan(
            num_films=4,
            num_finished=1,
            num_failed=0,
            num_chunks=180,
            num_stored=60,
            num_missing=7200,
            estimate_s=7800.0,
        )

    monkeypatch.setattr(library, "plan", plan)
    code, out, err = here("batch", "films", "-o", "out", "--dry-run")
    assert (code, err) == (0, "")
    assert re.search(r"films +4, 1 of them with results", out)
    assert re.search(r"chunks +180, 60 of them in the store", out)
    assert re.search(r"positions +7200 to embed", out)
    assert re.search(r"estimate +about 2 h 10 min", out)
    assert asked["num"] == 4
    assert faked.films is None
    assert not (films.parent / "out").exists()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (95, "about 2 min"),
        (3600, "about 1 h 0 min"),
        (86000, "about 23 h 53 min"),
        (200000, "about 2 d 7 h"),
    ],
)
def test_an_estimate_is_told_no_finer_than_it_is(seconds, text):
    assert about(seconds) == text


# ---- how it ends


def test_ctrl_c_is_130_and_what_was_done_is_told(here, films, faked):
    def interrupted(films):
        yield from events_of(films[0])
        yield failed(films[1])
        raise KeyboardInterrupt

    faked.events = interrupted
    code, out, err = here("batch", "films", "-o", "out")
    assert code == 130
    assert (
        err.splitlines()[-1]
        == "vtn-stream: interrupted; what was stored is kept, run the same command again to continue"
    )
    assert (rows(out)["films done"], rows(out)["films left"]) == ("1", "2")
    assert json.loads((films.parent / "out" / "run.json").read_text())["state"] == "interrupted"
    assert len((films.parent / "out" / "failures.jsonl").read_text().splitlines()) == 2
    assert not faked.open


def test_an_interrupt_that_is_swallowed_is_not_lost(here, films, faked):
    def swallowing(films):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            yield failed(films[0])
        raise AssertionError("it went on")

    faked.events = swallowing
    code, _, err = here("batch", "films", "-o", "out")
    assert (code, "interrupted" in err) == (130, True)


def test_a_cluster_that_fails_is_one_line(here, films, faked):
    def broken(films):
        raise ClusterError("there is no room", "nothing was done", "add a node")
        yield

    faked.events = broken
    code, out, err = here("batch", "films", "-o", "out")
    assert (code, out) == (1, "4 films; the workers start\n")
    assert err == ("vtn-stream: there is no room; nothing was done; add a node\n")
    assert json.loads((films.parent / "out" / "run.json").read_text())["state"] == "broken off"


def test_an_output_that_cannot_be_written_is_told_before_any_work(here, films, faked):
    code, _, err = here("batch", "films", "-o", "/proc/nowhere")
    assert (code, faked.films) == (1, None)
    assert "nothing can be written to nowhere" in err
