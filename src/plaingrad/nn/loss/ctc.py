"""The loss of sequences of labels without their times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Reduction, weighed
from plaingrad.parameter import shape

Lengths = Integer[Tensor, "..."] | Sequence[int]


class CTCLoss(Reduction):
    r"""Connectionist temporal classification: all ways to spell the target in the steps of the input.

    A way gives each step a label or the blank; it spells what is left when repeated labels are merged, and
    then the blanks removed. The target, with blanks before, between and after its labels, is the sequence of
    states :math:`l_1 \dots l_L`. In a step a way stays in its state, goes on by one, or by two past a blank
    between different labels. With the log-probabilities x, and log-sums over the states s' that lead to s:

    .. math::
        \alpha_t(s) &= x_t(l_s) + \log \sum_{s'} e^{\alpha_{t-1}(s')}, \qquad
            \beta_t(s') = \log \sum_{s} e^{\beta_{t+1}(s) + x_{t+1}(l_s)} \\
        \ell &= -\log \big(e^{\alpha_T(L)} + e^{\alpha_T(L-1)}\big), \qquad
        \frac{\partial \ell}{\partial x_t(c)} = -\sum_{s :\, l_s = c} e^{\alpha_t(s) + \beta_t(s) + \ell}

    from :math:`\alpha_1 = x_1(l_s)` for the first two states, and :math:`\beta_T = 0` for the last two, else
    minus infinity. This is the derivative itself; torch.nn's has that of a log-softmax before it added in.

    Shapes: log_probs ``(steps, batch, classes)`` or ``(steps, classes)``; targets ``(batch, longest)``, or
    all of them one after another, ``(sum of target_lengths,)``; lengths ``(batch,)``, or ``()``. The result
    is a scalar, or ``(batch,)``, or ``()`` without a batch, with ``reduction="none"``.

    Args:
        blank: the class of the blank.
        reduction: ``"mean"`` over the batch of the losses divided by the lengths of their targets, ``"sum"``,
            or ``"none"``.
        zero_infinity: whether a target that is too long for its input has the loss 0 instead of infinity,
            and the gradient 0 instead of NaN.

    Raises:
        ModuleError: the shapes do not fit, or are empty; targets or lengths are no integers; a length is
            greater than what it is a length of; or the blank or a label is no class.

    Source: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist temporal classification:
    labelling unsegmented sequence data with recurrent neural networks", 2006.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("log_probs",)

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Float[Tensor, ...],
        targets: Integer[Tensor, ...],
        input_lengths: Lengths,
        target_lengths: Lengths,
    ) -> Float[Tensor, ...]:
        x = self.batched(log_probs)
        steps, batch, classes = x.shape
        inputs = self.lengths("input_lengths", input_lengths, batch, steps)
        longest = targets.shape[-1] if targets.ndim else 0
        sizes = self.lengths("target_lengths", target_lengths, batch, longest)
        ends, spelled = (x.new_tensor(each, dtype=torch.int64) for each in (inputs, sizes))
        labels = self.states(targets, sizes, spelled, classes)
        emitted = x.gather(2, labels.expand(steps, *labels.shape))
        may_skip = labels[:, 2:] != labels[:, :-2]

        alpha = [emitted[0].masked_fill(torch.arange(labels.shape[1], device=x.device) > 1, -math.inf)]
        for t in range(1, steps):
            alpha.append(emitted[t] + reached(alpha[-1], may_skip))
        alphas = torch.stack(alpha)

        last = alphas[(ends - 1).clamp(min=0), torch.arange(batch, device=x.device)]
        finals = final_states(spelled, labels.shape[1])
        losses = -last.masked_fill(~finals, -math.inf).logsumexp(1)
        unread = torch.where(spelled > 0, math.inf, 0.0).to(x.dtype)  # the loss of an input without steps
        losses = torch.where(ends > 0, losses, unread)
        counts = (losses != math.inf) | (not self.zero_infinity)
        share = 1 / spelled.clamp(min=1).to(x.dtype) if self.is_mean else torch.ones_like(losses)
        shown = torch.where(counts, losses, torch.zeros_like(losses)) * share
        loss = self.rounded(self.reduce(shown if log_probs.ndim == 3 else shown.squeeze(0)), log_probs.dtype)
        state = (alphas, emitted, labels, may_skip, ends, finals, losses, counts, share)
        self.save((state, log_probs.shape, log_probs.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        state, sizes, dtype = self.restore(dloss)
        alphas, emitted, labels, may_skip, ends, finals, losses, counts, share = state
        dlosses = torch.where(counts, self.upstream(dloss, len(losses)) * share, torch.zeros_like(share))
        start = torch.zeros_like(emitted[0]).masked_fill(~finals, -math.inf)
        beta = torch.full_like(start, -math.inf)
        used = []  # the probability of each state in each step, given the target
        for t in reversed(range(len(emitted))):
            beta = torch.where((ends == t + 1).unsqueeze(1), start, beta)
            gamma = (alphas[t] + beta + losses.unsqueeze(1)).exp()
            used.append(gamma.masked_fill(~((ends > t) & counts).unsqueeze(1), 0))
            beta = reached((beta + emitted[t]).flip(1), may_skip.flip(1)).flip(1)
        demitted = -weighed(torch.stack(used[::-1]), dlosses.unsqueeze(1))
        dx = demitted.new_zeros(*demitted.shape[:2], sizes[-1])
        dx.scatter_add_(2, labels.expand_as(demitted), demitted)
        return narrow(dx, dtype).view(sizes)

    def batched(self, log_probs: Tensor) -> Tensor:
        """The log-probabilities, widened, with an axis for the batch.

        Raises:
            ModuleError: they are of integers, have other axes, or are empty; or the blank is no class.
        """
        fits = log_probs.ndim in (2, 3) and log_probs.is_floating_point()
        if not fits or not log_probs.numel():
            expected = "floating-point log_probs (steps, batch, classes) or (steps, classes), not empty"
            raise ModuleError(self, f"expected {expected}, got {shape(log_probs)} of {log_probs.dtype}")
        if not 0 <= self.blank < log_probs.shape[-1]:
            raise ModuleError(self, f"expected blank in 0..{log_probs.shape[-1] - 1}, got {self.blank}")
        return widen(log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1))

    def lengths(self, name: str, value: Lengths, batch: int, most: int) -> list[int]:
        """Lengths as numbers, one for each sample of the batch.

        Raises:
            ModuleError: they are no integers, more or fewer, negative, or greater than ``most``.
        """
        is_whole = not isinstance(value, Tensor) or not (value.is_floating_point() or value.is_complex())
        numbers = value.reshape(-1).tolist() if isinstance(value, Tensor) else list(value)
        if not is_whole or len(numbers) != batch or not all(0 <= n <= most for n in numbers):
            got = f"{shape(value)} of {value.dtype}" if isinstance(value, Tensor) else f"{len(numbers)}"
            raise ModuleError(self, f"expected {batch} {name}, integers in 0..{most}, got {got}: {numbers}")
        return numbers

    def states(self, targets: Tensor, sizes: list[int], spelled: Tensor, classes: int) -> Tensor:
        """The labels of each target, with blanks before, between, after and behind them.

        Raises:
            ModuleError: the targets are no integers, have another shape, or one is no class.
        """
        batch, longest = len(sizes), max(sizes)
        fits = targets.shape == (sum(sizes),) or (targets.ndim == 2 and len(targets) == batch)
        if not fits or targets.is_floating_point():
            expected = f"targets ({batch}, longest) or ({sum(sizes)},) of integers"
            raise ModuleError(self, f"expected {expected}, got {shape(targets)} of {targets.dtype}")
        index = torch.arange(longest, device=targets.device)
        if targets.ndim == 1:  # one after another
            first = (spelled.cumsum(0) - spelled).unsqueeze(1)
            targets = targets[(first + index).clamp(max=max(len(targets) - 1, 0))]
        labels = targets[:, :longest].long().masked_fill(index >= spelled.unsqueeze(1), self.blank)
        self.expect_within("label", labels, 0, classes - 1)
        states = labels.new_full((batch, 2 * longest + 1), self.blank)
        states[:, 1::2] = labels
        return states


def reached(x: Tensor, may_skip: Tensor) -> Tensor:
    """For each state the log-sum over those that lead to it: itself, the one before, and one past that."""
    before = torch.full_like(x[:, :2], -math.inf)
    one = torch.cat([before[:, :1], x[:, :-1]], 1)
    two = torch.cat([before, x[:, :-2].masked_fill(~may_skip, -math.inf)], 1)[:, : x.shape[1]]
    return torch.logaddexp(torch.logaddexp(x, one), two)


def final_states(spelled: Tensor, count: int) -> Tensor:
    """A mask of the states in which a way may end: the last label, and the blank behind it."""
    state, last = torch.arange(count, device=spelled.device), 2 * spelled.unsqueeze(1)
    return (state == last) | (state == last - 1)
