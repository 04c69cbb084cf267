"""vtn-stream cache gc, as people call it, and the amounts that it reads and shows."""

import json
import os
import re
import time

import pytest
from click.testing import CliRunner
from filled_store import DAY_S, fill, put, store  # noqa: F401  (fixtures among them)

from vtn_stream_cli import amounts
from vtn_stream_cli.cache import cache


def gc(store, *arguments):
    result = CliRunner().invoke(cache, ["gc", "--store", str(store.root), *arguments], standalone_mode=False)
    return result.return_value, result.output, result.exception


def test_the_command_says_what_was_freed(store):
    fill(store, "a", days=40)
    fill(store, "b")
    put(store.root / f".{0:024x}.tmp", 40)
    before = sorted(store.root.rglob("*"))
    code, shown, _ = gc(store, "--older-than", "30d", "--orphans", "--dry-run")
    assert (code, sorted(store.root.rglob("*"))) == (0, before)
    assert "would be freed" in shown
    code, done, _ = gc(store, "--older-than", "30d", "--orphans")
    assert code == 0
    assert done == shown.replace("would be freed", "were freed").replace("would be left", "are left")
    assert re.search(r"^ *\d\.\d kB  a\.mp4 \(net, 1 per second\), last used 40 days ago$", done, re.MULTILINE)
    assert re.search(r"^ *1\.0 kB  files that were never finished$", done, re.MULTILINE)
    assert os.listdir(store.root / "films") == ["b"]


def test_the_command_says_when_more_is_left_than_asked(store):
    fill(store, "a")
    assert "the rest is in use" in gc(store, "--keep", "1kB")[1]
    assert "the rest" not in gc(store, "--keep", "1GB")[1]


def test_the_command_wants_to_know_what_may_go(store):
    fill(store, "a", days=40)
    _, _, error = gc(store)
    assert "say what may be removed" in error.message
    _, _, error = gc(store, "--dry-run")
    assert "say what may be removed" in error.message


def test_a_name_from_a_stranger_s_manifest_cannot_move_the_cursor(store):
    folder = fill(store, "a", days=40)
    manifest = json.loads((folder / "manifest.json").read_bytes()) | {"name": "\x1b[2J[bold]"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    os.utime(folder, (time.time() - 40 * DAY_S,) * 2)
    _, shown, _ = gc(store, "--keep", "0")
    assert "\x1b" not in shown
    assert "[bold]" in shown


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        ("0", 0), ("12", 12), ("12B", 12), ("500MB", 500_000_000), ("20GB", 20_000_000_000), ("20 gb", 20_000_000_000),
        ("1.5TiB", 1_649_267_441_664), ("1k", 1000), ("1Ki", 1024), (".5kB", 500), ("2.G", 2_000_000_000),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, num_bytes):
    assert amounts.SIZE.convert(text, None, None) == num_bytes


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("30d", 2592000), ("2w", 1209600), ("1.5 D", 129600)])
def test_ages_are_read_as_people_write_them(text, seconds):
    assert amounts.AGE.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "-1GB", "GB", "1XB", "1.2.3", "1e3", "inf", "30", "30m", "month", "-1d", "1dd"])
def test_what_is_no_amount_is_told(store, text):
    for option in ("--keep", "--older-than"):
        if option == "--keep" and text in ("30", "30m"):
            continue
        _, _, error = gc(store, option, text)
        assert "is not a" in error.message


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (20_000_000_000, "20.0 GB"),
    ],
)
def test_sizes_are_shown_short(num_bytes, text):
    assert amounts.size(num_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 hours"), (3600, "1 hour"), (47 * 3600, "47 hours"), (2 * DAY_S, "2 days")]
)
def test_ages_are_shown_short(seconds, text):
    assert amounts.age(seconds) == text
