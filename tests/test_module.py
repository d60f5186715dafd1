"""The contract of `Module`, on small networks."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Buffer, Module, ModuleError, Parameter, flatten_parameters, nn


class Scale(Module):
    """Multiplies by a number, and counts its uses in a buffer."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = Parameter(torch.tensor(factor))
        self.uses = Buffer(torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        self.uses.value = self.uses.value + 1
        y = x * self.factor.value
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        self.factor.grad += (x * dy).sum()
        return dy * self.factor.value


class Halves(Module):
    """Two outputs from one input."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low, high = x.chunk(2, -1)
        self.save(x.shape, (low, high))
        return low, high

    def backward(self, dlow: Tensor | None, dhigh: Tensor | None) -> Tensor:
        dx = torch.zeros(self.restore(dlow, dhigh))
        for part, d in zip(dx.chunk(2, -1), (dlow, dhigh)):
            if d is not None:
                part += d
        return dx


class Pair(Module):
    """Holds two networks under names."""

    def __init__(self, left: Module, right: Module) -> None:
        self.left = left
        self.right = right


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(Scale(), nn.ReLU()), nn.Linear(4, 2, bias=False))


def refusal(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ModuleError) as error:
        call(*args, **kwargs)
    return str(error.value)


# Saved state


def test_saved_state_is_a_stack() -> None:
    scale = Scale(3.0)
    scale(torch.tensor([1.0]))
    scale(torch.tensor([10.0]))
    scale.backward(torch.tensor([1.0]))
    assert scale.factor.grad == 10
    scale.backward(torch.tensor([1.0]))
    assert scale.factor.grad == 11


@pytest.mark.parametrize("wrong", [torch.zeros(3), torch.zeros(2, dtype=torch.float64), torch.zeros(1, 2)])
def test_a_wrong_gradient_is_refused_and_the_state_kept(wrong: Tensor) -> None:
    scale = Scale(3.0)
    scale(torch.ones(2))
    came = f"{tuple(wrong.shape)} of {wrong.dtype}"
    expected = f"Scale(3.0): expected output gradient (2,) of torch.float32, got {came}"
    assert refusal(scale.backward, wrong) == expected
    assert torch.equal(scale.backward(torch.ones(2)), torch.tensor([3.0, 3.0]))


def test_backward_without_forward() -> None:
    scale, dy = Scale(), torch.ones(2)
    assert refusal(scale.backward, dy) == "Scale(): backward needs the state of a forward: none is left"
    scale(dy)
    scale.backward(dy)
    assert refusal(scale.backward, dy).endswith("none is left")


def test_eval_saves_nothing_unless_asked() -> None:
    x = torch.ones(5, 3)
    model = net().eval()
    model(x)
    expected = "backward needs the state of a forward: eval() saves nothing; eval(saving=True) does"
    assert refusal(model.backward, torch.ones(5, 2)) == f"Sequential[2] Linear(4, 2, bias=False): {expected}"
    model.eval(saving=True)
    assert not any(module.training for module in model.modules())
    model(x)
    assert model.backward(torch.ones(5, 2)).shape == (5, 3)


def test_train_and_eval_reach_every_module() -> None:
    model = net()
    assert all(module.training and module.saving for module in model.modules())
    assert model.eval() is model
    assert not any(module.training or module.saving for module in model.modules())
    assert model.train() is model
    assert all(module.training and module.saving for module in model.modules())
    model.train(False)
    assert not any(module.training or module.saving for module in model.modules())


def test_two_outputs_have_two_gradients_either_of_which_may_be_none() -> None:
    halves = Halves()
    halves(torch.zeros(2, 4))
    assert refusal(halves.backward, None, torch.zeros(2, 4)).endswith(
        "expected output gradient (2, 2) of torch.float32, got (2, 4) of torch.float32"
    )
    assert halves.backward(None, torch.ones(2, 2)).tolist() == [[0, 0, 1, 1]] * 2
    halves(torch.zeros(2, 4))
    assert halves.backward(torch.ones(2, 2)).tolist() == [[1, 1, 0, 0]] * 2
    halves(torch.zeros(2, 4))
    assert refusal(halves.restore, *[torch.zeros(2, 2)] * 3).endswith("expected 2 output gradients, got 3")


def test_zero_grad_clears_gradients_and_leftover_state() -> None:
    model = net()
    for _ in range(2):
        model(torch.ones(5, 3))
    model.backward(torch.ones(5, 2))
    assert any(grad.any() for _, grad in model.parameters())
    grads = [grad for _, grad in model.parameters()]
    model.zero_grad()
    assert not any(grad.any() for _, grad in model.parameters())
    assert all(grad is kept for (_, grad), kept in zip(model.parameters(), grads))
    assert "none is left" in refusal(model.backward, torch.ones(5, 2))


def test_gradients_accumulate() -> None:
    model, x, dy = net(), torch.randn(5, 3), torch.randn(5, 2)
    model(x)
    model.backward(dy)
    once = [grad.clone() for _, grad in model.parameters()]
    model(x)
    model.backward(dy)
    for (_, grad), first in zip(model.parameters(), once):
        torch.testing.assert_close(grad, 2 * first)


# The tree


def test_names_of_modules_parameters_and_state() -> None:
    model = net()
    assert [name for name, _ in model.named_modules()] == ["", "0", "1", "1.0", "1.1", "2"]
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.0.factor", "2.weight"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.0.factor", "1.0.uses", "2.weight"]
    assert [p for _, p in model.named_parameters()] == model.parameters()
    pair = Pair(model, nn.ReLU())
    assert [name for name, _ in pair.named_children()] == ["left", "right"]
    assert list(pair.state_dict())[2] == "left.1.0.factor"
    assert nn.ReLU().parameters() == []


def test_what_is_shared_counts_once() -> None:
    shared = Scale()
    pair = Pair(nn.Sequential(shared), nn.Sequential(shared, nn.ReLU()))
    assert [name for name, _ in pair.named_modules()] == ["", "left", "left.0", "right", "right.0", "right.1"]
    assert len(list(pair.modules())) == 5
    assert pair.parameters() == [shared.factor]
    assert list(pair.state_dict()) == ["left.0.factor", "left.0.uses", "right.0.factor", "right.0.uses"]
    pair.to(torch.float64)
    assert shared.factor.value.dtype == torch.float64


def test_a_parameter_of_two_modules_counts_once_and_stays_shared() -> None:
    encoder, decoder = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    decoder.weight = encoder.weight
    pair = Pair(encoder, decoder)
    assert pair.parameters() == [encoder.weight]
    pair.to(torch.float64)
    flatten_parameters(pair.parameters())
    twin = copy.deepcopy(pair)
    assert twin.left.weight is twin.right.weight
    assert encoder.weight is decoder.weight


# Conversion


def test_to_converts_floating_point_state_and_gradients_alone() -> None:
    model = net()
    model(torch.ones(2, 3))
    model.backward(torch.ones(2, 2))
    grads = [grad.clone() for _, grad in model.parameters()]
    model(torch.ones(2, 3))
    assert model.to("cpu", torch.float64) is model
    for (value, grad), was in zip(model.parameters(), grads):
        assert value.dtype == grad.dtype == torch.float64
        assert torch.equal(grad, was.double())
    assert model.state_dict()["1.0.uses"].dtype == torch.int64
    assert "none is left" in refusal(model.backward, torch.ones(2, 2))
    assert model(torch.ones(2, 3, dtype=torch.float64)).dtype == torch.float64


def test_to_leaves_flat_storage() -> None:
    model = net()
    storage = flatten_parameters(model)
    model.to(torch.float64)
    assert storage.abandoned
    assert all(parameter.storage is None for parameter in model.parameters())
    assert storage.value.dtype == torch.float32


# State dicts


def test_state_goes_round() -> None:
    first, second = net(), net()
    first(torch.ones(1, 3))
    second.load_state_dict(first.state_dict())
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value)
        assert second.state_dict()[name] is not value
    assert first.state_dict()["0.weight"] is first[0].weight.value  # type: ignore[union-attr]


def test_loading_converts_to_the_modules_own_dtype() -> None:
    model, state = net(), net().to(torch.float64).state_dict()
    model.load_state_dict(state)
    assert model.state_dict()["0.weight"].dtype == torch.float32
    torch.testing.assert_close(model.state_dict()["0.weight"], state["0.weight"].float())


def test_loading_writes_into_flat_storage() -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    storage = flatten_parameters(model)
    model.load_state_dict(other.state_dict())
    assert not storage.abandoned
    assert torch.equal(storage.value, torch.cat([value.reshape(-1) for value, _ in other.parameters()]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda state: state.pop("2.weight"), "missing '2.weight'"),
        (lambda state: state.update(extra=torch.zeros(1)), "unexpected 'extra'"),
        (
            lambda state: state.update({"2.weight": torch.zeros(2, 5)}),
            "'2.weight': expected shape (2, 4), got (2, 5)",
        ),
        (
            lambda state: state.update({"2.weight": torch.zeros(4, 2)}),
            "'2.weight': expected shape (2, 4), got (4, 2)",
        ),
        (
            lambda state: state.update({"2.weight": [[0.0] * 4] * 2}),
            "'2.weight': expected shape (2, 4), got list",
        ),
        (
            lambda state: (state.pop("0.bias"), state.update(a=torch.zeros(1), b=torch.zeros(1))),
            "missing '0.bias'; unexpected 'a'; unexpected 'b'",
        ),
    ],
)
def test_loading_what_does_not_fit_changes_nothing(change: Any, problem: str) -> None:
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = {name: value + 1 for name, value in before.items()}
    change(state)
    found = refusal(model.load_state_dict, state)
    assert found == f"Sequential(Linear, Sequential, Linear): state does not fit: {problem}"
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_loading_without_strict_takes_what_there_is() -> None:
    model = net()
    before = model.state_dict()["0.weight"].clone()
    model.load_state_dict({"0.bias": torch.ones(4), "extra": torch.ones(1)}, strict=False)
    assert torch.equal(model.state_dict()["0.bias"], torch.ones(4))
    assert torch.equal(model.state_dict()["0.weight"], before)
    with pytest.raises(ModuleError, match="expected shape"):
        model.load_state_dict({"0.bias": torch.ones(5)}, strict=False)


# Copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_from_where_the_original_was(copied: Any) -> None:
    model, x, dy = (
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
        torch.randn(5, 3),
        torch.randn(5, 2),
    )
    model(x)
    twin = copied(model)
    assert torch.equal(twin.backward(dy), model.backward(dy))
    for (_, ours), (_, theirs) in zip(twin.parameters(), model.parameters()):
        assert torch.equal(ours, theirs)
        assert ours.data_ptr() != theirs.data_ptr()


# Errors and appearance


def test_an_error_names_its_place_from_the_outermost_container_on() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(5, 4))
    problem = "expected input (*, 5) of torch.float32, got (8, 2) of torch.float32"
    assert refusal(model, torch.zeros(8, 3)) == f"Sequential[2] Linear(5, 4): {problem}"
    deep = nn.Sequential(nn.Residual(nn.ReLU(), nn.Parallel(model)))
    with pytest.raises(ModuleError) as caught:
        deep(torch.zeros(8, 3))
    error = caught.value
    assert error.path == ["Sequential[0]", "Residual[1]", "Parallel[0]", "Sequential[2]"]
    assert error.module is model[2]
    assert error.problem == problem
    assert str(error) == f"Sequential[0].Residual[1].Parallel[0].Sequential[2] Linear(5, 4): {problem}"
    assert isinstance(error, ValueError)


def test_an_error_survives_the_way_between_processes() -> None:
    with pytest.raises(ModuleError) as caught:
        nn.Sequential(nn.Linear(5, 4))(torch.zeros(8, 2))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_module_without_forward_or_backward_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Pair has no forward"):
        Pair(Scale(), Scale())(torch.zeros(1))
    with pytest.raises(NotImplementedError, match="Pair has no backward"):
        Pair(Scale(), Scale()).backward(torch.zeros(1))


def test_repr_is_the_constructor_call() -> None:
    assert repr(Scale()) == "Scale()"
    assert repr(Scale(factor=3.0)) == "Scale(factor=3.0)"
    pair = Pair(Scale(), right=nn.ReLU())
    assert repr(pair) == "Pair(\n  (left): Scale()\n  (right): ReLU()\n  right=ReLU(...)\n)"
    assert pair.signature() == "Pair(Scale(...), right=ReLU(...))"
    weight = torch.ones(2)
    assert re.fullmatch(r"CrossEntropyLoss\(tensor\(2,\)\)", repr(nn.CrossEntropyLoss(weight)))


def test_what_autograd_has_recorded_stays_outside() -> None:
    theirs = torch.nn.Linear(3, 2)
    layer = nn.Linear(3, 2)
    layer.load_state_dict(dict(theirs.named_parameters()))
    layer.bias = Parameter(theirs.bias)
    layer.weight.value = theirs.weight
    flatten_parameters(layer)
    x = torch.randn(4, 3, requires_grad=True)
    dy = torch.randn(4, 2)
    (expected,) = torch.autograd.grad(theirs(x), x, dy)
    layer(x)
    torch.testing.assert_close(layer.backward(dy), expected)
    assert not any(tensor.requires_grad for pair in layer.parameters() for tensor in pair)


@pytest.mark.parametrize("given", [torch.int64, torch.bool])
def test_to_refuses_what_cannot_hold_a_weight(given: torch.dtype) -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.value.clone()
    assert refusal(layer.to, given) == f"Linear(3, 2): expected a floating-point dtype, got {given}"
    assert torch.equal(layer.weight.value, before)


def test_to_takes_keywords() -> None:
    layer = nn.Linear(3, 2).to(device="cpu", dtype=torch.float64)
    assert layer.weight.value.dtype == torch.float64


class Wrapped(Module):
    """Takes what can be neither copied nor pickled, and keeps nothing of it."""

    def __init__(self, source: Any, dtype: torch.dtype | None = None) -> None:
        self.first = Parameter(torch.full((2,), float(next(source)), dtype=dtype))


def test_of_the_constructor_call_only_its_looks_are_kept() -> None:
    module = Wrapped(iter([7]), dtype=torch.float32)
    assert re.fullmatch(r"Wrapped\(<list_iterator object at .*>\)", repr(module))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        assert torch.equal(twin.first.value, module.first.value)


def test_arguments_are_those_of_the_constructor_with_defaults_filled_in() -> None:
    expected = {"p": 0.3, "inplace": False}
    dropout = nn.Dropout(0.3)
    dropout.p = 0.4
    for module in (dropout, copy.deepcopy(dropout), nn.Dropout(p=0.3)):
        assert module.arguments() == expected
    columns = nn.ColumnEmbedding(3, {1: (4, 2)}).arguments()
    assert columns == {"in_features": 3, "columns": {1: (4, 2)}, "device": None, "dtype": None}
    assert repr(nn.BCELoss(torch.ones(3)).arguments()["weight"]) == "tensor(3,)"
    assert nn.ReLU().arguments() == {"inplace": False}
    assert nn.LayerNorm(torch.ones(4, 3, 2).shape[1:]).arguments()["normalized_shape"] == (3, 2)


def test_parameters_are_counted_with_and_without_frozen_ones() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    model[0].freeze()
    assert (model.num_parameters(), model.num_parameters(only_learned=True)) == (11, 3)


def test_a_generator_is_given_to_all_modules_below() -> None:
    model, generator = nn.Sequential(nn.Sequential(nn.Dropout())), torch.Generator()
    model.generator = generator
    assert all(module.generator is generator for module in model.modules())


@pytest.mark.parametrize(
    "make", [lambda: nn.Linear(3, 2), lambda: nn.Conv2d(1, 2, 3), lambda: nn.Embedding(4, 2)]
)
def test_parameters_are_drawn_anew_from_the_modules_own_generator(make: Any) -> None:
    layer, before = make(), torch.get_rng_state()
    drawn = []
    for _ in range(2):
        layer.generator = torch.Generator().manual_seed(5)
        layer.reset_parameters()
        drawn.append([parameter.value.clone() for parameter in layer.parameters()])
    assert all(map(torch.equal, *drawn))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["factor", "uses"])
def test_a_tensor_does_not_take_the_position_of_a_parameter(name: str) -> None:
    layer = Scale()
    kind = type(getattr(layer, name)).__name__
    expected = f"field '{name}': expected a {kind}, got a tensor; write layer.{name}.value = tensor"
    with pytest.raises(ModuleError, match=re.escape(expected)):
        setattr(layer, name, torch.tensor(3.0))
    assert isinstance(getattr(layer, name), (Parameter, Buffer))
    layer.factor.value = torch.tensor(3.0)
    assert layer(torch.ones(1)).tolist() == [3.0]
