"""Mistakes that show when a wrong gradient is compared with the right one as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from torch import Tensor

from plaingrad.inspect.gradients.naming.candidate import Candidate, candidate, same
from plaingrad.inspect.gradients.naming.factors import Factors
from plaingrad.inspect.gradients.naming.kernels import other_orders


def compared(
    name: str,
    ours: Tensor,
    right: Tensor,
    dys: Sequence[Tensor],
    counts: Sequence[int],
    factors: Factors,
    tolerance: float = 1e-7,
) -> Iterator[Candidate]:
    """The mistakes that explain these numbers.

    Args:
        name: the tensor whose gradient it is.
        ours: the gradient that backward gave.
        right: the right one, of the same shape.
        dys: the upstream gradients.
        counts: the numbers of elements over which a mean may be taken here by mistake.
        factors: names for numbers.
        tolerance: the relative error of the right gradient.
    """
    if not bool(ours.any()):
        words = f"the gradient of {name} is zero everywhere: never computed, or not added"
        yield candidate(0.1, "missing-term", name, words)
        return
    for dy in dys:
        if same(ours, dy):
            words = "the upstream gradient is handed on as it came; multiply it by the derivative of forward"
            yield candidate(0.45, "passes-upstream", name, words)
    yield from _factor(name, ours, right, counts, factors, tolerance)
    yield from _spread(name, ours, right)
    if ours.ndim >= 2 and ours.shape[-1] == ours.shape[-2] and same(ours, right.mT):
        words = (
            f"the gradient of {name} is transposed; exchange the factors of the product, and transpose each"
        )
        yield candidate(0.5, "transposed", name, words)
    for text, way in other_orders(right):
        if same(ours, way(right)):
            price = 1.05 if " and " in text else 0.6  # of several axes, another one may have been meant
            yield candidate(price, "transposed", name, f"the gradient of {name} is right, but {text}")


def _spread(name: str, ours: Tensor, right: Tensor) -> Iterator[Candidate]:
    """A sum over too many axes, which was then added to every element along them."""
    long = [k for k, size in enumerate(right.shape) if size > 1]
    alike = [k for k in long if _constant_along(k, ours) and not _constant_along(k, right)]
    for count in range(1, len(alike) + 1):
        for axes in combinations(alike, count):
            if same(ours, right.sum(axes, keepdim=True).expand_as(right)):
                over = " and ".join(map(str, axes))
                yield candidate(0.4, "over-summed", name, f"summed over axis {over}, which {name} has")


def _constant_along(axis: int, x: Tensor) -> bool:
    return same(x, x.narrow(axis, 0, 1).expand_as(x))


def _factor(
    name: str, ours: Tensor, right: Tensor, counts: Sequence[int], factors: Factors, tolerance: float
) -> Iterator[Candidate]:
    size = float((right * right).sum())
    if not size:
        return
    factor = float((ours * right).sum()) / size
    if not same(ours, factor * right, tolerance) or abs(factor - 1) < 1e-3:
        return
    if abs(factor + 1) < tolerance:
        yield candidate(0.4, "wrong-sign", name, "the sign is turned")
        return
    text = factors.text(factor, tolerance)
    count = next((n for n in counts if n > 1 and abs(factor * n - 1) < tolerance), None)
    if count:
        words = f"a mean over {count}, where forward calls for a sum"
        yield candidate(0.4, "mean-for-sum", name, words)
    if text or ours.numel() > 1:
        words = f"a factor of {text or f'{factor:.5g}'}"
        yield candidate(0.5, "wrong-factor", name, words)


def shaped(name: str, ours: Tensor, right: Tensor) -> Iterator[Candidate]:
    """The mistakes that explain a gradient of another shape."""
    if ours.ndim >= 2 and same(ours.mT, right):
        yield candidate(0.5, "transposed", name, f"the gradient of {name} is transposed")
    yield from _axes(name, ours, right)
    if ours.numel() == right.numel() and same(ours.reshape(right.shape), right):
        words = f"the numbers are right, in the shape {tuple(ours.shape)} instead of {tuple(right.shape)}"
        yield candidate(2, "wrong-shape", name, words)
    words = (
        f"the gradient of {name} has the shape {tuple(ours.shape)}, not that of {name}, {tuple(right.shape)}"
    )
    if len(ours.shape) > len(right.shape) and ours.shape[ours.ndim - right.ndim :] == right.shape:
        yield candidate(8, "not-summed", name, f"not summed over the batch: {words}")
    yield candidate(9, "wrong-shape", name, words)


def _axes(name: str, ours: Tensor, right: Tensor) -> Iterator[Candidate]:
    try:
        summed = ours.sum_to_size(right.shape)
    except RuntimeError:
        summed = None
    if summed is not None and ours.numel() > right.numel() and same(summed, right):
        words = f"not summed over the axes along which forward broadcasts {name}"
        yield candidate(0.4, "not-summed", name, words)
    for axes in combinations(range(ours.ndim), ours.ndim - right.ndim) if ours.ndim > right.ndim else ():
        if same(ours.sum(axes), right):
            which = f"axis {axes[0]}" if len(axes) == 1 else f"the axes {axes}"
            words = f"not summed over {which} of {tuple(ours.shape)}, which {name} does not have"
            yield candidate(0.45, "not-summed", name, words)
    for keep in (False, True):
        for axis in range(right.ndim):
            if same(ours, right.sum(axis, keepdim=keep)):
                yield candidate(0.4, "over-summed", name, f"summed over axis {axis}, which {name} has")
    if right.numel() > 1 and ours.numel() == 1 and same(ours.reshape(()), right.sum()):
        yield candidate(0.4, "over-summed", name, f"summed over everything, where {name} has axes")


def of_another(name: str, ours: Tensor, right: Mapping[str, Tensor]) -> Iterator[Candidate]:
    """The right gradient of another input in the place of this one's."""
    for other, gradient in right.items() if name in right else ():
        if other != name and same(ours, gradient) and not same(ours, right[name]):
            words = f"this is the gradient of {other}: look at the order in which gradients are returned"
            yield candidate(0.45, "swapped-factors", name, words)


