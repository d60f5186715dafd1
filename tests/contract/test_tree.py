"""Walking and changing a tree of modules."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from plaingrad import Buffer, Module, ModuleError, Parameter, flatten_parameters, nn, optim
from plaingrad.inspect import check_gradients


class Lazy(Module):
    """A scale for each feature, as many as the first input has."""

    def __init__(self) -> None:
        self.scale = Parameter.unshaped()

    def forward(self, x: Tensor) -> Tensor:
        if not self.scale.is_shaped:
            self.scale.shape_as(torch.ones(x.shape[-1], dtype=x.dtype))
        y = x * self.scale.value
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.scale.grad.add_((dy * self.restore(dy)).sum(0))
        return dy * self.scale.value


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Residual(nn.BatchNorm1d(4), nn.ReLU()), nn.Linear(4, 2))


def test_buffers_have_torchs_names() -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sequential(torch.nn.BatchNorm1d(4)))
    ours = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4)))
    assert [name for name, _ in ours.named_buffers()] == [name for name, _ in theirs.named_buffers()]
    assert ours.buffers() == [buffer for _, buffer in ours.named_buffers()]
    assert all(isinstance(buffer, Buffer) for buffer in ours.buffers())


def test_a_submodule_is_found_by_its_path() -> None:
    model = net()
    for path, module in model.named_modules():
        assert model.get_submodule(path) is module
    with pytest.raises(
        ModuleError, match=r"Residual.*: expected a child from \['0', '1'\], got '7' of '1.7'"
    ):
        model.get_submodule("1.7")


def test_apply_goes_from_the_inside_out() -> None:
    model, seen = net(), []
    assert model.apply(seen.append) is model
    assert [type(module).__name__ for module in seen] == [
        "Linear",
        "BatchNorm1d",
        "ReLU",
        "Residual",
        "Linear",
        "Sequential",
    ]


def test_the_number_of_parameters_counts_each_once() -> None:
    model = net()
    assert model.num_parameters() == sum(p.numel() for p in torch.nn.Linear(3, 4).parameters()) + 8 + 10
    model[0].freeze()
    assert model.num_parameters(only_learned=True) == 18
    shared = nn.Linear(2, 2)
    assert nn.Sequential(shared, shared).num_parameters() == 6


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_what_is_frozen_stays_and_the_rest_learns(rule: type) -> None:
    model = net()
    model[0].freeze()
    model[1].parameters()[0].requires_grad = False
    assert [p.frozen for p in model.parameters()] == [True, True, True, False, False, False]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = rule(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(2):
        model.backward(torch.randn_like(model.forward(torch.randn(5, 3))))
        optimizer.step()
        optimizer.zero_grad()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.value, before[name]) == parameter.frozen, name
    assert not any(parameter.frozen for parameter in copy.deepcopy(model).unfreeze().parameters())
    assert model[0].weight.frozen


def test_a_layer_computes_no_gradient_of_what_is_frozen() -> None:
    """And the other gradients are what they were."""
    for layer, x in [
        (nn.Linear(3, 2), torch.randn(4, 3)),
        (nn.LayerNorm(3), torch.randn(4, 3)),
        (nn.BatchNorm1d(3), torch.randn(4, 3)),
        (nn.Conv2d(2, 3, 2), torch.randn(2, 2, 4, 4)),
        (nn.PReLU(), torch.randn(4, 3)),
        (nn.Embedding(5, 3), torch.randint(5, (4,))),
    ]:
        dy = torch.randn_like(layer.forward(x))
        expected = layer.backward(dy)
        layer.zero_grad()
        layer.freeze()
        layer.forward(x)
        dx = layer.backward(dy)
        assert dx is None if expected is None else torch.equal(dx, expected)
        assert not any(parameter.has_grad or parameter._grad.any() for parameter in layer.parameters())
        if x.is_floating_point():
            assert check_gradients(layer, x).ok
            layer.weight.frozen = False
            assert [row.name for row in check_gradients(layer, x).rows][:2] == ["input", "weight"]


# Parameters without a shape


def test_a_parameter_without_a_shape_is_refused_by_name() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Lazy())
    refused = r"^Sequential\(Linear, Lazy\): expected a shape of '1.scale', which a first forward"
    for use in (
        model.parameters,
        model.state_dict,
        lambda: flatten_parameters(model),
    ):
        with pytest.raises(ModuleError, match=refused):
            use()
    with pytest.raises(ModuleError, match=refused):
        optim.SGD(model.parameters(), lr=0.1)
    model.zero_grad()
    model.freeze().unfreeze()
    assert model.to(torch.float64)[1].scale.template.dtype == torch.float64
    assert repr(Parameter.unshaped()) == "Parameter(without a shape)"


def test_a_first_forward_gives_a_shape() -> None:
    model, x = nn.Sequential(Lazy(), nn.Linear(3, 2)), torch.randn(4, 3)
    twin = copy.deepcopy(model)
    assert not twin[0].scale.is_shaped
    model.forward(x)
    assert [tuple(p.value.shape) for p in model.parameters()] == [(3,), (2, 3), (2,)]
    assert flatten_parameters(model).value.numel() == 11
    assert check_gradients(model, x).ok
    with pytest.raises(ValueError, match=r"expected a parameter without a shape, got one of \(3,\)"):
        model[0].scale.shape_as(torch.ones(3))


def test_a_state_dict_gives_a_shape() -> None:
    model = nn.Sequential(Lazy(), nn.Linear(3, 2))
    state = {"0.scale": torch.full((3,), 2.0), "1.weight": torch.zeros(2, 3), "1.bias": torch.zeros(2)}
    with pytest.raises(ModuleError, match=r"'0.scale': expected a tensor, got list"):
        model.load_state_dict({**state, "0.scale": [2.0]})
    before = model[1].weight.value.clone()
    integers = {**state, "0.scale": torch.ones(3, dtype=torch.int64)}
    with pytest.raises(ModuleError, match=r"'0.scale': expected floating-point numbers, got torch.int64"):
        model.load_state_dict({name: integers[name] for name in reversed(integers)})
    assert torch.equal(model[1].weight.value, before)
    assert not model[0].scale.is_shaped
    model.load_state_dict(state)
    assert torch.equal(model[0].scale.value, state["0.scale"])
    assert model[0].scale.value is not state["0.scale"]


def test_a_state_of_another_shape_is_refused_even_with_as_many_elements() -> None:
    layer = nn.Linear(3, 2)
    with pytest.raises(ModuleError, match=r"'weight': expected shape \(2, 3\), got \(3, 2\)"):
        layer.load_state_dict({"weight": torch.zeros(3, 2), "bias": torch.zeros(2)})
