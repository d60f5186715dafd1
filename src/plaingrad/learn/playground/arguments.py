"""The arguments of `plaingrad.playground`, checked together, as the session that they begin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from plaingrad import nn, optim
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.learn.playground.own import Own, OwnRun
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.session import Session
from plaingrad.learn.playground.state import DEFAULT, from_fragment, read_state
from plaingrad.module import Module

OF_THE_MODEL = ("layers", "activation", "dropout", "init", "delta", "features")
"""Fields of the state that a network of one's own settles."""

OF_THE_DATA = ("samples", "classes", "noise", "points", "table")
"""Fields that data of one's own settle."""


def session_of(
    model: Any, data: Any, loss: Any, optimizer: Any, link: str, fields: dict[str, Any]
) -> Callable[..., Session]:
    """A maker of the session, from the arguments of `plaingrad.playground`.

    Raises:
        InputError: an argument cannot be used, or not together with the others.
    """
    if link and (model is not None or data is not None):
        raise InputError("link: expected neither a model nor data beside it, for it has its own")
    if model is None:
        fields = {**fields, **_named(loss, optimizer)}
        if data is None or isinstance(data, str):
            first = from_fragment(link) if link else {} if data is None else {"data": data}
            return partial(Session, default=read_state({**first, **fields}, DEFAULT))
        own = Own(None, Dataset.of(data))
        _expect_none_of(OF_THE_DATA, fields, "data")
        return partial(Session, make=Run, default=own.state(fields))
    _expect_pair(model, data)
    if not isinstance(model, Module):
        model, data, own_loss = model.opened(data)
        loss = loss or own_loss
    if loss is not None and not isinstance(loss, nn.Loss):
        raise InputError(f"loss: expected a loss such as nn.MSELoss() for your model, got {loss!r:.40}")
    if isinstance(optimizer, dict):  # the page's
        fields, optimizer = {**fields, "optimizer": optimizer}, None
    _expect_none_of(OF_THE_MODEL, fields, "model")
    _expect_none_of(OF_THE_DATA, fields, "data")
    own = Own(model, Dataset.of(data), loss, optimizer)
    state = own.state(fields)
    OwnRun(own, state).train_batch()  # says at once what does not fit
    return partial(Session, make=partial(OwnRun, own), default=state)


def _named(loss: Any, optimizer: Any) -> dict[str, Any]:
    """The fields of the loss and the rule, for the playground's own networks."""
    if isinstance(loss, nn.Loss):
        raise InputError(f"loss: expected a name, such as 'mse', where there is no model, got {loss!r:.40}")
    if isinstance(optimizer, optim.Optimizer):
        raise InputError(
            "optimizer: expected a model whose parameters it holds; without one, fields such as "
            "{'name': 'Adam', 'lr': 0.01}"
        )
    named = {"loss": loss, "optimizer": optimizer}
    return {name: value for name, value in named.items() if value is not None}


def _expect_pair(model: Any, data: Any) -> None:
    """Refuse what is no model, and a model without data to train it on."""
    if not isinstance(model, Module) and (isinstance(model, type) or not hasattr(model, "opened")):
        got = repr(model)[:40] if isinstance(model, (str, type)) else type(model).__name__
        raise InputError(
            f"model: expected a Module or a model of a table, got {got}; data alone are playground(data=...)"
        )
    if data is None or isinstance(data, str):
        what = (
            "a Dataset or a pair (inputs, targets)"
            if isinstance(model, Module)
            else "a data frame with the model's columns and its target"
        )
        got = "none" if data is None else f"the name {data!r:.40}"
        raise InputError(f"data: expected {what} to train your model on, got {got}")


def _expect_none_of(names: tuple[str, ...], fields: dict[str, Any], settled_by: str) -> None:
    for name in fields.keys() & set(names):
        raise InputError(f"{name}: expected no such field, for your {settled_by} settles it")
