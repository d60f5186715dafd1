from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conformance import functions, parametrization
from conformance.case import Case, Inputs
from conformance.table import CASES
from interop.rows import assert_same, examples, outputs, row
from plaingrad import nn
from plaingrad.interop import from_torch, to_torch
from plaingrad.interop.torch import TORCH
from plaingrad.module import Module, ModuleError


def assert_equal(
    actual: Module | torch.nn.Module, expected: Module | torch.nn.Module, inputs: Inputs
) -> None:
    for y, expected_y in zip(outputs(actual, inputs), outputs(expected, inputs), strict=True):
        torch.testing.assert_close(y, expected_y, rtol=1e-12, atol=1e-12, equal_nan=True)


NOT_IN_TORCH = [nn.QuantileLoss]
# Functions of tensors and parametrizations are no modules there.
STAYING = [*functions.CASES, *parametrization.CASES]
GOING = [case for case in CASES if case.ours not in NOT_IN_TORCH and case not in STAYING]


@pytest.mark.parametrize("case", GOING, ids=repr)
@examples
@given(data=st.data(), training=st.booleans())
def test_modules_go_to_torch_and_come_back(case: Case, data: st.DataObject, training: bool) -> None:
    module, inputs = row(case, data)
    module.train(training)
    theirs = to_torch(module)
    again = from_torch(theirs)
    assert type(again) is type(module)
    assert {each.training for each in [*theirs.modules(), *again.modules()]} == {training}
    for each in (theirs, again):
        assert_same(dict(each.state_dict()), module.state_dict())
    if not (training and case.random):
        assert_equal(theirs, module, inputs)
    assert_equal(again, module, inputs)


@pytest.mark.parametrize("case", [case for case in CASES if case.theirs in TORCH.classes], ids=repr)
@examples
@given(data=st.data())
def test_torch_s_own_modules_are_understood(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments)
    inputs = data.draw(case.inputs(arguments))
    theirs = case.theirs(**arguments).double().eval()
    assert_equal(from_torch(theirs), theirs, inputs)


def nested() -> torch.nn.Module:
    shared = torch.nn.Linear(4, 4)
    encoder = OrderedDict(first=torch.nn.Linear(3, 4), act=torch.nn.ReLU(inplace=True), again=shared)
    head = torch.nn.Sequential(shared, torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    network = OrderedDict(encoder=torch.nn.Sequential(encoder), head=head)
    return torch.nn.Sequential(network).double()


def test_names_sharing_modes_and_buffers_of_a_nested_network_are_kept() -> None:
    theirs, x = nested(), torch.randn(5, 3, dtype=torch.float64)
    theirs(x)  # moves the running statistics
    theirs[1][1].eval()
    ours = from_torch(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours[0][2] is ours[1][0]
    assert not ours[1][1].training
    assert ours[0].training
    assert_equal(ours, theirs, (x,))
    back = to_torch(ours)
    assert back[0].again is back[1][0]
    assert len(list(back.parameters())) == len(list(theirs.parameters()))
    assert not back[1][1].training
    assert_same(dict(back.state_dict()), dict(theirs.state_dict()))


def test_what_is_in_evaluation_saves_nothing() -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    theirs[1].eval()
    ours = from_torch(theirs)
    assert [module.saving for module in ours.modules()] == [True, True, False]
    evaluated = from_torch(theirs.eval())
    evaluated(torch.randn(4, 3))
    with pytest.raises(ModuleError, match=r"eval\(\) saves nothing"):
        evaluated.backward(torch.randn(4, 2))


def test_numbers_are_copies() -> None:
    theirs = torch.nn.Linear(2, 2)
    ours = from_torch(theirs)
    back = to_torch(ours)
    ours.weight.value.zero_()
    assert theirs.weight.all()
    assert back.weight.all()


def test_dtypes_are_kept() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).to(dtype)
        assert_same(from_torch(theirs).state_dict(), dict(theirs.state_dict()))


def test_what_is_frozen_does_not_require_grad_there_and_back() -> None:
    table = torch.nn.Embedding.from_pretrained(torch.ones(3, 2), padding_idx=1)
    theirs = torch.nn.Sequential(table, torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))
    theirs[2].bias.requires_grad = False
    ours = from_torch(theirs)
    frozen = [name for name, parameter in ours.named_parameters() if parameter.frozen]
    assert frozen == ["0.weight", "2.bias"]
    back = to_torch(ours)
    assert [name for name, parameter in back.named_parameters() if not parameter.requires_grad] == frozen


