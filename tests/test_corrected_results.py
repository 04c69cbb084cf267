"""Films that people corrected in a page are analyzed again: their work stays, and the rest is drawn anew."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from film_pages import NO_FILM, open_scripts
from test_results import INDEX, SCORES, TIMELINE, contents

from vtn_stream.corrections import is_corrected, what_stands
from vtn_stream.errors import TimelineError
from vtn_stream.exchange import export
from vtn_stream.exchange.selection import Selection
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.report.html import document
from vtn_stream.results import ResultFiles, is_hand_work, load_timeline
from vtn_stream.results.corrected import COPIES, is_settled
from vtn_stream.results.hand_work import origin_of
from vtn_stream.results.timelines import load_document
from vtn_stream.seal import sealed
from vtn_stream.timeline import Reviewed, Segment

NAME = "film.mp4.timeline.json"


def seg(start_s, end_s, label="A", origin="model", **more):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=0.5, origin=origin, **more)


def drawn(*segments, duration_s=100.0):
    return replace(TIMELINE, duration_s=duration_s, span_s=(0.0, duration_s), segments=segments)


FIRST = drawn(seg(10, 20), seg(30, 40), seg(50, 60), seg(70, 80, "B"))
NEWER = drawn(seg(11, 20), seg(30, 41), seg(50, 60), seg(65, 92, "B"), seg(92, 99))


def by_page(timeline, **changes):
    """As a person corrected it: one segment kept, one moved, one added, one rejected, a span reviewed."""
    was = Segment(start_s=30, end_s=40, label="A", score=0.5)
    corrected = {
        "segments": (
            seg(10, 20, origin="curated"),
            seg(32, 45, origin="curated", was=was),
            Segment(start_s=2, end_s=4, label="A", origin="manual"),
            seg(70, 80, "B"),
        ),
        "rejected": (seg(50, 60),),
        "reviewed": (Reviewed(start_s=90, end_s=100, labels=None),),
    }
    return replace(timeline, **corrected | changes)


def save_page(folder, corrected, name=NAME):
    """As the page saves a film's timeline: the digests of the files beside it stay, the seal is new."""
    path = folder / NAME
    files = load_document(path).files if path.is_file() else {}
    (folder / name).write_bytes(timeline_json.dumps(corrected, files))


def run(folder, timeline, formats=("csv",), *, span_s=None, **options):
    """As an analysis writes its results; gives the lines that are told."""
    files = ResultFiles(folder, Path("film.mp4"), formats, thumbnails=False)
    if (line := files.claim(timeline.video_identity, span_s=span_s, **options)) is not None:
        return (line,)
    files.save_partial(replace(timeline, complete=False))
    saved = files.save(timeline, SCORES, INDEX, ("A",))
    assert saved.timeline == load_timeline(folder / NAME)
    return saved.told


@pytest.fixture
def corrected(tmp_path):
    """A folder with the results of a film that a person corrected."""
    run(tmp_path, FIRST)
    save_page(tmp_path, by_page(FIRST))
    return tmp_path


KEPT = (
    "3 segments by hand and 1 rejected one were kept; the model's were drawn again outside 1 reviewed span "
    "(4 left out, 1 cut)"
)


def test_an_analysis_over_a_corrected_film_keeps_what_is_by_hand_and_draws_the_rest_anew(corrected):
    assert run(corrected, NEWER) == (KEPT,)
    timeline = load_timeline(corrected / NAME)
    assert what_stands(timeline) == what_stands(by_page(FIRST))
    assert timeline.rejected == by_page(FIRST).rejected
    assert timeline.reviewed == by_page(FIRST).reviewed
    assert [s for s in timeline.segments if not s.by_hand] == [seg(65, 90, "B")]
    assert timeline.provenance["corrections"] | {"sha256": ""} == {
        "by_hand": 3,
        "rejected": 1,
        "reviewed": 1,
        "left_out": 4,
        "cut": 1,
        "sha256": "",
    }
    assert (
        "film.mp4,65.000,90.000,25.000,00:01:05.000,00:01:30.000,B" in (corrected / "film.mp4.timeline.csv").read_text()
    )
    assert not any("edited" in name for name in os.listdir(corrected))


