"""The benchmark on real tables: none is both to tune on and to judge by; contenders get the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.real_tables import JUDGE, TUNE, Table
from benchmarks.tables import OURS, TREES, _split, compared, measure
from sklearn.datasets import load_diabetes, load_wine

from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.settings import Settings

NUMBERS = Table("diabetes", lambda: load_diabetes(as_frame=True).frame, "target")
CLASSES = Table("wine", lambda: load_wine(as_frame=True).frame, "target")


def test_no_table_is_both_to_tune_on_and_to_judge_by() -> None:
    names = [each.name for each in (*TUNE, *JUDGE)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("drawn", [NUMBERS, CLASSES], ids=lambda drawn: drawn.name)
def test_contenders_learn_and_are_compared(drawn: Table) -> None:
    results = {drawn.name: {name: measure(drawn, name, 2, {}) for name in (OURS, TREES)}}
    for outcomes in results[drawn.name].values():
        assert all(each["score"] > (0.2 if drawn is NUMBERS else 0.8) for each in outcomes)
        assert all((each["log_loss"] is None) == (drawn is NUMBERS) for each in outcomes)
    own, other = (np.mean([each["score"] for each in results[drawn.name][name]]) for name in (OURS, TREES))
    told = compared(results, [drawn], OURS, TREES)
    assert f"{own - other:+.4f} ± " in told
    assert f"mean {np.clip(own - other, -0.05, 0.05):+.4f}" in told


def test_a_peer_learns_from_the_rows_that_the_command_has_for_training_and_validation(tmp_path) -> None:
    frame = NUMBERS.frame()
    frame.to_csv(tmp_path / "t.csv", index=False)
    settings = Settings(target="target")
    rows, target = read_rows(tmp_path / "t.csv", settings)
    seen, known, columns, truth = _split(frame, rows, target, settings, seed=3).halves()
    for part, codes in ((seen, known), (columns, truth)):
        assert target.undo(codes) == pytest.approx(frame["target"][part.index].to_numpy(), rel=1e-5)
    assert sorted([*seen.index, *columns.index]) == list(range(len(frame)))
