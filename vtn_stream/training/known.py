"""What corrected timelines teach: how much of the films is known, and whether it is known that labels do not happen."""

from collections.abc import Mapping, Sequence

from vtn_stream.corrections import joined
from vtn_stream.errors import InputError, listed
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.heads import HEADS
from vtn_stream.known import seconds
from vtn_stream.training.events import HeadKind

__all__ = ["check_background", "known_hours", "teaching"]

CURE = 'mark time in which nothing else happens ("nothing else here" in the page of a film)'
LEAST_S = 1e-3


def teaching(
    videos: Mapping[str, AnnotatedVideo], labels: Sequence[str], head: HeadKind
) -> tuple[dict[str, AnnotatedVideo], tuple[str, ...]]:
    """The films of which anything is known that such a head can learn, and a line on the others."""
    kept = {name: video for name, video in videos.items() if video.known is None or _known_s(video, labels, head) > 0}
    if len(kept) == len(videos):
        return kept, ()
    others = listed([name for name in videos if name not in kept], 20)
    why = f"what was corrected there says only what does not happen, which teaches a {head} head nothing"
    return kept, (f"left out: {others}: {why}; {CURE}",)


def known_hours(videos: Mapping[str, AnnotatedVideo], labels: Sequence[str], head: HeadKind) -> float | None:
    """How much of the films is known, on average over the labels; None if all of it is."""
    if all(video.known is None for video in videos.values()):
        return None
    return sum(_known_s(video, labels, head) for video in videos.values()) / 3600


def check_background(
    videos: Mapping[str, AnnotatedVideo], labels: Sequence[str], head: HeadKind, *, anyway: bool
) -> tuple[str, ...]:
    """A line where it is known of no time that a label does not happen. Raises InputError if a model would find such a
    label everywhere, unless anyway.
    """
    if all(video.known is None for video in videos.values()):
        return ()
    if not HEADS[head].learns_segments:
        labelled_s = sum(seconds(joined((s.start_s, s.end_s) for s in video.segments)) for video in videos.values())
        if sum(_known_s(video, labels, head) for video in videos.values()) > labelled_s + LEAST_S:
            return ()
        return (
            "it is known of no time that nothing happens there, so the model gives every moment one of the labels: if "
            f"that is wrong, {CURE}",
        )
    always = [label for label in labels if sum(_absent_s(video, label) for video in videos.values()) < LEAST_S]
    if not always:
        return ()
    fact = f"it is known of no time that {listed(always)} {'do' if len(always) > 1 else 'does'} not happen there"
    if not anyway:
        raise InputError(
            fact,
            "a model would find that everywhere, so nothing was trained",
            f"{CURE}; or give --head dense, if one label holds at each moment; or train nevertheless with --anyway",
        )
    return (f"{fact}, so the model may find that everywhere: {CURE}",)


def _known_s(video: AnnotatedVideo, labels: Sequence[str], head: HeadKind) -> float:
    if video.known is None:
        return video.duration_s or 0.0
    return video.known.total_s(labels, video.segments, exclusive=not HEADS[head].learns_segments)


def _absent_s(video: AnnotatedVideo, label: str) -> float:
    known_s = (video.duration_s or 0.0) if video.known is None else seconds(video.known.spans(label))
    return known_s - seconds(joined((s.start_s, s.end_s) for s in video.segments if s.label == label))
