"""Rows of the conformance table: losses."""

from __future__ import annotations

import math
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, normal, sizes
from plaingrad import nn

Pair = tuple[Tensor, Tensor]
reductions = st.sampled_from(["mean", "sum", "none"])
thresholds = st.floats(0.01, 10)
levels = st.floats(0.01, 0.99)
quantiles = levels | st.lists(levels, min_size=1, max_size=4).map(tuple)
shapes = st.lists(sizes, max_size=3).map(tuple)


def certain(*shape: int) -> st.SearchStrategy[Tensor]:
    """Numbers between 0 and 1, about a third of them 0 or 1 exactly."""
    return normal(*shape).map(lambda x: (0.5 * x + 0.5).clamp(0, 1))


def uncertain(*shape: int) -> st.SearchStrategy[Tensor]:
    """Numbers well inside 0..1."""
    return normal(*shape).map(lambda x: x.sigmoid())


@st.composite
def weights(draw: st.DrawFn, *shape: int) -> Tensor | None:
    return draw(st.none() | normal(*shape).map(lambda x: x.abs() + 0.1))


# Elementwise losses


@st.composite
def alike(draw: st.DrawFn, _: object) -> Pair:
    """A prediction and a target of one shape, equal at some places."""
    shape = draw(shapes)
    prediction, target = draw(normal(*shape, scale=2.0)), draw(normal(*shape, scale=2.0))
    return prediction, torch.where(draw(normal(*shape)) > 1, prediction, target)


@st.composite
def counts(draw: st.DrawFn, arguments: dict[str, Any]) -> Pair:
    """Rates or their logarithms, and counts, whole or not: about a third 0, and some above 1."""
    shape = draw(shapes)
    drawn, target = draw(normal(*shape)), draw(normal(*shape, scale=3.0)).clamp(min=0)
    return drawn if arguments["log_input"] else drawn.exp(), draw(st.sampled_from([target, target.round()]))


@st.composite
def columns(draw: st.DrawFn, arguments: dict[str, Any]) -> Pair:
    """As `alike`, with a column for each quantile."""
    pair = draw(alike(arguments))
    quantile = arguments["quantile"]
    if isinstance(quantile, float):
        return pair
    repeated = [x.unsqueeze(-1).expand(*x.shape, len(quantile)).clone() for x in pair]
    return repeated[0] + draw(normal(*repeated[0].shape)).round(), repeated[1]


# The weights are drawn before the inputs, so they fix what the last axis must be.
@st.composite
def binary_arguments(draw: st.DrawFn, *names: str) -> dict[str, Any]:
    columns = draw(sizes)
    shape = draw(st.sampled_from([(columns,), (1, columns), (3, columns), (3, 1), (1,), ()]))
    given = {name: draw(weights(*shape)) for name in names}
    return {"reduction": draw(reductions), **given}


@st.composite
def binary(draw: st.DrawFn, arguments: dict[str, Any], prediction: Any) -> Pair:
    given = [w.shape for name in ("weight", "pos_weight") if (w := arguments.get(name)) is not None]
    if given:
        least = torch.broadcast_shapes(*given)
        ones = [n if n > 1 else draw(sizes) for n in least]
        shape = tuple(ones) if len(least) == 2 else draw(st.sampled_from([(), (2,), (2, 3)])) + tuple(ones)
    else:
        shape = draw(shapes)
    return draw(prediction(*shape)), draw(certain(*shape))


# Losses over classes


