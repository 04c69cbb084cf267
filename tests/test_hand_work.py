"""What people changed of results: it is kept and told, whatever is written, and put aside only where that is asked."""

import contextlib
import json
import os
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from film_pages import data_of
from hypothesis import given
from hypothesis import strategies as st
from test_results import INDEX, OTHER, SCORES, TIMELINE, contents

from vtn_stream.errors import TimelineError
from vtn_stream.exchange import export
from vtn_stream.exchange.convert import convert
from vtn_stream.exchange.selection import Selection
from vtn_stream.formats import Options, timeline_json
from vtn_stream.results import FORMAT_NAMES, ResultFiles, is_hand_work, load_timeline
from vtn_stream.results.hand_work import origin_of, put_aside
from vtn_stream.results.pages import page_at, rest_of
from vtn_stream.results.timelines import load_document
from vtn_stream.timeline import Segment

FILM = TIMELINE.video_identity
NEWER = replace(TIMELINE, segments=(Segment(start_s=0.5, end_s=1, label="newer", score=0.5),))
NEWEST = replace(TIMELINE, segments=(Segment(start_s=0, end_s=1.5, label="newest", score=0.5),))


def run(folder, timeline=TIMELINE, formats=("csv", "html"), **options):
    """As an analysis writes its results; gives the lines that are told."""
    files = ResultFiles(folder, Path("film.mp4"), formats, thumbnails=False)
    if (line := files.claim(timeline.video_identity, **options)) is not None:
        return (line,)
    files.save_partial(replace(timeline, complete=False))
    return files.save(timeline, SCORES, INDEX, ("A",)).told


def strip(folder):
    """Makes the results of a folder those of version 0.1.0, which kept no digests."""
    path = folder / "film.mp4.timeline.json"
    fields = json.loads(path.read_bytes())
    del fields["files"]
    path.write_text(json.dumps(fields, indent=1, ensure_ascii=False) + "\n")
    for page in folder.glob("*.html"):
        page.write_bytes(re.sub(rb'<meta name="vtn-stream:sha256"[^\n]*\n', b"", page.read_bytes()))


ZEROS = "0" * 64
FILES = ["film.mp4.scores.arrow", "film.mp4.timeline.csv", "film.mp4.timeline.html", "film.mp4.timeline.json"]
SUFFIXES = {name: path.name for name, path in ResultFiles(Path(), Path("film.mp4"), FORMAT_NAMES).timelines.items()}


def test_files_that_nobody_touched_are_written_anew_in_silence(tmp_path):
    for timeline in (TIMELINE, NEWER, NEWEST, NEWEST):
        assert run(tmp_path, timeline, FORMAT_NAMES) == ()
        assert load_timeline(tmp_path / "film.mp4.timeline.json") == timeline
        assert "edited" not in " ".join(os.listdir(tmp_path))
        for file in tmp_path.iterdir():
            assert origin_of(file) == "ours", file.name
    assert len(os.listdir(tmp_path)) == len(FORMAT_NAMES) + 1


def test_equal_results_have_equal_bytes_whatever_was_there_before(tmp_path):
    for folder, timelines in (("a", [TIMELINE, NEWER]), ("b", [NEWER]), ("c", [NEWER, NEWER])):
        for timeline in timelines:
            run(tmp_path / folder, timeline)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")


@pytest.mark.parametrize("name", ["scores", *FORMAT_NAMES])
def test_one_changed_byte_is_hand_work_in_every_file(tmp_path, name):
    formats = [] if name in ("scores", "json") else [name]
    run(tmp_path, formats=formats)
    file = tmp_path / ("film.mp4.scores.arrow" if name == "scores" else SUFFIXES[name])
    data = bytearray(file.read_bytes())
    # Of those that carry their digest, so that they are still what they are.
    data[{"json": data.find(b'"A"') + 1, "html": 500}.get(name, -1)] ^= 1
    file.write_bytes(data)
    assert is_hand_work(file)
    mine, before = bytes(data), contents(tmp_path)
    for timeline, options in ((NEWER, {}), (NEWEST, {"overwrite": True})):
        (line,) = run(tmp_path, timeline, formats, **options)
        assert line.startswith(f"{file.name} is hand work")
        assert "--discard-edits" in line
        assert file.read_bytes() == mine
        assert is_hand_work(file)
        if name == "json":  # what is drawn of it would say something else
            assert contents(tmp_path) == before
        else:
            assert load_timeline(tmp_path / "film.mp4.timeline.json") == timeline
    (line,) = run(tmp_path, NEWER, formats, discard_edits=True)
    assert line == f"a file that may be hand work was put aside: {file.name}.edited-1"
    assert (tmp_path / f"{file.name}.edited-1").read_bytes() == mine
    assert load_timeline(tmp_path / "film.mp4.timeline.json") == NEWER
    assert not is_hand_work(file)
    assert run(tmp_path, NEWEST, formats) == ()


