"""vtn-stream analyze, as people call it: what it shows, what it keeps, and how it is interrupted."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import pytest
from console_script import SCRIPT, bad, filled, run, the_line  # noqa: F401  (fixtures among them)
from film_pages import data_of

from vtn_stream.formats import timeline_json
from vtn_stream.results import load_timeline
from vtn_stream.results.names import plain_name
from vtn_stream.timeline import Reviewed, Segment
from vtn_stream_cli import console

pytestmark = pytest.mark.usefixtures("warm_decoders")

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
STRANGE = "[bold red]cut \x1b[31mred\nline two \u202e🎬.mp4"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """No test touches the user's cache, whatever it forgets."""
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


@pytest.fixture
def tiny_options(tiny, tiny_weights):
    return ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu"]


def test_one_bad_film_does_not_stop_the_others(here, bad, film_maker, tmp_path, tiny_options):
    """JSON lines: good, bad, strange name, the first again (its embeddings are there by now)."""
    good = film_maker(tmp_path / "good.mp4", [(40, 0), (40, 1)])
    strange = film_maker(tmp_path / "film.mp4", [(8, 2), (8, 3)]).rename(tmp_path / STRANGE)
    out = tmp_path / "out"
    films = [good, bad / "text.mp4", strange, good]
    code, printed, complaints = here("analyze", *films, "-o", out, "--fps", "1", "--json-log", *tiny_options)
    assert code == 1
    lines = complaints.splitlines()
    assert "text.mp4 cannot be read as a film" in the_line(lines[0])
    assert lines[1:] == ["1 of 4 films failed"]
    events = [json.loads(line) for line in printed.splitlines()]
    assert {e["film"] for e in events} == {"good.mp4", "text.mp4", STRANGE}
    of = {name: [e for e in events if e["film"] == name] for name in ("good.mp4", "text.mp4", STRANGE)}
    chunks = [(e["number"], e["positions"], e["source"]) for e in of["good.mp4"] if e["event"] == "chunk"]
    assert chunks == [(0, 60, "film"), (1, 20, "film"), (0, 60, "store"), (1, 20, "store")]
    assert [e["event"] for e in of["text.mp4"]] == ["begun", "failed"]
    assert of["good.mp4"][-1] == {"event": "done", "film": "good.mp4", "complete": True}
    told_early = [e for e in of["good.mp4"] if e["event"] == "segment" and not e["final"]]
    assert told_early[0]["start_s"] == 0
    names = ("start_s", "end_s", "label", "score")
    for name, repeats in (("good.mp4", 2), (STRANGE, 1)):
        timeline = load_timeline(out / f"{plain_name(name)}.timeline.json")
        final = [tuple(e[n] for n in names) for e in of[name] if e["event"] == "segment" and e["final"]]
        assert final == [tuple(getattr(s, n) for n in names) for s in timeline.segments] * repeats
        assert timeline.complete
        assert timeline.video_path == name
    stems = ("good.mp4", plain_name(STRANGE))
    suffixes = ("scores.arrow", "timeline.csv", "timeline.html", "timeline.json")
    assert {p.name for p in out.iterdir()} == {f"{stem}.{suffix}" for stem in stems for suffix in suffixes}


@pytest.mark.parametrize("terminal", [False, True])
def test_a_strange_name_is_shown_and_not_obeyed(here, analyzed, filled, tmp_path, tiny_options, monkeypatch, terminal):
    for screen in (console.out, console.err):
        monkeypatch.setattr(screen, "_force_terminal", terminal)
    film = shutil.copyfile(analyzed.film, tmp_path / STRANGE)
    (tmp_path / f"not a {STRANGE}").write_text("text")
    options = ["-o", tmp_path / "out", "--store", filled, "--fps", "1", *tiny_options]
    code, out, err = here("analyze", film, tmp_path / f"not a {STRANGE}", *options)
    code_of_probe, out_of_probe, _ = here("probe", film)
    assert (code, code_of_probe) == (1, 0)
    for text in (out, err, out_of_probe):
        assert "\x1b[31mred" not in text
        assert "\u202e" not in text
        assert not re.search("^line two", text, re.MULTILINE)
        assert r"[bold red]cut \x1b[31mred\nline two \u202e" in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)
    if not terminal:
        assert "\x1b" not in out + err + out_of_probe
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_the_table_the_lane_and_the_files_are_shown(here, analyzed, filled, tmp_path, tiny_options):
    code, out, err = here("analyze", analyzed.film, "-o", tmp_path, "--store", filled, "--fps", "1", *tiny_options)
    assert (code, err) == (0, "")
    rows = [line.split()[:2] for line in out.splitlines() if re.search(r"scene [A-D] +0\.\d\d$", line)]
    assert [row[0] for row in rows] == ["0:00:00.0", "0:00:25.0", "0:00:48.0", "0:01:15.0", "0:01:40.0"]
    (lane,) = (line for line in out.splitlines() if re.fullmatch(r"0:00:00\.0 A+B+C+A+D+ 0:02:10\.0", line.strip()))
    assert len(lane.strip()) <= 120
    assert "These are scenes, not actions" in out
    assert out.count("wrote ") == 4


