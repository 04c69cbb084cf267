"""The console script, as people call it: exit codes, one line for an error, nothing of a stranger's name obeyed."""

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from vtn_stream.results import load_timeline
from vtn_stream_cli import console
from vtn_stream_cli.main import COMMANDS
from vtn_stream_cli.main import vtn_stream as group
from vtn_stream_cli.times import SECONDS, clock

SCRIPT = Path(sys.executable).with_name("vtn-stream")
HEAVY = ("torch", "timm", "ray", "decord", "av", "pyarrow", "transformers", "scipy", "PIL")
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
STRANGE = "[bold red]cut \x1b[31mred\nline two \u202e🎬.mp4"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """No test touches the user's cache, whatever it forgets."""
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


@pytest.fixture
def tiny_options(tiny, tiny_weights):
    return ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu"]


@pytest.fixture
def filled(analyzed, tmp_path):
    return shutil.copytree(analyzed.store, tmp_path / "filled")


def run(*arguments, **options):
    """The installed script in a process of its own."""
    return subprocess.run([SCRIPT, *arguments], **({"capture_output": True, "text": True, "check": False} | options))


def the_line(stderr):
    """The one line that an error is."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("vtn-stream: ")
    assert lines[0].count("; ") >= 2  # the fact, the consequence, the cure
    return lines[0]


# ---- words


def modules_after(code):
    code += f"\nimport sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")


def test_help_and_the_package_are_light():
    lines = modules_after(
        "import sys\nfrom vtn_stream_cli.main import main\nsys.argv = ['vtn-stream', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0"
    )
    assert lines[0] == "Usage: vtn-stream [OPTIONS] COMMAND [ARGS]..."
    assert lines[-2] == ""
    assert modules_after("import vtn_stream")[0] == ""


def commands(command, name=""):
    yield name, command
    if isinstance(command, click.Group):
        for sub in command.list_commands(click.Context(command)):
            yield from commands(command.get_command(click.Context(command), sub), f"{name} {sub}".strip())


@pytest.mark.parametrize("name", [name for name, _ in commands(group)])
def test_every_command_has_help(here, name):
    command = dict(commands(group))[name]
    assert command.help
    for flag in ("--help", "-h") if not name else ("--help",):
        code, out, err = here(*name.split(), flag)
        assert (code, err) == (0, "")
        assert command.help.split(".")[0] in " ".join(out.split())


def test_every_command_is_a_module():
    for name in COMMANDS:
        assert importlib.import_module(f"vtn_stream_cli.{name}").__doc__ == f"vtn-stream {name}"


def test_the_version_is_that_of_the_package():
    import vtn_stream

    assert run("--version").stdout == f"vtn-stream, version {vtn_stream.__version__}\n"


# ---- wrong usage and bad input: exit 2 and 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["analyze"],
        ["analyze", "--no-such-option", "x.mp4"],
        ["analyze", "x.mp4", "--start", "soon"],
        ["analyze", "x.mp4", "--start", "-5"],
        ["analyze", "x.mp4", "--end", "1:2:3:4"],
        ["analyze", "x.mp4", "--format", "docx"],
        ["analyze", "x.mp4", "--device", "tpu"],
        ["export", "x.timeline.json"],
        ["cache", "rm"],
        ["cache", "gc"],
        ["cache", "gc", "--keep", "much"],
        ["cache", "gc", "--older-than", "30"],
        ["probe"],
    ],
)
def test_wrong_usage_is_2_and_says_how(here, arguments):
    code, out, err = here(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: vtn-stream")
    assert "\nError: " in err


@pytest.fixture
def bad(tmp_path):
    folder = tmp_path / "bad"
    (folder / "folder.mp4").mkdir(parents=True)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is not a film\n" * 100)
    return folder


BAD = {
    "missing.mp4": "cannot be opened (no such file or directory)",
    "folder.mp4": "folder.mp4 is a directory",
    "empty.mp4": "empty.mp4 is empty",
    "text.mp4": "text.mp4 cannot be read as a film",
}


@pytest.mark.parametrize("command", ["analyze", "probe"])
def test_what_is_no_film_is_1_and_one_line_each(bad, tmp_path, command):
    done = run(command, *(bad / name for name in BAD), cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert done.stdout == ""
    for line, complaint in zip(lines, BAD.values(), strict=False):
        assert complaint in the_line(line)
    assert lines[4:] == (["4 of 4 films failed"] if command == "analyze" else [])


@pytest.mark.parametrize("name", BAD)
def test_one_bad_film_is_one_line(here, bad, name):
    code, out, err = here("analyze", bad / name)
    assert (code, out) == (1, "")
    assert BAD[name] in the_line(err)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fps", "0"], "0 positions per second"),
        (["--fps", "-2"], "-2 positions per second"),
        (["--fps", "x"], "x is not a rate"),
        (["--fps", "nan"], "nan is not a rate"),
        (["--fps", "1e400"], "positions"),
        (["--fps", "1e9"], "positions"),
        (["--start", "5", "--end", "3"], "begins at 5 s and ends at 3 s"),
        (["--start", "131"], "lasts 130.000 s, and --start is 131 s"),
        (["--start", "9" * 400 + ":00:00"], "it holds nothing"),
        (["--start", "9" * 400], "it holds nothing"),
        (["-o", "{film}"], "nothing can be written to film.mp4"),
        (["-o", "{film}/below"], "nothing can be written to below"),
        (["-o", "/proc/nowhere"], "nothing can be written to nowhere"),
        (["--store", "{film}"], "cannot be written"),
        (["--backbone", "resnet5O"], "did you mean resnet50"),
        (["--weights", "{film}"], "film.mp4 cannot be read as weights"),
        (["--backbone", "test_resnet", "--weights", "{weights}"], "the weights do not fit test_resnet"),
        (["--weights", "missing.pth"], "missing.pth cannot be read as weights (no such file)"),
    ],
)
def test_what_cannot_be_served_is_1_and_one_line(here, film, tiny_weights, tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    code, out, err = here("analyze", film, *(a.format(film=film, weights=tiny_weights) for a in arguments))
    assert (code, out) == (1, "")
    assert complaint in the_line(err)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("95.5", 95.5),
        (".5", 0.5),
        ("7.", 7),
        ("00:00:03.5", 3.5),
        ("1:35", 95),
        ("01:00:00", 3600),
        ("100:00:00.001", 360000.001),
    ],
)
def test_times_are_read_as_people_write_them(text, seconds):
    assert SECONDS.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", " ", "-1", "nan", "inf", "1e3", "1:2:3:4", "1:234", ":5", "1,5", "5s"])
def test_what_is_no_time_is_wrong_usage(text):
    with pytest.raises(click.BadParameter):
        SECONDS.convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00:00.0"), (59.96, "0:01:00.0"), (3599.94, "0:59:59.9"), (360000, "100:00:00.0")],
)
def test_a_clock_for_eyes_carries_when_it_rounds(seconds, text):
    assert clock(seconds) == text


# ---- analyze


def test_one_bad_film_does_not_stop_the_others(bad, film_maker, tmp_path, tiny_options):
    """Real process, JSON lines: good, bad, strange name, the first again (its embeddings are there by now)."""
    good = film_maker(tmp_path / "good.mp4", [(40, 0), (40, 1)])
    strange = film_maker(tmp_path / "film.mp4", [(8, 2), (8, 3)]).rename(tmp_path / STRANGE)
    out = tmp_path / "out"
    films = [good, bad / "text.mp4", strange, good]
    done = run("analyze", *films, "-o", out, "--fps", "1", "--json-log", *tiny_options)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "text.mp4 cannot be read as a film" in the_line(lines[0])
    assert lines[1:] == ["1 of 4 films failed"]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {e["film"] for e in events} == {"good.mp4", "text.mp4", STRANGE}
    of = {name: [e for e in events if e["film"] == name] for name in ("good.mp4", "text.mp4", STRANGE)}
    chunks = [(e["number"], e["positions"], e["source"]) for e in of["good.mp4"] if e["event"] == "chunk"]
    assert chunks == [(0, 60, "film"), (1, 20, "film"), (0, 60, "store"), (1, 20, "store")]
    assert [e["event"] for e in of["text.mp4"]] == ["failed"]
    assert of["good.mp4"][-1] == {"event": "done", "film": "good.mp4", "complete": True}
    told_early = [e for e in of["good.mp4"] if e["event"] == "segment" and not e["final"]]
    assert told_early[0]["start_s"] == 0
    names = ("start_s", "end_s", "label", "score")
    for name, repeats in (("good.mp4", 2), (STRANGE, 1)):
        timeline = load_timeline(out / f"{Path(name).stem}.timeline.json")
        final = [tuple(e[n] for n in names) for e in of[name] if e["event"] == "segment" and e["final"]]
        assert final == [tuple(getattr(s, n) for n in names) for s in timeline.segments] * repeats
        assert timeline.complete
        assert timeline.video_path == name
    stems = ("good", Path(STRANGE).stem)
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
    assert [row[0] for row in rows] == ["0:00:00.0", "0:00:24.5", "0:00:47.5", "0:01:14.5", "0:01:39.5"]
    (lane,) = (line for line in out.splitlines() if re.fullmatch(r"0:00:00\.0 A+B+C+A+D+ 0:02:10\.0", line.strip()))
    assert len(lane.strip()) <= 120
    assert "These are scenes, not actions" in out
    assert out.count("wrote ") == 4


def test_a_window_may_be_given_as_a_clock(here, analyzed, filled, tmp_path, tiny_options):
    window = ["--start", "1:00", "--end", "00:01:03.5"]
    code, _, err = here(
        "analyze", analyzed.film, *window, "-o", tmp_path, "--store", filled, "--fps", "1", *tiny_options
    )
    assert (code, err) == (0, "")
    assert load_timeline(tmp_path / "film.timeline.json").span_s == (60, 63.5)


def test_results_of_another_film_are_kept(here, analyzed, filled, tmp_path, tiny_options):
    (tmp_path / "film.timeline.csv").write_text("mine")
    arguments = ["analyze", analyzed.film, "-o", tmp_path, "--store", filled, "--fps", "1", *tiny_options]
    code, out, err = here(*arguments)
    assert (code, out) == (1, "")
    assert "film.timeline.csv is there already" in the_line(err)
    assert (tmp_path / "film.timeline.csv").read_text() == "mine"
    assert here(*arguments, "--overwrite")[0] == 0
    assert (tmp_path / "film.timeline.csv").read_text() != "mine"


def test_a_dry_run_tells_chunks_and_hits_and_does_nothing(here, analyzed, filled, tmp_path, tiny_options, monkeypatch):
    monkeypatch.chdir(tmp_path)
    next(filled.rglob("0*60-*.arrow")).unlink()
    before = sorted(filled.rglob("*"))
    code, out, err = here("analyze", analyzed.film, "--dry-run", "--store", filled, "--fps", "1", *tiny_options)
    assert (code, err) == (0, "")
    assert re.search(r"chunks +3, 2 of them in the store", out)
    assert re.search(r"positions +130, 60 of them to embed", out)
    assert "about 0:" in out
    assert sorted(filled.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["filled"]
    _, out, _ = here(
        "analyze", analyzed.film, "--dry-run", "--store", filled, "--fps", "1", "--end", "9", *tiny_options
    )
    assert "nothing to compute" in out


def test_ctrl_c_in_the_middle_is_130_and_the_next_run_finishes(film, film_maker, tmp_path, tiny_options, here):
    store, out = tmp_path / "store", tmp_path / "out"
    # so long that there is a middle, however busy the machine
    later = film_maker(tmp_path / "later.mp4", [(300, 4), (300, 5), (300, 6)])
    arguments = ["analyze", film, "-o", out, "--store", store, "--fps", "5", *tiny_options]
    with subprocess.Popen([SCRIPT, *arguments, later], **PIPES) as running:
        while not list(store.rglob("0*-*.arrow")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate()
    assert running.returncode == 130
    assert " ".join(stderr.split()) == "vtn-stream: interrupted; what was stored is kept, run again to go on"
    assert not (out / "later.timeline.json").exists()
    for file in out.glob("*.timeline.partial.json"):
        partial = load_timeline(file)
        assert not partial.complete
        assert partial.gaps
    assert here(*arguments)[0] == 0
    assert load_timeline(out / "film.timeline.json").complete
    assert not (out / "film.timeline.partial.json").exists()


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


# ---- probe, export, cache


def test_probe_gives_one_json_object_a_film(film, bad):
    done = run("probe", "--json", film, bad / "text.mp4", film)
    assert done.returncode == 1
    the_line(done.stderr)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    assert (first["name"], first["frames"], first["size"], first["codec"]) == ("film.mp4", 650, "160x96", "h264")
    assert first["duration_s"] == pytest.approx(130)


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_a_terminal_that_knows_no_unicode_is_no_reason_to_fail(film, tmp_path, encoding):
    shutil.copyfile(film, tmp_path / "🎬 é.mp4")
    done = run("probe", tmp_path / "🎬 é.mp4", env=os.environ | {"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\\U0001f3ac")


def test_a_reader_that_leaves_ends_it_quietly(film):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [SCRIPT, "probe", "--json", film], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_export_writes_csv_from_json(here, analyzed, tmp_path):
    from vtn_stream.formats import Options, timeline_csv, timeline_json

    timeline = analyzed.analysis.timeline
    (tmp_path / "renamed.json").write_bytes(timeline_json.dumps(timeline))
    code, out, err = here("export", tmp_path / "renamed.json", "-f", "csv", "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert out == f"wrote {tmp_path / 'out' / 'renamed.timeline.csv'}\n"
    assert (tmp_path / "out" / "renamed.timeline.csv").read_bytes() == timeline_csv.write([timeline], Options()).content
    code, _, err = here("export", tmp_path / "missing.json", "-f", "csv")
    assert code == 1
    assert "missing.json cannot be read" in the_line(err)


@pytest.mark.parametrize("path", ["a\0b.mp4", "\ud800", "../../up.mp4", "\x1b[31m\n.mp4", "n" * 1000])
def test_export_is_not_led_astray_by_a_stranger_s_timeline(here, analyzed, tmp_path, path):
    from vtn_stream.formats import timeline_json

    fields = timeline_json.to_dict(analyzed.analysis.timeline)
    fields["video"]["path"] = path
    (tmp_path / "x.json").write_text(json.dumps(fields))
    code, out, err = here("export", tmp_path / "x.json", "-f", "csv", "-o", tmp_path / "out")
    assert "\x1b" not in out + err
    if code:
        the_line(err)
    else:
        (written,) = tmp_path.rglob("*.csv")
        assert written.parent == tmp_path / "out"


def test_cache_lists_and_checks(here, analyzed, filled):
    code, out, err = here("cache", "ls", "--store", filled)
    assert (code, err) == (0, "")
    assert re.search(r"^film\.mp4 +0:02:10\.0 +test_efficientnet +1 +cpu \w+ +3 +0\.\d$", out, re.MULTILINE)
    assert here("cache", "verify", "--store", filled) == (0, "3 chunks are as written, 0 are damaged\n", "")

    damaged = sorted(filled.rglob("0*-*.arrow"))[1]
    os.truncate(damaged, 1000)
    code, out, err = here("cache", "verify", "--store", filled)
    assert code == 1
    assert out == "2 chunks are as written, 1 are damaged\n"
    assert damaged.name in err

    next(filled.rglob("manifest.json")).write_text('{"name": "[bold]"}')
    code, out, _ = here("cache", "ls", "--store", filled)
    assert code == 0
    assert "incomplete" in out


def test_cache_gc_keeps_what_was_used_in_the_last_hour(here, filled):
    for path in filled.rglob("*"):
        os.utime(path)
    code, out, err = here("cache", "gc", "--keep", "0", "--store", filled)
    assert (code, err) == (0, "")
    assert out.startswith("0 B were freed; ")
    assert "the rest is in use" in out
    for path in filled.rglob("*"):
        os.utime(path, (0, 0))
    code, out, err = here("cache", "gc", "--older-than", "30d", "--store", filled)
    assert (code, err) == (0, "")
    assert re.search(
        r"^ *\d+\.\d kB  film\.mp4 \(test_efficientnet, 1 per second\), last used \d+ days ago$", out, re.M
    )
    assert list(filled.rglob("films/*")) == []


@pytest.mark.parametrize("command", [["ls"], ["verify"], ["gc", "--keep", "1GB"]])
def test_a_store_that_is_named_and_not_there_is_told(here, tmp_path, command):
    code, _, err = here("cache", *command, "--store", tmp_path / "none")
    assert code == 1
    assert "there is no store" in the_line(err)
    assert not (tmp_path / "none").exists()


def test_what_is_wrong_with_the_words_or_the_film_is_told_before_torch_loads(film, bad):
    """torch takes seconds to load: a typing error need not wait for it."""
    for arguments in (
        [bad / "text.mp4"],
        [film, "--fps", "0"],
        [film, "--start", "5", "--end", "3"],
        [film, "--start", "999"],
        [film, "-o", film],
    ):
        words = ["vtn-stream", "analyze", *map(str, arguments)]
        code = f"import sys\nsys.argv = {words}\nfrom vtn_stream_cli.main import main\n"
        code += "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 1"
        assert not {"torch", "timm", "ray"} & set(modules_after(code)[0].split())
