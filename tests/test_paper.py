"""The paper's interface: its algorithms, its structure, its equations."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import paper
from plaingrad.inspect import check_gradients
from plaingrad.module import ModuleError
from plaingrad.paper import Relu, Sigmoid, Tanh, identity, linear, sequential

ALGORITHM_1 = """
linear1 = linear(2,5)
linear2 = linear(5,4)
relu = Relu()
linear3 = linear(4,3)
input_variable = torch.zeros(2,1)
target_variable = torch.zeros(3,1)

model = sequential(linear1, linear2, relu, linear3)

forward = model.forward(input_variable)
model.linear_result
model.activation_result

backward = model.backward_pass(target_variable)
model.dl_dw
model.dl_db
"""

ALGORITHM_2 = """
train_model(model, train_input, train_target,
mini_batch_size = 1, epoch = 25, learning_rate = 0.1)
"""

close: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-12}
examples = settings(max_examples=draws(40), deadline=None)


def run(program: str, **names: Any) -> dict[str, Any]:
    """The names that the program leaves behind."""
    exec("from plaingrad.paper import *" + program, names)
    return names


def shapes(tensors: list[Tensor]) -> list[tuple[int, ...]]:
    return [tuple(tensor.shape) for tensor in tensors]


def test_the_public_names_are_those_of_the_paper() -> None:
    classes = {"linear", "Relu", "Tanh", "Sigmoid", "identity", "sequential", "Sequential"}
    assert set(paper.__all__) == classes | {"generate_disc_set", "train_model", "torch"}
    assert paper.Sequential is sequential


def test_algorithm_1_runs_verbatim() -> None:
    found = run(ALGORITHM_1)
    model = found["model"]
    assert found["forward"] == (model.linear_result, model.activation_result)
    assert shapes(model.linear_result) == [(5, 1), (4, 1), (3, 1)]
    assert shapes(model.activation_result) == [(5, 1), (4, 1), (3, 1)]
    assert model.activation_result[0] is model.linear_result[0]  # two linear modules in a row
    assert model.activation_result[2] is model.linear_result[2]  # the last linear module
    torch.testing.assert_close(found["backward"], (model.dl_dw, model.dl_db))
    assert shapes(model.dl_dw) == [(5, 2), (4, 5), (3, 4)]
    assert shapes(model.dl_db) == [(5, 1), (4, 1), (3, 1)]


def test_algorithm_2_runs_verbatim(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    model = sequential(linear(2, 3), Relu(), linear(3, 2))
    train_input, train_target = paper.generate_disc_set(20, seed=0)
    losses = run(
        ALGORITHM_2.replace("train_model(", "losses = train_model("),
        model=model,
        train_input=train_input,
        train_target=train_target,
    )["losses"]
    assert len(losses) == 25
    assert losses[-1] < losses[0]
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"epoch: {e} , loss= {loss}" for e, loss in enumerate(losses)]


# The structure


@st.composite
def stacks(draw: st.DrawFn, smooth: bool = False) -> tuple[list[paper.Module], int, int]:
    """Linear and activation modules in any order, with the number of inputs and of outputs."""
    kinds = st.sampled_from([linear, identity, Tanh, Sigmoid] + ([] if smooth else [Relu]))
    inputs = features = draw(st.integers(1, 4))
    modules: list[paper.Module] = []
    for kind in draw(st.lists(kinds, min_size=1, max_size=7)):
        width = draw(st.integers(1, 4)) if kind is linear else features
        modules.append(linear(features, width) if kind is linear else kind())
        features = width
    return modules, inputs, features


@examples
@given(stacks())
def test_structurize_gives_every_linear_module_its_activation(stack: tuple[list[Any], int, int]) -> None:
    modules, _, _ = stack
    operations, linears, activations = paper.__structurize__(modules)
    added = [operation for operation in operations if operation not in modules]
    assert all(type(operation) is identity for operation in added)
    assert [operation for operation in operations if operation in modules] == modules
    assert linears == [module for module in modules if isinstance(module, linear)]
    assert activations == [operation for operation in operations if not isinstance(operation, linear)]
    for operation, following in zip(operations, [*operations[1:], None]):
        if isinstance(operation, linear):
            assert following in activations
        else:
            assert following not in added  # none is added where none is needed


@examples
@given(stacks(), st.integers(1, 4), st.integers(0, 2**31))
def test_gradients_equal_autograd(stack: tuple[list[Any], int, int], n: int, seed: int) -> None:
    modules, inputs, outputs = stack
    torch.manual_seed(seed)
    model = sequential(*modules).to(torch.float64)
    x = torch.randn(inputs, n, dtype=torch.float64)
    target = torch.randn(outputs, n, dtype=torch.float64)
    leaves = [tensor.clone().requires_grad_() for m in model.linears for tensor in (m.weight[0], m.bias[0])]
    y = x.clone().requires_grad_()
    leaves.append(y)
    remaining = iter(leaves)
    functions = {Relu: torch.relu, Tanh: torch.tanh, Sigmoid: torch.sigmoid, identity: lambda s: s}
    for module in modules:
        y = (
            next(remaining) @ y + next(remaining)
            if isinstance(module, linear)
            else functions[type(module)](y)
        )
    loss = (y - target).square().sum(0).mean()
    gradients = torch.autograd.grad(loss, leaves)

    model.forward(x)
    torch.testing.assert_close(model.loss(target), loss.detach(), **close)
    dl_dw, dl_db = model.backward_pass(target)
    torch.testing.assert_close(dl_dw, list(gradients[0:-1:2]), **close)
    torch.testing.assert_close(dl_db, list(gradients[1:-1:2]), **close)
    for (value, grad), wanted in zip(model.parameters(), gradients, strict=False):
        assert value.shape == grad.shape
        torch.testing.assert_close(grad, wanted, **close)

    model.forward(x)
    dx = model.backward(2 / n * (model.activation_result[-1] - target))
    torch.testing.assert_close(dx, gradients[-1], **close)
    torch.testing.assert_close(model.dl_dw, [2 * g for g in gradients[0:-1:2]], **close)  # they add up


# The paper's equations, as they stand in its figures


@pytest.mark.parametrize("seed", range(5))
def test_one_step_is_figures_3_to_6(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x0 = torch.randn(2, 1, generator=generator, dtype=torch.float64)
    target = torch.randn(3, 1, generator=generator, dtype=torch.float64)
    model = sequential(linear(2, 5), linear(5, 4), Tanh(), linear(4, 3), Sigmoid()).to(torch.float64)
    (w1, _), (b1, _), (w2, _), (b2, _), (w3, _), (b3, _) = [
        pair for module in model.linears for pair in module.parameters()
    ]

    # Figure 3, the forward pass; the first activation is the identity
    s1 = w1 @ x0 + b1
    x1 = s1
    s2 = w2 @ x1 + b2
    x2 = torch.tanh(s2)
    s3 = w3 @ x2 + b3
    x3 = 1 / (1 + torch.exp(-s3))
    s, x = model.forward(x0)
    torch.testing.assert_close(s, [s1, s2, s3], **close)
    torch.testing.assert_close(x, [x1, x2, x3], **close)

    # Figure 4, the derivatives with respect to the layers' results
    dx3 = 2 * (x3 - target)
    ds3 = dx3 * x3 * (1 - x3)
    dx2 = w3.T @ ds3
    ds2 = dx2 * (1 - x2**2)
    dx1 = w2.T @ ds2
    ds1 = dx1 * torch.ones_like(s1)

    # Figure 5, those with respect to the weights and biases
    dl_dw, dl_db = model.backward_pass(target)
    torch.testing.assert_close(dl_dw, [ds1 @ x0.T, ds2 @ x1.T, ds3 @ x2.T], **close)
    torch.testing.assert_close(dl_db, [ds1, ds2, ds3], **close)

    # Figure 6, the update
    expected = [value - 0.1 * grad for value, grad in model.parameters()]
    pairs = model.parameters()
    model.update(0.1)
    torch.testing.assert_close([value for value, _ in pairs], expected, **close)
    torch.testing.assert_close([value for value, _ in model.parameters()], expected, **close)


def test_the_gradients_are_those_of_the_core() -> None:
    torch.manual_seed(0)
    ours = sequential(linear(2, 5), Relu(), linear(5, 3))
    core = paper.nn.Sequential(paper.nn.Linear(2, 5), paper.nn.ReLU(), paper.nn.Linear(5, 3))
    for mine, theirs in zip((p for _, p in ours.named_parameters()), core.parameters()):
        theirs.value = mine.value
    x, target = torch.randn(7, 2), torch.randn(7, 3)
    squared_error = paper.nn.MSELoss("sum")
    loss = squared_error(core(x), target)
    core.backward(squared_error.backward() / 7)
    ours.forward(x.T)
    ours.backward_pass(target.T)
    torch.testing.assert_close(ours.loss(target.T), loss / 7)
    torch.testing.assert_close(
        [grad.squeeze() for _, grad in ours.parameters()], [grad for _, grad in core.parameters()]
    )


def test_a_module_used_twice_is_updated_once() -> None:
    shared = linear(2, 2)
    model = sequential(shared, Tanh(), shared)
    model.forward(torch.ones(2, 1))
    model.backward_pass(torch.zeros(2, 1))
    assert len(model.parameters()) == 2
    assert len(model.dl_dw) == 2
    expected = shared.weight.value - 0.5 * shared.weight.grad
    model.update(0.5)
    torch.testing.assert_close(shared.weight.value, expected)


def test_zero_grad_zeroes_the_gradients_and_forgets_forwards() -> None:
    model = sequential(linear(2, 2), Relu())
    model.forward(torch.ones(2, 3))
    model.backward_pass(torch.zeros(2, 3))
    model.forward(torch.ones(2, 3))
    model.zero_grad()
    assert all(not grad.any() for _, grad in model.parameters())
    with pytest.raises(ModuleError, match="needs the state of a forward"):
        model.backward_pass(torch.zeros(2, 3))


# Training


def test_training_is_the_loop_over_slices(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(1)
    model = sequential(linear(2, 4), Tanh(), linear(4, 2)).to(torch.float64)
    leaves = [pair.value.clone().requires_grad_() for m in model.linears for pair in m.parameters()]
    inputs, targets = torch.randn(2, 7, dtype=torch.float64), torch.randn(2, 7, dtype=torch.float64)
    losses = paper.train_model(model, inputs, targets, mini_batch_size=3, epoch=2, learning_rate=0.05)
    expected = []
    for _ in range(2):
        total = 0.0
        for batch in (slice(0, 3), slice(3, 6), slice(6, 7)):
            w1, b1, w2, b2 = leaves
            y = w2 @ torch.tanh(w1 @ inputs[:, batch] + b1) + b2
            errors = (y - targets[:, batch]).square().sum(0)
            total += errors.sum().item()
            for leaf, grad in zip(leaves, torch.autograd.grad(errors.mean(), leaves)):
                leaf.data -= 0.05 * grad
        expected.append(total / 7)
    assert losses == pytest.approx(expected, rel=1e-10)
    assert re.fullmatch(r"(epoch: \d , loss= \d\.\d+\n){2}", capsys.readouterr().out)


def test_the_disc_set() -> None:
    points, labels = paper.generate_disc_set(4000, seed=3)
    assert points.shape == labels.shape == (2, 4000)
    assert ((points >= 0) & (points <= 1)).all()
    inside = (points - 0.5).square().sum(0).sqrt() < 1 / math.sqrt(2 * math.pi)
    assert torch.equal(labels[1] == 1, inside)
    assert torch.equal(labels[0] == 1, ~inside)
    assert abs(inside.float().mean().item() - 0.5) < 0.03
    assert torch.equal(paper.generate_disc_set(10, seed=3)[0], paper.generate_disc_set(10, seed=3)[0])


# What it says when something does not fit


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.dl_dw,
        lambda model: model.dl_db,
        lambda model: model.parameters(),
        lambda model: model.update(0.1),
    ],
    ids=["dl_dw", "dl_db", "parameters", "update"],
)
def test_gradients_before_any_backward_are_refused(ask: Any) -> None:
    model = sequential(linear(2, 2), Relu())
    model.forward(torch.zeros(2, 1))
    with pytest.raises(ModuleError, match=r"^sequential.*: there are no gradients before a backward; call"):
        ask(model)


@pytest.mark.parametrize("ask", ["loss", "backward_pass"])
def test_a_loss_before_any_forward_is_refused(ask: str) -> None:
    with pytest.raises(ModuleError, match="no output before a forward"):
        getattr(sequential(linear(2, 2)), ask)(torch.zeros(2, 1))


def test_shapes_are_told_as_columns() -> None:
    model = sequential(linear(2, 5), Relu(), linear(5, 3))
    with pytest.raises(ModuleError, match=r"^sequential\[0\] linear\(2, 5\): .*\(2, n\), got \(1, 2\)"):
        model.forward(torch.zeros(1, 2))
    with pytest.raises(ModuleError, match=r"columns \(2, n\), got \(2,\)"):
        model.forward(torch.zeros(2))
    model.forward(torch.zeros(2, 4))
    with pytest.raises(ModuleError, match=r"expected target \(3, 4\) .*, got \(4, 3\)"):
        model.backward_pass(torch.zeros(4, 3))
    with pytest.raises(ModuleError, match=r"expected output gradient \(3, 4\) .*, got \(3, 1\)"):
        model.backward(torch.zeros(3, 1))
    alone = linear(2, 5)
    alone.forward(torch.zeros(2, 4))
    with pytest.raises(ModuleError, match=r"^linear\(2, 5\): .* gradient \(5, 4\) .*, got \(4, 5\)"):
        alone.backward(torch.zeros(4, 5))


def test_other_modules_are_refused() -> None:
    with pytest.raises(ModuleError, match=r"Sigmoid or identity at position 1, got Linear\(2, 2\)"):
        sequential(linear(2, 2), paper.nn.Linear(2, 2))


def test_the_model_shows_its_structure() -> None:
    assert repr(sequential(linear(2, 5), linear(5, 4), Relu())).splitlines() == [
        "sequential(",
        "  (0): linear(2, 5)",
        "  (1): identity()",
        "  (2): linear(5, 4)",
        "  (3): Relu()",
        ")",
    ]


@pytest.mark.parametrize("size", [0, 4, -1, 2.5])
def test_a_mini_batch_size_that_does_not_fit_is_refused(size: int) -> None:
    model = sequential(linear(2, 2))
    with pytest.raises(ValueError, match=f"mini_batch_size from 1 to 3, got {size}"):
        paper.train_model(model, torch.zeros(2, 3), torch.zeros(2, 3), mini_batch_size=size)


def test_data_that_does_not_fit_is_refused() -> None:
    model = sequential(linear(2, 2))
    with pytest.raises(ValueError, match="one target for each of 3 inputs, got 4"):
        paper.train_model(model, torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="expected finite inputs, got nan"):
        paper.train_model(model, torch.full((2, 3), math.nan), torch.zeros(2, 3))


def test_errors_of_both_directions_name_the_same_place() -> None:
    model = sequential(linear(2, 2))
    model.forward(torch.zeros(2, 3))
    with pytest.raises(ModuleError, match=r"^sequential\[1\] identity\(\): "):
        model.backward(torch.zeros(2, 1))


def test_a_loss_that_is_not_finite_ends_training() -> None:
    points, targets = paper.generate_disc_set(20, seed=0)
    with pytest.raises(RuntimeError, match=r"^train_model: the loss became (nan|inf) in epoch \d; try"):
        paper.train_model(sequential(linear(2, 2)), points, targets, learning_rate=1e20)


def test_a_number_of_points_that_is_no_integer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"n: expected a positive integer, got 10\.5"):
        paper.generate_disc_set(10.5)  # type: ignore[arg-type]


def test_the_checker_takes_a_linear_module_and_says_why_not_a_network() -> None:
    assert check_gradients(linear(3, 2), torch.randn(3, 5)).ok
    with pytest.raises(ValueError, match="returned list, expected tensors"):
        check_gradients(sequential(linear(3, 2), Tanh()), torch.randn(3, 5))
