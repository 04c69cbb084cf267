"""Pages for films that nobody analyzed: there at once, with pictures later, and never over hand work."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from film_pages import NO_FILM

from vtn_stream.annotate import Failed, FilmToAnnotate, PageReady, PicturesMade, Told, annotate, picture_pts
from vtn_stream.embedding import probe
from vtn_stream.errors import DecodingLost, InputError, TimelineError
from vtn_stream.formats import timeline_json
from vtn_stream.results import load_timeline
from vtn_stream.results.blank import MAX_LABELS, asked_labels, blank_in_page, blank_timeline, checked_labels
from vtn_stream.results.corrected_folder import read_corrected
from vtn_stream.results.overview import write_index, write_missing_pages
from vtn_stream.store import EmbeddingStore, load_pictures
from vtn_stream.timeline import Reviewed, Segment
from vtn_stream.video import DecodingProcess
from vtn_stream.video.sample import write_sample

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two films of 2 s and 1 s, and a file that is none."""
    folder = tmp_path_factory.mktemp("films")
    write_sample(folder / "long.mp4")
    write_sample(folder / "short.mp4", num_frames=25)
    (folder / "bad.mp4").write_bytes(b"no film")
    return folder


class Run:
    """A folder with films, and what annotate says and writes there."""

    def __init__(self, root, films, monkeypatch):
        self.root, self.out, self.store = root, root / "out", root / "store"
        monkeypatch.chdir(root)
        for name in ("long.mp4", "short.mp4", "bad.mp4"):
            shutil.copyfile(films / name, root / name)

    def __call__(self, *names, **options):
        events = []
        films = [FilmToAnnotate(path=self.root / name, name=name, results=name) for name in names]
        annotate(films, self.out, store=self.store, on_event=events.append, **options)
        return events

    def page(self, name="long.mp4"):
        return self.out / f"{name}.timeline.html"

    def save(self, timeline, name="long.mp4"):
        """What a person does who saves in a page."""
        (self.out / f"{name}.timeline.json").write_bytes(timeline_json.dumps(timeline))


@pytest.fixture
def run(tmp_path, films, monkeypatch):
    return Run(tmp_path, films, monkeypatch)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)[1])


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_all_pages_and_the_index_are_there_before_the_first_picture(run):
    seen = []

    def look(event):
        if isinstance(event, PicturesMade) and not seen:
            seen.extend(path.name for path in run.out.iterdir())
            seen.append(data_of(run.page())["thumbnails"])

    films = [FilmToAnnotate(path=run.root / name, name=name, results=name) for name in ("long.mp4", "short.mp4")]
    annotate(films, run.out, store=run.store, on_event=look)
    assert set(seen[:-1]) == {"long.mp4.timeline.html", "short.mp4.timeline.html", "index.html"}
    assert seen[-1] == []
    assert len(data_of(run.page())["thumbnails"]) == 10


def test_a_page_holds_an_empty_timeline_that_says_that_nobody_analyzed_the_film(run):
    run("long.mp4", labels=["walk", "=run"])
    blank = blank_in_page(run.page())
    with DecodingProcess() as process:
        video = probe(run.root / "long.mp4", EmbeddingStore(run.store), process)
    assert (blank.video_identity, blank.duration_s, blank.nominal_rate) == (video.identity, video.duration_s, 25)
    assert (blank.segments, blank.reviewed, blank.video_path) == ((), (), "long.mp4")
    assert blank.provenance["notes"][0].startswith("Nobody analyzed this film")
    assert [label[0] for label in data_of(run.page())["labels"]] == ["walk", "=run"]  # these have keys 1 and 2
    assert data_of(run.page())["film"]["url"] == "./../long.mp4"
    assert str(run.root) not in run.page().read_text("utf-8")


def test_a_bad_film_costs_a_line_and_a_row_in_the_index(run):
    events = run("bad.mp4", "long.mp4", "missing.mp4")
    assert [event.film.name for event in of(Failed, events)] == ["bad.mp4", "missing.mp4"]
    assert {event.page.name for event in of(PageReady, events)} == {"long.mp4.timeline.html"}
    rows = data_of(run.out / "index.html")["films"]
    assert sorted(row[0] for row in rows) == ["bad.mp4", "long.mp4", "missing.mp4"]


def test_a_second_run_makes_nothing_anew_and_keeps_the_labels_of_the_first(run):
    run("long.mp4", labels=["walk"])
    content = run.page().read_bytes()
    events = run("long.mp4")
    assert [event.is_new for event in of(PageReady, events)] == [False]
    assert of(PicturesMade, events) == []
    assert run.page().read_bytes() == content
    run("long.mp4", labels=["run"])
    assert asked_labels(blank_in_page(run.page())) == ("run", "walk")


