#!/usr/bin/env python3
"""
Times other implementations against this library on the same arrays.

    bench/peers.py [--out FILE] [--rounds N] [--threads N] [--device cuda]

Peers that are not installed are left out, with a note. What each computes is compared with this
library's result before it is timed. All take turns, round by round, so that a slow moment of the
machine falls on every one. The report is JSON: seconds, medians and quartiles.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import torch

import allpole
import allpole.torch as apt

Call = Callable[[], torch.Tensor]


class Case(NamedTuple):
    name: str
    sizes: Dict[str, int]
    inputs: Tuple[torch.Tensor, ...]
    calls: Dict[str, Call]


def forward_and_backward(function: Callable[..., Any], inputs: Tuple[torch.Tensor, ...]) -> Call:
    """Output and all gradients, as one flat tensor to compare."""

    def call() -> torch.Tensor:
        leaves = [t.detach().requires_grad_() for t in inputs]
        y = function(*leaves)
        found = torch.autograd.grad(y, leaves, torch.ones_like(y))
        return torch.cat([y.detach().reshape(-1)] + [g.reshape(-1) for g in found])

    return call


def peers(name: str) -> Dict[str, Callable[..., Any]]:
    """Implementations of one operator by the name of their package, of those that are installed."""
    known = {"lpc": _lpc, "recurrence": _recurrence, "compressor": _compressor, "lti": _lti}
    found = {}
    for package, make in known[name]().items():
        try:
            found[package] = make()
        except (ImportError, OSError) as error:
            print(f"{package}: left out of {name}: {error}", file=sys.stderr)
    return found


def _lpc() -> Dict[str, Callable[[], Callable[..., Any]]]:
    def torchlpc() -> Callable[..., Any]:
        from torchlpc import sample_wise_lpc

        return sample_wise_lpc

    return {"torchlpc": torchlpc}


def _recurrence() -> Dict[str, Callable[[], Callable[..., Any]]]:
    def torchlpc() -> Callable[..., Any]:
        from torchlpc.recurrence import Recurrence

        return lambda x, a, zi: Recurrence.apply(a, x, zi)

    return {"torchlpc": torchlpc}


def _compressor() -> Dict[str, Callable[[], Callable[..., Any]]]:
    def torchcomp() -> Callable[..., Any]:
        from torchcomp.core import compressor_core

        return lambda x, at, rt, zi: compressor_core(x, zi, at, rt)

    return {"torchcomp": torchcomp}


def _lti() -> Dict[str, Callable[[], Callable[..., Any]]]:
    def scipy() -> Callable[..., Any]:
        from scipy.signal import lfilter

        def call(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(lfilter([1.0], [1.0, *a.tolist()], x.cpu().numpy()))

        return call

    def torchaudio() -> Callable[..., Any]:
        from torchaudio.functional import lfilter

        def call(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
            one = torch.ones(1, dtype=a.dtype, device=a.device)
            b = torch.cat([one, torch.zeros_like(a)])
            return lfilter(x, torch.cat([one, a]), b, clamp=False)

        return call

    return {"scipy": scipy, "torchaudio": torchaudio}


def associative_scan(x: torch.Tensor, a: torch.Tensor) -> Call:
    """JAX's generic scan of the first-order recurrence, jitted."""
    import jax
    import jax.numpy as jnp

    signal, decay = jnp.asarray(x.cpu().numpy()), jnp.asarray(a.cpu().numpy())

    def combine(first: Any, second: Any) -> Any:
        return first[0] * second[0], first[1] * second[0] + second[1]

    scan = jax.jit(lambda a, x: jax.lax.associative_scan(combine, (a, x), axis=1)[1])
    return lambda: torch.from_numpy(np.array(scan(decay, signal).block_until_ready()))


def lpc_case(B: int, T: int, M: int, draw: Callable[..., torch.Tensor]) -> Case:
    x, zi = draw(B, T), draw(B, M)
    a = draw(B, T, M) * (0.5 / M)
    functions = {"allpole": apt.allpole, **peers("lpc")}
    calls = {name: forward_and_backward(f, (x, a, zi)) for name, f in functions.items()}
    return Case(
        "time-varying all-pole, with gradients", {"B": B, "T": T, "M": M}, (x, a, zi), calls
    )


