"""Operators for PyTorch: autograd, forward mode, vmap, double backward, torch.compile, CPU and CUDA.

Signals are (..., T): leading axes are the batch, and those of all arguments broadcast against each
other. Every argument has a gradient. Arguments are promoted to a common dtype; float16 and bfloat16
are computed, and returned, as float32, under autocast too. CUDA tensors run on PyTorch's current
stream, without copies or synchronisation.
"""

from __future__ import annotations

from typing import Optional, Tuple, Union

import torch
from torch import Tensor

from . import _arguments, _ballistics, _fir, _recursions
from ._arguments import Argument

__all__ = ["allpole", "ballistics", "fir", "linear_recurrence", "Compressor", "Phaser", "from_model"]

Filtered = Union[Tensor, Tuple[Tensor, Tensor]]


def _coefficients(a: Tensor) -> Tensor:
    """One set of coefficients is written without its axis of one frame."""
    return a[None] if isinstance(a, Tensor) and a.dim() == 1 else a


def _check_frames(function: str, name: str, frames: int, samples: int) -> None:
    if frames < 1 and samples > 0:
        raise ValueError(f"{function}: {name} has no frames, expected (..., F, M) with F >= 1")


def _check_state(function: str, zi: Optional[Tensor], size: int, shape: str) -> None:
    if zi is not None and (zi.dim() < 1 or zi.shape[-1] != size):
        raise ValueError(
            f"{function}: zi has shape {tuple(zi.shape)}, expected {shape}, which ends with {size}"
        )


def _shaped(outputs: Tuple[Tensor, Tensor], batch: Tuple[int, ...], return_zf: bool) -> Filtered:
    y, zf = outputs
    if len(batch) != 1:
        y = y.reshape(batch + tuple(y.shape[1:]))
        zf = zf.reshape(batch + tuple(zf.shape[1:]))
    return (y, zf) if return_zf else y


def allpole(
    x: Tensor, a: Tensor, zi: Optional[Tensor] = None, *, return_zf: bool = False
) -> Filtered:
    """
    Time-varying all-pole filter: y[t] = x[t] - sum over i = 1..M of a[t,i] y[t-i].

    :param x: (..., T), real or complex.
    :param a: (..., F, M) coefficients, the leading 1 implied, 1 <= M <= 64. F = T: one set for every
        sample; F = 1: constant; any other F: frames, interpolated linearly with aligned end points.
        (M,) is one constant set for all.
    :param zi: (..., M) past outputs, newest first; None: zeros.
    :param return_zf: also return the final state, the zi of what follows.
    :return: y (..., T), or (y, zf).
    """
    a = _coefficients(a)
    names, tensors = ("x", "a", "zi"), (x, a, zi)
    _arguments.check("allpole", names, tensors)
    _arguments.require_axes("allpole", "x", x, 1, "(..., T)")
    _arguments.require_axes("allpole", "a", a, 2, "(..., F, M) or (M,)")
    _check_frames("allpole", "a", a.shape[-2], x.shape[-1])
    _check_state("allpole", zi, a.shape[-1], "(..., M)")
    x, a, zi = _arguments.to_dtype(tensors)
    axes = (1, 2, 1)
    batch = _arguments.batch_shape("allpole", names, (x, a, zi), axes)
    x, a, zi = (_arguments.to_rows(t, batch, own) for t, own in zip((x, a, zi), axes))
    return _shaped(_recursions.allpole(x, a, zi), batch, return_zf)


