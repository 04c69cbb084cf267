"""Which films are one recording: a missed join costs a command, a wrong one spoils a result."""

from random import Random

import pytest
from compared_films import HOUR, NOON, film

from vtn_stream.joining import join_files
from vtn_stream.joining.clocks import Reading


def joined(**films):
    """The files of each recording; names have __ for the point before the suffix."""
    settled = join_files({f"films/{name.replace('__', '.')}": one for name, one in films.items()})
    every = [path for recording in settled.recordings for path in recording.paths] + settled.alone
    assert sorted(every) == sorted(f"films/{name.replace('__', '.')}" for name in films), "each film is once there"
    return [" ".join(path.removeprefix("films/").partition(".")[0] for path in r.paths) for r in settled.recordings]


def whole(*names, **fields):
    return {f"{name}__mp4": film(**fields) for name in names}


def on_the_clock(names, lasts=600.0, begins=NOON, pause=0.0, **fields):
    """Films one after the other, with the time of making at the start of each."""
    found = {}
    for i, name in enumerate(names.split()):
        found[f"{name}__mp4"] = film(lasts, created_s=begins + i * (lasts + pause), **fields)
    return found


@pytest.mark.parametrize(
    "names",
    [
        "GH010001 GH020001 GH030001",
        "GX010123 GX020123",
        "GOPR0001 GP010001 GP020001",
        "match_part1 match_part2",
        "Part1 Part2",
        "match_pt_1 match_pt_2",
        "match1of3 match2of3 match3of3",
        "match_1st_half match_2nd_half",
        "first_half second_half",
        "match_half1 match_half2",
    ],
)
def test_names_of_chapters_and_parts_say_enough_if_nothing_speaks_against_it(names):
    assert joined(**whole(*names.split())) == [names]


def test_parts_of_a_dvd_are_one_film_without_its_menu():
    names = ("VTS_01_0__VOB", "VTS_01_1__VOB", "VTS_01_2__VOB", "VTS_02_1__VOB")
    assert joined(**{name: film() for name in names}) == ["VTS_01_1 VTS_01_2"]


@pytest.mark.parametrize(
    "names",
    [
        " ".join(f"clip_{i:03d}" for i in range(1, 248)),
        "IMG_0001 IMG_0002 IMG_0003",
        "match1 match2",
        "film_A film_B",
        "film_2 film_3",
        "S01E01 S01E02",
        "cam1 cam2",
        "counterpart1 counterpart2",
        "pt1 pt2",
        "pt01_exam pt02_exam",
        "part01_cam1 part02_cam1",
        " ".join(f"lecture_part{i}" for i in range(1, 12)),
    ],
)
def test_numbers_alone_join_nothing(names):
    assert joined(**whole(*names.split())) == []


@pytest.mark.parametrize("lasts", [4.0, 10.0, 600.0, 3 * HOUR])
@pytest.mark.parametrize("names", ["IMG_0007 IMG_0008 IMG_0009", "film_A film_B", "rec9 rec10", "GH010001 GH020001"])
def test_numbers_and_creation_times_that_go_on_do(names, lasts):
    assert joined(**on_the_clock(names, lasts)) == [names]


@pytest.mark.parametrize("names", ["IMG_0007 IMG_0008", "match_part1 match_part2", "GH010001 GH020001"])
@pytest.mark.parametrize("pause", [-300.0, 3 * HOUR, 24 * HOUR, -24 * HOUR])
def test_clocks_that_overlap_or_are_hours_apart_forbid_it(names, pause):
    assert joined(**on_the_clock(names, pause=pause)) == []


def test_takes_of_an_afternoon_are_not_one_recording():
    assert joined(**on_the_clock("IMG_0007 IMG_0008 IMG_0009", 60, pause=5)) == []
    assert joined(**on_the_clock("clip_1 clip_2 clip_3", 3, pause=1)) == []  # some seconds each: a second is much


def test_only_the_part_of_a_row_that_agrees_is_joined():
    films = on_the_clock("IMG_0001 IMG_0002") | on_the_clock("IMG_0003 IMG_0004", begins=NOON + HOUR)
    assert joined(**films) == ["IMG_0001 IMG_0002", "IMG_0003 IMG_0004"]


