"""The synth: an encoder hears a note and sets a subtractive voice that plays it. docs/synth.md."""

from __future__ import annotations

import math
from typing import Dict, Tuple, Union

import torch
from torch import Tensor, nn

from .. import allpole, fir
from . import _encoder
from ._effect import Effect
from ._spectral import filter_frames, transform_size

Number = Union[Tensor, float]

HOP = 32
_STABILITY = 1e-3  # keeps poles off the unit circle and the envelope off its corners

# For each control its head, and what 0 and 1 mean there; the last two are in octaves.
_CONTROLS = {
    "osc_shape": ("osc_shape_0to1", 0.0, 1.0),
    "osc_gain": ("osc_gain_0to1", 0.01, 1.0),
    "dist_gain": ("dist_gain_0to1", 0.01, 4.0),
    "alpha": ("learned_alpha_0to1", 0.1, 6.0),
}
_RESONANCE, _Q_RANGE, _CUTOFF_RANGE = "q_0to1", (0.7071, 8.0), (100.0, 8000.0)


class Synth(Effect):
    """
    The synth, all of whose parameters are its encoder's. In training mode that has dropout.

    :param settings: of the options filter (lp, coeff), variant (td, fs, lstm), window, channels,
        dropout and hidden.
    """

    effect = "synth"

    def _build(self, tensors: Dict[str, Tensor]) -> None:
        channels, dropout = int(self.options["channels"]), float(self.options["dropout"])
        heads = [name for name, _, _ in _CONTROLS.values()]
        heads += [_RESONANCE] if self._hears_curves else []
        self.cnn = _encoder.layers(channels)
        self.out_temp = nn.Linear(channels, 1 if self._hears_curves else 5)
        self.out_global = nn.ModuleDict({h: _encoder.head(channels, dropout) for h in heads})
        if self.options["variant"] == "lstm":
            hidden = int(self.options["hidden"])
            self.lstm, self.out_lstm = nn.LSTM(3, hidden, batch_first=True), nn.Linear(hidden, 1)
        self.double().load_state_dict(tensors)

    @property
    def _hears_curves(self) -> bool:
        """Cutoff and resonance, not coefficients."""
        return self.options["filter"] == "lp" or self.options["variant"] == "lstm"

    def forward(self, x: Tensor, f0: Number, duration: Number, phase: Number = 0.0) -> Tensor:
        """
        Plays notes again.

        :param x: (..., T) the notes as they sound, more than 512 samples.
        :param f0: (...) Hz, above 1.   :param duration: (...) s, from note on to note off.
        :param phase: (...) radians, where the oscillator starts.
        """
        samples = x.shape[-1]
        f0, duration, phase = (_column(value, x) for value in (f0, duration, phase))
        found = self.controls(x.reshape(-1, samples))
        column = {name: found[name][:, None] for name in _CONTROLS}

        dry = self._oscillator(f0, phase, column["osc_shape"], samples)
        dry = dry * column["osc_gain"] * self._envelope(duration, column["alpha"], samples)
        wet = torch.tanh(column["dist_gain"] * self._filtered(dry, found))
        return wet.reshape(x.shape)

    def controls(self, x: Tensor) -> Dict[str, Tensor]:
        """
        What the encoder hears in notes (B, T).

        :return: osc_shape, osc_gain, dist_gain, alpha, (B,); then q, (B,), and cutoff in Hz,
            (B, frames), or else the filter's logits, (B, frames, 5).
        """
        mel = _encoder.log_mel(x, self.sample_rate, HOP).to(self.out_temp.weight.dtype)
        latent = self.cnn(mel[:, None]).mean(-2)
        moving, mean = self.out_temp(latent.transpose(1, 2)), latent.mean(-1)
        heads = {name: head(mean)[:, 0] for name, head in self.out_global.items()}
        found = {
            name: low + (high - low) * heads[head] for name, (head, low, high) in _CONTROLS.items()
        }
        if self._hears_curves:
            found["q"] = _exponential(heads[_RESONANCE], _Q_RANGE)
            found["cutoff"] = _exponential(torch.sigmoid(moving[..., 0]), _CUTOFF_RANGE)
        else:
            found["logits"] = moving
        return found

    # --- the voice ---
    def _oscillator(self, f0: Tensor, phase: Tensor, shape: Tensor, samples: int) -> Tensor:
        """From square to saw. Turns are counted in double: pitch and phase hold in long notes."""
        n = torch.arange(1, samples + 1, dtype=torch.float64, device=f0.device)
        turns = phase / (2 * math.pi) + n * f0 / self.sample_rate
        theta = (2 * math.pi * (turns - turns.detach().floor())).to(shape.dtype)
        partials = (12000 / (f0 * torch.log10(f0))).to(shape.dtype)
        square = torch.tanh(math.pi / 2 * partials * torch.sin(theta))
        return (1 - shape / 2) * square * (1 + shape * torch.cos(theta))

    def _envelope(self, duration: Tensor, alpha: Tensor, samples: int) -> Tensor:
        n = torch.arange(samples, dtype=torch.float64, device=duration.device)
        left = 1 - (n + _STABILITY) / (self.sample_rate * duration) - _STABILITY
        left, rings = left.to(alpha.dtype), left > 0
        # Not 0^alpha: its derivatives are not finite.
        power = torch.where(rings, left, torch.ones_like(left)) ** alpha
        return torch.where(rings, power, torch.zeros_like(power))

    def _filtered(self, dry: Tensor, found: Dict[str, Tensor]) -> Tensor:
        if self.options["variant"] == "lstm":
            return self._by_network(dry, found)
        a, b = _triangle(found["logits"]) if "logits" in found else self._low_pass(found)
        if self.options["variant"] == "td":
            return fir(allpole(dry, a), b)

        a1, a2 = a[:, None].unbind(-1)
        b0, b1, b2 = b[:, None].unbind(-1)

        def response(z: Tensor) -> Tensor:
            return (b0 + b1 * z + b2 * z**2) / (1 + a1 * z + a2 * z**2)

        window = int(self.options["window"])
        return filter_frames(dry, response, transform_size(window), window, HOP)

    def _low_pass(self, found: Dict[str, Tensor]) -> Tuple[Tensor, Tensor]:
        """docs/lowpass_coefficients.md"""
        w, scale = 2 * math.pi / self.sample_rate * found["cutoff"], 1 - _STABILITY
        cosine, p = torch.cos(w), torch.sin(w) / (2 * found["q"][:, None])
        a = torch.stack([-2 * scale * cosine, scale * (1 - p)], -1) / (1 + p)[..., None]
        half = (1 - cosine) / 2
        return a, torch.stack([half, 2 * half, half], -1) / (1 + p)[..., None]

    def _by_network(self, dry: Tensor, found: Dict[str, Tensor]) -> Tensor:
        """An LSTM in the place of the filter; it reads the controls in octaves, from 0 to 1."""
        cutoff = _octaves(found["cutoff"], _CUTOFF_RANGE)[:, None]
        cutoff = nn.functional.interpolate(cutoff, dry.shape[1], mode="linear", align_corners=True)[
            :, 0
        ]
        q = _octaves(found["q"], _Q_RANGE)[:, None].expand_as(dry)
        h, _ = self.lstm(torch.stack([dry, cutoff, q], -1))
        return torch.tanh(self.out_lstm(h)[..., 0] + dry)


def _column(value: Number, x: Tensor) -> Tensor:
    """A number of each note, in double."""
    numbers = torch.as_tensor(value, dtype=torch.float64, device=x.device)
    return numbers.expand(x.shape[:-1]).reshape(-1, 1)


def _triangle(logits: Tensor) -> Tuple[Tensor, Tensor]:
    """docs/triangle_coefficients.md"""
    bent = (1 - _STABILITY) * torch.tanh(logits[..., :2])
    a1 = 2 * bent[..., 0]
    a2 = ((2 - a1.abs()) * bent[..., 1] + a1.abs()) / 2
    return torch.stack([a1, a2], -1), logits[..., 2:]


def _exponential(part: Tensor, ends: Tuple[float, float]) -> Tensor:
    return ends[0] * (ends[1] / ends[0]) ** part


def _octaves(value: Tensor, ends: Tuple[float, float]) -> Tensor:
    """The inverse of _exponential()."""
    return torch.log(value / ends[0]) / math.log(ends[1] / ends[0])
