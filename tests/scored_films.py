"""Truth and predictions of a few films."""

from dataclasses import replace

from vtn_stream.evaluation import Prediction
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations
from vtn_stream.timeline import Segment

LABELS = ("run", "sit", "walk")


def seg(start_s, end_s, label, score=None, origin=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score, origin=origin)


def annotations(videos, labels=LABELS, durations=100.0, subsets=None, **clips):
    return Annotations(
        format="test",
        labels=labels,
        videos={
            name: AnnotatedVideo(
                segments=tuple(segments), duration_s=durations, subset=(subsets or {}).get(name), **clips
            )
            for name, segments in videos.items()
        },
    )


def scored(segments):
    """The truth as a perfect prediction."""
    return [replace(s, score=0.5 + 0.001 * i) for i, s in enumerate(segments)]


TRUTH = {
    "a": [seg(0, 10, "walk"), seg(10, 30, "sit"), seg(50, 60, "walk")],
    "b": [seg(20, 40, "run")],
    "c": [],
}


def predicted(videos, **fields):
    return {name: Prediction(segments=tuple(found), **fields) for name, found in videos.items()}
