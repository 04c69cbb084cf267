"""vtn-stream plot, as people call it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from plotted_films import WALKS, film, seg, words

from vtn_stream.errors import InputError, TimelineError
from vtn_stream.formats import timeline_json
from vtn_stream.report.timeline_plot import plot
from vtn_stream_cli.plot import plot as command


@pytest.fixture
def saved(tmp_path):
    def save(timeline, name="film"):
        path = tmp_path / f"{name}.timeline.json"
        path.write_text(json.dumps(timeline_json.to_dict(timeline)))
        return path

    return save


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_picture_that_somebody_changed_is_put_aside(saved, tmp_path, here, suffix):
    path, picture = saved(WALKS), tmp_path / f"a.{suffix}"
    for options in ([], ["--width", "5"], []):
        assert here("plot", path, "-o", picture, *options)[::2] == (0, "")
    ours = picture.read_bytes()
    for mine in (ours[:-60] + bytes([ours[-60] ^ 1]) + ours[-59:], ours[:200], b"mine", b""):
        picture.write_bytes(mine)
        code, _, err = here("plot", path, "-o", picture)
        aside = err.rpartition(" ")[2].strip()
        assert (code, aside.rpartition("-")[0]) == (0, f"{picture.name}.edited")
        assert (tmp_path / aside).read_bytes() == mine
        assert picture.read_bytes() == ours


def test_the_command_draws_svg_and_png(saved, tmp_path):
    for name in ("a.svg", "b.PNG", "folder/c.svg"):
        result = run(saved(WALKS), "-o", tmp_path / name)
        assert (result.exit_code, result.output) == (0, f"drawing {Path(name).name}\nwrote {tmp_path / name}\n")
    assert {"walk", "sit", "film.mp4"} <= set(words((tmp_path / "a.svg").read_bytes()))
    assert (tmp_path / "folder/c.svg").read_bytes() == (tmp_path / "a.svg").read_bytes() == plot([WALKS])
    with Image.open(tmp_path / "b.PNG") as picture:
        picture.verify()


def test_the_command_passes_its_options_on(saved, tmp_path):
    options = ("--start", "0:00:30", "--end", "80", "--width", "4", "--label", "walk")
    run(saved(WALKS), "-o", tmp_path / "a.svg", *options)
    expected = plot([WALKS], span_s=(30, 80), width_in=4, labels=["walk"])
    assert (tmp_path / "a.svg").read_bytes() == expected


TRUE = (seg(5, 45, "walk"), seg(45, 60, "run"))


def test_the_truth_may_be_annotations_or_a_timeline_and_is_found_by_the_films_name(saved, tmp_path):
    b = replace(film(seg(1, 9, "sit"), name="b.mp4"), video_identity="b")
    table = "".join(f"{name},{s.start_s},{s.end_s},{s.label}\n" for name in ("b", "film") for s in TRUE[name == "b" :])
    (tmp_path / "truth.csv").write_text("video,start_s,end_s,label\n" + table)
    truth = saved(film(*TRUE, name="film.mkv"), "truth")
    for file in (tmp_path / "truth.csv", truth):
        run(saved(WALKS), "-o", tmp_path / "a.svg", "--truth", file)
        assert (tmp_path / "a.svg").read_bytes() == plot([WALKS], truth=[TRUE])
    run(saved(WALKS), saved(b, "b"), "-o", tmp_path / "a.svg", "--truth", tmp_path / "truth.csv")
    assert (tmp_path / "a.svg").read_bytes() == plot([WALKS, b], truth=[TRUE, TRUE[1:]])
    with pytest.raises(InputError, match=r"truth.timeline.json has no film called b.mp4"):
        run(saved(b, "b"), "-o", tmp_path / "x.svg", "--truth", truth)


def test_what_was_read_otherwise_of_a_truth_is_told(saved, tmp_path):
    (tmp_path / "film.edl").write_text("001  AX  V  C  00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00")
    result = run(saved(WALKS), "-o", tmp_path / "a.svg", "--truth", tmp_path / "film.edl")
    assert "film.edl: the file states no frame rate: frames are counted at 25 a second (--rate)\n" in result.output


def test_a_truth_of_whole_clips_lasts_as_long_as_the_film(saved, tmp_path):
    (tmp_path / "clips.txt").write_text("film.mp4 walk\nb.mp4 sit\n")
    run(saved(WALKS), "-o", tmp_path / "a.svg", "--truth", tmp_path / "clips.txt")
    assert (tmp_path / "a.svg").read_bytes() == plot([WALKS], truth=[(seg(0, 100, "walk"),)])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ("-o", "a.pdf"),
            "a.pdf is not the name of a picture; nothing was drawn; give a name that ends in .png or .svg",
        ),
        (("-o", "a.svg", "--label", "wlak"), "no segment is called wlak; nothing was drawn; check the name"),
        (("-o", "a.svg", "--start", "200"), "no timeline has anything after 200 s;"),
        (("-o", "a.svg", "--start", "20", "--end", "10"), "no timeline has anything after 20 s and before 10 s;"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(saved, options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        run(saved(WALKS), *options)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["film.timeline.json"]


def test_a_file_that_is_no_timeline_and_a_place_that_cannot_be_written(saved, tmp_path):
    (tmp_path / "x.timeline.json").write_text("{}")
    with pytest.raises(TimelineError, match=r"x.timeline.json: .*not a vtn-stream timeline"):
        run(tmp_path / "x.timeline.json", "-o", tmp_path / "a.svg")
    with pytest.raises(TimelineError, match=r"a.svg cannot be written \(.*\); .*name another place"):
        run(saved(WALKS), "-o", tmp_path / "x.timeline.json" / "a.svg")


def test_the_command_does_not_load_torch(saved, tmp_path):
    code = (
        "import sys; from vtn_stream_cli.plot import plot\n"
        "plot(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'torch', 'timm', 'av', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    truth = saved(film(*TRUE), "truth")
    arguments = [saved(WALKS), "-o", tmp_path / "a.svg", "--truth", truth]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
