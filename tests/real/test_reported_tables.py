"""Tables and annotations that were read wrongly, or blamed on the film: what is right, and that it is told."""

import json
import shutil
import unicodedata
from dataclasses import replace

import pytest
from click.testing import CliRunner

from vtn_stream.evaluation import read_predictions, score
from vtn_stream.exchange.intake import read_any
from vtn_stream.exchange.truth import truth_of
from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.training.footage import OF_FILMS, find_films
from vtn_stream.video import DecodingProcess
from vtn_stream_cli.main import vtn_stream


@pytest.fixture(scope="module")
def reported(data):
    return data / "reported"


def said(read):
    return {t.video_path: [(s.start_s, s.end_s, s.label) for s in t.segments] for t in read.timelines}


@pytest.mark.parametrize(
    ("name", "segments"),
    [
        ("14-table-as-clips/onset.csv", {"match.mp4": [(90, 95, "goal"), (100, 110, "corner")]}),
        ("14-table-as-clips/pathstartend.txt", {"match.mp4": [(0.5, 4.25, "goal"), (10, 12.5, "corner kick")]}),
        ("14-table-as-clips/boris_tab.tsv", {"hen1.mp4": [(1.5, 4.25, "peck"), (10, 10, "call")]}),
        ("16-utf16/utf16.csv", {"spiel.mp4": [(1.5, 4.25, "Tor für Köln")]}),
        ("17-mmss/mmss.csv", {"match.mp4": [(90, 120, "goal"), (4510, 4560, "card")]}),
        ("20-srt/nonum.srt", {"nonum": [(1, 2, "no number")]}),
    ],
)
def test_what_is_in_the_reported_tables(reported, name, segments):
    assert said(read_any(reported / name)) == segments
    if not name.endswith("srt"):
        kept = read_annotations(reported / name)
        assert {k: [(s.start_s, s.end_s, s.label) for s in v.segments] for k, v in kept.videos.items()} == segments
        assert all(video.clip_label is None for video in kept.videos.values())


def test_a_name_in_two_forms_of_unicode_is_one_film(reported, tmp_path):
    (film,) = (file.name for file in (reported / "15-nfd").iterdir() if is_film_name(file.name))
    assert unicodedata.is_normalized("NFD", film)
    assert not unicodedata.is_normalized("NFC", film)
    segments = (Segment(start_s=0, end_s=4, label="scene A"), Segment(start_s=4, end_s=8, label="scene B"))
    timeline = Timeline(video_identity="", video_path=film, duration_s=12, span_s=(0, 12), segments=segments)
    truth = reported / "15-nfd" / "nfc.csv"
    assert [len(of_film) for of_film in truth_of(truth, [timeline, replace(timeline, video_path="b.mp4")][:1])] == [3]
    from vtn_stream.formats import timeline_json

    (tmp_path / "film.timeline.json").write_bytes(timeline_json.dumps(timeline))
    scores = score(read_predictions(tmp_path), read_annotations(truth))
    assert [(of.name, of.prediction is not None) for of in scores.films] == [(unicodedata.normalize("NFC", film), True)]
    shutil.copy(reported / "15-nfd" / film, tmp_path)
    with DecodingProcess() as process:
        footage = find_films(truth, tmp_path, EmbeddingStore(tmp_path / "store"), process)
    assert [video.path.name for video in footage.videos.values()] == [film]


def test_frames_of_label_studio_are_counted_at_the_film_s_rate(reported, tmp_path):
    task = reported / "18-ls-fps" / "ls_nofps.json"
    shutil.copy(next((reported / "15-nfd").glob("*.mp4")), tmp_path / "yard.mp4")
    with DecodingProcess() as process:
        footage = find_films(task, tmp_path, EmbeddingStore(tmp_path / "store"), process)
    (jump,) = footage.annotations.videos["yard.mp4"].segments
    assert (jump.start_s, jump.end_s) == (pytest.approx(30 / 25), pytest.approx(60 / 25))
    assert OF_FILMS in footage.notes
    with pytest.raises(Exception, match="with --annotation-fps"):
        read_annotations(task)


def test_ball_action_spotting_is_a_folder_of_games_or_one_of_its_files(reported, tmp_path):
    folder = reported / "23-bas" / "bas"
    games = sorted(game.name for game in folder.iterdir())
    events = [(4.04, 4.04, "PASS"), (8.08, 8.08, "DRIVE")]
    assert said(read_any(folder)) == {f"{game}/224p.mp4": events for game in games}
    with DecodingProcess() as process:
        store = EmbeddingStore(tmp_path / "store")
        found = find_films(folder, folder, store, process)
        assert sorted(video.path.parent.name for video in found.videos.values()) == games
        for videos in (folder, folder / games[0]):
            (video,) = find_films(folder / games[0] / "Labels-ball.json", videos, store, process).videos.values()
            assert video.path == folder / games[0] / "224p.mp4"


@pytest.mark.parametrize("piped", [True, False])
def test_figures_are_never_cut(reported, monkeypatch, piped):
    from vtn_stream_cli.console import out

    monkeypatch.setattr(out, "_width", 40)
    monkeypatch.setattr(out, "_force_terminal", not piped)
    folder = reported / "26-table-cut"
    result = CliRunner().invoke(vtn_stream, ["evaluate", str(folder / "pred.csv"), str(folder / "gt.csv")])
    assert result.exit_code == 0, result.output
    assert "…" not in result.output
    assert result.output.count("100.0") >= 5 + 4 * 9


def test_the_json_of_annotations_in_utf_16_is_read(tmp_path):
    database = {"database": {"köln": {"annotations": [{"label": "Tür", "segment": [1, 2]}]}}}
    text = json.dumps(database, ensure_ascii=False)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"):
        (tmp_path / "a.json").write_bytes(text.encode(encoding))
        assert said(read_any(tmp_path / "a.json")) == {"köln": [(1, 2, "Tür")]}
