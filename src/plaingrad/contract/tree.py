"""A tree of modules: access to its modules, parameters and buffers, and changes of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from plaingrad.contract.state import IncompatibleKeys, loaded
from plaingrad.errors import ModuleError
from plaingrad.parameter import Buffer, Parameter

T = TypeVar("T", bound="Tree")
F = TypeVar("F", Parameter, Buffer)

CONTRACT = {  # the contract's own fields; `_file` is of a network that was loaded
    *("_arguments", "_saved", "_watchers", "_generator", "_root", "_index", "_outline", "_own", "_file"),
}


class Index(NamedTuple):
    """The contents of a tree with dotted paths, at each position: walked once, kept until some tree changes.

    The root is not in it, for it holds the index.

    Attributes:
        version: `Tree._version` when it was made.
        modules: below the root.
        fields: the parameters and buffers of the root and of all modules below.
        parameters: of these, each once, at its first position.
        buffers: likewise.
    """

    version: object
    modules: list[tuple[str, Any]]
    fields: list[tuple[str, Parameter | Buffer]]
    parameters: list[tuple[str, Parameter]]
    buffers: list[tuple[str, Buffer]]


class Tree:
    """Parameters, buffers and child modules in fields: the part of `Module` that follows torch.nn.

    Attributes:
        training: whether layers such as dropout behave as they do in training.
        saving: whether a forward keeps what its backward needs; follows ``training`` unless
            ``eval(saving=True)`` asked for gradients of the network as it is in evaluation.
        needs_input_grad: whether the gradient with respect to the input is needed. Where it is False, a layer
            may skip it and return None (see `input_layers`).
    """

    training: bool
    saving: bool
    needs_input_grad: bool
    _generator: torch.Generator | None
    _index: Index | None = None
    _version: object = object()  # another one whenever the modules or fields of any tree have changed

    # Walking

    def held(self) -> dict[str, Any]:
        """The fields of this module by name, without those that belong to the contract itself."""
        return {name: field for name, field in vars(self).items() if name not in CONTRACT}

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The modules directly inside, by the names under which they are held."""
        for name, field in vars(self).items():
            if isinstance(field, Tree):
                yield name, field

    def children(self) -> Iterator[Any]:
        """The modules directly inside, each once."""
        return iter({id(child): child for _, child in self.named_children()}.values())

    def named_fields(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """The parameters and buffers of this module itself, without those of its children."""
        for name, field in vars(self).items():
            if isinstance(field, (Parameter, Buffer)):
                yield name, field

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """This module and all below it, with dotted paths; a shared module appears at each position."""
        below = self._indexed().modules
        yield prefix, self
        yield from ((f"{prefix}.{path}", module) for path, module in below) if prefix else below

    def modules(self) -> Iterator[Any]:
        """This module and all below it, each once."""
        below = self._indexed().modules
        return iter({id(module): module for module in (self, *(module for _, module in below))}.values())

    def _indexed(self) -> Index:
        """The index of this tree as it is now."""
        self._examine()
        version, index = Tree._version, self._index
        if index is None or index.version is not version:
            (_, root), *below = self._walk("")
            fields = list(root.named_fields())
            for path, module in below:
                fields += [(f"{path}.{name}", field) for name, field in module.named_fields()]
            once: dict[int, tuple[str, Parameter | Buffer]] = {}
            for name, field in fields:
                once.setdefault(id(field), (name, field))
            parameters = [(name, field) for name, field in once.values() if isinstance(field, Parameter)]
            buffers = [(name, field) for name, field in once.values() if isinstance(field, Buffer)]
            vars(self)["_index"] = index = Index(version, below, fields, parameters, buffers)
        return index

    def _walk(self, prefix: str) -> Iterator[tuple[str, Any]]:
        yield prefix, self
        for name, child in self.named_children():
            yield from child._walk(f"{prefix}.{name}" if prefix else name)

    def get_submodule(self, target: str) -> Any:
        """The module at a dotted path.

        Raises:
            ModuleError: there is none; the message names those that there are.
        """
        modules = dict(self.named_modules())
        if target not in modules:
            owner, _, name = target.rpartition(".")
            while owner not in modules:
                owner, _, name = owner.rpartition(".")
            children = [child for child, _ in modules[owner].named_children()]
            raise ModuleError(modules[owner], f"expected a child from {children}, got {name!r} of {target!r}")
        return modules[target]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path.

        Raises:
            ModuleError: there is none; the message names those that there are.
        """
        return self._get_field(target, Parameter)

    def get_buffer(self, target: str) -> Buffer:
        """The buffer at a dotted path.

        Raises:
            ModuleError: there is none; the message names those that there are.
        """
        return self._get_field(target, Buffer)

    def _get_field(self, target: str, kind: type[F]) -> F:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        fields = {key: field for key, field in owner.named_fields() if isinstance(field, kind)}
        if name not in fields:
            expected = f"expected a {kind.__name__} from {list(fields)}"
            raise ModuleError(owner, f"{expected}, got {name!r} of {target!r}")
        return fields[name]

    def _named_state(self) -> list[tuple[str, Parameter | Buffer]]:
        """Every parameter and buffer at each position, with its dotted path."""
        return self._indexed().fields

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted path as in torch.nn."""
        return iter(self._indexed().parameters)

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Every buffer once, with its dotted path as in torch.nn."""
        return iter(self._indexed().buffers)

    def parameters(self) -> list[Parameter]:
        """Every parameter once, as pairs ``(value, grad)``; empty for a module without any.

        Raises:
            ModuleError: a parameter has no shape yet.
        """
        self._look_again()  # lists can grow without an assignment
        named = dict(self.named_parameters())
        self._expect_shaped(named)
        return list(named.values())

    def buffers(self) -> list[Buffer]:
        """Every buffer once."""
        return [buffer for _, buffer in self.named_buffers()]

    def num_parameters(self, only_learned: bool = False) -> int:
        """The number of elements of all parameters, each parameter counted once.

        Args:
            only_learned: whether to leave out those that are frozen.
        """
        counted = [p for p in self.parameters() if not (only_learned and p.frozen)]
        return sum(parameter.value.numel() for parameter in counted)

    def input_layers(self) -> list[Any]:
        """The modules that receive this module's input: itself, or a container's first module.

        A caller that needs no gradient with respect to the input sets their ``needs_input_grad`` to False.
        """
        return [self]

    # Changing

    def apply(self: T, function: Callable[[Any], Any]) -> T:
        """Call the function with every module, the innermost first, and return self."""
        for _, child in self.named_children():
            child.apply(function)
        function(self)
        return self

    def train(self: T, mode: bool = True) -> T:
        """Behave as in training, and save state for backward."""
        return self._set_mode(training=mode, saving=mode)

    def eval(self: T, saving: bool = False) -> T:
        """Behave as in evaluation; save state for backward only if ``saving``."""
        return self._set_mode(training=False, saving=saving)

    def _set_mode(self: T, training: bool, saving: bool) -> T:
        for module in self.modules():
            module.training, module.saving = training, saving
        return self

    def freeze(self: T) -> T:
        """Freeze every parameter (no gradient, no update, no weight decay), and return self."""
        return self._set_frozen(True)

    def unfreeze(self: T) -> T:
        """Unfreeze every parameter, and return self."""
        return self._set_frozen(False)

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """`unfreeze`, or without ``requires_grad`` `freeze`: the name that torch.nn has for both."""
        return self._set_frozen(not requires_grad)

    def _set_frozen(self: T, frozen: bool) -> T:
        for _, parameter in self.named_parameters():
            parameter.frozen = frozen
        return self

    @property
    def generator(self) -> torch.Generator | None:
        """The source of random numbers; None for PyTorch's global generator.

        Assigning one assigns it to every module below as well; modules that are added later adopt it.
        """
        return self._generator

    @generator.setter
    def generator(self, generator: torch.Generator | None) -> None:
        if generator is not None and not isinstance(generator, torch.Generator):
            kind = type(generator).__name__
            raise ModuleError(
                self, f"expected a torch.Generator in 'generator', got a {kind}; use another name"
            )
        for module in self.modules():
            vars(module)["_generator"] = generator

    def to(
        self: T,
        *targets: torch.device | torch.dtype | str | None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> T:
        """Move to a device, convert floating-point state to a dtype, or both. Forgets saved state.

        Args:
            targets: devices and dtypes, in any order.
            device: a device, by keyword.
            dtype: a dtype, by keyword.

        Raises:
            ModuleError: a dtype is not one of floating-point numbers.
        """
        all_targets = [target for target in (*targets, device, dtype) if target is not None]
        dtypes = [target for target in all_targets if isinstance(target, torch.dtype)]
        devices = [target for target in all_targets if not isinstance(target, torch.dtype)]
        for each in dtypes:
            if not each.is_floating_point:
                raise ModuleError(self, f"expected a floating-point dtype, got {each}")

        def moved(tensor: Tensor) -> Tensor:
            for device in devices:
                tensor = tensor.to(device)
            for each in dtypes if tensor.is_floating_point() else []:
                tensor = tensor.to(each)
            return tensor

        for module in self.modules():
            module._saved.clear()
        state = dict(self._named_state())
        for field in {id(field): field for field in state.values()}.values():
            if not field.is_shaped:
                field.template = moved(field.template)
            elif isinstance(field, Parameter):
                field.bind(moved(field.value), moved(field._grad))
            else:
                field.value = moved(field.value)
        return self

    # State dicts

    def state_dict(self) -> dict[str, Tensor]:
        """Every parameter and buffer under torch.nn's names. The tensors are the module's own, not copies.

        Raises:
            ModuleError: a parameter has no shape yet.
        """
        self._look_again()
        state = dict(self._named_state())
        self._expect_shaped(state)
        return {name: field.value for name, field in state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor], strict: bool = True) -> IncompatibleKeys:
        """Copy values into parameters and buffers by name; all of them, or on an error none.

        A parameter that has no shape yet takes that of its value.

        Args:
            state: tensors by torch.nn's names.
            strict: whether every name must occur on both sides.

        Returns:
            The names that occur on one side alone, as ``missing_keys`` and ``unexpected_keys``.

        Raises:
            ModuleError: names are missing or unexpected (if ``strict``), a shape differs, or a parameter
                without a shape would become one of integers.
        """
        return loaded(self, state, strict)

    def _expect_shaped(self, fields: dict[str, Any]) -> None:
        unshaped = [name for name, field in fields.items() if not field.is_shaped]
        if unshaped:
            names = ", ".join(map(repr, unshaped))
            raise ModuleError(
                self, f"expected a shape of {names}, which a first forward or a state dict gives"
            )

    def _examine(self) -> None:
        """Examine the tree before its first use; implemented by `Module`."""

    def _look_again(self) -> None:
        """Schedule an examination before the next use; implemented by `Module`."""

    def _changed(self) -> None:
        """Schedule an examination, and a new walk of whatever trees this module is in."""
        Tree._version = object()
        self._look_again()

    def _take_in(self, field: Any) -> None:
        """Heed the change by a new field, and pass this module's generator to modules in it."""
        self._changed()
        if isinstance(field, Tree) and self._generator is not None:
            for module in field.modules():
                if module._generator is None:
                    vars(module)["_generator"] = self._generator
