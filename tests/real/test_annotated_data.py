"""Annotations of real data sets."""

from collections import Counter

from vtn_stream.evaluation.clip_classes import read_clips
from vtn_stream.formats.annotations import read_annotations


def test_indoor_actions(data):
    annotations = read_annotations(data / "indoor-actions" / "annotations.json")
    assert (len(annotations.videos), annotations.num_segments, len(annotations.labels)) == (15, 179, 9)
    assert (annotations.format, annotations.skipped, annotations.warnings) == ("ActivityNet JSON", (), ())
    assert {video.subset for video in annotations.videos.values()} == {"training", "validation"}
    films = {path.stem for path in (data / "indoor-actions" / "videos").iterdir()}
    assert set(annotations.videos) <= films


def test_cctv_fight_as_a_table_and_as_folders(data):
    table = read_annotations(data / "cctv-fight" / "clips.csv")
    folders = read_annotations(data / "cctv-fight" / "clips")
    assert (table.format, folders.format) == ("clip list", "class folders")
    labels = {name: video.clip_label for name, video in table.videos.items()}
    assert Counter(labels.values()) == {"fight": 120, "noFight": 127}
    assert labels == {f"clips/{name}": video.clip_label for name, video in folders.videos.items()}
    assert all(video.source for video in table.videos.values())


def test_cctv_fight_is_one_list_to_train_and_to_evaluate(data):
    table = read_annotations(data / "cctv-fight" / "clips.csv")
    clips = read_clips(data / "cctv-fight" / "clips.csv", table.labels)
    assert {clip.name: table.labels[clip.truth] for clip in clips} == {
        name: video.clip_label for name, video in table.videos.items()
    }
