"""The linear recursions F (x, a, zi) -> (y, zf) and their derivatives.

    J(x', a', zi'; a, zi, y) = F(x' + sign taps(a', y, zi), a, zi')
    T(dy, dzf; a, zi, y) = (dx, da, dzi);   along a' its dx moves by T of sign taps^T(a', dx)

JAX's transposes have no conjugation, the kernels' gradients have: T conjugates before and after.
"""

from __future__ import annotations

from typing import Any, Tuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad

from . import _calls
from ._primitives import Arrays, for_linear, is_linear, is_zero, known, primitive, zeros_for


# --- coefficients and what they weigh -------------------------------------------------------------
def interpolate(v: Any, T: int) -> Any:
    """(B, F, M) frames to (B, T, M) samples, linearly with aligned end points."""
    F = v.shape[1]
    if F == T:
        return v
    if F == 1 or T == 1:
        return jnp.broadcast_to(v[:, :1], (v.shape[0], T, v.shape[2]))
    # Where each sample lies is known while tracing; integers keep it exact.
    t = np.arange(T)
    frame = np.minimum(t * (F - 1) // (T - 1), F - 2)
    weight = jnp.asarray((t * (F - 1) - frame * (T - 1)) / (T - 1), v.real.dtype)[:, None]
    return v[:, frame] * (1 - weight) + v[:, frame + 1] * weight


def taps(v: Any, y: Any, zi: Any) -> Any:
    """sum over i of v[t,i] y[t-i], y[-j] = zi[j].   v (B, F, M), y (B, T), zi (B, M)"""
    T, M = y.shape[1], v.shape[2]
    padded = jnp.concatenate([zi[:, ::-1], y], axis=1)
    weights = interpolate(v, T)
    total = jnp.zeros_like(y)
    for i in range(1, M + 1):
        total = total + weights[:, :, i - 1] * padded[:, M - i : M - i + T]
    return total


# --- linear recursions ----------------------------------------------------------------------------
def recursion(name: str, sign: int, has_order: bool) -> Primitive:
    """The primitive (x, a, zi) -> (y, zf) of y[t] = x[t] + sign sum over i of a[t,i] y[t-i]."""

    def lift(array: Any) -> Any:
        return array if has_order else array[..., None]

    def weigh(v: Any, y: Any, zi: Any) -> Any:
        return sign * taps(lift(v), y, lift(zi))

    def run_forward(x: Any, a: Any, zi: Any) -> Arrays:
        sizes = (*x.shape, *a.shape[1:])
        return _calls.call(f"{name}_forward", sizes, (x, a, zi), (x.shape, zi.shape))

    def run_moved(x_dot: Any, a_dot: Any, zi_dot: Any, a: Any, zi: Any, y: Any) -> Arrays:
        inputs, sizes = (x_dot, a_dot, zi_dot, a, zi, y), (*y.shape, *a.shape[1:])
        return _calls.call(f"{name}_jvp", sizes, inputs, (y.shape, zi.shape))

    def run_transposed(dy: Any, dzf: Any, a: Any, zi: Any, y: Any, *, wants: Any) -> Arrays:
        inputs, sizes = (dy.conj(), dzf.conj(), a, zi, y), (*y.shape, *a.shape[1:])
        shapes = (y.shape, a.shape, zi.shape)
        outputs = _calls.call(f"{name}_backward", sizes, inputs, shapes, wants)
        return tuple(out.conj() for out in outputs)

    forward = primitive(name, run_forward)
    moved = primitive(f"{name}_jvp", run_moved)
    transposed = primitive(f"{name}_transpose", run_transposed)

    def forward_jvp(primals: Arrays, tangents: Arrays) -> Any:
        x, a, zi = primals
        x_dot, a_dot, zi_dot = tangents
        y, zf = forward.bind(x, a, zi)
        if is_zero(a_dot):
            return (y, zf), tuple(forward.bind(known(x_dot), a, known(zi_dot)))
        tangents = tuple(known(t) for t in tangents)
        return (y, zf), tuple(moved.bind(*tangents, a, zi, y))

    def forward_transpose(cotangents: Any, x: Any, a: Any, zi: Any) -> Any:
        dy, dzf = (known(ct) for ct in cotangents)
        dx, _, dzi = transposed.bind(
            dy, dzf, a, zeros_for(zi), zeros_for(x), wants=(True, False, True)
        )
        return for_linear((x, a, zi), (dx, None, dzi))

    def compose(x_dot: Any, a_dot: Any, zi_dot: Any, a: Any, zi: Any, y: Any) -> Any:
        return tuple(forward.bind(x_dot + weigh(a_dot, y, zi), a, zi_dot))

    def moved_jvp(primals: Arrays, tangents: Arrays) -> Any:
        if all(is_zero(t) for t in tangents[3:]):
            first = tuple(known(t) for t in tangents[:3])
            return tuple(moved.bind(*primals)), tuple(moved.bind(*first, *primals[3:]))
        return jax.jvp(compose, primals, tuple(known(t) for t in tangents))

    def moved_transpose(cotangents: Any, x_dot: Any, a_dot: Any, zi_dot: Any, *rest: Any) -> Any:
        linear = (x_dot, a_dot, zi_dot)
        wants = tuple(is_linear(argument) for argument in linear)
        found = transposed.bind(*(known(ct) for ct in cotangents), *rest, wants=wants)
        return [*for_linear(linear, found), None, None, None]

    def transposed_jvp(primals: Arrays, tangents: Arrays, *, wants: Any) -> Any:
        dy, dzf, a, zi, y = primals
        dy_dot, dzf_dot, a_dot, zi_dot, y_dot = (known(t) for t in tangents)
        outputs = tuple(transposed.bind(*primals, wants=wants))
        if all(is_zero(t) for t in tangents[2:]):
            return outputs, tuple(transposed.bind(dy_dot, dzf_dot, a, zi, y, wants=wants))
        dx = outputs[0]
        if not wants[0]:
            dx = transposed.bind(*primals, wants=(True, False, False))[0]
        _, into_signal = jax.vjp(lambda y, zi: weigh(a_dot, y, zi), y, zi)
        more_y, more_state = into_signal(dx)
        found = transposed.bind(dy_dot + more_y, dzf_dot, a, zi, y, wants=wants)
        _, into_a = jax.vjp(lambda a: weigh(a, y_dot, zi_dot), a)
        more = (jnp.zeros_like(found[0]), into_a(dx)[0], more_state)
        moves = (f + m if want else f for f, m, want in zip(found, more, wants))
        return outputs, tuple(moves)

    def transposed_transpose(cotangents: Any, *arguments: Any, wants: Any) -> Any:
        dy, dzf, a, zi, y = arguments
        shapes = (y.shape, a.shape, zi.shape)
        u, v, w = (
            known(ct) if want else jnp.zeros(shape, y.dtype)
            for ct, want, shape in zip(cotangents, wants, shapes)
        )
        found = moved.bind(u, v, w, a, zi, y) if wants[1] else forward.bind(u, a, w)
        return for_linear(arguments, (*found, None, None, None))

    ad.primitive_jvps[forward] = forward_jvp
    ad.primitive_transposes[forward] = forward_transpose
    ad.primitive_jvps[moved] = moved_jvp
    ad.primitive_transposes[moved] = moved_transpose
    ad.primitive_jvps[transposed] = transposed_jvp
    ad.primitive_transposes[transposed] = transposed_transpose
    return forward


allpole = recursion("allpole", -1, has_order=True)
recurrence = recursion("recurrence", +1, has_order=False)
