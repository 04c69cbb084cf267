"""Playlists of HLS: what they list, and which of their lines are refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.following import playlist
from vtn_stream.following.playlist import Part, Place, read_playlist


def read(*lines, **given):
    return read_playlist("\n".join(["#EXTM3U", *lines, ""]).encode(), "live.m3u8", **given)


def parts(*lines):
    return read(*lines).parts


def test_parts_are_numbered_from_the_media_sequence():
    listed = read("#EXT-X-MEDIA-SEQUENCE:7", "#EXTINF:6,", "a.ts", "", "# a comment", "#EXTINF:6.0,title", "sub/b.ts\r")
    assert listed.parts == (
        Part(number=7, place=Place(uri="a.ts", line=4)),
        Part(number=8, place=Place(uri="sub/b.ts", line=8)),
    )
    assert not listed.is_whole


def test_a_playlist_that_has_ended():
    assert read("a.ts", "#EXT-X-ENDLIST").is_whole


def test_a_discontinuity_and_a_gap_belong_to_the_next_part():
    listed = parts("a.ts", "#EXT-X-DISCONTINUITY", "b.ts", "#EXT-X-GAP", "c.ts", "d.ts")
    assert [(part.begins, part.is_lost) for part in listed] == [
        (False, False),
        (True, False),
        (False, True),
        (False, False),
    ]


def test_a_header_stands_for_all_parts_that_follow():
    listed = parts('#EXT-X-MAP:URI="i.mp4",BYTERANGE="100"', "a.m4s", "b.m4s", '#EXT-X-MAP:URI="j, k.mp4"', "c.m4s")
    first = Place(uri="i.mp4", start=0, stop=100, line=2)
    assert [part.header for part in listed] == [first, first, Place(uri="j, k.mp4", line=5)]


def test_ranges_of_bytes_follow_one_another():
    listed = parts(
        "#EXT-X-BYTERANGE:10@5", "a.ts", "#EXT-X-BYTERANGE:20", "a.ts", "#EXT-X-BYTERANGE:1@0", "a.ts", "b.ts"
    )
    assert [(part.place.start, part.place.stop) for part in listed] == [(5, 15), (15, 35), (0, 1), (0, None)]


def test_tags_of_later_versions_are_passed_over():
    lines = (
        '#EXT-X-PART:URI="http://a/b",DURATION=1',
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="../x"',
        "#EXT-X-KEY:METHOD=NONE",
    )
    assert len(parts(*lines, "a.ts")) == 1


@pytest.mark.parametrize("is_at_rest", [False, True])
def test_a_line_that_is_being_written_counts_when_it_stays_so(is_at_rest):
    data = b"#EXTM3U\na.ts\nb.t"
    assert len(read_playlist(data, "live.m3u8", is_at_rest=is_at_rest).parts) == 1 + is_at_rest


def test_a_letter_that_is_being_written_is_no_fault():
    data = "#EXTM3U\na.ts\nö".encode()[:-1]
    assert len(read_playlist(data, "live.m3u8", is_at_rest=False).parts) == 1
    with pytest.raises(VideoError, match="line 3 is not text"):
        read_playlist(data, "live.m3u8")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "http://host/a.ts",
            "line 2 names an address (http://host/a.ts); it was not followed; addresses are not opened",
        ),
        ("file:///etc/passwd", "names an address"),
        ("concat:a.ts|b.ts", "names an address"),
        ("C:\\a.ts", "names an address"),
        ("../a.ts", "line 2 names a file outside of its folder (../a.ts); it was not followed; give a playlist above"),
        ("sub/../../a.ts", "outside of its folder"),
        ("sub\\..\\a.ts", "outside of its folder"),
        ("a\0.ts", "line 2 has no name of a file"),
        ("a\x1b[2J.ts", "line 2 has no name of a file"),
        (
            '#EXT-X-KEY:METHOD=AES-128,URI="k"',
            "line 2 says that the segments are encrypted; it was not followed; decrypt",
        ),
        ("#EXT-X-KEY:", "encrypted"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1", "line 2 names other playlists; it was not followed; give one of those"),
        ('#EXT-X-MEDIA:TYPE=AUDIO,URI="a.m3u8"', "names other playlists"),
        ("#EXT-X-I-FRAMES-ONLY", "only keyframes"),
        ("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", "has #EXT-X-SKIP, which is not read"),
        ('#EXT-X-DEFINE:NAME="a",VALUE="b"', "has #EXT-X-DEFINE"),
        ('#EXT-X-MAP:URI="../i.mp4"', "outside of its folder"),
        ("#EXT-X-MAP:", "has no name of a file"),
        ("#EXT-X-MEDIA-SEQUENCE:-1", "line 2 has no number of the first segment"),
        ("#EXT-X-MEDIA-SEQUENCE:" + "9" * 5000, "has more than 4096 characters"),
        ("#EXT-X-BYTERANGE:x", "line 2 has no range of bytes"),
        ("#EXT-X-BYTERANGE:0@0", "has no range of bytes"),
        ("#EXT-X-BYTERANGE:10\na.ts", "line 3 has a range of bytes without a start"),
    ],
)
def test_what_is_refused(line, error):
    with pytest.raises(VideoError) as raised:
        read(line)
    assert str(raised.value).startswith("live.m3u8: line ")
    assert error in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"<html>", "line 1 is not #EXTM3U"),
        (b"#EXTM3U\n\nab\xff.ts\n", "line 3 is not text in UTF-8"),
        (b"#EXTM3U\n" + b"\n" * 2_000_000, "has more than 32 MiB or 1,000,000 lines"),
    ],
)
def test_what_is_no_playlist(data, error):
    with pytest.raises(VideoError, match=error):
        read_playlist(data, "live.m3u8")


def test_a_playlist_that_is_too_long(monkeypatch):
    monkeypatch.setattr(playlist, "MAX_BYTES", 10)
    with pytest.raises(VideoError, match="let the recorder list fewer segments"):
        read("a.ts")


def test_a_byte_order_mark_is_passed_over():
    assert read_playlist(b"\xef\xbb\xbf#EXTM3U\na.ts\n", "live.m3u8").parts[0].place.uri == "a.ts"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with suppress(VideoError):
        listed = read_playlist(b"#EXTM3U\n" + data, "live.m3u8")
        assert all(part.place.uri.isprintable() for part in listed.parts)
