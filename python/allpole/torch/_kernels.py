"""The kernels on plain tensors: batch first, one dtype, one device, no autograd.

Outputs that are not wanted are tensors of shape (B, 0), because a registered operator always
returns the same number of tensors.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import torch
from torch import Tensor

from .. import _library

_DTYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.complex64: "complex64",
    torch.complex128: "complex128",
}

Needs = Sequence[bool]

_LARGE = 1 << 20  # elements


def _dense(tensor: Tensor) -> Tensor:
    """As the kernels read it: no strides, no conjugation or sign that waits to be carried out."""
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    return tensor.contiguous()


def _run(
    name: str,
    sizes: Tuple[int, ...],
    inputs: Sequence[Optional[Tensor]],
    outputs: Sequence[Optional[Tensor]],
) -> None:
    # The dense copies must live until the call returns; on a GPU the allocator keeps their memory
    # for the stream that they were made on, which is the kernel's.
    dense = [None if t is None else _dense(t) for t in inputs]
    addresses = [None if t is None else t.data_ptr() for t in (*dense, *outputs)]
    like = inputs[0] if inputs[0] is not None else outputs[0]
    assert like is not None  # only a tangent may be left out, and then all outputs are wanted
    dtype = _DTYPES.get(like.dtype) or str(like.dtype)
    if like.is_cpu:
        for t in outputs:
            if t is not None and t.numel() >= _LARGE:
                _library.ask_for_huge_pages(t.data_ptr(), t.numel() * t.element_size())
        context = _library.cpu_context(torch.get_num_threads())
        _library.call(name, dtype, context, *sizes, *addresses)
    elif like.is_cuda:
        stream = torch.cuda.current_stream(like.device).cuda_stream
        context = _library.cuda_context(like.device.index, stream)
        _library.call(name, dtype, context, *sizes, *addresses)
    else:
        raise RuntimeError(
            f"{name.split('_')[0]}: x is on {like.device}, expected a CPU or CUDA tensor"
        )


def _like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _wanted(like: Tensor, shapes: Sequence[Sequence[int]], needs: Needs) -> Tuple[Tensor, ...]:
    return tuple(
        like.new_empty(*(shape if need else (shape[0], 0))) for shape, need in zip(shapes, needs)
    )


def _or_none(outputs: Sequence[Tensor], needs: Needs) -> Sequence[Optional[Tensor]]:
    return [output if need else None for output, need in zip(outputs, needs)]


# --- all-pole filter ------------------------------------------------------------------------------
def allpole_like(x: Tensor, a: Tensor, zi: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
    return _like(x), x.new_empty(x.shape[0], a.shape[2])


def allpole(x: Tensor, a: Tensor, zi: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
    outputs = allpole_like(x, a, zi)
    _run("allpole_forward", (*x.shape, *a.shape[1:]), (x, a, zi), outputs)
    return outputs


def allpole_backward_like(
    dy: Tensor, dzf: Optional[Tensor], a: Tensor, zi: Optional[Tensor], y: Tensor, needs: Needs
) -> Tuple[Tensor, ...]:
    return _wanted(dy, (dy.shape, a.shape, (a.shape[0], a.shape[2])), needs)


def allpole_backward(
    dy: Tensor, dzf: Optional[Tensor], a: Tensor, zi: Optional[Tensor], y: Tensor, needs: Needs
) -> Tuple[Tensor, ...]:
    outputs = allpole_backward_like(dy, dzf, a, zi, y, needs)
    sizes = (*dy.shape, *a.shape[1:])
    _run("allpole_backward", sizes, (dy, dzf, a, zi, y), _or_none(outputs, needs))
    return outputs


def allpole_jvp(
    x_dot: Optional[Tensor],
    a_dot: Optional[Tensor],
    zi_dot: Optional[Tensor],
    a: Tensor,
    zi: Optional[Tensor],
    y: Tensor,
) -> Tuple[Tensor, Tensor]:
    outputs = allpole_like(y, a, zi)
    _run("allpole_jvp", (*y.shape, *a.shape[1:]), (x_dot, a_dot, zi_dot, a, zi, y), outputs)
    return outputs


# --- first-order recurrence -----------------------------------------------------------------------
def recurrence_like(x: Tensor, a: Tensor, zi: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
    return _like(x), x.new_empty(x.shape[0])


def recurrence(x: Tensor, a: Tensor, zi: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
    outputs = recurrence_like(x, a, zi)
    _run("recurrence_forward", (*x.shape, a.shape[1]), (x, a, zi), outputs)
    return outputs


def recurrence_backward_like(
    dy: Tensor, dzf: Optional[Tensor], a: Tensor, zi: Optional[Tensor], y: Tensor, needs: Needs
) -> Tuple[Tensor, ...]:
    return _wanted(dy, (dy.shape, a.shape, (a.shape[0],)), needs)


def recurrence_backward(
    dy: Tensor, dzf: Optional[Tensor], a: Tensor, zi: Optional[Tensor], y: Tensor, needs: Needs
) -> Tuple[Tensor, ...]:
    outputs = recurrence_backward_like(dy, dzf, a, zi, y, needs)
    sizes = (*dy.shape, a.shape[1])
    _run("recurrence_backward", sizes, (dy, dzf, a, zi, y), _or_none(outputs, needs))
    return outputs


def recurrence_jvp(
    x_dot: Optional[Tensor],
    a_dot: Optional[Tensor],
    zi_dot: Optional[Tensor],
    a: Tensor,
    zi: Optional[Tensor],
    y: Tensor,
) -> Tuple[Tensor, Tensor]:
    outputs = recurrence_like(y, a, zi)
    _run("recurrence_jvp", (*y.shape, a.shape[1]), (x_dot, a_dot, zi_dot, a, zi, y), outputs)
    return outputs


# --- attack and release ---------------------------------------------------------------------------
def ballistics_like(
    x: Tensor, zi: Optional[Tensor], at: Tensor, rt: Tensor
) -> Tuple[Tensor, Tensor]:
    return _like(x), x.new_empty(at.shape)


def ballistics(x: Tensor, zi: Optional[Tensor], at: Tensor, rt: Tensor) -> Tuple[Tensor, Tensor]:
    outputs = ballistics_like(x, zi, at, rt)
    _run("ballistics_forward", tuple(x.shape), (x, zi, at, rt), outputs)
    return outputs


def ballistics_backward_like(
    dy: Tensor,
    dzf: Optional[Tensor],
    x: Tensor,
    zi: Optional[Tensor],
    at: Tensor,
    rt: Tensor,
    y: Tensor,
    needs: Needs,
) -> Tuple[Tensor, ...]:
    return _wanted(dy, (dy.shape, at.shape, at.shape, at.shape), needs)


def ballistics_backward(
    dy: Tensor,
    dzf: Optional[Tensor],
    x: Tensor,
    zi: Optional[Tensor],
    at: Tensor,
    rt: Tensor,
    y: Tensor,
    needs: Needs,
) -> Tuple[Tensor, ...]:
    outputs = ballistics_backward_like(dy, dzf, x, zi, at, rt, y, needs)
    inputs = (dy, dzf, x, zi, at, rt, y)
    _run("ballistics_backward", tuple(x.shape), inputs, _or_none(outputs, needs))
    return outputs


# --- FIR filter -----------------------------------------------------------------------------------
def fir_like(x: Tensor, b: Tensor, zi: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
    return _like(x), x.new_empty(x.shape[0], b.shape[2] - 1)


def fir(x: Tensor, b: Tensor, zi: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
    outputs = fir_like(x, b, zi)
    _run("fir_forward", (*x.shape, *b.shape[1:]), (x, b, zi), outputs)
    return outputs


def fir_backward_like(
    dy: Tensor, dzf: Optional[Tensor], x: Tensor, b: Tensor, zi: Optional[Tensor], needs: Needs
) -> Tuple[Tensor, ...]:
    return _wanted(dy, (dy.shape, b.shape, (b.shape[0], b.shape[2] - 1)), needs)


def fir_backward(
    dy: Tensor, dzf: Optional[Tensor], x: Tensor, b: Tensor, zi: Optional[Tensor], needs: Needs
) -> Tuple[Tensor, ...]:
    outputs = fir_backward_like(dy, dzf, x, b, zi, needs)
    sizes = (*dy.shape, *b.shape[1:])
    _run("fir_backward", sizes, (dy, dzf, x, b, zi), _or_none(outputs, needs))
    return outputs


def fir_jvp(
    x_dot: Optional[Tensor],
    b_dot: Optional[Tensor],
    zi_dot: Optional[Tensor],
    x: Tensor,
    b: Tensor,
    zi: Optional[Tensor],
) -> Tuple[Tensor, Tensor]:
    outputs = fir_like(x, b, zi)
    _run("fir_jvp", (*x.shape, *b.shape[1:]), (x_dot, b_dot, zi_dot, x, b, zi), outputs)
    return outputs
