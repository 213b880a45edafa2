"""The cases of every operator as PyTorch tensors."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np
import torch

import allpole.torch as apt
from cases import Case


def call(case: Case, *arguments: Any) -> Tuple[torch.Tensor, torch.Tensor]:
    """(y, zf)"""
    return case.call(apt, *arguments)


def arguments(
    case: Case, dtype: torch.dtype = torch.float64, device: str = "cpu", grad: bool = True
) -> Tuple[torch.Tensor, ...]:
    """The same numbers whenever they are asked for."""
    if case.is_complex:
        dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    arrays = case.make(np.random.default_rng(0))
    return tuple(torch.from_numpy(a).to(device, dtype).requires_grad_(grad) for a in arrays)
