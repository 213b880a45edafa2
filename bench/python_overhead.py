#!/usr/bin/env python3
"""
What a call from Python costs over the plain C call, in microseconds.

A signal of 64 samples: the kernel itself takes next to nothing. The plain C call is the function
pointer with ready addresses, through ctypes. Every figure is the median of several rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any, Callable, Dict

import numpy as np

from allpole import _library, build_info
from allpole import numpy as apn

# Short rounds, so that most of them are not interrupted.
ROUNDS, CALLS = 301, 50


def microseconds(call: Callable[[], Any]) -> float:
    for _ in range(CALLS):
        call()
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - start) / CALLS * 1e6)
    return statistics.median(rounds)


def plain_c(x: np.ndarray, a: np.ndarray) -> Callable[[], Any]:
    y, context = np.empty_like(x), _library.cpu_context(1)
    function = _library._FUNCTIONS[("allpole_forward", "float32")]
    (B, T), (F, M) = x.shape, a.shape[1:]
    addresses = x.ctypes.data, a.ctypes.data, None, y.ctypes.data, None

    def call(handle: Any = context.handle, keep: Any = y) -> None:
        function(handle, B, T, F, M, *addresses)

    return call


def with_torch(x: np.ndarray, a: np.ndarray) -> Dict[str, Callable[[], Any]]:
    import torch

    import allpole.torch as apt

    torch.set_num_threads(1)
    signal, coefficients = torch.from_numpy(x), torch.from_numpy(a)
    leaf, g = signal.clone().requires_grad_(), torch.ones_like(signal)
    return {
        "torch": lambda: apt.allpole(signal, coefficients),
        "torch, requires grad": lambda: apt.allpole(leaf, coefficients),
        "torch, forward and backward": lambda: torch.autograd.grad(
            apt.allpole(leaf, coefficients), leaf, g
        ),
        "torch.add, to compare": lambda: torch.add(signal, signal),
    }


def with_jax(x: np.ndarray, a: np.ndarray) -> Dict[str, Callable[[], Any]]:
    import jax
    import jax.numpy as jnp

    import allpole.jax as apj

    signal, coefficients = jnp.asarray(x), jnp.asarray(a)
    jitted, add = jax.jit(apj.allpole), jax.jit(jnp.add)
    return {
        "jax, jitted": lambda: jitted(signal, coefficients).block_until_ready(),
        "jax add, jitted, to compare": lambda: add(signal, signal).block_until_ready(),
    }


def main() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(1, 64)).astype(np.float32)
    a = (0.1 * random.normal(size=(1, 64, 2))).astype(np.float32)
    apn.set_num_threads(1)
    calls = {"plain C": plain_c(x, a), "numpy": lambda: apn.allpole(x, a)}
    for more in (with_torch, with_jax):
        try:
            calls.update(more(x, a))
        except ImportError as error:
            print(f"left out: {error}", file=sys.stderr)

    took = {name: microseconds(call) for name, call in calls.items()}
    over = {name: round(value - took["plain C"], 2) for name, value in took.items()}
    rounded = {name: round(value, 2) for name, value in took.items()}
    report = {"build": build_info(), "microseconds": rounded, "over_plain_c": over}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
