"""Fits the coefficients of a filter with JAX and optax: everything runs inside one jitted step."""

from __future__ import annotations

from typing import Any, Tuple

import jax
import jax.numpy as jnp
import optax

from allpole.jax import allpole


def coefficients(raw: jax.Array) -> jax.Array:
    """Two numbers to a stable second-order filter."""
    a2 = jnp.tanh(raw[1])
    return jnp.stack([(1 + a2) * jnp.tanh(raw[0]), a2])


def fit(steps: int = 200) -> float:
    x = jax.random.normal(jax.random.key(0), (8, 2000))
    target = allpole(x, jnp.array([-1.6, 0.81]))
    optimiser = optax.adam(0.05)

    def loss(raw: jax.Array) -> jax.Array:
        error = allpole(x, coefficients(raw)) - target
        return jnp.mean(error**2) / jnp.mean(target**2)

    @jax.jit
    def step(raw: jax.Array, state: Any) -> Tuple[jax.Array, Any, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(raw)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(raw, updates), state, value

    raw = jnp.zeros(2)
    state = optimiser.init(raw)
    for _ in range(steps):
        raw, state, value = step(raw, state)
    return float(value)


if __name__ == "__main__":
    print(f"error-to-signal ratio {fit():.2e}")
