"""What every row of the conformance table must satisfy, in float64, with random upstream gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, Inputs, seeds
from conformance.table import CASES
from effort import draws
from plaingrad.module import Module, ModuleError

every_case = pytest.mark.parametrize("case", CASES, ids=repr)
examples = settings(max_examples=draws(24), deadline=None, suppress_health_check=[HealthCheck.too_slow])
close: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11, "equal_nan": True}

# With respect to each input (None for integers), and to each parameter.
Gradients = tuple[list[Tensor | None], list[Tensor]]

# What torch.nn keeps for compatibility, for itself or for its own memory planning.
NOT_OURS = {"self", "args", "kwargs", "size_average", "reduce", "_weight", "_freeze"}


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def make(case: Case, data: st.DataObject) -> tuple[Module, torch.nn.Module | None, Inputs]:
    """A module in float64, its counterpart with the same state, and inputs for both.

    All floating-point state is shifted a little: a weight of exactly 1 would hide a forgotten factor.
    """
    arguments = data.draw(case.arguments, label="arguments")
    inputs = data.draw(case.inputs(arguments), label="inputs")
    ours = case.ours(**arguments).to(torch.float64)
    generator = torch.Generator().manual_seed(data.draw(seeds, label="state"))
    for value in ours.state_dict().values():
        if value.is_floating_point():
            value += torch.rand(value.shape, generator=generator, dtype=value.dtype) / 2
    if case.theirs is None:
        return ours, None, inputs
    theirs = case.theirs(**arguments).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs, inputs


def upstream(outputs: tuple[Tensor, ...], seed: int) -> tuple[Tensor | None, ...]:
    """A random gradient for each output; None for an output of integers."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(y.shape, generator=generator, dtype=y.dtype) if y.is_floating_point() else None
        for y in outputs
    )


def autograd(
    function: Callable[..., Any],
    parameters: list[Tensor],
    inputs: Inputs,
    differentiable: list[bool],
    dys: tuple[Tensor | None, ...],
) -> Gradients:
    """PyTorch's gradients of ``function`` with respect to its inputs (None for some) and parameters."""
    leaves = [x.clone().requires_grad_(needed) for x, needed in zip(inputs, differentiable)]
    with torch.enable_grad():
        outputs = as_tuple(function(*leaves))
    wanted = [x for x in leaves if x.requires_grad] + parameters
    outputs, dys = zip(*[(y, dy) for y, dy in zip(outputs, dys) if dy is not None])
    found = torch.autograd.grad(outputs, wanted, dys, allow_unused=True) if wanted else []
    gradients = iter([torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found)])
    return [next(gradients) if x.requires_grad else None for x in leaves], list(gradients)


def reference(
    case: Case,
    module: Module,
    theirs: torch.nn.Module | None,
    inputs: Inputs,
    dys: tuple[Tensor | None, ...],
    seed: int,
) -> Gradients:
    """Autograd's gradients: through torch.nn's module if there is one, else through our own forward."""
    torch.manual_seed(seed)
    needed = case.has_gradients(inputs)
    if theirs is not None:
        return autograd(theirs, [p for p in theirs.parameters()], inputs, needed, dys)
    values = [p.value.requires_grad_(True) for p in module.parameters()]
    try:
        return autograd(module.forward, values, inputs, needed, dys)
    finally:
        for value in values:
            value.requires_grad_(False)
        module._saved.clear()


def assert_gradients(case: Case, module: Module, returned: Any, expected: Gradients) -> None:
    dinputs, dparameters = expected
    if case.is_loss:
        dinputs = [dx for dx, is_named in zip(dinputs, case.named(len(dinputs))) if is_named]
    assert len(as_tuple(returned)) == len(dinputs)
    for dx, wanted in zip(as_tuple(returned), dinputs):
        if wanted is None:
            assert dx is None
        else:
            torch.testing.assert_close(dx, wanted, **close)
    for (name, parameter), wanted in zip(module.named_parameters(), dparameters):
        torch.testing.assert_close(parameter.grad, wanted, **close, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("case", [case for case in CASES if case.theirs is not None], ids=repr)
def test_arguments_and_defaults_are_those_of_torch(case: Case) -> None:
    def arguments(cls: type) -> list[tuple[str, Any]]:
        parameters = inspect.signature(cls.__init__).parameters.values()
        return [(p.name, p.default) for p in parameters if p.name not in NOT_OURS]

    assert arguments(case.ours) == arguments(case.theirs)


@every_case
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@examples
@given(data=st.data(), seed=seeds)
def test_forward_equals_torch(case: Case, training: bool, data: st.DataObject, seed: int) -> None:
    ours, theirs, inputs = make(case, data)
    if theirs is None or (case.random and training and not case.same_draws):
        return
    before = [x.clone() for x in inputs]
    torch.manual_seed(seed)
    found = ours.train(training).forward(*inputs)
    torch.manual_seed(seed)
    wanted = theirs.train(training)(*[x.clone() for x in inputs])
    for y, expected in zip(as_tuple(found), as_tuple(wanted), strict=True):
        torch.testing.assert_close(y, expected, **close)
    for x, was in zip(inputs, before):
        assert torch.equal(x, was), "forward changed its input"
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, **close, msg=name)


@every_case
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@examples
@given(data=st.data(), seed=seeds)
def test_backward_equals_autograd(case: Case, training: bool, data: st.DataObject, seed: int) -> None:
    ours, theirs, inputs = make(case, data)
    ours = ours.train() if training else ours.eval(saving=True)
    can_compare = theirs is not None and (case.same_draws or not (case.random and training))
    theirs = theirs.train(training) if theirs is not None and can_compare else None
    torch.manual_seed(seed)
    outputs = as_tuple(ours.forward(*inputs))
    dys = upstream(outputs, seed)
    kept = [None if dy is None else dy.clone() for dy in dys]
    returned = ours.backward(*dys)
    for dy, was in zip(dys, kept):
        assert was is None or torch.equal(dy, was), "backward changed the upstream gradient"
    assert_gradients(case, ours, returned, reference(case, ours, theirs, inputs, dys, seed))


@every_case
@examples
@given(data=st.data(), seed=seeds)
def test_eval_saves_nothing(case: Case, data: st.DataObject, seed: int) -> None:
    ours, _, inputs = make(case, data)
    dys = upstream(as_tuple(ours.eval().forward(*inputs)), seed)
    with pytest.raises(ModuleError, match="eval\\(\\) saves nothing"):
        ours.backward(*dys)


@every_case
@examples
@given(data=st.data(), seed=seeds)
def test_a_gradient_of_the_wrong_shape_or_dtype_is_refused_and_can_be_corrected(
    case: Case, data: st.DataObject, seed: int
) -> None:
    ours, _, inputs = make(case, data)
    dys = upstream(as_tuple(ours.forward(*inputs)), seed)
    longer = torch.cat([dys[0], dys[0][:1]]) if dys[0].ndim else dys[0].expand(2)
    for wrong in (longer, dys[0].float()):
        with pytest.raises(ModuleError, match="expected output gradient"):
            ours.backward(wrong, *dys[1:])
    ours.backward(*dys)
    with pytest.raises(ModuleError, match="backward needs the state of a forward"):
        ours.backward(*dys)
