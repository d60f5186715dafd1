"""What is done around every forward and backward, so that no layer need do it for itself."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plaingrad.errors import ModuleError
from plaingrad.contract.nest import completed

Method = Callable[..., Any]

Watcher = Callable[..., Any]
"""Called as ``watcher(module, "forward" or "backward", run, *arguments, **options)`` in place of a module's
forward or backward; returns what ``run(*arguments, **options)`` does."""

Given = tuple[int, tuple[str, ...]]
"""How many positional arguments a forward was given, and the names of its keywords."""

serials = itertools.count(1)
"""Numbers forwards and the states that they save, in their order."""

MISUSE = (RuntimeError, IndexError)  # PyTorch's own errors, which do not say in which module they arose


def guarded_forward(function: Method) -> Method:
    """A forward that names its module in errors, forgets what a failed one saved, and can be watched.

    PyTorch's recording stays as the caller has it.
    """

    @functools.wraps(function)
    def forward(self: Any, *inputs: Any, **options: Any) -> Any:
        if self._begun:  # from the forward of a subclass, or of a module that calls itself
            return function(self, *inputs, **options)
        if self._examined != len(self.__dict__):
            self._examine()
        self._begun = begun = next(serials)
        self._given = len(inputs), tuple(options)
        try:
            if self._watchers:
                outputs = watched(self, "forward", function, inputs, options)
            else:
                outputs = function(self, *inputs, **options)
            if self._is_composite and self.saving:
                self._mark(begun)
            return outputs
        except BaseException as error:
            self._forget_since(begun)
            refusal = with_place(self, error)
            if refusal is error:
                raise
            raise refusal from error
        finally:
            self._begun = 0

    forward._is_guarded = True  # type: ignore[attr-defined]
    return forward


def guarded_backward(function: Method) -> Method:
    """A backward that PyTorch does not record, that names its module in errors, and can be watched.

    If there is no gradient for any output, it drops the state of its forward and returns None for each input.
    """

    @functools.wraps(function)
    def backward(self: Any, *grads: Any) -> Any:
        if self._begun:
            return function(self, *grads)
        if torch.is_grad_enabled():
            with torch.no_grad():
                return backward(self, *grads)
        saved = self._saved[-1] if self._saved else None
        if saved is not None:
            if type(saved[4]) is list:
                grads = completed(grads, saved[4])
            if grads and not isinstance(grads[0], Tensor) and not any(_given(grads)):
                return self._drop()
        self._begun = 1
        try:
            if self._watchers:
                entries = watched(self, "backward", function, grads, {})
            else:
                entries = function(self, *grads)
            if type(entries) is tuple and saved is not None and len(entries) == len(self._parameters):
                return of_given(entries, self._parameters, saved[2])
            return entries
        except Exception as error:
            refusal = with_place(self, error)
            if refusal is error:
                raise
            raise refusal from error
        finally:
            self._begun = 0
            if self._is_composite:
                self._unmark(saved)

    backward._is_guarded = True  # type: ignore[attr-defined]
    return backward


def fixed_parameters(forward: Method) -> tuple[str, ...]:
    """The names of the parameters of a forward, if it has two or more and takes no others."""
    names, variable = [], False
    for name, parameter in list(inspect.signature(forward).parameters.items())[1:]:
        names.append(name)
        variable |= parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return () if variable or len(names) < 2 else tuple(names)


def of_given(entries: tuple[Any, ...], names: tuple[str, ...], given: Given) -> Any:
    """The entries of the arguments that forward was given; of a single one the entry itself."""
    count, keywords = given
    by_name = dict(zip(names, entries))
    chosen = (*entries[:count], *(by_name[name] for name in keywords))
    return chosen[0] if len(chosen) == 1 else chosen


def with_place(module: Any, error: BaseException) -> BaseException:
    """The error with the name of this module; PyTorch's own become a `ModuleError` for that."""
    if isinstance(error, ModuleError):
        if error.module is not module:
            error.passing(module)
        return error
    return ModuleError(module, str(error)) if type(error) in MISUSE else error


def watched(module: Any, name: str, function: Method, arguments: Any, options: Any) -> Any:
    """Call the function through the watchers of a module, the latest outermost."""
    run: Method = functools.partial(function, module)
    for watcher in module._watchers:
        run = functools.partial(watcher, module, name, run)
    return run(*arguments, **options)


def _given(grads: tuple[Any, ...]) -> Any:
    """For each gradient in a nest whether there is one."""
    for grad in grads:
        if type(grad) is tuple:
            yield from _given(grad)
        else:
            yield grad is not None
