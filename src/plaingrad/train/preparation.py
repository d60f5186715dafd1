"""The checked arguments of `fit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.data.batches import Batches, are_batches, expect_repeatable
from plaingrad.data.checks import expect_model, expect_positive
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train import checks
from plaingrad.train.callbacks import Callback, ProgressBar, Run
from plaingrad.train.callbacks.callback import allowed
from plaingrad.train.callbacks.progress_bar import BatchProgressBar
from plaingrad.train.history import History
from plaingrad.train.last import warn_of_two_activations
from plaingrad.train.metrics import Metric, Metrics, named
from plaingrad.train.randomness import Shuffle
from plaingrad.train.several import Losses, aligned, as_loss
from plaingrad.train.weighting import expect_weights


@dataclass(frozen=True, kw_only=True)
class Training:
    """The checked arguments of a call of `fit`. Those that are not listed here are as they were passed.

    Attributes:
        data: the training data, in the model's dtype and on its device; ``validation`` likewise. Of batches
            that come from outside, the first.
        stream: these batches; None if there are none.
        weights: the weight of each sample; None if all are equal.
        decay_per_sample: whether the weight decay is per sample.
        metrics: the metrics by the names under which they are recorded.
        epochs_per_compile: the epochs of all networks of this shape in the call, which share one compilation.
        run: the run that callbacks see.
    """

    model: Module
    data: Dataset
    stream: Batches | None
    loss: Loss
    optimizer: Optimizer
    batch_size: int
    batches_per_update: int
    schedule: Schedule | None
    weights: Tensor | None
    decay_per_sample: bool
    validation: Dataset | Batches | None
    metrics: dict[str, Metric]
    shuffle: Shuffle
    seed: int | None
    engine: str
    callbacks: Sequence[Callback]
    epochs_per_compile: int
    run: Run

    @property
    def is_watched(self) -> bool:
        """True if something besides the callbacks reads the network between epochs."""
        return any([self.metrics, self.validation is not None, self.schedule is not None, self.stream])

    def steps(self) -> int | None:
        """The number of updates in an epoch: the latest one of a stream, or of the next if that is known."""
        batches: int | None = -(-len(self.data) // self.batch_size)
        if self.stream is not None:
            batches = self.stream.count or self.stream.length
        return None if batches is None else -(-batches // self.batches_per_update)


def prepare(
    model: Module,
    train: Any,
    *,
    loss: Any,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None,
    schedule: Schedule | None,
    sample_weight: Any,
    weight_decay_per: Literal["batch", "sample"],
    validation: Any,
    metrics: Metrics,
    shuffle: Shuffle,
    seed: int | None,
    engine: Literal["auto", "eager", "native"],
    callbacks: Sequence[Callback],
    progress: bool,
    epochs_per_compile: int,
    loss_weights: Any = None,
    steps_per_epoch: int | None = None,
    gradient_accumulation_steps: int = 1,
) -> Training:
    """Check the arguments of `fit` for one network."""
    expect_model(model)
    whole = as_loss(loss, loss_weights, model)

    def prepared(part: Dataset) -> Dataset:
        return aligned(checks.as_trained(model, part), whole)

    source = as_source("train", train, prepared, steps_per_epoch)
    data = source.first() if isinstance(source, Batches) else source
    stream = source if isinstance(source, Batches) else None
    warn_of_two_activations(model, whole, data)
    held_out = None if validation is None else as_source("validation", validation, prepared)
    epochs = expect_positive("epochs", epochs)
    if stream is None:
        batch_size = checks.expect_batch_size(batch_size, data)
    else:
        checks.expect_of_batches(batch_size, shuffle, sample_weight)
        batch_size = len(data)
    for each in (source, held_out):
        if isinstance(each, Batches):
            expect_repeatable(each, epochs)
    seed = checks.expect_seed(seed)
    checks.expect_shuffle(shuffle)
    checks.expect_optimizer(optimizer, model)
    group = checks.expect_accumulation(gradient_accumulation_steps, optimizer)
    weights = None if sample_weight is None else expect_weights(sample_weight, data, model)
    checks.expect_weight_decay_per(weight_decay_per)
    checks.expect_callbacks(callbacks)
    measured = named(metrics, whole)
    columns = ["loss", *(whole.columns if isinstance(whole, Losses) else ()), *measured]
    columns += [f"val_{name}" for name in columns] if held_out is not None else []
    columns += ["penalty"] if weight_decay_per == "sample" else []
    columns += ["lr", "seconds"]
    checks.expect_own_columns(columns)
    bar = [] if not progress else [ProgressBar() if stream is None else BatchProgressBar(stream)]
    training = Training(
        model=model,
        data=data,
        stream=stream,
        loss=whole,
        optimizer=optimizer,
        batch_size=batch_size,
        batches_per_update=group,
        schedule=schedule,
        weights=weights,
        decay_per_sample=weight_decay_per == "sample",
        validation=held_out,
        metrics=measured,
        shuffle=shuffle,
        seed=seed,
        engine=engine,
        callbacks=allowed([*callbacks, *bar]),
        epochs_per_compile=epochs_per_compile,
        run=Run(model, optimizer, History(), epochs, columns, data, whole),
    )
    checks.expect_schedule(schedule, optimizer, epochs, training.steps() or 1)
    return training


def as_source(
    name: str, data: Any, prepared: Callable[[Dataset], Dataset], steps: int | None = None
) -> Dataset | Batches:
    """The data set, or the batches that come from outside, prepared for the network."""
    if are_batches(data):
        return Batches(name, data, prepared, steps)
    if steps is not None:
        raise InputError(f"steps_per_epoch: expected None, for {name} is not in batches, got {steps!r}")
    return prepared(Dataset.of(data))
