"""What holds for every class of the conformance table beyond its derivatives."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.case import Case, Inputs, seeds
from conformance.table import CASES
from effort import draws
from plaingrad import Module

# Not what the conformance files define on the spot: a pickle finds its class by name.
CASES = [case for case in CASES if case.ours.__module__.startswith("plaingrad")]
TWINS = [case for case in CASES if case.theirs is not None]

few = settings(max_examples=draws(5), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pickled(module: Module) -> Module:
    return pickle.loads(pickle.dumps(module))


def outputs(module: Callable[..., object], inputs: Inputs) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    found = module(*inputs)
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("case", TWINS, ids=repr)
@few
@given(data=st.data(), seed=seeds)
def test_it_starts_with_the_very_bits_of_torch(case: Case, data: st.DataObject, seed: int) -> None:
    arguments = data.draw(case.arguments)
    torch.manual_seed(seed)
    ours, after_ours = case.ours(**arguments).state_dict(), torch.rand(1)
    torch.manual_seed(seed)
    theirs, after_theirs = case.theirs(**arguments).state_dict(), torch.rand(1)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype
        assert torch.equal(ours[name], value), name
    assert torch.equal(after_ours, after_theirs), "drew more or fewer random numbers"


@pytest.mark.parametrize("case", TWINS, ids=repr)
@few
@given(data=st.data())
def test_float32_goes_in_and_out(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments)
    inputs = tuple(x.float() if x.is_floating_point() else x for x in data.draw(case.inputs(arguments)))
    ours, theirs = case.ours(**arguments).to(torch.float32), case.theirs(**arguments).float()
    theirs.load_state_dict(ours.state_dict())
    if case.random:
        ours.eval(saving=True)
        theirs.eval()
    found = outputs(ours, inputs)
    torch.testing.assert_close(found, outputs(theirs, inputs), rtol=1e-4, atol=1e-5, equal_nan=True)
    dys = [torch.ones_like(y) if y.is_floating_point() else None for y in found]
    returned = ours.backward(*dys)
    for dx in returned if isinstance(returned, tuple) else (returned,):
        assert dx is None or dx.dtype == torch.float32


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
@pytest.mark.parametrize("case", CASES, ids=repr)
@few
@given(data=st.data())
def test_a_copy_computes_the_same_and_shares_nothing(
    case: Case, copied: Callable[[Module], Module], data: st.DataObject
) -> None:
    arguments = data.draw(case.arguments)
    module = case.ours(**arguments).to(torch.float64)
    inputs = data.draw(case.inputs(arguments))
    twin = copied(module)
    assert repr(twin) == repr(module)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.testing.assert_close(
        outputs(twin, inputs), outputs(copied(module), inputs), rtol=0, atol=0, equal_nan=True
    )
    for value in twin.state_dict().values():
        value.fill_(7)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
