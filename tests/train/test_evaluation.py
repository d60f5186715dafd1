from __future__ import annotations

import numpy as np
import pytest
import torch

from plaingrad import ModuleError, evaluate, nn, predict
from train.small import Noise, network, plane


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
