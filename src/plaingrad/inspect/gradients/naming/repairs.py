"""Changes of single operations of the wrong backward after which it gives the right gradient."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming import runs
from plaingrad.inspect.gradients.naming.calls import Call, Watch
from plaingrad.inspect.gradients.naming.candidate import Candidate, candidate, same
from plaingrad.inspect.gradients.naming.operands import (
    ELEMENTWISE,
    FUNCTIONS,
    other_factors,
    other_functions,
    other_operands,
)
from plaingrad.inspect.gradients.naming.repair import (
    Repair,
    other_axes,
    other_matrices,
    other_powers,
    other_products,
    other_signs,
    other_sums,
)
from plaingrad.inspect.gradients.tested import ModuleUnderTest

LONGEST = 200  # operations; a longer backward is not worth the time


class Repairs:
    """The gradients of a backward under every repair of one call, computed once for all tensors.

    Args:
        under_test: the module.
        dys: the upstream gradients.
        right: the right gradients.
        pool: tensors that may belong where another one stands, by description.
        deadline: the `time.monotonic` at which to stop.
    """

    def __init__(
        self,
        under_test: ModuleUnderTest,
        dys: Sequence[Tensor | None],
        right: Mapping[str, Tensor],
        pool: Mapping[str, Tensor],
        deadline: float,
    ) -> None:
        self.under_test = under_test
        self.dys = dys
        self.right = right
        self.pool = pool
        self.deadline = deadline
        self._repaired: list[tuple[Repair, str, dict[str, Tensor]]] | None = None

    def candidates(self, name: str) -> Iterator[Candidate]:
        """The repairs after which the gradient of this tensor is right."""
        for repair, where, grads in self._all():
            if name in grads and same(grads[name], self.right[name]):
                yield candidate(repair.price, repair.kind, where, repair.words)

    def of_error(self) -> Iterator[Candidate]:
        """The repairs after which a backward that raised gives all the right gradients."""
        for repair, where, grads in self._all():
            if all(name in grads and same(grads[name], right) for name, right in self.right.items()):
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
            calls = list(watch.calls)
            if len(calls) > LONGEST:
                return self._repaired
            for together in [*([at] for at in reversed(range(len(calls)))), *_alike(calls)]:
                for repair in _repairs(calls[together[0]], self.pool):
                    if time.monotonic() > self.deadline:
                        return self._repaired
                    grads = self._attempt(Watch(together, repair.run))
                    if grads:
                        self._repaired.append((repair, calls[together[0]].site.text, grads))
        return self._repaired

    def _attempt(self, watch: Watch) -> dict[str, Tensor]:
        try:
            return runs.gradients(self.under_test, self.dys, watch)
        except Exception:
            return {}


def _alike(calls: Sequence[Call]) -> list[list[int]]:
    """The sums and means that run along the same axes, where there are several."""
    groups: dict[str, list[int]] = {}
    for at, call in enumerate(calls):
        if call.name in ("sum", "mean"):
            groups.setdefault(f"{call.name} {call.args[1:]} {call.kwargs}", []).append(at)
    return [group for group in groups.values() if len(group) > 1]


def _repairs(call: Call, pool: Mapping[str, Tensor]) -> Iterator[Repair]:
    """Every way to run a call otherwise."""
    name, own = call.name, [x for x in tensors(list(call.args))]
    if not own:
        return
    if name in ("sum", "mean"):
        yield from other_axes(call)
    elif name in ("T", "mT", "t", "transpose"):
        yield Repair(1, "transposed", "this should not be transposed", lambda c: c.args[0])
    elif name in ("matmul", "mm", "bmm"):
        yield from other_matrices()
    elif name in ("add", "sub", "rsub", "radd"):
        yield from other_signs(name)
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
    if name in ELEMENTWISE or name in ("matmul", "mm"):
        yield from other_operands(call, pool)
    if name in FUNCTIONS:
        yield from other_functions(name)
    if name in ("mul", "div", "add", "sub", "rsub", "sum", "mean", "matmul", "expand"):
        yield from other_factors(name, pool)