@pytest.mark.parametrize("name", ["video_identity", "video_path", "complete", "provenance"])
def test_whatever_is_changed_in_a_timeline_it_is_still_that_of_its_film(tmp_path, name):
    run(tmp_path)
    path = tmp_path / "film.mp4.timeline.json"
    values = {"video_identity": "c0ffed", "video_path": "other.mp4", "complete": False, "provenance": {"by": "me"}}
    text = path.read_text()
    fields = json.loads(text) | timeline_json.to_dict(replace(TIMELINE, **{name: values[name]}))
    path.write_text(json.dumps(fields))
    before = contents(tmp_path)
    (line,) = run(tmp_path, NEWER)
    assert line.startswith("film.mp4.timeline.json is hand work")
    assert contents(tmp_path) == before


@given(st.data())
def test_any_change_of_a_timeline_s_file_is_seen(data):
    written = timeline_json.dumps(TIMELINE, {"timeline.csv": (ZEROS,)})
    assert timeline_json.read_document(written).origin == "ours"
    start = data.draw(st.integers(0, len(written)))
    stop = data.draw(st.integers(start, min(len(written), start + 80)))
    changed = written[:start] + data.draw(st.binary(max_size=3)) + written[stop:]
    try:
        document = timeline_json.read_document(changed)
    except TimelineError:
        return
    assert (document.origin == "ours") == (changed == written)


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_a_timeline_of_another_layout_is_hand_work_too(tmp_path, indent):
    run(tmp_path)
    path = tmp_path / "film.mp4.timeline.json"
    fields = json.loads(path.read_bytes())
    path.write_text(json.dumps(fields, indent=indent, sort_keys=True))
    assert is_hand_work(path)
    assert load_timeline(path) == TIMELINE


def test_a_file_that_was_changed_back_is_no_hand_work(tmp_path):
    run(tmp_path)
    table = tmp_path / "film.mp4.timeline.csv"
    before = table.read_bytes()
    table.write_bytes(b"mine")
    run(tmp_path, NEWER)
    table.write_bytes(before)  # of the timeline before, as it was written then
    assert run(tmp_path, NEWEST) == ()
    assert b"newest" in table.read_bytes()


