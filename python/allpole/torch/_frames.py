"""What derivatives of derivatives need beside the kernels, in PyTorch's own operations.

Coefficients have F sets: one for every sample (F = T), one for all (F = 1), or frames that are
interpolated linearly with aligned end points.
"""

from __future__ import annotations

from typing import Optional, Tuple

import torch
from torch import Tensor
from torch.nn.functional import pad


def interpolate(v: Tensor, T: int) -> Tensor:
    """(B, F, M) frames to (B, T, M) samples."""
    F = v.shape[1]
    if F == T:
        return v
    if F == 1 or T == 1:
        return v[:, :1].expand(-1, T, -1)
    position = torch.arange(T, device=v.device, dtype=torch.float64) * ((F - 1) / (T - 1))
    frame = position.floor().clamp(max=F - 2).long()
    weight = (position - frame).to(v.dtype)[:, None]
    return v[:, frame] * (1 - weight) + v[:, frame + 1] * weight


def before(y: Tensor, zi: Optional[Tensor]) -> Tensor:
    """y[t-1] for every t, y[-1] = zi. y (B, T), zi (B)."""
    first = y.new_zeros(y.shape[0]) if zi is None else zi
    return torch.cat([first[:, None], y], dim=1)[:, : y.shape[1]]


def taps(v: Tensor, y: Tensor, zi: Optional[Tensor]) -> Tensor:
    """sum over i of v[t,i] y[t-i], y[-j] = zi[j].   v (B, F, M), y (B, T), zi (B, M)"""
    T, M = y.shape[1], v.shape[2]
    past = y.new_zeros(y.shape[0], M) if zi is None else zi.flip(1)
    windows = torch.cat([past, y], dim=1).unfold(1, M, 1)[:, :T].flip(2)
    return (interpolate(v, T) * windows).sum(2)


def taps_adjoint(v: Tensor, g: Tensor) -> Tuple[Tensor, Tensor]:
    """The gradients of y and zi for the gradient g of taps(v, y, zi)."""
    T, M = g.shape[1], v.shape[2]
    terms = interpolate(v, T).conj() * g[:, :, None]
    total = g.new_zeros(g.shape[0], M + T)
    for i in range(1, M + 1):
        total = total + pad(terms[:, :, i - 1], (M - i, i))
    return total[:, M:], total[:, :M].flip(1)
