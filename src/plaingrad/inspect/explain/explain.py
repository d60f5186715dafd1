"""Explanations of what a module computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from plaingrad import nn
from plaingrad.contract.nest import brief
from plaingrad.errors import InputError
from plaingrad.inspect.explain.explanation import Explanation, Section
from plaingrad.inspect.explain.inner import inside
from plaingrad.inspect.explain.registry import explainer
from plaingrad.inspect.explain.rules import updates
from plaingrad.inspect.explain.selection import Selection, first, is_time_first, select
from plaingrad.inspect.record import Call, Trace
from plaingrad.module import Module


def explain(
    trace: Trace, path: str, sample: int = 0, unit: int | Sequence[int] | None = None, use: int = 0
) -> Explanation:
    """Write out what a module computed in a recorded step: its equations, and the numbers in them.

    In the formulas indices count from 1, and sums of more than eight terms are shortened in the middle.

    Args:
        trace: what `record` returned.
        path: where the module stands in the network, as in the record; "loss" for the loss.
        sample: which sample of the batch, from 0.
        unit: the index of an element of that sample's output, of a loss of its prediction, from 0; the first
            if None.
        use: which call, if the module was called several times.

    Returns:
        The `Explanation`: print it, or let a notebook show it.

    Raises:
        InputError: there is no such path, sample or unit.
    """
    if not isinstance(trace, Trace):
        raise InputError(f"trace: expected what record(...) returns, got {brief(trace)}")
    call = trace.find(path, use)
    selected = select(trace, call, sample, unit)
    function = unexplained if is_single(call) else explainer(type(call.module)) or unexplained
    sections = [*function(selected), *updates(selected)]
    return Explanation(f"{call.name}, {row_name(selected)} {sample}", call.equations, sections)


def is_single(call: Call) -> bool:
    """True if the first input is a single number, which has no batch, and its module sees elements alone."""
    x = first(call.inputs)
    return isinstance(x, Tensor) and x.ndim == 0


def row_name(selected: Selection) -> str:
    """The word for what is looked at: "row" where a module sees others than samples, as within attention."""
    root = selected.trace.calls[0]
    y, whole = first(selected.call.outputs), first(root.outputs)
    if not isinstance(y, Tensor) or not isinstance(whole, Tensor) or not y.ndim or not whole.ndim:
        return "sample"
    samples = whole.shape[1 if whole.ndim == 3 and is_time_first(selected.trace, root) else 0]
    return "sample" if y.shape[selected.axis] == samples else "row"


def unexplained(selected: Selection) -> Iterator[Section]:
    """A word on modules without formulas for their numbers."""
    module = selected.call.module
    paths = ", ".join(dict.fromkeys(repr(call.path) for call in inside(selected)))
    if is_single(selected.call) and explainer(type(module)):
        yield Section("numbers", note="Of a single number, without a batch, the record has the results.")
    elif type(module) in WORDS:
        yield Section("numbers", note=WORDS[type(module)])
    elif paths:
        yield Section("inside", note=f"It hands its numbers to the modules inside it: explain {paths}.")
    else:
        note = "Its numbers are not written out term by term; the record has all of them."
        yield Section("numbers", note=note)


WORDS: dict[type[Module], str] = {
    nn.LinearCrossEntropyLoss: "It is a Linear and a CrossEntropyLoss in one: explain these two.",
    nn.Size: "It is a number of elements along an axis, and has no gradient.",
    nn.Arange: "It counts from its start to its end, and has no gradient.",
}
"""Sentences for classes without formulas."""
