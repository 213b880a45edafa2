"""Derivatives of the PyTorch operators: reverse, forward, mixed, higher, batched."""

from __future__ import annotations

from functools import partial

import pytest

torch = pytest.importorskip("torch")

from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, vmap

from cases import each, each_real
from operators import arguments, call


@each
def test_reverse_and_forward_mode_are_those_of_differences(case, device):
    inputs = arguments(case, device=device)

    assert gradcheck(partial(call, case), inputs, check_forward_ad=True, check_batched_grad=True)


@each
def test_gradients_have_gradients_in_both_modes(case, device):
    inputs = arguments(case, device=device)

    assert gradgradcheck(
        partial(call, case), inputs, check_fwd_over_rev=True, check_rev_over_rev=True
    )


@each_real
def test_third_derivatives(case):
    def sum_of_squared_gradients(*inputs):
        y, zf = call(case, *inputs)
        loss = (y**3).sum() + (zf**3).sum()
        return sum((g**2).sum() for g in torch.autograd.grad(loss, inputs, create_graph=True))

    assert gradgradcheck(sum_of_squared_gradients, arguments(case))


@each_real
def test_requiring_any_subset_of_gradients_gives_the_same_ones(case):
    def gradients(wanted):
        inputs = [t.requires_grad_(w) for t, w in zip(arguments(case, grad=False), wanted)]
        y, zf = call(case, *inputs)
        loss = (y**2).sum() + (zf**3).sum()
        some = [t for t in inputs if t.requires_grad]
        return dict(zip([i for i, w in enumerate(wanted) if w], torch.autograd.grad(loss, some)))

    count = len(arguments(case))
    every = gradients([True] * count)

    for subset in range(1, 2**count - 1):
        for i, gradient in gradients([bool(subset >> i & 1) for i in range(count)]).items():
            torch.testing.assert_close(gradient, every[i])


@each_real
def test_the_gradient_of_one_output_alone(case):
    inputs = arguments(case)

    assert gradcheck(lambda *t: call(case, *t)[0], inputs)
    assert gradcheck(lambda *t: call(case, *t)[1], inputs)


@each_real
def test_func_transforms_agree_with_autograd(case):
    inputs = arguments(case)

    def loss(*inputs):
        y, zf = call(case, *inputs)
        return (y**2).sum() + (zf**3).sum()

    everything = tuple(range(len(inputs)))
    expected = torch.autograd.grad(loss(*inputs), inputs)
    plain = tuple(t.detach() for t in inputs)
    for transform in (grad, jacrev, jacfwd):
        for found, wanted in zip(transform(loss, everything)(*plain), expected):
            torch.testing.assert_close(found, wanted)

    reverse_over_forward = hessian(loss, 0)(*plain)
    twice_forward = jacfwd(jacfwd(loss))(*plain)
    twice_reverse = jacrev(jacrev(loss))(*plain)
    torch.testing.assert_close(reverse_over_forward, twice_forward)
    torch.testing.assert_close(reverse_over_forward, twice_reverse)


@each
def test_vmap_over_any_arguments_is_a_loop(case):
    N = 4
    inputs = arguments(case, grad=False)
    for mapped in range(1, 2 ** len(inputs)):
        stacked, dims = [], []
        for i, t in enumerate(inputs):
            over = bool(mapped >> i & 1)
            stacked.append(torch.stack([t * (1 + 0.1 * n) for n in range(N)], 1) if over else t)
            dims.append(1 if over else None)

        found = vmap(partial(call, case), tuple(dims))(*stacked)

        for n in range(N):
            one = [t[:, n] if d == 1 else t for t, d in zip(stacked, dims)]
            for out, wanted in zip(found, call(case, *one)):
                torch.testing.assert_close(out[n], wanted)


@each_real
def test_vmap_of_grad_is_a_loop(case):
    inputs = arguments(case, grad=False)
    many = torch.stack([inputs[0] + n for n in range(3)])

    def derivative(x):
        return grad(lambda x: call(case, x, *inputs[1:])[0].square().sum())(x)

    torch.testing.assert_close(vmap(derivative)(many), torch.stack([derivative(x) for x in many]))
