"""vtn-stream annotate, as people call it."""

import shutil

import pytest
from console_script import modules_after, the_line

from vtn_stream.results.blank import asked_labels, blank_in_page
from vtn_stream.video.sample import write_sample

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "a.mp4"
    write_sample(path, num_frames=20)
    return path


@pytest.fixture
def folder(tmp_path, sample, monkeypatch):
    """films/a.mp4 and films/day 2/a.mp4, below the current folder."""
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    for place in ("films", "films/day 2"):
        (tmp_path / place).mkdir()
        shutil.copyfile(sample, tmp_path / place / "a.mp4")
    return tmp_path


def test_a_folder_of_films_gets_a_page_each_and_an_index(here, folder):
    code, out, err = here("annotate", "films", "-o", "out", "--label", "walk", "--label", "run")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "wrote out/films/a.mp4.timeline.html",
        "wrote out/films/day 2/a.mp4.timeline.html",
        "2 pages, 2 written now; begin with out/index.html",
    ]
    assert (folder / "out/index.html").is_file()
    assert asked_labels(blank_in_page(folder / "out/films/day 2/a.mp4.timeline.html")) == ("walk", "run")
    code, out, _ = here("annotate", "films", "-o", "out")
    assert (code, out) == (0, "2 pages, 0 written now; begin with out/index.html\n")


def test_a_film_that_is_none_costs_a_line_and_the_exit_code(here, folder):
    (folder / "films/bad.mp4").write_text("no film")
    code, out, err = here("annotate", "films", "-o", "out")
    assert code == 1
    assert the_line(err).startswith("vtn-stream: films/bad.mp4: bad.mp4 cannot be read as a film")
    assert "2 pages, 2 written now" in out


def test_labels_given_twice_are_told_and_those_of_a_model_come_after(here, folder):
    code, _, err = here(
        "annotate", "films/a.mp4", "-o", "out", "--label", "fall", "--label", "Fall", "-m", "cctv-fight"
    )
    assert code == 0
    assert err.strip() == "given twice, used once: Fall"
    labels = asked_labels(blank_in_page(folder / "out/films/a.mp4.timeline.html"))
    assert labels[0] == "fall"
    assert len(labels) > 1


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["missing.mp4", "-o", "out"], 1, "there is no missing.mp4"),
        (["films", "-o", "out", "--label", "a\nb"], 1, "is not a label"),
        (["films", "-o", "taken"], 2, "'taken' is a file"),
        (["films", "-o", "taken/out"], 1, "nothing can be written to out"),
        (["films", "-o", "out", "-m", "no-such-model"], 1, "no-such-model"),
        (["films"], 2, "Missing option '-o'"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(here, folder, words, code, line):
    (folder / "taken").write_text("a file")
    done, _, err = here("annotate", *words)
    assert done == code
    assert line in err.splitlines()[-1]
    assert not (folder / "out").exists()


def test_films_elsewhere_are_played_when_they_are_chosen_in_the_page(here, folder, monkeypatch):
    (folder / "work").mkdir()
    monkeypatch.chdir(folder / "work")
    code, _, err = here("annotate", "../films/a.mp4", "-o", "out", "--no-thumbnails")
    assert code == 0
    assert err.startswith("1 page cannot name the way to the film: choose it in the page")


def test_no_network_library_is_loaded_for_it(folder):
    code = "import sys; sys.argv = 'vtn-stream annotate films -o out'.split()\n"
    code += "from vtn_stream_cli.main import main\ntry:\n    main()\nexcept SystemExit:\n    pass"
    loaded = modules_after(code)[-2].split()
    assert not {"torch", "timm", "ray", "transformers"} & {*loaded}
    assert (folder / "out/index.html").exists()
