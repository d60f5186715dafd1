"""The base class of schedules that move the momentum too."""

from __future__ import annotations

from collections.abc import Sequence

from plaingrad.errors import InputError
from plaingrad.optim.common.options import FRACTION
from plaingrad.optim.schedule.schedule import ClosedForm


class Cycled(ClosedForm):
    """A schedule whose learning rate goes up and down, and the momentum (or β₁) inversely.

    Attributes:
        cycle_momentum: whether to change the momentum too.
        base_momentum: the least momentum, one or a list of one for each parameter group.
        max_momentum: the greatest, likewise.
    """

    cycle_momentum: bool
    base_momentum: float | list[float]
    max_momentum: float | list[float]

    def start(self, rates: Sequence[float]) -> list[float]:
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                if "betas" not in group and "momentum" not in group:
                    name, got = type(self).__name__, type(self.optimizer).__name__
                    expected = "an optimizer with momentum or betas, or cycle_momentum=False"
                    raise InputError(f"{name}: expected {expected}, got {got}")
            self.base_momenta = self.per_group("base_momentum", self.base_momentum, FRACTION)
            self.max_momenta = self.per_group("max_momentum", self.max_momentum, FRACTION)
        return super().start(rates)

    def height(self, t: int) -> float:
        """The momentum after t steps, 0 for the least and 1 for the greatest."""
        raise NotImplementedError(f"{type(self).__name__} has no height")

    def apply(self) -> None:
        super().apply()
        if self.cycle_momentum:
            height = self.height(self.last_epoch)
            for group, low, high in zip(self.optimizer.param_groups, self.base_momenta, self.max_momenta):
                momentum = low + (high - low) * height
                if "betas" in group:
                    group["betas"] = (momentum, group["betas"][1])
                else:
                    group["momentum"] = momentum
