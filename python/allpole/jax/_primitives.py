"""How a kernel becomes a JAX primitive, and what the rules for derivatives have in common.

Each operator F has two primitives beside it: J, how its outputs move along tangents of its inputs,
and T, the transpose of J, which is the backward kernel. All derivatives of any order come from
these and from plain operations of JAX.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Sequence, Tuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from . import _calls

Arrays = Tuple[Any, ...]


def primitive(name: str, evaluate: Callable[..., Arrays]) -> Primitive:
    """A primitive whose arrays are all batch first, evaluated by a call of a kernel."""
    p = Primitive(f"allpole_{name}")
    p.multiple_results = True

    @functools.lru_cache(maxsize=None)
    def jitted(parameters: Any) -> Callable[..., Any]:
        return jax.jit(functools.partial(p.bind, **dict(parameters)))

    def abstract(*inputs: Any, **parameters: Any) -> Any:
        structs = [jax.ShapeDtypeStruct(i.shape, i.dtype) for i in inputs]
        outputs = jax.eval_shape(functools.partial(evaluate, **parameters), *structs)
        return [jax.core.ShapedArray(out.shape, out.dtype) for out in outputs]

    def batch(inputs: Sequence[Any], axes: Sequence[Any], **parameters: Any) -> Any:
        size = next(i.shape[axis] for i, axis in zip(inputs, axes) if axis is not None)
        folded = []
        for i, axis in zip(inputs, axes):
            i = jnp.broadcast_to(i, (size, *i.shape)) if axis is None else jnp.moveaxis(i, axis, 0)
            folded.append(i.reshape((size * i.shape[1], *i.shape[2:])))
        outputs = p.bind(*folded, **parameters)
        unfolded = [o.reshape((size, o.shape[0] // size, *o.shape[1:])) for o in outputs]
        return unfolded, [0] * len(unfolded)

    p.def_impl(lambda *inputs, **parameters: jitted(tuple(parameters.items()))(*inputs))
    p.def_abstract_eval(abstract)
    for platform, function in (("cpu", evaluate), ("cuda", _calls.on_cuda(evaluate))):
        rule = mlir.lower_fun(function, multiple_results=True)
        mlir.register_lowering(p, rule, platform=platform)
    batching.primitive_batchers[p] = batch
    return p


def known(tangent: Any) -> Any:
    return ad.instantiate_zeros(tangent)


def is_zero(tangent: Any) -> bool:
    return type(tangent) is ad.Zero


def is_linear(argument: Any) -> bool:
    return ad.is_undefined_primal(argument)


def zeros_for(argument: Any) -> Any:
    """An array in the place of an argument that a transposition stands for."""
    return jnp.zeros(argument.aval.shape, argument.aval.dtype) if is_linear(argument) else argument


def for_linear(arguments: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
    return [ct if is_linear(a) else None for a, ct in zip(arguments, cotangents)]
