"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from plaingrad.optim.optimizer import Optimizer
from plaingrad.parameter import Parameter


class SGD(Optimizer):
    def __init__(self, params: Iterable[Parameter], lr: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr})

    def update(self, value: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        value.add_(grad, alpha=-group["lr"])
