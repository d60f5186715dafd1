"""Modules alone, with their inputs, for classes that are not in `examples`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plaingrad import Module, nn

Setting = Callable[[], tuple[Any, ...]]


def normal(*sizes: int) -> Tensor:
    return torch.randn(*sizes)


def share(*sizes: int) -> Tensor:
    """Numbers between 0 and 1."""
    return torch.rand(*sizes)


OPERATIONS: dict[type[Module], list[Setting]] = {
    nn.ZeroPad1d: [lambda: (nn.ZeroPad1d(1), normal(2, 2, 3))],
    nn.ZeroPad2d: [lambda: (nn.ZeroPad2d((0, 1, 0, 1)), normal(2, 1, 3, 3))],
    nn.ZeroPad3d: [lambda: (nn.ZeroPad3d((0, 1, 0, 1, 0, 1)), normal(2, 1, 2, 1, 2))],
    nn.ConstantPad1d: [lambda: (nn.ConstantPad1d((1, 2), 0.5), normal(2, 2, 3))],
    nn.ConstantPad2d: [lambda: (nn.ConstantPad2d(1, 0.5), normal(2, 1, 2, 2))],
    nn.ConstantPad3d: [lambda: (nn.ConstantPad3d((0, 1, 0, 1, 0, 1), 0.5), normal(1, 1, 2, 1, 2))],
    nn.ReflectionPad1d: [lambda: (nn.ReflectionPad1d(2), normal(2, 2, 4))],
    nn.ReflectionPad2d: [lambda: (nn.ReflectionPad2d(1), normal(2, 1, 3, 3))],
    nn.ReflectionPad3d: [lambda: (nn.ReflectionPad3d(1), normal(1, 1, 2, 2, 2))],
    nn.ReplicationPad1d: [lambda: (nn.ReplicationPad1d(2), normal(2, 2, 4))],
    nn.ReplicationPad2d: [lambda: (nn.ReplicationPad2d(1), normal(1, 1, 2, 2))],
    nn.ReplicationPad3d: [lambda: (nn.ReplicationPad3d(1), normal(1, 1, 2, 1, 2))],
    nn.CircularPad1d: [lambda: (nn.CircularPad1d(1), normal(2, 2, 3))],
    nn.CircularPad2d: [lambda: (nn.CircularPad2d(1), normal(2, 1, 3, 2))],
    nn.CircularPad3d: [lambda: (nn.CircularPad3d(1), normal(1, 1, 2, 2, 1))],
    nn.Upsample: [
        lambda: (nn.Upsample(scale_factor=2), normal(2, 1, 3)),
        lambda: (nn.Upsample(scale_factor=2, mode="bilinear"), normal(2, 1, 3, 3)),
        lambda: (nn.Upsample(scale_factor=2, mode="bicubic"), normal(2, 1, 3, 3)),
    ],
    nn.UpsamplingNearest2d: [lambda: (nn.UpsamplingNearest2d(scale_factor=2), normal(2, 1, 2, 2))],
    nn.UpsamplingBilinear2d: [lambda: (nn.UpsamplingBilinear2d(scale_factor=2), normal(2, 1, 3, 3))],
    nn.PixelShuffle: [lambda: (nn.PixelShuffle(2), normal(2, 4, 2, 2))],
    nn.PixelUnshuffle: [lambda: (nn.PixelUnshuffle(2), normal(2, 1, 4, 4))],
    nn.ChannelShuffle: [lambda: (nn.ChannelShuffle(2), normal(2, 4, 2))],
    nn.Fold: [lambda: (nn.Fold((3, 3), 2), normal(2, 4, 4))],
    nn.Unfold: [lambda: (nn.Unfold(2, padding=1), normal(2, 1, 3, 3))],
    nn.Split: [lambda: (nn.Split(2, 1), normal(2, 5)), lambda: (nn.Split(2), normal(3, 2))],
    nn.Chunk: [lambda: (nn.Chunk(2, 1), normal(2, 4))],
    nn.Concatenate: [lambda: (nn.Concatenate(1), normal(2, 2), normal(2, 3))],
    nn.Stack: [
        lambda: (nn.Stack(), normal(2, 2), normal(2, 2)),
        lambda: (nn.Stack(1), normal(2, 2), normal(2, 2)),
    ],
    nn.Select: [
        lambda: (nn.Select((slice(None), -1)), normal(2, 3)),
        lambda: (nn.Select(), normal(3, 2), torch.tensor([1, 1, 2])),
    ],
    nn.Permute: [lambda: (nn.Permute((1, 0)), normal(2, 3))],
    nn.Transpose: [lambda: (nn.Transpose(1, 2), normal(2, 3, 2))],
    nn.Squeeze: [lambda: (nn.Squeeze(1), normal(2, 1, 3))],
    nn.Unsqueeze: [lambda: (nn.Unsqueeze(1), normal(2, 3))],
    nn.Expand: [lambda: (nn.Expand((2, 3, 4)), normal(3, 1))],
    nn.Sum: [lambda: (nn.Sum(1), normal(2, 3)), lambda: (nn.Sum(), normal(2, 3))],
    nn.Mean: [lambda: (nn.Mean((1, 2), keepdim=True), normal(2, 3, 4)), lambda: (nn.Mean(0), normal(2, 3))],
    nn.MaxUnpool1d: [lambda: (nn.MaxUnpool1d(2), normal(2, 1, 2), torch.tensor([[[0, 3]], [[1, 2]]]))],
    nn.MaxUnpool2d: [lambda: (nn.MaxUnpool2d(2), normal(1, 1, 1, 2), torch.tensor([[[[1, 6]]]]))],
    nn.MaxUnpool3d: [
        lambda: (nn.MaxUnpool3d((1, 1, 2)), normal(1, 1, 1, 1, 2), torch.tensor([[[[[1, 2]]]]]))
    ],
    nn.Add: [lambda: (nn.Add(), normal(2, 3), normal(3)), lambda: (nn.Add(), normal(2, 3), 2.0)],
    nn.Multiply: [
        lambda: (nn.Multiply(), normal(2, 3), normal(2, 1)),
        lambda: (nn.Multiply(), normal(2, 3), normal(3), 2.0),
    ],
    nn.Subtract: [lambda: (nn.Subtract(), normal(2, 3), normal(2, 3))],
    nn.Divide: [
        lambda: (nn.Divide(), normal(2, 3), normal(3)),
        lambda: (nn.Divide("floor"), normal(2, 3), normal(3)),
    ],
    nn.Power: [
        lambda: (nn.Power(), share(2, 3), normal(2, 3)),
        lambda: (nn.Power(), normal(2, 3), 2),
        lambda: (nn.Power(), share(2, 3), 0.5),
    ],
    nn.Where: [lambda: (nn.Where(), normal(2, 3) > 0, normal(2, 3), normal(3))],
    nn.MaskedFill: [lambda: (nn.MaskedFill(-1.0), normal(2, 3), normal(2, 3) > 0)],
    nn.Compare: [lambda: (nn.Compare("<="), normal(2, 3), normal(2, 3))],
    nn.MatMul: [
        lambda: (nn.MatMul(), normal(2, 3, 4), normal(2, 4, 2)),
        lambda: (nn.MatMul(), normal(2, 2, 3), normal(3, 2)),
        lambda: (nn.MatMul(), normal(3, 4), normal(4)),
        lambda: (nn.MatMul(), normal(4), normal(4)),
    ],
    nn.Einsum: [
        lambda: (nn.Einsum("bij,bjk->bik"), normal(2, 2, 3), normal(2, 3, 2)),
        lambda: (nn.Einsum("ij->j"), normal(2, 3)),
        lambda: (nn.Einsum("...i,ij->...j"), normal(2, 2, 3), normal(3, 2)),
    ],
    nn.Bilinear: [
        lambda: (nn.Bilinear(2, 3, 2), normal(2, 2), normal(2, 3)),
        lambda: (nn.Bilinear(2, 2, 1, bias=False), normal(2, 2, 2), normal(2, 2, 2)),
    ],
    nn.Amax: [lambda: (nn.Amax(1), normal(2, 3)), lambda: (nn.Amax(1), torch.ones(2, 3))],
    nn.Max: [lambda: (nn.Max(1), normal(2, 3)), lambda: (nn.Max(0), torch.ones(2, 3))],
    nn.Var: [lambda: (nn.Var(1), normal(2, 3)), lambda: (nn.Var(None, 0), normal(2, 3))],
    nn.Norm: [lambda p=p: (nn.Norm(p, 1), normal(2, 3)) for p in (1, 2, 3, 2.5, math.inf)],  # type: ignore[misc]
    nn.Negative: [lambda: (nn.Negative(), normal(2, 3))],
    nn.Abs: [lambda: (nn.Abs(), normal(2, 3))],
    nn.Exp: [lambda: (nn.Exp(), normal(2, 3))],
    nn.Log: [lambda: (nn.Log(), share(2, 3))],
    nn.Log1p: [lambda: (nn.Log1p(), share(2, 3))],
    nn.Sqrt: [lambda: (nn.Sqrt(), share(2, 3))],
    nn.Clamp: [
        lambda: (nn.Clamp(-0.5, 0.5), normal(2, 3)),
        lambda: (nn.Clamp(max=0.2), normal(2, 3)),
        lambda: (nn.Clamp(0.2), normal(2, 3)),
    ],
    nn.ConvTranspose1d: [
        lambda: (nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), normal(2, 2, 4))
    ],
    nn.ConvTranspose2d: [
        lambda: (nn.ConvTranspose2d(4, 2, 2, groups=2, dilation=2), normal(2, 4, 3, 3)),
        lambda: (nn.ConvTranspose2d(1, 2, 2, 3, bias=False), normal(2, 1, 2, 2)),
    ],
    nn.ConvTranspose3d: [lambda: (nn.ConvTranspose3d(1, 2, 2), normal(2, 1, 2, 1, 2))],
    nn.LPPool1d: [lambda: (nn.LPPool1d(2, 2), normal(2, 2, 6)), lambda: (nn.LPPool1d(1, 2), normal(2, 2, 6))],
    nn.LPPool2d: [lambda: (nn.LPPool2d(3, 2, ceil_mode=True), share(2, 1, 5, 5))],
    nn.LPPool3d: [lambda: (nn.LPPool3d(2, 2, 1), share(1, 1, 3, 2, 2))],
    nn.FractionalMaxPool2d: [
        lambda: (nn.FractionalMaxPool2d(2, 2), normal(2, 1, 5, 5)),
        lambda: (nn.FractionalMaxPool2d(2, 2, return_indices=True), normal(2, 1, 5, 5)),
    ],
    nn.FractionalMaxPool3d: [lambda: (nn.FractionalMaxPool3d(2, 2), normal(2, 1, 4, 4, 4))],
    nn.CosineSimilarity: [lambda: (nn.CosineSimilarity(), normal(2, 3), normal(2, 3))],
    nn.PairwiseDistance: [
        lambda p=p: (nn.PairwiseDistance(p), normal(2, 3), normal(2, 3)) for p in (1.0, 2.0, 3.0, math.inf)
    ],  # type: ignore[misc]
    nn.AlphaDropout: [
        lambda: (nn.AlphaDropout(0.4), normal(3, 4)),
        lambda: (nn.AlphaDropout(1.0), normal(2, 3)),
    ],
    nn.FeatureAlphaDropout: [lambda: (nn.FeatureAlphaDropout(0.4), normal(3, 4, 2))],
    nn.EmbeddingBag: [
        lambda: (nn.EmbeddingBag(4, 3, padding_idx=0), torch.tensor([[1, 2], [2, 0]])),
        lambda: (nn.EmbeddingBag(4, 3, mode="max"), torch.tensor([1, 2, 2, 3]), torch.tensor([0, 2])),
        lambda: (nn.EmbeddingBag(4, 3, mode="sum"), torch.tensor([[1, 2], [2, 3]]), None, normal(2, 2)),
        lambda: (nn.EmbeddingBag(4, 3, scale_grad_by_freq=True), torch.tensor([[1, 2], [2, 1]])),
    ],
    nn.LocalResponseNorm: [lambda: (nn.LocalResponseNorm(3, 0.5), normal(2, 4, 2))],
    nn.CrossMapLRN2d: [lambda: (nn.CrossMapLRN2d(3, 0.5), normal(2, 4, 2, 2))],
    nn.MarginRankingLoss: [
        lambda: (nn.MarginRankingLoss(0.3), normal(3, 2), normal(3, 2), normal(3, 2).sign())
    ],
    nn.GaussianNLLLoss: [
        lambda: (nn.GaussianNLLLoss(), normal(3, 2), normal(3, 2), share(3, 2)),
        lambda: (nn.GaussianNLLLoss(full=True, reduction="sum"), normal(3, 2), normal(3, 2), share(3, 1)),
    ],
    nn.CosineEmbeddingLoss: [
        lambda: (nn.CosineEmbeddingLoss(0.1), normal(3, 2), normal(3, 2), torch.tensor([1.0, -1.0, -1.0]))
    ],
    nn.TripletMarginLoss: [
        lambda p=p: (nn.TripletMarginLoss(p=p), normal(3, 2), normal(3, 2), normal(3, 2)) for p in (1.0, 2.0)
    ],  # type: ignore[misc]
    nn.TripletMarginWithDistanceLoss: [
        lambda: (nn.TripletMarginWithDistanceLoss(), normal(3, 2), normal(3, 2), normal(3, 2))
    ],
    nn.MultiMarginLoss: [
        lambda p=p: (nn.MultiMarginLoss(p, weight=share(4)), normal(3, 4), torch.tensor([1, 0, 3]))
        for p in (1, 2)
    ],  # type: ignore[misc]
    nn.MultiLabelMarginLoss: [
        lambda: (
            nn.MultiLabelMarginLoss(),
            normal(3, 4),
            torch.tensor([[1, 2, -1, 0], [0, -1, 1, 1], [-1, 1, 1, 1]]),
        )
    ],
    nn.MultiLabelSoftMarginLoss: [
        lambda reduction=reduction: (
            nn.MultiLabelSoftMarginLoss(reduction=reduction),
            normal(3, 4),
            share(3, 4).round(),
        )
        for reduction in ("mean", "sum")
    ],  # type: ignore[misc]
    nn.CTCLoss: [
        lambda reduction=reduction: (
            nn.CTCLoss(reduction=reduction),
            normal(4, 2, 3).log_softmax(-1),
            torch.tensor([[1, 2], [1, 1]]),
            torch.tensor([4, 3]),
            torch.tensor([2, 2]),
        )
        for reduction in ("mean", "sum")
    ],  # type: ignore[misc]
}  # fmt: skip
