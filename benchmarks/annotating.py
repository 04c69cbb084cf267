"""What an annotator needs: reviewing what a model said, against coding from nothing: python benchmarks/annotating.py

A film of 100 segments of five labels is annotated in its page, in headless Chromium, by keys alone, until the file that
the page saves says what is true; this is checked. Once from nothing: a state starts and ends by its label's key. And by
reviewing a timeline with 15, 30 or 60 errors: wrong labels, borders that are 1 or 1.5 s off, false alarms, segments
that were missed, two taken for one, one taken for two. In each way it is said at the end that nothing else happens.

    keys     pressed, a segment; Shift and Ctrl count as keys
    seconds  of the annotator, a segment, by the keystroke-level model (Card, Moran & Newell 1980, Communications of the
             ACM 23 (7)): K 0.28 s a key (an average typist who is no typist by profession), M 1.35 s to make up one's
             mind. An estimate: nobody was measured
    film     what must be watched, seconds a segment: all of the film, to find what was missed; or, in brackets, what
             the model found and nothing else

M is counted where somebody decides: whether a segment is right and what is wrong with it, which key a label has, that a
border is right now; of coding, at each start and each end. Who codes while the film plays decides while it plays.
"""

import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from vtn_stream.formats import timeline_json
from vtn_stream.report.page import page
from vtn_stream.results.pages import rest_of
from vtn_stream.timeline import Segment, Timeline

