"""A whole film is corrected as people do it: by keys only, and by mouse only; what is saved is what was meant."""

import math

import pytest
from edited_pages import saved_by_download
from film_pages import NO_FILM, page
from planted_errors import DURATION_S, KINDS, STEP_S, cases, corrected, said_by_model
from playwright.sync_api import expect

from vtn_stream.formats import timeline_json

FEW = cases(14, dict.fromkeys(KINDS, 1))  # 20 segments of a model, 6 errors
ALL = cases(70, KINDS)  # 100 segments of a model, 30 errors
SIZES = [pytest.param(FEW, id="20 segments"), pytest.param(ALL, id="100 segments", marks=pytest.mark.release)]
NO_PICKER = "delete window.showSaveFilePicker;"


@pytest.fixture
def planted(open_page, tmp_path):
    """planted(cases): the page of what the model says, as `report` makes it."""

    def open_(all_cases):
        path = tmp_path / "film.webm.timeline.html"
        path.write_bytes(page(said_by_model(all_cases)))
        (tmp_path / "empty.html").write_text("<!DOCTYPE html><title>empty</title>")
        opened = open_page(tmp_path / "empty.html", allowed=NO_FILM, viewport={"width": 1280, "height": 1000})
        opened.add_init_script(NO_PICKER)
        opened.on("dialog", lambda dialog: dialog.accept())
        opened.goto(path.as_uri())
        return opened

    return open_


def test_the_planted_film_is_what_it_says():
    assert (len(said_by_model(ALL).segments), sum(case.kind != "right" for case in ALL)) == (100, 30)
    assert (len(said_by_model(FEW).segments), sum(case.kind != "right" for case in FEW)) == (20, 6)
    assert corrected(ALL) != said_by_model(ALL)


def clock(time_s):
    minutes, seconds = divmod(math.floor(time_s * 10 + 0.5) / 10, 60)
    return f"0:{minutes:02.0f}:{seconds:04.1f}"


class ByKeys:
    """An annotator at the keyboard, who knows what is true and sees what is selected."""

    def __init__(self, page):
        self.page = page
        self.start()

    def start(self):
        """Opens the tools and goes to the first segment that nobody has reviewed."""
        self.press("t")
        expect(self.page.locator("#tools")).to_be_visible()
        self.press("r", "n", "r")
        buttons = self.page.locator("#chooser-labels button").all_inner_texts()
        self.key_of = dict(text.split("\n") for text in buttons)
        self.press("Escape")
        expect(self.page.locator("#chooser")).to_be_hidden()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def steps(self, earlier, later, seconds):
        self.press(*[later if seconds > 0 else earlier] * round(abs(seconds) / STEP_S))

    def go_from(self, at_s, to_s):
        """Where the playhead is, to where it should be."""
        by_s = to_s - at_s
        while abs(by_s) >= 5:
            step_s = math.copysign(10 if abs(by_s) >= 10 else 5, by_s)
            self.press({10: "l", 5: "ArrowRight", -5: "ArrowLeft", -10: "j"}[step_s])
            by_s -= step_s
        self.steps(",", ".", by_s)

    def relabel(self, label):
        self.press("r", self.key_of[label])

    def correct(self, case, next_s):
        """next_s: where the next segment starts, which is selected if the model says nothing here."""
        match case.kind:
            case "extra":
                return self.press("x")
            case "label":
                self.relabel(case.true[0][2])
            case "borders":
                (said,), ((start_s, end_s, _),) = case.model, case.true
                self.steps("[", "{", start_s - said.start_s)
                self.steps("]", "}", end_s - said.end_s)
            case "missing":
                ((start_s, end_s, label),) = case.true
                self.go_from(next_s, start_s)
                self.press("a")
                self.relabel(label)
                self.steps("]", "}", end_s - start_s - 1)
            case "split":
                self.press("g")
            case "joined":
                (start_s, end_s, label), (second_s, _, second) = case.true
                self.go_from(start_s, second_s)
                self.press("b")
                self.steps("]", "}", end_s - second_s)
                if second != label:
                    self.press("n")
                    self.relabel(second)
        self.press("Enter")

    def undo(self):
        self.press("Control+z")
        return self.page.locator("#said").inner_text() != "There is nothing to undo."

    def save(self):
        return saved_by_download(self.page, lambda: self.press("Control+s"))[0]


