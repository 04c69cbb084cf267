"""The bytes of a film that is recorded in segments: playlists and folders that are written while they are read."""

import itertools
import os

import pytest
from feeding import NO_FILM, by_now, quick, whole  # noqa: F401  (a fixture)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.following.feed import NewStretch
from vtn_stream.following.open_feed import open_feed

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """What is waited for a while is waited for no time."""
    monkeypatch.setattr("vtn_stream.following.listed._REST_S", 0.0)
    monkeypatch.setattr("vtn_stream.following.segments._MISSING_S", 0.0)


def content(number, size=5000):
    """Of a segment: no film's, no other segment's."""
    return NO_FILM + bytes(itertools.islice(itertools.cycle(f"{number:06d}".encode() + b"\xff"), size))


class Recorder:
    """Writes segments and their playlist into a folder."""

    def __init__(self, folder, name="live.m3u8"):
        self.folder, self.path = folder, folder / name

    def segment(self, number, size=5000, *, name=None):
        data = content(number, size)
        (self.folder / (name or f"seg{number}.ts")).write_bytes(data)
        return data

    def lists(self, *lines, first=0, ended=False, head=()):
        """The playlist: numbers are segments, texts are lines."""
        listed = [f"#EXTINF:6,\nseg{line}.ts" if isinstance(line, int) else line for line in lines]
        text = ["#EXTM3U", *head, f"#EXT-X-MEDIA-SEQUENCE:{first}", *listed, *(["#EXT-X-ENDLIST"] if ended else [])]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("\n".join([*text, ""]))
        os.replace(temporary, self.path)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


def opened(path, until_idle_s=None):
    return open_feed(str(path), until_idle_s=until_idle_s)


def test_a_playlist_that_has_ended_is_read_to_its_end(recorder):
    data = [recorder.segment(number) for number in range(12)]
    recorder.lists(*range(12), ended=True)
    feed = opened(recorder.path)
    assert whole(feed) == [b"".join(data)]
    assert (feed.ended, feed.name, feed.replays, feed.path) == ("end", "live.m3u8", True, None)


@given(added=st.lists(st.integers(0, 3), min_size=1, max_size=6), window=st.integers(1, 3))
def test_no_segment_is_lost_doubled_or_out_of_order(tmp_path_factory, added, window):
    recorder = Recorder(tmp_path_factory.mktemp("live"))
    pieces = opened(recorder.path).pieces()
    assert by_now(pieces) == []
    number = 0
    for num_new in added:
        data = [recorder.segment(n) for n in range(number, number + num_new)]
        number += num_new
        first = max(number - max(window, num_new), 0)
        recorder.lists(*range(first, number), first=first)
        assert by_now(pieces) == ([b"".join(data)] if data else [])
    pieces.close()


def test_segments_that_were_removed_before_they_were_read_begin_a_new_stretch(recorder):
    pieces = opened(recorder.path).pieces()
    first = recorder.segment(0)
    recorder.lists(0)
    assert by_now(pieces) == [first]
    data = [recorder.segment(number) for number in (3, 4)]
    recorder.lists(3, 4, first=3)
    assert by_now(pieces) == ["2 segments were removed before they could be read", b"".join(data)]


def test_a_window_that_has_moved_on_cannot_be_read_from_its_beginning(recorder):
    recorder.segment(5)
    recorder.lists(5, first=5, ended=True)
    feed = opened(recorder.path)
    whole(feed)
    assert not feed.replays


def test_a_discontinuity_begins_a_new_stretch(recorder):
    data = [recorder.segment(number) for number in range(3)]
    recorder.lists("#EXT-X-DISCONTINUITY", 0, "#EXT-X-DISCONTINUITY", 1, 2, ended=True)
    assert whole(opened(recorder.path)) == [data[0], "the recorder began a new stretch", data[1] + data[2]]


def test_a_header_comes_once_in_each_stretch(recorder):
    data = [recorder.segment(number) for number in range(4)]
    header = recorder.segment(100, name="init.mp4")
    other = recorder.segment(101, name="other.mp4")
    begin = "#EXT-X-DISCONTINUITY"
    recorder.lists('#EXT-X-MAP:URI="init.mp4"', 0, 1, begin, 2, '#EXT-X-MAP:URI="other.mp4"', 3, ended=True)
    assert whole(opened(recorder.path)) == [
        header + data[0] + data[1],
        "the recorder began a new stretch",
        header + data[2],
        "the recorder wrote a new header",
        other + data[3],
    ]


