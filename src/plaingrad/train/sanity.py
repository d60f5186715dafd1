"""A sanity check before training, so that errors are raised before anything has changed."""

from __future__ import annotations

from torch import Tensor

from plaingrad.contract.nest import mapped
from plaingrad.data import Dataset
from plaingrad.data.batches import Batches
from plaingrad.data.samples import rows, take
from plaingrad.module import Module, ModuleError
from plaingrad.native.task import Snapshot, Task
from plaingrad.nn import Embedding, EmbeddingBag, Loss
from plaingrad.train.calling import called
from plaingrad.train.evaluation import BATCH_SIZE, outputs, scores
from plaingrad.train.metrics import Metric
from plaingrad.train.several import Losses
from plaingrad.train.weighting import Weighted

SAMPLES_TRIED = 32  # enough to know the output
TARGETS_AT_ONCE = 65_536  # few calls, little memory


def sanity_check(task: Task, validation: Dataset | Batches | None, metrics: dict[str, Metric]) -> None:
    """Run the network and the loss on the first samples, all indices, all targets and the last batch.

    Of batches that come from outside, the first stands for all.

    Raises:
        ModuleError: they do not fit; the network and the generators are as before.
    """
    for data in (task.data, validation.first() if isinstance(validation, Batches) else validation):
        if data is not None:
            _try_samples(task.model, data, task.loss, metrics)
    is_even = len(task.data) % task.batch_size == 0
    if not is_even or task.batch_size == 1 or task.weights is not None or task.loose:
        _try_last_batch(task)  # else the samples above stand for every batch


def _try_samples(model: Module, data: Dataset, loss: Loss, metrics: dict[str, Metric]) -> None:
    looks_up = any(isinstance(module, (Embedding, EmbeddingBag)) for module in model.modules())
    inputs = data.inputs if looks_up else take(data.inputs, slice(SAMPLES_TRIED))
    prediction = outputs(model, inputs, BATCH_SIZE, isinstance(data.targets, Tensor))
    if rows(inputs) < len(data):
        prediction = mapped(lambda y: y[:1].expand(len(data), *y.shape[1:]), prediction)
    scores(prediction, data.targets, loss, metrics, TARGETS_AT_ONCE)


def _try_last_batch(task: Task) -> None:
    """Refuse a last batch that is too small, for instance for batch normalisation of one sample."""
    before, size = Snapshot(task), len(task.data) % task.batch_size or task.batch_size
    try:
        with task.masks.drawn():
            prediction = called(task.model, take(task.data.inputs, slice(-size, None)))
        if task.weights is not None and not isinstance(task.loss, Losses):
            Weighted(task.loss).forward(prediction, (task.data.targets[-size:], task.weights[-size:]))
    except ModuleError as error:
        error.problem += f", the last batch of the epoch ({size} of {len(task.data)} samples)"
        raise
    finally:
        before.restore()
