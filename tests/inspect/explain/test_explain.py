"""Explanations: what can be asked for, and how it is written."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from plaingrad import nn, optim
from plaingrad.errors import InputError
from plaingrad.inspect import Trace, explain, record
from plaingrad.inspect.explain.expression import Power, Sum, Symbol, number
from plaingrad.inspect.explain.text import text

from ..record.networks import NETWORKS


def trace(model: nn.Sequential, *sizes: int) -> Trace:
    x = torch.randn(*sizes)
    return record(model, x, torch.zeros(len(x), 3), loss=nn.MSELoss())


def test_the_numbers_stand_in_the_equation() -> None:
    model = nn.Sequential(nn.Linear(2, 3))
    model[0].weight.value.copy_(torch.tensor([[1.0, -2.0], [3.0, 4.0], [0.25, 0.0]]))
    model[0].bias.value.copy_(torch.tensor([0.5, 0.0, 1.0]))
    step = record(model, torch.tensor([[3.0, 2.0]]), torch.zeros(1, 3), loss=nn.MSELoss())
    explanation = explain(step, "0", unit=0)
    assert "  y₁ = w₁₁ x₁ + w₁₂ x₂ + b₁ = 1 · 3 + (-2) · 2 + 0.5 = -0.5" in str(explanation).splitlines()
    assert r"y_1 = w_{11}\, x_1 + w_{12}\, x_2 + b_1 = 1 \cdot 3" in explanation.to_latex()
    assert explanation._repr_html_() == explanation.to_html()
    assert repr(explanation) == "Explanation(0 Linear(2, 3), sample 0)"


def test_weights_that_are_not_there_are_left_out() -> None:
    x, t = torch.tensor([[3.0], [-2.0]]), torch.ones(2, 1)
    step = record(nn.Identity(), x, t, loss=nn.BCEWithLogitsLoss())
    written = str(explain(step, "loss"))
    assert "= 1 · softplus(-3) + (1 - 1) · softplus(3)" in written
    assert "= 1/2 · (σ(3) - 1)" in written
    weighted = record(nn.Identity(), x, t, loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor([5.0])))
    assert "= 5 · 1 · softplus(-3)" in str(explain(weighted, "loss"))


def test_long_sums_are_shortened_in_the_middle() -> None:
    terms = [Symbol(f"x_{i}", i) for i in range(1, 9)]
    assert Sum(terms).latex(True) == "1 + 2 + 3 + 4 + 5 + 6 + 7 + 8"
    longer = Sum([*terms, Symbol("x_9", 9)])
    assert longer.latex(False) == r"x_1 + x_2 + x_3 + \dots + x_7 + x_8 + x_9"
    assert longer.value == 45


def test_the_logarithm_and_the_softmax_cancel() -> None:
    model = nn.Sequential(nn.Linear(2, 3))
    step = record(model, torch.randn(4, 2), torch.tensor([0, 2, 1, 1]), loss=nn.CrossEntropyLoss())
    whole, short = explain(step, "loss", sample=1, unit=2).sections[-2:]
    assert (whole.title, short.title) == ("backward: by the chain rule", "backward: what is left")
    assert whole.lines[-1].formula.value == pytest.approx(short.lines[0].formula.value)
    assert text(short.lines[0].formula.latex(False)) == "1/n (p₃⁽²⁾ - 1)"


def test_a_class_with_a_forward_of_its_own_is_not_explained_by_its_base() -> None:
    class Twice(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    class Same(nn.Linear):
        pass

    notes = [explain(trace(nn.Sequential(kind(2, 3)), 4, 2), "0").sections[0].note for kind in (Twice, Same)]
    assert notes == ["Its numbers are not written out term by term; the record has all of them.", ""]


@pytest.mark.parametrize("clip_norm", [None, 0.01])
def test_the_update_of_a_shared_module_is_that_of_the_sum_over_its_calls(clip_norm: float | None) -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    optimizer.clip_norm = clip_norm
    step = record(model, torch.randn(4, 3), torch.zeros(4, 3), loss=nn.MSELoss(), optimizer=optimizer)
    (weight, _) = explain(step, "0").sections[-2:]
    assert weight.note.startswith(
        "The update is that of the sum of what its calls at '0', '2' add to the gradient."
    )
    total, update = weight.lines[0], weight.lines[-1]
    assert total.formula.latex(False) == "g_1 + g_2"
    parts = [step[path].gradients["weight"][0, 0].item() for path in ("0", "2")]
    assert total.formula.value == pytest.approx(sum(parts))
    assert (total.name, total.ran is None) == ((r"\bar g", True) if clip_norm else ("g", False))
    assert update.formula.value == pytest.approx(update.ran)


def test_calls_of_one_shared_layer_are_told_apart_by_their_use() -> None:
    model, x, target, loss = NETWORKS["composite"]()
    step = record(model, x, target, loss=loss, optimizer=optim.SGD(model.parameters(), lr=0.1))
    assert (
        "its calls at 'layer' (use 0), 'layer' (use 1) add" in explain(step, "layer", use=1).sections[-1].note
    )


def test_a_container_names_what_is_inside() -> None:
    (section,) = explain(trace(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), 4, 2), "").sections
    assert section.note == "It hands its numbers to the modules inside it: explain '0', '1'."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "1"}, "path: expected one of '', '0', 'loss', got '1'"),
        ({"path": "0", "sample": 4}, "sample: expected 0 to 3, got 4"),
        ({"path": "0", "sample": -1}, "sample: expected 0 to 3, got -1"),
        ({"path": "0", "sample": "a"}, "sample: expected 0 to 3, got 'a'"),
        ({"path": "0", "unit": 0.5}, "unit: expected a single number, 0 to 2, beside the sample, got 0.5"),
        ({"path": "0", "unit": 3}, "unit: expected a single number, 0 to 2, beside the sample, got 3"),
        ({"path": "0", "unit": (0, 0)}, r"unit: expected .*, got \(0, 0\)"),
        ({"path": "0", "use": 1}, "use: expected 0 to 0 for '0', got 1"),
    ],
)
def test_what_is_not_there_is_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain(trace(nn.Sequential(nn.Linear(2, 3)), 4, 2), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [math.nan, math.inf, 1e30, 0.0])
def test_a_network_gone_astray_is_explained_too(scale: float) -> None:
    layers = [
        nn.Linear(2, 3),
        nn.BatchNorm1d(3),
        nn.GELU(),
        nn.LayerNorm(3),
        nn.Softmax(1),
        nn.Mish(),
        nn.ELU(),
    ]
    layers[0].weight.value.mul_(scale)
    step = trace(nn.Sequential(*layers), 4, 2)
    for call in step:
        assert str(explain(step, call.path))


def test_numbers_are_short() -> None:
    numbers = [0.0, -0.0, 12, 1234567, 0.123456, 1e-9, math.inf, -math.inf]
    expected = ["0", "0", "12", "1.235 · 10⁶", "0.1235", "1 · 10⁻⁹", "∞", "-∞"]
    assert [text(number(value)) for value in numbers] == expected
    assert Power(Symbol("x", 1e200), 2).value == math.inf


def test_equations_as_text() -> None:
    assert (
        text(r"m = \begin{cases} 0 & x > 0 \\ a & \text{otherwise} \end{cases}")
        == "m = {0 x > 0; a otherwise}"
    )
    assert text(r"\frac{\partial \ell}{\partial x} \mathrel{+}= \theta - \hat x") == "∂ℓ/∂x += θ - x̂"
    assert text(r"k = \operatorname*{arg\,max}_{k} x_k^2") == "k = arg maxₖ xₖ²"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_call_of_every_network_is_explained_or_has_a_word(name: str) -> None:
    model, x, target, loss = NETWORKS[name]()
    step = record(model, x, target, loss=loss, optimizer=optim.Adam(model.parameters()))
    for path in {call.path for call in step}:
        for use in range(sum(call.path == path for call in step)):
            explanation = explain(step, path, use=use)
            assert all(section.lines or section.note for section in explanation.sections)
            assert explanation.to_html()


def test_the_update_of_an_embedding_is_that_of_the_number_looked_up() -> None:
    model = nn.Sequential(nn.Embedding(5, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = record(model, torch.tensor([[1, 2]]), torch.zeros(1, 2, 3), loss=nn.MSELoss(), optimizer=optimizer)
    update = explain(step, "0", unit=(1, 2)).sections[-1]
    assert update.title == "update: weight[2, 2]"
    assert update.lines[-1].formula.value == pytest.approx(step.calls[1].updated["weight"][2, 2].item())
