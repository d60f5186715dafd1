"""Any table is learned from, or refused in one line."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import settings as limits

from cli.shell import run
from effort import draws
from tables.random_tables import Drawn, tables


@limits(max_examples=draws(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_any_table_can_be_learned_saved_and_predicted(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn
) -> None:
    folder = tmp_path_factory.mktemp("random")
    drawn.frame.to_csv(folder / "t.csv", index=False)
    options = ("--target", "y", "-o", folder / "out", "--epochs", 2, "--hidden", "4", "--quiet")
    result = run("train", folder / "t.csv", *options, *drawn.options)
    if result.exit_code == 2:  # what cannot be learned from is said in one line, and leaves nothing
        event(re.sub(r"'.*'|[\d.]+", "...", result.stderr.partition("t.csv: ")[2][:60]))
        assert result.stderr.count("\n") == 1
        assert "fault of the program" not in result.stderr
        assert not (folder / "out").exists()
        return
    event("learned")
    assert (result.exit_code, result.output) == (0, "")
    model = folder / "out" / "model.safetensors"
    others = {"same": drawn.frame, "shuffled": drawn.frame.iloc[:, drawn.order], "first": drawn.frame[:1]}
    for name, frame in others.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
        result = run("predict", model, folder / f"{name}.csv", "-o", folder / f"{name}.out.csv", "--quiet")
        assert (result.exit_code, result.output) == (0, "")
        assert len(pd.read_csv(folder / f"{name}.out.csv")) == len(frame)
    assert (folder / "same.out.csv").read_text() == (folder / "shuffled.out.csv").read_text()
