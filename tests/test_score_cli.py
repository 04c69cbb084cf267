"""vtn-stream evaluate on timelines, and on models that locate actions. Figures are tested in test_scoring."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from safetensors.torch import load_file

from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.evaluation import of_analysis, score
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.model import VTN, DenseConfig, EncoderConfig, LocalizationConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import OperatingPoint, OperatingPoints
from vtn_stream_cli.main import main

pytestmark = pytest.mark.usefixtures("warm_decoders")

LABELS = ("run", "walk")
ANNOTATIONS = "video,start_s,end_s,label,video_duration_s,subset\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


@pytest.fixture
def here(capsys, monkeypatch):
    """here(*arguments) -> (exit code, stdout, stderr)"""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


def seg(start_s, end_s, label, score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def save_timeline(folder, name, *segments, **fields):
    known = {"video_identity": name, "video_path": f"{name}.mp4", "duration_s": 100.0, "span_s": (0.0, 100.0)}
    timeline = Timeline(**(known | {"segments": segments} | fields))
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.timeline.json").write_bytes(timeline_json.dumps(timeline))


@pytest.fixture
def truth(tmp_path):
    """walk 0-10 and 50-60, run 20-40 in a; nothing in b."""
    rows = "a,0,10,walk,100,\na,50,60,walk,100,\na,20,40,run,100,\nb,,,,100,\n"
    (tmp_path / "truth.csv").write_text(ANNOTATIONS + rows)
    return tmp_path / "truth.csv"


@pytest.fixture
def found(tmp_path):
    save_timeline(tmp_path / "found", "a", seg(0, 10, "walk", 0.9), seg(25, 40, "run", 0.8))
    save_timeline(tmp_path / "found", "b", seg(0, 10, "walk", 0.7))
    return tmp_path / "found"


# ---- timelines


def test_a_table_and_json_tell_the_same_figures(here, found, truth):
    code, out, err = here(found, truth)
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert out.startswith("2 films, 0:03:20.0, 2 labels; 3 annotated segments, 3 predicted\n")
    # of run 3/4 is covered: found up to .7; of walk one of two is found first
    assert rows["run"] == ["100.0"] * 6 + ["1", "1", "100.0", "100.0", "100.0"]
    assert rows["walk"] == ["50.0"] * 6 + ["2", "2", "50.0", "50.0", "50.0"]
    assert rows["all"] == ["75.0"] * 6 + ["3", "3", "66.7", "66.7", "66.7"]
    assert rows["accuracy"] == [f"{100 * 175 / 200:.1f}"]

    code, out, err = here(found, truth, "--json")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert figures["metrics"] == ["detection", "segmentation"]
    assert figures["detection"]["mean_ap"] == [0.75] * 5
    assert figures["segmentation"]["accuracy"] == 0.875
    assert here(found, truth, "--json")[1] == out


def test_a_timeline_alone_counts_the_other_film_as_empty_and_says_so(here, found, truth):
    code, out, err = here(found / "a.timeline.json", truth)
    assert (code, err) == (0, "")
    assert "There is no prediction for 1 of 2 films, which counts as finding nothing: b." in " ".join(out.split())


@pytest.mark.parametrize(
    ("options", "thresholds"),
    [
        (["--tiou", 0.5], [0.5]),
        (["--tiou", "0.5:0.95:0.05"], [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]),
        (["--tiou", "0.7:0.7:0.1", "--tiou", ".1:.3:.2", "--tiou", "0.3"], [0.1, 0.3, 0.7]),
        ([], [0.3, 0.4, 0.5, 0.6, 0.7]),
    ],
)
def test_thresholds_are_numbers_and_ranges_without_rounding(here, found, truth, options, thresholds):
    figures = json.loads(here(found, truth, "--json", "--metrics", "detection", *options)[1])
    assert figures["detection"]["tiou"] == thresholds
    ap = figures["detection"]["classes"]["run"]["ap"]
    assert ap == [float(tiou <= 0.75) for tiou in thresholds]  # 15 of 20 s: exactly at the threshold counts


@pytest.fixture
def spots(tmp_path):
    """Spot JSON at 25 frames a second, and what was found of it: a frame late, 0.2 s late, and 8 s late."""

    def film(**frames):
        events = [{"frame": frame, "label": label, "score": 0.5} for label, frame in frames.items()]
        return [{"video": "a", "num_frames": 2500, "fps": 25, "events": events}]

    for name, content in (("t", film(jump=100, spin=200, land=300)), ("f", film(jump=101, spin=205, land=500))):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path / "f.json", tmp_path / "t.json"


def test_events_without_a_length_are_scored_by_spotting(here, spots):
    code, out, err = here(*spots)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert ["tight", "loose", "0.5", "s", "1", "s", "2", "s", "1", "f", "2", "f"] in lines
    rows = {line[0]: line[1:] for line in reversed(lines)}  # the first table comes last
    # windows of 20 s and more find 8 s: of loose 0 0 0 1 ... 1, by trapezoids 8.5 of 11
    assert rows["land"] == ["0.0", "77.3", "0.0", "0.0", "0.0", "0.0", "0.0"]
    assert rows["jump"] == ["100.0"] * 7
    assert rows["spin"] == ["100.0"] * 5 + ["0.0", "0.0"]
    assert rows["all"] == ["66.7", "92.4", "66.7", "66.7", "66.7", "33.3", "33.3"]
    assert "all             3      3   66.7    66.7   66.7" in out
    figures = json.loads(here(*spots, "--json")[1])
    assert (figures["metrics"], figures["spotting"]["frames"]["tolerance"]) == (["spotting"], [1, 2])
    assert figures["spotting"]["tight"]["average_map"] == pytest.approx(2 / 3, abs=1e-6)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "seconds", "frames"),
    [
        (["--tolerance", "5f", "--tolerance", "1f", "--tolerance", "1f"], None, [1, 5]),
        (["--tolerance", "0.04s", "--tolerance", "3s"], [0.04, 3], None),
        (["--tolerance", "0f", "--tolerance", "0s"], [0], [0]),
    ],
)
def test_tolerances_are_seconds_and_frames(here, spots, options, seconds, frames):
    spotting = json.loads(here(*spots, "--json", *options)[1])["spotting"]
    assert spotting["seconds"] == (seconds and {"tolerance": seconds, "mean_ap": spotting["seconds"]["mean_ap"]})
    assert spotting["frames"] == (frames and {"tolerance": frames, "mean_ap": spotting["frames"]["mean_ap"]})


@pytest.mark.parametrize("tolerance", ["1", "1.5f", "-1s", "s", "f", "nans", "1e3s", "1 s"])
def test_what_is_not_a_tolerance_is_wrong_usage(here, spots, tolerance):
    code, out, err = here(*spots, "--tolerance", tolerance)
    assert (code, out) == (2, "")
    assert "give seconds (0.5s)" in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--metrics", "detection"], "no event of the truth has a length; only spotting can be measured; ask for that"),
        (["--tolerance", "1f"], "do not say how many frames a second g/1_224p has; tolerances in frames cannot be"),
    ],
)
def test_what_cannot_be_measured_of_spots_is_one_line(here, tmp_path, options, told):
    event = {"gameTime": "1 - 00:04", "label": "Goal", "position": "4000"}
    (tmp_path / "t.json").write_text(json.dumps({"UrlLocal": "g", "annotations": [event]}))
    found = {"UrlLocal": "g", "predictions": [event | {"half": "1", "confidence": "0.5"}]}
    (tmp_path / "f.json").write_text(json.dumps(found))
    code, out, err = here(tmp_path / "f.json", tmp_path / "t.json", *options)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert told in err


def test_a_half_that_a_match_does_not_have_is_one_line_with_its_cure(here, spots, tmp_path):
    event = {"gameTime": "3 - 12:34", "label": "Goal", "position": "754000"}
    (tmp_path / "t.json").write_text(json.dumps({"UrlLocal": "g", "annotations": [event]}))
    code, out, err = here(spots[0], tmp_path / "t.json")
    assert (code, out) == (1, "")
    assert "its half is 3 - 12:34, not 1 or 2" in err


def test_clips_of_a_model_that_draws_segments(here, tmp_path):
    save_timeline(tmp_path / "found", "a", seg(0, 60, "walk", 0.5), seg(60, 70, "run", 0.9))
    save_timeline(tmp_path / "found", "b", seg(0, 30, "run", 0.9))
    save_timeline(tmp_path / "found", "c")
    (tmp_path / "clips.txt").write_text("a.mp4 walk\nb.mp4 run\nc.mp4 still\n")
    code, out, err = here(tmp_path / "found", tmp_path / "clips.txt", "--background", "still")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["whole", "films,", "%", "by", "share", "of", "time", "by", "highest", "score"] in lines
    assert ["top-1", "66.67", "66.67"] in lines  # 30 of 100 s are less than the rest; 0.9 is more than 0.5
    assert "1 of these films show no segment (c.mp4), which counts as nothing." in " ".join(out.split())


@pytest.mark.parametrize("tiou", ["0", "1.1", "a", "nan", "0.3:0.7", "0.7:0.3:0.1", "0.3:0.7:0", "0.1:0.9:1e-9", ":"])
def test_thresholds_that_are_none_are_wrong_usage(here, found, truth, tiou):
    code, out, err = here(found, truth, "--tiou", tiou)
    assert (code, out) == (2, "")
    assert "0.3:0.7:0.1" in err


def test_measures_and_subsets_can_be_chosen(here, found, tmp_path):
    rows = "a,0,10,walk,100,training\nb,0,10,walk,100,validation\n"
    (tmp_path / "t.csv").write_text(ANNOTATIONS + rows + "b,10,20,run,100,validation\n")
    figures = json.loads(here(found, tmp_path / "t.csv", "--json", "--metrics", "segmentation")[1])
    assert (figures["films"], figures["metrics"]) == (["b"], ["segmentation"])
    assert "detection" not in figures
    code, out, err = here(found, tmp_path / "t.csv", "--subset", "training")
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: there is a prediction of b.mp4, which is not a training film; ")
    figures = json.loads(here(found, tmp_path / "t.csv", "--subset", "training", "--ignore-other-videos", "--json")[1])
    assert figures["films"] == ["a"]
    assert here(found, tmp_path / "t.csv", "--subset", "all")[0] == 0


def test_phases_and_a_background(here, found, truth):
    figures = json.loads(here(found, truth, "--json", "--metrics", "phases", "--fps", 1)[1])
    assert figures["phases"]["strict"]["recall"]["phases"] == {"run": 0.75, "walk": 0.5}
    out = here(found, truth, "--metrics", "phases")[1]
    assert "strict" in out
    figures = json.loads(here(found, truth, "--json", "--background", "walk")[1])
    assert figures["labels"] == ["run"]


def test_labels_of_strangers_are_shown_as_text(here, tmp_path):
    label = "[bold red]\\x"
    save_timeline(tmp_path / "found", "a", seg(0, 10, label, 0.9))
    (tmp_path / "t.csv").write_text(f'{ANNOTATIONS}a,0,10,"{label}",100,\n')
    code, out, err = here(tmp_path / "found", tmp_path / "t.csv")
    assert (code, err) == (0, "")
    assert label in out
    save_timeline(tmp_path / "found", "a", seg(0, 10, "x\x1b[31m", 0.9))
    code, out, err = here(tmp_path / "found", tmp_path / "t.csv")
    assert code == 1
    assert "\x1b" not in out + err
    assert err.startswith("vtn-stream: in a the predictions say x\\x1b[31m, which the annotations do not have")
    assert len(err.splitlines()) == 1


def test_doubtful_annotations_are_told_apart_from_the_figures(here, found, tmp_path):
    rows = "".join(f"a,{i},{i + 1},walking,100,\n" for i in range(0, 60, 2)) + "a,70,71,walkinh,100,\n"
    (tmp_path / "t.csv").write_text(ANNOTATIONS + rows)
    (tmp_path / "found" / "b.timeline.json").unlink()
    save_timeline(tmp_path / "found", "a")
    code, out, err = here(found, tmp_path / "t.csv", "--fps", 5)
    assert code == 0
    assert "t.csv, line 32: the label walkinh looks like walking" in err
    assert "fps" not in err  # it was used, for the frames
    assert "frame by frame, 5 a second" in out


def test_pictures_are_written(here, found, truth, tmp_path):
    code, out, err = here(found, truth, "--plots", tmp_path / "pictures")
    assert (code, err) == (0, "")
    files = sorted((tmp_path / "pictures").iterdir())
    names = [
        "classes.svg",
        "confusion-of-frames.svg",
        "precision-recall.svg",
        "timelines.svg",
    ]
    assert [file.name for file in files] == names
    assert all(ElementTree.fromstring(file.read_bytes()).tag.endswith("svg") for file in files)
    assert all(f"wrote {file}" in out for file in files)
    code, out, err = here(found, truth, "--json", "--plots", tmp_path / "pictures")
    assert json.loads(out)["num_true"] == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["FOUND"], "give PREDICTIONS and ANNOTATIONS, or one of LIST and ANNOTATIONS with --model"),
        (["FOUND", "TRUTH", "--model", "m"], "give PREDICTIONS and ANNOTATIONS, or one of"),
        (["FOUND", "TRUTH", "--videos", "FOUND"], "--videos goes with --model"),
        (["FOUND", "TRUTH", "--protocol", "full"], "--protocol goes with --model"),
        (["FOUND", "TRUTH", "-o", "x.jsonl"], "--output goes with --model"),
        (["FOUND", "TRUTH", "--store", "x"], "--store goes with --model"),
        (["FOUND", "none.csv"], "none.csv"),
        (["FOUND", "TRUTH", "--fps", "0"], "--fps"),
        (["FOUND", "TRUTH", "--metrics", "all"], "--metrics"),
    ],
)
def test_wrong_usage_is_exit_code_two(here, found, truth, arguments, told):
    named = {"FOUND": found, "TRUTH": truth}
    code, out, err = here(*(named.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert told in " ".join(err.replace("│", " ").split())


def test_scoring_files_loads_neither_torch_nor_matplotlib(found, truth):
    code = (
        "import sys\nfrom vtn_stream_cli.main import main\n"
        f"sys.argv = ['vtn-stream', 'evaluate', {str(found)!r}, {str(truth)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(*[m for m in ('torch', 'matplotlib', 'av', 'timm') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == ""


# ---- a model that locates actions


def save_model(head, encoder, backbone, path, high, labels=LABELS, seed=0):
    config = VTNConfig(
        backbone=encoder.name,
        encoder=EncoderConfig(
            input_width=encoder.num_features, width=16, num_heads=2, feedforward_width=16, attention_windows=(2,)
        ),
        head=head,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = VTN(config).state_dict()
    checkpoint = Checkpoint(
        config=config,
        labels=labels,
        recipe=replace(encoder.recipe(Fraction(1)), size=(64, 64)),
        window=ClipWindow(num_positions=16, stride=8),
        operating_points=OperatingPoints(common=OperatingPoint(high=high, low=high)),
        tensors=tensors,
        backbone=backbone,
    )
    save_checkpoint(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def backbone(tiny_weights):
    return {name: t for name, t in load_file(tiny_weights).items() if not name.startswith("classifier")}


@pytest.fixture(scope="module")
def locating(encoder, backbone, tmp_path_factory):
    """Untrained: every score is near 0.01, and no timeline shows any."""
    head = LocalizationConfig(num_classes=2, num_levels=3, tower_width=8)
    return save_model(head, encoder, backbone, tmp_path_factory.mktemp("model") / "locating.safetensors", 0.5)


@pytest.fixture(scope="module")
def labelling(encoder, backbone, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "labelling.safetensors"
    return save_model(DenseConfig(num_classes=2), encoder, backbone, path, 0.1)


@pytest.fixture(scope="module")
def films(film_maker, tmp_path_factory):
    """Two films of 20 s, one in a folder of its own, and annotations of them and of one that is not there."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "deep").mkdir()
    film_maker(folder / "one.mp4", ((10, 0), (10, 1)))
    film_maker(folder / "deep" / "two.mp4", ((20, 2),))
    rows = "one,0,10,walk,20,validation\none,12,20,run,20,validation\ntwo,5,10,run,20,\nthree,0,5,run,20,training\n"
    (folder / "truth.csv").write_text(ANNOTATIONS + rows)
    return folder


