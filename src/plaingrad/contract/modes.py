"""Context managers that set modes of networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from plaingrad.contract.tree import Tree


@contextmanager
def mode(training: bool, *roots: Tree) -> Iterator[None]:
    """Set training or evaluation mode for the block, then restore the mode of every module."""
    before = [(module, module.training, module.saving) for root in roots for module in root.modules()]
    try:
        for root in roots:
            root.train(training)
        yield
    finally:
        for module, was_training, was_saving in before:
            module.training, module.saving = was_training, was_saving


@contextmanager
def no_input_grad(model: Tree) -> Iterator[None]:
    """Skip the gradient with respect to the network's input, which training does not need."""
    uses = Counter(id(module) for _, module in model.named_modules())
    layers = [layer for layer in model.input_layers() if uses[id(layer)] == 1]  # else it is also an inner one
    before = [(layer, layer.needs_input_grad) for layer in layers if layer.may_skip_input_grad]
    try:
        for layer, _ in before:
            layer.needs_input_grad = False
        yield
    finally:
        for layer, needed in before:
            layer.needs_input_grad = needed
