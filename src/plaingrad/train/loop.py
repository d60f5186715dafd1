"""Training of one network."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

import torch

from plaingrad.contract.modes import mode, no_input_grad
from plaingrad.data.batches import Batches
from plaingrad.data.samples import first_of, take
from plaingrad.module import Module
from plaingrad.native.interrupt import Interrupt
from plaingrad.native.masks import Masks
from plaingrad.native.task import Engine, Task
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train import checks
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.engine import choose
from plaingrad.train.epochs import Epochs
from plaingrad.train.evaluation import measure_all, measure_batches, scores
from plaingrad.train.history import History
from plaingrad.train.metrics import Metrics
from plaingrad.train.preparation import Training, prepare
from plaingrad.train.randomness import Draw, Shuffle, drawing, seeded
from plaingrad.train.resume.checkpoint import Checkpoint
from plaingrad.train.resume.session import Session
from plaingrad.train.sanity import sanity_check
from plaingrad.train.sharing import reserved
from plaingrad.train.threads import threads_for


def fit(
    model: Module,
    train: Any,
    *,
    loss: Loss | Sequence[Loss] | Mapping[str, Loss],
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    loss_weights: Sequence[float] | Mapping[str, float] | None = None,
    steps_per_epoch: int | None = None,
    gradient_accumulation_steps: int = 1,
    schedule: Schedule | None = None,
    sample_weight: Any = None,
    weight_decay_per: Literal["batch", "sample"] = "batch",
    validation: Any = None,
    metrics: Metrics = (),
    shuffle: Shuffle = True,
    seed: int | None = None,
    engine: Literal["auto", "eager", "native"] = "auto",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 10.0,
) -> History:
    """Train a network on mini-batches.

    Each epoch visits every sample once. Each batch goes forward through the network and the loss, backward
    through both, and the optimizer makes one step. The reported loss of an epoch is the mean over its
    samples of the losses of their batches as they were met; metrics, and everything on the validation data,
    are measured after the epoch in evaluation mode.

    A batch whose targets are all ignored, or whose weights are all 0, counts for nothing: it goes forward
    only (running statistics see it), parameters and optimizer stay as they are, and the epoch's loss leaves
    out its samples; it is NaN if no batch counts. A schedule of steps still goes on, unless it watches the
    loss.

    Ctrl-C lets the current epoch finish and returns the history so far; a second Ctrl-C interrupts at once.
    During training torch uses as many threads as the size of the network is worth
    (`plaingrad.train.threads`), and each module is in training mode; afterwards both are as they were
    before. Several threads may train networks of their own at once, with one loss for all: a loss that
    another thread trains with is copied, a network in training there is refused.

    Args:
        model: the network, changed in place.
        train: a `Dataset`, or a pair of tensors, arrays or tables ``(inputs, targets)``. Floating-point
            values are brought to the model's dtype and device; integers stay integers, as targets int64.
            Several inputs are a tuple in the order of the arguments of the model's forward, or a dict by
            their names; several targets a tuple or dict as the losses are. Or batches, each a pair like that:
            a list of pairs, a PyTorch ``DataLoader`` or anything else that can be iterated; a function that
            returns an iterator, as a generator function does, called anew in each epoch; or an iterator.
            Batches come as they are: their order is theirs, whatever the seed.
        loss: for instance ``nn.CrossEntropyLoss()``; with reduction "mean" or "sum". For a network with
            several outputs a tuple with one for each, or a dict by their names (those of a `Graph`'s outputs;
            for any other network names of your own, in the order of its outputs). What is trained is their
            weighted sum; the history has a column ``<name>_loss`` for each.
        optimizer: for instance ``optim.SGD(model.parameters(), lr=0.1)``. Parameters that it does not hold
            stay as they are. ``optim.LBFGS`` makes its iterations on each batch, for which the batch goes
            through the network anew, and is best given all the data as one batch.
        epochs: how often to visit all the data, at least 1.
        batch_size: samples per step, from 1 to all; the last batch of an epoch is smaller if it must be.
            None where ``train`` comes in batches.
        loss_weights: the weights of several losses in their sum, in a sequence or dict; 1 each if None.
        steps_per_epoch: for ``train`` in batches, the number of them in an epoch; None for all. The next
            epoch goes on where the one before has ended.
        gradient_accumulation_steps: the number of batches for each update. The gradient is that of one batch
            as large as all of them, also where their sizes or the numbers of targets that count differ; of
            several losses each batch counts by its samples. The last update of an epoch has fewer if it must.
        schedule: a schedule of the optimizer's learning rate, such as ``optim.StepLR(optimizer, 10)``. It is
            stepped after each epoch or each update, whichever it is made for; one that watches a metric
            gets the validation loss, or without validation data the training loss; after an update, the
            loss of the batch.
        sample_weight: how much each sample of ``train`` counts, shape ``(n,)``, at least 0 and not all 0, for
            loss and gradient of its batch (`plaingrad.train.weighting` has the equation). The loss of an
            epoch is the mean of these over the samples, as in scikit-learn and Keras. Metrics and validation
            count all samples alike.
        weight_decay_per: what the optimizer's ``weight_decay`` is meant for. "batch" takes it as it is, in
            each step, as PyTorch does. "sample" divides it by the number of samples in the batch, or their
            summed weights, as the loss is: it is then the ``alpha`` of scikit-learn's networks, and the
            history has a column ``penalty`` with what it added to the loss.
        validation: data or batches as in ``train`` to measure after each epoch.
        metrics: what to measure besides the loss: "accuracy" and "error" (fractions), "f1", "precision",
            "recall", "roc_auc", "top_k_accuracy" as scikit-learn defines them, "mse", "mae", "r2", or
            callables ``(prediction, target) -> number`` over all the data. By these names, metrics of classes
            leave out the targets that the loss ignores (``ignore_index``), and are NaN if it ignores all;
            callables get every sample. For several outputs a dict with a list of them for each, or callables
            that get all outputs and targets in tuples. Where ``train`` comes in batches, those of the
            training data are of the batches as they were met, as the loss is.
        shuffle: whether each epoch has a new random order. "blocks" is for data on a disk that seeks slowly:
            blocks of up to 8192 neighbours come in random order, and the samples of 64 of them at a time too.
            Or a callable that gives the order of the next epoch: an array or tensor with the index of each
            sample once. It is called once for each epoch, in their order, but for several epochs at once
            where several go into one call of the engine.
        seed: the same call with the same seed gives the same bits on the same machine, for the same number of
            torch's threads, and leaves torch's global random state as it was. Without it, one is drawn from
            that state. The masks of dropout are counted random numbers of the seed, the same in every
            engine (`plaingrad.native.masks`).
        engine: "eager" runs the modules as they are written, "native" compiles the whole epoch; "auto" takes
            the native one where the sizes of the call say that the run takes longer eagerly than half of what
            compiling takes (`plaingrad.native.cost`); the history says why.
        callbacks: instances of `plaingrad.train.callbacks.Callback`, called in this order.
        progress: whether to show a progress bar, if the output is a terminal or a notebook.
        checkpoint: a folder in which the run keeps its state, so that the same call goes on after the program
            was killed, and ends in the same bits for the same engine, processor and number of threads. The
            checkpoint is removed when the run is complete, and stays after Ctrl-C. SIGTERM lets the epoch
            finish and ends the program with exit code 143, unless the program handles it itself.
        checkpoint_every: the least seconds from one checkpoint to the next; each is written after an epoch, 0
            for one after every epoch.

    Returns:
        The `History` of the run, epochs before it was killed included.

    Raises:
        ValueError: an argument cannot be used; said before anything is trained. Or a callable for the order
            gave something else; the model is then as after the epochs before.
        ModuleError: the data do not fit the network or the loss; said with the module's place in the network.
        TrainingDiverged: an epoch met NaN or infinity. It names the epoch, the step, the module and what went
            bad first; the model is as it was before that epoch (if no callback puts back other weights at the
            end of training), and the history so far is in ``.history``.
    """
    arguments = locals()
    folder, every = arguments.pop("checkpoint"), arguments.pop("checkpoint_every")
    saved = None
    if folder is not None:
        every = checks.expect_seconds("checkpoint_every", every)
        saved = Checkpoint(checks.expect_path("checkpoint", folder), every)
    with reserved(model, loss) as arguments["loss"]:  # before the checks, which read the loss
        return run(prepare(**arguments, epochs_per_compile=epochs), saved)


def run(training: Training, checkpoint: Checkpoint | None = None, tried: bool = False) -> History:
    """Train the network; everything else is left as it was.

    Args:
        training: the checked arguments.
        checkpoint: what the run goes on from; None for nothing.
        tried: whether the network is known to fit such data, which then need no `sanity_check`.
    """
    begun = time.perf_counter()
    history, callbacks = training.run.history, training.callbacks
    session = Session(training, checkpoint)
    if session.is_complete:
        session.leave_as_it_ended()
        return history
    begun -= history.seconds  # of the time before the run was killed
    with ExitStack() as around:
        around.enter_context(reserved(training.model, training.loss))
        task, draw, orders = enter(training, around)
        session.enter(task, orders, around)
        if not tried:
            sanity_check(task, training.validation, training.metrics)
        verbose = any(callback.verbose for callback in callbacks)
        engine = choose(training.engine, task, training.epochs_per_compile, verbose)
        for callback in callbacks:
            engine = callback.around(engine, task)
        history.engine, history.engine_reason = engine.name, engine.reason
        interrupt = around.enter_context(Interrupt())
        for callback in callbacks:
            callback.run = training.run
            around.callback(_end_of_training, callback)
            callback.on_train_begin({})
        session.resume()
        epochs = Epochs(task, engine, training.run, draw, callbacks, training.is_watched or session.is_eager)
        for epoch, logs in epochs:
            finish_epoch(training, task, engine, logs)
            logs = {name: logs[name] for name in training.run.columns}
            history.append(logs)
            history.steps += training.steps() or 0
            history.seconds = time.perf_counter() - begun
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
            is_interrupted = training.run.agreed(interrupt.requested or session.is_terminated)
            if is_interrupted and not history.stopped:  # a callback's end is the end
                training.run.stop(f"interrupted in epoch {epoch + 1}")
            if epochs.is_current:
                session.after_epoch()
        history.stopped = history.stopped or f"all {training.run.epochs} epochs done"
    session.finish()
    return history


def enter(training: Training, around: ExitStack) -> tuple[Task, Draw | None, torch.Generator]:
    """Enter the state of training until the stack is closed.

    Returns:
        The task, the source of orders, and the generator that it draws from.
    """
    model, loss, data, callbacks = training.model, training.loss, training.data, training.callbacks
    around.enter_context(torch.no_grad())
    device = first_of(data.inputs).device
    around.enter_context(threads_for(model, take(data.inputs, slice(training.batch_size))))
    around.enter_context(mode(True, model, loss))
    around.enter_context(no_input_grad(model))
    generator, mask_seed = around.enter_context(seeded(training.seed, device, model, loss))
    for module in (model, loss):
        module.zero_grad()
        around.callback(module.zero_grad)
    schedule = training.schedule
    task = Task(
        model,
        loss,
        training.optimizer,
        data,
        training.batch_size,
        Masks(model, mask_seed),
        training.weights,
        training.decay_per_sample,
        schedule=schedule if schedule is not None and schedule.interval == "step" else None,
        batch_begin=[c.on_train_batch_begin for c in callbacks if c.overrides("on_train_batch_begin")],
        batch_end=[c.on_train_batch_end for c in callbacks if c.overrides("on_train_batch_end")],
        update_begin=[c.on_update_begin for c in callbacks if c.overrides("on_update_begin")],
        round=next((c.round for c in callbacks if c.round is not None), None),
        batches_per_update=training.batches_per_update,
        stream=training.stream,
        met=[] if training.stream is not None and training.metrics else None,
    )
    draw = drawing(training.shuffle, len(data), generator) if training.stream is None else None
    return task, draw, generator


def finish_epoch(training: Training, task: Task, engine: Engine, logs: Logs) -> None:
    """Measure metrics and validation after an epoch, and step a schedule of epochs."""
    data, validation, metrics = training.data, training.validation, training.metrics
    if task.met is not None:
        logs |= measure_all(task.met, metrics)
        task.met.clear()
    elif metrics:
        logs |= scores(engine.outputs(data.inputs), data.targets, None, metrics)
    if isinstance(validation, Batches):
        measured = measure_batches(training.model, validation, training.loss, metrics)
        logs |= {f"val_{name}": value for name, value in measured.items()}
    elif validation is not None:
        measured = scores(engine.outputs(validation.inputs), validation.targets, training.loss, metrics)
        logs |= {f"val_{name}": value for name, value in measured.items()}
    for callback in training.callbacks:
        callback.on_epoch_measured(len(training.run.history), logs)
    schedule = training.schedule
    if schedule is not None and schedule.interval == "epoch":
        score = (logs.get("val_loss", logs["loss"]),)
        schedule.step(*score if schedule.needs_metric else ())


def _end_of_training(callback: Callback) -> None:
    callback.on_train_end(callback.run.history.last())