def test_what_the_page_of_an_analysis_saves_is_what_the_next_one_draws_around(tmp_path, open_page):
    """The whole way: results, their page in a browser, edits there, its file, results again."""
    with open_scripts():
        run(tmp_path, FIRST, ("csv", "html"))
    page = open_page(tmp_path / "film.mp4.timeline.html", allowed=NO_FILM)
    page.evaluate(
        """() => {
            const { keep, moveTo, reject, add, nothingElse, addLabel } = inside;
            keep([0]); moveTo(1, 32, 45); reject([2]); add(addLabel("A"), 2, 4); nothingElse(90, 100, null);
        }"""
    )
    (tmp_path / NAME).write_text(page.evaluate("inside.timelineText()"))
    saved = load_document(tmp_path / NAME)
    assert saved.origin == "ours"
    manual = next(s for s in saved.timeline.segments if s.origin == "manual")
    assert replace(saved.timeline, segments=()) == replace(by_page(FIRST), segments=())
    assert {*saved.timeline.segments} - {manual} == {s for s in by_page(FIRST).segments if s.origin != "manual"}
    assert run(tmp_path, NEWER, ("csv", "html")) == (KEPT,)
    assert what_stands(load_timeline(tmp_path / NAME)) == what_stands(saved.timeline)


def test_it_may_be_analyzed_again_and_again(corrected):
    run(corrected, NEWER)
    before = contents(corrected)
    assert run(corrected, NEWER) == (KEPT,)
    assert contents(corrected) == before
    save_page(corrected, replace(load_timeline(corrected / NAME), segments=(seg(1, 2, origin="manual"),)))
    assert run(corrected, NEWER)[0].startswith("1 segment by hand and 1 rejected one were kept")


def test_a_file_beside_it_that_was_changed_by_other_means_is_kept_as_well(corrected):
    table = corrected / "film.mp4.timeline.csv"
    table.write_text("mine")
    kept, also = run(corrected, NEWER)
    assert kept == KEPT
    assert also.startswith("film.mp4.timeline.csv is hand work")
    assert also.endswith("move it away, and the next analysis writes it again")  # --discard-edits would do more
    assert table.read_text() == "mine"
    assert load_timeline(corrected / NAME).segments != FIRST.segments


def test_the_table_of_the_corrected_timeline_which_its_page_saves_too_is_written_anew(corrected):
    table = corrected / "film.mp4.timeline.csv"
    table.write_bytes(FORMATS["csv"].write([by_page(FIRST)], Options()).content)
    assert run(corrected, NEWER) == (KEPT,)
    assert origin_of(table) == "ours"
    table.write_bytes(FORMATS["csv"].write([FIRST], Options()).content)  # which says other things than the timeline
    assert len(run(corrected, NEWER)) == 2


def test_a_corrected_timeline_that_was_changed_in_an_editor_is_kept_whole(corrected):
    path = corrected / NAME
    path.write_text(path.read_text().replace('"B"', '"C"'))
    before = contents(corrected)
    (line,) = run(corrected, NEWER)
    assert line.startswith(f"{NAME} is hand work, changed since it was written")
    assert contents(corrected) == before


def test_discard_edits_puts_the_corrected_file_aside_and_draws_from_nothing(corrected):
    mine = (corrected / NAME).read_bytes()
    (line,) = run(corrected, NEWER, discard_edits=True)
    assert line == f"a file that may be hand work was put aside: {NAME}.edited-1"
    assert (corrected / f"{NAME}.edited-1").read_bytes() == mine
    assert load_timeline(corrected / NAME) == NEWER
    assert run(corrected, NEWER) == ()


def test_overwrite_alone_keeps_hand_work(corrected):
    assert run(corrected, NEWER, overwrite=True) == (KEPT,)


