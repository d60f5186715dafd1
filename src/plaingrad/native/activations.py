"""The C++ names of the activations that the kernels know."""

from __future__ import annotations

from dataclasses import dataclass, field

from plaingrad import nn
from plaingrad.module import Module


@dataclass(frozen=True)
class CppActivation:
    """An activation as the generated source names it.

    Attributes:
        name: the C++ type; a template of its constants, if it has any.
        constants: the numbers it is made with, by name.
    """

    name: str
    constants: dict[str, float] = field(default_factory=dict)


CONSTANTS: dict[type[Module], tuple[str, ...]] = {
    nn.CELU: ("alpha",),
    nn.ELU: ("alpha",),
    nn.GELU: (),
    nn.Hardshrink: ("lambd",),
    nn.Hardsigmoid: (),
    nn.Hardswish: (),
    nn.Hardtanh: ("min_val", "max_val"),
    nn.Identity: (),
    nn.LeakyReLU: ("negative_slope",),
    nn.LogSigmoid: (),
    nn.Mish: (),
    nn.ReLU: (),
    nn.ReLU6: (),
    nn.SELU: (),
    nn.SiLU: (),
    nn.Sigmoid: (),
    nn.Softplus: ("beta", "threshold"),
    nn.Softshrink: ("lambd",),
    nn.Softsign: (),
    nn.Tanh: (),
    nn.Tanhshrink: (),
    nn.Threshold: ("threshold", "value"),
}


def cpp_activation(module: Module) -> CppActivation | None:
    """The C++ type of an activation; None if the kernels do not know the module's exact type as one."""
    kind = type(module)
    if kind not in CONSTANTS:
        return None
    approximate = isinstance(module, nn.GELU) and module.approximate == "tanh"
    name = "GELUTanh" if approximate else kind.__name__
    return CppActivation(name, {field: float(getattr(module, field)) for field in CONSTANTS[kind]})
