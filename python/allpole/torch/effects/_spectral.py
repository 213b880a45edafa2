"""Transforms of the effects that filter frame by frame."""

from __future__ import annotations

import math
from typing import Callable

import torch
from torch import Tensor


def transform_size(window: int) -> int:
    """The power of two with room for a window and as much again of a filter's response."""
    return 1 << (2 * window - 1).bit_length()


def unit_delays(n_fft: int, like: Tensor) -> Tensor:
    """z^-1 on the unit circle, one value for each bin."""
    w = 2 * math.pi / n_fft * torch.arange(n_fft // 2 + 1, dtype=like.dtype, device=like.device)
    return torch.polar(torch.ones_like(w), -w)


def filter_frames(
    x: Tensor, response: Callable[[Tensor], Tensor], n_fft: int, window: int, hop: int
) -> Tensor:
    """
    STFT of x (..., T), times the responses, and back.

    :param response: of z^-1 (bins, 1) to what broadcasts against (..., bins, frames).
    """
    hann = torch.hann_window(window, dtype=x.dtype, device=x.device)
    rows = x.reshape(-1, x.shape[-1])
    spectra = torch.stft(rows, n_fft, hop, window, hann, pad_mode="constant", return_complex=True)
    spectra = spectra.reshape(x.shape[:-1] + spectra.shape[-2:])
    spectra = spectra * response(unit_delays(n_fft, x)[:, None])
    spectra = spectra.reshape((-1,) + spectra.shape[-2:])
    return torch.istft(spectra, n_fft, hop, window, hann, length=x.shape[-1]).reshape(x.shape)
