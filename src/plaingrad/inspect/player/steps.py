"""The stages of a recorded step of training: in, forward, the loss, backward, the update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.inspect.explain import Explanation, explain
from plaingrad.inspect.explain.explanation import Section
from plaingrad.inspect.player.stages import Stage
from plaingrad.inspect.record import Trace

MOST_EXPLAINED = 48  # units in a stage

WORDS = {
    "input": "The sample's features enter the network.",
    "forward": "Each unit adds up what comes in, weighted, and bends the sum.",
    "loss": "The loss says how far the outputs are from the target.",
    "backward": "The gradient comes back: how the loss changes with each unit, and so with each weight.",
    "update": "Each weight moves against its gradient, by the update rule.",
}

NOTHING = {
    "backward": "No gradient comes back through it.",
    "update": "It has no parameters, or penalties are added to their gradients.",
}


class Steps:
    """The stages of the step of one sample, each with the numbers that have been reached by then.

    Args:
        trace: the record of the step.
        stages: the layers of its network.
        row: the index of the sample in the record.
        rule: the update rule in words.

    Attributes:
        phases: of each stage the phase, a key of `WORDS`, and the layer, None if it is of none.
    """

    def __init__(self, trace: Trace, stages: Sequence[Stage], row: int = 0, rule: str = "") -> None:
        self.trace, self.stages, self.row, self.rule = trace, stages, row, rule
        layers = range(len(stages))
        self.phases: list[tuple[str, int | None]] = [("input", None), *(("forward", k) for k in layers)]
        self.phases += [("loss", None), *(("backward", k) for k in reversed(layers)), ("update", None)]

    def message(self, at: int, sample: int, point: Sequence[float], label: float) -> dict[str, Any]:
        """A stage, as docs/playground_protocol.md describes it.

        Args:
            at: its index.
            sample: the index of the sample in the data.
            point: where it is drawn.
            label: its class or number.
        """
        phase, layer = self.phases[at]
        features: Tensor = self.trace.calls[0].inputs[0]
        updated = {"weights": self._updated("weight"), "biases": self._updated("bias")}
        return {
            **(updated if phase == "update" else {}),
            "type": "walk",
            "stage": at,
            "stages": len(self.phases),
            "phase": phase,
            "layer": layer,
            "sample": sample,
            "point": list(point),
            "label": label,
            "values": {
                "features": features[self.row].tolist(),
                "layers": self._reached(at, "forward", self._outputs),
            },
            "gradients": {
                "layers": self._reached(at, "backward", self._upstream),
                "weights": self._reached(at, "backward", lambda k: self._gradient(k, "weight")),
                "biases": self._reached(at, "backward", lambda k: self._gradient(k, "bias")),
            },
            "loss": self.trace.loss if self._is_past(at, "loss", None) else None,
            "title": self._title(phase, layer),
            "words": WORDS[phase],
        }

    def _reached(self, at: int, phase: str, values: Callable[[int], Any]) -> list[Any]:
        """An entry for each layer, None for those that have not been reached."""
        return [values(k) if self._is_past(at, phase, k) else None for k in range(len(self.stages))]

    def _is_past(self, at: int, phase: str, layer: int | None) -> bool:
        return self.phases.index((phase, layer)) <= at

    def _outputs(self, layer: int) -> list[float]:
        outputs: Tensor = self.trace[self.stages[layer].last].outputs
        return outputs[self.row].tolist()

    def _upstream(self, layer: int) -> list[float]:
        grads = self.trace[self.stages[layer].last].grad_outputs
        assert grads is not None
        upstream: Tensor = grads[0]
        return upstream[self.row].tolist()

    def _gradient(self, layer: int, name: str) -> list[Any] | None:
        gradient = self.trace[self.stages[layer].path].gradients.get(name)
        return None if gradient is None else gradient.tolist()

    def _updated(self, name: str) -> list[Any]:
        """A parameter of each layer after the update, where the record has one."""
        values = [self.trace[stage.path].updated.get(name) for stage in self.stages]
        return [None if value is None else value.tolist() for value in values]

    def _title(self, phase: str, layer: int | None) -> str:
        if layer is None:
            loss = type(self.trace["loss"].module).__name__
            return {"loss": loss, "update": self.rule or "the update"}.get(phase, "features")
        stage = self.stages[layer]
        names = [f"{stage.path} {stage.linear.signature()}", *(type(m).__name__ for _, m in stage.rest)]
        return ", then ".join(names)

    def look(self, at: int, layer: int, unit: int) -> dict[str, Any]:
        """The equations of a unit with its numbers, of the phase of a stage.

        Raises:
            InputError: there is no such unit.
        """
        if not 0 <= layer < len(self.stages) or not 0 <= unit < self.stages[layer].units:
            got = f"layer {layer!r:.40}, unit {unit!r:.40}"
            raise InputError(f"look: expected a unit of the network, got {got}")
        phase, stage = self.phases[at][0], self.stages[layer]
        if phase == "loss":
            shown = [explain(self.trace, "loss", self.row)]
        else:
            paths = [stage.path, *(path for path, _ in stage.rest)]
            shown = [explain(self.trace, path, self.row, unit) for path in paths]
        begins = {"input": "forward", "loss": ""}.get(phase, phase)
        if phase == "backward":
            shown.reverse()
        return {
            "type": "explanation",
            "layer": layer,
            "unit": unit,
            "title": self._title("", layer),
            "html": "".join(_only(each, begins, f", sample {self.row}").to_html() for each in shown),
        }

    def looks(self, at: int) -> list[dict[str, Any]]:
        """The explanations of the units of a stage, for a recording."""
        phase, layer = self.phases[at]
        layers = range(len(self.stages)) if layer is None else [layer]
        units = [(k, unit) for k in layers for unit in range(self.stages[k].units)]
        return [] if phase == "input" else [self.look(at, *unit) for unit in units[:MOST_EXPLAINED]]


def _only(explanation: Explanation, phase: str, row: str) -> Explanation:
    """The sections of an explanation that belong to a phase, or a word that none does.

    Its title is without the row in the record, which is not the number of the sample in the data.
    """
    sections = [section for section in explanation.sections if section.title.startswith(phase)]
    none = [Section(phase, note=NOTHING[phase])] if phase in NOTHING else explanation.sections
    return Explanation(explanation.title.removesuffix(row), explanation.equations, sections or none)
