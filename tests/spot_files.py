"""Files of SoccerNet, spots, Label Studio and EPIC-KITCHENS, written and read."""

import json

import pytest

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import read_annotations


@pytest.fixture
def read(tmp_path):
    """read("text" or JSON value, ...): the annotations of a file; read(folder={"a/b": ...}): those of a folder."""

    def read_(content=None, name="given.txt", folder=None, **options):
        for inner, value in (folder or {name: content}).items():
            (tmp_path / inner).parent.mkdir(parents=True, exist_ok=True)
            text = value if isinstance(value, str) else json.dumps(value, indent=1)
            (tmp_path / inner).write_text(text)
        return read_annotations(tmp_path if folder else tmp_path / name, **options)

    return read_


@pytest.fixture
def problems(read):
    def problems_(*args, **options):
        with pytest.raises(AnnotationError) as caught:
            read(*args, **options)
        return list(caught.value.problems)

    return problems_


def drawn(annotations):
    """{id: "label start-end, label time, ..."}"""
    return {
        name: ", ".join(f"{s.label} {s.start_s:g}" + f"-{s.end_s:g}" * (s.end_s > s.start_s) for s in video.segments)
        for name, video in annotations.videos.items()
    }


GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


def event(time="1 - 12:34", label="Goal", position="754321", **more):
    return {"gameTime": time, "label": label, "position": position} | more


def labels(*events, url=GAME + "/"):
    return {"UrlLocal": url, "UrlYoutube": "", "annotations": list(events)}


def spot(video="match", fps=25, num_frames=1000, **events):
    films = [{"frame": frame, "label": label, "comment": ""} for label, frame in events.items()]
    return {"video": video, "num_frames": num_frames, "num_events": len(films), "events": films, "fps": fps}


def region(start=26, end=50, *names, kind="timelinelabels", **more):
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": list(names or ("run",))}
    return {"id": "x", "type": kind, "from_name": "videoLabels", "to_name": "video", "value": value} | more


def task(*regions, video="/data/upload/1/3d3ad63e-film.mp4", kind="annotations", **facts):
    return {"id": 1, "data": {"video": video, "fps": 25} | facts, kind: [{"id": 7, "result": list(regions)}]}


EPIC = """\
narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,\
narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes
P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]
P01_01_1,P01,P01_01,00:00:02.629,00:00:02.37,01:00:06.17,262,370,"turn on, light",turn-on,6,light,114,"['l', 'x']",[1]
P01_01_2,P01,P01_01,00:00:02.629,00:00:03,00:00:04,262,370,open door,open,3,door,3,['door'],[3]
P02_01_0,P02,P02_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]
"""
