"""Attack and release: once the branch that each sample took is known, a recurrence.

    J(x', zi', at', rt'; x, zi, at, rt, y) = recurrence(c x' + c' (x - y[t-1]), 1-c, zi')

with c = at or rt by branch, which derivatives hold fixed. T is the backward kernel; how it moves is
taken from J, written in operations that have derivatives.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import ad

from . import _calls
from ._primitives import Arrays, for_linear, is_linear, is_zero, known, primitive
from ._recursions import recurrence


def _run_forward(x: Any, zi: Any, at: Any, rt: Any) -> Arrays:
    return _calls.call("ballistics_forward", x.shape, (x, zi, at, rt), (x.shape, zi.shape))


def _run_moved(
    x_dot: Any, zi_dot: Any, at_dot: Any, rt_dot: Any, x: Any, zi: Any, at: Any, rt: Any, y: Any
) -> Arrays:
    previous = jnp.concatenate([zi[:, None], y], axis=1)[:, : y.shape[1]]
    falls = x < previous
    c = jnp.where(falls, at[:, None], rt[:, None])
    c_dot = jnp.where(falls, at_dot[:, None], rt_dot[:, None])
    drive = c * x_dot + c_dot * (x - previous)
    return tuple(recurrence.bind(drive, 1 - c, zi_dot))


def _run_transposed(
    dy: Any, dzf: Any, x: Any, zi: Any, at: Any, rt: Any, y: Any, *, wants: Any
) -> Arrays:
    inputs, shapes = (dy, dzf, x, zi, at, rt, y), (x.shape, zi.shape, at.shape, rt.shape)
    return tuple(_calls.call("ballistics_backward", x.shape, inputs, shapes, wants))


ballistics = primitive("ballistics", _run_forward)
_moved = primitive("ballistics_jvp", _run_moved)
_transposed = primitive("ballistics_transpose", _run_transposed)


def _forward_jvp(primals: Arrays, tangents: Arrays) -> Any:
    y, zf = ballistics.bind(*primals)
    return (y, zf), tuple(_moved.bind(*(known(t) for t in tangents), *primals, y))


def _moved_jvp(primals: Arrays, tangents: Arrays) -> Any:
    if all(is_zero(t) for t in tangents[4:]):
        first = tuple(known(t) for t in tangents[:4])
        return tuple(_moved.bind(*primals)), tuple(_moved.bind(*first, *primals[4:]))
    return jax.jvp(_run_moved, primals, tuple(known(t) for t in tangents))


def _moved_transpose(cotangents: Any, *arguments: Any) -> Any:
    linear, rest = arguments[:4], arguments[4:]
    wants = tuple(is_linear(argument) for argument in linear)
    found = _transposed.bind(*(known(ct) for ct in cotangents), *rest, wants=wants)
    return [*for_linear(linear, found), *(None for _ in rest)]


def _transposed_jvp(primals: Arrays, tangents: Arrays, *, wants: Any) -> Any:
    outputs = tuple(_transposed.bind(*primals, wants=wants))
    if all(is_zero(t) for t in tangents[2:]):
        first = tuple(known(t) for t in tangents[:2])
        return outputs, tuple(_transposed.bind(*first, *primals[2:], wants=wants))

    def gradient(dy: Any, dzf: Any, *rest: Any) -> Arrays:
        still = [jnp.zeros_like(a) for a in rest[:4]]
        _, pull = jax.vjp(lambda *moves: _run_moved(*moves, *rest), *still)
        return pull((dy, dzf))

    _, moves = jax.jvp(gradient, primals, tuple(known(t) for t in tangents))
    absent = outputs[0][:, :0]
    return outputs, tuple(m if want else absent for m, want in zip(moves, wants))


def _transposed_transpose(cotangents: Any, *arguments: Any, wants: Any) -> Any:
    x, zi, at, rt, y = arguments[2:]
    moves = (
        known(ct) if want else jnp.zeros_like(a)
        for ct, want, a in zip(cotangents, wants, (x, zi, at, rt))
    )
    found = _moved.bind(*moves, x, zi, at, rt, y)
    return for_linear(arguments, (*found, None, None, None, None, None))


ad.primitive_jvps[ballistics] = _forward_jvp
ad.primitive_jvps[_moved] = _moved_jvp
ad.primitive_transposes[_moved] = _moved_transpose
ad.primitive_jvps[_transposed] = _transposed_jvp
ad.primitive_transposes[_transposed] = _transposed_transpose
