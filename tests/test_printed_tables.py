"""Tables on the terminal: no figure of theirs is cut, however narrow it is."""

import io
import itertools
import re

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vtn_stream_cli import console


@pytest.fixture
def printed(monkeypatch, capsys):
    """printed(width, terminal, rows): the lines of a table with labels on the left and figures on the right."""

    def printed_(width, terminal, *rows):
        monkeypatch.setattr(console.out, "_width", width)
        monkeypatch.setattr(console.out, "_force_terminal", terminal)
        table = Table(box=None, pad_edge=False)
        table.add_column("label", overflow="fold")
        for i in range(len(rows[0]) - 1):
            table.add_column(f"figure {i}", justify="right")
        for label, *figures in rows:
            table.add_row(Text(label), *figures)
        console.show_table(table)
        return capsys.readouterr().out.splitlines()

    return printed_


FIGURES = ["100.0"] * 12


@pytest.mark.parametrize("width", [20, 80, 400])
@pytest.mark.parametrize("terminal", [True, False])
def test_figures_stand_whole_on_their_line(printed, width, terminal):
    lines = printed(width, terminal, ["walk", *FIGURES], ["a label of many words " * 8, *FIGURES])
    assert sum(line.count("100.0") == 12 for line in lines) == 2
    assert "…" not in "".join(lines)


def test_in_a_pipe_a_row_is_a_line(printed):
    assert len(printed(80, False, ["word " * 50, *FIGURES], ["x" * 300, *FIGURES])) == 3


def test_names_are_never_cut(printed):
    """In a narrow terminal they go on in the next line, and leave figures whole."""
    name = "a_very_long_name_without_any_blank_in_it_" * 3
    for width in (20, 80):
        lines = printed(width, True, [name, *FIGURES])
        assert "".join(line[:12].strip() for line in lines[1:]) == name
        assert lines[1].count("100.0") == 12


@pytest.mark.parametrize(
    "name", ["film.mp4", "a very long name of a film, as some cameras and many people give them.mp4", "x" * 99]
)
def test_a_bar_of_80_columns_cuts_neither_name_nor_figures(name, monkeypatch):
    shown, seconds = io.StringIO(), itertools.count(step=10)
    monkeypatch.setattr(console.time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(console, "err", Console(file=shown, width=80, force_terminal=True, color_system=None))
    with console.film_progress(name) as progress:
        progress.expect(7200, 2.0)
        progress.chunk_ready(3600, embedded=True)
        progress.frames_embedded(12_345)
    assert "…" not in shown.getvalue()
    assert "real time" in shown.getvalue()
    drawn_names = re.sub(r"[^\S ]|\x1b\[[^A-Za-z]*[A-Za-z]", "", shown.getvalue())
    assert all(word[:8] in drawn_names for word in name.split())


def test_a_table_that_fits_is_not_stretched(printed):
    assert max(map(len, printed(200, True, ["walk", "1"]))) < 20
