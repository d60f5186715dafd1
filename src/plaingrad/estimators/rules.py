"""Update rules and schedules, by name or by a function of the caller's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from traceback import walk_tb
from typing import Any

from plaingrad import optim
from plaingrad.errors import InputError
from plaingrad.estimators.networks import weights_and_others
from plaingrad.estimators.parameters import Parameters
from plaingrad.module import Module
from plaingrad.optim import Optimizer, Schedule
from plaingrad.optim.schedule.schedule import ClosedForm


def optimizer(parameters: Parameters, module: Module, scale: float) -> Optimizer:
    """The update rule that an estimator's parameters ask for.

    Args:
        parameters: of the estimator.
        module: the network.
        scale: by what scikit-learn's gradient is larger than the loss's (`Objective.scale`). What is not
            indifferent to that is scaled instead.
    """
    solver, lr = parameters.solver, parameters.learning_rate_init
    if callable(solver):
        return returned("solver", solver, module.parameters(), Optimizer)
    penalised, others = weights_and_others(module)
    groups = [{"params": penalised, "weight_decay": decay(parameters, scale)}]
    groups += [{"params": others}] if others else []
    eps = parameters.epsilon / scale
    clip = None if parameters.clip_norm is None else parameters.clip_norm / scale
    if solver == "sgd":
        momentum = parameters.momentum
        nesterov = parameters.nesterovs_momentum and momentum > 0
        return optim.SGD(groups, lr=lr * scale, momentum=momentum, nesterov=nesterov, clip_norm=clip)
    betas = parameters.beta_1, parameters.beta_2
    if solver == "adam":
        return optim.Adam(groups, lr=lr, betas=betas, eps=eps, epsilon_hat=True, clip_norm=clip)
    if solver == "adamw":
        return optim.AdamW(groups, lr=lr, betas=betas, eps=eps, clip_norm=clip)
    if solver == "rmsprop":
        return optim.RMSprop(groups, lr=lr, eps=eps, clip_norm=clip)
    return optim.Adagrad(groups, lr=lr, eps=eps, clip_norm=clip)


def returned(name: str, function: Callable[[Any], Any], argument: Any, kind: type[Any]) -> Any:
    """Call a parameter's function, which has to return an object of this kind.

    Raises:
        ValueError: it returns something else, or is one of torch's.
    """
    expected = f"{name}: expected a function that returns a plaingrad {kind.__name__}"
    maker = getattr(function, "func", function)  # of a partial
    if _is_torchs(getattr(maker, "__module__", "")):
        got = f"{maker.__module__}.{maker.__qualname__}"
        raise InputError(f"{expected}, such as one of plaingrad.optim, got {got}")
    try:
        value = function(argument)
    except TypeError as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        if not _is_torchs(frame.f_globals.get("__name__")):  # whose rules refuse our parameters
            raise
        raise InputError(f"{expected}, such as one of plaingrad.optim, got one of torch's") from None
    if not isinstance(value, kind):
        raise InputError(f"{expected}, got {value!r}")
    return value


def _is_torchs(module: str | None) -> bool:
    return str(module).partition(".")[0] == "torch"


def penalises(parameters: Parameters) -> bool:
    """True if ``alpha`` adds to the loss; "adamw" and a rule of the caller's shrink weights by themselves."""
    return not callable(parameters.solver) and parameters.solver != "adamw"


def decay(parameters: Parameters, scale: float) -> float:
    """The weight decay that ``alpha`` asks for; for one sample, where it penalises. See `optimizer`."""
    return parameters.alpha / scale if penalises(parameters) else parameters.alpha


def schedule(learning_rate: Any, optimizer: Optimizer, steps: int) -> Schedule | None:
    """The schedule of the learning rate over so many steps; None if `Convergence` changes it, or nobody."""
    if callable(learning_rate):
        return returned("learning_rate", learning_rate, optimizer, Schedule)
    lr = optimizer.param_groups[0]["lr"]
    named: dict[str, Callable[[], ClosedForm]] = {
        "cosine": lambda: optim.CosineAnnealingLR(optimizer, T_max=steps, interval="step"),
        "linear": lambda: optim.LinearLR(optimizer, 1.0, 0.0, total_iters=steps, interval="step"),
        "one_cycle": lambda: optim.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, cycle_momentum=False),
    }
    if learning_rate not in named:
        return None
    return Clamped(named[learning_rate](), steps - 1 if learning_rate == "one_cycle" else steps)


class Clamped(ClosedForm):
    """Another schedule, which keeps the rate of this step after it."""

    def __init__(self, schedule: ClosedForm, steps: int) -> None:
        self.schedule, self.steps = schedule, steps
        super().__init__(schedule.optimizer, schedule.interval)

    def start(self, rates: Sequence[float]) -> list[float]:
        return self.schedule.base_lrs

    def rate(self, base: float, t: int) -> float:
        return self.schedule.rate(base, min(t, self.steps))


Held = Clamped  # its name in pickles written before
