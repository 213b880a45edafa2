"""Arrays as memory: NumPy's on the host, others that speak DLPack or __cuda_array_interface__."""

from __future__ import annotations

import importlib
from typing import Any, Callable, List, Optional, Protocol, Sequence, Tuple, Union

import numpy as np
from numpy.typing import ArrayLike

from . import _library
from ._signatures import STATES, Signature


# What type checkers let in: arrays on the host and what NumPy makes arrays of, or arrays on a GPU.
class SpeaksDLPack(Protocol):
    @property
    def __dlpack__(self) -> Callable[..., Any]: ...


class OnGpu(Protocol):
    @property
    def __cuda_array_interface__(self) -> Any: ...


Host = Union[ArrayLike, SpeaksDLPack]

# dtype.name is a property that is slow to work out.
_KERNEL_DTYPES = {np.dtype(name): name for name in _library.SUFFIXES}

_threads = 0


def set_num_threads(threads: int) -> None:
    """CPU threads of allpole.numpy and of rendering; 0: as many as the process may use."""
    global _threads
    if threads < 0:
        raise ValueError(f"set_num_threads: threads is {threads}, expected >= 0")
    _threads = threads


def host_context() -> _library.Context:
    return _library.cpu_context(_threads)


def is_on_gpu(array: Any) -> bool:
    return not isinstance(array, np.ndarray) and hasattr(array, "__cuda_array_interface__")


def as_host_array(value: Any) -> np.ndarray:
    """NumPy arrays as they are, arrays of other libraries without a copy, numbers and lists."""
    if isinstance(value, np.ndarray) or not hasattr(value, "__dlpack__"):
        return np.asarray(value)
    return np.from_dlpack(value)


def to_common_dtype(
    signature: Signature, values: Sequence[Any]
) -> Tuple[List[Optional[np.ndarray]], np.dtype]:
    """Promoted as NumPy does; integers become float64, half precision float32."""
    arrays = [None if v is None else as_host_array(v) for v in values]
    for name, array in zip(signature.names, arrays):
        if array is None and name not in STATES:
            raise TypeError(f"{signature.function}: {name} is None, expected an array")
    dtype = np.result_type(*[a for a in arrays if a is not None])
    if dtype.kind in "iub":
        dtype = np.dtype(np.float64)
    elif dtype == np.float16:
        dtype = np.dtype(np.float32)
    if dtype not in _KERNEL_DTYPES or (signature.real and dtype.kind == "c"):
        wanted = "float32 or float64" + ("" if signature.real else ", complex64 or complex128")
        raise TypeError(f"{signature.function}: the arguments are {dtype}, expected {wanted}")
    return [None if a is None else np.asarray(a, dtype=dtype) for a in arrays], dtype


def run_on_host(
    name: str,
    sizes: Tuple[int, ...],
    inputs: Sequence[Optional[np.ndarray]],
    outputs: Sequence[Optional[np.ndarray]],
) -> None:
    dense = [None if a is None else np.ascontiguousarray(a) for a in inputs]
    addresses = [None if a is None else a.ctypes.data for a in (*dense, *outputs)]
    signal = inputs[0]
    assert signal is not None  # only states may be left out
    _library.call(name, _KERNEL_DTYPES[signal.dtype], host_context(), *sizes, *addresses)


# --- arrays on a GPU ------------------------------------------------------------------------------
class DeviceArrays:
    """Arrays of one GPU library, such as CuPy: dense and of one dtype, as the kernels take them."""

    def __init__(self, function: str, names: Sequence[str], arrays: Sequence[Any]) -> None:
        first = arrays[0]
        for name, array in zip(names, arrays):
            if array is None:
                continue
            if not is_on_gpu(array):
                raise TypeError(f"{function}: {name} is not on the GPU, where {names[0]} is")
            if array.__cuda_array_interface__.get("strides") is not None:
                raise ValueError(f"{function}: {name} is not contiguous, expected a dense array")
            if array.dtype != first.dtype:
                raise TypeError(f"{function}: {name} is {array.dtype}, expected {first.dtype}")
        self.module = importlib.import_module(type(first).__module__.split(".")[0])
        self.dtype = np.dtype(first.__cuda_array_interface__["typestr"])
        self.device = int(getattr(getattr(first, "device", None), "id", 0))
        # The producer's stream; the interface writes "no need to wait" as None.
        self.stream = first.__cuda_array_interface__.get("stream") or _library.LEGACY_DEFAULT_STREAM

    def empty(self, shape: Tuple[int, ...]) -> Any:
        return self.module.empty(shape, dtype=self.dtype)

    def run(
        self,
        name: str,
        sizes: Tuple[int, ...],
        inputs: Sequence[Optional[Any]],
        outputs: Sequence[Optional[Any]],
    ) -> None:
        context = _library.cuda_context(self.device, self.stream)
        addresses = [
            None if a is None else a.__cuda_array_interface__["data"][0]
            for a in (*inputs, *outputs)
        ]
        _library.call(name, self.dtype.name, context, *sizes, *addresses)
