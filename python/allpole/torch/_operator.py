"""How a kernel becomes an operator of PyTorch.

Each operator exists twice, from the same pieces. In eager mode it is a torch.autograd.Function: the
shortest way to the kernel, and the only one that has forward mode. Where PyTorch traces instead of
computing (torch.compile, torch.export, FakeTensorMode) it is a torch.library.custom_op, opaque to
the tracer. Derivatives are written in terms of operators, so they have derivatives themselves.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Optional, Tuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

_PLAIN_TYPES = (Tensor, torch.nn.Parameter)

_is_compiling = getattr(torch.compiler, "is_compiling", lambda: False)
_mode_count = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)
_has_storage = getattr(torch._C, "_has_storage", lambda tensor: True)
_transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


def _hold_numbers(arguments: Iterable[Any]) -> bool:
    """Is there memory behind the tensors that a kernel can work on, and nobody who traces?"""
    if _mode_count() != 0:
        return False
    for tensor in arguments:
        if isinstance(tensor, Tensor) and not (
            type(tensor) in _PLAIN_TYPES
            and (tensor.is_cpu or tensor.is_cuda)
            and _has_storage(tensor)
        ):
            return False
    return True


def is_final(*tensors: Optional[Tensor]) -> bool:
    """True where a result of these tensors will not be differentiated or transformed further."""
    return not _transforms_active() and _hold_numbers(tensors) and not _require_grad(tensors)


def _require_grad(arguments: Iterable[Any]) -> bool:
    if torch.is_grad_enabled():
        for argument in arguments:
            if isinstance(argument, Tensor) and argument.requires_grad:
                return True
    return False


def _fold(size: int, argument: Any, dim: Any) -> Any:
    """Joins the axis that vmap maps over with the batch axis, which is the first."""
    if not isinstance(argument, Tensor):
        return argument
    if dim is None:
        argument = argument.expand(size, *argument.shape)
    else:
        argument = argument.movedim(dim, 0)
    return argument.reshape(size * argument.shape[1], *argument.shape[2:])


def _batching(call: Callable[..., Tuple[Tensor, ...]]) -> Callable[..., Any]:
    """The vmap rule of an operator whose tensors are all batch first."""

    def vmap(info: Any, in_dims: Tuple[Any, ...], *arguments: Any) -> Any:
        size = info.batch_size
        outputs = call(*(_fold(size, arg, dim) for arg, dim in zip(arguments, in_dims)))
        unfolded = tuple(out.reshape(size, out.shape[0] // size, *out.shape[1:]) for out in outputs)
        return unfolded, (0,) * len(unfolded)

    return vmap


def _register(
    name: str,
    schema: str,
    kernel: Callable[..., Tuple[Tensor, ...]],
    like: Callable[..., Tuple[Tensor, ...]],
    setup: Callable[..., None],
    backward: Callable[..., Any],
) -> Callable[..., Tuple[Tensor, ...]]:
    """Registers torch.ops.allpole.NAME. PyTorch before 2.4 has no such thing, nor needs it here."""
    if not hasattr(torch.library, "custom_op"):
        return kernel
    op = torch.library.custom_op(f"allpole::{name}", kernel, mutates_args=(), schema=schema)
    op.register_fake(like)
    op.register_autograd(backward, setup_context=setup)
    if hasattr(op, "register_vmap"):
        op.register_vmap(_batching(op))
    return getattr(torch.ops.allpole, name)


def operator(
    name: str,
    schema: str,
    kernel: Callable[..., Tuple[Tensor, ...]],
    like: Callable[..., Tuple[Tensor, ...]],
    setup: Callable[..., None],
    backward: Callable[..., Any],
    jvp: Callable[..., Any],
) -> Callable[..., Tuple[Tensor, ...]]:
    """
    Makes an operator of a kernel.

    :param like: outputs of the right shapes, uncomputed.
    :param setup: (ctx, inputs, output): saves what the derivatives need.
    :param backward: (ctx, *gradients of the outputs): gradients of the inputs, None where unwanted.
    :param jvp: (ctx, *tangents of the inputs): tangents of the outputs.
    """
    op = _register(name, schema, kernel, like, setup, backward)

    def run(*arguments: Any) -> Tuple[Tensor, ...]:
        return (kernel if _hold_numbers(arguments) else op)(*arguments)

    def run_and_save(ctx: Any, *arguments: Any) -> Tuple[Tensor, ...]:
        outputs = run(*arguments)
        setup(ctx, arguments, outputs)
        return outputs

    # torch.func needs a Function with setup_context; one without it costs half the time.
    derivatives = {"backward": staticmethod(backward), "jvp": staticmethod(jvp)}
    base = (torch.autograd.Function,)
    eager: Any = type(
        f"Allpole_{name}", base, {"forward": staticmethod(run_and_save), **derivatives}
    )
    members = {"forward": staticmethod(run), "setup_context": staticmethod(setup), **derivatives}
    transformed: Any = type(f"Allpole_{name}_transformed", base, members)
    transformed.vmap = staticmethod(_batching(transformed.apply))

    def call(*arguments: Any) -> Tuple[Tensor, ...]:
        if _is_compiling():
            return op(*arguments)
        if _transforms_active():
            return transformed.apply(*arguments)
        if getattr(forward_ad, "_current_level", 0) >= 0 or _require_grad(arguments):
            return eager.apply(*arguments)
        return run(*arguments)  # inference, and nearly every backward pass

    return call
