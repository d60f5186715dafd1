"""Every number of an explanation is the one that the module computed."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest
import torch

from effort import draws
from plaingrad import nn, optim
from plaingrad.inspect import Explanation, Trace, explain, record
from plaingrad.inspect.record.equations import equations
from plaingrad.module import Module

from .examples import EXAMPLES, traced

LAYERS = [kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, Module)]
MOST = draws(6)  # units of a sample that are looked at


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Compute in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def explanations(trace: Trace, kind: type[Module]) -> Iterator[Explanation]:
    """Of every call of the class, for the units of two samples."""
    for call in trace:
        if type(call.module) is not kind:
            continue
        y = call.outputs[0] if isinstance(call.outputs, tuple) else call.outputs
        y = call.inputs[0] if y.ndim == 0 else y
        axis = 1 if y.ndim == 3 and getattr(call.module, "batch_first", True) is False else 0
        sizes = [n for i, n in enumerate(y.shape) if i != axis]
        units = list(itertools.product(*map(range, sizes)))
        for sample in range(min(2, y.shape[axis])):
            for unit in units[:: -(-len(units) // MOST)]:
                yield explain(trace, call.path, sample, unit, call.use)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_every_number_is_what_ran(kind: type[Module]) -> None:
    held = {"forward": 0, "backward": 0}
    for setting in EXAMPLES[kind]:
        seen = 0
        for explanation in explanations(traced(setting()), kind):
            seen += 1
            for section in explanation.sections:
                for line in section.lines:
                    if line.ran is not None:
                        held[section.title.split(":")[0]] += 1
                        assert line.formula.value == pytest.approx(line.ran, rel=1e-10, abs=1e-10), (
                            line.latex()
                        )
            expect_readable(explanation)
        assert seen
    assert held["forward"]
    assert held["backward"]


def expect_readable(explanation: Explanation) -> None:
    """Text and HTML are without LaTeX, LaTeX is balanced."""
    written = str(explanation)
    assert "\\" not in written
    assert "_{" not in written
    assert "^{" not in written
    page = explanation.to_html()
    tree = ElementTree.fromstring(f"<body>{page}</body>")
    assert "\\" not in "".join(tree.find("div").itertext())  # type: ignore[union-attr]
    latex = explanation.to_latex()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_every_equation_is_readable(kind: type[Module]) -> None:
    expect_readable(Explanation(kind.__name__, equations(kind), []))


RULES = {
    "SGD": lambda parameters: optim.SGD(parameters, lr=0.1),
    "SGD with all": lambda parameters: optim.SGD(parameters, 0.1, 0.9, dampening=0.1, weight_decay=0.1),
    "Nesterov": lambda parameters: optim.SGD(parameters, 0.1, 0.9, nesterov=True),
    "Adam": lambda parameters: optim.Adam(parameters, 0.1, weight_decay=0.1, amsgrad=True, clip_norm=0.1),
    "Adam as Keras has it": lambda parameters: optim.Adam(parameters, 0.1, epsilon_hat=True),
    "AdamW": lambda parameters: optim.AdamW(parameters, 0.1),
    "RMSprop": lambda parameters: optim.RMSprop(parameters, 0.1),
    "RMSprop with all": lambda parameters: optim.RMSprop(parameters, 0.1, momentum=0.5, centered=True),
    "Adagrad": lambda parameters: optim.Adagrad(parameters, 0.1, lr_decay=0.1, initial_accumulator_value=1),
}


@pytest.mark.parametrize("rule", RULES)
def test_updates_are_what_ran_from_the_first_step_on(rule: str) -> None:
    model, x, target = nn.Sequential(nn.Linear(3, 2)), torch.randn(4, 3), torch.randn(4, 2)
    optimizer, loss = RULES[rule](model.parameters()), nn.MSELoss()
    for _ in range(3):
        explanation = explain(record(model, x, target, loss=loss, optimizer=optimizer), "0", unit=1)
        updates = [section for section in explanation.sections if section.title.startswith("update")]
        assert [section.title for section in updates] == ["update: weight[1, 0]", "update: bias[1]"]
        for section in updates:
            last = section.lines[-1]
            assert last.formula.value == pytest.approx(last.ran, rel=1e-10)
            assert "nan" not in str(explanation).lower()
        expect_readable(explanation)
        optimizer.zero_grad()
        loss.forward(model.forward(x), target)
        model.backward(loss.backward())
        optimizer.step()


def test_other_rules_are_not_written_out() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    step = {"loss": nn.MSELoss(), "optimizer": optim.Adafactor(model.parameters())}
    explanation = explain(record(model, torch.randn(4, 3), torch.randn(4, 2), **step), "0")
    note = "The rule of Adafactor is not written out. The record has the numbers before and after it."
    assert [section.note for section in explanation.sections[-2:]] == [note, note]
