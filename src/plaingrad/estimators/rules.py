"""Update rules and schedules by scikit-learn's names, by plaingrad's, or as objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plaingrad import optim
from plaingrad.estimators.networks import weights_and_others
from plaingrad.module import Module
from plaingrad.optim import Optimizer, Schedule
from plaingrad.optim.schedule.schedule import ClosedForm

SOLVERS = ("adagrad", "adam", "adamw", "lbfgs", "rmsprop", "sgd")
# Those that scikit-learn applies to "sgd" alone, and those that go with every solver.
SGD_RATES = ("adaptive", "constant", "invscaling")
SCHEDULES = ("cosine", "linear", "one_cycle")


def optimizer(estimator: Any, module: Module, scale: float) -> Optimizer:
    """The update rule that an estimator's parameters ask for.

    Args:
        estimator: has ``solver``, ``alpha``, ``learning_rate_init`` and the options of the rules.
        module: the network.
        scale: by what scikit-learn's gradient is larger than the loss's (`Objective.scale`). What is not
            indifferent to that is scaled instead.
    """
    solver, lr, clip = estimator.solver, estimator.learning_rate_init, estimator.clip_norm
    if callable(solver):
        return made("solver", solver, module.parameters(), Optimizer)
    penalised, others = weights_and_others(module)
    groups = [{"params": penalised, "weight_decay": decay(estimator, scale)}]
    groups += [{"params": others}] if others else []
    eps = estimator.epsilon / scale
    if solver == "sgd":
        momentum = estimator.momentum
        nesterov = estimator.nesterovs_momentum and momentum > 0
        clip = None if clip is None else clip / scale
        return optim.SGD(groups, lr=lr * scale, momentum=momentum, nesterov=nesterov, clip_norm=clip)
    clip = None if clip is None else clip / scale
    betas = estimator.beta_1, estimator.beta_2
    if solver == "adam":
        return optim.Adam(groups, lr=lr, betas=betas, eps=eps, epsilon_hat=True, clip_norm=clip)
    if solver == "adamw":
        return optim.AdamW(groups, lr=lr, betas=betas, eps=eps, clip_norm=clip)
    if solver == "rmsprop":
        return optim.RMSprop(groups, lr=lr, eps=eps, clip_norm=clip)
    return optim.Adagrad(groups, lr=lr, eps=eps, clip_norm=clip)


def made(name: str, function: Callable[[Any], Any], argument: Any, kind: type[Any]) -> Any:
    """What a parameter's function makes of an argument.

    Raises:
        ValueError: it is of another kind.
    """
    expected = f"{name}: expected a function that returns a plaingrad {kind.__name__}"
    maker = getattr(function, "func", function)  # of a partial
    if str(getattr(maker, "__module__", "")).partition(".")[0] == "torch":
        told = f"{maker.__module__}.{maker.__qualname__}"
        raise ValueError(f"{expected}, such as one of plaingrad.optim, got {told}")
    try:
        found = function(argument)
    except TypeError as error:
        if "plaingrad.parameter.Parameter" not in str(error):  # which torch's rules say of ours
            raise
        raise ValueError(f"{expected}, such as one of plaingrad.optim, got one of torch's") from None
    if not isinstance(found, kind):
        raise ValueError(f"{expected}, got {found!r}")
    return found


def penalises(estimator: Any) -> bool:
    """Whether ``alpha`` adds to the loss; "adamw" and a rule of the caller's shrink weights by themselves."""
    return not callable(estimator.solver) and estimator.solver != "adamw"


def decay(estimator: Any, scale: float) -> float:
    """The weight decay that ``alpha`` asks for; for one sample, where it penalises. See `optimizer`."""
    return estimator.alpha / scale if penalises(estimator) else estimator.alpha


def schedule(learning_rate: Any, optimizer: Optimizer, steps: int) -> Schedule | None:
    """How the learning rate changes over so many steps; None where `Convergence` sees to it, or nobody."""
    if callable(learning_rate):
        return made("learning_rate", learning_rate, optimizer, Schedule)
    lr = optimizer.param_groups[0]["lr"]
    named: dict[str, Callable[[], ClosedForm]] = {
        "cosine": lambda: optim.CosineAnnealingLR(optimizer, T_max=steps, interval="step"),
        "linear": lambda: optim.LinearLR(optimizer, 1.0, 0.0, total_iters=steps, interval="step"),
        "one_cycle": lambda: optim.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, cycle_momentum=False),
    }
    if learning_rate not in named:
        return None
    return Held(named[learning_rate](), steps - 1 if learning_rate == "one_cycle" else steps)


class Held(ClosedForm):
    """Another schedule that keeps the rate which it has reached after so many steps."""

    def __init__(self, schedule: ClosedForm, steps: int) -> None:
        self.schedule, self.steps = schedule, steps
        super().__init__(schedule.optimizer, schedule.interval)

    def start(self) -> list[float]:
        return self.schedule.base_lrs

    def rate(self, base: float, t: int) -> float:
        return self.schedule.rate(base, min(t, self.steps))
