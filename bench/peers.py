#!/usr/bin/env python3
"""
Times other implementations against this library on the same data.

    bench/peers.py [--only LIST] [--bench PROGRAM] [--out FILE] [--rounds N] [--threads N]
                   [--device cuda] [--quick]

Cases of --only: allpole, recurrence, ballistics, constant (operators, called from PyTorch with all
their gradients), growth (allpole along T, B, M); compressor, phaser, voice, synth (steps of
training: ours as allpole_bench runs them, the others' in PyTorch, see torch_effects.py; they need
--bench).

Peers that are not installed are left out, with a note. What each computes is compared with this
library's result before it is timed. All take turns, round by round, so that a slow moment of the
machine falls on every one. The report is JSON: seconds, medians and quartiles.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
import torch

import allpole
import allpole.torch as apt
import peer_operators as others
from peer_operators import Call, Function, installed


class Case(NamedTuple):
    name: str
    sizes: Dict[str, int]
    calls: Dict[str, Call]
    tolerance: float = 1e-3  # float32 and other orders of summation, by the largest value
    bench: Tuple[str, ...] = ()  # options of allpole_bench, which runs ours


# --- operators ------------------------------------------------------------------------------------


def with_gradients(function: Function, inputs: Tuple[torch.Tensor, ...]) -> Call:
    """The output and the gradients of all inputs."""
    leaves = [t.detach().requires_grad_() for t in inputs]

    def call() -> List[torch.Tensor]:
        y = function(*leaves)
        return [y.detach(), *torch.autograd.grad(y, leaves, torch.ones_like(y))]

    return call


def operator_case(
    name: str, sizes: Dict[str, int], functions: Dict[str, Function], *inputs: torch.Tensor
) -> Case:
    return Case(name, sizes, {who: with_gradients(f, inputs) for who, f in functions.items()})


class Operators:
    """Cases by name, on one device."""

    def __init__(self, device: str, quick: bool) -> None:
        self.device, self.shrink = device, 8 if quick else 1

    def draw(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=self.device)

    @staticmethod
    def filters() -> Dict[str, Function]:
        known = {"torchlpc": others.torchlpc_filter, "philtorch": others.philtorch_filter}
        return {"allpole": apt.allpole, **installed(known)}

    def allpole(self) -> Iterator[Case]:
        functions = self.filters()
        sizes = [(32, 65536, M) for M in (1, 2, 6)] + [(64, 16384, 16), (32, 48000, 22)]
        for B, T, M in sizes + [(1, 262144, M) for M in (1, 2, 6)]:
            T //= self.shrink
            x, a = self.draw(B, T), self.draw(B, T, M) * (0.5 / M)
            yield operator_case("allpole", {"B": B, "T": T, "M": M}, functions, x, a)

    def growth(self) -> Iterator[Case]:
        """The sizes that scripts/bench takes this library along, as far as peers are fast."""
        functions = self.filters()
        few = self.shrink > 1
        along = {
            "T": [(1, 4**i, 2) for i in (range(4, 8) if few else range(4, 12))],
            "B": [(B, 2048, 2) for B in ((1, 64) if few else (1, 4, 16, 64, 256, 1024))],
            "M": [(32, 8192, M) for M in ((2, 6) if few else (1, 2, 4, 8, 16, 32))],
        }
        for axis, sizes in along.items():
            for B, T, M in sizes:
                x, a = self.draw(B, T), self.draw(B, T, M) * (0.5 / M)
                case = {"B": B, "T": T, "M": M}
                yield operator_case(f"allpole along {axis}", case, functions, x, a)

    def recurrence(self) -> Iterator[Case]:
        functions = {
            "allpole": apt.linear_recurrence,
            **installed(
                {"torchlpc": others.torchlpc_recurrence, "philtorch": others.philtorch_recurrence}
            ),
        }
        for B, T in ((32, 65536), (1, 262144)):
            T //= self.shrink
            x, a = self.draw(B, T), torch.sigmoid(self.draw(B, T))
            case = operator_case("recurrence", {"B": B, "T": T}, functions, x, a)
            for package, prepare in installed({"jax associative_scan": others.jax_scan}).items():
                case.calls[package] = prepare(x, a)
            yield case

    def ballistics(self) -> Iterator[Case]:
        functions = {
            "allpole": apt.ballistics,
            **installed({"torchcomp": others.torchcomp_ballistics}),
        }
        for B, T in ((32, 65536), (1, 262144)):
            T //= self.shrink
            x, zi = torch.sigmoid(self.draw(B, T)), torch.ones(B, device=self.device)
            at, rt = torch.full_like(zi, 0.05), torch.full_like(zi, 0.002)
            yield operator_case("ballistics", {"B": B, "T": T}, functions, x, at, rt, zi)

    def constant(self) -> Iterator[Case]:
        """One constant filter for all signals; SciPy has no gradient, so forward alone."""
        B, T = 32, 65536 // self.shrink
        x, a = self.draw(B, T), torch.tensor([-1.2, 0.5], device=self.device)
        functions = {
            "allpole": lambda x, a: apt.allpole(x, a),
            **installed({"torchaudio": others.torchaudio_filter, "scipy": others.scipy_filter}),
        }
        calls = {who: (lambda f=f: [f(x, a)]) for who, f in functions.items()}
        yield Case("constant, forward", {"B": B, "T": T, "M": 2}, calls)


# --- steps of training ----------------------------------------------------------------------------


class Steps:
    """Cases by name; ours by allpole_bench, the others' by PyTorch."""

    def __init__(self, bench: Path, threads: int, quick: bool) -> None:
        self.bench, self.threads, self.quick = bench, threads, quick

    def step(self, step: str, window: int = 0, T: int = 0, tolerance: float = 1e-3) -> Case:
        import torch_effects

        options = [str(self.bench), "--step", step, "--threads", str(self.threads)]
        options += ["--window", str(window)] if window else []
        options += ["--T", str(T)] if T else []
        sizes = {key: value for key, value in {"window": window, "T": T}.items() if value}
        other = torch_effects.make_step(step, window or 1024, T=T)
        return Case(step, sizes, {"pytorch": other}, tolerance, tuple(options))

    def compressor(self) -> Iterator[Case]:
        for seconds in (2,) if self.quick else (30, 60, 120):
            yield self.step("compressor", T=44100 * seconds)

    def phaser(self) -> Iterator[Case]:
        T = 44100 if self.quick else 0
        yield self.step("phaser_td", T=T)
        yield self.step("phaser_fs", T=T)

    def voice(self) -> Iterator[Case]:
        T = 1536 if self.quick else 0
        yield self.step("voice_td", T=T)
        for window in (128,) if self.quick else (128, 256, 512, 1024, 2048, 4096):
            yield self.step("voice_fs", window, T)
        yield self.step("voice_lstm", T=T)

    def synth(self) -> Iterator[Case]:
        """Dropout draws other values in each, which moves the loss."""
        if not self.quick:
            yield self.step("synth_td", tolerance=0.05)


