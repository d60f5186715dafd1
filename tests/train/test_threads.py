from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from plaingrad import nn
from plaingrad.train.callbacks import Callback
from plaingrad.train.threads import FLOPS_PER_THREAD, flops, threads, threads_for
from train.small import network, run, values


@pytest.fixture(autouse=True)
def _put_back():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_flops_of_a_linear_layer_are_those_of_three_products() -> None:
    layer = nn.Linear(30, 50, bias=False)
    assert flops(layer, torch.zeros(7, 30)) == 3 * 2 * 7 * 30 * 50
    assert flops(layer, torch.zeros(7, 4, 30)) == 3 * 2 * 7 * 4 * 30 * 50
    assert flops(nn.ReLU(), torch.zeros(7, 30)) == 0
    assert flops(layer, torch.zeros(7)) == 3 * 2 * 7 * 30 * 50


@pytest.mark.parametrize(("worth", "expected"), [(0.5, 1), (2.5, 2), (100.0, 3)])
def test_threads_grow_with_the_work_up_to_what_there_were(worth: float, expected: int) -> None:
    torch.set_num_threads(3)
    layer = nn.Linear(100, 100, bias=False)
    rows = int(worth * FLOPS_PER_THREAD / 60_000) + 1
    with threads_for(layer, torch.zeros(1, 100).expand(rows, 100)):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


def test_threads_are_put_back_after_an_error() -> None:
    torch.set_num_threads(3)
    with pytest.raises(RuntimeError, match="halt"), threads_for(nn.ReLU(), torch.zeros(1, 1)):
        raise RuntimeError("halt")
    assert torch.get_num_threads() == 3


def in_new_thread(function: Callable[[], int]) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_a_new_thread_has_the_threads_of_the_user() -> None:
    torch.set_num_threads(3)
    with threads(1):
        assert torch.get_num_threads() == 1
        assert in_new_thread(torch.get_num_threads) == 3
    assert in_new_thread(torch.get_num_threads) == 3


def test_a_setting_of_one_thread_alone_is_put_back_there_alone() -> None:
    def of_its_own() -> int:
        torch.set_num_threads(2)
        torch.set_num_threads(4)
        with threads(1):
            pass
        return torch.get_num_threads()

    torch.set_num_threads(3)
    assert in_new_thread(of_its_own) == 4
    assert torch.get_num_threads() == 3


class Seen(Callback):
    """Notes how many threads training has, and waits at its beginning and at its end."""

    def __init__(self, begin: Callable[[], object] = int, end: Callable[[], object] = int) -> None:
        self.begin, self.end = begin, end
        self.threads: list[int] = []

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self.threads.append(torch.get_num_threads())
        self.begin()

    def on_train_end(self, logs: dict[str, float]) -> None:
        self.end()


def trained(width: int, seen: Seen) -> list[torch.Tensor]:
    data = torch.randn(512, width, generator=torch.Generator().manual_seed(width), dtype=torch.float64)
    model = network(width, width, seed=width)
    run(model, (data, data), batch_size=256, engine="eager", callbacks=[seen])
    return values(model)


def test_trainings_at_once_have_the_threads_that_each_has_alone() -> None:
    torch.set_num_threads(3)
    small, large = 4, 160  # worth one thread, and three
    alone = {width: (trained(width, seen := Seen()), seen.threads) for width in (small, large)}
    first_began, second_began, first_ended = threading.Event(), threading.Event(), threading.Event()

    def first_begins() -> None:
        first_began.set()
        assert second_began.wait(60)

    first = Seen(first_begins, first_ended.set)
    second = Seen(second_began.set, lambda: first_ended.wait(60))
    with ThreadPoolExecutor(2) as pool:
        smaller = pool.submit(trained, small, first)
        assert first_began.wait(60)
        larger = pool.submit(trained, large, second)
    for width, training, seen in [(small, smaller, first), (large, larger, second)]:
        assert seen.threads == alone[width][1] == [1 if width == small else 3]
        assert all(torch.equal(a, b) for a, b in zip(training.result(), alone[width][0]))
    assert torch.get_num_threads() == 3
    assert in_new_thread(torch.get_num_threads) == 3
