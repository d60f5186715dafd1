"""The differences between plaingrad.nn and torch.nn that are deliberate, with their reasons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Difference:
    """One deliberate difference.

    Attributes:
        key: what differs, in a few words.
        reason: why, in a sentence.
        explains: whether a `fuzz.compare.Finding` is of this kind.
    """

    key: str
    reason: str
    explains: Callable[[Any], bool]


def refused(name: str, words: str = "") -> Callable[[Any], bool]:
    """Torch alone refuses this class with such words."""
    return lambda finding: finding.kind == "torch refuses" and named(finding, name) and words in finding.what


def named(finding: Any, *names: str) -> bool:
    return finding.configuration.name in names


def elsewhere(finding: Any) -> list[tuple[float, float, float]]:
    """Our numbers and torch's two that differ, but for gradients of elementwise classes at NaN."""
    numbers = list(zip(finding.ours, finding.same, finding.exact))
    if not (finding.configuration.is_local and finding.what == "input gradient" and finding.inputs):
        return numbers
    return [each for each, x in zip(numbers, finding.inputs) if not math.isnan(x)]


def more_numbers(finding: Any) -> bool:
    """Torch gives NaN, in both dtypes, where we give something else."""
    return finding.kind == "value" and all(
        math.isnan(same) and math.isnan(exact) and not math.isnan(ours)
        for ours, same, exact in elsewhere(finding)
    )


def rounded_constant(finding: Any) -> bool:
    """Double precision, but no closer than single."""
    return finding.configuration.inputs[0].dtype == torch.float64 and all(
        abs(ours - same) <= 2e-6 * abs(ours) + 1e-310 for ours, same, _ in elsewhere(finding)
    )


def shapeless_channels(finding: Any) -> bool:
    configuration = finding.configuration
    return named(finding, "Conv2d") and configuration.arguments["in_channels"] == 0


def no_classes(finding: Any) -> bool:
    configuration = finding.configuration
    prediction = configuration.inputs[0]
    return (
        named(finding, "NLLLoss", "CrossEntropyLoss") and prediction.shape[min(1, prediction.ndim - 1)] == 0
    )


COMPOSED = (
    "Softsign",
    "Tanhshrink",
    "GELU",
    "LayerNorm",
    "BatchNorm1d",
    "BCEWithLogitsLoss",
    "PoissonNLLLoss",
)

DELIBERATE: tuple[Difference, ...] = (
    Difference(
        "constants in double precision",
        "torch.nn's Hardsigmoid, CELU and BCELoss round constants of their derivatives to single precision.",
        lambda finding: named(finding, "Hardsigmoid", "CELU", "BCELoss") and rounded_constant(finding),
    ),
    Difference(
        "the gradient at NaN",
        "torch.nn itself gives one answer in whole vectors and another in the elements left over.",
        lambda finding: finding.kind == "value" and not elsewhere(finding),
    ),
    Difference(
        "a number where torch.nn has NaN from its parts",
        "torch.nn composes these of parts, such as infinity less infinity, where the whole is a number.",
        lambda finding: named(finding, *COMPOSED) and more_numbers(finding),
    ),
    Difference(
        "the gradient of what counts for nothing",
        "It is 0 for an ignored sample or weights of 0; torch.nn multiplies NaN by 0, or divides by 0.",
        lambda finding: named(finding, "CrossEntropyLoss", "NLLLoss") and more_numbers(finding),
    ),
    Difference(
        "numbers that are not floating-point",
        "They have no gradients here; torch.nn takes integers, truth values or complex numbers in places.",
        lambda finding: finding.kind == "ours refuses" and "expected a floating-point input" in finding.what,
    ),
    Difference(
        "PoissonNLLLoss of NaN",
        "A target must be a count; one below 0 or NaN is refused.",
        lambda finding: (
            named(finding, "PoissonNLLLoss")
            and finding.kind == "ours refuses"
            and "in 0..inf" in finding.what
        ),
    ),
    Difference(
        "convolution without input channels",
        "Every output is the bias; torch.nn returns no output channels, or refuses, as it comes.",
        shapeless_channels,
    ),
    Difference(
        "losses over no classes",
        "With all targets ignored there is nothing to sum; torch.nn refuses some shapes of it.",
        lambda finding: no_classes(finding) and finding.kind == "torch refuses",
    ),
    Difference(
        "MaxPool2d of truth values",
        "The largest of them is theirs as of any numbers; torch.nn has no kernel for it.",
        refused("MaxPool2d", "not implemented for 'Bool'"),
    ),
    Difference(
        "BatchNorm1d with eps=0",
        "The equation holds for it; torch.nn's kernel refuses it in training.",
        refused("BatchNorm1d", "eps must be positive"),
    ),
    Difference(
        "BatchNorm1d of no channels",
        "There is nothing to normalise; torch.nn fails at its first channel.",
        refused("BatchNorm1d", "index 0 out of range"),
    ),
    Difference(
        "NLLLoss of a prediction with gaps in memory",
        "The layout in memory does not matter; torch.nn refuses some.",
        refused("NLLLoss", "must be contiguous"),
    ),
)