def test_two_changed_files_are_told_in_one_line(tmp_path):
    run(tmp_path)
    for name in ("film.mp4.timeline.csv", "film.mp4.timeline.html"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\n")
    (line,) = run(tmp_path, NEWER)
    assert line.startswith("film.mp4.timeline.csv and film.mp4.timeline.html are hand work")
    (line,) = run(tmp_path, NEWER, discard_edits=True)
    assert line.endswith("film.mp4.timeline.csv.edited-1 and film.mp4.timeline.html.edited-1")


def test_put_aside_files_are_counted_up(tmp_path):
    run(tmp_path)
    table = tmp_path / "film.mp4.timeline.csv"
    for number in range(3):
        table.write_text(f"mine {number}")
        run(tmp_path, discard_edits=True)
    texts = [(tmp_path / f"film.mp4.timeline.csv.edited-{n}").read_text() for n in (1, 2, 3)]
    assert texts == ["mine 0", "mine 1", "mine 2"]


def test_a_disk_without_links_gives_files_their_new_name(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for text in ("one", "two"):
        (tmp_path / "a").write_text(text)
        aside = put_aside(tmp_path / "a")
        assert aside.read_text() == text
    assert sorted(os.listdir(tmp_path)) == ["a.edited-1", "a.edited-2"]


def test_a_format_that_was_not_asked_for_again_is_still_known(tmp_path):
    run(tmp_path, formats=("csv", "srt"))
    run(tmp_path, NEWER, formats=("csv",))
    subtitles = tmp_path / "film.mp4.timeline.srt"
    assert origin_of(subtitles) == "ours"
    assert run(tmp_path, NEWEST, formats=("srt",)) == ()
    subtitles.write_text("mine")
    run(tmp_path, NEWER, formats=("csv",))
    assert is_hand_work(subtitles)


# ---- exports and pages that were made later


def test_a_plain_export_made_later_is_no_hand_work_and_a_changed_one_is(tmp_path):
    run(tmp_path)
    export(tmp_path / "film.mp4.timeline.json", ["srt", "json"])
    assert run(tmp_path, NEWER, formats=("srt",)) == ()
    export(tmp_path / "film.mp4.timeline.json", ["vtt"])
    (tmp_path / "film.mp4.timeline.vtt").write_text("mine")
    (line,) = run(tmp_path, NEWEST, formats=("vtt",))
    assert line.startswith("film.mp4.timeline.vtt is hand work")
    assert (tmp_path / "film.mp4.timeline.vtt").read_text() == "mine"


def test_an_export_over_a_changed_export_puts_that_aside_and_a_plain_one_is_replaced(tmp_path):
    run(tmp_path)
    timeline, file = tmp_path / "film.mp4.timeline.json", tmp_path / "film.mp4.timeline.srt"
    export(timeline, ["srt"])
    assert export(timeline, ["srt"], selection=Selection(top=1), overwrite=True).warnings == ()
    file.write_text("mine")
    told = export(timeline, ["srt"], overwrite=True).warnings
    assert told == ("a file that may be hand work was put aside: film.mp4.timeline.srt.edited-1",)
    assert (tmp_path / "film.mp4.timeline.srt.edited-1").read_text() == "mine"


def test_a_page_made_later_is_no_hand_work_and_a_changed_one_is(tmp_path, here):
    run(tmp_path)
    page = tmp_path / "film.mp4.timeline.html"
    (tmp_path / "truth.csv").write_text("video,start_s,end_s,label\nfilm.mp4,0,1,true\n")
    assert (
        here("report", tmp_path / "film.mp4.timeline.json", "--truth", tmp_path / "truth.csv", "--no-thumbnails")[0]
        == 0
    )
    assert run(tmp_path, NEWER) == ()
    mine = page.read_bytes().replace(b"<body>", b"<body><!-- mine -->")
    page.write_bytes(mine)
    code, _, err = here("report", tmp_path / "film.mp4.timeline.json", "--no-thumbnails")
    assert (code, err.count("\n")) == (1, 1)
    assert "film.mp4.timeline.html is hand work" in err
    assert page.read_bytes() == mine
    code, _, err = here("report", tmp_path / "film.mp4.timeline.json", "--no-thumbnails", "--overwrite")
    assert code == 0
    assert "was put aside: film.mp4.timeline.html.edited-1" in err
    assert (tmp_path / "film.mp4.timeline.html.edited-1").read_bytes() == mine


@pytest.mark.parametrize("how", ["export", "convert"])
@pytest.mark.parametrize("name", ["json", "csv", "html", "srt"])
def test_nothing_that_is_hand_work_is_lost_to_other_commands(tmp_path, how, name):
    run(tmp_path / "in", NEWER)
    run(tmp_path, formats=FORMAT_NAMES)
    file = tmp_path / SUFFIXES[name]
    mine = file.read_bytes().replace(b"A", b"B")
    file.write_bytes(mine)

    def make(**options):
        if how == "export":
            return export(tmp_path / "in" / "film.mp4.timeline.json", [name], tmp_path, **options)
        return convert(tmp_path / "in" / "film.mp4.timeline.json", file, format=name, **options)

    with pytest.raises(TimelineError, match="has other content"):
        make()
    assert file.read_bytes() == mine
    done = make(overwrite=True)
    assert any(warning.endswith(f"{file.name}.edited-1") for warning in done.warnings)
    assert (tmp_path / f"{file.name}.edited-1").read_bytes() == mine
    assert b"newer" in file.read_bytes()


@pytest.mark.parametrize("options", [{}, {"overwrite": True}])
def test_an_analysis_does_not_replace_what_a_person_chose_or_converted(tmp_path, options):
    path = tmp_path / "film.mp4.timeline.json"
    path.write_bytes(timeline_json.dumps(NEWER))
    assert not is_hand_work(path)  # export and convert may make it again
    before = contents(tmp_path)
    (line,) = run(tmp_path, **options)
    assert line.startswith("film.mp4.timeline.json is hand work, made by export or convert")
    assert contents(tmp_path) == before
    path.write_bytes(timeline_json.dumps(replace(NEWER, video_identity="")))  # a conversion knows no film
    with pytest.raises(TimelineError, match="is not this film's"):
        run(tmp_path, **options)
    run(tmp_path, overwrite=True, discard_edits=True)
    assert load_timeline(path) == TIMELINE
    assert load_timeline(path.with_name("film.mp4.timeline.json.edited-1")).segments == NEWER.segments


def test_scores_that_are_not_those_of_the_timeline_draw_nothing(tmp_path):
    operating = {"analysis": {"kind": "clip classifier", "operating_point": {"high": 0.5, "low": 0.25}}}
    run(tmp_path, replace(TIMELINE, provenance=operating))
    timeline, scores = tmp_path / "film.mp4.timeline.json", tmp_path / "film.mp4.scores.arrow"
    low = Selection(threshold=0.2)
    export(timeline, ["srt"], selection=low)
    timeline.write_bytes(timeline.read_bytes() + b"\n")
    assert any("changed by hand" in w for w in export(timeline, ["vtt"], selection=low).warnings)
    scores.write_bytes(scores.read_bytes() + b"\n")
    with pytest.raises(TimelineError, match="it is not the one that was written with the timeline"):
        export(timeline, ["edl"], selection=low)


# ---- results of version 0.1.0


def test_old_results_that_say_the_same_are_replaced_in_silence(tmp_path):
    run(tmp_path, formats=("csv",))
    whole = contents(tmp_path)
    strip(tmp_path)
    assert run(tmp_path, formats=("csv",)) == ()
    assert contents(tmp_path) == whole


def test_old_results_that_differ_are_put_aside(tmp_path):
    run(tmp_path)
    strip(tmp_path)
    before = contents(tmp_path)
    (line,) = run(tmp_path, NEWER, overwrite=True)
    assert line.startswith("files that may be hand work were put aside: ")
    for name in ("film.mp4.timeline.csv", "film.mp4.timeline.html", "film.mp4.timeline.json"):
        assert (tmp_path / f"{name}.edited-1").read_bytes() == before[name]
    assert load_timeline(tmp_path / "film.mp4.timeline.json") == NEWER
    assert run(tmp_path, NEWEST) == ()


def test_an_old_timeline_with_a_word_more_is_put_aside(tmp_path):
    run(tmp_path, formats=())
    strip(tmp_path)
    path = tmp_path / "film.mp4.timeline.json"
    path.write_text(path.read_text().replace('"complete"', '"checked by": "me", "complete"'))
    assert run(tmp_path, formats=()) == ("a file that may be hand work was put aside: film.mp4.timeline.json.edited-1",)
    assert "checked by" in (tmp_path / "film.mp4.timeline.json.edited-1").read_text()


# ---- what is in the way of a run


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"end_s": 2.0,', '"end_s": 2.0', r"line \d+, segments\[0\]\.end_s: Expecting ',' delimiter"),
        ('"end_s": 2.0,', '"end_s": "2.0",', r"line \d+, segments\[0\]\.end_s: expected a number, got '2.0'"),
        ('"end_s": 2.0,', '"end_s": NaN,', r"line \d+, segments\[0\]\.end_s: NaN is not a number"),
        ('"end_s": 2.0,', "", r"line \d+, segments\[0\]: it lacks 'end_s'"),
        ('"end_s": 2.0,', '"end_s": -2.0,', r"line \d+, segments\[0\]: a span needs finite start_s <= end_s"),
        ('"film.mp4"', '"/film.mp4"', r"line \d+, video: video_path must be relative"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"overwrite": True}])
