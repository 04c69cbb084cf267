"""Recordings in several files against annotations: of the whole or by file, in evaluation, truth, training, review."""

import json
from dataclasses import replace

import pytest
from recorded import MATCH, PARTS, part, recording, segment

from vtn_stream import agreement
from vtn_stream.errors import InputError, VtnStreamWarning
from vtn_stream.evaluation import of_timeline
from vtn_stream.evaluation.evaluate import evaluate
from vtn_stream.evaluation.recordings import in_files
from vtn_stream.exchange.truth import NamedFilm, read_truth, truth_of
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.annotations.annotated import in_files as annotations_in_files
from vtn_stream.known import Known
from vtn_stream.results.corrected import recordings_line
from vtn_stream.review.sources import hand_work_in
from vtn_stream.segments import Reviewed

FILES = ("one.mp4", "two.mp4", "three.mp4")


def csv_of(*rows):
    return "\n".join(["video,start_s,end_s,label", *(",".join(map(str, row)) for row in rows)]) + "\n"


BY_FILE = csv_of(
    ("one.mp4", 1, 2, "run"), ("one.mp4", 50, 60, "fall"), ("two.mp4", 0, 10, "fall"), ("three.mp4", 10, 12, "run")
)
WHOLE = csv_of(("match", 1, 2, "run"), ("match", 50, 70, "fall"), ("match", 110, 112, "run"))