def test_a_run_that_was_killed_goes_on(run, monkeypatch):
    def kill(event):
        if isinstance(event, PicturesMade) and event.num_done > 10:
            raise KeyboardInterrupt

    films = [FilmToAnnotate(path=run.root / name, name=name, results=name) for name in ("long.mp4", "short.mp4")]
    with pytest.raises(KeyboardInterrupt):
        annotate(films, run.out, store=run.store, on_event=kill)
    assert len(data_of(run.page())["thumbnails"]) == 10
    assert data_of(run.page("short.mp4"))["thumbnails"] == []
    events = run("long.mp4", "short.mp4")
    assert {event.num_total for event in of(PicturesMade, events)} == {10}  # those of the short film
    assert len(data_of(run.page("short.mp4"))["thumbnails"]) == 10


def test_what_a_person_saved_is_shown_and_never_written_over(run):
    run("long.mp4", "short.mp4", labels=["walk"])
    walk = Segment(start_s=0.5, end_s=1, label="walk", origin="manual")
    said = replace(blank_in_page(run.page()), segments=(walk,), reviewed=(Reviewed(start_s=0, end_s=2),))
    run.save(said)
    before = (run.out / "long.mp4.timeline.json").read_bytes()
    run("long.mp4", "short.mp4", labels=["run"])
    assert (run.out / "long.mp4.timeline.json").read_bytes() == before
    page = data_of(run.page())
    assert page["segments"]["starts"] == [0.5]
    assert [label[0] for label in page["labels"]] == ["run", "walk"]
    progress = data_of(run.out / "index.html")["progress"]
    assert [state for state, *_ in progress.values()] == ["done", "not begun"]
    assert blank_in_page(run.page("short.mp4")) is not None


def test_a_page_that_a_person_changed_or_that_is_none_of_ours_is_kept(run):
    run("long.mp4", "short.mp4")
    run.page().write_bytes(run.page().read_bytes().replace(b"<h1", b"<h1 title='mine'", 1))
    changed = run.page().read_bytes()
    run.page("short.mp4").write_text("my notes")
    events = run("long.mp4", "short.mp4", labels=["walk"])
    assert len(of(Failed, events)) == 2
    assert run.page().read_bytes() == changed
    assert run.page("short.mp4").read_text() == "my notes"


@pytest.mark.parametrize("content", [b"{", None])
def test_a_timeline_that_is_damaged_or_another_films_is_kept_and_told(run, content):
    run("short.mp4")
    other = timeline_json.dumps(blank_in_page(run.page("short.mp4"))) if content is None else content
    file = run.out / "long.mp4.timeline.json"
    file.write_bytes(other)
    (failed,) = of(Failed, run("long.mp4"))
    assert "long.mp4.timeline.json" in failed.error.fact
    assert file.read_bytes() == other
    assert not run.page().exists()


def test_an_analyzed_film_is_shown_as_it_was_analyzed(run, films):
    with DecodingProcess() as process:
        video = probe(run.root / "long.mp4", EmbeddingStore(run.store), process)
    found = Segment(start_s=0, end_s=1, label="walk", score=0.5, origin="model")
    run.out.mkdir()
    run.save(replace(blank_timeline(video), segments=(found,), provenance={}))
    run("long.mp4")
    assert data_of(run.page())["segments"]["scores"] == [0.5]


def test_no_pictures_are_made_where_none_are_wanted(run):
    assert of(PicturesMade, run("long.mp4", thumbnails=False)) == []
    assert load_pictures(run.store, blank_in_page(run.page()).video_identity) is None


def test_copies_of_a_film_share_their_pictures(run, monkeypatch):
    shutil.copyfile(run.root / "long.mp4", run.root / "copy.mp4")
    calls = []
    frames = DecodingProcess.frames
    monkeypatch.setattr(DecodingProcess, "frames", lambda *args: calls.append(args) or frames(*args))
    run("copy.mp4", "long.mp4")
    assert len(calls) == 1
    assert data_of(run.page())["thumbnails"] == data_of(run.page("copy.mp4"))["thumbnails"] != []


