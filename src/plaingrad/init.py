"""Initialisers, named as torch.nn.init names them and drawing the same numbers from the same seed.

Each fills a `Parameter`, a `Buffer` or a plain tensor in place and returns what it was given. Fan-in and
fan-out of a weight ``(out, in, *kernel)`` are the numbers of inputs that one output sees and of outputs that
one input reaches: in and out times the size of the kernel.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from plaingrad.contract.random import drawing_from, source
from plaingrad.errors import InputError
from plaingrad.parameter import Buffer, Parameter, shape

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "drawing_from",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

P = TypeVar("P", bound=Parameter | Buffer | Tensor)


# Constants


def constant_(tensor: P, val: float) -> P:
    """Fill with one value."""
    _value(tensor).fill_(val)
    return tensor


def ones_(tensor: P) -> P:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: P) -> P:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def eye_(tensor: P) -> P:
    """Fill a matrix with ones on the diagonal and zeros elsewhere.

    Raises:
        InputError: it is no matrix.
    """
    _matrix("eye_", tensor).zero_().diagonal().fill_(1)
    return tensor


def dirac_(tensor: P, groups: int = 1) -> P:
    """Fill the weight of a convolution so that each channel of the output is one of the input, moved nowhere.

    The first channels of each group of the output, as far as the input has channels, have a 1 in the middle
    of the kernel; all else is 0.

    Args:
        tensor: the weight, shape ``(out, in, *kernel)`` with one to three axes of the kernel.
        groups: the number of groups into which the output's channels are split.

    Raises:
        InputError: the tensor has more or fewer axes, or the groups do not divide its first.
    """
    value = _value(tensor)
    if value.ndim not in (3, 4, 5) or groups < 1 or len(value) % groups:
        expected = f"dirac_: expected a weight (out, in, *kernel) of {groups} equal groups along out"
        raise InputError(f"{expected} and a kernel of 1 to 3 axes, got shape {shape(value)}")
    value.zero_()
    for size in value.shape[2:]:
        value = value.select(2, size // 2) if size else value.narrow(2, 0, 0)  # the middle of the kernel
    for group in value.chunk(groups) if value.numel() else ():
        group.fill_diagonal_(1)
    return tensor


# Distributions


def uniform_(tensor: P, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None) -> P:
    """Draw from U(a, b)."""
    _value(tensor).uniform_(a, b, generator=source(generator))
    return tensor


def normal_(tensor: P, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None) -> P:
    """Draw from N(mean, std^2)."""
    _value(tensor).normal_(mean, std, generator=source(generator))
    return tensor


def trunc_normal_(
    tensor: P,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> P:
    r"""Draw from N(mean, std^2) restricted to [a, b].

    Numbers outside are redrawn. If at most 30 % of the normal distribution lie inside, numbers are
    drawn from U(a, b) instead, and x is kept with probability :math:`f(x) / \max_{[a, b]} f`, where f is the
    normal density.

    Raises:
        InputError: ``std`` is not positive, or a exceeds b.
    """
    if not (std > 0 and a <= b):
        raise InputError(f"trunc_normal_: expected std > 0 and a <= b, got std={std}, a={a}, b={b}")
    value = _value(tensor)
    z_a, z_b, z_mode = ((x - mean) / std for x in (a, b, max(a, min(mean, b))))
    inside = (math.erf(z_b / math.sqrt(2)) - math.erf(z_a / math.sqrt(2))) / 2
    log_peak = -0.5 * z_mode**2

    def propose() -> tuple[Tensor, Tensor]:
        """Draw numbers, and a mask of those to reject."""
        x = torch.empty_like(value)
        if inside > 0.3:
            x.normal_(mean, std, generator=source(generator))
            return x, (x < a) | (x > b)
        x.uniform_(a, b, generator=source(generator))
        log_density = ((x - mean) / std) ** 2 * -0.5 - log_peak
        return x, torch.empty_like(x).uniform_(generator=source(generator)).log() > log_density

    drawn, rejected = propose()
    while rejected.any():
        again, rejected_again = propose()
        drawn = torch.where(rejected, again, drawn)
        rejected = rejected & rejected_again
    value.copy_(drawn)
    return tensor


def sparse_(tensor: P, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None) -> P:
    """Draw a matrix from N(0, std^2) and set the fraction ``sparsity`` of each column to 0.

    The generator is for the values; which of them become 0 is drawn as if there were none.

    Raises:
        InputError: it is no matrix.

    Source: J. Martens, "Deep learning via Hessian-free optimization", 2010.
    """
    value = _matrix("sparse_", tensor)
    rows, columns = value.shape
    value.normal_(0, std, generator=source(generator))
    for column in range(columns):
        value[torch.randperm(rows, generator=source(None))[: math.ceil(sparsity * rows)], column] = 0
    return tensor


# Distributions scaled to keep the variance from layer to layer

# The gain by which a nonlinearity's input should be larger for its output to keep its variance.
KERNELS = [f"{kind}{axes}d" for kind in ("conv", "conv_transpose") for axes in (1, 2, 3)]
GAINS = dict.fromkeys(["linear", *KERNELS, "sigmoid"], 1.0) | {"tanh": 5 / 3, "relu": 2**0.5, "selu": 3 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    r"""The factor on the standard deviation of the weights in front of a nonlinearity.

    It is 1 for linear maps, convolutions and the sigmoid, 5/3 for tanh, :math:`\sqrt 2` for ReLU, 3/4 for
    SELU, and :math:`\sqrt{2 / (1 + s^2)}` for leaky ReLU.

    Args:
        nonlinearity: its name in torch.nn.functional.
        param: the negative slope s of ``"leaky_relu"``, 0.01 if None; the others have none.

    Raises:
        InputError: there is no such name.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        known = ", ".join(sorted([*GAINS, "leaky_relu"]))
        raise InputError(f"calculate_gain: expected one of {known}, got {nonlinearity!r}")
    return GAINS[nonlinearity]


