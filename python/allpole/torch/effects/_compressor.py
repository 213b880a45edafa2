"""The feed-forward compressor. docs/compressor.md."""

from __future__ import annotations

import math
from typing import Dict, Optional

import torch
from torch import Tensor

from .. import ballistics, linear_recurrence
from ._effect import Effect


class Compressor(Effect):
    """
    The feed-forward compressor; parameters threshold, ratio, attack, release, average, make_up.

    :param settings: of parameters and of the options variant (td, simple, fs), look_ahead,
        train_make_up.
    """

    effect = "compressor"
    level_floor = 1e-8  # of the detector: -80 dB
    expander_threshold, expander_ratio = -120.0, 0.9999

    # Made by _build(), as all parameters.
    threshold: Tensor
    ratio_logit: Tensor
    at_logit: Tensor
    rt_logit: Tensor
    rms_avg_logit: Tensor
    make_up_gain: Tensor

    def _build(self, tensors: Dict[str, Tensor]) -> None:
        super()._build(tensors)
        self.make_up_gain.requires_grad_(self.options["train_make_up"] == "yes")

    def forward(self, x: Tensor) -> Tensor:
        """x (..., channels, T), the channels linked."""
        variant = self.options["variant"]
        power = x.square().clamp(min=self.level_floor).mean(-2)
        average, attack = torch.sigmoid(self.rms_avg_logit), torch.sigmoid(self.at_logit)
        if variant == "fs":
            gain = self._curve(_one_pole_by_sampling(power, average), expander=False)
            gain = 1 + _one_pole_by_sampling(gain - 1, attack)
        else:
            gain = self._curve(_one_pole(power, average), expander=True)
            one = torch.ones_like(attack)
            if variant == "td":
                gain = ballistics(gain, attack, torch.sigmoid(self.rt_logit), one)
            else:
                gain = _one_pole(gain, attack, one)
        make_up = 10 ** (self.make_up_gain / 20)
        return make_up * x * self._ahead(gain)[..., None, :]

    def _curve(self, power: Tensor, expander: bool) -> Tensor:
        level = 10 * torch.log10(power)
        slope = 1 - 1 / (1 + torch.exp(self.ratio_logit))
        bent = slope * (self.threshold - level)
        if expander:
            below = (1 - 1 / self.expander_ratio) * (self.expander_threshold - level)
            bent = torch.minimum(bent, below)
        return 10 ** (bent.clamp(max=0) / 20)

    def _ahead(self, gain: Tensor) -> Tensor:
        ahead = min(int(self.options["look_ahead"]), gain.shape[-1])
        if ahead == 0:
            return gain
        return torch.cat([gain[..., ahead:], torch.ones_like(gain[..., :ahead])], dim=-1)


def _one_pole(x: Tensor, c: Tensor, zi: Optional[Tensor] = None) -> Tensor:
    """y[t] = (1-c) y[t-1] + c x[t] for one coefficient c."""
    return linear_recurrence(c * x, (1 - c)[None], zi)


def _one_pole_by_sampling(x: Tensor, c: Tensor) -> Tensor:
    """The same filter on a signal that repeats itself, as a product of transforms."""
    T = x.shape[-1]
    w = 2 * math.pi / T * torch.arange(T // 2 + 1, dtype=x.dtype, device=x.device)
    response = c / (1 - (1 - c) * torch.polar(torch.ones_like(w), -w))
    return torch.fft.irfft(torch.fft.rfft(x) * response, n=T)
