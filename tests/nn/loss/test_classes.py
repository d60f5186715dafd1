"""Losses over classes: what counts for nothing, layouts, and classes of which there are none."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import ModuleError, nn

inf, nan = float("inf"), float("nan")
D = torch.float64
LOSSES = ["CrossEntropyLoss", "NLLLoss"]
reductions = st.sampled_from(["mean", "sum", "none"])


@st.composite
def arguments(draw: st.DrawFn, name: str, classes: int) -> dict[str, Any]:
    found: dict[str, Any] = {"reduction": draw(reductions)}
    weights = st.lists(st.sampled_from([0.0, 0.5, 2.0]), min_size=classes, max_size=classes)
    if draw(st.booleans()):
        found["weight"] = torch.tensor(draw(weights), dtype=D)
    if name == "CrossEntropyLoss":
        found["label_smoothing"] = draw(st.sampled_from([0.0, 0.2]))
    return found


def theirs(name: str, x: Tensor, t: Tensor, dloss: Tensor | None, **arguments: Any) -> tuple[Tensor, Tensor]:
    """Loss and gradient of torch.nn."""
    x = x.detach().requires_grad_()
    loss = getattr(torch.nn, name)(**arguments)(x, t)
    loss.backward(torch.ones_like(loss) if dloss is None else dloss)
    assert x.grad is not None
    return loss.detach(), x.grad


@settings(max_examples=draws(100), deadline=None)
@given(data=st.data(), name=st.sampled_from(LOSSES), seed=st.integers(0, 2**32 - 1))
def test_an_ignored_row_counts_for_nothing_whatever_it_holds(
    data: st.DataObject, name: str, seed: int
) -> None:
    """Loss and gradient are those of the other rows, and its own gradient is exactly 0."""
    generator = torch.Generator().manual_seed(seed)
    samples, classes = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    options = data.draw(arguments(name, classes))
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=samples, max_size=samples)))
    x = torch.randn(samples, classes, generator=generator, dtype=D)
    t = torch.randint(classes, (samples,), generator=generator)
    ignored = data.draw(st.sampled_from([-100, -1]))
    bad = data.draw(st.sampled_from([inf, -inf, nan, 1e300]))
    shape = (samples,) if options["reduction"] == "none" else ()
    dloss = torch.randn(shape, generator=generator, dtype=D)
    loss, gradient = theirs(name, x[kept], t[kept], dloss[kept] if shape else dloss, **options)

    ours = getattr(nn, name)(ignore_index=ignored, **options)
    x[~kept], t[~kept] = bad, ignored
    value = ours(x, t)
    dx = ours.backward(dloss)
    assert not dx[~kept].any()
    torch.testing.assert_close(dx[kept], gradient.nan_to_num())  # of a mean of nothing ours is 0
    torch.testing.assert_close(value[kept] if shape else value, loss, equal_nan=True)
    assert not shape or not value[~kept].any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("bad", [inf, -inf, nan])
def test_a_class_without_weight_counts_for_nothing(name: str, bad: float) -> None:
    x = torch.tensor([[bad, bad], [1.0, 2.0]])
    loss = getattr(nn, name)(torch.tensor([0.0, 2.0]))
    value = loss(x, torch.tensor([0, 1]))
    torch.testing.assert_close(value, getattr(nn, name)()(x[1:], torch.tensor([1])))
    dx = loss.backward()
    assert not dx[0].any()
    assert dx[1].isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3, 0), (0,), (0, 3), (2, 3, 0), (0, 3, 2)])
def test_axes_of_size_0(name: str, reduction: str, shape: tuple[int, ...]) -> None:
    axis = min(1, len(shape) - 1)
    x, t = torch.empty(shape), torch.full(shape[:axis] + shape[axis + 1 :], -100)
    if shape[axis]:
        t = t.clamp(min=0)
    loss, gradient = theirs(name, x, t, None, reduction=reduction)
    ours = getattr(nn, name)(reduction=reduction)
    torch.testing.assert_close(ours(x, t), loss, equal_nan=True)
    torch.testing.assert_close(ours.backward(), gradient)


@settings(max_examples=draws(60), deadline=None)
@given(data=st.data(), name=st.sampled_from(LOSSES), seed=st.integers(0, 2**32 - 1))
def test_any_layout(data: st.DataObject, name: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    options = data.draw(arguments(name, 3))
    layout = data.draw(st.sampled_from(["expanded", "permuted", "strided"]))
    x = torch.randn(4, 3, 2, generator=generator, dtype=D)
    x = {"expanded": x[:1].expand(4, 3, 2), "permuted": x.permute(2, 1, 0), "strided": x[::2]}[layout]
    t = torch.randint(3, (x.shape[2], x.shape[0]), generator=generator).t()
    t[0, 0] = -100
    dloss = torch.randn(t.shape if options["reduction"] == "none" else (), generator=generator, dtype=D)
    loss, gradient = theirs(name, x, t, dloss, **options)
    ours = getattr(nn, name)(**options)
    torch.testing.assert_close(ours(x, t), loss, equal_nan=True)
    torch.testing.assert_close(ours.backward(dloss), gradient.nan_to_num())


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_without_classes_every_target_is_ignored(loss: type[nn.Loss]) -> None:
    scores = torch.zeros(2, 0)
    assert loss(reduction="sum")(scores, torch.tensor([-100, -100])) == 0
    with pytest.raises(ModuleError, match="expected targets that are all ignored, for no classes"):
        loss()(scores, torch.tensor([-100, 0]))
