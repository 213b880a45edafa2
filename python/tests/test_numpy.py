"""The operators on arrays: values, gradients, what they accept and refuse."""

from __future__ import annotations

import numpy as np
import pytest

import allpole
import allpole.numpy as apn
from cases import each


def draw(rng, *shape, is_complex=False):
    return rng.normal(size=shape) + (1j * rng.normal(size=shape) if is_complex else 0)


def differences(loss, values):
    """Gradients dL/d(re) + i dL/d(im) by central differences."""
    found, h = [], 1e-6
    for k, value in enumerate(values):
        gradient = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            for unit in (1, 1j) if np.iscomplexobj(value) else (1,):
                moved = []
                for sign in (1, -1):
                    changed = [v.copy() for v in values]
                    changed[k][index] += sign * h * unit
                    moved.append(loss(*changed))
                gradient[index] += unit * (moved[0] - moved[1]) / (2 * h)
        found.append(gradient)
    return found


def dot(a, b):
    return float(np.real(np.sum(np.conj(a) * b)))


def gradients(case, arguments, y, dy, dzf):
    """What the backward function says, in the order of the arguments."""
    backward = getattr(apn, f"{case.function}_backward")
    x, *coefficients, zi = arguments
    if case.function == "fir":
        return backward(dy, x, *coefficients, zi, dzf)
    if case.function == "ballistics":
        return backward(dy, x, *coefficients, y, zi, dzf)
    return backward(dy, *coefficients, y, zi, dzf)


@each
def test_backward_functions_are_gradients(case, rng):
    arguments = case.make(rng)
    y, zf = case.call(apn, *arguments)
    dy, dzf = (draw(rng, *out.shape, is_complex=case.is_complex) for out in (y, zf))

    found = gradients(case, arguments, y, dy, dzf)

    def loss(*values):
        y, zf = case.call(apn, *values)
        return dot(dy, y) + dot(dzf, zf)

    for f, wanted in zip(found, differences(loss, arguments)):
        np.testing.assert_allclose(f, wanted, rtol=1e-6, atol=1e-7)


def test_constant_filters_are_those_of_scipy(rng):
    lfilter = pytest.importorskip("scipy.signal").lfilter
    x, a, b = draw(rng, 2, 3, 200), np.array([-1.2, 0.5]), np.array([1.0, 2.0, 3.0])

    y = apn.fir(apn.allpole(x, a), b)

    np.testing.assert_allclose(y, lfilter(b, [1, *a], x), rtol=1e-12, atol=1e-12)


def test_a_signal_in_chunks_is_the_signal_in_one_go(rng):
    x, a = draw(rng, 2, 50), 0.3 * draw(rng, 2, 50, 3)

    first, state = apn.allpole(x[:, :20], a[:, :20], return_zf=True)
    second = apn.allpole(x[:, 20:], a[:, 20:], state)

    np.testing.assert_array_equal(np.concatenate([first, second], 1), apn.allpole(x, a))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_result_has_the_dtype_of_the_arguments(dtype):
    assert apn.allpole(np.ones((2, 8), dtype), np.zeros(2, dtype)).dtype == dtype


def test_other_dtypes_are_promoted():
    assert apn.allpole(np.ones((2, 8), np.float16), np.zeros(2, np.float16)).dtype == np.float32
    assert apn.allpole([1, 0, 0], [0.5]).dtype == np.float64
    assert apn.allpole(np.ones(3, np.float32), np.zeros(1, np.complex64)).dtype == np.complex64


def test_strides_axes_and_broadcasting(rng):
    x, a = draw(rng, 4, 1, 20), 0.3 * draw(rng, 5, 20, 2)

    y, zf = apn.allpole(x[::2, :, ::-1], a, return_zf=True)

    assert y.shape == (2, 5, 20) and zf.shape == (2, 5, 2)
    one = apn.allpole(np.ascontiguousarray(x[2, 0, ::-1]), a[3])
    np.testing.assert_array_equal(y[1, 3], one)


def test_no_samples_and_no_rows():
    y, zf = apn.allpole(np.zeros((2, 0)), np.zeros((2, 1, 3)), np.ones((2, 3)), return_zf=True)
    assert y.shape == (2, 0)
    np.testing.assert_array_equal(zf, np.ones((2, 3)))
    assert apn.fir(np.zeros((0, 5)), np.zeros(3)).shape == (0, 5)


def test_arrays_of_other_libraries_come_through_dlpack():
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0)

    y = apn.allpole(x, [0.5])

    assert isinstance(y, np.ndarray)
    np.testing.assert_array_equal(y, apn.allpole(x.numpy(), [0.5]))


class OnGPU:
    """Looks like an array of a GPU library."""

    shape, ndim, dtype, size = (4,), 1, np.dtype(np.float32), 4

    def __init__(self, strides=None):
        self.__cuda_array_interface__ = {
            "shape": self.shape,
            "typestr": "<f4",
            "data": (4096, False),
            "strides": strides,
            "version": 3,
            "stream": 1,
        }


def test_arrays_on_a_gpu_are_checked():
    with pytest.raises(ValueError, match="linear_recurrence: x is not contiguous"):
        apn.linear_recurrence(OnGPU(strides=(8,)), OnGPU())
    with pytest.raises(TypeError, match="linear_recurrence: a is not on the GPU, where x is"):
        apn.linear_recurrence(OnGPU(), np.ones(4, np.float32))


x = np.zeros((2, 8))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: apn.allpole(x, None), TypeError, "allpole: a is None"),
        (lambda: apn.allpole(x, np.zeros(65)), ValueError, "M is 65, expected 1 to 64"),
        (lambda: apn.allpole(x, np.zeros((3, 1, 2))), ValueError, "axes do not broadcast: x"),
        (lambda: apn.allpole(0.0, [0.5]), ValueError, r"x has shape \(\), expected \(..., T\)"),
        (lambda: apn.allpole(x, np.zeros((0, 2))), ValueError, "allpole: a has no frames"),
        (lambda: apn.allpole(x, [0.5], np.zeros(3)), ValueError, "axis of zi is 3, expected 1"),
        (lambda: apn.allpole(x.astype("O"), [0.5]), TypeError, "the arguments are object"),
        (lambda: apn.linear_recurrence(x, x[:, :3]), ValueError, "axis of a is 3, expected 1 or 8"),
        (lambda: apn.fir(x * 1j, [1.0]), TypeError, "fir: the arguments are complex128"),
        (lambda: apn.fir(x, np.zeros((2, 1, 0))), ValueError, "fir: the last axis of b is 0"),
        (lambda: apn.set_num_threads(-1), ValueError, "threads is -1"),
        (lambda: apn.allpole_backward(x, [0.5], x[:, :3]), ValueError, "the last axis of y is 3"),
    ],
)
def test_a_wrong_argument_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_the_package_says_what_it_is():
    from importlib.metadata import PackageNotFoundError, version

    assert "version=" + allpole.__version__ in allpole.build_info()
    try:
        assert version("allpole") == allpole.__version__
    except PackageNotFoundError:
        pytest.skip("run from the sources, not installed")
