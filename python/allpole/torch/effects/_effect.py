"""What the effects share: the way from and to models."""

from __future__ import annotations

from typing import Dict, Optional, Type, TypeVar

import torch
from torch import Tensor, nn

from ..._model import Model, Path, Setting

Kind = TypeVar("Kind", bound="Effect")


class Effect(nn.Module):
    """
    An effect whose parameters and buffers are the raw tensors of a model.

    :param sample_rate: Hz.
    :param dtype: of the parameters; None: float32.
    :param settings: of the effect's options, and of its parameters in human units.
    """

    effect = ""

    def __init__(
        self, sample_rate: int, *, dtype: Optional[torch.dtype] = None, **settings: Setting
    ) -> None:
        super().__init__()
        self._take(Model(self.effect, sample_rate, **settings), dtype)

    @classmethod
    def from_model(cls: Type[Kind], model: Model, dtype: Optional[torch.dtype] = None) -> Kind:
        """The module that renders as the model does.   :raises ValueError: of another effect."""
        if model.effect != cls.effect:
            raise ValueError(f"model is a {model.effect}, expected a {cls.effect}")
        module = cls.__new__(cls)
        nn.Module.__init__(module)
        module._take(model, dtype)
        return module

    def _take(self, model: Model, dtype: Optional[torch.dtype]) -> None:
        self.sample_rate, self.options = model.sample_rate, model.options
        tensors = model.tensors()
        self._build({name: torch.as_tensor(t, dtype=torch.float64) for name, t in tensors.items()})
        self.to(dtype or torch.float32)

    def _build(self, tensors: Dict[str, Tensor]) -> None:
        """Makes the parameters; a dot in a name is a module within."""
        for name, tensor in tensors.items():
            *path, last = name.split(".")
            holder: nn.Module = self
            for part in path:
                if not hasattr(holder, part):
                    holder.add_module(part, nn.Module())
                holder = getattr(holder, part)
            holder.register_parameter(last, nn.Parameter(tensor))

    def to_model(self) -> Model:
        """The model with these parameters: to render with the C library, or to save."""
        model = Model(self.effect, self.sample_rate, **self.options)
        model.set_tensors({name: t.detach().cpu() for name, t in self.state_dict().items()})
        return model

    def save(self, path: Path) -> None:
        """Writes a model file, which allpole.load() and the command `allpole` read."""
        self.to_model().save(path)

    def settings(self) -> Dict[str, float]:
        """The parameters in human units."""
        return {name: p.value for name, p in self.to_model().parameters.items()}

    def set(self, **settings: float) -> None:
        """Gives parameters new values in human units: module.set(ratio=4, attack=10)."""
        model = self.to_model()
        for name, value in settings.items():
            if name in model.options:
                raise ValueError(
                    f"{name} is an option, expected one of {', '.join(model.parameters)}"
                )
            model[name] = value
        state = {name: torch.as_tensor(t) for name, t in model.tensors().items()}
        self.load_state_dict(state)
