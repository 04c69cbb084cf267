"""Timelines into other formats: what is written where, of what, and what is said about it."""

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vtn_stream.errors import InputError, TimelineError
from vtn_stream.exchange import export, export_together
from vtn_stream.exchange.selection import Selection
from vtn_stream.film import FrameIndex
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.formats.timeline_csv import write as write_csv
from vtn_stream.results import FORMAT_NAMES, load_timeline, suffix_of
from vtn_stream.store import write_scores
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores

TIMELINE = Timeline(
    video_identity="c0ffee",
    video_path="film.mp4",
    duration_s=60.0,
    span_s=(0.0, 60.0),
    nominal_rate=Fraction(25),
    segments=(
        Segment(start_s=0, end_s=20, label="walk", score=0.5),
        Segment(start_s=20, end_s=45, label="run", score=0.9),
    ),
    provenance={"analysis": {"kind": "clip classifier", "operating_point": {"high": 0.5, "low": 0.25}}},
)


def put(folder, timeline=TIMELINE, name="film"):
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{name}.timeline.json"
    path.write_bytes(timeline_json.dumps(timeline))
    return path


def put_scores(path, identity="c0ffee"):
    """Ten seconds more of walking, of which the timeline does not tell."""
    frame = np.zeros((60, 2), np.float16)
    frame[:20, 0], frame[20:45, 1], frame[50:, 0] = 0.5, 0.9, 0.3
    index = FrameIndex(grid_s=np.arange(60.0), frame=np.arange(60), pts_s=np.arange(60.0), valid=np.ones(60, bool))
    scores = path.with_name(path.name.replace(".timeline.json", ".scores.arrow"))
    write_scores(scores, GridScores(frame=frame), index, ("walk", "run"), identity)
    return scores


def spans(path):
    return [(s.start_s, s.end_s, s.label) for s in load_timeline(path).segments]