def test_a_film_of_the_same_name_does_not_get_another_film_s_hand_work(corrected):
    other = replace(NEWER, video_identity="decaf")
    before = contents(corrected)
    for options in ({}, {"overwrite": True}):
        with pytest.raises(TimelineError, match="over another film of this name, or over another version of it"):
            run(corrected, other, **options)
        assert contents(corrected) == before
    (line,) = run(corrected, other, overwrite=True, discard_edits=True)
    assert f"{NAME}.edited-1" in line
    assert load_timeline(corrected / NAME) == other


def test_a_corrected_file_of_another_film_that_was_put_here_is_not_taken(tmp_path):
    run(tmp_path, FIRST)
    save_page(tmp_path, by_page(replace(FIRST, video_identity="decaf")))
    before = contents(tmp_path)
    with pytest.raises(TimelineError, match="hand work over another film"):
        run(tmp_path, NEWER)
    assert contents(tmp_path) == before


def test_a_part_of_a_film_is_not_drawn_where_hand_work_lies_outside_of_it(corrected):
    before = contents(corrected)
    with pytest.raises(TimelineError, match=r"hand work outside the part from 0 s to 50 s.*analyze the whole film"):
        run(corrected, NEWER, span_s=(0.0, 50.0))
    assert contents(corrected) == before
    assert run(corrected, NEWER, span_s=(0.0, 100.0)) == (KEPT,)


def test_hand_work_outside_the_film_is_kept_and_told(tmp_path):
    run(tmp_path, FIRST)
    late = Segment(start_s=95, end_s=120, label="A", origin="manual")
    save_page(tmp_path, by_page(FIRST, segments=(late,), rejected=(), reviewed=()))
    kept, outside = run(tmp_path, NEWER)
    assert kept.startswith("1 segment by hand was kept; the model's were drawn again")
    assert outside.startswith("1 segment by hand outside the film, which lasts 100 s")
    assert late in load_timeline(tmp_path / NAME).segments


@pytest.mark.parametrize("copy", COPIES)
def test_two_people_s_corrections_of_one_film_are_told_and_never_merged(corrected, copy):
    second = f"{copy.format('film.mp4.timeline')}.json"
    save_page(corrected, by_page(FIRST, segments=(seg(5, 6, origin="manual"),)), second)
    mine = (corrected / second).read_bytes()
    kept, told = run(corrected, NEWER)
    assert kept == KEPT
    assert told.startswith(f"{second} holds hand work over this film as well; it is not used here")
    assert (corrected / second).read_bytes() == mine
    assert seg(5, 6, origin="manual") not in load_timeline(corrected / NAME).segments


def test_a_copy_that_nobody_corrected_or_that_is_of_another_film_is_nobody_s_business(corrected):
    save_page(corrected, FIRST, "film.mp4.timeline (1).json")
    save_page(corrected, by_page(replace(FIRST, video_identity="decaf")), "film.mp4 (1).timeline.json")
    (corrected / "film.mp4.timeline (2).json").write_text("{}")
    assert run(corrected, NEWER) == (KEPT,)


def test_report_names_a_download_that_it_does_not_show(here, corrected):
    save_page(corrected, by_page(FIRST, rejected=()), "film.mp4.timeline (1).json")
    line = "film.mp4.timeline (1).json holds hand work over this film as well; it is not used here"
    for source in (corrected, corrected / NAME):
        code, _, err = here("report", source, "--no-thumbnails")
        assert code == 0
        assert f"{NAME}: {line}" in err


def test_a_timeline_of_a_page_that_nobody_analyzed_is_drawn_around(tmp_path):
    """`annotate` makes pages before any analysis: what they save knows no other files."""
    by_hand = by_page(drawn(), segments=(seg(5, 6, origin="manual"),), rejected=(), reviewed=())
    save_page(tmp_path, by_hand)
    told = run(tmp_path, NEWER)
    assert told == ("1 segment by hand was kept; the model's were drawn again",)
    assert {*load_timeline(tmp_path / NAME).segments} == {*by_hand.segments, *NEWER.segments}


