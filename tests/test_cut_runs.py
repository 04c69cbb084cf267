"""vtn-stream cut: files that are finished stay, those of others too, and it goes on where it was stopped.

Clips are written by a pretended process here, so that they cost nothing: its files say what was asked for.
"""

import errno
import fcntl
import json
import os
import shutil
import sys
from dataclasses import replace
from typing import ClassVar

import pytest
from console_script import the_line
from counting import sequential, write_film

from vtn_stream.anonymous import anonymous
from vtn_stream.cutting import cut as cut_in_python
from vtn_stream.errors import DecodingLost, StoreError, VideoError
from vtn_stream.formats import timeline_json
from vtn_stream.region import Region
from vtn_stream.segments import Part
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.video import probe
from vtn_stream.video.clip_plan import copied_span, exact_span
from vtn_stream.video.cutter import ClipReceipt, Container, PieceReceipt

pytestmark = pytest.mark.usefixtures("warm_decoders")


class PretendedCutting:
    """trouble: what happens at the clip with this number, instead of its file."""

    asked: ClassVar[list[tuple[str, bool]]] = []
    trouble: ClassVar[dict[int, BaseException]] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def container(self, videos, *, accurate=False, burn_in=False):
        if len({(video.width, video.height) for video in videos}) > 1:
            raise VideoError("they differ in size", "the clip was not written", "cut them one by one")
        return Container(suffix="mp4", why="")

    def cut(self, pieces, output, *, accurate=False, on_progress=None):
        self.asked.append((output.name, accurate))
        if len(self.asked) in self.trouble:
            raise self.trouble[len(self.asked)]
        encodes = accurate or any(piece.label for piece in pieces)
        spans = [(exact_span if encodes else copied_span)(p.video, p.start_s, p.end_s) for p in pieces]
        content = repr([(p.video.path.name, s.first, s.stop, p.label) for p, s in zip(pieces, spans, strict=True)])
        output.write_text(content)
        made = [
            PieceReceipt(
                start_s=span.start_s,
                end_s=span.end_s,
                early_s=span.early_s,
                late_s=span.late_s,
                at_s=0.0,
                num_frames=span.num_frames,
                num_lost=0,
                gap_s=0.0,
                method="encoded" if encodes else "copied",
            )
            for span in spans
        ]
        return ClipReceipt(
            num_bytes=len(content),
            duration_s=sum(span.end_s - span.start_s for span in spans),
            num_sounds=0,
            pieces=tuple(made),
            notes=(f"of {pieces[0].video.path.name} the subtitles were left out",) if "noted" in output.name else (),
        )


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """film.mp4, 12 s, a keyframe every 1.6 s; and small.mp4, of another size."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "film.mp4", 300)
    write_film(folder / "small.mp4", 50, size=(80, 48))
    return folder


SEGMENTS = (
    Segment(start_s=1.0, end_s=3.0, label="walk", score=0.9),
    Segment(start_s=2.0, end_s=2.5, label="run", score=0.4),
    Segment(start_s=8.0, end_s=9.0, label="walk", score=0.7),
)


@pytest.fixture
def there(films, tmp_path, monkeypatch):
    """film.mp4 and its timeline in the current folder."""
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("vtn_stream_cli.cut.CuttingProcess", PretendedCutting)
    monkeypatch.setattr(sys.modules["vtn_stream.cutting.cut"], "CuttingProcess", PretendedCutting)
    monkeypatch.setattr(PretendedCutting, "asked", [])
    monkeypatch.setattr(PretendedCutting, "trouble", {})
    (folder := tmp_path / "work").mkdir()
    monkeypatch.chdir(folder)
    shutil.copyfile(films / "film.mp4", folder / "film.mp4")
    save(timeline_of(folder / "film.mp4"), folder / "film.mp4.timeline.json")
    return folder


def timeline_of(film, *segments, **fields):
    video = probe(film)
    known = {"video_identity": video.identity, "video_path": film.name, "duration_s": video.duration_s}
    return Timeline(**(known | {"span_s": (0.0, video.duration_s), "segments": segments or SEGMENTS} | fields))


def save(timeline, path):
    path.write_bytes(timeline_json.dumps(timeline))
    return path


def listed(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def manifest(folder):
    return json.loads((folder / "cut.json").read_bytes())


def test_each_segment_becomes_a_file_and_a_page_lists_them(here, there):
    code, out, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "wrote clips/walk/001_00-00-01.000_walk.mp4",
        "wrote clips/run/002_00-00-02.000_run.mp4",
        "wrote clips/walk/003_00-00-08.000_walk.mp4",
        f"3 files, 3 written now, {sum(c['num_bytes'] for c in manifest(there / 'clips')['clips'])} B; 2 of them begin "
        "early, at a keyframe, by up to 1.00 s and 0.70 s on average (--accurate: at the frame)",
        "look at clips/index.html",
    ]
    assert listed(there / "clips") == [
        "cut.json",
        "index.html",
        "run/002_00-00-02.000_run.mp4",
        "walk/001_00-00-01.000_walk.mp4",
        "walk/003_00-00-08.000_walk.mp4",
    ]
    assert (there / "clips/walk/001_00-00-01.000_walk.mp4").read_text() == "[('film.mp4', 0, 75, None)]"
    assert [round(clip["early_s"], 3) for clip in manifest(there / "clips")["clips"]] == [0.4, 1.0, 0.0]


def test_what_is_there_is_not_written_again_and_equal_runs_give_equal_bytes(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips")
    before = {name: (there / "clips" / name).read_bytes() for name in listed(there / "clips")}
    code, out, _ = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, len(PretendedCutting.asked)) == (0, 3)
    assert out.startswith("3 files, 0 written now")
    assert {name: (there / "clips" / name).read_bytes() for name in listed(there / "clips")} == before
    assert b"work" not in before["cut.json"] + before["index.html"].split(b'id="data"')[1]


def test_another_way_of_cutting_replaces_our_own_files(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips")
    code, out, _ = here("cut", "film.mp4.timeline.json", "-o", "clips", "--accurate", "--label", "run")
    assert (code, out.splitlines()[0]) == (0, "wrote clips/run/001_00-00-02.000_run.mp4")
    assert PretendedCutting.asked[-1] == ("001_00-00-02.000_run.mp4", True)
    assert out.splitlines()[1].endswith("; none begins early")
    here("cut", "film.mp4.timeline.json", "-o", "clips", "--accurate")
    assert len(manifest(there / "clips")["clips"]) == 4


def test_a_file_of_somebody_else_is_kept_and_the_rest_is_done(here, there):
    (there / "clips/walk").mkdir(parents=True)
    (there / "clips/walk/001_00-00-01.000_walk.mp4").write_text("mine")
    code, out, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert code == 1
    assert "walk/001_00-00-01.000_walk.mp4 is there, and is not as it was written here; it was kept" in the_line(err)
    assert (there / "clips/walk/001_00-00-01.000_walk.mp4").read_text() == "mine"
    assert "2 files, 2 written now" in out


def test_a_clip_of_another_film_is_kept(here, there, films):
    here("cut", "film.mp4.timeline.json", "-o", "clips", "--reel", "walk")
    shutil.copyfile(films / "small.mp4", there / "small.mp4")
    save(timeline_of(there / "small.mp4", Segment(start_s=1, end_s=2, label="walk")), there / "small.mp4.timeline.json")
    before = (there / "clips/reel_walk.mp4").read_bytes()
    code, _, err = here("cut", "small.mp4.timeline.json", "-o", "clips", "--reel", "walk")
    assert (code, "reel_walk.mp4 is there, and was cut from film.mp4; it was kept and not" in the_line(err)) == (
        1,
        True,
    )
    assert (there / "clips/reel_walk.mp4").read_bytes() == before
    assert [clip["film"] for clip in manifest(there / "clips")["clips"]] == ["film.mp4"]


def test_a_clip_that_is_there_says_what_its_timeline_says_now(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips", "--label", "run")
    surer = replace(SEGMENTS[1], score=0.8)
    save(anonymous(timeline_of(there / "film.mp4", surer), "film-7K3QX9"), there / "film-7K3QX9.timeline.json")
    code, _, err = here("cut", "film-7K3QX9.timeline.json", "-o", "clips", "--film", "film.mp4")
    assert (code, err) == (0, "")
    (clip,) = manifest(there / "clips")["clips"]
    assert (clip["file"], clip["film"], clip["score"]) == ("run/001_00-00-02.000_run.mp4", "film-7K3QX9", 0.8)


def test_two_regions_of_a_film_have_a_folder_each(here, there):
    for name in ("left", "right"):
        region = Region.parse(f"{name}=0%,0%,50%,100%")
        save(timeline_of(there / "film.mp4", region=region), there / f"film.mp4.{name}.timeline.json")
    os.unlink(there / "film.mp4.timeline.json")
    assert here("cut", ".", "-o", "clips", "--label", "run")[0] == 0
    assert {clip["film"] for clip in manifest(there / "clips")["clips"]} == {"film.mp4, left", "film.mp4, right"}
    assert (there / "clips/film.mp4, left/run").is_dir()


def test_a_clip_that_was_changed_since_is_kept(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips")
    with open(there / "clips/run/002_00-00-02.000_run.mp4", "a") as file:
        file.write("more")
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, "run/002_00-00-02.000_run.mp4 is there, and is not as" in the_line(err)) == (1, True)


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(here, there):
    PretendedCutting.trouble[2] = KeyboardInterrupt()
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, "interrupted" in err) == (130, True)
    assert [clip["file"] for clip in manifest(there / "clips")["clips"]] == ["walk/001_00-00-01.000_walk.mp4"]
    code, out, _ = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, len(PretendedCutting.asked)) == (0, 4)
    assert "3 files, 2 written now" in out


def test_a_file_that_a_killed_run_left_without_a_word_is_written_again(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips")
    says = manifest(there / "clips")
    lost = says["clips"].pop(1)
    says["begun"] = [lost["file"]]
    (there / "clips/cut.json").write_text(json.dumps(says))
    (there / "clips/run/.0123456789abcdef01234567.tmp").write_text("half of it")
    code, _, _ = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, len(PretendedCutting.asked)) == (0, 4)
    assert os.listdir(there / "clips/run") == ["002_00-00-02.000_run.mp4"]


def test_a_full_disk_keeps_the_finished_clips(here, there):
    PretendedCutting.trouble[2] = OSError(errno.ENOSPC, "No space left on device")
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert code == 1
    assert the_line(err).startswith(
        "vtn-stream: the disk is full: run/002_00-00-02.000_run.mp4 cannot be written; 1 fin"
    )
    assert listed(there / "clips") == ["cut.json", "walk/001_00-00-01.000_walk.mp4"]


def test_a_file_that_is_too_large_for_its_disk_does_not_stop_the_others(here, there):
    PretendedCutting.trouble[2] = OSError(errno.EFBIG, "File too large")
    code, out, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert code == 1
    assert the_line(err).startswith(
        "vtn-stream: run/002_00-00-02.000_run.mp4: run/002_00-00-02.000_run.mp4 is larger than a file can be"
    )
    assert "2 files, 2 written now" in out


def test_one_bad_clip_is_reported_and_the_others_are_written(here, there):
    PretendedCutting.trouble[1] = VideoError("film.mp4 is damaged there", "the clip was not written", "choose others")
    code, out, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert code == 1
    assert the_line(err).startswith("vtn-stream: walk/001_00-00-01.000_walk.mp4: film.mp4 is damaged there;")
    assert "2 files, 2 written now" in out


def test_a_process_that_dies_again_and_again_is_given_up(here, there):
    lost = DecodingLost("the process died", "the clip was not written", "run again")
    PretendedCutting.trouble |= {1: lost, 2: lost, 3: lost}
    segments = [Segment(start_s=i, end_s=i + 0.5, label="walk") for i in range(9)]
    save(timeline_of(there / "film.mp4", *segments), there / "film.mp4.timeline.json")
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, len(PretendedCutting.asked), len(err.splitlines())) == (1, 3, 3)


def test_a_dry_run_tells_files_sizes_and_how_early_they_begin(here, there):
    code, out, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--dry-run")
    assert (code, err, (there / "clips").exists()) == (0, "", False)
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["file", "begins", "at", "length", "early", "by", "about"]
    assert lines[1][:6] == ["walk/001_00-00-01.000_walk.mp4", "0:00:00.0", "3.0", "s", "1.00", "s"]
    assert out.splitlines()[-1].startswith("3 files of about ")
    assert out.splitlines()[-1].endswith("would be written, up to 1.00 s early")


def test_reels_and_films_without_a_label(here, there):
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--reel", "walk", "--without", "run")
    assert code == 0
    assert err.startswith("film.mp4.timeline.json: without_run: 1 piece joined with the one before, since no keyframe")
    assert listed(there / "clips") == ["cut.json", "index.html", "reel_walk.mp4", "without_run.mp4"]
    assert (there / "clips/reel_walk.mp4").read_text() == "[('film.mp4', 0, 75, None), ('film.mp4', 200, 225, None)]"
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--reel", "wlak")
    assert (code, "did you mean walk? There are: walk and run" in the_line(err)) == (1, True)
    assert here("cut", "film.mp4.timeline.json", "-o", "clips", "--burn-in", "--without", "run")[0] == 2


def test_how_early_the_later_pieces_of_a_reel_begin_is_said(here, there):
    later = Segment(start_s=9, end_s=10, label="walk")
    save(timeline_of(there / "film.mp4", SEGMENTS[0], later), there / "film.mp4.timeline.json")
    told = "film.mp4.timeline.json: reel_walk.mp4: 1 later piece early, at a keyframe, by up to 1.00 s (--accurate: at"
    for _ in range(2):  # when it is written, and when it is there
        code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--reel", "walk")
        assert (code, err) == (0, f"{told} the frame)\n")
    assert here("cut", "film.mp4.timeline.json", "-o", "more", "--reel", "walk", "--accurate")[2] == ""


def test_the_label_is_drawn_where_that_is_asked_for(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips", "--burn-in", "--top", "1")
    assert (there / "clips/walk/001_00-00-01.000_walk.mp4").read_text() == "[('film.mp4', 25, 75, 'walk')]"


def test_several_timelines_have_a_folder_each_and_one_page(here, there, films):
    shutil.copyfile(films / "small.mp4", there / "small.mp4")
    save(timeline_of(there / "small.mp4", Segment(start_s=1, end_s=2, label="walk")), there / "small.mp4.timeline.json")
    code, _, err = here("cut", ".", "-o", "clips", "--label", "walk")
    assert (code, err) == (0, "")
    assert listed(there / "clips") == [
        "cut.json",
        "film.mp4/walk/001_00-00-01.000_walk.mp4",
        "film.mp4/walk/002_00-00-08.000_walk.mp4",
        "index.html",
        "small.mp4/walk/001_00-00-01.000_walk.mp4",
    ]


def test_a_film_that_is_not_there_or_another_one_is_one_line(here, there, films):
    os.rename(there / "film.mp4", there / "moved.mp4")
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, "the film film.mp4 is not beside its timeline; nothing was cut; name" in the_line(err)) == (1, True)
    assert here("cut", "film.mp4.timeline.json", "-o", "clips", "--film", "moved.mp4")[0] == 0
    for place in ("film.mp4", "other.mp4"):
        shutil.copyfile(films / "small.mp4", there / place)
        given = () if place == "film.mp4" else ("--film", place)
        code, _, err = here("cut", "film.mp4.timeline.json", "-o", "other", *given)
        assert (code, f"{place} is not the film of this timeline, or was changed" in the_line(err)) == (1, True)
    (there / "below").mkdir()
    os.rename(there / "moved.mp4", there / "below/film.mp4")
    assert here("cut", "film.mp4.timeline.json", "-o", "clips", "--film", "below")[0] == 0
    assert not (there / "other").exists()


def test_a_film_is_found_above_its_timeline_but_not_above_the_current_folder(here, there, monkeypatch):
    (there / "results/day 1").mkdir(parents=True)
    os.rename(there / "film.mp4.timeline.json", there / "results/day 1/film.mp4.timeline.json")
    assert here("cut", "results", "-o", "clips")[0] == 0
    monkeypatch.chdir(there / "results")
    code, _, err = here("cut", "day 1", "-o", "clips")
    assert (code, "is not beside its timeline" in the_line(err)) == (1, True)


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda folder: folder.write_text("x"), "clips is a file"),
        (lambda folder: (folder.mkdir(), (folder / "index.html").write_text("x")), "is not a page of clips"),
        (lambda folder: (folder.mkdir(), (folder / "cut.json").write_text("{}")), "cut.json in clips is not a list"),
    ],
)
def test_a_folder_that_is_in_other_use_is_one_line(here, there, prepare, told):
    prepare(there / "clips")
    before = listed(there / "clips")
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, told in the_line(err), listed(there / "clips")) == (1, True, before)


def test_a_manifest_that_leads_out_of_the_folder_is_refused(here, there):
    here("cut", "film.mp4.timeline.json", "-o", "clips")
    says = manifest(there / "clips")
    says["clips"][0]["file"] = "../film.mp4"
    (there / "clips/cut.json").write_text(json.dumps(says))
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    assert (code, "cut.json in clips is not a list of clips" in the_line(err)) == (1, True)


def test_two_runs_at_once_are_one_too_many(here, there):
    (there / "clips").mkdir()
    opened = os.open(there / "clips", os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips")
    os.close(opened)
    assert (code, "another run writes clips to clips" in the_line(err)) == (1, True)


def test_no_segment_left_is_one_line(here, there):
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--threshold", "0.95")
    assert (code, "of 3 segments none is left; the highest score is 0.90; nothing was cut" in the_line(err)) == (
        1,
        True,
    )


def test_an_anonymous_film_is_not_named(here, there):
    own = timeline_of(there / "film.mp4", Segment(start_s=1, end_s=2, label="noted"))
    save(anonymous(own, "film-7K3QX9"), there / "film-7K3QX9.timeline.json")
    code, _, err = here("cut", "film-7K3QX9.timeline.json", "-o", "clips")
    assert (code, "nothing says where it lies; nothing was cut; name it with --film" in the_line(err)) == (1, True)
    code, _, err = here("cut", "film-7K3QX9.timeline.json", "-o", "clips", "--film", "film.mp4")
    assert code == 0
    assert err == "film-7K3QX9.timeline.json: of film-7K3QX9 the subtitles were left out\n"
    for name in ("cut.json", "index.html"):
        assert b"film.mp4" not in (there / "clips" / name).read_bytes()


def test_a_recording_in_parts_is_cut_across_its_join(here, there, films):
    shutil.copyfile(films / "film.mp4", there / "2.mp4")
    with open(there / "2.mp4", "ab") as file:
        file.write(b"\0\0\0\x08free")  # another file of the same frames
    parts, at_s = [], 0.0
    for name in ("film.mp4", "2.mp4"):
        video = probe(there / name)
        known = {"video_path": name, "video_identity": video.identity, "duration_s": video.duration_s}
        parts.append(Part(start_s=at_s, **known))
        at_s += video.duration_s
    segments = [Segment(start_s=11, end_s=13, label="walk"), Segment(start_s=20, end_s=21, label="run")]
    whole = timeline_of(there / "film.mp4", *segments, parts=tuple(parts), duration_s=at_s, span_s=(0.0, at_s))
    save(replace(whole, video_path="match", video_identity="ab"), there / "match.timeline.json")
    code, _, err = here("cut", "match.timeline.json", "-o", "clips", "--accurate")
    assert (code, err) == (0, "")
    texts = [file.read_text() for file in sorted((there / "clips").rglob("*.mp4"))]
    assert texts == ["[('2.mp4', 200, 225, None)]", "[('film.mp4', 275, 300, None), ('2.mp4', 0, 25, None)]"]
    os.unlink(there / "2.mp4")
    code, _, err = here("cut", "match.timeline.json", "-o", "more")
    assert (code, "the film 2.mp4, a file of match, is not beside its timeline" in the_line(err)) == (1, True)


def test_a_contact_sheet_has_a_picture_of_each_segment(here, there):
    from PIL import Image

    code, out, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--contact-sheet")
    assert (code, err, "wrote clips/contact_sheet.jpg" in out) == (0, "", True)
    before = (there / "clips/contact_sheet.jpg").read_bytes()
    with Image.open(there / "clips/contact_sheet.jpg") as sheet:
        assert (sheet.width, sheet.height) == (3 * 212 + 12, 12 + 120 + 50)
    assert here("cut", "film.mp4.timeline.json", "-o", "clips", "--contact-sheet")[0] == 0
    assert (there / "clips/contact_sheet.jpg").read_bytes() == before
    (there / "clips/contact_sheet.jpg").write_text("mine")
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "clips", "--contact-sheet")
    assert (code, "contact_sheet.jpg is there, and is not as it was written" in the_line(err)) == (1, True)
    assert (there / "clips/contact_sheet.jpg").read_text() == "mine"


def test_in_python_it_gives_what_came_of_it(there):
    done = cut_in_python("film.mp4.timeline.json", None, "clips", accurate=True)
    assert [clip.file for clip in done.clips] == [
        "run/002_00-00-02.000_run.mp4",
        "walk/001_00-00-01.000_walk.mp4",
        "walk/003_00-00-08.000_walk.mp4",
    ]
    assert (done.num_new, done.failed, done.told) == (3, (), ())
    assert [page.name for page in done.pages] == ["index.html"]
    timeline = timeline_of(there / "film.mp4").filter(labels=["run"])
    assert len(cut_in_python(timeline, "film.mp4", "more").clips) == 1
    PretendedCutting.trouble[len(PretendedCutting.asked) + 1] = OSError(errno.ENOSPC, "full")
    with pytest.raises(StoreError, match="0 finished clips stay"):
        cut_in_python(timeline, "film.mp4", "third")


def test_the_files_are_films_that_begin_where_the_run_says(here, there, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(there)
    monkeypatch.setenv("VTN_STREAM_STORE", str(there / "store"))
    for name, given, first in (("copies", (), 0), ("exact", ("--accurate",), 25)):
        code, _, err = here("cut", "film.mp4.timeline.json", "-o", name, "--threshold", "0.8", *given)
        assert (code, err) == (0, "")
        shown = sequential(there / name / "walk/001_00-00-01.000_walk.mp4")
        assert [number for _, number in shown] == list(range(first, 75))
        assert manifest(there / name)["clips"][0]["early_s"] == (25 - first) / 25
    code, _, err = here("cut", "film.mp4.timeline.json", "-o", "exact", "--accurate", "--reel", "walk")
    assert (code, err) == (0, "")
    numbers = [number for _, number in sequential(there / "exact/reel_walk.mp4")]
    assert numbers == [*range(25, 75), *range(200, 225)]
