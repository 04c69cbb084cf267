"""Events without a length: learnt from annotations, found in films, shown as instants beside segments, and scored."""

from collections import Counter

import pytest
import torch

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.settings import Settings
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.teach import teach

pytestmark = pytest.mark.usefixtures("warm_decoders")

# (seconds, texture): "begin" is the moment at which texture 1 appears; texture 2 is shown all the while that it "holds".
# The first scene of film n lasts n s longer.
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
    given = {"annotations": folder / "events.csv", "videos": folder, "output": model, "fps": 4, "epochs": 30}
    figures = teach(TrainingOptions(**given, backbone=tiny, **options), on_event=events.append).figures
    return folder, model, options, figures, events


@pytest.fixture(scope="module")
def analysis(taught):
    folder, model, options, *_ = taught
    with Analyzer(Settings(model=model, **options)) as analyzer:
        return analyzer.analyze(analyzer.plan(folder / f"{LAST}.mp4"))


def test_a_timeline_has_instants_where_events_happen_and_segments_beside(taught, analysis):
    checkpoint = load_checkpoint(taught[1])
    assert (checkpoint.labels, checkpoint.instants) == (("begin", "hold"), ("begin",))
    found = analysis.timeline.segments
    assert Counter(s.label for s in found) == {"begin": 2, "hold": 1}
    for s, at_s in zip([s for s in found if s.label == "begin"], CUTS_S["begin"], strict=True):
        assert s.start_s == s.end_s == pytest.approx(LAST + at_s, abs=0.5)
    assert analysis.timeline.provenance["analysis"]["instants"] == ["begin"]