# --- timing ---------------------------------------------------------------------------------------


class Mismatch(Exception):
    """What a peer computes is not what this library does."""


def arrays_of(result: Any) -> List[np.ndarray]:
    values = result if isinstance(result, (list, tuple)) else [result]
    return [
        np.asarray(v.cpu() if isinstance(v, torch.Tensor) else v, dtype=np.float64) for v in values
    ]


def verify(case: Case, wanted: Any, calls: Dict[str, Call]) -> None:
    """Each array of a result, by its largest value."""
    for who, call in calls.items():
        for got, want in zip(arrays_of(call()), arrays_of(wanted)):
            error = np.abs(got - want).max() / np.abs(want).max()
            if not error < case.tolerance:
                raise Mismatch(f"{case.name} {case.sizes}: {who} is off allpole by {error:.1e}")


def summary(times: List[float]) -> Dict[str, Any]:
    quartiles = statistics.quantiles(times, n=4, method="inclusive")
    return {"median": quartiles[1], "quartiles": [quartiles[0], quartiles[2]]}


def seconds_of(call: Call, device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    else:
        time.sleep(0.01)  # the threads of whoever came before stop spinning
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure_operator(case: Case, rounds: int, device: str) -> Dict[str, Any]:
    verify(case, case.calls["allpole"](), case.calls)
    times: Dict[str, List[float]] = {who: [] for who in case.calls}
    for _ in range(rounds):
        for who, call in case.calls.items():
            call()  # what the one before has left in caches and allocators is not its successor's
            times[who].append(seconds_of(call, device))
    return {who: summary(values) for who, values in times.items()}


def run_bench(options: Tuple[str, ...], repeats: int) -> Dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [*options, "--repeats", str(repeats), "--json", file.name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.load(open(file.name))["results"][0]


def measure_step(case: Case, rounds: int) -> Dict[str, Any]:
    """Turns are few, since each of ours starts a process and checks itself."""
    turns, ours, times = 2, [], []
    step = case.calls["pytorch"]
    step()
    repeats = int(max(1, min(rounds / turns, 4 / seconds_of(step, "cpu"))))
    for _ in range(turns):
        ours.append(run_bench(case.bench, max(3, repeats)))
        times += [seconds_of(step, "cpu") for _ in range(repeats)]
    verify(case, ours[0]["loss"], case.calls)
    median = statistics.mean(turn["seconds"] for turn in ours)
    quartiles = [statistics.mean(turn["quartiles"][i] for turn in ours) for i in (0, 1)]
    own = {"median": median, "quartiles": quartiles}
    return {"allpole": own, "pytorch": summary(times)}


def measure(case: Case, rounds: int, device: str) -> Dict[str, Any]:
    seconds = measure_step(case, rounds) if case.bench else measure_operator(case, rounds, device)
    ours = seconds["allpole"]["median"]
    ratios = (f"{who} {s['median'] / ours:.1f}" for who, s in seconds.items() if who != "allpole")
    sizes = " ".join(f"{key}={value}" for key, value in case.sizes.items())
    print(
        f"{case.name} {sizes}: {1e3 * ours:.3g} ms; times that:", ", ".join(ratios), file=sys.stderr
    )
    return {"case": case.name, **case.sizes, "seconds": seconds}


def measure_all(cases: Iterator[Case], rounds: int, device: str) -> Tuple[List[Any], int]:
    """Results, and how many cases failed."""
    results, failed = [], 0
    for case in cases:
        try:
            results.append(measure(case, rounds, device))
        except ImportError as error:
            print(f"{case.name}: left out: {error}", file=sys.stderr)
        except (Mismatch, subprocess.CalledProcessError) as error:
            print(error, file=sys.stderr)
            failed += 1
    return results, failed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="cases, with commas between them")
    parser.add_argument("--bench", type=Path, help="the program allpole_bench")
    parser.add_argument("--out", help="where the report goes; else standard output")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    operators = Operators(options.device, options.quick)
    cases = {
        name: getattr(operators, name)
        for name in ("allpole", "recurrence", "ballistics", "constant", "growth")
    }
    if options.bench and options.device == "cpu":
        steps = Steps(options.bench, options.threads, options.quick)
        cases.update(
            {name: getattr(steps, name) for name in ("compressor", "phaser", "voice", "synth")}
        )
    names = options.only.split(",") if options.only else list(cases)
    unknown = [name for name in names if name not in cases]
    if unknown:
        parser.error(f"--only {unknown[0]} is not one of {', '.join(cases)} (see --bench)")
    measured = itertools.chain.from_iterable(cases[name]() for name in names)
    results, failed = measure_all(measured, options.rounds, options.device)
    report = {
        "device": options.device,
        "threads": options.threads,
        "torch": torch.__version__,
        "allpole": allpole.build_info(),
        "rounds": options.rounds,
        "results": results,
    }
    text = json.dumps(report, indent=1)
    if options.out:
        Path(options.out).write_text(text + "\n")
    else:
        print(text)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
