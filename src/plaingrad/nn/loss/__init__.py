"""Losses, a file for each family."""

from plaingrad.nn.loss.adaptive import AdaptiveLogSoftmaxWithLoss
from plaingrad.nn.loss.bce import BCELoss, BCEWithLogitsLoss
from plaingrad.nn.loss.cosine import CosineEmbeddingLoss
from plaingrad.nn.loss.cross_entropy import CrossEntropyLoss
from plaingrad.nn.loss.ctc import CTCLoss
from plaingrad.nn.loss.gaussian import GaussianNLLLoss
from plaingrad.nn.loss.huber import HuberLoss, SmoothL1Loss
from plaingrad.nn.loss.kl import KLDivLoss
from plaingrad.nn.loss.linear_cross_entropy import LinearCrossEntropyLoss, LinearCrossEntropyOptions
from plaingrad.nn.loss.margin import HingeEmbeddingLoss, MarginRankingLoss, SoftMarginLoss
from plaingrad.nn.loss.nll import NLLLoss, NLLLoss2d
from plaingrad.nn.loss.poisson import PoissonNLLLoss
from plaingrad.nn.loss.quantile import QuantileLoss
from plaingrad.nn.loss.reduction import Loss
from plaingrad.nn.loss.regression import L1Loss, MSELoss
from plaingrad.nn.loss.rows import MultiLabelMarginLoss, MultiLabelSoftMarginLoss, MultiMarginLoss
from plaingrad.nn.loss.triplet import TripletMarginLoss, TripletMarginWithDistanceLoss

__all__ = [
    "AdaptiveLogSoftmaxWithLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LinearCrossEntropyLoss",
    "LinearCrossEntropyOptions",
    "Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "QuantileLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]
