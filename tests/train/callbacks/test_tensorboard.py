from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from plaingrad import optim
from plaingrad.train import History
from plaingrad.train.callbacks import Callback, Run, TensorBoard
from train.small import network, plane, run


def events(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0})
    found.Reload()
    return found


def scalars(found: EventAccumulator, tag: str) -> tuple[list[int], list[float]]:
    logged = found.Scalars(tag)
    return [each.step for each in logged], [each.value for each in logged]


def trained(folder: Path, **options: Any) -> History:
    return run(
        network(2, 3, 1),
        plane(),
        validation=plane(),
        metrics=["mae"],
        callbacks=[TensorBoard(folder, **options)],
    )


def test_every_column_of_the_history_is_logged(tmp_path: Path) -> None:
    history = trained(tmp_path / "logs" / "run")
    parts = {part: events(tmp_path / "logs" / "run" / part) for part in ("train", "validation")}
    assert set(parts["train"].Tags()["scalars"]) == {"epoch_loss", "epoch_mae", "epoch_lr", "epoch_seconds"}
    assert set(parts["validation"].Tags()["scalars"]) == {"epoch_loss", "epoch_mae"}
    for name, column in history.epochs.items():
        part, tag = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
        steps, values = scalars(parts[part], f"epoch_{tag}")
        assert steps == [1, 2]
        assert values == pytest.approx(column, rel=1e-6)
    assert not parts["train"].Tags()["histograms"]


def test_the_network_and_the_options_are_logged(tmp_path: Path) -> None:
    trained(tmp_path)
    found = events(tmp_path / "train")
    text = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert "    (0): Linear(2, 3" in text["network/text_summary"]
    assert "SGD {'lr': 0.05" in text["optimizer/text_summary"]
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"optimizer" in content
    assert b"SGD" in content
    trained(tmp_path / "bare", write_graph=False)
    assert not events(tmp_path / "bare" / "train").Tags()["tensors"]


def test_distributions_of_parameters_every_so_many_epochs(tmp_path: Path) -> None:
    model = network(2, 3, 1)
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            kept.append(model.state_dict()["0.weight"].clone())

    run(model, plane(), epochs=5, callbacks=[TensorBoard(tmp_path, histogram_freq=2), Keep()])
    found = events(tmp_path / "train")
    assert set(found.Tags()["histograms"]) == set(model.state_dict())
    logged = found.Histograms("0.weight")
    assert [each.step for each in logged] == [2, 4]
    for each, weight in zip(logged, kept[1::2]):
        assert each.histogram_value.sum == pytest.approx(weight.sum().item())
        assert each.histogram_value.num == weight.numel()


def test_parameters_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    model = network(2, 1)
    model[0].weight.value[0, 0] = torch.nan
    model[0].bias.value.fill_(torch.inf)
    callback = TensorBoard(tmp_path, histogram_freq=1)
    callback.run = Run(model, optim.SGD(model.parameters(), lr=0.1), History(), 1, ["loss"])
    callback.on_train_begin({})
    callback.on_epoch_end(0, {"loss": float("nan")})
    callback.on_train_end({})
    found = events(tmp_path / "train")
    assert found.Tags()["histograms"] == ["0.weight"]
    assert found.Histograms("0.weight")[0].histogram_value.num == 1


@pytest.mark.parametrize(("update_freq", "steps"), [("batch", list(range(1, 11))), (3, [3, 6, 9])])
def test_losses_of_batches(tmp_path: Path, update_freq: str | int, steps: list[int]) -> None:
    losses = []

    class Keep(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            losses.append(logs["loss"])

    callbacks = [TensorBoard(tmp_path, update_freq=update_freq), Keep()]
    run(network(2, 1), plane(20), epochs=2, batch_size=4, callbacks=callbacks)
    found = scalars(events(tmp_path / "train"), "batch_loss")
    assert found[0] == steps
    assert found[1] == pytest.approx([losses[step - 1] for step in steps], rel=1e-6)


def test_it_costs_nothing_between_batches_and_epochs_that_nobody_looks_at(tmp_path: Path) -> None:
    callback = TensorBoard(tmp_path)
    assert not callback.overrides("on_train_batch_end")
    assert not callback.watches_model
    assert TensorBoard(tmp_path, histogram_freq=1).watches_model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"histogram_freq": -1}, "TensorBoard: expected histogram_freq"),
        (
            {"update_freq": "step"},
            "update_freq to be 'epoch', 'batch' or a whole number of at least 1, got 'step'",
        ),
        ({"update_freq": 1.5}, "or a whole number of at least 1, got 1.5"),
        ({"update_freq": 0}, "or a whole number of at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorBoard(tmp_path, **options)


def test_a_file_in_the_way_is_told_before_training(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    for path in ("logs", "logs/run"):
        with pytest.raises(ValueError, match="TensorBoard: expected a folder, got"):
            trained(tmp_path / path)


def test_a_run_that_breaks_off_leaves_what_it_had(tmp_path: Path) -> None:
    class Break(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 1:
                raise KeyError("broken off")

    with pytest.raises(KeyError):
        run(network(2, 1), plane(), epochs=3, callbacks=[TensorBoard(tmp_path), Break()])
    assert scalars(events(tmp_path / "train"), "epoch_loss")[0] == [1, 2]


def test_without_tensorboard_it_says_how_to_get_it(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["tensorboard"] = None
from plaingrad.train.callbacks import TensorBoard
try:
    TensorBoard()
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "TensorBoard needs tensorboard: pip install 'plaingrad[tensorboard]'\n"