@st.composite
def class_arguments(draw: st.DrawFn, smoothing: bool) -> dict[str, Any]:
    arguments = {
        "weight": draw(st.integers(1, 4).flatmap(lambda classes: weights(classes))),
        "ignore_index": draw(st.sampled_from([-100, -1, 0, 1])),
        "reduction": draw(reductions),
    }
    if smoothing:
        arguments["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 1.0]))
    return arguments


@st.composite
def classes(draw: st.DrawFn, arguments: dict[str, Any], probabilities: bool = False) -> Pair:
    """Scores, batched, unbatched or with more axes, and targets of which some, or all, are ignored."""
    weight = arguments["weight"]
    count = draw(st.integers(1, 4)) if weight is None else len(weight)
    rest = draw(st.lists(st.integers(1, 3), max_size=2).map(tuple))
    batch = draw(st.sampled_from([(), (1,), (4,)]))
    if not batch:
        rest = ()
    scores = draw(normal(*batch, count, *rest, scale=3.0))
    if probabilities and arguments["ignore_index"] < 0 and draw(st.booleans()):
        return scores, draw(normal(*scores.shape)).softmax(min(1, scores.ndim - 1))
    allowed = st.sampled_from([*range(count), arguments["ignore_index"]]).filter(
        lambda i: 0 <= i < count or i == arguments["ignore_index"]
    )
    size = torch.Size(batch + rest).numel()
    indices = draw(st.lists(allowed, min_size=size, max_size=size))
    return scores, torch.tensor(indices).reshape(batch + rest)


# What torch.nn has not, and what numbers are allowed


class TorchQuantileLoss(torch.nn.Module):
    def __init__(self, quantile: float | tuple[float, ...] = 0.5, reduction: str = "mean") -> None:
        super().__init__()
        self.quantile = quantile
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        q, error = prediction.new_tensor(self.quantile), prediction - target
        losses = torch.where(error > 0, 1 - q, q) * error.abs()
        return losses if self.reduction == "none" else getattr(losses, self.reduction)()


def probabilities(_: object, pair: Pair) -> Pair:
    prediction, target = (x.clamp(0, 1).nan_to_num(0.5) for x in pair)
    return prediction, target


def with_finite_targets(_: object, pair: Pair) -> Pair:
    """Any logits, and finite targets: of infinite ones torch gives what comes of its order of terms."""
    return pair[0], pair[1].nan_to_num(0.0, 1.0, 0.0)


def with_counts(_: object, pair: Pair) -> Pair:
    return pair[0], pair[1].abs().nan_to_num(1.0, posinf=math.inf)


CASES = [
    Case(
        ours=nn.MSELoss,
        theirs=torch.nn.MSELoss,
        arguments=st.fixed_dictionaries({"reduction": reductions}),
        inputs=alike,
    ),
    Case(
        ours=nn.L1Loss,
        theirs=torch.nn.L1Loss,
        arguments=st.fixed_dictionaries({"reduction": reductions}),
        inputs=alike,
    ),
    Case(
        ours=nn.HuberLoss,
        theirs=torch.nn.HuberLoss,
        arguments=st.fixed_dictionaries({"reduction": reductions, "delta": thresholds}),
        inputs=alike,
    ),
    Case(
        ours=nn.SmoothL1Loss,
        theirs=torch.nn.SmoothL1Loss,
        arguments=st.fixed_dictionaries({"reduction": reductions, "beta": st.just(0.0) | thresholds}),
        inputs=alike,
    ),
    Case(
        ours=nn.PoissonNLLLoss,
        theirs=torch.nn.PoissonNLLLoss,
        arguments=st.fixed_dictionaries(
            {
                "log_input": st.booleans(),
                "full": st.booleans(),
                "eps": st.floats(1e-9, 1),
                "reduction": reductions,
            }
        ),
        inputs=counts,
        within=with_counts,
    ),
    Case(
        ours=nn.QuantileLoss,
        theirs=TorchQuantileLoss,
        arguments=st.fixed_dictionaries({"quantile": quantiles, "reduction": reductions}),
        inputs=columns,
    ),
    Case(
        ours=nn.BCELoss,
        theirs=torch.nn.BCELoss,
        arguments=binary_arguments("weight"),
        inputs=lambda arguments: binary(arguments, uncertain),
        within=probabilities,
    ),
    Case(
        ours=nn.BCEWithLogitsLoss,
        theirs=torch.nn.BCEWithLogitsLoss,
        arguments=binary_arguments("weight", "pos_weight"),
        inputs=lambda arguments: binary(arguments, normal),
        within=with_finite_targets,
    ),
    Case(
        ours=nn.NLLLoss,
        theirs=torch.nn.NLLLoss,
        arguments=class_arguments(smoothing=False),
        inputs=classes,
    ),
    Case(
        ours=nn.NLLLoss2d,
        theirs=torch.nn.NLLLoss2d,
        arguments=class_arguments(smoothing=False),
        inputs=classes,
    ),
    Case(
        ours=nn.CrossEntropyLoss,
        theirs=torch.nn.CrossEntropyLoss,
        arguments=class_arguments(smoothing=True),
        inputs=lambda arguments: classes(arguments, probabilities=True),
    ),
]
