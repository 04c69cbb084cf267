"""A small model measured, from clips to figures: against the same network by hand, through damage and kills."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from vtn_stream.backbone.change import change_pictures, grey
from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.errors import InputError
from vtn_stream.evaluation import labelled_clips as evaluation
from vtn_stream.evaluation.journal import FORMAT_VERSION, Journal
from vtn_stream.evaluation.labelled_clips import ClipFailed, ClipScored, LabelledClip, Protocol, evaluate
from vtn_stream.evaluation.protocols import protocol_pixels
from vtn_stream.metrics import mean_per_class, top_k
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints
from vtn_stream.video import DecodingProcess

pytestmark = pytest.mark.usefixtures("warm_decoders")

FULL = Protocol()
LABELS = ("air drumming", "drumming", "fight", "juggling balls", "other", "pool", "talk")
WINDOW = [0, 8, 16, 25, 33, 42, 50, 59, 67, 76, 84, 93, 101, 110, 118, 127]  # frames of a view


def make_checkpoint(
    tiny, tiny_weights, encoder, folder, *, squash=False, position_rate=Fraction(25), inputs=("picture",), seed=0
):
    """Random, with its backbone in the file; 16 positions at 3.125 a second, as the published one."""
    head = load_file(tiny_weights)
    backbone = {name: value for name, value in head.items() if not name.startswith("classifier")}
    recipe = replace(encoder.recipe(Fraction(25, 8)), size=(96, 96), mean=(0.45,) * 3, std=(0.225,) * 3)
    config = VTNConfig(
        backbone=tiny,
        encoder=EncoderConfig(
            input_width=encoder.num_features * len(inputs),
            width=32,
            num_heads=4,
            feedforward_width=32,
            attention_windows=(4, 4),
        ),
        head=ClassificationConfig(num_classes=len(LABELS)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = VTN(config).state_dict()
        for tensor in tensors.values():
            if tensor.ndim == 2:  # as drawn for training, hardly anything depends on the frames
                tensor.mul_(8)
        tensors["encoder.project.weight"].mul_(30)  # embeddings of a random backbone are small
    path = folder / f"model-{seed}-{squash}-{position_rate}-{len(inputs)}.safetensors"
    save_checkpoint(
        Checkpoint(
            config=config,
            labels=LABELS,
            recipe=recipe if squash else replace(recipe, geometry=CENTRE_CROP),
            inputs=inputs,
            window=ClipWindow(num_positions=16, stride=8, position_rate=position_rate),
            operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
            tensors=tensors,
            backbone=backbone,
        ),
        path,
    )
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def make(tiny, tiny_weights, encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return lambda **options: make_checkpoint(tiny, tiny_weights, encoder, folder, **options)


@pytest.fixture(scope="module")
def checkpoint(make):
    return make()


@pytest.fixture(scope="module")
def clips(film_maker, tmp_path_factory):
    """Two short clips, 25 frames a second: 1.6 s and 6 s."""
    folder = tmp_path_factory.mktemp("clips")
    scenes = {"one.mp4": ((0.8, 0), (0.8, 1)), "two.mp4": ((3, 2), (3, 3))}
    paths = [film_maker(folder / name, scenes, fps=25) for name, scenes in scenes.items()]
    return [LabelledClip(path=path, name=path.name, truth=k) for k, path in enumerate(paths)]


@pytest.fixture(scope="module")
def measured(checkpoint, clips):
    """What the full protocol says of them."""
    return evaluate(checkpoint, clips, FULL, device="cpu")


def decoded(path, size=None):
    """Every frame of a film [N, H, W, 3], by default at its own size."""
    with DecodingProcess() as process:
        video = process.probe(path)
        size = size or (video.height, video.width)
        return np.concatenate([batch.frames.copy() for batch in process.frames(video, video.pts, size)])


@torch.no_grad()
def embedded(checkpoint, pixels):
    """Pixels [N, C, 3, H, W] -> [N, C, D], by timm, and rounded as embeddings are kept."""
    backbone = timm.create_model(checkpoint.recipe.backbone, num_classes=0).eval()
    backbone.load_state_dict(dict(checkpoint.backbone))
    return backbone(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2]).half().float()


@torch.no_grad()
def by_hand(checkpoint, embeddings, indices, ids):
    """Logits [K] of frames' embeddings [N, C, D], one view and crop after the other."""
    network, total = checkpoint.network(), torch.zeros(len(LABELS))
    for view, view_ids in zip(indices, ids, strict=True):
        for crop in range(embeddings.shape[1]):
            total += network.classify(embeddings[view, crop][None], torch.tensor(list(view_ids))[None])[0]
    return total.numpy()


