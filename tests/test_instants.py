"""Events without a length: learnt from annotations, found in films, shown as instants beside segments, and scored."""

import json

import pytest
import torch

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.evaluation.prediction import of_analysis
from vtn_stream.exchange.selection import Selection
from vtn_stream.settings import Settings
from vtn_stream.training import learn
from vtn_stream.training.events import Prepared
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.teach import teach
from vtn_stream.training.ways import ways_of

pytestmark = pytest.mark.usefixtures("warm_decoders")

# (seconds, texture): "begin" is the moment at which texture 1 appears; "hold" lasts as long as texture 2 is shown. The
# first scene of film n lasts n s longer.
SCENES = [(5, 0), (6, 1), (4, 0), (5, 2), (4, 0), (6, 1), (3, 0)]
CUTS_S = {"begin": (5.0, 24.0), "hold": (15.0,)}
LAST = 3  # the film that validates


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def taught(film_maker, tiny, tiny_weights, tmp_path_factory):
    """A model of one label of each kind, learnt from four films; the folder, and what it takes to use it."""
    folder = tmp_path_factory.mktemp("instants")
    rows = ["video,start_s,end_s,label,subset"]
    for number in range(4):
        name, shift = f"{number}.mp4", number
        film_maker(folder / name, [(SCENES[0][0] + shift, SCENES[0][1]), *SCENES[1:]])
        side = "validation" if number == LAST else "training"
        rows += [f"{name},{at + shift},{at + shift},begin,{side}" for at in CUTS_S["begin"]]
        rows += [f"{name},{at + shift},{at + shift + 5},hold,{side}" for at in CUTS_S["hold"]]
    (folder / "events.csv").write_text("\n".join(rows) + "\n")
    options = {"weights": tiny_weights, "store": folder / "store", "device": "cpu"}
    model = folder / "m.safetensors"
    events = []
    given = {"annotations": folder / "events.csv", "videos": folder, "output": model, "fps": 4, "epochs": 12}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learn, "ways_of", lambda *of: ways_of(*of)[:1])  # others would take as long again
        patch.setattr(learn, "FEWEST_FOR_CURVE", 100)
        figures = teach(TrainingOptions(**given, backbone=tiny, **options), on_event=events.append).figures
    return folder, model, options, figures, events


@pytest.fixture(scope="module")
def analysis(taught):
    folder, model, options, *_ = taught
    with Analyzer(Settings(model=model, **options)) as analyzer:
        return analyzer.analyze(analyzer.plan(folder / f"{LAST}.mp4"))


@pytest.mark.release
def test_a_timeline_has_instants_where_events_happen_and_segments_beside(taught, analysis):
    checkpoint = load_checkpoint(taught[1])
    assert (checkpoint.labels, checkpoint.instants) == (("begin", "hold"), ("begin",))
    prediction = of_analysis(analysis)
    lengths = {"begin": set(), "hold": set()}
    for s in prediction.candidates:
        lengths[s.label].add(s.start_s == s.end_s)
    assert lengths == {"begin": {True}, "hold": {False}}
    assert set(analysis.timeline.segments) <= {*analysis.timeline.segments, *prediction.candidates}
    best = sorted((s for s in prediction.candidates if s.label == "begin"), key=lambda s: -s.score)[:2]
    for s, at_s in zip(sorted(best, key=lambda s: s.start_s), CUTS_S["begin"], strict=True):
        assert s.start_s == pytest.approx(LAST + at_s, abs=0.5)
    assert analysis.timeline.provenance["analysis"]["instants"] == ["begin"]


def test_its_card_and_its_messages_speak_of_instants(taught):
    _, model, _, figures, events = taught
    assert {"mAP@1 s", "tight mAP", "F1 of the timelines, within 1 s", "mAP, tIoU 0.3 to 0.7"} <= figures.keys()
    (prepared,) = [event for event in events if isinstance(event, Prepared)]
    assert "8 events without a length are learnt as instants: begin" in prepared.notes
    assert prepared.fps == 4
    card = model.with_suffix(".md").read_text()
    assert "8 events without a length are learnt as instants" in card
    assert "AP of events without a length is the mean over predictions within 0.5 s, 1 s and 2 s of them." in card


def test_a_lower_threshold_finds_more_instants_and_no_segment_instead(taught, analysis):
    scored = (analysis.scores, analysis.index, analysis.labels)
    more = Selection(threshold=0.002).apply(analysis.timeline, lambda: scored).segments
    assert len(more) > len(analysis.timeline.segments)
    assert all((s.start_s == s.end_s) == (s.label == "begin") for s in more)


def test_evaluate_spots_its_instants_and_detects_its_segments(taught, here):
    folder, model, options, *_ = taught
    given = ("--videos", folder, "--weights", options["weights"], "--store", options["store"], "--device", "cpu")
    code, out, _ = here(
        "evaluate", folder / "events.csv", "--model", model, *given, "--subset", "all", "--include-learnt", "--json"
    )
    assert code == 0
    scores = json.loads(out)
    assert (scores["spotting"]["classes"].keys(), scores["detection"]["classes"].keys()) == ({"begin"}, {"hold"})
    assert scores["spotting"]["seconds"]["tolerance"] == [0.5, 1, 2]
