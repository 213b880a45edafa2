"""The interface of torchcomp (https://pypi.org/project/torchcomp/)."""

from __future__ import annotations

from typing import Union

import torch
from torch import Tensor

from ...torch import linear_recurrence
from .core import compressor_core

__all__ = ["amp2db", "avg", "coef2ms", "compexp_gain", "db2amp", "limiter_gain", "ms2coef"]

Setting = Union[Tensor, float]


def amp2db(x: Tensor) -> Tensor:
    """Amplitude to decibels."""
    return 20 * torch.log10(x)


def db2amp(x: Tensor) -> Tensor:
    """Decibels to amplitude."""
    return 10 ** (x / 20)


def ms2coef(ms: Tensor, sr: int) -> Tensor:
    """Milliseconds to the coefficient of a one-pole average at a rate of sr Hz."""
    return 1 - torch.exp(-2200 / ms / sr)


def coef2ms(coef: Tensor, sr: int) -> Tensor:
    """The coefficient of a one-pole average at a rate of sr Hz to milliseconds."""
    return -2200 / (sr * torch.log(1 - coef))


def _per_row(name: str, value: Setting, like: Tensor) -> Tensor:
    try:
        tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
        return tensor.broadcast_to(like.shape[:1])
    except RuntimeError:
        shape = tuple(torch.as_tensor(value).shape)
        raise ValueError(
            f"{name} has shape {shape}, expected ({like.shape[0]},) or a number"
        ) from None


def _require(name: str, value: Tensor, allowed: Tensor, range_: str) -> None:
    if not torch.all(allowed):
        wrong = value[~allowed].reshape(-1)[0].item()
        raise ValueError(f"{name} is {wrong:g}, expected {range_}")


def _coefficient(name: str, value: Setting, like: Tensor) -> Tensor:
    row = _per_row(name, value, like)
    _require(name, row, (row > 0) & (row < 1), "a coefficient between 0 and 1")
    return row


def avg(rms: Tensor, avg_coef: Setting) -> Tensor:
    """Running average.   :param rms: (B, T).   :param avg_coef: (B,) or a number, above 0, to 1."""
    row = _per_row("avg_coef", avg_coef, rms)
    _require("avg_coef", row, (row > 0) & (row <= 1), "above 0 and at most 1")
    return linear_recurrence(rms * row[:, None], 1 - row[:, None])


def compexp_gain(
    x_rms: Tensor,
    comp_thresh: Setting,
    comp_ratio: Setting,
    exp_thresh: Setting,
    exp_ratio: Setting,
    at: Setting,
    rt: Setting,
) -> Tensor:
    """
    Gain of a compressor and expander.

    :param x_rms: (B, T) level, above 0.
    :param comp_thresh, exp_thresh: dB; comp_ratio above 1, exp_ratio between 0 and 1.
    :param at, rt: coefficients of attack and release.   All (B,) or numbers.
    """
    _require("x_rms", x_rms, x_rms > 0, "above 0")
    comp_thresh = _per_row("comp_thresh", comp_thresh, x_rms)[:, None]
    exp_thresh = _per_row("exp_thresh", exp_thresh, x_rms)[:, None]
    comp_ratio = _per_row("comp_ratio", comp_ratio, x_rms)[:, None]
    exp_ratio = _per_row("exp_ratio", exp_ratio, x_rms)[:, None]
    _require("comp_ratio", comp_ratio, comp_ratio > 1, "above 1")
    _require("exp_ratio", exp_ratio, (exp_ratio > 0) & (exp_ratio < 1), "between 0 and 1")
    at, rt = _coefficient("at", at, x_rms), _coefficient("rt", rt, x_rms)

    level = amp2db(x_rms)
    compressed = (1 - 1 / comp_ratio) * (comp_thresh - level)
    expanded = (1 - 1 / exp_ratio) * (exp_thresh - level)
    gain = torch.minimum(compressed, expanded).neg().relu().neg()
    return compressor_core(db2amp(gain), x_rms.new_ones(x_rms.shape[0]), at, rt)


def limiter_gain(x: Tensor, threshold: Setting, at: Setting, rt: Setting) -> Tensor:
    """
    Gain of a limiter, whose level detector has the gain's attack and release.

    :param x: (B, T).   :param threshold: dB, at most 0.
    :param at, rt: coefficients of attack and release.   All (B,) or numbers.
    """
    threshold = _per_row("threshold", threshold, x)
    _require("threshold", threshold, threshold <= 0, "at most 0 dB")
    at, rt = _coefficient("at", at, x), _coefficient("rt", rt, x)

    zi = x.new_zeros(x.shape[0])
    peak = compressor_core(x.abs(), zi, rt, at)  # a level rises in the attack: the two swapped
    gain = 1 - torch.relu(1 - db2amp(threshold)[:, None] / peak)
    return compressor_core(gain, torch.ones_like(zi), at, rt)
