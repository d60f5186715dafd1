"""Random configurations of losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fuzz.configuration import Configuration
from fuzz.draw import DTYPES, KINDS, Draw
from fuzz.layers import Make, optional

REDUCTIONS = ("mean", "sum", "none")


def of_elements(name: str, **ranges: tuple[float, float]) -> Make:
    """A loss that takes each pair of a prediction and a target for itself."""

    def make(draw: Draw) -> Configuration:
        dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
        arguments = optional(draw, **{key: draw.number(*ends) for key, ends in ranges.items()})
        pair = draw.tensor(shape, dtype, kind), draw.tensor(shape, dtype, kind)
        return losing(draw, name, arguments, pair, kind)

    return make


def losing(
    draw: Draw,
    name: str,
    arguments: dict[str, Any],
    inputs: tuple[Tensor, ...],
    kind: str,
    of_elements: bool = True,
) -> Configuration:
    arguments = {"reduction": draw.one(*REDUCTIONS), **arguments}
    is_local = of_elements and arguments["reduction"] == "none"
    return Configuration(name, arguments, inputs, inputs[0].dtype, kind, draw.chance(0.5), is_local)


def poisson(draw: Draw) -> Configuration:
    dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
    arguments = optional(
        draw, log_input=draw.chance(0.5), full=draw.chance(0.5), eps=draw.one(1e-8, 1e-3, 1.0)
    )
    prediction, target = draw.tensor(shape, dtype, kind), draw.tensor(shape, dtype, kind).abs()
    if not arguments.get("log_input", True):
        prediction = prediction.abs()
    return losing(draw, "PoissonNLLLoss", arguments, (prediction, target), kind)


def weights(draw: Draw, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor | None:
    """Weights, some of them 0, of a shape that spreads over ``shape``."""
    if draw.chance(0.5):
        return None
    kept = shape[draw.random.randint(0, len(shape)) :]
    spread = [draw.one(1, size) for size in kept]
    weight = draw.numbers(spread, "ordinary").abs().to(dtype)
    return weight.masked_fill(draw.numbers(spread, "ordinary") > 1, 0)


def binary(name: str) -> Make:
    def make(draw: Draw) -> Configuration:
        dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
        prediction, target = draw.tensor(shape, dtype, kind), draw.tensor(shape, dtype, kind)
        target = target.nan_to_num().clamp(0, 1)
        arguments = {"weight": weights(draw, shape, dtype)}
        if name == "BCELoss" and draw.chance(0.98):
            prediction = draw.one(prediction.sigmoid(), prediction.clamp(0, 1))
        if name == "BCEWithLogitsLoss":
            arguments["pos_weight"] = weights(draw, shape, dtype)
        return losing(draw, name, arguments, (prediction, target), kind)

    return make


def of_classes(name: str) -> Make:
    def make(draw: Draw) -> Configuration:
        dtype, kind, classes = draw.one(*DTYPES), draw.one(*KINDS), draw.size()
        batch = () if draw.chance(0.2) else (draw.size(),)
        rest = draw.shape(most=2) if batch else ()
        prediction = draw.tensor((*batch, classes, *rest), dtype, kind)
        ignored = draw.one(-100, -1, 0, 1)
        weight = weights(draw, (classes,), dtype)
        weight = None if weight is None or weight.shape != (classes,) else weight
        arguments = {"weight": weight, **optional(draw, ignore_index=ignored)}
        target = draw.whole(0, max(classes - 1, 0), (*batch, *rest))
        at_random = draw.numbers(target.shape, "ordinary")
        target = torch.where(at_random > draw.one(1.0, -9.0), arguments.get("ignore_index", -100), target)
        if name == "CrossEntropyLoss":
            arguments |= optional(draw, label_smoothing=draw.one(0.0, 0.1, 1.0))
            if draw.chance(0.25):
                target = (
                    draw.numbers(prediction.shape, "ordinary").softmax(min(1, prediction.ndim - 1)).to(dtype)
                )
        return losing(draw, name, arguments, (prediction, target), kind, of_elements=False)

    return make


LOSSES: dict[str, Make] = {
    "MSELoss": of_elements("MSELoss"),
    "L1Loss": of_elements("L1Loss"),
    "HuberLoss": of_elements("HuberLoss", delta=(0.1, 3)),
    "SmoothL1Loss": of_elements("SmoothL1Loss", beta=(0, 3)),
    "PoissonNLLLoss": poisson,
    "BCELoss": binary("BCELoss"),
    "BCEWithLogitsLoss": binary("BCEWithLogitsLoss"),
    "NLLLoss": of_classes("NLLLoss"),
    "NLLLoss2d": of_classes("NLLLoss2d"),
    "CrossEntropyLoss": of_classes("CrossEntropyLoss"),
}
