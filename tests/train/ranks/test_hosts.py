"""One network on three processes, of one host and of three that are far from each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from benchmarks.hosts import Host, joined, round_trip

from train.ranks import processes
from train.ranks.expectations import expect_close, expect_history_of_all, expect_same

DELAY = 0.005  # seconds from one host to another


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return processes.run("rounds", tmp_path_factory.mktemp("near"), 3)


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    with ExitStack() as around:
        try:
            three = around.enter_context(joined(3, DELAY))
        except OSError as error:
            pytest.skip(f"networks of their own and TUN devices are not permitted: {error}")
        yield three


def expect_same_rounds(results: list[Any]) -> None:
    """Each process has the same after each round, and a history of all rows."""
    for engine in ("eager", "native"):
        of_all = [result[engine] for result in results]
        for result in of_all:
            result["epochs"].pop("seconds", None)
            expect_close(result["seen"], of_all[0]["seen"], 0.0)
        expect_same(of_all)
        expect_history_of_all(of_all[-1], rows=45)


def test_three_processes_have_the_same_bits(near: list[Any]) -> None:
    expect_same_rounds(near)


def test_three_hosts_have_the_bits_of_one(hosts: list[Host], near: list[Any], tmp_path: Path) -> None:
    trips = [round_trip(server, client) for server, client in permutations(hosts, 2)]
    assert min(trips) >= 2 * DELAY
    expect_same_rounds([*near, *processes.run("rounds", tmp_path, 3, hosts)])