def test_a_timeline_that_no_longer_parses_is_told_as_damage_by_line_and_field(tmp_path, old, new, told, options):
    run(tmp_path)
    path = tmp_path / "film.mp4.timeline.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    before = contents(tmp_path)
    line = text[: text.index(old)].count("\n") + 1
    with pytest.raises(TimelineError, match=told) as error:
        run(tmp_path, NEWER, **options)
    assert abs(int(re.search(r"line (\d+)", str(error.value))[1]) - line) <= 3
    assert str(error.value).startswith("film.mp4.timeline.json exists already, and is damaged: ")
    assert contents(tmp_path) == before
    run(tmp_path, NEWER, discard_edits=True)
    assert (tmp_path / "film.mp4.timeline.json.edited-1").read_bytes() == before["film.mp4.timeline.json"]
    assert load_timeline(path) == NEWER


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        "x",
        {"timeline.json": 3},
        {"timeline.json": ["a"]},
        {"timeline.json": ZEROS, "timeline.csv": 1},
        {"timeline.json": ZEROS, "../film": ZEROS},
        {"timeline.csv": ZEROS},
    ],
    ids=repr,
)
def test_a_damaged_record_of_digests_means_that_all_is_kept(tmp_path, record):
    run(tmp_path)
    path = tmp_path / "film.mp4.timeline.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"files": record}))
    before = contents(tmp_path)
    assert load_timeline(path) == TIMELINE
    (line,) = run(tmp_path, NEWER, overwrite=True)
    assert line.startswith("the digests in film.mp4.timeline.json are damaged")
    assert contents(tmp_path) == before
    (line,) = run(tmp_path, NEWER, discard_edits=True)
    for name in (
        "film.mp4.timeline.csv",
        "film.mp4.timeline.json",
    ):  # the scores are the same, and the page speaks for itself
        assert (tmp_path / f"{name}.edited-1").read_bytes() == before[name]
    assert load_timeline(path) == NEWER


