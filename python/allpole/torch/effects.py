"""The effects as modules that train with PyTorch and render as the C library does.

State dicts have the names of the model files' tensors. Settings in human units (dB, ms, Hz) are
read with settings() and changed with set(). Modules are made from settings, a model or a file:

    Compressor(44100, ratio=4)        allpole.load("best.safetensors").to_torch()
"""

from __future__ import annotations

import math
from typing import Any, Dict, Optional

import torch
from torch import Tensor, nn

from .._model import Model, Path, Setting
from . import allpole, ballistics, fir, linear_recurrence

__all__ = ["Compressor", "Effect", "Phaser", "from_model"]


class Effect(nn.Module):
    """What the effects share: the way from and to models."""

    effect = ""
    variants = ("td",)

    def __init__(self, model: Model, dtype: Optional[torch.dtype] = None) -> None:
        super().__init__()
        if model.effect != self.effect:
            raise ValueError(f"model is a {model.effect}, expected a {self.effect}")
        if model.options["variant"] not in self.variants:
            raise ValueError(
                f"{self.effect}: variant is {model.options['variant']}, expected "
                f"{' or '.join(self.variants)}"
            )
        self.sample_rate, self.options = model.sample_rate, model.options
        self._take(model, dtype or torch.float32)

    def _take(self, model: Model, dtype: torch.dtype) -> None:
        """Makes the parameters; a dot in a name is a module within."""
        for name, values in model.tensors().items():
            *path, last = name.split(".")
            holder: nn.Module = self
            for part in path:
                if not hasattr(holder, part):
                    holder.add_module(part, nn.Module())
                holder = getattr(holder, part)
            tensor = torch.as_tensor(values, dtype=dtype)
            holder.register_parameter(last, nn.Parameter(tensor))

    def to_model(self) -> Model:
        """The model with these parameters: to render with the C library, or to save."""
        model = Model(self.effect, self.sample_rate, **self.options)
        model.set_tensors({name: t.detach().cpu() for name, t in self.state_dict().items()})
        return model

    def save(self, path: Path) -> None:
        """Writes a model file, which allpole.load() and the command `allpole` read."""
        self.to_model().save(path)

    def settings(self) -> Dict[str, float]:
        """The parameters in human units."""
        return {name: p.value for name, p in self.to_model().parameters.items()}

    def set(self, **settings: float) -> None:
        """Gives parameters new values in human units: module.set(ratio=4, attack=10)."""
        model = self.to_model()
        for name, value in settings.items():
            if name in model.options:
                raise ValueError(
                    f"{name} is an option, expected one of {', '.join(model.parameters)}"
                )
            model[name] = value
        state = {name: torch.as_tensor(t) for name, t in model.tensors().items()}
        self.load_state_dict(state)


class Compressor(Effect):
    """
    The feed-forward compressor; parameters threshold, ratio, attack, release, average, make_up.

    :param settings: of parameters and of the options variant (td, simple, fs), look_ahead,
        train_make_up.
    """

    effect = "compressor"
    variants = ("td", "simple", "fs")
    level_floor = 1e-8  # of the detector: -80 dB
    expander_threshold, expander_ratio = -120.0, 0.9999

    def __init__(self, sample_rate: int, *, dtype: Any = None, **settings: Setting) -> None:
        super().__init__(Model(self.effect, sample_rate, **settings), dtype)

    def _take(self, model: Model, dtype: torch.dtype) -> None:
        super()._take(model, dtype)
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


class Phaser(Effect):
    """
    The time-domain phaser; parameters rate, phase, feedback, through, depth, bias.

    In training mode the oscillator is damped and starts with the signal; in evaluation mode it runs
    on from `start`, as the C library renders.

    :param settings: of parameters and of the options window and origin.
    """

    effect = "phaser"

    def __init__(self, sample_rate: int, *, dtype: Any = None, **settings: Setting) -> None:
        super().__init__(Model(self.effect, sample_rate, **settings), dtype)

    @property
    def hop(self) -> int:
        """Samples between two values of the oscillator."""
        return math.floor(float(self.options["window"]) * self.sample_rate / 4)

    def forward(self, x: Tensor, start: float = 0.0) -> Tensor:
        """x (..., T).   :param start: seconds; where in the recording x begins."""
        all_pass = self._all_pass(x.shape[-1] // self.hop + 1, start)
        # Poles close together: coefficients rounded to float32 would move them audibly.
        numerator, denominator = self._filter(all_pass.double())
        y = allpole(fir(x, numerator), denominator[:, 1:])
        return y.to(torch.promote_types(x.dtype, all_pass.dtype))

    def _all_pass(self, frames: int, start: float) -> Tensor:
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

    def _filter(self, p: Tensor) -> tuple:
        """
        Numerator and denominator, (frames, 7): the dry path and four all-passes with feedback, all
        behind the biquad. docs/phaser.md.
        """
        feedback = self.g2.double().abs()
        one = torch.ones_like(p)
        chain = torch.stack([one, -4 * p, 6 * p**2, -4 * p**3, p**4], dim=1)
        wet = chain.flip(1) / (1 - feedback * p**4)[:, None]
        below = chain / (1 - feedback * p**4)[:, None] - feedback * wet
        b, a = self._biquad()
        b, a = b.double(), a.double()
        return _product(b, self.g1 * below + wet), _product(a, below)

    def _biquad(self) -> tuple:
        a1, t2 = 2 * torch.tanh(self.bq.fb_params[:1]), torch.tanh(self.bq.fb_params[1:])
        a2 = ((2 - a1.abs()) * t2 + a1.abs()) / 2
        b = torch.cat([self.bq.DC, self.bq.ff_params])
        return b, torch.cat([torch.ones_like(a1), a1, a2])


def from_model(model: Model, dtype: Optional[torch.dtype] = None) -> Effect:
    """The module of a model. :raises ValueError: there is none for its effect or variant."""
    kinds = {kind.effect: kind for kind in (Compressor, Phaser)}
    kind = kinds.get(model.effect)
    if kind is None:
        raise ValueError(f"model is a {model.effect}, expected one of {', '.join(kinds)}")
    module = kind.__new__(kind)
    Effect.__init__(module, model, dtype)
    return module


def _one_pole(x: Tensor, c: Tensor, zi: Optional[Tensor] = None) -> Tensor:
    """y[t] = (1-c) y[t-1] + c x[t] for one coefficient c."""
    return linear_recurrence(c * x, (1 - c)[None], zi)


def _one_pole_by_sampling(x: Tensor, c: Tensor) -> Tensor:
    """The same filter on a signal that repeats itself, as a product of transforms."""
    T = x.shape[-1]
    w = 2 * math.pi / T * torch.arange(T // 2 + 1, dtype=x.dtype, device=x.device)
    response = c / (1 - (1 - c) * torch.polar(torch.ones_like(w), -w))
    return torch.fft.irfft(torch.fft.rfft(x) * response, n=T)


def _product(c: Tensor, q: Tensor) -> Tensor:
    """Of the polynomial c (3,) and those of every frame, q (frames, 5)."""
    shifted = [nn.functional.pad(q, (k, 2 - k)) * c[k] for k in range(3)]
    return shifted[0] + shifted[1] + shifted[2]
