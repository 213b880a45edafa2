"""The FIR filter: linear in (x, zi) and in b, so that its transpose by either is a kernel."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.interpreters import ad

from . import _calls
from ._primitives import Arrays, for_linear, is_linear, is_zero, known, primitive, zeros_for


def _run_fir(x: Any, b: Any, zi: Any) -> Arrays:
    return _calls.call("fir_forward", (*x.shape, *b.shape[1:]), (x, b, zi), (x.shape, zi.shape))


def _run_fir_transposed(dy: Any, dzf: Any, x: Any, b: Any, zi: Any, *, wants: Any) -> Arrays:
    inputs, sizes = (dy, dzf, x, b, zi), (*x.shape, *b.shape[1:])
    return _calls.call("fir_backward", sizes, inputs, (x.shape, b.shape, zi.shape), wants)


fir = primitive("fir", _run_fir)
fir_transposed = primitive("fir_transpose", _run_fir_transposed)


def _fir_jvp(primals: Arrays, tangents: Arrays) -> Any:
    x, b, zi = primals
    x_dot, b_dot, zi_dot = tangents
    y_dot, zf_dot = fir.bind(known(x_dot), b, known(zi_dot))
    if not is_zero(b_dot):
        y_dot = y_dot + fir.bind(x, b_dot, zi)[0]
    return tuple(fir.bind(x, b, zi)), (y_dot, zf_dot)


def _fir_transpose(cotangents: Any, x: Any, b: Any, zi: Any) -> Any:
    wants = (is_linear(x) or is_linear(zi), is_linear(b), is_linear(x) or is_linear(zi))
    cotangents = tuple(known(ct) for ct in cotangents)
    found = fir_transposed.bind(*cotangents, zeros_for(x), zeros_for(b), zeros_for(zi), wants=wants)
    return for_linear((x, b, zi), found)


def _fir_transposed_jvp(primals: Arrays, tangents: Arrays, *, wants: Any) -> Any:
    dy, dzf, x, b, zi = primals
    dy_dot, dzf_dot, x_dot, b_dot, zi_dot = tangents
    moves = list(fir_transposed.bind(known(dy_dot), known(dzf_dot), x, b, zi, wants=wants))
    if not is_zero(b_dot):
        only = (wants[0], False, wants[2])
        dx, _, dzi = fir_transposed.bind(dy, jnp.zeros_like(dzf), x, b_dot, zi, wants=only)
        moves[0], moves[2] = moves[0] + dx, moves[2] + dzi
    if wants[1] and not (is_zero(x_dot) and is_zero(zi_dot)):
        state = jnp.zeros_like(dzf)
        others = (known(x_dot), b, known(zi_dot))
        moves[1] = moves[1] + fir_transposed.bind(dy, state, *others, wants=(False, True, False))[1]
    return tuple(fir_transposed.bind(*primals, wants=wants)), tuple(moves)


def _fir_transposed_transpose(cotangents: Any, *arguments: Any, wants: Any) -> Any:
    dy, dzf, x, b, zi = arguments
    shapes = [(x.aval if is_linear(x) else x).shape, (b.aval if is_linear(b) else b).shape]
    shapes.append((zi.aval if is_linear(zi) else zi).shape)
    dtype = (dy.aval if is_linear(dy) else dy).dtype
    u, v, w = (
        known(ct) if want else jnp.zeros(shape, dtype)
        for ct, want, shape in zip(cotangents, wants, shapes)
    )
    found: Any = [None] * 5
    if is_linear(dy) or is_linear(dzf):
        y, found[1] = fir.bind(u, b, w)
        found[0] = y + fir.bind(x, v, zi)[0] if wants[1] else y
    if is_linear(b):
        found[3] = fir_transposed.bind(dy, dzf, u, zeros_for(b), w, wants=(False, True, False))[1]
    if is_linear(x) or is_linear(zi):
        state, others = jnp.zeros_like(dzf), (zeros_for(x), v, zeros_for(zi))
        found[2], _, found[4] = fir_transposed.bind(dy, state, *others, wants=(True, False, True))
    return for_linear(arguments, found)


ad.primitive_jvps[fir] = _fir_jvp
ad.primitive_transposes[fir] = _fir_transpose
ad.primitive_jvps[fir_transposed] = _fir_transposed_jvp
ad.primitive_transposes[fir_transposed] = _fir_transposed_transpose
