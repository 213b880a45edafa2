"""Finds a filter from its input and output: a constant one, then one that changes over time."""

from __future__ import annotations

import torch

from allpole.torch import allpole


def find_constant() -> float:
    """A resonance, parametrised so that it is stable whatever the optimiser does."""
    torch.manual_seed(0)
    x = torch.randn(8, 2000)
    target = allpole(x, torch.tensor([-1.6, 0.81]))

    raw = torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.05)
    for _ in range(200):
        a2 = torch.tanh(raw[1])
        a1 = (1 + a2) * torch.tanh(raw[0])  # inside the triangle of stable filters
        loss = (allpole(x, torch.stack([a1, a2])) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (loss / target.square().mean()).item()


def find_moving(frames: int = 9) -> float:
    """A one-pole low-pass whose coefficient is a curve of some frames, interpolated on the way."""
    torch.manual_seed(0)
    x = torch.randn(8, 2000)
    truth = -(0.5 + 0.45 * torch.sin(torch.linspace(0, 6, frames)))[:, None]
    target = allpole(x, truth)

    raw = torch.zeros(frames, 1, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.05)
    for _ in range(200):
        loss = (allpole(x, -torch.sigmoid(raw)) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (loss / target.square().mean()).item()


if __name__ == "__main__":
    print(f"constant filter: error-to-signal ratio {find_constant():.2e}")
    print(f"moving filter:   error-to-signal ratio {find_moving():.2e}")
