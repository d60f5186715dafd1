"""Our results against torch's: in the same dtype, and in double precision from the same numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fuzz.configuration import Configuration
from fuzz.deliberate import CHANNEL_NORMS, DELIBERATE, Difference
from fuzz.run import of_ours, of_torch, upstream_of
from fuzz.sequences import SEQUENCES
from plaingrad.module import ModuleError

DOUBLE = torch.float64
# Units in the last place, relative to what enters.
UNITS = {torch.float16: 4.0, torch.bfloat16: 4.0, torch.float32: 16.0, DOUBLE: 2**14}


@dataclass(frozen=True)
class Finding:
    """One difference.

    Attributes:
        configuration: what differs.
        kind: "ours refuses", "torch refuses", "error", "form" (shape, dtype or names) or "value".
        what: the tensor, or the messages.
        ours: our numbers where they differ; empty unless it is about numbers.
        same: torch's in the same dtype.
        exact: torch's in double precision.
        inputs: the input where the numbers differ, if it has their shape.
    """

    configuration: Configuration
    kind: str
    what: str
    ours: tuple[float, ...] = ()
    same: tuple[float, ...] = ()
    exact: tuple[float, ...] = ()
    inputs: tuple[float, ...] = ()

    def __str__(self) -> str:
        shown = [
            f"{name} {values[:3]}" for name, values in (("ours", self.ours), ("torch's", self.same)) if values
        ]
        exact = [f"in float64 {self.exact[:3]}"] if self.exact else []
        exact += [f"at {self.inputs[:3]}"] if self.inputs else []
        return f"{self.kind}: {self.what} {', '.join([*shown, *exact])}\n    {self.configuration}"

    def deliberate(self) -> Difference | None:
        """The entry of the table that explains it, if there is one."""
        return next((entry for entry in DELIBERATE if entry.explains(self)), None)


def differences(configuration: Configuration) -> list[Finding]:
    """All differences of a configuration, deliberate ones too."""
    same, state = of_torch(configuration, configuration.dtype)
    exact = same if configuration.dtype == DOUBLE else of_torch(configuration, DOUBLE)[0]
    if "not implemented for" in str(same.refusal):  # in half precision, on this processor
        same, state = of_torch(configuration, torch.float32)
    ours = of_ours(configuration, state)

    def finding(kind: str, what: str) -> list[Finding]:
        return [Finding(configuration, kind, what)]

    if ours.refusal is not None and not isinstance(ours.refusal, ModuleError):
        return finding("error", f"{type(ours.refusal).__name__}: {ours.refusal}")
    if same.refusal is not None:
        is_alone = ours.refusal is None and "not implemented for" not in str(same.refusal)
        return [] if not is_alone else finding("torch refuses", brief(same.refusal))
    if ours.refusal is not None:
        return finding("ours refuses", brief(ours.refusal))
    if ours.tensors.keys() != same.tensors.keys():
        return finding("form", f"{list(ours.tensors)} instead of {list(same.tensors)}")
    found = []
    for name, y in ours.tensors.items():
        expected = same.tensors[name]
        form, right = form_of(y, expected, configuration), form_of(expected, expected, configuration)
        if form != right:
            found += finding("form", f"{name}: {form} instead of {right}")
            continue
        reference = exact.tensors.get(name, expected)
        bad = ~agree(configuration, name, y, expected, reference, ours.tensors["output"])
        if bad.any():
            x = configuration.inputs[0]
            tensors = [y, expected, reference, *([x] if x.shape == y.shape else [])]
            numbers = [tuple(t.detach().double()[bad].tolist()) for t in tensors]
            found.append(Finding(configuration, "value", name, *numbers))
    return found


def form_of(y: Tensor, expected: Tensor, configuration: Configuration) -> tuple[tuple[int, ...], torch.dtype]:
    """The shape and dtype of a result; that of the configuration if torch's is of a wider one."""
    wider = [DOUBLE] if configuration.dtype in (torch.float32, DOUBLE) else [torch.float32, DOUBLE]
    dtype = configuration.dtype if y.is_floating_point() and expected.dtype in wider else y.dtype
    return tuple(y.shape), dtype


def agree(
    configuration: Configuration, name: str, y: Tensor, same: Tensor, exact: Tensor, output: Tensor
) -> Tensor:
    """Where our numbers are torch's, in one of its dtypes."""
    if not y.is_floating_point():
        return (y == same) | ((y != y) & (same != same))  # complex numbers may be NaN
    dtype = y.dtype
    allowed = tolerance(configuration, name, y, same, exact, output)
    y, right = y.double(), torch.zeros(y.shape, dtype=torch.bool)
    for expected in (same.to(dtype).double(), exact.to(dtype).double()):
        right |= (y == expected) | (y.isnan() & expected.isnan()) | ((y - expected).abs() <= allowed)
    return right


def tolerance(
    configuration: Configuration, name: str, y: Tensor, same: Tensor, exact: Tensor, output: Tensor
) -> Tensor:
    """How far a number may be off.

    It is so many units in the last place of what enters, and twice what torch's own dtype is off: element by
    element where they stand alone, else of the largest. Step after step and layer after layer enlarge what
    was rounded, by chance more here or there, so that in sequences it is sixteen times as much.
    """
    info = torch.finfo(y.dtype)
    unit = UNITS[y.dtype] * info.eps
    entering = entered(configuration, name, y, output)
    size = torch.maximum(y.double().abs().nan_to_num(0, 0, 0), exact.double().abs().nan_to_num(0, 0, 0))
    off = (same.double() - exact.double()).abs().nan_to_num(0, 0, 0)
    if configuration.is_local and entering.shape == y.shape:
        return unit * torch.maximum(size, entering) + 2 * off + 4 * info.tiny * info.eps
    times = 16 if configuration.name in SEQUENCES else 1
    largest = times * unit * max(greatest(size), float(entering.max()) if entering.numel() else 0.0)
    largest += max(2, times) * greatest(off)
    return torch.full_like(size, min(largest, info.max))


def entered(configuration: Configuration, name: str, y: Tensor, output: Tensor) -> Tensor:
    """The size of the finite numbers that a result is made from."""
    inputs = [finite(x) for x in configuration.inputs if x.is_floating_point()]
    dy = finite(upstream_of(configuration)(0, y)) if "gradient" in name else torch.ones(())
    if configuration.is_local and all(x.shape == y.shape for x in inputs):
        size = torch.stack(inputs).amax(0)
        return dy * size.clamp(min=1) if "gradient" in name else size
    upstream = greatest(finite(upstream_of(configuration)(0, output))) if "gradient" in name else 1.0
    size = max([1.0, *map(greatest, inputs)]) * max(1.0, greatest(dy), upstream)
    if configuration.name in (*CHANNEL_NORMS, "LayerNorm", "GroupNorm") and may_be_constant(configuration):
        # They divide by eps alone, and sum up what was rounded.
        size *= max(configuration.arguments.get("eps", 0.0), 1e-5) ** -0.5
        size *= max(1, configuration.inputs[0].numel()) ** 0.5
    return torch.tensor(size).double()


def may_be_constant(configuration: Configuration) -> bool:
    """Whether all numbers that are normalised together may be equal."""
    return configuration.kind == "constant" or 0 in configuration.inputs[0].stride()


def finite(x: Tensor) -> Tensor:
    return x.double().abs().nan_to_num(0, 0, 0)


def greatest(x: Tensor) -> float:
    return float(x.max()) if x.numel() else 0.0


def brief(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
