"""Derivatives of the attack and release smoothing y[t] = (1-c[t]) y[t-1] + c[t] x[t].

The branch that every sample took, c = at or rt, is held fixed; then this is a recurrence.

    along tangents:  y' = recurrence(c x' + c' (x - y[t-1]), 1-c, zi')
    `gradient`:      ds = (the recurrence's adjoint)(dy, dzf),   dx = c ds,   dzi = (1-c[0]) ds[0],
                     dat, drt = sums of ds (x - y[t-1]) over the samples of each branch

In (dy, dzf) `gradient` is the adjoint of the first line. For gradients (u, w, va, vr) of (dx, dzi,
dat, drt) let p be y' along them and e = ds times va or vr, by branch: the gradients of x and y[t-1]
are e and -e, that of c is ds (u - p[t-1]).
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import torch
from torch import Tensor

from . import _kernels
from ._frames import before
from ._operator import operator
from ._recursions import Tensors, chosen, or_zeros, plus, recurrence, recurrence_gradient

_FORWARD = "(Tensor x, Tensor? zi, Tensor at, Tensor rt) -> (Tensor, Tensor)"
_BACKWARD = (
    "(Tensor dy, Tensor? dzf, Tensor x, Tensor? zi, Tensor at, Tensor rt, Tensor y, bool[] needs)"
    " -> (Tensor, Tensor, Tensor, Tensor)"
)


class _Branches:
    """Which coefficient each sample took."""

    def __init__(self, x: Tensor, zi: Optional[Tensor], at: Tensor, rt: Tensor, y: Tensor) -> None:
        self.previous = before(y, zi)
        self.falls = x < self.previous
        self.c = self.of(at, rt)
        self.distance = x - self.previous

    def of(self, at: Optional[Tensor], rt: Optional[Tensor]) -> Tensor:
        """A value a row for each branch: the one of every sample. None is zero."""
        zero = self.previous.new_zeros(self.previous.shape[0])
        at, rt = or_zeros(at, zero), or_zeros(rt, zero)
        return torch.where(self.falls, at[:, None], rt[:, None])

    def sums(self, values: Tensor) -> Tuple[Tensor, Tensor]:
        zero = torch.zeros_like(values)
        return (
            torch.where(self.falls, values, zero).sum(1),
            torch.where(self.falls, zero, values).sum(1),
        )


def _save_forward(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(*inputs, output[0])
    ctx.save_for_forward(*inputs, output[0])
    ctx.set_materialize_grads(False)


def _forward_backward(ctx: Any, dy: Optional[Tensor], dzf: Optional[Tensor]) -> Tensors:
    x, zi, at, rt, y = ctx.saved_tensors
    if dy is None and dzf is None:
        return (None,) * 4
    needs = list(ctx.needs_input_grad)
    return chosen(ballistics_gradient(or_zeros(dy, y), dzf, x, zi, at, rt, y, needs), needs)


def _forward_jvp(
    ctx: Any,
    x_dot: Optional[Tensor],
    zi_dot: Optional[Tensor],
    at_dot: Optional[Tensor],
    rt_dot: Optional[Tensor],
) -> Tuple[Tensor, ...]:
    x, zi, at, rt, y = ctx.saved_tensors
    return _moved(x_dot, zi_dot, at_dot, rt_dot, _Branches(x, zi, at, rt, y))


def _moved(
    x_dot: Optional[Tensor],
    zi_dot: Optional[Tensor],
    at_dot: Optional[Tensor],
    rt_dot: Optional[Tensor],
    branches: _Branches,
) -> Tuple[Tensor, ...]:
    drive = None if x_dot is None else branches.c * x_dot
    if at_dot is not None or rt_dot is not None:
        drive = plus(drive, branches.of(at_dot, rt_dot) * branches.distance)
    return recurrence(or_zeros(drive, branches.c), 1 - branches.c, zi_dot)


def _save_gradient(ctx: Any, inputs: Any, output: Any) -> None:
    *tensors, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)
    ctx.set_materialize_grads(False)


def _gradient_backward(ctx: Any, *gradients: Optional[Tensor]) -> Tensors:
    dy, dzf, x, zi, at, rt, y = ctx.saved_tensors
    u, w, va, vr = chosen(gradients, ctx.needs)
    if u is None and w is None and va is None and vr is None:
        return (None,) * 8
    branches = _Branches(x, zi, at, rt, y)
    ds = recurrence_gradient(dy, dzf, 1 - branches.c, zi, y, [True, False, False])[0]
    p, p_state = _moved(u, w, va, vr, branches)
    e = branches.of(va, vr) * ds
    g_y = -torch.cat([e[:, 1:], torch.zeros_like(e[:, :1])], dim=1)
    g_zi = -e[:, :1].sum(1)
    g_at, g_rt = branches.sums(ds * (or_zeros(u, ds) - before(p, w)))
    return chosen((p, p_state, e, g_zi, g_at, g_rt, g_y, None), ctx.needs_input_grad)


def _gradient_jvp(ctx: Any, *tangents: Optional[Tensor]) -> Tuple[Tensor, ...]:
    dy, dzf, x, zi, at, rt, y = ctx.saved_tensors
    dy_dot, dzf_dot, x_dot, zi_dot, at_dot, rt_dot, y_dot = tangents[:7]
    branches = _Branches(x, zi, at, rt, y)
    keep = 1 - branches.c
    ds = recurrence_gradient(dy, dzf, keep, zi, y, [True, False, False])[0]
    c_dot = branches.of(at_dot, rt_dot)
    lost = c_dot * ds  # what the moved coefficient takes from the gradient of y[t-1]
    drive = or_zeros(dy_dot, y) - torch.cat([lost[:, 1:], torch.zeros_like(lost[:, :1])], dim=1)
    ds_dot, _, dzi = recurrence_gradient(drive, dzf_dot, keep, zi, y, [True, False, True])
    distance_dot = or_zeros(x_dot, x) - before(or_zeros(y_dot, y), zi_dot)
    dat, drt = branches.sums(ds_dot * branches.distance + ds * distance_dot)
    moved = (branches.c * ds_dot + lost, dzi - lost[:, :1].sum(1), dat, drt)
    absent = x.new_empty(x.shape[0], 0)
    return tuple(m if need else absent for m, need in zip(moved, ctx.needs))


ballistics_gradient = operator(
    "ballistics_backward",
    _BACKWARD,
    _kernels.ballistics_backward,
    _kernels.ballistics_backward_like,
    _save_gradient,
    _gradient_backward,
    _gradient_jvp,
)
ballistics = operator(
    "ballistics",
    _FORWARD,
    _kernels.ballistics,
    _kernels.ballistics_like,
    _save_forward,
    _forward_backward,
    _forward_jvp,
)
