"""What the tests share."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Small arrays: more threads would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def devices() -> list:
    """Devices of this machine that this build of the library works on."""
    from allpole import build_info

    has_cuda = torch.cuda.is_available() and "cuda=ON" in build_info()
    return ["cpu", "cuda"] if has_cuda else ["cpu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())
