"""The guard around every forward and backward: errors with paths, cleanup, watchers."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from plaingrad.contract.nest import brief, completed, invalid_type, outline
from plaingrad.errors import ModuleError

Method = Callable[..., Any]

Watcher = Callable[..., Any]
"""Called as ``watcher(module, "forward" or "backward", run, *arguments, **options)`` in place of a module's
forward or backward; returns what ``run(*arguments, **options)`` does."""

CallShape = tuple[int, tuple[str, ...]]
"""The number of positional arguments of a forward, and the names of its keyword arguments."""

ONE: CallShape = (1, ())

serials = itertools.count(1)
"""The counter that numbers forwards and their saved states, in order."""

# Errors of PyTorch, which do not say in which module they arose.
MISUSE = (RuntimeError, IndexError, torch.linalg.LinAlgError)


NOTHING: Any = object()  # a missing argument


def guarded_forward(function: Method) -> Method:
    """Wrap a forward: errors name its module, a failed call leaves no saved state, watchers can see it.

    PyTorch's recording stays as the caller has it.
    """

    @functools.wraps(function)
    def forward(self: Any, x: Any = NOTHING, /, *rest: Any, **options: Any) -> Any:
        if not self._has_fast_path or options or x is NOTHING or (rest and not self._is_loss):
            return full_forward(self, function, () if x is NOTHING else (x, *rest), options)
        saved = len(self._saved)
        try:
            return function(self, x, *rest) if rest else function(self, x)
        except BaseException as error:
            del self._saved[saved:]
            raise_with_path(self, error, x, *rest)

    forward._is_guarded = True  # type: ignore[attr-defined]
    return forward


def full_forward(self: Any, function: Method, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Run a guarded forward of a module with children, several arguments, new fields or watchers."""
    if self._begun:  # from the forward of a subclass, or of a module that calls itself
        return function(self, *inputs, **options)
    if not self._is_examined:
        self._examine()
    running, begun = self.__dict__, next(serials)  # past __setattr__, which would examine the fields
    running["_begun"], running["_call_shape"] = begun, (len(inputs), tuple(options))
    try:
        if self._watchers:
            outputs = watched(self, "forward", function)(*inputs, **options)
        else:
            outputs = function(self, *inputs, **options)
        if self._is_composite and self.saving:
            self._mark(begun, outputs)
        if self._outline is None:
            running["_outline"] = [] if outputs is None or invalid_type(outputs) else outline(outputs)
            running["_has_fast_path"] = self._is_examined and self._is_simple()
        return outputs
    except BaseException as error:
        self._forget_since(begun)
        raise_with_path(self, error, *inputs)
    finally:
        running["_begun"], running["_call_shape"] = 0, ONE


def guarded_backward(function: Method) -> Method:
    """Wrap a backward: PyTorch does not record it, errors name its module, watchers can see it.

    If there is no gradient for any output, it drops the state of its forward and returns None for each input.
    """

    @functools.wraps(function)
    def backward(self: Any, dy: Any = NOTHING, /, *rest: Any, **named: Any) -> Any:
        if (
            not self._has_fast_path
            or (type(dy) is not Tensor and not (dy is NOTHING and self._is_loss))
            or rest
            or named
            or torch.is_grad_enabled()
        ):
            grads = () if dy is NOTHING else (dy, *rest)
            if named:
                grads = inspect.signature(function).bind(self, *grads, **named).args[1:]
            return full_backward(self, function, grads)
        try:
            return function(self) if dy is NOTHING else function(self, dy)
        except Exception as error:
            raise_with_path(self, error)

    backward._is_guarded = True  # type: ignore[attr-defined]
    return backward


def full_backward(self: Any, function: Method, grads: tuple[Any, ...]) -> Any:
    """Run a guarded backward of a module with children, several arguments or outputs, or watchers."""
    if self._begun:
        return function(self, *grads)
    if torch.is_grad_enabled():
        with torch.no_grad():
            return full_backward(self, function, grads)
    saved = self._saved[-1] if self._saved else None
    if saved is not None and not grads and self._is_composite and self._can_take_one:
        grads = implied(saved[4])
    if saved is not None and (grads or not self._implies_one):
        grads = completed(grads, saved[4])
        if grads and type(grads[0]) is not Tensor and not any(_present(grads)):
            return self._drop()
        count = len(saved[4]) if type(saved[4]) is list else 1
        if len(grads) > count and saved[4] is not None:
            raise ModuleError(self, f"expected {count} output gradients, got {len(grads)}")
    self.__dict__["_begun"] = 1
    try:
        entries = watched(self, "backward", function)(*grads) if self._watchers else function(self, *grads)
    except Exception as error:
        raise_with_path(self, error)
    finally:
        self.__dict__["_begun"] = 0
    self._unmark(saved)
    if type(entries) is tuple and saved is not None and len(entries) == len(self._parameters):
        return passed_entries(entries, self._parameters, saved[2])
    return entries