def test_an_index_in_the_folder_shows_what_is_analyzed_there(here, analyzed, filled, tmp_path, tiny_options):
    def analyze(*options):
        fixed = ["-o", tmp_path / "out", "--store", filled, "--fps", "1", *tiny_options]
        return here("analyze", analyzed.film, *fixed, *options)

    index = tmp_path / "out" / "index.html"
    assert "index.html" not in analyze("--end", "60")[1]
    assert here("report", tmp_path / "out", "--store", filled)[0] == 0
    before = data_of(index.read_bytes())
    code, out, err = analyze()
    assert (code, err) == (0, "")
    assert f"wrote {index}, which shows this as well\n" in out
    after = data_of(index.read_bytes())
    assert before["scenes"]["segments"] < after["scenes"]["segments"] == len(analyzed.analysis.timeline.segments)
    assert [len(pictures) for pictures in after["pictures"].values()] == [4]
    index.write_bytes(index.read_bytes().replace(b"<h1", b"<h1 lang=en"))
    code, out, err = analyze()
    assert code == 0
    assert err == "index.html was changed by hand and is kept: it does not show the new results\n"


def test_without_refining_borders_lie_midway(here, analyzed, filled, tmp_path, tiny_options):
    options = ("-o", tmp_path, "--store", filled, "--fps", "1", "--no-refine", *tiny_options)
    assert here("analyze", analyzed.film, *options)[0] == 0
    timeline = load_timeline(tmp_path / "film.mp4.timeline.json")
    assert [s.start_s for s in timeline.segments] == [0, 24.5, 47.5, 74.5, 99.5]
    assert timeline.provenance["analysis"]["cuts"] == "grid"


def test_hand_work_is_kept_told_in_a_line_and_no_failure(here, analyzed, filled, tmp_path, tiny_options):
    def analyze(*options):
        options = [*options, "-f", "csv", "-o", tmp_path, "--store", filled, "--no-thumbnails", *tiny_options]
        return here("analyze", analyzed.film, *options)

    assert analyze("--fps", "1")[0] == 0
    table, timeline = tmp_path / "film.mp4.timeline.csv", tmp_path / "film.mp4.timeline.json"
    table.write_text("mine")
    code, out, err = analyze("--fps", "1", "--overwrite")
    assert (code, err.count("\n"), out.count("wrote ")) == (0, 1, 2)
    assert err.startswith("film.mp4: film.mp4.timeline.csv is hand work")
    assert table.read_text() == "mine"
    code, out, err = analyze("--fps", "1", "--discard-edits")
    assert (code, err) == (0, "film.mp4: a file that may be hand work was put aside: film.mp4.timeline.csv.edited-1\n")
    timeline.write_bytes(mine := timeline.read_bytes().replace(b'"scene A"', b'"the yard"'))
    code, out, err = analyze("--json-log")
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("film.mp4: film.mp4.timeline.json is hand work")
    assert json.loads(out.splitlines()[-1]) == {
        "event": "hand_work",
        "film": "film.mp4",
        "message": err.removeprefix("film.mp4: ")[:-1],
    }
    assert timeline.read_bytes() == mine
    assert analyze("--fps", "1", "--discard-edits")[0] == 0
    assert (tmp_path / "film.mp4.timeline.json.edited-1").read_bytes() == mine
    timeline.write_bytes(timeline.read_bytes().replace(b'"end_s": ', b'"end_s": o', 1))
    code, out, err = analyze("--fps", "1")
    assert (code, out, err.count("\n")) == (1, "\nfilm.mp4\n", 1)
    assert re.search(r"damaged: this is not JSON \(line \d+, segments\[0\]\.end_s: Expecting value\)", err)


