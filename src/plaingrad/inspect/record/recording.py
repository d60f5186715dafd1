"""One step of training, watched."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.modes import mode
from plaingrad.contract.nest import mapped, tensors
from plaingrad.data import Dataset
from plaingrad.data.checks import expect_module
from plaingrad.inspect.record.trace import Call, Trace
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer
from plaingrad.parameter import Parameter
from plaingrad.train.calling import called
from plaingrad.train.checks import as_trained, expect_optimizer
from plaingrad.train.eager import Closure
from plaingrad.train.several import aligned, as_loss
from plaingrad.train.weighting import of_prediction


def record(model: Module, x: Any, target: Any, *, loss: Any, optimizer: Optimizer | None = None) -> Trace:
    """Run one step of training on a copy of the network and keep all that goes in and out of each module.

    Parameters, gradients, buffers and random numbers of the network stay as they are.

    Args:
        model: the network. It runs in training mode, as in `plaingrad.fit`.
        x: its input: a tensor, array or table; of several inputs a tuple or dict, as for `plaingrad.fit`.
        target: what the loss compares the outputs with.
        loss: as for `plaingrad.fit`, for instance ``nn.MSELoss()``.
        optimizer: makes an update at the end, of which the record has the parameters before and after.

    Returns:
        The `Trace` of the step.

    Raises:
        InputError: an argument is of another kind than `plaingrad.fit` takes.
        ModuleError: the data do not fit the network or the loss.
    """
    expect_module(model)
    whole = as_loss(loss, None, model)
    data = aligned(as_trained(model, Dataset.of((x, target))), whole)
    if optimizer is not None:
        expect_optimizer(optimizer, model)
    twin, twin_loss, twin_optimizer = copy.deepcopy((model, whole, optimizer))
    devices = sorted({x.device.index or 0 for x in tensors(data.inputs) if x.is_cuda})
    with torch.random.fork_rng(devices), torch.no_grad(), mode(True, twin, twin_loss):
        adopt_generators(model, twin)
        recorder = Recorder()
        return recorder.step(twin, twin_loss, twin_optimizer, data)


class Recorder:
    """A watcher that notes each forward and backward of the modules of a network.

    Attributes:
        calls: so far, in the order in which their forwards began.
        backward_calls: in the order in which their backwards began.
        running: the calls whose forward is running, the outermost first.
        open: of each module, the calls that have had no backward, by its id.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.backward_calls: list[Call] = []
        self.running: list[Call] = []
        self.open: dict[int, list[Call]] = {}
        self.uses: Counter[str] = Counter()

    def step(self, model: Module, loss: Loss, optimizer: Optimizer | None, data: Dataset) -> Trace:
        """Run a step of training and note what happens."""
        for module in (model, loss):
            module.zero_grad()
        with model.watched(self), loss.watched(self):
            value = loss.forward(called(model, data.inputs), data.targets).item()
            dy = of_prediction(loss.backward())
            model.backward(*dy if isinstance(dy, tuple) else (dy,))
        states = {}
        if optimizer is not None:
            states = {parameter: copied(dict(state)) for parameter, state in optimizer.state.items()}
            closure = Closure(model, optimizer, loss, data.inputs, data.targets, value)
            optimizer.step(closure if optimizer.needs_closure else None)
            for call in self.calls:
                call.updated = own_values(call.module)
        return Trace(self.calls, self.backward_calls, value, data.targets, optimizer, states)

    def __call__(self, module: Module, name: str, run: Any, *arguments: Any, **options: Any) -> Any:
        if name == "forward":
            return self.forward(module, run, arguments, options)
        return self.backward(module, run, arguments)

    def forward(self, module: Module, run: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Run a forward and note it."""
        path = self.path(module)
        call = Call(
            path=path,
            depth=len(self.running),
            use=self.uses[path],
            module=module,
            inputs=copied(inputs),
            options=copied(options),
            parameters=own_values(module),
            training=module.training,
        )
        self.uses[path] += 1
        self.calls.append(call)
        self.running.append(call)
        outputs = run(*inputs, **options)
        if len(call.parameters) < len(own_parameters(module)):  # which had no shape before
            call.parameters = own_values(module)
        self.running.pop()
        call.outputs = copied(outputs)
        self.open.setdefault(id(module), []).append(call)
        return outputs

    def backward(self, module: Module, run: Any, grads: tuple[Any, ...]) -> Any:
        """Run the backward of the module's latest forward that had none, and note it."""
        call = self.open[id(module)].pop()
        self.backward_calls.append(call)
        call.grad_outputs = copied(grads)
        before = own_gradients(module)
        grad_inputs = run(*grads)
        call.grad_inputs = copied(grad_inputs)
        after = own_gradients(module)
        call.gradients = {name: after[name] - before[name] for name in after}
        return grad_inputs

    def path(self, module: Module) -> str:
        """The dotted names of the containers that are running and the module's name in the innermost."""
        if not self.running:
            return "loss" if isinstance(module, Loss) and self.calls else ""
        around = self.running[-1]
        names = [name for name, child in around.module.named_modules() if child is module and name]
        if not names:  # held by no field of its caller, or the caller itself once more
            return around.path
        before = sum(call.module is module for call in self.calls[self.calls.index(around) :])
        name = names[min(before, len(names) - 1)]
        return f"{around.path}.{name}" if around.path else name


def adopt_generators(model: Module, twin: Module) -> None:
    """Set up the modules of a copy to draw what those of the original would draw next."""
    copies: dict[int, torch.Generator] = {}
    for module, other in zip(model.modules(), twin.modules(), strict=True):
        generator = module.generator
        if generator is not None:
            if id(generator) not in copies:
                copies[id(generator)] = generator.clone_state()
            vars(other)["_generator"] = copies[id(generator)]


def own_parameters(module: Module) -> dict[str, Parameter]:
    """The module's parameters without those of its children, by name."""
    return {name: field for name, field in module.named_fields() if isinstance(field, Parameter)}


def own_values(module: Module) -> dict[str, Tensor]:
    """Copies of the values of the module's own parameters that have a shape, by name."""
    shaped = {name: each for name, each in own_parameters(module).items() if each.is_shaped}
    return {name: parameter.value.clone() for name, parameter in shaped.items()}


def own_gradients(module: Module) -> dict[str, Tensor]:
    """Copies of the gradients of those that are not frozen, by name; read only where a backward has."""
    learned = {name: each for name, each in own_parameters(module).items() if not each.frozen}
    return {n: p.grad.clone() if p.has_grad else torch.zeros_like(p.value) for n, p in learned.items()}


def copied(nest: Any) -> Any:
    """The nest with copies of its tensors."""
    return mapped(lambda x: x.detach().clone(), nest)
