from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import ModuleError, evaluate, nn, optim, predict
from train.small import Noise, network, plane, run


@pytest.mark.parametrize("size", [1, 3, 20, 99])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_is_a_mean_over_samples_however_they_are_batched(size: int, reduction: str) -> None:
    model, (x, t) = network(2, 3, 1), plane()
    found = evaluate(model, (x, t), loss=nn.MSELoss(reduction), metrics=["mse", "mae"], batch_size=size)
    y = model.eval().forward(x)
    assert list(found) == ["loss", "mse", "mae"]
    assert found["loss"] == pytest.approx(float((y - t).square().mean()), rel=1e-12)
    assert found["mse"] == pytest.approx(found["loss"], rel=1e-12)
    assert found["mae"] == pytest.approx(float((y - t).abs().mean()), rel=1e-12)
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("size", [1, 3, 20, 99])
def test_predictions_are_those_of_evaluation(size: int) -> None:
    model = nn.Sequential(*network(2, 3, 1), Noise())
    x = plane()[0]
    torch.testing.assert_close(predict(model, x, batch_size=size), model[:3].forward(x))
    torch.testing.assert_close(predict(model, x.float().numpy()), model[:3].forward(x.float().double()))


def test_modes_and_saved_state_stay() -> None:
    model, loss, (x, t) = network(2, 3, 1), nn.MSELoss(), plane()
    model[0].eval(saving=True)
    model[2].eval()
    kept = network(2, 3, 1)
    kept.load_state_dict(model.state_dict())
    model.forward(x[:5])
    loss.forward(x, x)
    before = [(m.training, m.saving, len(m._saved)) for m in (*model.modules(), loss)]
    evaluate(model, (x, t), loss=loss)
    predict(model, x)
    with pytest.raises(ModuleError):
        predict(model, x[:, :1])
    assert [(m.training, m.saving, len(m._saved)) for m in (*model.modules(), loss)] == before


def test_what_cannot_be_used_is_told() -> None:
    model, (x, t) = network(2, 3, 1), plane()
    with pytest.raises(ValueError, match="data: expected at least one sample"):
        predict(model, x[:0])
    with pytest.raises(ValueError, match="data: expected finite inputs, got nan"):
        predict(model, np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match="batch_size: expected a positive integer, got 0"):
        predict(model, x, batch_size=0)
    with pytest.raises(ValueError, match="batch_size: expected a positive integer"):
        evaluate(model, (x, t), batch_size=0)
    with pytest.raises(ValueError, match="loss: expected a Loss"):
        evaluate(model, (x, t), loss=nn.ReLU())  # type: ignore[arg-type]
    with pytest.raises(ModuleError, match=r"Sequential\[0\] Linear"):
        evaluate(model, (x[:, :1], t))


W = torch.tensor([0.5, 2.0, 0.0], dtype=torch.float64)
LOSSES: list[Callable[[str], nn.Loss]] = [
    nn.MSELoss,
    nn.L1Loss,
    nn.HuberLoss,
    nn.SmoothL1Loss,
    lambda reduction: nn.QuantileLoss((0.1, 0.5, 0.8), reduction),
    lambda reduction: nn.BCEWithLogitsLoss(reduction=reduction),
    lambda reduction: nn.BCEWithLogitsLoss(W, reduction),
    lambda reduction: nn.PoissonNLLLoss(reduction=reduction),
    lambda reduction: nn.CrossEntropyLoss(reduction=reduction),
    lambda reduction: nn.CrossEntropyLoss(W, 1, reduction),
    lambda reduction: nn.CrossEntropyLoss(W, reduction=reduction, label_smoothing=0.2),
    lambda reduction: nn.NLLLoss(W, reduction=reduction),
    nn.SoftMarginLoss,
    lambda reduction: nn.KLDivLoss("batchmean" if reduction == "mean" else reduction),
    lambda reduction: nn.MultiLabelSoftMarginLoss(W, reduction),
]


