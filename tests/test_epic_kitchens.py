"""The tables of EPIC-KITCHENS as annotations."""

from spot_files import EPIC, drawn, problems, read  # noqa: F401  (fixtures among them)


def test_epic_kitchens(read):
    annotations = read(EPIC, "EPIC_100_train.csv")
    assert (annotations.format, annotations.labels) == ("EPIC-KITCHENS CSV", ("open door", "turn-on light"))
    assert drawn(annotations) == {
        "P01_01": "open door 0.14-3.37, turn-on light 2.37-3606.17, open door 3-4",  # one action, twice at once
        "P02_01": "open door 0.14-3.37",
    }
    assert [v.source for v in annotations.videos.values()] == ["P01", "P02"]
    assert annotations.videos["P02_01"].segments[0].attributes == {"narration_id": "P02_01_0"}
    assert annotations.warnings == ()


def test_epic_kitchens_without_labels_is_refused(problems):
    header, row, *_ = EPIC.split("\n")
    without = "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame\n"
    assert problems(without + "a,P01,P01_01,0,00:00:01,00:00:02,5\n")[0][1] == (
        "the header must name video_id, start_timestamp, stop_timestamp, verb, noun, each once; look at verb, noun"
    )
    assert problems(f"{header}\n{row.replace('00:00:03.37', 'later')}\n") == [
        (2, "P01_01: its end is later, not a number of seconds")
    ]
