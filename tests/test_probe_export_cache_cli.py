"""vtn-stream probe, export and cache, as people call them."""

import json
import os
import re
import shutil
import subprocess

import pytest
from console_script import SCRIPT, bad, filled, modules_after, run, the_line  # noqa: F401  (fixtures among them)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """No test touches the user's cache, whatever it forgets."""
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


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
    assert re.search(r"^film\.mp4 +0:02:10\.0 +test_efficientnet +picture +1 +cpu \w+ +3 +0\.\d$", out, re.MULTILINE)
    assert here("cache", "verify", "--store", filled) == (0, "4 files are as written, 0 are damaged\n", "")

    damaged = sorted(filled.rglob("0*-*.arrow"))[1]
    os.truncate(damaged, 1000)
    code, out, err = here("cache", "verify", "--store", filled)
    assert code == 1
    assert out == "3 files are as written, 1 are damaged\n"
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