def is_top_of(result, expected):
    """Whether it holds the five highest of the logits [K], to 1/300 of the largest: embeddings are rounded."""
    near = float(np.abs(expected).max()) / 300
    found, wanted = dict(result.top), dict(zip(LABELS, expected.tolist(), strict=True))
    others = [logit for label, logit in wanted.items() if label not in found]
    agree = all(abs(logit - wanted[label]) <= near for label, logit in found.items())
    return len(found) == 5 and agree and max(others) <= min(found.values()) + near


def test_the_full_protocol_is_the_whole_network_on_250_frames(checkpoint, clips):
    scored = evaluate(checkpoint, clips, FULL, device="cpu").scored
    for result, num_frames in zip(scored, (40, 150), strict=True):
        frames = decoded(result.clip.path)
        values = embedded(checkpoint, torch.stack([protocol_pixels(frame, checkpoint.recipe) for frame in frames]))
        assert len(frames) == num_frames
        indices = [min(k * num_frames // 249, num_frames - 1) for k in range(250)]
        assert is_top_of(result, by_hand(checkpoint, values, [indices], [indices]))
        # and it could have been otherwise: other frames, and other ids
        assert not is_top_of(result, by_hand(checkpoint, values, [indices[:200] + indices[:50]], [indices]))
        assert not is_top_of(result, by_hand(checkpoint, values, [indices], [range(250)]))


def test_views_and_crops_are_added_up(checkpoint, clips):
    protocol = Protocol(kind="views", num_views=2, num_crops=3)
    (result,) = evaluate(checkpoint, clips[1:], protocol, device="cpu").scored
    frames = decoded(clips[1].path)
    values = embedded(checkpoint, torch.stack([protocol_pixels(frame, checkpoint.recipe, 3) for frame in frames]))
    indices = [WINDOW, [11 + i for i in WINDOW]]  # of 150 frames, 128 in a view: halfway to the last start
    assert is_top_of(result, by_hand(checkpoint, values, indices, [WINDOW, WINDOW]))
    assert not is_top_of(result, by_hand(checkpoint, values, indices, indices))
    assert not is_top_of(result, by_hand(checkpoint, values[:, [0, 1, 1]], indices, [WINDOW, WINDOW]))


def test_shuffled_frames_stand_at_the_places_of_others(checkpoint, clips, tmp_path):
    """The embeddings are mixed; the position ids are not."""
    shuffled, results = Protocol(kind="views", num_views=1, shuffle=7), tmp_path / "r.jsonl"
    (result,) = evaluate(checkpoint, clips[1:], shuffled, device="cpu", results=results).scored
    with DecodingProcess() as process:
        order = shuffled.order(16, process.probe(clips[1].path).identity)
    assert sorted(order) == list(range(16))
    assert list(order) != list(range(16))
    assert list(order) != list(shuffled.order(16, "another clip"))
    pixels = torch.stack([protocol_pixels(frame, checkpoint.recipe) for frame in decoded(clips[1].path)])
    values = embedded(checkpoint, pixels)
    mixed = [WINDOW[n] for n in order]
    assert is_top_of(result, by_hand(checkpoint, values, [mixed], [WINDOW]))
    assert not is_top_of(result, by_hand(checkpoint, values, [mixed], [mixed]))
    assert not is_top_of(result, by_hand(checkpoint, values, [WINDOW], [WINDOW]))
    # its results are kept apart from those in order, and from those of another seed
    assert json.loads(results.read_text())["protocol"] == "views 1 x 1, frames shuffled with seed 7"
    for other in (None, 8):
        protocol = Protocol(kind="views", num_views=1, shuffle=other)
        assert not evaluate(checkpoint, clips[1:], protocol, device="cpu", results=results).scored[0].reused
    assert evaluate(checkpoint, clips[1:], shuffled, device="cpu", results=results).scored[0].reused


def test_a_model_of_whole_frames_sees_them_squashed_and_counts_positions(make, clips):
    checkpoint = make(squash=True, position_rate=None)
    (result,) = evaluate(checkpoint, clips[1:], FULL, device="cpu").scored
    frames = torch.from_numpy(decoded(clips[1].path, (96, 96))).permute(0, 3, 1, 2)
    values = embedded(checkpoint, (frames.float() / 255 - 0.45)[:, None] / 0.225)
    indices = [min(k * 150 // 30, 149) for k in range(31)]  # 10 s at 3.125 positions a second
    assert is_top_of(result, by_hand(checkpoint, values, [indices], [range(31)]))


@pytest.mark.parametrize("squash", [True, False])
def test_a_model_of_two_inputs_reads_changes_beside_pictures(make, clips, squash):
    checkpoint = make(squash=squash, position_rate=None, inputs=("change-1/5", "picture"))
    (result,) = evaluate(checkpoint, clips[1:], FULL, device="cpu").scored
    frames = decoded(clips[1].path, (96, 96) if squash else None)
    greys = np.stack([grey(frame) for frame in frames])
    changes = change_pictures(greys, greys[np.maximum(np.arange(150) - 5, 0)])  # 5 of 25 a second are 1/5 s
    if squash:
        pixels = [(torch.from_numpy(x).permute(0, 3, 1, 2) / 255 - 0.45)[:, None] / 0.225 for x in (changes, frames)]
    else:
        pixels = [torch.stack([protocol_pixels(x, checkpoint.recipe) for x in shown]) for shown in (changes, frames)]
    values = [embedded(checkpoint, of) for of in pixels]
    indices = [min(k * 150 // 30, 149) for k in range(31)]
    assert is_top_of(result, by_hand(checkpoint, torch.cat(values, -1), [indices], [range(31)]))
    assert not is_top_of(result, by_hand(checkpoint, torch.cat(values[::-1], -1), [indices], [range(31)]))


def test_a_model_of_whole_frames_has_no_crops(make, clips):
    with pytest.raises(InputError, match="reads whole frames"):
        evaluate(make(squash=True), clips, Protocol(kind="views", num_views=2, num_crops=3))


def test_each_frame_is_embedded_once_and_few_are_held(checkpoint, clips, measured, monkeypatch):
    rows, asked = [], []
    encode, read = evaluation.FrameEncoder.encode, DecodingProcess.frames
    monkeypatch.setattr(evaluation, "MAX_BYTES_AT_ONCE", 10 * 160 * 96 * 3)
    monkeypatch.setattr(
        evaluation.FrameEncoder, "encode", lambda self, pixels: rows.append(len(pixels)) or encode(self, pixels)
    )
    monkeypatch.setattr(
        DecodingProcess, "frames", lambda self, video, pts, size: asked.append(len(pts)) or read(self, video, pts, size)
    )
    pieces = evaluate(checkpoint, clips, FULL, device="cpu")
    assert sum(rows) == 40 + 150
    assert asked == [10] * 19
    assert pieces == measured


def test_the_figures_follow_the_labels(checkpoint, clips, tmp_path):
    results = tmp_path / "r.jsonl"
    scored = evaluate(checkpoint, clips, FULL, device="cpu", results=results).scored
    best = [LABELS.index(result.top[0][0]) for result in scored]
    sixth = [next(k for k, label in enumerate(LABELS) if label not in dict(result.top)) for result in scored]
    fifth = [LABELS.index(result.top[4][0]) for result in scored]
    for truth, first, five in ((best, 1, 1), (fifth, 0, 1), (sixth, 0, 0), ([best[0], sixth[1]], 0.5, 0.5)):
        relabelled = [replace(clip, truth=k) for clip, k in zip(clips, truth, strict=True)]
        figures = evaluate(checkpoint, relabelled, FULL, device="cpu", results=results)
        assert (figures.top_1, figures.top_5) == (first, five)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(-2, 2), min_size=7, max_size=7), st.integers(0, 6)), min_size=1))
def test_what_is_kept_of_the_logits_gives_the_figures_of_all_of_them(rows):
    logits, truth = np.array([row for row, _ in rows], float), [k for _, k in rows]
    results = [
        ClipScored(clip=LabelledClip(path=Path("x"), name="x", truth=k), top=evaluation._top(row, LABELS), reused=False)
        for row, k in zip(logits, truth, strict=True)
    ]
    figures = evaluation._evaluation(type("C", (), {"labels": LABELS, "digest": ""}), FULL, results, [])
    assert figures.top_1 == top_k(logits, truth, 1)
    assert figures.top_5 == top_k(logits, truth, 5)
    assert figures.mean_per_class == mean_per_class(logits, truth)


# ---- clips that cannot be read


@pytest.fixture
def with_bad_ones(clips, tmp_path):
    """The two, and among them a text and a film whose middle is zeros."""
    (tmp_path / "text.mp4").write_bytes(b"no film at all")
    data = bytearray(clips[1].path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 10] = bytes(len(data) // 10)
    (tmp_path / "torn.mp4").write_bytes(data)
    bad = [LabelledClip(path=tmp_path / name, name=name, truth=0) for name in ("text.mp4", "torn.mp4")]
    return [bad[0], clips[0], bad[1], clips[1]]


def test_what_cannot_be_read_is_named_and_left_out(checkpoint, measured, with_bad_ones):
    events = []
    figures = evaluate(checkpoint, with_bad_ones, FULL, device="cpu", on_event=events.append)
    assert [(type(event), event.clip.name) for event in events] == [
        (ClipFailed, "text.mp4"),
        (ClipScored, "one.mp4"),
        (ClipFailed, "torn.mp4"),
        (ClipScored, "two.mp4"),
    ]
    assert "is damaged" in events[2].message
    assert figures == replace(measured, failed=(events[0], events[2]))
    assert figures.to_dict()["num_clips"] == 2
    assert [failed["clip"] for failed in figures.to_dict()["failed"]] == ["text.mp4", "torn.mp4"]


def test_without_a_clip_there_are_no_figures(checkpoint, with_bad_ones):
    figures = evaluate(checkpoint, with_bad_ones[:1], FULL, device="cpu")
    assert (figures.top_1, figures.top_5, figures.mean_per_class) == (None, None, None)


# ---- runs that were killed


def test_a_killed_run_goes_on_where_it_stopped(checkpoint, clips, measured, tmp_path, monkeypatch):
    def killed(event):
        raise KeyboardInterrupt

    results = tmp_path / "r.jsonl"
    with pytest.raises(KeyboardInterrupt):
        evaluate(checkpoint, clips, FULL, device="cpu", results=results, on_event=killed)
    with open(results, "ab") as file:
        file.write(b'{"format": 2, "identi')  # and then the power went
    again = evaluate(checkpoint, clips, FULL, device="cpu", results=results)
    assert [result.reused for result in again.scored] == [True, False]
    assert replace(again, scored=measured.scored) == measured
    assert [result.top for result in again.scored] == [result.top for result in measured.scored]

    def no_network(*args, **kwargs):
        raise AssertionError("it was loaded for nothing")

    monkeypatch.setattr(evaluation, "FrameEncoder", no_network)
    before = results.read_bytes()
    third = evaluate(checkpoint, clips, FULL, device="cpu", results=results)
    assert [result.reused for result in third.scored] == [True, True]
    assert results.read_bytes() == before


def test_a_line_tells_all_that_makes_it_valid(checkpoint, make, clips, tmp_path):
    results = tmp_path / "r.jsonl"
    first = evaluate(checkpoint, clips[:1], FULL, device="cpu", results=results)
    line = json.loads(results.read_text())
    assert line["clip"] == "one.mp4"
    assert (line["truth"], line["protocol"], line["model"]) == (LABELS[0], "full", checkpoint.digest)
    assert [tuple(entry) for entry in line["top"]] == list(first.scored[0].top)
    assert str(tmp_path) not in results.read_text()

    other = evaluate(make(seed=1), clips[:1], FULL, device="cpu", results=results)
    views = evaluate(checkpoint, clips[:1], Protocol(kind="views"), device="cpu", results=results)
    assert not other.scored[0].reused
    assert not views.scored[0].reused
    # a renamed copy is the same film, and its label is the list's
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clips[0].path.read_bytes())
    relabelled = LabelledClip(path=copy, name="copy.mp4", truth=LABELS.index(first.scored[0].top[0][0]))
    again = evaluate(checkpoint, [relabelled], FULL, device="cpu", results=results)
    assert (again.scored[0].reused, again.top_1) == (True, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"top": 3},
        {"top": []},
        {"top": [["fight", 1.0]]},
        {"top": [["x", 1.0]] * 5},
        {"top": [["fight", "1"]] * 5},
        {"format": 1},  # of other frames
        {"model": "another"},
        {"protocol": "views 1 x 1"},
    ],
)
def test_a_line_that_says_something_else_is_not_believed(checkpoint, tmp_path, change):
    results, top = tmp_path / "r.jsonl", [[label, 1.0] for label in LABELS[:5]]
    line = {"format": FORMAT_VERSION, "model": checkpoint.digest, "protocol": "full", "identity": "1", "top": top}
    results.write_text(json.dumps(line | change) + "\n[]\n{not json\n")
    assert Journal(results, checkpoint, "full").known == {}
    with open(results, "a") as file:
        file.write(json.dumps(line))
    assert Journal(results, checkpoint, "full").known == {"1": tuple(map(tuple, top))}


