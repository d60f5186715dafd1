"""The gradient checker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.autograd import autograd
from plaingrad.inspect.gradients.comparison import Comparison, Limits
from plaingrad.inspect.gradients.contract_checks import ContractChecks
from plaingrad.inspect.gradients.differences import Differences
from plaingrad.inspect.gradients.endless import Overtime, limited
from plaingrad.inspect.gradients.finding import GradientFinding, Mistake, finite
from plaingrad.inspect.gradients.isolation import isolated
from plaingrad.inspect.gradients.naming import SECONDS, Namer
from plaingrad.inspect.gradients.report import GradientReport, Row, index_text
from plaingrad.inspect.gradients.tested import ModuleUnderTest, Upstream, device_of, first_forward
from plaingrad.module import Module, ModuleError


def check_gradients(
    module: Module,
    *inputs: Any,
    options: Mapping[str, Any] | None = None,
    loss: tuple[Any, ...] | None = None,
    training: bool | None = None,
    seed: int = 0,
    eps: float = 1e-5,
    tolerance: float = 1e-6,
    autograd_tolerance: float = 1e-9,
    max_elements: int = 200,
    directions: int = 8,
    time_limit: float = 5.0,
) -> GradientReport:
    """Compare a hand-written backward with central differences and with PyTorch's autograd.

    It works on a copy in double precision: the module, its gradients, saved state, buffers and mode, and the
    global random state stay as they are. The upstream gradients are random. Points where no derivative
    exists, such as a ReLU at 0, are recognised by the slopes on their two sides and do not count as errors.
    Parameters whose elements are all the same, as scales of ones and biases of zeros are at the start, are
    moved a little in the copy: there a factor that is left out would not show.

    Besides the numbers it checks the contract: gradients must accumulate, two forwards must be undone by two
    backwards in reverse order, arguments must not change, and backward must return as many gradients of the
    right shapes as there were inputs.

    Args:
        module: a layer, a network, or a loss, whose inputs are its prediction and its target.
        inputs: the arguments of its forward: tensors, nests of them, or anything else. Floating-point tensors
            have gradients, or those among them that the class names as ``differentiable``.
        options: keywords for its forward.
        loss: a loss and its target, ``(nn.MSELoss(), target)``, to check the module together with it.
        training: True or False for training or evaluation mode; None for the mode the module is in.
        seed: the seed of the upstream gradients, of dropout and of sampled elements.
        eps: the step of the differences, relative to the element where that is larger than 1.
        tolerance: the relative error allowed against central differences.
        autograd_tolerance: the relative error allowed against autograd.
        max_elements: in larger tensors only this many random elements are compared with differences,
            and random directions besides. Autograd is compared everywhere.
        directions: the number of these directions.
        time_limit: the seconds that a forward or a backward may take at least, before it counts as endless. A
            thread of this process watches them, since a module need not be of a kind that can be sent to
            another one: a single call into C that does not return holds it up. ``plaingrad check`` runs in a
            process of its own, which is ended whatever it does.

    Returns:
        A `GradientReport`: ``report.ok``, ``report.problems``, ``print(report)``.

    Raises:
        ValueError: the module is no `Module`, or its forward cannot use the inputs.
    """
    with isolated(device_of([*inputs, *(options or {}).values()])):
        under_test = ModuleUnderTest(module, inputs, options or {}, loss, training, seed)
        report = GradientReport(under_test.name, under_test.module.training, seed)
        started = time.monotonic()
        checks = ContractChecks(under_test, report.findings)
        try:
            with limited(time_limit):
                outputs = first_forward(under_test)
            if not checks.forward(outputs):
                return report
            seconds = max(time_limit, 100 * (time.monotonic() - started))
            dys = under_test.upstream(outputs, seed + 1)
            with limited(seconds):
                dxs = checks.backward(dys)
                if dxs is None:
                    return report
                checks.contract(dys, dxs)
        except Overtime:
            checks.endless(time.monotonic() - started)
            return report
        limits = Limits(tolerance, autograd_tolerance, max_elements, directions)
        rows = _rows(under_test, checks, dxs, dys, eps, limits, report)
        report.rows += rows
        report.findings.sort(key=lambda finding: any(m.kind == "stale-state" for m in finding.mistakes))
    return report


def _rows(
    under_test: ModuleUnderTest,
    checks: ContractChecks,
    dxs: list[Tensor | None],
    dys: Upstream,
    eps: float,
    limits: Limits,
    report: GradientReport,
) -> list[Row]:
    notes, namer = report.notes, checks.namer(dys)
    names = [*under_test.names, *under_test.parameters]
    tensors = [*under_test.inputs, *(p.value for p in under_test.parameters.values())]
    grads = [*dxs, *checks.gradients.values()]
    checked = [(n, x, g) for n, x, g in zip(names, tensors, grads) if g is not None]

    def traced(upstream: Upstream) -> list[Tensor] | None:
        try:
            return autograd(under_test, upstream)
        except (RuntimeError, ModuleError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            notes.append(f"autograd cannot follow the forward, so only differences were taken: {reason}")
            return None

    references = traced(dys)
    differences = Differences(under_test.forward, dys, eps, limits.differences)
    generator = torch.Generator().manual_seed(under_test.seed)
    rows = []
    for k, (name, x, ours) in enumerate(checked):
        if not bool(torch.isfinite(ours).all()):
            at = tuple((~torch.isfinite(ours)).nonzero()[0].tolist())
            value = float(ours[at])
            rows.append(Row(name, tuple(x.shape), ok=False, index=at, backward=value))
            problem = f"{under_test.name} {name}{index_text(at)}: backward gives {value}"
            report.findings.append(
                GradientFinding(name, problem, at, value, None, [_not_finite(name, value)])
            )
            continue
        reference = None if references is None else references[k]
        comparison = Comparison(under_test.name, name, x, ours, reference, differences, limits, generator)
        row = comparison.run()
        if comparison.misled:
            notes.append(
                f"{name}: autograd through the forward disagrees with differences, which the backward "
                "equals; does the forward detach something?"
            )
        if not row.ok:
            finding = GradientFinding(
                name, comparison.problem, row.index, finite(row.backward), comparison.expected
            )
            finding.mistakes = checks.breaks or _mistakes(name, ours, reference, comparison, namer)
            report.findings.append(finding)
        if row.ok and x.numel() and not bool(ours.any()):
            notes.append(f"{name}: the gradient is zero everywhere, where many mistakes do not show")
        if row.checked < x.numel():
            notes.append(
                f"{name}: {row.checked} of {x.numel()} elements, drawn at random, and {row.directions} "
                "random directions were compared with differences"
            )
        rows.append(row)
        under_test.zero_grad()
    return rows


def _mistakes(
    name: str, ours: Tensor, reference: Tensor | None, comparison: Comparison, namer: Namer
) -> list[Mistake]:
    """The mistakes behind a gradient, from autograd, or from differences where that is no reference."""
    if reference is not None and not comparison.misled:
        try:
            with limited(10 * SECONDS):
                return namer.of_gradient(name, ours)
        except Overtime:  # a changed backward need not end
            return []
    indices = torch.tensor(list(comparison.central))
    central = torch.tensor(list(comparison.central.values()), dtype=ours.dtype)
    return namer.of_differences(name, ours.reshape(-1).cpu()[indices], central)


def _not_finite(name: str, value: float) -> Mistake:
    words = f"{value} where the derivative is finite: look for a division by 0, a root or logarithm of 0"
    return Mistake("not-finite", name, words)