class ByMouse:
    """An annotator with a mouse, who knows what is true. After five steps of zoom a pixel lasts PIXEL_S."""

    PIXEL_S = 0.025
    WIDTH = 1000  # pixels of the lanes

    def __init__(self, page):
        self.page = page
        stage = page.locator("#stage")
        wide = stage.bounding_box()["width"]
        page.set_viewport_size({"width": round(1280 + self.WIDTH - wide), "height": 1000})
        expect(stage).to_have_js_property("offsetWidth", self.WIDTH)
        self.start()

    def start(self):
        """Opens the tools, shows the first 25 s."""
        self.page.get_by_role("button", name="Edit", exact=True).click()
        for _ in range(5):
            self.page.get_by_role("button", name="Zoom in").click()
        self.low_s = 0.0
        expect(self.page.locator("#range")).to_have_text("0:00:00.0 – 0:00:25.0")
        self.left = self.page.locator("#stage").bounding_box()["x"]
        assert self.left == round(self.left)  # some events know whole pixels only

    def show(self, time_s):
        """Pans so that the time is in sight, and what comes soon after it."""
        if self.low_s + 1 <= time_s <= self.low_s + 18:
            return
        by = min(
            round((time_s - 2 - self.low_s) / self.PIXEL_S),
            round((DURATION_S - self.low_s) / self.PIXEL_S) - self.WIDTH,
        )
        self.page.mouse.move(*self.at("run", self.low_s + 10))
        self.page.mouse.wheel(by, 0)
        self.low_s += by * self.PIXEL_S
        expect(self.page.locator("#range")).to_contain_text(clock(self.low_s))

    def at(self, label, time_s):
        """Where on the screen that is."""
        lane = self.page.locator("#heads li.lane").filter(has=self.page.get_by_text(label, exact=True)).bounding_box()
        x = self.left + (time_s - self.low_s) / self.PIXEL_S
        assert abs(x - round(x)) < 1e-6
        return round(x), round(lane["y"] + lane["height"] * 0.7)

    def drag(self, start, end):
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=3)
        self.page.mouse.up()

    def menu(self, label, time_s, name):
        self.page.mouse.click(*self.at(label, time_s), button="right")
        self.page.get_by_role("menuitem", name=name).click()

    def correct(self, case, number):
        self.show(case.start_s)
        said = case.model[0] if case.model else None
        match case.kind:
            case "right":
                if number % 10 == 0:
                    self.menu(said.label, said.start_s + 0.5, "Keep")
            case "extra":
                self.menu(said.label, said.start_s + 0.5, "Reject")
            case "label" if number % 2:
                self.drag(self.at(said.label, said.start_s + 0.5), self.at(case.true[0][2], said.start_s + 0.5))
            case "label":
                self.menu(said.label, said.start_s + 0.5, "Relabel to")
                self.page.get_by_role("option", name=case.true[0][2]).click()
            case "borders":
                ((start_s, end_s, label),) = case.true
                if start_s != said.start_s:
                    self.drag(self.at(label, said.start_s), self.at(label, start_s))
                if end_s != said.end_s:
                    self.drag(self.at(label, said.end_s), self.at(label, end_s))
            case "missing":
                ((start_s, end_s, label),) = case.true
                self.drag(self.at(label, start_s), self.at(label, end_s))
            case "split":
                self.menu(said.label, said.start_s + 0.25, "Join with the next")
            case "joined":
                (_, end_s, label), (second_s, _, second) = case.true
                self.menu(label, second_s, "Split at")
                inside_s = 3 * self.PIXEL_S  # so that the first piece is held, not the second
                self.drag(self.at(label, second_s - inside_s), self.at(label, end_s - inside_s))
                if second != label:
                    self.drag(self.at(label, second_s + 0.75), self.at(second, second_s + 0.75))

    def finish(self):
        """All that was left as it was is right."""
        self.page.locator("#nothing-film").click()

    def undo(self):
        if self.page.locator("#undo").is_disabled():
            return False
        self.page.locator("#undo").click()
        return True

    def save(self):
        return saved_by_download(self.page, lambda: self.page.locator("#save").click())[0]


@pytest.mark.parametrize("all_cases", SIZES)
def test_a_film_is_corrected_by_keys_only(planted, all_cases):
    page = planted(all_cases)
    keys = ByKeys(page)
    for number, case in enumerate(all_cases):
        if number == len(all_cases) // 2:
            page.reload()
            expect(page.locator("#saving-told")).to_contain_text("restored")
            keys.start()
            keys.press("Enter")
        later = (each for each in all_cases[number:] if each.model)
        keys.correct(case, next(later).start_s if number + 1 < len(all_cases) else None)
    assert "none is left" in page.locator("#said").inner_text()
    document = timeline_json.read_document(keys.save())
    assert document.timeline == corrected(all_cases)
    assert document.origin == "ours"
    while keys.undo():
        pass
    assert timeline_json.loads(keys.save()) == said_by_model(all_cases)


@pytest.mark.parametrize("all_cases", SIZES)
def test_a_film_is_corrected_by_mouse_only(planted, all_cases):
    page = planted(all_cases)
    mouse = ByMouse(page)
    for number, case in enumerate(all_cases):
        if number == len(all_cases) // 2:
            page.reload()
            expect(page.locator("#saving-told")).to_contain_text("restored")
            mouse.start()
        mouse.correct(case, number)
    mouse.finish()
    document = timeline_json.read_document(mouse.save())
    assert document.timeline == corrected(all_cases, reviewed=True)
    assert document.origin == "ours"
    while mouse.undo():
        pass
    assert timeline_json.loads(mouse.save()) == said_by_model(all_cases)
