"""The training of an estimator's networks, in place."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from torch import Tensor

from plaingrad.data.finite import all_finite
from plaingrad.errors import InputError
from plaingrad.estimators import rules
from plaingrad.estimators.convergence import Convergence, SklearnCallbacks, orders
from plaingrad.estimators.inputs import as_inputs
from plaingrad.estimators.lbfgs import minimize
from plaingrad.estimators.parameters import Parameters
from plaingrad.estimators.prediction import eagerly, predictor_for
from plaingrad.estimators.private import check_sample_weight
from plaingrad.estimators.resuming import own_folder, run_name
from plaingrad.estimators.state import FittedState
from plaingrad.estimators.targets import ClassTargets, Part
from plaingrad.module import Module, ModuleError
from plaingrad.train import History, TrainingDiverged, fit_many, loop
from plaingrad.train.resume.checkpoint import Checkpoint

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)


def split(
    parameters: Parameters, state: FittedState, whole: Part, random_state: np.random.RandomState
) -> tuple[Part, Part]:
    """Hold a part of the data out, as scikit-learn draws it."""
    single = isinstance(state.targets, ClassTargets) and state.targets.n_outputs == 1
    parts = [whole.X, whole.encoded, *([] if whole.weights is None else [whole.weights])]
    halves = train_test_split(
        *parts,
        random_state=random_state,
        test_size=parameters.validation_fraction,
        stratify=whole.encoded if single else None,
    )
    rest, held_out = Part(*halves[::2]), Part(*halves[1::2])
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
        )
    return rest, held_out


@dataclass
class Training:
    """A call of ``fit`` or ``partial_fit``, which trains the networks of a state and sets its numbers.

    Attributes:
        parameters: of the estimator.
        state: changed in place.
        whole: the data to train on.
        held_out: data to measure on after each epoch, or None.
        incremental: true to go on for one epoch with the optimizers of the last call.
        random_state: of the orders and of dropout.
        watching: the caller's callbacks of scikit-learn, if there are any.
    """

    parameters: Parameters
    state: FittedState
    whole: Part
    held_out: Part | None
    incremental: bool
    random_state: np.random.RandomState
    watching: SklearnCallbacks | None

    def run(self) -> None:
        """Train.

        Raises:
            ValueError: the networks' parameters became infinite.
        """
        parameters, state = self.parameters, self.state
        for record in state.records:
            record.go_on(parameters.early_stopping, self.held_out is not None)
        own = next(state.module.named_parameters())[1].value.dtype
        converts = self._dtype(own) != own
        try:
            for module in state.modules if converts else ():
                module.to(self._dtype(own))
            if parameters.solver == "lbfgs":
                self._by_lbfgs()
            else:
                self._by_batches()
        finally:
            for module in state.modules if converts else ():
                module.to(own)
        if not all(all_finite(p.value) for module in state.modules for _, p in module.named_parameters()):
            raise ValueError(NOT_FINITE)
        state.predictor = predictor_for(parameters, state.modules, state.targets.link, state.codes)

    def _dtype(self, own: torch.dtype) -> torch.dtype:
        """Single precision for mini-batches, beside whose noise its rounding is nothing."""
        parameters, samples = self.parameters, len(self.whole)
        if parameters.dtype == "auto":
            batches = parameters.solver != "lbfgs" and batch_size(parameters, samples) < samples
            return torch.float32 if batches else own
        return torch.float32 if parameters.dtype == "float32" else torch.float64

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Inputs, targets and weights of the samples."""
        inputs, weights = self._inputs(self.whole), self.whole.weights
        targets = self.state.targets.tensor(self.whole.encoded, inputs.dtype)
        return inputs, targets, None if weights is None else torch.from_numpy(weights).to(inputs.dtype)

    def _inputs(self, part: Part) -> Tensor:
        """The inputs of a part, as a sparse tensor where that pays."""
        return as_inputs(part.X, self.state.module, self.parameters.engine == "native")

    def _by_lbfgs(self) -> None:
        state, objective, tensors = self.state, self.state.targets.objective(self.whole), self._tensors()
        with self.watching.whole_task() if self.watching else nullcontext():
            ends = [minimize(self.parameters, each, objective, *tensors) for each in state.modules]
        state.n_iter, state.loss = ends[0]
        state.t = state.n_iter * len(self.whole)

    def _by_batches(self) -> None:
        parameters, state, held_out, samples = self.parameters, self.state, self.held_out, len(self.whole)
        objective = state.targets.objective(self.whole)
        inputs, targets, weights = self._tensors()
        size = batch_size(parameters, samples)
        if parameters.batch_size != "auto" and int(parameters.batch_size) > samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                stacklevel=2,
            )
        continued = self.incremental and bool(state.optimizers)
        if not continued:
            state.optimizers = [rules.optimizer(parameters, each, objective.scale) for each in state.modules]
            steps, rate = parameters.max_iter * -(-samples // size), parameters.learning_rate
            state.schedules = [rules.schedule(rate, each, steps) for each in state.optimizers]
        elif not callable(parameters.solver):
            for optimizer in state.optimizers:
                optimizer.param_groups[0]["weight_decay"] = rules.decay(parameters, objective.scale)
        report = state.targets.objective(held_out or self.whole).report
        runs = []
        for module, record in zip(state.modules, state.records):
            scored = held_out if parameters.early_stopping else None
            score = None if scored is None else scorer(state, module, scored, self._inputs(scored))
            runs.append(Convergence(parameters, record, samples, objective, report, score, continued))
            record.n_iter = 0
            if scored is not None and not record.best_weights:
                record.keep_weights(module)
        options = {
            "loss": objective.loss,
            "epochs": 1 if self.incremental else parameters.max_iter,
            "batch_size": size,
            "sample_weight": weights,
            "weight_decay_per": "sample" if rules.penalises(parameters) else "batch",
            "engine": parameters.engine,
            "progress": False,
            "validation": None,
        }
        if held_out is not None:
            measured = state.targets.tensor(held_out.encoded, inputs.dtype)
            options["validation"] = (self._inputs(held_out), measured)
        seed = self._seed()
        is_new = parameters.checkpoint is not None and not self.incremental
        name = run_name(parameters, (inputs, targets), options, seed, state.t) if is_new else ""
        try:
            with own_folder(parameters.checkpoint if is_new else None, name) as folder:
                state.histories = self._run((inputs, targets), runs, options, seed, folder)
        except TrainingDiverged as error:
            state.histories = [error.history]
        diverged = [run for run in runs if run.error is not None]
        if diverged:
            cause = diverged[0].error
            if not parameters.early_stopping:
                raise ValueError(f"{NOT_FINITE} {cause}") from cause
            warnings.warn(
                f"Stochastic Optimizer: {cause}. The weights of the best epoch before are kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
        for run in diverged:
            run.close_curves()
        state.keep([run.error is not None or len(h) > 0 for run, h in zip(runs, state.histories)])
        if parameters.early_stopping:
            for module, record in zip(state.modules, state.records):
                module.load_state_dict(record.best_weights)
        first = state.records[0]
        state.loss, state.n_iter, state.t = first.loss_curve[-1], first.n_iter, first.t
        _warn_unfinished(parameters, state.histories, runs, self.incremental)

    def _run(
        self,
        data: tuple[Tensor, Tensor],
        runs: list[Convergence],
        options: dict[str, Any],
        seed: int,
        folder: Path | None,
    ) -> list[History]:
        """Train the networks in epochs: one as `plaingrad.fit` does, several by `plaingrad.fit_many`."""
        parameters, state, random_state, samples = (
            self.parameters,
            self.state,
            self.random_state,
            len(data[0]),
        )
        own = list(parameters.callbacks or [])
        if len(runs) == 1:
            callbacks = [runs[0], *own, *([self.watching] if self.watching else [])]
            optimizer, schedule = state.optimizers[0], state.schedules[0]
            options |= {"optimizer": optimizer, "schedule": schedule, "seed": seed, "callbacks": callbacks}
            shuffle = orders(samples, random_state) if parameters.shuffle else False
            options |= {"shuffle": shuffle, "epochs_per_compile": options["epochs"], "metrics": ()}
            checkpoint = None if folder is None else Checkpoint(folder)
            training = loop.prepare(state.module, data, **options)
            return [loop.run(training, checkpoint, tried=bool(state.histories))]
        states = [np.random.RandomState(random_state.randint(2**31)) for _ in runs]
        with (
            self.watching.whole_task() if self.watching else nullcontext(),
            _alike(),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", r"\d+ of \d+ networks diverged")  # which is told below
            return fit_many(
                state.modules,
                data,
                optimizers=state.optimizers,
                schedules=state.schedules,
                shuffle=[orders(samples, each) if parameters.shuffle else False for each in states],
                seeds=[seed + i for i in range(len(runs))],
                callbacks=[[each, *copy.deepcopy(own)] for each in runs],
                checkpoint=folder,
                **options,
            )

    def _seed(self) -> int:
        """The seed of dropout, drawn without a change of what the orders come from, as scikit-learn's."""
        before = self.random_state.get_state()
        seed = int(self.random_state.randint(2**31))
        self.random_state.set_state(before)
        return seed


@contextmanager
def _alike() -> Iterator[None]:
    """Leave the number of a network out of errors, for those of an estimator are alike."""
    try:
        yield
    except ModuleError as error:
        del error.path[0]
        raise
    except InputError as error:
        error.argument = (error.argument or "").partition(".")[2] or None
        raise


def _warn_unfinished(
    parameters: Parameters, histories: list[History], runs: list[Convergence], incremental: bool
) -> None:
    """Warn of training that was ended before it had converged."""
    reached = [each.record.n_iter == parameters.max_iter and not each.converged for each in runs]
    if any(history.stopped.startswith("interrupted") for history in histories):
        warnings.warn("Training interrupted by user.", stacklevel=3)
        return
    if any(each.out_of_time for each in runs):
        limit = f"Maximum time ({parameters.max_time:g} s)"
    elif not incremental and any(reached):
        limit = f"Maximum iterations ({parameters.max_iter})"
    else:
        return
    warnings.warn(
        f"Stochastic Optimizer: {limit} reached and the optimization hasn't converged yet.",
        ConvergenceWarning,
        stacklevel=3,
    )


def batch_size(parameters: Parameters, samples: int) -> int:
    """The number of samples in a batch, as scikit-learn decides it.

    One or a few more, if the last batch were a single sample, of which there is no batch normalisation.
    """
    size = min(200 if parameters.batch_size == "auto" else int(parameters.batch_size), samples)
    while parameters.normalization == "batch" and 1 < size < samples and samples % size == 1:
        size += 1
    return size


def scorer(state: FittedState, module: Module, held_out: Part, inputs: Tensor) -> Callable[[], float]:
    """A function for the score of a network on data, as it is now; NaN if its outputs are not finite."""
    targets = state.targets

    def score() -> float:
        predicted = eagerly(module, targets.link, inputs)
        return targets.score(predicted, held_out) if np.isfinite(predicted).all() else math.nan

    return score


def checked_weights(sample_weight: Any, X: Any) -> np.ndarray | None:
    """A weight of at least 0 for each sample, or None."""
    return None if sample_weight is None else check_sample_weight(sample_weight, X, ensure_non_negative=True)