def samples(name: str, ours: Tensor, each: Sequence[Tensor]) -> Iterator[Candidate]:
    """One sample's gradient in the place of the sum over the batch."""
    for number, text in ((0, "first"), (-1, "last")):
        if len(each) > 1 and same(ours, each[number]):
            words = f"only the {text} sample counts: not summed over the batch"
            yield candidate(0.6, "not-summed", name, words)


def parts(
    name: str, ours: Tensor, right: Tensor, each: Mapping[str, Tensor], summed: bool
) -> Iterator[Candidate]:
    """A part of the upstream gradient that is left out, or that is the only one to count.

    Args:
        name: the tensor whose gradient it is.
        ours: the gradient that backward gave.
        right: the right one.
        each: the right gradient for each part alone, by the part's description.
        summed: whether the gradient is a sum over the parts, as that of a parameter is.
    """
    for text, alone in each.items():
        if same(alone, right) or not bool(alone.any()):
            continue
        if same(ours, right - alone):
            yield candidate(0.65, "missing-term", name, f"what comes by {text} is left out")
        elif same(ours, alone):
            kind = "not-summed" if summed else "missing-term"
            yield candidate(0.65, kind, name, f"only what comes by {text} counts")


def diagonal(
    name: str, ours: Tensor, right: Tensor, jacobian_diagonal: Tensor, dy: Tensor
) -> Iterator[Candidate]:
    """The Jacobian's diagonal in the place of all of it."""
    alone = jacobian_diagonal * dy
    if same(ours, alone) and not same(alone, right):
        words = "only the diagonal of the Jacobian is left: each output depends on other inputs too"
        yield candidate(0.9, "missing-term", name, words)