@pytest.mark.parametrize("num_deaths", [1, 2, 3])
def test_where_decoding_dies_it_is_tried_once_more_and_what_came_is_shown(run, monkeypatch, num_deaths):
    """The first death is after half of the pictures, others at once."""
    frames, deaths = DecodingProcess.frames, []

    def dying(process, video, pts, size, wants):
        if len(deaths) == num_deaths or (num_deaths == 3 and len(deaths) == 2):
            yield from frames(process, video, pts, size, wants)
            return
        deaths.append(len(pts))
        if len(deaths) == 1 and num_deaths < 3:
            yield from frames(process, video, pts[:5], size, wants[:5])
        raise DecodingLost("the process decoding long.mp4 died", "frames are missing", "run again")

    monkeypatch.setattr(DecodingProcess, "frames", dying)
    told = [event.message for event in of(Told, run("long.mp4"))]
    shown = len(data_of(run.page())["thumbnails"])
    assert (shown, bool(told)) == {1: (10, False), 2: (5, True), 3: (0, True)}[num_deaths]


def test_report_of_the_folder_takes_up_what_was_saved_since(run):
    run("long.mp4", "short.mp4")
    assert list(write_missing_pages(run.out)) == []  # nobody saved anything: the pages stay
    assert write_index(run.out).num_films == 2
    run.save(replace(blank_in_page(run.page()), segments=(Segment(start_s=0, end_s=1, label="x", origin="manual"),)))
    ((page, _),) = write_missing_pages(run.out, store=run.store)
    assert page == run.page()
    assert len(data_of(page)["thumbnails"]) == 10
    assert [state for state, *_ in data_of(write_index(run.out).path)["progress"].values()] == ["begun", "not begun"]


def test_the_page_of_a_film_that_was_analyzed_is_no_film_to_begin_if_its_timeline_is_gone(run):
    run("long.mp4")
    run.save(replace(blank_in_page(run.page()), provenance={}))
    list(write_missing_pages(run.out))
    run("long.mp4")
    (run.out / "long.mp4.timeline.json").unlink()
    with pytest.raises(InputError, match="there is no FILM"):
        write_index(run.out)


