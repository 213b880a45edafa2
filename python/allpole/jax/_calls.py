"""How JAX reaches the kernels: XLA custom calls, or else callbacks into Python.

The handlers of the custom calls are a small C++ file that needs the headers in the installed
jaxlib, so it is compiled once, on first use, into the user's cache. Without a C++ compiler, or
with ALLPOLE_JAX=callback, the same operators run as jax.pure_callback: right, but slower.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Tuple

import jax
import jaxlib
import numpy as np

from .. import _arrays, _library

_SOURCE = Path(__file__).with_name("_ffi.cc")
_TARGETS = (
    "allpole_forward",
    "allpole_backward",
    "allpole_jvp",
    "recurrence_forward",
    "recurrence_backward",
    "recurrence_jvp",
    "ballistics_forward",
    "ballistics_backward",
    "fir_forward",
    "fir_backward",
)


def backend() -> str:
    """ "ffi" where operators are XLA custom calls, "callback" where they are Python callbacks."""
    return "ffi" if _handlers() is not None else "callback"


def call(
    name: str,
    sizes: Tuple[int, ...],
    inputs: Sequence[Any],
    shapes: Sequence[Tuple[int, ...]],
    wants: Optional[Sequence[bool]] = None,
) -> Any:
    """Runs an operator in traced code; outputs that are not wanted have the shape (B, 0)."""
    wants = tuple(wants or (True,) * len(shapes))
    dtype = inputs[0].dtype
    outputs = [
        jax.ShapeDtypeStruct(shape if want else (shape[0], 0), dtype)
        for shape, want in zip(shapes, wants)
    ]
    if backend() == "ffi":
        bits = sum(1 << i for i, want in enumerate(wants) if want)
        attributes = {"sizes": np.array(sizes, np.int64), "wants": np.int64(bits)}
        return jax.ffi.ffi_call(f"allpole_{name}", outputs)(*inputs, **attributes)

    def on_host(*arrays: Any) -> Tuple[np.ndarray, ...]:
        results = [np.empty(out.shape, out.dtype) for out in outputs]
        into = [r if want else None for r, want in zip(results, wants)]
        _arrays.run_on_host(name, sizes, [np.asarray(a) for a in arrays], into)
        return tuple(results)

    return jax.pure_callback(on_host, tuple(outputs), *inputs)


def on_cuda(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """The same for arrays on a GPU, refused where the library has no kernels for it."""

    def checked(*inputs: Any, **parameters: Any) -> Any:
        if backend() == "ffi" and not _has_cuda():
            raise _library.NotBuiltError(
                "allpole.jax: the arrays are on a GPU, but the library was built without CUDA"
            )
        return evaluate(*inputs, **parameters)

    return checked


def _has_cuda() -> bool:
    return "cuda=ON" in _library.build_info().split()


@functools.lru_cache(maxsize=None)
def _handlers() -> Optional[ctypes.CDLL]:
    """The compiled handlers, registered with JAX; None: callbacks must do."""
    if os.environ.get("ALLPOLE_JAX") == "callback":
        return None
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        warnings.warn("allpole.jax: no C++ compiler found, so operators run as Python callbacks")
        return None
    try:
        library = ctypes.CDLL(str(_compiled(compiler)))
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", None) or error
        warnings.warn(f"allpole.jax: operators run as Python callbacks, because {told}")
        return None
    for platform in ("cpu", "cuda") if _has_cuda() else ("cpu",):
        for name in _TARGETS:
            handler = jax.ffi.pycapsule(getattr(library, f"allpole_{name}_{platform}"))
            jax.ffi.register_ffi_target(f"allpole_{name}", handler, platform=platform)
    return library


def _compiled(compiler: str) -> Path:
    """Compiles unless this source was compiled for this jaxlib and this library before."""
    used = f"{jaxlib.__version__} {_library.version()} {_library.library_path()}".encode()
    key = hashlib.sha256(_SOURCE.read_bytes() + used).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "allpole"
    target = cache / f"jax_ffi-{key}.so"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{jax.ffi.include_dir()}", *(f"-I{folder}" for folder in _own_headers())]
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        made = Path(folder) / target.name
        command = [compiler, "-std=c++17", "-O2", "-fPIC", "-shared", *includes, str(_SOURCE)]
        command += [str(_library.library_path().resolve()), "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        os.replace(made, target)  # whole or not at all, however many processes do this
    return target


def _own_headers() -> Tuple[Path, ...]:
    """Of the installed package, or of the sources that it is run from."""
    package = Path(__file__).parents[1]
    return tuple(p for p in (package / "include", package.parents[1] / "include") if p.is_dir())
