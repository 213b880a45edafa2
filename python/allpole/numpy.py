"""Operators on arrays: NumPy's, or any that NumPy can take through DLPack.

Arrays with __cuda_array_interface__ (CuPy's and their like) are worked on where they are, on their
stream, and the results are arrays of the same library; they must be dense and of one dtype.

Signals are (..., T): leading axes are the batch, and those of all arguments broadcast against each
other. In the backward functions every array has the batch's axes in full.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence, Tuple, Union, overload

import numpy as np

from . import _arrays
from ._arrays import Host, OnGpu, set_num_threads
from ._signatures import (
    ALLPOLE,
    BALLISTICS,
    FIR,
    RECURRENCE,
    No,
    Shape,
    Signature,
    Yes,
    to_rows,
    with_frames,
)

__all__ = [
    "allpole",
    "allpole_backward",
    "ballistics",
    "ballistics_backward",
    "fir",
    "fir_backward",
    "linear_recurrence",
    "linear_recurrence_backward",
    "set_num_threads",
]

Array = np.ndarray
State = Optional[Host]
Pair = Tuple[Array, Array]
Filtered = Union[Array, Pair]
Allocate = Callable[[Shape], Any]


class _Call:
    """The arguments of one call as rows, and how its outputs are made and shaped."""

    def __init__(self, signature: Signature, values: Sequence[Any]) -> None:
        if any(_arrays.is_on_gpu(v) for v in values if v is not None):
            device = _arrays.DeviceArrays(signature.function, signature.names, values)
            self.allocate: Allocate = device.empty
            self.run = device.run
            module, arrays = device.module, list(values)
        else:
            arrays, dtype = _arrays.to_common_dtype(signature, values)
            self.allocate = lambda shape: np.empty(shape, dtype)
            self.run = _arrays.run_on_host
            module = np
        self.rows, self.batch = to_rows(module, signature, arrays)

    def outputs(self, *tails: Optional[Shape]) -> Tuple[Any, ...]:
        """Arrays (B, ...) of these own axes; None stays out."""
        count = self.rows[0].shape[0]
        return tuple(None if tail is None else self.allocate((count, *tail)) for tail in tails)

    def shaped(self, outputs: Sequence[Any]) -> Tuple[Any, ...]:
        """The outputs with the batch's axes."""
        return tuple(
            None if out is None else out.reshape(self.batch + out.shape[1:]) for out in outputs
        )


def _like(signature: Signature, *gradients: str) -> Signature:
    """The signature of a backward function, whose arrays are named otherwise."""
    by_name = dict(zip(signature.names, zip(signature.axes, signature.shapes)))
    by_name.update(dy=by_name["x"], y=by_name["x"], dzf=by_name["zi"])
    axes, shapes = zip(*(by_name[name] for name in gradients))
    return signature._replace(
        function=f"{signature.function}_backward", names=gradients, axes=axes, shapes=shapes
    )


_ALLPOLE_BACKWARD = _like(ALLPOLE, "dy", "a", "zi", "dzf", "y")
_RECURRENCE_BACKWARD = _like(RECURRENCE, "dy", "a", "zi", "dzf", "y")
_BALLISTICS_BACKWARD = _like(BALLISTICS, "dy", "at", "rt", "zi", "dzf", "x", "y")
_FIR_BACKWARD = _like(FIR, "dy", "b", "zi", "dzf", "x")


