"""What a batch leaves on record: the two files beside its results."""

import json
import os
import sys

import pytest
from batch_events import (  # noqa: F401  (fixtures among them)
    chunks,
    clock,
    done,
    failed,
    listed,
    skipped,
    surveyed,
    workers,
)

from vtn_stream.errors import InputError
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings
from vtn_stream_pipelines.connection import Cluster
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.messages import (
    ChunkLost,
    FilmFailed,
)
from vtn_stream_pipelines.record import EVERY_S, Record, failed_films
from vtn_stream_pipelines.tally import Tally

CLUSTER = Cluster(num_nodes=2, num_cpus=8, num_gpus=0, is_private=False)
SETTINGS = Settings()
# What run.json says of a batch of which nothing was asked.
ASKED = {
    "model": None,
    "fps": None,
    "decoder": "pyav",
    "backbone": None,
    "weights": None,
    "device": "auto",
    "exact": False,
    "formats": ["json"],
    "thumbnails": True,
    "overwrite": False,
    "anonymous": False,
    "discard_edits": False,
    "num_workers": None,
}


def record_in(output, tally, **options):
    return Record(tally, cluster=CLUSTER, results=ResultOptions(output=output), **({"settings": SETTINGS} | options))


def lost(film, number=7, reason="decoding died on it twice"):
    return ChunkLost(film=film, number=number, reason=reason)


@pytest.fixture
def keep(tmp_path, clock):
    """keep(*events) -> the failures on record after a run of these."""

    def run(*events, settings=SETTINGS):
        tally = Tally(4, 400, clock=clock)
        with record_in(tmp_path / "out", tally, settings=settings, clock=clock) as record:
            for event in events:
                tally.hear(event)
                record.hear(event)
        return failures(tmp_path)

    return run


def failures(tmp_path):
    file = tmp_path / "out" / "failures.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else None


def run_of(tmp_path):
    return json.loads((tmp_path / "out" / "run.json").read_text())


def whose(lines):
    return [(line["event"], line["film"], line["chunks"]) for line in lines]


def test_a_failed_film_and_a_lost_chunk_are_a_line_each(keep):
    a, b = listed(0), listed(1)
    condemned = FilmFailed(film=b, reason="decoding killed its worker 3 times", stage="embed", chunks=(4,), attempts=3)
    assert keep(lost(a, 7), lost(a, 8), done(a, num_gaps=2), condemned) == [
        {
            "event": "chunk_lost",
            "film": "films/0.mp4",
            "results": "films/0.mp4",
            "stage": "embed",
            "chunks": [number],
            "reason": "decoding died on it twice",
        }
        for number in (7, 8)
    ] + [
        {
            "event": "film_failed",
            "film": "films/1.mp4",
            "results": "films/1.mp4",
            "stage": "embed",
            "chunks": [4],
            "attempts": 3,
            "reason": "decoding killed its worker 3 times",
        }
    ]


def test_a_run_without_failures_leaves_no_file_of_them(keep, tmp_path):
    assert keep(surveyed(listed(0), 1), chunks(listed(0), 1), done(listed(0))) is None
    assert failed_films(tmp_path / "out") == set()


def test_a_film_that_succeeds_later_loses_its_lines_and_the_others_keep_theirs(keep, tmp_path):
    a, b, c = map(listed, range(3))
    keep(failed(a), failed(b), lost(c), done(c, num_gaps=1))
    assert failed_films(tmp_path / "out") == {a.results, b.results, c.results}
    assert whose(keep(done(a))) == [("film_failed", "films/1.mp4", []), ("chunk_lost", "films/2.mp4", [7])]
    assert whose(keep(failed(b), done(c))) == [("film_failed", "films/1.mp4", [])]
    assert keep(skipped(b)) == []  # another run has made its results meanwhile


def test_gaps_of_a_film_that_fails_after_all_are_not_told(keep):
    assert whose(keep(lost(listed(0)), failed(listed(0)))) == [("film_failed", "films/0.mp4", [])]


def test_two_films_of_one_name_are_told_apart(keep):
    twin = FilmEntry(
        number=1, path="/b/films/0.mp4", name="films/0.mp4", num_bytes=1, results="films/0.mp4~123456789012"
    )
    keep(failed(listed(0)), failed(twin))
    assert [line["results"] for line in keep(done(twin))] == ["films/0.mp4"]


def test_lines_that_are_not_ours_are_kept(keep, tmp_path):
    keep(failed(listed(0)))
    file = tmp_path / "out" / "failures.jsonl"
    strange = ["my note", "[1]", '{"results": 3}', "[" * 100_000, '{"results": "other.mp4"}']
    file.write_text("\n".join(strange) + "\n" + file.read_text())
    with record_in(tmp_path / "out", Tally(4, 400)) as record:
        record.hear(done(listed(0)))
        record.hear(failed(listed(1)))
    assert file.read_text().splitlines()[:-1] == strange
    assert failed_films(tmp_path / "out") == {"films/1.mp4", "other.mp4"}


