"""How fast the page of a film with 10,000 segments in ten hours is, in headless Chromium: python benchmarks/page.py

    size        of the file, without pictures
    first draw  from the navigation's start until the lanes are drawn
    edits       each frame a key that corrects a segment, or undoes that; and a segment on its way under the mouse
    frames      from one requestAnimationFrame to the next while something changes in each: median, 95th, worst. A
                browser draws at most every 16.7 ms: more means that frames were lost
    work        what the page's own script takes of a frame: median, worst
    CPU         time of the page's thread in a frame, mean: script, style, layout, painting. Other programs do not count

With a tenth of the segments as well, and with a curve on each lane; a ratio is of the medians. Headless Chromium draws
without a graphics card.
"""

import argparse
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from vtn_stream.report.index import entry_of, index
from vtn_stream.report.label_curves import LabelCurves, label_curves
from vtn_stream.report.page import page
from vtn_stream.results.pages import rest_of
from vtn_stream.timeline import Curve, Segment, Timeline

DURATION_S = 36_000.0
NUM_LABELS = 20
MAX_BYTES = 1_000_000
MAX_MEDIAN_MS = 17.0  # 60 frames a second
NUM_FILMS = 20_000
NUM_FRAMES = 120

# When the first frame with lanes is over, and how long every callback of a frame takes.
WATCH = """
    window.work = 0;
    const ask = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => ask((time) => {
        const begun = performance.now();
        callback(time);
        window.work += performance.now() - begun;
    });
    const clear = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (...all) {
        window.sawDrawing ??= ask(() => { window.firstDraw = performance.now(); });
        return clear.apply(this, all);
    };
    window.frames = (act, num) => new Promise((done) => {
        const times = [], work = [];
        let last = null, i = 0;
        window.work = 0;
        const frame = (time) => {
            if (last !== null) { times.push(time - last); work.push(window.work); }
            last = time;
            window.work = 0;
            if (i === num) return done({ times, work });
            const begun = performance.now();
            act(i++, num);
            window.work = performance.now() - begun;
            ask(frame);
        };
        ask(frame);
    });
    window.wheel = (x, y, keys) => document.getElementById("stage").dispatchEvent(new WheelEvent("wheel",
        { deltaX: x, deltaY: y, clientX: 700, clientY: 600, bubbles: true, cancelable: true, ...keys }));
    window.key = (key, more = {}) => document.body.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
"""

ACTIONS = {
    "panning": "(i) => window.wheel(i < 60 ? 40 : -40, 0, {})",
    "zooming": "(i) => window.wheel(0, i < 60 ? -40 : 40, { ctrlKey: true })",
    "dragging the threshold": """(i, num) => {
        const slider = document.getElementById("threshold");
        slider.value = i / num;
        slider.dispatchEvent(new Event("input"));
    }""",
    "scrolling the table": "(i) => { document.getElementById('rows').scrollTop = i * 200; }",
    "moving an end by keys": "(i) => window.key(i % 30 ? '}' : 'n')",
    "keeping and rejecting": "(i) => window.key(i % 2 ? 'Enter' : 'x')",
    "undoing": "() => window.key('z', { ctrlKey: true })",
}
EDITS = tuple(ACTIONS)[-3:]
DRAG = "dragging a segment"


def timeline(num: int) -> Timeline:
    rng = np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, DURATION_S - 60, num))
    segments = tuple(
        Segment(start_s=a, end_s=a + d, label=f"action {k}", score=s)
        for a, d, k, s in zip(
            starts.tolist(),
            rng.uniform(1, 20, num).tolist(),
            rng.integers(NUM_LABELS, size=num).tolist(),
            rng.uniform(0, 1, num).tolist(),
            strict=True,
        )
    )
    saliency = Curve(start_s=0, step_s=DURATION_S / 4000, values=tuple(rng.uniform(0, 1, 4000).tolist()))
    return Timeline(
        video_identity="xxh3:0",
        video_path="film.mp4",
        duration_s=DURATION_S,
        span_s=(0, DURATION_S),
        segments=segments,
        curves={"saliency": saliency},
    )


def noise() -> LabelCurves | None:
    """The most that a curve can be: as many points as there are, each another."""
    frame = np.random.default_rng(1).uniform(0, 1, (72_000, NUM_LABELS)).astype(np.float16)
    labels = [f"action {k}" for k in range(NUM_LABELS)]
    known = np.ones(len(frame), np.bool_)
    return label_curves(frame, np.arange(len(frame)) / 2, known, labels, only=labels, name="probability")


