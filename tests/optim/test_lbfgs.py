"""L-BFGS equals torch's, with and without its line search."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.optim.lbfgs import _strong_wolfe

from effort import draws
from optim.rules import double
from plaingrad import Parameter, nn, optim
from plaingrad.optim.common.line_search import Point, lowest, strong_wolfe

SHAPES = [(2, 2), (), (3,)]
examples = settings(max_examples=draws(25), deadline=None)
arguments = st.fixed_dictionaries(
    {"lr": st.floats(0.05, 1.5)},
    optional={
        "max_iter": st.integers(1, 25),
        "max_eval": st.integers(1, 30),
        "tolerance_grad": st.sampled_from([0.0, 1e-7, 1e-2]),
        "tolerance_change": st.sampled_from([1e-9, 1e-3]),
        "history_size": st.integers(1, 8),
        "line_search_fn": st.sampled_from([None, "strong_wolfe"]),
    },
)


def rosenbrock(x: Tensor) -> tuple[float, Tensor]:
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    grad = torch.zeros_like(x)
    grad[1:] += 20 * a
    grad[:-1] -= 40 * a * x[:-1] + 2 * b
    return (10 * a * a + b * b).sum().item(), grad


def bowl(x: Tensor) -> tuple[float, Tensor]:
    scales = torch.linspace(0.1, 5, len(x), dtype=x.dtype)
    return (scales * x * x).sum().item(), 2 * scales * x


def wave(x: Tensor) -> tuple[float, Tensor]:
    return (x.sin() + 0.05 * x * x).sum().item(), x.cos() + 0.1 * x


problems = pytest.mark.parametrize("problem", [rosenbrock, bowl, wave])
Problem = Callable[[Tensor], tuple[float, Tensor]]


class Pair:
    """An optimizer of ours and torch's on the same function from the same start.

    Theirs has one vector of all numbers, so that both round alike: a search may hang on the last bit.
    """

    def __init__(self, problem: Problem, options: dict[str, Any], seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
        self.problem = problem
        self.parameters = [Parameter(value.clone()) for value in values]
        self.tensors = [torch.cat([value.reshape(-1) for value in values]).requires_grad_()]
        self.ours = optim.LBFGS(self.parameters, **options)
        self.theirs = torch.optim.LBFGS(self.tensors, **options)

    def step(self) -> None:
        found = self.ours.step(self.closure(self.parameters, lambda parameter: parameter.value))
        with torch.no_grad(), double():
            wanted = self.theirs.step(self.closure(self.tensors, lambda tensor: tensor))
        assert found == pytest.approx(wanted, rel=1e-12, nan_ok=True)

    def closure(self, variables: list[Any], value_of: Callable[[Any], Tensor]) -> Callable[[], float]:
        def evaluate() -> float:
            with torch.no_grad():
                flat = torch.cat([value_of(variable).reshape(-1) for variable in variables])
                loss, grad = self.problem(flat)
                sizes = [value_of(variable).numel() for variable in variables]
                for variable, part in zip(variables, grad.split(sizes)):
                    variable.grad = part.reshape(value_of(variable).shape)
            return loss

        return evaluate

    def assert_equal(self) -> None:
        value, wanted = self.ours.storages[0].value, self.tensors[0].detach()
        torch.testing.assert_close(value, wanted, rtol=1e-10, atol=1e-10, equal_nan=True)
        ours, theirs = (next(iter(rule.state.values())) for rule in (self.ours, self.theirs))
        assert (ours["n_iter"], ours["func_evals"]) == (theirs["n_iter"], theirs["func_evals"])


@problems
@examples
@given(options=arguments, seed=st.integers(0, 2**32 - 1))
def test_fifty_steps_equal_torch(problem: Problem, options: dict[str, Any], seed: int) -> None:
    both = Pair(problem, options, seed)
    for _ in range(50):
        both.step()
        both.assert_equal()


@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
def test_a_state_dict_continues_bit_for_bit(line_search_fn: str | None) -> None:
    both = Pair(rosenbrock, {"lr": 0.3, "max_iter": 3, "history_size": 4, "line_search_fn": line_search_fn})
    for _ in range(3):
        both.step()
    file = io.BytesIO()
    torch.save(both.ours.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    kept = copy.deepcopy(state)
    other = Pair(rosenbrock, {"lr": 1.0})
    other.ours.load_state_dict(state)
    for mine, theirs in zip(other.parameters, both.parameters):
        mine.value = theirs.value
    other.theirs = both.theirs
    copied, original = copy.deepcopy((both.ours, both.parameters)), both.ours
    for _ in range(3):
        for rule, parameters in ((original, both.parameters), (other.ours, other.parameters), copied):
            rule.step(both.closure(parameters, lambda parameter: parameter.value))
    for a, b, c in zip(both.parameters, other.parameters, copied[1]):
        assert torch.equal(a.value, b.value)
        assert torch.equal(a.value, c.value)
    for name in ("d", "prev_flat_grad"):
        assert torch.equal(state["state"][0][0]["state"][name], kept["state"][0][0]["state"][name])
    assert len(state["state"][0][0]["state"]["old_dirs"]) == 4


def test_a_frozen_parameter_stays() -> None:
    both = Pair(rosenbrock, {"line_search_fn": "strong_wolfe", "max_iter": 4})
    both.ours.step(both.closure(both.parameters, lambda parameter: parameter.value))
    both.parameters[2].frozen = True
    before = [parameter.value.clone() for parameter in both.parameters]
    both.ours.step(both.closure(both.parameters, lambda parameter: parameter.value))
    changed = [not torch.equal(p.value, value) for p, value in zip(both.parameters, before)]
    assert changed == [True, True, False]


def test_a_network_is_fitted_in_a_few_steps() -> None:
    torch.manual_seed(0)
    model, loss = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)), nn.MSELoss()
    x = torch.randn(40, 3)
    y = x[:, :1] * x[:, 1:2]
    rule = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        rule.zero_grad()
        value = loss(model(x), y)
        model.backward(loss.backward())
        return value

    first = rule.step(closure)
    for _ in range(9):
        last = rule.step(closure)
    assert last < 0.01 * first


def test_what_it_cannot_use_is_refused() -> None:
    one, other = Parameter(torch.ones(1)), Parameter(torch.ones(1))
    with pytest.raises(ValueError, match=r"^LBFGS: expected a closure that computes loss and gradients"):
        optim.LBFGS([one]).step()
    with pytest.raises(ValueError, match=r"^LBFGS: expected one parameter group, got another$"):
        optim.LBFGS([{"params": one}, {"params": other}])
    rule = optim.LBFGS([one])
    with pytest.raises(ValueError, match=r"^LBFGS: expected one parameter group, got another$"):
        rule.add_param_group({"params": other})
    for options, message in [
        ({"max_iter": 0}, "max_iter to be a whole number of at least 1, got 0"),
        ({"max_eval": 0}, "max_eval to be a whole number of at least 1 or None, got 0"),
        ({"line_search_fn": "armijo"}, "line_search_fn to be None or 'strong_wolfe', got 'armijo'"),
    ]:
        with pytest.raises(ValueError, match=f"^LBFGS: expected {message}$"):
            optim.LBFGS([one], **options)
    state = rule.state_dict()
    state["state"][0][0]["state"]["old_dirs"] = [torch.ones(2)]
    with pytest.raises(ValueError, match=r"expected 'old_dirs' of shape \(1,\), got \(2,\)$"):
        rule.load_state_dict(state)


@settings(max_examples=draws(300), deadline=None)
@given(
    waves=st.lists(st.tuples(st.floats(-2, 2), st.floats(0.1, 6), st.floats(0, 6)), min_size=1, max_size=4),
    slope=st.floats(-3, 3),
    bend=st.floats(0.05, 0.5),
    t=st.floats(0.01, 5),
    tolerance=st.sampled_from([1e-9, 0.1]),
    limit=st.integers(0, 25),
)
def test_the_search_alone_equals_that_of_torch(
    waves: Any, slope: float, bend: float, t: float, tolerance: float, limit: int
) -> None:
    """On lines with several minima, where it needs all its branches."""

    def line(t: float) -> tuple[float, float]:
        terms = [(a * math.sin(w * t + p), a * w * math.cos(w * t + p)) for a, w, p in waves]
        loss, derivative = (sum(each) for each in zip(*terms))
        return loss + slope * t + bend * t * t, derivative + slope + 2 * bend * t

    down = 1.0 if line(0.0)[1] <= 0 else -1.0

    def at(t: float) -> Point:
        loss, slope = line(down * t)
        return Point(t, loss, down * slope, torch.tensor([slope], dtype=torch.float64))

    start, d = at(0.0), torch.tensor([down], dtype=torch.float64)
    found, calls = strong_wolfe(at, start, t, 1.0, tolerance, limit)
    loss, _, wanted, evaluations = _strong_wolfe(
        lambda _x, t, _d: at(float(t))[1::2],
        None,
        t,
        d,
        start.loss,
        start.grad,
        start.grad.dot(d),
        tolerance_change=tolerance,
        max_ls=limit,
    )
    assert (found.t, found.loss) == pytest.approx((float(wanted), loss), rel=1e-6, abs=1e-9)
    assert calls == evaluations


def test_numbers_that_no_cubic_fits_are_bisected() -> None:
    none = torch.zeros(1)
    flat = Point(0.0, 1.0, 0.0, none)
    assert lowest(flat, Point(2.0, 1.0, 0.0, none), 0.0, 2.0) == 1.0
    assert lowest(flat, flat, 0.0, 3.0) == 1.5
    assert lowest(flat, Point(2.0, math.nan, 0.0, none), 0.0, 2.0) == 1.0
    assert (
        strong_wolfe(lambda t: Point(t, -t, -1.0, none), Point(0.0, 0.0, -1.0, none), 1.0, 1.0, 0.0, 0)[1]
        == 1
    )
