"""Changes of single operations of the wrong backward after which it gives the right gradient."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming import runs
from plaingrad.inspect.gradients.naming.assignments import added
from plaingrad.inspect.gradients.naming.calls import Call, Watch
from plaingrad.inspect.gradients.naming.candidate import Candidate, candidate, same
from plaingrad.inspect.gradients.naming.exchanges import everywhere, for_both_terms, later_gradients
from plaingrad.inspect.gradients.naming.indices import row_by_row
from plaingrad.inspect.gradients.naming.operands import (
    ELEMENTWISE,
    FUNCTIONS,
    operands_changed,
    other_factors,
    other_functions,
    other_operands,
)
from plaingrad.inspect.gradients.naming.pool import Pool
from plaingrad.inspect.gradients.naming.repair import (
    OPPOSITE,
    Repair,
    opposite,
    other_axes,
    other_matrices,
    other_powers,
    other_products,
    other_reversals,
    other_signs,
    other_single_axes,
    other_sums,
)
from plaingrad.inspect.gradients.naming.superfluous import without_factors
from plaingrad.inspect.gradients.naming.suspects import near_mistakes
from plaingrad.inspect.gradients.tested import ModuleUnderTest

TRANSPOSES = ("T", "mT", "t", "transpose")
PRODUCTS = ("matmul", "mm", "bmm", "einsum", "tensordot")
LONGEST = 200  # operations; a longer backward is not worth the time
LIKELY = 2.5  # the price of a repair that ends the search if every gradient is right after it,
FURTHER = 100  # but for as many as were tried before it, and these


class Repairs:
    """The gradients of a backward under every repair of one call, computed once for all tensors.

    Args:
        under_test: the module.
        dys: the upstream gradients.
        right: the right gradients.
        pool: the tensors that may belong where another one stands.
        deadline: the `time.thread_time` at which to stop.
        on_the_way: right gradients of what forward computes.
    """

    def __init__(
        self,
        under_test: ModuleUnderTest,
        dys: Sequence[Tensor | None],
        right: Mapping[str, Tensor],
        pool: Pool,
        deadline: float,
        on_the_way: Sequence[Tensor] = (),
    ) -> None:
        self.under_test = under_test
        self.dys = dys
        self.right = right
        self.pool = pool
        self.deadline = deadline
        self.on_the_way = on_the_way
        self._repaired: list[tuple[Repair, str, dict[str, Tensor]]] | None = None

    def candidates(self, name: str) -> Iterator[Candidate]:
        """The repairs after which the gradient of this tensor is right."""
        for repair, where, grads in self._all():
            if name in grads and same(grads[name], self.right[name]):
                yield candidate(repair.price, repair.kind, where, repair.words)

    def of_error(self) -> Iterator[Candidate]:
        """The repairs after which a backward that raised gives all the right gradients."""
        for repair, where, grads in self._all():
            if self._is_right(grads):
                yield candidate(repair.price, repair.kind, where, repair.words)
        for repair, where, grads in self._all():
            number = sum(name in grads and same(grads[name], r) for name, r in self.right.items())
            if number:
                price = repair.price + 3 - number / len(self.right)
                yield candidate(price, repair.kind, where, repair.words)

    def _all(self) -> list[tuple[Repair, str, dict[str, Tensor]]]:
        if self._repaired is None:
            self._repaired = []
            watch = Watch()
            self._attempt(watch)
            calls, most = list(watch.calls), math.inf
            for number, (together, repair) in enumerate(self._in_order(calls)):
                if number > most or time.thread_time() > self.deadline:
                    break
                grads = self._attempt(Watch(together, repair.run))
                if grads:
                    self._repaired.append((repair, calls[together[0]].site.text, grads))
                if repair.price <= LIKELY and self._is_right(grads):  # the rest is likely to be less so
                    most = min(most, 2 * number + FURTHER)
        return self._repaired

    def _is_right(self, grads: Mapping[str, Tensor]) -> bool:
        return all(name in grads and same(grads[name], right) for name, right in self.right.items())

    def _in_order(self, calls: Sequence[Call]) -> Iterator[tuple[list[int], Repair]]:
        """The repairs with the calls to which they belong: first what is few, likely, and of whole loops."""
        loops, rounds = _together(calls)
        for together in loops:
            yield from ((together, repair) for repair in added(calls[together[0]].name))
        yield from row_by_row(calls)
        if len(calls) > LONGEST:
            return
        yield from later_gradients(calls, loops)
        yield from for_both_terms(calls, loops)
        near = near_mistakes(calls, [dy for dy in self.dys if dy is not None], self.on_the_way)
        likely = [group for group in loops if near.intersection(group)]
        yield from self._of_groups(calls, likely)
        yield from everywhere(calls, self.pool)
        yield from self._of_groups(calls, [group for group in loops if group not in likely])
        yield from self._of_groups(calls, rounds)
        yield from without_factors(calls, loops)

    def _of_groups(
        self, calls: Sequence[Call], groups: Sequence[list[int]]
    ) -> Iterator[tuple[list[int], Repair]]:
        for repairs in (_of_operation, _of_operands, _of_factors):
            for group in groups:
                yield from ((group, each) for each in repairs(calls[group[0]], self.pool, len(group)))

    def _attempt(self, watch: Watch) -> dict[str, Tensor]:
        try:
            return runs.gradients(self.under_test, self.dys, watch)
        except Exception:
            return {}


def _together(calls: Sequence[Call]) -> tuple[list[list[int]], list[list[int]]]:
    """The calls that run in another way at once, from the end.

    Returns:
        All rounds of each call in the code, and the sums and means that run along the same axes; and single
        rounds.
    """
    by_site: dict[Any, list[int]] = {}
    alike: dict[Any, list[int]] = {}
    for at, call in enumerate(calls):
        by_site.setdefault((call.site, call.name), []).append(at)
        if call.name in ("sum", "mean"):
            alike.setdefault(f"{call.name} {call.args[1:]} {call.kwargs}", []).append(at)
    groups = sorted(by_site.values(), key=max, reverse=True)
    sums = [group for group in alike.values() if len(group) > 1 and group not in groups]
    rounds = sorted((at for group in groups if len(group) > 1 for at in group), reverse=True)
    return [*groups, *sums], [[at] for at in rounds]


def _of_operation(call: Call, pool: Pool, count: int) -> Iterator[Repair]:
    """Every way to run a call otherwise with the same operands."""
    name = call.name
    if not any(True for _ in tensors(list(call.args))):
        return
    if name in ("sum", "mean"):
        yield from other_axes(call)
    elif name in ("softmax", "log_softmax", "logsumexp"):
        yield from other_single_axes(call)
    elif name in TRANSPOSES:
        yield Repair(1, "transposed", "this should not be transposed", lambda c: c.args[0])
    elif name in ("matmul", "mm", "bmm"):
        yield from other_matrices()
    elif name in ("add", "sub", "rsub", "radd"):
        yield from other_signs(name)
    elif name in OPPOSITE:
        yield from opposite(name)
    elif name == "flip":
        yield Repair(1, "transposed", "this should not be reversed", lambda c: c.args[0])
        yield from other_reversals(call)
    elif name == "neg":
        yield Repair(0.9, "wrong-sign", "there is a minus too many", lambda c: c.args[0])
    elif name in ("lt", "gt", "le", "ge"):
        yield Repair(1, "wrong-derivative", "the comparison is the wrong way round", lambda c: ~c.run())
    elif name == "pow":
        yield from other_powers()
    elif name in ("add_", "sub_"):
        yield from other_sums(name)
    if name in ("mul", "div"):
        yield from other_products(name)
    if name in FUNCTIONS:
        yield from other_functions(name)


def _of_operands(call: Call, pool: Pool, count: int) -> Iterator[Repair]:
    """Every way to run a call with other operands."""
    if call.name in ELEMENTWISE or call.name in PRODUCTS or call.name in TRANSPOSES:
        yield from other_operands(call, pool, count)
    if call.name in (*ELEMENTWISE, "add", "sub"):
        yield from operands_changed(call)


def _of_factors(call: Call, pool: Pool, count: int) -> Iterator[Repair]:
    """Every way to run a call with a factor more."""
    if call.name in ("mul", "div", "add", "sub", "rsub", "sum", "mean", "matmul", "expand"):
        yield from other_factors(call.name, pool.of_rounds(count))
