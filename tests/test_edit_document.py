"""A page edits its timeline: what each correction means, what is undone, and what is saved, to the byte."""

import random
from dataclasses import replace

import pytest
from corrected_timelines import ANY, STEP_S, Corrected, random_command
from film_pages import MATCH, NO_FILM, open_page_of, segment, timeline

from vtn_stream.errors import printable
from vtn_stream.formats import timeline_csv
from vtn_stream.formats.timeline_json import dumps, read_document
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Reviewed, Segment

WHAT_WAS_SAID = timeline(
    *(replace(s, origin="model") for s in MATCH),
    Segment(start_s=2, end_s=3.5, label="fall", score=0.2, origin="curated", attributes={"10": "a", "9": "<b>"}),
    Segment(start_s=5, end_s=7, label="run", origin="manual"),
    Segment(
        start_s=6, end_s=7.5, label="run", origin="curated", was=segment(6, 7, "fall", 1 / 3, player="n\u00ba 7\n")
    ),
    segment(0, 2.25, "jump", 1e-7),
    reviewed=(Reviewed(start_s=0, end_s=1, labels=("fall", "run")), Reviewed(start_s=3, end_s=4)),
    rejected=(replace(segment(7, 8, "fall", 0.4), origin="model"),),
    provenance={"big": 2**63 + 1, "tiny": 5e-324, "text": "</script>\u2028\x7f", "deep": {"2": [], "1": {}}},
)


@pytest.fixture(scope="module")
def edit(open_page_once, tmp_path_factory):
    """The page of WHAT_WAS_SAID, whose scripts' names are in `inside`; its changes are undone for each test."""
    file = tmp_path_factory.mktemp("edit") / "page.html"
    file.write_bytes(open_page_of(WHAT_WAS_SAID))
    return open_page_once(file, allowed=NO_FILM)


@pytest.fixture
def shown(edit):
    yield edit
    edit.evaluate("() => { while (inside.undo()); }")


def saved(page):
    """The document that the page saves, read by the library."""
    document = read_document(page.evaluate("inside.timelineText()").encode())
    assert document.origin == "ours"
    return document


def row(page, start_s, label):
    """The number of a row."""
    return page.evaluate(
        "([start_s, label]) => inside.standing().find((i) => inside.segments.exact[i].start_s === start_s"
        " && inside.segments.exact[i].label === label)",
        [start_s, label],
    )


def one(timeline, start_s, label):
    (found,) = (s for s in timeline.segments if (s.start_s, s.label) == (start_s, label))
    return found


# ---- what is saved


def test_a_page_that_nobody_edited_saves_its_timeline_to_the_byte(shown):
    assert shown.evaluate("inside.timelineText()").encode() == dumps(WHAT_WAS_SAID)


EVERY_STATE = """
    ([commands, key, words, threshold]) => {
        const { state, segments, lanes } = inside, wrong = [];
        const said = () => [...document.querySelectorAll("#labels-body tr, #heads .count, #count, #summary")];
        const seen = () => JSON.stringify([inside.order, inside.rows, inside.counts, inside.numStanding,
            said().map((each) => each.textContent)]);
        Object.assign(state, { key, words, threshold });
        inside.sort();
        inside.sift();
        for (const [command, ...given] of commands) {
            inside[command](...given);
            const changed = seen();
            const held = lanes.flatMap(({ found }) => found);
            const sorted = lanes.every(({ found }, label) => found.every((i, k) => segments.label[i] === label
                && (k === 0 || inside.byStart(found[k - 1], i) < 0)));
            inside.sort();
            inside.sift();
            inside.tellFilm();
            for (const label of inside.data.labels.keys()) inside.tellLabel(label);
            if (changed !== seen() || !sorted || held.length !== inside.numStanding
                || held.length !== inside.standing().length) wrong.push([command, given, changed, seen()]);
        }
        Object.assign(state, { key: "start", words: "", threshold: inside.lowest });
        return { wrong, text: inside.timelineText(), progress: inside.progress() };
    }
"""


