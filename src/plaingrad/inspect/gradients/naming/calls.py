"""The calls of a backward, watched as it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch.overrides import TorchFunctionMode

from plaingrad.inspect.gradients.naming.source import CallSite, call_site, function_name


@dataclass
class Call:
    """One call of backward.

    Attributes:
        function: what is called, with
        args: these arguments, and
        kwargs: these keywords.
        site: the code that it stands in.
        round: its number among the calls that run in another way together, as those of a loop.
        result: what it returned.
        latest: the latest results so far, by the code that they come from.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    site: CallSite
    round: int = 0
    result: Any = None
    latest: dict[tuple[CallSite, str], Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the function."""
        return function_name(self.function)

    def run(self) -> Any:
        """The result, as the backward has it."""
        return self.function(*self.args, **self.kwargs)

    def having(self, *args: Any, **kwargs: Any) -> Any:
        """The result with other arguments."""
        return self.function(*args, **{**self.kwargs, **kwargs})


Run = Callable[[Call], Any]


def is_of_autograd(function: Callable[..., Any]) -> bool:
    """True for what computes a derivative in place of the caller.

    That is backward mode, forward mode, and the operations that PyTorch itself has as backwards of others.
    """
    name, module = function_name(function), getattr(function, "__module__", None) or "torch"
    asks = name in ("requires_grad_", "_make_dual") or module == "torch.autograd"
    return asks or ("backward" in name and module.partition(".")[0] == "torch")


class Watch(TorchFunctionMode):
    """Numbers the calls of a backward, and runs some of them in another way.

    It sees those of its own thread; PyTorch's modes do not reach into others.

    Attributes:
        calls: all of them, in order.
        asks_autograd: the call by which backward asks PyTorch's autograd; empty if it does not.
    """

    def __init__(self, at: Sequence[int] = (), run: Run | None = None) -> None:
        super().__init__()
        self.at = at
        self.run = run
        self.calls: list[Call] = []
        self.asks_autograd = ""
        self._latest: dict[tuple[CallSite, str], Any] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        call = Call(func, tuple(args), dict(kwargs or {}), call_site(), latest=self._latest)
        self.calls.append(call)
        if is_of_autograd(func):
            self.asks_autograd = call.site.text
        if self.run is not None and len(self.calls) - 1 in self.at:
            call.round = self.at.index(len(self.calls) - 1)
            call.result = self.run(call)
        else:
            call.result = func(*args, **(kwargs or {}))
        self._latest[call.site, call.name] = call.result
        return call.result
