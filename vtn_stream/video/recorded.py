"""What a container says of its recording: when it was made, its first timecode, its sound. Runs in the decoding
process.
"""

import re

import av.container
import av.video.stream

__all__ = ["created_at", "sound_of", "start_timecode"]

# As FFmpeg writes what QuickTime, Matroska and AVI say; "date" is a day only, or a day and a time.
_CREATED = ("creation_time", "date")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


def created_at(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> str | None:
    """The day and time of its making, as written; None if there is nothing of that form."""
    said = (about.get(name, "") for name in _CREATED for about in (container.metadata, stream.metadata))
    return next((text for text in said if _TIME.fullmatch(text)), None)


def start_timecode(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> str | None:
    timecode = stream.metadata.get("timecode") or container.metadata.get("timecode")
    return timecode if timecode and len(timecode) <= 100 else None


def sound_of(container: av.container.InputContainer) -> str | None:
    """The kind of its first sound, such as "aac 48000 Hz, 2"; None if it has none. Nothing of it is decoded."""
    for stream in container.streams.audio:
        codec = stream.codec_context
        return "unknown" if codec is None else f"{codec.name} {codec.sample_rate} Hz, {codec.channels}"[:60]
    return None
