"""vtn-stream models, and the sizes that it tells."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tiny_checkpoints import LABELS, tiny_checkpoint
from torch.utils.flop_counter import FlopCounterMode

from vtn_stream.checkpoints import catalogue, load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.sizes import multiply_adds, parameters
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms
from vtn_stream.errors import BackboneError
from vtn_stream.model import VARIANTS, VTN, EncoderConfig, TemporalEncoder
from vtn_stream_cli.main import main


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def stored(folder, tiny):
    folder.mkdir()
    save_checkpoint(tiny_checkpoint(tiny), folder / "tea.safetensors")
    return folder / "tea.safetensors"


@pytest.fixture
def models(capsys, monkeypatch):
    """models(*arguments) -> (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", "models", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


# ---- sizes


def test_parameters_are_those_of_the_paper():
    totals = {name: parameters(variant()).total for name, variant in VARIANTS.items()}
    assert totals["vtn-vit-b"] == 113_502_352
    assert totals["vtn-vit-b-1-layer"] == 95_783_056
    millions = {name: round(total / 1e6, 2 if total < 2e7 else 1) for name, total in totals.items()}
    assert millions == {
        "vtn-r50": 167.6,
        "vtn-r101": 186.6,
        "vtn-deit-ti": 10.02,
        "vtn-deit-b": 113.5,
        "vtn-deit-bd": 113.5,
        "vtn-vit-b": 113.5,
        "vtn-vit-b-1-layer": 95.8,
    }
    sizes = parameters(VARIANTS["vtn-vit-b"]())
    assert (sizes.backbone, sizes.encoder, sizes.head) == (85_798_656, 26_803_200 + 768, 899_728)


@pytest.mark.parametrize(("variant", "giga"), [("vtn-vit-b-1-layer", 4214.0), ("vtn-vit-b", 4218.2)])
def test_multiply_adds_are_those_of_the_paper(variant, giga):
    assert round(multiply_adds(VARIANTS[variant](), 250).total / 1e9, 1) == giga


def counted(network, *products, **inputs):
    """Multiply-adds of these products in one forward pass, by torch's own counter."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(**inputs)
    counts = counter.get_flop_counts()["Global"]
    return sum(counts.get(getattr(torch.ops.aten, product), 0) for product in products) // 2


SMALL = {"input_width": 24, "width": 24, "num_heads": 3, "feedforward_width": 40, "attention_windows": (4, 4, 4)}


def small_config(tiny, **options):
    model = tiny_checkpoint(tiny)
    return type(model.config)(backbone=tiny, encoder=EncoderConfig(**(SMALL | options)), head=model.config.head)


def test_what_the_paper_counts_is_what_transformers_computes(tiny):
    from transformers import LongformerConfig, LongformerModel  # three seconds, in every process that collects

    config = small_config(tiny)
    theirs = LongformerModel(
        LongformerConfig(
            vocab_size=4,
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=3,
            intermediate_size=40,
            attention_window=4,
        ),
        add_pooling_layer=False,
    ).eval()
    is_global = torch.zeros(1, 20, dtype=torch.long)
    is_global[:, 0] = 1
    found = counted(theirs, "mm", "addmm", inputs_embeds=torch.zeros(1, 20, 24), global_attention_mask=is_global)
    assert found == multiply_adds(config, 19).encoder + 3 * 24**2  # the global query of one token, too little to count


@pytest.mark.parametrize("options", [{}, {"attention_windows": (4,)}, {"input_width": 10}])
def test_what_is_computed_here_is_counted_too(tiny, options):
    config = small_config(tiny, **options)
    encoder = TemporalEncoder(config.encoder).eval()
    inputs = {"embeddings": torch.zeros(1, 19, config.encoder.input_width), "position_ids": torch.zeros(1, 19).long()}
    found = counted(encoder, "mm", "addmm", "bmm", **inputs, read="cls")
    expected = multiply_adds(config, 19, as_published=False).encoder
    assert 0 <= found - expected <= config.encoder.num_layers * 24  # the global keys' bias, a product of two vectors
    assert expected < multiply_adds(config, 19).encoder


def test_a_head_and_a_backbone_are_counted_as_torch_counts_them(tiny):
    config = small_config(tiny)
    head = VTN(config).head
    assert counted(head, "mm", "addmm", cls=torch.zeros(1, 24)) == multiply_adds(config, 5).head
    small, large = (multiply_adds(config, 1, (side, side)).backbone for side in (64, 128))
    assert 3.5 < large / small <= 4
    assert multiply_adds(config, 7, (64, 64)).backbone == 7 * small


def test_sizes_of_what_does_not_exist_are_refused():
    config = VARIANTS["vtn-vit-b"]()
    with pytest.raises(BackboneError, match="does not take frames of 100 x 100"):
        multiply_adds(config, 1, (100, 100))
    with pytest.raises(BackboneError, match="no backbone named"):
        parameters(type(config)(backbone="rezznet50", encoder=config.encoder, head=config.head))


# ---- the command


def test_ls_shows_what_is_here_and_what_can_be_had(models, stored):
    (stored.parent / "broken.safetensors").write_bytes(b"x" * 2_000_000)
    (stored.parent / "cut.safetensors").write_bytes(stored.read_bytes()[:-1])
    save_file({"x": torch.zeros(1)}, stored.parent / "newer.safetensors", {"vtn-stream": '{"format": 3}'})
    code, out, err = models("ls")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["model", "state", "MB", "classes", "backbone", "per", "second"]
    assert rows[1] == ["broken", "unreadable", "2.0"]
    assert rows[2][:2] == ["cctv-fight", "shipped"]
    assert rows[3] == ["cut", "damaged", "0.0"]
    assert rows[4] == ["newer", "another", "format", "0.0"]
    assert rows[5] == ["tea", "here", "0.0", "3", "test_efficientnet", "3.125"]
    assert rows[6] == ["vtn-vit-b-k400", "to", "be", "pulled"]
    assert len(rows) == 7


def test_ls_needs_no_folder(models):
    assert models("ls")[:2] == (0, models("ls")[1])


def test_info_of_a_variant(models):
    code, out, err = models("info", "vtn-vit-b")
    assert (code, err) == (0, "")
    assert "113,502,352" in out
    assert "4218.2 G for 250 frames" in out
    facts = json.loads(models("info", "vtn-vit-b-1-layer", "--json", "--frames", "16")[1])
    assert facts["parameters"]["total"] == 95_783_056
    assert facts["multiply_adds"]["frames"] == 16
    assert facts["config"]["encoder"]["num_positions"] == 286


def test_info_of_a_model_by_name_and_by_path(models, stored):
    code, out, err = models("info", "tea")
    assert (code, err) == (0, "")
    assert out == models("info", stored)[1]
    words = " ".join(out.split())
    for said in (
        "labels making tea, épée and [bold]割る\\n",
        "looks at 3.125 frames per second, short side 256, centre crop, 160 x 160",
        "16 positions (5.12 s), one every 2.56 s",
        "a segment needs a score of 0.5, and extends while the score is above 0.25",
        "1 labels have their own",
        "training source: these tests",
        f"digest {load_checkpoint(stored).digest}",
    ):
        assert said in words
    facts = json.loads(models("info", "tea", "--json")[1])
    assert facts["labels"] == list(LABELS)
    assert facts["recipe"]["fps"] == "25/8"
    assert facts["operating_points"] == {"épée": {"high": 0.75, "low": 0.125}}
    assert facts["training"]["notes"] == [None, 0.5, {"a": True}]
    assert not facts["backbone_inside"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("info", "tee"), "did you mean tea?"),
        (("info", "vtn-vit-b-k400"), "models pull vtn-vit-b-k400"),
        (("info", "absent.safetensors"), "absent.safetensors does not exist"),
        (("pull", "vtn-vit-k400"), "did you mean vtn-vit-b-k400?"),
        (("import", "absent.pyth"), "absent.pyth does not exist"),
        (("import", "x.pyth", "--name", "../x"), "'../x' cannot be the name of a model"),
    ],
)
def test_errors_are_one_line(models, stored, arguments, said):
    code, out, err = models(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_name_and_an_output_are_one_too_many(models):
    assert models("import", "x.pyth", "--name", "x", "-o", "y")[0] == 2


def test_import(models, folder, tiny, tmp_path, monkeypatch):
    model = replace(tiny_checkpoint(tiny), training={"sha256": "1" * 64})
    monkeypatch.setattr("vtn_stream.checkpoints.published.import_published", lambda path: model)
    spaced = tmp_path / "new" / "x y.safetensors"
    for arguments, written, called in (
        ((), folder / "own.safetensors", "own"),
        (("--name", "other"), folder / "other.safetensors", "other"),
        (("-o", spaced), spaced, f"'{spaced}'"),
    ):
        code, out, err = models("import", "own.pyth", *arguments)
        assert code == 0
        assert err == "this is not the published file (its sha256 differs); it was imported as what it says it is\n"
        assert out.splitlines() == [
            f"{written.stem} is in {written}",
            f"vtn-stream analyze movie.mp4 --model {called}",
        ]
        assert load_checkpoint(written).labels == LABELS
        code, out, err = models("import", "own.pyth", *arguments)
        assert (code, out) == (1, "")
        assert f"{written.name} exists already" in err


def test_import_of_the_published_file_says_so(models, folder, tiny, monkeypatch):
    sha256 = catalogue.CATALOGUE["vtn-vit-b-k400"].sha256
    model = replace(tiny_checkpoint(tiny), training={"sha256": sha256})
    monkeypatch.setattr("vtn_stream.checkpoints.published.import_published", lambda path: model)
    assert models("import", "own.pyth")[1].splitlines() == [
        "sha256 of the published VTN_VIT_B_KINETICS.pyth",
        f"vtn-vit-b-k400 is in {folder / 'vtn-vit-b-k400.safetensors'}",
        "vtn-stream analyze movie.mp4 --model vtn-vit-b-k400",
    ]


def test_pull(models, folder, monkeypatch):
    asked = []
    entry = catalogue.Published(name="new", url="https://x.invalid/N", sha256="0" * 64, file="N")
    monkeypatch.setitem(catalogue.CATALOGUE, "new", entry)
    monkeypatch.setattr(
        "vtn_stream.checkpoints.download.pull",
        lambda published, folder, on_progress: asked.append((published, folder)) or folder / "new.safetensors",
    )
    code, out, err = models("pull", "new")
    assert (code, out, err) == (0, f"fetching new\nnew is in {folder / 'new.safetensors'}\n", "")
    assert asked == [(entry, folder)]


def test_info_shows_the_figures_with_their_intervals_and_json_has_them(models, stored):
    model = load_checkpoint(stored)
    said = {
        "figures": {"frame accuracy": 0.613, "edit score": 0.5, "odd": "text"},
        "intervals": {"frame accuracy": [0.551, 0.672], "edit score": [1, 2, 3]},
        "calibration": {"said": [0.1] * 10},
    }
    save_checkpoint(replace(model, training=said), stored)
    lines = [" ".join(line.split()) for line in models("info", "tea")[1].splitlines()]
    assert [line for line in lines if line.startswith("measured")] == [
        "measured edit score 50.0 %",
        "measured frame accuracy 61.3 % (90 % interval: 55.1 to 67.2 %)",
    ]
    assert not any("calibration" in line for line in lines)
    training = json.loads(models("info", "tea", "--json")[1])["training"]
    assert training["figures"]["frame accuracy"] == 0.613
    assert training["intervals"]["frame accuracy"] == [0.551, 0.672]


def test_info_counts_the_films_of_a_training_and_json_has_their_digests(models, stored):
    assert "it does not say which films it learnt from" in models("info", "tea")[1]
    films = TrainingFilms.of_identities(["one", "two"], ["three"], "0" * 32).to_dict()
    model = load_checkpoint(stored)
    save_checkpoint(replace(model, training={**model.training, FILM_DIGESTS: films}), stored)
    code, out, _ = models("info", "tea")
    assert (code, "digests of 2 that it learnt from, and 1 that validated it" in out) == (0, True)
    assert films["learnt"][0] not in out
    assert json.loads(models("info", "tea", "--json")[1])["training"][FILM_DIGESTS] == films