def test_a_model_that_locates_looks_at_the_films_first(here, locating, films, tmp_path):
    from vtn_stream.analysis import Analyzer
    from vtn_stream.settings import Settings

    options = ["--model", locating, "--device", "cpu", "--store", tmp_path / "store"]
    code, out, err = here(films / "truth.csv", *options, "--json", "--tiou", 0.001)
    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert (figures["films"], figures["failed"]) == (["one", "two"], [])
    assert figures["num_shown"] == 0

    with Analyzer(Settings(model=locating, device="cpu", store=tmp_path / "store")) as analyzer:
        files = (("one", "one.mp4"), ("two", "deep/two.mp4"))
        analyses = {name: analyzer.analyze(analyzer.plan(films / file)) for name, file in files}
    assert all(len(analysis.scores.spans) > 0 for analysis in analyses.values())
    predictions = {name: of_analysis(analysis) for name, analysis in analyses.items()}
    assert sum(len(p.candidates or ()) for p in predictions.values()) > 0
    expected = score(predictions, read_annotations(films / "truth.csv"), thresholds=[0.001]).to_dict()
    assert {name: figures[name] for name in expected} == json.loads(json.dumps(expected))
    assert figures["detection"]["average_map"] > 0  # of what no timeline shows
    assert figures["model"] == analyzer.checkpoint.digest

    code, out, err = here(films / "truth.csv", *options, "--videos", films / "deep", "--metrics", "detection")
    assert code == 1
    assert err.splitlines() == ["one: there is no such film in deep"]
    assert out.splitlines()[1].startswith("1 film, 0:00:20.0, 2 labels")


