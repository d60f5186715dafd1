from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import Module, nn, optim, predict
from plaingrad.native import masks
from plaingrad.native.masks import Masks, squares
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback
from train.small import network, plane, run, values
from train.test_diagnose import Faulty

WORD = 2**64 - 1


def squares_by_hand(counter: int, key: int) -> int:
    """The paper's algorithm, one number at a time."""

    def round_of(x: int, shift: int) -> int:
        x = (x * x + shift) & WORD
        return (x >> 32) | (x << 32) & WORD

    y = counter * key & WORD
    z = (y + key) & WORD
    x = round_of(y, y)
    x = round_of(x, z)
    x = round_of(x, y)
    return ((x * x + z) & WORD) >> 32


@given(counters=st.lists(st.integers(0, WORD), min_size=1, max_size=9), key=st.integers(0, WORD))
@settings(max_examples=draws(50), deadline=None)
def test_squares_is_the_algorithm_of_the_paper(counters: list[int], key: int) -> None:
    found = squares(np.array(counters, dtype=np.uint64), key)
    assert found.tolist() == [squares_by_hand(counter, key) for counter in counters]


def test_keys_are_odd_numbers_of_splitmix64() -> None:
    # the first outputs of splitmix64 from the seed 1234567, as published with it
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [masks.key(1234567, j) for j in range(3)] == [number | 1 for number in published]


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_bytes_are_uniform(seed: int) -> None:
    counters = (np.arange(16, dtype=np.uint64)[:, None] << np.uint64(32)) + np.arange(4096, dtype=np.uint64)
    drawn = squares(counters, masks.key(seed, 0)).reshape(-1)
    for place in range(4):
        counts = np.bincount((drawn >> np.uint64(8 * place)).astype(np.uint8), minlength=256)
        chi = ((counts - len(drawn) / 256) ** 2).sum() / (len(drawn) / 256)
        assert 160 < chi < 380  # 255 degrees of freedom; one seed in a million lies outside


def dropouts(*ps: float) -> nn.Sequential:
    return nn.Sequential(*(nn.Dropout(p) for p in ps))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kept_fraction_and_the_value(p: float, dtype: torch.dtype) -> None:
    x = torch.ones(400, 250, dtype=dtype)
    mask = Masks(dropouts(p), 3).draw(0, x)
    assert (mask.dtype, mask.shape) == (x.dtype, x.shape)
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p), dtype=dtype).item()}
    assert abs((mask > 0).double().mean().item() - (1 - p)) < 5 * (p * (1 - p) / x.numel()) ** 0.5


