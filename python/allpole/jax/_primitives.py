"""JAX primitives of the operators, with rules for jvp, transposition and batching.

For a linear recursion F (x, a, zi) -> (y, zf) there are two more: J, how y and zf move along
tangents (x', a', zi'), and T, the transpose of J, which is the backward kernel. All derivatives of
any order come from these and from `taps`, in JAX's own operations:

    J(x', a', zi'; a, zi, y) = F(x' + sign taps(a', y, zi), a, zi')
    T(dy, dzf; a, zi, y) = (dx, da, dzi);   along a' its dx moves by T of sign taps^T(a', dx)

JAX's transposes have no conjugation, the kernels' gradients have: T conjugates before and after.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Sequence, Tuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from . import _calls

Arrays = Tuple[Any, ...]


def primitive(name: str, evaluate: Callable[..., Arrays]) -> Primitive:
    """A primitive whose arrays are all batch first, evaluated by a call of a kernel."""
    p = Primitive(f"allpole_{name}")
    p.multiple_results = True

    @functools.lru_cache(maxsize=None)
    def jitted(parameters: Any) -> Callable[..., Any]:
        return jax.jit(functools.partial(p.bind, **dict(parameters)))

    def abstract(*inputs: Any, **parameters: Any) -> Any:
        structs = [jax.ShapeDtypeStruct(i.shape, i.dtype) for i in inputs]
        outputs = jax.eval_shape(functools.partial(evaluate, **parameters), *structs)
        return [jax.core.ShapedArray(out.shape, out.dtype) for out in outputs]

    def batch(inputs: Sequence[Any], axes: Sequence[Any], **parameters: Any) -> Any:
        size = next(i.shape[axis] for i, axis in zip(inputs, axes) if axis is not None)
        folded = []
        for i, axis in zip(inputs, axes):
            i = jnp.broadcast_to(i, (size, *i.shape)) if axis is None else jnp.moveaxis(i, axis, 0)
            folded.append(i.reshape((size * i.shape[1], *i.shape[2:])))
        outputs = p.bind(*folded, **parameters)
        unfolded = [o.reshape((size, o.shape[0] // size, *o.shape[1:])) for o in outputs]
        return unfolded, [0] * len(unfolded)

    p.def_impl(lambda *inputs, **parameters: jitted(tuple(parameters.items()))(*inputs))
    p.def_abstract_eval(abstract)
    mlir.register_lowering(p, mlir.lower_fun(evaluate, multiple_results=True), platform="cpu")
    batching.primitive_batchers[p] = batch
    return p


def _known(tangent: Any) -> Any:
    return ad.instantiate_zeros(tangent)


def _is_zero(tangent: Any) -> bool:
    return type(tangent) is ad.Zero


def _linear(argument: Any) -> bool:
    return ad.is_undefined_primal(argument)


def _zeros(argument: Any) -> Any:
    """An array in the place of an argument that a transposition stands for."""
    return jnp.zeros(argument.aval.shape, argument.aval.dtype) if _linear(argument) else argument


def _for_linear(arguments: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
    return [ct if _linear(a) else None for a, ct in zip(arguments, cotangents)]


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
        if _is_zero(a_dot):
            return (y, zf), tuple(forward.bind(_known(x_dot), a, _known(zi_dot)))
        tangents = tuple(_known(t) for t in tangents)
        return (y, zf), tuple(moved.bind(*tangents, a, zi, y))

    def forward_transpose(cotangents: Any, x: Any, a: Any, zi: Any) -> Any:
        dy, dzf = (_known(ct) for ct in cotangents)
        dx, _, dzi = transposed.bind(dy, dzf, a, _zeros(zi), _zeros(x), wants=(True, False, True))
        return _for_linear((x, a, zi), (dx, None, dzi))

    def compose(x_dot: Any, a_dot: Any, zi_dot: Any, a: Any, zi: Any, y: Any) -> Any:
        return tuple(forward.bind(x_dot + weigh(a_dot, y, zi), a, zi_dot))

    def moved_jvp(primals: Arrays, tangents: Arrays) -> Any:
        if all(_is_zero(t) for t in tangents[3:]):
            first = tuple(_known(t) for t in tangents[:3])
            return tuple(moved.bind(*primals)), tuple(moved.bind(*first, *primals[3:]))
        return jax.jvp(compose, primals, tuple(_known(t) for t in tangents))

    def moved_transpose(cotangents: Any, x_dot: Any, a_dot: Any, zi_dot: Any, *rest: Any) -> Any:
        linear = (x_dot, a_dot, zi_dot)
        wants = tuple(_linear(argument) for argument in linear)
        found = transposed.bind(*(_known(ct) for ct in cotangents), *rest, wants=wants)
        return [*_for_linear(linear, found), None, None, None]

    def transposed_jvp(primals: Arrays, tangents: Arrays, *, wants: Any) -> Any:
        dy, dzf, a, zi, y = primals
        dy_dot, dzf_dot, a_dot, zi_dot, y_dot = (_known(t) for t in tangents)
        outputs = tuple(transposed.bind(*primals, wants=wants))
        if all(_is_zero(t) for t in tangents[2:]):
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
            _known(ct) if want else jnp.zeros(shape, y.dtype)
            for ct, want, shape in zip(cotangents, wants, shapes)
        )
        found = moved.bind(u, v, w, a, zi, y) if wants[1] else forward.bind(u, a, w)
        return _for_linear(arguments, (*found, None, None, None))

    ad.primitive_jvps[forward] = forward_jvp
    ad.primitive_transposes[forward] = forward_transpose
    ad.primitive_jvps[moved] = moved_jvp
    ad.primitive_transposes[moved] = moved_transpose
    ad.primitive_jvps[transposed] = transposed_jvp
    ad.primitive_transposes[transposed] = transposed_transpose
    return forward


allpole = recursion("allpole", -1, has_order=True)
recurrence = recursion("recurrence", +1, has_order=False)


# --- FIR filter: linear in (x, zi) and in b -------------------------------------------------------
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
    y_dot, zf_dot = fir.bind(_known(x_dot), b, _known(zi_dot))
    if not _is_zero(b_dot):
        y_dot = y_dot + fir.bind(x, b_dot, zi)[0]
    return tuple(fir.bind(x, b, zi)), (y_dot, zf_dot)


def _fir_transpose(cotangents: Any, x: Any, b: Any, zi: Any) -> Any:
    wants = (_linear(x) or _linear(zi), _linear(b), _linear(x) or _linear(zi))
    cotangents = tuple(_known(ct) for ct in cotangents)
    found = fir_transposed.bind(*cotangents, _zeros(x), _zeros(b), _zeros(zi), wants=wants)
    return _for_linear((x, b, zi), found)


def _fir_transposed_jvp(primals: Arrays, tangents: Arrays, *, wants: Any) -> Any:
    dy, dzf, x, b, zi = primals
    dy_dot, dzf_dot, x_dot, b_dot, zi_dot = tangents
    moves = list(fir_transposed.bind(_known(dy_dot), _known(dzf_dot), x, b, zi, wants=wants))
    if not _is_zero(b_dot):
        only = (wants[0], False, wants[2])
        dx, _, dzi = fir_transposed.bind(dy, jnp.zeros_like(dzf), x, b_dot, zi, wants=only)
        moves[0], moves[2] = moves[0] + dx, moves[2] + dzi
    if wants[1] and not (_is_zero(x_dot) and _is_zero(zi_dot)):
        state = jnp.zeros_like(dzf)
        others = (_known(x_dot), b, _known(zi_dot))
        moves[1] = moves[1] + fir_transposed.bind(dy, state, *others, wants=(False, True, False))[1]
    return tuple(fir_transposed.bind(*primals, wants=wants)), tuple(moves)


def _fir_transposed_transpose(cotangents: Any, *arguments: Any, wants: Any) -> Any:
    dy, dzf, x, b, zi = arguments
    shapes = [(x.aval if _linear(x) else x).shape, (b.aval if _linear(b) else b).shape]
    shapes.append((zi.aval if _linear(zi) else zi).shape)
    dtype = (dy.aval if _linear(dy) else dy).dtype
    u, v, w = (
        _known(ct) if want else jnp.zeros(shape, dtype)
        for ct, want, shape in zip(cotangents, wants, shapes)
    )
    found: Any = [None] * 5
    if _linear(dy) or _linear(dzf):
        y, found[1] = fir.bind(u, b, w)
        found[0] = y + fir.bind(x, v, zi)[0] if wants[1] else y
    if _linear(b):
        found[3] = fir_transposed.bind(dy, dzf, u, _zeros(b), w, wants=(False, True, False))[1]
    if _linear(x) or _linear(zi):
        state, others = jnp.zeros_like(dzf), (_zeros(x), v, _zeros(zi))
        found[2], _, found[4] = fir_transposed.bind(dy, state, *others, wants=(True, False, True))
    return _for_linear(arguments, found)


ad.primitive_jvps[fir] = _fir_jvp
ad.primitive_transposes[fir] = _fir_transpose
ad.primitive_jvps[fir_transposed] = _fir_transposed_jvp
ad.primitive_transposes[fir_transposed] = _fir_transposed_transpose


# --- attack and release: a recurrence once the branches are known ---------------------------------
def _run_ballistics(x: Any, zi: Any, at: Any, rt: Any) -> Arrays:
    return _calls.call("ballistics_forward", x.shape, (x, zi, at, rt), (x.shape, zi.shape))


ballistics = primitive("ballistics", _run_ballistics)


def _ballistics_jvp(primals: Arrays, tangents: Arrays) -> Any:
    x, zi, at, rt = primals
    x_dot, zi_dot, at_dot, rt_dot = (_known(t) for t in tangents)
    y, zf = ballistics.bind(*primals)
    previous = jnp.concatenate([zi[:, None], y], axis=1)[:, : y.shape[1]]
    falls = x < previous
    c = jnp.where(falls, at[:, None], rt[:, None])
    c_dot = jnp.where(falls, at_dot[:, None], rt_dot[:, None])
    drive = c * x_dot + c_dot * (x - previous)
    return (y, zf), tuple(recurrence.bind(drive, 1 - c, zi_dot))


ad.primitive_jvps[ballistics] = _ballistics_jvp