@pytest.mark.parametrize("seed", range(25))
def test_any_edits_are_saved_as_meant_and_undone_without_a_trace(shown, seed):
    draw, commands = random.Random(seed), []
    meant = Corrected(WHAT_WAS_SAID, shown.evaluate("inside.numRows()"), shown.evaluate("inside.exactLabels"))
    for _ in range(40):
        commands.append(random_command(draw, meant))
        meant.run(*commands[-1])
    key, words, threshold = draw.choice(("start", "label", "length", "score")), draw.choice(("", "f")), draw.random()
    result = shown.evaluate(EVERY_STATE, [commands, key, words, threshold])
    assert result["wrong"] == []
    document = read_document(result["text"].encode())
    assert (document.origin, replace(document.timeline, reviewed=())) == ("ours", meant.result())
    for step in range(len(meant.reviewed)):
        at_s = (step + 0.5) * STEP_S
        spans = [r for r in document.timeline.reviewed if r.start_s <= at_s < r.end_s]
        for label in (*meant.labels, ANY):
            assert any(r.labels is None or label in r.labels for r in spans) == meant.seen(step, label)
    model = sum(s.origin != "manual" for s in document.timeline.segments) + len(document.timeline.rejected)
    looked_at = sum(s.origin == "curated" for s in document.timeline.segments) + len(document.timeline.rejected)
    assert result["progress"] == {"reviewed": looked_at, "total": model}
    csv = timeline_csv.write([document.timeline], Options()).content
    assert shown.evaluate("inside.csvText()").encode() == csv
    assert shown.evaluate("() => { while (inside.redo()); while (inside.undo()); return inside.timelineText(); }") == (
        dumps(WHAT_WAS_SAID).decode()
    )


@pytest.mark.parametrize("seed", range(5))
def test_edits_at_any_time_stay_in_the_film_and_are_undone_without_a_trace(shown, seed):
    draw, commands = random.Random(seed), []
    meant = Corrected(WHAT_WAS_SAID, shown.evaluate("inside.numRows()"), shown.evaluate("inside.exactLabels"))
    for _ in range(60):
        command, *given = random_command(draw, meant)
        commands.append([command, *(draw.uniform(-1, 10) if isinstance(each, float) else each for each in given)])
    result = shown.evaluate(EVERY_STATE, [commands, "start", "", 0])
    assert result["wrong"] == []
    timeline = read_document(result["text"].encode()).timeline
    assert all(0 <= span.start_s <= span.end_s <= 8 for span in (*timeline.segments, *timeline.reviewed))
    again = shown.evaluate("() => { while (inside.undo()); while (inside.redo()); return inside.timelineText(); }")
    assert again == result["text"]
    shown.evaluate("() => { while (inside.undo()); }")
    assert shown.evaluate("inside.timelineText()").encode() == dumps(WHAT_WAS_SAID)


def test_the_page_keeps_the_digests_of_the_files_beside_the_timeline(open_page, tmp_path):
    files = {"timeline.csv": ("ab" * 32,), "scores.arrow": ("cd" * 32, "ef" * 32)}
    made_of = timeline(*MATCH)
    (tmp_path / "page.html").write_bytes(open_page_of(made_of, files=files))
    page = open_page(tmp_path / "page.html", allowed=NO_FILM)
    assert page.evaluate("inside.timelineText()").encode() == dumps(made_of, files)
    page.evaluate("inside.keep([0])")
    assert saved(page).files == files


# ---- labels that come


