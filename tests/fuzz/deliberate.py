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
        row: where the table in docs/differences.md tells users, the beginning of a row.
        explains: whether a `fuzz.compare.Finding` is of this kind.
    """

    key: str
    reason: str
    row: str
    explains: Callable[[Any], bool]


def refused(names: str | tuple[str, ...], *words: str) -> Callable[[Any], bool]:
    """Torch alone refuses these classes with some of such words."""
    names = (names,) if isinstance(names, str) else names
    return lambda finding: (
        finding.kind == "torch refuses"
        and named(finding, *names)
        and any(each in finding.what for each in words)
    )


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
    """Double precision, but no closer than single; an error in an exponent grows with the exponent."""
    return finding.configuration.inputs[0].dtype == torch.float64 and all(
        abs(ours - same) <= 2e-6 * abs(ours) * max(1, abs(math.log(abs(ours) or 1))) + 1e-310
        for ours, same, _ in elsewhere(finding)
    )


def shapeless_channels(finding: Any) -> bool:
    configuration = finding.configuration
    return named(finding, "Conv2d") and configuration.arguments["in_channels"] == 0


def overflowing_squares(finding: Any) -> bool:
    """Finite numbers in single precision whose squares, or the sum of these, are not finite."""
    squares = [x.double().square().nan_to_num(0, 0, 0) for x in finding.configuration.inputs]
    return (
        finding.kind == "value"
        and finding.configuration.dtype in (torch.float32, torch.bfloat16)
        and named(finding, *NORMS, "CosineEmbeddingLoss")
        and any(x.sum().item() > torch.finfo(torch.float32).max for x in squares)
    )


def has_least_mass(finding: Any) -> bool:
    """An element of KLDivLoss's target is 0, or so small that a product of torch.nn's with it is."""
    target = finding.configuration.inputs[1]
    return finding.what == "input 1 gradient" and bool((target.abs() < 1e-300).any())


def has_triplets_at_the_margin(finding: Any) -> bool:
    """The loss of a triplet is 0 but for rounding, on one side of the kink or on the other."""
    arguments = finding.configuration.arguments
    a, p, n = (x.double() + 0.0 for x in finding.configuration.inputs)
    order, eps = arguments.get("p", 2.0), arguments.get("eps", 1e-6)
    near, far, swapped = ((x - y + eps).norm(order, -1) for x, y in ((a, p), (a, n), (p, n)))
    if arguments.get("swap"):
        far = torch.minimum(far, swapped)
    excess = arguments.get("margin", 1.0) + near - far
    return bool((excess.abs() < 1e-6 * near).any())


def has_short_vectors(finding: Any) -> bool:
    """A vector of CosineSimilarity is shorter than eps, but not 0."""
    arguments = finding.configuration.arguments
    norms = [x.double().norm(dim=arguments.get("dim", 1)) for x in finding.configuration.inputs]
    return any(bool(((norm > 0) & (norm < arguments.get("eps", 1e-8))).any()) for norm in norms)


def no_classes(finding: Any) -> bool:
    configuration = finding.configuration
    prediction = configuration.inputs[0]
    return (
        named(finding, "NLLLoss", "NLLLoss2d", "CrossEntropyLoss")
        and prediction.shape[min(1, prediction.ndim - 1)] == 0
    )


CHANNEL_NORMS = (
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
)
NORMS = (*CHANNEL_NORMS, "LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm", "CrossMapLRN2d")
COMPOSED = (
    "Softsign",
    "Tanhshrink",
    "GELU",
    *NORMS,
    "CosineSimilarity",
    "BCEWithLogitsLoss",
    "PoissonNLLLoss",
    "MultiLabelSoftMarginLoss",
    "GaussianNLLLoss",
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "CTCLoss",
)

AXES = (1, 2, 3)
TRANSPOSED = tuple(f"ConvTranspose{axes}d" for axes in AXES)
CONVOLUTIONS = (*(f"Conv{axes}d" for axes in AXES), *TRANSPOSED)
AVERAGED = tuple(f"AdaptiveAvgPool{axes}d" for axes in AXES)
POOLS = (
    *(f"{name}{axes}d" for name in ("MaxPool", "AvgPool", "AdaptiveMaxPool") for axes in AXES),
    *AVERAGED,
)
UNPOOLS = tuple(f"MaxUnpool{axes}d" for axes in AXES)
UPSAMPLING = ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
NORMED = tuple(f"LPPool{axes}d" for axes in AXES)
PADS = tuple(f"{kind}Pad{axes}d" for kind in ("Reflection", "Replication", "Circular") for axes in AXES)

DELIBERATE: tuple[Difference, ...] = (
    Difference(
        "constants in double precision",
        "torch.nn rounds constants of some classes and their derivatives to single precision.",
        "Hardsigmoid, CELU, BCELoss, CosineEmbeddingLoss, float64 | any",
        lambda finding: (
            named(finding, "Hardsigmoid", "CELU", "BCELoss", "CosineEmbeddingLoss")
            and rounded_constant(finding)
        ),
    ),
    Difference(
        "the gradient at NaN",
        "torch.nn itself gives one answer in whole vectors and another in the elements left over.",
        "activations | NaN",
        lambda finding: finding.kind == "value" and not elsewhere(finding),
    ),
    Difference(
        "a number where torch.nn has NaN from its parts",
        "torch.nn composes these of parts, such as infinity less infinity, where the whole is a number.",
        "norms, BCEWithLogitsLoss, MultiLabelSoftMarginLoss, CosineSimilarity | numbers that overflow",
        lambda finding: named(finding, *COMPOSED) and more_numbers(finding),
    ),
    Difference(
        "the gradient of ways with hardly any probability",
        "It is 0 for a way that has none; torch.nn takes the exponential of the loss.",
        "CTCLoss | log-probabilities of minus infinity or about it",
        lambda finding: (
            named(finding, "CTCLoss")
            and finding.kind == "value"
            and not any(map(math.isfinite, (*finding.same, *finding.exact)))
            and all(map(math.isfinite, finding.ours))
        ),
    ),
    Difference(
        "the gradient of what counts for nothing",
        "It is 0 for an ignored sample or weights of 0; torch.nn multiplies NaN by 0, or divides by 0.",
        "CrossEntropyLoss, NLLLoss | an ignored target, or one of weight 0",
        lambda finding: named(finding, "CrossEntropyLoss", "NLLLoss", "NLLLoss2d") and more_numbers(finding),
    ),
    Difference(
        "the gradient of a margin that is met",
        "It is 0, whatever reaches it; torch.nn multiplies infinity by 0.",
        "MultiMarginLoss | a margin that is met",
        lambda finding: named(finding, "MultiMarginLoss") and more_numbers(finding),
    ),
    Difference(
        "the gradient of what counts for nothing in LinearCrossEntropyLoss",
        "It is 0 for an ignored sample, whatever its numbers are; torch.nn multiplies NaN by 0.",
        "LinearCrossEntropyLoss | an ignored target",
        lambda finding: named(finding, "LinearCrossEntropyLoss") and more_numbers(finding),
    ),
    Difference(
        "scores whose exponential overflows",
        "The logistic loss of a large score is about the score itself; torch.nn takes its exponential.",
        "SoftMarginLoss | a score beyond 88",
        lambda finding: (
            named(finding, "SoftMarginLoss")
            and finding.kind == "value"
            and not any(math.isfinite(number) for number in finding.same)
        ),
    ),
    Difference(
        "the divergence of what has no mass",
        "0 log 0 is 0 and its derivative infinite; torch.nn multiplies 0 by infinity.",
        "KLDivLoss | an element without mass",
        lambda finding: named(finding, "KLDivLoss") and (more_numbers(finding) or has_least_mass(finding)),
    ),
    Difference(
        "a triplet at the margin",
        "Sums that are equal but for rounding lie on one side of the kink here and on the other there.",
        "TripletMarginLoss | a triplet at the margin",
        lambda finding: (
            named(finding, "TripletMarginLoss")
            and "gradient" in finding.what
            and has_triplets_at_the_margin(finding)
        ),
    ),
    Difference(
        "the mean of margins of no samples",
        "It is NaN, as every mean of nothing; torch.nn returns memory that it has not written to.",
        "MultiMarginLoss, MultiLabelMarginLoss | a mean over no samples",
        lambda finding: (
            named(finding, "MultiMarginLoss", "MultiLabelMarginLoss")
            and not finding.configuration.inputs[0].numel()
        ),
    ),
    Difference(
        "numbers that are not floating-point",
        "They have no gradients here; torch.nn takes integers, truth values or complex numbers in places.",
        "activations, dropout, losses | integers, truth values, complex numbers",
        lambda finding: finding.kind == "ours refuses" and "expected a floating-point input" in finding.what,
    ),
    Difference(
        "PoissonNLLLoss of NaN",
        "A target must be a count; one below 0 or NaN is refused.",
        "PoissonNLLLoss | a target of NaN or below 0",
        lambda finding: (
            named(finding, "PoissonNLLLoss")
            and finding.kind == "ours refuses"
            and "in 0..inf" in finding.what
        ),
    ),
    Difference(
        "convolution without input channels",
        "Every output is the bias; torch.nn returns no output channels, or refuses, as it comes.",
        "Conv2d | `in_channels=0`",
        shapeless_channels,
    ),
    Difference(
        "losses over no classes",
        "With all targets ignored there is nothing to sum; torch.nn refuses some shapes of it.",
        "NLLLoss, CrossEntropyLoss | images with no class",
        lambda finding: no_classes(finding) and finding.kind == "torch refuses",
    ),
    Difference(
        "pooling and padding of other numbers",
        "They have an order and a sum, and can be copied; torch.nn has no kernel for some.",
        "pooling, padding, Fold, Unfold | integers, truth values, complex numbers",
        refused(
            (*POOLS, *UNPOOLS, *PADS, *NORMED, "Fold", "Unfold"),
            "not implemented for",
            "could not infer output dtype",
        ),
    ),
    Difference(
        "adaptive pooling without channels",
        "There is nothing to compute; torch.nn refuses it in places.",
        "adaptive pooling, MaxUnpool | a batch without channels",
        refused((*AVERAGED, *POOLS, *UNPOOLS), "non-zero size"),
    ),
    Difference(
        "infinite terms of interpolation",
        "A sum of infinities of both signs has no value, and an element of weight 0 counts for nothing.",
        "Upsample | infinite numbers or upstream gradients",
        lambda finding: (
            named(finding, *UPSAMPLING)
            and finding.kind == "value"
            and not any(
                math.isfinite(ours) and math.isfinite(same) for ours, same in zip(finding.ours, finding.same)
            )
        ),
    ),
    Difference(
        "interpolation of nothing",
        "It is refused in every mode; torch.nn returns nothing for area.",
        "Upsample | no channels or nothing along an axis",
        lambda finding: (
            named(finding, *UPSAMPLING)
            and finding.kind == "ours refuses"
            and "none but batch 0" in finding.what
        ),
    ),
    Difference(
        "transposed convolution of nothing, or to nothing",
        "It is refused; torch.nn computes what is empty in places, and refuses it in others.",
        "transposed convolution | an output or a batch without elements",
        lambda finding: (
            named(finding, *TRANSPOSED)
            and finding.kind == "ours refuses"
            and (not finding.configuration.inputs[0].numel() or "of at least one element" in finding.what)
        ),
    ),
    Difference(
        "margins of transposed convolution in the products",
        "A zero of the margin times infinity is no number.",
        "transposed convolution | infinite numbers or upstream gradients",
        lambda finding: (
            named(finding, *TRANSPOSED)
            and finding.kind == "value"
            and not any(math.isfinite(number) for number in (*finding.ours, *finding.same))
        ),
    ),
    Difference(
        "windows of zeros, and infinite gradients, of pooling by a norm",
        "Where the sum is 0 the derivative is 0; torch.nn composes it of infinite parts.",
        "LPPool | an infinite upstream gradient, or a window of zeros",
        lambda finding: named(finding, *NORMED) and more_numbers(finding),
    ),
    Difference(
        "powers that overflow in pooling by a norm",
        "They are in single precision, and so is their sum; torch.nn sums volumes in half precision nowhere.",
        "LPPool | numbers whose powers overflow in single precision",
        lambda finding: (
            named(finding, *NORMED)
            and finding.kind == "value"
            and any(
                x.dtype == torch.float16 or bool(x.double().abs().nan_to_num(0, 0, 0).gt(1e9).any())
                for x in finding.configuration.inputs
            )
        ),
    ),
    Difference(
        "padding that cuts off everything",
        "It is refused, as torch.nn does for some classes; the others return nothing.",
        "ReflectionPad, ReplicationPad, CircularPad | negative padding of all elements",
        lambda finding: (
            named(finding, *PADS)
            and finding.kind == "ours refuses"
            and "padding that leaves something" in finding.what
        ),
    ),
    Difference(
        "circular padding of more than is left",
        "It goes round again; torch.nn reads memory that it has not written to.",
        "CircularPad | padding beyond what negative padding leaves",
        lambda finding: (
            named(finding, *PADS)
            and finding.configuration.name.startswith("Circular")
            and min(finding.configuration.arguments["padding"]) < 0
        ),
    ),
    Difference(
        "adaptive means of nothing",
        "A window of nothing is refused for every size; torch.nn takes the mean for a size of 1.",
        "AdaptiveAvgPool | to a size of 1, of other axes or none",
        lambda finding: named(finding, *AVERAGED) and finding.kind == "ours refuses",
    ),
    Difference(
        "windows that fill an axis of a volume",
        "There is room for them, as FractionalMaxPool2d knows; torch.nn refuses it for volumes alone.",
        "FractionalMaxPool3d | windows that fill an axis",
        refused("FractionalMaxPool3d", "too large relative to input"),
    ),
    Difference(
        "volumes smaller than a window",
        "Padding or ceil_mode lets the window reach beyond; torch.nn refuses it for volumes alone.",
        "AvgPool3d, LPPool3d | a volume smaller than the kernel",
        refused(("AvgPool3d", "LPPool3d"), "smaller than kernel size"),
    ),
    Difference(
        "BatchNorm, InstanceNorm with eps=0",
        "The equation holds for it; torch.nn's kernel refuses it in training.",
        "BatchNorm, InstanceNorm | `eps=0` | refused in training",
        refused(CHANNEL_NORMS, "eps must be positive"),
    ),
    Difference(
        "the weight's gradient in BatchNorm with a variance of 0 and eps=0",
        "It is a sum of normalised numbers, of which 0 / 0 is NaN; torch.nn divides the sum.",
        "BatchNorm, InstanceNorm | `eps=0` in evaluation",
        lambda finding: named(finding, *CHANNEL_NORMS) and finding.configuration.arguments.get("eps") == 0,
    ),
    Difference(
        "another number of channels in BatchNorm",
        "It is refused, where torch.nn, without parameters or samples, does not look at it.",
        "BatchNorm, GroupNorm, InstanceNorm | other channels than `num_features`",
        lambda finding: (
            named(finding, *CHANNEL_NORMS, "GroupNorm")
            and finding.kind == "ours refuses"
            and "expected input" in finding.what
        ),
    ),
    Difference(
        "an input of another dtype than the parameters",
        "It is refused; torch.nn takes single precision with half, or an empty batch of integers, in places.",
        "norms, convolution | another dtype",
        lambda finding: (
            named(finding, *NORMS, *CONVOLUTIONS)
            and finding.kind == "ours refuses"
            and finding.configuration.inputs[0].dtype != torch.float32
        ),
    ),
    Difference(
        "infinite terms in another order",
        "A sum of infinities of both signs, or a product of one with 0, has no value.",
        "norms, Bilinear, CosineSimilarity | infinite numbers or upstream gradients",
        lambda finding: (
            named(finding, *NORMS, "CosineSimilarity")
            and finding.kind == "value"
            and not any(math.isfinite(number) for number in (*finding.ours, *finding.same))
        ),
    ),
    Difference(
        "squares whose sums overflow in single precision",
        "They are infinite here and in torch.nn on a GPU; on the CPU it sums some in double precision.",
        "norms, CosineEmbeddingLoss in float32 or bfloat16 | numbers whose squares",
        overflowing_squares,
    ),
    Difference(
        "BatchNorm, InstanceNorm of no channels",
        "There is nothing to normalise; torch.nn fails at its first channel.",
        "BatchNorm, InstanceNorm | no channels",
        refused(CHANNEL_NORMS, "index 0 out of range", "number of input channels should be non-zero"),
    ),
    Difference(
        "the gradient of CrossMapLRN2d",
        "It is that of the outputs; torch.nn sums over other channels, and fails for size=1.",
        "CrossMapLRN2d | any",
        lambda finding: named(finding, "CrossMapLRN2d") and "output" not in finding.what,
    ),
    Difference(
        "Dropout2d and Dropout3d of another number of axes",
        "torch.nn warns that it will refuse it.",
        "Dropout2d, Dropout3d | fewer or more axes",
        lambda finding: named(finding, "Dropout2d", "Dropout3d") and "expected input" in finding.what,
    ),
    Difference(
        "shuffles of nothing",
        "torch.nn fails in the backward.",
        "ChannelShuffle, PixelShuffle, PixelUnshuffle | no elements",
        lambda finding: (
            named(finding, "ChannelShuffle", "PixelShuffle", "PixelUnshuffle")
            and finding.kind in ("torch refuses", "form")
            and not finding.configuration.inputs[0].numel()
        ),
    ),
    Difference(
        "NaN in a bag of EmbeddingBag",
        "Its maximum is NaN; in torch.nn it is so if the first vector has it.",
        "EmbeddingBag | maxima of NaN",
        lambda finding: (
            named(finding, "EmbeddingBag")
            and finding.configuration.arguments["mode"] == "max"
            and finding.configuration.kind == "special"
        ),
    ),
    Difference(
        "Bilinear without features of the second input",
        "Every output is the bias; torch.nn does not get so far.",
        "Bilinear | `in2_features=0`",
        refused("Bilinear", "is ambiguous"),
    ),
    Difference(
        "products of three factors in another order",
        "What two of them make may be infinite.",
        "norms, Bilinear, CosineSimilarity | infinite numbers",
        lambda finding: (
            named(finding, "Bilinear")
            and finding.kind == "value"
            and not any(math.isfinite(number) for number in finding.ours)
        ),
    ),
    Difference(
        "two inputs of different dtypes",
        "They are refused; torch.nn converts one of them.",
        "CosineSimilarity, PairwiseDistance | two dtypes",
        lambda finding: (
            named(finding, "CosineSimilarity", "PairwiseDistance") and "a second input of" in finding.what
        ),
    ),
    Difference(
        "the gradient of vectors shorter than eps in CosineSimilarity",
        "It is the derivative of the output; torch.nn takes the length for one that counts.",
        "CosineSimilarity | a vector shorter than `eps`",
        lambda finding: (
            named(finding, "CosineSimilarity") and "gradient" in finding.what and has_short_vectors(finding)
        ),
    ),
    Difference(
        "embeddings of no features with a largest norm of infinite order",
        "The norm of nothing is 0; torch.nn refuses to take it.",
        "Embedding, EmbeddingBag | no features",
        refused(("Embedding", "EmbeddingBag"), "cannot compute the inf norm on an empty tensor"),
    ),
    Difference(
        "gaps in memory",
        "The layout in memory does not matter; torch.nn refuses some.",
        "LocalResponseNorm, NLLLoss, MaxPool3d | gaps in memory",
        refused(
            ("LocalResponseNorm", "NLLLoss", "NLLLoss2d", "MaxPool3d"),
            *("must be contiguous", "Use .reshape(...) instead", "Unsupported memory format"),
        ),
    ),
)
