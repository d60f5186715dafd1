"""One gradient against both references, element by element."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plaingrad.inspect.gradients.differences import Differences
from plaingrad.inspect.gradients.report import Row, distinct, index_text


@dataclass(frozen=True)
class Limits:
    """Tolerances and sample sizes of the comparison.

    Attributes:
        differences: the relative error allowed against central differences.
        autograd: the relative error allowed against autograd.
        elements: how many elements of a tensor are compared with differences; random ones of a larger tensor.
        directions: how many random directions are compared as well where not all elements are.
    """

    differences: float
    autograd: float
    elements: int
    directions: int


class Comparison:
    """Compares the gradient ``ours`` of the tensor ``x`` with differences and with autograd.

    Args:
        module_name: the name of the module, for messages.
        name: the name of the tensor, for messages.
        x: the tensor.
        ours: the gradient that the backward gave, in the same shape.
        traced: autograd's gradient, or None.
        differences: computes differences along elements of ``x``.
        limits: tolerances and sample sizes.
        generator: draws elements and directions.

    Attributes:
        row: the result, filled by `run`.
        misled: the number of elements where backward and differences agree against autograd.
        problem: one sentence if the gradient is wrong, else empty.
        expected: the right number where the gradient is worst, if it is wrong.
    """

    def __init__(
        self,
        module_name: str,
        name: str,
        x: Tensor,
        ours: Tensor,
        traced: Tensor | None,
        differences: Differences,
        limits: Limits,
        generator: torch.Generator,
    ) -> None:
        self.name = f"{module_name} {name}"
        self.x = x
        self.ours = ours.reshape(-1).cpu()
        self.traced = None if traced is None else traced.reshape(-1).cpu()
        self.differences = differences
        self.limits = limits
        self.generator = generator
        self.row = Row(name, tuple(x.shape))
        self.misled = 0
        self.problem = ""
        self.expected: float | None = None
        self._worst: int | None = None

    def run(self) -> Row:
        """Compare, and fill the row."""
        total = self.x.numel()
        some = total > self.limits.elements
        order = torch.randperm(total, generator=self.generator) if some else torch.arange(total)
        checked = order[: self.limits.elements]
        self.row.checked = len(checked)
        slopes = {i: self.differences.slope(self.x, i) for i in checked.tolist()}
        self.central = {i: slope.central for i, slope in slopes.items()}
        close = self.differences.close
        doubtful = {i for i, slope in slopes.items() if not close(float(self.ours[i]), slope)}
        self.strict = self._strict_errors()
        doubtful |= set((self.strict > self.limits.autograd).nonzero().view(-1).tolist())
        for i in sorted(doubtful, key=self._badness, reverse=True)[: max(self.limits.elements, 1)]:
            if self._settle(i):
                break
        if some and self.row.ok:
            self._directions()
        self._summarise()
        return self.row

    def _settle(self, i: int) -> bool:
        """Examine one doubtful element; True if it is wrong."""
        ours = float(self.ours[i])
        finding = self.differences.judge(ours, self.x, i)
        self.central[i] = finding.central
        if finding.verdict == "kink":
            self.row.kinks += 1
            self.strict[i] = 0.0
            del self.central[i]
            return False
        if finding.verdict == "agrees":
            if self.strict[i] <= self.limits.autograd:
                return False
            if self._misleads(i):
                self.misled += 1
                self.strict[i] = 0.0
                return False
            self._wrong(i, "autograd")
            return True
        self._wrong(i, "central differences")
        return True

    def _wrong(self, i: int, against: str) -> None:
        right = self.central[i] if against == "central differences" else float(self.traced[i])  # type: ignore[index]
        self.row.ok = False
        self._worst = i
        self.expected = right
        got, expected = distinct(float(self.ours[i]), right)
        self.problem = f"{self.name}{index_text(self._index(i))}: backward gives {got}, {against} {expected}"

    def _directions(self) -> None:
        for _ in range(self.limits.directions):
            signs = torch.randint(0, 2, self.x.shape, generator=self.generator) * 2.0 - 1.0
            ours = float((self.ours * signs.view(-1)).sum())
            way = signs.to(self.x.device)
            slope = self.differences.slope(self.x, way)
            central = slope.central
            if not self.differences.close(ours, slope):
                finding = self.differences.judge(ours, self.x, way)
                central = finding.central
                if finding.verdict == "differs":
                    self.row.ok = False
                    self.row.backward, self.row.central, self.expected = ours, central, central
                    got, expected = distinct(ours, central)
                    self.problem = (
                        f"{self.name} along a random direction: backward gives {got}, "
                        f"central differences {expected}"
                    )
                    self.row.differences = self._error(ours, central)
                    return
            self.row.directions += 1

    def _summarise(self) -> None:
        """Fill in the worst errors, and the gradients of their elements."""
        row = self.row
        coarse = {i: self._error(float(self.ours[i]), central) for i, central in self.central.items()}
        row.differences = max([row.differences, *coarse.values()])
        if self.traced is not None and len(self.strict):
            row.autograd = float(self.strict.max())
        if row.ok and coarse:
            self._worst = max(coarse, key=lambda i: coarse[i])
        if self._worst is None:
            return
        row.index = self._index(self._worst)
        row.backward = float(self.ours[self._worst])
        row.central = self.central.get(self._worst)
        row.traced = None if self.traced is None else float(self.traced[self._worst])

    def _strict_errors(self) -> Tensor:
        """The relative error of each element against autograd; zeros if there is none."""
        if self.traced is None or not len(self.ours):
            return torch.zeros_like(self.ours)
        floor = 1e-3 * max(float(self.traced.nan_to_num().abs().max()), self.differences.scale)
        size = torch.maximum(self.ours.abs(), self.traced.abs()).clamp(min=floor)
        return ((self.ours - self.traced).abs() / size).nan_to_num(nan=math.inf)

    def _error(self, ours: float, right: float) -> float:
        if not math.isfinite(right):
            return math.inf
        floor = 1e-3 * self.differences.scale
        return abs(ours - right) / max(abs(ours), abs(right), floor)

    def _misleads(self, i: int) -> bool:
        """True if autograd differs too much from central differences to be a reference, or is NaN."""
        assert self.traced is not None
        return not self._error(float(self.traced[i]), self.central[i]) <= 10 * self.limits.differences

    def _badness(self, i: int) -> tuple[float, float]:
        """A sort key: the relative error of an element, then the absolute one."""
        ours = float(self.ours[i])
        error = float(self.strict[i])
        right = float(self.traced[i]) if self.traced is not None else self.central.get(i, ours)
        if i in self.central:
            error = max(error, self._error(ours, self.central[i]))
        return round(min(error, 1e9), 6), abs(ours - right)

    def _index(self, flat: int) -> tuple[int, ...]:
        return tuple(int(k) for k in torch.unravel_index(torch.tensor(flat), self.x.shape))
