"""vtn-stream review: what people corrected, and how good the model was."""

import csv
import json
from dataclasses import replace

import pandas as pd
import pytest
from test_corrections import EMPTY

from vtn_stream.formats import timeline_json
from vtn_stream.timeline import Reviewed, Segment

FILES = {"timeline.csv": ("0" * 64,)}


def seg(start_s, end_s, label="run", origin="model", **more):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=0.5, origin=origin, **more)


def timeline(name, *segments, identity=None, **more):
    return replace(EMPTY, video_path=name, video_identity=identity or f"of {name}", segments=segments, **more)


def save(file, film):
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(timeline_json.dumps(film, FILES))


GOOD = timeline("good.mp4", seg(0, 4, origin="curated"), seg(6, 8), reviewed=(Reviewed(start_s=0, end_s=15),))
BAD = timeline("bad.mp4", Segment(start_s=9, end_s=12, label="jump", origin="manual"), rejected=(seg(0, 4),))


@pytest.fixture
def folder(tmp_path):
    """Two films that were corrected, one of them in a folder below, and one that nobody corrected."""
    save(tmp_path / "good.mp4.timeline.json", GOOD)
    save(tmp_path / "day 2" / "bad.mp4.timeline.json", BAD)
    save(tmp_path / "new.mp4.timeline.json", timeline("new.mp4", seg(0, 4)))
    return tmp_path


@pytest.fixture
def figures(here):
    def of(folder):
        code, out, err = here("review", folder, "--json")
        return code, json.loads(out) if out else None, err

    return of


def test_it_shows_films_and_labels_the_worst_first(here, folder):
    code, out, err = here("review", folder)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "2 of 3 films corrected; 2 of 3 segments reviewed"
    assert lines[1] == "nobody corrected new.mp4"
    at = next(i for i, line in enumerate(lines) if line.startswith("film "))
    heads = "film by film, % reviewed said kept changed rejected added precision recall F1"
    assert lines[at] == heads
    rows = [line for line in lines[at + 1 :] if line]
    assert rows[0] == "day 2/bad.mp4 0.0 1 0 0 1 1 0.0 ≤0.0 ≤0.0"
    assert rows[1] == "jump 0.0 0 0 0 0 1 - ≤0.0 ≤0.0"
    assert rows[2] == "run 0.0 1 0 0 1 0 0.0 - ≤0.0"
    assert rows[3] == "good.mp4 50.0 2 1 0 0 0 100.0 100.0 100.0"


def test_of_many_films_the_labels_are_in_files_only(here, folder):
    for number in range(31):
        save(folder / f"{number}.timeline.json", timeline(f"{number}.mp4", seg(0, 4, origin="curated")))
    out = here("review", folder)[1]
    by_film, by_label = out.split("--csv and --json have the labels of each film")
    assert "jump" not in by_film
    assert "jump" in by_label
    for number in range(32, 80):
        save(folder / f"{number}.timeline.json", timeline(f"{number}.mp4", seg(0, 4, origin="curated")))
    assert "... and 21 more" in here("review", folder)[1]


def test_as_json_it_has_all_figures(figures, folder):
    code, found, _ = figures(folder)
    assert code == 0
    assert [*found["films"]] == ["day 2/bad.mp4", "good.mp4"]
    good = found["films"]["good.mp4"]
    assert (good["reviewed"], good["f1"], good["f1_is_at_most"], good["accuracy"]) == (0.5, 1.0, False, None)
    assert good["labels"]["run"]["said"] == 2
    assert [*found["labels"]] == ["jump", "run"]
    assert found["labels"]["run"]["f1"] == pytest.approx(2 / 3)
    assert found["not_corrected"] == ["new.mp4"]
    assert (found["failed"], found["corrected_twice"]) == ({}, [])


