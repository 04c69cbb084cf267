"""Annotation files, written and read: what the tests of their formats share."""

import json

import pytest

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import read_annotations


@pytest.fixture
def read(tmp_path):
    """read("text", name, ...): the annotations of a file; read({"a/b": "text"}): those of a folder."""

    def read_(content, name="given.txt", **options):
        if isinstance(content, dict):
            for inner, text in content.items():
                (tmp_path / inner).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / inner).write_text(text)
            return read_annotations(tmp_path, **options)
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_annotations(path, **options)

    return read_


@pytest.fixture
def problems(read):
    """problems(...): what `read` refuses the file for, and with skip_bad leaves out: both are the same."""

    def problems_(content, *args, **options):
        with pytest.raises(AnnotationError) as caught:
            read(content, *args, **options)
        try:
            left_out = read(content, *args, skip_bad=True, **options).skipped
        except AnnotationError as nothing_left:
            left_out = nothing_left.problems
        assert left_out == caught.value.problems
        return list(caught.value.problems)

    return problems_


def drawn(annotations):
    """{id: "label start-end, ..."}"""
    return {
        name: ", ".join(f"{s.label} {s.start_s:g}-{s.end_s:g}" for s in video.segments)
        for name, video in annotations.videos.items()
    }


def activitynet(*annotations, **facts):
    pairs = [{"label": label, "segment": [start, end]} for label, start, end in annotations]
    return json.dumps({"database": {"v1": {"annotations": pairs} | facts}}, indent=1)


TABLE = """\
video,start_s,end_s,label,subset,source
a,0.5,2,walk,train,lab
a,0:00:02.5,01:00:03.125,run,train,lab
b,,,,val,home
"""
SLOTS = """\
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/>
<TIME_ORDER>{slots}</TIME_ORDER>
<TIER TIER_ID="t">
{annotations}
</TIER></ANNOTATION_DOCUMENT>"""


def unaligned(times, pairs):
    slots = [f'<TIME_SLOT TIME_SLOT_ID="{k}"' + (f' TIME_VALUE="{v}"' if v else "") + "/>" for k, v in times.items()]
    lines = [
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="{a}" TIME_SLOT_REF2="{b}">'
        f"<ANNOTATION_VALUE>{a}{b}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for a, b in pairs
    ]
    return SLOTS.format(slots="".join(slots), annotations="\n".join(lines))
