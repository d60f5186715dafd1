from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.edges.differences import DIFFERENCES
from conformance.table import CASES
from effort import draws
from plaingrad import nn
from plaingrad.inspect import check_gradients
from plaingrad.inspect.gradients.finding import Mistake
from plaingrad.inspect.gradients.report import distinct
from plaingrad.module import Module, ModuleError
from plaingrad.parameter import Buffer, Parameter

from .examples import Elementwise, build, examples, finite, modest


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


class Untraceable(Elementwise):
    """One whose forward autograd refuses."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.neg(-super().forward(x), out=torch.empty_like(x))


@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@settings(max_examples=draws(6), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=seeds)
def test_every_row_of_the_table_is_right(case: Case, training: bool, data: st.DataObject, seed: int) -> None:
    arguments, inputs = data.draw(examples(case))
    module = build(case, arguments)
    assume(finite(module, inputs))
    training = training and (case.ours, "constants that move") not in DIFFERENCES
    report = check_gradients(module, *inputs, training=training, seed=seed, **modest(module))
    assert report.ok, str(report)


def test_a_row_for_each_input_and_parameter() -> None:
    report = check_gradients(nn.Linear(3, 2), normal(4, 3))
    assert [(row.name, row.shape, row.checked) for row in report.rows] == [
        ("input", (4, 3), 12),
        ("weight", (2, 3), 6),
        ("bias", (2,), 2),
    ]
    for row in report.rows:
        assert row.index is not None
        assert 0 <= row.differences < 1e-6
        assert row.autograd is not None
        assert row.autograd < 1e-9
        assert row.backward == pytest.approx(row.central, rel=1e-6) == pytest.approx(row.traced, rel=1e-9)


def test_the_caller_keeps_everything_as_it_was() -> None:
    class Everything(Module):
        def __init__(self) -> None:
            self.weight = Parameter(torch.ones(3))
            self.count = Buffer(torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.count.value = self.count.value + 1
            y = x * self.weight.value * torch.rand(3)
            self.save((x, y / self.weight.value), y)
            return y

        def backward(self, dy: Tensor) -> Tensor:
            x, factor = self.restore(dy)
            self.weight.grad += (dy * factor).sum(0)
            return dy * factor / x * self.weight.value

    module, x = Everything().eval(saving=True), torch.randn(4, 3)
    module.weight.grad += 7
    module.forward(x)
    before = copy.deepcopy(vars(module)), x.clone(), torch.get_num_threads()
    assert check_gradients(module, x, training=True, loss=(nn.MSELoss(), torch.randn(4, 3))).rows
    fields, inputs, threads = before
    assert torch.equal(x, inputs)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert (module.training, module.saving, len(module._saved)) == (False, True, 1)
    assert torch.equal(module.weight.value, fields["weight"].value)
    assert torch.equal(module.weight.grad, torch.full((3,), 7.0))
    assert module.weight.value.dtype == torch.float32
    assert not module.weight.value.requires_grad
    assert module.count.value == fields["count"].value


def test_the_random_state_is_put_back() -> None:
    state = torch.get_rng_state()
    check_gradients(nn.Dropout(), normal(4, 3))
    assert torch.equal(torch.get_rng_state(), state)


def test_it_works_without_autograd_and_in_inference_mode() -> None:
    with torch.no_grad():
        assert check_gradients(nn.Linear(3, 2), normal(4, 3)).rows[0].autograd is not None
    with torch.inference_mode():
        assert check_gradients(nn.Linear(3, 2), normal(4, 3)).ok


def test_the_same_seed_gives_the_same_report() -> None:
    module, x = nn.Linear(3, 2), normal(4, 3)
    assert str(check_gradients(module, x, seed=1)) == str(check_gradients(module, x, seed=1))
    assert str(check_gradients(module, x, seed=1)) != str(check_gradients(module, x, seed=2))


def test_mode() -> None:
    module, x = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), normal(4, 3)
    assert check_gradients(module, x).training
    assert not check_gradients(module.eval(), x).training
    assert check_gradients(module, x, training=True).training
    assert not check_gradients(module.train(), x, training=False).training


# Losses


def test_a_loss_has_a_gradient_of_its_prediction_alone() -> None:
    report = check_gradients(nn.MSELoss(), normal(4, 3), normal(4, 3) + 1)
    assert report.ok
    assert [row.name for row in report.rows] == ["prediction"]


def test_a_module_together_with_a_loss() -> None:
    model, x = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)), normal(6, 3)
    report = check_gradients(model, x, loss=(nn.CrossEntropyLoss(), torch.arange(6) % 4))
    assert report.ok
    assert report.module == "Sequential(Linear, Tanh, Linear) under CrossEntropyLoss()"

    class Doubled(nn.MSELoss):
        def backward(self, dloss: Tensor | None = None) -> Tensor:
            return 2 * super().backward(dloss)

    problems = check_gradients(model, x, loss=(Doubled(), normal(6, 4))).problems
    assert len(problems) == 5
    assert all("(a factor of 2)" in problem for problem in problems)


def test_a_loss_whose_backward_takes_nothing() -> None:
    class Squared(Module):
        def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
            self.save(prediction - target)
            return (prediction - target).square().sum()

        def backward(self) -> Tensor:
            return 2 * self.restore()

    assert check_gradients(Squared(), normal(4, 3), 2 * normal(4, 3)).ok
    assert check_gradients(nn.Linear(3, 2), normal(4, 3), loss=(Squared(), normal(4, 2))).ok


# Several inputs and outputs, integers, large tensors


class Gather(Module):
    """Rows of a table times a factor, and their sum."""

    def forward(self, x: Tensor, rows: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        y, total = x[rows] * factor, x.sum()
        self.save((x, rows, factor), (y, total))
        return y, total

    def backward(self, dy: Tensor | None, dtotal: Tensor | None) -> Any:
        x, rows, factor = self.restore(dy, dtotal)
        dy = torch.zeros_like(x[rows]) if dy is None else dy
        dx = torch.zeros_like(x).index_add(0, rows, dy * factor)
        return dx if dtotal is None else dx + dtotal, None, (dy * x[rows]).sum()


def test_several_inputs_and_outputs() -> None:
    report = check_gradients(Gather(), normal(4, 3), torch.tensor([0, 2, 2]), torch.tensor(1.5))
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == ["input 0", "input 2"]


def test_a_large_tensor_is_sampled_and_the_report_says_so() -> None:
    module, x = nn.Linear(30, 20), normal(4, 30)
    report = check_gradients(module, x, max_elements=25, directions=3)
    assert report.ok
    assert [(row.checked, row.directions) for row in report.rows] == [(25, 3), (25, 3), (20, 0)]
    note = next(note for note in report.notes if note.startswith("weight"))
    assert "25 of 600 elements, drawn at random, and 3 random directions" in note


def test_directions_find_what_the_sample_missed() -> None:
    def last_wrong(x: Tensor) -> Tensor:
        return 1 + torch.zeros_like(x).index_fill(1, torch.tensor(29), 1.0)

    report = check_gradients(Untraceable(lambda x: 1 * x, last_wrong), normal(4, 30), max_elements=2)
    assert any("input along a random direction: backward gives" in problem for problem in report.problems)


# What autograd cannot do


def test_a_forward_that_autograd_cannot_follow_is_checked_by_differences() -> None:
    report = check_gradients(Untraceable(torch.exp, torch.exp), normal(3))
    assert report.ok
    assert report.rows[0].autograd is None
    assert "autograd cannot follow the forward" in report.notes[0]
    report = check_gradients(Untraceable(torch.exp, lambda x: -x.exp()), normal(3))
    assert "(the sign is turned)" in report.problems[0]


def test_an_autograd_that_is_cut_off_does_not_outvote_the_differences() -> None:
    report = check_gradients(Elementwise(lambda x: x * x.detach(), lambda x: 2 * x), normal(3))
    assert report.ok, str(report)
    assert "does the forward detach something?" in report.notes[0]


def test_an_autograd_that_is_lost_in_infinities_does_not_outvote_the_differences() -> None:
    def off(x: Tensor) -> Tensor:
        never = x[..., :2] * 0 - math.inf
        return torch.cat([x.logsumexp(-1, keepdim=True), never.logsumexp(-1, keepdim=True).exp()], -1).sum(-1)

    class Chosen(Elementwise):
        def backward(self, dy: Tensor) -> Tensor:
            return dy.unsqueeze(-1) * self.restore(dy).softmax(-1)

    report = check_gradients(Chosen(off, None), normal(3, 4))
    assert report.ok, str(report)
    assert "does the forward detach something?" in report.notes[0]


def test_a_mistake_too_small_for_differences_is_seen_by_autograd() -> None:
    report = check_gradients(Elementwise(torch.exp, lambda x: x.exp() * (1 + 1e-7)), normal(3))
    assert not report.ok
    assert "autograd" in report.problems[0]


# What cannot be checked


def test_what_is_no_module() -> None:
    with pytest.raises(ValueError, match="expected a plaingrad Module, got Linear"):
        check_gradients(torch.nn.Linear(3, 2), normal(4, 3))  # type: ignore[arg-type]


def test_an_input_that_the_module_refuses() -> None:
    with pytest.raises(ModuleError, match=r"Linear\(3, 2\): expected input \(\*, 3\)"):
        check_gradients(nn.Linear(3, 2), normal(4, 5))


def test_a_forward_that_raises_or_returns_no_tensor() -> None:
    broken = Elementwise(lambda x: x @ x, None)
    with pytest.raises(ValueError, match=r"forward of input \(4, 3\) raised RuntimeError: "):
        check_gradients(broken, normal(4, 3))
    with pytest.raises(ValueError, match=r"forward of no inputs raised TypeError: "):
        check_gradients(nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"forward of input \(\(4, 3\), \(2,\)\) raised TypeError: "):
        check_gradients(broken, (normal(4, 3), normal(2)))
    broken.save = lambda *_: None  # type: ignore[method-assign]
    broken.function = lambda x: "y"
    with pytest.raises(ValueError, match="returned str, expected tensors"):
        check_gradients(broken, normal(4, 3))


def test_a_loss_without_its_target() -> None:
    with pytest.raises(ValueError, match=r"expected loss as a pair \(loss, target\), got MSELoss\(\)"):
        check_gradients(nn.Linear(3, 2), normal(4, 3), loss=nn.MSELoss())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("factor", "kind", "words"),
    [
        (-1, "wrong-sign", "the sign is turned"),
        (1 / 3, "wrong-factor", "a factor of 1/3"),
        (0.7, "wrong-factor", "a factor of 0.7"),
    ],
)
def test_a_factor_is_named(factor: float, kind: str, words: str) -> None:
    report = check_gradients(Elementwise(torch.exp, lambda x: factor * x.exp()), normal(4, 5))
    assert report.findings[0].mistakes[0] == Mistake(kind, "input", words)


class Scaled(Module):
    """A learned scale that starts at 1, whose backward forgets it."""

    def __init__(self) -> None:
        self.scale = Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.scale.value
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.scale.grad += (dy * self.restore(dy)).sum(0)
        return dy


def test_a_factor_that_starts_at_one_is_missed() -> None:
    module = Scaled()
    report = check_gradients(module, normal(4, 3))
    assert not report
    assert report.findings[0].mistakes[0].kind in {"missing-factor", "passes-upstream"}
    assert torch.equal(module.scale.value, torch.ones(3))


def test_a_report_is_true_if_every_gradient_is_right() -> None:
    assert check_gradients(nn.Linear(3, 2), normal(4, 3))


def test_a_factor_near_one_has_no_name() -> None:
    (finding,) = check_gradients(
        Elementwise(torch.exp, lambda x: x.exp() * (1 + 1e-9)), normal(4, 5)
    ).findings
    assert finding.mistakes == []


def test_numbers_that_differ_look_different() -> None:
    assert distinct(1.0, 2.0) == ("1", "2")
    assert distinct(1.0000001, 1.0) == ("1.0000001", "1")


def test_a_loss_may_have_names_of_its_own_for_its_arguments() -> None:
    class Squares(nn.Loss):
        factor = 2

        def forward(self, p: Tensor, t: Tensor) -> Tensor:
            loss = (p - t).square().sum()
            self.save(p - t, loss)
            return loss

        def backward(self, dloss: Tensor | None = None) -> Tensor:
            difference: Tensor = self.restore(dloss)
            return self.factor * difference * (1 if dloss is None else dloss)

    class Doubled(Squares):
        factor = 4

    x, t = torch.randn(3, 2), torch.randn(3, 2)
    assert check_gradients(Squares(), x, t).ok
    assert check_gradients(Doubled(), x, t).findings[0].mistakes[0].kind == "wrong-factor"
