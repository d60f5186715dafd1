"""Rows of the conformance table: losses with a margin."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, normal, sizes
from conformance.losses import certain, reductions, shapes, weights, with_finite_targets
from plaingrad import nn

margins = st.sampled_from([0.0, 0.3, 1.0, -0.5])


@st.composite
def labels(draw: st.DrawFn, *shape: int) -> Tensor:
    """1 and -1, and sometimes 0; as integers or not."""
    drawn = draw(normal(*shape, scale=draw(st.sampled_from([1.0, 100.0]))))
    return draw(st.sampled_from([drawn.clamp(-1, 1).round(), drawn.clamp(-1, 1).round().long()]))


def as_labels(_: object, inputs: Inputs) -> Inputs:
    """The last input consists of 1, -1 and 0 again."""
    *others, target = inputs
    return *others, target.nan_to_num().sign()


@st.composite
def labelled(draw: st.DrawFn, _: object) -> Inputs:
    shape = draw(shapes)
    return draw(normal(*shape, scale=2.0)), draw(labels(*shape))


@st.composite
def ranked(draw: st.DrawFn, _: object) -> Inputs:
    """Two scores, equal at some places."""
    shape = draw(shapes)
    first, second = draw(normal(*shape)), draw(normal(*shape))
    return first, torch.where(draw(normal(*shape)) > 1, first, second), draw(labels(*shape))


@st.composite
def vectors(draw: st.DrawFn, _: object) -> Inputs:
    batch = draw(st.sampled_from([[], [1], [4]]))
    shape = [*batch, draw(sizes)]
    return draw(normal(*shape)), draw(normal(*shape)), draw(labels(*batch))


@st.composite
def multi_margin(draw: st.DrawFn) -> Arguments:
    return {
        "p": draw(st.sampled_from([1, 2])),
        "margin": draw(margins),
        "weight": draw(st.integers(1, 4).flatmap(lambda classes: weights(classes))),
        "reduction": draw(reductions),
    }


@st.composite
def indexed(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Scores, batched or not, and the class of each sample."""
    weight = arguments["weight"]
    count = draw(st.integers(1, 4)) if weight is None else len(weight)
    batch, target = draw(st.sampled_from([([], []), ([], [1]), ([1], [1]), ([4], [4])]))
    indices = st.lists(st.integers(0, count - 1), min_size=4, max_size=4)
    own = torch.tensor(draw(indices))[: torch.Size(target).numel()].reshape(target)
    scores = draw(normal(*batch, count, scale=2.0))
    if count == 1 and weight is None and not batch and draw(st.booleans()):
        scores = scores.squeeze(0)
    return scores, own


@st.composite
def several(draw: st.DrawFn, _: object) -> Inputs:
    """Scores, and in each row some classes, also repeated ones, up to the first -1."""
    shape = draw(st.sampled_from([[], [1], [4]]).flatmap(lambda b: sizes.map(lambda c: [*b, c])))
    shape = draw(st.sampled_from([shape] * 9 + [[]]))
    scores, last = draw(normal(*shape, scale=2.0)), (shape or [1])[-1] - 1
    size = torch.Size(shape).numel()
    indices = draw(st.lists(st.integers(-1, last) | st.integers(0, last), min_size=size, max_size=size))
    return scores, torch.tensor(indices).reshape(shape)


# The weights are drawn before the inputs, so they fix what the last axis must be.
@st.composite
def soft(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    weight = arguments["weight"]
    count = draw(sizes) if weight is None else len(weight)
    shape = [*draw(st.sampled_from([[], [1], [4], [2, 3]])), count]
    target = draw(certain(*shape))
    return draw(normal(*shape)), draw(st.sampled_from([target, target.round().long()]))


@st.composite
def triplets(draw: st.DrawFn, _: object) -> Inputs:
    """An anchor, a positive and a negative example; of some triplets two are equal."""
    shape = [*draw(st.sampled_from([[], [1], [4], [2, 2]])), draw(sizes)]
    anchor, positive, negative = (draw(normal(*shape, scale=0.7)) for _ in range(3))
    return anchor, positive, torch.where(draw(normal(*shape[:-1], 1)) > 1, positive, negative)


def triplet(**others: st.SearchStrategy[object]) -> st.SearchStrategy[Arguments]:
    return st.fixed_dictionaries(
        {"margin": st.floats(0.1, 2), "swap": st.booleans(), "reduction": reductions, **others}
    )


orders = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, math.inf])

CASES = [
    Case(
        ours=nn.SoftMarginLoss,
        theirs=torch.nn.SoftMarginLoss,
        arguments=st.fixed_dictionaries({"reduction": reductions}),
        inputs=labelled,
        within=as_labels,
    ),
    Case(
        ours=nn.HingeEmbeddingLoss,
        theirs=torch.nn.HingeEmbeddingLoss,
        arguments=st.fixed_dictionaries({"margin": margins, "reduction": reductions}),
        inputs=labelled,
        within=as_labels,
    ),
    Case(
        ours=nn.MarginRankingLoss,
        theirs=torch.nn.MarginRankingLoss,
        arguments=st.fixed_dictionaries({"margin": margins, "reduction": reductions}),
        inputs=ranked,
        within=as_labels,
    ),
    Case(
        ours=nn.CosineEmbeddingLoss,
        theirs=torch.nn.CosineEmbeddingLoss,
        arguments=st.fixed_dictionaries({"margin": margins, "reduction": reductions}),
        inputs=vectors,
        within=as_labels,
    ),
    Case(
        ours=nn.TripletMarginLoss,
        theirs=torch.nn.TripletMarginLoss,
        arguments=triplet(p=orders, eps=st.sampled_from([1e-6, 0.1])),
        inputs=triplets,
    ),
    Case(
        ours=nn.TripletMarginWithDistanceLoss,
        theirs=torch.nn.TripletMarginWithDistanceLoss,
        arguments=triplet(),
        inputs=triplets,
    ),
    Case(ours=nn.MultiMarginLoss, theirs=torch.nn.MultiMarginLoss, arguments=multi_margin(), inputs=indexed),
    Case(
        ours=nn.MultiLabelMarginLoss,
        theirs=torch.nn.MultiLabelMarginLoss,
        arguments=st.fixed_dictionaries({"reduction": reductions}),
        inputs=several,
    ),
    Case(
        ours=nn.MultiLabelSoftMarginLoss,
        theirs=torch.nn.MultiLabelSoftMarginLoss,
        arguments=st.fixed_dictionaries(
            {"weight": sizes.flatmap(lambda classes: weights(classes)), "reduction": reductions}
        ),
        inputs=soft,
        within=lambda arguments, inputs: (
            inputs if inputs[1].dtype == torch.int64 else with_finite_targets(arguments, inputs)
        ),
    ),
]
