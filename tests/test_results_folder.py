"""Folders of results as predictions: which film each timeline is of, who drew it, what lies beside it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scored_films import LABELS, annotations, seg

from vtn_stream.draft import Analysis
from vtn_stream.errors import InputError
from vtn_stream.evaluation import Prediction, of_analysis, of_timeline, read_predictions, score
from vtn_stream.evaluation.predictions import assign
from vtn_stream.film import FrameIndex
from vtn_stream.formats import timeline_json
from vtn_stream.results import ResultFiles
from vtn_stream.timeline import Timeline
from vtn_stream.track import GridScores, OperatingPoint, OperatingPoints, Spans

POINTS = OperatingPoints(common=OperatingPoint(high=0.7, low=0.7))


def analysis(kind, scores, *segments, name="a.mp4", model="0" * 64, **fields):
    """An analysis of a film of 100 s, looked at once a second."""
    grid_s = np.arange(100, dtype=float)
    index = FrameIndex(grid_s=grid_s, frame=np.arange(100), pts_s=grid_s, valid=np.ones(100, np.bool_))
    timeline = Timeline(
        video_identity=name,
        video_path=name,
        duration_s=100.0,
        span_s=(0.0, 100.0),
        segments=segments,
        provenance={"analysis": {"kind": kind, "model": model, **POINTS.to_dict()}},
    )
    return Analysis(timeline=replace(timeline, **fields), scores=scores, index=index, labels=LABELS)


def save(folder, made):
    files = ResultFiles(folder, folder / made.timeline.video_path)
    files.claim(made.timeline.video_identity)
    files.save(made.timeline, made.scores, made.index, made.labels)


def located():
    """walk is shown once; a doubtful one is a candidate. As finely placed as a model does it."""
    bounds = np.array([[0.1234567, 10.00004], [50.00051, 60.3]])
    spans = Spans(bounds=bounds, classes=np.array([2, 2]), scores=np.array([0.9123449999, 0.0020049]))
    return analysis("action localization", GridScores(spans=spans), seg(0.123457, 10.00004, "walk", 0.9123))


def labelled():
    """Every second has a label; of two stretches, the second is below its threshold."""
    frame = np.zeros((100, 3), np.float16)
    frame[:40, 0], frame[40:, 1] = 0.75, 0.625
    return analysis("dense labels", GridScores(frame=frame), seg(0, 39.5, "run", 0.75))


def named():
    """Two labels are alike but for the fifth digit."""
    clip = np.array([0.33333, 0.333349, 0.2], np.float32)
    return analysis(
        "clip classifier", GridScores(clip=clip), clip_labels=(("sit", 0.3333), ("run", 0.3333), ("walk", 0.2))
    )


# ---- what lies beside a timeline


@pytest.mark.parametrize("made", [located(), labelled(), named()], ids=["spans", "phases", "clips"])
def test_results_predict_what_the_analysis_does(tmp_path, made):
    save(tmp_path / "deep" / "er", made)
    (found,) = read_predictions(tmp_path).values()
    assert found == of_analysis(made)


def test_candidates_are_what_no_timeline_shows():
    assert of_analysis(located()).candidates == (
        seg(0.123, 10.0, "walk", 0.9123, origin="model"),
        seg(50.001, 60.3, "walk", 0.002, origin="model"),
    )
    assert of_analysis(labelled()).candidates == (
        seg(0, 39.5, "run", 0.75, origin="model"),
        seg(39.5, 100, "sit", 0.625, origin="model"),
    )
    assert of_analysis(named()).candidates is None
    assert of_timeline(located().timeline).candidates is None


def test_labels_of_a_film_are_compared_without_rounding():
    assert [label for label, _ in of_analysis(named()).clip_labels] == ["sit", "run", "walk"]
    truth = annotations({"a.mp4": []}, clip_label="sit")
    assert score({"a.mp4": of_analysis(named())}, truth).clips.top_1 == 1
    assert score({"a.mp4": of_timeline(named().timeline)}, truth).clips.top_1 == 0  # a tie is no success


def test_a_score_that_is_no_number_is_refused():
    made = named()
    bad = replace(made, scores=GridScores(clip=np.array([0.1, np.nan, 0.2], np.float32)))
    with pytest.raises(InputError, match=r"the score of sit for the whole of a.mp4 is not a number; "):
        of_analysis(bad)


def test_candidates_end_where_the_part_that_was_looked_at_does():
    made = located()
    part = replace(made, timeline=replace(made.timeline, span_s=(5.0, 55.0), segments=()))
    assert of_analysis(part).candidates == (
        seg(5, 10.0, "walk", 0.9123, origin="model"),
        seg(50.001, 55, "walk", 0.002, origin="model"),
    )


def missing(folder):
    (folder / "a.mp4.scores.arrow").unlink()


def of_another_run(folder):
    other = located()
    spans = replace(other.scores.spans, scores=np.array([0.8, 0.7]))
    save(folder / "other", replace(other, scores=GridScores(spans=spans)))
    (folder / "other" / "a.mp4.scores.arrow").rename(folder / "a.mp4.scores.arrow")
    (folder / "other" / "a.mp4.timeline.json").unlink()


def corrected(folder):
    file = folder / "a.mp4.timeline.json"
    file.write_bytes(file.read_bytes().replace(b"0.123457", b"0.5"))


def without_digests(folder):
    file = folder / "a.mp4.timeline.json"
    fields = json.loads(file.read_bytes())
    del fields["files"]
    file.write_text(json.dumps(fields))


@pytest.mark.parametrize("change", [missing, of_another_run, corrected, without_digests])
def test_scores_that_are_not_those_of_the_timeline_are_not_used_and_a_note_says_so(tmp_path, change):
    save(tmp_path, located())
    change(tmp_path)
    (found,) = read_predictions(tmp_path).values()
    assert found.candidates is None
    truth = annotations({"a": [seg(0, 10, "walk")]})
    (note,) = (n for n in score({"a": found}, truth).notes if n.startswith("Average precision"))
    assert "are not known of 1 of 1 films (a)" in note


@pytest.mark.parametrize(("change", "is_changed"), [(corrected, True), (missing, False), (without_digests, False)])
def test_a_timeline_that_a_person_changed_is_named_in_a_note(tmp_path, change, is_changed):
    save(tmp_path, located())
    change(tmp_path)
    (found,) = read_predictions(tmp_path).values()
    notes = score({"a": found}, annotations({"a": [seg(0, 10, "walk")]})).notes
    told = any(note.startswith("The timelines of 1 of 1 film were changed since they were written: ") for note in notes)
    assert told == is_changed == found.changed


# ---- which film


def place(folder, name, made=None, suffix=".timeline.json", **fields):
    folder.mkdir(parents=True, exist_ok=True)
    timeline = replace((made or analysis("action localization", GridScores())).timeline, video_path=name, **fields)
    (folder / f"{name}{suffix}").write_bytes(timeline_json.dumps(timeline))


def test_films_of_one_name_in_two_folders_are_two_films(tmp_path):
    place(tmp_path / "films" / "a", "x.mp4", segments=(seg(0, 10, "walk", 0.9),))
    place(tmp_path / "films" / "b", "x.mp4")
    place(tmp_path / "films", "x.mp4", suffix=".timeline.partial.json", complete=False)
    place(tmp_path / "films" / ".hidden", "y.mp4")
    found = read_predictions(tmp_path)
    assert sorted(found) == ["films/a/x.mp4", "films/b/x.mp4", "films/x.mp4"]
    scores = score(found, annotations({"a/x": [seg(0, 10, "walk")], "b/x": [], "films/x": []}))
    assert [len(film.shown) for film in scores.films] == [1, 0, 0]
    assert scores.to_dict()["partial"] == ["films/x"]
    with pytest.raises(InputError, match=r"prediction of films/b/x.mp4, which is not in the annotations"):
        score(found, annotations({"a/x": [seg(0, 10, "walk")], "films/x": []}))


@pytest.mark.parametrize(
    ("names", "films", "assigned", "others"),
    [
        (["f/a/x.mp4", "f/b/x.mp4"], ["a/x", "b/x"], {"a/x": "f/a/x.mp4", "b/x": "f/b/x.mp4"}, []),
        (["a/x.mp4", "b/x.mp4"], ["f/a/x", "f/b/x"], {"f/a/x": "a/x.mp4", "f/b/x": "b/x.mp4"}, []),
        (["a/x.mp4", "b/x.mp4"], ["a/x"], {"a/x": "a/x.mp4"}, ["b/x.mp4"]),
        (["b/x.mp4"], ["a/x"], {"a/x": "b/x.mp4"}, []),
        (["c/x.mp4"], ["a/x", "b/x"], {}, ["c/x.mp4"]),
        (["x.mp4"], ["a/x", "x"], {"x": "x.mp4"}, []),
        (["A\\x.mp4"], ["A/x", "B/x"], {"A/x": "A\\x.mp4"}, []),
    ],
)
def test_folders_say_which_film_it_is(names, films, assigned, others):
    assert assign(names, films) == (assigned, others)


@pytest.mark.parametrize(
    ("names", "films", "told"),
    [
        (["x.mp4"], ["a/x", "b/x"], "x.mp4 can be a/x or b/x"),
        (["a/x.mp4", "b/x.mp4"], ["x"], "a/x.mp4 and b/x.mp4 are both predictions of x"),
        (["b/x.mp4", "c/x.mp4"], ["a/x"], "b/x.mp4 and c/x.mp4 are both predictions of a/x"),
    ],
)
def test_a_choice_is_refused(names, films, told):
    with pytest.raises(InputError, match=told):
        assign(names, films)


def test_a_film_that_is_there_under_two_names_is_named(tmp_path):
    place(tmp_path, "x.mp4", video_identity="one")
    place(tmp_path, "copy.mp4", video_identity="one")
    place(tmp_path, "y.mp4", video_identity="other")
    truth = {name: [seg(0, 10, "walk")] for name in ("x", "copy", "y")}
    note = "1 film is scored under several names, and counted once for each: copy and x."
    assert note in score(read_predictions(tmp_path), annotations(truth)).notes
    (tmp_path / "copy.mp4.timeline.json").unlink()
    del truth["copy"]
    assert not any("several names" in n for n in score(read_predictions(tmp_path), annotations(truth)).notes)


def test_a_film_that_is_taken_by_its_name_alone_is_named():
    scores = score({"b/a.mp4": Prediction()}, annotations({"c/a": [seg(0, 10, "walk")]}))
    assert "Matched with the film of the same name in another folder: b/a.mp4 as c/a." in scores.notes


def test_two_timelines_of_one_film_are_refused(tmp_path):
    place(tmp_path / "d", "x.mp4")
    (tmp_path / "d" / "x.mp4.timeline.json").rename(tmp_path / "d" / "1.timeline.json")
    place(tmp_path / "d", "x.mp4")
    with pytest.raises(InputError, match=r"d/1.timeline.json and d/x.mp4.timeline.json are both timelines of x.mp4"):
        read_predictions(tmp_path)


def test_a_partial_timeline_of_a_film_that_has_a_whole_one_is_passed_over(tmp_path):
    place(tmp_path, "x.mp4")
    place(tmp_path, "x.mp4", suffix=".timeline.partial.json", complete=False)
    (tmp_path / "x.mp4.timeline.partial.json").rename(tmp_path / "x.timeline.partial.json")
    assert read_predictions(tmp_path)["x.mp4"].complete


# ---- who drew it


def test_results_of_two_models_are_refused_with_the_folders_to_choose_from(tmp_path):
    place(tmp_path / "r" / "old", "x.mp4", analysis("action localization", GridScores(), model="a" * 64))
    place(tmp_path / "r" / "old", "y.mp4", analysis("action localization", GridScores(), model="a" * 64))
    place(tmp_path / "r" / "new", "x.mp4", analysis("action localization", GridScores(), model="b" * 64))
    with pytest.raises(InputError) as error:
        read_predictions(tmp_path / "r")
    assert str(error.value) == (
        "r holds timelines of model aaaaaaaaaaaa (2 timelines, such as old/x.mp4.timeline.json) and model bbbbbbbbbbbb "
        "(1 timeline, such as new/x.mp4.timeline.json); nothing was scored; give the folder of one of them: r/new and "
        "r/old"
    )
    assert len(read_predictions(tmp_path / "r" / "old")) == 2


def test_scenes_and_a_model_are_two_and_a_timeline_that_does_not_say_is_none(tmp_path):
    place(tmp_path, "x.mp4", provenance={"analysis": {"kind": "scenes"}})
    place(tmp_path, "y.mp4", provenance={})
    assert len(read_predictions(tmp_path)) == 2
    place(tmp_path, "z.mp4")
    with pytest.raises(InputError, match=r"holds timelines of model 000000000000 .* and scenes .*; keep in it the"):
        read_predictions(tmp_path)