def test_every_format_lies_beside_the_timeline_under_a_name_of_its_own(tmp_path):
    written = list(export(put(tmp_path), FORMAT_NAMES).paths)
    assert [path.name for path in written] == [f"film.timeline{suffix_of(name)}" for name in FORMAT_NAMES]
    assert sorted(os.listdir(tmp_path)) == sorted({path.name for path in written})
    assert len(set(written)) == len(FORMAT_NAMES)
    assert all(path.stat().st_size for path in written)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_timeline_without_segments_is_valid_in_every_format(tmp_path, name):
    (file,) = export(put(tmp_path, replace(TIMELINE, segments=())), [name], tmp_path / "out").paths
    assert file.exists()


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_equal_timelines_give_equal_bytes(tmp_path, name):
    one, two = (export(put(tmp_path / d), [name], tmp_path / d / "out").paths[0] for d in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_a_file_elsewhere_that_says_something_else_is_kept(tmp_path):
    path, written = put(tmp_path / "in"), tmp_path / "out" / "film.timeline.csv"
    for _ in range(2):  # again, and nothing is in the way: it says the same
        assert export(path, ["csv", "csv"], tmp_path / "out").paths == (written,)
    assert os.listdir(tmp_path / "out") == ["film.timeline.csv"]
    written.write_text("mine")
    with pytest.raises(TimelineError, match="has other content"):
        export(path, ["csv"], tmp_path / "out")
    assert written.read_text() == "mine"
    export(path, ["csv"], tmp_path / "out", overwrite=True)
    assert written.read_bytes() == write_csv([TIMELINE], Options()).content


def test_a_file_beside_that_somebody_edited_is_kept_too(tmp_path):
    path = put(tmp_path)
    (written,) = export(path, ["srt"]).paths
    export(path, ["srt"])
    written.write_text("mine")
    with pytest.raises(TimelineError, match="has other content"):
        export(path, ["srt"])
    assert written.read_text() == "mine"


def test_a_selection_never_replaces_the_timeline_that_it_is_of(tmp_path):
    path = put(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(TimelineError, match=r"is the timeline itself.*name another folder"):
            export(path, ["json"], selection=Selection(threshold=0.8), overwrite=overwrite)
    assert load_timeline(path) == TIMELINE
    (chosen,) = export(path, ["json"], tmp_path / "out", selection=Selection(threshold=0.8)).paths
    assert spans(chosen) == [(20, 45, "run")]


def test_what_was_not_shown_comes_from_the_stored_scores(tmp_path):
    path = put(tmp_path)
    put_scores(path)
    (chosen,) = export(path, ["json"], tmp_path / "out", selection=Selection(threshold=0.2)).paths
    assert spans(chosen) == [(0, 19.5, "walk"), (19.5, 44.5, "run"), (49.5, 60, "walk")]
    provenance = load_timeline(chosen).provenance
    assert provenance["selections"] == [{"threshold": 0.2}]
    (higher,) = export(path, ["json"], tmp_path / "higher", selection=Selection(threshold=0.5)).paths
    assert spans(higher) == [(0, 20, "walk"), (20, 45, "run")]


def test_a_lower_threshold_draws_around_what_people_corrected(tmp_path):
    by_hand = Segment(start_s=2, end_s=18, label="walk", origin="manual")
    rejected = (Segment(start_s=50, end_s=60, label="walk", score=0.3, origin="model"),)
    path = put(tmp_path, replace(TIMELINE, segments=(by_hand,), rejected=rejected))
    put_scores(path)
    exported = export(path, ["json"], tmp_path / "out", selection=Selection(threshold=0.2))
    assert exported.warnings == ("it is drawn again from the scores, around what people corrected in its page",)
    (chosen,) = exported.paths
    assert spans(chosen) == [(2, 18, "walk"), (19.5, 44.5, "run")]
    assert load_timeline(chosen).rejected == rejected
    path.write_text(path.read_text().replace('"manual"', '"curated"'))  # in an editor
    told = export(path, ["json"], tmp_path / "edited", selection=Selection(threshold=0.2)).warnings
    assert told[1:] == (
        "it is drawn again from the scores: what else was changed by hand in the timeline is not in it",
    )


@pytest.mark.parametrize("scores", ["missing", "another film's", "damaged"])
def test_a_lower_threshold_without_its_scores_is_told(tmp_path, scores):
    path = put(tmp_path)
    if scores != "missing":
        file = put_scores(path, "decaf" if scores == "another film's" else "c0ffee")
        if scores == "damaged":
            os.truncate(file, 100)
    with pytest.raises(TimelineError, match=r"needs film\.scores\.arrow, and .*analyze the film again"):
        export(path, ["csv"], selection=Selection(threshold=0.2))
    export(path, ["csv"], selection=Selection(threshold=0.6))  # which needs none


@pytest.mark.parametrize(
    ("given", "left", "told"),
    [
        ((-5, 10), [(0, 10)], 1),
        ((50, 70), [(50, 60)], 1),
        ((70, 80), [], 1),
        ((-3, -1), [], 1),
        ((0, 60), [(0, 60)], 0),
        ((60, 60), [(60, 60)], 0),
        ((61, 61), [], 1),
    ],
)
def test_what_lies_outside_the_film_is_cut_and_told_once(tmp_path, given, left, told):
    outside = Segment(start_s=given[0], end_s=given[1], label="a")
    path = put(tmp_path, replace(TIMELINE, segments=(outside,)))
    done = export(path, ["json", "csv"], tmp_path / "out")
    assert [(s[0], s[1]) for s in spans(done.paths[0])] == left
    assert [w for w in done.warnings if "outside the film" in w] == [
        "1 segment outside the film, or partly outside: cut at its start or end, or left out"
    ] * told


def test_many_timelines_become_one_table(tmp_path):
    paths = [put(tmp_path, replace(TIMELINE, video_path=f"{name}.mp4"), name) for name in ("a", "b")]
    export_together(paths, tmp_path / "all.csv", selection=Selection(labels=("run",)))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    assert [(row["video"], row["label"], row["start_s"]) for row in rows] == [
        ("a.mp4", "run", "20.000"),
        ("b.mp4", "run", "20.000"),
    ]
    export_together(paths, tmp_path / "all.activitynet.json")
    assert len(json.loads((tmp_path / "all.activitynet.json").read_text())["results"]) == 2


@pytest.mark.parametrize("name", [name for name, format in FORMATS.items() if not format.holds_many])
def test_a_format_of_one_film_is_not_for_many(tmp_path, name):
    with pytest.raises(InputError, match=r"does not end as a format that holds many films.*\.csv or "):
        export_together([put(tmp_path)], tmp_path / f"all{suffix_of(name)}")


def test_with_any_selection_all_formats_are_written_but_the_timeline_itself(tmp_path):
    path = put(tmp_path)
    done = export(path, FORMAT_NAMES, selection=Selection(threshold=0.8))
    assert len(done.paths) == len(FORMAT_NAMES) - 1
    assert any("the JSON would replace the timeline itself" in warning for warning in done.warnings)
    assert load_timeline(path) == TIMELINE


def test_nothing_is_written_where_one_file_is_in_the_way(tmp_path):
    path = put(tmp_path)
    (tmp_path / "film.timeline.srt").write_text("mine")
    with pytest.raises(TimelineError, match=r"film\.timeline\.srt exists already.*nothing was written"):
        export(path, ["vtt", "srt"])
    assert not (tmp_path / "film.timeline.vtt").exists()


def test_what_all_formats_say_alike_is_said_once(tmp_path):
    done = export(put(tmp_path, replace(TIMELINE, nominal_rate=None)), FORMAT_NAMES, tmp_path / "out")
    assert sum("states no frame rate" in warning for warning in done.warnings) == 1


@pytest.mark.parametrize(
    ("given", "selection", "told"),
    [
        ({"complete": False}, {}, "the analysis did not finish"),
        ({}, {"threshold": 0.95}, "of 2 segments none is left; the highest score is 0.90"),
        ({}, {"labels": ("jump",)}, "no segment is called jump"),
    ],
)
def test_what_a_reader_of_the_file_would_not_know_is_told(tmp_path, given, selection, told):
    done = export(put(tmp_path, replace(TIMELINE, **given)), ["vtt"], selection=Selection(**selection))
    assert told in " ".join(done.warnings)


def test_one_bad_timeline_does_not_stop_the_others(tmp_path, here):
    good, bad = put(tmp_path), tmp_path / "bad.timeline.json"
    bad.write_text("no")
    code, out, err = here("export", bad, good, "-f", "vtt", "--together", tmp_path / "all.csv")
    assert code == 1
    assert f"wrote {tmp_path / 'film.timeline.vtt'}" in out
    assert "bad.timeline.json" in err
    (tmp_path / "all.csv").unlink(missing_ok=True)
    code, out, err = here("export", bad, good, "--together", tmp_path / "all.csv")
    assert (code, out) == (1, f"wrote {tmp_path / 'all.csv'}\n")
    assert err.count("bad.timeline.json") == 1


def test_the_command_line_selects(tmp_path, here):
    path = put(tmp_path)
    words = "--label run --rename run=dash --lead 5 --lag -5 --min-duration 1 --top 1 --no-overlaps --merge-gap 0"
    code, _, err = here("export", path, "-f", "json", "-o", tmp_path / "out", *words.split())
    assert (code, err) == (0, "")
    assert spans(tmp_path / "out" / "film.timeline.json") == [(15, 40, "dash")]


def test_two_timelines_never_become_one_file(tmp_path, here):
    one, two = put(tmp_path / "a"), put(tmp_path / "b", replace(TIMELINE, segments=()))
    code, out, err = here("export", one, two, "-f", "vtt", "-o", tmp_path / "out", "--overwrite")
    assert (code, out) == (2, "")
    assert "would both become" in err
    assert not (tmp_path / "out").exists()
    assert here("export", one, two, one, "-f", "vtt")[0] == 0  # each beside its own


def test_a_folder_stands_for_the_timelines_in_it(tmp_path, here):
    put(tmp_path / "all", name="a")
    put(tmp_path / "all" / "deep", name="b")
    code, out, _ = here("export", tmp_path / "all", "-f", "srt")
    assert (code, len(out.splitlines())) == (0, 2)
    assert (tmp_path / "all" / "deep" / "b.timeline.srt").exists()
    assert here("export", tmp_path / "all" / "deep" / "..", "--together", tmp_path / "t.csv")[0] == 0


def test_a_label_that_one_film_lacks_is_a_warning_and_one_that_all_lack_an_error(tmp_path, here):
    one = put(tmp_path, name="one")
    two = put(tmp_path, replace(TIMELINE, segments=()), name="two")
    code, out, err = here("export", one, two, "-f", "vtt", "--label", "run", "--rename", "run=dash")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "two.timeline.json: no segment is called run" in err
    code, out, err = here("export", one, two, "-f", "srt", "--label", "runn")
    assert (code, out) == (1, "")
    assert "no segment is called runn; nothing was written; did you mean run? There are: walk, run" in err


def test_a_label_that_only_the_stored_scores_know_may_be_asked_for(tmp_path, here):
    path = put(tmp_path, replace(TIMELINE, segments=TIMELINE.segments[1:]))
    put_scores(path)
    words = ["export", path, "-f", "json", "-o", tmp_path / "out", "--label", "walk"]
    assert here(*words)[0] == 1
    code, _, err = here(*words, "--threshold", "0.2")
    assert (code, err) == (0, "")
    assert spans(tmp_path / "out" / "film.timeline.json") == [(0, 19.5, "walk"), (49.5, 60, "walk")]


@pytest.mark.parametrize("option", ["--lead", "--lag", "--merge-gap", "--min-duration", "--threshold"])
@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_numbers_that_are_none_are_usage(tmp_path, here, option, number):
    assert here("export", put(tmp_path), "-f", "csv", f"{option}={number}")[0] == 2


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, here):
    (tmp_path / "file").touch()
    code, _, err = here("export", put(tmp_path), "-f", "csv", "-o", tmp_path / "file")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "film.timeline.csv cannot be written (" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "nothing to write"),
        ("-f csv --start-timecode 5", "is not HH:MM:SS:FF"),
        ("-f csv --rename run", "'run' is not OLD=NEW"),
        ("-f csv --rate 0", "is not a rate"),
        ("-f csv --rate 25fps", "is not a rate"),
        ("-f cvs", "cvs"),
        ("-f csv --threshold 2", "2"),
    ],
)
def test_wrong_words_are_usage(tmp_path, here, words, said):
    code, _, err = here("export", put(tmp_path), *words.split())
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("2997/100", Fraction(2997, 100)),
        ("12.5", Fraction(25, 2)),
        ("30.0", Fraction(30)),
    ],
)
def test_rates_are_what_people_mean_by_them(text, rate):
    from vtn_stream_cli.options import as_rate

    assert as_rate(text) == rate


