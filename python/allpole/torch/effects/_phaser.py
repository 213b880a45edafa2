"""The phaser: four all-passes with feedback that an oscillator moves. docs/phaser.md."""

from __future__ import annotations

import math
from typing import Protocol, Tuple

import torch
from torch import Tensor, nn

from .. import allpole, fir
from ._effect import Effect
from ._spectral import filter_frames, transform_size


# What the modules within hold, whose parameters come from a model's tensors by name.
class _Oscillator(Protocol):
    omega: Tensor
    amp: Tensor
    phi: Tensor
    sigma: Tensor


class _Waveshaper(Protocol):
    model: nn.Module  # the layers "0", "2", "4", "6"


class _Biquad(Protocol):
    DC: Tensor
    ff_params: Tensor
    fb_params: Tensor


class Phaser(Effect):
    """
    The phaser; parameters rate, phase, feedback, through, depth, bias.

    In training mode the oscillator is damped and starts with the signal; in evaluation mode it runs
    on from `start`, as the C library renders.

    :param settings: of parameters and of the options variant (td, fs), window and origin.
    """

    effect = "phaser"

    # Made by _build(), as all parameters.
    lfo: _Oscillator
    mlp: _Waveshaper
    bq: _Biquad
    bias: Tensor
    depth: Tensor
    g1: Tensor
    g2: Tensor

    @property
    def hop(self) -> int:
        """Samples between two values of the oscillator."""
        return math.floor(float(self.options["window"]) * self.sample_rate / 4)

    def forward(self, x: Tensor, start: float = 0.0) -> Tensor:
        """x (..., T).   :param start: seconds; where in the recording x begins."""
        p = self.all_pass(x.shape[-1] // self.hop + 1, start)
        dtype = torch.promote_types(x.dtype, p.dtype)
        if self.options["variant"] == "fs":
            return self._by_frames(x.to(dtype), p)
        # Poles close together: coefficients rounded to float32 would move them audibly.
        numerator, denominator = self._filter(p.double())
        return allpole(fir(x, numerator), denominator[:, 1:]).to(dtype)

    def all_pass(self, frames: int, start: float = 0.0) -> Tensor:
        """The coefficient of the all-passes for every frame: oscillator, waveshaper, mapping."""
        lfo = self.lfo
        n = torch.arange(frames, dtype=lfo.omega.dtype, device=lfo.omega.device)
        damping, phase = lfo.sigma.square(), lfo.phi
        if not self.training:
            since = start - float(self.options["origin"])
            damping = torch.zeros_like(damping)
            phase = phase + lfo.omega * (since * self.sample_rate / self.hop)
        s = lfo.amp * torch.exp(-damping * n) * torch.cos(lfo.omega * n + phase)
        h = s[:, None]
        layers = self.mlp.model
        for i in ("0", "2", "4", "6"):
            layer = getattr(layers, i)
            h = nn.functional.linear(h, layer.weight, layer.bias)
            h = torch.tanh(h) if i != "6" else h
        tangent = torch.tan(self.bias + self.depth * (1 + h[:, 0]) / 2)
        return torch.tanh((1 - tangent) / (1 + tangent))

    def _filter(self, p: Tensor) -> Tuple[Tensor, Tensor]:
        """
        Numerator and denominator, (frames, 7): the dry path and four all-passes with feedback, all
        behind the biquad.
        """
        feedback = self.g2.double().abs()
        one = torch.ones_like(p)
        chain = torch.stack([one, -4 * p, 6 * p**2, -4 * p**3, p**4], dim=1)
        wet = chain.flip(1) / (1 - feedback * p**4)[:, None]
        below = chain / (1 - feedback * p**4)[:, None] - feedback * wet
        b, a = self._biquad()
        b, a = b.double(), a.double()
        return _product(b, self.g1 * below + wet), _product(a, below)

    def _by_frames(self, x: Tensor, p: Tensor) -> Tensor:
        """By frequency sampling: the response of every frame between STFT and inverse."""
        feedback, (b, a) = self.g2.abs(), self._biquad()

        def response(z: Tensor) -> Tensor:
            chain = ((p - z) / (1 - p * z)) ** 4
            around = (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
            return around * (self.g1 + chain / (1 - feedback * chain))

        window = 4 * self.hop
        return filter_frames(x, response, transform_size(window), window, self.hop)

    def _biquad(self) -> Tuple[Tensor, Tensor]:
        a1, t2 = 2 * torch.tanh(self.bq.fb_params[:1]), torch.tanh(self.bq.fb_params[1:])
        a2 = ((2 - a1.abs()) * t2 + a1.abs()) / 2
        b = torch.cat([self.bq.DC, self.bq.ff_params])
        return b, torch.cat([torch.ones_like(a1), a1, a2])


def _product(c: Tensor, q: Tensor) -> Tensor:
    """Of the polynomial c (3,) and those of every frame, q (frames, 5)."""
    shifted = [nn.functional.pad(q, (k, 2 - k)) * c[k] for k in range(3)]
    return shifted[0] + shifted[1] + shifted[2]
