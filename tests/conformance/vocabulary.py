"""Rows of the conformance table: losses over very many classes, with parameters of their own."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, seeds, sizes
from plaingrad import nn


@st.composite
def clusters(draw: st.DrawFn) -> Arguments:
    cutoffs = sorted(draw(st.sets(st.integers(1, 8), min_size=1, max_size=3)))
    features, factors = draw(st.sampled_from([(3, [1.0, 1.25]), (9, [1.5, 2.0])]))  # some for each cluster
    return {
        "in_features": features,
        "n_classes": cutoffs[-1] + draw(sizes),
        "cutoffs": cutoffs,
        "div_value": draw(st.sampled_from(factors)),
        "head_bias": draw(st.booleans()),
    }


@st.composite
def clustered(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    batch = draw(st.sampled_from([[], [1], [6]]))
    generator = torch.Generator().manual_seed(draw(seeds))
    target = torch.randint(arguments["n_classes"], batch, generator=generator)
    return draw(normal(*batch, arguments["in_features"])), target


@st.composite
def linear(draw: st.DrawFn) -> Arguments:
    classes = draw(sizes)
    drawn = {
        "in_features": draw(sizes),
        "num_classes": classes,
        "out_features": draw(st.sampled_from([(), (2,), (1, 2)])),
        "bias": draw(st.booleans()),
        "reduction": draw(st.sampled_from(["mean", "sum", "none"])),
        "label_smoothing": draw(st.sampled_from([0.0, 0.2])),
    }
    if draw(st.booleans()):
        drawn["weight"] = draw(normal(classes)).abs() + 0.1
    if draw(st.booleans()):
        drawn["ignore_index"] = draw(st.integers(0, classes - 1))
    return drawn


@st.composite
def scored(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Class indices, or probabilities where there is no index to ignore."""
    classes, rest = arguments["num_classes"], arguments["out_features"]
    batch = [draw(sizes)] if rest or draw(st.booleans()) else []
    x = draw(normal(*batch, arguments["in_features"]))
    if "ignore_index" not in arguments and draw(st.booleans()):
        return x, draw(normal(*batch, classes, *rest)).abs()
    generator = torch.Generator().manual_seed(draw(seeds))
    return x, torch.randint(classes, [*batch, *rest], generator=generator)


CASES = [
    Case(
        nn.AdaptiveLogSoftmaxWithLoss,
        theirs=torch.nn.AdaptiveLogSoftmaxWithLoss,
        arguments=clusters(),
        inputs=clustered,
    ),
    Case(
        nn.LinearCrossEntropyLoss,
        theirs=torch.nn.LinearCrossEntropyLoss,
        arguments=linear(),
        inputs=scored,
    ),
]
