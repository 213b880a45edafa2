"""What the interfaces of torchlpc and torchcomp promise, beside what their own tests test."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from allpole.compat import torchcomp, torchlpc
from allpole.compat.torchcomp.core import CompressorFunction, compressor_core
from allpole.compat.torchlpc.core import LPC, lpc_np
from allpole.compat.torchlpc.recurrence import Recurrence


def by_hand(x, a, zi):
    """The definition, sample by sample."""
    y = list(zi.flip(1).unbind(1))
    for t in range(x.shape[1]):
        past = torch.stack(y[::-1][: a.shape[2]], 1)
        y.append(x[:, t] - (a[:, t] * past).sum(1))
    return torch.stack(y[a.shape[2] :], 1)


@pytest.mark.parametrize("order", [1, 3])
def test_sample_wise_lpc(order):
    x, zi = torch.randn(2, 20).double(), torch.randn(2, order).double()
    a = 0.2 * torch.randn(2, 20, order).double()
    wanted = by_hand(x, a, zi)

    y, zf = torchlpc.sample_wise_lpc(x, a, zi, return_zf=True)

    torch.testing.assert_close(y, wanted)
    torch.testing.assert_close(zf, wanted[:, -order:].flip(1))
    torch.testing.assert_close(LPC.apply(x, a, zi), wanted)
    torch.testing.assert_close(torch.from_numpy(lpc_np(x.numpy(), a.numpy(), zi.numpy())), wanted)
    torch.testing.assert_close(torchlpc.sample_wise_lpc(x, a), by_hand(x, a, torch.zeros_like(zi)))


def test_linear_recurrence():
    x, a, zi = torch.randn(2, 20).double(), torch.rand(2, 20).double(), torch.randn(2).double()
    wanted = by_hand(x, -a[..., None], zi[:, None])

    torch.testing.assert_close(torchlpc.linear_recurrence(a, x, zi), wanted)
    torch.testing.assert_close(Recurrence.apply(a, x, zi), wanted)


def test_units():
    ms = torch.tensor([1.0, 50.0]).double()
    torch.testing.assert_close(torchcomp.coef2ms(torchcomp.ms2coef(ms, 44100), 44100), ms)
    torch.testing.assert_close(torchcomp.ms2coef(ms, 44100), 1 - torch.exp(-2200 / (ms * 44100)))
    torch.testing.assert_close(torchcomp.db2amp(torch.tensor(-20.0)), torch.tensor(0.1))
    torch.testing.assert_close(torchcomp.amp2db(torch.tensor(0.1)), torch.tensor(-20.0))


def smoothed(x, zi, at, rt):
    y, rows = zi, []
    for sample in x.unbind(1):
        c = torch.where(sample < y, at, rt)
        y = (1 - c) * y + c * sample
        rows.append(y)
    return torch.stack(rows, 1)


def test_gains():
    x = torch.rand(2, 50).double() + 1e-3
    at, rt = torch.tensor([0.3, 0.2]).double(), torch.tensor([0.1, 0.4]).double()
    one, zero = torch.ones(2).double(), torch.zeros(2).double()

    level = 20 * torch.log10(x)
    bent = torch.minimum(0.75 * (-20 - level), (1 - 1 / 0.5) * (-40 - level)).clamp(max=0)
    torch.testing.assert_close(
        torchcomp.compexp_gain(x, -20, 4, -40, 0.5, at, rt),
        smoothed(10 ** (bent / 20), one, at, rt),
    )
    peak = smoothed(x, zero, rt, at)
    torch.testing.assert_close(
        torchcomp.limiter_gain(x, torch.tensor(-20.0), at, rt),
        smoothed((0.1 / peak).clamp(max=1), one, at, rt),
    )
    y, fell = CompressorFunction.apply(x, zero, at, rt)
    torch.testing.assert_close(y, compressor_core(x, zero, at, rt))
    assert fell.dtype == torch.bool and not fell[:, 0].any()


def test_average():
    x, c = torch.rand(2, 30).double(), torch.tensor([0.1, 0.5]).double()

    torch.testing.assert_close(torchcomp.avg(x, c), smoothed(x, torch.zeros(2).double(), c, c))
    torch.testing.assert_close(torchcomp.avg(x, 0.25)[:1], torchcomp.avg(x[:1], 0.25))


x, at = torch.ones(2, 8), torch.full((2,), 0.5)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: torchlpc.sample_wise_lpc(x, x), "x has shape"),
        (lambda: torchlpc.sample_wise_lpc(x, x[..., None], x), "zi has shape"),
        (lambda: torchlpc.linear_recurrence(x[:1], x), "a has shape"),
        (lambda: torchcomp.avg(x, 1.5), "avg_coef is 1.5, expected above 0 and at most 1"),
        (lambda: torchcomp.compexp_gain(x, -10, 0.5, -40, 0.5, at, at), "comp_ratio is 0.5"),
        (lambda: torchcomp.compexp_gain(x, -10, 2, -40, 2, at, at), "exp_ratio is 2"),
        (lambda: torchcomp.compexp_gain(-x, -10, 2, -40, 0.5, at, at), "x_rms is -1"),
        (lambda: torchcomp.compexp_gain(x, -10, 2, -40, 0.5, 0, at), "at is 0, expected"),
        (lambda: torchcomp.compexp_gain(x, x[0], 2, -40, 0.5, at, at), "comp_thresh has shape"),
        (lambda: torchcomp.limiter_gain(x, 3, at, at), "threshold is 3, expected at most 0"),
    ],
)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


INSTALLED = """
import torch, allpole.compat
allpole.compat.install()
allpole.compat.install()
import torchlpc, torchlpc.core, torchcomp
from torchlpc import sample_wise_lpc
assert sample_wise_lpc is allpole.compat.torchlpc.sample_wise_lpc
x, a, zi = torch.randn(2, 9), torch.rand(2, 9), torch.randn(2)
y = torchlpc.linear_recurrence(a, x, zi)
torch.testing.assert_close(torch.ops.torchlpc.scan(x, a, zi), y)
torch.testing.assert_close(torch.ops.torchlpc.lpc(x, -a[..., None], zi[:, None]), y)
"""

TOO_LATE = """
import sys, types
sys.modules["torchlpc"] = types.ModuleType("torchlpc")
import allpole.compat
try: allpole.compat.install()
except RuntimeError as error: assert "torchlpc is imported already" in str(error)
else: raise SystemExit("no error")
"""


@pytest.mark.parametrize("program", [INSTALLED, TOO_LATE], ids=["in time", "too late"])
def test_installing_in_the_place_of_the_packages(program):
    run = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