def test_parts_of_one_file(recorder):
    recorder.path.with_name("all.ts").write_bytes(content(7, 9000))
    lines = ("#EXT-X-BYTERANGE:4000@0", "all.ts", "#EXT-X-BYTERANGE:3000", "all.ts")
    recorder.lists(*lines)
    pieces = opened(recorder.path).pieces()
    assert by_now(pieces) == [content(7, 9000)[:7000]]
    with open(recorder.path.with_name("all.ts"), "ab") as file:
        file.write(b"more")
    recorder.lists(*lines, "#EXT-X-BYTERANGE:2008@7000", "all.ts", ended=True)
    assert by_now(pieces) == [content(7, 9000)[7000:] + b"more"]


def test_a_range_that_is_not_written_yet_is_waited_for(recorder):
    recorder.path.with_name("all.ts").write_bytes(content(7)[:4999])
    recorder.lists("#EXT-X-BYTERANGE:5000@0", "all.ts")
    pieces = opened(recorder.path).pieces()
    assert by_now(pieces) == []
    recorder.path.with_name("all.ts").write_bytes(content(7))
    assert by_now(pieces) == [content(7)[:5000]]


def test_a_segment_that_is_listed_before_it_is_there_is_waited_for(recorder):
    pieces = opened(recorder.path).pieces()
    recorder.lists(0)
    assert by_now(pieces) == by_now(pieces) == []
    assert by_now(pieces) == []
    data = recorder.segment(0)
    assert by_now(pieces) == [data]


def test_a_segment_that_never_comes_is_lost_and_told(recorder):
    data = [recorder.segment(number) for number in (0, 2)]
    recorder.lists(0, 1, 2)
    pieces = opened(recorder.path).pieces()
    told = [part for _ in range(3) for part in by_now(pieces)]
    assert told == [data[0], "seg1.ts was not there", data[1]]


def test_the_last_segment_of_a_whole_playlist_is_missing(recorder):
    recorder.segment(0)
    recorder.lists(0, 1, ended=True)
    with pytest.raises(VideoError, match=r"the last of live.m3u8 is missing: seg1.ts was not there; only what came"):
        whole(opened(recorder.path))


def test_what_is_missing_when_nothing_more_comes_is_told_however_short_that_time_is(recorder):
    data = [recorder.segment(number) for number in (0, 2)]
    recorder.lists(0, 1, 2)
    assert whole(opened(recorder.path, until_idle_s=2)) == [data[0], "seg1.ts was not there", data[1]]
    recorder.lists(0, 1, 2, 3)
    with pytest.raises(VideoError, match=r"the last of live.m3u8 is missing: seg3.ts was not there"):
        whole(opened(recorder.path, until_idle_s=2))


