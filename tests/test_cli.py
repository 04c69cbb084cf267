"""The console script, as people call it: its words, exit codes, one line for an error."""

import importlib

import click
import pytest
from console_script import bad, modules_after, run, the_line  # noqa: F401  (fixtures among them)

from vtn_stream_cli.main import COMMANDS
from vtn_stream_cli.main import vtn_stream as group
from vtn_stream_cli.times import SECONDS, clock

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """No test touches the user's cache, whatever it forgets."""
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


# ---- words


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


BAD = {
    "missing.mp4": "cannot be opened (no such file or directory)",
    "folder.mp4": "folder.mp4 is a folder",
    "empty.mp4": "empty.mp4 is empty",
    "text.mp4": "text.mp4 cannot be read as a film",
}


@pytest.mark.parametrize("command", ["analyze", "probe"])
def test_what_is_no_film_is_1_and_one_line_each(bad, tmp_path, command):
    done = run(command, *(bad / name for name in BAD), cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert done.stdout.split() == ["text.mp4"]  # the others are no files that can be looked into
    for line, complaint in zip(lines, BAD.values(), strict=False):
        assert complaint in the_line(line)
    assert lines[4:] == (["4 of 4 films failed"] if command == "analyze" else [])


@pytest.mark.parametrize("name", BAD)
def test_one_bad_film_is_one_line(here, bad, name):
    code, out, err = here("analyze", bad / name)
    assert (code, out.strip()) == (1, name if name == "text.mp4" else "")
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
        (["--start", "9" * 400 + ":00:00"], "there is nothing to analyze"),
        (["--start", "9" * 400], "there is nothing to analyze"),
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
    assert (code, out.strip()) in ((1, ""), (1, "film.mp4"))
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
    [
        (0, "0:00:00.0"),
        (59.96, "0:01:00.0"),
        (3599.94, "0:59:59.9"),
        (360000, "100:00:00.0"),
        (-1.7e308, "-277777777:46:40.0"),
    ],
)
def test_a_clock_for_eyes_carries_when_it_rounds(seconds, text):
    assert clock(seconds) == text
