"""Whatever is pressed, clicked and dragged on a page, in any order: nothing is lost, and what it saves is read."""

import random
from dataclasses import replace

import pytest
from film_pages import NO_FILM, film, open_page_of, segment, timeline  # noqa: F401  (film: a fixture)

from vtn_stream.formats import timeline_csv
from vtn_stream.formats.timeline_json import dumps, read_document
from vtn_stream.formats.writing import Options
from vtn_stream.report.queue import Asked, Queue
from vtn_stream.timeline import Reviewed, Segment

DURATION_S = 25 / 3  # which no whole number of milliseconds or microseconds is
LABELS = (
    "run",
    "jump",
    '=fall, "off"\n',
    "__proto__",
    "constructor",
    "\u202eolleh",
    "\u00e9",
    "e\u0301",
    "\U0001f600" * 9,
)
KEYS = (
    *("Enter", "x", "Backspace", "Delete", "r", "d", "v", "y", "[", "{", "]", "}", "i", "o", "b", "g", "a", "c", "e"),
    *"1234567890",
    *(
        "n",
        "p",
        "n",
        "p",
        "+",
        "-",
        "Escape",
        "Escape",
        "t",
        "?",
        "/",
        "Tab",
        "Shift+Tab",
        "Space",
        "ArrowRight",
        "ArrowLeft",
    ),
    *(
        "ArrowUp",
        "ArrowDown",
        ",",
        ".",
        "j",
        "l",
        "m",
        "Control+z",
        "Control+z",
        "Control+Shift+z",
        "Control+y",
        "Control+s",
    ),
    *("Shift+F10", "ContextMenu", "q", "z", "w", "Alt+x", "Control+x", "Control+a", "Shift+ArrowLeft"),
)
# Buttons, rows and boxes that are in sight, but not what leaves the page, asks for a file or forgets drafts.
CLICK = """
    (at) => {
        const open = document.querySelector("dialog[open]") ?? document;
        const what = "button, input[type=checkbox], summary, [role=menuitem], [role=option], tr, option";
        const leaves = (each) => /print|full.?screen|choose|copy/i.test(each.textContent + each.ariaLabel);
        const all = [...open.querySelectorAll(what)].filter((each) => each.checkVisibility() && !leaves(each));
        const each = all[Math.floor(at * all.length)];
        if (!each) return "";
        if (each.tagName === "OPTION") {
            each.selected = true;
            each.parentElement.dispatchEvent(new Event("change", { bubbles: true }));
        } else each.click();
        return each.textContent.slice(0, 40);
    }
"""
STATE = """
    () => {
        const { history, modelSaid } = inside, joined = [];
        for (const { name, rows } of history.done) {
            if (name === "join" || name === "as the model said") {
                for (const [, before] of rows) if (before && before.origin !== "manual") joined.push(modelSaid(before));
            }
        }
        return {
            text: inside.timelineText(), csv: inside.csvText(), progress: inside.progress(),
            steps: history.done.map(({ name }) => name), done: history.done.length,
            joined: joined.map(({ start_s, end_s, label }) => [start_s, end_s, label]), shown: inside.numStanding,
        };
    }
"""


def film_of(draw, num=30):
    found = []
    for _ in range(num):
        start_s = draw.choice((0.0, draw.uniform(0, 8), round(draw.uniform(0, 8), 3)))
        end_s = draw.choice((start_s, min(DURATION_S, start_s + draw.expovariate(1)), DURATION_S))
        each = segment(start_s, end_s, draw.choice(LABELS), draw.choice((None, draw.random(), 1e-7)))
        found.append(replace(each, origin=draw.choice(("model", "model", None))))
    return timeline(
        *found,
        Segment(start_s=1, end_s=2.5, label="run", score=0.5, origin="curated", was=segment(1, 2, "jump", 0.5)),
        Segment(start_s=5, end_s=7, label="run", origin="manual"),
        duration_s=DURATION_S,
        reviewed=(Reviewed(start_s=3, end_s=4, labels=("jump",)),),
        rejected=(replace(segment(7, 8, "run", 0.4), origin="model"),),
    )


def of(s):
    return (s.start_s, s.end_s, s.label)


def model_said(timeline):
    """What the model had said of each segment that is not by hand alone, and what of it was rejected."""
    return [of(s.was or s) for s in (*timeline.segments, *timeline.rejected) if s.origin != "manual"]


