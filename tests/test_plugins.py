"""Formats and heads of other packages: installed, used, broken, removed. Those that are broken break nothing else."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from drawn_timelines import drawn
from plugged_in import EXAMPLE, example, install, look_again, site  # noqa: F401  # fixtures

from vtn_stream import doctor
from vtn_stream.errors import AnnotationError, InputError, PluginError
from vtn_stream.exchange import convert, export, export_together
from vtn_stream.exchange.intake import read_any
from vtn_stream.exchange.output import format_of, holding_many
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.heads import HEADS
from vtn_stream.plugins import plugins_in
from vtn_stream.results import ResultOptions, check_written, load_timeline, suffixes

TIMELINE = drawn("AAA..BB.....")
FORMATS_GROUP, HEADS_GROUP = "vtn_stream.formats", "vtn_stream.heads"
VERSION = {"vtn-stream-example": "1.5"}
GOOD = "title = 'Good'\nsuffix = '.good'\ndef write(timelines, options): ...\n"


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "film.timeline.json"
    file.write_bytes(timeline_json.dumps(TIMELINE))
    return file


@pytest.fixture
def plug(site, monkeypatch):
    """plug(code, name="mine", ...): a package with one entry point, that of a module of this code."""

    def made(code, name="mine", package="vtn-stream-example-made", group=FORMATS_GROUP):
        module = package.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        install(site, package, "0.1", {group: {name: module}})
        look_again(monkeypatch)

    return made


def found():
    """What doctor says of plug-ins."""
    return [(finding.text, finding.state) for finding in doctor._plugins()]


# ---- installed and used


def test_names_are_known_before_anything_is_loaded(example):
    assert FORMATS.added == ("stopwatch", "tally")
    assert list(FORMATS)[-2:] == ["stopwatch", "tally"]
    assert "tally" in FORMATS
    assert HEADS.added == ("tags",)
    assert "vtn_stream_example" not in sys.modules
    assert FORMATS["tally"].title == "Tally"
    assert "vtn_stream_example.tally" in sys.modules
    assert "vtn_stream_example.stopwatch" not in sys.modules


def test_a_file_in_a_plug_ins_format_is_written_known_by_its_content_and_read(example, path, tmp_path):
    (written,) = export(path, ["stopwatch"]).paths
    assert written.name == "film.timeline.stopwatch.txt"
    assert written.read_text() == "stopwatch 1\n0.0 3.0 A\n5.0 7.0 B\n"
    moved = written.rename(tmp_path / "film.log")  # no suffix of its own
    (timeline,) = read_any(moved).timelines
    assert timeline.segments == TIMELINE.segments
    assert timeline.provenance["plugins"] == VERSION
    back = tmp_path / "back.timeline.json"
    convert(moved, back)
    assert load_timeline(back).provenance["plugins"] == VERSION


def test_a_format_that_is_only_written_is_written_and_breaks_no_reading(example, path, tmp_path):
    target = tmp_path / "both.tally.txt"
    assert holding_many(target) == format_of(target) == "tally"
    export_together([path, path], target)
    assert target.read_text() == "2 A\n2 B\n"
    with pytest.raises(AnnotationError, match="no format that can be read"):
        read_any(target)
    assert read_any(path).timelines == (TIMELINE,)


def test_doctor_names_plug_ins_with_their_versions(example):
    assert found() == [
        ("vtn-stream-example 1.5: the format stopwatch", "good"),
        ("vtn-stream-example 1.5: the format tally", "good"),
        ("vtn-stream-example 1.5: the head tags", "good"),
    ]


def test_of_ours_nobody_else_took_part():
    assert FORMATS.versions("csv") == HEADS.versions("dense") == {}
    assert FORMATS.versions("no such") == {}


COMMANDS = """
import sys
from vtn_stream_cli.main import main
for arguments in {commands}:
    sys.argv = ["vtn-stream", *arguments]
    try:
        main()
    except SystemExit as end:
        print("code", end.code, flush=True)
