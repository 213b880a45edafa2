"""The examples run, and do what they say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import allpole

FOLDER = Path(__file__).parents[1] / "examples"


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_filters_are_found_with_torch():
    example = load("filter_torch")

    assert example.find_constant() < 1e-4
    assert example.find_moving() < 1e-2


def test_a_compressor_is_learned(tmp_path):
    example, path = load("train_compressor"), tmp_path / "model.safetensors"

    found = example.train(str(path))

    for name, truth in example.TRUTH.items():
        assert found[name] == pytest.approx(truth, rel=0.02)
    assert allpole.load(path)["ratio"] == pytest.approx(found["ratio"])


def test_a_phaser_is_learned(tmp_path):
    example, path = load("train_phaser"), tmp_path / "model.safetensors"

    assert example.train(str(path)) < 1e-4

    found = allpole.load(path)
    for name in ("rate", "feedback", "through"):
        assert found[name] == pytest.approx(example.TRUTH[name], rel=0.02)


def test_a_filter_is_fitted_with_jax():
    pytest.importorskip("optax")

    assert load("optimise_jax").fit() < 1e-4


def test_pictures_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")

    load("plot_effects").main(str(tmp_path))

    for name in ("compressor.png", "phaser.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_programs_in_the_documentation_run(page, tmp_path, monkeypatch):
    text = (FOLDER.parents[1] / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    monkeypatch.chdir(tmp_path)
    Path("runs/mine").mkdir(parents=True)
    allpole.Model("compressor", 44100).save("runs/mine/best.safetensors")

    for block in blocks:
        exec(block, {"dry": np.zeros((2, 1000), np.float32)})