def test_a_film_that_was_corrected_keeps_that_and_says_so(here, analyzed, filled, tmp_path, tiny_options):
    def analyze(*options):
        options = [*options, "-f", "html", "-o", tmp_path, "--store", filled, "--no-thumbnails", *tiny_options]
        return here("analyze", analyzed.film, *options)

    assert analyze("--fps", "1")[0] == 0
    file = tmp_path / "film.mp4.timeline.json"
    document = timeline_json.read_document(file.read_bytes())
    assert {s.origin for s in document.timeline.segments} == {"model"}
    first, *others = document.timeline.segments
    cat = Segment(
        start_s=first.start_s, end_s=first.end_s, label="a cat", origin="curated", was=replace(first, origin=None)
    )
    corrected = replace(document.timeline, segments=(cat, *others), reviewed=(Reviewed(start_s=0, end_s=first.end_s),))
    file.write_bytes(timeline_json.dumps(corrected, document.files))  # as a page does
    line = "1 segment by hand was kept; the model's were drawn again outside 1 reviewed span (1 left out)"
    assert analyze("--fps", "1")[2] == f"film.mp4: {line}\n"
    timeline = load_timeline(file)
    assert timeline.segments == corrected.segments
    assert timeline.reviewed == corrected.reviewed
    assert b"a cat" in (tmp_path / "film.mp4.timeline.html").read_bytes()
    code, out, err = analyze("--fps", "1", "--json-log")
    events = [json.loads(text) for text in out.splitlines()]
    assert {"event": "hand_work", "film": "film.mp4", "message": line} in events
    assert [e["label"] for e in events if e["event"] == "segment"] == [s.label for s in corrected.segments]
    (tmp_path / "film.mp4.timeline.html").unlink()
    assert here("report", file, "--no-thumbnails")[0] == 0
    assert b"a cat" in (tmp_path / "film.mp4.timeline.html").read_bytes()
    assert load_timeline(file) == timeline
    code, _, err = analyze("--fps", "1", "--end", "10")
    assert code == 1
    assert "hand work outside the part from 0 s to 10 s" in the_line(err)


def test_a_window_may_be_given_as_a_clock(here, analyzed, filled, tmp_path, tiny_options):
    window = ["--start", "1:00", "--end", "00:01:03.5"]
    code, _, err = here(
        "analyze", analyzed.film, *window, "-o", tmp_path, "--store", filled, "--fps", "1", *tiny_options
    )
    assert (code, err) == (0, "")
    assert load_timeline(tmp_path / "film.mp4.timeline.json").span_s == (60, 63.5)


def test_results_of_another_film_are_kept(here, analyzed, filled, tmp_path, tiny_options):
    (tmp_path / "film.mp4.timeline.csv").write_text("mine")
    arguments = ["analyze", analyzed.film, "-o", tmp_path, "--store", filled, "--fps", "1", *tiny_options]
    code, out, err = here(*arguments)
    assert (code, out) == (1, "\nfilm.mp4\n")
    assert "film.mp4.timeline.csv exists already" in the_line(err)
    assert (tmp_path / "film.mp4.timeline.csv").read_text() == "mine"
    assert here(*arguments, "--overwrite")[0] == 0
    assert (tmp_path / "film.mp4.timeline.csv").read_text() != "mine"


def test_a_dry_run_tells_chunks_and_hits_and_does_nothing(here, analyzed, filled, tmp_path, tiny_options, monkeypatch):
    monkeypatch.chdir(tmp_path)
    next(filled.rglob("0*60-*.arrow")).unlink()
    before = sorted(filled.glob("films/**/*"))
    code, out, err = here("analyze", analyzed.film, "--dry-run", "--store", filled, "--fps", "1", *tiny_options)
    assert (code, err) == (0, "")
    assert re.search(r"chunks +3, 2 of them in the store", out)
    assert re.search(r"positions +130, 60 of them to embed", out)
    assert "about 0:" in out
    assert sorted(filled.glob("films/**/*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["filled"]
    _, out, _ = here(
        "analyze", analyzed.film, "--dry-run", "--store", filled, "--fps", "1", "--end", "9", *tiny_options
    )
    assert "nothing to compute" in out


def test_ctrl_c_in_the_middle_is_130_and_the_next_run_finishes(film, film_maker, tmp_path, tiny_options, here):
    store, out = tmp_path / "store", tmp_path / "out"
    # so long that there is a middle, however busy the machine
    later = film_maker(tmp_path / "later.mp4", [(200, 4), (200, 5), (200, 6)], fps=1)
    arguments = ["analyze", film, "-o", out, "--store", store, "--fps", "2", *tiny_options]
    with subprocess.Popen([SCRIPT, *arguments, later], **PIPES) as running:
        while not list(store.rglob("0*-*.arrow")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate()
    assert running.returncode == 130
    assert (
        " ".join(stderr.split())
        == "vtn-stream: interrupted; what was stored is kept, run the same command again to continue"
    )
    assert not (out / "later.mp4.timeline.json").exists()
    for file in out.glob("*.timeline.partial.json"):
        partial = load_timeline(file)
        assert not partial.complete
        assert partial.gaps
    assert here(*arguments)[0] == 0
    assert load_timeline(out / "film.mp4.timeline.json").complete
    assert not (out / "film.mp4.timeline.partial.json").exists()


def test_an_interrupt_that_a_library_swallows_is_not_lost(film, tmp_path, monkeypatch, tiny_options, here):
    from vtn_stream.analysis import Analyzer

    probe = Analyzer.probe

    def swallowing(self, path):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return probe(self, path)

    monkeypatch.setattr(Analyzer, "probe", swallowing)
    code, _, stderr = here("analyze", film, "-o", tmp_path, "--store", tmp_path / "store", *tiny_options)
    assert (code, "interrupted" in stderr) == (130, True)