@pytest.mark.parametrize("name", ["film.mp4.timeline.csv", "film.mp4.timeline.json"])
def test_another_film_s_hand_work_is_not_overwritten(tmp_path, name):
    run(tmp_path, OTHER)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\n")
    before = contents(tmp_path)
    with pytest.raises(TimelineError, match=r"is hand work; it was kept.*--overwrite and --discard-edits"):
        run(tmp_path, overwrite=True)
    with pytest.raises(TimelineError, match="is not this film's"):
        run(tmp_path, discard_edits=True)
    assert contents(tmp_path) == before
    run(tmp_path, overwrite=True, discard_edits=True)
    assert (tmp_path / f"{name}.edited-1").read_bytes() == before[name]
    assert load_timeline(tmp_path / "film.mp4.timeline.json") == TIMELINE


def test_another_film_s_results_that_nobody_touched_are_overwritten(tmp_path):
    run(tmp_path, OTHER, formats=("csv", "srt"))
    assert run(tmp_path, formats=("csv",), overwrite=True) == ()
    assert "edited" not in " ".join(os.listdir(tmp_path))
    assert origin_of(tmp_path / "film.mp4.timeline.srt") == "foreign"


def test_two_films_of_one_identity_in_two_folders_have_their_own_hand_work(tmp_path):
    for folder in "ab":
        run(tmp_path / folder)
    mine = tmp_path / "a" / "film.mp4.timeline.csv"
    mine.write_text("mine")
    assert [len(run(tmp_path / folder, NEWER)) for folder in "ab"] == [1, 0]
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path, monkeypatch):
    run(tmp_path)
    (tmp_path / "film.mp4.timeline.csv").write_text("mine")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vtn_stream.results.writing.check_writable", refuse)
    for options in ({}, {"discard_edits": True, "overwrite": True}):
        with pytest.raises(TimelineError, match="nothing can be written to"):
            run(tmp_path, NEWER, **options)
    monkeypatch.undo()
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(TimelineError, match=r"film\.mp4\.timeline\.csv cannot be put aside \(Permission denied\)"):
        run(tmp_path, NEWER, discard_edits=True)
    assert (tmp_path / "film.mp4.timeline.csv").read_text() == "mine"
    assert load_timeline(tmp_path / "film.mp4.timeline.json") == TIMELINE


