"""Every operator with arguments of each kind, for the tests that hold for all of them."""

from __future__ import annotations

from typing import Callable, NamedTuple, Tuple

import torch

import allpole.torch as apt

B, T = 3, 9


class Case(NamedTuple):
    name: str
    call: Callable[..., Tuple[torch.Tensor, torch.Tensor]]
    make: Callable[..., Tuple[torch.Tensor, ...]]  # (dtype, device) to arguments
    is_complex: bool = False


def _allpole(x, a, zi):
    return apt.allpole(x, a, zi, return_zf=True)


def _recurrence(x, a, zi):
    return apt.linear_recurrence(x, a, zi, return_zf=True)


def _fir(x, b, zi):
    return apt.fir(x, b, zi, return_zf=True)


def _ballistics(x, at, rt, zi):
    return apt.ballistics(x, at, rt, zi, return_zf=True)


def _filter(frames: int, order: int, size: float, state: int):
    def make(dtype, device):
        def draw(*shape):
            return torch.randn(*shape, dtype=dtype, device=device)

        return draw(B, T), size * draw(B, frames, order), draw(B, state)

    return make


def _rows(frames: int):
    def make(dtype, device):
        def draw(*shape):
            return torch.randn(*shape, dtype=dtype, device=device)

        return draw(B, T), 0.5 * draw(B, frames), draw(B)

    return make


def _levels(dtype, device):
    x = torch.randn(B, T, dtype=dtype, device=device)
    at, rt = torch.rand(2, B, dtype=dtype, device=device)
    return x, at, rt, torch.randn(B, dtype=dtype, device=device)


CASES = [
    Case("allpole-samples", _allpole, _filter(T, 2, 0.3, 2)),
    Case("allpole-frames", _allpole, _filter(4, 3, 0.3, 3)),
    Case("allpole-constant", _allpole, _filter(1, 2, 0.3, 2)),
    Case("allpole-complex", _allpole, _filter(4, 2, 0.3, 2), is_complex=True),
    Case("recurrence-samples", _recurrence, _rows(T)),
    Case("recurrence-constant", _recurrence, _rows(1)),
    Case("recurrence-complex", _recurrence, _rows(T), is_complex=True),
    Case("fir-samples", _fir, _filter(T, 3, 1.0, 2)),
    Case("fir-frames", _fir, _filter(4, 3, 1.0, 2)),
    Case("fir-constant", _fir, _filter(1, 3, 1.0, 2)),
    Case("ballistics", _ballistics, _levels),
]

REAL_CASES = [case for case in CASES if not case.is_complex]


def arguments(case: Case, dtype=torch.float64, device="cpu", grad: bool = True):
    if case.is_complex:
        dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    return tuple(t.detach().requires_grad_(grad) for t in case.make(dtype, device))
