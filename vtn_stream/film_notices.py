"""What users should know about how a film was read: for the timeline's provenance, and as a line during the run."""

import re
from collections.abc import Sequence
from itertools import pairwise

from vtn_stream.errors import listed
from vtn_stream.film import VideoInfo, shareable_name

__all__ = ["notices", "warnings"]

_TIMECODE = re.compile(r"[0-9]{2}:")
_MAX_PLACES = 5  # named in one line


def warnings(video: VideoInfo) -> list[str]:
    """A line for each thing that is wrong with the film's own clock or size, and what was done."""
    if video.parts:
        of_files = [f"in {part.video.path.name}, {line}" for part in video.parts for line in warnings(part.video)]
        return [*_of_recording([part.video for part in video.parts]), *of_files]
    found = []
    if video.restarts:
        places = _named([_clock(video.seconds(pts)) for pts in video.restarts])
        found.append(f"its clock begins again at {places}: the part after it follows the part before it")
    if video.num_spread:
        found.append(f"{video.num_spread} of {video.num_frames} frames share a timestamp: they got times in between")
    if video.num_merged:
        found.append(f"{video.num_merged} frames were left out: too many share one timestamp")
    if video.num_encrypted:
        found.append(f"{video.num_encrypted} of its frames are encrypted: they are gaps; decrypt it first")
    if video.num_untimed:
        found.append(f"{video.num_untimed} frames without timestamps were left out: their times are not known")
    leaps = [(video.seconds(span.start), video.seconds(span.end)) for span in video.dark if span.why == "leap"]
    if leaps:
        places = _named([f"{_clock(start_s)} to {_clock(end_s)}" for start_s, end_s in leaps])
        found.append(f"its clock jumps from {places}: this is a gap, because no frame is shown there")
    if video.is_cut:
        found.append(_cut(video))
    if video.is_followed:
        found.append("its file seems to hold another film after it, which is not read: split the file first")
    return found


def notices(video: VideoInfo) -> list[str]:
    """`warnings`, and what is no fault of the film, as sentences. Of a recording, those of each file with its name."""
    if video.parts:
        own = [f"{line[0].upper()}{line[1:]}." for line in _of_recording([part.video for part in video.parts])]
        return own + [
            f"In {shareable_name(part.video.path.name)}: {line}" for part in video.parts for line in notices(part.video)
        ]
    found = []
    if len(video.video_streams) > 1:
        others = ", ".join(str(index) for index in video.video_streams if index != video.stream)
        found.append(f"Stream {video.stream} was analyzed; the film has other video streams: {others}.")
    if video.hdr:
        found.append(f"The film is HDR ({video.hdr}): its colours were used as coded, without tone mapping.")
    if video.interlaced:
        found.append("The film is interlaced: it was not deinterlaced, each frame shows both fields.")
    if video.field_pictures:
        found.append("Frames are coded as two fields: the decoder does not always report damage in such a frame.")
    return found + [f"{warning[0].upper()}{warning[1:]}." for warning in warnings(video)]


def _of_recording(videos: Sequence[VideoInfo]) -> list[str]:
    """A line for each thing about its files that a recording of one camera does not have. They are joined all the same,
    as they were given.
    """
    found = []
    kinds = {
        "size": [" x ".join(map(str, video.upright_size)) for video in videos],
        "rate": [_rate(video) for video in videos],
        "the shape of their pixels": [str(video.sample_aspect_ratio) for video in videos],
        "codec": [video.codec for video in videos],
    }
    for what, values in kinds.items():
        if len(set(values)) > 1:
            found.append(f"its files differ in {what} ({listed(dict.fromkeys(values))}): they were joined as given")
    identities = [video.identity for video in videos]
    twice = {v.identity: shareable_name(v.path.name) for v in videos if identities.count(v.identity) > 1}
    if twice:
        found.append(f"it has {listed(twice.values())} more than once, and its time with it: leave out the copy")
    if (clock := _not_in_order(videos)) is not None:
        found.append(f"its files are not in the order of {clock}: they were joined as given")
    return found


def _rate(video: VideoInfo) -> str:
    """As it is compared with that of other files: the mean of a variable one is another in each file of a camera."""
    if video.variable_rate:
        return "variable"
    return "unknown" if video.nominal_rate is None else f"{float(video.nominal_rate):g}"


def _not_in_order(videos: Sequence[VideoInfo]) -> str | None:
    """What says that the files belong in another order, where all of them have it: start timecodes, or the number by
    which alone their names differ.
    """
    timecodes = [t.replace(";", ":") for t in (video.start_timecode or "" for video in videos) if _TIMECODE.match(t)]
    if len(set(timecodes)) == len(videos) and any(
        after < before and int(before[:2]) - int(after[:2]) < 12  # more: it is midnight
        for before, after in pairwise(timecodes)
    ):
        return "their start timecodes"
    names = [re.split(r"([0-9]+)", video.path.name) for video in videos]
    if len({tuple(name[::2]) for name in names}) == 1:
        numbers = zip(*(map(int, name[1::2]) for name in names), strict=True)
        differing = [list(column) for column in numbers if len(set(column)) > 1]
        if len(differing) == 1 and differing[0] != sorted(differing[0]):
            return "the numbers in their names"
    return None


def _cut(video: VideoInfo) -> str:
    rest = "; the rest is a gap" if any(span.why == "cut off" for span in video.dark) else ""
    if video.num_promised > video.num_frames:
        there = f"its index lists {video.num_promised} frames, but the file ends after {video.num_frames}"
    else:
        there = f"the file ends after {video.num_frames} frames, earlier than its index or header says"
    return f"{there}{rest}; if the download or copy was interrupted, repeat it"


def _named(places: Sequence[str]) -> str:
    more = len(places) - _MAX_PLACES
    return ", ".join(places[:_MAX_PLACES]) + (f" and {more} more places" if more > 0 else "")


def _clock(seconds: float) -> str:
    """H:MM:SS.s"""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
