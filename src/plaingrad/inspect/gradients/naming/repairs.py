"""Changes of single operations of the wrong backward after which it gives the right gradient."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming import runs
from plaingrad.inspect.gradients.naming.candidate import Candidate, candidate, same
from plaingrad.inspect.gradients.naming.constants import SMALL
from plaingrad.inspect.gradients.naming.source import CallSite, call_site, function_name
from plaingrad.inspect.gradients.tested import ModuleUnderTest

LONGEST = 200  # operations; a longer backward is not worth the time


@dataclass
class Call:
    """One call of backward: the function, its arguments, and the code that it stands in."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    site: CallSite

    @property
    def name(self) -> str:
        """The name of the function."""
        return function_name(self.function)

    def run(self) -> Any:
        """The result, as the backward has it."""
        return self.function(*self.args, **self.kwargs)

    def having(self, *args: Any, **kwargs: Any) -> Any:
        """The result with other arguments."""
        return self.function(*args, **{**self.kwargs, **kwargs})


Run = Callable[[Call], Any]


@dataclass(frozen=True)
class Repair:
    """Another way to run one call, and the name of the mistake that it undoes."""

    price: float
    kind: str
    words: str
    run: Run


class Watch(TorchFunctionMode):
    """Numbers the calls of a backward, and runs some of them in another way.

    Attributes:
        calls: all of them, in order.
        asks_autograd: the call by which backward asks PyTorch's autograd; empty if it does not.
    """

    def __init__(self, at: Collection[int] = (), run: Run | None = None) -> None:
        super().__init__()
        self.at = at
        self.run = run
        self.calls: list[Call] = []
        self.asks_autograd = ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        call = Call(func, tuple(args), dict(kwargs or {}), call_site())
        self.calls.append(call)
        if call.name in ("requires_grad_", "backward") or getattr(func, "__module__", "") == "torch.autograd":
            self.asks_autograd = call.site.text
        if len(self.calls) - 1 in self.at and self.run is not None:
            return self.run(call)
        return func(*args, **(kwargs or {}))


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
        yield from _axes(call)
    elif name in ("T", "mT", "t", "transpose"):
        yield Repair(1, "transposed", "this should not be transposed", lambda c: c.args[0])
    elif name in ("matmul", "mm", "bmm"):
        yield from _matrices()
    elif name in ("add", "sub", "rsub", "radd"):
        yield from _signs(name)
    elif name == "neg":
        yield Repair(0.9, "wrong-sign", "there is a minus too many", lambda c: c.args[0])
    elif name in ("lt", "gt", "le", "ge"):
        yield Repair(1, "wrong-derivative", "the comparison is the wrong way round", lambda c: ~c.run())
    elif name == "pow":
        yield from _powers()
    elif name in ("add_", "sub_"):
        yield from _sums(name)
    if name in ("mul", "div"):
        yield from _products(name)
    if name in ELEMENTWISE or name in ("matmul", "mm"):
        yield from _operands(call, pool)
    if name in FUNCTIONS:
        yield from _functions(name)
    if name in ("mul", "div", "add", "sub", "rsub", "sum", "mean", "matmul", "expand"):
        yield from _factors(name, pool)


FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "sign": torch.sign,
}


def _functions(name: str) -> Iterator[Repair]:
    """Another function of the same argument."""
    for other, function in FUNCTIONS.items():
        if other != name:

            def run(call: Call, function: Callable[[Tensor], Tensor] = function) -> Any:
                return function(call.args[0])

            yield Repair(2.3, "wrong-derivative", f"`{name}` stands where `{other}` belongs", run)


def _factors(name: str, pool: Mapping[str, Tensor]) -> Iterator[Repair]:
    """A factor or a divisor more, of the result, or of what is summed."""
    for text, other in pool.items():

        def times(call: Call, other: Tensor = other) -> Any:
            result = call.run()
            return _unbroadcast(result * other, result)

        def over(call: Call, other: Tensor = other) -> Any:
            result = call.run()
            return _unbroadcast(result / other, result)

        def inside(call: Call, other: Tensor = other) -> Any:
            x = call.args[0]
            return call.having(_unbroadcast(x * other, x), *call.args[1:])

        yield Repair(2.4, "missing-factor", f"a factor is left out: {text}", times)
        yield Repair(2.5, "missing-factor", f"a divisor is left out: {text}", over)
        if name in ("sum", "mean"):
            yield Repair(2.4, "missing-factor", f"a factor is left out of what is summed: {text}", inside)


def _unbroadcast(product: Tensor, factor: Tensor) -> Tensor:
    if product.shape != factor.shape:
        raise ValueError("another shape")
    return product


ELEMENTWISE = (
    "sigmoid",
    "tanh",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "pow",
    "sign",
    "abs",
    "square",
    "rsub",
)
ELEMENTWISE += ("lt", "gt", "le", "ge", "cosh", "sinh", "erf", "reciprocal", "mul", "div")


def _axes(call: Call) -> Iterator[Repair]:
    """Other axes of a sum or a mean."""
    x = call.args[0]
    axes = call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", call.kwargs.get("axis"))
    every = set(range(x.ndim))
    chosen = (
        every
        if axes is None
        else {k % x.ndim for k in ((axes,) if isinstance(axes, int) else axes)}
        if x.ndim
        else set()
    )
    for count in range(x.ndim + 1):
        for other in combinations(range(x.ndim), count):
            for keep in (False, True):
                for mean in (False, True):
                    yield _axis(call.name, chosen, set(other), keep, mean)