def test_the_files_are_written_now_and_then_and_at_the_end(tmp_path, clock):
    tally = Tally(4, 400, clock=clock)
    with record_in(tmp_path / "out", tally, clock=clock) as record:

        def hear(event):
            tally.hear(event)
            record.hear(event)

        assert (run_of(tmp_path)["state"], failures(tmp_path)) == ("running", None)
        hear(failed(listed(0)))
        assert failures(tmp_path) is None
        clock.now += EVERY_S
        hear(lost(listed(1)))  # the film is in work: its gaps are on record when it is done
        assert whose(failures(tmp_path)) == [("film_failed", "films/0.mp4", [])]
        assert run_of(tmp_path)["films"]["failed"] == 1
        hear(done(listed(1), num_gaps=1))
    assert len(failures(tmp_path)) == 2
    assert run_of(tmp_path)["state"] == "finished"


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt, "interrupted"), (SystemExit, "interrupted"), (InputError, "broken off")]
)
def test_a_run_that_does_not_end_leaves_what_it_knows(tmp_path, error, state):
    def run():
        with record_in(tmp_path / "out", Tally(4, 400)) as record:
            record.hear(failed(listed(0)))
            raise error("a", "b", "c")

    with pytest.raises(error):
        run()
    assert len(failures(tmp_path)) == 1
    assert run_of(tmp_path)["state"] == state


def test_writing_takes_a_small_part_of_the_time(tmp_path, clock, monkeypatch):
    """A slow disk, or failures in tens of thousands."""
    num_written = 0

    def slow(path, parts):
        nonlocal num_written
        num_written += path.name == "run.json"
        clock.now += 1.0

    monkeypatch.setattr("vtn_stream_pipelines.record.write_whole", slow)
    record = record_in(tmp_path, Tally(1, 1, clock=clock), clock=clock)
    began, num_written = clock.now, 0
    while clock.now < began + 1000:
        clock.now += 0.1
        record.hear(skipped(listed(0)))
    assert num_written <= 20


def test_run_json_says_how_it_went(keep, tmp_path, clock):
    a = listed(0)
    clock.now += 5
    keep(workers(2), surveyed(a, 2), chunks(a, 2), done(a), skipped(listed(1)), settings=Settings(fps="30000/1001"))
    run = run_of(tmp_path)
    versions = run.pop("versions")
    assert set(versions) == {"python", "vtn-stream", "ray", "torch"}
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert run == {
        "format": 1,
        "state": "finished",
        "wall_s": 0.0,
        "films": {"listed": 4, "done": 1, "with_gaps": 0, "with_hand_work": 0, "skipped": 1, "failed": 0},
        "chunks": {"embedded": 2, "found": 0, "lost": 0, "computed_twice": None},
        "frames": 240,
        "frames_per_s": None,
        "worker_s": {"embed": 10.0},
        "workers": {"most": 2, "lost": 0, "replaced": 0},
        "cluster": {"nodes": 2, "cpus": 8, "gpus": 0, "private": False},
        "execution": None,
        "settings": ASKED | {"fps": "30000/1001"},
    }


def test_no_folder_is_on_record(keep, tmp_path, monkeypatch):
    film = listed(0)
    reason = f"OSError: [Errno 5] Input/output error: '{film.path}' (/home/me/a.so: /mnt/b c/d)"
    settings = Settings(model=tmp_path / "m.safetensors", weights=f"{tmp_path}/w.pth", store=tmp_path / "store")
    (line,) = keep(failed(film, reason), settings=settings)
    assert line["reason"] == "OSError: [Errno 5] Input/output error: '0.mp4' (a.so: b c/d)"
    assert run_of(tmp_path)["settings"] == ASKED | {"model": "m.safetensors", "weights": "w.pth"}
    text = "".join(file.read_text() for file in (tmp_path / "out").iterdir())
    assert str(tmp_path) not in text
    assert "secret" not in text


def test_a_hostile_reason_stays_one_line_of_text(keep):
    (line,) = keep(failed(listed(0), "\x1b[31mred\nforged \u202e"))
    assert line["reason"] == "\\x1b[31mred\\nforged \\u202e"


def test_a_folder_that_cannot_be_written_is_told_before_any_work(read_only_folder):
    with pytest.raises(InputError, match="nothing can be written to out"):
        record_in(read_only_folder / "out", Tally(1, 1))


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path, clock, monkeypatch):
    import vtn_stream_pipelines.record as module

    write = module.write_whole

    def full(path, parts):
        raise OSError(28, "No space left on device")

    def run(end):
        tally = Tally(4, 400, clock=clock)
        with record_in(tmp_path / "out", tally, clock=clock) as record:
            monkeypatch.setattr(module, "write_whole", full)
            clock.now += EVERY_S
            record.hear(failed(listed(0)))
            monkeypatch.setattr(module, "write_whole", end)

    run(write)
    assert len(failures(tmp_path)) == 1
    with pytest.raises(InputError, match="No space left"):
        run(full)


def test_failures_that_cannot_be_read_are_told(tmp_path):
    (tmp_path / "failures.jsonl").mkdir()
    with pytest.raises(InputError, match=r"failures\.jsonl cannot be read"):
        failed_films(tmp_path)


def test_neither_torch_nor_ray_is_imported():
    import subprocess

    code = "import sys, vtn_stream_pipelines.record as r; r._versions(); print({'torch', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "set()"
