from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import swa_utils

from plaingrad import nn, train

D = torch.float64
AVERAGES: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "default": ("", (), ""),
    "equal": ("avg_fn", (), "get_swa_avg_fn"),
    "equal, of lists": ("multi_avg_fn", (), "get_swa_multi_avg_fn"),
    "exponential": ("avg_fn", (0.8,), "get_ema_avg_fn"),
    "exponential, of lists": ("multi_avg_fn", (0.8,), "get_ema_multi_avg_fn"),
}


def networks() -> tuple[nn.Sequential, torch.nn.Sequential]:
    both = [
        library.Sequential(library.Linear(3, 4), library.BatchNorm1d(4), library.Linear(4, 2))
        for library in (nn, torch.nn)
    ]
    ours, theirs = (network.to(D) for network in both)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], close: float = 1e-12) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=close, atol=close, msg=name)


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("name", AVERAGES)
def test_twenty_updates_are_those_of_torch(name: str, use_buffers: bool) -> None:
    keyword, arguments, function = AVERAGES[name]
    if keyword == "multi_avg_fn" and use_buffers:
        pytest.skip("torch cannot average the integers among the buffers by lists")
    ours, theirs = networks()
    averaged = train.AveragedModel(
        ours,
        use_buffers=use_buffers,
        **({keyword: getattr(train, function)(*arguments)} if keyword else {}),
    )
    expected = swa_utils.AveragedModel(
        theirs,
        use_buffers=use_buffers,
        **({keyword: getattr(swa_utils, function)(*arguments)} if keyword else {}),
    )
    assert_equal(averaged.state_dict(), expected.state_dict())
    for _ in range(20):
        with torch.no_grad():
            for (_, parameter), right in zip(ours.named_parameters(), theirs.parameters(), strict=True):
                step = torch.randn_like(right)
                parameter.value += step
                right += step
        x = torch.randn(5, 3, dtype=D)
        ours.forward(x)
        ours.zero_grad()
        theirs(x)
        averaged.update_parameters(ours)
        expected.update_parameters(theirs)
        # torch divides by the number of models in single precision where it averages lists
        close = 1e-6 if name == "equal, of lists" else 1e-12
        assert_equal(averaged.state_dict(), expected.state_dict(), close)
    assert averaged.n_averaged.value == 20


def test_it_is_the_copy_in_everything_else() -> None:
    network, _ = networks()
    averaged = train.AveragedModel(network)
    x, dy = torch.randn(4, 3, dtype=D), torch.randn(4, 2, dtype=D)
    y = averaged(x)
    dx = averaged.backward(dy)
    assert torch.equal(y, network.forward(x))
    assert torch.equal(dx, network.backward(dy))
    assert averaged.module[0].weight is not network[0].weight
    torch.testing.assert_close(averaged.module[0].weight.grad, network[0].weight.grad)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("training", [True, False])
def test_batch_statistics_are_those_of_torch(momentum: float | None, training: bool) -> None:
    ours, theirs = networks()
    ours[1].momentum = theirs[1].momentum = momentum
    ours.forward(torch.randn(4, 3, dtype=D))
    ours.zero_grad()
    batches = [torch.randn(n, 3, dtype=D) for n in (4, 2, 7)]
    loader = [batches[0], (batches[1], torch.zeros(2)), [batches[2]]]
    train.update_bn(loader, ours.train(training))
    swa_utils.update_bn(loader, theirs.train(training))
    assert_equal(ours.state_dict(), theirs.state_dict())
    assert ours[1].momentum == momentum
    assert ours.training is training
    assert not any(module._saved for module in ours.modules())


def test_momentum_and_mode_come_back_after_an_error() -> None:
    network, _ = networks()
    with pytest.raises(ValueError, match="expected input"):
        train.update_bn([torch.randn(2, 5, dtype=D)], network.eval())
    assert network[1].momentum == 0.1
    assert not network.training


def test_without_batch_normalisation_no_batch_is_read() -> None:
    def loader() -> Any:
        raise AssertionError
        yield

    train.update_bn(loader(), nn.Linear(2, 2))


def test_what_does_not_fit() -> None:
    network, _ = networks()
    both = {"avg_fn": train.get_swa_avg_fn(), "multi_avg_fn": train.get_swa_multi_avg_fn()}
    with pytest.raises(ValueError, match="expected avg_fn or multi_avg_fn, got both"):
        train.AveragedModel(network, **both)
    with pytest.raises(ValueError, match=r"expected decay in 0\.\.1, got 2"):
        train.get_ema_avg_fn(2)