def test_a_new_label_gets_a_lane_a_row_and_a_tick_and_loses_them_when_undone(shown):
    before = shown.locator("#heads li:visible").count()
    label = shown.evaluate("inside.addLabel('  dive \\u202e ')")
    name = printable("dive \u202e")
    shown.locator("#heads .lane:visible").last.scroll_into_view_if_needed()  # others' contents are not laid out yet
    assert shown.locator("#heads .lane:visible bdi").last.text_content() == name
    assert shown.locator("#labels-body tr:visible th").last.inner_text() == name
    assert shown.evaluate("inside.addLabel('dive \\u202e')") == label
    shown.evaluate("(label) => inside.add(label, 1, 2)", label)
    assert shown.locator("#heads .lane .count").last.text_content() == "1/1"
    shown.evaluate("() => { inside.undo(); inside.undo(); }")
    assert shown.locator("#heads li:visible").count() == before
    assert shown.evaluate("inside.labelNamed('dive \\u202e')") == -1
    shown.evaluate("inside.redo()")
    assert shown.locator("#heads li:visible").count() == before + 1
    assert shown.evaluate("inside.addLabel(' ')") == -1


# ---- what corrections mean


def test_what_is_moved_back_is_as_the_model_said(shown):
    i = row(shown, 4, "fall")
    shown.evaluate("(i) => inside.moveTo(i, 4.5, 6.0)", i)
    assert one(saved(shown).timeline, 4.5, "fall").was == segment(4, 6, "fall", 0.6)
    shown.evaluate("(i) => { inside.moveTo(i, 3, 7); inside.moveTo(i, 4.0001, 6.0001); }", i)
    assert one(saved(shown).timeline, 4, "fall") == replace(segment(4, 6, "fall", 0.6), origin="curated")


def test_a_new_label_has_no_score_and_the_old_one_has_its_own_again(shown):
    i = row(shown, 4, "fall")
    shown.evaluate("(i) => inside.relabel([i], 0)", i)
    other = shown.evaluate("inside.exactLabels[0]")
    assert one(saved(shown).timeline, 4, other).score is None
    shown.evaluate("(i) => inside.relabel([i], inside.labelNamed('fall'))", i)
    assert one(saved(shown).timeline, 4, "fall").score == 0.6


def test_what_is_rejected_is_what_the_model_had_said_first(shown):
    i = row(shown, 6, "run")
    shown.evaluate("(i) => { inside.moveTo(i, 6, 6.5); inside.reject([i]); }", i)
    original = replace(segment(6, 7, "fall", 1 / 3, player="n\u00ba 7\n"), origin="model")
    assert original in saved(shown).timeline.rejected


def test_a_piece_is_not_rejected_while_another_piece_of_it_stands(shown):
    i, before = row(shown, 4, "fall"), saved(shown).timeline.rejected
    second = shown.evaluate("(i) => inside.splitAt(i, 5)", i)
    shown.evaluate("(i) => inside.reject([i])", second)
    assert saved(shown).timeline.rejected == before
    shown.evaluate("(i) => inside.reject([i])", i)
    assert replace(segment(4, 6, "fall", 0.6), origin="model") in saved(shown).timeline.rejected


def test_all_that_was_joined_is_rejected_with_it(shown):
    first, second = row(shown, 0, "run"), row(shown, 3, "run")
    joined = shown.evaluate(f"inside.join([{first}, {second}])")
    shown.evaluate(f"inside.reject([{first if joined is None else joined}])")
    rejected = [(s.start_s, s.end_s) for s in saved(shown).timeline.rejected if s.label == "run"]
    assert rejected == [(0, 1), (3, 5)]


def test_a_segment_of_a_person_is_taken_away_and_not_rejected(shown):
    before = saved(shown).timeline.rejected
    shown.evaluate("(i) => inside.reject([i])", row(shown, 5, "run"))
    assert saved(shown).timeline.rejected == before


def test_times_stay_in_the_film_and_ends_behind_starts(shown):
    i = row(shown, 4, "fall")
    shown.evaluate("(i) => inside.moveTo(i, -5, 99)", i)
    assert (one(saved(shown).timeline, 0, "fall").end_s) == 8
    shown.evaluate("(i) => inside.moveTo(i, 3, 1)", i)
    assert (one(saved(shown).timeline, 3, "fall").end_s) == 3


