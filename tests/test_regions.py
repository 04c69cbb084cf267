"""Several regions of one film: what each shows alone, for one decoding; and results of each."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from test_windows import write_two

from vtn_stream.analysis import Analyzer
from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import ChunkReady, embed
from vtn_stream.errors import InputError
from vtn_stream.results import load_timeline
from vtn_stream.sampling import SamplingPlan
from vtn_stream.settings import Settings
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import WHOLE, Recipe
from vtn_stream.video import DecodingProcess

PLAN = SamplingPlan(Fraction(5))
LEFT, RIGHT = "0%,0%,50%,100%", "50%,0%,50%,100%"


@pytest.fixture(scope="module")
def cages(tmp_path_factory):
    """A film of two cages, and the films that show only one of them."""
    folder = tmp_path_factory.mktemp("cages")
    both = write_two(folder / "both.mp4")
    with av.open(str(both)) as film:
        pictures = [frame.to_ndarray(format="yuv420p") for frame in film.decode(video=0)]
    for name, first in (("left", 0), ("right", 160)):
        with av.open(str(folder / f"{name}.mp4"), "w") as out:
            stream = out.add_stream("libx264", 25, options={"qp": "0", "preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            for picture in pictures:
                luma, chroma = picture[:96], picture[96:].reshape(2, 48, 160)
                cut = np.concatenate(
                    [luma[:, first : first + 160].ravel(), chroma[:, :, first // 2 : first // 2 + 80].ravel()]
                )
                out.mux(stream.encode(av.VideoFrame.from_ndarray(cut.reshape(144, 160), "yuv420p")))
            out.mux(stream.encode(None))
    return folder


class Counted(DecodingProcess):
    """Counts the frames that it is asked to decode."""

    num = 0

    def windows(self, video, pts, *rest, **more):
        self.num += len(pts)
        return super().windows(video, pts, *rest, **more)


def values(film, encoder, store, process, regions=(WHOLE,), inputs=("picture", "change-1/5")):
    video = process.probe(film)
    found = {}
    for event in embed(video, PLAN.chunks(video), PLAN, encoder, store, process, inputs=inputs, regions=regions):
        if isinstance(event, ChunkReady):
            found[event.region] = (event.values.astype(float), event.source)
    return found


def test_two_cages_give_what_two_cropped_films_give_for_one_decoding(cages, encoder: FrameEncoder, tmp_path):
    with Counted() as process:
        stores = [EmbeddingStore(tmp_path / name) for name in ("both", "alone", "later")]
        both = values(cages / "both.mp4", encoder, stores[0], process, (LEFT, RIGHT))
        num_for_both, process.num = process.num, 0
        alone = [values(cages / f"{name}.mp4", encoder, stores[1], process)[WHOLE][0] for name in ("left", "right")]
        assert process.num == 2 * num_for_both
        for (found, source), expected in zip(both.values(), alone, strict=True):
            assert source == "film"
            cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
            assert cosines.min() >= 0.999
        process.num = 0
        again = values(cages / "both.mp4", encoder, stores[0], process, (RIGHT,))
        assert process.num == 0
        assert again[RIGHT][1] == "store"
        # What one region lacks is computed, what another has is taken.
        values(cages / "both.mp4", encoder, stores[2], process, (LEFT,))
        mixed = values(cages / "both.mp4", encoder, stores[2], process, (LEFT, RIGHT))
        assert {region: source for region, (_, source) in mixed.items()} == {LEFT: "store", RIGHT: "film"}
        assert all(np.array_equal(mixed[region][0], both[region][0]) for region in both)


def test_the_recipe_of_the_whole_picture_is_written_as_before(encoder: FrameEncoder):
    whole = encoder.recipe(Fraction(1))
    assert "region" not in json.loads(whole.to_json())
    part = Recipe.from_json(whole.to_json()[:-1] + f',"region":"{LEFT}"}}')
    assert part.region == LEFT
    assert part.digest != whole.digest
    for text in ("left", f"a={LEFT}", "0,0,1,1", "0.50%,0%,50%,100%", "0%,0%,50%,101%"):
        with pytest.raises(ValueError, match=r"region|inside|written"):
            Recipe.from_json(whole.to_json()[:-1] + f',"region":"{text}"}}')


def test_each_region_has_results_of_its_own(here, cages, tiny, tiny_weights, tmp_path):
    asked = [
        "--backbone",
        tiny,
        "--weights",
        tiny_weights,
        "--device",
        "cpu",
        "--store",
        tmp_path / "store",
        "-f",
        "json",
    ]
    regions = ["--region", f"hen 1={LEFT}", "--region", "hen 2=160,0,160,96"]
    code, printed, _ = here("analyze", cages / "both.mp4", "-o", tmp_path, *asked, *regions)
    assert code == 0
    assert "50% of its width" in printed.replace("\n", " ")
    for name, place in (("hen 1", LEFT), ("hen 2", "160,0,160,96 of 320x96")):
        timeline = load_timeline(tmp_path / f"both.mp4.{name}.timeline.json")
        assert (timeline.region.name, timeline.region.text) == (name, place)
        assert timeline.provenance["recipe"]["region"] == place
        assert timeline.provenance["positions"]["embedded"] == 4


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        (["--region", "0,0,400,10"], "is not inside the picture, which is 320 x 96"),
        (["--region", LEFT, "--region", RIGHT], "not all have names"),
        (["--region", f"a={LEFT}", "--region", f"A={RIGHT}"], "two regions are called"),
        (["--region", LEFT, "--trim-borders"], "black borders are to be cut away"),
        (["--region", "0,0,0,10"], "holds nothing"),
    ],
)
def test_regions_that_cannot_be_are_one_line(here, cages, tmp_path, options, fact):
    code, _, complaints = here("analyze", cages / "both.mp4", "-o", tmp_path, "--store", tmp_path / "store", *options)
    assert code == 1
    (line,) = complaints.splitlines()
    assert fact in line


def test_borders_that_are_none_are_said(cages, encoder, tmp_path):
    with Analyzer(Settings(store=tmp_path, trim_borders=True), encoder=encoder) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(cages / "left.mp4"))
    assert analysis.timeline.region is None
    assert any(note.startswith("No black borders were found") for note in analysis.timeline.provenance["notes"])


def test_regions_and_borders_together_are_refused():
    with pytest.raises(InputError, match="leave out --trim-borders"):
        Settings(regions=(LEFT,), trim_borders=True)