def test_all_formats_at_once_and_what_they_cannot_hold(tmp_path, here):
    overlapping = replace(TIMELINE, segments=(*TIMELINE.segments, Segment(start_s=5, end_s=30, label="a --> b\nc")))
    code, out, err = here("export", put(tmp_path, overlapping), "-f", "all", "-o", tmp_path / "out", "--no-thumbnails")
    assert code == 0
    assert len(out.splitlines()) == len(FORMAT_NAMES)
    assert "CMX 3600 EDL: " in err


def test_exporting_loads_no_network_and_no_video_library(tmp_path):
    path = put(tmp_path)
    put_scores(path)
    code = (
        "import sys\n"
        "from vtn_stream_cli.main import vtn_stream\n"
        f"vtn_stream(['export', {str(path)!r}, '-f', 'all', '--threshold', '0.2', '-o', {str(tmp_path / 'o')!r}], "
        "standalone_mode=False)\n"
        "print(sorted({'torch', 'av', 'decord', 'timm', 'transformers', 'ray', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("lossless", "did you mean llc or losslesscut?"),
        ("excel", "did you mean xlsx?"),
        ("PySceneDetect", "did you mean scenes?"),
        ("premier", "did you mean premiere?"),
        ("nonsense", "'nonsense' is not one of"),
    ],
)
def test_a_program_s_name_leads_to_its_format(here, tmp_path, said, words):
    code, _, err = here("export", put(tmp_path), "-f", said)
    assert (code, words in " ".join(err.split()), "'boris'" in err) == (2, True, True)


