"""Of which films time budgets are: what is read, each film once, and in which group it is."""

import json
import os
from dataclasses import replace

import pytest
from drawn_timelines import seg, timeline

from vtn_stream.budget import stats
from vtn_stream.budget.films import same_name
from vtn_stream.errors import InputError
from vtn_stream.formats import timeline_json
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.workbook import workbook
from vtn_stream.region import Region
from vtn_stream.timeline import Gap, Reviewed


def film(name, *segments, identity=None, **fields):
    return timeline(*segments, video_path=name, video_identity=name if identity is None else identity, **fields)


def save(folder, name, *segments, file=None, **fields):
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / (file or f"{name}.timeline.json")
    path.write_bytes(timeline_json.dumps(film(name, *segments, **fields), {}))
    return path


def counts(found):
    return {row.film: row.count for row in found.films}


def said(found, *words):
    """The one note with these words."""
    (note,) = [note for note in found.notes if all(word in note for word in words)]
    return note


# ---- reading


def test_folders_of_results_and_files_of_annotations_are_read(tmp_path):
    save(tmp_path / "results", "a.mp4", seg(0, 1))
    save(tmp_path / "results" / "day 2", "b.mp4", seg(0, 1), seg(2, 3))
    table = tmp_path / "others.csv"
    table.write_text("video,start_s,end_s,label,score\nc.mp4,1,2,A,\nc.mp4,3,4,A,\nc.mp4,5,6,A,\n")
    found = stats([tmp_path / "results", str(table)])
    assert counts(found) == {"a.mp4": 1, "c.mp4": 3, "day 2/b.mp4": 2}
    assert "the length of 1 film (c.mp4) is not known" in said(found, "length")


def test_the_length_can_be_given(tmp_path):
    (tmp_path / "a.csv").write_text("video,start_s,end_s,label,score\na.mp4,0,5,A,\n")
    found = stats(tmp_path / "a.csv", reading=ReadingOptions(duration_s=50))
    assert (found.films[0].share, found.notes) == (0.1, ())


def test_a_file_named_twice_is_read_once(tmp_path):
    path = save(tmp_path, "a.mp4", seg(0, 1))
    assert counts(stats([path, tmp_path, os.path.relpath(path)])) == {"a.mp4": 1}


def test_what_cannot_be_read_is_told_and_the_rest_counts(tmp_path):
    save(tmp_path, "a.mp4", seg(0, 1))
    (tmp_path / "b.timeline.json").write_text("{}")
    found = stats(tmp_path)
    assert counts(found) == {"a.mp4": 1}
    (line,) = found.failed
    assert line.startswith("b.timeline.json: ")
    assert "; it does not count; " in line


def test_where_nothing_can_be_read_it_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"there is nothing in .*; no figures were computed; name another folder"):
        stats(tmp_path)
    with pytest.raises(InputError, match="no film"):
        stats([])


def test_timelines_come_without_files():
    assert counts(stats(film("a.mp4", seg(0, 1)))) == {"a.mp4": 1}


# ---- each film once


def test_a_film_that_two_files_say_the_same_of_counts_once():
    found = stats([film("a.mp4", seg(0, 1)), film("copy.mp4", seg(0, 1), identity="a.mp4")])
    assert counts(found) == {"a.mp4": 1}
    assert "say the same of one film" in said(found, "a.mp4 and copy.mp4")


def test_a_film_that_two_files_say_different_things_of_does_not_count():
    one, other, third = film("a.mp4", seg(0, 1)), film("a.mp4", seg(2, 3), identity=""), film("b.mp4", seg(0, 1))
    found = stats([one, other, third])
    assert counts(found) == {"b.mp4": 1}
    assert found.failed == (
        "2 timelines say different things of one film, a.mp4; it does not count; keep one of them, or give two films "
        "two names",
    )


