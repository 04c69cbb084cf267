"""A training on clips gives the same model however many processes decode them."""

import pytest
from planted_clips import NETWORK, SMALL, write_blind_weights, write_clips

from vtn_stream.training import end_to_end
from vtn_stream.training.train import train


@pytest.mark.release
@pytest.mark.parametrize("recipe", ["paper", "paper+"])
def test_two_decoders_give_the_same_model_as_one(tmp_path, monkeypatch, recipe):
    learnt, validation = write_clips(tmp_path, 10, 4)
    (tmp_path / "films/train/3.mp4").write_bytes(b"no film")
    weights, models = write_blind_weights(tmp_path / "w.safetensors"), []
    for num in (1, 2):
        monkeypatch.setattr(end_to_end, "num_decoders", lambda num=num, **_: num)
        models.append(
            train(
                learnt,
                tmp_path / "films",
                tmp_path / f"{num}.safetensors",
                recipe=recipe,
                network=NETWORK,
                size=32,
                weights=weights,
                validation=validation,
                epochs=2,
                device="cpu",
                store=tmp_path / f"store{num}",
                overrides=SMALL,
            ).model
        )
    one, two = (model.read_bytes() for model in models)
    assert one == two