def changed(module: torch.nn.Module, **fields: object) -> torch.nn.Module:
    for name, value in fields.items():
        setattr(module, name, value)
    return module


def test_torch_s_attributes_count_as_they_are_now() -> None:
    assert from_torch(changed(torch.nn.Dropout(), p=0.3)).p == 0.3
    assert from_torch(changed(torch.nn.MaxPool2d(2), stride=1)).stride == (1, 1)


def test_what_torch_trains_is_what_plaingrad_trains() -> None:
    ours = nn.Sequential(
        nn.Residual(nn.Linear(3, 3), nn.Tanh()), nn.Parallel(nn.Linear(3, 2), nn.Linear(3, 2))
    )
    theirs, x, dy = to_torch(ours), torch.randn(4, 3), torch.randn(4, 2)
    ours.forward(x)
    ours.backward(dy)
    theirs(x).backward(dy)
    for (_, grad), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad)
    assert "combine='sum', dim=-1" in repr(theirs)


class Own(torch.nn.Module):
    pass


def hooked() -> torch.nn.Module:
    layer = torch.nn.Linear(2, 2)
    layer.register_forward_hook(lambda *_: None)
    return torch.nn.Sequential(OrderedDict(hooked=layer))


def hooked_before() -> torch.nn.Module:
    layer = torch.nn.Linear(2, 2)
    layer.register_forward_pre_hook(lambda *_: None)
    return layer


def tied() -> torch.nn.Module:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    network[1].weight = network[0].weight
    return network


REFUSED: dict[str, tuple[Callable[[], torch.nn.Module], str]] = {
    "no shapes yet": (
        lambda: torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Sequential(torch.nn.LazyLinear(4))),
        r"^Sequential\[1\]\.Sequential\[0\] LazyLinear: expected parameters with shapes",
    ),
    "a class without a forward": (Own, r"Module \[Own\] is missing the required \"forward\""),
    "a hook": (hooked, r"^Sequential\[hooked\] Linear: expected no hooks"),
    "a hook before forward": (hooked_before, "^Linear: expected no hooks"),
    "a parametrization": (
        lambda: torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2)),
        "^ParametrizedLinear: expected a class",
    ),
    "complex numbers": (lambda: torch.nn.Linear(2, 2, dtype=torch.complex64), "expected 'weight' to be"),
    "statistics that are no longer tracked": (
        lambda: changed(torch.nn.BatchNorm1d(2), track_running_stats=False),
        "'running_mean' is no part of its class",
    ),
    "what was derived from an argument that was changed": (
        lambda: changed(torch.nn.Conv2d(1, 1, 3, padding_mode="reflect"), padding=(1, 1)),
        r"expected '_reversed_padding_repeated_twice' to be \[1, 1, 1, 1\], got \[0, 0, 0, 0\]",
    ),
    "mixed dtypes": (lambda: swapped(torch.nn.Linear(2, 2)), "expected 'bias' to be"),
}


def swapped(layer: torch.nn.Linear) -> torch.nn.Module:
    layer.bias = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    return layer


def test_parameters_that_are_one_stay_one() -> None:
    theirs = tied()
    ours = from_torch(theirs)
    assert len(ours.parameters()) == len(list(theirs.parameters()))
    back = to_torch(ours)
    assert len(list(back.parameters())) == len(list(theirs.parameters()))
    assert back.state_dict().keys() == theirs.state_dict().keys()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_come_is_named_with_its_place(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        from_torch(make())


class Mine(Module):
    pass


def test_a_class_of_one_s_own_cannot_go() -> None:
    with pytest.raises(ValueError, match=r"^Sequential\[0\] Mine: expected a class of plaingrad.nn"):
        to_torch(nn.Sequential(Mine()))


@pytest.mark.parametrize("layer", NOT_IN_TORCH)
def test_what_torch_does_not_have_cannot_go(layer: type[Module]) -> None:
    with pytest.raises(
        ValueError, match=rf"^Sequential\[0\] {layer.__name__}: expected a class that torch.nn has"
    ):
        to_torch(nn.Sequential(layer()))


def test_a_name_that_torch_uses_itself_cannot_go() -> None:
    with pytest.raises(ValueError, match=r"^Sequential\[x\] Sequential: expected names .* got 'forward'$"):
        to_torch(nn.Sequential({"x": nn.Sequential({"forward": nn.ReLU()})}))