def recurrence_case(B: int, T: int, draw: Callable[..., torch.Tensor]) -> List[Case]:
    x, a, zi = draw(B, T), torch.sigmoid(draw(B, T)), draw(B)
    functions = {"allpole": apt.linear_recurrence, **peers("recurrence")}
    calls = {name: forward_and_backward(f, (x, a, zi)) for name, f in functions.items()}
    sizes = {"B": B, "T": T}
    cases = [Case("first-order recurrence, with gradients", sizes, (x, a, zi), calls)]
    forward: Dict[str, Call] = {"allpole": lambda: apt.linear_recurrence(x, a)}
    try:
        forward["jax associative_scan"] = associative_scan(x, a)
    except ImportError as error:
        print(f"jax: left out: {error}", file=sys.stderr)
    cases.append(Case("first-order recurrence, forward", sizes, (x, a), forward))
    return cases


def compressor_case(B: int, T: int, draw: Callable[..., torch.Tensor]) -> Case:
    x, zi = torch.sigmoid(draw(B, T)), torch.ones_like(draw(B))
    at, rt = torch.full_like(zi, 0.05), torch.full_like(zi, 0.002)
    functions = {"allpole": apt.ballistics, **peers("compressor")}
    calls = {name: forward_and_backward(f, (x, at, rt, zi)) for name, f in functions.items()}
    return Case("attack and release, with gradients", {"B": B, "T": T}, (x, at, rt, zi), calls)


def lti_case(B: int, T: int, draw: Callable[..., torch.Tensor]) -> Case:
    x, a = draw(B, T), draw(2) * 0 + torch.tensor([-1.2, 0.5], device=draw(1).device)
    calls: Dict[str, Call] = {"allpole": lambda: apt.allpole(x, a)}
    for name, function in peers("lti").items():
        calls[name] = lambda function=function: function(x, a)
    return Case("constant all-pole, forward", {"B": B, "T": T, "M": 2}, (x, a), calls)


def verify(case: Case) -> None:
    """Float32 results of different orders of summation: to 1e-3 of the largest value."""
    wanted = case.calls["allpole"]().cpu().double()
    for name, call in case.calls.items():
        error = (call().cpu().double() - wanted).abs().max() / wanted.abs().max()
        if not error < 1e-3:
            sys.exit(
                f"{case.name}: {name} differs from allpole by {error:.1e} of the largest value"
            )


def measure(case: Case, rounds: int, device: str) -> Dict[str, Any]:
    verify(case)
    seconds: Dict[str, List[float]] = {name: [] for name in case.calls}
    for _ in range(rounds):
        for name, call in case.calls.items():
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    results = {}
    for name, times in seconds.items():
        quartiles = statistics.quantiles(times, n=4, method="inclusive")
        results[name] = {"median": quartiles[1], "quartiles": [quartiles[0], quartiles[2]]}
    return {"case": case.name, **case.sizes, "seconds": results}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", help="where the report goes; else standard output")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=options.device)

    cases = [lpc_case(32, 16384, M, draw) for M in (2, 6, 22)] + [lpc_case(1, 131072, 2, draw)]
    cases += recurrence_case(32, 65536, draw) + recurrence_case(1, 262144, draw)
    cases += [compressor_case(32, 65536, draw), compressor_case(1, 262144, draw)]
    cases += [lti_case(32, 65536, draw)]
    report = {
        "machine": platform.processor() or platform.machine(),
        "device": options.device,
        "threads": options.threads,
        "torch": torch.__version__,
        "allpole": allpole.build_info(),
        "rounds": options.rounds,
        "results": [measure(case, options.rounds, options.device) for case in cases],
    }
    text = json.dumps(report, indent=2)
    if options.out:
        with open(options.out, "w") as file:
            file.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
