"""The C library: where it is, its prototypes, contexts, and errors as exceptions.

Only the public C API (include/allpole) is used. A context must not be used by two threads at once,
so every thread has its own, one for each device and stream that it works on.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

CPU, CUDA = 0, 1

# CUDA's own name for the default stream: a NULL stream tells the library to make one of its own,
# which would not wait for what the caller enqueued.
LEGACY_DEFAULT_STREAM = 1

SUFFIXES = {"float32": "f32", "float64": "f64", "complex64": "c64", "complex128": "c128"}

# Arguments of apf_NAME_SUFFIX: how many sizes and then how many arrays.
_OPERATORS = {
    "interpolate_forward": (4, 2),
    "interpolate_backward": (4, 2),
    "allpole_forward": (4, 5),
    "allpole_backward": (4, 8),
    "allpole_jvp": (4, 8),
    "recurrence_forward": (3, 5),
    "recurrence_backward": (3, 8),
    "recurrence_jvp": (3, 8),
    "ballistics_forward": (2, 6),
    "ballistics_backward": (2, 11),
    "fir_forward": (4, 5),
    "fir_backward": (4, 8),
    "fir_jvp": (4, 8),
}


class AllpoleError(RuntimeError):
    """A call of the library failed; the message names the argument and what was expected."""


class AllpoleValueError(AllpoleError, ValueError):
    """A value, size, name or file is not what the library accepts."""


class NotBuiltError(AllpoleError):
    """The library was built without what was asked for, such as CUDA."""


class AllpoleFileError(AllpoleError, OSError):
    """A file cannot be opened, read or written."""


# By apf_status; those that are not here are an AllpoleError.
_EXCEPTIONS: Dict[int, Callable[[str], Exception]] = {
    1: AllpoleValueError,
    2: MemoryError,
    3: NotBuiltError,
    6: AllpoleFileError,
    7: AllpoleValueError,
    8: AllpoleValueError,
    9: AllpoleValueError,
}


class ContextOptions(Structure):
    """apf_context_options."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("backend", c_int),
        ("simd", c_int),
        ("threads", c_int),
        ("device", c_int),
        ("stream", c_void_p),
        ("seed", c_uint64),
    ]


class ParameterInfo(Structure):
    """apf_parameter_info."""

    _fields_ = [
        ("name", c_char_p),
        ("unit", c_char_p),
        ("description", c_char_p),
        ("minimum", c_double),
        ("maximum", c_double),
        ("initial", c_double),
    ]


class OptionInfo(Structure):
    """apf_option_info."""

    _fields_ = [
        ("name", c_char_p),
        ("choices", c_char_p),
        ("initial", c_char_p),
        ("description", c_char_p),
    ]


_PROTOTYPES: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {
    "apf_context_options_init": (None, (POINTER(ContextOptions),)),
    "apf_context_create": (c_int, (POINTER(ContextOptions), POINTER(c_void_p))),
    "apf_context_destroy": (None, (c_void_p,)),
    "apf_last_error": (c_char_p, (c_void_p,)),
    "apf_status_string": (c_char_p, (c_int,)),
    "apf_context_threads": (c_int, (c_void_p,)),
    "apf_context_simd": (c_char_p, (c_void_p,)),
    "apf_synchronize": (c_int, (c_void_p,)),
    "apf_version": (c_char_p, ()),
    "apf_build_info": (c_char_p, ()),
    "apf_effect_count": (c_int, ()),
    "apf_effect_name": (c_char_p, (c_int,)),
    "apf_model_create": (c_int, (c_void_p, c_char_p, c_int, POINTER(c_void_p))),
    "apf_model_copy": (c_int, (c_void_p, c_void_p, POINTER(c_void_p))),
    "apf_model_destroy": (None, (c_void_p,)),
    "apf_model_load": (c_int, (c_void_p, c_char_p, POINTER(c_void_p))),
    "apf_model_save": (c_int, (c_void_p, c_void_p, c_char_p)),
    "apf_model_import": (c_int, (c_void_p, c_void_p, c_char_p)),
    "apf_model_effect": (c_char_p, (c_void_p,)),
    "apf_model_sample_rate": (c_int, (c_void_p,)),
    "apf_model_set_sample_rate": (c_int, (c_void_p, c_void_p, c_int)),
    "apf_model_parameter_count": (c_int, (c_void_p,)),
    "apf_model_parameter_info": (POINTER(ParameterInfo), (c_void_p, c_int)),
    "apf_model_parameter": (c_double, (c_void_p, c_int)),
    "apf_model_option_count": (c_int, (c_void_p,)),
    "apf_model_option_info": (POINTER(OptionInfo), (c_void_p, c_int)),
    "apf_model_option": (c_char_p, (c_void_p, c_int)),
    "apf_model_set": (c_int, (c_void_p, c_void_p, c_char_p, c_double)),
    "apf_model_set_text": (c_int, (c_void_p, c_void_p, c_char_p, c_char_p)),
    "apf_model_tensor_count": (c_int, (c_void_p,)),
    "apf_model_tensor": (
        c_int,
        (c_void_p, c_int, POINTER(c_char_p), POINTER(c_int64), POINTER(POINTER(c_double))),
    ),
    "apf_model_render": (
        c_int,
        (c_void_p, c_void_p, c_int64, c_int64, c_double, c_void_p, c_void_p),
    ),
    "apf_model_takes_notes": (c_int, (c_void_p,)),
    "apf_model_play": (c_int, (c_void_p, c_void_p, c_int64, c_int64) + (c_void_p,) * 5),
}