@overload
def allpole(x: Host, a: Host, zi: State = ..., *, return_zf: No = ...) -> Array: ...
@overload
def allpole(x: Host, a: Host, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def allpole(x: Host, a: Host, zi: State = ..., *, return_zf: bool) -> Filtered: ...
@overload
def allpole(x: OnGpu, a: OnGpu, zi: Optional[OnGpu] = ..., *, return_zf: bool = ...) -> Any: ...
def allpole(x: Any, a: Any, zi: Any = None, *, return_zf: bool = False) -> Any:
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
    call = _Call(ALLPOLE, (x, with_frames(_as_array(a)), zi))
    (B, T), (F, M) = call.rows[0].shape, call.rows[1].shape[1:]
    outputs = call.outputs((T,), (M,) if return_zf else None)
    call.run("allpole_forward", (B, T, F, M), call.rows, outputs)
    y, zf = call.shaped(outputs)
    return (y, zf) if return_zf else y


def allpole_backward(
    dy: Any, a: Any, y: Any, zi: Any = None, dzf: Any = None
) -> Tuple[Any, Any, Any]:
    """
    Gradients of allpole(): (dx, da, dzi) for the gradients dy and dzf of its outputs y and zf.

    Complex gradients are dL/d(re) + i dL/d(im).
    """
    call = _Call(_ALLPOLE_BACKWARD, (dy, with_frames(_as_array(a)), zi, dzf, y))
    dy, a, zi, dzf, y = call.rows
    (B, T), (F, M) = dy.shape, a.shape[1:]
    outputs = call.outputs((T,), (F, M), (M,))
    call.run("allpole_backward", (B, T, F, M), (dy, dzf, a, zi, y), outputs)
    return call.shaped(outputs)


@overload
def linear_recurrence(x: Host, a: Host, zi: State = ..., *, return_zf: No = ...) -> Array: ...
@overload
def linear_recurrence(x: Host, a: Host, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def linear_recurrence(x: Host, a: Host, zi: State = ..., *, return_zf: bool) -> Filtered: ...
@overload
def linear_recurrence(
    x: OnGpu, a: OnGpu, zi: Optional[OnGpu] = ..., *, return_zf: bool = ...
) -> Any: ...
def linear_recurrence(x: Any, a: Any, zi: Any = None, *, return_zf: bool = False) -> Any:
    """
    First-order recurrence: y[t] = a[t] y[t-1] + x[t], y[-1] = zi.

    :param x: (..., T), real or complex.
    :param a: (..., T) a coefficient for every sample, or (..., 1) constant.
    :param zi: (...) past output; None: zero.
    :param return_zf: also return the last output, (...).
    :return: y (..., T), or (y, zf).
    """
    call = _Call(RECURRENCE, (x, a, zi))
    (B, T), F = call.rows[0].shape, call.rows[1].shape[1]
    outputs = call.outputs((T,), () if return_zf else None)
    call.run("recurrence_forward", (B, T, F), call.rows, outputs)
    y, zf = call.shaped(outputs)
    return (y, zf) if return_zf else y


def linear_recurrence_backward(
    dy: Any, a: Any, y: Any, zi: Any = None, dzf: Any = None
) -> Tuple[Any, Any, Any]:
    """Gradients of linear_recurrence(): (dx, da, dzi) for those of its outputs, dy and dzf."""
    call = _Call(_RECURRENCE_BACKWARD, (dy, a, zi, dzf, y))
    dy, a, zi, dzf, y = call.rows
    (B, T), F = dy.shape, a.shape[1]
    outputs = call.outputs((T,), (F,), ())
    call.run("recurrence_backward", (B, T, F), (dy, dzf, a, zi, y), outputs)
    return call.shaped(outputs)


@overload
def ballistics(x: Host, at: Host, rt: Host, zi: State = ..., *, return_zf: No = ...) -> Array: ...
@overload
def ballistics(x: Host, at: Host, rt: Host, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def ballistics(x: Host, at: Host, rt: Host, zi: State = ..., *, return_zf: bool) -> Filtered: ...
@overload
def ballistics(
    x: OnGpu, at: OnGpu, rt: OnGpu, zi: Optional[OnGpu] = ..., *, return_zf: bool = ...
) -> Any: ...
def ballistics(x: Any, at: Any, rt: Any, zi: Any = None, *, return_zf: bool = False) -> Any:
    """
    Attack and release smoothing: y[t] = (1-c) y[t-1] + c x[t], c = at where x[t] < y[t-1], else rt.

    A falling input takes `at`: in a compressor x is a gain, which falls while the effect attacks.

    :param x: (..., T), real.
    :param at, rt: (...) coefficients in 0..1.
    :param zi: (...) past output; None: zero.
    :param return_zf: also return the last output, (...).
    :return: y (..., T), or (y, zf).
    """
    call = _Call(BALLISTICS, (x, at, rt, zi))
    x, at, rt, zi = call.rows
    outputs = call.outputs((x.shape[1],), () if return_zf else None)
    call.run("ballistics_forward", x.shape, (x, zi, at, rt), outputs)
    y, zf = call.shaped(outputs)
    return (y, zf) if return_zf else y


def ballistics_backward(
    dy: Any, x: Any, at: Any, rt: Any, y: Any, zi: Any = None, dzf: Any = None
) -> Tuple[Any, Any, Any, Any]:
    """Gradients of ballistics(): (dx, dat, drt, dzi), the branch of every sample held fixed."""
    call = _Call(_BALLISTICS_BACKWARD, (dy, at, rt, zi, dzf, x, y))
    dy, at, rt, zi, dzf, x, y = call.rows
    outputs = call.outputs((x.shape[1],), (), (), ())
    call.run("ballistics_backward", x.shape, (dy, dzf, x, zi, at, rt, y), outputs)
    dx, dzi, dat, drt = call.shaped(outputs)
    return dx, dat, drt, dzi


@overload
def fir(x: Host, b: Host, zi: State = ..., *, return_zf: No = ...) -> Array: ...
@overload
def fir(x: Host, b: Host, zi: State = ..., *, return_zf: Yes) -> Pair: ...
@overload
def fir(x: Host, b: Host, zi: State = ..., *, return_zf: bool) -> Filtered: ...
@overload
def fir(x: OnGpu, b: OnGpu, zi: Optional[OnGpu] = ..., *, return_zf: bool = ...) -> Any: ...
def fir(x: Any, b: Any, zi: Any = None, *, return_zf: bool = False) -> Any:
    """
    Time-varying FIR filter: y[t] = sum over k = 0..K-1 of b[t,k] x[t-k].

    :param x: (..., T), real.
    :param b: (..., F, K) taps, F as in allpole(); (K,) is one constant set for all.
    :param zi: (..., K-1) the inputs before x, oldest first; None: zeros.
    :param return_zf: also return the final state, the zi of what follows.
    :return: y (..., T), or (y, zf).
    """
    call = _Call(FIR, (x, with_frames(_as_array(b)), zi))
    (B, T), (F, K) = call.rows[0].shape, call.rows[1].shape[1:]
    outputs = call.outputs((T,), (K - 1,) if return_zf else None)
    call.run("fir_forward", (B, T, F, K), call.rows, outputs)
    y, zf = call.shaped(outputs)
    return (y, zf) if return_zf else y


def fir_backward(dy: Any, x: Any, b: Any, zi: Any = None, dzf: Any = None) -> Tuple[Any, Any, Any]:
    """Gradients of fir(): (dx, db, dzi) for the gradients dy and dzf of its outputs."""
    call = _Call(_FIR_BACKWARD, (dy, with_frames(_as_array(b)), zi, dzf, x))
    dy, b, zi, dzf, x = call.rows
    (B, T), (F, K) = dy.shape, b.shape[1:]
    outputs = call.outputs((T,), (F, K), (K - 1,))
    call.run("fir_backward", (B, T, F, K), (dy, dzf, x, b, zi), outputs)
    return call.shaped(outputs)


def _as_array(coefficients: Any) -> Any:
    if coefficients is None or _arrays.is_on_gpu(coefficients):
        return coefficients
    return _arrays.as_host_array(coefficients)
