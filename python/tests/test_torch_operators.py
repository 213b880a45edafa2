"""What the PyTorch operators accept, refuse and return, and what torch.compile makes of them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import scipy.signal
from torch.library import opcheck

import allpole.torch as apt
from allpole import NotBuiltError, build_info
from cases import CASES, B, T, each, each_real, for_cases
from operators import arguments, call


def assert_same(found, wanted):
    for f, w in zip(found, wanted):
        torch.testing.assert_close(f, w)


# --- values ---------------------------------------------------------------------------------------
def test_constant_filters_are_those_of_scipy(device):
    x = torch.randn(2, 3, 200, dtype=torch.float64, device=device)
    a = torch.tensor([-1.2, 0.5], dtype=torch.float64, device=device)
    b = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, device=device)

    y = apt.fir(apt.allpole(x, a), b)

    wanted = scipy.signal.lfilter([1, 2, 3], [1, -1.2, 0.5], x.cpu().numpy())
    torch.testing.assert_close(y.cpu(), torch.from_numpy(wanted))


def test_a_worked_example():
    x, a = torch.tensor([1.0, 0, 0, 0]), torch.tensor([[-0.9], [-0.8], [-0.7], [-0.6]])

    y = apt.allpole(x, a)

    torch.testing.assert_close(y, torch.tensor([1, 0.8, 0.56, 0.336]))
    torch.testing.assert_close(apt.linear_recurrence(x, -a[:, 0]), y)


# Frames belong to the length of the signal, so a part has others.
WITHOUT_FRAMES = [
    c for c in CASES if c.name not in ("allpole-frames", "allpole-complex", "fir-frames")
]


@for_cases(WITHOUT_FRAMES)
def test_a_signal_in_chunks_is_the_signal_in_one_go(case):
    *inputs, zi = arguments(case, grad=False)

    y, zf = call(case, *inputs, zi)

    def part(t, where):
        return t[:, where] if t.dim() > 1 and t.shape[1] == T else t

    first, state = call(case, *[part(t, slice(0, 4)) for t in inputs], zi)
    second, state = call(case, *[part(t, slice(4, T)) for t in inputs], state)
    assert_same((torch.cat([first, second], 1), state), (y, zf))


def test_leading_axes_broadcast():
    x, a, zi = torch.randn(2, 1, 20), 0.3 * torch.randn(5, 20, 2), torch.randn(2, 1, 2)

    y, zf = apt.allpole(x, a, zi, return_zf=True)

    assert y.shape == (2, 5, 20) and zf.shape == (2, 5, 2)
    torch.testing.assert_close(y[1, 3], apt.allpole(x[1, 0], a[3], zi[1, 0]))


# --- memory, dtypes, sizes ------------------------------------------------------------------------
@each
def test_strided_arguments_give_the_same(case, device):
    inputs = arguments(case, device=device, grad=False)
    strided = [torch.stack([t, t + 1], -1)[..., 0] if t.dim() else t for t in inputs]
    assert not strided[0].is_contiguous()

    assert_same(call(case, *strided), call(case, *inputs))


def test_conjugation_that_waits_is_carried_out():
    x, a = torch.randn(2, 8, dtype=torch.complex64), torch.randn(2, 8, 1, dtype=torch.complex64)
    assert x.conj().is_conj() and x.conj().imag.is_neg()

    assert_same([apt.allpole(x.conj(), a)], [apt.allpole(x.conj().resolve_conj(), a)])
    negative = x.conj().imag
    assert_same([apt.allpole(negative, a.real)], [apt.allpole(negative.resolve_neg(), a.real)])


@each_real
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_as_float32(case, half):
    inputs = [t.to(half) for t in arguments(case, torch.float32, grad=False)]

    outputs = call(case, *inputs)

    assert all(out.dtype == torch.float32 for out in outputs)
    assert_same(outputs, call(case, *[t.float() for t in inputs]))


def test_arguments_are_promoted():
    x, a = torch.randn(2, 8), torch.randn(2, 1, 2, dtype=torch.float64)

    assert apt.allpole(x, a).dtype == torch.float64
    assert apt.allpole(x, a + 0j).dtype == torch.complex128


def test_gradients_come_back_in_the_dtype_of_their_argument():
    x = torch.randn(2, 8, dtype=torch.bfloat16, requires_grad=True)
    a = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    apt.allpole(x, a).sum().backward()

    assert x.grad.dtype == torch.bfloat16 and a.grad.dtype == torch.float64


def test_autocast_computes_in_float32():
    x, a = torch.randn(4, 4, requires_grad=True), torch.zeros(4, 1, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = x @ torch.eye(4)
        y = apt.allpole(half, a)
        assert half.dtype == torch.bfloat16 and y.dtype == torch.float32

    y.sum().backward()

    torch.testing.assert_close(x.grad, torch.ones_like(x))


@each
def test_no_samples_pass_the_state_on(case):
    x, *rest = arguments(case, grad=True)
    rest = [t[:, :0] if t.dim() > 1 and t.shape[1] == T and t.dim() == x.dim() else t for t in rest]
    rest = [t[:, :0] if t.dim() == 3 and t.shape[1] == T else t for t in rest]

    y, zf = call(case, x[:, :0], *rest)

    assert y.shape == (B, 0)
    torch.testing.assert_close(zf, rest[-1])
    (dzi,) = torch.autograd.grad(zf.abs().square().sum(), rest[-1])
    torch.testing.assert_close(dzi, 2 * rest[-1])


@each
def test_an_empty_batch(case):
    inputs = [t[:0].detach().requires_grad_() for t in arguments(case)]

    y, zf = call(case, *inputs)
    (dx,) = torch.autograd.grad(y.abs().sum() + zf.abs().sum(), inputs[0])

    assert y.shape == (0, T) and dx.shape == (0, T)


# --- refusals -------------------------------------------------------------------------------------
x, a = torch.zeros(2, 8), torch.zeros(2, 8, 3)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: apt.allpole([1.0], a), TypeError, "allpole: x is of type list"),
        (lambda: apt.allpole(x, None), TypeError, "allpole: a is of type NoneType"),
        (lambda: apt.allpole(x.long(), a), TypeError, "allpole: x is torch.int64"),
        (lambda: apt.allpole(x, a, a.int()), TypeError, "allpole: zi is torch.int32"),
        (lambda: apt.allpole(x[0, 0], a), ValueError, r"allpole: x has shape \(\), expected"),
        (lambda: apt.allpole(x, a[:, :0]), ValueError, "allpole: a has no frames"),
        (lambda: apt.allpole(x, a[..., :0]), ValueError, "allpole: the last axis of a is 0"),
        (lambda: apt.allpole(x, torch.zeros(65)), ValueError, "M is 65, expected 1 to 64"),
        (lambda: apt.allpole(x, a[:1].expand(3, -1, -1)), ValueError, r"not broadcast: x \(2, 8\)"),
        (lambda: apt.allpole(x, a, x[:, :2]), ValueError, "the last axis of zi is 2, expected 3"),
        (lambda: apt.linear_recurrence(x, x[:, :3]), ValueError, "axis of a is 3, expected 1 or 8"),
        (lambda: apt.fir(x + 0j, a), TypeError, "fir: x is torch.complex64, expected real"),
        (lambda: apt.fir(x, a, a[:, 0]), ValueError, "the last axis of zi is 3, expected 2"),
        (lambda: apt.ballistics(x, "fast", 0.1), TypeError, "ballistics: at is of type str"),
        (lambda: apt.ballistics(x, x[0], 0.1), ValueError, "leading axes do not broadcast"),
    ],
)
def test_a_wrong_argument_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_wrong_device_is_named():
    with pytest.raises(ValueError, match="allpole: a is on meta, expected cpu, where x is"):
        apt.allpole(x, a.to("meta"))


@pytest.mark.skipif("cuda=OFF" not in build_info(), reason="this library has CUDA")
def test_a_library_without_cuda_says_so():
    from allpole import _library

    with pytest.raises(NotBuiltError, match="built without CUDA"):
        _library.cuda_context(0, 0)


# --- tracing --------------------------------------------------------------------------------------
@each
def test_opcheck(case):
    x, a, *rest = arguments(case)
    if case.name == "ballistics":
        at, rt, zi = a, *rest
        operator, inputs = torch.ops.allpole.ballistics.default, (x, zi, at, rt)
    else:
        name = case.function.replace("linear_", "")
        operator, inputs = getattr(torch.ops.allpole, name).default, (x, a, *rest)

    opcheck(operator, inputs)
    opcheck(operator, tuple(t.detach() for t in inputs))


@each
def test_meta_tensors_have_the_shapes_of_real_ones(case):
    inputs = arguments(case, grad=False)

    outputs = call(case, *[t.to("meta") for t in inputs])

    for out, real in zip(outputs, call(case, *inputs)):
        assert out.is_meta and out.shape == real.shape and out.dtype == real.dtype


@each_real
def test_compiled_without_a_graph_break_forward_and_backward(case):
    inputs = arguments(case)

    def loss(*inputs):
        y, zf = call(case, *(2 * t for t in inputs[:1]), *inputs[1:])
        return (y**2).mean() + zf.mean()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")

    found = torch.autograd.grad(compiled(*inputs), inputs)

    assert_same(found, torch.autograd.grad(loss(*inputs), inputs))


def test_compiled_by_inductor_with_dynamic_sizes():
    def loss(x, a):
        return apt.allpole(torch.tanh(x), a).square().mean()

    compiled = torch.compile(loss, fullgraph=True, dynamic=True)
    for samples in (16, 24):
        x, a = torch.randn(2, samples, requires_grad=True), torch.zeros(2, 1, 3, requires_grad=True)

        found = torch.autograd.grad(compiled(x, a), (x, a))

        assert_same(found, torch.autograd.grad(loss(x, a), (x, a)))


def test_exported_programs_hold_the_operator():
    class Filter(torch.nn.Module):
        def forward(self, x, a):
            return apt.allpole(x, a)

    inputs = torch.randn(2, 16), torch.zeros(2, 1, 3)

    program = torch.export.export(Filter(), inputs)

    assert "allpole.allpole" in program.graph_module.code
    assert_same([program.module()(*inputs)], [apt.allpole(*inputs)])


# --- threads --------------------------------------------------------------------------------------
def test_threads_work_side_by_side():
    x, a = torch.randn(4, 2000), 0.3 * torch.randn(4, 2000, 2)
    wanted = apt.allpole(x, a)
    found = [None] * 8

    def work(i):
        for _ in range(20):
            found[i] = apt.allpole(x, a)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(torch.equal(y, wanted) for y in found)


def test_the_context_has_as_many_threads_as_pytorch():
    from allpole import _library

    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            apt.allpole(x, a)
            context = _library.cpu_context(torch.get_num_threads())
            assert _library.library.apf_context_threads(context.handle) == threads
    finally:
        torch.set_num_threads(before)


def test_numpy_and_torch_agree():
    import allpole.numpy as apn

    x, a = np.random.default_rng(0).normal(size=(2, 30)), np.array([-0.5, 0.2])

    np.testing.assert_array_equal(
        apn.allpole(x, a), apt.allpole(torch.from_numpy(x), torch.from_numpy(a)).numpy()
    )