@settings(max_examples=draws(150), deadline=None)
@given(
    make=st.sampled_from(LOSSES),
    reduction=st.sampled_from(["mean", "sum"]),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    ignored=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_loss_is_that_over_all_the_data_however_they_are_batched(
    make: Callable[[str], nn.Loss], reduction: str, size: int, seed: int, ignored: float
) -> None:
    loss, generator = make(reduction), torch.Generator().manual_seed(seed)
    model, x = network(2, 3, seed=seed), torch.randn(11, 2, generator=generator, dtype=torch.float64)
    t = torch.rand(11, 3, generator=generator, dtype=torch.float64)
    if isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)):
        t = torch.randint(3, (11,), generator=generator)
        t[torch.rand(11, generator=generator) < ignored] = loss.ignore_index
    expected = loss.eval().forward(model.eval().forward(x), t).item() / (11 if reduction == "sum" else 1)
    found = evaluate(model, (x, t), loss=loss, batch_size=size)["loss"]
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
    rule = optim.SGD(model.parameters(), lr=0.0)
    options = {"loss": loss, "optimizer": rule, "engine": "eager", "epochs": 1, "validation": (x, t)}
    history = run(model, (x, t), batch_size=size % 11 + 1, **options)
    assert history.val_loss == [pytest.approx(found, nan_ok=True)]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_without_elements_is_a_mean_over_the_samples_of_their_batches(reduction: str) -> None:
    class Worst(nn.MSELoss):
        def reduce(self, losses: Tensor, count: float | None = None) -> Tensor:
            return losses.max()

    model, (x, t) = network(2, 3, 1), plane()
    found = evaluate(model, (x, t), loss=Worst(reduction), batch_size=8)["loss"]
    errors = (model.eval().forward(x) - t).square().split(8)
    expected = sum(e.max() * (len(e) if reduction == "mean" else 1) for e in errors) / 20
    assert found == pytest.approx(float(expected), rel=1e-12)


class OfWhole(nn.Loss):
    """A mean over the targets that are not -1, as one number with any reduction."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        kept = self.shares(prediction, target)
        loss = ((prediction - target).square() * kept).sum() / kept.sum()
        self.save((prediction, target, kept), loss)
        return loss

    def backward(self, dloss: Tensor | None = None) -> Tensor:
        prediction, target, kept = self.restore(dloss)
        return 2 * (prediction - target) * kept / kept.sum()

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (target != -1).to(prediction)


def test_a_loss_without_elements_takes_batches_that_count_for_nothing() -> None:
    model, x = nn.Sequential(nn.Linear(1, 1)), torch.linspace(0, 1, 6)[:, None]
    t = torch.tensor([0.0, 1.0, -1.0, -1.0, 2.0, 3.0])[:, None]
    whole = evaluate(model, (x, t), loss=OfWhole())["loss"]
    assert evaluate(model, (x, t), loss=OfWhole(), batch_size=2)["loss"] == pytest.approx(whole)


@pytest.mark.parametrize(
    "loss",
    [nn.MSELoss(), nn.HuberLoss(delta=1e4), nn.MSELoss("sum"), nn.CrossEntropyLoss(torch.ones(2).half())],
)
def test_losses_in_half_precision_are_added_up_in_single_precision(loss: nn.Loss) -> None:
    x = torch.tensor([[300.0, 1.0], [1.0, 2.0], [-4.0, 3.0], [0.0, 0.0], [2.0, 1.0]]).half()
    t = torch.zeros(5, dtype=torch.int64) if isinstance(loss, nn.CrossEntropyLoss) else torch.zeros_like(x)
    model = nn.Sequential(nn.Linear(2, 2, dtype=torch.float16))
    model.load_state_dict({"0.weight": torch.eye(2), "0.bias": torch.zeros(2)})
    wide = copy.deepcopy(loss).to(torch.float32)
    expected = wide.forward(x.float(), t.float() if t.is_floating_point() else t).item()
    expected /= 5 if loss.reduction == "sum" else 1
    found = evaluate(model, (x, t), loss=loss, batch_size=2)["loss"]
    assert found == pytest.approx(expected, rel=1e-6)
