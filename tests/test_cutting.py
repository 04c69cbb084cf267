"""Which clips are cut, of which frames, under which names: without a film."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.cutting.names import clip_name, film_folder, label_names, without_name
from vtn_stream.cutting.pieces import PlacedFilm, complement, joined_copies, pieces_in, union
from vtn_stream.cutting.plan import How, check_labels, plan
from vtn_stream.errors import InputError
from vtn_stream.film import Dark, VideoInfo
from vtn_stream.timeline import Gap, Segment, Timeline

SPANS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda s: (float(min(s)), float(max(s)))))


def film(num_frames=100, key_every=20, *, name="film.mp4", dark=(), start_s=0.0):
    """10 frames a second, a keyframe every 2 s; 1000 bytes a frame."""
    pts = np.arange(num_frames, dtype=np.int64)
    if dark:  # nothing from frame `dark[0]` on, for so many frames
        pts[dark[0] :] += dark[1]
    video = VideoInfo(
        path=Path(name),
        identity=f"id of {name}",
        stream=0,
        codec="h264",
        width=320,
        height=180,
        time_base=Fraction(1, 10),
        start=Fraction(0),
        pts=pts,
        end_pts=int(pts[-1]) + 1,
        keyframes=pts[::key_every],
        dark=(Dark(start=dark[0], end=dark[0] + dark[1], why="leap"),) if dark else (),
        stamp=(0, 0, 1000 * num_frames, 0, 0),
    )
    return PlacedFilm(video=video, start_s=start_s)


def timeline(*segments, duration_s=10.0, **fields):
    made = tuple(Segment(start_s=start, end_s=end, label=label) for start, end, label in segments)
    known = {"video_identity": "id", "video_path": "film.mp4", "span_s": (0.0, duration_s)}
    return Timeline(**(known | {"duration_s": duration_s, "segments": made} | fields))


# Names


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("walk", "walk"),
        ("hen 1: walk", "hen 1_ walk"),
        ("a/b\\c", "a_b_c"),
        ("..", "unnamed"),
        ("../../etc", "_._.._etc"),
        (".hidden", "_hidden"),
        ("", "unnamed"),
        ("ends. ", "ends"),
        ("CON", "CON_"),
        ("nul.txt", "nul_txt_"),
        ("index.html", "index_html_"),
        ("contact_sheet", "contact_sheet_"),
        ("new\nline", "new_line"),
        ("läuft 🏃", "läuft 🏃"),
    ],
)
def test_a_label_becomes_a_name_that_every_system_takes(label, name):
    assert label_names([label]) == {label: name}


@given(st.lists(st.text(max_size=150), unique=True, max_size=8))
def test_names_are_apart_whatever_the_size_of_letters_and_stay_inside(labels):
    names = label_names(labels)
    assert len({name.casefold() for name in names.values()}) == len(labels)
    for name in names.values():
        assert 0 < len(name.encode("utf-8", "surrogatepass")) <= 100
        assert not set(name) & set('<>:"/\\|?*\0\n')
        assert not name.startswith(".")
        assert not name.endswith((".", " "))


def test_a_label_keeps_its_name_when_another_one_would_get_it_too():
    names = label_names(["a:b", "a_b", "A_B"])
    assert names["A_B"] == "A_B"
    assert names["a_b"].startswith("a_b~")
    assert names["a:b"].startswith("a_b~")


def test_300_bytes_of_label_become_100_and_whole_characters():
    name = label_names(["走" * 100])["走" * 100]
    assert len(name.encode()) <= 100
    assert name.startswith("走走走")


def test_clips_are_sorted_by_time():
    assert clip_name(2, 9, 754.5, "walk") == "walk/002_00-12-34.500_walk"
    assert clip_name(2, 5000, 360_000, "walk") == "walk/0002_100-00-00.000_walk"
    assert film_folder("a.mp4", ["A.mp4"], "day 2/a.mp4.timeline.json").startswith("a.mp4~")
    assert len(without_name(["x" * 100] * 9).encode()) <= 200


# Pieces


@given(SPANS)
def test_a_complement_and_the_union_share_the_whole(spans):
    whole = (0.0, 100.0)
    parts = sorted([*union(spans), *complement(spans, whole)])
    assert sum(end - start for start, end in parts) == pytest.approx(100.0)
    assert all(before[1] <= after[0] for before, after in pairwise(parts))


def test_a_copy_begins_at_the_keyframe_before():
    (piece,) = pieces_in([film()], (3.05, 4.0))
    assert (piece.exact.first, piece.exact.stop, piece.copied.first) == (30, 40, 20)
    assert piece.early_s == pytest.approx(1.0)


def test_a_piece_over_a_join_is_a_piece_of_each_file():
    files = [film(name="1.mp4"), film(name="2.mp4", start_s=10.0)]
    first, second = pieces_in(files, (9.0, 11.5))
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == (9.0, 10.0, 0.0, 1.5)
    assert second.early_s == 0.0


def test_a_span_after_the_end_or_in_the_dark_has_no_piece():
    assert pieces_in([film()], (10.0, 12.0)) == ()
    assert pieces_in([film(dark=(50, 30))], (5.5, 7.0)) == ()


def test_a_copy_never_shows_again_what_the_piece_before_showed():
    one = film()
    pieces = [piece for span in ((2.0, 3.0), (3.5, 3.8), (6.5, 7.0)) for piece in pieces_in([one], span)]
    joined = joined_copies(pieces)
    assert [(piece.copied.first, piece.exact.stop) for piece in joined] == [(20, 38), (60, 70)]


# Plans


def test_each_segment_is_a_clip_in_the_folder_of_its_label():
    made = plan(timeline((3.0, 4.0, "walk"), (1.0, 9.0, "run"), (3.0, 5.0, "walk")), [film()])
    assert [clip.name for clip in made.clips] == [
        "run/001_00-00-01.000_run",
        "walk/002_00-00-03.000_walk",
        "walk/003_00-00-03.000_walk",
    ]
    assert [round(clip.early_s, 6) for clip in made.clips] == [1.0, 1.0, 1.0]
    assert made.clips[1].num_bytes == 20_000  # of frames 20 to 39
    assert made.told == ()


def test_an_exact_clip_is_not_early():
    (clip,) = plan(timeline((3.0, 4.0, "walk")), [film()], How(accurate=True)).clips
    assert (clip.early_s, clip.num_bytes, clip.text) == (0.0, 10_000, None)
    (clip,) = plan(timeline((3.0, 4.0, "walk")), [film()], How(burn_in=True)).clips
    assert (clip.early_s, clip.text) == (0.0, "walk")


def test_an_instant_is_shown_with_two_seconds_on_both_sides():
    (clip,) = (made := plan(timeline((5.0, 5.0, "jump")), [film()])).clips
    assert (clip.pieces[0].start_s, clip.pieces[0].end_s) == (3.0, 7.0)
    assert made.told == ("1 instant shown with 2 s before and after (--lead and --lag say otherwise)",)
    (clip,) = plan(timeline((0.5, 0.5, "jump")), [film()]).clips
    assert (clip.pieces[0].start_s, clip.pieces[0].end_s) == (0.0, 2.5)


def test_a_segment_shorter_than_a_frame_has_that_frame():
    (clip,) = (made := plan(timeline((5.02, 5.03, "blink")), [film()], How(accurate=True))).clips
    assert clip.pieces[0].exact.num_frames == 1
    assert "shorter than a frame" in made.told[0]


def test_what_shows_nothing_is_left_out_and_a_gap_is_reported():
    dark = film(dark=(50, 30))
    made = plan(timeline((5.5, 7.0, "walk"), (4.0, 9.0, "walk"), duration_s=13.0), [dark])
    assert len(made.clips) == 1
    assert made.told == (
        "1 segment left out: the film shows no frame then",
        "1 file with time of a gap: the film could not be read, or shows nothing then",
    )
    known = timeline((1.0, 3.0, "walk"), gaps=(Gap(start_s=2.5, end_s=5.0, reason="damaged"),))
    assert "1 file with time of a gap" in plan(known, [film()]).told[0]


def test_of_a_segment_past_the_ends_what_lies_in_the_film_is_cut_and_that_is_said():
    segments = ((-1e308, 1.0, "walk"), (9.0, 1e308, "walk"), (20.0, 1e308, "walk"), (1e308, 1e308, "walk"))
    made = plan(timeline(*segments), [film()])
    assert [clip.name for clip in made.clips] == ["walk/001_00-00-00.000_walk", "walk/002_00-00-09.000_walk"]
    assert [(clip.start_s, clip.end_s) for clip in made.clips] == [(0.0, 1.0), (9.0, 10.0)]
    told = "2 segments not wholly in the film, which lasts 10.000 s: only what lies in it is shown"
    assert made.told == (
        "1 instant shown with 2 s before and after (--lead and --lag say otherwise)",
        told,
        "2 segments left out: the film shows no frame then",
    )
    (reel,) = (made := plan(timeline(*segments), [film()], How(reels=("walk",)))).clips
    assert (reel.start_s, reel.end_s, told in made.told) == (0.0, 10.0, True)
    assert plan(timeline((9.0, 10.05, "walk")), [film()]).told == ()


def test_nothing_left_is_an_error():
    with pytest.raises(InputError, match=r"nothing is left to be cut \(1 segment left out"):
        plan(timeline((20.0, 21.0, "walk"), duration_s=30.0), [film()])


def test_a_reel_has_all_segments_of_its_label_once():
    segments = ((0.0, 1.0, "walk"), (0.5, 1.5, "walk"), (4.0, 5.0, "run"), (8.0, 9.0, "walk"))
    (reel,) = (made := plan(timeline(*segments), [film()], How(reels=("walk",)))).clips
    assert (reel.name, reel.kind, reel.start_s, reel.end_s) == ("reel_walk", "reel", 0.0, 9.0)
    assert [(piece.start_s, piece.end_s) for piece in reel.pieces] == [(0.0, 1.5), (8.0, 9.0)]
    assert made.told == ("walk: segments that overlap or touch are one piece of the reel",)


def test_a_reel_of_copies_says_where_it_shows_more():
    segments = ((0.0, 1.0, "walk"), (1.5, 1.8, "walk"))
    (reel,) = (made := plan(timeline(*segments), [film()], How(reels=("walk",)))).clips
    assert len(reel.pieces) == 1
    assert "reel_walk: 1 piece joined with the one before" in made.told[0]
    (reel,) = plan(timeline(*segments), [film()], How(reels=("walk",), accurate=True)).clips
    assert len(reel.pieces) == 2


def test_a_film_without_a_label_is_the_rest():
    segments = ((0.0, 2.0, "pause"), (1.0, 5.0, "walk"), (6.0, 8.0, "pause"), (9.0, 9.0, "pause"))
    (clip,) = (made := plan(timeline(*segments), [film()], How(without=("pause",), accurate=True))).clips
    assert clip.name == "without_pause"
    assert [(piece.start_s, piece.end_s) for piece in clip.pieces] == [(2.0, 6.0), (8.0, 10.0)]
    assert made.told == ("1 instant took no time out of the film (--lead and --lag give instants a length)",)


def test_without_all_or_without_nothing_is_an_error():
    with pytest.raises(InputError, match="all of the film would be left out"):
        plan(timeline((0.0, 10.0, "pause")), [film()], How(without=("pause",)))
    with pytest.raises(InputError, match="nothing would be left out"):
        plan(timeline((1.0, 1.0, "pause")), [film()], How(without=("pause",)))
    with pytest.raises(InputError, match="nothing would be left out"):
        plan(timeline((1.0, 2.0, "walk")), [film()], How(without=("pause",)))


def test_a_label_that_no_segment_has_is_an_error_that_names_those_there_are():
    with pytest.raises(InputError, match=r"no segment is called wlak; .*; did you mean walk\? There are: walk and run"):
        check_labels([timeline((0.0, 1.0, "walk"), (1.0, 2.0, "run"))], How(reels=("wlak",)))


def test_the_digest_follows_what_is_asked_for():
    def digest(*segments, **how):
        return plan(timeline(*segments), [film()], How(**how)).clips[0].digest

    assert digest((3.0, 4.0, "walk")) == digest((3.0, 4.0, "walk"), (8.0, 9.0, "run"))
    others = {
        digest((3.0, 4.0, "walk")),
        digest((3.0, 4.1, "walk")),
        digest((3.0, 4.0, "walk"), accurate=True),
        digest((3.0, 4.0, "walk"), burn_in=True),
    }
    assert len(others) == 4
