"""vtn-stream suggest: from films, a model and what people corrected to pages of moments."""

import shutil
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from film_pages import data_of

from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.formats import timeline_json
from vtn_stream.model import VTN, DenseConfig, LocalizationConfig, StatisticsConfig, VTNConfig
from vtn_stream.results.timelines import load_document, load_timeline
from vtn_stream.sampling import ClipWindow
from vtn_stream.timeline import Reviewed, Segment
from vtn_stream.track import OperatingPoint, OperatingPoints

pytestmark = pytest.mark.usefixtures("warm_decoders")

LABELS = ("<b>walk", "sit")


def write_model(encoder, path, head):
    """Untrained: it says something else of each scene."""
    torch.manual_seed(0)
    statistics = StatisticsConfig(input_width=encoder.num_features, reach=1)
    config = VTNConfig(backbone=encoder.name, encoder=statistics, head=head)
    checkpoint = Checkpoint(
        config=config,
        labels=LABELS,
        recipe=encoder.recipe(Fraction(1)),
        window=ClipWindow(num_positions=4, stride=2),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
        tensors=VTN(config).state_dict(),
    )
    save_checkpoint(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def model(encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return write_model(encoder, folder / "mine.safetensors", DenseConfig(num_classes=2, nothing=True))


@pytest.fixture
def films(analyzed, film_maker, tmp_path):
    """Two films in a folder: a long one, which the store has, and a short one."""
    (folder := tmp_path / "films").mkdir()
    shutil.copy(analyzed.film, folder / "a.mp4")
    film_maker(folder / "b.mp4", [(20, 7)])
    shutil.copytree(analyzed.store, tmp_path / "store")
    return folder


@pytest.fixture
def suggest(here, films, model, tiny_weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*options, output="films/next.html"):
        fixed = ("--weights", tiny_weights, "--store", tmp_path / "store", "--device", "cpu", "-o", output)
        with_model = () if "-m" in options else ("-m", model)
        return here("suggest", films, *with_model, *fixed, *options)

    return run


def moments(folder, film):
    """[start_s, end_s] of the moments that a film's page asks for, in their order."""
    return [[m[0] / 1000, m[1] / 1000] for m in data_of((folder / f"{film}.timeline.html").read_bytes())["moments"]]


def correct(file, *segments, reviewed=()):
    """As a page saves it."""
    document = load_document(file)
    said = (*document.timeline.segments, *segments)
    timeline = replace(document.timeline, segments=said, reviewed=tuple(reviewed))
    file.write_bytes(timeline_json.dumps(timeline, document.files))


def test_moments_of_all_films_are_on_one_page_and_in_a_queue_in_each_films_page(suggest, films):
    code, out, err = suggest("-n", "8")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "wrote films/next.html: 8 moments in 2 films of 2"
    index = data_of((films / "next.html").read_bytes())
    asked = {film: moments(films, film) for film in ("a.mp4", "b.mp4")}
    assert sum(map(len, asked.values())) == 8
    assert [m[1:4] for m in index["moments"] if m[0] == "a.mp4"] == [
        ["./a.mp4.timeline.html", 1000 * start_s, 1000 * end_s] for start_s, end_s in asked["a.mp4"]
    ]
    assert all(picture.startswith("data:image/jpeg") for *_, picture in index["moments"])
    first, second = dict.fromkeys(m[0] for m in index["moments"])
    of_first, of_second = (data_of((films / f"{film}.timeline.html").read_bytes()) for film in (first, second))
    assert of_first["nextPage"] == [second, f"./{second}.timeline.html"]
    assert of_second["nextPage"] is None
    assert of_first["momentsPage"] == "./next.html"
    assert load_timeline(films / "a.mp4.timeline.json").provenance["analysis"]["model_name"] == "mine"


def test_the_same_again_gives_the_same_bytes(suggest, films):
    assert suggest("-n", "6")[0] == 0
    before = {file: file.read_bytes() for file in films.iterdir()}
    assert suggest("-n", "6")[0] == 0
    assert {file: file.read_bytes() for file in films.iterdir()} == before


def test_what_is_known_is_not_asked_again_and_hand_work_stays(suggest, films):
    assert suggest("-n", "6")[0] == 0
    file = films / "a.mp4.timeline.json"
    mine = Segment(start_s=101, end_s=104, label="jump", origin="manual")
    correct(file, mine, reviewed=[Reviewed(start_s=0, end_s=100)])
    code, _, err = suggest("-n", "40")
    assert code == 0
    assert "a.mp4: 1 segment by hand was kept" in err
    assert "9 moments, not 40: the others are known, or show nothing" in err
    assert sorted(moments(films, "a.mp4"))[0] == [105, 110]
    assert mine in load_timeline(file).segments
    index = data_of((films / "next.html").read_bytes())
    assert index["unknown"] == [["b.mp4", "./b.mp4.timeline.html"]]


def test_hand_work_elsewhere_in_the_sources_counts_and_stays_where_it_is(suggest, films, tmp_path):
    assert suggest("-n", "6")[0] == 0
    (films / "done").mkdir()
    for name in ("a.mp4.timeline.json", "a.mp4.scores.arrow"):
        (films / name).rename(films / "done" / name)
    (films / "a.mp4.timeline.html").unlink()
    correct(films / "done" / "a.mp4.timeline.json", reviewed=[Reviewed(start_s=0, end_s=125)])
    code, out, err = suggest("-n", "40", output="next/all.html")
    assert code == 0
    assert "does not know where the film lies" not in err
    assert "films/done/a.mp4.timeline.html" in out
    assert not (films / "a.mp4.timeline.html").exists()
    assert moments(films / "done", "a.mp4") == [[125, 130]]
    page = tmp_path / "next/films/b.mp4.timeline.html"  # where batch would put it
    assert data_of(page.read_bytes())["film"]["url"] == "./../../films/b.mp4"
    links = {moment[1] for moment in data_of((tmp_path / "next/all.html").read_bytes())["moments"]}
    assert links == {"./../films/done/a.mp4.timeline.html", "./films/b.mp4.timeline.html"}


def test_two_peoples_corrections_of_one_film_are_told_and_neither_is_asked_again(suggest, films):
    assert suggest("-n", "1")[0] == 0
    (films / "other").mkdir()
    file, other = films / "a.mp4.timeline.json", films / "other" / "a.mp4.timeline.json"
    shutil.copy(file, other)
    correct(file, reviewed=[Reviewed(start_s=0, end_s=60)])
    correct(other, reviewed=[Reviewed(start_s=60, end_s=125)])
    code, _, err = suggest("-n", "40")
    assert code == 0
    told = " ".join(err.split())
    assert "a.mp4.timeline.json and other/a.mp4.timeline.json hold different hand work" in told
    assert moments(films, "a.mp4") == [[125, 130]]
    assert load_timeline(file).reviewed == (Reviewed(start_s=0, end_s=60),)


def test_a_film_that_cannot_be_read_is_one_line_and_the_rest_is_done(suggest, films):
    (films / "broken.mp4").write_bytes(b"no film")
    (films / "c.mp4.timeline.json").write_text("{")
    code, out, err = suggest("-n", "3")
    assert (code, err.count("\n")) == (1, 2)
    assert "broken.mp4 cannot be read as a film" in err
    assert "c.mp4.timeline.json: this is not JSON" in err
    assert "3 moments in" in out


def test_hand_work_over_a_film_that_is_not_there_is_told(suggest, films):
    assert suggest("-n", "1")[0] == 0
    correct(films / "a.mp4.timeline.json", reviewed=[Reviewed(start_s=0, end_s=60)])
    (films / "a.mp4").unlink()
    code, _, err = suggest("-n", "3")
    assert code == 0
    assert "a.mp4.timeline.json is corrected, but its film is not here or cannot be read" in err


def test_a_copy_of_a_film_is_left_out_and_named(suggest, films):
    shutil.copy(films / "b.mp4", films / "copy.mp4")
    code, out, err = suggest("-n", "40")
    assert (code, "films/next.html: 30 moments in 2 films of 2" in out) == (0, True)
    assert "copy.mp4 is a copy of b.mp4, and left out" in err


def test_a_page_that_was_changed_by_hand_is_put_aside(suggest, films):
    assert suggest("-n", "3")[0] == 0
    page = films / "next.html"
    page.write_bytes(mine := page.read_bytes().replace(b"<h1", b"<h1 lang=en"))
    code, _, err = suggest("-n", "3")
    assert (code, err) == (0, "next.html: a file that may be hand work was put aside: next.html.edited-1\n")
    assert (films / "next.html.edited-1").read_bytes() == mine


def test_a_foreign_file_in_the_way_of_the_page_is_kept(suggest, films):
    (films / "next.html").write_text("mine")
    code, _, err = suggest()
    assert (code, err.count("\n")) == (1, 1)
    assert "exists already and is not a page of vtn-stream" in err
    assert "next.txt is not the name of a page" in suggest(output="next.txt")[2]


def test_a_model_of_labels_that_may_hold_at_once(suggest, films, encoder, tmp_path):
    finds = write_model(
        encoder,
        tmp_path / "finds.safetensors",
        LocalizationConfig(num_classes=2, num_levels=1, tower_width=8),
    )
    code, out, err = suggest("-n", "4", "-m", finds)
    assert (code, err) == (0, "")
    assert "4 moments in" in out


def test_a_model_must_be_named(here, films):
    code, _, err = here("suggest", films)
    assert code == 2
    assert "Missing option '-m'" in err
