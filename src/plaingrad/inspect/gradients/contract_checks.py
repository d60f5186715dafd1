"""Checks of the contract of backward, besides the numbers that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.errors import InputError
from plaingrad.inspect.gradients.hints import hint_for_shape
from plaingrad.inspect.gradients.tested import ModuleUnderTest, Tensors, Upstream, as_tuple, doubled, reason
from plaingrad.parameter import shape


class ContractChecks:
    """Runs a module through the situations of its contract, and records violations.

    Args:
        under_test: the module.
        findings: the list to append violations to, a sentence each.
    """

    def __init__(self, under_test: ModuleUnderTest, findings: list[str]) -> None:
        self.under_test = under_test
        self.findings = findings
        self.gradients: dict[str, Tensor] = {}
        self.overwritten: set[str] = set()

    def _note(self, problem: str) -> None:
        self.findings.append(f"{self.under_test.name}: {problem}")

    def forward(self, outputs: Tensors) -> bool:
        """Check that forward is deterministic, leaves its arguments unchanged, and stays finite."""
        under_test = self.under_test
        inputs, before = (
            doubled(under_test.inputs),
            {n: p.value.clone() for n, p in under_test.parameters.items()},
        )
        again = under_test.forward(inputs)
        for x, was, name in zip(inputs, under_test.inputs, under_test.names):
            if not _same(x, was):
                self._note(f"forward changes its {name} in place")
        for name, parameter in under_test.parameters.items():
            if not _same(parameter.value, before[name]):
                self._note(f"forward changes the parameter {name}")
        repeated = len(again) == len(outputs) and all(_close(a, b) for a, b in zip(again, outputs))
        if not self.findings and not repeated:
            self._note("forward is not deterministic: the same input and random seed give another output")
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
        under_test.forward(inputs)
        try:
            returned = under_test.backward(grad_outputs)
        except Exception as error:
            # PyTorch has no other sign of shapes that do not fit than its words.
            batched = "broadcast" in str(error) or "doesn't match" in str(error)
            why = " (not summed over the batch?)" if batched else ""
            self._note(f"backward raised {reason(error)}{why}")
            return None
        for dy, was in zip(grad_outputs, dys):
            if not _same(dy, was):
                self._note("backward changes the upstream gradient in place")
        for x, was, name in zip(inputs, under_test.inputs, under_test.names):
            if not _same(x, was):
                self._note(f"backward changes its {name} in place")
        for name, parameter in under_test.parameters.items():
            if not _same(parameter.value, values[name]):
                self._note(f"backward changes the parameter {name}")
        if under_test.left_over():
            self._note("backward leaves saved state behind: it does not take back all that forward saved")
        grads = self._fitting(returned)
        self.gradients = {name: p.grad.clone() for name, p in under_test.parameters.items()}
        under_test.zero_grad()
        return grads

    def _fitting(self, returned: Any) -> list[Tensor | None] | None:
        """The returned gradients, one for each input tensor, if their number, types and shapes are right."""
        under_test, before = self.under_test, len(self.findings)
        entries = under_test.expect_entries(len(as_tuple(returned)))
        single = len(entries) == 1 and not isinstance(under_test.arguments[entries[0]], Tensor)
        grads = (returned,) if single else as_tuple(returned)
        if len(entries) == len(grads) == 1 and not single and isinstance(returned, tuple):
            self._note("backward returns a tuple of one gradient, expected the gradient itself")
        elif len(grads) != len(entries):
            came = _count(len(grads), "gradient")
            self._note(f"backward returns {came} for {_count(len(entries), 'input')}")
            return None
        by_argument = dict(zip(entries, grads))
        fitted = [
            gradient
            for argument, value in under_test.arguments.items()
            for gradient in self._matched(argument, value, by_argument.get(argument))
        ]
        return fitted if len(self.findings) == before else None

    def _matched(self, name: str, value: Any, grad: Any) -> list[Tensor | None]:
        """The gradient of each tensor of an argument, from the argument's entry; records mismatches."""
        if isinstance(value, Tensor):
            self._expect_gradient(name, value, grad)
            return [grad]
        entries = _entries(value)
        if entries and (grad is None or _has_structure_of(grad, value)):
            each = [None] * len(entries) if grad is None else [dx for _, dx in _entries(grad)]
            matched = [self._matched(f"{name}[{key}]", x, dx) for (key, x), dx in zip(entries, each)]
            return [gradient for gradients in matched for gradient in gradients]
        if entries:
            kind = type(value).__name__
            self._note(f"backward returns {_type_text(grad)} for {name}, expected a {kind} of {len(entries)}")
        elif grad is not None:
            self._note(f"backward returns a gradient for {name}, which has none; expected None")
        return [None for _ in tensors(value)]

    def _expect_gradient(self, name: str, x: Tensor, dx: Any) -> None:
        """Check a gradient's type, shape and dtype."""
        under_test = self.under_test
        if not under_test.differentiable[under_test.names.index(name)]:
            if dx is not None:
                self._note(f"backward returns a gradient for {name}, which has none; expected None")
        elif not isinstance(dx, Tensor):
            self._note(f"backward returns {type(dx).__name__} for {name}, expected a tensor {shape(x)}")
        elif dx.shape != x.shape:
            guess = hint_for_shape(shape(dx), shape(x))
            self._note(
                f"{name}: backward gives a gradient of shape {shape(dx)}, expected {shape(x)}"
                + (f" ({guess})" if guess else "")
            )
        elif dx.dtype != x.dtype:
            self._note(f"{name}: backward gives a gradient of {dx.dtype}, expected {x.dtype}")

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
            if not _close(p.grad, before[name] + self.gradients[name]):
                self.overwritten.add(name)
                self._note(f"{name}: backward does not add to the gradient that is already there")
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
            if not all(_close(torch.zeros_like(b) if a is None else a, b) for a, b in pairs if b is not None):
                self._note(
                    f"where nothing used output {k}, gradients differ from those for zeros in its place"
                )

    def _run(self, dys: Upstream) -> list[Any]:
        """The gradients of inputs and parameters for these upstream gradients."""
        under_test = self.under_test
        try:
            under_test.forward(doubled(under_test.inputs))
            returned = _flat(under_test.backward(doubled(dys)))
            return [*returned, *(p.grad.clone() for p in under_test.parameters.values())]
        finally:
            under_test.zero_grad()

    def stacking(self, dys: Upstream, dxs: Sequence[Tensor | None]) -> None:
        """Check that two forwards are undone by two backwards in reverse order."""
        under_test = self.under_test
        try:
            others, outputs = self._other_inputs()
        except (ValueError, RuntimeError, LookupError):
            return  # the module accepts no other input of this kind
        other_dys = under_test.upstream(outputs, under_test.seed + 2)
        under_test.zero_grad()
        unused = under_test.unused()  # a module that has been called may have kept some of the first inputs
        unused.forward(doubled(others), another=1)
        other_dxs = self._gradients(unused.backward(doubled(other_dys)))
        alone = {name: p.grad.clone() for name, p in unused.parameters.items()}
        under_test.forward(doubled(under_test.inputs))
        under_test.forward(doubled(others), another=1)
        problem = "two forwards, then two backwards in reverse order"
        try:
            second = self._gradients(under_test.backward(doubled(other_dys)))
            first = self._gradients(under_test.backward(doubled(dys)))
        except Exception as error:
            self._note(f"{problem}: raised {reason(error)}")
            return
        finally:
            grads = {name: p.grad.clone() for name, p in under_test.parameters.items()}
            under_test.zero_grad()
        names = [name for name, real in zip(under_test.names, under_test.differentiable) if real]
        alone_dxs = [dx for dx in dxs if dx is not None]
        wrong = [
            f"the gradient of {name}"
            for name, *pairs in zip(names, first, alone_dxs, second, other_dxs)
            if not (_close(pairs[0], pairs[1]) and _close(pairs[2], pairs[3]))
        ]
        wrong += [
            f"the gradient of {name}"
            for name in grads.keys() - self.overwritten
            if not _close(grads[name], self.gradients[name] + alone[name])
        ]
        if wrong:
            differ = "differs from what it is" if len(wrong) == 1 else "differ from what they are"
            self._note(f"{problem}: {_listed(wrong)} {differ} for each alone (stale state?)")

    def _gradients(self, returned: Any) -> list[Tensor]:
        """The gradients in what backward returned, in order."""
        return list(tensors(list(as_tuple(returned))))

    def _other_inputs(self) -> tuple[tuple[Any, ...], Tensors]:
        """Inputs of the same kind with other values, and the outputs for them.

        Elements are shifted by one and scaled down, so that signs and ranges stay acceptable to the module.
        Integers are shifted only if the module accepts that. If it accepts neither, the samples are shifted.
        """

        def moved(x: Tensor) -> Tensor:
            return numbers_moved(x) if x.is_floating_point() else x.roll(1)

        def numbers_moved(x: Tensor) -> Tensor:
            return x.roll(1) * 0.7 if x.is_floating_point() else x

        def samples_moved(x: Tensor) -> Tensor:
            return x.roll(1, 0) if x.ndim else x

        for change in (moved, numbers_moved, samples_moved):
            others = tuple(map(change, self.under_test.inputs))
            try:
                return others, self.under_test.forward(doubled(others), another=1)
            except (ValueError, RuntimeError, LookupError):
                self.under_test.zero_grad()
        raise InputError("no other input of this kind is accepted")


def _entries(nest: Any) -> list[tuple[Any, Any]]:
    """The entries of a collection with their indices or keys; empty for anything else."""
    if isinstance(nest, dict):
        return [(repr(key), entry) for key, entry in nest.items()]
    return list(enumerate(nest)) if isinstance(nest, (tuple, list)) else []


def _flat(nest: Any) -> list[Any]:
    """Everything in a nest, None included, without its structure."""
    return [x for _, entry in _entries(nest) for x in _flat(entry)] if _entries(nest) else [nest]


def _has_structure_of(grad: Any, value: Any) -> bool:
    """True if a gradient is a collection of the same structure as its argument."""
    if isinstance(value, dict):
        return isinstance(grad, dict) and list(grad) == list(value)
    return isinstance(grad, list if isinstance(value, list) else tuple) and len(grad) == len(value)


def _type_text(value: Any) -> str:
    return f"a tensor {shape(value)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _same(a: Any, b: Any) -> bool:
    """Equal bit by bit, NaN included."""
    return not isinstance(a, Tensor) or torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def _close(a: Any, b: Any) -> bool:
    """Equal to rounding."""
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return (a is None) == (b is None)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
