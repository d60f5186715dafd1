"""Half precision, sizes of 0, layouts, infinities and NaN: where torch gives a number, it is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.table import CASES
from plaingrad import Module, ModuleError, nn

LAYERS = {"BatchNorm1d", "Conv2d", "Embedding", "Flatten", "LayerNorm", "Linear", "MaxPool2d"}
every_layer = pytest.mark.parametrize("case", [c for c in CASES if c.ours.__name__ in LAYERS], ids=repr)
examples = settings(max_examples=25, deadline=None)
HALF = [torch.float16, torch.bfloat16]
ODD = torch.tensor([float("inf"), float("-inf"), float("nan"), 0.0, 1.0, -2.0], dtype=torch.float64)
pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")


def state_of(theirs: torch.nn.Module, seed: int) -> dict[str, Tensor]:
    """Its state, shifted a little: a weight of exactly 1 would hide a forgotten factor."""
    generator = torch.Generator().manual_seed(seed)
    for value in theirs.state_dict().values():
        if value.is_floating_point():
            value += torch.rand(value.shape, generator=generator, dtype=torch.float64).to(value.dtype) / 2
    return theirs.state_dict()


def upstream(y: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)


def with_odd_numbers(x: Tensor, seed: int) -> Tensor:
    """One number in five replaced by infinities, NaN and the like; x itself if it is of integers."""
    generator = torch.Generator().manual_seed(seed)
    odd = ODD[torch.randint(len(ODD), x.shape, generator=generator)]
    rare = torch.rand(x.shape, generator=generator) < 0.2
    return torch.where(rare, odd, x) if x.is_floating_point() else x


def results(
    layer: Module | torch.nn.Module,
    x: Tensor,
    seed: int,
    gradient: Callable[[Tensor, int], Tensor] = upstream,
) -> list[Tensor]:
    """Output, gradient of the input (if it has one), gradients of the parameters, and state."""
    theirs = isinstance(layer, torch.nn.Module)
    floating = x.is_floating_point()
    leaf = x.detach().requires_grad_(theirs and floating)
    output = layer(leaf)
    y, *rest = output if isinstance(output, tuple) else (output,)
    dy = gradient(y, seed)
    if theirs:
        wanted = [leaf] * floating + list(layer.parameters())
        gradients = torch.autograd.grad(y, wanted, dy) if wanted else []
    else:
        dx = layer.backward(dy, *[None] * len(rest))
        gradients = [dx] * floating + [p.grad for p in layer.parameters()]
    return [y.detach(), *gradients, *layer.state_dict().values()]


def assert_rounded(results: list[Tensor], exact: list[Tensor], dtype: torch.dtype, floor: float) -> None:
    """Each number is the exact one, rounded a few times; ``floor`` is what cancellation may leave."""
    for y, right in zip(results, exact, strict=True):
        if not y.is_floating_point():
            assert torch.equal(y, right)
            continue
        assert y.dtype == dtype
        top = torch.finfo(dtype).max  # what lies beyond is infinite
        y, right = (z.double().clamp(-top, top) for z in (y, right))
        largest = right.abs().amax().item() if right.numel() else 0.0
        atol = 4 * torch.finfo(dtype).eps * largest + floor
        torch.testing.assert_close(y, right, rtol=0, atol=atol)


@every_layer
@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@examples
@given(data=st.data(), seed=seeds, scale=st.sampled_from([1.0, 30.0, 400.0]))
def test_half_precision_loses_what_rounding_its_numbers_loses(
    case: Case, dtype: torch.dtype, training: bool, data: st.DataObject, seed: int, scale: float
) -> None:
    arguments = data.draw(case.arguments)
    (x,) = data.draw(case.inputs(arguments))
    assert case.theirs is not None
    ours, theirs = case.ours(**arguments).to(dtype), case.theirs(**arguments).to(dtype).train(training)
    ours = ours.train() if training else ours.eval(saving=True)
    ours.load_state_dict(state_of(theirs, seed))
    x = (scale * x).to(dtype) if x.is_floating_point() else x

    def gradient(y: Tensor, seed: int) -> Tensor:
        return upstream(y.double(), seed).to(dtype).to(y.dtype)

    exact = results(theirs.double(), x.double() if x.is_floating_point() else x, seed, gradient)
    assert_rounded(results(ours, x, seed, gradient), exact, dtype, floor=1e-3 / scale)


@every_layer
@examples
@given(data=st.data(), seed=seeds, axis=st.integers(0, 3))
def test_any_layout_gives_the_same_numbers(case: Case, data: st.DataObject, seed: int, axis: int) -> None:
    arguments = data.draw(case.arguments)
    (x,) = data.draw(case.inputs(arguments))
    ours = case.ours(**arguments).to(torch.float64)
    state = {name: value.clone() for name, value in ours.state_dict().items()}
    axis = min(axis, max(x.ndim - 1, 0))
    layouts = [x.flip(0).flip(0), x.transpose(0, -1).contiguous().transpose(0, -1)] if x.ndim else [x]
    layouts += [x.contiguous(memory_format=torch.channels_last)] if x.ndim == 4 else []
    layouts += [x.narrow(axis, 0, 1).expand(x.shape)] if x.ndim else []
    for each in layouts:
        found = []
        for same in (each, each.clone(memory_format=torch.contiguous_format)):
            ours.load_state_dict(state)
            ours.zero_grad()
            found.append([z.clone() for z in results(ours, same, seed)])
        for y, right in zip(*found, strict=True):
            torch.testing.assert_close(y, right, rtol=1e-9, atol=1e-9)


EMPTY = [
    *[("Linear", (0, 4), size) for size in [(2, 0), (2, 5, 0), (0,)]],
    ("Linear", (3, 0), (2, 3)),
    *[("Linear", (3, 2), size) for size in [(0, 3), (2, 0, 3)]],
    *[("LayerNorm", (0,), size) for size in [(3, 0), (0,)]],
    *[("LayerNorm", (s,), size) for s, size in [((2, 0), (3, 2, 0)), ((0, 2), (0, 2)), (3, (0, 3))]],
    *[("BatchNorm1d", (3,), size) for size in [(0, 3), (0, 3, 2), (2, 3, 0), (1, 3, 0)]],
    *[("BatchNorm1d", (3, 1e-5, None, affine, tracks), (0, 3)) for affine in (0, 1) for tracks in (0, 1)],
    ("BatchNorm1d", (0, 1e-5, 0.1, False), (2, 0)),
    *[("Conv2d", (3, 2, 3), size) for size in [(0, 3, 5, 5), (0, 3, 2, 5), (2, 3, 0, 5), (3, 0, 5)]],
    *[("Conv2d", (3, 2, 3, 1, 2), size) for size in [(0, 3, 0, 5), (2, 3, 0, 5), (3, 5, 0)]],
    *[
        ("Conv2d", (3, 2, 3, 1, 1, 1, 1, True, mode), size)
        for mode in ("reflect", "replicate", "circular")
        for size in [(0, 3, 5, 5), (2, 3, 0, 5), (0, 3, 0, 5)]
    ],
    *[("MaxPool2d", (2,), size) for size in [(0, 3, 4, 4), (2, 0, 4, 4), (0, 4, 4), (0, 3, 0, 4)]],
    ("MaxPool2d", (2, 1, 1), (2, 3, 0, 4)),
    *[("Embedding", sizes, size) for sizes in [(4, 3), (4, 0), (0, 3)] for size in [(0,), (2, 0), (2,)]],
    *[("Embedding", (4, size, 0, 1.0), (3,)) for size in (0, 2)],
    *[("Flatten", (start,), size) for start in (0, 1) for size in [(0,), (0, 3), (2, 0, 3)]],
]


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(("name", "arguments", "size"), EMPTY)
def test_sizes_of_0_are_computed_or_refused_as_in_torch(
    name: str, arguments: Any, size: tuple[int, ...]
) -> None:
    ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    ours.load_state_dict(theirs.state_dict())
    x = torch.zeros(size, dtype=torch.int64) if name == "Embedding" else torch.randn(size)
    try:
        expected = results(theirs, x, seed=0)
    except (RuntimeError, IndexError):
        with pytest.raises(ModuleError):
            ours(x)
        return
    for y, right in zip(results(ours, x, seed=0), expected, strict=True):
        torch.testing.assert_close(y, right)


@every_layer
@pytest.mark.parametrize("odd", ["input", "upstream"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@examples
@given(data=st.data(), seed=seeds)
def test_infinities_and_nan_go_where_they_go_in_torch(
    case: Case, odd: str, training: bool, data: st.DataObject, seed: int
) -> None:
    """Of LayerNorm's only where they are finite: the order of adding makes NaN or an infinity of infinite terms."""
    arguments = data.draw(case.arguments)
    (x,) = data.draw(case.inputs(arguments))
    x = with_odd_numbers(x, seed) if odd == "input" else x
    assert case.theirs is not None
    ours, theirs = case.ours(**arguments).to(torch.float64), case.theirs(**arguments).double().train(training)
    ours = ours.train() if training else ours.eval(saving=True)
    ours.load_state_dict(state_of(theirs, seed))


    def gradient(y: Tensor, seed: int) -> Tensor:
        return with_odd_numbers(upstream(y, seed), seed) if odd == "upstream" else upstream(y, seed)

    for y, right in zip(results(ours, x, seed, gradient), results(theirs, x, seed, gradient), strict=True):
        if case.ours is nn.LayerNorm and odd == "upstream":
            y, right = (torch.where(z.isfinite(), z, torch.nan) for z in (y, right))
        torch.testing.assert_close(y, right, rtol=1e-9, atol=1e-9, equal_nan=True)
