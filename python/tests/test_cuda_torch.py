"""CUDA tensors: on the current stream of their device, without waiting and without copies."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import allpole.torch as apt
from allpole import build_info
from cases import each
from operators import arguments, call

if "cuda=ON" not in build_info().split():
    pytest.skip("this library is built without CUDA", allow_module_level=True)
if not torch.cuda.is_available():
    pytest.skip("PyTorch finds no GPU", allow_module_level=True)

LONG = 200_000_000  # clock cycles, some tenth of a second


def example(device="cuda"):
    """A signal long enough for several blocks, and coefficients that change."""
    x = torch.randn(4, 20000, device=device)
    return x, 0.3 * torch.randn(4, 20000, 2, device=device)


def as_on_the_cpu(y, *inputs):
    wanted = apt.allpole(*(t.detach().cpu() for t in inputs))
    torch.testing.assert_close(y.detach().cpu(), wanted, rtol=1e-4, atol=1e-5)


@each
def test_values_and_gradients_are_those_of_the_cpu(case):
    inputs = arguments(case)
    moved = [t.detach().cuda().requires_grad_() for t in inputs]

    def values(arguments):
        y, zf = call(case, *arguments)
        loss = (y * y.conj()).real.sum() + (zf * zf.conj()).real.sum()
        return (y, zf, *torch.autograd.grad(loss, arguments))

    for found, wanted in zip(values(moved), values(inputs)):
        assert found.is_cuda
        torch.testing.assert_close(found.cpu(), wanted)


def test_what_the_current_stream_writes_is_waited_for():
    x, a = example()
    late, stream = torch.zeros_like(x), torch.cuda.Stream()
    torch.cuda.synchronize()

    with torch.cuda.stream(stream):
        torch.cuda._sleep(LONG)
        late.copy_(x)
        y = apt.allpole(late, a)
    stream.synchronize()

    as_on_the_cpu(y, x, a)


def test_nobody_waits_for_the_gpu():
    x, a = example()
    x.requires_grad_()
    a.requires_grad_()
    torch.autograd.grad(apt.allpole(x, a).sum(), (x, a))  # makes the context and its workspace
    torch.cuda.synchronize()
    end = torch.cuda.Event()

    torch.cuda._sleep(LONG)
    gradients = torch.autograd.grad(apt.allpole(x, a).sum(), (x, a))
    end.record()

    assert not end.query()
    torch.cuda.synchronize()
    assert all(g.isfinite().all() for g in gradients)


def test_nothing_is_copied():
    x, a = example()
    apt.allpole(x, a)
    torch.cuda.synchronize()

    def allocated():
        return torch.cuda.memory_stats()["allocated_bytes.all.allocated"]

    before = allocated()
    y, zf = apt.allpole(x, a, return_zf=True)

    # The allocator hands out multiples of 512 bytes.
    assert allocated() - before <= y.nbytes + zf.nbytes + 2 * 512
    as_on_the_cpu(y, x, a)


def test_every_stream_has_its_own_context_and_result():
    inputs = [example() for _ in range(3)]
    streams = [torch.cuda.Stream() for _ in inputs]
    torch.cuda.synchronize()

    outputs = []
    for stream, pair in zip(streams, inputs):
        with torch.cuda.stream(stream):
            outputs.append(apt.allpole(*pair))
    torch.cuda.synchronize()

    for y, pair in zip(outputs, inputs):
        as_on_the_cpu(y, *pair)


def test_tensors_on_different_devices_are_refused_by_name():
    x, a = example()
    with pytest.raises(ValueError, match="allpole: a is on cpu, expected cuda:0, where x is"):
        apt.allpole(x, a.cpu())
    with pytest.raises(ValueError, match="allpole: zi is on cuda:0, expected cpu, where x is"):
        apt.allpole(x.cpu(), a.cpu(), x[:, :2])


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one GPU only")
def test_tensors_of_another_device_than_the_current_one():
    x, a = example("cuda:1")

    y = apt.allpole(x, a)

    assert y.device == x.device and torch.cuda.current_device() == 0
    as_on_the_cpu(y, x, a)


def test_compiled_without_a_graph_break():
    x, a = example()
    x.requires_grad_()

    def loss(x):
        return apt.allpole(2 * x, a).square().mean()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")

    (found,) = torch.autograd.grad(compiled(x), x)

    torch.testing.assert_close(found, torch.autograd.grad(loss(x), x)[0])
