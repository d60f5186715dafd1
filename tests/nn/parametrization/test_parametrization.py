"""Weight and spectral normalization in use: training, several forwards, copies, files, refusals."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils import parametrizations

import plaingrad
from conformance.parametrization import Renamed, spectral_norm, weight_norm
from plaingrad import Module, ModuleError, nn, optim
from plaingrad.errors import InputError
from plaingrad.interop import export_onnx, to_torch
from plaingrad.saving import build, describe

close: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}

NORMS: dict[str, tuple[type[Module], Callable[..., Renamed]]] = {
    "weight": (nn.WeightNorm, weight_norm),
    "spectral": (nn.SpectralNorm, spectral_norm),
}
each_norm = pytest.mark.parametrize("norm", NORMS)


@pytest.fixture(autouse=True)
def double() -> Any:
    """Compute in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def pair(
    norm: str, kind: str = "Linear", numbers: tuple[int, ...] = (3, 4), *options: Any
) -> tuple[Any, Renamed]:
    """A layer of ours and the same of torch's, with the same state."""
    ours_of, theirs_of = NORMS[norm]
    torch.manual_seed(3)
    ours = ours_of(getattr(nn, kind)(*numbers), *options)
    theirs = theirs_of(getattr(torch.nn, kind)(*numbers), *options)
    theirs.load_state_dict({name: value.clone() for name, value in ours.state_dict().items()})
    return ours, theirs


def expect_equal_state(ours: Module, theirs: Renamed) -> None:
    state = ours.state_dict()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(
            state[name], value.detach(), **close, msg=lambda m, name=name: f"{name}: {m}"
        )


def test_arguments_and_defaults_are_those_of_torch() -> None:

    def arguments(function: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(function).parameters.values()
        return [
            (each.name, each.default) for each in parameters if each.name not in ("self", "layer", "module")
        ]

    assert arguments(nn.WeightNorm.__init__) == arguments(parametrizations.weight_norm)
    assert arguments(nn.SpectralNorm.__init__) == arguments(parametrizations.spectral_norm)


@each_norm
@pytest.mark.parametrize(
    ("kind", "numbers", "size"), [("Linear", (3, 4), (5, 3)), ("Conv2d", (2, 3, 2), (5, 2, 4, 3))]
)
def test_twenty_steps_of_training_end_as_those_of_torch(
    norm: str, kind: str, numbers: tuple[int, ...], size: tuple[int, ...]
) -> None:
    ours, theirs = pair(norm, kind, numbers)
    rule = optim.SGD(ours.parameters(), lr=0.05, momentum=0.9)
    their_rule = torch.optim.SGD(list(theirs.parameters()), lr=0.05, momentum=0.9)
    for _ in range(20):
        x = torch.randn(size)
        y = ours.forward(x)
        ours.backward(y - 1)
        rule.step()
        rule.zero_grad()
        their_rule.zero_grad()
        ((theirs(x) - 1) ** 2 / 2).sum().backward()
        their_rule.step()
    expect_equal_state(ours, theirs)


@each_norm
def test_a_recurrent_layer_equals_that_of_torch(norm: str) -> None:
    ours, theirs = pair(norm, "LSTM", (3, 2), "weight_hh_l0")
    ours.eval(saving=True)
    theirs.eval()  # in training, torch's moves u and v four times in a forward
    x = torch.randn(4, 5, 3)
    y, (h, c) = ours.forward(x)
    their_y, (their_h, their_c) = theirs(x)
    torch.testing.assert_close((y, h, c), (their_y, their_h, their_c), **close)
    dy, dh, dc = torch.randn_like(y), torch.randn_like(h), torch.randn_like(c)
    ours.backward(dy, (dh, dc))
    torch.autograd.backward((their_y, their_h, their_c), (dy, dh, dc))
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, **close)


@each_norm
def test_two_forwards_before_two_backwards(norm: str) -> None:
    ours, theirs = pair(norm)
    x = torch.randn(2, 5, 3)
    dy = torch.randn(2, 5, 4)
    for each in x:
        ours.forward(each)
    dx = [ours.backward(each) for each in reversed(dy)]
    leaves = [each.clone().requires_grad_() for each in x]
    torch.autograd.backward([theirs(each) for each in leaves], list(dy))
    torch.testing.assert_close(dx, [leaf.grad for leaf in reversed(leaves)], **close)
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, **close)


def test_vectors_move_in_training_alone() -> None:
    ours, theirs = pair("spectral", "Linear", (3, 4), "weight", 2)
    before = ours.u.value.clone(), ours.v.value.clone()
    ours.original.value += torch.randn(4, 3)
    theirs.load_state_dict(ours.state_dict())
    ours.eval().forward(torch.randn(2, 3))
    assert torch.equal(ours.u.value, before[0])
    assert torch.equal(ours.v.value, before[1])
    for _ in range(3):
        ours.train().forward(torch.randn(2, 3))
        theirs(torch.randn(2, 3))
    assert not torch.allclose(ours.u.value, before[0])
    expect_equal_state(ours, theirs)