def xavier_uniform_(tensor: P, gain: float = 1.0, generator: torch.Generator | None = None) -> P:
    r"""Draw from U(-k, k) with :math:`k = \text{gain} \sqrt{6 / (\text{fan\_in} + \text{fan\_out})}`.

    Raises:
        InputError: there are fewer than two axes.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010.
    """
    bound = math.sqrt(3.0) * _xavier_std("xavier_uniform_", _value(tensor), gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: P, gain: float = 1.0, generator: torch.Generator | None = None) -> P:
    r"""Draw from N(0, s^2) with :math:`s = \text{gain} \sqrt{2 / (\text{fan\_in} + \text{fan\_out})}`.

    Raises:
        InputError: there are fewer than two axes.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010.
    """
    return normal_(tensor, 0.0, _xavier_std("xavier_normal_", _value(tensor), gain), generator)


def kaiming_uniform_(
    tensor: P,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> P:
    r"""Draw from U(-k, k) with :math:`k = \text{gain} \sqrt{3 / \text{fan}}`.

    Args:
        tensor: the weight.
        a: the negative slope, if the nonlinearity is ``"leaky_relu"``.
        mode: ``"fan_in"`` keeps the variance in the forward pass, ``"fan_out"`` in the backward pass.
        nonlinearity: what follows the layer, for `calculate_gain`.
        generator: where the random numbers come from; torch's own if None.

    Raises:
        InputError: there are fewer than two axes, or no such mode or nonlinearity.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers: surpassing human-level performance
    on ImageNet classification", 2015.
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", _value(tensor), a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: P,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> P:
    r"""Draw from N(0, s^2) with :math:`s = \text{gain} / \sqrt{\text{fan}}`.

    Arguments as for `kaiming_uniform_`.

    Raises:
        InputError: there are fewer than two axes, or no such mode or nonlinearity.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers: surpassing human-level performance
    on ImageNet classification", 2015.
    """
    std = _kaiming_std("kaiming_normal_", _value(tensor), a, mode, nonlinearity)
    return normal_(tensor, 0, std, generator)


def orthogonal_(tensor: P, gain: float = 1, generator: torch.Generator | None = None) -> P:
    r"""Fill with ``gain`` times a random matrix of orthonormal rows or columns, whichever are fewer.

    For A = QR of a matrix of normal numbers, Q times the signs of R's diagonal is uniform over such
    matrices. Axes after the first count as one.

    Raises:
        InputError: there are fewer than two axes.

    Source: A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", 2014.
    """
    value = _value(tensor)
    _fans("orthogonal_", value)
    if not value.numel():
        return tensor
    normal = value.new_empty(len(value), value[0].numel()).normal_(0, 1, generator=source(generator))
    wide = normal.shape[0] < normal.shape[1]
    q, r = torch.linalg.qr(normal.T if wide else normal)
    q = q * r.diagonal().sign()
    value.copy_((q.T if wide else q).reshape(value.shape)).mul_(gain)
    return tensor


# Helpers


def _value(tensor: Parameter | Buffer | Tensor) -> Tensor:
    return tensor if isinstance(tensor, Tensor) else tensor.value


def _matrix(name: str, tensor: Parameter | Buffer | Tensor) -> Tensor:
    value = _value(tensor)
    if value.ndim != 2:
        raise InputError(f"{name}: expected a matrix, got shape {shape(value)}")
    return value


def _fans(name: str, value: Tensor) -> tuple[int, int]:
    """Fan-in and fan-out."""
    if value.ndim < 2:
        raise InputError(f"{name}: expected a weight (out, in, *kernel), got shape {shape(value)}")
    kernel = math.prod(value.shape[2:])
    return value.shape[1] * kernel, value.shape[0] * kernel


def _xavier_std(name: str, value: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / max(1, sum(_fans(name, value))))


def _kaiming_std(name: str, value: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise InputError(f"{name}: expected mode 'fan_in' or 'fan_out', got {mode!r}")
    fan = _fans(name, value)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))