@given(
    shape=st.lists(st.integers(0, 70), max_size=3),
    p=st.floats(0.01, 1),
    seed=st.integers(0, 2**63 - 1),
    draws=st.lists(st.integers(0, 2**31) | st.integers(7, 9), min_size=1, max_size=4),
)
@settings(max_examples=draws(40), deadline=None)
def test_each_element_is_decided_by_its_own_number(
    shape: list[int], p: float, seed: int, draws: list[int]
) -> None:
    drawing, x = Masks(dropouts(0.5, p), seed), torch.zeros(shape)
    for number in draws:
        drawing.draws = [0, number]
        for again in range(3):
            mask = drawing.draw(1, x)
            assert mask.shape == x.shape
            for i in range(0, x.numel(), max(1, x.numel() // 9)):
                drawn = squares_by_hand((number + again << 32) + i, drawing.keys[1])
                assert bool(mask.reshape(-1)[i] > 0) == (drawn < round((1 - p) * 2**32))
        assert drawing.draws == [0, number + 3]


def test_a_change_of_rate_or_dtype_counts_at_once() -> None:
    drawing, x = Masks(dropouts(0.5), 3), torch.zeros(5)
    drawing.draw(0, x)
    drawing.modules[0].p = 1.0
    assert not drawing.draw(0, x).any()
    assert drawing.draw(0, x.double()).dtype == torch.float64


def test_modules_draws_and_seeds_differ_and_repeat() -> None:
    def drawn(seed: int) -> list[Tensor]:
        drawing = Masks(dropouts(0.5, 0.5), seed)
        return [drawing.draw(j, torch.zeros(6, 7)) for j in (0, 1, 0, 1)]

    found = [*drawn(3), *drawn(4)]
    assert all(torch.equal(a, b) == (i == j) for i, a in enumerate(found) for j, b in enumerate(found))
    assert all(torch.equal(a, b) for a, b in zip(drawn(3), found))


def test_the_modules_meant_are_dropouts_each_once_in_order() -> None:
    class Own(nn.Dropout):
        pass

    shared, inner = nn.Dropout(0.3), nn.Dropout(0.4)
    drawing = Masks(nn.Sequential(shared, Own(), nn.Sequential(inner, shared)), 0)
    assert drawing.modules == [shared, inner]
    assert drawing.draws == [0, 0]
    assert len(set(drawing.keys)) == 2


def noisy(*ps: float) -> nn.Sequential:
    first, *rest = network(2, 5, 1)
    return nn.Sequential(first, *(nn.Dropout(p) for p in ps), *rest)


class Seen(Callback):
    """Keeps the masks that were drawn, batch by batch."""

    def __init__(self) -> None:
        self.masks: list[Tensor] = []

    def on_train_begin(self, logs: dict[str, float]) -> None:
        for module in self.run.model.modules():
            if isinstance(module, nn.Dropout):
                vars(module)["save"] = self.saving(module)

    def saving(self, module: nn.Dropout) -> Any:
        def save(mask: Tensor | None, y: Tensor) -> None:
            if mask is not None:
                self.masks.append(mask)
            type(module).save(module, mask, y)

        return save


def test_training_draws_the_masks_of_its_seed() -> None:
    seen, model = Seen(), noisy(0.5, 0.0, 1.0)
    run(model, plane(10), seed=3, callbacks=[seen], validation=plane())  # 3 batches in each of 2 epochs
    drawing = Masks(model, 3)
    expected = [drawing.draw(j, torch.zeros(n, 5)) for n in 2 * (4, 4, 2) for j in (0, 2)]
    assert len(seen.masks) == len(expected)
    assert all(torch.equal(a, b.double()) for a, b in zip(seen.masks, expected))
    assert not seen.masks[1].any()


@pytest.mark.parametrize("seed", [3, None])
def test_the_same_seed_trains_alike(seed: int | None) -> None:
    def trained(seed: int | None, before: int) -> list[Tensor]:
        model = noisy(0.5)
        torch.manual_seed(before)
        run(model, plane(), seed=seed)
        return values(model)

    first, again = trained(seed, 5), trained(seed, 5 if seed is None else 6)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    others = trained(None if seed is None else 4, 6)
    assert not torch.equal(first[0], others[0])


def test_a_seed_alone_decides_and_torchs_state_is_left_alone() -> None:
    class Stir(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            torch.rand(7)

    def trained(*callbacks: Callback) -> list[Tensor]:
        model = noisy(0.5)
        run(model, plane(), seed=3, callbacks=callbacks)
        return values(model)

    assert all(torch.equal(a, b) for a, b in zip(trained(), trained(Stir())))


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_on_the_modules(fails: bool) -> None:
    copies: list[Module] = []

    class Copy(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            copies.append(copy.deepcopy(self.run.model))

        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            assert "draw" in vars(self.run.model[1])  # type: ignore[index]
            if fails:
                raise RuntimeError("as it happens")

    model = noisy(0.5)
    if fails:
        with pytest.raises(RuntimeError, match="as it happens"):
            run(model, plane(), callbacks=[Copy()])
    else:
        run(model, plane(), callbacks=[Copy()])
    for each in [model, *copies]:
        assert not any("draw" in vars(module) for module in each.modules())
    assert len(copies) == (0 if fails else 2)
    before = torch.get_rng_state()
    predict(model, plane()[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_diverged_epoch_is_run_again_with_the_same_masks() -> None:
    seen, model = Seen(), nn.Sequential(*noisy(0.5), Faulty("output", at=8))
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    with pytest.raises(TrainingDiverged) as caught:
        run(model, plane(), seed=3, optimizer=optimizer, callbacks=[seen])
    assert caught.value.finding is not None
    assert (caught.value.epoch, caught.value.finding.step) == (2, 3)
    # a trial of the last batch comes before callbacks begin; 5 batches an epoch
    first, broken, again = seen.masks[:5], seen.masks[5:10], seen.masks[10:]
    assert len(first) == len(broken) == 5
    assert len(again) == 3
    assert all(torch.equal(a, b) for a, b in zip(broken, again))
