"""Two annotators: what is read of them, which films they share, and how far they agree."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from vtn_stream.errors import InputError, VtnStreamWarning
from vtn_stream.evaluation import annotators
from vtn_stream.evaluation.agreement import agreement
from vtn_stream.evaluation.agreement_table import save_agreement, to_dict
from vtn_stream.evaluation.coding import CodedFilm, Coding, read_coding
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.timeline import Gap, Reviewed, Segment, Timeline

FILM = {"video_identity": "c0ffee", "video_path": "x.mp4", "duration_s": 20, "span_s": (0, 20)}


def segment(start_s, end_s, label, **attributes):
    return Segment(start_s=start_s, end_s=end_s, label=label, attributes=attributes)


def coding(name="a", duration_s=20.0, **films):
    """The segments of each film."""
    return Coding(
        name=name,
        films={f"{film}.mp4": CodedFilm(segments=tuple(of), duration_s=duration_s) for film, of in films.items()},
    )


def table(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["video,start_s,end_s,label", *rows]) + "\n")
    return path


def timeline(path, *segments, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(timeline_json.dumps(Timeline(**(FILM | {"segments": segments} | fields))))
    return path


def compared(a, b, **options):
    return agreement(read_coding(a), read_coding(b), **options)


ONE = (segment(0, 6, "walk"), segment(8, 11, "run"), segment(15, 20, "rest"))
OTHER = (segment(0, 5, "walk"), segment(8, 13, "run"), segment(15, 20, "rest"))


def test_the_figures_by_hand():
    found = agreement(coding(x=ONE), coding("b", x=OTHER))
    assert found.kappa.observed == 17 / 20
    assert found.kappa.value == pytest.approx((0.85 - 0.25) / 0.75)
    run = found.labels["run"]
    assert (run.both_s, run.only_a_s, run.only_b_s, run.neither_s) == (3, 0, 2, 15)
    assert run.kappa.value == pytest.approx((0.9 - (3 * 5 + 17 * 15) / 400) / (1 - (3 * 5 + 17 * 15) / 400))
    assert (run.num_a, run.num_b, run.matched, run.events) == (1, 1, (0, 0, 1), (0.0, 0.0, 1.0))
    assert (run.overlapping, run.overlap, run.starts_s, run.ends_s) == (1, 1.0, (0.0,), (2.0,))
    assert found.total.matched == (1, 2, 3)
    assert [tuple(piece) for piece in found.films[0].differing] == [
        (5, 6, ("walk",), ()),
        (11, 13, (), ("run",)),
    ]


def test_films_add_up():
    found = agreement(coding(x=ONE, y=OTHER), coding("b", x=OTHER, y=OTHER))
    assert found.kappa.observed == 37 / 40
    assert found.labels["run"].matched == (1, 1, 2)
    assert [film.name for film in found.films] == ["x.mp4", "y.mp4"]


LABELS = st.sampled_from(["walk", "run", "rest", "press"])
sides = st.lists(
    st.tuples(st.integers(0, 72), st.integers(0, 8), LABELS).map(lambda e: segment(e[0] / 4, (e[0] + e[1]) / 4, e[2])),
    max_size=6,
)


@given(sides, sides, sides, sides)
def test_nothing_but_the_sign_depends_on_who_comes_first(a, b, c, d):
    there, back = agreement(coding(x=a, y=c), coding(x=b, y=d)), agreement(coding(x=b, y=d), coding(x=a, y=c))
    assert there.kappa == back.kappa
    for label, of in there.labels.items():
        other = back.labels[label]
        assert (of.kappa, of.events, of.overlap) == (other.kappa, other.events, other.overlap)
        assert (of.num_a, of.only_a_s) == (other.num_b, other.only_b_s)
        assert list(of.starts_s) == [-each for each in other.starts_s]
        mine, theirs = there.counts(label), back.counts(label)
        assert (mine.agreement is None, mine.why) == (theirs.agreement is None, theirs.why)


@given(sides, sides)
def test_each_agrees_with_itself(a, b):
    found = agreement(coding(x=a, y=b), coding(x=a, y=b))
    assert found.kappa.value in (1.0, None)
    for label, of in found.labels.items():
        assert of.kappa.value in (1.0, None)
        assert of.events == (1.0, 1.0, 1.0)
        assert {*of.starts_s, *of.ends_s} <= {0.0}
        assert found.counts(label).agreement is None or found.counts(label).agreement.value == 1.0
    assert all(not film.differing for film in found.films)


@given(sides, sides)
def test_names_of_labels_change_nothing(a, b):
    names = {"walk": "z", "run": "y", "rest": "a", "press": "m"}
    renamed = [[segment(s.start_s, s.end_s, names[s.label]) for s in each] for each in (a, b)]
    plain, other = agreement(coding(x=a), coding(x=b)), agreement(coding(x=renamed[0]), coding(x=renamed[1]))
    assert plain.kappa == other.kappa
    assert {names[label]: of for label, of in plain.labels.items()} == dict(other.labels)


def test_labels_that_overlap_are_compared_by_what_holds_together():
    a = coding(x=[segment(0, 10, "walk"), segment(5, 10, "call")])
    b = coding(x=[segment(0, 10, "walk"), segment(5, 10, "call")])
    found = agreement(a, b)
    assert found.time == {((), ()): 10, (("call", "walk"),) * 2: 5, (("walk",),) * 2: 5}
    assert found.labels["call"].kappa.value == found.kappa.value == 1.0


def test_the_same_label_of_two_subjects_is_two_things():
    a = coding(x=[segment(0, 10, "walk", subject="rat 1"), segment(5, 15, "walk", subject="rat 2")])
    b = coding(x=[segment(0, 10, "walk", subject="rat 2"), segment(5, 15, "walk", subject="rat 1")])
    found = agreement(a, b)
    assert [*found.labels] == ["rat 1: walk", "rat 2: walk"]
    assert found.labels["rat 1: walk"].both_s == 5
    assert found.kappa.observed == 0.5  # both walk in 5 s, neither in the last 5


def test_subjects_that_only_one_names_are_not_compared():
    found = agreement(coding(x=[segment(0, 5, "walk", subject="rat 1")]), coding(x=[segment(0, 5, "walk")]))
    assert found.labels["walk"].kappa.value == 1.0
    assert any("Only A says whom it watched" in note for note in found.notes)
    one = agreement(
        coding(x=[segment(0, 5, "walk", subject="rat")]),
        coding(x=[segment(0, 5, "walk", subject="Rat1", modifier="fast")]),
    )
    assert [*one.labels] == ["walk"]
    assert any("A watched rat and B Rat1" in note for note in one.notes)
    assert any("Modifiers are not compared" in note for note in one.notes)


def test_a_label_of_one_alone_is_told_with_the_nearest_of_the_other():
    found = agreement(coding(x=[segment(0, 5, "walking")]), coding(x=[segment(0, 5, "Walkin")]))
    assert found.labels["walking"].kappa.value == 0.0
    notes = " ".join(found.notes)
    assert "A and B have no label in common" in notes
    assert "Only A uses walking" in notes
    assert "'walking' is perhaps B's 'Walkin'" in notes or "walking is perhaps B's Walkin" in notes.replace('"', "")


def test_a_label_without_length_on_one_side_is_told():
    found = agreement(coding(x=[segment(5, 5, "press")]), coding(x=[segment(4.8, 5.1, "press")]))
    assert found.labels["press"].matched == (1, 1, 1)
    assert any("gives press no length" in note for note in found.notes)


def test_instants_are_events_and_no_time():
    found = agreement(coding(x=[segment(5, 5, "press")]), coding(x=[segment(5.75, 5.75, "press")]))
    press = found.labels["press"]
    assert (press.matched, press.overlap, press.starts_s) == ((0, 1, 1), None, (0.75,))
    assert (press.kappa.value, press.kappa.why) == (None, "its events have no length")
    assert (found.kappa.value, found.kappa.why) == (None, "both say one and the same all the time")
    assert found.films[0].differing == ()
    apart = agreement(coding(x=[segment(5, 5, "press")]), coding(x=[segment(7.5, 7.5, "press")]))
    assert [tuple(piece) for piece in apart.films[0].differing] == [(5, 5, ("press",), ()), (7.5, 7.5, (), ("press",))]


def test_films_in_which_nothing_happens_have_no_kappa_and_say_why():
    found = agreement(coding(x=[]), coding(x=[]))
    assert (found.kappa.value, found.kappa.observed) == (None, 1.0)
    assert found.labels == {}
    nothing = agreement(coding(x=[], duration_s=0.0), coding(x=[], duration_s=0.0))
    assert nothing.kappa.why == "there is no time to compare"


def test_counts_correlate_over_films():
    numbers = {"p": (3, 4), "q": (7, 7), "r": (1, 2)}
    sides = [
        coding(**{film: [segment(i, i + 0.5, "walk") for i in range(of[who])] for film, of in numbers.items()})
        for who in (0, 1)
    ]
    from vtn_stream.metrics.agreement import icc

    found = agreement(*sides)
    assert found.counts("walk") == icc([*numbers.values()])
    assert found.durations("walk").agreement.value == pytest.approx(found.counts("walk").agreement.value)


# ---- what is read


def test_tables_are_read_and_films_found_by_name(tmp_path):
    a = table(tmp_path / "alice.csv", "films/x.mp4,0,6,walk", "only_alice.mp4,1,2,walk")
    b = table(tmp_path / "bob.csv", "x.avi,0,5,walk", "only_bob.mp4,1,2,walk")
    found = compared(a, b)
    assert ([film.name for film in found.films], found.a, found.b) == (["films/x.mp4"], "alice.csv", "bob.csv")
    assert (found.shared.only_a, found.shared.only_b) == (("only_alice.mp4",), ("only_bob.mp4",))
    assert any("Taken to end with the last segment" in note for note in found.notes)


def test_no_film_in_common_is_an_error_that_names_the_nearest(tmp_path):
    a, b = table(tmp_path / "a.csv", "match_01.mp4,0,6,walk"), table(tmp_path / "b.csv", "match-01.mp4,0,5,walk")
    with pytest.raises(InputError, match=r"no film in common.*is one of them"):
        compared(a, b)


def test_two_files_about_one_film_each_are_of_one_film(tmp_path):
    for name, end in (("alice", "06"), ("bob", "05")):
        (tmp_path / f"{name}.srt").write_text(f"1\n00:00:00,000 --> 00:00:{end},000\nwalk\n")
    found = compared(tmp_path / "alice.srt", tmp_path / "bob.srt")
    assert found.labels["walk"].both_s == 5
    assert any("taken for one film" in note for note in found.notes)


def test_folders_of_files_of_other_programs(tmp_path):
    for who, end in (("anna", "06"), ("ben", "05")):
        (tmp_path / who).mkdir()
        for film in ("x", "y"):
            (tmp_path / who / f"{film}.srt").write_text(f"1\n00:00:00,000 --> 00:00:{end},000\nwalk\n")
    (tmp_path / "ben" / "hens.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:05.000\nwalk\n")
    (tmp_path / "ben" / "x.mp4").write_bytes(b"no table")  # films are passed over
    found = compared(tmp_path / "anna", tmp_path / "ben")
    assert ([film.name for film in found.films], found.labels["walk"].both_s) == (["x", "y"], 10)
    assert found.shared.only_b == ("hens",)
    (tmp_path / "ben" / "x.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:05.000\nwalk\n")
    with pytest.raises(InputError, match=r"x\.srt and x\.vtt are both about"):
        read_coding(tmp_path / "ben")
    (tmp_path / "ben" / "x.vtt").write_text("something else")
    with pytest.raises(InputError, match=r"x\.vtt"):
        read_coding(tmp_path / "ben")


def test_timelines_of_other_films_of_one_name_are_left_out(tmp_path):
    for who, other in (("a", "1"), ("b", "2")):
        timeline(tmp_path / who / "x.timeline.json", segment(0, 5, "walk"))
        timeline(tmp_path / who / "y.timeline.json", video_path="y.mp4", video_identity=other)
    found = compared(tmp_path / "a", tmp_path / "b")
    assert ([film.name for film in found.films], found.shared.differing) == (["x.mp4"], ("y.mp4",))
    for who in ("a", "b"):
        (tmp_path / who / "x.timeline.json").unlink()
    with pytest.raises(InputError, match=r"different films called y\.mp4"):
        compared(tmp_path / "a", tmp_path / "b")


def test_of_corrected_timelines_only_time_that_both_know_counts(tmp_path):
    by_hand = Segment(start_s=0, end_s=6, label="walk", origin="manual")
    drawn = Segment(start_s=12, end_s=14, label="walk", score=0.5, origin="model")
    a = timeline(tmp_path / "a.timeline.json", by_hand, drawn, reviewed=(Reviewed(start_s=0, end_s=10),))
    b = table(tmp_path / "b.csv", "x.mp4,0,5,walk", "x.mp4,12,14,walk", "x.mp4,8,9,walk")
    found = compared(a, b)
    assert found.films[0].compared_s == 10
    walk = found.labels["walk"]
    assert (walk.both_s, walk.only_a_s, walk.only_b_s, walk.neither_s) == (5, 1, 1, 3)
    assert (walk.num_a, walk.num_b) == (1, 2)
    assert any("10.0 of 20.0 s: only that time counts" in note for note in found.notes)


def test_where_nobody_says_that_nothing_else_happens_there_is_little_to_compare(tmp_path):
    for who, start in (("a", 0), ("b", 2)):
        by_hand = Segment(start_s=start, end_s=start + 5, label="walk", origin="manual")
        timeline(tmp_path / who / "x.timeline.json", by_hand)
    found = compared(tmp_path / "a", tmp_path / "b")
    assert (found.films[0].compared_s, found.kappa.value) == (3, None)
    assert any("3.0 of 20.0 s" in note for note in found.notes)


def test_gaps_and_what_was_not_analyzed_do_not_count(tmp_path):
    a = timeline(
        tmp_path / "a.timeline.json",
        segment(3, 6, "walk"),
        span_s=(2, 12),
        gaps=(Gap(start_s=8, end_s=9, reason="damaged"),),
    )
    found = compared(a, table(tmp_path / "b.csv", "x.mp4,0,8.5,walk"))
    assert found.films[0].compared_s == 9
    assert found.labels["walk"].only_b_s == 3


def test_a_film_that_nobody_coded_yet_is_not_one_in_which_nothing_happens(tmp_path):
    timeline(tmp_path / "a" / "x.timeline.json", provenance={"annotation": {"labels": ["walk"]}})
    timeline(tmp_path / "a" / "y.timeline.json", segment(0, 5, "walk"), video_path="y.mp4", video_identity="2")
    coded = read_coding(tmp_path / "a")
    assert ([*coded.films], coded.uncoded) == (["y.mp4"], ("x.mp4",))


def test_two_timelines_of_one_film_are_refused(tmp_path):
    timeline(tmp_path / "a" / "x.timeline.json", segment(0, 5, "walk"))
    timeline(tmp_path / "a" / "x.timeline (1).json", segment(0, 6, "walk"))
    with pytest.raises(InputError, match=r"both timelines of x\.mp4"):
        read_coding(tmp_path / "a")


def test_labels_of_whole_films_count_film_by_film(tmp_path):
    said = {"p": "cat dog", "q": "cat cat", "r": "dog dog", "s": "dog cat", "t": "cat cat"}
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for who, file in enumerate(files):
        file.write_text("".join(f"{film}.mp4 {both.split()[who]}\n" for film, both in said.items()))
    found = compared(*files)
    assert found.kappa.value == pytest.approx((3 / 5 - 13 / 25) / (1 - 13 / 25))
    assert "Both label whole films: each film counts alike, as 1 s." in found.notes


def boris(path, **observations):
    """A project whose observations, all of one film of 60 s or of none, have events (time, subject, code)."""
    media = {"file": {"1": ["hens.mp4"]}, "type": "MEDIA", "media_info": {"length": {"hens.mp4": 60.0}}}
    without = {"file": {}, "type": "LIVE"}
    coded = {
        name: {
            **(without if name.endswith("live") else media),
            "events": [[time_s, subject, code, "", "", ""] for time_s, subject, code in events],
        }
        for name, events in observations.items()
    }
    codes = {"0": {"type": "State event", "code": "walk"}, "1": {"type": "Point event", "code": "peck"}}
    path.write_text(json.dumps({"project_format_version": "7.0", "behaviors_conf": codes, "observations": coded}))
    return path


HENS = [(1, "hen 1", "walk"), (3, "hen 2", "walk"), (5, "hen 1", "peck"), (10, "hen 1", "walk"), (20, "hen 2", "walk")]


def chosen(*observations):
    return CodingOptions(observations=observations)


def test_two_observations_of_one_boris_project(tmp_path):
    ben = [(1.5, "hen 1", "walk"), *HENS[1:4], (18, "hen 2", "walk"), (40, "hen 2", "peck")]
    project = boris(tmp_path / "p.boris", anna=HENS, ben=ben)
    found = agreement(*(read_coding(project, coding=chosen(who)) for who in ("anna", "ben")))
    assert [*found.labels] == ["hen 1: peck", "hen 1: walk", "hen 2: peck", "hen 2: walk"]
    assert (found.labels["hen 1: walk"].both_s, found.labels["hen 2: walk"].only_a_s) == (8.5, 2)
    assert found.kappa.observed == pytest.approx(57.5 / 60)
    assert not any("perhaps" in note for note in found.notes)  # hen 1: peck is another thing, and both use it


def test_what_lies_beside_boris_projects_and_is_not_read_is_named(tmp_path):
    boris(tmp_path / "hens.boris", ben=HENS)
    (tmp_path / "x.srt").write_text("1\n00:00:00,000 --> 00:00:05,000\nwalk\n")
    (tmp_path / "hens.mp4").write_bytes(b"a film")
    assert any("x.srt ignored" in text for text in read_coding(tmp_path).told)


def test_live_observations_are_of_no_film_and_those_that_are_named_are_one(tmp_path):
    project = boris(tmp_path / "p.boris", **{"anna live": HENS, "ben live": HENS})
    found = agreement(*(read_coding(project, coding=chosen(who)) for who in ("anna*", "ben*")))
    assert found.kappa.value == 1.0
    assert any("taken for one film" in note for note in found.notes)


def test_a_corrected_timeline_and_an_elan_file(tmp_path):
    by_hand = Segment(start_s=2, end_s=6, label="walk", origin="manual")
    a = timeline(tmp_path / "x.timeline.json", by_hand, reviewed=(Reviewed(start_s=0, end_s=20),))
    eaf = FORMATS["elan"].write([Timeline(**{**FILM, "segments": (segment(2, 5, "walk"),)})], Options()).content
    (tmp_path / "x.eaf").write_bytes(eaf)
    found = compared(a, tmp_path / "x.eaf")
    assert (found.labels["walk"].both_s, found.labels["walk"].only_a_s) == (3, 1)


def test_times_that_no_film_has_are_refused(tmp_path):
    a = timeline(tmp_path / "a.timeline.json", segment(0, 5, "walk"), duration_s=1e300, span_s=(0, 1e300))
    with pytest.raises(InputError, match=r"A has the time 1e\+300 s in x\.mp4"):
        compared(a, timeline(tmp_path / "b.timeline.json"))


# ---- what is written


def test_json_and_csv_hold_the_figures(tmp_path):
    found = agreement(coding(x=ONE), coding("b", x=[*OTHER, segment(14, 14, "=bad")]))
    fields = json.loads(json.dumps(to_dict(found, by_film=True), allow_nan=False))
    assert fields["kappa"]["value"] == pytest.approx(0.8)
    assert fields["labels"]["walk"]["events"]["b_ends_later"] == {"num": 1, "mean_s": -1.0, "sd_s": None}
    assert fields["labels"]["walk"]["count_icc"]["why"] == "it needs two films or more"
    assert fields["by_film"][0]["labels"]["run"]["seconds"]["only_b"] == 2.0
    save_agreement(tmp_path / "t.csv", found)
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(row["film"], row["label"]) for row in rows[:3]] == [("", ""), ("", "'=bad"), ("", "rest")]
    assert rows[0]["kappa"] == "0.8"
    assert rows[-1]["agreement_within_1_s"] == "1"
    assert len(rows) == 2 * 5
    save_agreement(tmp_path / "t.xlsx", found)
    sheet = [*load_workbook(tmp_path / "t.xlsx").active.iter_rows(values_only=True)]
    assert list(sheet[0]) == list(rows[0])
    assert (sheet[1][6], sheet[2][1]) == (0.8, "=bad")  # text


# ---- in Python


def test_timelines_in_memory_and_files_are_compared(tmp_path):
    mine = Timeline(**FILM, segments=(segment(0, 6, "walk"),))
    file = table(tmp_path / "b.csv", "x.mp4,0,5,walk", "y.mp4,0,5,walk")
    with pytest.warns(VtnStreamWarning, match=r"only B has .*y\.mp4"):
        found = annotators.agreement(mine, file)
    assert (found.a, found.b, found.labels["walk"].both_s) == ("A", "B", 5)
    assert annotators.agreement([mine], mine).kappa.value == 1.0
    with pytest.raises(InputError, match="two timelines of"):
        annotators.agreement([mine, mine], mine)


def test_observations_of_one_project_in_python(tmp_path):
    project = boris(tmp_path / "p.boris", anna=HENS, ben=HENS)
    assert annotators.agreement(project, str(project), observations=("anna", "ben")).kappa.value == 1.0