def test_segments_of_an_earlier_release_that_say_no_origin_are_the_model_s(tmp_path):
    unsaid = drawn(replace(seg(30, 40), origin=None), seg(5, 6, origin="manual"))
    save_page(tmp_path, unsaid)
    run(tmp_path, drawn(seg(70, 80)))
    assert [(s.start_s, s.origin) for s in load_timeline(tmp_path / NAME).segments] == [(5, "manual"), (70, "model")]


def test_a_selection_that_was_corrected_since_is_kept_whole(tmp_path):
    chosen = by_page(replace(FIRST, provenance={"selections": [{"threshold": 0.4}]}))
    save_page(tmp_path, chosen)
    (line,) = run(tmp_path, NEWER)
    assert "made by export or convert" in line
    assert load_timeline(tmp_path / NAME) == chosen


def test_one_label_at_each_moment_stays_one_at_each_moment(tmp_path):
    phases = {"provenance": {"analysis": {"kind": "dense labels"}}}
    run(tmp_path, replace(FIRST, **phases))
    save_page(tmp_path, by_page(FIRST, segments=(seg(20, 30, "B", origin="curated"),), rejected=(), reviewed=()))
    run(tmp_path, replace(drawn(seg(0, 100)), **phases))
    found = [(s.start_s, s.end_s, s.label) for s in load_timeline(tmp_path / NAME).segments]
    assert found == [(0, 20, "A"), (20, 30, "B"), (30, 100, "A")]


def test_what_a_page_saves_that_was_open_before_another_analysis_takes_no_result_for_hand_work(corrected):
    """The page knows the digests of before; those of the files that are there now are in the page beside them."""
    formats = ("csv", "html")
    run(corrected, FIRST, formats)
    before = load_document(corrected / NAME).files
    run(corrected, NEWER, formats)
    (corrected / NAME).write_bytes(timeline_json.dumps(by_page(FIRST, rejected=()), before))
    (line,) = run(corrected, NEWER, formats)
    assert line.startswith("3 segments by hand were kept")
    assert all(origin_of(file) in ("ours", "corrected") for file in corrected.iterdir())
    (corrected / "film.mp4.timeline.csv").write_text("mine")
    assert any("hand work, not as written" in line for line in run(corrected, NEWER, formats))


@pytest.mark.parametrize("text", ["", '{"rest":5}', '{"rest":"{}"}', "[]", '"'])
def test_a_strange_page_beside_a_corrected_timeline_is_no_matter(corrected, text):
    page = document(title="", style="", script="", body="", data={}).replace(
        b'id="data">{}', f'id="data">{text}'.encode()
    )
    head, mark, tail = page.partition(b'sha256" content="')
    (corrected / "film.mp4.timeline.html").write_bytes(sealed(head + mark + tail[64:], mark))
    assert run(corrected, NEWER) == (KEPT,)


def test_the_partial_timeline_shows_hand_work_too(corrected):
    files = ResultFiles(corrected, Path("film.mp4"), ("csv",), thumbnails=False)
    files.claim(NEWER.video_identity)
    files.save_partial(replace(NEWER, complete=False))
    partial = load_timeline(files.partial)
    assert not partial.complete
    assert what_stands(partial) == what_stands(by_page(FIRST))


def test_what_a_person_saves_while_the_film_is_analyzed_is_kept(corrected):
    files = ResultFiles(corrected, Path("film.mp4"), ("csv",), thumbnails=False)
    files.claim(NEWER.video_identity)
    files.save_partial(replace(NEWER, complete=False))
    more = by_page(FIRST, segments=(*by_page(FIRST).segments, seg(82, 84, origin="manual")))
    save_page(corrected, more)
    files.save(NEWER, SCORES, INDEX, ("A",))
    assert what_stands(load_timeline(corrected / NAME)) == what_stands(more)


