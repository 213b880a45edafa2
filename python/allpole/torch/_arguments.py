"""From what a caller hands over to what the operators take: batch first, one dtype, one device."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor

from .._signatures import STATES, Shape, Signature, cannot_broadcast, check_axes, check_rows

_KERNEL_DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
_HALF = (torch.float16, torch.bfloat16)

Argument = Union[Tensor, float, int]
MaybeTensors = Sequence[Optional[Tensor]]


class Prepared(NamedTuple):
    """What the operator takes, and the leading axes that its outputs get back; None: one."""

    tensors: List[Optional[Tensor]]
    batch: Optional[Shape]


def prepare(signature: Signature, tensors: MaybeTensors) -> Prepared:
    """Checks, promotes, broadcasts. The first tensor is the signal."""
    if _as_operators_take_it(signature, tensors):
        check_rows(signature, tensors)
        return Prepared(list(tensors), None)
    _check(signature, tensors)
    tensors = _to_common_dtype(tensors)
    batch = _batch_shape(signature, tensors)
    rows = [_to_rows(t, batch, own) for t, own in zip(tensors, signature.axes)]
    check_rows(signature, rows)
    return Prepared(rows, None if len(batch) == 1 else batch)


def restore(outputs: Tuple[Tensor, ...], batch: Optional[Shape]) -> Tuple[Tensor, Tensor]:
    """The leading axes of the outputs, which are y and zf."""
    y, zf = outputs
    if batch is None:
        return y, zf
    return y.reshape(batch + tuple(y.shape[1:])), zf.reshape(batch + tuple(zf.shape[1:]))


def as_tensor(value: Argument, like: Tensor) -> Tensor:
    """Numbers become tensors, which sit where the signal is."""
    if isinstance(value, Tensor) or not isinstance(value, (int, float)):
        return value  # what is neither is refused by name
    dtype = torch.float32 if like.dtype in _HALF else like.dtype
    return torch.full((), value, dtype=dtype, device=like.device)


def _as_operators_take_it(signature: Signature, tensors: MaybeTensors) -> bool:
    """The usual case, decided in as few calls as possible."""
    first = tensors[0]
    if not isinstance(first, Tensor) or first.dtype not in _KERNEL_DTYPES or first.dim() != 2:
        return False
    if signature.real and first.is_complex():
        return False
    dtype, device, rows = first.dtype, first.device, first.shape[0]
    for tensor, own in zip(tensors[1:], signature.axes[1:]):
        if tensor is not None and not (
            isinstance(tensor, Tensor)
            and tensor.dtype == dtype
            and tensor.dim() == own + 1
            and tensor.shape[0] == rows
            and tensor.device == device
        ):
            return False
    return all(tensor is not None for tensor in tensors[:-1])  # the last one, zi, is optional


def _check(signature: Signature, tensors: MaybeTensors) -> None:
    """The message names the argument that is wrong."""
    function = signature.function
    device: Optional[torch.device] = None  # the signal's
    for name, tensor in zip(signature.names, tensors):
        if tensor is None and name in STATES:
            continue
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise TypeError(f"{function}: {name} is of type {kind}, expected a torch.Tensor")
        if tensor.is_complex() and signature.real:
            raise TypeError(f"{function}: {name} is {tensor.dtype}, expected real numbers")
        if not (tensor.is_floating_point() or tensor.is_complex()):
            raise TypeError(f"{function}: {name} is {tensor.dtype}, expected floating point")
        device = tensor.device if device is None else device
        if tensor.device != device:
            where = f"{device}, where {signature.names[0]} is"
            raise ValueError(f"{function}: {name} is on {tensor.device}, expected {where}")
    check_axes(signature, tensors)


def _to_common_dtype(tensors: MaybeTensors) -> MaybeTensors:
    """Promoted to a common dtype; half precision is computed, and returned, as float32."""
    dtype = None
    for tensor in tensors:
        if tensor is not None:
            dtype = tensor.dtype if dtype is None else torch.promote_types(dtype, tensor.dtype)
    dtype = torch.float32 if dtype in _HALF else dtype
    return [t if t is None or t.dtype == dtype else t.to(dtype) for t in tensors]


def _batch_shape(signature: Signature, tensors: MaybeTensors) -> Shape:
    """What the leading axes broadcast to."""
    leading = [t.shape[: t.dim() - own] for t, own in zip(tensors, signature.axes) if t is not None]
    try:
        return tuple(torch.broadcast_shapes(*leading))
    except RuntimeError:
        raise cannot_broadcast(signature, tensors) from None


def _to_rows(tensor: Optional[Tensor], batch: Shape, own: int) -> Optional[Tensor]:
    """(B, ...): the leading axes broadcast to `batch` and joined."""
    if tensor is None:
        return None
    tail = tuple(tensor.shape[tensor.dim() - own :])
    rows = 1
    for size in batch:
        rows *= size
    return tensor.expand(batch + tail).reshape((rows,) + tail)
