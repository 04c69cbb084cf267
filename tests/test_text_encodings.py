"""Every text is read in UTF-8 and UTF-16, with and without the mark of either."""

import json

import pytest
from annotation_reading import unaligned

from vtn_stream.exchange.intake import read_any
from vtn_stream.formats.annotations import read_annotations


def as_json(value):
    return json.dumps(value, ensure_ascii=False)


ELAN = unaligned({"a": "1000", "b": "2000"}, [("a", "b")]).replace(">ab<", ">Tür<")
CVAT = (
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations><meta><task><fps>1</fps><source>ä.mp4</source></task></meta>'
    '<track label="Tür"><box frame="1" outside="0"/><box frame="2" outside="1"/></track></annotations>'
)
TASK = {"type": "timelinelabels", "value": {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["Tür"]}}
FILES = {
    "a.eaf": ELAN,
    "b.eaf": ELAN.replace("UTF-8", "UTF-16"),
    "cvat.xml": CVAT,
    "cvat 16.xml": CVAT.replace("utf-8", "utf-16"),
    "frames.csv": "time;Tür\n0,0;0\n1,0;1\n2,0;0\n",
    "activitynet.json": as_json({"database": {"ä": {"annotations": [{"label": "Tür", "segment": [1, 2]}]}}}),
    "results.json": as_json({"results": {"ä": [{"label": "Tür", "segment": [1, 2], "score": 1}]}}),
    "spots.json": as_json([{"video": "ä", "fps": 25, "num_frames": 99, "events": [{"frame": 25, "label": "Tür"}]}]),
    "soccernet.json": as_json({"UrlLocal": "ä", "annotations": [{"gameTime": "1 - 00:01", "label": "Tür"}]}),
    "label_studio.json": as_json([{"data": {"video": "ä.mp4", "fps": 25}, "annotations": [{"result": [TASK]}]}]),
    "a.csv": "video;start_s;end_s;label\nä;1,0;2,0;Tür\n",
    "own.tsv": "video\tstart_s\tend_s\tduration_s\tstart\tend\tlabel\tscore\nä\t1\t2\t\t\t\tTür\t\n",
    "lines.txt": "ä.mp4 1.0 2.0 Tür\n",
    "epic.csv": "video_id,start_timestamp,stop_timestamp,verb,noun\nä,00:00:01.0,00:00:02.0,Tür,\n",
    "a.srt": "1\n00:00:01,000 --> 00:00:02,000\nTür\n",
    "a.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nTür\n",
    "audacity.txt": "1.0\t2.0\tTür\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", FILES)
def test_a_text_says_the_same_in_any_encoding(tmp_path, name, encoding):
    for text in (FILES[name], FILES[name].replace("\n", "\r\n")):
        (tmp_path / name).write_bytes(text.encode(encoding))
        (timeline,) = read_any(tmp_path / name).timelines
        assert [(s.start_s, s.label) for s in timeline.segments] == [(1.0, "Tür")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_folder_of_documents_in_utf_16(tmp_path, encoding):
    (tmp_path / "ä.eaf").write_bytes(ELAN.encode(encoding))
    assert list(read_annotations(tmp_path).videos) == ["ä"]