@pytest.fixture
def truth(tmp_path):
    """truth(text): the annotations in a file."""

    def truth_(text, name="truth.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return truth_


PREDICTED = recording(*(s for s in MATCH if s.label != "whistle"))
ASKED = {"metrics": ("detection",), "tious": (0.5,)}


@pytest.mark.parametrize("text", [BY_FILE, WHOLE])
def test_a_recording_is_scored_against_annotations_of_its_files_or_of_the_whole(truth, text):
    scores = evaluate(PREDICTED, truth(text), **ASKED)
    assert scores.to_dict()["detection"]["average_map"] == 1
    told = "match is predicted as a whole and annotated by file: it was cut at the joins."
    assert (told in scores.notes) == (text is BY_FILE)


def test_files_are_scored_against_a_timeline_of_the_whole(truth):
    path = truth(timeline_json.dumps(PREDICTED), "match.timeline.json")
    scores = evaluate(PREDICTED.per_file(), path, **ASKED)
    assert scores.to_dict()["detection"]["average_map"] == 1
    assert "match is annotated as a whole and predicted by file: it was cut at the joins." in scores.notes


def test_annotations_of_boris_over_all_files_are_such(truth):
    path = truth(FORMATS["boris"].write([PREDICTED], Options()).content, "match.boris")
    with pytest.warns(VtnStreamWarning, match="over the border of two films"):
        scores = evaluate(PREDICTED, path, **ASKED)
    assert scores.to_dict()["detection"]["average_map"] == 1


def test_what_nobody_annotated_of_a_recording_is_said_and_left_out(truth):
    given, _, told = in_files(
        {"match": of_timeline(PREDICTED)}, read_annotations(truth(csv_of(("two.mp4", 0, 9, "fall"))))
    )
    assert list(given) == ["two.mp4"]
    assert told[-1] == ("Nothing is annotated of one.mp4 and three.mp4, of match: what is predicted there is left out.")


def test_a_file_that_is_predicted_alone_too_is_refused(truth):
    alone = PREDICTED.per_file()[1]
    with pytest.raises(InputError, match=r"two.mp4 is predicted twice: alone, and as a file of match"):
        evaluate([PREDICTED, alone], truth(BY_FILE))


def test_annotations_that_say_a_file_lasts_longer_are_told(truth):
    longer = replace(
        PREDICTED,
        parts=(part("one.mp4", 0, 600), *(replace(p, start_s=p.start_s + 540) for p in PARTS[1:])),
        duration_s=700,
    )
    path = truth(FORMATS["boris"].write([longer], Options()).content, "match.boris")
    _, _, told = in_files({"match": of_timeline(PREDICTED)}, read_annotations(path))
    assert any("say that one.mp4 lasts 600 s, and the file of match lasts 60 s" in line for line in told)


def test_names_with_folders_stay_in_them(truth):
    given, _, _ = in_files(
        {"day 1/match": of_timeline(PREDICTED)}, read_annotations(truth(csv_of(("day 1/one.mp4", 0, 9, "fall"))))
    )
    assert list(given) == ["day 1/one.mp4"]


# Truth beside a timeline


def test_the_truth_of_files_is_shown_on_the_clock_of_the_whole(truth):
    told = []
    [found] = truth_of(truth(BY_FILE), [recording()], on_warning=told.append)
    assert [(s.start_s, s.end_s, s.label) for s in found] == [
        (1, 2, "run"), (50, 60, "fall"), (60, 70, "fall"), (110, 112, "run")
    ]  # fmt: skip
    assert told == ["match: the truth of one.mp4, two.mp4 and three.mp4, each at its place"]


def test_the_truth_of_the_whole_is_shown_as_it_is(truth):
    [found] = truth_of(truth(WHOLE), [recording()])
    assert [(s.start_s, s.end_s) for s in found] == [(1, 2), (50, 70), (110, 112)]


def test_the_truth_of_a_recording_is_shown_at_its_files(truth):
    path = truth(timeline_json.dumps(recording()), "match.timeline.json")
    found = truth_of(path, recording().per_file())
    assert [[(s.start_s, s.end_s) for s in of_file] for of_file in found] == [
        [(1, 2), (50, 60)],
        [(0, 10), (2, 2)],
        [(10, 12)],
    ]


def test_a_file_alone_and_its_recording_both_get_their_truth(truth):
    alone = NamedFilm.of(recording().per_file()[1])
    found = read_truth(truth(BY_FILE), [NamedFilm.of(recording()), alone])
    assert found.lacking == ()
    assert [(s.start_s, s.end_s) for s in found.of(recording().per_file()[1])] == [(0, 10)]


def test_a_file_without_truth_is_no_reason_to_have_none(truth):
    [found] = truth_of(truth(csv_of(("three.mp4", 1, 2, "run"), ("other.mp4", 1, 2, "run"))), [recording()])
    assert [(s.start_s, s.end_s) for s in found] == [(101, 102)]


# Training


def test_annotations_of_a_recording_are_those_of_its_files_where_these_are_the_films(truth):
    whole = read_annotations(truth(timeline_json.dumps(recording()), "match.timeline.json"))
    found, told = annotations_in_files(whole, lambda name: name in FILES[:2])
    assert {name: [(s.start_s, s.end_s) for s in video.segments] for name, video in found.videos.items()} == {
        "one.mp4": [(1, 2), (50, 60)],
        "two.mp4": [(0, 10), (2, 2)],
    }
    assert {video.source for video in found.videos.values()} == {"match"}  # they stay on one side of a split
    assert told == [
        "match is a recording in 3 files: one.mp4 and two.mp4 of them are films here",
        "match: 1 of its files is not here, and left out",
    ]
    assert annotations_in_files(whole, lambda name: True)[0] == whole


def test_files_that_have_annotations_of_their_own_keep_these(tmp_path):
    (tmp_path / "match.timeline.json").write_bytes(
        timeline_json.dumps(recording(segment(1, 2, "run", origin="manual")))
    )
    (tmp_path / "one.timeline.json").write_bytes(
        timeline_json.dumps(replace(recording().per_file()[0], segments=(segment(5, 6, "run", origin="manual"),)))
    )
    found, told = annotations_in_files(read_annotations(tmp_path), lambda name: name in FILES)
    assert [(s.start_s, s.end_s) for s in found.videos["one.mp4"].segments] == [(5, 6)]
    assert any(line.startswith("one.mp4: what match says of it is not used") for line in told)


def test_time_that_people_looked_at_is_cut_at_the_joins_too():
    known = Known(own={"run": ((50.0, 70.0),)}, rest=((0.0, 65.0),))
    assert known.cropped(60, 90) == Known(own={"run": ((0.0, 10.0),)}, rest=((0.0, 5.0),))


def test_a_file_that_boris_lists_twice_is_told(truth):
    project = json.loads(FORMATS["boris"].write([PREDICTED], Options()).content)
    [observation] = project["observations"].values()
    observation["file"]["1"] = ["one.mp4", "two.mp4", "one.mp4"]
    found = read_annotations(truth(json.dumps(project), "match.boris"), skip_bad=True)
    assert any("twice" in str(line) for line in (*found.warnings, *found.skipped))


# Review


def test_hand_work_over_a_recording_speaks_of_its_files(tmp_path):
    corrected = recording(segment(62, 64, "fall", origin="manual"), reviewed=(Reviewed(start_s=60, end_s=80),))
    (tmp_path / "match.timeline.json").write_bytes(timeline_json.dumps(corrected))
    found = hand_work_in([tmp_path])
    assert list(found.files) == ["xxh3:two.mp4"]
    [own] = found.files["xxh3:two.mp4"]
    assert [(s.start_s, s.end_s) for s in own.segments] == [(2, 4)]
    assert found.others(["xxh3:two.mp4"]) == ()
    assert len(found.others(["xxh3:other"])) == 1


def test_hand_work_over_a_recording_is_told_when_a_file_of_it_is_analyzed_alone(tmp_path):
    corrected = recording(segment(62, 64, "fall", origin="manual"))
    (tmp_path / "match.timeline.json").write_bytes(timeline_json.dumps(corrected))
    told = (
        "match.timeline.json holds hand work over this film, as a file of a recording; it stays there and is not used "
        "here"
    )
    assert recordings_line(tmp_path, "two.mp4", "xxh3:two.mp4") == (told,)
    assert recordings_line(tmp_path, "one.mp4", "xxh3:one.mp4") == ()  # nobody spoke of that one
    assert recordings_line(tmp_path, "match", "xxh3:all") == ()


def test_hand_work_over_files_is_told_when_their_recording_is_analyzed(tmp_path):
    one, two, _ = PREDICTED.per_file()
    seen = replace(two, reviewed=(Reviewed(start_s=0, end_s=two.duration_s),))
    for each in (one, seen):
        (tmp_path / f"{each.video_path}.timeline.json").write_bytes(timeline_json.dumps(each))
    files = [part.video_identity for part in PREDICTED.parts]
    assert recordings_line(tmp_path, "match", "xxh3:all", files) == (
        "two.mp4.timeline.json holds hand work over files of this recording; it stays there and is not used here",
    )


@pytest.mark.parametrize("order", [1, -1])
def test_two_people_agree_where_one_coded_the_whole_and_the_other_its_files(order):
    found = agreement(*[PREDICTED, PREDICTED.per_file()][::order])
    assert found.kappa.value == 1
    assert [film.name for film in found.films] == sorted(FILES)
    who = "AB"[::order]
    assert found.notes[0] == f"{who[0]} coded match as a whole and {who[1]} by file: it was cut at the joins."


def test_who_coded_a_file_alone_and_in_its_recording_is_told():
    first, *others = PREDICTED.per_file()
    with pytest.raises(InputError, match=r"A codes one\.mp4 twice: alone, and as a file of match"):
        agreement([PREDICTED, first], [first, *others])
