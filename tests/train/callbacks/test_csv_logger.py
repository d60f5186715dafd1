from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from plaingrad.train.callbacks import Callback, CSVLogger, EarlyStopping
from train.small import network, plane, run


def test_the_table_equals_the_history(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = run(network(2, 1), plane(), validation=plane(), metrics=["mae"], callbacks=[CSVLogger(path)])
    found = pd.read_csv(path, index_col="epoch", float_precision="round_trip")
    pd.testing.assert_frame_equal(found, history.to_frame(), check_index_type=False)


def test_each_row_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = []

    class Look(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            lines.append(len(path.read_text().splitlines()))

    run(network(2, 1), plane(), callbacks=[CSVLogger(path, separator=";"), Look()])
    assert lines == [2, 3]
    assert path.read_text().startswith("epoch;loss;lr;seconds\n1;")


def test_a_table_is_replaced_or_continued(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for append, epochs in ((True, [1, 2]), (False, [1, 2]), (True, [1, 2, 1, 2])):
        run(network(2, 1), plane(), callbacks=[CSVLogger(path, append=append)])
        assert pd.read_csv(path)["epoch"].tolist() == epochs


def test_a_run_that_is_refused_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(ValueError, match="EarlyStopping"):
        run(network(2, 1), plane(), callbacks=[CSVLogger(path), EarlyStopping()])
    with pytest.raises(
        ValueError, match=r"CSVLogger: expected columns epoch, loss, lr, seconds in .*, got epoch, loss$"
    ):
        run(network(2, 1), plane(), callbacks=[CSVLogger(path, append=True)])
    assert path.read_text() == "epoch,loss\n1,0.5\n"


@pytest.mark.parametrize("path", [".", "missing/log.csv"])
def test_a_path_for_no_file_is_told_before_training(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="CSVLogger: expected a file in a folder that exists, got"):
        run(network(2, 1), plane(), callbacks=[CSVLogger(tmp_path / path)])
