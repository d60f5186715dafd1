"""Mistakes of single operations: the right derivative changed at one of them gives the wrong gradient."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import combinations

from torch import Tensor

from plaingrad.inspect.gradients.naming.candidate import Candidate, candidate, same
from plaingrad.inspect.gradients.naming.change import Change, edge
from plaingrad.inspect.gradients.naming.changes import changes, of_steps
from plaingrad.inspect.gradients.naming.constants import without_constants, without_factors
from plaingrad.inspect.gradients.naming.factors import Factors
from plaingrad.inspect.gradients.naming.folding import folds
from plaingrad.inspect.gradients.naming.kernels import otherwise_read
from plaingrad.inspect.gradients.naming.tape import Backward, Operation, Tape

Gradients = dict[str, Tensor]


class Paths:
    """The gradients of a forward under every change of one operation, computed once for all tensors.

    Args:
        tape: the forward.
        dys: the upstream gradients.
        factors: names for numbers.
        deadline: the `time.thread_time` at which to stop.
    """

    def __init__(self, tape: Tape, dys: Sequence[Tensor | None], factors: Factors, deadline: float) -> None:
        self.tape = tape
        self.dys = [dy for dy in dys if dy is not None]
        self.upstream = dys
        self.factors = factors
        self.deadline = deadline
        self.right = tape.gradients(dys)
        self._without_shifts()
        self._changed: list[tuple[Change, str, Gradients]] | None = None
        self._edges: list[tuple[list[Operation], int, Gradients]] | None = None

    def candidates(self, name: str, ours: Tensor) -> Iterator[Candidate]:
        """The changes that give this gradient."""
        right = self.right[name]
        yield from self._of_edges(name, ours, right)
        for change, where, grads in self._all_changed():
            if not same(grads[name], right) and same(ours, grads[name]):
                yield candidate(change.price, change.kind, where, change.words.format(where))

    def _without_shifts(self) -> None:
        """Take a maximum off the tape that is only subtracted against overflow: its gradients cancel."""
        for operation in [each for each in self.tape.operations if each.name in ("amax", "max")]:
            without = self._with({id(operation): edge(operation, 0)})
            if all(same(without[name], right) for name, right in self.right.items()):
                self.tape.operations.remove(operation)

    def pairs(self, name: str, ours: Tensor) -> Iterator[Candidate]:
        """Two paths left out, or one left out and another change."""
        right = self.right[name]
        reaching = [each for each in self._all_edges() if not same(each[2][name], right)]
        for first, second in combinations(reaching[:40], 2):
            if time.thread_time() > self.deadline:
                return
            grads = self._with(_merged(first, second))
            if same(ours, grads[name]):
                where = f"{_where(first[0])} and {_where(second[0])}"
                yield candidate(5, "missing-term", where, f"the paths through {where} are left out")
                return

    def _of_edges(self, name: str, ours: Tensor, right: Tensor) -> Iterator[Candidate]:
        """An edge left out, turned or scaled."""
        for operations, k, without in self._all_edges():
            through = right - without[name]
            size = (through * through).sum()
            if not bool(size > 0) or same(through, right):
                continue
            scale = float((through * (ours - without[name])).sum() / size)
            if not same(ours, without[name] + scale * through):
                continue
            where = _where(operations)
            operand = operations[0].inputs[k]
            yield from self._scaled(scale, where, operand, operations[0], through.numel())

    def _scaled(
        self, scale: float, where: str, operand: Tensor, operation: Operation, count: int
    ) -> Iterator[Candidate]:
        if abs(scale) < 1e-9:
            words = f"the path back through {where} is left out"
            yield candidate(0.95, "missing-term", where, words)
        elif abs(scale + 1) < 1e-9:
            yield candidate(1, "wrong-sign", where, f"the sign of the term of {where} is turned")
        elif operation.outputs[0].numel() > operand.numel() and self._is_mean(scale, operation, operand):
            words = f"the term of {where} is averaged where it should be summed"
            yield candidate(1.2, "mean-for-sum", where, words)
        else:
            text = self.factors.text(scale)
            if text or count > 3:
                factor = text or f"{scale:.5g}"
                words = f"the term of {where} is {factor} times what it should be"
                yield candidate(1.3 if text else 3.5, "wrong-factor", where, words)

    def _is_mean(self, scale: float, operation: Operation, operand: Tensor) -> bool:
        return abs(scale * operation.outputs[0].numel() / operand.numel() - 1) < 1e-9

    def _all_edges(self) -> list[tuple[list[Operation], int, Gradients]]:
        """Every edge, alone and with those of the same call, and the gradients without it."""
        if self._edges is None:
            self._edges = []
            for operations in self._groups():
                for k in range(len(operations[0].inputs)):
                    if time.thread_time() > self.deadline:
                        return self._edges
                    without = self._with({id(op): edge(op, k) for op in operations})
                    self._edges.append((operations, k, without))
        return self._edges

    def _groups(self) -> list[list[Operation]]:
        """The operations of each call in the code; after all of these, each of a loop alone."""
        groups = list(self.tape.sites.values())
        return groups + [[each] for operations in groups if len(operations) > 1 for each in operations]

    def _all_changed(self) -> list[tuple[Change, str, Gradients]]:
        """The gradients of every change."""
        if self._changed is None:
            self._changed = []
            for operations in self._groups():
                for change in changes(operations[0], self.dys):
                    if time.thread_time() > self.deadline:
                        return self._changed
                    try:
                        grads = self._with({id(op): change.backward for op in operations})
                    except (RuntimeError, ValueError, IndexError):
                        continue  # shapes that do not fit in this way
                    self._changed.append((change, _where(operations), grads))
            for read, change, different in otherwise_read(self.tape):
                self._add(change, f"`{read}`", self.tape, different)
            for folded, tape in folds(self.tape):
                for change in of_steps(folded[0]):
                    where = f"the steps up to {_where(folded)}"
                    self._add(change, where, tape, {id(op): change.backward for op in folded})
            for change, where, tape, partly in without_constants(self.tape):
                grads = tape.gradients(self.upstream) if partly is None else self._with(partly)
                self._changed.append((change, where, grads))
            for change, where, tape in without_factors(self.tape):
                self._add(change, where, tape, {})
        return self._changed

    def _add(self, change: Change, where: str, tape: Tape, different: dict[int, Backward]) -> None:
        assert self._changed is not None
        if time.thread_time() > self.deadline:
            return
        with suppress(RuntimeError, ValueError, IndexError):  # shapes that do not fit in this way
            self._changed.append((change, where, tape.gradients(self.upstream, different)))

    def _with(self, different: dict[int, Backward]) -> Gradients:
        return self.tape.gradients(self.upstream, different)


def _merged(
    first: tuple[list[Operation], int, Gradients], second: tuple[list[Operation], int, Gradients]
) -> dict[int, Backward]:
    different: dict[int, Backward] = {}
    for operations, k, _ in (first, second):
        for operation in operations:
            before = different.get(id(operation))
            different[id(operation)] = edge(operation, k) if before is None else _dropping(before, k)
    return different


def _dropping(backward: Backward, k: int) -> Backward:
    def dropped(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        return [None if j == k else g for j, g in enumerate(backward(op, grads))]

    return dropped


def _where(operations: Sequence[Operation]) -> str:
    return f"`{operations[0].name}` ({operations[0].site.text})"