def test_what_a_page_saves_while_results_are_written_is_kept(corrected, monkeypatch):
    from vtn_stream.results import files as module

    more = by_page(FIRST, segments=(*by_page(FIRST).segments, seg(82, 84, origin="manual")))
    real, times = module.write, []

    def write(path, content):
        real(path, content)
        if path.suffix == ".csv" and not times:
            times.append(path)
            save_page(corrected, more)

    monkeypatch.setattr(module, "write", write)
    assert run(corrected, NEWER)[0].startswith("4 segments by hand and 1 rejected one were kept")
    assert what_stands(load_timeline(corrected / NAME)) == what_stands(more)
    assert "82.000,84.000" in (corrected / "film.mp4.timeline.csv").read_text()


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("discard", [False, True])
def test_a_run_that_is_killed_at_any_write_loses_nothing_of_the_hand_work(tmp_path, monkeypatch, discard):
    from vtn_stream.results import files as module

    def killed_at(number):
        left = iter(range(number))

        def write(path, content):
            if next(left, None) is None:
                raise _Killed
            real(path, content)

        return write

    real, killed = module.write, 0
    for number in range(10):
        folder = tmp_path / str(number)
        run(folder, FIRST)
        save_page(folder, by_page(FIRST))
        mine = (folder / NAME).read_bytes()
        monkeypatch.setattr(module, "write", killed_at(number))
        done = False
        with suppress(_Killed):
            run(folder, NEWER, discard_edits=discard)
            done = True
        monkeypatch.setattr(module, "write", real)
        stands = [load_timeline(path) for path in folder.iterdir() if path.name.startswith(NAME)]
        assert any(what_stands(timeline) == what_stands(by_page(FIRST)) for timeline in stands)
        if not done:
            killed += 1
            assert any(path.read_bytes() == mine for path in folder.iterdir())
        if not discard:
            assert not any("hand work, not as written" in line for line in run(folder, NEWER))
    assert killed >= 4


def test_whether_everything_is_drawn_around_the_hand_work_is_known(corrected):
    assert is_settled(FIRST)
    assert not is_settled(load_timeline(corrected / NAME))
    run(corrected, NEWER)
    settled = load_timeline(corrected / NAME)
    assert is_settled(settled)
    assert not is_settled(replace(settled, rejected=()))
    undone = replace(settled, segments=(), rejected=(), reviewed=())
    assert not is_corrected(undone)
    assert not is_settled(undone)  # the model's that hand work kept away may come back
    assert not is_settled(replace(settled, provenance={"corrections": "x"}))


def test_other_commands_put_a_corrected_timeline_aside_and_do_not_replace_it(corrected, tmp_path):
    assert is_hand_work(corrected / NAME)
    source = tmp_path / "elsewhere" / NAME
    source.parent.mkdir()
    source.write_bytes(timeline_json.dumps(NEWER))
    mine = (corrected / NAME).read_bytes()
    with pytest.raises(TimelineError, match="exists already"):
        export(source, ["json"], corrected)
    export(source, ["json"], corrected, overwrite=True)
    assert (corrected / f"{NAME}.edited-1").read_bytes() == mine


def test_a_lower_threshold_draws_around_the_hand_work(corrected, monkeypatch):
    from vtn_stream.exchange import selection

    points = {"operating_point": {"high": 0.9, "low": 0.9}, "operating_points": {}, "kind": "clip classifier"}
    timeline = replace(load_timeline(corrected / NAME), provenance={"analysis": points})
    monkeypatch.setattr(selection, "redrawn", lambda *_: list(NEWER.segments))
    lower = Selection(threshold=0.4).apply(timeline, lambda: (SCORES, INDEX, ("A",)))
    assert what_stands(lower) == what_stands(timeline)
    assert [s for s in lower.segments if not s.by_hand] == [seg(65, 90, "B")]
    assert (lower.rejected, lower.reviewed) == (timeline.rejected, timeline.reviewed)


def test_equal_corrections_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        run(tmp_path / name, FIRST)
        save_page(tmp_path / name, by_page(FIRST))
        run(tmp_path / name, NEWER)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert json.loads((tmp_path / "one" / NAME).read_text())["files"].keys() == {
        "timeline.json",
        "timeline.csv",
        "scores.arrow",
    }
