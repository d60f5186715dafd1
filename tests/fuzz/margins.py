"""Random configurations of losses of labels, pairs and distributions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fuzz.configuration import Configuration
from fuzz.draw import DTYPES, KINDS, Draw
from fuzz.layers import Make, optional
from fuzz.losses import REDUCTIONS, losing, weights


def labels(draw: Draw, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    drawn = draw.numbers(shape, "ordinary")
    return draw.one(drawn.sign(), drawn.round().clamp(-1, 1)).to(draw.one(dtype, dtype, torch.int64))


def of_labels(name: str, inputs: int = 1, has_margin: bool = True) -> Make:
    """A loss of labels for numbers, or for pairs of them."""

    def make(draw: Draw) -> Configuration:
        dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
        numbers = [draw.tensor(shape, dtype, kind) for _ in range(inputs)]
        arguments = optional(draw, margin=draw.number(-1, 2)) if has_margin else {}
        return losing(draw, name, arguments, (*numbers, labels(draw, shape, dtype)), kind)

    return make


def cosine(draw: Draw) -> Configuration:
    dtype, kind, batch = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=1)
    pair = [draw.tensor((*batch, draw.random.randint(0, 5)), dtype, kind)]
    pair.append(draw.tensor(pair[0].shape, dtype, kind))
    arguments = optional(draw, margin=draw.number(-1, 1))
    inputs = (*pair, labels(draw, batch, dtype))
    return losing(draw, "CosineEmbeddingLoss", arguments, inputs, kind, of_elements=False)


def divergence(draw: Draw) -> Configuration:
    dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
    log_target = draw.chance(0.5)
    target = draw.tensor(shape, dtype, kind)
    target = target if log_target else target.abs()
    arguments = {"log_target": log_target, "reduction": draw.one(*REDUCTIONS, "batchmean")}
    return losing(draw, "KLDivLoss", arguments, (draw.tensor(shape, dtype, kind), target), kind)


def gaussian(draw: Draw) -> Configuration:
    dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
    k = draw.random.randrange(max(len(shape), 1))
    var = draw.tensor(draw.one(shape, shape[:-1], (*shape[:k], 1, *shape[k + 1 :])), dtype, kind).abs()
    pair = draw.tensor(shape, dtype, kind), draw.tensor(shape, dtype, kind)
    arguments = optional(draw, full=draw.chance(0.5), eps=draw.one(1e-6, 1e-3, 1.0))
    return losing(draw, "GaussianNLLLoss", arguments, (*pair, var), kind, of_elements=False)


def multi_margin(draw: Draw) -> Configuration:
    dtype, kind, classes = draw.one(*DTYPES), draw.one(*KINDS), draw.size()
    batch, target = draw.one(((), ()), ((), (1,)), ((size := draw.size(),), (size,)))
    weight = weights(draw, (classes,), dtype)
    weight = None if weight is None or weight.shape != (classes,) else weight
    arguments = {"weight": weight, **optional(draw, p=draw.one(1, 2), margin=draw.number(-1, 2))}
    indices = draw.whole(0, max(classes - 1, 0) + draw.chance(0.02), target)
    inputs = draw.tensor((*batch, classes), dtype, kind), indices
    return losing(draw, "MultiMarginLoss", arguments, inputs, kind, of_elements=False)


def multi_label_margin(draw: Draw) -> Configuration:
    dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=2)
    indices = draw.whole(-1, max(shape[-1] if shape else 1, 1) - 1 + draw.chance(0.02), shape)
    inputs = draw.tensor(shape, dtype, kind), indices
    return losing(draw, "MultiLabelMarginLoss", {}, inputs, kind, of_elements=False)


def multi_label_soft_margin(draw: Draw) -> Configuration:
    dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
    target = draw.tensor(shape, dtype, kind).nan_to_num().clamp(0, 1)
    target = draw.one(target, target, target.round().long())
    arguments = {"weight": weights(draw, shape, dtype)}
    inputs = draw.tensor(shape, dtype, kind), target
    return losing(draw, "MultiLabelSoftMarginLoss", arguments, inputs, kind, of_elements=False)


def triplet(name: str) -> Make:
    def make(draw: Draw) -> Configuration:
        dtype, kind, shape = draw.one(*DTYPES), draw.one(*KINDS), draw.shape(most=3)
        inputs = tuple(draw.tensor(shape, dtype, kind) for _ in range(3))
        arguments = optional(draw, margin=draw.number(0.1, 2), swap=draw.chance(0.5))
        if name == "TripletMarginLoss":
            arguments |= optional(
                draw, p=draw.one(0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf), eps=draw.number(0, 0.1)
            )
        return losing(draw, name, arguments, inputs, kind, of_elements=False)

    return make


def ctc(draw: Draw) -> Configuration:
    """Targets without blanks, all of one length where they stand one after another."""
    dtype, kind = draw.one(*DTYPES), draw.one(*KINDS)
    batch, steps, classes = draw.one((), (1,), (3,)), draw.size(least=1), draw.one(2, 3, 5)
    blank, longest, count = draw.random.randrange(classes), draw.random.randint(0, 4), math.prod(batch)
    targets = (draw.whole(1, classes - 1, (count, longest)) + blank) % classes
    sizes = draw.whole(0, longest, (count,))
    if not batch or draw.chance(0.3):
        targets, sizes = targets.view(-1), torch.full((count,), longest)
    ends = draw.whole(0, steps, (count,)).view(batch)
    inputs = draw.tensor((steps, *batch, classes), dtype, kind), targets, ends, sizes.view(batch)
    arguments = {"blank": blank, "zero_infinity": draw.chance(0.9)}
    return losing(draw, "CTCLoss", arguments, inputs, kind, of_elements=False)


MARGINS: dict[str, Make] = {
    "SoftMarginLoss": of_labels("SoftMarginLoss", has_margin=False),
    "HingeEmbeddingLoss": of_labels("HingeEmbeddingLoss"),
    "MarginRankingLoss": of_labels("MarginRankingLoss", inputs=2),
    "CosineEmbeddingLoss": cosine,
    "TripletMarginLoss": triplet("TripletMarginLoss"),
    "TripletMarginWithDistanceLoss": triplet("TripletMarginWithDistanceLoss"),
    "CTCLoss": ctc,
    "KLDivLoss": divergence,
    "GaussianNLLLoss": gaussian,
    "MultiMarginLoss": multi_margin,
    "MultiLabelMarginLoss": multi_label_margin,
    "MultiLabelSoftMarginLoss": multi_label_soft_margin,
}
