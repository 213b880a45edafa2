"""Models: their settings, files and renderings."""

from __future__ import annotations

import numpy as np
import pytest

import allpole

RATE = 16000


def test_parameters_have_names_units_and_ranges():
    model = allpole.Model("compressor", RATE, ratio=4, variant="td")

    ratio = model.parameters["ratio"]
    assert ratio.minimum <= 4 <= ratio.maximum and model.parameters["attack"].unit == "ms"
    assert model["ratio"] == pytest.approx(4) and model["variant"] == "td"
    model["attack"] = 12.5
    assert model["attack"] == pytest.approx(12.5)
    assert "attack=12.5 ms" in repr(model)


def test_a_saved_model_is_the_same_model(tmp_path, rng):
    model = allpole.Model("phaser", RATE, window=0.04, rate=3.5)

    model.save(tmp_path / "model.safetensors")
    loaded = allpole.load(tmp_path / "model.safetensors")

    assert loaded.effect == "phaser" and loaded.options == model.options
    x = rng.normal(size=(2, 2000)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_another_sample_rate_keeps_times():
    model = allpole.Model("compressor", RATE, attack=7)
    other = model.copy()

    other.sample_rate = 48000

    assert other.sample_rate == 48000 and other["attack"] == pytest.approx(7)
    assert model.sample_rate == RATE
    assert other.tensors()["at_logit"] != model.tensors()["at_logit"]


def test_refusals_name_what_is_wrong(tmp_path):
    model = allpole.Model("compressor", RATE)
    with pytest.raises(ValueError, match='effect is "flanger", expected one of'):
        allpole.Model("flanger", RATE)
    with pytest.raises(ValueError, match='did you mean "ratio"'):
        model["ration"] = 3
    with pytest.raises(ValueError, match="ratio is 0.5, expected"):
        model["ratio"] = 0.5
    with pytest.raises(KeyError, match='has no "ration"'):
        model["ration"]
    with pytest.raises(ValueError, match='variant is "best"'):
        model["variant"] = "best"
    with pytest.raises(OSError, match="missing.safetensors"):
        allpole.load(tmp_path / "missing.safetensors")
    (tmp_path / "no.safetensors").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match="no.safetensors"):
        allpole.load(tmp_path / "no.safetensors")
    with pytest.raises(ValueError, match="x is nan at channel 0, frame 1"):
        model(np.array([0, np.nan]))
    with pytest.raises(ValueError, match=r"x has shape \(1, 1, 1\)"):
        model(np.zeros((1, 1, 1)))
    synth = allpole.Model("synth", RATE, channels=2)
    with pytest.raises(ValueError, match="notes"):
        synth(np.zeros(100))
    with pytest.raises(ValueError, match=r"f0 has shape \(2,\), expected \(3,\) or a number"):
        synth.play(np.zeros((3, 1000)), [1, 2], 0.1)
    with pytest.raises(ValueError, match="duration is 0 at note 0"):
        synth.play(np.zeros(1000), 100, 0)
    with pytest.raises(ValueError, match="a compressor takes no notes"):
        model.play(np.zeros(1000), 100, 0.1)