def linear_recurrence(
    x: Tensor, a: Tensor, zi: Optional[Tensor] = None, *, return_zf: bool = False
) -> Filtered:
    """
    First-order recurrence: y[t] = a[t] y[t-1] + x[t], y[-1] = zi.

    :param x: (..., T), real or complex.
    :param a: (..., T) a coefficient for every sample, or (..., 1) constant.
    :param zi: (...) past output; None: zero.
    :param return_zf: also return the last output, (...).
    :return: y (..., T), or (y, zf).
    """
    names, tensors = ("x", "a", "zi"), (x, a, zi)
    _arguments.check("linear_recurrence", names, tensors)
    _arguments.require_axes("linear_recurrence", "x", x, 1, "(..., T)")
    _arguments.require_axes("linear_recurrence", "a", a, 1, "(..., T) or (..., 1)")
    if a.shape[-1] not in (1, x.shape[-1]):
        raise ValueError(
            f"linear_recurrence: a has shape {tuple(a.shape)}, expected (..., {x.shape[-1]}) or "
            "(..., 1)"
        )
    x, a, zi = _arguments.to_dtype(tensors)
    axes = (1, 1, 0)
    batch = _arguments.batch_shape("linear_recurrence", names, (x, a, zi), axes)
    x, a, zi = (_arguments.to_rows(t, batch, own) for t, own in zip((x, a, zi), axes))
    return _shaped(_recursions.recurrence(x, a, zi), batch, return_zf)


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
    :return: y (..., T), or (y, zf) with zf (...).
    """
    names = ("x", "at", "rt", "zi")
    _arguments.check("ballistics", names[:1], (x,))
    at, rt = _arguments.as_tensor(at, x), _arguments.as_tensor(rt, x)
    zi = None if zi is None else _arguments.as_tensor(zi, x)
    tensors = (x, at, rt, zi)
    _arguments.check("ballistics", names, tensors)
    _arguments.require_axes("ballistics", "x", x, 1, "(..., T)")
    _refuse_complex("ballistics", names, tensors)
    axes = (1, 0, 0, 0)
    x, at, rt, zi = _arguments.to_dtype(tensors)
    batch = _arguments.batch_shape("ballistics", names, (x, at, rt, zi), axes)
    x, at, rt, zi = (_arguments.to_rows(t, batch, own) for t, own in zip((x, at, rt, zi), axes))
    return _shaped(_ballistics.ballistics(x, zi, at, rt), batch, return_zf)


def fir(
    x: Tensor, b: Tensor, zi: Optional[Tensor] = None, *, return_zf: bool = False
) -> Filtered:
    """
    Time-varying FIR filter: y[t] = sum over k = 0..K-1 of b[t,k] x[t-k].

    :param x: (..., T), real.
    :param b: (..., F, K) taps, F as in allpole(); (K,) is one constant set for all.
    :param zi: (..., K-1) the inputs before x, oldest first; None: zeros.
    :return: y (..., T), or (y, zf).
    """
    b = _coefficients(b)
    names, tensors = ("x", "b", "zi"), (x, b, zi)
    _arguments.check("fir", names, tensors)
    _arguments.require_axes("fir", "x", x, 1, "(..., T)")
    _arguments.require_axes("fir", "b", b, 2, "(..., F, K) or (K,)")
    _refuse_complex("fir", names, tensors)
    _check_frames("fir", "b", b.shape[-2], x.shape[-1])
    if b.shape[-1] < 1:
        raise ValueError(f"fir: b has shape {tuple(b.shape)}, expected at least one tap")
    _check_state("fir", zi, b.shape[-1] - 1, "(..., K-1)")
    x, b, zi = _arguments.to_dtype(tensors)
    axes = (1, 2, 1)
    batch = _arguments.batch_shape("fir", names, (x, b, zi), axes)
    x, b, zi = (_arguments.to_rows(t, batch, own) for t, own in zip((x, b, zi), axes))
    return _shaped(_fir.fir(x, b, zi), batch, return_zf)


def _refuse_complex(
    function: str, names: Tuple[str, ...], tensors: Tuple[Optional[Tensor], ...]
) -> None:
    for name, tensor in zip(names, tensors):
        if tensor is not None and tensor.is_complex():
            raise TypeError(f"{function}: {name} is {tensor.dtype}, expected real numbers")
