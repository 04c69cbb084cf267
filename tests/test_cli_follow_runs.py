"""`vtn-stream follow` over films as recorders write them: what is final stays, and `analyze` has nothing left to do."""

import errno
import json
import os
import signal
import threading

import pytest
from console_script import run, the_line
from following_runs import final_of, follower, recorded, segmented, segments_of

from vtn_stream import atomic
from vtn_stream.results import load_timeline

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(scope="module")
def short(film_maker, tmp_path_factory):
    """70 s at 5 frames/s: two chunks, three scenes."""
    return film_maker(tmp_path_factory.mktemp("films") / "short.mp4", [(25, 0), (20, 1), (25, 2)])


@pytest.fixture
def options(tiny, tiny_weights, tmp_path):
    network = ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--fps", "1", "--no-refine"]
    return [*network, "-o", tmp_path / "out", "--store", tmp_path / "store"]


@pytest.fixture
def follow(here, options):
    """follow(source, *more) -> (exit code, lines, stderr), in this process."""

    def call(source, *more):
        code, out, err = here("follow", source, *options, *more)
        return code, [json.loads(line) for line in out.splitlines()], err

    return call


def check_results(lines, folder, name):
    """The lines, the record and the timeline say the same."""
    record = [json.loads(line) for line in (folder / f"{name}.follow.jsonl").read_text().splitlines()]
    timeline = load_timeline(folder / f"{name}.timeline.json")
    times = [(s["start_s"], s["end_s"]) for s in final_of(record)]
    assert lines[-1]["event"] == "done"
    assert len(set(times)) == len(times)
    assert sorted(times) == segments_of(timeline)
    return record, timeline


def sources_of_chunks(here, film, options):
    """Where `analyze` takes the chunks of the film from."""
    code, out, err = here("analyze", film, *options, "--json-log", "--no-thumbnails", "--overwrite")
    assert code == 0, err
    return [line["source"] for line in map(json.loads, out.splitlines()) if line["event"] == "chunk"]


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
def test_a_file_that_ends_has_results_and_its_embeddings_are_stored(follow, here, short, options, tmp_path, suffix):
    source = tmp_path / f"a.{suffix}"
    source.write_bytes(recorded(short, suffix))
    code, lines, err = follow(source, "--until-idle", "0.5")
    assert code == 0, err
    assert (lines[0]["event"], lines[-1]["why"], lines[-1]["complete"]) == ("begun", "idle", True)
    _, timeline = check_results(lines, tmp_path / "out", source.name)
    assert len(timeline) >= 3
    assert sources_of_chunks(here, source, options) == ["store"] * 2


def test_a_playlist_ends_by_itself(follow, short, tmp_path):
    (tmp_path / "live").mkdir()
    playlist = segmented(short, tmp_path / "live")
    code, lines, err = follow(playlist)
    assert code == 0, err
    assert lines[-1]["why"] == "end"
    check_results(lines, tmp_path / "out", "live.m3u8")


@pytest.fixture
def sent():
    """sent(data): comes from standard input, which ends then."""
    before, writers = os.dup(0), []

    def send(data):
        ours, theirs = os.pipe()
        os.dup2(ours, 0)
        os.close(ours)

        def write():
            with open(theirs, "wb") as file:
                file.write(data)

        writers.append(threading.Thread(target=write))
        writers[-1].start()

    yield send
    os.dup2(before, 0)  # a writer that is left has nobody to write to
    os.close(before)
    for writer in writers:
        writer.join()


def test_a_pipe_ends_with_its_writer(follow, sent, short, tmp_path):
    sent(recorded(short, "ts"))
    code, lines, err = follow("-", "--as", "camera")
    assert code == 0, err
    assert lines[-1]["why"] == "end"
    check_results(lines, tmp_path / "out", "camera")


