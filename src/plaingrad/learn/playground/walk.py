"""One step of training on one sample, taken layer by layer, forward, backward and through the update."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.inspect import explain, record
from plaingrad.inspect.explain import Explanation
from plaingrad.learn.playground.run import Run

BATCH_NORMS = (nn.BatchNorm1d, nn.SyncBatchNorm)

WORDS = {
    "input": "The sample's features enter the network.",
    "forward": "Each unit adds up what comes in, weighted, and bends the sum.",
    "loss": "The loss says how far the outputs are from the target.",
    "backward": "The gradient comes back: how the loss changes with each unit, and so with each weight.",
    "update": "Each weight moves against its gradient, by the update rule.",
}


class Walk:
    """A step of training on one sample of the training data, and where one stands in it.

    The record of the step is made at once, on a copy; the run itself makes the step when the walk comes to
    the update, and takes it back when the walk goes back.

    Args:
        run: whose step it is.
        sample: the index of the sample.

    Raises:
        InputError: there is no such sample.
    """

    def __init__(self, run: Run, sample: int) -> None:
        data = run.problem.train
        if not 0 <= sample < len(data):
            raise InputError(f"walk: expected a sample from 0 to {len(data) - 1}, got {sample!r:.40}")
        self.run, self.sample, self.at = run, sample, 0
        batch = data.take(torch.tensor(self.rows()))
        self.x, self.t = batch.inputs, batch.targets
        penalised = run.state.l1 or run.state.l2  # by the run, beside the update rule
        optimizer = None if penalised else run.optimizer
        self.trace = record(run.model, self.x, run.targets(self.t), loss=run.loss, optimizer=optimizer)
        layers = range(len(run.stages))
        self.phases: list[tuple[str, int | None]] = [("input", None), *(("forward", k) for k in layers)]
        self.phases += [("loss", None), *(("backward", k) for k in reversed(layers)), ("update", None)]

    def rows(self) -> list[int]:
        """The sample; before others where the network normalises over a batch."""
        count = len(self.run.problem.train)
        over_batch = any(isinstance(module, BATCH_NORMS) for module in self.run.model.modules())
        size = min(self.run.state.batch_size, count) if over_batch else 1
        return [(self.sample + k) % count for k in range(max(size, 2 if over_batch else 1))]

    def go(self, steps: int) -> None:
        """Go forth or back; at the update the run makes its step, or takes it back."""
        to = min(max(self.at + steps, 0), len(self.phases) - 1)
        if to > self.at and self.phases[to][0] == "update":
            self.run.keep()
            self.run.train_on(self.x, self.t)
        elif to < self.at and self.phases[self.at][0] == "update":
            self.run.undo()
        self.at = to

    def message(self) -> dict[str, Any]:
        """The stage, as docs/playground_protocol.md describes it."""
        phase, layer = self.phases[self.at]
        row = self.run.problem.train_rows[self.sample].tolist()
        return {
            "type": "walk",
            "stage": self.at,
            "stages": len(self.phases),
            "phase": phase,
            "layer": layer,
            "sample": self.sample,
            "point": row[:2] if len(row) > 2 else [row[0], 0.0],
            "label": row[-1],
            "values": {"features": self.x[0].tolist(), "layers": self._reached("forward", self._outputs)},
            "gradients": {
                "layers": self._reached("backward", self._upstream),
                "weights": self._reached("backward", lambda k: self._gradient(k, "weight")),
                "biases": self._reached("backward", lambda k: self._gradient(k, "bias")),
            },
            "loss": self.trace.loss if self._is_past("loss", None) else None,
            "title": self._title(phase, layer),
            "words": WORDS[phase],
        }

    def _reached(self, phase: str, values: Any) -> list[Any]:
        """An entry for each layer, None for those that the walk has not reached."""
        layers = range(len(self.run.stages))
        return [values(k) if self._is_past(phase, k) else None for k in layers]

    def _is_past(self, phase: str, layer: int | None) -> bool:
        return self.phases.index((phase, layer)) <= self.at

    def _outputs(self, layer: int) -> list[float]:
        outputs: Tensor = self.trace[self.run.stages[layer].last].outputs
        return outputs[0].tolist()

    def _upstream(self, layer: int) -> list[float]:
        grads = self.trace[self.run.stages[layer].last].grad_outputs
        assert grads is not None
        upstream: Tensor = grads[0]
        return upstream[0].tolist()

    def _gradient(self, layer: int, name: str) -> list[Any] | None:
        gradient = self.trace[self.run.stages[layer].path].gradients.get(name)
        return None if gradient is None else gradient.tolist()

    def _title(self, phase: str, layer: int | None) -> str:
        if layer is None:
            return {"loss": type(self.run.loss).__name__, "update": repr(self.run.optimizer)}.get(
                phase, "features"
            )
        stage = self.run.stages[layer]
        return ", then ".join(
            [f"{stage.path} {stage.linear.signature()}", *(type(module).__name__ for _, module in stage.rest)]
        )

    def look(self, layer: int, unit: int) -> dict[str, Any]:
        """The equations of a unit with its numbers, of the phase in which the walk is.

        Raises:
            InputError: there is no such unit.
        """
        stages = self.run.stages
        if not 0 <= layer < len(stages) or not 0 <= unit < stages[layer].units:
            raise InputError(
                f"look: expected a unit of the network, got layer {layer!r:.40}, unit {unit!r:.40}"
            )
        phase, stage = self.phases[self.at][0], stages[layer]
        if phase == "loss":
            shown = [explain(self.trace, "loss")]
        else:
            paths = [stage.path, *(path for path, _ in stage.rest)]
            shown = [explain(self.trace, path, unit=unit) for path in paths]
        begins = {"input": "forward", "loss": ""}.get(phase, phase)
        if phase == "backward":
            shown.reverse()
        html = "".join(_only(each, begins).to_html() for each in shown)
        return {
            "type": "explanation",
            "layer": layer,
            "unit": unit,
            "title": self._title("", layer),
            "html": html,
        }


def _only(explanation: Explanation, phase: str) -> Explanation:
    """The sections of an explanation that belong to a phase; all if none does."""
    sections = [section for section in explanation.sections if section.title.startswith(phase)]
    return Explanation(explanation.title, explanation.equations, sections or explanation.sections)
