"""Other ways to run a call: other axes, other signs, other sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.calls import Call, Run


@dataclass(frozen=True)
class Repair:
    """Another way to run one call, and the name of the mistake that it undoes."""

    price: float
    kind: str
    words: str
    run: Run


def other_axes(call: Call) -> Iterator[Repair]:
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


def other_single_axes(call: Call) -> Iterator[Repair]:
    """Another axis of a function that runs along one."""
    x, *rest = call.args
    for axis in range(x.ndim):
        words = f"this runs along the wrong axis; it should be axis {axis}"
        yield Repair(1.1, "wrong-axis", words, _along(axis, rest[1:]))


def other_reversals(call: Call) -> Iterator[Repair]:
    """Another axis along which to reverse."""
    for axis in range(call.args[0].ndim):
        words = f"this is reversed along the wrong axis; it should be axis {axis}"
        yield Repair(1, "wrong-axis", words, _reversed(axis))


def _reversed(axis: int) -> Run:
    return lambda call: torch.flip(call.args[0], [axis])


def _along(axis: int, rest: Sequence[Any]) -> Run:
    def run(call: Call) -> Any:
        kwargs = {name: value for name, value in call.kwargs.items() if name not in ("dim", "axis")}
        return call.function(call.args[0], axis, *rest, **kwargs)

    return run


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
    elif chosen < other and mean:
        kind, text = "wrong-axis", f"this averages over too few axes; average over {over}"
    elif chosen < other:
        kind, text = "not-summed", f"this sums over too few axes; sum over {over}"
    else:
        kind, text = "wrong-axis", f"this runs along the wrong axis; it should be {over}"
    if not same_kind and not mean:
        kind = "mean-for-sum"
    return Repair(1.1 + (not same_kind) * 0.6 + keep * 0.05, kind, text, run)


def other_matrices() -> Iterator[Repair]:
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


def other_signs(name: str) -> Iterator[Repair]:
    def run(call: Call) -> Any:
        a, b = call.args[:2]
        return a - b if name in ("add", "radd") else a + b

    yield Repair(1, "wrong-sign", "the sign between the two terms is turned", run)
    if name in ("add", "radd"):
        yield Repair(1, "wrong-sign", "the sign of the first term is turned", lambda c: c.args[1] - c.args[0])
    if name in ("sub", "rsub"):
        yield Repair(1, "wrong-sign", "the difference is taken the wrong way round", lambda c: -c.run())


OPPOSITE = {"amax": "amin", "max": "min", "argmax": "argmin", "cummax": "cummin", "maximum": "minimum"}
OPPOSITE |= {b: a for a, b in OPPOSITE.items()}


def opposite(name: str) -> Iterator[Repair]:
    """The largest for the smallest."""

    def run(call: Call) -> Any:
        return getattr(torch, OPPOSITE[name])(*call.args, **call.kwargs)

    yield Repair(1, "wrong-derivative", f"`{name}` stands where `{OPPOSITE[name]}` belongs", run)


def other_powers() -> Iterator[Repair]:
    for less in (-1, 1):

        def run(call: Call, less: int = less) -> Any:
            return call.having(call.args[0], call.args[1] + less)

        yield Repair(1.5, "wrong-derivative", "the exponent is off by one", run)


def other_products(name: str) -> Iterator[Repair]:
    inverse: dict[str, Any] = {"mul": torch.div, "div": torch.mul}
    if name in inverse:

        def run(call: Call) -> Any:
            return inverse[name](*call.args[:2])

        text = (
            "multiplied where it should be divided"
            if name == "mul"
            else "divided where it should be multiplied"
        )
        yield Repair(1.6, "wrong-derivative", text, run)


def other_sums(name: str) -> Iterator[Repair]:
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