def test_who_follows_again_hears_nothing_again(follow, short, tmp_path):
    source = tmp_path / "a.ts"
    data = recorded(short, "ts")
    source.write_bytes(data[: len(data) // 2])
    code, lines, err = follow(source, "--until-idle", "0.5")
    assert code == 0, err
    source.write_bytes(data)
    code, more, err = follow(source, "--until-idle", "0.5")
    assert code == 0, err
    assert more[0]["resumed_s"] > 0
    first, second = final_of(lines), final_of(more)
    assert not {(s["start_s"], s["end_s"]) for s in first} & {(s["start_s"], s["end_s"]) for s in second}
    record = (tmp_path / "out/a.ts.follow.jsonl").read_text().splitlines()
    assert final_of(map(json.loads, record)) == first + second


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(follow, short, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = tmp_path / "a.ts"
    source.write_bytes(recorded(short, "ts"))
    monkeypatch.setattr(atomic, "_sync", full)
    code, lines, err = follow(source, "--until-idle", "0.5", "-q")
    assert code == 1
    assert "No space left on device" in the_line(err) or "the disk is full" in the_line(err)
    monkeypatch.undo()
    code, more, err = follow(source, "--until-idle", "0.5")
    assert code == 0, err
    told = final_of([*lines, *more])
    assert len({json.dumps(segment) for segment in told}) == len(told)
    check_results(more, tmp_path / "out", "a.ts")


BAD = {
    "text.ts": (b"this is no film\n" * 1000, "text"),
    "plain.mp4": (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\0mdat" + bytes(9000), "index"),
    "empty.mkv": (b"", "is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_followed_is_one_line(follow, tmp_path, name):
    content, complaint = BAD[name]
    (tmp_path / name).write_bytes(content)
    code, lines, err = follow(tmp_path / name, "--until-idle", "0.5", "-q")
    assert (code, lines) == (1, [])
    assert complaint in the_line(err)
    assert not list((tmp_path / "out").glob("*"))


def test_a_file_that_never_comes_is_one_line(follow, tmp_path):
    code, _, err = follow(tmp_path / "later.mkv", "--until-idle", "0.5", "-q")
    assert code == 1
    assert "is not there" in the_line(err)


@pytest.mark.parametrize("line", ["http://camera/part1.ts", "../part1.ts", "/etc/passwd"])
def test_a_playlist_that_leads_elsewhere_is_one_line(follow, tmp_path, line):
    (tmp_path / "live").mkdir()
    playlist = tmp_path / "live/live.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{line}\n#EXT-X-ENDLIST\n")
    code, lines, err = follow(playlist, "-q")
    assert (code, lines) == (1, [])
    assert "line 4" in the_line(err)


# ---- runs of their own


@pytest.mark.release
@pytest.mark.timeout(3600)  # eleven runs, each of which loads all libraries
def test_a_run_that_is_killed_ten_times_says_each_segment_once(film, options, here, tmp_path):
    source, data = tmp_path / "a.ts", recorded(film, "ts")
    told = []
    source.write_bytes(data[:1000])
    for number in range(11):
        source.write_bytes(data[: (number + 1) * len(data) // 11])
        last = number == 10
        with follower(source, *options, *(["--until-idle", "2"] if last else []), complaints=tmp_path / "err") as run_:
            if last:
                assert run_.end() == 0, (tmp_path / "err").read_text()
            else:
                run_.until("load" if number % 2 else "begun")
                os.kill(run_.process.pid, signal.SIGKILL)
                run_.end()
        told += final_of(run_.lines)
    record, _ = check_results(run_.lines, tmp_path / "out", "a.ts")
    assert [segment for segment in told if segment not in final_of(record)] == []
    assert len({json.dumps(segment) for segment in told}) == len(told)
    assert sources_of_chunks(here, source, options) == ["store"] * 3


@pytest.mark.release
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_standard_input_and_a_stop(film, options, tmp_path, sign):
    data = recorded(film, "ts")
    with follower("-", *options, complaints=tmp_path / "err") as run_:
        run_.feed(data[: 2 * len(data) // 3])
        run_.until("provisional")  # the partial timeline is on the disk by then
        run_.process.send_signal(sign)
        assert run_.end() == 130
    complaints = (tmp_path / "err").read_text().splitlines()
    assert complaints[-1].startswith("vtn-stream: interrupted;")
    assert not load_timeline(tmp_path / "out/pipe.timeline.partial.json").complete


@pytest.mark.release
def test_a_reader_that_goes_ends_the_run(film, options, tmp_path):
    source = tmp_path / "a.ts"
    source.write_bytes(recorded(film, "ts"))
    with follower(source, *options, complaints=tmp_path / "err") as run_:
        run_.until("begun")
        run_.process.stdout.close()
        assert run_.process.wait() == 1
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.release
def test_a_terminal_is_no_film(options, tmp_path):
    ours, theirs = os.openpty()
    done = run("follow", "-", *options, stdin=theirs)
    os.close(ours), os.close(theirs)
    assert done.returncode == 1
    assert "standard input is a terminal" in the_line(done.stderr)
