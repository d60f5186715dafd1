"""The fingerprint of a search: alike on any machine, unlike for other data."""

from __future__ import annotations

import numpy as np

from plaingrad.tables.model.rows import Samples
from plaingrad.tables.search.storage import ROWS, _missing_driver, checksums


def part(X: np.ndarray) -> Samples:
    return Samples(X, np.arange(len(X)), None)


def test_a_cell_changes_it_and_rounding_does_not() -> None:
    X = np.random.default_rng(0).standard_normal((ROWS + 10, 7)).astype(np.float32)
    sums = checksums(part(X))
    assert np.allclose(sums, checksums(part(np.nextafter(X, np.float32(9)))), rtol=0, atol=0.001)
    for row in (0, ROWS - 1, ROWS + 9):
        changed = X.copy()
        changed[row, 3] += 0.5
        assert abs(checksums(part(changed))[0] - sums[0]) > 0.4
    assert len(sums) == 2
    assert checksums(None) == []


def test_a_package_is_named_only_if_it_is_known() -> None:
    lines = [str(_missing_driver(ImportError(name=name))) for name in ("MySQLdb", "psycopg", "asyncmy", None)]
    assert lines == [
        "storage: needs the module MySQLdb; pip install 'mysqlclient'",
        "storage: needs the module psycopg; pip install 'psycopg[binary]'",
        "storage: needs the module asyncmy",
        "storage: needs its driver",
    ]