@pytest.mark.parametrize("training", [True, False])
def test_vectors_begin_as_those_of_torch(training: bool) -> None:
    layer, other = nn.Conv2d(2, 3, 2), torch.nn.Conv2d(2, 3, 2)
    other.load_state_dict(layer.state_dict())
    torch.manual_seed(5)
    ours = nn.SpectralNorm(layer.train(training))
    torch.manual_seed(5)
    expect_equal_state(ours, spectral_norm(other.train(training)))
    assert ours.training is training


def test_the_weight_is_the_same_at_first_and_lengths_are_its_norms() -> None:
    layer = nn.Linear(3, 4)
    weight = layer.weight.value.clone()
    ours = nn.WeightNorm(layer)
    x = torch.randn(2, 3)
    torch.testing.assert_close(ours.forward(x), x @ weight.T + layer.bias.value, **close)
    torch.testing.assert_close(ours.length.value[:, 0], weight.norm(dim=1), **close)


@each_norm
def test_a_frozen_parameter_gets_no_gradient(norm: str) -> None:
    kind, _ = NORMS[norm]
    layer = nn.Linear(3, 4)
    layer.weight.frozen = True
    ours: Any = kind(layer)
    own = [field for _, field in ours.named_fields() if isinstance(field, plaingrad.Parameter)]
    assert all(parameter.frozen for parameter in own)
    ours.backward(torch.randn_like(ours.forward(torch.randn(2, 3))))
    assert not any(parameter.has_grad or parameter._grad.any() for parameter in own)
    assert layer.bias.has_grad
    assert not layer.weight.has_grad
    ours.unfreeze()
    ours.backward(torch.randn_like(ours.forward(torch.randn(2, 3))))
    assert all(parameter._grad.any() for parameter in own)


def test_one_of_length_and_direction_can_be_frozen() -> None:
    ours: Any = nn.WeightNorm(nn.Linear(3, 4))
    ours.direction.frozen = True
    ours.backward(torch.randn_like(ours.forward(torch.randn(2, 3))))
    assert ours.length.grad.any()
    assert not ours.direction.has_grad


def test_two_weights_of_one_layer() -> None:
    inner = nn.WeightNorm(nn.LSTM(3, 2), "weight_hh_l0")
    ours = nn.SpectralNorm(inner, "weight_ih_l0")
    theirs = torch.nn.LSTM(3, 2)
    parametrizations.weight_norm(theirs, "weight_hh_l0")
    parametrizations.spectral_norm(theirs, "weight_ih_l0")
    hh, ih = "parametrizations.weight_hh_l0.original", "parametrizations.weight_ih_l0."
    names = {"original": f"{ih}original", "u": f"{ih}0._u", "v": f"{ih}0._v"}
    names |= {"layer.length": f"{hh}0", "layer.direction": f"{hh}1"}
    names |= {f"layer.layer.bias_{each}_l0": f"bias_{each}_l0" for each in ("ih", "hh")}
    theirs.load_state_dict({names[name]: value for name, value in ours.state_dict().items()})
    ours.eval(saving=True)
    theirs.eval()
    x, dy = torch.randn(4, 5, 3), torch.randn(4, 5, 2)
    y = ours.forward(x)[0]
    other = theirs(x)[0]
    torch.testing.assert_close(y, other, **close)
    ours.backward(dy, None)
    other.backward(dy)
    grads = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, grads[names[name]].grad, **close)


def network(norm: str) -> nn.Sequential:
    kind: Any = NORMS[norm][0]
    return nn.Sequential(kind(nn.Linear(3, 4), "weight", dim=1), nn.Tanh(), kind(nn.Linear(4, 2)))


@each_norm
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_computes_the_same_and_shares_nothing(norm: str, copied: Callable[[Any], Any]) -> None:
    model = network(norm)
    x = torch.randn(5, 3)
    model.forward(x)
    other = copied(model)
    dy = torch.randn(5, 2)
    assert torch.equal(model.backward(dy), other.backward(dy))
    for parameter, another in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(parameter.grad, another.grad)
        another.value += 1
    assert not torch.allclose(model.forward(x), other.forward(x))
    assert other[0].layer.weight is not model[0].layer.weight