def test_the_time_of_making_may_be_the_end_but_then_of_all():
    lasts = (600.0, 500.0, 400.0)
    ends = [NOON + sum(lasts[: i + 1]) for i in range(3)]
    films = {f"IMG_{i}__mp4": film(lasts[i], created_s=ends[i]) for i in range(3)}
    assert joined(**films) == ["IMG_0 IMG_1 IMG_2"]
    mixed = [NOON, NOON + 600, NOON + 600 + 400]  # the start of the second, the end of the third
    films = {f"IMG_{i}__mp4": film(lasts[i], created_s=mixed[i]) for i in range(3)}
    assert joined(**films) == ["IMG_0 IMG_1"]


def test_the_same_time_of_making_in_all_files_is_that_of_the_recording_or_of_a_copy():
    assert joined(**whole("GH010001", "GH020001", created_s=NOON)) == ["GH010001 GH020001"]
    assert joined(**whole("clip_1", "clip_2", created_s=NOON)) == []


def test_start_timecodes_that_go_on_join_also_past_midnight():
    for at_s in (HOUR, 24 * HOUR - 700):
        films = {f"C000{i}__mp4": film(timecode_s=(at_s + i * 600) % (24 * HOUR)) for i in range(3)}
        assert joined(**films) == ["C0000 C0001 C0002"]
    assert joined(**whole("C0000", "C0001", timecode_s=0.0)) == []


def test_a_timecode_that_counts_takes_is_believed_only_if_the_time_of_making_agrees():
    films = {f"C000{i}__mp4": film(timecode_s=i * 600.0, created_s=NOON + i * 3 * HOUR) for i in range(2)}
    assert joined(**films) == []


def test_clocks_inside_the_files_that_go_on_join():
    films = {f"0000{i}__mts": film(start_s=1.4 + i * 600.0) for i in range(3)}
    assert joined(**films) == ["00000 00001 00002"]
    assert joined(**whole("00000", "00001", start_s=1.4)) == []


def test_a_file_that_ends_at_4_gb_goes_on_in_the_next():
    films = {f"MVI_{i}__mov": film(num_bytes=size) for i, size in enumerate((2**32 - 10**7, 2**32 - 10**7, 10**9))}
    assert joined(**films) == ["MVI_0 MVI_1 MVI_2"]
    films["MVI_2__mov"], films["MVI_3__mov"] = film(num_bytes=2 * 10**9), film()
    assert joined(**films) == ["MVI_0 MVI_1 MVI_2"]


def test_times_in_names_are_clocks():
    assert joined(**whole("cam_20260101_100000", "cam_20260101_101000")) == ["cam_20260101_100000 cam_20260101_101000"]
    assert joined(**whole("cam_20260101_100000", "cam_20260101_130000")) == []
    assert joined(**whole("2026_0101_100000_007", "2026_0101_101000_008")) != []
    assert joined(**whole("cam_20269901_100000", "cam_20269901_101000")) == []  # no day


def test_two_cameras_in_one_folder_stay_two():
    names = ("front_20260101_100000", "rear_20260101_100000", "front_20260101_101000", "rear_20260101_101000")
    assert joined(**whole(*names)) == [f"{c}_20260101_100000 {c}_20260101_101000" for c in ("front", "rear")]
    names = ("ch1_20260101_100000", "ch2_20260101_100000", "ch1_20260101_101000", "ch2_20260101_101000")
    assert joined(**whole(*names)) == [f"ch{c}_20260101_100000 ch{c}_20260101_101000" for c in (1, 2)]


def test_films_of_two_folders_are_never_joined():
    settled = join_files({"a/GH010001.MP4": film(), "b/GH020001.MP4": film(), "c/GH010001.MP4": film()})
    assert (settled.recordings, len(settled.alone)) == ([], 3)


def test_a_film_that_may_be_followed_by_two_is_followed_by_none():
    films = {f"r{i}_{j}__mp4": film(created_s=NOON + (i + j) * 600) for i, j in ((1, 1), (1, 2), (2, 1))}
    assert joined(**films) == []


