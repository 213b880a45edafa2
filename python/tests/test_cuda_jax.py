"""JAX on a GPU: the same values as on the CPU, in XLA's streams."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import allpole.jax as apj
from allpole import build_info

if "cuda=ON" not in build_info().split():
    pytest.skip("this library is built without CUDA", allow_module_level=True)
try:
    gpu = jax.devices("cuda")[0]
except RuntimeError:
    pytest.skip("JAX finds no GPU", allow_module_level=True)
cpu = jax.devices("cpu")[0]

B, T = 4, 5000


def cases(rng):
    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    x, levels = draw(B, T), rng.uniform(0.01, 0.5, size=(2, B)).astype(np.float32)
    return {
        "allpole": (x, 0.3 * draw(B, T, 2), draw(B, 2)),
        "linear_recurrence": (x, 0.9 * np.cos(draw(B, T)), draw(B)),
        "fir": (x, draw(B, 7, 3), draw(B, 2)),
        "ballistics": (x, *levels, draw(B)),
    }


@pytest.mark.parametrize("name", ["allpole", "linear_recurrence", "fir", "ballistics"])
def test_values_and_gradients_are_those_of_the_cpu(name, rng):
    arguments = cases(rng)[name]

    def loss(*arguments):
        y, zf = getattr(apj, name)(*arguments, return_zf=True)
        return (y**2).mean() + (zf**2).mean()

    run = jax.jit(jax.value_and_grad(loss, tuple(range(len(arguments)))))

    found, wanted = (run(*jax.device_put(arguments, device)) for device in (gpu, cpu))

    assert found[0].devices() == {gpu}
    for f, w in zip(jax.tree.leaves(found), jax.tree.leaves(wanted)):
        w = np.asarray(w)
        np.testing.assert_allclose(np.asarray(f), w, rtol=1e-4, atol=1e-5 * np.abs(w).max())


def test_results_feed_what_follows_in_the_same_program(rng):
    x, a, _ = jax.device_put(cases(rng)["allpole"], gpu)

    @jax.jit
    def run(x, a):
        return apj.allpole(2 * apj.allpole(3 * x, a), a).sum()

    with jax.default_device(cpu):
        wanted = run(*jax.device_put((x, a), cpu))
    np.testing.assert_allclose(run(x, a), wanted, rtol=1e-3, atol=1e-2)
