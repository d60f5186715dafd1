"""Parameter groups: parameters with common options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plaingrad.errors import InputError
from plaingrad.optim.common.segment import Group
from plaingrad.parameter import Parameter


def completed(where: str, group: Any, defaults: Group, others: Sequence[Group]) -> Group:
    """A group with all options filled in, and each of its parameters once.

    Args:
        where: the group's name in messages.
        group: the caller's dict with ``"params"`` and some options.
        defaults: values of the options that it does not name.
        others: the existing groups.

    Raises:
        InputError: it is no such dict, names an unknown option, or has no parameters or those of another.
    """
    if not isinstance(group, dict) or "params" not in group:
        raise InputError(f"{where}: expected a dict with 'params', got {group!r}")
    params = group["params"]
    params = [params] if isinstance(params, Parameter) else list(dict.fromkeys(map(unnamed, params)))
    if not params:
        raise InputError(f"{where}: expected at least one parameter, got none")
    for param in params:
        if not isinstance(param, Parameter):
            is_torchs = type(param).__module__ == "torch.nn.parameter"
            kind = "parameter of torch.nn, which torch.optim trains" if is_torchs else type(param).__name__
            raise InputError(f"{where}: expected instances of Parameter, got a {kind}")
        if any(param in other["params"] for other in others):
            raise InputError(f"{where}: expected each parameter in one group, got {param} in two")
    unknown = [name for name in group if name not in defaults and name != "params"]
    if unknown:
        raise InputError(f"{where}: expected options among {list(defaults)}, got {unknown}")
    return {**defaults, **group, "params": params}


def unnamed(param: Any) -> Any:
    """The parameter of a pair of its name and it, as `Module.named_parameters` gives; all else as it is."""
    is_named = isinstance(param, tuple) and len(param) == 2 and isinstance(param[0], str)
    return param[1] if is_named else param
