"""Rows of the conformance table: losses of distributions."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from conformance.losses import reductions, shapes
from plaingrad import nn


@st.composite
def distributions(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Log-probabilities, and probabilities above 0 or their logarithms; neither need sum to 1."""
    shape = draw(shapes)
    target = draw(normal(*shape))
    return draw(normal(*shape)), target if arguments["log_target"] else target.exp()


@st.composite
def uncertain(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Means, targets, and variances in any shape that spreads over theirs."""
    shape = draw(st.lists(sizes, max_size=3))
    spread = [shape, shape[:-1]] + [[*shape[:k], 1, *shape[k + 1 :]] for k in range(len(shape))]
    var = draw(normal(*draw(st.sampled_from(spread))).map(lambda x: x.abs() + arguments["eps"] + 0.1))
    return draw(normal(*shape, scale=2.0)), draw(normal(*shape, scale=2.0)), var


def with_probabilities(arguments: Arguments, inputs: Inputs) -> Inputs:
    x, target = inputs
    return x, target if arguments["log_target"] else target.abs()


def with_variances(_: object, inputs: Inputs) -> Inputs:
    mean, target, var = inputs
    return mean, target, var.abs()


CASES = [
    Case(
        ours=nn.KLDivLoss,
        theirs=torch.nn.KLDivLoss,
        arguments=st.fixed_dictionaries(
            {"reduction": reductions | st.just("batchmean"), "log_target": st.booleans()}
        ),
        inputs=distributions,
        within=with_probabilities,
    ),
    Case(
        ours=nn.GaussianNLLLoss,
        theirs=torch.nn.GaussianNLLLoss,
        arguments=st.fixed_dictionaries(
            {"full": st.booleans(), "eps": st.floats(1e-9, 1), "reduction": reductions}
        ),
        inputs=uncertain,
        within=with_variances,
    ),
]
