"""Annotation files that are good, to be edited and damaged."""

import json

from vtn_stream.formats.annotations.cholec80 import PHASES

EAF = """\
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT VERSION="3.0"><HEADER TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///x/film.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="40"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/></TIME_ORDER>
<TIER TIER_ID="t" LINGUISTIC_TYPE_REF="l">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>hold</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>stroke &amp; go</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER><TIER TIER_ID="u"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>x</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>
"""
CVAT = """\
<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>a</name><start_frame>0</start_frame>
<stop_frame>99</stop_frame><frame_filter>step=1</frame_filter><labels><label><name>walk</name></label></labels>
<source>film.mp4</source><fps>25</fps></task></meta>
<track id="0" label="walk"><box frame="1" outside="0" keyframe="1"><attribute name="who">A</attribute></box>
<box frame="9" outside="1" keyframe="1"/></track>
<image id="12"><tag label="eat"/></image><image id="13"><tag label="eat"/></image></annotations>
"""
WALK = {"label": "walk", "segment": [1.5, 20]}
THUMOS = {"label": "Dive", "segment": [3, 4.5], "segment(frames)": [90, 135], "label_id": 7}
FILES = {
    "activitynet": json.dumps({"database": {"v1": {"duration": 30, "subset": "training", "annotations": [WALK]}}}),
    "thumos": json.dumps({"database": {"v1": {"duration": 30, "fps": 30.0, "annotations": [THUMOS]}}}, indent=1),
    "csv": 'video,start_s,end_s,label,subset,source\na,0.5,2,walk,train,lab\n"b",0:00:02.5,0:01:03,"say ""hi""",val,\n',
    "phases": "Frame\tPhase\n" + "".join(f"{i}\t{PHASES[i // 3]}\n" for i in range(9)),
    "derived": "".join(f"{25 * i}\t{i // 3}\n" for i in range(9)),
    "elan": EAF,
    "cvat": CVAT,
    "frames": "time,background,walk,eat\n0.0,1,0,0\n1.5,0,1,0\n2.5,0,1,1\n3,0,-1,1\n4,1,0,0\n",
    "clips": "# clips\na/b.mp4 run fast\n./c.mp4,sit\nd.mkv\t12\n",
    "clip table": "path,label,source\na.mp4,run,s1\nb.mp4,sit,s2\n",
}
