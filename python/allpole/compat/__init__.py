"""The interfaces of torchlpc and torchcomp on this library's kernels.

Change an import,

    from allpole.compat.torchlpc import sample_wise_lpc
    from allpole.compat.torchcomp import compexp_gain

or leave third-party code as it is and call install() before it imports them.
"""

from __future__ import annotations

import importlib
import sys

import torch
from torch import Tensor

from ..torch import allpole, linear_recurrence

_MODULES = (
    "torchlpc",
    "torchlpc.core",
    "torchlpc.recurrence",
    "torchcomp",
    "torchcomp.core",
)


def install() -> None:
    """
    Makes `import torchlpc` and `import torchcomp` mean the modules here, in this process, and
    registers torch.ops.torchlpc.lpc and scan.

    :raises RuntimeError: the real packages have been imported already.
    """
    for name in _MODULES:
        own = importlib.import_module(f"{__name__}.{name}")
        if sys.modules.setdefault(name, own) is not own:
            raise RuntimeError(f"install: {name} is imported already, expected a call before that")
    _register_operators()


def _register_operators() -> None:
    if hasattr(torch.ops.torchlpc, "lpc"):
        return

    @torch.no_grad()  # as there, these operators have no derivatives
    def lpc(x: Tensor, A: Tensor, zi: Tensor) -> Tensor:
        return allpole(x, A, zi)

    @torch.no_grad()
    def scan(impulse: Tensor, decay: Tensor, initial_state: Tensor) -> Tensor:
        return linear_recurrence(impulse, decay, initial_state)

    library = torch.library.Library("torchlpc", "FRAGMENT")
    library.define("lpc(Tensor x, Tensor A, Tensor zi) -> Tensor")
    library.define("scan(Tensor impulse, Tensor decay, Tensor initial_state) -> Tensor")
    for key in ("CPU", "CUDA"):
        library.impl("lpc", lpc, key)
        library.impl("scan", scan, key)
    _libraries.append(library)


_libraries: list = []  # an operator lives as long as the Library that registered it
