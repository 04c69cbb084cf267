"""BORIS projects on the command line: from a project to timelines, tables and scores, and back."""

import json

import pytest
from boris_projects import observation, text

CODED = [(1, "hen", "walk"), (3, "hen", "walk"), (4, "cock", "walk")]


@pytest.fixture
def coded(tmp_path):
    """A project in which ann and bob coded one film; ann did not stop a state."""
    path = tmp_path / "coded.boris"
    path.write_text(text(ann=observation(*CODED), bob=observation((1.5, "walk"), (3, "walk"))))
    return path


def segments(path):
    return [(s["start_s"], s["end_s"], s["label"]) for s in json.loads(path.read_text())["segments"]]


def test_convert_asks_which_coder_and_what_an_open_state_is(coded, here):
    target = coded.with_name("hen.timeline.json")
    code, out, err = here("convert", coded, target)
    assert (code, out) == (1, "")
    assert "hen.mp4 has 2 observations, ann and bob: choose with --observation" in err
    code, _, err = here("convert", coded, target, "--observation", "ann")
    assert (code, segments(target)) == (0, [(1, 3, "walk")])
    assert "left out: observations.ann.events[2]: walk of cock starts, and no STOP follows" in err
    how = ("--observation", "ann", "--close-open", "--label-with", "subject", "--overwrite")
    assert here("convert", coded, target, *how)[0] == 0
    assert segments(target) == [(1, 3, "hen: walk"), (4, 60, "cock: walk")]


def test_a_project_goes_to_a_timeline_and_back(coded, here, tmp_path):
    timeline, again = tmp_path / "hen.timeline.json", tmp_path / "again.boris"
    assert here("convert", coded, timeline, "--observation", "bob")[0] == 0
    code, _, err = here("convert", timeline, again)
    assert (code, err) == (0, "")
    (found,) = json.loads(again.read_text())["observations"].values()
    assert found["events"] == [[1.5, "", "walk", "", "", "NA"], [3.0, "", "walk", "", "", "NA"]]
    assert here("export", timeline, "--together", tmp_path / "all.boris")[0] == 0
    assert (tmp_path / "all.boris").read_bytes() == again.read_bytes()


def test_two_coders_of_one_project_are_compared(coded, here):
    who = ("--observation", "ann", "--observation", "bob")
    code, out, err = here("evaluate", "--agreement", coded, coded, *who, "--close-open", "--json")
    assert (code, "coded.boris: ann: " in err) == (0, True)
    seconds = json.loads(out)["labels"]["walk"]["seconds"]
    assert seconds == {"both": 1.5, "only_a": 56.5, "only_b": 0.0, "neither": 2.0}


def test_evaluate_chooses_an_observation_too(coded, here, tmp_path):
    predictions = tmp_path / "predictions"
    assert here("convert", coded, f"{predictions}/", "-f", "json", "--observation", "bob")[0] == 0
    code, _, err = here("evaluate", predictions, coded, "--observation", "ann")
    assert code == 1
    assert "walk of cock starts, and no STOP follows; --close-open" in err
    how = ("--observation", "ann", "--close-open", "--json")
    code, out, _ = here("evaluate", predictions, coded, *how, "--metrics", "segmentation")
    assert (code, json.loads(out)["num_true"]) == (0, 2)
