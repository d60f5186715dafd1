from __future__ import annotations

import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from plaingrad.train import History
from train.small import network, plane, run


def recorded(validation: bool = True) -> History:
    history = History(engine="eager", engine_reason="asked for", steps=4, seconds=0.5, stopped="all done")
    for value in (2.0, 1.0, math.nan):
        history.append({"loss": value, **({"val_loss": 2 * value} if validation else {}), "lr": 0.1})
    return history


def test_columns_by_name() -> None:
    history = recorded()
    assert len(history) == 3
    assert history.loss is history["loss"]
    assert history.val_loss[:2] == [4.0, 2.0]
    with pytest.raises(KeyError, match="no column 'f1'; there are loss, val_loss, lr"):
        history["f1"]
    with pytest.raises(KeyError, match="there are none yet"):
        History()["loss"]


def test_the_frame_has_a_row_per_epoch_counted_from_one() -> None:
    frame = recorded().to_frame()
    assert frame.index.name == "epoch"
    assert list(frame.index) == [1, 2, 3]
    assert list(frame.columns) == ["loss", "val_loss", "lr"]
    assert frame.loc[2, "val_loss"] == 2.0


def test_the_file_is_json_without_nan(tmp_path: Path) -> None:
    recorded().save(tmp_path / "history.json")
    found = json.loads((tmp_path / "history.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert found == recorded().to_dict()
    assert found == {
        "epochs": {"loss": [2.0, 1.0, None], "val_loss": [4.0, 2.0, None], "lr": [0.1, 0.1, 0.1]},
        "steps": 4,
        "seconds": 0.5,
        "engine": "eager",
        "engine_reason": "asked for",
        "stopped": "all done",
    }


def test_a_run_can_be_saved(tmp_path: Path) -> None:
    history = run(network(2, 1), plane(), validation=plane(), metrics=["r2"])
    history.save(tmp_path / "history.json")
    assert json.loads((tmp_path / "history.json").read_text())["epochs"] == history.epochs


@pytest.mark.parametrize("validation", [True, False])
def test_the_plot_shows_what_there_is(validation: bool) -> None:
    figure, ax = plt.subplots()
    assert recorded(validation).plot(ax) is ax
    assert [line.get_label() for line in ax.lines] == ["training", "validation"][: 1 + validation]
    assert list(ax.lines[0].get_xdata()) == [1, 2, 3]
    assert list(ax.lines[0].get_ydata())[:2] == [2.0, 1.0]
    plt.close(figure)
    plt.close(recorded().plot().figure)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_lacks_is_none(value: float) -> None:
    history = History()
    history.append({"loss": value})
    assert history.to_dict()["epochs"] == {"loss": [None]}
