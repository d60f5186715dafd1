"""The history as TensorBoard event files, written during training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.optim.common.options import COUNT, COUNT_OR_ZERO, Expected, expect
from plaingrad.train.callbacks.callback import Callback, Logs

FLUSH = 5  # seconds until logged values are visible
FREQUENCY = Expected(
    f"'epoch', 'batch' or {COUNT.words}", lambda value: value in ("epoch", "batch") or COUNT.fits(value)
)


class TensorBoard(Callback):
    """Logs the run for TensorBoard: ``tensorboard --logdir logs`` shows it, live.

    As with Keras, ``train`` and ``validation`` are two subfolders, and a column ``loss`` of the history and
    its ``val_loss`` share one name there, ``epoch_loss``, so that one chart shows both. Epochs are counted
    from 1.

    Args:
        log_dir: the folder; made if need be. What other runs have logged there stays.
        histogram_freq: after how many epochs each to log the distribution of each parameter; 0 for never.
        write_graph: whether to log the network and the options of the optimizer: as text, and as the
            hyperparameters by which runs can be compared.
        update_freq: "epoch", or "batch" or a number to log the loss of each batch, or of every so many, too.

    Raises:
        ImportError: the package tensorboard is not installed.
        InputError: ``histogram_freq`` is no count or ``update_freq`` none of these; at the start of training,
            if the folder is a file.
    """

    writes = True

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        update_freq: str | int = "epoch",
    ) -> None:
        _import()
        expect("TensorBoard", "histogram_freq", COUNT_OR_ZERO, histogram_freq)
        expect("TensorBoard", "update_freq", FREQUENCY, update_freq)
        self.log_dir, self.histogram_freq, self.write_graph = log_dir, histogram_freq, write_graph
        self.update_freq = update_freq
        self.watches_model = histogram_freq > 0
        self._every: Any = {"epoch": 0, "batch": 1}.get(str(update_freq), update_freq)
        self._batches = 0
        self._writers: dict[str, Any] = {}

    def overrides(self, hook: str) -> bool:
        """True if the hook is implemented; for batches, only if their losses are logged."""
        return super().overrides(hook) and (hook != "on_train_batch_end" or self._every > 0)

    def state_dict(self) -> dict[str, Any]:
        """The number of batches so far."""
        return {"batches": self._batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Log on; TensorBoard leaves out what was logged after the epoch that the run goes on from."""
        self.on_train_end({})
        self._open(None if self._every else len(self.run.history) + 1)  # steps of batches are not of epochs
        self._batches = state["batches"]

    def on_train_begin(self, logs: Logs) -> None:
        folder = Path(self.log_dir)
        if any(part.exists() and not part.is_dir() for part in (folder, *folder.parents)):
            raise InputError(f"TensorBoard: expected a folder, got {str(folder)!r}")
        self._open()
        self._batches = 0
        if self.write_graph:
            self._write_setting()

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self._batches += 1
        if self._batches % self._every == 0:
            self._writers["train"].add_scalar("batch_loss", logs["loss"], self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for name, value in logs.items():
            part, column = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._writers[part].add_scalar(f"epoch_{column}", value, epoch + 1)
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            for name, parameter in self.run.model.named_parameters():
                finite = parameter.value[parameter.value.isfinite()].double()
                if len(finite):
                    self._writers["train"].add_histogram(name, finite, epoch + 1)

    def on_train_end(self, logs: Logs) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _open(self, purge_step: int | None = None) -> None:
        writer, _ = _import()
        parts = ["train"] + ["validation"] * any(name.startswith("val_") for name in self.run.columns)
        self._writers = {
            part: writer(str(Path(self.log_dir) / part), purge_step=purge_step, flush_secs=FLUSH)
            for part in parts
        }

    def _write_setting(self) -> None:
        _, hparams = _import()
        optimizer, writer = self.run.optimizer, self._writers["train"]
        groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        text = {
            "network": _indented(repr(self.run.model)),
            "optimizer": _indented("\n".join(f"{type(optimizer).__name__} {group}" for group in groups)),
        }
        for name, content in text.items():
            writer.add_text(name, content)
        options = {name: v for name, v in groups[0].items() if isinstance(v, (bool, int, float, str))}
        setting = {"optimizer": type(optimizer).__name__, **options, "epochs": self.run.epochs}
        columns = [name for name in self.run.columns if not name.startswith("val_")]
        for summary in hparams(setting, {f"epoch_{name}": 0.0 for name in columns}):
            writer.file_writer.add_summary(summary)


def _indented(text: str) -> str:
    """Text as a code block in TensorBoard's markdown."""
    return "".join(f"    {line}\n" for line in text.splitlines())


def _import() -> tuple[Any, Any]:
    """TensorBoard's writer of event files and its hyperparameter summary, which are slow to import."""
    with needed_by("TensorBoard"):
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams
    return SummaryWriter, hparams
