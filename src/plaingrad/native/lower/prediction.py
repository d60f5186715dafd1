"""A network in evaluation mode as a generated source."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from plaingrad.module import Module
from plaingrad.native.lower.layers import Shape, flat
from plaingrad.native.lower.program import chained, described, element_type, lower_network, opening
from plaingrad.native.lower.source import INDICES, Source
from plaingrad.nn import ColumnEmbedding, Embedding
from plaingrad.parameter import Buffer, Parameter

ROWS = 32  # that go through a network at once, if there are so many


@dataclass(frozen=True)
class Prediction:
    """A network in evaluation mode as C++.

    Attributes:
        source: the text to compile.
        tensors: the parameters and buffers in the order in which the network visits them.
        table: what the inputs are indices of, int64; None if they are numbers.
        last_codes: the last code in each column of codes among the numbers.
    """

    source: str
    tensors: list[Parameter | Buffer]
    table: Embedding | None
    last_codes: dict[int, int]


def lower_prediction(model: Module, shape: Shape) -> Prediction:
    """The program that predicts for samples of this shape.

    Raises:
        NotLoweredError: something in the network is not known to the kernels.
    """
    first = next(iter(flat(model)), None)
    table = first if type(first) is Embedding else None
    source = Source({}, indices=INDICES[torch.int64] if table else "", training=False)
    element = element_type(model)
    types, _ = lower_network(model, shape, source)
    text = f"""{opening(f"{described(model)}; predictions, {element}", source, "run/predictor.hpp")}
template <class Setting> using Network = {chained(types)};

using Run = Predictor<Network<Evaluation<{element}, 1>>, Network<Evaluation<{element}, {ROWS}>>>;
typedef Run::InputElement InputElement;
typedef Run::T T;

extern "C" Word size() {{ return sizeof(Run); }}
extern "C" void read(void* memory, T* const* tensors) {{ object_at<Run>(memory).read(tensors); }}
extern "C" void row(void* memory, const InputElement* input) {{ object_at<Run>(memory).row(input); }}
extern "C" void rows(void* memory, const InputElement* inputs, T* outputs, Whole count) {{
    object_at<Run>(memory).rows(inputs, outputs, count);
}}
"""
    columns = first.columns if type(first) is ColumnEmbedding else {}
    last_codes = {column: table.num_embeddings - 1 for column, table in columns.items()}
    return Prediction(text, source.tensors, table, last_codes)
