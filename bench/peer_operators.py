"""The operators of other packages, each as a function of tensors; imported when it is asked for."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict

import torch

Call = Callable[[], Any]
Function = Callable[..., Any]


def torchaudio() -> Any:
    """Its check for PyTorch's version of CUDA also fails where no CUDA is used."""
    version, torch.version.cuda = torch.version.cuda, None
    try:
        import torchaudio as module
    finally:
        torch.version.cuda = version
    return module


def torchlpc_filter() -> Function:
    from torchlpc import sample_wise_lpc

    return sample_wise_lpc


def philtorch_filter() -> Function:
    from philtorch.lpv import allpole as filter_with

    return lambda x, a: filter_with(a, x)


def torchlpc_recurrence() -> Function:
    from torchlpc.recurrence import Recurrence

    return lambda x, a: Recurrence.apply(a, x, x.new_zeros(len(x)))


def philtorch_recurrence() -> Function:
    from philtorch.lpv import linear_recurrence

    return lambda x, a: linear_recurrence(a, x.new_zeros(len(x)), x)


def torchcomp_ballistics() -> Function:
    from torchcomp.core import compressor_core

    return lambda x, at, rt, zi: compressor_core(x, zi, at, rt)


def torchaudio_filter() -> Function:
    lfilter = torchaudio().functional.lfilter

    def call(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        one = a.new_ones(1)
        return lfilter(x, torch.cat([one, a]), torch.cat([one, 0 * a]), clamp=False)

    return call


def scipy_filter() -> Function:
    from scipy.signal import lfilter

    return lambda x, a: torch.from_numpy(lfilter([1.0], [1.0, *a.tolist()], x.cpu().numpy()))


def jax_scan() -> Function:
    """JAX's generic scan, jitted; forward and backward as one program."""
    import jax
    import jax.numpy as jnp

    def combine(first: Any, second: Any) -> Any:
        return first[0] * second[0], first[1] * second[0] + second[1]

    def scan(x: Any, a: Any) -> Any:
        return jax.lax.associative_scan(combine, (a, x), axis=1)[1]

    @jax.jit
    def both(x: Any, a: Any) -> Any:
        y, backward = jax.vjp(scan, x, a)
        return (y, *backward(jnp.ones_like(y)))

    def prepare(x: torch.Tensor, a: torch.Tensor) -> Call:
        arrays = [jnp.asarray(t.detach().cpu().numpy()) for t in (x, a)]
        return lambda: jax.block_until_ready(both(*arrays))

    return prepare


def installed(known: Dict[str, Callable[[], Function]]) -> Dict[str, Function]:
    found = {}
    for package, make in known.items():
        try:
            found[package] = make()
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{package}: left out: {str(error).splitlines()[0]}", file=sys.stderr)
    return found