@pytest.mark.parametrize(
    ("begins", "what"), [(b"Error 404: no such segment", "text"), (b"\xff\xf1 and so on", "sound: AAC")]
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_segment_that_is_no_film_is_lost_and_told(recorder, begins, what, is_folder):
    data = [recorder.segment(number) for number in (0, 2)]
    (recorder.folder / "seg1.ts").write_bytes(begins)
    if not is_folder:
        recorder.lists(0, 1, 2)
    feed = opened(recorder.folder if is_folder else recorder.path, until_idle_s=0.5)
    assert whole(feed) == [data[0], f"seg1.ts is {what}", data[1]]


def test_a_gap_that_the_recorder_tells(recorder):
    data = [recorder.segment(number) for number in (0, 3)]
    recorder.lists(0, "#EXT-X-GAP", 1, "#EXT-X-GAP", 2, 3, ended=True)
    assert whole(opened(recorder.path)) == [data[0], "the recorder lost a segment", data[1]]


def test_thousands_of_gaps(recorder):
    data = recorder.segment(3000)
    recorder.lists(*(line for number in range(3000) for line in ("#EXT-X-GAP", number)), 3000, ended=True)
    assert whole(opened(recorder.path)) == [data]


@pytest.mark.parametrize("num_again", [1, 2, 3, 5])
def test_a_recorder_that_was_killed_and_started_again(recorder, num_again):
    first = [recorder.segment(number) for number in range(3)]
    recorder.lists(*range(3))
    feed = opened(recorder.path)
    pieces = feed.pieces()
    assert by_now(pieces) == [b"".join(first)]
    again = [recorder.segment(number, 6000 + number) for number in range(num_again)]
    recorder.lists(*range(num_again))
    assert by_now(pieces) == ["live.m3u8 begins again: the recorder was started again", b"".join(again)]
    assert not feed.replays
    more = recorder.segment(num_again)
    recorder.lists(*range(num_again + 1), ended=True)
    assert by_now(pieces) == [more]


def test_a_recorder_that_was_started_again_with_other_names(recorder):
    recorder.segment(0)
    recorder.lists(0)
    pieces = opened(recorder.path).pieces()
    by_now(pieces)
    data = recorder.segment(1, name="other.ts")
    recorder.lists("other.ts")
    assert by_now(pieces) == ["live.m3u8 begins again: the recorder was started again", data]


def test_a_playlist_that_is_short_for_a_moment_is_no_other(recorder, monkeypatch):
    monkeypatch.setattr("vtn_stream.following.listed._REST_S", 1000.0)
    for number in range(3):
        recorder.segment(number)
    recorder.lists(*range(3))
    pieces = opened(recorder.path).pieces()
    by_now(pieces)
    text = recorder.path.read_text()
    for length in range(0, len(text), 7):
        recorder.path.write_text(text[:length])
        assert by_now(pieces) == []
    data = recorder.segment(3)
    recorder.lists(*range(4))
    assert by_now(pieces) == [data]


def test_segments_that_are_copied_or_touched_are_the_same(recorder):
    recorder.segment(0)
    recorder.lists(0)
    pieces = opened(recorder.path).pieces()
    by_now(pieces)
    recorder.segment(0)
    os.utime(recorder.folder / "seg0.ts", (1, 1))
    recorder.lists(0)
    assert by_now(pieces) == []


def test_a_name_as_in_addresses(recorder):
    data = recorder.segment(0, name="a b.ts") + recorder.segment(1, name="c%20d.ts")
    recorder.lists("a%20b.ts", "c%20d.ts", ended=True)
    assert whole(opened(recorder.path)) == [data]


@pytest.mark.parametrize("name", ["link.ts", "folder/seg0.ts", "%2e%2e/seg0.ts", "/etc/hostname", "a%00b.ts"])
def test_files_outside_are_not_opened(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    Recorder(tmp_path / "out").segment(0)
    Recorder(tmp_path).segment(0)
    (tmp_path / "in/link.ts").symlink_to(tmp_path / "out/seg0.ts")
    (tmp_path / "in/folder").symlink_to(tmp_path / "out")
    recorder = Recorder(tmp_path / "in")
    recorder.lists(name)
    with pytest.raises(VideoError, match=r"live.m3u8: line 3 names a file outside of its folder"):
        whole(opened(recorder.path, until_idle_s=0))


def test_a_link_that_stays_inside_and_a_whole_path(recorder):
    data = recorder.segment(0) + recorder.segment(0)
    (recorder.folder / "link.ts").symlink_to("seg0.ts")
    recorder.lists("link.ts", str(recorder.folder / "seg0.ts"), ended=True)
    assert whole(opened(recorder.path)) == [data]


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_regular_file_is_not_opened(recorder, kind):
    path = recorder.folder / "seg0.ts"
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    recorder.lists(0)
    with pytest.raises(VideoError, match=r"seg0.ts of live.m3u8 cannot be read \(not a regular file\)"):
        whole(opened(recorder.path, until_idle_s=0))


def test_a_playlist_that_never_comes(tmp_path):
    with pytest.raises(VideoError, match=r"live.m3u8 has no segments after 0 s; there is nothing to follow"):
        whole(opened(tmp_path / "live.m3u8", until_idle_s=0.01))


def test_a_playlist_that_is_idle_ends(recorder):
    data = recorder.segment(0)
    recorder.lists(0)
    feed = opened(recorder.path, until_idle_s=0.01)
    assert whole(feed) == [data]
    assert feed.ended == "idle"


def test_the_backlog_is_about_what_is_listed(recorder):
    for number in range(4):
        recorder.segment(number, 2 << 20)
    recorder.lists(*range(4))
    feed = opened(recorder.path)
    pieces = feed.pieces()
    while feed.backlog_bytes == 0:
        next(pieces)
    assert 2 << 20 <= feed.backlog_bytes < (6 << 20) + 1000


def test_a_folder_is_read_as_its_playlist(recorder):
    data = [recorder.segment(number) for number in range(3)]
    recorder.lists(0, "#EXT-X-DISCONTINUITY", 1, 2, ended=True)
    feed = opened(recorder.folder)
    assert whole(feed) == [data[0], "the recorder began a new stretch", data[1] + data[2]]
    assert feed.name == recorder.folder.name


def test_a_folder_without_a_playlist_is_read_in_the_order_of_numbers(recorder):
    data = [recorder.segment(number) for number in (8, 9, 10, 100)]
    feed = opened(recorder.folder, until_idle_s=0)
    assert whole(feed) == [b"".join(data)]


def test_the_newest_segment_of_a_folder_is_read_while_it_grows(recorder):
    pieces = opened(recorder.folder).pieces()
    assert by_now(pieces) == []
    data = recorder.segment(0)
    assert by_now(pieces) == [data]
    with open(recorder.folder / "seg0.ts", "ab") as file:
        file.write(b"more")
    assert by_now(pieces) == [b"more"]
    data = recorder.segment(1)
    assert [part for _ in range(3) for part in by_now(pieces)] == [data]  # after a second look


def test_a_playlist_that_comes_to_a_folder_takes_over(recorder):
    pieces = opened(recorder.folder).pieces()
    data = recorder.segment(0)
    assert by_now(pieces) == [data]
    next_one = recorder.segment(1, 5000)
    recorder.lists(0)
    with open(recorder.folder / "seg0.ts", "ab") as file:
        file.write(b"the last")
    assert by_now(pieces) == [b"the last"]
    recorder.lists(0, "#EXT-X-DISCONTINUITY", 1, ended=True)
    assert by_now(pieces) == ["the recorder began a new stretch", next_one]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a1.ts", "b1.ts"], "holds segments of several recordings (a1.ts and b1.ts)"),
        (["one.m3u8", "two.m3u8"], "has 2 playlists (one.m3u8 and two.m3u8)"),
        (["film.mkv"], "holds films and no segments (film.mkv); it was not followed; name the film"),
        ([], "has no segments after 0 s"),
        (["init.mp4", "part0.m4s"], "segments in MP4 need a playlist (.m3u8) in their folder"),
    ],
)
def test_folders_that_cannot_be_followed(tmp_path, names, line):
    for name in names:
        (tmp_path / name).write_bytes(content(0))
    with pytest.raises(VideoError) as raised:
        whole(opened(tmp_path, until_idle_s=0.01))
    assert line in str(raised.value)