def test_a_file_that_holds_something_else_is_kept(checkpoint, clips, tmp_path):
    (tmp_path / "letter.txt").write_text('Dear reader\n{"a": 1}\n')
    with pytest.raises(InputError, match=r"letter\.txt exists already"):
        evaluate(checkpoint, clips, FULL, results=tmp_path / "letter.txt")
    assert (tmp_path / "letter.txt").read_text() == 'Dear reader\n{"a": 1}\n'


def test_results_that_cannot_be_written_are_told_before_anything_is_computed(checkpoint, clips, read_only_folder):
    with pytest.raises(InputError, match=r"r.jsonl cannot be written \(Permission denied\)"):
        evaluate(checkpoint, clips, FULL, results=read_only_folder / "r.jsonl")


def test_results_of_a_model_without_a_digest_have_no_name(checkpoint, clips, tmp_path):
    with pytest.raises(ValueError, match="save it first"):
        evaluate(replace(checkpoint, digest=""), clips, FULL, results=tmp_path / "r.jsonl")


@pytest.mark.parametrize("content", [b"notes without an end", b"\x00\x01", b'{"a": 1}\n{"b"'])
def test_a_file_of_something_else_is_left_as_it_is(checkpoint, clips, tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(InputError, match="it was kept"):
        evaluate(checkpoint, clips[:1], FULL, device="cpu", results=tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == content
