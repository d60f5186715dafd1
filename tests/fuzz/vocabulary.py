"""Random configurations of losses over very many classes, with parameters of their own."""

from __future__ import annotations

import torch

from fuzz.configuration import Configuration
from fuzz.draw import DTYPES, KINDS, Draw
from fuzz.layers import Make, optional
from fuzz.losses import REDUCTIONS


def adaptive(draw: Draw) -> Configuration:
    dtype, kind = draw.one(*DTYPES), draw.one(*KINDS)
    cutoffs = sorted(draw.random.sample(range(1, 9), draw.random.randint(1, 3)))
    classes, features = cutoffs[-1] + draw.one(1, 2, 5), draw.one(1, 3, 9)
    arguments = optional(draw, div_value=draw.one(1.0, 1.25, 4.0), head_bias=draw.chance(0.5))
    batch = () if draw.chance(0.2) else (draw.one(1, 2, 7),)
    target = draw.whole(0, classes - 1 + draw.chance(0.02), batch)
    arguments |= {"in_features": features, "n_classes": classes, "cutoffs": cutoffs}
    inputs = draw.tensor((*batch, features), dtype, kind), target
    return Configuration("AdaptiveLogSoftmaxWithLoss", arguments, inputs, dtype, kind, draw.chance(0.5))


def linear(draw: Draw) -> Configuration:
    dtype, kind, classes = draw.one(*DTYPES), draw.one(*KINDS), draw.one(1, 2, 3, 7)
    features, rest = draw.one(1, 2, 5), draw.one((), (), (2,), (1, 3))
    arguments = {
        "in_features": features,
        "num_classes": classes,
        "reduction": draw.one(*REDUCTIONS),
        **optional(
            draw,
            out_features=rest,
            bias=draw.chance(0.5),
            label_smoothing=draw.one(0.0, 0.2, 1.0),
            weight=draw.numbers((classes,), "ordinary").abs().to(dtype),
        ),
    }
    rest = arguments.get("out_features", ())
    batch = (draw.one(1, 2, 5),) if rest or draw.chance(0.7) else ()
    if draw.chance(0.3):
        target = draw.numbers((*batch, classes, *rest), "ordinary").softmax(len(batch)).to(dtype)
    else:
        arguments |= optional(draw, ignore_index=draw.one(-100, 0, classes - 1))
        target = draw.whole(0, classes - 1, (*batch, *rest))
        if arguments.get("ignore_index") is not None:
            target = target.masked_fill(
                torch.rand(target.shape, generator=draw.generator) < 0.2, arguments["ignore_index"]
            )
    inputs = draw.tensor((*batch, features), dtype, kind), target
    return Configuration("LinearCrossEntropyLoss", arguments, inputs, dtype, kind, draw.chance(0.5))


VOCABULARY: dict[str, Make] = {"AdaptiveLogSoftmaxWithLoss": adaptive, "LinearCrossEntropyLoss": linear}