@pytest.mark.parametrize("left", [left for num in range(1, 5) for left in combinations(FILES, num)], ids=" ".join)
@pytest.mark.parametrize("state", ["ours", "old", "empty"])
def test_a_folder_that_is_half_there_loses_nothing(tmp_path, left, state):
    run(tmp_path)
    if state == "old":
        strip(tmp_path)
    for name in FILES:
        if name not in left:
            (tmp_path / name).unlink()
        elif state == "empty":
            (tmp_path / name).write_bytes(b"")
    before = contents(tmp_path)
    says_whose = {"film.mp4.timeline.json", "film.mp4.scores.arrow"} & {*left}
    if state != "empty" and says_whose:
        run(tmp_path, NEWER)
    else:
        with pytest.raises(TimelineError, match="it was kept"):
            run(tmp_path, NEWER)
        assert contents(tmp_path) == before
        run(tmp_path, NEWER, discard_edits=True)
    assert load_timeline(tmp_path / "film.mp4.timeline.json") == NEWER
    kept = [*contents(tmp_path).values()]
    known = state == "ours" and "film.mp4.timeline.json" in left
    for name in left:
        # A page and a timeline of ours speak for themselves; other files where the timeline is there.
        ours = known or (state == "ours" and name.endswith((".html", ".json")))
        assert ours or before[name] in kept, name
    assert run(tmp_path, NEWEST) == ()


# ---- runs that are killed


class Killed(BaseException):
    pass


def killed_after(monkeypatch, num):
    """The run dies after so many writes; gives how many there were."""
    from vtn_stream.results import files as module

    write, done = module.write, []

    def dying(path, content):
        if len(done) == num:
            raise Killed
        write(path, content)
        done.append(path.name)

    monkeypatch.setattr(module, "write", dying)
    return done


@pytest.mark.parametrize("before", ["nothing", "ours", "hand work", "old"])
def test_a_run_that_is_killed_at_any_write_loses_nothing_and_leaves_nothing_that_looks_changed(
    tmp_path, monkeypatch, before
):
    formats = ("csv", "html", "srt")
    for num in range(8):
        folder = tmp_path / str(num)
        folder.mkdir()
        if before != "nothing":
            run(folder, TIMELINE, formats)
        if before == "old":
            strip(folder)
        if before == "hand work":
            (folder / "film.mp4.timeline.csv").write_text("mine")
        persons = {p.read_bytes() for p in folder.iterdir()} if before == "old" else {b"mine"}
        for timeline in (NEWER, NEWEST):  # killed again, with other results
            with monkeypatch.context() as patch:
                done = killed_after(patch, num)
                with contextlib.suppress(Killed):
                    run(folder, timeline, formats)
        assert len(done) <= 7
        assert before in ("old", "hand work") or not list(folder.glob("*.edited-*"))
        if before in ("old", "hand work"):
            assert persons <= {p.read_bytes() for p in folder.iterdir()}
        told = run(folder, TIMELINE, formats)
        if before == "hand work":
            assert (folder / "film.mp4.timeline.csv").read_text() == "mine"
            assert len(told) == 1
        elif before != "old":
            assert told == (), num
        assert load_timeline(folder / "film.mp4.timeline.json") == TIMELINE
        if before == "old":
            for name in ("film.mp4.timeline.csv", "film.mp4.timeline.srt", "film.mp4.timeline.html"):
                data = (folder / name).read_bytes()
                assert b"newer" not in data
        assert run(folder, NEWER, formats) == told * (before == "hand work")


def test_a_run_that_was_killed_and_goes_on_writes_the_bytes_of_one_that_was_not(tmp_path, monkeypatch):
    run(tmp_path / "whole", formats=("csv", "srt"))
    for num in range(7):
        with monkeypatch.context() as patch:
            killed_after(patch, num)
            with pytest.raises(Killed) if num < 6 else pytest.MonkeyPatch.context():
                run(tmp_path / str(num), formats=("csv", "srt"))
        run(tmp_path / str(num), formats=("csv", "srt"))
        assert contents(tmp_path / str(num)) == contents(tmp_path / "whole")


def test_a_person_who_changes_a_file_while_the_film_is_analyzed_keeps_it(tmp_path):
    run(tmp_path)
    files = ResultFiles(tmp_path, Path("film.mp4"), ("csv",))
    assert files.claim(FILM) is None
    files.save_partial(NEWER)
    path = tmp_path / "film.mp4.timeline.json"
    path.write_bytes(mine := path.read_bytes().replace(b'"A"', b'"B"'))
    (line,) = files.save(NEWER, SCORES, INDEX, ("A",)).told
    assert line.startswith("film.mp4.timeline.json is hand work")
    assert path.read_bytes() == mine
    assert not files.partial.exists()


