"""Modules of classes of one's own in model files: a name, and the arguments of the constructor."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.saving.arguments import DTYPES, brief

BY_HAND = (
    "; torch.save(model.state_dict(), path) keeps the numbers of any network,"
    " and model.load_state_dict(torch.load(path)) takes them back"
)


def by_name(classes: Iterable[type[Module]], ours: Mapping[str, type[Module]]) -> dict[str, type[Module]]:
    """The classes of one's own by name.

    Raises:
        InputError: one is no class of modules, or has the name of another one or of one of `plaingrad.nn`.
    """
    if not isinstance(classes, Iterable):
        name = getattr(classes, "__name__", None)
        write = f"; write classes=[{name}]" if isinstance(classes, type) else ""
        raise InputError(f"classes: expected a list of classes, got {classes!r:.80}{write}")
    named: dict[str, type[Module]] = {}
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, Module)):
            raise InputError(f"classes: expected subclasses of Module, got {each!r:.80}")
        name = each.__name__
        if name in ours:
            raise InputError(
                f"classes: expected another name than that of plaingrad.nn.{name}, got one alike"
            )
        if named.setdefault(name, each) is not each:
            raise InputError(f"classes: expected a name of its own for each class, got {name!r} twice")
    return named


def describe_own(module: Module) -> dict[str, Any]:
    """The class, the arguments and, where it has one only, the dtype.

    Raises:
        InputError: the constructor got something that JSON cannot hold; the message says what remains.
    """
    kind, arguments = type(module).__name__, {}
    for parameter in inspect.signature(type(module).__init__).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            if parameter.name in module.arguments() and module.arguments()[parameter.name]:
                raise InputError(
                    f"{kind}: expected arguments that have names, got *{parameter.name}{BY_HAND}"
                )
        elif parameter.name in module.arguments() and parameter.name != "device":
            value = module.arguments()[parameter.name]
            arguments[parameter.name] = _data(f"{kind}: argument {parameter.name!r}", value)
    description = {"class": kind, "arguments": arguments}
    dtypes = {value.dtype for value in module.state_dict().values() if value.is_floating_point()}
    if len(dtypes) == 1:
        description["dtype"] = str(dtypes.pop()).removeprefix("torch.")
    return description


def build_own(layer: type[Module], description: Mapping[str, Any]) -> Module:
    """A module from what `describe_own` gave; PyTorch's random state stays as it is.

    Raises:
        InputError: it is no such description, or the constructor does not take these arguments.
    """
    arguments, dtype = description.get("arguments", {}), description.get("dtype")
    if type(arguments) is not dict or description.keys() - {"class", "arguments", "dtype"}:
        raise InputError(f"expected class, arguments and dtype, got {brief(dict(description))}")
    if dtype is not None and dtype not in DTYPES:
        raise InputError(f"expected a dtype from {', '.join(DTYPES)}, got {dtype!r:.40}")
    keywords = {name: _value(value) for name, value in arguments.items()}
    try:
        inspect.signature(layer).bind(**keywords)
    except TypeError as error:
        raise InputError(f"expected the arguments of the class as it is now, got others: {error}") from None
    with torch.random.fork_rng(devices=[]):
        module = layer(**keywords)
    return module if dtype is None else module.to(DTYPES[dtype])


def _data(name: str, value: Any) -> Any:
    """JSON for a value: itself, or an object that names its kind."""
    if (
        value is None
        or isinstance(value, (bool, int, str))
        or (type(value) is float and math.isfinite(value))
    ):
        return value
    if isinstance(value, float):
        return {"float": str(value)}
    if type(value) is list:
        return [_data(name, each) for each in value]
    if type(value) is tuple:
        return {"tuple": [_data(name, each) for each in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _data(name, each) for key, each in value.items()}}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    raise InputError(f"{name}: expected numbers, strings and collections of them, got {value!r:.60}{BY_HAND}")


def _value(data: Any) -> Any:
    """The value for which such JSON stands."""
    if type(data) is list:
        return [_value(each) for each in data]
    if type(data) is not dict:
        return data
    match data:
        case {"float": "inf" | "-inf" | "nan" as text}:
            return float(text)
        case {"tuple": list(entries)}:
            return tuple(map(_value, entries))
        case {"dict": dict(entries)}:
            return {key: _value(each) for key, each in entries.items()}
        case {"dtype": str(name)} if name in DTYPES:
            return DTYPES[name]
    raise InputError(f"expected a number, text, list, tuple, dict or dtype, got {brief(data)}")
