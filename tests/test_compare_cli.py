"""vtn-stream evaluate with two models, and film by film. Figures are tested in test_tallies."""

import csv
import json
import os

import pandas as pd
import pytest
from test_evaluate_cli import model  # noqa: F401
from test_score_cli import backbone, films, found, here, labelling, locating, save_model, surroundings, truth  # noqa: F401

from vtn_stream.analysis import Analyzer
from vtn_stream.model import DenseConfig
from vtn_stream.results import ResultFiles
from vtn_stream.settings import Settings

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(scope="module")
def second(encoder, backbone, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "second.safetensors"
    return save_model(DenseConfig(num_classes=2), encoder, backbone, path, 0.1, seed=1)


def table(out, title):
    """The rows of the table with this title, by their first word."""
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(title))
    rows = lines[first + 1 :]
    return {line.split()[0]: line.split()[1:] for line in rows[: rows.index("")] if line.strip()}


def test_two_models_are_compared_film_by_film(here, labelling, second, films, tmp_path):
    both = [films / "truth.csv", "--device", "cpu", "--model", labelling, "--model", second, "--tiou", 0.1]
    code, out, err = here(*both, "--json", "--by-film", "--csv", tmp_path / "films.csv")
    assert (code, err) == (0, f"wrote {tmp_path / 'films.csv'}\n")
    figures = json.loads(out)
    assert [model["name"] for model in figures["models"]] == ["labelling.safetensors", "second.safetensors"]
    for path, alone in zip((labelling, second), figures["models"], strict=True):
        single = json.loads(here(films / "truth.csv", "--device", "cpu", "--model", path, "--tiou", 0.1, "--json")[1])
        assert {name: single[name] for name in ("model", "films", "detection", "segmentation")} == {
            name: alone[name] for name in ("model", "films", "detection", "segmentation")
        }
    accuracy = next(f for f in figures["comparison"]["figures"] if f["figure"] == "accuracy")
    a, b = (model["segmentation"]["accuracy"] for model in figures["models"])
    assert accuracy["values"] == [a, b]
    assert accuracy["difference"] == pytest.approx(b - a, abs=2e-6)
    low, high = accuracy["interval"]
    assert low <= accuracy["difference"] <= high
    assert sum(accuracy["films"].values()) == figures["comparison"]["num_films"] == 2
    assert {(row["film"], row["model"]) for row in figures["by_film"]} == {
        (film, model["name"]) for film in ("one", "two") for model in figures["models"]
    }
    with open(tmp_path / "films.csv", newline="") as file:
        rows = {(row["film"], row["model"]): row for row in csv.DictReader(file)}
    assert len(rows) == 4
    by_film = {(row["film"], row["model"]): row for row in figures["by_film"]}
    assert all(
        float(row["segmentation accuracy"]) == pytest.approx(by_film[key]["segmentation"]["accuracy"], abs=1e-5)
        for key, row in rows.items()
    )

    code, out, err = here(*both, "--by-film", "--plots", tmp_path / "pictures")
    assert code == 0
    assert table(out, "segmentation, %")["accuracy"][:2] == [f"{100 * a:.1f}", f"{100 * b:.1f}"]
    assert "paired bootstrap over 2 films, 1000 samples with seed 0" in out
    assert "2 films say little about others" in out
    assert (tmp_path / "pictures" / "second" / "timelines.svg").is_file()


def test_a_model_compared_with_itself_differs_by_nothing(here, labelling, films):
    code, out, _ = here(films / "truth.csv", "--device", "cpu", "--model", labelling, "--model", labelling, "--json")
    assert code == 0
    comparison = json.loads(out)["comparison"]
    assert len({*comparison["models"]}) == 2
    assert comparison["notes"][0] == "Both are the same model: there is nothing to compare."
    assert {(f["difference"], *f["interval"]) for f in comparison["figures"] if f["interval"]} == {(0, 0, 0)}