def measured(browser: Browser, path: Path) -> dict[str, Any]:
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    context.add_init_script(WATCH)
    shown = context.new_page()
    shown.goto(path.as_uri())
    shown.evaluate("async () => { while (!window.firstDraw) await new Promise(requestAnimationFrame); }")
    result: dict[str, Any] = {"first draw": shown.evaluate("window.firstDraw")}
    session = context.new_cdp_session(shown)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu_ms() -> float:
        found = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * float(each["value"]) for each in found if each["name"] == "TaskDuration")

    for name, act in ACTIONS.items():
        if name == "panning":
            shown.evaluate("() => { for (let i = 0; i < 5; i++) document.getElementById('in').click(); }")
        if name == EDITS[0]:
            shown.locator("#edit").click()
            shown.keyboard.press("n")
        before_ms = cpu_ms()
        result[name] = shown.evaluate(f"() => window.frames({act}, {NUM_FRAMES})")
        result[name]["cpu"] = (cpu_ms() - before_ms) / NUM_FRAMES
        if name not in EDITS:
            shown.locator("#threshold").fill("0")
            shown.locator("#fit").click()
    before_ms = cpu_ms()
    result[DRAG] = dragged(shown)
    result[DRAG]["cpu"] = (cpu_ms() - before_ms) / NUM_FRAMES
    context.close()
    return result


def dragged(shown: Page) -> dict[str, Any]:
    """A real mouse: what it takes of a frame before the frame's callbacks is in the frames, not in the work."""
    lane = shown.locator("#heads li.lane").nth(3).bounding_box()
    assert lane is not None
    shown.mouse.move(800, lane["y"] + lane["height"] - 8)
    shown.mouse.down()
    shown.evaluate(f"() => {{ window.dragging = window.frames(() => {{}}, {NUM_FRAMES}); }}")
    for i in range(NUM_FRAMES):
        shown.mouse.move(800 + i, lane["y"] + lane["height"] - 8)
    shown.mouse.up()
    found: dict[str, Any] = shown.evaluate("() => window.dragging")
    assert shown.locator("#said").inner_text(), "nothing was dragged"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=10_000)
    given = parser.parse_args()
    chromium = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome"))),
        None,
    )
    if chromium is None:
        raise SystemExit("no Chromium was found; nothing was measured; install it: apt-get install chromium")
    medians: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        print(f"Chromium {browser.version}, 1600 x 1000, {NUM_LABELS} labels, {NUM_FRAMES} frames each")
        for num, curves in ((given.segments // 10, None), (given.segments, None), (given.segments, noise())):
            path = Path(folder) / f"{num}.html"
            path.write_bytes(page(timeline(num), rest=rest_of(timeline(num)), label_curves=curves))
            size = path.stat().st_size
            also = " and a curve of each label" if curves else ""
            print(f"{num:6,} segments{also}  size {size / 1e3:,.0f} kB (wanted: at most {MAX_BYTES / 1e3:,.0f} kB)")
            runs = measured(browser, path)
            print(f"{'':16} first draw {runs['first draw']:.0f} ms")
            for name in (*ACTIONS, DRAG):
                times, work = sorted(runs[name]["times"]), runs[name]["work"]
                middle, most = statistics.median(times), times[int(len(times) * 0.95)]
                print(f"{'':16} {name:23} frames {middle:5.1f} {most:5.1f} {times[-1]:6.1f} ms", end="")
                print(f"   work {statistics.median(work):5.1f} {max(work):6.1f} ms", end="")
                print(f"   CPU {runs[name]['cpu']:4.1f} ms", end="")
                if name in medians:
                    print(f"   ratio {middle / medians[name]:.2f} (wanted: at most {MAX_MEDIAN_MS:g} ms)", end="")
                print(flush=True)
                medians[name] = middle
        browser.close()
    print(f"{NUM_FILMS:6,} films     index of 60 segments each {len(index_of_films()) / 1e6:.1f} MB")


def index_of_films() -> bytes:
    film = replace(timeline(60), curves={})
    entry = entry_of(film, name="2026/camera 1/film 00000.mp4", page="p.html", timeline_file="t.json")
    return index((replace(entry, name=f"2026/camera 1/film {i:05}.mp4") for i in range(NUM_FILMS)), title="films")


if __name__ == "__main__":
    main()
