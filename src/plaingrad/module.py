"""The contract that every layer keeps: `Module`, and `ModuleError` for what it cannot use."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from torch import Tensor

from plaingrad.contract.arguments import Constructed, kept
from plaingrad.contract.fields import ATOMIC, NOTES, contains, expect_fields, expect_reachable
from plaingrad.contract.guard import (
    ONE,
    CallShape,
    Watcher,
    expect_differentiable,
    fixed_parameters,
    guarded_backward,
    guarded_forward,
    implies_one,
    serials,
)
from plaingrad.contract.missing import missing
from plaingrad.contract.nest import Outline, invalid_type, mapped, mismatch, outline, versions
from plaingrad.contract.overview import overview
from plaingrad.errors import ModuleError
from plaingrad.parameter import Buffer, FlatStorage, Parameter

M = TypeVar("M", bound="Module")

MANY_STATES = 10_000  # of one module without a backward: most likely a missing eval()


Saved = tuple[int, int, CallShape, Any, Any, int, tuple[Tensor, ...], int]
"""The saved state of a forward, as a bare tuple since every call creates one.

Its serial number; that of the forward that saved it, so that states of the modules inside are numbered in
between; the call's arguments; the state; the outline of the outputs; the tensors' version counters; and the
values of the module's own parameters, which backward reads where they are, with their counters.
"""


class MARK:
    """The state of a composite that saves nothing itself; a class, so that copies keep its identity."""


class Module(Constructed):
    """A differentiable function with a hand-written derivative.

    A subclass assigns its `Parameter`, `Buffer` and `Module` fields in ``__init__`` (there is nothing
    to call first) and writes two methods:

    - ``forward(*inputs, **options)`` returns a tensor, or a nest of tensors and None in tuples, and hands
      what its backward will need to `save`, together with what it returns.
    - ``backward(*grad_outputs)`` gets the gradient of the loss with respect to each output, takes that
      state back with `restore`, **adds** to the gradients of the parameters, and returns one entry for each
      parameter of forward, in its structure: its gradient, or None where there is none (integers, masks,
      options). The caller gets the entries of the arguments that forward was given; of a single one the
      gradient itself, of a loss the gradients of its differentiable arguments only. Gradients of outputs that
      nothing used are None; if all are, the state is dropped and backward is not called.

    The first axis of every input is the batch. Saved state is a stack, so a module that is used twice in
    one network is walked back in reverse order, as it should be.

    Attributes:
        differentiable: the names of the arguments of forward that have gradients; None for every
            floating-point tensor.
        may_skip_input_grad: whether backward returns None for its input where ``needs_input_grad`` is False;
            declared beside that backward, and not inherited by one that overrides it.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = None
    may_skip_input_grad: ClassVar[bool] = False

    _saved: list[Saved]
    _watchers: tuple[Watcher, ...]
    _root: weakref.ref[Module] | None  # the outermost module with which it was examined
    _is_examined: bool  # whether its fields have been examined since they were assigned
    _has_fast_path: bool  # whether, besides, the guard can take its short path, as for most layers
    _is_composite: bool
    _outline: Outline = None  # of the outputs of its first forward; pickles of earlier versions have none
    _own: tuple[Parameter, ...] = ()  # its parameters, without those of its children
    _returns_nest: bool  # whether it has returned several outputs
    _begun: int  # the number of the forward or backward that is running, else 0
    _call_shape: CallShape  # of its arguments
    _parameters: ClassVar[tuple[str, ...]] = ()  # the names of forward's arguments, if their number is fixed
    _implies_one: ClassVar[bool] = False  # whether backward needs no upstream gradient, as that of a loss
    _can_take_one: ClassVar[bool] = False  # whether it accepts one all the same
    _is_loss: ClassVar[bool] = False  # whether, besides, only one of its arguments has a gradient

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        expect_fields(cls)
        expect_differentiable(cls)
        if "backward" in vars(cls):  # which may rely on the input gradient of the one it overrides
            cls.may_skip_input_grad = vars(cls).get("may_skip_input_grad", False)
        cls._parameters = fixed_parameters(cls.forward)
        cls._implies_one, cls._can_take_one = implies_one(cls.backward)
        cls._is_loss = cls._implies_one and cls.differentiable is not None and len(cls.differentiable) == 1
        for name, guarded in (("forward", guarded_forward), ("backward", guarded_backward)):
            function = cls.forward if name == "forward" else cls.backward
            if not hasattr(function, "_is_guarded") and function is not vars(Module)[name]:
                setattr(cls, name, guarded(function))

    def __new__(cls: type[M], *args: Any, **kwargs: Any) -> M:
        # Here and not in __init__, so that a subclass has nothing to call first.
        module = super().__new__(cls)
        arguments = [kept(value) for value in args], {name: kept(value) for name, value in kwargs.items()}
        modes = {"training": True, "saving": True, "needs_input_grad": True}
        notes = {
            "_is_examined": False,
            "_has_fast_path": False,
            "_is_composite": False,
            "_returns_nest": False,
        }
        tree = {"_watchers": (), "_generator": None, "_root": None, "_index": None}
        running = {"_begun": 0, "_call_shape": ONE, "_outline": None, "_own": ()}
        vars(module).update(_arguments=arguments, _saved=[], **modes, **notes, **tree, **running)
        return module

    def __setattr__(self, name: str, value: Any) -> None:
        is_new, before = name not in vars(self), vars(self).get(name)
        if type(value) is Tensor and isinstance(before, (Parameter, Buffer)):
            kind = type(before).__name__
            problem = f"field {name!r}: expected a {kind}, got a tensor"
            raise ModuleError(self, f"{problem}; write layer.{name}.value = tensor, which keeps the {kind}")
        super().__setattr__(name, value)
        if type(value) not in (ATOMIC if is_new else NOTES) or type(before) not in NOTES:
            self._take_in(value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._changed()

    def __init__(self) -> None:
        """Accept no arguments, unless a subclass does."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; the class describes what a subclass implements."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *grad_outputs: Any) -> Any:
        """Compute the gradient with respect to the inputs; the class describes what a subclass implements."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.forward(*inputs, **options)

    # Saved state

    def save(self, state: Any, outputs: Any = (), *more: Any) -> None:
        """Push the state that backward will need.

        Args:
            state: tensors, in tuples, lists or dicts if there are several, and anything else. Tensors inside
                other objects are kept as they are: neither detached nor checked.
            outputs: what forward is about to return, as it returns it. Only shapes and dtypes are kept, for
                `restore` to hold the gradients against.

        Raises:
            ModuleError: the outputs are given one by one, or are no nest of tensors and None in tuples.
        """
        if more:
            raise ModuleError(self, "expected save(state, outputs), all outputs as one tuple, got several")
        if not self.saving:
            return
        if torch.is_grad_enabled():  # PyTorch's recording is of no use here, and holds memory
            state = mapped(Tensor.detach, state)
        if type(outputs) is Tensor:
            expected: Any = outputs.shape, outputs.dtype
        else:
            if invalid := invalid_type(outputs):
                raise ModuleError(self, f"expected outputs as a tensor, or tuples of these, got a {invalid}")
            expected = outline(outputs)
            if type(expected) is list:
                vars(self).update(_returns_nest=True, _has_fast_path=False)
        values = tuple([parameter.value for parameter in self._own])
        before = versions(state), values, versions(values)
        self._saved.append((next(serials), self._begun, self._call_shape, state, expected, *before))
        if len(self._saved) == MANY_STATES:
            text = f"{self.signature()}: {MANY_STATES:,} forwards were saved without a backward"
            warnings.warn(f"{text}; eval() saves none", RuntimeWarning, stacklevel=3)

    def restore(self, *grad_outputs: Any) -> Any:
        """Pop the state of the matching forward, after checking one gradient per output of that forward.

        A gradient of None is not checked: an output that nothing used, or a loss's own implicit 1. Those of
        the last outputs may be missing.

        Raises:
            ModuleError: there is no forward left to undo, a gradient differs from its output in shape or
                dtype, or a saved tensor or a parameter has been changed in place since.
        """
        if not self._saved:
            why = "none is left" if self.saving else "eval() saves nothing; eval(saving=True) does"
            raise ModuleError(self, f"backward needs the state of a forward: {why}")
        _, _, _, state, outputs, before, values, values_before = self._saved[-1]
        grad = grad_outputs[0] if len(grad_outputs) == 1 else grad_outputs
        if grad is not None and (type(grad) is not Tensor or (grad.shape, grad.dtype) != outputs):
            problem = mismatch(grad_outputs, outputs)
            if problem:
                raise ModuleError(self, problem)
        self._saved.pop()
        if versions(state) != before:
            raise ModuleError(
                self, "expected the saved state as forward left it, got a tensor changed in place"
            )
        if versions(values) != values_before:
            problem = "expected the parameters as forward left them, got one changed in place"
            raise ModuleError(self, f"{problem}; go backward before the update")
        return state

    def _mark(self, begun: int, outputs: Any) -> None:
        """Push a mark for the forward of a composite that has saved nothing itself."""
        if not self._saved or self._saved[-1][0] < begun:
            expected = None if invalid_type(outputs) else outline(outputs)
            self._saved.append((next(serials), begun, self._call_shape, MARK, expected, 0, (), 0))

    def _unmark(self, saved: Saved | None) -> None:
        if saved is not None and saved[3] is MARK and self._saved and self._saved[-1] is saved:
            self._saved.pop()

    def _drop(self) -> Any:
        """Discard the latest forward, of which no output was used; return None for each of its arguments."""
        _, begun, (count, names), *_ = self._saved.pop()
        if begun:  # else there is nothing below
            self._forget_since(begun)
        count += len(names)
        if self._implies_one and self.differentiable is not None:  # a loss has entries for these alone
            count = len(self.differentiable)
        return None if count == 1 else (None,) * count

    def _forget_since(self, begun: int) -> None:
        """Discard what a forward saved, here and below, because it failed or was not used."""
        for module in self.modules():
            module._saved[:] = [saved for saved in module._saved if saved[0] < begun]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to zero and discard saved state; ``set_to_none`` as for `Parameter.zero_grad`."""
        for module in self.modules():
            module._saved.clear()
        for _, parameter in self.named_parameters():
            parameter.zero_grad(set_to_none)

    @contextmanager
    def watched(self, watcher: Watcher) -> Iterator[None]:
        """Call a watcher in place of each forward and backward of this module and of all below it.

        Args:
            watcher: called as ``watcher(module, name, run, *arguments, **options)``, with the name "forward"
                or "backward"; returns what ``run(*arguments, **options)`` does.
        """
        before = [(module, module._watchers) for module in self.modules()]

        def watch(*watchers: Watcher) -> None:
            for module, others in before:
                module._watchers = (*others, *watchers)
                module._look_again()

        watch(watcher)
        try:
            yield
        finally:
            watch()

    def _examine(self) -> None:
        """Refuse fields that would not be trained (`expect_reachable`), before the first use and when new.

        A module in a list may be reachable only from the enclosing module, so the examination starts there
        as long as this module is still inside it.
        """
        if not self._is_examined:
            root = None if self._root is None else self._root()
            if root is None or not contains(root, self):
                root = self
            for module in expect_reachable(root):
                assert isinstance(module, Module)
                composite = any(True for _ in module.named_children())
                vars(module).update(_is_examined=True, _is_composite=composite, _root=weakref.ref(root))
                own = [field for _, field in module.named_fields() if isinstance(field, Parameter)]
                vars(module)["_own"] = tuple(own)
                vars(module)["_has_fast_path"] = module._outline is not None and module._is_simple()

    def _is_simple(self) -> bool:
        """True if its calls need no more than the guard's short path."""
        special = self._is_composite or self._watchers or self._returns_nest
        return not special and (self._is_loss or not self._parameters)

    def _look_again(self) -> None:
        """Schedule an examination before the next use, since this module has changed."""
        vars(self).update(_is_examined=False, _has_fast_path=False)

    def _repr_html_(self) -> str:
        return overview(self)

    def __getstate__(self) -> dict[str, Any]:
        """The fields of a copy: without watchers, and with PyTorch's global generator."""
        tree = {"_watchers": (), "_generator": None, "_root": None, "_index": None}
        fresh = {"needs_input_grad": True, "_begun": 0, "_is_examined": False, "_has_fast_path": False}
        return {**vars(self), **tree, **fresh, "_outline": None, "_own": ()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._saved = [
            (*saved[:5], versions(saved[3]), saved[6], versions(saved[6])) for saved in self._saved
        ]
        latest = max((number for number, *_ in self._saved), default=0)
        behind = latest - next(serials)  # positive if the state comes from another process
        if behind >= 0:
            next(itertools.islice(serials, behind, None))


def flatten_parameters(model: Module | Iterable[Parameter]) -> FlatStorage:
    """Move all values into one contiguous buffer and all gradients into another.

    The parameters become views, so updating, zeroing or saving all of them is one operation on a buffer.
    Flattening again changes nothing.

    Args:
        model: a module, or some parameters; repeated ones count once.

    Raises:
        ValueError: there are no parameters, one has no shape yet, or their dtypes or devices differ.
    """
    return FlatStorage.of(model.parameters() if isinstance(model, Module) else model)
