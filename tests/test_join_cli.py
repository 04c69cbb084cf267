"""vtn-stream analyze --join auto: what is joined and why is shown first; what is not joined is a film by itself."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from console_script import bad, run  # noqa: F401  (fixtures among them)
from counting import write_film

from vtn_stream.results import load_timeline

pytestmark = pytest.mark.usefixtures("warm_decoders")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


@pytest.fixture
def tiny_options(tiny, tiny_weights):
    return ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--fps", "1", "--no-refine"]


def made(path, after_s=0.0, *, first=0, **options):
    """A film of 4 s, made so long after noon. first: another number, another film."""
    metadata = {"creation_time": (NOON + timedelta(seconds=after_s)).isoformat()}
    write_film(path, 20, rate=Fraction(5), metadata=metadata, options={"crf": str(20 + first)}, **options)
    return path


def files_of(folder):
    return {file.name.partition(".timeline")[0] for file in folder.glob("*.timeline.json")}


def test_chapters_are_one_film_and_others_stay_alone(here, tmp_path, tiny_options):
    films = [made(tmp_path / f"GH0{i}0001.MP4", first=i) for i in (1, 2, 3)]
    films += [made(tmp_path / "IMG_0001.MP4", first=4), made(tmp_path / "IMG_0002.MP4", 9000, first=5)]
    code, out, err = here("analyze", *films, "--join", "auto", "-o", tmp_path / "out", *tiny_options)
    assert code == 0, err
    assert "GH010001 = GH010001.MP4 + GH020001.MP4 + GH030001.MP4, " in out
    assert "because their names are those of chapters (GoPro)" in out
    assert "not joined: IMG_0001.MP4 + IMG_0002.MP4: IMG_0002.MP4 begins 2.5 h after the end" in err
    assert files_of(tmp_path / "out") == {"GH010001", "IMG_0001.MP4", "IMG_0002.MP4"}
    timeline = load_timeline(tmp_path / "out" / "GH010001.timeline.json")
    assert [part.video_path for part in timeline.parts] == [film.name for film in films[:3]]


def test_two_recordings_of_one_name_are_both_analyzed(here, tmp_path, tiny_options):
    names = ("game_part1.mp4", "game_part2.mp4", "game_part1.mkv", "game_part2.mkv")
    films = [made(tmp_path / name, first=i) for i, name in enumerate(names)]
    code, _, err = here("analyze", *films, "--join", "auto", "-o", tmp_path / "out", *tiny_options)
    assert code == 0, err
    found = [load_timeline(file) for file in (tmp_path / "out").glob("*.timeline.json")]
    assert {tuple(part.video_path for part in timeline.parts) for timeline in found} == {names[:2], names[2:]}


def test_a_break_between_halves_is_a_gap(here, tmp_path, tiny_options):
    films = [made(tmp_path / "match_part1.mp4"), made(tmp_path / "match_part2.mp4", 4 + 60, first=1)]
    code, _, err = here("analyze", *films, "--join", "auto", "-o", tmp_path / "out", *tiny_options)
    assert code == 0, err
    timeline = load_timeline(tmp_path / "out" / "match.timeline.json")
    assert timeline.duration_s == pytest.approx(68)
    (gap,) = timeline.gaps
    assert (gap.start_s, gap.end_s) == (pytest.approx(4, abs=0.5), pytest.approx(64, abs=0.5))


def test_a_dry_run_shows_only(here, tmp_path, tiny_options):
    films = [made(tmp_path / f"part{i}.mp4", first=i) for i in (1, 2)]
    code, out, err = here("analyze", *films, "--join", "auto", "--dry-run", "-o", tmp_path / "out", *tiny_options)
    assert (code, err, (tmp_path / "out").exists()) == (0, "", False)
    assert "part1 = part1.mp4 + part2.mp4" in out
    assert out.count("chunks ") == 1


def test_what_is_wrong_is_said_and_the_rest_is_done(here, bad, tmp_path, tiny_options):
    films = [made(tmp_path / "GX010001.MP4", first=1), made(tmp_path / "GX030001.MP4", first=3)]
    films += [shutil.copy(bad / "text.mp4", tmp_path / "part1.mp4"), made(tmp_path / "part2.mp4", first=5)]
    films += [made(tmp_path / "a_1of2.mp4"), shutil.copy(tmp_path / "a_1of2.mp4", tmp_path / "a_2of2.mp4")]
    films += [made(tmp_path / "b_1of2.mp4", first=6), made(tmp_path / "b_2of2.mp4", first=7, size=(320, 192))]
    code, out, err = here("analyze", *films, "--join", "auto", "--dry-run", "-o", tmp_path / "out", *tiny_options)
    assert code == 1
    assert "not joined: GX010001.MP4 + GX030001.MP4: chapter 2 is missing" in err
    assert "not joined: part1.mp4 + part2.mp4: part1.mp4 cannot be read" in err
    assert "a_1of2.mp4 and a_2of2.mp4 are the same film" in err
    assert "b_1of2.mp4 and b_2of2.mp4 are not alike: size 160 x 96 and 320 x 192" in err
    assert "part1.mp4 cannot be read as a film" in err
    assert out.count("chunks ") == 7


def test_json_lines_tell_of_recordings(here, tmp_path, tiny_options):
    films = [made(tmp_path / f"part{i}.mp4", first=i) for i in (1, 2)]
    arguments = ["--join", "auto", "--json-log", "-o", tmp_path / "out", *tiny_options]
    code, out, _ = here("analyze", *films, *arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, lines[0]["event"], lines[0]["files"]) == (0, "recording_found", ["part1.mp4", "part2.mp4"])
    assert {line["film"] for line in lines} == {"part1"}


def test_names_that_must_not_be_seen_are_not_joined(here, tmp_path):
    code, _, err = here("analyze", made(tmp_path / "part1.mp4"), "--join", "auto", "--anonymous")
    assert code == 2
    assert "--join does not go with --anonymous" in err
