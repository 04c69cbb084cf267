"""What people should know of how a film was read: in the provenance of its timeline, and in a line while it is read."""

from collections.abc import Sequence

from vtn_stream.film import VideoInfo

__all__ = ["notices", "warnings"]

_MAX_PLACES = 5  # named in one line


def warnings(video: VideoInfo) -> list[str]:
    """A line for each thing that is wrong with the film's own clock or size, and what was done."""
    found = []
    if video.restarts:
        places = _named([_clock(video.seconds(pts)) for pts in video.restarts])
        found.append(f"its clock begins again at {places}: what follows was moved behind what was before")
    if video.num_spread:
        found.append(f"{video.num_spread} of {video.num_frames} frames share a timestamp: they got times in between")
    if video.num_merged:
        found.append(f"{video.num_merged} frames were left out: too many share one timestamp")
    if video.num_encrypted:
        found.append(f"{video.num_encrypted} of its frames are encrypted: they are gaps; decrypt it first")
    if video.num_untimed:
        found.append(f"{video.num_untimed} frames without timestamps were left out: nothing says when they are shown")
    leaps = [(video.seconds(span.start), video.seconds(span.end)) for span in video.dark if span.why == "leap"]
    if leaps:
        places = _named([f"{_clock(start_s)} to {_clock(end_s)}" for start_s, end_s in leaps])
        found.append(f"its clock leaps from {places}: nothing is shown there, a gap")
    if video.is_cut:
        found.append(_cut(video))
    if video.is_followed:
        found.append("another film seems to follow in its file, and is not read: take them apart first")
    return found


def notices(video: VideoInfo) -> list[str]:
    """`warnings`, and what is no fault of the film, as sentences."""
    found = []
    if len(video.video_streams) > 1:
        others = ", ".join(str(index) for index in video.video_streams if index != video.stream)
        found.append(f"Stream {video.stream} was analyzed; the film has other video streams: {others}.")
    if video.hdr:
        found.append(f"The film is HDR ({video.hdr}): its colours were taken as they are coded, without tone mapping.")
    if video.interlaced:
        found.append("The film is interlaced: both fields of a frame were taken together, as they are woven.")
    if video.field_pictures:
        found.append("Frames are coded as two fields: where such a frame is damaged, its decoder does not always tell.")
    return found + [f"{warning[0].upper()}{warning[1:]}." for warning in warnings(video)]


def _cut(video: VideoInfo) -> str:
    rest = "; the rest is a gap" if any(span.why == "cut off" for span in video.dark) else ""
    if video.num_promised > video.num_frames:
        there = f"its index names {video.num_promised} frames, and the file ends after {video.num_frames}"
    else:
        there = f"the file breaks off after {video.num_frames} frames, before its own index or header says"
    return f"{there}{rest}; fetch it again if it was cut short"


def _named(places: Sequence[str]) -> str:
    more = len(places) - _MAX_PLACES
    return ", ".join(places[:_MAX_PLACES]) + (f" and {more} more places" if more > 0 else "")


def _clock(seconds: float) -> str:
    """H:MM:SS.s"""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
