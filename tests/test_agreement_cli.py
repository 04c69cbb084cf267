"""vtn-stream evaluate --agreement, as people call it."""

import json
import re
from pathlib import Path

import pytest

from vtn_stream.formats import timeline_json
from vtn_stream.timeline import Segment, Timeline
from vtn_stream_cli.main import main

WALK = (Segment(start_s=0, end_s=5, label="walk"),)
ALICE = """video,start_s,end_s,label
m1.mp4,0,6,walk
m1.mp4,8,11,run
m1.mp4,15,20,rest
m2.mp4,3,9,walk
alone.mp4,1,2,walk
"""
BOB = """video,start_s,end_s,label
m1.mp4,0,5,walk
m1.mp4,8,13,run
m1.mp4,15,20,rest
m2.mp4,3.4,9,walk
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("alice", ALICE), ("bob", BOB)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "coded.csv").write_text(text)
    return tmp_path


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["vtn-stream", "evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    return ended.value.code or 0, printed.out, printed.err


@pytest.fixture
def evaluate(monkeypatch, capsys):
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def test_it_prints_how_far_two_annotators_agree(evaluate):
    code, out, err = evaluate("--agreement", "alice/coded.csv", "bob/coded.csv", "--by-film")
    assert code == 0
    assert "2 films, 0:00:29.0, 3 labels" in out
    assert "A: alice/coded.csv, 4 events" in out
    assert re.search(r"Cohen's kappa over time: 0\.8\d\d; A and B say the same in 88\.3 % of the time", out)
    assert re.search(r"^rest +1\.000 +5\.0 +5\.0 +1 +1 +100\.0 +100\.0 +100\.0 +100\.0", out, re.MULTILINE)
    assert re.search(r"^m1\.mp4 +0\.800", out, re.MULTILINE)
    assert re.search(r"^nothing +run +2\.0$", out, re.MULTILINE)
    assert "1 film only in A, not compared: alone.mp4" in err


def test_one_file_as_both_is_told(evaluate):
    code, _, err = evaluate("--agreement", "alice/coded.csv", "alice/coded.csv")
    assert (code, "A and B are the same file, so they agree in everything" in err) == (0, True)
    assert "same file" not in evaluate("--agreement", "alice/coded.csv", "bob/coded.csv")[2]


def test_json_table_and_page(evaluate, here):
    options = ("--json", "--by-film", "--csv", "t.csv", "--page", "p.html", "--tolerance", "1s")
    code, out, err = evaluate("--agreement", "alice/coded.csv", "bob/coded.csv", *options)
    fields = json.loads(out)
    assert (code, fields["a"], fields["only_a"]) == (0, "alice/coded.csv", ["alone.mp4"])
    assert fields["labels"]["walk"]["events"]["agreement"] == [1.0]
    assert [film["film"] for film in fields["by_film"]] == ["m1.mp4", "m2.mp4"]
    assert (here / "t.csv").read_text().startswith("film,label,duration_s")
    assert "wrote p.html" in err
    page = (here / "p.html").read_bytes()
    assert str(here).encode() not in page
    assert evaluate("--agreement", "alice/coded.csv", "bob/coded.csv", *options)[0] == 0  # its own files are replaced
    assert (here / "p.html").read_bytes() == page


def test_files_of_others_are_kept(evaluate, here):
    (here / "p.html").write_text("<p>mine</p>")
    for option, file in (("--page", "p.html"), ("--page", "p.txt"), ("--csv", "alice/coded.csv")):
        code, _, err = evaluate("--agreement", "alice/coded.csv", "bob/coded.csv", option, file)
        assert (code, file.rpartition("/")[2] in err) == (1, True)
    assert (here / "alice/coded.csv").read_text() == ALICE


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--agreement",), "what two annotators say"),
        (("--agreement", "bob/coded.csv", "--model", "x"), "without --model"),
        (("--agreement", "bob/coded.csv", "--fps", "10"), "--fps does nothing with --agreement"),
        (("--agreement", "bob/coded.csv", "--tolerance", "2f"), "in seconds"),
        (("--agreement", "bob/coded.csv", "-o", "x.jsonl"), "--output does nothing"),
        (("--agreement", "bob/coded.csv", "--device", "cpu"), "--device does nothing"),
        (("--agreement", "bob/coded.csv", *("--observation", "x") * 3), "twice, for A and then for B"),
        (("bob/coded.csv", "--page", "p.html"), "--page goes with --agreement"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(evaluate, options, says):
    code, _, err = evaluate("alice/coded.csv", *options)
    assert (code, says in " ".join(err.split())) == (2, True)


def test_what_cannot_be_compared_is_an_error_in_one_line(evaluate, here):
    (here / "empty.csv").write_text("")
    (here / "other.csv").write_text("video,start_s,end_s,label\nm3.mp4,0,1,walk\n")
    for file, says in (("empty.csv", "it is empty"), ("other.csv", "no film in common")):
        code, out, err = evaluate("--agreement", "alice/coded.csv", file)
        assert (code, out) == (1, "")
        assert says in err
        assert "Traceback" not in err


def put(path, identity="c0ffee", segments=WALK, **fields):
    film = {"video_identity": identity, "video_path": "x.mp4", "duration_s": 20, "span_s": (0, 20)}
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(timeline_json.dumps(Timeline(**(film | {"segments": segments} | fields))))


def test_what_is_left_out_is_named(evaluate, here):
    for who, identity in (("anna", "1"), ("ben", "2")):
        put(here / who / "x.timeline.json")
        put(here / who / "y.timeline.json", identity, video_path="y.mp4")
        put(here / who / "z.timeline.json", "3", (), video_path="z.mp4", provenance={"annotation": {}})
    code, out, err = evaluate("--agreement", "anna", "ben")
    assert (code, "1 film, 0:00:20.0, 1 label" in out) == (1, True)
    assert "y.mp4 is not the same in A and B" in err
    for who in ("anna", "ben"):
        assert f"{who}: 1 film that nobody coded yet, not compared: z.mp4" in err


def test_a_damaged_timeline_is_named(evaluate, here):
    put(here / "x.timeline.json")
    text = (here / "x.timeline.json").read_text()
    (here / "x.timeline.json").write_text(text.replace('"start_s": 0.0', '"start_s": 9.0'))
    code, _, err = evaluate("--agreement", "x.timeline.json", "bob/coded.csv")
    assert (code, "x.timeline.json" in err, "Traceback" in err) == (1, True, False)


def test_with_videos_the_films_say_how_long_they_are(evaluate, here, film_maker):
    (here / "films").mkdir()
    film_maker(here / "films" / "m1.mp4", ((25, 0),), fps=2)
    code, out, err = evaluate("--agreement", "alice/coded.csv", "bob/coded.csv", "--videos", "films", "--json")
    fields = json.loads(out)
    assert code == 0
    assert fields["duration_s"] == pytest.approx(25 + 9, abs=0.6)
    assert "m2.mp4: there is no such film in films" in err


def test_the_example_of_the_docs_is_what_is_printed(evaluate, here, capsys):
    page = (Path(__file__).resolve().parents[1] / "docs/agreement.md").read_text("utf-8")
    anna, ben = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (here / "anna.csv").write_text(anna)
    (here / "ben.csv").write_text(ben)
    _, out, _ = evaluate("--agreement", "anna.csv", "ben.csv")
    assert f"```\n{out}```" in page
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/agreement.md", "exec"), {})
    assert "chick.mp4 8.1 9.0 ('peck',) ()" in capsys.readouterr().out
