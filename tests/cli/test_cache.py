from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.shell import refused, succeed
from plaingrad.native.compile.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TZ", "UTC")
    return Store(tmp_path / "cache")


def fill(store: Store) -> None:
    store.prepare()
    for second, (key, network, size) in enumerate([("a", "2-3-2", 1000), ("b", "2-25-2", 2 * 10**6)]):
        store.put(key * 64, f"// {network}\n", "g++ -O3", bytes(size))
        os.utime(store.source(key * 64), (second, second))
        os.utime(store.library(key * 64), (second + 60, second + 60))


def test_networks_are_listed_by_use(store: Store) -> None:
    fill(store)
    head, columns, *lines = succeed("cache").splitlines()
    assert head == f"{store.folder}: 2 compiled networks, 2.0 MB"
    assert columns.split() == ["size", "built", "last", "used", "network"]
    assert lines == [
        "   2.0 MB  1970-01-01 00:00  1970-01-01 00:01  2-25-2",
        "     1 kB  1970-01-01 00:00  1970-01-01 00:01  2-3-2",
    ]


def test_programs_get_json(store: Store) -> None:
    fill(store)
    told = json.loads(succeed("cache", "--json"))
    assert told["folder"] == str(store.folder)
    assert told["bytes"] == sum(entry["size"] for entry in told["entries"]) > 2 * 10**6
    assert [entry["network"] for entry in told["entries"]] == ["2-25-2", "2-3-2"]
    assert told["entries"][1] | {"size": 0} == {
        "key": "a" * 64, "network": "2-3-2", "compiled": "g++ -O3", "size": 0, "built": 0, "used": 60,
    }  # fmt: skip
    assert json.loads(succeed("cache", "--clear", "--json")) == {"folder": str(store.folder), "removed": 2}
    assert json.loads(succeed("cache", "--json")) == {"folder": str(store.folder), "bytes": 0, "entries": []}


def test_clearing_tells_how_many_went(store: Store) -> None:
    assert succeed("cache") == f"{store.folder}: empty\n"
    assert succeed("cache", "--clear") == f"{store.folder}: 0 compiled networks removed\n"
    fill(store)
    store.source("b" * 64).unlink()
    assert succeed("cache", "--clear") == f"{store.folder}: 1 compiled network removed\n"
    assert list(store.folder.iterdir()) == []


def test_a_folder_that_is_not_to_be_trusted_is_refused(store: Store) -> None:
    fill(store)
    store.folder.chmod(0o777)
    for arguments in (["cache"], ["cache", "--clear"]):
        assert refused(*arguments) == f"plaingrad cache: {store.folder}: others may write to it"
    assert len(list(store.folder.iterdir())) == 4