def test_models_that_do_not_know_all_labels_are_refused(here, encoder, backbone, labelling, films, tmp_path):
    path = tmp_path / "other.safetensors"
    save_model(DenseConfig(num_classes=2), encoder, backbone, path, 0.1, labels=("walk", "jump"))
    both = [films / "truth.csv", "--device", "cpu", "--model", labelling, "--model", path]
    code, _, err = here(*both)
    assert code == 1
    assert err.splitlines()[-1].startswith(
        "vtn-stream: the labels of labelling.safetensors and other.safetensors differ: other.safetensors does not know "
        "run; they were not compared: "
    )
    code, out, _ = here(*both, "--background", "run", "--json")
    assert code == 0
    assert any(
        "what it calls jump and run" in note or "jump" in note for note in json.loads(out)["comparison"]["notes"]
    )


def test_labels_that_do_not_fit_are_reported_before_a_film_is_looked_at(here, labelling, films, tmp_path, monkeypatch):
    monkeypatch.setattr(Analyzer, "plan", lambda *_: pytest.fail("a film is looked at"))
    text = (films / "truth.csv").read_text()
    model = ["--model", labelling, "--videos", films]
    (tmp_path / "renamed.csv").write_text(text.replace("walk", "walks"))
    for models in (model, [*model, "--model", labelling]):
        code, out, err = here(tmp_path / "renamed.csv", *models)
        assert (code, out) == (1, "")
        fact = "the label walk, and the annotations have walks: they may be one label; no film was looked at; "
        assert fact in " ".join(err.split())
    (tmp_path / "others.csv").write_text(text.replace("walk", "swim").replace("run", "jump"))
    code, out, err = here(tmp_path / "others.csv", *model, "--skip-bad")
    assert (code, out) == (1, "")
    assert err.startswith(
        "vtn-stream: labelling.safetensors knows no label of the annotations; no film was looked at; "
    )


def test_what_is_predicted_under_a_label_that_the_truth_lacks_is_wrong_and_not_left_out(
    here, labelling, films, tmp_path
):
    lines = (films / "truth.csv").read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join(line for line in lines if ",run," not in line))
    figures = []
    for options in ((), ("--skip-bad",)):
        given = [tmp_path / "fewer.csv", "--model", labelling, "--videos", films, "--device", "cpu", "--json", *options]
        code, out, _ = here(*given)
        assert code == 0
        figures.append(json.loads(out))
    wrong, left_out = figures
    note = "labelling.safetensors also knows run: what it predicts under such a label counts as wrong."
    assert note in wrong["notes"]
    assert note not in left_out["notes"]
    assert wrong["num_shown"] > left_out["num_shown"]


def test_events_that_the_model_does_not_know_are_counted(here, labelling, films, tmp_path):
    text = (films / "truth.csv").read_text()
    (tmp_path / "more.csv").write_text(text + "two,12,18,jump,20,\ntwo,18,19,jump,20,\nthree,6,8,jump,20,training\n")
    code, out, _ = here(tmp_path / "more.csv", "--model", labelling, "--videos", films, "--device", "cpu")
    assert code == 0
    note = "labelling.safetensors does not know jump: it cannot find these events, 2 of 5, and they count as missed."
    assert note in " ".join(out.split())


def test_a_model_that_names_clips_has_no_figures_in_common_with_one_that_draws(here, model, labelling, films):
    code, out, err = here(films / "truth.csv", "--model", labelling, "--model", model)
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: small.safetensors names clips, and labelling.safetensors draws segments; ")


def test_three_models_are_wrong_usage(here, labelling, films):
    code, _, err = here(films / "truth.csv", *["--model", labelling] * 3)
    assert code == 2
    assert "give one --model, or 2 to compare" in err


def test_films_that_one_model_cannot_read_are_left_out_for_both(here, labelling, second, films, tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "one.mp4").write_bytes((films / "one.mp4").read_bytes())
    both = [films / "truth.csv", "--device", "cpu", "--model", labelling, "--model", second]
    code, out, err = here(*both, "--videos", tmp_path / "films", "--json")
    assert code == 1
    assert "two: there is no such film in films" in err
    figures = json.loads(out)
    assert [model["films"] for model in figures["models"]] == [["one"], ["one"]]
    assert any("There is no interval" in note for note in figures["comparison"]["notes"])