"""


def commands(folder, site, *given):
    """What these commands print, and their exit codes, in a process of their own."""
    code = COMMANDS.format(commands=json.dumps(given))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_commands_offer_what_is_installed_and_no_longer_what_was_removed(example, path, tmp_path):
    asked = (
        ["export", path.name, "-f", "stopwatch", "-f", "tally"],
        ["export", path.name, "-f", "all", "-o", "all"],
        ["export", path.name, "--together", "all.tally.txt"],
        ["convert", "film.timeline.stopwatch.txt", "back.csv"],
        ["train", "--help"],
    )
    done = commands(tmp_path, example, *map(list, asked))
    assert done.stdout.splitlines().count("code 0") == len(asked), done.stdout + done.stderr
    names = {file.name for file in (tmp_path / "all").iterdir()}
    assert {"film.timeline.tally.txt", "film.timeline.stopwatch.txt", "film.timeline.csv"} <= names
    assert (tmp_path / "all.tally.txt").read_text() == "1 A\n1 B\n"
    assert "|tags]" in done.stdout
    shutil.rmtree(example)
    done = commands(tmp_path, example, ["export", path.name, "-f", "csv"], ["export", path.name, "-f", "tally"])
    assert done.stdout.splitlines() == ["wrote film.timeline.csv", "code 0", "code 2"]
    assert "'tally' is not one of" in done.stderr


@pytest.mark.release
def test_pip_installs_the_example(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(EXAMPLE, source)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        folder,
    ]
    subprocess.run([*pip, source], check=True, capture_output=True)
    code = "from vtn_stream.formats import FORMATS; print(FORMATS.added, FORMATS['tally'].plugin)"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "('stopwatch', 'tally') vtn-stream-example 1.5\n"


# ---- broken


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise OSError('/home/me/secret.txt is not there')", "OSError: ... is not there"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("class Odd(BaseException): ...\nraise Odd('it')", "Odd: it"),
        ("def write(timelines, options): ...", "ValueError: it has no title, a short text"),
        (GOOD.replace("'Good'", "7"), "ValueError: it has no title, a short text"),
        (GOOD.replace("'.good'", "'../good'"), "ValueError: it has no suffix such as .tally.txt, in small letters"),
        (GOOD.replace("'.good'", "'.csv'"), "ValueError: its suffix .csv is that of csv"),
        (GOOD.replace("'.good'", "'.mp4'"), "ValueError: its suffix .mp4 is that of other files"),
        (GOOD.replace("'.good'", "'.partial.json'"), "ValueError: its suffix .partial.json is that of other files"),
        (GOOD.replace("write", "wrote"), "ValueError: it has neither write nor read"),
        (GOOD + "holds_many = 'yes'", "ValueError: its holds_many is neither True nor False"),
        (GOOD + "keeps = ['colour']", "ValueError: its keeps has 'colour', not one of scores"),
        (GOOD + "keeps = 7", "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_format_that_cannot_be_loaded_is_one_line_and_breaks_nothing_else(plug, path, tmp_path, code, reason):
    plug(code)
    with pytest.raises(PluginError) as caught:
        FORMATS["mine"]
    said = str(caught.value)
    assert said.startswith(f"the format mine of vtn-stream-example-made 0.1 cannot be loaded ({reason}")
    assert said.endswith("; it is not used; update or uninstall vtn-stream-example-made")
    assert found() == [(f"vtn-stream-example-made 0.1: {said}", "notable")]
    with pytest.raises(PluginError):
        check_written(["mine"], "nothing was written")
    assert export(path, ["csv", "vtt"]).warnings == ()
    faults = []
    assert "mine" not in suffixes(faults)
    assert faults == [said]
    assert format_of(tmp_path / "a.csv") == "csv"
    table = tmp_path / "table.csv"
    table.write_text("video,start_s,end_s,label\nfilm.mp4,1,2,A\n")
    assert len(read_any(table).timelines[0].segments) == 1


def test_an_unknown_file_may_be_one_that_a_broken_plug_in_reads(plug, tmp_path):
    plug("import no_such_module")
    file = tmp_path / "strange.txt"
    file.write_text("what is this\n")
    with pytest.raises(AnnotationError, match=r"the format mine of vtn-stream-example-made 0\.1 cannot be loaded"):
        read_any(file)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise KeyError('label')", "KeyError: 'label'"),
        ("return 'text'", "it gave no Written with bytes"),
        ("return Written(content='text')", "it gave no Written with bytes"),
        ("return Written(content=b'', warnings='text')", "its warnings are not texts"),
        ("return Written(content=b'', warnings=(7,))", "its warnings are not texts"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_a_format_that_fails_while_it_writes_is_one_line(plug, path, body, reason):
    plug("from vtn_stream.formats import Written\n" + GOOD.replace("...", body))
    with pytest.raises(PluginError) as caught:
        export(path, ["mine"])
    assert str(caught.value) == (
        f"the format mine of vtn-stream-example-made 0.1 failed ({reason}); nothing was written; update or uninstall "
        "vtn-stream-example-made, or name another format"
    )


READS = "title = 'Good'\nsuffix = '.good'\ndef read(data, name, options): {read}\ndef claims(head, suffix): {claims}\n"


def test_a_format_that_fails_while_it_reads_is_one_line(plug, tmp_path):
    file = tmp_path / "film.good"
    file.write_text("anything\n")
    plug(READS.format(read="raise ZeroDivisionError", claims="return True"))
    with pytest.raises(PluginError, match=r"mine of .* failed \(ZeroDivisionError\); nothing was read"):
        read_any(file)
    with pytest.raises(InputError, match="can only be read"):
        check_written(["mine"], "nothing was written")
    assert "mine" not in suffixes()


def test_what_a_plug_in_prints_is_apart_from_what_we_print(plug, path, capsys):
    noise = "print('noise')\n"
    plug(
        noise
        + "from vtn_stream.formats import Written\n"
        + GOOD.replace("...", f"{noise.strip()}; return Written(content=b'')")
    )
    export(path, ["mine"])
    assert capsys.readouterr() == ("", "noise\nnoise\n")


def test_a_format_that_fails_while_it_is_asked_is_told_beside_the_one_that_reads(plug, tmp_path):
    plug(READS.format(read="...", claims="raise ZeroDivisionError"))
    of_elan, strange = tmp_path / "film.eaf", tmp_path / "strange.log"
    of_elan.write_bytes(FORMATS["elan"].write([TIMELINE], Options()).content)
    (warning,) = (warning for warning in read_any(of_elan).warnings if "mine" in warning)
    assert "mine of vtn-stream-example-made 0.1 failed (ZeroDivisionError); it was passed over" in warning
    strange.write_text("what is this\n")
    with pytest.raises(AnnotationError, match=r"mine of .* failed \(ZeroDivisionError\)"):
        read_any(strange)


def test_a_name_that_is_taken_stays_ours(plug):
    plug(GOOD, name="csv")
    assert FORMATS["csv"].module == "timeline_csv"
    ((text, state),) = found()
    assert text.endswith("vtn-stream-example-made adds the format csv, a name that is taken; it is not used; uninstall "
                         "vtn-stream-example-made, or update it")  # fmt: skip
    assert state == "notable"


def test_a_name_that_two_packages_add_is_of_neither(plug):
    plug(GOOD)
    plug(GOOD, package="vtn-stream-example-other")
    with pytest.raises(PluginError, match="vtn-stream-example-made and vtn-stream-example-other add the format mine"):
        FORMATS["mine"]
    assert [state for _, state in found()] == ["notable", "notable"]
    assert "mine" not in FORMATS.usable()


@pytest.mark.parametrize("name", ["html", "all", "Mine", "a b", "-f", "x" * 33])
def test_a_name_that_cannot_be_typed_or_means_something_else_is_not_offered(plug, name):
    plug(GOOD, name=name)
    assert FORMATS.added == ()
    assert len(found()) == 1


def test_two_formats_of_one_suffix_do_not_replace_each_others_files(plug, path, tmp_path):
    plug(GOOD)
    plug(GOOD, name="other", package="vtn-stream-example-other")
    with pytest.raises(InputError, match="files of the formats mine and other have one name"):
        ResultOptions(output=tmp_path, formats=("mine", "other"))


HEAD = "from vtn_stream_example.tags import Tags, TagsConfig\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "ValueError: it is not a vtn_stream.heads.Head"),
        ("from vtn_stream.heads import Head\nmine = Head", "TypeError: Can't instantiate abstract class Head"),
        (f"{HEAD}mine = Tags", "ValueError: its config.kind is 'tags', and its entry point is named 'mine'"),
        (f"{HEAD}class mine(Tags):\n config = dict", "ValueError: its config is not a class of"),
        (
            f"{HEAD}class C(TagsConfig):\n kind = 'mine'\nclass mine(Tags):\n config = C\n drawing = 'bars'",
            "ValueError: its drawing is not one of peaks, phases, spans",
        ),
    ],
)
def test_a_head_that_is_none_is_one_line_and_breaks_nothing_else(example, monkeypatch, code, reason):
    (example / "vtn_stream_example_bad.py").write_text(code)
    entry = "vtn_stream_example_bad" + ":mine" * ("mine" in code)
    install(example, "vtn-stream-example-bad", "2.0", {HEADS_GROUP: {"mine": entry}})
    look_again(monkeypatch)
    with pytest.raises(PluginError) as caught:
        HEADS["mine"]
    assert f"the head mine of vtn-stream-example-bad 2.0 cannot be loaded ({reason}" in str(caught.value)
    assert HEADS["tags"].analysis == "tags"
    assert HEADS["dense"].config.kind == "dense"


# ---- installed packages only


def test_a_package_that_lies_in_the_current_folder_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    install(tmp_path, "vtn-stream-example-evil", "1.0", {FORMATS_GROUP: {"evil": "evil"}})
    for first in ("", str(tmp_path), "."):
        monkeypatch.setattr(sys, "path", [first, *sys.path])
        assert plugins_in(FORMATS_GROUP) == []


def test_a_package_that_is_half_removed_is_passed_over(site, plug):
    (site / "half-1.0.dist-info").mkdir()
    (site / "half-1.0.dist-info" / "entry_points.txt").write_text(f"[{FORMATS_GROUP}]\nbroken broken\n=\n")
    plug(GOOD)
    assert FORMATS.added == ("mine",)


def test_the_first_of_two_versions_on_the_path_counts(site, plug, tmp_path, monkeypatch):
    plug(GOOD)
    older = tmp_path / "older"
    install(older, "vtn_stream.example-made", "0.0.1", {FORMATS_GROUP: {"mine": "gone"}})
    monkeypatch.setattr(sys, "path", [*sys.path, str(older)])
    look_again(monkeypatch)
    assert str(FORMATS["mine"].plugin) == "vtn-stream-example-made 0.1"
    assert replace(FORMATS["mine"], title="x") != FORMATS["mine"]