@pytest.mark.parametrize("said", ["SRT", ".srt"])
def test_a_format_s_name_may_be_in_capitals_or_have_a_dot(here, tmp_path, said):
    assert here("export", put(tmp_path), "-f", said, "-o", tmp_path / "out")[0] == 0
    assert os.listdir(tmp_path / "out") == ["film.timeline.srt"]


def test_what_is_no_timeline_is_sent_to_convert(here, tmp_path):
    (tmp_path / "coded.boris").write_text("{}")
    code, _, err = here("export", tmp_path / "coded.boris", "-f", "vtt")
    assert (code, "become timelines with vtn-stream convert" in err) == (1, True)


def test_attributes_that_a_format_does_not_hold_are_named(tmp_path):
    coded = replace(TIMELINE, segments=tuple(replace(s, attributes={"subject": "hen 4"}) for s in TIMELINE.segments))
    path = put(tmp_path, coded)
    line = "left out: the attribute subject; --label-with subject keeps subjects, in the labels"
    assert f"CSV: {line}" in export(path, ["csv"]).warnings
    assert not any("attribute" in warning for warning in export(path, ["otio"]).warnings)
    assert line in export_together([path], tmp_path / "all.csv", overwrite=True).warnings
    named = export(path, ["csv"], selection=Selection(label_with="subject"), overwrite=True)
    assert not any("attribute" in warning for warning in named.warnings)
