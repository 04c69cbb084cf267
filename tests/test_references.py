"""Packets that nothing refers to are known, and leaving them out changes no frame that was asked for.

Oracles: FFmpeg's own decoder, told to drop what is not referred to; a decode of everything.
"""

from dataclasses import replace

import av
import numpy as np
import pytest
from counting import FILMS, number_shown, write_film
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.video import Window, probe
from vtn_stream.video.pyav_reader import PyAVReader
from vtn_stream.video.reader import Source
from vtn_stream.video.references import TemporalLayers, disposable_test

B_FRAMES = ["B-frames", "B-frames, 25 a second", "open GOP", "open GOP in a transport stream", "one keyframe", "HEVC"]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("films"), {}

    def of(name):
        if name not in made:
            made[name] = probe(FILMS[name](folder).path)
        return made[name]

    return of


def source(video, **changed):
    fields = {name: getattr(video, name) for name in Source.__dataclass_fields__ if hasattr(video, name)}
    return Source(**(fields | changed))


def packets(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        extradata = bytes(stream.codec_context.extradata or b"")
        return extradata, [(p.pts, bytes(p)) for p in container.demux(stream) if p.size]


def frames_of(reader, pts):
    """Pixels by timestamp, None for a lost one."""
    found = {}
    for i, picture in reader.frames(pts, lambda: None):
        assert int(pts[i]) not in found
        found[int(pts[i])] = None if picture is None else picture.resized(Window((48, 80))).tobytes()
    assert len(found) == len(pts)
    return found


class Counted(PyAVReader):
    """Counts the packets that reach the decoder."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.num_sent = 0

    def _open(self):
        super()._open()
        sent = self._damage.sent

        def count(*arguments, **options):
            self.num_sent += 1
            sent(*arguments, **options)

        self._damage.sent = count


@pytest.mark.parametrize("name", B_FRAMES)
def test_the_disposable_packets_are_those_that_ffmpeg_drops(film, name):
    video = film(name)
    extradata, stored = packets(video.path)
    is_disposable = disposable_test(video.codec, extradata, video.temporal_layers)
    kept = {pts for pts, content in stored if not is_disposable(content)}
    with av.open(str(video.path)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONREF"
        assert {frame.pts for frame in container.decode(video=0)} == kept
    assert len(kept) < len(stored)


@pytest.mark.parametrize("name", B_FRAMES)
@pytest.mark.parametrize("step", [3, 10, 25])
def test_frames_are_the_same_where_packets_are_left_out(film, name, step):
    video = film(name)
    pts = video.pts[::step]
    reader = Counted(source(video), 1)
    everything = Counted(source(video, temporal_layers=0), 1)
    assert frames_of(reader, pts) == frames_of(everything, pts)
    assert reader.num_sent < 0.8 * everything.num_sent


@pytest.mark.parametrize("num_threads", [1, 3])
def test_later_requests_get_the_frames_that_earlier_ones_did_not_want(film, num_threads):
    video = film("B-frames, 25 a second")
    reader = PyAVReader(source(video), num_threads)
    for first in range(5):
        for part in np.array_split(video.pts[first::5], 4):
            for pts, pixels in frames_of(reader, part).items():
                shown = np.frombuffer(pixels, np.uint8).reshape(48, 80, 3)
                assert number_shown(shown) == np.searchsorted(video.pts, pts)


class Complaining(PyAVReader):
    """Its decoder refuses the packet that follows one that was left out, as if it had needed it."""

    _expected = None

    def _decode(self, packet):
        if packet is not None:
            missing = self._expected is not None and packet.dts > self._expected
            self._expected = packet.dts + packet.duration
            if missing:
                raise av.error.InvalidDataError(0, "missing")
        return super()._decode(packet)


@pytest.mark.parametrize("name", ["B-frames", "B-frames, 25 a second", "open GOP", "one keyframe", "HEVC"])
def test_where_leaving_out_does_harm_everything_is_decoded(film, name):
    video = film(name)
    pts = video.pts[4::7]
    everything = frames_of(PyAVReader(source(video, temporal_layers=0), 1), pts)
    assert None not in everything.values()
    assert frames_of(Complaining(source(video), 1), pts) == everything


@pytest.mark.parametrize("name", ["VP9", "VP8", "MPEG-4 in AVI, B-frames"])
def test_other_codecs_are_decoded_in_full(film, name):
    video = film(name)
    assert video.temporal_layers == 0
    assert disposable_test(video.codec, b"", 0) is None


def test_h264_that_may_hold_fields_is_decoded_in_full(tmp_path):
    options = {"flags": "+ildct+ilme", "tune": "fastdecode", "x264-params": "bframes=2:tff=1"}
    for name in ("fields.mp4", "fields.ts"):
        video = probe(write_film(tmp_path / name, 40, options=options).path)
        assert video.temporal_layers == 0
        assert video.interlaced


@pytest.mark.parametrize(
    "options",
    [
        {"pix_fmt": "yuv444p"},
        {"x264-params": "cqm=jvt:bframes=1"},
        {"x264-params": "bframes=2:keyint=20:cqm4=" + ",".join(["16"] * 16)},
        {"profile": "baseline"},
        {"x264-params": "poc-type=2:bframes=0"},
    ],
)
def test_parameter_sets_of_every_kind_are_read(tmp_path, options):
    """Progressive H.264 of several profiles: each must be known to be so, or nothing would be left out."""
    pix_fmt = options.pop("pix_fmt", "yuv420p")
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for i in range(5):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * i, np.uint8), "rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    assert probe(path).temporal_layers == 1


def test_a_film_whose_parameter_sets_change_format_is_decoded_in_full(film):
    extradata, stored = packets(film("B-frames").path)
    layers = TemporalLayers("h264", extradata)
    layers.watch(stored[0][1], has_new_extradata=False)
    assert layers.count == 1
    layers.watch(stored[1][1], has_new_extradata=True)
    assert layers.count == 0


def hevc(kind, temporal_id, layer=0):
    """An HEVC NAL unit of one byte, behind a start code."""
    return b"\0\0\1" + bytes([kind << 1 | layer >> 5, (layer & 31) << 3 | temporal_id + 1, 0xFF])


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (hevc(0, 2), True),  # TRAIL_N of the highest sub-layer
        (hevc(0, 1), False),  # a higher one may refer to it
        (hevc(1, 2), False),  # TRAIL_R
        (hevc(8, 2), True),  # RASL_N
        (hevc(19, 2), False),  # IDR
        (hevc(35, 0) + hevc(39, 0) + hevc(0, 2), True),  # a delimiter and SEI come first
        (hevc(0, 2) + hevc(1, 2), False),
        (hevc(33, 0) + hevc(0, 2), False),  # a parameter set must reach the decoder
        (hevc(0, 2, layer=1), False),  # another view or quality layer
        (b"", False),
        (hevc(35, 0), False),  # no picture at all
    ],
)
def test_hevc_frames_of_the_highest_sub_layer_only(packet, expected):
    assert disposable_test("hevc", b"", 3)(packet) is expected


def test_sub_layers_are_counted():
    layers = TemporalLayers("hevc", b"")
    for temporal_id in (0, 2, 1):
        layers.watch(hevc(1, temporal_id), has_new_extradata=False)
    assert layers.count == 3


@pytest.mark.parametrize("size", [1, 2, 4])
def test_lengths_of_1_2_and_4_bytes_part_the_units(size):
    avcc = bytes([1, 100, 0, 10, 0xFC | size - 1, 0xE0, 0])
    slice_of = {reference: bytes([reference << 5 | 1, 0x80]) for reference in (0, 2)}

    def packet(*references):
        return b"".join(len(slice_of[r]).to_bytes(size, "big") + slice_of[r] for r in references)

    is_disposable = disposable_test("h264", avcc, 1)
    assert is_disposable(packet(0))
    assert is_disposable(packet(0, 0))
    assert not is_disposable(packet(0, 2))
    assert not is_disposable(packet(0)[:-1])  # cut short
    assert not is_disposable(packet(0) + b"\0")


@given(st.sampled_from(["h264", "hevc"]), st.binary(max_size=64), st.binary(max_size=200), st.integers(1, 7))
def test_any_bytes_are_judged_without_an_error(codec, extradata, packet, layers):
    assert disposable_test(codec, extradata, layers)(packet) in (True, False)
    TemporalLayers(codec, extradata).watch(packet, has_new_extradata=False)


def test_a_probe_tells_what_the_reader_may_leave_out(film):
    assert film("B-frames").temporal_layers == 1
    assert film("HEVC").temporal_layers >= 1
    assert replace(film("B-frames"), temporal_layers=0).facts()["temporal_layers"] == 0
