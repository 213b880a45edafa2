"""Derivatives of the linear recursions y[t] = x[t] + sign sum over i of a[t,i] y[t-i].

The gradients of y and its state zf reach x, a and zi through `gradient`, an operator too:

    dx = (the recursion's adjoint)(dy, dzf),   da[t,i] = sign dx[t] conj(y[t-i]),   dzi likewise

Along tangents (x', a', zi') the output moves by y' = recursion(x' + sign taps(a', y), a, zi'). In
(dy, dzf) `gradient` is the adjoint of that map, so for gradients (u, v, w) of (dx, da, dzi)

    the gradients of dy, dzf are p, its state:   p = recursion(u + sign taps(v, y), a, w)
    that of a is sign dx[t] conj(p[t-i]): `gradient` with p and w in the places of y and zi
    those of y, zi are sign taps_adjoint(v, dx)

and along tangents of its own arguments dx moves by the adjoint of dy' + sign taps_adjoint(a', dx).
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import torch
from torch import Tensor

from . import _frames, _kernels
from ._operator import is_final, operator

Tensors = Tuple[Optional[Tensor], ...]
_FORWARD = "(Tensor x, Tensor a, Tensor? zi) -> (Tensor, Tensor)"
_BACKWARD = (
    "(Tensor dy, Tensor? dzf, Tensor a, Tensor? zi, Tensor y, bool[] needs)"
    " -> (Tensor, Tensor, Tensor)"
)


def plus(a: Optional[Tensor], b: Optional[Tensor]) -> Optional[Tensor]:
    """The sum, where None is zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


def chosen(tensors: Tensors, needs: Any) -> Tensors:
    """None in the place of what is not needed."""
    return tuple(t if need else None for t, need in zip(tensors, needs))


def or_zeros(tensor: Optional[Tensor], like: Tensor) -> Tensor:
    return torch.zeros_like(like) if tensor is None else tensor