def test_a_model_is_measured_at_the_point_that_is_asked_for(here, locating, films, tmp_path):
    named, options = tmp_path / "named.safetensors", ("--device", "cpu", "--store", tmp_path / "store", "--json")
    everything = OperatingPoints(common=OperatingPoint(high=0.001, low=0.001))
    save_checkpoint(replace(load_checkpoint(locating), points={"all": everything}), named)
    figures = {
        point: json.loads(here(films / "truth.csv", "--model", named, *options, *point)[1])
        for point in ((), ("--point", "all"))
    }
    assert figures[()]["num_shown"] == 0 < figures["--point", "all"]["num_shown"]
    assert figures["--point", "all"]["point"] == "all"
    code, out, err = here(films / "truth.csv", "--model", named, "--point", "loud", *options)
    assert (code, out) == (1, "")
    assert "named has no operating point named loud" in err
    assert err.count("\n") == 1


def test_a_model_that_labels_every_moment_is_measured_alike(here, labelling, films):
    code, out, err = here(films / "truth.csv", "--model", labelling, "--device", "cpu", "--json")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert figures["num_shown"] > 0
    assert set(figures["metrics"]) == {"detection", "segmentation"}


def test_films_that_cannot_be_read_are_named_and_the_exit_code_is_one(here, locating, films, tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "one.mp4").write_bytes(b"no film")
    shutil.copy(films / "deep" / "two.mp4", tmp_path / "films")
    options = ["--model", locating, "--device", "cpu", "--videos", tmp_path / "films"]
    code, out, err = here(films / "truth.csv", *options, "--json")
    assert code == 1
    assert err.startswith("one: one.mp4 ")
    figures = json.loads(out)
    assert [failure["film"] for failure in figures["failed"]] == ["one"]
    assert figures["films"] == ["two"]
    (tmp_path / "films" / "two.mp4").unlink()
    code, out, err = here(films / "truth.csv", *options)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("vtn-stream: no film could be read; nothing was scored; ")


