"""Films that are cut into files by copying packets, as cameras and cutting programs do."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av

__all__ = ["cut_film"]


def cut_film(film: Path, seconds: Sequence[float], folder: Path) -> list[Path]:
    """Files part1.mp4, part2.mp4 ... in the folder, each of which begins at 0 of its own clock. The film is cut before
    the keyframe that is nearest to each of these times.
    """
    folder.mkdir(exist_ok=True)
    with av.open(str(film)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]

        def nearest(time_s: float) -> int:
            return min(keys, key=lambda number: abs(float(packets[number].pts * stream.time_base) - time_s))

        bounds = [0, *map(nearest, seconds), len(packets)]
        files = []
        for first, stop in pairwise(bounds):
            files.append(folder / f"part{len(files) + 1}.mp4")
            with av.open(str(files[-1]), "w") as out:
                own = out.add_stream_from_template(stream)
                zero = min(packet.pts for packet in packets[first:stop])
                for packet in packets[first:stop]:
                    packet.pts -= zero
                    packet.dts -= zero
                    packet.stream = own
                    out.mux(packet)
    return files
