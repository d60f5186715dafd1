"""Rows of the conformance table: losses of sequences."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, normal
from conformance.losses import reductions
from plaingrad import nn


class TorchCTCLoss(torch.nn.CTCLoss):
    """Torch's values with their own derivative: torch adds that of a log-softmax before it."""

    def forward(self, log_probs: Tensor, targets: Tensor, *lengths: Tensor) -> Tensor:
        loss = super().forward(log_probs, targets, *lengths)
        each = torch.nn.functional.ctc_loss(log_probs, targets, *lengths, self.blank, "none").detach()
        x = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
        read = torch.arange(len(x)).unsqueeze(1) < lengths[0].reshape(1, -1)
        counts = each.isfinite() | (not self.zero_infinity)
        share = lengths[1].reshape(-1).clamp(min=1) * len(each.reshape(-1)) if self.reduction == "mean" else 1
        p = x.detach().exp()
        zero = (p * (x - x.detach()) * read.unsqueeze(2)).sum((0, 2)) * counts / share  # whose slope is p
        return loss - (zero.view(each.shape) if self.reduction == "none" else zero.sum())


@st.composite
def spelled(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Log-probabilities that need not be of sum 1, and targets without blanks.

    Some of these are too long to be spelled if that counts for nothing; else the gradient is no number.
    """
    classes = draw(st.integers(max(2, arguments["blank"] + 1), 5))
    batch, longest = draw(st.sampled_from([[], [1], [3]])), draw(st.integers(0, 3))
    count = torch.Size(batch).numel()
    labels = st.integers(0, classes - 1).filter(lambda label: label != arguments["blank"])
    drawn = draw(st.lists(labels, min_size=count * longest, max_size=count * longest))
    targets = torch.tensor(drawn, dtype=draw(st.sampled_from([torch.int64, torch.int32])))
    if batch and draw(st.booleans()):
        targets = targets.view(count, longest)
        sizes = draw(st.lists(st.integers(0, longest), min_size=count, max_size=count))
    else:  # one after another
        sizes = [longest] * count
    ends = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    if not arguments["zero_infinity"]:
        ends = [max(end, 2 * size) for end, size in zip(ends, sizes)]
    x = draw(normal(max([1, *ends]) + draw(st.integers(0, 1)), *batch, classes))
    lengths = [torch.tensor(each).view(batch) for each in (ends, sizes)]
    return x if draw(st.booleans()) else x.log_softmax(-1), targets, *lengths


def normalised(_: object, inputs: Inputs) -> Inputs:
    x, *others = inputs
    return x.nan_to_num(0.0, 1e3, -1e3).log_softmax(-1), *others


CASES = [
    Case(
        ours=nn.CTCLoss,
        theirs=TorchCTCLoss,
        arguments=st.fixed_dictionaries(
            {"blank": st.integers(0, 3), "reduction": reductions, "zero_infinity": st.booleans()}
        ),
        inputs=spelled,
        within=normalised,
    ),
]
