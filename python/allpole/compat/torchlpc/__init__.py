"""The interface of torchlpc (https://pypi.org/project/torchlpc/)."""

from __future__ import annotations

from typing import Optional, Tuple, Union, overload

from torch import Tensor

from ..._signatures import No, Yes
from ...torch import allpole
from ...torch import linear_recurrence as _linear_recurrence
from .core import LPC
from .recurrence import Recurrence

__all__ = ["sample_wise_lpc", "linear_recurrence"]

EXTENSION_LOADED = True

State = Optional[Tensor]
Pair = Tuple[Tensor, Tensor]
Filtered = Union[Tensor, Pair]


@overload
def sample_wise_lpc(x: Tensor, a: Tensor, zi: State = ..., return_zf: No = ...) -> Tensor: ...
@overload
def sample_wise_lpc(x: Tensor, a: Tensor, zi: State, return_zf: Yes) -> Pair: ...
@overload
def sample_wise_lpc(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def sample_wise_lpc(x: Tensor, a: Tensor, zi: State = ..., return_zf: bool = ...) -> Filtered: ...
def sample_wise_lpc(x: Tensor, a: Tensor, zi: State = None, return_zf: bool = False) -> Filtered:
    """
    All-pole filter with coefficients for every sample.

    :param x: (B, T).   :param a: (B, T, order).   :param zi: (B, order), newest first.
    :return: y (B, T), or (y, zf) with zf (B, order); for T < order zf holds what is left of zi too.
    """
    if x.ndim != 2 or a.ndim != 3 or a.shape[:2] != x.shape:
        raise ValueError(
            f"sample_wise_lpc: x has shape {tuple(x.shape)} and a {tuple(a.shape)}, "
            "expected (B, T) and (B, T, order)"
        )
    if zi is not None and zi.shape != (a.shape[0], a.shape[2]):
        raise ValueError(
            f"sample_wise_lpc: zi has shape {tuple(zi.shape)}, expected {(a.shape[0], a.shape[2])}"
        )
    return allpole(x, a, zi, return_zf=return_zf)


def linear_recurrence(a: Tensor, x: Tensor, zi: State = None) -> Tensor:
    """y[t] = a[t] y[t-1] + x[t].   :param a: (B, T).   :param x: (B, T).   :param zi: (B,)."""
    if a.ndim != 2 or a.shape != x.shape:
        raise ValueError(
            f"linear_recurrence: a has shape {tuple(a.shape)} and x {tuple(x.shape)}, "
            "expected (B, T) for both"
        )
    if zi is not None and zi.shape != a.shape[:1]:
        raise ValueError(
            f"linear_recurrence: zi has shape {tuple(zi.shape)}, expected {tuple(a.shape[:1])}"
        )
    return _linear_recurrence(x, a, zi)
