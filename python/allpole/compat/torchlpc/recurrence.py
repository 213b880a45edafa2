"""Inner entry points of torchlpc.recurrence."""

from __future__ import annotations

from torch import Tensor

from ...torch import linear_recurrence

__all__ = ["Recurrence", "RecurrenceCUDA"]


class Recurrence:
    """Stands for the autograd Function of this name; only apply() is part of the interface."""

    @staticmethod
    def apply(decay: Tensor, impulse: Tensor, initial_state: Tensor) -> Tensor:
        return linear_recurrence(impulse, decay, initial_state)


RecurrenceCUDA = Recurrence
