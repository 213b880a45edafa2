"""From what a caller hands over to what the operators take: batch first, one dtype, one device."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)

Argument = Union[Tensor, float, int]
Shape = Tuple[int, ...]


def check(function: str, names: Sequence[str], tensors: Sequence[Optional[Tensor]]) -> None:
    """Tensors of one device; the message names the one that is not."""
    first = tensors[0]
    for name, tensor in zip(names, tensors):
        if tensor is None:
            continue
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise TypeError(f"{function}: {name} is a {kind}, expected a torch.Tensor")
        if not (tensor.is_floating_point() or tensor.is_complex()):
            raise TypeError(f"{function}: {name} is {tensor.dtype}, expected floating point")
        if tensor.device != first.device:
            raise ValueError(
                f"{function}: {name} is on {tensor.device}, expected {first.device}, where "
                f"{names[0]} is"
            )


def common_dtype(tensors: Sequence[Optional[Tensor]]) -> torch.dtype:
    """What the tensors are promoted to; half precision is computed, and returned, as float32."""
    dtype = None
    for tensor in tensors:
        if tensor is not None:
            dtype = tensor.dtype if dtype is None else torch.promote_types(dtype, tensor.dtype)
    return torch.float32 if dtype in _HALF else dtype


def to_dtype(tensors: Sequence[Optional[Tensor]]) -> List[Optional[Tensor]]:
    dtype = common_dtype(tensors)
    return [t if t is None or t.dtype == dtype else t.to(dtype) for t in tensors]


def as_tensor(value: Argument, like: Tensor) -> Tensor:
    """Numbers become tensors, which sit where the signal is."""
    if isinstance(value, Tensor):
        return value
    dtype = torch.float32 if like.dtype in _HALF else like.dtype
    return torch.as_tensor(value, dtype=dtype, device=like.device)


def require_axes(function: str, name: str, tensor: Tensor, axes: int, shape: str) -> None:
    if tensor.dim() < axes:
        raise ValueError(
            f"{function}: {name} has shape {tuple(tensor.shape)}, expected {shape}"
        )


def batch_shape(
    function: str, names: Sequence[str], tensors: Sequence[Optional[Tensor]], axes: Sequence[int]
) -> Shape:
    """What the leading axes broadcast to, where each tensor has so many axes of its own."""
    shapes = [
        tuple(t.shape[: t.dim() - own]) if t is not None else () for t, own in zip(tensors, axes)
    ]
    try:
        return tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        told = ", ".join(
            f"{name} {tuple(t.shape)}" for name, t in zip(names, tensors) if t is not None
        )
        raise ValueError(f"{function}: the leading axes do not broadcast: {told}") from None


def to_rows(tensor: Optional[Tensor], batch: Shape, own: int) -> Optional[Tensor]:
    """(B, ...): the leading axes broadcast to `batch` and joined."""
    if tensor is None:
        return None
    tail = tuple(tensor.shape[tensor.dim() - own :])
    if len(batch) == 1 and tensor.dim() == own + 1 and tensor.shape[0] == batch[0]:
        return tensor
    rows = 1
    for size in batch:
        rows *= size
    return tensor.expand(batch + tail).reshape((rows,) + tail)