def test_a_segment_of_a_folder_that_comes_too_late(recorder):
    pieces = opened(recorder.folder).pieces()
    recorder.segment(5)
    by_now(pieces)
    recorder.segment(4)
    with pytest.raises(VideoError, match="segments come that stand before those that were read"):
        by_now(pieces)


def test_names_that_are_used_again(recorder):
    pieces = opened(recorder.folder).pieces()
    for number in range(4):
        recorder.segment(number)
    while by_now(pieces):
        pass
    recorder.segment(0, 7000)
    with pytest.raises(VideoError, match=r"seg0.ts in .* was written again after it was read"):
        by_now(pieces)


def test_no_stretch_is_empty(recorder):
    """Whatever is lost at the beginning."""
    recorder.segment(2)
    recorder.lists("#EXT-X-GAP", 0, 1, "#EXT-X-DISCONTINUITY", 2)
    pieces = opened(recorder.path).pieces()
    told = [piece for piece in itertools.islice(pieces, 20) if isinstance(piece, bytes | NewStretch)]
    assert told == [content(2)]


def test_a_playlist_can_be_read_from_the_beginning_again(recorder):
    data = [recorder.segment(number) for number in range(2)]
    recorder.lists(0)
    feed = opened(recorder.path)
    assert by_now(feed.pieces()) == [data[0]]
    recorder.lists(0, 1, ended=True)
    assert by_now(feed.pieces()) == [b"".join(data)]
