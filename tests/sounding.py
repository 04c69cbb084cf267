"""Counting films with sound: a short tone begins at every whole second and a quarter, so that a test hears whether
sound and picture are in step.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from counting import _quick, picture_of

__all__ = ["FIRST_S", "pulses", "write_sounding"]

FIRST_S = 0.25  # the first tone; then one every second
_TONE_S = 0.1
_LOUD = 0.25


def write_sounding(
    path: Path,
    num_frames: int,
    *,
    codec: str = "libx264",
    sound: str = "aac",
    rate: Fraction = Fraction(25),
    sample_rate: int = 48000,
    tracks: int = 1,
    options: dict[str, str] | None = None,
    first: int = 0,
    samples: int = 1024,
    title: str = "",
) -> Path:
    """Frame i shows i. first: the step of 1 / rate at which the film begins, sound and picture; samples: in a packet of
    sound without packets of its own (PCM). title: of the film and of each of its streams.
    """
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(codec, rate, options=_quick(codec) | (options or {}))
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        video.codec_context.time_base = 1 / rate
        sounds: list[Any] = [out.add_stream(sound, sample_rate, layout="mono") for _ in range(tracks)]
        for named in (out, video, *sounds) if title else ():
            named.metadata.update(title=title, comment=title, handler_name=title)
        times = np.arange(int(num_frames / rate * sample_rate)) / sample_rate
        is_loud = ((times - FIRST_S) % 1 < _TONE_S) & (times >= FIRST_S)
        wave = (np.where(is_loud, 0.8 * np.sin(2 * np.pi * 1000 * (times - FIRST_S)), 0)).astype(np.float32)
        at = 0
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture_of(number), "rgb24")
            frame.pts, frame.time_base = first + number, 1 / rate
            out.mux(video.encode(frame))
            while at < len(wave) and at / sample_rate <= (number + 1) / rate:
                for stream in sounds:
                    size = stream.codec_context.frame_size or samples
                    out.mux(stream.encode(_samples(stream, wave[at : at + size], at, first / rate)))
                at += size
        out.mux(video.encode(None))
        for stream in sounds:
            out.mux(stream.encode(None))
    return path


def _samples(stream: Any, wave: np.ndarray, at: int, first_s: Fraction) -> av.AudioFrame:
    codec = stream.codec_context
    frame = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
    frame.sample_rate, frame.time_base = codec.sample_rate, Fraction(1, codec.sample_rate)
    frame.pts = at + int(first_s * codec.sample_rate)
    resampled = av.AudioResampler(codec.format.name, "mono", codec.sample_rate).resample(frame)
    assert len(resampled) == 1
    return resampled[0]


def pulses(path: Path, track: int = 0) -> list[float]:
    """When tones begin, seconds on the file's own clock, by a plain decode."""
    found: list[float] = []
    quiet_since = -1.0
    with av.open(str(path)) as film:
        for frame in film.decode(audio=track):
            values = frame.to_ndarray()
            values = values.astype(np.float32) / (np.iinfo(values.dtype).max if values.dtype.kind == "i" else 1)
            loud = np.abs(values).reshape(len(frame.layout.channels) if frame.format.is_planar else 1, -1).max(0)
            if not frame.format.is_planar:
                loud = loud.reshape(-1, len(frame.layout.channels)).max(1)
            begin = float(frame.pts * frame.time_base)
            for k in np.flatnonzero(loud > _LOUD):
                time = begin + k / frame.sample_rate
                if time - quiet_since > 0.05:
                    found.append(time)
                quiet_since = time
    return found
