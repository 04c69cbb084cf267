"""A frame that is coded as two fields is one frame, however its fields are packed."""

import pytest
from field_films import grey_of, write_fields

from vtn_stream.film_notices import warnings
from vtn_stream.video import DecodingProcess, probe
from vtn_stream.video.fields import FieldWatch


@pytest.mark.parametrize("timed_apart", [False, True])
def test_h264_in_fields_gives_every_frame(tmp_path, timed_apart):
    with DecodingProcess(deadline_s=20) as process:
        video = probe(write_fields(tmp_path / "fields.ts", 30, timed_apart=timed_apart), process)
        assert (video.num_frames, video.nominal_rate, video.num_untimed) == (30, 25, 0)
        assert warnings(video) == []
        greys = {}
        for batch in process.frames(video, video.pts, (32, 32)):
            assert batch.lost == []
            greys |= dict(zip(batch.items, batch.frames.mean((1, 2, 3)), strict=True))
    shown = [(grey_of(number) - 16) * 255 / 219 for number in range(30)]  # of video levels
    assert [greys[i] for i in range(30)] == pytest.approx(shown, abs=3)


def mpeg2(*structures):
    """Packets of MPEG-2: a picture and its coding extension for each structure (1 top, 2 bottom, 3 frame)."""
    return b"".join(b"\0\0\1\0abcd\0\0\1\xb5" + bytes([0x8F, 0xFF, 0xF8 | s, 0x98, 0]) for s in structures)


@pytest.mark.parametrize(
    ("packets", "second", "found"),
    [
        ([mpeg2(3), mpeg2(3)], [False, False], False),
        ([mpeg2(1, 2), mpeg2(1, 2)], [False, False], True),
        ([mpeg2(1), mpeg2(2), mpeg2(1), mpeg2(2)], [False, True, False, True], True),
        ([mpeg2(2), mpeg2(1), mpeg2(3), mpeg2(2), mpeg2(2)], [False, True, False, False, False], True),
        ([b"", b"\0\0\1\xb5\x87"], [False, False], False),
    ],
)
def test_the_second_field_of_mpeg2_is_no_frame(packets, second, found):
    watch = FieldWatch("mpeg2video", b"")
    assert [watch.is_second(packet) for packet in packets] == second
    assert watch.found == found


def test_other_codecs_have_no_fields():
    watch = FieldWatch("vp9", b"")
    assert [watch.is_second(mpeg2(1)), watch.is_second(mpeg2(2))] == [False, False]