KEY_S, MIND_S = 0.28, 1.35
STEP_S = 0.5  # from one position of the analysis to the next
LABELS = ("walk", "sit", "drink", "phone", "read")
NUM_SEGMENTS = 100
SHARES = {"label": 8, "border": 8, "false": 6, "missed": 4, "merged": 2, "cut": 2}  # errors, of 30
THINK = "think"


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in the film: what the model says, what is true, and what a reviewer does: keys, labels (their keys),
    thoughts, and seconds of the film that are gone to by watching."""

    said: tuple[Segment, ...]
    true: tuple[Segment, ...]
    steps: tuple[str | float, ...]


def segment(start_s: float, end_s: float, label: str) -> Segment:
    return Segment(start_s=start_s, end_s=end_s, label=label, score=0.5)


def place(error: str | None, true: Segment, dice: random.Random) -> Place:
    """One true segment, or of "merged" two, with that error."""
    start, end, label = true.start_s, true.end_s, true.label
    keep = (THINK, "Enter")
    if error == "label":
        said = segment(start, end, dice.choice([name for name in LABELS if name != label]))
        return Place((said,), (true,), (THINK, "r", THINK, label, "Enter"))
    if error == "border":
        off, is_start = dice.choice((-3, -2, 2, 3)), dice.random() < 0.5
        said = segment(start + off * STEP_S, end, label) if is_start else segment(start, end + off * STEP_S, label)
        back = ("[{" if is_start else "]}")[off < 0]
        return Place((said,), (true,), (THINK, *[back] * abs(off), *keep))
    if error == "false":
        false = segment(end + STEP_S, end + 2 * STEP_S, label)
        return Place((true, false), (true,), (*keep, THINK, "x"))
    if error == "missed":
        return Place((), (true,), ())
    if error == "merged":
        first, second = replace(true, end_s=start + 1.5), replace(true, start_s=start + 2)
        return Place((true,), (first, second), (THINK, start + 1.5, "b", "n", "{", *keep))
    if error == "cut":
        pieces = (replace(true, end_s=start + 1), replace(true, start_s=start + 1.5))
        return Place(pieces, (true,), (THINK, "g", *keep))
    return Place((true,), (true,), keep)


def places(num_errors: int) -> list[Place]:
    """A film of 100 true segments. Between two are 2 to 4 s without any; they last 3 to 6 s."""
    dice = random.Random(num_errors)
    errors: list[str | None] = [name for name, share in SHARES.items() for _ in range(share * num_errors // 30)]
    errors += [None] * (NUM_SEGMENTS - len(errors) - errors.count("merged"))  # of which each has two
    dice.shuffle(errors)
    found, at = [], 2.0
    for error in errors:
        end = at + dice.randint(6, 12) * STEP_S
        found.append(place(error, segment(at, end, dice.choice(LABELS)), dice))
        at = end + dice.randint(4, 8) * STEP_S
    return found


def timeline(segments: Sequence[Segment], duration_s: float) -> Timeline:
    return Timeline(
        video_identity="xxh3:0",
        video_path="film.mp4",
        duration_s=duration_s,
        span_s=(0, duration_s),
        segments=tuple(segments),
        provenance={"recipe": {"fps": "2"}},
    )


class Annotator:
    """Presses keys and counts what it takes."""

    def __init__(self, shown: Page) -> None:
        self.shown, self.num_keys, self.num_thoughts = shown, 0, 0
        shown.get_by_role("button", name="Labels…").click()
        cells = shown.locator("#labels-keys tr").evaluate_all(
            "trs => trs.map(tr => [tr.cells[0].textContent, tr.cells[1].textContent])"
        )
        self.key_of = dict(cells)
        shown.keyboard.press("Escape")

    def do(self, *steps: str | float) -> None:
        for step in steps:
            if step == THINK:
                self.num_thoughts += 1
            elif isinstance(step, str):
                self.shown.keyboard.press(self.key_of.get(step, step))
                self.num_keys += len(step.split("+")) + (step in ("{", "}"))
            else:  # the film is watched until there
                self.shown.locator("#position").evaluate(
                    "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')); }", 1000 * step
                )

    def code(self, true: Segment) -> None:
        self.do(true.start_s, THINK, true.label, true.end_s, THINK, true.label)

    def save(self) -> Timeline:
        with self.shown.expect_download() as found:
            self.do("Control+s")
        return timeline_json.loads(found.value.path().read_bytes())

    @property
    def seconds(self) -> float:
        return self.num_keys * KEY_S + self.num_thoughts * MIND_S


def annotated(shown: Page, film: Sequence[Place], *, from_nothing: bool) -> Annotator:
    """The whole film, by keys; fails if what is saved is not what is true."""
    true = [segment for each in film for segment in each.true]
    shown.keyboard.press("t")
    annotator = Annotator(shown)
    if not from_nothing:
        annotator.do("n")
        for each in film:
            annotator.do(*each.steps)
    end_s = true[-1].end_s + 2
    annotator.do(0.0, "c", "e")
    for each in film:
        if from_nothing or not each.said:
            for segment in each.true:
                annotator.code(segment)
    annotator.do(end_s, "e")
    saved = annotator.save()
    said = sorted((s.start_s, s.end_s, s.label) for s in saved.segments)
    if said != sorted((s.start_s, s.end_s, s.label) for s in true):
        raise AssertionError("what was saved is not what is true")
    if [(span.start_s, span.end_s) for span in saved.reviewed] != [(0, end_s)]:
        raise AssertionError("it was not said of the whole film that nothing else happens")
    return annotator


def row(name: str, annotator: Annotator, film: Sequence[Place]) -> str:
    true = [segment for each in film for segment in each.true]
    said = [segment for each in film for segment in each.said]
    whole, found = (true[-1].end_s + 2) / len(true), sum(s.duration_s for s in said) / len(true)
    watched = f"{whole:.1f}" if name == "coding" else f"{whole:.1f} ({found:.1f})"
    keys, seconds = annotator.num_keys / len(true), annotator.seconds / len(true)
    return f"| {name} | {keys:.2f} | {seconds:.1f} | {watched} |"


def main() -> None:
    browser_path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    print("| way | keys | seconds (KLM) | film, s |\n|---|---|---|---|")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])

        def run(name: str, num_errors: int, **how: Any) -> None:
            film = places(num_errors)
            segments = [] if how["from_nothing"] else [segment for each in film for segment in each.said]
            made = timeline(segments, max(s.end_s for each in film for s in each.true) + 2)
            path = Path(folder) / "film.mp4.timeline.html"
            path.write_bytes(page(made, rest=rest_of(made), labels=LABELS))
            context = browser.new_context()  # a browser that knows no drafts
            context.add_init_script("delete window.showSaveFilePicker;")
            shown = context.new_page()
            shown.goto(path.as_uri())
            print(row(name, annotated(shown, film, **how), film), flush=True)
            context.close()

        run("coding", 30, from_nothing=True)
        for num_errors in (0, 15, 30, 60):
            run(f"review, {num_errors} errors", num_errors, from_nothing=False)
        browser.close()


if __name__ == "__main__":
    main()