def act(draw, page, stage):
    """One thing that somebody might do."""
    mouse, keyboard = page.mouse, page.keyboard
    place = (stage["x"] + draw.uniform(0, stage["width"]), stage["y"] + draw.uniform(0, stage["height"]))
    kind = draw.choices(("key", "click", "drag", "button", "type"), (10, 3, 4, 3, 0.4))[0]
    if kind == "key":
        key = draw.choice(KEYS)
        keyboard.press(key)
        return key
    if kind == "button":
        return page.evaluate(CLICK, draw.random())
    if kind == "type":
        keyboard.type(draw.choice(("new one", "run", "0.5", "=1,2\n", "é")))
        return "type"
    modifier = draw.choice((None, None, None, "Shift", "Control", "Alt"))
    if modifier:
        keyboard.down(modifier)
    mouse.move(*place)
    if kind == "click":
        if draw.random() < 0.2:
            mouse.dblclick(*place)
        else:
            mouse.click(*place, button=draw.choice(("left", "left", "right")))
    else:
        mouse.down()
        mouse.move(place[0] + draw.gauss(0, 80), place[1] + draw.choice((0, draw.gauss(0, 60))), steps=3)
        if draw.random() < 0.1:
            keyboard.press(draw.choice(KEYS))
        mouse.up()
    if modifier:
        keyboard.up(modifier)
    return (kind, modifier, place)


def covered(one, parts):
    """Whether these parts of what the model had said make up all of it."""
    at_s, end_s, label = one
    for start_s, to_s, name in sorted(parts):
        if name == label and start_s <= at_s:
            at_s = max(at_s, to_s)
    return at_s >= end_s and any(start_s <= one[0] <= end_s and name == label for start_s, end_s, name in parts)


def is_part(s, first):
    """Whether the model had said it: as it is, or a part of it, as where a moment begins or ends inside."""
    return any(start_s <= s.start_s and s.end_s <= end_s and label == s.label for start_s, end_s, label in first)


def check(page, original, log):
    state = page.evaluate(STATE)
    document = read_document(state["text"].encode())
    assert document.origin == "ours", log
    now, first = document.timeline, set(model_said(original))
    said = {*model_said(now), *(tuple(each) for each in state["joined"])}
    assert all(covered(each, said) for each in first - said), (first - said, log)
    for s in now.segments:
        assert 0 <= s.start_s <= s.end_s <= DURATION_S, (s, log)
        assert s.was is None or is_part(s.was, first), (s, log)
        assert s.was is None or of(s.was) != of(s), (s, log)
        assert (s.origin is None or s.origin == "model") <= is_part(s, first), (s, log)
    looked_at = sum(s.origin == "curated" for s in now.segments) + len(now.rejected)
    total = sum(s.origin != "manual" for s in now.segments) + len(now.rejected)
    assert state["progress"] == {"reviewed": looked_at, "total": total}, log
    assert state["shown"] == len(now.segments), log
    assert state["csv"].encode() == timeline_csv.write([now], Options()).content, log
    return state["text"]


def monkey(open_page, path, seed, num, film=None, every=10):
    """Does `num` things to a page; of some seeds the page asks for moments, or has a film. Returns how many changes."""
    draw, log = random.Random(seed), []
    original = film_of(draw)
    moments = [Asked(start_s=k / 3, end_s=k / 3 + draw.uniform(0.5, 3), reason="", doubt=0.5) for k in range(0, 24, 4)]
    queue = Queue(moments=moments) if seed % 3 == 2 else None
    path.write_bytes(open_page_of(original, queue=queue, film="film.webm" if film else "gone.webm"))
    if film:
        (path.parent / "film.webm").write_bytes(film.read_bytes())
    shown = open_page(path, allowed=NO_FILM)
    shown.on("dialog", lambda dialog: dialog.accept())
    if not queue:
        shown.evaluate("inside.toggleTools()")
    for k in range(num):
        stage = shown.locator("#stage").bounding_box()
        log.append(act(draw, shown, stage))
        if k % every == 0:
            shown.keyboard.press("Escape")
            if not shown.evaluate("inside.editing() || !!document.querySelector('dialog[open]')"):
                shown.evaluate("inside.toggleTools()")
            check(shown, original, log[-30:])
    shown.evaluate("() => { inside.endOpenStates(); }")
    text = check(shown, original, log[-30:])
    num_steps = shown.evaluate("inside.history.done.length")
    undone = shown.evaluate("() => { while (inside.undo()); return inside.timelineText(); }")
    assert undone.encode() == dumps(original)
    redone = "(num) => { while (num--) inside.redo(); return inside.timelineText(); }"  # and not what was undone before
    assert shown.evaluate(redone, num_steps) == text
    return num_steps


@pytest.mark.release
def test_a_monkey_loses_nothing(open_page, tmp_path):
    assert monkey(open_page, tmp_path / "page.html", 1, 150) > 10


@pytest.mark.release
@pytest.mark.parametrize("seed", range(2, 12))
def test_monkeys_lose_nothing(open_page, tmp_path, film, seed):
    assert monkey(open_page, tmp_path / "page.html", seed, 1500, film if seed % 2 else None) > 50
