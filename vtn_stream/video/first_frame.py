"""The shape of a film, of the first of its pictures that decodes. Runs in the decoding process."""

from collections.abc import Callable
from typing import Any

import av
import av.container
import av.video.stream
import numpy as np

from vtn_stream.errors import VideoError
from vtn_stream.video.container import check_memory, check_size, packets_of, reason

__all__ = ["first_frame", "no_frame"]

_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics in ITU-T H.273, table 3


def first_frame(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, name: str
) -> dict[str, Any] | None:
    """Size, shape and rotation, from the first picture that decodes, which proves that one does; None: none does.

    The container is read from where it stands, and closed.
    """
    with container:
        try:
            for packet in packets_of(container, stream):
                try:
                    for frame in stream.decode(packet):
                        aspect = stream.sample_aspect_ratio
                        rotation, mirrored = _orientation(frame)
                        check_size(frame.width, frame.height, name)
                        return {
                            "width": frame.width,
                            "height": frame.height,
                            "rotation": rotation,
                            "mirrored": mirrored,
                            "sample_aspect_ratio": str(aspect) if aspect and aspect > 0 else "1",
                            "interlaced": bool(frame.interlaced_frame),
                            "hdr": _HDR.get(int(frame.color_trc)),
                        }
                except av.error.InvalidDataError:
                    check_memory(stream)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            check_memory(stream)
            raise VideoError(
                f"{name} holds {stream.codec_context.name} video that cannot be decoded ({reason(error)})",
                "there is nothing to analyze",
                "re-encode it to H.264, or decrypt it first",
            ) from error
    return None


def no_frame(name: str, is_encrypted: Callable[[], bool]) -> VideoError:
    """What is said of a film of which no picture decodes."""
    if is_encrypted():
        fact = f"not one frame of {name} could be decoded: it is encrypted"
        return VideoError(fact, "there is nothing to analyze", "decrypt it first")
    return VideoError(
        f"not one frame of {name} could be decoded",
        "there is nothing to analyze",
        "check that it plays; it may be encrypted or damaged",
    )


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Degrees clockwise, and whether left and right are swapped first: of these eight the nearest to the display
    matrix.

    The matrix [[a, b], [c, d]] takes (x, y) to (a x + c y, b x + d y), y pointing down: ISO/IEC 14496-12, 6.2.2.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # it carries something that PyAV has no name for, as films for two eyes do
        return -frame.rotation % 360, False
    if matrix is None:
        return 0, False
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    # Turned clockwise by t, (1, 0) comes to (cos t, sin t).
    return round(float(np.degrees(np.arctan2(b, a))) / 90) * 90 % 360, bool(mirrored)
