"""A film that was cut into files, joined again: what is found is what the whole film shows."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from cut_films import cut_film
from fleet import FakeEncoder
from input_models import input_checkpoint
from shot_films import write_shots

from vtn_stream.analysis import Analyzer, ChunkReady, FramesEmbedded, Warned
from vtn_stream.checkpoints import save_checkpoint
from vtn_stream.errors import InputError, VideoError
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, LocalizationConfig
from vtn_stream.settings import Settings
from vtn_stream.track import OperatingPoint, OperatingPoints
from vtn_stream.video import DecodingProcess, probe

SHOTS = ((87, 0), (101, 1), (64, 2), (98, 3), (150, 1))  # at 25 a second: 20 s; 87 + 101 = 188 is near a join
KEYED = {"g": "25", "sc_threshold": "0", "crf": "18", "preset": "ultrafast", "threads": "1"}
HEADS = {
    "dense": DenseConfig(num_classes=2),
    "clips": ClassificationConfig(num_classes=2),
    "spans": LocalizationConfig(num_classes=2, num_levels=3, tower_width=8),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    film = tmp_path_factory.mktemp("whole") / "whole.mp4"
    write_shots(film, SHOTS, options=KEYED)
    return film


@pytest.fixture(scope="module")
def parts(whole):
    """Cut at 7 s and 14 s."""
    return cut_film(whole, (7, 14), whole.parent)


@pytest.fixture
def open_(tmp_path):
    """An analyzer of scenes, or of a model, with its own store."""
    opened = []

    def opener(store="store", **options):
        settings = Settings(**({"fps": 2, "backbone": "squares", "store": tmp_path / store} | options))
        opened.append(Analyzer(settings, encoder=FakeEncoder()))
        return opened[-1]

    yield opener
    for analyzer in opened:
        analyzer.__exit__()


def analyzed(analyzer, film, **options):
    """The analysis, and what was told meanwhile."""
    events = []
    return analyzer.analyze(analyzer.plan(film, **options), on_event=events.append), events


def drawn(analysis):
    timeline = analysis.timeline
    return [(s.start_s, s.end_s, s.label, s.score) for s in timeline.segments], timeline.gaps, timeline.clip_labels


def model(folder, head, inputs=("picture",)):
    """A checkpoint of a small random model with this head."""
    checkpoint = input_checkpoint(inputs, fps=Fraction(2))
    config = replace(checkpoint.config, head=head)
    torch.manual_seed(1)
    network = VTN(config)
    points = checkpoint.operating_points
    if isinstance(head, LocalizationConfig):
        torch.nn.init.constant_(network.head.regress.out.bias, 2.0)  # else random offsets are 0
        points = OperatingPoints(common=OperatingPoint(high=0.005, low=0.005))
    path = folder / f"{head.kind}.safetensors"
    save_checkpoint(replace(checkpoint, config=config, tensors=network.state_dict(), operating_points=points), path)
    return path


def test_scenes_of_parts_that_are_joined_are_those_of_the_whole_film_to_the_bit(whole, parts, open_):
    analyzer = open_()
    ours, events = analyzed(analyzer, parts, name="match")
    theirs, _ = analyzed(analyzer, whole)
    assert len(ours.timeline.segments) >= len(SHOTS)
    assert drawn(ours) == drawn(theirs)
    assert ours.index.grid_s.tolist() == theirs.index.grid_s.tolist()
    assert ours.index.frame.tolist() == theirs.index.frame.tolist()
    assert ours.timeline.curves == theirs.timeline.curves
    assert ours.timeline.duration_s == theirs.timeline.duration_s == 20
    assert not [event for event in events if isinstance(event, Warned)]


def test_the_timeline_names_its_files_and_when_they_begin(parts, open_):
    timeline = analyzed(open_(), parts, name="match")[0].timeline
    assert timeline.video_path == "match"
    assert [(part.video_path, part.start_s, part.duration_s) for part in timeline.parts] == [
        ("part1.mp4", 0, 7),
        ("part2.mp4", 7, 7),
        ("part3.mp4", 14, 6),
    ]
    per_file = timeline.per_file()
    assert [each.video_path for each in per_file] == ["part1.mp4", "part2.mp4", "part3.mp4"]
    assert sum(s.duration_s for each in per_file for s in each.segments) == pytest.approx(20)


@pytest.mark.parametrize("head", HEADS)
def test_what_a_model_finds_in_parts_is_what_it_finds_in_the_whole_film(whole, parts, open_, tmp_path, head):
    analyzer = open_(model=model(tmp_path, HEADS[head]), fps=None, backbone=None)
    ours, theirs = analyzed(analyzer, parts, name="match")[0], analyzed(analyzer, whole)[0]
    assert drawn(ours) == drawn(theirs)
    assert head == "clips" or ours.timeline.segments
    for name in ("frame", "saliency", "clip"):
        a, b = getattr(ours.scores, name), getattr(theirs.scores, name)
        assert (a is None) == (b is None)
        assert a is None or np.array_equal(a, b)


def test_joins_that_lie_beside_the_grid_move_borders_by_less_than_a_step(whole, open_):
    beside = cut_film(whole, (3, 8), whole.parent / "beside")
    analyzer = open_(fps=Fraction(4, 3))
    ours, theirs = analyzed(analyzer, beside, name="match")[0], analyzed(analyzer, whole)[0]
    assert np.diff(ours.index.grid_s).min() < 0.74
    borders = [[s.start_s for s in analysis.timeline.segments] for analysis in (ours, theirs)]
    assert borders[0] == pytest.approx(borders[1], abs=0.75)
    assert len(borders[0]) == len(SHOTS)


def test_changes_of_the_picture_are_measured_within_each_file_and_a_note_says_so(whole, parts, open_, tmp_path):
    path = model(tmp_path, HEADS["dense"], ("picture", "change-1/2"))
    analyzer = open_(model=path, fps=None, backbone=None)
    note = "Changes are measured within each file: the first frames of each show none."
    assert note in analyzed(analyzer, parts, name="match")[0].timeline.provenance["notes"]
    assert note not in analyzed(analyzer, whole)[0].timeline.provenance["notes"]


def test_a_part_that_was_embedded_alone_is_not_embedded_again(parts, open_):
    analyzer = open_()
    alone = [analyzed(analyzer, part)[1] for part in parts[1:]]
    assert sum(e.num_frames for events in alone for e in events if isinstance(e, FramesEmbedded)) == 14 + 12
    _, events = analyzed(analyzer, parts, name="match")
    assert sum(event.num_frames for event in events if isinstance(event, FramesEmbedded)) == 14
    assert [event.source for event in events if isinstance(event, ChunkReady)] == ["film", "store", "store"]
    assert [event.chunk.number for event in events if isinstance(event, ChunkReady)] == [0, 1, 2]
    _, events = analyzed(analyzer, parts[0])
    assert not [event for event in events if isinstance(event, FramesEmbedded)]


def test_stopped_in_the_second_part_it_goes_on_there(parts, open_):
    def stop(event):
        if isinstance(event, ChunkReady) and event.chunk.number == 1:
            raise KeyboardInterrupt

    analyzer = open_()
    with pytest.raises(KeyboardInterrupt):
        analyzer.analyze(analyzer.plan(parts, name="match"), on_event=stop)
    ours, events = analyzed(open_(), parts, name="match")
    assert [event.source for event in events if isinstance(event, ChunkReady)] == ["store", "store", "film"]
    assert drawn(ours) == drawn(analyzed(open_("other"), parts, name="match")[0])


@pytest.mark.release
def test_killed_in_the_second_part_the_same_command_goes_on_there(parts, tiny, tiny_weights, tmp_path):
    command = Path(sys.executable).with_name("vtn-stream")
    arguments = [command, "analyze", *parts, "--as", "match", "--fps", "2", "--json-log", "--store", tmp_path / "store"]
    arguments += ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "-o", tmp_path]

    def chunk(line):
        event = json.loads(line)
        return (event["number"], event["source"]) if event["event"] == "chunk" else None

    with subprocess.Popen(list(map(str, arguments)), stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if chunk(line) == (1, "film"):
                running.send_signal(signal.SIGKILL)
                break
    assert not (tmp_path / "match.timeline.json").exists()
    again = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=True)
    found = [found for line in again.stdout.splitlines() if (found := chunk(line)) is not None]
    assert found[:2] == [(0, "store"), (1, "store")]
    assert (tmp_path / "match.timeline.json").exists()


def test_time_that_no_file_has_is_a_gap_to_the_frame(parts, open_):
    starts = (Fraction(0), Fraction(7), Fraction(1733, 100))
    analysis, _ = analyzed(open_(), parts, name="match", starts=starts)
    [gap] = analysis.timeline.gaps
    assert (gap.start_s, gap.end_s, gap.reason) == (14, 17.33, "no file has this time")
    assert analysis.timeline.duration_s == pytest.approx(23.33)
    assert all(s.end_s <= 14 or s.start_s >= 17.33 for s in analysis.timeline.segments)


@pytest.mark.parametrize(("start_s", "end_s", "gap"), [(15, 20, (15, 17.33)), (10, 16, (14, 16))])
def test_a_part_that_begins_or_ends_where_no_file_is_has_a_gap_there(parts, open_, start_s, end_s, gap):
    starts = (Fraction(0), Fraction(7), Fraction(1733, 100))
    timeline = analyzed(open_(), parts, name="match", starts=starts, start_s=start_s, end_s=end_s)[0].timeline
    assert timeline.span_s == (start_s, end_s)
    assert [(g.start_s, g.end_s, g.reason) for g in timeline.gaps] == [(*gap, "no file has this time")]
    assert all(s.end_s <= gap[0] or s.start_s >= gap[1] for s in timeline.segments)


def test_a_part_of_a_recording_over_a_join_is_that_part_of_the_timeline(parts, open_):
    analyzer = open_()
    part = analyzed(analyzer, parts, name="match", start_s=5.0, end_s=9.0)[0].timeline
    assert part.span_s == (5, 9)
    assert [s.start_s for s in part.segments] == pytest.approx([5, 7.52])
    with pytest.raises(InputError, match="match lasts 20"):
        analyzer.plan(parts, name="match", start_s=30)
    apart = (Fraction(0), Fraction(7), Fraction(30))
    with pytest.raises(InputError, match=r"no file of match has the time from 15\.000 s to 20\.000 s"):
        analyzer.plan(parts, name="match", starts=apart, start_s=15, end_s=20)


def test_frames_of_a_recording_come_from_its_files(whole, parts, open_):
    recording = open_().recording(parts, "match")
    frames = np.array([0, 174, 175, 349, 350, 499])
    with DecodingProcess() as process:
        both = [
            np.concatenate([batch.frames.copy() for batch in process.frames(video, video.pts[frames], (24, 40))])
            for video in (recording, probe(whole, process))
        ]
    assert np.array_equal(*both)


def test_one_film_with_a_name_is_only_named(whole, open_):
    analyzer = open_()
    named, alone = analyzed(analyzer, [whole], name="match")[0], analyzed(analyzer, whole)[0]
    assert drawn(named) == drawn(alone)
    assert named.timeline.video_path == "match"
    assert [part.video_path for part in named.timeline.parts] == ["whole.mp4"]


def test_a_file_that_cannot_be_read_fails_the_whole_recording_in_one_line(parts, open_, tmp_path):
    with pytest.raises(VideoError) as failed:
        open_().plan([parts[0], tmp_path / "part2.mp4"], name="match")
    assert "part2.mp4" in str(failed.value)
    assert "nothing of match was analyzed" in str(failed.value)
    assert "or leave this file out" in str(failed.value)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "C:"])
def test_a_recording_has_a_plain_name(parts, open_, name):
    with pytest.raises(InputError, match="a recording cannot be called"):
        open_().plan(parts, name=name)


def test_what_files_of_one_camera_do_not_have_is_told_and_they_are_joined(parts, open_, tmp_path):
    copy = shutil.copy(parts[0], tmp_path / "part9.mp4")
    _, events = analyzed(open_(), [parts[1], parts[0], copy], name="match")
    assert [event.message for event in events if isinstance(event, Warned)] == [
        "it has part9.mp4 more than once, and its time with it: leave out the copy",
        "its files are not in the order of the numbers in their names: they were joined as given",
    ]
    other = tmp_path / "other.mp4"
    write_shots(other, [(50, 4)], rate=Fraction(50), codec="mpeg4")
    _, events = analyzed(open_(), [parts[0], other], name="match")
    assert [event.message for event in events if isinstance(event, Warned)] == [
        "its files differ in rate (25 and 50): they were joined as given",
        "its files differ in codec (h264 and mpeg4): they were joined as given",
    ]
