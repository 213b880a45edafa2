"""
Differentiable time-varying all-pole filters on the kernels of the C library allpole.

allpole.numpy, allpole.torch and allpole.jax hold the operators for arrays of these libraries,
allpole.compat the interfaces of torchlpc and torchcomp. load() opens a model that was trained.
"""

from __future__ import annotations

from pathlib import Path

from ._library import (
    AllpoleError,
    AllpoleFileError,
    AllpoleValueError,
    NotBuiltError,
    build_info,
    library_path,
    version,
)
from ._model import Model, Parameter, effects

__all__ = [
    "AllpoleError",
    "AllpoleFileError",
    "AllpoleValueError",
    "Model",
    "NotBuiltError",
    "Parameter",
    "build_info",
    "effects",
    "get_include",
    "library_path",
    "load",
]

__version__ = version()

load = Model.load


def get_include() -> str:
    """The folder of the C headers, for programs that are compiled against the same library."""
    return str(Path(__file__).parent / "include")
