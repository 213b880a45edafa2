"""Every operator with arguments of each kind, for the tests that hold for all of them."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Tuple

import numpy as np
import pytest

B, T = 3, 9


class Case(NamedTuple):
    name: str
    function: str  # of allpole.numpy, allpole.torch and allpole.jax
    make: Callable[[np.random.Generator], Tuple[np.ndarray, ...]]
    is_complex: bool = False

    def call(self, module: Any, *arguments: Any) -> Tuple[Any, Any]:
        """(y, zf) of the function of that module."""
        return getattr(module, self.function)(*arguments, return_zf=True)


def _filter(kind: str, function: str, frames: int, order: Optional[int], size: float = 0.3) -> Case:
    """Signal, coefficients times `size`, state. No order: a coefficient has no axis of its own."""
    is_complex = kind == "complex"
    state = () if order is None else (order - 1,) if function == "fir" else (order,)

    def make(rng: np.random.Generator) -> Tuple[np.ndarray, ...]:
        def draw(*shape: int) -> np.ndarray:
            values = rng.normal(size=shape)
            return values + 1j * rng.normal(size=shape) if is_complex else values

        coefficients = draw(B, frames, *(() if order is None else (order,)))
        return draw(B, T), size * coefficients, draw(B, *state)

    return Case(f"{function}-{kind}", function, make, is_complex)


def _levels(rng: np.random.Generator) -> Tuple[np.ndarray, ...]:
    at, rt = rng.uniform(size=(2, B))
    return rng.normal(size=(B, T)), at, rt, rng.normal(size=B)


CASES = [
    _filter("samples", "allpole", T, 2),
    _filter("frames", "allpole", 4, 3),
    _filter("constant", "allpole", 1, 2),
    _filter("complex", "allpole", 4, 2),
    _filter("samples", "linear_recurrence", T, None, 0.5),
    _filter("constant", "linear_recurrence", 1, None, 0.5),
    _filter("complex", "linear_recurrence", T, None, 0.5),
    _filter("samples", "fir", T, 3, 1.0),
    _filter("frames", "fir", 4, 3, 1.0),
    _filter("constant", "fir", 1, 3, 1.0),
    Case("ballistics", "ballistics", _levels),
]

REAL_CASES = [case for case in CASES if not case.is_complex]


def for_cases(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


each, each_real = for_cases(CASES), for_cases(REAL_CASES)
