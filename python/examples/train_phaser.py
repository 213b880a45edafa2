"""Learns a phaser from a dry and a wet signal with PyTorch, and writes it as a model file."""

from __future__ import annotations

import sys

import numpy as np
import torch

import allpole
from allpole.torch.effects import Phaser

RATE = 16000
TRUTH = {"rate": 4, "phase": 0.05, "feedback": 0.4, "through": 0.8, "depth": 0.5, "bias": 0.1}


def train(path: str, steps: int = 100) -> float:
    """Returns the error-to-signal ratio of what was learned, as the C library renders it."""
    dry = np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    wet = allpole.Model("phaser", RATE, window=0.04, **TRUTH)(dry)  # the recording to learn from

    # Descent from far away ends at a wrong rate; `allpole train` finds where to start by itself.
    module = Phaser(RATE, window=0.04, rate=3.8, phase=0, feedback=0.2, dtype=torch.float64)
    module.eval()  # as it will render: an oscillator that is not damped
    x, target = torch.from_numpy(dry), torch.from_numpy(wet)
    rate = module.lfo.omega  # radians a frame: a small number that needs small steps
    others = [p for p in module.parameters() if p is not rate]
    groups = [{"params": [rate], "lr": 5e-4}, {"params": others, "lr": 0.02}]
    optimiser = torch.optim.Adam(groups)
    for step in range(steps):
        loss = (module(x) - target).square().mean() / target.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 25 == 0:
            print(f"step {step:3d}: error-to-signal ratio {loss.item():.2e}")

    module.save(path)
    error = allpole.load(path)(dry) - wet
    return float(np.mean(error**2) / np.mean(wet**2))


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else "phaser.safetensors"
    print(f"learned: error-to-signal ratio {train(path):.2e}")
    print(allpole.load(path))
