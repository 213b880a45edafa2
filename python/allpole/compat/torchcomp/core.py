"""Inner entry points of torchcomp.core."""

from __future__ import annotations

from typing import Tuple

from torch import Tensor

from ...torch import ballistics
from ...torch._frames import before

__all__ = ["CompressorFunction", "compressor_core"]


def compressor_core(x: Tensor, zi: Tensor, at: Tensor, rt: Tensor) -> Tensor:
    """Attack and release smoothing.   x (B, T); zi, at, rt (B,)."""
    return ballistics(x, at, rt, zi)


class CompressorFunction:
    """Stands for the autograd Function of this name; only apply() is part of the interface."""

    @staticmethod
    def apply(x: Tensor, zi: Tensor, at: Tensor, rt: Tensor) -> Tuple[Tensor, Tensor]:
        """The output, and which samples fell below it: those took the attack."""
        y = ballistics(x, at, rt, zi)
        return y, (x < before(y, zi)).detach()
