"""What a type checker makes of a user's code. It is not run: test_typing.py has mypy read it.

mypy accepts every line but those that end with "# refused".
"""

from __future__ import annotations

from typing import Any, Dict, Tuple, Union

import jax
import numpy as np
import torch
from torch import Tensor
from typing_extensions import assert_type

import allpole
import allpole.jax
import allpole.numpy
import allpole.torch
from allpole.compat.torchlpc import sample_wise_lpc
from allpole.torch.effects import Effect

Array = np.ndarray
Arrays = Tuple[Array, Array]
Tensors = Tuple[Tensor, Tensor]
JaxArray = jax.Array
JaxArrays = Tuple[JaxArray, JaxArray]


def of_numpy(x: Array, a: Array, flag: bool) -> None:
    assert_type(allpole.numpy.allpole(x, a), Array)
    assert_type(allpole.numpy.allpole(x, a, return_zf=True), Arrays)
    assert_type(allpole.numpy.allpole(x, a, return_zf=flag), Union[Array, Arrays])
    assert_type(allpole.numpy.linear_recurrence(x, a, None), Array)
    assert_type(allpole.numpy.linear_recurrence(x, a, 0.0, return_zf=True), Arrays)
    assert_type(allpole.numpy.linear_recurrence(x, a, return_zf=flag), Union[Array, Arrays])
    assert_type(allpole.numpy.ballistics(x, 0.1, 0.2), Array)
    assert_type(allpole.numpy.ballistics(x, 0.1, 0.2, return_zf=True), Arrays)
    assert_type(allpole.numpy.ballistics(x, a, a, return_zf=flag), Union[Array, Arrays])
    assert_type(allpole.numpy.fir(x, [0.5, 0.5]), Array)
    assert_type(allpole.numpy.fir(x, a, return_zf=True), Arrays)
    assert_type(allpole.numpy.fir(x, a, return_zf=flag), Union[Array, Arrays])

    allpole.numpy.allpole(x, None)  # refused
    allpole.numpy.linear_recurrence(x, a, return_zf=True).shape  # refused
    allpole.numpy.ballistics(x, 0.1)  # refused
    y: Array = allpole.numpy.fir(x, a, return_zf=True)  # refused


class OnGpu:
    @property
    def __cuda_array_interface__(self) -> Dict[str, Any]:
        return {}


def of_arrays_on_a_gpu(x: OnGpu, untyped: Any) -> None:
    assert_type(allpole.numpy.allpole(x, x, return_zf=True), Any)
    assert_type(allpole.numpy.linear_recurrence(x, x), Any)
    assert_type(allpole.numpy.ballistics(x, x, x), Any)
    assert_type(allpole.numpy.fir(x, x), Any)
    assert_type(allpole.numpy.fir(untyped, untyped), Any)


def of_torch(x: Tensor, a: Tensor, flag: bool) -> None:
    assert_type(allpole.torch.allpole(x, a), Tensor)
    assert_type(allpole.torch.allpole(x, a, return_zf=True), Tensors)
    assert_type(allpole.torch.allpole(x, a, return_zf=flag), Union[Tensor, Tensors])
    assert_type(allpole.torch.linear_recurrence(x, a, None), Tensor)
    assert_type(allpole.torch.linear_recurrence(x, a, a, return_zf=True), Tensors)
    assert_type(allpole.torch.linear_recurrence(x, a, return_zf=flag), Union[Tensor, Tensors])
    assert_type(allpole.torch.ballistics(x, 0.1, a), Tensor)
    assert_type(allpole.torch.ballistics(x, a, 0.2, 1, return_zf=True), Tensors)
    assert_type(allpole.torch.ballistics(x, a, a, return_zf=flag), Union[Tensor, Tensors])
    assert_type(allpole.torch.fir(x, a, return_zf=False), Tensor)
    assert_type(allpole.torch.fir(x, a, return_zf=True), Tensors)
    assert_type(allpole.torch.fir(x, a, return_zf=flag), Union[Tensor, Tensors])

    allpole.torch.allpole(x, a, return_zf=True).square()  # refused
    allpole.torch.linear_recurrence(x, 0.5)  # refused
    y: Tensor = allpole.torch.ballistics(x, a, a, return_zf=flag)  # refused
    allpole.torch.fir(x, np.ones(3))  # refused


def of_jax(x: JaxArray, a: JaxArray, flag: bool) -> None:
    assert_type(allpole.jax.allpole(x, a), JaxArray)
    assert_type(allpole.jax.allpole(x, a, return_zf=True), JaxArrays)
    assert_type(allpole.jax.allpole(x, a, return_zf=flag), Union[JaxArray, JaxArrays])
    assert_type(allpole.jax.linear_recurrence(x, a, None), JaxArray)
    assert_type(allpole.jax.linear_recurrence(x, a, 0.0, return_zf=True), JaxArrays)
    assert_type(allpole.jax.linear_recurrence(x, a, return_zf=flag), Union[JaxArray, JaxArrays])
    assert_type(allpole.jax.ballistics(x, 0.1, 0.2), JaxArray)
    assert_type(allpole.jax.ballistics(x, 0.1, 0.2, return_zf=True), JaxArrays)
    assert_type(allpole.jax.ballistics(x, a, a, return_zf=flag), Union[JaxArray, JaxArrays])
    assert_type(allpole.jax.fir(x, np.ones(3)), JaxArray)
    assert_type(allpole.jax.fir(x, a, return_zf=True), JaxArrays)
    assert_type(allpole.jax.fir(x, a, return_zf=flag), Union[JaxArray, JaxArrays])

    allpole.jax.allpole(x, None)  # refused
    allpole.jax.fir(x, a, return_zf=True).shape  # refused


def of_the_rest(x: Tensor, a: Tensor, flag: bool) -> None:
    assert_type(sample_wise_lpc(x, a), Tensor)
    assert_type(sample_wise_lpc(x, a, None, True), Tensors)
    assert_type(sample_wise_lpc(x, a, return_zf=True), Tensors)
    assert_type(sample_wise_lpc(x, a, None, flag), Union[Tensor, Tensors])
    assert_type(allpole.load("best.safetensors")(x), Array)
    assert_type(allpole.load("best.safetensors").to_torch(torch.float64), Effect)

    allpole.load(3)  # refused
