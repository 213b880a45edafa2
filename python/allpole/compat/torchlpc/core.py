"""Inner entry points of torchlpc.core."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ... import numpy as _numpy
from ...torch import allpole

__all__ = ["LPC", "lpc_cuda", "lpc_np"]


class LPC:
    """Stands for the autograd Function of this name; only apply() is part of the interface."""

    @staticmethod
    def apply(x: Tensor, A: Tensor, zi: Tensor) -> Tensor:
        return allpole(x, A, zi)


def lpc_np(x: np.ndarray, A: np.ndarray, zi: np.ndarray) -> np.ndarray:
    return _numpy.allpole(x, A, zi)


def lpc_cuda(x: Tensor, A: Tensor, zi: Tensor) -> Tensor:
    return allpole(x, A, zi)