def _axis(name: str, chosen: set[int], other: set[int], keep: bool, mean: bool) -> Repair:
    def run(call: Call) -> Any:
        x = call.args[0]
        if not other:
            return x.clone()
        return (x.mean if mean else x.sum)(sorted(other), keepdim=keep)

    same_kind = mean == (name == "mean")
    if other == chosen:
        kind, text = (
            ("mean-for-sum", "a mean, where a sum belongs")
            if not mean
            else ("wrong-factor", "a sum, where a mean belongs")
        )
        if same_kind:
            kind, text = "wrong-axis", "keepdim is missing, so that the result runs along another axis"
        return Repair(1, kind, text, run)
    over = "nothing" if not other else "axis " + " and ".join(map(str, sorted(other)))
    if chosen > other:
        kind, text = "over-summed", f"this sums over too many axes; sum over {over}"
    elif chosen < other:
        kind, text = "not-summed", f"this sums over too few axes; sum over {over}"
    else:
        kind, text = "wrong-axis", f"this runs along the wrong axis; it should be {over}"
    if not same_kind and not mean:
        kind = "mean-for-sum"
    return Repair(1.1 + (not same_kind) * 0.6 + keep * 0.05, kind, text, run)


def _matrices() -> Iterator[Repair]:
    """Operands of a product transposed, exchanged, or both."""
    for flip_a in (False, True):
        for flip_b in (False, True):
            for swap in (False, True):

                def run(call: Call, how: tuple[bool, bool, bool] = (flip_a, flip_b, swap)) -> Any:
                    a, b = call.args[:2]
                    a, b = (a.mT if how[0] else a), (b.mT if how[1] else b)
                    return b @ a if how[2] else a @ b

                number = flip_a + flip_b + swap
                if number:
                    kind = "swapped-factors" if swap and number == 1 else "transposed"
                    which = ["the first matrix"] * flip_a + ["the second matrix"] * flip_b
                    words = f"{' and '.join(which)} should be transposed, or should not be" if which else ""
                    words += (
                        ", and " if which and swap else ""
                    ) + "the order of the matrices is exchanged" * swap
                    yield Repair(0.9 + 0.2 * number, kind, words, run)

    def whole(call: Call) -> Any:
        return call.run().mT

    yield Repair(1, "transposed", "the product is transposed", whole)


def _signs(name: str) -> Iterator[Repair]:
    def run(call: Call) -> Any:
        a, b = call.args[:2]
        return a - b if name in ("add", "radd") else a + b

    yield Repair(1, "wrong-sign", "the sign between the two terms is turned", run)
    if name in ("sub", "rsub"):
        yield Repair(1, "wrong-sign", "the difference is taken the wrong way round", lambda c: -c.run())


def _powers() -> Iterator[Repair]:
    for less in (-1, 1):

        def run(call: Call, less: int = less) -> Any:
            return call.having(call.args[0], call.args[1] + less)

        yield Repair(1.5, "wrong-derivative", "the exponent is off by one", run)


def _products(name: str) -> Iterator[Repair]:
    inverse = {"mul": torch.div, "div": torch.mul}
    if name in inverse:

        def run(call: Call) -> Any:
            return inverse[name](*call.args[:2])

        text = (
            "multiplied where it should be divided"
            if name == "mul"
            else "divided where it should be multiplied"
        )
        yield Repair(1.6, "wrong-derivative", text, run)


def _sums(name: str) -> Iterator[Repair]:
    """Another amount added to a gradient."""

    def adding(change: Callable[[Tensor, Tensor], Tensor], sign: int = 1) -> Run:
        def run(call: Call) -> Any:
            total, amount = call.args[:2]
            signed = sign if name == "add_" else -sign
            total += signed * change(total, amount)
            return total

        return run

    def summed(total: Tensor, amount: Tensor) -> Tensor:
        if amount.shape == total.shape:
            raise ValueError
        return amount.sum_to_size(total.shape)

    def flipped(total: Tensor, amount: Tensor) -> Tensor:
        return amount.mT if amount.ndim > 1 else amount

    def over_first(total: Tensor, amount: Tensor) -> Tensor:
        return amount.sum(tuple(range(amount.ndim - total.ndim)))

    words = "this should be summed over the axes that the parameter lacks, the batch first"
    yield Repair(0.7, "not-summed", words, adding(summed))
    yield Repair(0.75, "not-summed", words, adding(over_first))
    yield Repair(0.7, "transposed", "this should be transposed", adding(flipped))
    yield Repair(0.8, "wrong-sign", "the sign is turned", adding(lambda total, amount: amount, -1))


def _operands(call: Call, pool: Mapping[str, Tensor]) -> Iterator[Repair]:
    """Another tensor in the place of an operand."""
    for k, x in enumerate(call.args):
        if not isinstance(x, Tensor):
            continue
        for text, other in pool.items():
            if other.shape != x.shape or other.dtype != x.dtype or torch.equal(other, x):
                continue

            def run(c: Call, k: int = k, x: Tensor = x, other: Tensor = other) -> Any:
                both = [other if a is c.args[k] else a for a in c.args]
                return c.function(*both, **c.kwargs)

            product = call.name in ("mul", "div")
            kind = "swapped-factors" if product else "wrong-derivative-argument"
            price = 2.2 if product else 2.0 if call.name in ("matmul", "mm") else 1.2
            words = f"operand {k + 1} of `{call.name}` should be {text}"
            more = (other - x).reshape(-1)
            if len(more) and 0 < float(more[0].abs()) <= SMALL and same(more, more[:1].expand_as(more), 1e-9):
                kind, words = "missing-constant", f"the {float(more[0]):g} that forward adds is forgotten"
            yield Repair(price, kind, words, run)
