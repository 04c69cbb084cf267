"""A film's page without its film, in a real browser: it is missing, or cannot be played, which are two things."""

import shlex
from fractions import Fraction

import av
import numpy as np
import pytest
from browser import axe_violations
from counting import picture_of, write_film
from film_pages import DURATION_S, MATCH, film, show, text  # noqa: F401  (fixtures among them)
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def mpeg4(tmp_path_factory):
    path = tmp_path_factory.mktemp("old") / "film.avi"
    write_film(path, 5, rate=Fraction(5), codec="mpeg4")
    return path.read_bytes()


@pytest.fixture
def avi(mpeg4, tmp_path):
    """avi(name): a film that no browser plays, under this name beside the page."""

    def avi_(name):
        (tmp_path / name).write_bytes(mpeg4)
        return name

    return avi_


def test_a_missing_film_is_said_and_can_be_chosen(show, film):
    shown = show(*MATCH, beside=None, fragment="#t=3")
    shown.locator("#missing").wait_for()
    assert text(shown, "#missing-text").startswith("gone.webm is missing: it is not beside this page")
    assert not shown.locator("#command").is_visible()
    shown.keyboard.press("n")
    assert text(shown, "#time") == "0:00:04.000"  # the timeline works without
    shown.locator("#picker").set_input_files(film)
    shown.locator("#missing").wait_for(state="hidden")
    assert 4 <= shown.evaluate("document.getElementById('film').currentTime") < 4.002
    assert not shown.locator("#mismatch").is_visible()


def test_another_film_is_known_by_its_length(show, film):
    shown = show(*MATCH, duration_s=60, beside=None)
    shown.locator("#missing").wait_for()
    shown.locator("#picker").set_input_files(film)
    shown.locator("#mismatch").wait_for()
    told = "This film lasts 0:00:08.000, the film of the timeline 0:01:00.000: it may be another film."
    assert text(shown, "#mismatch-text") == told


def test_a_wrong_film_is_replaced_and_the_focus_is_where_it_plays(show, film, tmp_path):
    write_film(tmp_path / "right.webm", 300, rate=Fraction(5), codec="libvpx-vp9")
    shown = show(*MATCH, duration_s=60, beside=None)
    shown.locator("#missing").wait_for()
    shown.locator("#picker").set_input_files(film)
    expect(shown.locator("#play")).to_be_focused()
    again = shown.get_by_label("Choose another…")
    again.focus()
    again.set_input_files(tmp_path / "right.webm")
    expect(shown.locator("#film")).to_have_js_property("duration", 60)
    expect(shown.locator("#mismatch")).to_be_hidden()
    expect(shown.locator("#play")).to_be_focused()
    shown.keyboard.press("Space")
    expect(shown.locator("#film")).to_have_js_property("paused", False)


def test_a_film_that_is_missing_elsewhere_is_not_said_to_belong_beside_the_page(show):
    shown = show(*MATCH, beside=None, film="../films/gone.webm")
    expect(shown.locator("#missing-text")).to_contain_text(
        "gone.webm is missing: it is not where this page looks for it"
    )


def test_a_film_that_is_there_and_cannot_be_played_is_not_called_missing(show, avi, film):
    """MPEG-4 part 2 in AVI, which no browser plays."""
    shown = show(*MATCH, beside=None, film=avi("old film.avi"))
    expect(shown.locator("#missing-text")).to_contain_text("old film.avi is there, but this browser cannot play it")
    assert text(shown, "#command").startswith("ffmpeg -i 'old film.avi' -c:v libx264 ")
    assert text(shown, "#command").endswith(" 'old film.mp4'")
    assert axe_violations(shown) == []
    shown.locator("#picker").set_input_files(film)  # as its copy would be
    shown.locator("#missing").wait_for(state="hidden")
    expect(shown.locator("#film")).to_have_js_property("duration", DURATION_S)


def test_a_film_of_which_only_the_sound_is_played_is_said(show, tmp_path):
    with av.open(tmp_path / "half.mp4", "w") as file:
        picture, sound = file.add_stream("mpeg4", rate=5), file.add_stream("libopus", rate=48_000)
        picture.width, picture.height, picture.pix_fmt = 160, 96, "yuv420p"
        for i in range(40):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(picture_of(i), format="rgb24")))
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 9_600), np.int16), layout="mono")
            silence.sample_rate, silence.pts = 48_000, i * 9_600
            file.mux(sound.encode(silence))
        file.mux(picture.encode())
        file.mux(sound.encode())
    shown = show(*MATCH, beside=None, film="half.mp4")
    expect(shown.locator("#missing-text")).to_contain_text("This browser plays only the sound of half.mp4")
    assert text(shown, "#command").endswith(" half.h264.mp4'") or text(shown, "#command").endswith(" 'half.h264.mp4'")
    shown.keyboard.press("Space")
    expect(shown.locator("#film")).to_have_js_property("paused", False)


def test_a_chosen_file_that_is_not_a_film_is_there_and_cannot_be_played(show, tmp_path):
    shown = show(*MATCH, beside=None)
    shown.locator("#missing").wait_for()
    (tmp_path / "no film.mp4").write_bytes(b"nothing")
    shown.locator("#picker").set_input_files(tmp_path / "no film.mp4")
    expect(shown.locator("#missing-text")).to_contain_text("no film.mp4 is there, but this browser cannot play it")


def test_where_a_browser_words_both_alike_the_page_says_both(show, avi):
    shown = show(*MATCH, beside=None, film=avi("film.avi"))
    shown.context.add_init_script("Object.defineProperty(MediaError.prototype, 'message', { get: () => '' })")
    shown.reload()
    expect(shown.locator("#missing-text")).to_contain_text(
        "film.avi does not play: it is not beside this page, or this browser does not know its format"
    )


NAMES = (
    'it\'s "here".avi',
    "$(touch x) `touch x` ;&|<>*?~#!.avi",
    "-y -rf.avi",
    "\\ %PATH% ^.avi",
    "läuft 走る.AVI",
    "-.avi",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_the_names_in_the_command_as_names(show, avi, name):
    shown = show(*MATCH, beside=None, film=avi(name))
    shown.locator("#command").wait_for()
    words = shlex.split(text(shown, "#command"))
    assert words[:2] == ["ffmpeg", "-i"]
    assert words[2] == (f"./{name}" if name.startswith("-") else name)
    assert words[-1] == f"{words[2][:-4]}.mp4"


@pytest.mark.parametrize(
    ("name", "command"), [("a b.avi", 'ffmpeg -i "a b.avi" '), ("%PATH%.avi", None), ("$x.avi", None)]
)
def test_on_windows_names_are_quoted_as_both_of_its_shells_read_them_or_not_at_all(show, avi, name, command):
    shown = show(*MATCH, beside=None, film=avi(name))
    shown.context.add_init_script("Object.defineProperty(Navigator.prototype, 'platform', { get: () => 'Win32' })")
    shown.reload()
    expect(shown.locator("#missing-text")).to_contain_text("this browser cannot play it")
    assert shown.locator("#cure").is_visible() == (command is not None)
    assert text(shown, "#command").startswith(command or "")


def test_a_name_that_is_shown_otherwise_than_it_is_gets_no_command(show, avi):
    shown = show(*MATCH, beside=None, film=avi("two\nlines.avi"))
    expect(shown.locator("#missing-text")).to_contain_text("this browser cannot play it")
    assert not shown.locator("#cure").is_visible()