def test_of_a_model_and_a_person_the_person_counts():
    drawn, corrected = film("a.mp4", seg(0, 1, origin="model")), film("a.mp4", seg(0, 2, origin="curated"))
    found = stats([drawn, corrected])
    assert found.films[0].total_s == 2
    assert "which people corrected" in said(found, "about one film")


def test_files_of_one_name_are_told_with_their_folders(tmp_path):
    for number, folder in enumerate(("day 1", "day 2"), 1):
        save(tmp_path / folder, "a.mp4", seg(0, number), identity="")
    with pytest.raises(
        InputError, match=r"day 1/a\.mp4\.timeline\.json and day 2/a\.mp4\.timeline\.json say different"
    ):
        stats([tmp_path / "day 1", tmp_path / "day 2"])


def test_labels_that_people_will_use_and_subjects_are_one_in_all_forms_of_unicode():
    composed, apart = "n\u00e9", "ne\u0301"
    asked = {"provenance": {"annotation": {"labels": [apart]}}}
    found = stats([film("a.mp4", seg(0, 1, label=composed)), film("b.mp4", **asked)])
    assert [(row.film, row.label) for row in found.films] == [("a.mp4", composed), ("b.mp4", composed)]
    rats = [replace(seg(0, 1), attributes={"subject": subject}) for subject in (composed, apart)]
    assert [row.count for row in stats(film("a.mp4", *rats), by="subject").films] == [2]


def test_different_subjects_of_one_film_count_together():
    one, other = (film("a.mp4", seg(i, i + 1, attributes={"subject": name})) for i, name in enumerate("xy"))
    found = stats([one, other])
    assert counts(found) == {"a.mp4": 2}
    assert "they count together" in said(found, "different subjects")


def test_films_of_one_name_and_other_content_are_two(tmp_path):
    paths = [save(tmp_path / day, "a.mp4", seg(0, 1), identity=day) for day in ("mon", "tue")]
    assert counts(stats(paths)) == {"mon/a.mp4": 1, "tue/a.mp4": 1}
    assert counts(stats(tmp_path)) == {"mon/a.mp4": 1, "tue/a.mp4": 1}


def test_folders_with_films_of_one_name_are_named_as_far_as_they_differ(tmp_path):
    for week in ("week 1", "week 2"):
        save(tmp_path / week / "results" / "mon", "a.mp4", seg(0, 1), identity=week)
    save(tmp_path / "week 1" / "results" / "mon", "b.mp4", seg(0, 1))
    found = stats([tmp_path / week / "results" for week in ("week 1", "week 2")])
    assert list(counts(found)) == ["mon/b.mp4", "week 1/results/mon/a.mp4", "week 2/results/mon/a.mp4"]


def test_names_without_folders_that_are_equal_get_numbers():
    assert counts(stats([film("a.mp4", seg(0, 1), identity=i) for i in "12"])) == {"a.mp4": 1, "a.mp4 (2)": 1}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("a.mp4", "a", True),
        ("day 1/a.mp4", "a.mp4", True),
        ("day 1/a.mp4", "day 2/a.mp4", False),
        ("a.mp4", "a.avi", False),
        ("x\\day 1\\a.mp4", "day 1/a", True),
        ("caf\u00e9.mp4", "cafe\u0301.mp4", True),
        ("a.mp4", "b.mp4", False),
        ("", "", False),
    ],
)
def test_names_of_one_film(one, other, is_same):
    assert same_name(one, other) is same_name(other, one) is is_same


# ---- whose work it is


def test_it_is_told_that_nobody_reviewed_a_model():
    found = stats([film("a.mp4", seg(0, 1, origin="model")), film("b.mp4", seg(0, 1, origin="manual"))])
    assert "the figures are the model's" in said(found, "nobody reviewed", "1 film (a.mp4)")


