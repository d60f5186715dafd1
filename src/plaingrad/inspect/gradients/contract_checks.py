"""Checks of the contract of backward, besides the numbers that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.entries import Entries
from plaingrad.inspect.gradients.finding import GradientFinding, Mistake
from plaingrad.inspect.gradients.naming import Namer, runs
from plaingrad.inspect.gradients.naming.calls import Watch
from plaingrad.inspect.gradients.nests import close, flat, same
from plaingrad.inspect.gradients.stacking import Stacking
from plaingrad.inspect.gradients.tested import ModuleUnderTest, Tensors, Upstream, doubled, reason


class ContractChecks:
    """Runs a module through the situations of its contract, and records violations.

    Args:
        under_test: the module.
        findings: the list to append violations to.

    Attributes:
        breaks: the mistakes after which numbers say nothing more.
    """

    def __init__(self, under_test: ModuleUnderTest, findings: list[GradientFinding]) -> None:
        self.under_test = under_test
        self.findings = findings
        self.gradients: dict[str, Tensor] = {}
        self.overwritten: set[str] = set()
        self.breaks: list[Mistake] = []
        self._namer: Namer | None = None

    def namer(self, dys: Upstream) -> Namer:
        """The namer of mistakes for these upstream gradients, one for the whole check."""
        if self._namer is None:
            self._namer = Namer(self.under_test, dys)
        return self._namer

    def _note(self, problem: str, *mistakes: Mistake, name: str = "") -> None:
        self.findings.append(
            GradientFinding(name, f"{self.under_test.name}: {problem}", mistakes=list(mistakes))
        )

    def _changed(self, method: str, what: str, hint: str) -> None:
        mistake = Mistake("mutates", method, f"{method} changes {what} in place; {hint}")
        self._note(f"{method} changes {what}{'' if 'parameter' in what else ' in place'}", mistake)
        self.breaks.append(mistake)

    def forward(self, outputs: Tensors) -> bool:
        """Check that forward is deterministic, leaves its arguments unchanged, and stays finite."""
        under_test = self.under_test
        inputs, before = (
            doubled(under_test.inputs),
            {n: p.value.clone() for n, p in under_test.parameters.items()},
        )
        again = under_test.forward(inputs)
        for x, was, name in zip(inputs, under_test.inputs, under_test.names):
            if not same(x, was):
                self._changed("forward", f"its {name}", "write the result into a new tensor")
        for name, parameter in under_test.parameters.items():
            if not same(parameter.value, before[name]):
                self._changed("forward", f"the parameter {name}", "write the result into a new tensor")
        repeated = len(again) == len(outputs) and all(close(a, b) for a, b in zip(again, outputs))
        if not self.findings and not repeated:
            words = "forward differs from call to call: seed what it draws, or pass generator=self.generator"
            mistake = Mistake("random-forward", "forward", words)
            problem = "forward is not deterministic: the same input and random seed give another output"
            self._note(problem, mistake)
        for k, y in enumerate(outputs):
            if not bool(torch.isfinite(y).all()):
                at = (~torch.isfinite(y)).nonzero()[0].tolist()
                self._note(f"output {k} is not finite: {y[tuple(at)].item()} at {at}")
        under_test.zero_grad()
        return not self.findings

    def backward(self, dys: Upstream) -> list[Tensor | None] | None:
        """The gradients that backward returns, one for each input; None if they cannot be compared."""
        under_test = self.under_test
        inputs, grad_outputs = doubled(under_test.inputs), doubled(dys)
        values = {n: p.value.clone() for n, p in under_test.parameters.items()}
        outputs = under_test.forward(inputs)
        before = [y.clone() for y in outputs]
        random_state = torch.default_generator.get_state()
        watch = Watch()
        try:
            with watch:
                returned = under_test.backward(grad_outputs)
        except Exception as error:
            self._restored(values)
            mistakes = self.namer(dys).of_error(error)
            self._note(f"backward raised {reason(error)}", *mistakes)
            return None
        self._draws = not torch.equal(torch.default_generator.get_state(), random_state)
        if asks := watch.asks_autograd:
            words = f"backward asks PyTorch's autograd ({asks}) instead of computing the derivative itself"
            self._note("backward uses autograd", Mistake("uses-autograd", "backward", words))
        own = "work on a copy, or write the result into a new tensor"
        for dy, was in zip(grad_outputs, dys):
            if not same(dy, was):
                self._changed("backward", "the upstream gradient", own)
        for y, was in zip(outputs, before):
            if not same(y, was):
                self._changed("backward", "the output that forward returned", own)
        for x, was, name in zip(inputs, under_test.inputs, under_test.names):
            if not same(x, was):
                self._changed("backward", f"its {name}", own)
        for name, parameter in under_test.parameters.items():
            if not same(parameter.value, values[name]):
                self._changed("backward", f"the parameter {name}", "only an optimizer updates parameters")
        self._restored(values)
        if under_test.left_over():
            words = "backward does not call self.restore: the next backward will get this state"
            mistake = Mistake("stale-state", "backward", words)
            problem = "backward leaves saved state behind: it does not take back all that forward saved"
            self._note(problem, mistake)
        self.gradients = {name: p.grad.clone() for name, p in under_test.parameters.items()}
        under_test.zero_grad()
        return Entries(under_test, self._note, self.namer(dys)).fitting(returned)

    def _restored(self, values: dict[str, Tensor]) -> None:
        """Put the parameters back, should backward have changed them."""
        for name, parameter in self.under_test.parameters.items():
            if not same(parameter.value, values[name]):
                parameter.bind(values[name].clone(), parameter.grad)

    def contract(self, dys: Upstream, dxs: Sequence[Tensor | None]) -> None:
        """Run all checks that need a backward whose gradients fit."""
        self.repeated(dys, dxs)
        if not self.breaks:
            self.accumulation(dys)
            self.unused_outputs(dys)
            self.stacking(dys, dxs)

    def endless(self, seconds: float) -> None:
        """Record that a forward or a backward did not end."""
        words = f"still running after {seconds:.0f} seconds; look at the conditions of its loops"
        self._note("forward or backward does not end in time", Mistake("endless", "backward", words))

    def repeated(self, dys: Upstream, dxs: Sequence[Tensor | None]) -> None:
        """Check that a backward that draws random numbers gives the same when it draws others."""
        if not self._draws:
            return
        under_test = self.under_test
        again = runs.gradients(under_test, dys, seed=under_test.seed + 3)
        before = {**dict(zip(under_test.names, dxs)), **self.gradients}
        for name, gradient in before.items():
            if gradient is not None and name in again and not close(gradient, again[name]):
                words = "backward draws random numbers of its own; save those of forward, and restore them"
                mistake = Mistake("redrawn", "backward", words)
                self._note("backward gives other gradients when it draws other random numbers", mistake)
                self.breaks.append(mistake)
                return

    def accumulation(self, dys: Upstream) -> None:
        """Check that backward adds to existing gradients."""
        under_test, before = self.under_test, {}
        if not under_test.parameters:
            return
        generator = torch.Generator().manual_seed(under_test.seed)
        for name, p in under_test.parameters.items():
            p.grad.copy_(torch.randn(p.grad.shape, generator=generator, dtype=p.grad.dtype))
            before[name] = p.grad.clone()
        under_test.forward(doubled(under_test.inputs))
        under_test.backward(doubled(dys))
        for name, p in under_test.parameters.items():
            if not close(p.grad, before[name] + self.gradients[name]):
                self.overwritten.add(name)
                words = f"the gradient of {name} is assigned; add to it: {name}.grad += ..."
                problem = f"{name}: backward does not add to the gradient that is already there"
                self._note(problem, Mistake("overwrites", name, words), name=name)
        under_test.zero_grad()

    def unused_outputs(self, dys: Upstream) -> None:
        """Check that an output without a gradient equals one whose gradient is zero."""
        used = [k for k, dy in enumerate(dys) if dy is not None]
        if len(used) < 2:
            return  # without its only gradient, backward is not called
        for k in used:
            zeros, none = list(dys), list(dys)
            zeros[k], none[k] = torch.zeros_like(dys[k]), None  # type: ignore[arg-type]
            try:
                pairs = zip(self._run(tuple(none)), self._run(tuple(zeros)))
            except Exception as error:
                self._note(f"where nothing used output {k}, its gradient is None: raised {reason(error)}")
                return
            if not all(close(torch.zeros_like(b) if a is None else a, b) for a, b in pairs if b is not None):
                self._note(
                    f"where nothing used output {k}, gradients differ from those for zeros in its place"
                )

    def _run(self, dys: Upstream) -> list[Any]:
        """The gradients of inputs and parameters for these upstream gradients."""
        under_test = self.under_test
        try:
            under_test.forward(doubled(under_test.inputs))
            returned = flat(under_test.backward(doubled(dys)))
            return [*returned, *(p.grad.clone() for p in under_test.parameters.values())]
        finally:
            under_test.zero_grad()

    def stacking(self, dys: Upstream, dxs: Sequence[Tensor | None]) -> None:
        """Check that two forwards are undone by two backwards in reverse order."""
        problem = Stacking(self.under_test, self.gradients, self.overwritten).problem(dys, dxs)
        if problem:
            words = "the state of another forward is used: keep it with self.save, not in a field"
            self._note(problem, Mistake("stale-state", "backward", words))
