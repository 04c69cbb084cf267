"""What the tests share: one tiny network, one small film, its analysis. All of it is made here, on the CPU.

torch and the video libraries load with the first fixture that needs them.
"""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser import browser, open_page, open_page_once  # noqa: F401  (fixtures)
from hypothesis import settings
from order import (  # noqa: F401  (hooks)
    pytest_collection_modifyitems,
    pytest_runtest_logstart,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from ray_nodes import ray_head  # noqa: F401  (a fixture)
from warm_decoders import spare_decoders, warm_decoders  # noqa: F401  (fixtures)

if TYPE_CHECKING:
    from vtn_stream.analysis import Analysis, AnalysisEvent, Analyzer
    from vtn_stream.backbone import FrameEncoder

os.environ["COLUMNS"] = "120"  # terminals differ, and rich reads it once, when its consoles are made
# A busy machine is no error, nor is an example that loads what the later ones find loaded.
# `make test` tries the same few examples each time, so that it fails for what was changed; `make test-release` tries
# many others. A test says how many only where each of them is dear.
settings.register_profile("explore", deadline=None, max_examples=200)
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Keeps hypothesis from taking constants from modules: which are loaded depends on the tests before, so the same
    examples would not be tried.
    """
    with suppress(ImportError):  # older ones do not
        from hypothesis.internal.conjecture import providers

        if config.getoption("--hypothesis-profile") != "explore":
            vars(providers).update(is_local_module_file=lambda path: False)


# To look for garbage among all that is collected costs a fifth of the collection, in every process of the tests. From
# then on these objects, which stay to the end, are passed over.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# Threads of torch that have nothing to do would keep turning, in the way of the other processes of the tests.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A real timm network of 0.4 million weights; random as they are, they tell one texture from another.
TINY = "test_efficientnet"

# (seconds, which texture): hard changes, and texture 0 comes back.
SCENES = ((25, 0), (23, 1), (27, 2), (25, 0), (30, 3))


def make_film(path: Path, scenes=SCENES, *, fps: Fraction | int = 5, late_s: int = 0) -> Path:
    """160 x 96 textures that drift a little, coded as H.264, with hard changes between them.

    A film that is late_s begins with sound alone.
    """
    import av
    from PIL import Image

    options = {"crf": "18", "preset": "ultrafast", "threads": "1"}
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        if late_s:
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * late_s), np.int16), layout="mono")
            sound.sample_rate, sound.pts = 8000, 0
            container.mux(container.add_stream("pcm_s16le", rate=8000, layout="mono").encode(sound))
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        step, pts = round(1000 / Fraction(fps)), late_s * 1000
        for seconds, seed in scenes:
            small = np.random.default_rng(seed).integers(0, 256, (4 + seed, 6 + seed, 3), np.uint8)
            texture = np.asarray(Image.fromarray(small).resize((200, 96), Image.Resampling.BICUBIC))
            for i in range(round(seconds * fps)):
                drift = i % 40
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(texture[:, drift : drift + 160]), "rgb24")
                frame.pts, frame.time_base = pts, Fraction(1, 1000)
                container.mux(stream.encode(frame))
                pts += step
        container.mux(stream.encode())
    return path


@pytest.fixture(autouse=True)
def _ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell's background job ignores SIGINT, and so would what a test starts; the command line leaves a handler.

    And it remembers a Ctrl-C: that of another test is none of this one's.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr("vtn_stream_cli.interrupts._seen", False)


@pytest.fixture(scope="session")
def film_maker() -> Callable[..., Path]:
    return make_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 s at 5 frames/s: three chunks, five scenes, the first of which comes back."""
    return make_film(tmp_path_factory.mktemp("films") / "film.mp4")


@pytest.fixture(scope="session")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 s of ten pictures, 30 s each: five chunks that cost almost nothing."""
    scenes = [(30, seed) for seed in range(10)]
    return make_film(tmp_path_factory.mktemp("films") / "slides.mp4", scenes, fps=Fraction(1, 30))


@pytest.fixture(scope="session")
def changes_s() -> list[float]:
    """Where the scenes of `film` end."""
    return np.cumsum([seconds for seconds, _ in SCENES]).tolist()


@pytest.fixture(scope="session")
def tiny() -> str:
    return TINY


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights for TINY, always the same."""
    import timm
    import torch
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(timm.create_model(TINY).state_dict(), path)
    return path


@pytest.fixture(scope="session")
def encoder(tiny_weights: Path) -> "FrameEncoder":
    from vtn_stream.backbone import FrameEncoder

    return FrameEncoder(TINY, weights=tiny_weights, device="cpu")


@pytest.fixture(scope="session")
def open_analyzer(encoder: "FrameEncoder") -> "Callable[..., Analyzer]":
    """open_analyzer(store, fps=1): an Analyzer that shares the network."""
    from vtn_stream.analysis import Analyzer
    from vtn_stream.settings import Settings

    def open_(store: Path, **options) -> "Analyzer":
        settings = Settings(**({"fps": 1, "backbone": TINY, "device": "cpu", "store": store} | options))
        return Analyzer(settings, encoder=encoder)

    return open_


@dataclass(frozen=True, kw_only=True)
class Analyzed:
    """A film analyzed in one go, its store and all that was told meanwhile."""

    film: Path
    store: Path
    analysis: "Analysis"
    events: "list[AnalysisEvent]"


@pytest.fixture(scope="session")
def analyzed(film: Path, open_analyzer, tmp_path_factory: pytest.TempPathFactory) -> Analyzed:
    """Treat the store as read-only: copy it before changing it."""
    store, events = tmp_path_factory.mktemp("analyzed"), []
    with open_analyzer(store) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(film), on_event=events.append)
    return Analyzed(film=film, store=store, analysis=analysis, events=events)


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder that can be looked into and not written, for root as well: root is nobody meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked gpu is skipped without one, and fails where VTN_STREAM_REQUIRE_GPU=1 says that there is one."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        if os.environ.get("VTN_STREAM_REQUIRE_GPU") == "1":
            pytest.fail("this test needs a GPU, and none is usable")
        pytest.skip("needs a GPU")


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """here(*arguments) -> (exit code, stdout, stderr): the script's function in this process, to save a start."""
    from vtn_stream_cli.main import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vtn-stream", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call