@pytest.mark.parametrize(
    "fields", [{"codec": "hevc"}, {"size": "1280 x 720"}, {"rate": "50"}, {"rotation": 90}, {"sound": "none"}]
)
def test_files_that_are_not_alike_are_not_joined(fields):
    settled = join_files({"GH010001.MP4": film(), "GH020001.MP4": film(**fields)})
    assert not settled.recordings
    assert "not alike" in settled.apart[0].why


def why_not(**films):
    settled = join_files({name.replace("__", "."): one for name, one in films.items()})
    assert not settled.recordings
    (apart,) = settled.apart
    return apart.why


def test_what_is_missing_or_there_twice_is_named():
    assert why_not(**whole("GX010001", "GX030001")) == "chapter 2 is missing"
    assert why_not(**whole("match_part2", "match_part3")) == "part 1 is missing"
    assert why_not(**whole("match1of3", "match2of3")) == "part 3 is missing"
    assert why_not(GH010001__MP4=film(identity="a"), GH020001__MP4=film(identity="a")) == (
        "GH010001.MP4 and GH020001.MP4 are the same film"
    )
    assert why_not(part1__mp4=film(), part2__mp4=None) == "part2.mp4 cannot be read"
    assert why_not(GH010001__MP4=film(60), GH020001__MP4=film(600, num_bytes=9 * 10**9)).startswith(
        "GH010001.MP4 is much shorter"
    )
    assert (
        why_not(**on_the_clock("part2 part1"))
        == "part2.mp4 begins 20 min before the end of part1.mp4 by their creation times"
    )


def test_a_break_between_halves_is_time_that_no_file_has_where_the_clocks_agree_on_it():
    films = on_the_clock("match_part1 match_part2", 2700, pause=900)
    (recording,) = join_files({name.replace("__", "."): one for name, one in films.items()}).recordings
    assert recording.starts == (0, 3600)
    assert (recording.name, recording.duration_s) == ("match", 6300)
    films["match_part2__mp4"] = film(2900, created_s=NOON + 3600)  # of the start, or of the end: 15 min or 700 s
    (recording,) = join_files({name.replace("__", "."): one for name, one in films.items()}).recordings
    assert recording.starts is None
    assert any("do not agree on how much" in reason for reason in recording.reasons)


def test_a_recording_is_called_as_its_files_are_without_the_part():
    def name(*files):
        (recording,) = join_files({file: film() for file in files}).recordings
        return recording.name

    assert name("match_part1.mp4", "match_part2.mp4") == "match"
    assert name("part1.mp4", "part2.mp4") == "part1"
    assert name("Match (1 of 2).mp4", "Match (2 of 2).mp4") == "Match"
    assert name("GH010001.MP4", "GH020001.MP4") == "GH010001"
    assert name("VTS_01_1.VOB", "VTS_01_2.VOB") == "VTS_01"


def test_an_overlap_is_one_by_every_meaning():
    def reading(*gaps_s):
        return Reading(clock="creation times", gaps_s=dict(zip("ab", gaps_s, strict=False)), tolerance_s=2.0)

    assert reading(-5, -9).overlap_s == 5
    assert reading(-5, 1).overlap_s == reading(-1).overlap_s == 0
    assert reading(-5, 1).goes_on == {"b"}


def test_a_day_of_short_files_is_joined_in_no_time():
    names = " ".join(f"rec_{i:05d}" for i in range(5000))
    assert joined(**on_the_clock(names, 17.0)) == [names]


def test_the_order_in_which_films_become_known_does_not_matter():
    films = on_the_clock("IMG_0001 IMG_0002 IMG_0003 IMG_0009") | on_the_clock("GH010001 GH020001 GH030001")
    films |= whole("GX010001", "GX030001", "clip_1", "clip_2", "clip_3", "c_20260101_100000", "c_20260101_101000")
    first = sorted(joined(**films))
    assert first == [
        "GH010001 GH020001 GH030001",
        "IMG_0001 IMG_0002 IMG_0003",
        "c_20260101_100000 c_20260101_101000",
    ]
    for seed in range(20):
        names = [*films]
        Random(seed).shuffle(names)
        assert sorted(joined(**{name: films[name] for name in names})) == first