def implies_one(backward: Method) -> tuple[bool, bool]:
    """Two flags: the backward needs no upstream gradient, as that of a loss; it accepts one."""
    first = list(inspect.signature(backward).parameters.values())[1:2]
    optional = [parameter.default is not inspect.Parameter.empty for parameter in first]
    return all(optional), any(optional)


def implied(expected: Any) -> tuple[Any, ...]:
    """The upstream gradient 1 of a composite loss; without it, the loss would count as an unused output."""
    return (torch.ones(expected[0], dtype=expected[1]),) if type(expected) is tuple else ()


def fixed_parameters(forward: Method) -> tuple[str, ...]:
    """The names of a forward's arguments if it has two or more and no variable ones; else empty."""
    names, variable = [], False
    for name, parameter in list(inspect.signature(forward).parameters.items())[1:]:
        names.append(name)
        variable |= parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return () if variable or len(names) < 2 else tuple(names)


def expect_differentiable(kind: Any) -> None:
    """Refuse a class whose ``differentiable`` is no tuple of names of arguments of its forward.

    Raises:
        TypeError: that is so.
    """
    names = vars(kind).get("differentiable")
    if names is None:
        return
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    own = [parameter.name for parameter in parameters]
    is_open = any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters)
    if not isinstance(names, tuple) or not (is_open or set(names) <= set(own)):
        expected = f"expected differentiable as a tuple of arguments of forward, {', '.join(own) or 'none'}"
        raise TypeError(f"{kind.__name__}: {expected}, got {names!r}")


def passed_entries(entries: tuple[Any, ...], names: tuple[str, ...], call: CallShape) -> Any:
    """The entries for the arguments that were passed to forward; for a single one, the entry itself."""
    count, keywords = call
    by_name = dict(zip(names, entries))
    chosen = (*entries[:count], *(by_name[name] for name in keywords))
    return chosen[0] if len(chosen) == 1 else chosen


def raise_with_path(module: Any, error: BaseException, *inputs: Any) -> NoReturn:
    """Re-raise an error with the path of this module; errors of PyTorch become a `ModuleError`.

    So does an AttributeError about an input that is no tensor.
    """
    if isinstance(error, ModuleError) and error.module is not module:
        error.passing(module)
    elif isinstance(error, ModuleError) and (hint := _array_hint(inputs)):
        error.problem = f"expected a tensor, {hint}"
    elif isinstance(error, Exception) and (hint := _array_hint(inputs)):
        raise ModuleError(module, f"expected a tensor, {hint}") from error
    elif type(error) in MISUSE:
        raise ModuleError(module, str(error)) from error
    elif isinstance(error, AttributeError) and _is_no_tensor(error, inputs):
        raise ModuleError(module, f"expected a tensor, got {brief(error.obj)}") from error
    elif isinstance(error, Exception) and not isinstance(error, ModuleError):
        error.add_note(f"in {module.signature()}")
    raise error


def _array_hint(inputs: tuple[Any, ...]) -> str:
    """The end of a message for an input that is an array of numpy; empty if none is."""
    kinds = {f"{type(x).__module__}.{type(x).__name__}" for x in inputs if not isinstance(x, Tensor)}
    return "got an array of numpy; torch.from_numpy(x) is one" if "numpy.ndarray" in kinds else ""


def _is_no_tensor(error: AttributeError, inputs: tuple[Any, ...]) -> bool:
    """True if an attribute of tensors was looked up on an input that is no tensor."""
    asked = error.name is not None and hasattr(Tensor, error.name)
    return asked and any(error.obj is x for x in inputs if not isinstance(x, Tensor))


def watched(module: Any, name: str, function: Method) -> Method:
    """The function wrapped in the module's watchers, the latest outermost."""
    run: Method = functools.partial(function, module)
    for watcher in module._watchers:
        run = functools.partial(watcher, module, name, run)
    return run


def _present(grads: tuple[Any, ...]) -> Any:
    """A flag for each gradient in a nest: it is not None."""
    for grad in grads:
        if isinstance(grad, tuple):
            yield from _present(grad)
        else:
            yield grad is not None
