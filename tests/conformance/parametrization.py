"""Rows of the conformance table: layers whose weights are computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils import parametrizations

from conformance.case import Arguments, Case, Inputs, normal
from plaingrad import nn

small = st.integers(1, 4)

Of = tuple[str, tuple[int, ...]]
"""The name of a class, and the numbers that its constructor takes first."""


def layer(library: ModuleType, of: Of) -> Any:
    kind, numbers = of
    return getattr(library, kind)(*numbers)


class Renamed(torch.nn.Module):
    """A layer with one of PyTorch's parametrizations, whose state has our names, in our order."""

    def __init__(self, layer: torch.nn.Module, names: dict[str, str]) -> None:
        super().__init__()
        self.layer = layer
        others = [name for name in layer.state_dict() if name not in names.values()]
        self.names = names | {f"layer.{name}": name for name in others}

    def forward(self, *inputs: Tensor) -> Any:
        return self.layer(*inputs)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        theirs = dict(self.layer.named_parameters())
        return iter([theirs[name] for name in self.names.values() if name in theirs])

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        theirs = self.layer.state_dict(keep_vars=True)
        return {ours: theirs[name] for ours, name in self.names.items()}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        return self.layer.load_state_dict({self.names[name]: value for name, value in state_dict.items()})


def weight_norm(layer: torch.nn.Module, name: str = "weight", dim: Any = 0) -> Renamed:
    """The counterpart of `plaingrad.nn.WeightNorm`."""
    normed = parametrizations.weight_norm(layer, name, dim)
    originals = {"length": "original0", "direction": "original1"}
    return Renamed(normed, {ours: f"parametrizations.{name}.{each}" for ours, each in originals.items()})


def spectral_norm(layer: torch.nn.Module, name: str = "weight", *options: Any) -> Renamed:
    """The counterpart of `plaingrad.nn.SpectralNorm`."""
    originals = {"original": "original", "u": "0._u", "v": "0._v"}
    normed = parametrizations.spectral_norm(layer, name, *options)
    held = normed.state_dict()
    names = {ours: f"parametrizations.{name}.{each}" for ours, each in originals.items()}
    return Renamed(normed, {ours: each for ours, each in names.items() if each in held})


class WeightNorm(nn.WeightNorm):
    def __init__(self, of: Of, name: str, dim: int | None) -> None:
        super().__init__(layer(nn, of), name, dim)


class TorchWeightNorm(Renamed):
    def __init__(self, of: Of, name: str, dim: int | None) -> None:
        normed = weight_norm(layer(torch.nn, of), name, dim)
        super().__init__(normed.layer, normed.names)


class SpectralNorm(nn.SpectralNorm):
    def __init__(self, of: Of, name: str, n_power_iterations: int, eps: float, dim: int | None) -> None:
        super().__init__(layer(nn, of), name, n_power_iterations, eps, dim)


class TorchSpectralNorm(Renamed):
    def __init__(self, of: Of, name: str, n_power_iterations: int, eps: float, dim: int | None) -> None:
        normed = spectral_norm(layer(torch.nn, of), name, n_power_iterations, eps, dim)
        super().__init__(normed.layer, normed.names)


class FunctionalCall(nn.FunctionalCall):
    def __init__(self, of: Of, names: tuple[str, ...]) -> None:
        super().__init__(layer(nn, of), names)


class TorchFunctionalCall(torch.nn.Module):
    def __init__(self, of: Of, names: tuple[str, ...]) -> None:
        super().__init__()
        self.layers = [layer(torch.nn, of)]  # in a list, for it has no state of its own
        self.names = names

    def forward(self, *inputs: Tensor) -> Any:
        count = len(inputs) - len(self.names)
        weights = dict(zip(self.names, inputs[count:]))
        if any(weights[name].shape != own.shape for name, own in self.layers[0].named_parameters()):
            raise ValueError("PyTorch lets a layer have weights of any shape; ours does not")
        return torch.func.functional_call(self.layers[0], weights, inputs[:count])


KINDS = {
    "Linear": (2, [("weight", 2), ("bias", 1)]),
    "Bilinear": (3, [("weight", 3)]),
    "Conv1d": (3, [("weight", 3), ("bias", 1)]),
    "Conv2d": (3, [("weight", 4)]),
    "Conv3d": (3, [("weight", 5)]),
    "ConvTranspose1d": (3, [("weight", 3)]),
    "ConvTranspose2d": (3, [("weight", 4)]),
    "Embedding": (2, [("weight", 2)]),
    "LSTMCell": (2, [("weight_hh", 2), ("weight_ih", 2)]),
    "LayerNorm": (1, [("weight", 1)]),
}
"""By class: how many numbers its constructor takes here, and its parameters with their numbers of axes."""


@st.composite
def parametrized(draw: st.DrawFn) -> tuple[Arguments, int]:
    """A layer and the name of one of its parameters; and how many axes that has."""
    kind = draw(st.sampled_from(list(KINDS)))
    count, names = KINDS[kind]
    name, axes = draw(st.sampled_from(names))
    return {"of": (kind, tuple(draw(small) for _ in range(count))), "name": name}, axes


@st.composite
def with_lengths(draw: st.DrawFn) -> Arguments:
    arguments, axes = draw(parametrized())
    return {**arguments, "dim": draw(st.none() | st.integers(-axes, axes - 1))}


@st.composite
def with_vectors(draw: st.DrawFn) -> Arguments:
    arguments, axes = draw(parametrized())
    options = {
        "n_power_iterations": st.integers(1, 3),
        "eps": st.sampled_from([1e-12, 1e-3, 0.3]),
        "dim": st.none() | st.integers(-axes, axes - 1),
    }
    return {**arguments, **draw(st.fixed_dictionaries(options))}


@st.composite
def inputs(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    kind, numbers = arguments["of"]
    batch = draw(small)
    if kind == "Embedding":
        return (torch.tensor(draw(st.lists(st.integers(0, numbers[0] - 1), min_size=1, max_size=6))),)
    if kind == "Bilinear":
        return draw(normal(batch, numbers[0])), draw(normal(batch, numbers[1]))
    if kind.startswith("Conv"):
        wide = st.integers(numbers[2], numbers[2] + 2)
        return (draw(normal(batch, numbers[0], *[wide] * int(kind[-2]))),)
    return (draw(normal(batch, numbers[0])),)


@st.composite
def with_all_weights(draw: st.DrawFn) -> Arguments:
    """A layer and the names of all of its parameters, in any order."""
    of = draw(parametrized())[0]["of"]
    names = [name for name, _ in layer(nn, of).named_parameters()]
    return {"of": of, "names": tuple(draw(st.permutations(names)))}


@st.composite
def inputs_and_weights(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    weights = dict(layer(nn, arguments["of"]).named_parameters())
    drawn = [draw(normal(*weights[name].value.shape)) for name in arguments["names"]]
    return *draw(inputs(arguments)), *drawn


CASES = [
    Case(ours=WeightNorm, theirs=TorchWeightNorm, arguments=with_lengths(), inputs=inputs),
    Case(ours=SpectralNorm, theirs=TorchSpectralNorm, arguments=with_vectors(), inputs=inputs),
    Case(
        ours=FunctionalCall,
        theirs=TorchFunctionalCall,
        arguments=with_all_weights(),
        inputs=inputs_and_weights,
    ),
]
