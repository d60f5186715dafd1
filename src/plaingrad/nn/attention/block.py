"""The parts that the layers of encoder and decoder have in common."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor

from plaingrad.contract.nest import added
from plaingrad.module import Module, ModuleError
from plaingrad.nn.activation.gelu import GELU
from plaingrad.nn.activation.relu import ReLU
from plaingrad.nn.attention.masks import Mask
from plaingrad.nn.attention.multihead import MultiheadAttention
from plaingrad.nn.container.collections import ModuleList
from plaingrad.nn.dropout.dropout import Dropout
from plaingrad.nn.linear.linear import Linear


class Block(Module):
    """The base class of a layer of attention and of a feed-forward network, with a shortcut around each."""

    linear1: Linear
    dropout: Dropout
    linear2: Linear
    activation: Module

    def _attention(
        self,
        attention: MultiheadAttention,
        x: Tensor,
        memory: Tensor,
        mask: Mask,
        padding: Mask,
        causal: bool,
    ) -> Tensor:
        y, _ = attention.forward(x, memory, memory, padding, False, mask, True, causal)
        return y

    def _attention_backward(self, attention: MultiheadAttention, dy: Tensor) -> tuple[Any, Any, Any, Any]:
        """The gradients of the queries, of keys and values, of the mask and of the mask of padding."""
        dx, dkey, dvalue, dpadding, _, dmask, _, _ = attention.backward(dy)
        return dx, added(dkey, dvalue), dmask, dpadding

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.activation.forward(self.linear1.forward(x))
        return self.linear2.forward(self.dropout.forward(hidden))

    def _feed_forward_backward(self, dy: Tensor) -> Any:
        dhidden: Any = self.linear2.backward(dy)
        dhidden = self.activation.backward(self.dropout.backward(dhidden))
        dx: Any = self.linear1.backward(dhidden)
        return dx


def activation_of(module: Module, activation: str | Module) -> Module:
    """The module of an activation that is named, or is one already."""
    if isinstance(activation, Module):
        return activation
    if activation not in ("relu", "gelu"):
        raise ModuleError(module, f"expected activation 'relu', 'gelu' or a Module, got {activation!r}")
    return ReLU() if activation == "relu" else GELU()


def copies(module: Module, layer: Module, count: int) -> ModuleList:
    """So many copies of a layer, which begin with its numbers."""
    if count < 1:
        raise ModuleError(module, f"expected num_layers of 1 or more, got {count}")
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])