def library_path() -> Path:
    """The shared library: that of the package, or the one that ALLPOLE_LIBRARY names."""
    return Path(os.environ.get("ALLPOLE_LIBRARY") or Path(__file__).parent / "liballpole.so")


def _open() -> ctypes.CDLL:
    path = library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"allpole: cannot load the C library {path}: {error}") from error
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = _open()


def _operator(name: str, suffix: str) -> Optional[Callable[..., int]]:
    sizes, arrays = _OPERATORS[name]
    try:
        function = getattr(library, f"apf_{name}_{suffix}")
    except AttributeError:  # not every operator exists for complex numbers
        return None
    function.restype = c_int
    function.argtypes = (c_void_p,) + (c_int64,) * sizes + (c_void_p,) * arrays
    return function


_FUNCTIONS = {
    (name, dtype): function
    for name in _OPERATORS
    for dtype, suffix in SUFFIXES.items()
    if (function := _operator(name, suffix)) is not None
}


class Context:
    """An apf_context. Freed with the thread that made it."""

    def __init__(
        self, backend: int = CPU, threads: int = 0, device: int = 0, stream: Optional[int] = None
    ) -> None:
        options = ContextOptions()
        library.apf_context_options_init(byref(options))
        options.backend, options.threads = backend, threads
        options.device, options.stream = device, stream
        self.handle: Optional[int] = None
        handle = c_void_p()
        status = library.apf_context_create(byref(options), byref(handle))
        if status:
            raise_error(status, None)
        self.handle = handle.value

    def __del__(self) -> None:
        # At the end of the process the driver may be gone before its contexts are.
        if getattr(self, "handle", None) and not sys.is_finalizing():
            library.apf_context_destroy(self.handle)

    def check(self, status: int) -> None:
        """Raises what the status of a call with this context says."""
        if status:
            raise_error(status, self.handle)


def raise_error(status: int, handle: Optional[int]) -> None:
    """Raises the exception for a status, with the message of the context (None: the thread's)."""
    text = library.apf_last_error(handle) or library.apf_status_string(status)
    raise _EXCEPTIONS.get(status, AllpoleError)(text.decode())


_own = threading.local()


def cpu_context(threads: int = 0) -> Context:
    """This thread's context for so many CPU threads; 0: as many as the process may use."""
    # The one of the last call is kept apart: it is nearly always the one that is wanted again.
    last = getattr(_own, "cpu", None)
    if last is not None and last[0] == threads:
        return last[1]
    context = _cached((CPU, threads), lambda: Context(CPU, threads))
    _own.cpu = (threads, context)
    return context


def cuda_context(device: int, stream: int) -> Context:
    """This thread's context for a stream (a cudaStream_t as a number) of a CUDA device."""
    stream = stream or LEGACY_DEFAULT_STREAM
    return _cached((CUDA, device, stream), lambda: Context(CUDA, 0, device, stream))


def _cached(key: Tuple[int, ...], create: Callable[[], Context]) -> Context:
    contexts = _own.__dict__.setdefault("contexts", {})
    context = contexts.get(key)
    if context is None:
        context = contexts[key] = create()
    return context


def call(name: str, dtype: str, context: Context, *arguments: Optional[int]) -> None:
    """Runs an operator: sizes, then addresses of dense arrays, None where one is left out."""
    function = _FUNCTIONS.get((name, dtype))
    if function is None:
        known = sorted(known for operator, known in _FUNCTIONS if operator == name)
        raise TypeError(f"{name.split('_')[0]}: x is {dtype}, expected one of {', '.join(known)}")
    status = function(context.handle, *arguments)
    if status:
        raise_error(status, context.handle)


def _find_madvise() -> Optional[Callable[..., int]]:
    if not sys.platform.startswith("linux"):
        return None
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [c_void_p, c_size_t, c_int]
    return madvise


_madvise = _find_madvise()
_PAGE, _MADV_HUGEPAGE = 4096, 14


def ask_for_huge_pages(address: int, size: int) -> None:
    """For large memory that nothing was written to yet, as NumPy does for its own arrays: the first
    touch of every page costs more than the kernels do. If the system refuses, nothing is lost."""
    if _madvise is not None:
        first = -(-address // _PAGE) * _PAGE
        _madvise(first, address + size - first, _MADV_HUGEPAGE)


def version() -> str:
    """ "MAJOR.MINOR.PATCH" of the C library."""
    return library.apf_version().decode()


def build_info() -> str:
    """What the C library holds, for bug reports: space-separated key=value pairs."""
    return library.apf_build_info().decode()
