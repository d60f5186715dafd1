"""Layers that change the shape, or take parts and join them."""

from plaingrad.nn.shape.axes import Arange, Expand, Permute, Reshape, Size, Squeeze, Transpose, Unsqueeze
from plaingrad.nn.shape.flatten import Flatten
from plaingrad.nn.shape.join import Concatenate, Stack
from plaingrad.nn.shape.select import Select
from plaingrad.nn.shape.split import Chunk, Split
from plaingrad.nn.shape.unflatten import Unflatten

__all__ = [
    "Arange",
    "Chunk",
    "Concatenate",
    "Expand",
    "Flatten",
    "Permute",
    "Reshape",
    "Select",
    "Size",
    "Split",
    "Squeeze",
    "Stack",
    "Transpose",
    "Unflatten",
    "Unsqueeze",
]