def test_it_is_told_that_people_saw_a_part():
    provenance = {"annotation": {"labels": ["A", "B"]}}
    found = stats(
        film("a.mp4", seg(0, 1, origin="manual"), reviewed=(Reviewed(start_s=0, end_s=3),), provenance=provenance)
    )
    assert "a.mp4 (25 %)" in said(found, "in a part of the film only")
    assert [(row.label, row.count) for row in found.films] == [("A", 1), ("B", 0)]  # a label that nobody used


def test_an_analysis_that_did_not_finish_is_told():
    assert "a.mp4" in said(stats(film("a.mp4", seg(0, 1), complete=False)), "did not finish")


def test_a_film_that_is_a_gap_from_start_to_end_has_no_shares():
    found = stats(film("a.mp4", seg(0, 1), gaps=(Gap(start_s=0, end_s=12, reason="damage"),)))
    assert "they have no shares and no rates" in said(found, "1 film (a.mp4) without any observed time")
    assert (found.films[0].count, found.films[0].share, found.films[0].rate_per_min) == (1, None, None)


def test_labels_that_look_alike_are_told():
    assert "walking and Walking" in said(
        stats(film("a.mp4", *(seg(i, i + 1, "Walking") for i in (0, 2)), seg(4, 5, "walking"))), "look alike"
    )


# ---- subjects


def test_each_subject_has_its_budget():
    x, y = ({"subject": name} for name in "xy")
    found = stats(film("a.mp4", seg(0, 6, attributes=x), seg(0, 3, attributes=y), seg(8, 9)), by="subject")
    assert [(row.subject, row.total_s, row.share) for row in found.films] == [
        ("", 1, 1 / 12),
        ("x", 6, 0.5),
        ("y", 3, 0.25),
    ]
    assert "1 segment without a subject" in said(found, "without a subject")


def test_subjects_that_overlap_are_told_with_the_cure():
    x, y = ({"subject": name} for name in "xy")
    films = film("a.mp4", seg(0, 6, attributes=x), seg(0, 3, attributes=y))
    assert "--by subject" in said(stats(films), "overlap")
    assert stats(films, by="subject").notes == ()


# ---- groups

THREE = [film(f"{name}.mp4", seg(0, length)) for name, length in (("a", 2), ("b", 4), ("c", 6))]


