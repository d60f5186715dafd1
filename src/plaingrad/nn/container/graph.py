"""Networks that are no chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

from plaingrad.contract.nest import added, tensors
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.inplace import expect_kept, version_of
from plaingrad.nn.container.base import Container
from plaingrad.parameter import Buffer, Parameter


class Step(NamedTuple):
    """A node of a `Graph`, as it is run.

    Attributes:
        operation: the name of the module, parameter or buffer: that of its first node, unless it has its own.
        arguments: the arguments of forward: names of inputs and nodes, and constants.
        options: those by keyword.
    """

    operation: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def uses(self, module: Module) -> list[Any]:
        """The arguments for which the module's backward returns an entry."""
        is_loss = module._implies_one and module.differentiable is not None
        if not is_loss:
            return [*self.arguments, *self.options.values()]
        named = dict(zip(list(signature(module.forward).parameters), self.arguments)) | self.options
        return [named[name] for name in module.differentiable or () if name in named]


class Graph(Container):
    r"""A network in which each node names its inputs.

    .. math::
        y_k = f_k(y_i, y_j, \dots), \qquad
        \frac{\partial \ell}{\partial y_i} = \sum_{k \text{ that uses } i}
            \Big(\frac{\partial y_k}{\partial y_i}\Big)^{\!\top} \frac{\partial \ell}{\partial y_k}

    Forward runs the nodes in order; backward runs them in reverse. The gradients of what several nodes use
    add up; a node that no output depends on gets none.

    A node is ``(module, argument, ...)``: names of inputs and of nodes before it, or constants. The last
    entry may be a dict, for arguments by keyword. A module that stands in several nodes is one module, whose
    parameters count once. A node of a `Parameter` or `Buffer` alone is its value. For example, a network of
    two towers::

        Graph(
            inputs=["image", "text"],
            nodes={
                "seen": (Linear(64, 16), "image"),
                "read": (Linear(32, 16), "text"),
                "sum": (Add(), "seen", "read"),
                "score": (Sequential(ReLU(), Linear(16, 1)), "sum"),
            },
            outputs="score",
        )

    Shapes: as the nodes take and give them.

    Args:
        inputs: the names of forward's arguments, or the one name.
        nodes: the nodes by name, each after those that it uses. Names may have dots, as those of the modules
            of a nested network.
        outputs: the name of what forward returns, or several in tuples or lists.
        operations: modules, parameters and buffers with names of their own, for which a node may have these
            names in their stead.

    Raises:
        ModuleError: a name is used before it is there, or twice; a node is no such tuple; or a module
            complains, with the name of its node added.
    """

    def __init__(
        self,
        inputs: str | Sequence[str],
        nodes: Mapping[str, tuple[Any, ...]],
        outputs: str | Sequence[Any],
        operations: Mapping[str, Module | Parameter | Buffer] | None = None,
    ) -> None:
        self._children = {}
        self._values: dict[str, Parameter | Buffer] = {}
        self.inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        self.steps: dict[str, Step] = {}
        self.outputs = in_tuples(outputs)
        known = set(self.inputs)
        if len(known) < len(self.inputs):
            raise ModuleError(self, f"expected a name of its own for each input, got {self.inputs}")
        for name, node in nodes.items():
            if not isinstance(node, tuple) or not node:
                raise ModuleError(self, f"expected node {name!r} as (module, argument, ...), got {node!r}")
            if name in known:
                raise ModuleError(self, f"expected a name of its own for each node, got {name!r} again")
            operation = node[0]
            if isinstance(operation, str) and operations and operation in operations:
                self.steps[name] = self._step(operation, operations[operation], *node[1:])
            else:
                self.steps[name] = self._step(name, *node)
            self._expect_known(self.steps[name][1:], known, f"node {name!r}")
            known.add(name)
        self._expect_known(self.outputs, known, "outputs")

    def _step(self, name: str, operation: Any, *arguments: Any) -> Step:
        *positional, last = arguments or (None,)
        options = last if isinstance(last, dict) else {}
        arguments = tuple(positional) if isinstance(last, dict) or not arguments else arguments
        if isinstance(operation, (Parameter, Buffer)):
            self._values[name] = operation
        elif isinstance(operation, Module):
            first = next((key for key, child in self._children.items() if child is operation), name)
            if self._children.setdefault(first, operation) is not operation:
                raise ModuleError(self, f"expected a name of its own for each module, got {first!r} again")
            name = first
        else:
            raise ModuleError(self, f"expected a module, parameter or buffer at {name!r}, got {operation!r}")
        self._take_in(operation)
        return Step(name, arguments, options)

    def _expect_known(self, nest: Any, known: set[str], where: str) -> None:
        for name in names(nest):
            if name not in known:
                raise ModuleError(self, f"expected {where} to use inputs and nodes before it, got {name!r}")

    def named_fields(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        yield from self.own_values()
        yield from super().named_fields()

    def own_values(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """The parameters and buffers that are nodes themselves, by name."""
        yield from self._values.items()

    def forward(self, *inputs: Any, **options: Any) -> Any:
        values = self._bound(inputs, options)
        passed, ran = tuple(values), []
        before = {name: version_of(value) for name, value in values.items()}

        def value_of(name: str) -> Any:
            expect_kept(self, values[name], before[name])
            return values[name]

        for name, step in self.steps.items():
            values[name] = self._run(step, value_of)
            before[name] = version_of(values[name])
            if any(True for _ in tensors(values[name])):  # else a size, which has no gradient
                ran.append(name)
        y = substituted(self.outputs, value_of)
        self.save((passed, ran), y)
        return y

    def backward(self, *dys: Any) -> Any:
        passed, ran = self.restore(*dys)
        gradients: dict[str, Any] = {}
        collect(self.outputs, dys[0] if isinstance(self.outputs, str) and len(dys) == 1 else dys, gradients)
        for name in reversed(ran):
            self._run_back(self.steps[name], gradients.pop(name, None), gradients)
        dxs = tuple(gradients.get(name) for name in passed)
        return dxs[0] if len(dxs) == 1 else dxs

    def input_layers(self) -> list[Any]:
        """The first modules of the nodes that use inputs.

        Of a module that has other arguments, too, here or in another node, they are those that may not skip
        a gradient, which these need.
        """
        if type(self).backward is not Graph.backward:
            return [self]
        outer = set(self.inputs)
        layers = []
        for key, module in self._children.items():
            used = [set(names(step[1:])) for step in self.steps.values() if step.operation == key]
            if any(each & outer for each in used):
                can_skip = all(each <= outer for each in used)
                layers += [each for each in module.input_layers() if can_skip or not each.may_skip_input_grad]
        return layers

    def _run(self, step: Step, value_of: Callable[[str], Any]) -> Any:
        if step.operation in self._values:
            return self._values[step.operation].value
        arguments = [substituted(each, value_of) for each in step.arguments]
        options = {key: substituted(each, value_of) for key, each in step.options.items()}
        return self._children[step.operation].forward(*arguments, **options)

    def _run_back(self, step: Step, dy: Any, gradients: dict[str, Any]) -> None:
        """Propagate the gradient with respect to a node to those that it uses."""
        if step.operation in self._values:
            value = self._values[step.operation]
            if isinstance(value, Parameter) and dy is not None:
                value.grad.add_(dy)
            return
        module = self._children[step.operation]
        entries = module.backward(*(dy if isinstance(dy, tuple) else (dy,)))
        uses = step.uses(module)
        for use, entry in zip(uses, entries if len(uses) > 1 else (entries,)):
            collect(use, entry, gradients)

    def _bound(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        """The inputs by name, in the order in which they came."""
        values = {**dict(zip(self.inputs, inputs)), **options}
        if len(inputs) > len(self.inputs) or set(values) != set(self.inputs) or len(values) < len(inputs):
            expected = f"inputs {', '.join(self.inputs) or 'none'}"
            named = "".join(f" and {name}" for name in options)
            raise ModuleError(self, f"expected {expected}, got {len(inputs)}{named}")
        return values

    def signature(self) -> str:
        return f"Graph({', '.join(self.inputs)} -> {text(self.outputs)})"

    def __repr__(self) -> str:
        lines = [f"inputs: {', '.join(self.inputs) or 'none'}"]
        lines += [f"({name}): {self._shown_step(name)}" for name in self.steps]
        lines.append(f"outputs: {text(self.outputs)}")
        inside = "".join(f"\n{line}".replace("\n", "\n  ") for line in lines)
        return f"Graph({inside}\n)"

    def _shown_step(self, name: str) -> str:
        step = self.steps[name]
        if step.operation in self._values:
            value = self._values[step.operation]
            return f"{type(value).__name__}{tuple(value.value.shape)}"
        module = self._children[step.operation]
        shown = repr(module) if step.operation == name else f"{type(module).__name__} of {step.operation}"
        uses = [text(each) for each in step.arguments]
        uses += [f"{key}={text(each)}" for key, each in step.options.items()]
        return f"{shown} <- {', '.join(uses) or 'nothing'}"


def names(nest: Any) -> Iterator[str]:
    """Every name in a node's argument."""
    if isinstance(nest, str):
        yield nest
    elif isinstance(nest, (tuple, list)):
        for entry in nest:
            yield from names(entry)
    elif isinstance(nest, dict):
        yield from names(tuple(nest.values()))
    elif isinstance(nest, slice):
        yield from names((nest.start, nest.stop, nest.step))


def in_tuples(nest: Any) -> Any:
    """The names of outputs, lists of them as tuples, as forward returns them."""
    return tuple(map(in_tuples, nest)) if isinstance(nest, (tuple, list)) else nest


def substituted(nest: Any, value_of: Callable[[str], Any]) -> Any:
    """A node's argument with the values in place of the names."""
    if isinstance(nest, str):
        return value_of(nest)
    if isinstance(nest, (tuple, list)):
        return type(nest)(substituted(entry, value_of) for entry in nest)
    if isinstance(nest, slice):
        return slice(*(substituted(each, value_of) for each in (nest.start, nest.stop, nest.step)))
    return nest


def collect(use: Any, entry: Any, gradients: dict[str, Any]) -> None:
    """Add an argument's gradient to those of the nodes that it names."""
    if isinstance(use, str):
        if entry is not None:
            gradients[use] = added(gradients.get(use), entry)
    elif isinstance(use, (tuple, list)) and entry is not None:
        for inner, part in zip(use, entry):
            collect(inner, part, gradients)


def text(nest: Any) -> str:
    """A node's argument as it is printed: names bare, constants as Python writes them."""
    if isinstance(nest, str):
        return nest
    if isinstance(nest, (tuple, list)):
        inside = ", ".join(map(text, nest))
        return f"[{inside}]" if isinstance(nest, list) else f"({inside})"
    if isinstance(nest, slice):
        ends = [nest.start, nest.stop] + ([] if nest.step is None else [nest.step])
        return ":".join("" if each is None else text(each) for each in ends)
    return "..." if nest is ... else repr(nest)
