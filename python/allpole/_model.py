"""Models: effects with options, parameters in human units, and the raw tensors behind them."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import tempfile
from ctypes import POINTER, byref, c_char_p, c_double, c_int64, c_void_p
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Union,
)

import numpy as np

from . import _arrays
from ._library import library

if TYPE_CHECKING:  # PyTorch need not be there
    import torch

    from .torch.effects import Effect

Setting = Union[float, int, str]
Path = Union[str, "os.PathLike[str]"]


class Parameter(NamedTuple):
    """A parameter as the effect describes it."""

    value: float
    unit: str  # "dB", "ms", "Hz" or ""
    description: str
    minimum: float
    maximum: float
    initial: float


def effects() -> List[str]:
    """Names of the effects that this build of the library knows."""
    return [library.apf_effect_name(i).decode() for i in range(library.apf_effect_count())]


class Model:
    """
    One effect: its options, its parameters, and a call that renders.

    >>> model = allpole.load("best.safetensors")
    >>> model["ratio"], model.parameters["ratio"].unit
    >>> model["attack"] = 20
    >>> y = model(x)

    Reading and setting is by name, a parameter's in human units (dB, ms, Hz, ratio). Setting an
    option gives all parameters their initial values again: options first.
    """

    def __init__(self, effect: str, sample_rate: int, **settings: Setting) -> None:
        self._handle: Optional[c_void_p] = None
        handle, context = c_void_p(), _arrays.host_context()
        context.check(
            library.apf_model_create(context.handle, effect.encode(), sample_rate, byref(handle))
        )
        self._handle = handle
        names = self.options.keys()
        for name in sorted(settings, key=lambda name: name not in names):  # options first
            self[name] = settings[name]

    @classmethod
    def _own(cls, handle: c_void_p) -> "Model":
        model = cls.__new__(cls)
        model._handle = handle
        return model

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Opens a model file. :raises OSError, ValueError: it cannot be read, or holds no model."""
        handle, context = c_void_p(), _arrays.host_context()
        context.check(
            library.apf_model_load(context.handle, os.fspath(path).encode(), byref(handle))
        )
        return cls._own(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            library.apf_model_destroy(self._handle)

    def save(self, path: Path) -> None:
        """Writes a model file, which the command `allpole` and load() read."""
        context = _arrays.host_context()
        context.check(
            library.apf_model_save(context.handle, self._handle, os.fspath(path).encode())
        )

    def copy(self) -> "Model":
        handle, context = c_void_p(), _arrays.host_context()
        context.check(library.apf_model_copy(context.handle, self._handle, byref(handle)))
        return self._own(handle)

    # --- names and values ---
    @property
    def effect(self) -> str:
        return library.apf_model_effect(self._handle).decode()

    @property
    def sample_rate(self) -> int:
        """Hz. Another rate leaves times in ms and frequencies in Hz as they are."""
        return library.apf_model_sample_rate(self._handle)

    @sample_rate.setter
    def sample_rate(self, rate: int) -> None:
        context = _arrays.host_context()
        context.check(library.apf_model_set_sample_rate(context.handle, self._handle, rate))

    @property
    def parameters(self) -> Dict[str, Parameter]:
        found = {}
        for i in range(library.apf_model_parameter_count(self._handle)):
            info = library.apf_model_parameter_info(self._handle, i).contents
            found[info.name.decode()] = Parameter(
                library.apf_model_parameter(self._handle, i),
                info.unit.decode(),
                info.description.decode(),
                info.minimum,
                info.maximum,
                info.initial,
            )
        return found

    @property
    def options(self) -> Dict[str, str]:
        found = {}
        for i in range(library.apf_model_option_count(self._handle)):
            info = library.apf_model_option_info(self._handle, i).contents
            found[info.name.decode()] = library.apf_model_option(self._handle, i).decode()
        return found

    def __getitem__(self, name: str) -> Union[float, str]:
        parameters, options = self.parameters, self.options
        if name in parameters:
            return parameters[name].value
        if name in options:
            return options[name]
        known = ", ".join([*parameters, *options])
        raise KeyError(f'the {self.effect} has no "{name}"; it has: {known}')

    def __setitem__(self, name: str, value: Setting) -> None:
        context = _arrays.host_context()
        if isinstance(value, str) or name in self.options:
            text = str(value).encode()
            status = library.apf_model_set_text(context.handle, self._handle, name.encode(), text)
        else:
            status = library.apf_model_set(context.handle, self._handle, name.encode(), value)
        context.check(status)

    def __iter__(self) -> Iterator[str]:
        return iter([*self.parameters, *self.options])

    def __repr__(self) -> str:
        told = [
            f"{name}={p.value:.4g}{p.unit and ' ' + p.unit}" for name, p in self.parameters.items()
        ]
        told += [f"{name}={value}" for name, value in self.options.items()]
        return f"<{self.effect}, {self.sample_rate} Hz: {', '.join(told)}>"

    # --- raw tensors ---
    def tensors(self) -> Dict[str, np.ndarray]:
        """What training moves, as float64 copies."""
        found = {}
        for i in range(library.apf_model_tensor_count(self._handle)):
            name, shape, values = c_char_p(), (c_int64 * 4)(), POINTER(c_double)()
            rank = library.apf_model_tensor(self._handle, i, byref(name), shape, byref(values))
            sizes = tuple(shape[:rank])
            count = int(np.prod(sizes, dtype=np.int64))
            flat = np.ctypeslib.as_array(ctypes.cast(values, POINTER(c_double)), (count,))
            assert name.value is not None  # i is below the count
            found[name.value.decode()] = flat.reshape(sizes).copy()
        return found

    def set_tensors(self, tensors: Mapping[str, Any]) -> None:
        """Takes raw tensors by name. All that the model has must be there, and finite."""
        context = _arrays.host_context()
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            file.write(_safetensors({name: np.asarray(t) for name, t in tensors.items()}))
            file.flush()
            context.check(
                library.apf_model_import(context.handle, self._handle, file.name.encode())
            )

    # --- rendering ---
    def __call__(self, x: Any, start: float = 0.0) -> np.ndarray:
        """
        Renders a whole signal, from a fresh state.

        :param x: (T,) or (channels, T), finite; computed in double, taken and returned as float32.
        :param start: seconds; where in the recording x begins, for an oscillator that runs on.
        """
        signal = _as_signal(x)
        y, context = np.empty_like(signal), _arrays.host_context()
        channels = signal.shape[0] if signal.ndim == 2 else 1
        addresses = (signal.ctypes.data, y.ctypes.data)
        context.check(
            library.apf_model_render(
                context.handle, self._handle, channels, signal.shape[-1], start, *addresses
            )
        )
        return y

    @property
    def takes_notes(self) -> bool:
        """It plays notes, with play(), instead of processing signals."""
        return bool(library.apf_model_takes_notes(self._handle))

    def play(self, x: Any, f0: Any, duration: Any, phase: Any = 0.0) -> np.ndarray:
        """
        Plays notes again with a model that takes notes, such as a synth.

        :param x: (T,) or (notes, T), the notes as they sound; as in a call.
        :param f0: Hz.   :param duration: seconds from note on to note off.
        :param phase: radians, where the oscillator starts.   All (notes,) or numbers.
        """
        signal = _as_signal(x)
        y, context = np.empty_like(signal), _arrays.host_context()
        count = signal.shape[0] if signal.ndim == 2 else 1
        notes = [
            _per_note(name, value, count)
            for name, value in (("f0", f0), ("duration", duration), ("phase", phase))
        ]
        addresses = [array.ctypes.data for array in (*notes, signal, y)]
        context.check(
            library.apf_model_play(
                context.handle, self._handle, count, signal.shape[-1], *addresses
            )
        )
        return y

    def to_torch(self, dtype: Optional[torch.dtype] = None) -> Effect:
        """The model as a torch.nn.Module, whose to_model() leads back; dtype None: float32."""
        from .torch.effects import from_model

        return from_model(self, dtype)


def _as_signal(x: Any) -> np.ndarray:
    signal = np.ascontiguousarray(_arrays.as_host_array(x), dtype=np.float32)
    if signal.ndim not in (1, 2):
        raise ValueError(f"x has shape {signal.shape}, expected (T,) or (channels, T)")
    return signal


def _per_note(name: str, value: Any, count: int) -> np.ndarray:
    array = _arrays.as_host_array(value)
    if array.shape not in ((), (count,)):
        raise ValueError(f"{name} has shape {array.shape}, expected ({count},) or a number")
    return np.array(np.broadcast_to(array, (count,)), dtype=np.float64)


def _safetensors(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The file format: the header's size, the header as JSON, the tensors one after another."""
    header: Dict[str, Any] = {}
    data = b""
    for name, tensor in tensors.items():
        block = np.ascontiguousarray(tensor, dtype="<f8").tobytes()
        ends = [len(data), len(data) + len(block)]
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": ends}
        data += block
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data