def grouped(tmp_path, text, films=THREE, **more):
    (tmp_path / "groups.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return stats(films, groups=tmp_path / "groups.csv", **more)


def means(found):
    return {row.group: (row.films, row.total_s) for row in found.groups if row.statistic == "mean"}


@pytest.mark.parametrize(
    "text",
    [
        "video,group\na.mp4,x\nb,x\nc.mp4,y\n",
        "Group;Video\nx;a\nx;b\ny;c\n",
        "sep=;\nfilm;group;weight\na;x;1,5\nb;x;2\nc;y;3\n",
        "\ufeffvideo\tgroup\na\tx\nb\tx\nc\ty\n".encode("utf-16"),
        "group,video file name\n x , a.mp4\nx,somewhere/b.mp4\ny,c.mp4\n",
    ],
)
def test_tables_of_groups(tmp_path, text):
    found = grouped(tmp_path, text)
    assert means(found) == {"x": (2, 3), "y": (1, 6)}
    assert found.notes == ()


def test_a_workbook_of_groups(tmp_path):
    sheets = {"notes": [["a day"], ["Monday"]], "animals": [["Group", "Video"], ["x", "a.mp4"], ["x", "b"], ["y", "c"]]}
    found = grouped(tmp_path, workbook(sheets))
    assert means(found) == {"x": (2, 3), "y": (1, 6)}
    with pytest.raises(InputError, match="has no column group"):
        grouped(tmp_path, workbook({"notes": sheets["notes"]}))


def test_what_does_not_fit_is_told_in_a_line_each(tmp_path):
    found = grouped(tmp_path, "video,group\na,x\na,y\nd,x\n,x\nb,\nc,z\n")
    assert means(found) == {"z": (1, 6)}
    assert found.notes == (
        "groups.csv: 2 rows without a film or without a group: left out",
        "groups.csv: there is no film d here, so no group counts it; use the names of the films",
        "groups.csv: a.mp4 (x and y) in two groups, so in none; keep one row of each",
        "groups.csv: b.mp4 in no group, so no group counts them; add a row for each",
    )
    assert {row.film: row.group for row in found.films} == {"a.mp4": "", "b.mp4": "", "c.mp4": "z"}


def test_a_name_that_may_be_two_films_is_told(tmp_path):
    films = [film(f"{day}/a.mp4", seg(0, 1)) for day in ("mon", "tue")]
    assert "may be mon/a.mp4 and tue/a.mp4" in said(grouped(tmp_path, "video,group\na,x\n", films), "write the folders")
    assert means(grouped(tmp_path, "video,group\nmon/a,x\ntue/a.mp4,y\n", films)) == {"x": (1, 1), "y": (1, 1)}


def test_a_film_that_is_there_only_as_the_table_has_it_is_meant(tmp_path):
    films = [film("a.mp4", seg(0, 1)), film("mon/a.mp4", seg(0, 2))]
    assert means(grouped(tmp_path, "video,group\na.mp4,x\nmon/a.mp4,y\n", films)) == {"x": (1, 1), "y": (1, 2)}


def test_without_a_table_all_films_are_one_group():
    assert means(stats(THREE)) == {"all": (3, 4)}


def test_no_film_of_the_table_is_here(tmp_path):
    found = grouped(tmp_path, "video,group\nd,x\n")
    assert found.groups == []
    assert len(found.films) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("video,Video,group\na,b,old\n", "has two columns video"),
        ("", "has no column group; no figures were computed; give a table with the columns video and group"),
        ("a,b\n1,2\n", "has no column group: it has a and b"),
        ("treatment,group\n1,2\n", "has no column video: it has treatment and group"),
        ("video,group,group\na,x,y\n", "has two columns group"),
        (
            "subject,group\nx,y\n",
            "has groups of subjects; no figures were computed; count them apart with --by subject",
        ),
        (b"\xff\x00\xfe", "cannot be read"),
    ],
)
def test_tables_that_are_none(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        grouped(tmp_path, text)


def test_a_row_of_another_length_is_told(tmp_path):
    assert "line 3" in said(grouped(tmp_path, "video,group\na,x\nb\nc,x\n"), "left out")


def test_subjects_have_groups(tmp_path):
    segments = [seg(0, length, attributes={"subject": name}) for name, length in (("x", 2), ("y", 4))]
    films = [film("a.mp4", *segments), film("b.mp4", *segments)]
    assert means(grouped(tmp_path, "subject,group\nx,old\ny,young\n", films, by="subject")) == {
        "old": (2, 2),
        "young": (2, 4),
    }
    found = grouped(tmp_path, "video,subject,group\na,x,old\na,y,young\nb,,none\n", films, by="subject")
    assert means(found) == {"none": (2, 3), "old": (1, 2), "young": (1, 4)}


def test_names_of_strangers_stay_names(tmp_path):
    found = grouped(tmp_path, "video,group\n../../etc/passwd,x\na,=1+1\n")
    assert means(found) == {"=1+1": (1, 2)}
    assert json.dumps(found.notes)


def test_each_region_of_a_film_counts_as_a_film(tmp_path):
    for name, place, segments in (
        ("hen 1", "0%,0%,50%,100%", [seg(0, 1)]),
        ("hen 2", "50%,0%,50%,100%", [seg(0, 1), seg(2, 3)]),
    ):
        region = Region.parse(f"{name}={place}")
        save(tmp_path, "a.mp4", *segments, file=f"a.mp4.{name}.timeline.json", region=region)
    found = stats(tmp_path)
    assert counts(found) == {"a.mp4, hen 1": 1, "a.mp4, hen 2": 2}
    assert not found.failed
