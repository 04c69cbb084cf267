"""Spots in JSON as annotations: frames that become instants."""

from fractions import Fraction

import pytest
from spot_files import drawn, problems, read, spot  # noqa: F401  (fixtures among them)

from vtn_stream.formats.annotations.frames import NO_RATE


def test_spots_stand_where_their_frame_begins(read):
    annotations = read([spot(serve=0, bounce=50), spot("other", fps=29.97002997002997, num_frames=300, serve=30)])
    assert (annotations.format, annotations.labels) == ("spot JSON", ("bounce", "serve"))
    assert drawn(annotations) == {"match": "serve 0, bounce 2", "other": "serve 1.001"}
    assert [v.duration_s for v in annotations.videos.values()] == [40.0, float(300 * Fraction(1001, 30000))]
    assert [v.rate for v in annotations.videos.values()] == [25, Fraction(30000, 1001)]


def test_spots_need_a_rate(read, problems):
    without = spot(serve=50)
    del without["fps"]
    assert "say how many a second with --annotation-fps" in problems([without])[0][1]
    assert drawn(read([without], fps=50)) == {"match": "serve 1"}
    assert not read([spot(serve=50)], fps=50).uses_fps


def test_two_spots_may_be_one_and_the_same(read):
    films = [spot() | {"events": [{"frame": 5, "label": "substitution", "score": 0.5}] * 2}]
    assert drawn(read(films)) == {"match": "substitution 0.2, substitution 0.2"}
    assert [s.score for s in read(films).videos["match"].segments] == [0.5, 0.5]


def test_spots_past_the_end_are_told_and_those_just_past_it_are_moved_there(read, problems):
    films = [spot(a=1001, b=1100)]
    assert problems(films)[0][1] == "[0].events[1]: it stands at 44 s, past the end of the film at 40 s"
    kept = read(films, skip_bad=True)
    assert drawn(kept) == {"match": "a 40"}
    assert len(kept.warnings) == 1


@pytest.mark.parametrize(
    ("film", "told"),
    [
        (spot(a=1.5), "[0].events[0]: its frame is 1.5, not a whole number"),
        (spot(a=-1), "[0].events[0]: it is before the start of the film, at -0.04 s"),
        (spot(a=10**50), "[0].events[0]: its frame is a huge number, not a whole number"),
        (spot(fps="fast"), "[0]: its fps is fast, so that its frames have no times in seconds; " + NO_RATE),
        (spot(num_frames="many"), "[0]: its duration is many, not seconds above 0"),
        (spot(video=3), "[0]: the film's id is 3, not text"),
        (spot() | {"events": [7]}, "[0].events[0]: it is 7, not an object"),
    ],
)
def test_what_is_wrong_with_a_spot_is_told(problems, film, told):
    assert [text for _, text in problems([film, spot("good", x=1)])] == [told]


def test_segments_that_end_when_they_start_are_instants_if_all_of_their_label_do(read):
    found = read("video,start_s,end_s,label\na,6,6,whistle\nb,7,7,whistle\nb,1,2,walk\n")
    assert found.instants == ("whistle",)
    assert [(s.start_s, s.end_s) for s in found.videos["b"].segments] == [(1, 2), (7, 7)]
    assert [str(w) for w in found.warnings] == [
        "line 2: all that are labelled whistle (2) end when they start: they are read as instants"
    ]


def test_one_that_has_no_length_where_others_of_its_label_have_one_is_a_mistake(problems):
    text = "video,start_s,end_s,label\na,6,6,walk\nb,1,2,walk\n"
    assert problems(text) == [(2, "a: it has no length: it starts and ends at 6 s")]
