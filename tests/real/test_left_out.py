"""Over every given file: the sampled frames are those of a decoder that was given every packet, to the bit."""

from fractions import Fraction

import numpy as np
import pytest

from vtn_stream.errors import VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, Window, probe
from vtn_stream.video.pyav_reader import PyAVReader
from vtn_stream.video.reader import Source

CLIPS = ["cctv-fight/clips/fight", "cctv-fight/clips/noFight"]
FOLDERS = [
    "odd-media/decord2",
    "odd-media/torchcodec",
    CLIPS[0],
    *(
        pytest.param(folder, marks=pytest.mark.release)
        for folder in ("films", "odd-media/androidx", "indoor-actions/videos", CLIPS[1])
    ),
]
MAX_S = 30  # of each film


def sampled(video, pts, **changed):
    fields = {name: getattr(video, name) for name in Source.__dataclass_fields__ if hasattr(video, name)}
    reader = PyAVReader(Source(**(fields | changed)), 2)
    try:
        return {
            i: None if picture is None else picture.resized(Window((64, 64))).tobytes()
            for i, picture in reader.frames(pts, lambda: None)
        }
    finally:
        reader.close()


@pytest.mark.release
@pytest.mark.parametrize("folder", FOLDERS)
def test_leaving_packets_out_changes_no_sampled_frame(data, folder):
    compared = 0
    with DecodingProcess() as process:
        for path in sorted((data / folder).iterdir())[:: 4 if folder in CLIPS else 1]:
            try:
                video = probe(path, process)
            except VideoError:
                continue
            if video.temporal_layers == 0:
                continue
            grid = SamplingPlan(Fraction(2)).grid(video)
            pts = video.pts[np.unique(grid.frame[grid.valid & (grid.grid_s < MAX_S)])]
            assert sampled(video, pts) == sampled(video, pts, temporal_layers=0), path.name
            compared += 1
    assert compared
