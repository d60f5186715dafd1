"""Samples of a caller's as tensors: a sparse matrix stays one where the network and the sizes allow it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from plaingrad import nn
from plaingrad.data.sparse import from_scipy
from plaingrad.module import Module

NUMBERS_AT_ONCE = 1 << 23  # of a sparse matrix that is made dense, zeros included
LEAST_COLUMNS = 512  # with fewer, products that skip zeros save less than they cost
LARGEST_SHARE = 0.1  # of numbers other than 0, above which they do so too


def as_inputs(X: Any, module: Module, compiled: bool | None = None) -> Tensor:
    """A matrix as a tensor of the network's dtype, its memory shared where that is possible.

    Args:
        X: an array or a sparse matrix.
        module: the network.
        compiled: true for compiled networks, whose inputs are dense.
    """
    return sparse(X, module) if stays_sparse(X, module, compiled) else dense(X, module)


def stays_sparse(X: Any, module: Module, compiled: bool | None = None) -> bool:
    """True for a sparse matrix whose zeros the network can skip, and so many of them that it pays."""
    return (
        issparse(X)
        and not compiled
        and X.shape[1] >= LEAST_COLUMNS
        and X.nnz <= LARGEST_SHARE * X.shape[0] * X.shape[1]
        and all(type(layer) is nn.Linear for layer in module.input_layers())
    )


def sparse(X: Any, module: Module) -> Tensor:
    """A sparse matrix as a sparse tensor of the network's dtype."""
    like = next(iter(module.named_parameters()))[1].value
    return from_scipy(X).to(like.device, like.dtype)


def dense(X: Any, module: Module) -> Tensor:
    """A matrix as a dense tensor of the network's dtype, its memory shared where that is possible."""
    like = next(iter(module.named_parameters()))[1].value
    array = X.toarray() if issparse(X) else np.ascontiguousarray(X)
    if array.dtype not in (np.float32, np.float64):  # integers, other orders of bytes, longer numbers
        array = array.astype(np.float64)
    if array.flags.writeable:
        return torch.from_numpy(array).to(like.device, like.dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor is it written to
        return torch.from_numpy(array).to(like.device, like.dtype)


def blocks(X: Any, module: Module, compiled: bool | None = None) -> list[Any]:
    """The rows of a sparse matrix, as many at once as fit into little memory if they are made dense."""
    if not issparse(X):
        return [X]
    X = X.tocsr()
    if stays_sparse(X, module, compiled):
        return [X]
    rows = max(1, NUMBERS_AT_ONCE // X.shape[1])
    return [X[i : i + rows] for i in range(0, X.shape[0], rows)]