def test_what_changes_nothing_is_no_step(shown):
    nothing = """([i, manual]) => [
        inside.keep([manual]), inside.moveTo(i, 4, 6), inside.splitAt(i, 4), inside.join([i]), inside.reject([]),
        inside.openAgain(1.5, 2, null), inside.nothingElse(3, 4, null), inside.nothingElse(5, 5, null),
        inside.history.done.length,
    ]"""
    expected = [0, False, -1, -1, 0, False, False, False, 0]
    assert shown.evaluate(nothing, [row(shown, 4, "fall"), row(shown, 5, "run")]) == expected


def test_who_listens_is_told_of_each_change_and_of_each_step_back(shown):
    heard = shown.evaluate("""() => {
        const all = [], listen = ({ name, way, rows }) => all.push([name, way, rows.length]);
        inside.onEdited.push(listen);
        inside.keepAbove(null, 0.6);
        inside.undo();
        inside.redo();
        inside.onEdited.splice(inside.onEdited.indexOf(listen), 1);
        return all;
    }""")
    assert heard == [["keep", "do", 2], ["keep", "undo", 2], ["keep", "redo", 2]]


def test_many_rejections_at_once_are_as_those_one_by_one(open_page, tmp_path):
    many = [Segment(start_s=i / 100, end_s=i / 100 + 1, label=f"l{i % 7}", score=i % 100 / 100) for i in range(700)]
    (tmp_path / "page.html").write_bytes(open_page_of(timeline(*many)))
    page = open_page(tmp_path / "page.html", allowed=NO_FILM)
    at_once = page.evaluate("() => { inside.rejectBelow(null, 0.9); return inside.timelineText(); }")
    drawn = page.evaluate("() => [inside.order, inside.lanes, inside.counts]")
    one_by_one = page.evaluate("""() => {
        inside.undo();
        for (const i of inside.standing()) if (inside.segments.score[i] < 0.9) inside.reject([i]);
        return inside.timelineText();
    }""")
    assert at_once == one_by_one
    assert drawn == page.evaluate("() => [inside.order, inside.lanes, inside.counts]")
    assert len(read_document(at_once.encode()).timeline.rejected) == 630


# ---- what is seen


def test_the_table_and_the_counts_follow_an_edit(shown):
    i = row(shown, 4, "fall")
    shown.evaluate("(i) => inside.moveTo(i, 4.2, 6)", i)
    shown.evaluate("() => new Promise(requestAnimationFrame)")
    assert shown.locator(f"#row{i} td").nth(1).inner_text() == "0:00:04.200"
    num = len(WHAT_WAS_SAID.segments)
    shown.evaluate("(i) => inside.reject([i])", i)
    shown.evaluate("() => new Promise(requestAnimationFrame)")
    assert shown.locator(f"#row{i}").count() == 0
    assert shown.locator("#count").inner_text() == f"{num - 1} of {num - 1} segments"
    assert f"{num - 1} segments" in shown.locator("#summary").inner_text()
    shown.evaluate("(i) => inside.select([i])", i)
    assert shown.evaluate("inside.chosen") == -1


def test_truth_cannot_be_edited(open_page, tmp_path):
    (tmp_path / "page.html").write_bytes(open_page_of(timeline(segment(0, 1, "run")), truth=[segment(2, 3, "run")]))
    page = open_page(tmp_path / "page.html", allowed=NO_FILM)
    assert page.evaluate("[inside.keep([1]), inside.reject([1]), inside.splitAt(1, 2.5), inside.moveTo(1, 0, 1)]") == (
        [0, 0, -1, False]
    )
    assert page.evaluate(
        "() => { try { inside.commit({ name: '', rows: [[1, null]] }); } catch (e) { return e.name; } }"
    )
    new = page.evaluate("inside.add(0, 4, 5)")
    assert page.evaluate("(i) => [inside.isTrue(i), inside.progress()]", new) == [False, {"reviewed": 0, "total": 1}]
