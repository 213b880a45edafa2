"""Arrays of CuPy: worked on where they are, on their stream."""

from __future__ import annotations

import numpy as np
import pytest

cupy = pytest.importorskip("cupy")

import allpole.numpy as apn
from allpole import build_info

if "cuda=ON" not in build_info().split():
    pytest.skip("this library is built without CUDA", allow_module_level=True)
if not cupy.is_available():
    pytest.skip("CuPy finds no GPU", allow_module_level=True)


def test_arrays_stay_on_the_gpu(rng):
    x, a = rng.normal(size=(3, 4000)), 0.3 * rng.normal(size=(3, 4000, 2))
    on_gpu = cupy.asarray(x), cupy.asarray(a)

    y = apn.allpole(*on_gpu)
    dx, da, dzi = apn.allpole_backward(cupy.ones_like(y), on_gpu[1], y)

    assert all(isinstance(array, cupy.ndarray) for array in (y, dx, da, dzi))
    wanted = apn.allpole(x, a)
    np.testing.assert_allclose(y.get(), wanted, rtol=1e-9, atol=1e-9)
    for f, w in zip((dx, da, dzi), apn.allpole_backward(np.ones_like(wanted), a, wanted)):
        np.testing.assert_allclose(f.get(), w, rtol=1e-8, atol=1e-8)


def test_the_stream_of_the_arrays_is_the_one_of_the_kernels(rng):
    x = rng.normal(size=(3, 4000))
    with cupy.cuda.Stream(non_blocking=True) as stream:
        late = cupy.zeros_like(cupy.asarray(x))
        late[:] = cupy.asarray(x)
        y = apn.allpole(late, cupy.asarray([[-0.5]]))
        stream.synchronize()

    np.testing.assert_allclose(y.get(), apn.allpole(x, [[-0.5]]), rtol=1e-9, atol=1e-9)
