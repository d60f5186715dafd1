"""Orders that read blocks of neighbours, and epochs that put their samples in order piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plaingrad import fit_many, nn, optim
from plaingrad.errors import InputError
from plaingrad.train import eager, randomness
from plaingrad.train.randomness import drawing
from train.small import network, plane, run, values


def order_of(samples: int, seed: int = 0, epochs: int = 1) -> np.ndarray:
    draw = drawing("blocks", samples, torch.Generator().manual_seed(seed))
    assert draw is not None
    order = torch.empty(samples, dtype=torch.int64)
    for _ in range(epochs):
        draw(order)
    return order.numpy().copy()


@given(st.integers(1, 3000), st.integers(0, 99))
def test_each_sample_comes_once_and_the_seed_decides(samples: int, seed: int) -> None:
    order = order_of(samples, seed)
    assert sorted(order) == list(range(samples))
    assert (order == order_of(samples, seed)).all()


def test_each_epoch_and_each_seed_has_its_own_order() -> None:
    first = order_of(1000)
    assert (first != order_of(1000, epochs=2)).any()
    assert (first != order_of(1000, seed=1)).any()


def test_few_samples_are_shuffled_one_by_one() -> None:
    order = order_of(200)
    assert (np.abs(np.diff(order)) > 1).mean() > 0.9


def test_a_window_reads_whole_blocks_and_mixes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(randomness, "SAMPLES_PER_BLOCK", 10)
    monkeypatch.setattr(randomness, "BLOCKS_PER_WINDOW", 8)
    order = order_of(4000)
    for start in range(0, 4000, 80):
        window = order[start : start + 80]
        blocks, counts = np.unique(window // 10, return_counts=True)
        assert len(blocks) == 8
        assert (counts == 10).all()
        assert np.ptp(blocks) > 100  # from all over the data
        assert (np.diff(window) == 1).mean() < 0.2


@pytest.mark.parametrize("weighted", [False, True])
def test_both_engines_visit_the_same_batches(weighted: bool) -> None:
    x, t = plane(1000)
    weights = torch.linspace(1, 2, 1000, dtype=torch.float64) if weighted else None
    losses = {}
    for engine in ("eager", "native"):
        model = network(2, 9, 1)
        history = run(
            model, (x, t), shuffle="blocks", epochs=3, sample_weight=weights, engine=engine, batch_size=32
        )
        losses[engine] = history.loss
    np.testing.assert_allclose(losses["eager"], losses["native"], rtol=1e-9)


def test_several_networks_may_share_it() -> None:
    data = plane(64)
    models = [network(2, 4, 1) for _ in range(6)]  # as many as the word has letters
    fit_many(
        models,
        data,
        loss=nn.MSELoss(),
        optimizers=[optim.SGD(model.parameters(), lr=0.1) for model in models],
        epochs=1,
        batch_size=8,
        shuffle="blocks",
        seeds=[0] * 6,
        progress=False,
    )
    assert all(one.equal(other) for one, other in zip(values(models[0]), values(models[1])))


def test_another_word_is_refused_and_so_are_blocks_of_batches() -> None:
    with pytest.raises(
        InputError, match=r"shuffle: expected True, False, 'blocks' or a callable .*, got 'block'"
    ):
        run(network(2, 4, 1), plane(8), shuffle="block")
    with pytest.raises(InputError, match="shuffle: expected True or False, for train is in batches"):
        run(network(2, 4, 1), [plane(8)], shuffle="blocks", batch_size=None)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("at_once", [1, 200, 1 << 20])
def test_samples_that_are_put_in_order_piece_by_piece_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, at_once: int
) -> None:
    def trained() -> Any:
        model = network(2, 5, 1)
        weights = torch.linspace(1, 2, 64, dtype=torch.float64)
        run(model, plane(64), epochs=2, engine="eager", batch_size=batch_size, sample_weight=weights)
        return values(model)

    before = trained()
    monkeypatch.setattr(eager, "BYTES_AT_ONCE", at_once)
    taken: list[int] = []
    take = eager.take
    monkeypatch.setattr(eager, "take", lambda each, rows: taken.append(len(rows)) or take(each, rows))
    assert all(one.equal(other) for one, other in zip(trained(), before))
    assert max(taken) <= max(batch_size, at_once // 16)
