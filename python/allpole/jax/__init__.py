"""Operators for JAX, CPU and CUDA: jit, vmap, grad, jvp and their compositions, to any order.

Signals are (..., T): leading axes are the batch, and those of all arguments broadcast against each
other. Arguments are promoted as JAX does; float16 and bfloat16 are computed as float32.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union, overload

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._signatures import (
    ALLPOLE,
    BALLISTICS,
    FIR,
    RECURRENCE,
    STATES,
    No,
    Signature,
    Yes,
    to_rows,
    with_frames,
)
from . import _ballistics, _fir, _recursions
from ._calls import backend

__all__ = ["allpole", "backend", "ballistics", "fir", "linear_recurrence"]

State = Optional[ArrayLike]
Pair = Tuple[Array, Array]
Filtered = Union[Array, Pair]
_STATE = {ALLPOLE: lambda a: a.shape[-1:], FIR: lambda b: (b.shape[-1] - 1,)}


def _prepare(signature: Signature, values: Sequence[Any]) -> Tuple[List[Any], Tuple[int, ...]]:
    for name, value in zip(signature.names, values):
        if value is None and name not in STATES:
            raise TypeError(f"{signature.function}: {name} is None, expected an array")
    arrays = [None if v is None else jnp.asarray(v) for v in values]
    if signature.kept is not None:
        arrays[1] = with_frames(arrays[1])
    dtype = jnp.result_type(*[a for a in arrays if a is not None])
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = jnp.result_type(float)
    if dtype in (jnp.float16, jnp.bfloat16):
        dtype = jnp.float32
    if signature.real and jnp.issubdtype(dtype, jnp.complexfloating):
        raise TypeError(f"{signature.function}: the arguments are {dtype}, expected real numbers")
    arrays = [None if a is None else a.astype(dtype) for a in arrays]
    rows, batch = to_rows(jnp, signature, arrays)
    if rows[-1] is None:
        tail = _STATE[signature](rows[1]) if signature in _STATE else ()
        rows[-1] = jnp.zeros((rows[0].shape[0], *tail), dtype)
    return rows, batch


def _finish(outputs: Any, batch: Tuple[int, ...], return_zf: bool) -> Filtered:
    y, zf = (out.reshape(batch + out.shape[1:]) for out in outputs)
    return (y, zf) if return_zf else y


@overload
def allpole(x: ArrayLike, a: ArrayLike, zi: State = ..., *, return_zf: No = ...) -> Array: ...
@overload
def allpole(x: ArrayLike, a: ArrayLike, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def allpole(x: ArrayLike, a: ArrayLike, zi: State = ..., *, return_zf: bool) -> Filtered: ...
def allpole(x: ArrayLike, a: ArrayLike, zi: State = None, *, return_zf: bool = False) -> Filtered:
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
    rows, batch = _prepare(ALLPOLE, (x, a, zi))
    return _finish(_recursions.allpole.bind(*rows), batch, return_zf)


@overload
def linear_recurrence(
    x: ArrayLike, a: ArrayLike, zi: State = ..., *, return_zf: No = ...
) -> Array: ...
@overload
def linear_recurrence(x: ArrayLike, a: ArrayLike, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def linear_recurrence(
    x: ArrayLike, a: ArrayLike, zi: State = ..., *, return_zf: bool
) -> Filtered: ...
def linear_recurrence(
    x: ArrayLike, a: ArrayLike, zi: State = None, *, return_zf: bool = False
) -> Filtered:
    """
    First-order recurrence: y[t] = a[t] y[t-1] + x[t], y[-1] = zi.

    :param x: (..., T), real or complex.   :param a: (..., T), or (..., 1) constant.
    :param zi: (...) past output; None: zero.   :param return_zf: also return the last output.
    :return: y (..., T), or (y, zf).
    """
    rows, batch = _prepare(RECURRENCE, (x, a, zi))
    return _finish(_recursions.recurrence.bind(*rows), batch, return_zf)


@overload
def ballistics(
    x: ArrayLike, at: ArrayLike, rt: ArrayLike, zi: State = ..., *, return_zf: No = ...
) -> Array: ...
@overload
def ballistics(
    x: ArrayLike, at: ArrayLike, rt: ArrayLike, zi: State = ..., *, return_zf: Yes
) -> Pair: ...
@overload
def ballistics(
    x: ArrayLike, at: ArrayLike, rt: ArrayLike, zi: State = ..., *, return_zf: bool
) -> Filtered: ...
def ballistics(
    x: ArrayLike, at: ArrayLike, rt: ArrayLike, zi: State = None, *, return_zf: bool = False
) -> Filtered:
    """
    Attack and release smoothing: y[t] = (1-c) y[t-1] + c x[t], c = at where x[t] < y[t-1], else rt.

    Derivatives hold the branch of every sample fixed.

    :param x: (..., T), real.   :param at, rt: (...) coefficients in 0..1.
    :param zi: (...) past output; None: zero.   :param return_zf: also return the last output.
    :return: y (..., T), or (y, zf).
    """
    (signal, attack, release, state), batch = _prepare(BALLISTICS, (x, at, rt, zi))
    outputs = _ballistics.ballistics.bind(signal, state, attack, release)
    return _finish(outputs, batch, return_zf)


@overload
def fir(x: ArrayLike, b: ArrayLike, zi: State = ..., *, return_zf: No = ...) -> Array: ...
@overload
def fir(x: ArrayLike, b: ArrayLike, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def fir(x: ArrayLike, b: ArrayLike, zi: State = ..., *, return_zf: bool) -> Filtered: ...
def fir(x: ArrayLike, b: ArrayLike, zi: State = None, *, return_zf: bool = False) -> Filtered:
    """
    Time-varying FIR filter: y[t] = sum over k = 0..K-1 of b[t,k] x[t-k].

    :param x: (..., T), real.   :param b: (..., F, K) taps, F as in allpole(); (K,) is one constant
        set for all.
    :param zi: (..., K-1) the inputs before x, oldest first; None: zeros.
    :param return_zf: also return the final state, the zi of what follows.
    :return: y (..., T), or (y, zf).
    """
    rows, batch = _prepare(FIR, (x, b, zi))
    return _finish(_fir.fir.bind(*rows), batch, return_zf)
