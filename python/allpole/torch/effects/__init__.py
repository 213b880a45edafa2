"""The effects as modules that train with PyTorch and render as the C library does.

State dicts have the names of the model files' tensors. Settings in human units (dB, ms, Hz) are
read with settings() and changed with set(). Modules are made from settings, a model or a file:

    Compressor(44100, ratio=4)        allpole.load("best.safetensors").to_torch()
"""

from __future__ import annotations

from typing import Optional

import torch

from ..._model import Model
from ._compressor import Compressor
from ._effect import Effect
from ._phaser import Phaser
from ._synth import Synth

__all__ = ["Compressor", "Effect", "Phaser", "Synth", "from_model"]

_KINDS = {kind.effect: kind for kind in (Compressor, Phaser, Synth)}


def from_model(model: Model, dtype: Optional[torch.dtype] = None) -> Effect:
    """The module of a model; dtype None: float32."""
    return _KINDS[model.effect].from_model(model, dtype)
