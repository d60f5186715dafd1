"""Small networks in which every explained class occurs: the class, then a network, a batch and a loss."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plaingrad import Module, nn
from plaingrad.inspect import Trace, record
from plaingrad.optim import Optimizer

Setting = tuple[Module, Any, Any, nn.Loss]


class Around(Module):
    """A module with a factor of its own before it, so that its input has a gradient."""

    def __init__(self, inner: Module, pick: bool = False, in_evaluation: bool = False) -> None:
        self.inner, self.pick, self.in_evaluation = inner, pick, in_evaluation

    def forward(self, x: Any) -> Any:
        if self.in_evaluation:
            self.inner.eval(saving=True)
        y = self.inner.forward(x)
        y, rest = (y[0], y[1]) if self.pick else (y, None)
        self.save(rest, y)
        return y

    def backward(self, dy: Tensor) -> Any:
        rest = self.restore(dy)
        if not self.pick:
            return self.inner.backward(dy)
        dx: Any = self.inner.backward(dy, likewise(rest))
        return dx[0]


class SelfAttention(Module):
    """Attention with the same sequence for queries, keys and values."""

    def __init__(self, inner: nn.MultiheadAttention, **options: Any) -> None:
        self.inner, self.options = inner, options

    def forward(self, x: Tensor) -> Tensor:
        y, weights = self.inner.forward(x, x, x, **self.options)
        self.save(weights, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        weights = self.restore(dy)
        dq, dk, dv, *_ = self.inner.backward(dy, likewise(weights))
        return dq + dk + dv


def likewise(nest: Any) -> Any:
    """A gradient for outputs that the network keeps to itself."""
    if isinstance(nest, tuple):
        return tuple(likewise(each) for each in nest)
    return None if nest is None else torch.sin(nest)


def network(layer: Module, x: Tensor, **options: Any) -> Setting:
    """A layer with random parameters and statistics, and the squared error from random targets."""
    for _, parameter in layer.named_parameters():
        parameter.value.normal_()
    for name, buffer in layer.named_buffers():
        if name.startswith("running"):
            buffer.value.uniform_(0.5, 2.0)
    model = Around(layer, **options)
    y = copy.deepcopy(model).forward(x)
    return model, x, torch.randn_like(y), nn.MSELoss()


def rows(layer: Module, *sizes: int) -> Setting:
    return network(layer, torch.randn(*(sizes or (3, 4))))


def loss(module: nn.Loss, kind: str = "real") -> Setting:
    x, t = torch.randn(3, 4), torch.randn(3, 4)
    if kind == "share":
        x, t = torch.rand(3, 4), torch.rand(3, 4)
    if kind == "logit":
        t = torch.rand(3, 4)
    if kind == "sign":
        t = torch.randn(3, 4).sign()
    if kind == "count":
        x, t = torch.rand(3, 4) + 0.1, torch.randint(0, 5, (3, 4)).double()
    if kind == "class":
        t = torch.tensor([2, 0, 1])
    if kind == "ignored":
        t = torch.tensor([2, -100, 1])
    if kind == "classes":
        t = torch.rand(3, 4).softmax(1)
    if kind == "image":
        x, t = torch.randn(2, 3, 2, 2), torch.randint(0, 3, (2, 2, 2))
    return nn.Identity(), x, t, module


SIMPLE = (
    nn.ReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid, nn.SiLU,
    nn.Hardswish, nn.Softplus, nn.Mish, nn.Softsign, nn.Tanh, nn.Hardtanh, nn.Tanhshrink, nn.Softshrink,
    nn.Hardshrink, nn.LeakyReLU, nn.RReLU, nn.PReLU, nn.Identity, nn.Flatten,
)  # fmt: skip

EXAMPLES: dict[type[Module], list[Callable[[], Setting]]] = {
    **{kind: [lambda kind=kind: rows(kind())] for kind in SIMPLE},  # type: ignore[misc]
    nn.Linear: [
        lambda: rows(nn.Linear(4, 3)),
        lambda: rows(nn.Linear(4, 3, bias=False), 2, 3, 4),
        lambda: rows(nn.Linear(12, 2)),
    ],
}
EXAMPLES[nn.Linear][2] = lambda: rows(nn.Linear(12, 2), 10, 12)
EXAMPLES[nn.GELU].append(lambda: rows(nn.GELU("tanh")))
EXAMPLES[nn.PReLU].append(lambda: rows(nn.PReLU(3), 2, 3, 4))
EXAMPLES[nn.RReLU].append(lambda: network(nn.RReLU(), torch.randn(3, 4), in_evaluation=True))
EXAMPLES[nn.Softplus].append(lambda: rows(nn.Softplus(2.0, 0.5)))
EXAMPLES[nn.Flatten].append(lambda: rows(nn.Flatten(), 2, 3, 2))
EXAMPLES |= {
    nn.Threshold: [lambda: rows(nn.Threshold(0.1, 0.3))],
    nn.GLU: [lambda: rows(nn.GLU()), lambda: rows(nn.GLU(1), 2, 4, 3)],
    nn.Unflatten: [lambda: rows(nn.Unflatten(1, (2, 2)))],
    nn.Reshape: [lambda: rows(nn.Reshape((3, 2, 2)))],
    nn.Softmax: [
        lambda: rows(nn.Softmax(-1)),
        lambda: rows(nn.Softmax(0)),
        lambda: rows(nn.Softmax(1), 2, 10),
    ],
    nn.Softmin: [lambda: rows(nn.Softmin(1))],
    nn.Softmax2d: [lambda: rows(nn.Softmax2d(), 2, 3, 2, 2)],
    nn.LogSoftmax: [lambda: rows(nn.LogSoftmax(1)), lambda: rows(nn.LogSoftmax(0))],
    nn.Dropout: [
        lambda: rows(nn.Dropout(0.4)),
        lambda: network(nn.Dropout(), torch.randn(3, 4), in_evaluation=True),
        lambda: network(nn.Dropout(0.5), torch.zeros(3, 4)),
    ],
    nn.Dropout1d: [lambda: rows(nn.Dropout1d(), 3, 4, 2)],
    nn.Dropout2d: [lambda: rows(nn.Dropout2d(), 3, 4, 2, 2)],
    nn.Dropout3d: [lambda: rows(nn.Dropout3d(), 3, 4, 2, 2, 2)],
    nn.Embedding: [
        lambda: network(nn.Embedding(4, 3), torch.tensor([[1, 2], [2, 3]])),
        lambda: network(nn.Embedding(4, 3, padding_idx=2), torch.tensor([[1, 2], [2, 3]])),
        lambda: network(nn.Embedding(4, 3, scale_grad_by_freq=True), torch.tensor([[1, 2], [2, 3]])),
    ],
    nn.Residual: [lambda: rows(nn.Residual(nn.Linear(4, 4), nn.Tanh()))],
    nn.BatchNorm1d: [
        lambda: rows(nn.BatchNorm1d(4)),
        lambda: rows(nn.BatchNorm1d(4, affine=False), 2, 4, 3),
        lambda: network(nn.BatchNorm1d(4), torch.randn(3, 4), in_evaluation=True),
    ],
    nn.BatchNorm2d: [lambda: rows(nn.BatchNorm2d(2), 2, 2, 2, 3)],
    nn.BatchNorm3d: [lambda: rows(nn.BatchNorm3d(2), 2, 2, 2, 1, 2)],
    nn.SyncBatchNorm: [lambda: rows(nn.SyncBatchNorm(4))],
    nn.InstanceNorm1d: [
        lambda: rows(nn.InstanceNorm1d(2, affine=True), 2, 2, 4),
        lambda: network(
            nn.InstanceNorm1d(2, track_running_stats=True), torch.randn(2, 2, 4), in_evaluation=True
        ),
    ],
    nn.InstanceNorm2d: [lambda: rows(nn.InstanceNorm2d(2), 2, 2, 2, 2)],
    nn.InstanceNorm3d: [lambda: rows(nn.InstanceNorm3d(2), 2, 2, 2, 2, 1)],
    nn.LayerNorm: [lambda: rows(nn.LayerNorm(4)), lambda: rows(nn.LayerNorm((3, 2), bias=False), 2, 3, 2)],
    nn.RMSNorm: [lambda: rows(nn.RMSNorm(4)), lambda: rows(nn.RMSNorm((3, 2)), 2, 3, 2)],
    nn.GroupNorm: [lambda: rows(nn.GroupNorm(2, 4)), lambda: rows(nn.GroupNorm(2, 4), 2, 4, 3)],
    nn.Conv1d: [
        lambda: rows(nn.Conv1d(2, 3, 3), 2, 2, 6),
        lambda: rows(nn.Conv1d(2, 2, 2, 2, 1, groups=2), 2, 2, 5),
    ],
    nn.Conv2d: [
        lambda: rows(nn.Conv2d(2, 2, 3, 2, 1), 2, 2, 4, 4),
        lambda: rows(nn.Conv2d(1, 2, (2, 1), dilation=2, bias=False), 2, 1, 4, 3),
        lambda: rows(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), 2, 1, 3, 3),
        lambda: rows(nn.Conv2d(1, 1, 2, padding="same"), 2, 1, 3, 3),
    ],
    nn.Conv3d: [lambda: rows(nn.Conv3d(1, 2, 2), 2, 1, 3, 2, 2)],
    nn.MaxPool1d: [lambda: rows(nn.MaxPool1d(2), 2, 2, 6), lambda: rows(nn.MaxPool1d(3, 1, 1), 2, 2, 6)],
    nn.MaxPool2d: [
        lambda: rows(nn.MaxPool2d(2), 2, 2, 4, 4),
        lambda: rows(nn.MaxPool2d(2, 1, dilation=2), 2, 1, 4, 4),
    ],
    nn.MaxPool3d: [lambda: rows(nn.MaxPool3d(2), 2, 1, 2, 2, 4)],
    nn.AvgPool1d: [lambda: rows(nn.AvgPool1d(2), 2, 2, 6)],
    nn.AvgPool2d: [
        lambda: rows(nn.AvgPool2d(2), 2, 2, 4, 4),
        lambda: rows(nn.AvgPool2d(3, 2, 1, count_include_pad=False), 2, 1, 4, 4),
        lambda: rows(nn.AvgPool2d(3, 2, 1, divisor_override=5), 2, 1, 4, 4),
    ],
    nn.AvgPool3d: [lambda: rows(nn.AvgPool3d(2), 2, 1, 2, 2, 4)],
    nn.AdaptiveMaxPool1d: [lambda: rows(nn.AdaptiveMaxPool1d(2), 2, 2, 5)],
    nn.AdaptiveMaxPool2d: [lambda: rows(nn.AdaptiveMaxPool2d(2), 2, 1, 5, 3)],
    nn.AdaptiveMaxPool3d: [lambda: rows(nn.AdaptiveMaxPool3d((1, 2, 2)), 2, 1, 2, 5, 3)],
    nn.AdaptiveAvgPool1d: [lambda: rows(nn.AdaptiveAvgPool1d(2), 2, 2, 5)],
    nn.AdaptiveAvgPool2d: [lambda: rows(nn.AdaptiveAvgPool2d(2), 2, 1, 5, 3)],
    nn.AdaptiveAvgPool3d: [lambda: rows(nn.AdaptiveAvgPool3d((1, 2, 2)), 2, 1, 2, 5, 3)],
    **{
        kind: [lambda kind=kind: network(kind(3, 2, batch_first=True), torch.randn(2, 3, 3), pick=True)]  # type: ignore[misc]
        for kind in (nn.LSTM, nn.GRU, nn.RNN)
    },
    nn.LSTMCell: [lambda: network(nn.LSTMCell(3, 2), torch.randn(2, 3), pick=True)],
    nn.GRUCell: [lambda: network(Tupled(nn.GRUCell(3, 2)), torch.randn(2, 3))],
    nn.RNNCell: [lambda: network(Tupled(nn.RNNCell(3, 2, nonlinearity="relu")), torch.randn(2, 3))],
    nn.MultiheadAttention: [
        lambda: attention(nn.MultiheadAttention(4, 2, batch_first=True)),
        lambda: attention(nn.MultiheadAttention(2, 1, batch_first=True)),
        lambda: attention(nn.MultiheadAttention(4, 2, bias=False), need_weights=False),
        lambda: attention(
            nn.MultiheadAttention(4, 2, batch_first=True),
            attn_mask=torch.ones(3, 3, dtype=torch.bool).triu(1),
            average_attn_weights=False,
        ),
        lambda: attention(nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True)),
    ],
    nn.MSELoss: [lambda: loss(nn.MSELoss()), lambda: loss(nn.MSELoss(reduction="sum"))],
    nn.L1Loss: [lambda: loss(nn.L1Loss())],
    nn.HuberLoss: [lambda: loss(nn.HuberLoss(delta=0.7))],
    nn.SmoothL1Loss: [lambda: loss(nn.SmoothL1Loss(beta=0.7)), lambda: loss(nn.SmoothL1Loss(beta=0.0))],
    nn.BCELoss: [lambda: loss(nn.BCELoss(), "share"), lambda: loss(nn.BCELoss(torch.rand(4)), "share")],
    nn.BCEWithLogitsLoss: [
        lambda: loss(nn.BCEWithLogitsLoss(), "logit"),
        lambda: loss(nn.BCEWithLogitsLoss(torch.rand(4), pos_weight=torch.rand(4)), "logit"),
    ],
    nn.KLDivLoss: [
        lambda: loss(nn.KLDivLoss("batchmean"), "classes"),
        lambda: loss(nn.KLDivLoss(log_target=True)),
    ],
    nn.PoissonNLLLoss: [
        lambda: loss(nn.PoissonNLLLoss(), "count"),
        lambda: loss(nn.PoissonNLLLoss(log_input=False, full=True), "count"),
    ],
    nn.SoftMarginLoss: [lambda: loss(nn.SoftMarginLoss(), "sign")],
    nn.HingeEmbeddingLoss: [lambda: loss(nn.HingeEmbeddingLoss(0.5), "sign")],
    nn.QuantileLoss: [
        lambda: loss(nn.QuantileLoss(0.2)),
        lambda: loss(nn.QuantileLoss((0.1, 0.2, 0.5, 0.9))),
    ],
    nn.CrossEntropyLoss: [
        lambda: loss(nn.CrossEntropyLoss(), "class"),
        lambda: loss(nn.CrossEntropyLoss(torch.rand(4), label_smoothing=0.2), "class"),
        lambda: loss(nn.CrossEntropyLoss(reduction="sum"), "ignored"),
        lambda: loss(nn.CrossEntropyLoss(), "classes"),
        lambda: loss(nn.CrossEntropyLoss(), "image"),
    ],
    nn.NLLLoss: [lambda: loss(nn.NLLLoss(torch.rand(4)), "class"), lambda: loss(nn.NLLLoss(), "image")],
    nn.NLLLoss2d: [lambda: loss(nn.NLLLoss2d(), "image")],
}  # fmt: skip


class Tupled(Module):
    """A cell that starts at 0."""

    def __init__(self, cell: Module) -> None:
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cell.forward(x)
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return self.cell.backward(dy)[0]  # type: ignore[no-any-return]


def attention(module: nn.MultiheadAttention, **options: Any) -> Setting:
    return network(SelfAttention(module, **options), torch.randn(2, 3, module.embed_dim))


def traced(setting: Setting, optimizer: Callable[[Any], Optimizer] | None = None) -> Trace:
    """The record of a step."""
    model, x, target, criterion = setting
    made = None if optimizer is None else optimizer(model.parameters())
    return record(model, x, target, loss=criterion, optimizer=made)
