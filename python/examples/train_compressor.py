"""Learns a compressor's settings from a dry and a wet signal, and writes them as a model file."""

from __future__ import annotations

import sys
from typing import Dict

import numpy as np
import torch

import allpole
from allpole.torch.effects import Compressor

RATE = 16000
TRUTH = {"threshold": -30, "ratio": 4, "attack": 5, "release": 60, "average": 2, "make_up": 4}


def bursts(seconds: float = 2.0) -> np.ndarray:
    """Noise whose level jumps eight times a second: it takes many levels to tell the settings."""
    random = np.random.default_rng(0)
    decibels = random.uniform(-60, 0, size=int(8 * seconds))
    level = np.repeat(10 ** (decibels / 20), RATE // 8)
    return (level * random.normal(size=level.size)).astype(np.float32)[None]


def train(path: str, steps: int = 60) -> Dict[str, float]:
    dry = bursts()
    wet = allpole.Model("compressor", RATE, **TRUTH)(dry)  # the recording to learn from

    module = Compressor(RATE, threshold=-20, average=10, dtype=torch.float64)
    x, target = torch.from_numpy(dry), torch.from_numpy(wet)
    optimiser = torch.optim.LBFGS(module.parameters(), line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (module(x) - target).square().mean() / target.square().mean()
        loss.backward()
        return loss

    for step in range(steps // 20):
        loss = optimiser.step(closure).item()
        print(f"step {20 * step:3d}: error-to-signal ratio {loss:.2e}")

    module.save(path)
    return module.settings()


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else "compressor.safetensors"
    for name, value in train(path).items():
        print(f"{name:10} {value:9.3f}   (true: {TRUTH[name]})")
    print(allpole.load(path))
