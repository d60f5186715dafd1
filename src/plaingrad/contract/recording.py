"""The answer to ``backward()`` on the value of a loss, which PyTorch users write first."""

from __future__ import annotations

from typing import Any, NoReturn

from torch import Tensor

from plaingrad.errors import InputError


def answer_backward(value: Any) -> Any:
    """The value itself, whose ``backward()`` says what to write; untouched where PyTorch has a record."""
    if type(value) is Tensor and not value.requires_grad:
        value.__dict__.update(ANSWERS)
    return value


def refuse_backward(*arguments: Any, **options: Any) -> NoReturn:
    """Refuse, with the calls to write instead.

    Raises:
        InputError: always.
    """
    raise InputError(
        "the value of a loss is a number without a backward: the loss itself has one, and so has the model;"
        " write model.backward(loss.backward()), with loss = nn.MSELoss() for instance"
    )


def no_state() -> None:
    """The state of the value for pickle and ``torch.save``: none, as that of any other tensor."""


ANSWERS = {"backward": refuse_backward, "__getstate__": no_state}