def test_pictures_are_of_keyframes_spread_over_the_film(run):
    with DecodingProcess() as process:
        video = probe(run.root / "long.mp4", EmbeddingStore(run.store), process)
    pts = picture_pts(video)
    assert len(pts) == 10
    assert np.all(np.diff(pts) > 0)
    parts = [int(video.seconds(int(at)) // (video.duration_s / 10)) for at in pts]
    assert parts == list(range(10))


@pytest.mark.parametrize("label", ["", "  ", "a\nb", "a\x00", "\ud800", "x" * 201])
def test_what_is_no_label_is_refused(label):
    with pytest.raises(InputError, match="label"):
        checked_labels(["walk", label])


def test_labels_are_used_once_in_one_form_and_not_more_than_a_page_can_hold():
    assert checked_labels([" walk ", "e\u0301", "\u00e9", "Walk", "<b>&"]) == (
        ("walk", "\u00e9", "<b>&"),
        ("\u00e9", "Walk"),
    )
    with pytest.raises(InputError, match="1001 labels are too many"):
        checked_labels(map(str, range(MAX_LABELS + 1)))


def test_a_strangers_page_or_provenance_gives_no_blank_timeline(run, tmp_path):
    run("long.mp4", labels=["walk"])
    blank = blank_in_page(run.page())
    for labels in (3, None, {"a": 1}, [1, None]):
        assert asked_labels(replace(blank, provenance={"annotation": {"labels": labels}})) == ()
    assert blank_in_page(tmp_path / "missing.html") is None
    page = tmp_path / "strange.html"
    for content in (b"", b'"rest":"{}"', run.page().read_bytes().replace(b'"rest":"', b'"rest":"x', 1)):
        page.write_bytes(content)
        assert blank_in_page(page) is None


def test_what_people_code_in_a_page_is_shown_and_counted_by_the_next_run(run, open_page):
    run("long.mp4", labels=["walk", "run"])
    page = open_page(run.page(), allowed=NO_FILM)  # no browser plays such a film: keys step over it all the same
    assert page.locator("#none").text_content() == "No segments yet: nobody analyzed this film. Press Edit, then Code."
    page.evaluate("delete window.showSaveFilePicker")
    for key in ["t", "c", "1", *["."] * 25, "1", "2", *["."] * 5, "2", "c"]:
        page.keyboard.press(key)
    page.get_by_role("button", name="In the whole film").click()
    with page.expect_download() as found:
        page.keyboard.press("Control+s")
    assert found.value.suggested_filename == "long.mp4.timeline.json"
    file = run.out / found.value.suggested_filename
    file.write_bytes(found.value.path().read_bytes())
    said = load_timeline(file)
    assert [(s.label, round(s.start_s, 2), round(s.end_s, 2), s.origin) for s in said.segments] == [
        ("walk", 0, 1, "manual"),
        ("run", 1, 1.2, "manual"),
    ]
    assert said.reviewed == (Reviewed(start_s=0, end_s=said.duration_s),)
    assert asked_labels(said) == ("walk", "run")
    assert said.video_identity == blank_in_page(run.page()).video_identity
    run("long.mp4")
    assert [state for state, *_ in data_of(run.out / "index.html")["progress"].values()] == ["done"]
    assert data_of(run.page())["segments"]["starts"] == [s.start_s for s in said.segments]
    file.unlink()
    shown = run.page().read_bytes()
    (failed,) = of(Failed, run("long.mp4"))
    assert "which is not there any more; the page was kept" in str(failed.error)
    assert run.page().read_bytes() == shown


def test_a_second_file_with_hand_work_over_one_film_is_told(run):
    run("long.mp4")
    walk = Segment(start_s=0, end_s=1, label="walk", origin="manual")
    run.save(replace(blank_in_page(run.page()), segments=(walk,)))
    (run.out / "long.mp4.timeline (1).json").write_bytes((run.out / "long.mp4.timeline.json").read_bytes())
    (line,) = {event.message for event in of(Told, run("long.mp4"))}
    assert line.startswith("long.mp4.timeline (1).json holds hand work over this film as well")


@pytest.fixture
def drawn(run, monkeypatch):
    """drawn(in_batch=...): the folder's results after an analysis of long.mp4 that finds one scene; where they are."""
    from vtn_stream.film import FrameIndex
    from vtn_stream.results import ResultOptions
    from vtn_stream.track import GridScores

    def analyze(in_batch=None):
        with DecodingProcess() as process:
            video = probe(run.root / "long.mp4", EmbeddingStore(run.store), process)
        found = Segment(start_s=1, end_s=2, label="scene A", score=0.5, origin="model")
        timeline = replace(blank_timeline(video), segments=(found,), provenance={"analysis": {"kind": "scenes"}})
        grid = np.arange(2.0)
        index = FrameIndex(grid_s=grid, frame=np.arange(2), pts_s=grid, valid=np.ones(2, bool))
        files = ResultOptions(output=run.out, formats=("json", "html")).files(
            video.path, video.identity, store=run.store, results=in_batch
        )
        assert files.claim(video.identity) is None
        files.save(timeline, GridScores(frame=np.zeros((2, 1), np.float16)), index, ("scene A",))
        return files.timelines["json"]

    return analyze


@pytest.mark.parametrize("in_batch", [None, "root/long.mp4"])
def test_an_analysis_goes_where_the_page_lies_and_takes_its_place(run, drawn, in_batch):
    film = FilmToAnnotate(path=run.root / "long.mp4", name="long.mp4", results=f"{run.root.name}/long.mp4")
    annotate([film], run.out, store=run.store)
    file = drawn(in_batch and f"{run.root.name}/long.mp4")
    assert file.relative_to(run.out).as_posix() == f"{run.root.name}/long.mp4.timeline.json"
    (row,) = data_of(write_index(run.out).path)["films"]
    assert row[0] == f"{run.root.name}/long.mp4"


def test_an_analysis_goes_around_what_people_said_and_remembers_that_they_began(run, drawn):
    run("long.mp4", labels=["walk"])
    walk = Segment(start_s=0, end_s=0.5, label="walk", origin="manual")
    run.save(replace(blank_in_page(run.page()), segments=(walk,)))
    after = load_timeline(drawn())
    assert [s.label for s in after.segments] == ["walk", "scene A"]
    assert asked_labels(after) == ("walk",)
    (film,) = read_corrected(run.out).coded  # a film that people began is no exam of a model
    assert film.name == "long.mp4"


def test_a_blank_timeline_that_somebody_saved_is_no_hand_work(run, drawn):
    run("long.mp4")
    run.save(blank_in_page(run.page()))
    assert [s.label for s in load_timeline(drawn()).segments] == ["scene A"]


def test_a_page_of_another_film_of_this_name_is_kept_by_an_analysis(run, drawn):
    shutil.copyfile(run.root / "short.mp4", run.root / "long.mp4")
    run("long.mp4")
    before = run.page().read_bytes()
    write_sample(run.root / "long.mp4", num_frames=30)
    with pytest.raises(TimelineError, match="is not this film's"):
        drawn()
    assert run.page().read_bytes() == before
