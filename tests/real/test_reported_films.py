"""Films on which the first release was wrong: what is true of each, by an independent program where there is one."""

from fractions import Fraction

import pytest

from vtn_stream.analysis import Analyzer, check_usable
from vtn_stream.errors import VideoError
from vtn_stream.film_notices import warnings
from vtn_stream.sampling import SamplingPlan
from vtn_stream.settings import Settings
from vtn_stream.video import DecodingProcess, find_damage

# Frames and seconds as the ffmpeg program gives them, rates as ffprobe states them.
FILMS = {
    "01-clock-reset/cat2.ts": (600, 24.0, Fraction(25)),
    "02-clock-back/jump3.ts": (300, 12.0, Fraction(25)),
    "03-cut-download/fscut.mp4": (167, 12.0, Fraction(25)),
    "04-rate-below-1/screen10.mp4": (30, 290.04, Fraction(1, 10)),
    "06-mean-rate/short2997.mov": (360, 11.98973, Fraction(30000, 1001)),
    "07-dv-60000/two-frames.dv": (2, 0.08, Fraction(25)),
    "22-still-first/dji1.mp4": (300, 12.0, Fraction(25)),
    "27-field-pictures/mpeg2_field_encoding.mp4": (41, 1.6, Fraction(25)),
    "28-broken-sps/brokensps.mp4": (79, 6.069, None),
    "29-first-frame-1ms-late/rv30.mp4": (109, 3.636, None),
}
WARNINGS = {
    "01-clock-reset/cat2.ts": "its clock begins again at 0:00:12.0: the part after it follows the part before it",
    "02-clock-back/jump3.ts": "its clock begins again at 0:00:06.0: the part after it follows the part before it",
    "03-cut-download/fscut.mp4": "its index lists 300 frames, but the file ends after 167; the rest is a gap; "
    "if the download or copy was interrupted, repeat it",
}
# Frames that do not decode, of films that were all damage or lost frames in silence: (the first, how many).
LOST = {
    "01-clock-reset/cat2.ts": [],
    "02-clock-back/jump3.ts": [],
    "03-cut-download/fscut.mp4": [(6.72, 1)],  # of which a part is there
    "22-still-first/dji1.mp4": [],
    "27-field-pictures/mpeg2_field_encoding.mp4": [(-0.04, 10)],  # before the first keyframe
    "28-broken-sps/brokensps.mp4": [],
}
REFUSED = {
    "25-avi-header/avi_1000000.avi": "has 150 frames in 0.00015 s by its timestamps; this cannot be right",
    "30-nothing-usable/wmv_drm.wmv": "wmv_drm.wmv is an encrypted film (DRM); it was not analyzed; decrypt it first",
    "31-container-not-listed/part.pva.mp4": "its container is not on this program's list); it was not analyzed; "
    "if it is a film, remux it: ffmpeg -i part.pva.mp4 -c copy part.pva.mp4.mkv",
}


@pytest.fixture(scope="module")
def reported(data):
    folder = data / "reported"
    if not folder.is_dir():
        pytest.skip("the reported films are not there")
    return folder


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


@pytest.mark.parametrize("name", FILMS)
def test_a_reported_film_has_its_frames_its_length_and_its_rate(reported, process, name):
    num_frames, duration_s, rate = FILMS[name]
    video = process.probe(reported / name)
    assert video.num_frames == num_frames
    assert video.duration_s == pytest.approx(duration_s, abs=1e-3)
    assert rate is None or video.nominal_rate == rate
    assert warnings(video) == ([WARNINGS[name]] if name in WARNINGS else [])


@pytest.mark.parametrize("name", LOST)
def test_what_is_whole_is_decoded(reported, process, name):
    video = process.probe(reported / name)
    lost = find_damage(video, process, lambda num: None)
    assert [(span.start_s, span.num_frames) for span in lost] == [
        (pytest.approx(start_s, abs=1e-3), num) for start_s, num in LOST[name]
    ]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_why_and_what_to_do(reported, process, name):
    with pytest.raises(VideoError) as raised:
        process.probe(reported / name)
    assert REFUSED[name] in str(raised.value)


def test_a_first_frame_a_millisecond_late_is_no_gap(reported, process):
    grid = SamplingPlan(Fraction(2)).grid(process.probe(reported / "29-first-frame-1ms-late/rv30.mp4"))
    assert grid.valid.all()
    assert grid.frame[0] == 0


def test_a_cut_film_is_a_gap_from_where_it_ends(reported, tmp_path):
    with Analyzer(Settings(store=tmp_path, device="cpu")) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(reported / "03-cut-download/fscut.mp4")).timeline
    (gap,) = timeline.gaps
    assert (gap.start_s, gap.end_s, gap.reason) == (pytest.approx(6.75, abs=0.3), 12.0, "the file ends earlier")


def test_a_film_of_which_nothing_can_be_used_is_a_failure_and_encrypted_is_called_so(data, tmp_path):
    with Analyzer(Settings(store=tmp_path, device="cpu")) as analyzer:
        plan = analyzer.plan(data / "odd-media/androidx/sample_fragmented_sgpd_v2.mp4")
        with pytest.raises(VideoError, match=r"not one frame of .* could be decoded: they are encrypted; .*decrypt it"):
            check_usable(plan, analyzer.analyze(plan))
