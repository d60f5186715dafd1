"""Networks and losses that several threads would use at once."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from plaingrad.contract.arguments import ATOMIC_TYPES
from plaingrad.errors import InputError
from plaingrad.module import Module

_lock = threading.Lock()
_used: dict[int, tuple[int, dict[str, Any]]] = {}  # of each module its thread, and its fields before the use


@contextmanager
def reserved(model: Any, loss: Any) -> Iterator[Any]:
    """Reserve a network and losses for this thread, for the block; yield the losses.

    A loss has state while it is used: its mode, its reduction, what it saved for backward. So one that
    another thread uses at the moment is copied, as it was before that.

    Args:
        model: the network; None for none.
        loss: one, or several in a sequence or mapping. Whatever is no `Module` is let through.

    Raises:
        InputError: a module of the network is in use by another thread.
    """
    thread = threading.get_ident()
    with _lock:
        if _is_elsewhere(model, thread):
            raise InputError("model: expected modules that no other thread trains, got one that is")
        if _is_elsewhere(loss, thread):
            loss = _copied(loss)
        used = [*_modules(model), *_modules(loss)]
        own = {id(module): (thread, dict(vars(module))) for module in used if id(module) not in _used}
        _used.update(own)
    try:
        yield loss
    finally:
        with _lock:
            for key in own:
                del _used[key]


def _modules(nest: Any) -> Iterator[Module]:
    """All modules of one, or of several in a sequence or mapping."""
    entries = (
        nest.values() if isinstance(nest, Mapping) else nest if isinstance(nest, (tuple, list)) else [nest]
    )
    for entry in entries:
        if isinstance(entry, Module):
            yield from entry.modules()


def _is_elsewhere(nest: Any, thread: int) -> bool:
    """True if another thread uses one of the modules."""
    return any(_used.get(id(module), (thread,))[0] != thread for module in _modules(nest))


def _copied(loss: Any) -> Any:
    """A copy of losses that are in use, as they were before."""
    copied = copy.deepcopy(loss)
    for module, own in zip(_modules(loss), _modules(copied)):
        before = _used.get(id(module), (0, vars(module)))[1]
        for name in set(vars(own)) - set(before):
            del vars(own)[name]
        modes = {name: value for name, value in before.items() if type(value) in ATOMIC_TYPES}
        vars(own).update({name: value for name, value in modes.items() if not name.startswith("_")})
        own._saved.clear()
    return copied