def test_a_timeline_that_is_half_saved_while_the_film_is_analyzed_does_not_end_that(tmp_path):
    run(tmp_path)
    files = ResultFiles(tmp_path, Path("film.mp4"), ("csv",))
    files.claim(FILM)
    path = tmp_path / "film.mp4.timeline.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    files.save_partial(NEWER)
    with pytest.raises(TimelineError, match="exists already, and is damaged"):
        files.save(NEWER, SCORES, INDEX, ("A",))
    assert path.read_bytes() == whole[:100]
    path.write_bytes(whole)
    assert files.save(NEWER, SCORES, INDEX, ("A",)).told == ()


def test_two_runs_of_one_film_at_once_do_not_take_each_other_for_people(tmp_path):
    run(tmp_path)
    one, two = (ResultFiles(tmp_path, Path("film.mp4"), ("csv", "srt")) for _ in range(2))
    for files in (one, two):
        files.claim(FILM)
        files.save_partial(NEWER)
    for files in (one, two):
        assert files.save(NEWER, SCORES, INDEX, ("A",)).told == ()
    assert run(tmp_path, formats=("csv", "srt")) == ()


# ---- the commands


def test_the_digests_are_those_that_anybody_can_compute(tmp_path):
    import hashlib

    run(tmp_path, formats=("csv",))
    data = (tmp_path / "film.mp4.timeline.json").read_bytes()
    digests = json.loads(data)["files"]
    assert [*digests] == ["timeline.json", "scores.arrow", "timeline.csv"]
    for end in ("scores.arrow", "timeline.csv"):
        assert digests[end] == hashlib.sha256((tmp_path / f"film.mp4.{end}").read_bytes()).hexdigest()
    own = digests["timeline.json"]
    assert own == hashlib.sha256(data.replace(own.encode(), b"")).hexdigest()


def test_an_index_that_was_changed_by_hand_is_kept(tmp_path, here):
    run(tmp_path)
    index = tmp_path / "index.html"
    assert here("report", tmp_path, "--no-thumbnails")[0] == 0
    assert here("report", tmp_path, "--no-thumbnails")[0] == 0
    index.write_bytes(mine := index.read_bytes() + b"<!-- mine -->")
    code, _, err = here("report", tmp_path, "--no-thumbnails")
    assert (code, err.count("\n")) == (1, 1)
    assert "index.html is hand work" in err
    assert index.read_bytes() == mine
    code, _, err = here("report", tmp_path, "--no-thumbnails", "--overwrite")
    assert code == 0
    assert "put aside: index.html.edited-1" in err
    assert (tmp_path / "index.html.edited-1").read_bytes() == mine


def test_options_of_the_export_are_no_plain_export(tmp_path):
    """A person chose them: such a file is kept, and told."""
    run(tmp_path)
    export(tmp_path / "film.mp4.timeline.json", ["tsv"], options=Options(bom=True))
    (line,) = run(tmp_path, NEWER, formats=("tsv",))
    assert line.startswith("film.mp4.timeline.tsv is hand work")


def test_a_page_saves_the_timeline_with_the_digests_of_the_files_beside_it(tmp_path):
    run(tmp_path)
    written = load_document(tmp_path / "film.mp4.timeline.json")
    assert set(written.files) == {"timeline.csv", "scores.arrow"}
    rest = rest_of(written.timeline, written.files)
    assert data_of((tmp_path / "film.mp4.timeline.html").read_bytes())["rest"] == rest
    source = tmp_path / "film.mp4.timeline.json"
    assert data_of(page_at(tmp_path / "p.html", written.timeline, source=source).content)["rest"] == rest


def test_a_page_of_a_part_of_a_timeline_or_of_an_edited_one_saves_work_of_a_person(tmp_path):
    run(tmp_path)
    source = tmp_path / "film.mp4.timeline.json"
    part = load_document(source).timeline.filter(min_score=2.0)
    assert data_of(page_at(tmp_path / "p.html", part, source=source).content)["rest"] == rest_of(part)
    source.write_text(source.read_text().replace('"A"', '"B"'))
    edited = load_document(source).timeline
    assert data_of(page_at(tmp_path / "p.html", edited, source=source).content)["rest"] == rest_of(edited)
