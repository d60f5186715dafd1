"""Any table is learned from, or refused in one line."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits

from cli.shell import run
from cli.table.random_tables import Drawn, tables


@limits(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_any_table_can_be_learned_saved_and_predicted(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn
) -> None:
    folder = tmp_path_factory.mktemp("random")
    drawn.frame.to_csv(folder / "t.csv", index=False)
    options = ("--target", drawn.target, "-o", folder / "out", "--epochs", 2, "--hidden", "4", "--quiet")
    result = run("train", folder / "t.csv", *options)
    if result.exit_code == 2:  # what cannot be learned from is said in one line, and leaves nothing
        assert result.stderr.count("\n") == 1
        assert not (folder / "out").exists()
        return
    assert (result.exit_code, result.output) == (0, "")
    out = folder / "p.csv"
    result = run("predict", folder / "out" / "model.safetensors", folder / "t.csv", "-o", out, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert len(pd.read_csv(out)) == len(drawn.frame)