def test_the_table_has_a_row_for_each_film_and_label(here, folder, tmp_path):
    save(folder / "x.timeline.json", timeline("=x.mp4", seg(0, 1, "=1+1", origin="curated")))
    file = tmp_path / "table.csv"
    assert here("review", folder, "--csv", file)[0] == 0
    rows = [*csv.DictReader(file.read_text().splitlines())]
    assert [(row["film"], row["label"]) for row in rows] == [
        ("day 2/bad.mp4", ""),
        ("day 2/bad.mp4", "jump"),
        ("day 2/bad.mp4", "run"),
        ("'=x.mp4", ""),
        ("'=x.mp4", "'=1+1"),
        ("good.mp4", ""),
        ("good.mp4", "run"),
    ]
    assert (rows[1]["precision"], rows[-1]["f1"], rows[-1]["f1_is_at_most"]) == ("", "1", "no")
    assert here("review", folder, "--csv", tmp_path / "table.xlsx")[0] == 0
    in_excel = pd.read_excel(tmp_path / "table.xlsx", keep_default_na=False)
    assert in_excel["label"].tolist() == ["", "jump", "run", "", "=1+1", "", "run"]
    assert in_excel["said"].tolist() == [int(row["said"]) for row in rows]


@pytest.mark.parametrize("name", ["good.mp4.timeline (1).json", "good.mp4 (1).timeline.json", "copy/g.timeline.json"])
def test_two_people_s_corrections_of_one_film_are_told_and_neither_counts(figures, folder, name):
    save(folder / name, replace(GOOD, rejected=(seg(20, 21),)))
    code, found, err = figures(folder)
    assert code == 1
    assert "hold different hand work over one film, good.mp4; none of them counts; keep one" in err
    assert "good.mp4.timeline.json" in err
    assert name in err
    assert [*found["films"]] == ["day 2/bad.mp4"]
    (both,) = found["corrected_twice"]
    assert sorted(both) == sorted([name, "good.mp4.timeline.json"])


def test_a_strangers_label_of_a_thousand_characters_does_not_fill_the_table(here, tmp_path):
    save(tmp_path / "a.timeline.json", timeline("a.mp4", seg(0, 4, "x" * 1000, origin="curated")))
    assert "x" * 200 not in here("review", tmp_path)[1]


def test_where_all_is_corrected_twice_nobody_is_told_to_correct_it(here, tmp_path):
    save(tmp_path / "good.mp4.timeline.json", GOOD)
    save(tmp_path / "two" / "good.mp4.timeline.json", replace(GOOD, rejected=(seg(20, 21),)))
    code, out, err = here("review", tmp_path)
    assert (code, out) == (1, "")
    assert "none of them counts; keep one" in err
    assert "nobody corrected" not in err


def test_a_copy_of_the_same_hand_work_counts_once(figures, folder):
    save(folder / "good.mp4.timeline (1).json", GOOD)
    code, found, err = figures(folder)
    assert (code, err) == (0, "")
    assert len(found["films"]) == 2


def test_a_download_beside_the_timeline_that_nobody_corrected_counts(figures, folder):
    save(folder / "new.mp4.timeline (1).json", timeline("new.mp4", seg(0, 4, origin="curated")))
    code, found, _ = figures(folder)
    assert code == 0
    assert "new.mp4" in found["films"]
    assert found["not_corrected"] == []


def test_what_cannot_be_read_and_what_an_editor_changed_is_named(figures, folder):
    (folder / "broken.timeline.json").write_text("{")
    whole = timeline_json.dumps(timeline("new.mp4", seg(0, 4)), FILES)
    (folder / "new.mp4.timeline.json").write_bytes(whole.replace(b'"run"', b'"ran"'))
    (folder / "x.timeline.partial.json").write_text("{")
    code, found, err = figures(folder)
    assert code == 1
    assert "broken.timeline.json: broken.timeline.json" not in err
    assert "changed in an editor, not in a page: new.mp4.timeline.json" in err
    assert [*found["failed"]] == ["broken.timeline.json"]
    assert found["changed_in_an_editor"] == ["new.mp4"]


def test_a_folder_in_which_nobody_corrected_anything_says_what_to_do(here, tmp_path):
    save(tmp_path / "new.mp4.timeline.json", timeline("new.mp4", seg(0, 4)))
    code, out, err = here("review", tmp_path)
    assert (code, out) == (1, "")
    assert "nobody corrected any of the 1 timeline" in err
    assert "save that as FILM.timeline.json" in err
    (tmp_path / "new.mp4.timeline.json").unlink()
    assert "there is no FILM.timeline.json" in here("review", tmp_path)[2]


def test_hostile_names_are_shown_as_text(here, tmp_path):
    save(tmp_path / "x.timeline.json", timeline("a\x1b[31m.mp4", seg(0, 1, "[red]\x07", origin="curated")))
    code, out, _ = here("review", tmp_path)
    assert code == 0
    assert "a\\x1b[31m.mp4" in out
    assert "[red]\\x07" in out
