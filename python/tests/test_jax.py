"""JAX operators: values, derivatives of any order, batching, both ways to the kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp
from jax.test_util import check_grads

import allpole.jax as apj
import allpole.numpy as apn
from allpole import NotBuiltError, build_info
from cases import CASES, each, for_cases

jax.config.update("jax_enable_x64", True)


def both(case):
    return partial(case.call, apj)


@each
def test_values_are_those_of_numpy(case, rng):
    arguments = case.make(rng)

    for call in (both(case), jax.jit(both(case))):
        found = call(*arguments)
        for f, wanted in zip(found, case.call(apn, *arguments)):
            np.testing.assert_array_equal(f, wanted)


@each
def test_derivatives_of_both_modes_to_second_order(case, rng):
    arguments = tuple(jnp.asarray(a) for a in case.make(rng))

    # Differences with JAX's step of 1e-4 err by some 1e-8 times a derivative of third order.
    check_grads(jax.jit(both(case)), arguments, order=2, modes=("fwd", "rev"), atol=1e-4, rtol=1e-4)


@for_cases([CASES[1], CASES[4], CASES[8], CASES[10]])
def test_hessians_agree_however_they_are_composed(case, rng):
    arguments = tuple(jnp.asarray(a) for a in case.make(rng))

    def loss(*arguments):
        y, zf = both(case)(*arguments)
        return (y**3).sum() + (zf**3).sum()

    every = tuple(range(len(arguments)))
    wanted = jax.jit(jax.jacfwd(jax.jacfwd(loss, every), every))(*arguments)
    for outer, inner in (
        (jax.jacfwd, jax.jacrev),
        (jax.jacrev, jax.jacrev),
        (jax.jacrev, jax.jacfwd),
    ):
        found = jax.jit(outer(inner(loss, every), every))(*arguments)
        jax.tree.map(
            lambda f, w: np.testing.assert_allclose(f, w, rtol=1e-9, atol=1e-9), found, wanted
        )


@each
def test_vmap_over_any_arguments_is_a_loop(case, rng):
    N, arguments = 3, case.make(rng)
    every = 2 ** len(arguments) - 1
    for mapped in (1, 2, every - 1, every):
        stacked = [
            np.stack([a * (1 + 0.1 * n) for n in range(N)], 1) if mapped >> i & 1 else a
            for i, a in enumerate(arguments)
        ]
        axes = tuple(1 if mapped >> i & 1 else None for i in range(len(arguments)))

        found = jax.jit(jax.vmap(both(case), axes))(*stacked)

        for n in range(N):
            one = [s[:, n] if axis == 1 else s for s, axis in zip(stacked, axes)]
            for f, wanted in zip(found, both(case)(*one)):
                np.testing.assert_allclose(f[n], wanted, rtol=1e-12, atol=1e-12)


def test_gradients_of_ballistics_run_the_fused_kernel(rng):
    def loss(*arguments):
        return apj.ballistics(*arguments).sum()

    program = jax.jit(jax.grad(loss, (0, 1, 2, 3))).lower(*CASES[-1].make(rng)).as_text()

    assert "allpole_ballistics_backward" in program
    assert "allpole_recurrence" not in program


@pytest.mark.skipif(apj.backend() != "ffi", reason="operators are Python callbacks")
def test_programs_for_cuda_hold_the_operators_that_the_library_has(rng):
    def export():
        every = jax.jit(jax.grad(lambda *a: apj.ballistics(*a).sum()))
        return jax.export.export(
            every,
            platforms=["cuda"],
            disabled_checks=[
                jax.export.DisabledSafetyCheck.custom_call(f"allpole_ballistics_{name}")
                for name in ("forward", "backward")
            ],
        )(*CASES[-1].make(rng))

    if "cuda=ON" in build_info().split():
        assert "allpole_ballistics_backward" in export().mlir_module()
    else:
        with pytest.raises(NotBuiltError, match="built without CUDA"):
            export()


def test_dtypes_and_broadcasting():
    x = jnp.ones((3, 1, 10), jnp.bfloat16)

    y, zf = apj.allpole(x, jnp.zeros((4, 1, 2), jnp.bfloat16), return_zf=True)

    assert y.dtype == jnp.float32 and y.shape == (3, 4, 10) and zf.shape == (3, 4, 2)
    assert apj.allpole([1, 2, 3], [0.5]).dtype == jnp.float64


def test_no_samples_and_no_rows():
    y, zf = apj.allpole(jnp.zeros((2, 0)), jnp.zeros((2, 1, 3)), jnp.ones((2, 3)), return_zf=True)
    assert y.shape == (2, 0)
    np.testing.assert_array_equal(zf, np.ones((2, 3)))
    assert apj.fir(jnp.zeros((0, 5)), jnp.zeros(3)).shape == (0, 5)


def test_a_wrong_argument_is_named():
    x = jnp.zeros((2, 8))
    with pytest.raises(ValueError, match="linear_recurrence: the last axis of a is 3"):
        apj.linear_recurrence(x, x[:, :3])
    with pytest.raises(TypeError, match="fir: the arguments are complex"):
        apj.fir(x + 0j, jnp.ones(2))
    with pytest.raises(ValueError, match="allpole: the leading axes do not broadcast"):
        apj.allpole(x, jnp.zeros((3, 1, 2)))
    with pytest.raises(TypeError, match="allpole: a is None"):
        apj.allpole(x, None)
    with pytest.raises(Exception, match="M is 65, expected 1 to 64"):
        apj.allpole(x, jnp.zeros(65)).block_until_ready()


CALLBACK = """
import jax, jax.numpy as jnp, numpy as np, allpole.jax as apj, allpole.numpy as apn
jax.config.update("jax_enable_x64", True)
assert apj.backend() == "callback"
x, a = np.random.default_rng(0).normal(size=(2, 9)), np.array([0.5, -0.2])
np.testing.assert_array_equal(jax.jit(apj.allpole)(x, a), apn.allpole(x, a))
from jax.test_util import check_grads
check_grads(apj.allpole, (jnp.asarray(x), jnp.asarray(a)), order=2)
"""


def test_without_a_compiler_callbacks_do_the_same():
    environment = {**os.environ, "ALLPOLE_JAX": "callback"}
    run = subprocess.run([sys.executable, "-c", CALLBACK], env=environment, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