class _Recursion:
    """One recursion: sign, kernels, and whether coefficients and state have an order axis."""

    def __init__(self, name: str, sign: int, has_order: bool) -> None:
        self.sign, self.has_order = sign, has_order
        self.fused_jvp: Callable[..., Tuple[Tensor, ...]] = getattr(_kernels, f"{name}_jvp")
        self.gradient: Callable[..., Tuple[Tensor, ...]] = operator(
            f"{name}_backward",
            _BACKWARD,
            getattr(_kernels, f"{name}_backward"),
            getattr(_kernels, f"{name}_backward_like"),
            self._save_gradient,
            self._gradient_backward,
            self._gradient_jvp,
        )
        self.forward: Callable[..., Tuple[Tensor, ...]] = operator(
            name,
            _FORWARD,
            getattr(_kernels, name),
            getattr(_kernels, f"{name}_like"),
            self._save_forward,
            self._forward_backward,
            self._forward_jvp,
        )

    # With an order axis, and without.
    def _lift(self, tensor: Tensor) -> Tensor:
        return tensor if self.has_order else tensor[..., None]

    def _drop(self, tensor: Tensor) -> Tensor:
        return tensor if self.has_order else tensor[..., 0]

    def _taps(self, v: Tensor, y: Tensor, zi: Optional[Tensor]) -> Tensor:
        state = None if zi is None else self._lift(zi)
        return self.sign * _frames.taps(self._lift(v), y, state)

    def _taps_adjoint(self, v: Tensor, g: Tensor) -> Tuple[Tensor, Tensor]:
        dy, dzi = _frames.taps_adjoint(self._lift(v), g)
        return self.sign * dy, self.sign * self._drop(dzi)

    # --- forward ---
    @staticmethod
    def _save_forward(ctx: Any, inputs: Any, output: Any) -> None:
        _, a, zi = inputs
        ctx.save_for_backward(a, zi, output[0])
        ctx.save_for_forward(a, zi, output[0])
        ctx.set_materialize_grads(False)

    def _forward_backward(self, ctx: Any, dy: Optional[Tensor], dzf: Optional[Tensor]) -> Tensors:
        a, zi, y = ctx.saved_tensors
        if dy is None and dzf is None:
            return None, None, None
        needs = list(ctx.needs_input_grad)
        return chosen(self.gradient(or_zeros(dy, y), dzf, a, zi, y, needs), needs)

    def _forward_jvp(
        self,
        ctx: Any,
        x_dot: Optional[Tensor],
        a_dot: Optional[Tensor],
        zi_dot: Optional[Tensor],
    ) -> Tuple[Tensor, ...]:
        a, zi, y = ctx.saved_tensors
        moved = self.fused_jvp if is_final(x_dot, a_dot, zi_dot, a, zi, y) else self._moved
        return moved(x_dot, a_dot, zi_dot, a, zi, y)

    def _moved(
        self,
        x_dot: Optional[Tensor],
        a_dot: Optional[Tensor],
        zi_dot: Optional[Tensor],
        a: Tensor,
        zi: Optional[Tensor],
        y: Tensor,
    ) -> Tuple[Tensor, ...]:
        """How y and zf move along tangents, in operators that have derivatives."""
        through_a = None if a_dot is None else self._taps(a_dot, y, zi)
        return self.forward(or_zeros(plus(x_dot, through_a), y), a, zi_dot)

    # --- gradient ---
    @staticmethod
    def _save_gradient(ctx: Any, inputs: Any, output: Any) -> None:
        *tensors, ctx.needs = inputs
        ctx.save_for_backward(*tensors, output[0])
        ctx.save_for_forward(*tensors, output[0])
        ctx.set_materialize_grads(False)

    def _restore(self, ctx: Any) -> Tuple[Tuple[Any, ...], Tensor]:
        *tensors, dx = ctx.saved_tensors
        if not ctx.needs[0]:
            dx = self.gradient(*tensors, [True, False, False])[0]
        return tuple(tensors), dx

    def _gradient_backward(self, ctx: Any, *gradients: Optional[Tensor]) -> Tensors:
        u, v, w = chosen(gradients, ctx.needs)
        if u is None and v is None and w is None:
            return (None,) * 6
        (dy, dzf, a, zi, y), dx = self._restore(ctx)
        p, p_state = self._moved(u, v, w, a, zi, y)
        g_a = g_zi = g_y = None
        if ctx.needs_input_grad[2]:
            g_a = self.gradient(dy, dzf, a, w, p, [False, True, False])[1]
        if v is not None and (ctx.needs_input_grad[3] or ctx.needs_input_grad[4]):
            g_y, g_zi = self._taps_adjoint(v, dx)
        return chosen((p, p_state, g_a, g_zi, g_y, None), ctx.needs_input_grad)

    def _gradient_jvp(self, ctx: Any, *tangents: Optional[Tensor]) -> Tuple[Tensor, ...]:
        dy_dot, dzf_dot, a_dot, zi_dot, y_dot = tangents[:5]
        (dy, dzf, a, zi, y), dx = self._restore(ctx)
        drive, state = dy_dot, None
        if a_dot is not None:
            through_a, state = self._taps_adjoint(a_dot, dx)
            drive = plus(dy_dot, through_a)
        moved = list(self.gradient(or_zeros(drive, y), dzf_dot, a, zi, y, ctx.needs))
        if ctx.needs[1] and (y_dot is not None or zi_dot is not None):
            only_a = [False, True, False]
            moved[1] = moved[1] + self.gradient(dy, dzf, a, zi_dot, or_zeros(y_dot, y), only_a)[1]
        if ctx.needs[2] and state is not None:
            moved[2] = moved[2] + state
        return tuple(moved)


_allpole = _Recursion("allpole", -1, has_order=True)
_recurrence = _Recursion("recurrence", +1, has_order=False)

allpole, allpole_gradient = _allpole.forward, _allpole.gradient
recurrence, recurrence_gradient = _recurrence.forward, _recurrence.gradient