@each_norm
def test_flat_storage_and_dtypes(norm: str) -> None:
    model, x = network(norm), torch.randn(5, 3)
    y = model.forward(x)
    names = list(model.state_dict())
    plaingrad.flatten_parameters(model)
    expected = model.eval().forward(x)
    model.to(torch.float32)
    assert list(model.state_dict()) == names
    torch.testing.assert_close(model.forward(x.float()), expected.float(), rtol=1e-5, atol=1e-6)
    assert y.shape == expected.shape
    half = model.train().to(torch.bfloat16)
    half.backward(half.forward(x.to(torch.bfloat16)))
    assert all(parameter.grad.dtype == torch.bfloat16 for parameter in half.parameters())


@each_norm
def test_a_model_file_and_a_description_have_it(norm: str, tmp_path: Path) -> None:
    model = network(norm)
    description = describe(model)
    assert describe(build(description)) == description
    plaingrad.save(model, tmp_path / "model.plaingrad")
    again: Any = plaingrad.load(tmp_path / "model.plaingrad")
    x = torch.randn(5, 3)
    assert torch.equal(again.eval().forward(x), model.eval().forward(x))


@each_norm
def test_fit_trains_it_eagerly_and_the_native_engine_refuses_it_by_name(norm: str) -> None:
    model = network(norm).to(torch.float32)
    data = torch.randn(32, 3, dtype=torch.float32), torch.randn(32, 2, dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rule = optim.SGD(model.parameters(), lr=0.1)
    options: dict[str, Any] = {"epochs": 1, "batch_size": 8, "progress": False}
    with pytest.raises(ValueError, match=NORMS[norm][0].__name__):
        plaingrad.fit(model, data, loss=nn.MSELoss(), optimizer=rule, engine="native", **options)
    plaingrad.fit(model, data, loss=nn.MSELoss(), optimizer=rule, engine="auto", **options)
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert {"0.layer.bias", "2.layer.bias"} < set(changed)


@each_norm
def test_other_formats_refuse_it_by_name(norm: str, tmp_path: Path) -> None:
    name = NORMS[norm][0].__name__
    with pytest.raises(ValueError, match=rf"Sequential\[0\] {name}: expected a class that torch.nn has too"):
        to_torch(network(norm))
    with pytest.raises(ValueError, match=name):
        export_onnx(network(norm), tmp_path / "x.onnx", (3,))


def test_the_layer_alone_is_not_trained_silently() -> None:
    layer = nn.Linear(3, 4)
    model = nn.Sequential(nn.WeightNorm(layer), nn.Linear(4, 3), layer)
    y = model.forward(torch.randn(2, 3))
    with pytest.raises(InputError, match="computed by a module around its layer"):
        model.backward(y)


def tied() -> Module:
    block = nn.Residual(nn.Linear(3, 3), nn.Linear(3, 3))
    block.scale = plaingrad.Parameter(torch.ones(3, 3))
    block[0].weight = block.scale
    return block


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "a name of nothing": (
        lambda: nn.Linear(3, 4),
        "wait",
        r"from \['weight', 'bias'\], got 'wait'",
    ),
    "a name of a number": (lambda: nn.Linear(3, 4), "in_features", "got 'in_features' of Linear"),
    "no bias": (lambda: nn.Linear(3, 4, bias=False), "bias", r"from \['weight'\], got 'bias'"),
    "no shape": (lambda: nn.LazyLinear(4), "weight", "expected a parameter with a shape"),
    "a shared one": (tied, "scale", "expected a parameter of one module"),
    "done already": (lambda: nn.WeightNorm(nn.Linear(3, 4)), "weight", "expected the name of a parameter"),
}


@each_norm
@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_is_refused(norm: str, why: str) -> None:
    make, name, message = REFUSED[why]
    with pytest.raises(ModuleError, match=message) as caught:
        NORMS[norm][0](make(), name)
    assert "\n" not in str(caught.value)


@each_norm
@pytest.mark.parametrize("dim", [2, -3])
def test_an_axis_that_there_is_not_is_refused(norm: str, dim: int) -> None:
    kind: Any = NORMS[norm][0]
    layer = nn.Linear(3, 4)
    with pytest.raises(ModuleError, match=f"expected dim from -2 to 1 for 'weight', got {dim}"):
        kind(layer, dim=dim)
    assert isinstance(layer.weight, plaingrad.Parameter)


def test_no_iterations_are_refused() -> None:
    with pytest.raises(ModuleError, match="expected n_power_iterations of at least 1, got 0"):
        nn.SpectralNorm(nn.Linear(3, 4), n_power_iterations=0)


def test_a_weight_of_one_axis_below_eps_is_divided_by_eps() -> None:
    ours, theirs = pair("spectral", "LayerNorm", (4,), "weight", 1, 3.0)
    x, dy = torch.randn(2, 5, 4)
    ours.forward(x)
    ours.backward(dy)
    theirs(x).backward(dy)
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, **close)
