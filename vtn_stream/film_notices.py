"""What users should know about how a film was read: for the timeline's provenance, and as a line during the run."""

from collections.abc import Sequence

from vtn_stream.film import VideoInfo, shareable_name

__all__ = ["notices", "warnings"]

_MAX_PLACES = 5  # named in one line


def warnings(video: VideoInfo) -> list[str]:
    """A line for each thing that is wrong with the film's own clock or size, and what was done."""
    if video.parts:
        return [f"in {part.video.path.name}, {line}" for part in video.parts for line in warnings(part.video)]
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
        return [
            f"{shareable_name(part.video.path.name)}: {line}" for part in video.parts for line in notices(part.video)
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