def test_spots_of_a_match_of_which_one_half_has_no_film(here, locating, films, tmp_path):
    """The candidates of a model count, though its timeline shows none, each at its middle."""
    match = tmp_path / "match"
    match.mkdir()
    shutil.copy(films / "one.mp4", match / "1_720p.mp4")
    events = [
        {"gameTime": f"{half} - 00:10", "label": label, "position": "10000"}
        for half, label in ((1, "run"), (1, "walk"), (2, "run"))
    ]
    (match / "Labels-v2.json").write_text(json.dumps({"UrlLocal": "match", "annotations": events}))
    code, out, err = here(match / "Labels-v2.json", "--model", locating, "--device", "cpu", "--json")
    assert (code, err.splitlines()[-1]) == (1, "2_224p: there is no such film in match")
    figures = json.loads(out)
    assert (figures["films"], figures["metrics"], figures["num_shown"]) == (["1_720p"], ["spotting"], 0)
    assert figures["spotting"]["loose"]["average_map"] > 0
    assert any("predictions of spots have a length: they count" in note for note in figures["notes"])


def test_an_interrupt_while_films_are_looked_at_ends_it(here, locating, films, tmp_path, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("vtn_stream_cli.measuring.check_interrupted", interrupted)
    code, out, _ = here(films / "truth.csv", "--model", locating, "--device", "cpu")
    assert (code, out) == (130, "")


def test_options_of_clips_are_of_no_use_with_it(here, locating, films):
    code, out, err = here(films / "truth.csv", "--model", locating, "--protocol", "views")
    assert (code, out) == (2, "")
    assert "--protocol does nothing with a model that locates actions" in err


def test_predictions_of_nothing_are_reported_as_such(here, truth, tmp_path):
    (tmp_path / "none.csv").write_text("video,start_s,end_s,label,score\n")
    (tmp_path / "none.json").write_text('{"version": "1", "results": {}, "external_data": {}}')
    for name in ("none.csv", "none.json"):
        code, out, err = here(tmp_path / name, truth)
        assert (code, out) == (1, "")
        assert err.startswith(f"vtn-stream: {name} holds no predictions; nothing was scored; ")


def test_films_that_failed_in_a_batch_are_named_and_left_out(here, truth, found):
    """b has an earlier timeline, c has none; d is no film of the truth."""
    with open(truth, "a") as file:
        file.write("films/c,0,10,walk,100,\n")
    before = here(found, truth)
    assert "There is no prediction for 1 of 3 films" in " ".join(before[1].split())
    lines = [
        {"event": "film_failed", "film": f, "results": f, "reason": f"{f} is odd"} for f in ("b.mp4", "c.mp4", "d")
    ]
    lines.append({"event": "chunk_lost", "film": "a.mp4", "results": "a.mp4", "reason": "lost"})
    (found / "failures.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, err = here(found, truth, "--json")
    assert code == 1
    assert err.splitlines() == [
        "b.mp4: its last analysis failed (b.mp4 is odd), and what an earlier one left is scored",
        "films/c: c.mp4 is odd",
    ]
    figures = json.loads(out)
    assert (figures["films"], figures["without_predictions"]) == (["a", "b"], [])
    assert figures["failed"] == [{"film": "films/c", "message": "c.mp4 is odd"}]
    for file in found.glob("*.timeline.json"):
        file.unlink()
    code, out, err = here(found, truth)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].endswith(
        "; nothing was scored; fix what failures.jsonl names, then run batch --retry-failed"
    )
