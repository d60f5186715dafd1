"""What estimators and models of tables predict with, as one network without Python around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plaingrad import nn
from plaingrad.module import Module


def averaged(members: Sequence[Module], link: str, width: int) -> tuple[Module, str | None]:
    """The predictions of some networks, averaged, as one network and what is to be made of its outputs.

    Args:
        members: the networks.
        link: a name of `plaingrad.estimators.objectives.LINKS`.
        width: how many outputs each of them has.

    Returns:
        The network, and the ``output`` for `plaingrad.interop.export_onnx`.

    Raises:
        ValueError: there are several with the link "exp", whose average has no graph.
    """
    output = {"identity": None, "logistic": "sigmoid"}.get(link, link)
    if len(members) == 1:
        return members[0], output
    if output == "exp":
        raise ValueError("expected one network for a Poisson loss, got several, whose average has no graph")
    last: dict[str | None, Callable[[], Module]] = {
        "softmax": lambda: nn.Softmax(1),
        "sigmoid": nn.Sigmoid,
        None: nn.Identity,
    }
    branches = [nn.Sequential(member, last[output]()) for member in members]
    mean = nn.Linear(width, width, bias=False, dtype=members[0].parameters()[0].value.dtype)
    mean.weight.value.zero_().fill_diagonal_(1 / len(branches))
    return nn.Sequential(nn.Parallel(*branches), mean), None
