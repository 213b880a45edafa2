"""Operators for PyTorch: autograd of any order and mode, vmap, torch.compile, CPU and CUDA.

Signals are (..., T): leading axes are the batch, and those of all arguments broadcast against each
other. Every argument has a gradient. Arguments are promoted to a common dtype; float16 and bfloat16
are computed, and returned, as float32, under autocast too. CUDA tensors run on PyTorch's current
stream, without copies or synchronisation.
"""

from __future__ import annotations

from typing import Optional, Tuple, Union, overload

import torch
from torch import Tensor

from .._signatures import ALLPOLE, BALLISTICS, FIR, RECURRENCE, No, Yes, with_frames
from . import _ballistics, _fir, _recursions
from ._arguments import Argument, as_tensor, prepare, restore

__all__ = ["allpole", "ballistics", "fir", "linear_recurrence"]

State = Optional[Tensor]
Pair = Tuple[Tensor, Tensor]
Filtered = Union[Tensor, Pair]


@overload
def allpole(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: No = ...) -> Tensor: ...
@overload
def allpole(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def allpole(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: bool) -> Filtered: ...
def allpole(x: Tensor, a: Tensor, zi: State = None, *, return_zf: bool = False) -> Filtered:
    """
    Time-varying all-pole filter: y[t] = x[t] - sum over i = 1..M of a[t,i] y[t-i].

    :param x: (..., T), real or complex.
    :param a: (..., F, M) coefficients, the leading 1 implied, 1 <= M <= 64. F = T: one set for
        every sample; F = 1: constant; any other F: frames, interpolated linearly with aligned end
        points. (M,) is one constant set for all.
    :param zi: (..., M) past outputs, newest first; None: zeros.
    :param return_zf: also return the final state, the zi of what follows.
    :return: y (..., T), or (y, zf).
    """
    prepared = prepare(ALLPOLE, (x, with_frames(a), zi))
    y, zf = restore(_recursions.allpole(*prepared.tensors), prepared.batch)
    return (y, zf) if return_zf else y


@overload
def linear_recurrence(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: No = ...) -> Tensor: ...
@overload
def linear_recurrence(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def linear_recurrence(x: Tensor, a: Tensor, zi: State = ..., *, return_zf: bool) -> Filtered: ...
def linear_recurrence(
    x: Tensor, a: Tensor, zi: State = None, *, return_zf: bool = False
) -> Filtered:
    """
    First-order recurrence: y[t] = a[t] y[t-1] + x[t], y[-1] = zi.

    :param x: (..., T), real or complex.
    :param a: (..., T) a coefficient for every sample, or (..., 1) constant.
    :param zi: (...) past output; None: zero.
    :param return_zf: also return the last output, (...).
    :return: y (..., T), or (y, zf).
    """
    prepared = prepare(RECURRENCE, (x, a, zi))
    y, zf = restore(_recursions.recurrence(*prepared.tensors), prepared.batch)
    return (y, zf) if return_zf else y


@overload
def ballistics(
    x: Tensor, at: Argument, rt: Argument, zi: Optional[Argument] = ..., *, return_zf: No = ...
) -> Tensor: ...
@overload
def ballistics(
    x: Tensor, at: Argument, rt: Argument, zi: Optional[Argument] = ..., *, return_zf: Yes
) -> Pair: ...
@overload
def ballistics(
    x: Tensor, at: Argument, rt: Argument, zi: Optional[Argument] = ..., *, return_zf: bool
) -> Filtered: ...
def ballistics(
    x: Tensor,
    at: Argument,
    rt: Argument,
    zi: Optional[Argument] = None,
    *,
    return_zf: bool = False,
) -> Filtered:
    """
    Attack and release smoothing: y[t] = (1-c) y[t-1] + c x[t], c = at where x[t] < y[t-1], else rt.

    A falling input takes `at`: in a compressor x is a gain, which falls while the effect attacks.
    Gradients hold the branch of every sample fixed.

    :param x: (..., T), real.
    :param at, rt: (...) coefficients in 0..1, or numbers.
    :param zi: (...) past output, or a number; None: zero.
    :param return_zf: also return the last output, (...).
    :return: y (..., T), or (y, zf).
    """
    if isinstance(x, Tensor):
        at, rt = as_tensor(at, x), as_tensor(rt, x)
        zi = None if zi is None else as_tensor(zi, x)
    prepared = prepare(BALLISTICS, (x, at, rt, zi))
    signal, attack, release, state = prepared.tensors
    outputs = _ballistics.ballistics(signal, state, attack, release)
    y, zf = restore(outputs, prepared.batch)
    return (y, zf) if return_zf else y


@overload
def fir(x: Tensor, b: Tensor, zi: State = ..., *, return_zf: No = ...) -> Tensor: ...
@overload
def fir(x: Tensor, b: Tensor, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def fir(x: Tensor, b: Tensor, zi: State = ..., *, return_zf: bool) -> Filtered: ...
def fir(x: Tensor, b: Tensor, zi: State = None, *, return_zf: bool = False) -> Filtered:
    """
    Time-varying FIR filter: y[t] = sum over k = 0..K-1 of b[t,k] x[t-k].

    :param x: (..., T), real.
    :param b: (..., F, K) taps, F as in allpole(); (K,) is one constant set for all.
    :param zi: (..., K-1) the inputs before x, oldest first; None: zeros.
    :param return_zf: also return the final state, the zi of what follows.
    :return: y (..., T), or (y, zf).
    """
    prepared = prepare(FIR, (x, with_frames(b), zi))
    y, zf = restore(_fir.fir(*prepared.tensors), prepared.batch)
    return (y, zf) if return_zf else y
