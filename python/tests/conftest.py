"""What the tests share."""

from __future__ import annotations

import numpy as np
import pytest

import allpole.numpy

try:
    import torch
except ImportError:  # what needs it is skipped
    torch = None

# Small arrays: more threads would only wait for each other.
allpole.numpy.set_num_threads(1)
if torch is not None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def devices() -> list:
    """Devices of this machine that this build of the library works on."""
    has_cuda = torch.cuda.is_available() and "cuda=ON" in allpole.build_info().split()
    return ["cpu", "cuda"] if has_cuda else ["cpu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())