# ---- one model, or none


def test_every_figure_of_each_film_the_worst_first(here, found, truth, tmp_path, monkeypatch):
    code, out, err = here(found, truth, "--by-film", "--csv", tmp_path / "films.csv")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    start = next(i for i, row in enumerate(rows) if row[:1] == ["film"])
    assert [row[0] for row in rows[start + 1 : start + 3]] == ["a", "b"]
    assert rows[start + 1][1] == "75.0"  # as of both: nothing happens in b
    assert rows[start + 2][1] == "-"
    assert f"wrote {tmp_path / 'films.csv'}" in out
    figures = json.loads(here(found, truth, "--by-film", "--json")[1])
    assert [row["film"] for row in figures["by_film"]] == ["a", "b"]
    assert figures["by_film"][0]["segmentation"]["accuracy"] == 0.85
    assert figures["by_film"][1]["detection"]["mAP"] is None


def test_a_table_replaces_no_other_file(here, found, truth, tmp_path):
    before = truth.read_bytes()
    code, out, err = here(found, truth, "--csv", truth)
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: truth.csv is there already and is not a table of films' figures; it was kept")
    assert truth.read_bytes() == before
    for name in ("films.csv", "films.xlsx") * 2:
        assert here(found, truth, "--csv", tmp_path / name)[0] == 0
    assert [*pd.read_excel(tmp_path / "films.xlsx").columns] == [*pd.read_csv(tmp_path / "films.csv").columns]
    (tmp_path / "films.xlsx").rename(tmp_path / "films.csv")  # such a table, whatever its name
    assert here(found, truth, "--csv", tmp_path / "films.csv")[0] == 0
    pd.DataFrame({"video": [1]}).to_excel(tmp_path / "other.xlsx")
    assert here(found, truth, "--csv", tmp_path / "other.xlsx")[0] == 1
    os.mkfifo(tmp_path / "pipe.csv")
    code, out, err = here(found, truth, "--csv", tmp_path / "pipe.csv")
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: pipe.csv is there already and is not a table of films' figures; it was kept")


def test_the_folder_of_the_table_is_made_and_a_bad_one_is_reported_before_anything_is_measured(
    here, found, truth, tmp_path
):
    assert here(found, truth, "--csv", tmp_path / "new" / "folder" / "films.csv")[0] == 0
    assert (tmp_path / "new" / "folder" / "films.csv").is_file()
    code, out, err = here(found, truth, "--csv", truth / "films.csv")
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: films.csv cannot be written (")


@pytest.mark.parametrize("kind", ["locating", "labelling"])
def test_results_have_the_figures_of_the_model_that_wrote_them(here, kind, films, tmp_path, request):
    model = request.getfixturevalue(kind)
    options = ["--tiou", 0.001, "--json", "--by-film"]
    expected = json.loads(here(films / "truth.csv", "--model", model, "--device", "cpu", *options)[1])
    with Analyzer(Settings(model=model, device="cpu", store=tmp_path / "store")) as analyzer:
        for file in ("one.mp4", "deep/two.mp4"):
            made = analyzer.analyze(analyzer.plan(films / file))
            results = ResultFiles((tmp_path / "results" / file).parent, films / file)
            results.claim(made.timeline.video_identity)
            results.save(made.timeline, made.scores, made.index, made.labels)
    code, out, err = here(tmp_path / "results", films / "truth.csv", *options)
    assert (code, err) == (0, "")
    figures = json.loads(out)
    same = ("films", "num_true", "num_shown", "detection", "segmentation", "by_film", "notes")
    assert {name: figures[name] for name in same} == {name: expected[name] for name in same}
    assert figures["detection"]["average_map"] > 0
