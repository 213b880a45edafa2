"""Derivatives of the FIR filter y[t] = sum over k of b[t,k] x[t-k].

It is linear in b, and linear in x and its state zi together; zf depends on the latter only. So

    along tangents:  y' = fir(x', b, zi') + fir(x, b', zi),   zf' = the state of the first
    `gradient`, (dy, dzf) to (dx, db, dzi), is linear in (dy, dzf), and in b or (x, zi) beside them

and its own derivatives are `fir` and `gradient` with one argument replaced.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from torch import Tensor

from . import _kernels
from ._operator import is_final, operator
from ._recursions import Tensors, chosen, or_zeros

_FORWARD = "(Tensor x, Tensor b, Tensor? zi) -> (Tensor, Tensor)"
_BACKWARD = (
    "(Tensor dy, Tensor? dzf, Tensor x, Tensor b, Tensor? zi, bool[] needs)"
    " -> (Tensor, Tensor, Tensor)"
)


def _save_forward(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(*inputs)
    ctx.save_for_forward(*inputs)
    ctx.set_materialize_grads(False)


def _forward_backward(ctx: Any, dy: Optional[Tensor], dzf: Optional[Tensor]) -> Tensors:
    x, b, zi = ctx.saved_tensors
    if dy is None and dzf is None:
        return None, None, None
    needs = list(ctx.needs_input_grad)
    return chosen(fir_gradient(or_zeros(dy, x), dzf, x, b, zi, needs), needs)


def _forward_jvp(
    ctx: Any, x_dot: Optional[Tensor], b_dot: Optional[Tensor], zi_dot: Optional[Tensor]
) -> Tuple[Tensor, ...]:
    x, b, zi = ctx.saved_tensors
    moved = _kernels.fir_jvp if is_final(x_dot, b_dot, zi_dot, x, b, zi) else _moved
    return moved(x_dot, b_dot, zi_dot, x, b, zi)


def _moved(
    x_dot: Optional[Tensor],
    b_dot: Optional[Tensor],
    zi_dot: Optional[Tensor],
    x: Tensor,
    b: Tensor,
    zi: Optional[Tensor],
) -> Tuple[Tensor, ...]:
    y_dot, zf_dot = fir(or_zeros(x_dot, x), b, zi_dot)
    if b_dot is not None:
        y_dot = y_dot + fir(x, b_dot, zi)[0]
    return y_dot, zf_dot


def _save_gradient(ctx: Any, inputs: Any, output: Any) -> None:
    *tensors, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)
    ctx.set_materialize_grads(False)


def _gradient_backward(ctx: Any, *gradients: Optional[Tensor]) -> Tensors:
    dy, dzf, x, b, zi = ctx.saved_tensors
    u, v, w = chosen(gradients, ctx.needs)
    if u is None and v is None and w is None:
        return (None,) * 6
    g_dy, g_dzf = _moved(u, v, w, x, b, zi)
    g_x = g_b = g_zi = None
    if v is not None and (ctx.needs_input_grad[2] or ctx.needs_input_grad[4]):
        g_x, _, g_zi = fir_gradient(dy, None, x, v, zi, [True, False, True])
    if ctx.needs_input_grad[3] and (u is not None or w is not None):
        g_b = fir_gradient(dy, dzf, or_zeros(u, x), b, w, [False, True, False])[1]
    return chosen((g_dy, g_dzf, g_x, g_b, g_zi, None), ctx.needs_input_grad)


def _gradient_jvp(ctx: Any, *tangents: Optional[Tensor]) -> Tuple[Tensor, ...]:
    dy, _, x, b, zi = ctx.saved_tensors
    dy_dot, dzf_dot, x_dot, b_dot, zi_dot = tangents[:5]
    need_x, need_b, need_zi = ctx.needs
    dx, db, dzi = fir_gradient(or_zeros(dy_dot, dy), dzf_dot, x, b, zi, ctx.needs)
    if b_dot is not None and (need_x or need_zi):
        more_x, _, more_zi = fir_gradient(dy, None, x, b_dot, zi, [need_x, False, need_zi])
        dx, dzi = dx + more_x, dzi + more_zi
    if need_b and (x_dot is not None or zi_dot is not None):
        other = or_zeros(x_dot, x)
        db = db + fir_gradient(dy, None, other, b, zi_dot, [False, True, False])[1]
    return dx, db, dzi


fir_gradient = operator(
    "fir_backward",
    _BACKWARD,
    _kernels.fir_backward,
    _kernels.fir_backward_like,
    _save_gradient,
    _gradient_backward,
    _gradient_jvp,
)
fir = operator(
    "fir",
    _FORWARD,
    _kernels.fir,
    _kernels.fir_like,
    _save_forward,
    _forward_backward,
    _forward_jvp,
)
